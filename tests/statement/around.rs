//! PREPARE, DECLARE, COPY and EXPLAIN, which hold a query.

use super::*;

#[test]
fn prepared_statements_cursors_and_copies_are_read_around_their_queries() {
    let inner = |text: &str| match one(text).kind {
        StatementKind::Prepare { inner, .. } | StatementKind::Declare { inner, .. } | StatementKind::Copy { inner, .. } => {
            text[inner].to_owned()
        }
        other => panic!("{text}: {other:?}"),
    };
    for text in [
        "PREPARE p (bigint, varchar(3)[], timestamp (3) with time zone) AS SELECT (1)",
        "declare c no scroll insensitive cursor without hold for SELECT (1)",
        "COPY (SELECT (1)) TO STDOUT",
        "COPY ( /* x */ SELECT (1) ) TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';', NULL '-', FORCE_QUOTE (a, b))",
        "copy (SELECT (1)) to stdout csv header delimiter as ';' force quote *",
    ] {
        assert_eq!(inner(text), "SELECT (1)", "{text}");
    }
    let fetch = |text: &str| match one(text).kind {
        StatementKind::Fetch { name, motion, moves } => (name, motion, moves),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(fetch("FETCH next"), ("next".to_owned(), Motion::Forward(Some(1)), false));
    assert_eq!(fetch("FETCH NEXT FROM c"), ("c".to_owned(), Motion::Forward(Some(1)), false));
    assert_eq!(fetch("FETCH 7 IN \"C\""), ("C".to_owned(), Motion::Forward(Some(7)), false));
    assert_eq!(fetch("FETCH FORWARD ALL FROM c"), ("c".to_owned(), Motion::Forward(None), false));
    assert_eq!(fetch("MOVE ALL IN c"), ("c".to_owned(), Motion::Forward(None), true));
    for (text, motion) in [
        ("FETCH PRIOR FROM c", Motion::Backward(Some(1))),
        ("FETCH FIRST c", Motion::Absolute(1)),
        ("FETCH LAST IN c", Motion::Absolute(-1)),
        ("FETCH ABSOLUTE -2 FROM c", Motion::Absolute(-2)),
        ("FETCH RELATIVE +3 FROM c", Motion::Relative(3)),
        ("FETCH -1 FROM c", Motion::Backward(Some(1))),
        ("FETCH 0 FROM c", Motion::Forward(Some(0))),
        ("FETCH BACKWARD c", Motion::Backward(Some(1))),
        ("FETCH BACKWARD ALL FROM c", Motion::Backward(None)),
        ("FETCH BACKWARD -2 FROM c", Motion::Forward(Some(2))),
    ] {
        assert_eq!(fetch(text), ("c".to_owned(), motion, false), "{text}");
    }
    assert!(matches!(one("DECLARE c INSENSITIVE SCROLL CURSOR FOR SELECT 1").kind, StatementKind::Declare { scroll: true, .. }));
    assert_eq!(one("DEALLOCATE PREPARE \"all\"").kind, StatementKind::Deallocate { name: Some("all".to_owned()) });
    assert_eq!(one("DEALLOCATE ALL").kind, StatementKind::Deallocate { name: None });
}

#[test]
fn a_copy_of_a_table_is_a_query_of_its_own_rows() {
    let query = |text: &str| match one(text).kind {
        StatementKind::Copy { table: Some(table), .. } => (table.query, table.all_columns),
        other => panic!("{text}: {other:?}"),
    };
    let all = |query: &str| (query.to_owned(), true);
    assert_eq!(query("COPY A to stdout"), all("SELECT * FROM ONLY \"a\""));
    assert_eq!(query("copy \"x y\" . \"q\"\"r\" TO STDOUT CSV"), all("SELECT * FROM ONLY \"x y\".\"q\"\"r\""));
    assert_eq!(
        query("COPY public.a (B, \"User\") TO STDOUT"),
        ("SELECT \"b\", \"User\" FROM ONLY \"public\".\"a\"".to_owned(), false)
    );
}

#[test]
fn what_is_around_a_query_is_read_exactly_or_refused() {
    for (text, reason) in [
        ("COPY BINARY a TO STDOUT", Reason::FeatureNotSupported),
        ("COPY a.b.c TO STDOUT", Reason::FeatureNotSupported),
        ("COPY a (b, c + 1) TO STDOUT", Reason::Syntax),
        ("COPY a WHERE b = 1 TO STDOUT", Reason::FeatureNotSupported),
        ("COPY a FROM STDIN", Reason::FeatureNotSupported),
        ("COPY (SELECT 1) TO '/tmp/x'", Reason::StatementNotAllowed),
        ("COPY (SELECT 1) TO PROGRAM 'id'", Reason::StatementNotAllowed),
        ("COPY (SELECT 1) TO STDIN", Reason::StatementNotAllowed),
        ("COPY (SELECT 1) TO STDOUT (ENCODING 'latin1')", Reason::FeatureNotSupported),
        ("COPY (SELECT 1) TO STDOUT (FORMAT csv, FORMAT text)", Reason::Syntax),
        ("COPY (SELECT 1) TO STDOUT (FORMAT 'CSV')", Reason::Syntax),
        ("COPY (SELECT 1) TO STDOUT (QUOTE 'x')", Reason::Syntax),
        ("COPY (SELECT 1) TO STDOUT (DELIMITER 'ab')", Reason::Syntax),
        ("COPY (SELECT 1) TO STDOUT csv x", Reason::Syntax),
        ("COPY (SELECT 1 TO STDOUT", Reason::Syntax),
        ("DECLARE c BINARY CURSOR FOR SELECT 1", Reason::FeatureNotSupported),
        ("FETCH ABSOLUTE FROM c", Reason::Syntax),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", Reason::FeatureNotSupported),
        ("EXECUTE p(1 + 1)", Reason::FeatureNotSupported),
        ("EXECUTE p(now())", Reason::FeatureNotSupported),
        ("EXECUTE p($1)", Reason::FeatureNotSupported),
        ("EXECUTE p('abc'::varchar(2))", Reason::FeatureNotSupported),
        ("EXECUTE p(ARRAY[[1], [2]])", Reason::FeatureNotSupported),
        ("EXECUTE p(ARRAY[now()])", Reason::FeatureNotSupported),
        ("EXECUTE p(ARRAY[1] || 2)", Reason::FeatureNotSupported),
        ("PREPARE p (mood[]) AS SELECT 1", Reason::Syntax),
        ("PREPARE p (a.b.c) AS SELECT 1", Reason::Syntax),
    ] {
        let deny = local::read(text, &Limits::default()).expect_err(text);
        assert_eq!(deny.reason, reason, "{text}: {}", deny.message);
    }
}
