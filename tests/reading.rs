//! What Postgres 15 to 18 print, read. The texts were captured from live servers by `tests/reading/capture.py`.

#[path = "reading/fixtures.rs"]
mod fixtures;

use fixtures::{Fixture, VERSIONS, fixtures};
use pgwarrant::reading::{self, Unreadable};

/// Statements that are refused on purpose, and by what.
fn refusal(fixture: &Fixture) -> Option<Unreadable> {
    let unknown = |name: &str| Some(Unreadable::UnknownNode { name: name.into() });
    match fixture.name.as_str() {
        "xml-refused" => unknown("XMLEXPR"),
        "xmltable-refused" | "json-table" => unknown("TABLEFUNC"),
        "json-constructor" => unknown("JSONCONSTRUCTOREXPR"),
        "json-query-functions" => unknown("JSONEXPR"),
        "returning-old-new" | "returning-with-names" | "returning-view-old-new" => {
            Some(Unreadable::NotEmpty { node: "VAR", field: "varreturningtype" })
        }
        _ if !fixture.sql_is_read() => Some(Unreadable::UtilityStatement),
        _ => None,
    }
}

#[test]
fn every_captured_tree_is_read_or_refused_by_name() {
    for version in VERSIONS {
        let mut wrong = Vec::new();
        for fixture in fixtures(version) {
            let read = reading::read(version, &fixture.analysed, &fixture.rewritten);
            match (read, refusal(&fixture)) {
                (Ok(_), None) => {}
                (Err(error), Some(expected)) if error == expected => {}
                (read, expected) => {
                    wrong.push(format!("{version:?} {}: {:?}, expected {expected:?}", fixture.name, read.map(drop)))
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
