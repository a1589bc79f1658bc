//! The statement module from outside: what it reads, what it refuses, and that hostile texts cost nothing.

// A refusal is passed by value, as in the library.
#![allow(clippy::result_large_err)]

use std::time::{Duration, Instant};

use pgwarrant::decision::deny::Deny;
use pgwarrant::decision::reason::Reason;
use pgwarrant::statement::kind::{LocalStatement, Motion, StatementKind};
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::{local, scan};

/// Tokio's worker threads have 2 MiB; a build without optimisation uses several times the stack of a release.
#[path = "statement/around.rs"]
mod around;

const WORKER_STACK: usize = 256 * 1024;

fn read(text: &str) -> Result<Vec<LocalStatement>, Deny> {
    local::read(text, &Limits::default())
}

/// Reads on a worker's stack, within a second, and takes the template too.
fn read_on_worker(text: String) -> Result<Vec<LocalStatement>, Deny> {
    let worker = std::thread::Builder::new().stack_size(WORKER_STACK).spawn(move || {
        let start = Instant::now();
        let _ = scan::template(&text, 1);
        let result = read(&text);
        assert!(start.elapsed() < Duration::from_secs(2), "{} bytes took {:?}", text.len(), start.elapsed());
        result
    });
    worker.expect("the thread starts").join().expect("reading neither panics nor overflows")
}

/// Honest forms that this version refuses, as the law wants; a form that becomes readable is taken off the list.
const REFUSED_FORMS: [&str; 7] =
    ["substring(name similar", "xmlelement(", "ROWS FROM", "TABLESAMPLE", "json_table(", "SEARCH DEPTH FIRST", "CYCLE a, b"];

#[test]
fn every_honest_select_is_read_as_one_select() {
    for form in include_str!("statement/honest.sql").lines() {
        let refused = REFUSED_FORMS.iter().any(|part| form.contains(part));
        match read(form) {
            Ok(statements) => {
                assert_eq!(statements.len(), 1, "{form}");
                assert_eq!(statements[0].kind, StatementKind::Select, "{form}");
                assert!(!refused, "no longer refused: {form}");
            }
            Err(deny) => assert!(refused, "{form}: {deny:?}"),
        }
    }
}

#[test]
fn a_huge_statement_is_refused_before_it_is_parsed() {
    let n = 100_000;
    let cases = [
        ("nested parentheses", format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n))),
        ("OR terms", format!("SELECT 1 WHERE a = 1{}", " OR a = 1".repeat(n / 4))),
        ("OR terms over the byte cap", format!("SELECT 1 WHERE a = 1{}", " OR a = 1".repeat(n))),
        ("nested comments", format!("SELECT {}1{}", "/*".repeat(n), "*/".repeat(n))),
        ("NOT", format!("SELECT {} true", "NOT ".repeat(6_000))),
        ("minus signs", format!("SELECT {} 1", "- ".repeat(n))),
        ("plus signs", format!("SELECT {} 1", "+ ".repeat(6_000))),
        ("tildes", format!("SELECT {} 1", "~ ".repeat(6_000))),
        ("casts", format!("SELECT 1{}", "::a".repeat(n / 2))),
        ("subscripts", format!("SELECT a{}", "[1]".repeat(n / 2))),
        ("fields", format!("SELECT a{}", ".b".repeat(n))),
        ("unions", format!("SELECT 1{}", " UNION SELECT 1".repeat(10_000))),
        ("IN list", format!("SELECT 1 WHERE a IN (1{})", ",1".repeat(50_000))),
        ("plus terms", format!("SELECT 1{}", "+1".repeat(4_000))),
        ("collations", format!("SELECT a{}", " COLLATE b".repeat(10_000))),
        ("AT TIME ZONE", format!("SELECT a{}", " AT TIME ZONE b".repeat(9_000))),
        ("IS NULL", format!("SELECT a{}", " IS NULL".repeat(20_000))),
        ("LIKE", format!("SELECT a{}", " LIKE a".repeat(20_000))),
        ("joins", format!("SELECT * FROM a{}", " JOIN a USING (i)".repeat(120))),
        ("relations", format!("SELECT * FROM a{}", ", a".repeat(1_500))),
        ("WITH queries", format!("WITH a AS (SELECT 1){} SELECT 1", ", b AS (SELECT 1)".repeat(1_500))),
        ("statements", "SELECT 1;".repeat(10_000)),
        ("CASE", format!("SELECT {} 1 {}", "CASE WHEN ".repeat(5_000), "THEN 1 END".repeat(5_000))),
        ("CASE without END", format!("SELECT {}", "CASE WHEN ".repeat(5_000))),
        ("subqueries", format!("SELECT {}1{}", "(SELECT ".repeat(10_000), ")".repeat(10_000))),
        ("functions", format!("SELECT {}1{}", "f(".repeat(50_000), ")".repeat(50_000))),
        ("arrays", format!("SELECT {}1{}", "ARRAY[".repeat(20_000), "]".repeat(20_000))),
        ("derived tables", format!("SELECT * FROM {}1{}", "(SELECT * FROM ".repeat(9_000), ") x".repeat(9_000))),
        ("spread over levels", format!("SELECT {}1{}", format!("{}(", "1+".repeat(100)).repeat(60), ")".repeat(60))),
        ("closed levels", format!("SELECT {}{}", "(".repeat(60), format!("1{})", "+1".repeat(100)).repeat(60))),
    ];
    for (name, text) in cases {
        let deny = read_on_worker(text).expect_err(name);
        assert_eq!(deny.reason, Reason::TooComplex, "{name}: {deny:?}");
    }
}

