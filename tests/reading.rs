//! What Postgres 15 to 18 print, read. The texts were captured from live servers by `tests/reading/capture.py`.

#[path = "reading/fixtures.rs"]
mod fixtures;
#[path = "reading/nesting.rs"]
mod nesting;

use fixtures::{Fixture, VERSIONS, fixtures};
use pgwarrant::reading::{self, MAX_DEPTH, Unreadable};

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

/// Of the 2 MiB of a thread of the runtime; the frames here are those of an unoptimized build.
const STACK: usize = 5 << 18;

fn on_a_small_stack<T: Send>(stack: usize, job: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, job).unwrap().join().unwrap())
}

#[test]
fn trees_up_to_the_cap_are_read_on_a_part_of_a_thread_stack() {
    for version in VERSIONS {
        for (what, nest) in nesting::NESTS {
            let text = nest(version, MAX_DEPTH as usize - 10);
            let read = on_a_small_stack(STACK, || reading::read_analysed(version, text.as_bytes()).map(drop));
            assert_eq!(read, Ok(()), "{version:?} {what}");
        }
    }
}

#[test]
fn deeper_trees_are_refused_and_do_not_overflow() {
    for version in VERSIONS {
        for (what, nest) in nesting::NESTS {
            let text = nest(version, 12_000);
            let read = on_a_small_stack(STACK, || reading::read_analysed(version, text.as_bytes()).map(drop));
            assert_eq!(read, Err(Unreadable::TooDeep), "{version:?} {what}");
        }
    }
}
