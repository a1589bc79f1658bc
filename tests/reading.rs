//! What Postgres 15 to 18 print, read. The texts were captured from live servers by `tests/reading/capture.py`.

#[path = "reading/digest.rs"]
mod digest;
#[path = "reading/fixtures.rs"]
mod fixtures;
#[path = "reading/holes.rs"]
mod holes;
#[path = "reading/mutation.rs"]
mod mutation;
#[path = "reading/nesting.rs"]
mod nesting;

use fixtures::{Fixture, VERSIONS, all, templates};
use pgwarrant::reading::{self, MAX_DEPTH, Unreadable, template};

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
        name if name.starts_with("forged-braces") => Some(Unreadable::CutToken),
        "deep-not" | "deep-plus" => Some(Unreadable::TooDeep),
        _ if !fixture.sql_is_read() => Some(Unreadable::UtilityStatement),
        _ => None,
    }
}

#[test]
fn every_captured_tree_is_read_or_refused_by_name() {
    for version in VERSIONS {
        let mut wrong = Vec::new();
        for fixture in all(version) {
            let read = reading::read(version, &fixture.analysed, &fixture.rewritten);
            match (read, refusal(fixture)) {
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
            let text = nest(version, 3_000);
            let read = on_a_small_stack(STACK, || reading::read_analysed(version, text.as_bytes()).map(drop));
            assert_eq!(read, Err(Unreadable::TooDeep), "{version:?} {what}");
        }
    }
}

/// A second reader, in another language and by other hands, must have seen the same in every tree.
#[test]
fn the_typed_trees_say_what_an_independent_reader_says() {
    for version in VERSIONS {
        for fixture in all(version) {
            let Ok(trees) = reading::read(version, &fixture.analysed, &fixture.rewritten) else { continue };
            let (ours, theirs) = (digest::digest(&trees), &fixture.digest);
            if ours != *theirs {
                let only = |one: &str, other: &str| {
                    let other: Vec<&str> = other.lines().collect();
                    one.lines().filter(|line| !other.contains(line)).take(5).collect::<Vec<_>>().join("\n")
                };
                let (more, fewer) = (only(&ours, theirs), only(theirs, &ours));
                panic!("{version:?} {}: ours only:\n{more}\ntheirs only:\n{fewer}", fixture.name);
            }
        }
    }
}

#[test]
fn literals_are_taken_out_exactly_where_postgres_reads_them_as_constants() {
    for version in VERSIONS {
        let mut wrong = Vec::new();
        for fixture in templates(version) {
            let original = reading::read(version, &fixture.original.0, &fixture.original.1).unwrap();
            let types = template::literal_types(&original, &fixture.sites);
            let same = types.is_some()
                && !fixture.templated.0.is_empty()
                && reading::read(version, &fixture.templated.0, &fixture.templated.1).is_ok_and(|templated| {
                    template::same_but_parameters(&original, &templated, fixture.first_param, &fixture.sites)
                });
            if same != fixture.is_template {
                wrong.push(format!("{version:?} {}: types {types:?}, same {same}", fixture.name));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