#[test]
fn runs_without_a_cap_of_their_own_still_end() {
    let cases = [
        format!("SELECT {} 1", "INTERVAL ".repeat(20_000)),
        format!("SELECT {} 1", "ARRAY ".repeat(20_000)),
        format!("SELECT {} 1", "EXISTS ".repeat(20_000)),
        format!("SELECT {} 1", "CAST ".repeat(20_000)),
        format!("SELECT {} 1", "date ".repeat(20_000)),
        format!("SELECT {} 1", "OPERATOR ".repeat(20_000)),
        format!("SELECT {} 1", "SELECT ".repeat(20_000)),
        format!("{} 1", "WITH ".repeat(20_000)),
        format!("{} SELECT 1", "EXPLAIN ".repeat(20_000)),
        format!("SELECT * FROM {} a", "LATERAL ".repeat(20_000)),
        format!("SELECT * FROM {} a", "ONLY ".repeat(20_000)),
        format!("SELECT a {} 1", "BETWEEN ".repeat(1_900)),
        format!("SELECT {} 1", "a BETWEEN b AND ".repeat(900)),
        format!("SELECT {} 1", "a IS DISTINCT FROM ".repeat(1_900)),
        format!("SELECT {} 1", "case-".repeat(1_900)),
        format!("SELECT {} 1", "current_time-".repeat(1_900)),
        format!("SELECT {}", "'a' ".repeat(50_000)),
        format!("SELECT {}", "'a'\n".repeat(50_000)),
        format!("SELECT {}", "$a$ ".repeat(50_000)),
        format!("SELECT {}", "$a".repeat(50_000)),
        format!("SELECT '{}", "''".repeat(100_000)),
        format!("SELECT {}", "\"\"".repeat(100_000)),
        format!("SELECT 1 {}", "-- \n".repeat(50_000)),
        format!("SELECT {}", "x ".repeat(59_000)),
        "(".repeat(60_000),
        ")".repeat(60_000),
        "[".repeat(60_000),
        "]".repeat(60_000),
        ";".repeat(60_000),
        "'".repeat(100_001),
    ];
    for text in cases {
        let _ = read_on_worker(text);
    }
}

