//! The protocol as real Postgres speaks it: every script is said to the bare server and to the proxy, and both must
//! answer with the same messages, rows, SQLSTATEs and transaction states.

#[path = "session/raw.rs"]
mod raw;
mod support;

use raw::{Raw, Say};
use support::{Setting, Stage};

const TOYS: &str = "SELECT id, sku FROM products WHERE id IN (1, 2, 3) ORDER BY id";
const ONE: &str = "SELECT id, sku FROM products WHERE id = $1";

fn bind(portal: &'static str, statement: &'static str) -> Say {
    Say::Bind(portal, statement, vec![])
}

fn bind_one(portal: &'static str, statement: &'static str, value: &'static str) -> Say {
    Say::Bind(portal, statement, vec![Some(value)])
}

fn queries(texts: &[&'static str]) -> Vec<Say> {
    texts.iter().map(|text| Say::Query(text)).collect()
}

/// Name and script.
fn scripts() -> Vec<(&'static str, Vec<Say>)> {
    use Say::*;
    let all = |name| Execute(name, 0);
    vec![
        ("a simple query", vec![Query(TOYS)]),
        ("an empty query", vec![Query(""), Query(" ; "), Query("-- nothing")]),
        ("a syntax error", vec![Query("SELEC 1"), Query(TOYS)]),
        ("several statements", vec![Query("SELECT 1 AS a; SELECT 2 AS b; SELECT sku FROM products WHERE id = 1")]),
        ("an error among several statements", vec![Query("SELECT 1; SELECT 1/0; SELECT 2"), Query("SELECT 3")]),
        (
            "settings among several statements",
            vec![
                Query("SET TimeZone = 'Europe/Paris'; SELECT now()::text LIKE '%+0%' AS there; SHOW TimeZone"),
                Query("RESET TimeZone"),
            ],
        ),
        ("a parameter in a simple query", vec![Query("SELECT $1"), Query("SELECT 1")]),
        ("unnamed extended", vec![Parse("", TOYS), bind("", ""), DescribePortal(""), all(""), Sync]),
        (
            "a named statement twice",
            vec![
                Parse("s", ONE),
                DescribeStatement("s"),
                Sync,
                bind_one("", "s", "1"),
                all(""),
                Sync,
                bind_one("", "s", "2"),
                all(""),
                Sync,
                CloseStatement("s"),
                Sync,
            ],
        ),
        (
            "a literal beside a parameter",
            vec![
                Parse("s", "SELECT sku, 'x' AS x FROM products WHERE id = $1 AND id < 100"),
                DescribeStatement("s"),
                bind_one("", "s", "3"),
                DescribePortal(""),
                all(""),
                Sync,
                CloseStatement("s"),
                Sync,
            ],
        ),
        ("binary results", vec![Parse("", ONE), BindBinary("", "", vec![Some("1")]), DescribePortal(""), all(""), Sync]),
        ("a null parameter", vec![Parse("", "SELECT $1::int AS n"), Say::Bind("", "", vec![None]), all(""), Sync]),
        ("a name that is taken", vec![Parse("s", TOYS), Parse("s", TOYS), Sync, CloseStatement("s"), Sync]),
        (
            "statements that do not exist",
            vec![bind("", "nope"), Sync, DescribeStatement("nope"), Sync, CloseStatement("nope"), Sync],
        ),
        ("portals that do not exist", vec![DescribePortal("nope"), Sync, all("nope"), Sync, ClosePortal("nope"), Sync]),
        ("several statements in one Parse", vec![Parse("", "SELECT 1; SELECT 2"), Sync]),
        ("an empty statement in the extended protocol", vec![Parse("", ""), bind("", ""), DescribePortal(""), all(""), Sync]),
        ("the wrong number of parameters", vec![Parse("s", ONE), bind("", "s"), all(""), Sync, CloseStatement("s"), Sync]),
        (
            "a parameter that is no integer",
            vec![
                Parse("s", ONE),
                bind_one("", "s", "x"),
                all(""),
                Sync,
                bind_one("", "s", "1"),
                all(""),
                Sync,
                CloseStatement("s"),
                Sync,
            ],
        ),
        (
            "a pipeline",
            vec![
                Parse("", ONE),
                bind_one("", "", "1"),
                all(""),
                bind_one("", "", "2"),
                all(""),
                bind_one("", "", "3"),
                DescribePortal(""),
                all(""),
                Sync,
            ],
        ),
        (
            "an error inside a pipeline",
            vec![
                Parse("a", ONE),
                bind_one("", "a", "1"),
                all(""),
                Parse("", "SELECT 1/$1::int"),
                bind_one("", "", "0"),
                all(""),
                bind_one("", "a", "2"),
                all(""),
                Sync,
                bind_one("", "a", "3"),
                all(""),
                Sync,
                CloseStatement("a"),
                Sync,
            ],
        ),
        (
            "a statement prepared behind an error does not exist",
            vec![
                Parse("", "SELECT 1/$1::int"),
                bind_one("", "", "0"),
                all(""),
                Parse("late", TOYS),
                Sync,
                DescribeStatement("late"),
                Sync,
            ],
        ),
        (
            "everything up to Sync is skipped",
            vec![Parse("", "SELEC"), bind("", ""), all(""), Query("SELECT 1"), Flush, Sync, Query("SELECT 2")]
                .into_iter()
                .filter(|s| !matches!(s, Query("SELECT 1")))
                .collect(),
        ),
        (
            "a portal's rows in slices inside a block",
            vec![
                Query("BEGIN"),
                Parse("", TOYS),
                bind("p", ""),
                Execute("p", 2),
                Execute("p", 2),
                Execute("p", 2),
                Sync,
                Query("COMMIT"),
            ],
        ),
        (
            "a portal over several cycles of a block",
            vec![
                Query("BEGIN"),
                Parse("", TOYS),
                bind("p", ""),
                Execute("p", 1),
                Sync,
                Execute("p", 1),
                Sync,
                Execute("p", 0),
                Sync,
                Query("COMMIT"),
                Execute("p", 0),
                Sync,
            ],
        ),
        (
            "a slice as large as the result",
            vec![Query("BEGIN"), Parse("", TOYS), bind("p", ""), Execute("p", 3), Execute("p", 3), Sync, Query("COMMIT")],
        ),
        ("a row limit outside a block", vec![Parse("", TOYS), bind("", ""), Execute("", 2), Sync]),
        ("a portal that is executed again", vec![Parse("", TOYS), bind("", ""), all(""), all(""), Sync]),
        ("portals end with their transaction", vec![Parse("", TOYS), bind("p", ""), all("p"), Sync, all("p"), Sync]),
        (
            "a portal's name that is taken",
            vec![Query("BEGIN"), Parse("", TOYS), bind("p", ""), bind("p", ""), Sync, Query("ROLLBACK")],
        ),
        (
            "the wrong number of result formats",
            vec![Parse("", ONE), BindBinary("", "", vec![Some("1")]), DescribePortal(""), Sync],
        ),
        ("a block", queries(&["BEGIN", "SELECT 1", "COMMIT"])),
        ("an empty block", queries(&["BEGIN", "COMMIT", "BEGIN", "ROLLBACK", "START TRANSACTION", "END", "BEGIN", "ABORT"])),
        (
            "a block with modes",
            queries(&[
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                "SHOW transaction_isolation",
                "SELECT 1",
                "COMMIT",
                "SHOW transaction_isolation",
            ]),
        ),
        ("BEGIN twice", queries(&["BEGIN", "BEGIN", "SELECT 1", "COMMIT"])),
        ("COMMIT and ROLLBACK without a block", queries(&["COMMIT", "ROLLBACK"])),
        ("an error fails the block", queries(&["BEGIN", "SELECT 1/0", "SELECT 1", "COMMIT", "SELECT 1"])),
        ("an error as the first statement of a block", queries(&["BEGIN", "SELEC", "SELECT 1", "ROLLBACK", "SELECT 1"])),
        (
            "a failed block refuses even settings",
            queries(&["BEGIN", "SELECT 1/0", "SET jit = off", "SHOW jit", "BEGIN", "ROLLBACK"]),
        ),
        (
            "a failed block in the extended protocol",
            vec![
                Parse("s", TOYS),
                Sync,
                Query("BEGIN"),
                Query("SELECT 1/0"),
                bind("", "s"),
                Sync,
                Parse("", "SELECT 1"),
                Sync,
                Parse("", "ROLLBACK"),
                bind("", ""),
                all(""),
                Sync,
                CloseStatement("s"),
                Sync,
            ],
        ),
        (
            "a portal of a failed block",
            vec![
                Query("BEGIN"),
                Parse("s", TOYS),
                bind("p", "s"),
                Sync,
                Query("SELECT 1/0"),
                all("p"),
                Sync,
                DescribeStatement("s"),
                Sync,
                DescribePortal("p"),
                Sync,
                Query("ROLLBACK"),
                DescribeStatement("s"),
                CloseStatement("s"),
                Sync,
            ],
        ),
        ("savepoints", queries(&["BEGIN", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a", "SELECT 1", "RELEASE a", "COMMIT"])),
        (
            "savepoints by odd names",
            queries(&[
                "BEGIN",
                "SAVEPOINT \"A \"\"b\"",
                "ROLLBACK TO SAVEPOINT \"A \"\"b\"",
                "RELEASE SAVEPOINT \"A \"\"b\"",
                "COMMIT",
            ]),
        ),
        ("a savepoint that does not exist", queries(&["BEGIN", "ROLLBACK TO nope", "SELECT 1", "ROLLBACK"])),
        ("savepoints outside a block", queries(&["SAVEPOINT a", "ROLLBACK TO a", "RELEASE a"])),
        (
            "BEGIN and COMMIT in one pipeline",
            vec![
                Parse("", "BEGIN"),
                bind("", ""),
                all(""),
                Parse("", TOYS),
                bind("", ""),
                all(""),
                Parse("", "COMMIT"),
                bind("", ""),
                all(""),
                Sync,
            ],
        ),
        (
            "BEGIN described",
            vec![Parse("", "BEGIN"), DescribeStatement(""), bind("", ""), DescribePortal(""), all(""), Sync, Query("ROLLBACK")],
        ),
        (
            "SET lasts and RESET ends it",
            queries(&[
                "SET DateStyle = 'German'",
                "SHOW datestyle",
                "SELECT date '2026-01-02' AS d",
                "RESET DateStyle",
                "SELECT date '2026-01-02' AS d",
            ]),
        ),
        (
            "SET is undone by ROLLBACK",
            queries(&[
                "BEGIN",
                "SET IntervalStyle = 'iso_8601'",
                "SELECT interval '1 day' AS i",
                "ROLLBACK",
                "SHOW IntervalStyle",
                "SELECT interval '1 day' AS i",
            ]),
        ),
        (
            "SET LOCAL ends with COMMIT",
            queries(&["BEGIN", "SET LOCAL TimeZone = 'Asia/Tokyo'", "SHOW TimeZone", "COMMIT", "SHOW TimeZone"]),
        ),
        ("SET LOCAL outside a block", queries(&["SET LOCAL TimeZone = 'Asia/Tokyo'", "SHOW TimeZone"])),
        (
            "SET and savepoints",
            queries(&[
                "BEGIN",
                "SET bytea_output = 'escape'",
                "SAVEPOINT a",
                "SET bytea_output = 'hex'",
                "ROLLBACK TO a",
                "SHOW bytea_output",
                "SELECT '\\x41'::bytea AS b",
                "ROLLBACK",
                "SHOW bytea_output",
            ]),
        ),
        (
            "values that are none",
            queries(&[
                "SET DateStyle = 'elf'",
                "SET TimeZone = 'Nowhere/Land'",
                "SET extra_float_digits = 9",
                "SET jit = perhaps",
            ]),
        ),
        (
            "spellings of SET",
            queries(&[
                "SET TIME ZONE 'UTC'",
                "SHOW TIME ZONE",
                "SET NAMES 'UTF8'",
                "SET SESSION statement_timeout TO '10s'",
                "SHOW statement_timeout",
                "SET extra_float_digits = 0",
                "SELECT 0.1::float8 + 0.2 AS f",
                "RESET extra_float_digits",
                "SHOW extra_float_digits",
            ]),
        ),
        (
            "SET in the extended protocol",
            vec![
                Parse("", "SET TimeZone = 'UTC'"),
                DescribeStatement(""),
                bind("", ""),
                all(""),
                Sync,
                Parse("", "SHOW TimeZone"),
                DescribeStatement(""),
                bind("", ""),
                DescribePortal(""),
                all(""),
                Sync,
            ],
        ),
        ("set_config", queries(&["SELECT set_config('TimeZone', 'UTC', false)", "SHOW TimeZone"])),
        (
            "SET TRANSACTION",
            queries(&[
                "BEGIN",
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "SHOW transaction_isolation",
                "SELECT 1",
                "COMMIT",
            ]),
        ),
        ("SET TRANSACTION too late", queries(&["BEGIN", "SELECT 1", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "ROLLBACK"])),
        ("SET TRANSACTION outside a block", queries(&["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"])),
        ("harmless housekeeping", queries(&["UNLISTEN *", "CLOSE ALL", "SELECT pg_advisory_unlock_all()", "DEALLOCATE ALL"])),
        (
            "DISCARD ALL",
            vec![
                Parse("s", TOYS),
                Sync,
                Query("DISCARD ALL"),
                bind("", "s"),
                Sync,
                Query("BEGIN"),
                Query("DISCARD ALL"),
                Query("ROLLBACK"),
            ],
        ),
        (
            "DEALLOCATE reaches the protocol's statements",
            vec![Parse("s", TOYS), Sync, Query("DEALLOCATE s"), bind("", "s"), Sync, Query("DEALLOCATE nope")],
        ),
        (
            "EXPLAIN in a block",
            queries(&["BEGIN", "EXPLAIN (COSTS OFF) SELECT id FROM products WHERE id = 1", "SELECT 1", "COMMIT"]),
        ),
        ("a simple query drops the unnamed statement", vec![Parse("", TOYS), Sync, Query(""), bind("", ""), Sync]),
        ("messages of COPY come late and are ignored", vec![Query("SELECT 1")]),
    ]
}

#[test]
fn the_proxy_answers_every_script_as_the_bare_server_does() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let through = stage.persona_url("analyst", 600).expect("a token");
    let mut different = Vec::new();
    let mut bare = Raw::connect(&stage.cluster.admin_url("shop"), &[]);
    let mut proxied = Raw::connect(&through, &[]);
    for round in 0..2 {
        for (name, script) in scripts() {
            let (want, got) = (bare.run(&script), proxied.run(&script));
            if want != got {
                different.push(format!("{name} (round {round})\n  bare    {want:?}\n  through {got:?}"));
            }
            if got.iter().any(|line| line == "closed") && !want.iter().any(|line| line == "closed") {
                proxied = Raw::connect(&through, &[]);
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}\n{}", different.len(), different.join("\n"), stage.proxy_log());
}