/// Whatever the caps let through must fit the stack, and backtracking must stay within its budget.
#[test]
fn nesting_up_to_the_cap_fits_a_worker_s_stack() {
    let shapes = [
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "((SELECT ", "1", "))"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("SELECT ", "ARRAY[", "1", "]"),
        ("SELECT ", "ARRAY(SELECT ", "1", ")"),
        ("SELECT ", "a[", "1", "]"),
        ("SELECT ", "CAST(", "1", " AS int)"),
        ("SELECT ", "CASE WHEN ", "1", " THEN 2 END"),
        ("SELECT ", "CASE (CASE ", "1", " WHEN 1 THEN 2 END) WHEN 2 THEN 1 END"),
        ("SELECT ", "substring(", "1", " from 2)"),
        ("SELECT ", "position(", "1", " in 2)"),
        ("SELECT ", "extract(year from ", "1", ")"),
        ("SELECT ", "1 IN (", "1", ")"),
        ("SELECT ", "1 = ANY(", "1", ")"),
        ("SELECT ", "EXISTS (SELECT ", "1", ")"),
        ("SELECT ", "sum(1) OVER (PARTITION BY ", "1", ")"),
        ("SELECT ", "NOT NOT NOT NOT NOT (", "1", ")"),
        ("SELECT ", "- - - - - - (", "1", ")"),
        ("SELECT * FROM ", "(SELECT * FROM ", "a", ") x"),
        ("SELECT * FROM ", "((SELECT * FROM ", "a", ") x NATURAL JOIN b)"),
        ("SELECT * FROM ", "((SELECT * FROM ", "a", ") x)"),
        ("SELECT * FROM ", "(a JOIN ", "b", " ON true)"),
        ("SELECT 1 WHERE ", "a IN (SELECT a FROM b WHERE ", "true", ")"),
        ("", "WITH x AS (", "SELECT 1", ") SELECT 1"),
        ("", "(", "SELECT 1", ")"),
        ("", "(", "SELECT 1", " UNION SELECT 1)"),
    ];
    for (start, open, middle, close) in shapes {
        let mut parsed = 0;
        for depth in (1..=16).chain([24, 32, 48, 62, 63, 64, 65, 66]) {
            let text = format!("{start}{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let cut = text[..text.len() - 1].to_owned();
            let _ = read_on_worker(format!("{text} junk junk junk"));
            let _ = read_on_worker(cut);
            if read_on_worker(text).is_ok() {
                parsed = depth;
            }
        }
        if parsed < 30 {
            println!("{open:30} {parsed}");
        }
    }
}

fn one(text: &str) -> LocalStatement {
    let mut statements = read(text).unwrap_or_else(|deny| panic!("{text}: {deny:?}"));
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0)
}

fn relations(text: &str) -> Vec<String> {
    let name = |schema: Option<String>, name: String| schema.map(|schema| format!("{schema}.{name}")).unwrap_or(name);
    one(text).names.relations.into_iter().map(|relation| name(relation.schema, relation.name)).collect()
}

#[test]
fn statements_are_split_where_postgres_splits_them() {
    let ranges = |text: &str| read(text).expect(text).into_iter().map(|one| text[one.range].to_owned()).collect::<Vec<_>>();
    assert_eq!(ranges("SELECT 1;--x"), ["SELECT 1"]);
    assert_eq!(ranges("SELECT 1;SELECT 2 ; "), ["SELECT 1", "SELECT 2"]);
    assert_eq!(
        ranges("SELECT $q$;$q$, ';', \";\", E'\\';' /* ; */ ; SELECT 2"),
        ["SELECT $q$;$q$, ';', \";\", E'\\';'", "SELECT 2"]
    );
    assert_eq!(ranges("SELECT 1 -- ; DROP TABLE x\r;SELECT 2"), ["SELECT 1", "SELECT 2"]);
    for empty in ["", " ", ";", ";;", "-- x", "/* x */ ;"] {
        assert!(ranges(empty).is_empty(), "{empty:?}");
    }
}

/// Postgres takes every byte above ASCII for a letter; a parser that takes one for a space sees another statement.
#[test]
fn unicode_spaces_are_letters() {
    for space in ["\u{85}", "\u{a0}", "\u{2028}", "\u{3000}", "\u{feff}", "\u{200b}"] {
        assert_eq!(relations(&format!("SELECT a FROM b{space}secrets")), [format!("b{space}secrets")]);
        assert_eq!(relations(&format!("SELECT a{space}AND FROM secrets")), ["secrets"]);
    }
    assert_eq!(read("SELECT 1\u{b}").expect_err("vertical tab").reason, Reason::Syntax);
    assert_eq!(read("SELECT 1\0").expect_err("NUL").reason, Reason::Syntax);
}

/// Postgres takes AND for the column's name there, and what follows FROM for a table.
#[test]
fn a_column_named_like_an_operator_hides_no_table() {
    for text in ["SELECT a AND FROM secrets", "SELECT a OR FROM secrets", "SELECT b, a and from secrets WHERE true"] {
        assert_eq!(read(text).expect_err(text).reason, Reason::Syntax, "{text}");
    }
    assert_eq!(relations("SELECT a AS \"and\", \"from\" FROM secrets WHERE \"where\" = 1"), ["secrets"]);
}

#[test]
fn names_are_collected_wherever_they_stand() {
    let cases: &[(&str, &[&str])] = &[
        ("SELECT 1", &[]),
        ("TABLE a", &["a"]),
        ("TABLE b.a", &["b.a"]),
        ("SELECT * FROM A, b.C, \"D\".\"e E\"", &["a", "b.c", "D.e E"]),
        ("SELECT * FROM a JOIN (b CROSS JOIN c) ON true", &["a", "b", "c"]),
        ("SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT FROM c) OR x IN (SELECT x FROM d)", &["a", "b", "c", "d"]),
        ("SELECT 1 ORDER BY (SELECT 1 FROM a) LIMIT (SELECT 1 FROM b) OFFSET (SELECT 1 FROM c)", &["a", "b", "c"]),
        ("SELECT 1 GROUP BY ROLLUP (x + (SELECT 1 FROM a)) HAVING (SELECT true FROM b)", &["a", "b"]),
        ("SELECT count(*) FILTER (WHERE (SELECT true FROM a)) OVER (PARTITION BY (SELECT 1 FROM b)) FROM c", &["a", "b", "c"]),
        ("SELECT 1 FROM b WINDOW w AS (ORDER BY (SELECT 1 FROM a))", &["b", "a"]),
        (
            "SELECT array_agg(x ORDER BY (SELECT 1 FROM a)), ARRAY(SELECT 1 FROM b), c[(SELECT 1 FROM d)] FROM e",
            &["a", "b", "d", "e"],
        ),
        (
            "SELECT CASE (SELECT 1 FROM a) WHEN (SELECT 1 FROM b) THEN (SELECT 1 FROM c) ELSE (SELECT 1 FROM d) END",
            &["a", "b", "c", "d"],
        ),
        ("SELECT * FROM f((SELECT 1 FROM a)) g, LATERAL (SELECT * FROM b) h", &["a", "b"]),
        ("SELECT 1 UNION SELECT 2 FROM a EXCEPT (SELECT 3 FROM b INTERSECT TABLE c)", &["a", "b", "c"]),
        ("VALUES ((SELECT 1 FROM a))", &["a"]),
        ("SELECT DISTINCT ON ((SELECT 1 FROM a)) 1", &["a"]),
        ("SELECT f(x => (SELECT 1 FROM a)), (SELECT 1 FROM b)::text COLLATE \"C\"", &["a", "b"]),
        ("SELECT * FROM a x(b, c) WHERE x BETWEEN (SELECT 1 FROM d) AND (SELECT 2 FROM e)", &["a", "d", "e"]),
        ("SELECT a LIKE (SELECT 'x' FROM b) ESCAPE (SELECT '!' FROM c)", &["b", "c"]),
    ];
    for (text, expected) in cases {
        assert_eq!(relations(text), *expected, "{text}");
    }
}

#[test]
fn a_cte_answers_only_where_it_is_in_scope() {
    let cases: &[(&str, &[&str])] = &[
        ("WITH a AS (SELECT 1) SELECT * FROM a", &[]),
        ("WITH a AS (SELECT 1 FROM a) SELECT * FROM a", &["a"]),
        ("WITH RECURSIVE a AS (SELECT 1 UNION SELECT 2 FROM a) SELECT * FROM a", &[]),
        ("WITH a AS (SELECT 1 FROM b), b AS (SELECT 1 FROM a) SELECT * FROM a, b", &["b"]),
        ("WITH RECURSIVE a AS (SELECT 1 FROM b), b AS (SELECT 1) SELECT * FROM a", &[]),
        ("WITH a AS (SELECT 1) SELECT * FROM public.a", &["public.a"]),
        ("WITH a AS (SELECT 1) SELECT * FROM \"A\"", &["A"]),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", &["a"]),
        ("WITH a AS (SELECT 1) SELECT (SELECT 1 FROM a), (WITH b AS (SELECT 1) SELECT 1 FROM b) FROM b", &["b"]),
        ("(WITH a AS (SELECT 1) SELECT * FROM a) UNION SELECT * FROM a", &["a"]),
    ];
    for (text, expected) in cases {
        assert_eq!(relations(text), *expected, "{text}");
    }
}

#[test]
fn positions_are_bytes_of_the_whole_text() {
    let text = "SELECT 'ü'; SELECT pg_catalog.Lower(x) FROM ü.\"é\"";
    let names = &read(text).expect(text)[1].names;
    assert_eq!(names.relations[0].position as usize, text.find("ü.").expect("it is there"));
    assert_eq!(names.functions[0].position as usize, text.find("pg_catalog").expect("it is there"));
    assert_eq!((names.functions[0].schema.as_deref(), names.functions[0].name.as_str()), (Some("pg_catalog"), "lower"));
}

#[test]
fn casts_to_named_types_are_reported_with_their_literal() {
    type Cast = (Option<&'static str>, &'static str, bool, Option<&'static str>);
    let cases: &[(&str, &[Cast])] = &[
        ("SELECT '1'::int, 'x'::text, CAST('a' AS varchar(3)), date '2026-01-01', '{1}'::int[]", &[]),
        ("SELECT '(q)'::comp", &[(None, "comp", false, Some("(q)"))]),
        ("SELECT '{q}'::public.dom[]", &[(Some("public"), "dom", true, Some("{q}"))]),
        ("SELECT CAST(('it''s') AS comp)", &[(None, "comp", false, Some("it's"))]),
        ("SELECT E'a'::comp, x::comp", &[(None, "comp", false, None), (None, "comp", false, None)]),
        ("SELECT comp '(q)'", &[(None, "comp", false, Some("(q)"))]),
        (
            "SELECT 'orders'::regclass, pg_catalog.regtype 'int'",
            &[(None, "regclass", false, Some("orders")), (Some("pg_catalog"), "regtype", false, Some("int"))],
        ),
        ("SELECT * FROM json_to_record('{}') AS r(a comp, b int)", &[(None, "comp", false, None)]),
        ("SELECT ARRAY['(q)']::comp[]", &[(None, "comp", true, None)]),
        ("SELECT 'a'::\"char\"", &[(None, "char", false, Some("a"))]),
    ];
    for (text, expected) in cases {
        let casts = one(text).names.casts;
        let casts: Vec<_> = casts.iter().map(|c| (c.schema.as_deref(), c.name.as_str(), c.array, c.literal.as_deref())).collect();
        assert_eq!(casts, *expected, "{text}");
    }
    let registered = |text: &str| one(text).names.casts[0].registered().map(str::to_owned);
    assert_eq!(registered("SELECT 'a'::regclass").as_deref(), Some("regclass"));
    assert_eq!(registered("SELECT 'a'::public.regclass"), None);
}

#[test]
fn functions_and_operators_are_reported() {
    let names = one("SELECT lower(a), coalesce(b, c), \"coalesce\"(d), regclass('orders'), e === f, g OPERATOR(x.+) h FROM t WHERE current_date > now()").names;
    let functions: Vec<_> = names.functions.iter().map(|f| (f.name.as_str(), f.literal.as_deref())).collect();
    assert_eq!(functions, [("lower", None), ("coalesce", None), ("regclass", Some("orders")), ("now", None)]);
    let operators: Vec<_> = names.operators.iter().map(|o| (o.schema.as_deref(), o.name.as_str())).collect();
    assert_eq!(operators, [(None, "==="), (Some("x"), "+")]);
}

#[test]
fn locking_writes_and_into_are_told_apart() {
    assert_eq!(one("SELECT 1 FROM a FOR UPDATE").names.locking, Some(16));
    assert_eq!(one("SELECT 1 FROM (SELECT 1 FROM a FOR KEY SHARE) b").names.locking, Some(31));
    assert_eq!(one("SELECT 1 FROM a").names.locking, None);
    for (text, verb) in [
        ("INSERT INTO a VALUES (1)", "INSERT"),
        ("UPDATE a SET b = 1", "UPDATE"),
        ("DELETE FROM a", "DELETE"),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "MERGE"),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "DELETE"),
        ("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", "INSERT"),
    ] {
        assert_eq!(one(text).kind, StatementKind::Write { verb }, "{text}");
    }
    assert_eq!(one("SELECT 1 INTO b FROM a").kind, StatementKind::Unsupported { word: "SELECT INTO".to_owned() });
}

#[test]
fn a_write_names_its_targets_and_what_it_reads() {
    let names = |text: &str| {
        let names = one(text).names;
        let at = |position: &u32| names.relations.iter().find(|r| r.position == *position).map(|r| r.name.clone());
        let targets: Vec<String> = names.targets.iter().map(|p| at(p).expect("a target is a relation")).collect();
        (targets, names.relations.iter().map(|r| r.name.clone()).collect::<Vec<_>>())
    };
    let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (text, targets, relations) in [
        ("INSERT INTO a (x, y) VALUES (1, DEFAULT), (2, (SELECT z FROM b))", &["a"][..], &["a", "b"][..]),
        ("INSERT INTO s.a DEFAULT VALUES", &["a"], &["a"]),
        (
            "INSERT INTO a AS q (x) SELECT y FROM b ON CONFLICT (x) DO UPDATE SET y = excluded.y WHERE q.z = 7 RETURNING *",
            &["a"],
            &["a", "b"],
        ),
        ("INSERT INTO a (x) OVERRIDING SYSTEM VALUE VALUES (1) ON CONFLICT DO NOTHING", &["a"], &["a"]),
        ("INSERT INTO a (x) VALUES (1) ON CONFLICT ON CONSTRAINT k DO NOTHING", &["a"], &["a"]),
        (
            "UPDATE ONLY a AS q SET (x, y) = (1, 2), z = DEFAULT FROM b JOIN c USING (id) WHERE q.id = b.id RETURNING (SELECT 1 FROM d)",
            &["a"],
            &["a", "b", "c", "d"],
        ),
        ("DELETE FROM a USING b WHERE a.id = b.id AND EXISTS (SELECT FROM c)", &["a"], &["a", "b", "c"]),
        (
            "MERGE INTO a AS q USING (SELECT 1 FROM b) s ON q.id = s.id WHEN MATCHED AND q.x = 1 THEN UPDATE SET x = (SELECT 1 FROM c) \
             WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
            &["a"],
            &["a", "b", "c"],
        ),
        ("MERGE INTO a USING b ON a.id = b.id WHEN NOT MATCHED BY SOURCE THEN DO NOTHING RETURNING a.id", &["a"], &["a", "b"]),
        (
            "WITH x AS (DELETE FROM a RETURNING *), y AS (INSERT INTO b SELECT * FROM x) SELECT * FROM c",
            &["a", "b"],
            &["a", "b", "c"],
        ),
        ("WITH x AS (SELECT 1 FROM b) UPDATE a SET y = 1 FROM x", &["a"], &["b", "a"]),
    ] {
        assert_eq!(names(text), (owned(targets), owned(relations)), "{text}");
    }
    // Postgres writes the table, not the WITH query.
    assert!(local::read("WITH a AS (SELECT 1) DELETE FROM a", &Limits::default()).is_err());
    for text in [
        "INSERT a VALUES (1)",
        "DELETE a",
        "UPDATE a, b SET x = 1",
        "UPDATE a SET x = 1 LIMIT 1",
        "INSERT INTO a SET x = 1",
        "REPLACE INTO a VALUES (1)",
    ] {
        assert!(local::read(text, &Limits::default()).is_err(), "{text}");
    }
}

#[test]
fn transaction_control_and_settings_are_read_exactly() {
    use pgwarrant::statement::kind::{Isolation, SetValue, SetVariable, StatementKind::*, TransactionModes};
    let set = |name: &str, values: &[&str], local| {
        let values = SetValue::List(values.iter().map(|value| (*value).to_owned()).collect());
        Set(SetVariable { name: name.to_owned(), values, local, call: None })
    };
    let call = |name: &str, value: &str, local, column: &str| {
        let values = SetValue::List(vec![value.to_owned()]);
        Set(SetVariable { name: name.to_owned(), values, local, call: Some(column.to_owned()) })
    };
    let modes = TransactionModes { isolation: Some(Isolation::RepeatableRead), read_only: Some(true), deferrable: Some(false) };
    let read_write = TransactionModes { read_only: Some(false), ..TransactionModes::default() };
    let name = |name: &str| name.to_owned();
    let cases = [
        ("BEGIN", Begin(TransactionModes::default())),
        ("begin work isolation level repeatable read, read only not deferrable", Begin(modes)),
        ("START TRANSACTION READ WRITE", Begin(read_write)),
        ("COMMIT", Commit { chain: false }),
        ("END TRANSACTION AND CHAIN", Commit { chain: true }),
        ("ROLLBACK AND NO CHAIN", Rollback { chain: false }),
        ("ABORT", Rollback { chain: false }),
        ("SAVEPOINT A", Savepoint { name: name("a") }),
        ("RELEASE \"A\"", Release { name: name("A") }),
        ("ROLLBACK WORK TO SAVEPOINT a", RollbackTo { name: name("a") }),
        ("ROLLBACK TO a", RollbackTo { name: name("a") }),
        ("COMMIT PREPARED 'x'", Unsupported { word: name("COMMIT PREPARED") }),
        ("SET TRANSACTION READ WRITE", SetTransaction(read_write)),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", SetSessionCharacteristics(read_write)),
        ("SET search_path = archive, \"$user\", 'x'", set("search_path", &["archive", "$user", "x"], false)),
        ("SET LOCAL statement_timeout TO 5000", set("statement_timeout", &["5000"], true)),
        ("SET SESSION extra_float_digits = -15", set("extra_float_digits", &["-15"], false)),
        ("SET standard_conforming_strings = off", set("standard_conforming_strings", &["off"], false)),
        ("SET TIME ZONE 'UTC'", set("timezone", &["UTC"], false)),
        ("SET NAMES 'latin1'", set("client_encoding", &["latin1"], false)),
        ("SET ROLE postgres", set("role", &["postgres"], false)),
        ("SET SESSION AUTHORIZATION postgres", set("session_authorization", &["postgres"], false)),
        ("SET SCHEMA 'x'", set("search_path", &["x"], false)),
        ("SET a.B = 'x'", set("a.b", &["x"], false)),
        (
            "SET timezone TO DEFAULT",
            Set(SetVariable { name: name("timezone"), values: SetValue::Default, local: false, call: None }),
        ),
        ("SELECT set_config('search_path', 'x', true)", call("search_path", "x", true, "set_config")),
        ("SELECT pg_catalog.set_config('Search_Path', '', false) AS c", call("search_path", "", false, "c")),
        ("SHOW TRANSACTION ISOLATION LEVEL", Show { name: name("transaction_isolation") }),
        ("SHOW pgwarrant.scope", Show { name: name("pgwarrant.scope") }),
        ("SHOW ALL", Show { name: name("all") }),
        ("RESET ALL", ResetAll),
        ("RESET TIME ZONE", Reset { name: name("timezone") }),
        ("DISCARD ALL", DiscardAll),
        ("DISCARD TEMP", Unsupported { word: name("DISCARD") }),
        ("UNLISTEN *", UnlistenAll),
        ("CLOSE ALL", CloseAll),
        ("SELECT pg_advisory_unlock_all()", AdvisoryUnlockAll { column: name("pg_advisory_unlock_all") }),
    ];
    for (text, kind) in cases {
        assert_eq!(one(text).kind, kind, "{text}");
    }
    for text in [
        "BEGIN READ",
        "BEGIN x",
        "COMMIT x",
        "SAVEPOINT",
        "SET x",
        "SET x =",
        "SET x = 1,",
        "RESET",
        "UNLISTEN * x",
        "SHOW a b",
        "BEGIN READ ONLY,",
    ] {
        assert_eq!(read(text).expect_err(text).reason, Reason::Syntax, "{text}");
    }
    // With anything beside constants it is a function call like every other.
    for text in [
        "SELECT set_config('a', b, true)",
        "SELECT set_config('a', 'b', true) FROM c",
        "SELECT public.set_config('a', 'b', true)",
    ] {
        assert_eq!(one(text).kind, Select, "{text}");
        assert_eq!(one(text).names.functions[0].name, "set_config", "{text}");
    }
}

#[test]
fn explain_shows_a_plan_and_runs_nothing() {
    let text = "EXPLAIN (COSTS off, VERBOSE, FORMAT json) SELECT * FROM a";
    let StatementKind::Explain { inner, options } = one(text).kind else { panic!("not an EXPLAIN") };
    assert_eq!(&text[inner.range], "SELECT * FROM a");
    assert_eq!(inner.names.relations[0].name, "a");
    assert_eq!(options.len(), 3);
    assert!(matches!(one("EXPLAIN VERBOSE (SELECT 1)").kind, StatementKind::Explain { options, .. } if options.len() == 1));
    assert!(matches!(one("EXPLAIN (SELECT 1)").kind, StatementKind::Explain { options, .. } if options.is_empty()));
    for text in [
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (ANALYZE) SELECT 1",
        "EXPLAIN (COSTS, ANALYZE false) SELECT 1",
        "EXPLAIN (BUFFERS) SELECT 1",
        "EXPLAIN EXECUTE x",
    ] {
        assert_eq!(read(text).expect_err(text).reason, Reason::StatementNotAllowed, "{text}");
    }
}

#[test]
fn an_error_names_the_place_and_a_way_out() {
    let deny = read("SELECT a FROM b WHERE ü = 'x").expect_err("the string is open");
    assert_eq!((deny.reason, deny.position), (Reason::Syntax, Some(27)));
    let deny = read("SELECT U&\"ss\\006e\" FROM a").expect_err("an escaped identifier");
    assert_eq!((deny.reason, deny.position), (Reason::Syntax, Some(7)));
    for text in ["SELECT a FROM", "SELEC 1", "SELECT 1 FROM a b c", "SELECT ..", "SELECT 1_000", "SELECT {1}", "(SELECT 1"] {
        let deny = read(text).expect_err(text);
        assert_eq!(deny.reason, Reason::Syntax, "{text}");
        assert!(
            deny.position.is_some_and(|position| position as usize <= text.len())
                || text == "SELECT a FROM"
                || text == "(SELECT 1",
            "{deny:?}"
        );
    }
}

/// Every honest row of the sample is read; refusing writes, cursors and the like is for others to decide.
#[test]
fn the_honest_rows_of_the_corpus_are_read() {
    let mut honest = 0;
    for line in include_str!("statement/corpus_sample.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("the sample is JSON");
        let sql = row["sql"].as_str().expect("every row has a statement");
        let result = read(sql);
        if row["kind"] == "honest" {
            honest += 1;
            assert!(result.as_ref().is_ok_and(|statements| !statements.is_empty()), "{sql}: {result:?}");
        }
    }
    assert!(honest > 60);
}

/// `relations.jsonl` comes from Postgres's own grammar (`tests/statement/relations.py`).
#[test]
fn the_relations_are_those_that_postgres_s_grammar_sees() {
    let mut compared = 0;
    for line in include_str!("statement/relations.jsonl").lines() {
        let (text, theirs): (String, Option<Vec<String>>) = serde_json::from_str(line).expect("the fixture is JSON");
        let (Ok(statements), Some(theirs)) = (read(&text), theirs) else { continue };
        let selects = statements.iter().all(|statement| statement.kind == StatementKind::Select);
        if !selects {
            continue;
        }
        compared += 1;
        let names = statements.iter().flat_map(|one| one.names.relations.iter().chain(&one.names.cte_references));
        let mut ours: Vec<String> = names
            .map(|relation| match &relation.schema {
                Some(schema) => format!("{schema}.{}", relation.name),
                None => relation.name.clone(),
            })
            .collect();
        ours.sort();
        assert_eq!(ours, theirs, "{text}");
    }
    assert!(compared > 280, "only {compared} texts were compared");
}
