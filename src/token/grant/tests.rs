use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn parse(text: &str) -> Grant {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    match text.parse::<Grant>() {
        Ok(grant) => panic!("{text} was read as {grant}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn grants_in_canonical_form_are_printed_as_they_were_read() {
    for text in [
        "SELECT (id, name) ON public.customers WHERE tenant_id = 7 AND status IN ('a', 'b') AND x BETWEEN 1 AND 5 AND y >= 3 LIMIT 100",
        "SELECT (*) ON public.orders",
        "INSERT (*) ON public.orders WHERE tenant_id = -9223372036854775808",
        "UPDATE (status) ON public.orders WHERE tenant_id = 7 LIMIT 10",
        "DELETE ON public.order_items WHERE open = TRUE LIMIT 9223372036854775807",
        "SELECT (\"Id\", \"a\"\"b\", \"where\", \"ä\", \"1a\", a1$) ON \"Public\".\"customers \" WHERE \"in\" = 'it''s'",
        "EXECUTE ON FUNCTION public.order_total(integer)",
        "EXECUTE ON FUNCTION public.f()",
        "EXECUTE ON FUNCTION public.f(timestamp with time zone, character varying[], public.\"T\", \"char\", \"integer\", text)",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn spellings_that_postgres_takes_for_one_are_one() {
    for (written, canonical) in [
        ("select(ID,\n\tName)on Public.Customers where X=1", "SELECT (id, name) ON public.customers WHERE x = 1"),
        ("SELECT (\"id\") ON \"public\".\"customers\"", "SELECT (id) ON public.customers"),
        ("SELECT (a) ON s.t WHERE a < 1 AND b <= -5", "SELECT (a) ON s.t WHERE a < 1 AND b <= -5"),
        (
            "execute on function s.f(INT, int4, pg_catalog.int4, \"int4\", timestamptz, bool, varchar, decimal[], float)",
            "EXECUTE ON FUNCTION s.f(integer, integer, integer, integer, timestamp with time zone, boolean, \
             character varying, numeric[], double precision)",
        ),
    ] {
        assert_eq!(parse(written).to_string(), canonical);
    }
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    for (text, expected) in [
        ("", "at byte 0: expected SELECT, INSERT, UPDATE, DELETE or EXECUTE, found the end"),
        ("GRANT (a) ON s.t", "at byte 0: expected SELECT, INSERT, UPDATE, DELETE or EXECUTE, found `GRANT (a) ON s.t`"),
        ("SELECT ON s.t", "at byte 7: expected `(` and a list of columns, or `(*)`, found `ON s.t`"),
        ("SELECT (a) ON t", "at byte 15: expected `.`: a name is written with its schema, found the end"),
        ("SELECT (a) ON s.t WHERE a LIKE 'x'", "at byte 26: expected =, <, <=, >, >=, IN or BETWEEN, found `LIKE 'x'`"),
        ("SELECT (a) ON s.t WHERE a = 1 OR b = 2", "at byte 30: expected AND, LIMIT or the end, found `OR b = 2`"),
        (
            "SELECT (a) ON s.t WHERE a = \u{1b}",
            "at byte 28: expected a word, a name, a literal or one of ( ) , . * = < <= > >=, found `\\u{1b}`",
        ),
    ] {
        assert_eq!(error(text), expected);
    }
}

#[test]
fn nothing_outside_the_grammar_is_read() {
    let long = "n".repeat(64);
    let cases = [
        // columns
        "SELECT () ON s.t",
        "SELECT (*, a) ON s.t",
        "SELECT (a, *) ON s.t",
        "SELECT (a, A) ON s.t",
        "SELECT (a,) ON s.t",
        "SELECT * ON s.t",
        "SELECT (t.a) ON s.t",
        "DELETE (a) ON s.t",
        "DELETE (*) ON s.t",
        "SELECT (where) ON s.t",
        // names
        "SELECT (a) ON t",
        "SELECT (a) ON d.s.t",
        "SELECT (a) ON s.*",
        "SELECT (a) ON s.t*",
        "SELECT (a) ON s.a/../b",
        "SELECT (a) ON s.\"\"",
        "SELECT (a) ON s.\"t",
        "SELECT (a) ON s.\"t\0\"",
        "SELECT (a) ON s.ä",
        "SELECT (a) ON s.tä",
        "SELECT (a) ON s.t\u{a0}",
        "SELECT (a) ON U&\"s\".t",
        "SELECT (a) ON s.t t2",
        "SELECT (a) ON s.t, s.u",
        "SELECT (a) ON 1s.t",
        // literals
        "SELECT (a) ON s.t WHERE a = +1",
        "SELECT (a) ON s.t WHERE a = 01",
        "SELECT (a) ON s.t WHERE a = -0",
        "SELECT (a) ON s.t WHERE a = - 1",
        "SELECT (a) ON s.t WHERE a = 1.0",
        "SELECT (a) ON s.t WHERE a = 1e3",
        "SELECT (a) ON s.t WHERE a = .5",
        "SELECT (a) ON s.t WHERE a = 0x10",
        "SELECT (a) ON s.t WHERE a = 1_000",
        "SELECT (a) ON s.t WHERE a = 9223372036854775808",
        "SELECT (a) ON s.t WHERE a = NULL",
        "SELECT (a) ON s.t WHERE a = NaN",
        "SELECT (a) ON s.t WHERE a = E'x'",
        "SELECT (a) ON s.t WHERE a = 'x",
        "SELECT (a) ON s.t WHERE a = 'x\0'",
        "SELECT (a) ON s.t WHERE a = 'x' 'y'",
        "SELECT (a) ON s.t WHERE a = $1",
        "SELECT (a) ON s.t WHERE a = b",
        "SELECT (a) ON s.t WHERE a = now()",
        "SELECT (a) ON s.t WHERE a = (1)",
        "SELECT (a) ON s.t WHERE a = 1::int",
        // conditions
        "SELECT (a) ON s.t WHERE",
        "SELECT (a) ON s.t WHERE TRUE",
        "SELECT (a) ON s.t WHERE a IN ()",
        "SELECT (a) ON s.t WHERE a IN (1,)",
        "SELECT (a) ON s.t WHERE a IN (1, 1)",
        "SELECT (a) ON s.t WHERE a IN (1, 'x')",
        "SELECT (a) ON s.t WHERE NOT a = 1",
        "SELECT (a) ON s.t WHERE a <> 1",
        "SELECT (a) ON s.t WHERE a != 1",
        "SELECT (a) ON s.t WHERE a == 1",
        "SELECT (a) ON s.t WHERE a > TRUE",
        "SELECT (a) ON s.t WHERE a BETWEEN 1 AND 'x'",
        "SELECT (a) ON s.t WHERE a IS NULL",
        "SELECT (a) ON s.t WHERE 1 = a",
        "SELECT (a) ON s.t WHERE (a = 1)",
        "SELECT (a) ON s.t WHERE a = 1,",
        // predicates that nothing satisfies
        "SELECT (a) ON s.t WHERE a BETWEEN 2 AND 1",
        "SELECT (a) ON s.t WHERE a = 1 AND a = 2",
        "SELECT (a) ON s.t WHERE a > 1 AND a <= 1",
        "SELECT (a) ON s.t WHERE a = TRUE AND a = FALSE",
        "SELECT (a) ON s.t WHERE a >= '2026-02-01' AND a <= '2026-01-01'",
        // limits and what follows
        "SELECT (a) ON s.t LIMIT 0",
        "SELECT (a) ON s.t LIMIT -1",
        "SELECT (a) ON s.t LIMIT 1.5",
        "SELECT (a) ON s.t LIMIT '1'",
        "SELECT (a) ON s.t LIMIT ALL",
        "SELECT (a) ON s.t LIMIT 1 OFFSET 1",
        "SELECT (a) ON s.t LIMIT 1 WHERE a = 1",
        "SELECT (a) ON s.t;",
        "SELECT (a) ON s.t -- x",
        "SELECT (a) ON s.t /* x */",
        "SELECT (a) ON s.t LIMIT 1 LIMIT 2",
        // functions
        "EXECUTE ON FUNCTION s.f",
        "EXECUTE ON FUNCTION f()",
        "EXECUTE ON FUNCTION s.f(a integer)",
        "EXECUTE ON FUNCTION s.f(*)",
        "EXECUTE ON FUNCTION s.f(numeric(10,2))",
        "EXECUTE ON FUNCTION s.f(integer) LIMIT 1",
        "EXECUTE ON FUNCTION s.f(int[][])",
        "EXECUTE (a) ON FUNCTION s.f()",
        "EXECUTE ON PROCEDURE s.f()",
        "EXECUTE ON FUNCTION s.f(VARIADIC text[])",
    ];
    let too_long = [
        format!("SELECT (a) ON s.{long}"),
        format!("SELECT (\"{long}\") ON s.t"),
        format!("SELECT (a) ON s.t{}", " ".repeat(8192)),
    ];
    for text in cases.into_iter().map(str::to_owned).chain(too_long) {
        error(&text);
    }
    parse(&format!("SELECT (a) ON s.{}", &long[1..]));
}

#[test]
fn a_child_inside_one_grant_is_narrower() {
    let parents = [
        parse(
            "SELECT (id, name) ON public.customers WHERE tenant_id IN (7, 8) AND day BETWEEN '2026-01-01' AND '2026-12-31' LIMIT 100",
        ),
        parse("SELECT (*) ON public.orders WHERE n >= 5"),
        parse("DELETE ON public.orders WHERE tenant_id = 7"),
        parse("EXECUTE ON FUNCTION public.f(integer)"),
    ];
    for child in [
        "SELECT (name) ON public.customers WHERE tenant_id = 7 AND day = '2026-06-01' LIMIT 100",
        "SELECT (id) ON public.customers WHERE day >= '2026-02-01' AND day < '2026-03-01' AND tenant_id IN (8, 7) AND x = 1 LIMIT 1",
        "SELECT (id) ON public.customers WHERE tenant_id BETWEEN 7 AND 7 AND day = '2026-06-01' LIMIT 5",
        "SELECT (*) ON public.orders WHERE n > 5",
        "SELECT (a) ON public.orders WHERE n IN (5, 6)",
        "SELECT (a) ON public.orders WHERE n IN (3, 6) AND n > 3",
        "SELECT (a) ON public.orders WHERE n BETWEEN 5 AND 5 LIMIT 9",
        "DELETE ON public.orders WHERE tenant_id = 7",
        "EXECUTE ON FUNCTION public.f(int4)",
    ] {
        assert_eq!(explain(&parse(child), &parents).err(), None, "{child}");
    }
}

#[test]
fn a_child_that_leaves_every_grant_is_told_the_nearest_miss() {
    let parents = [
        parse("SELECT (id, name) ON public.customers WHERE tenant_id IN (7, 8) LIMIT 100"),
        parse("SELECT (id, email) ON public.customers WHERE tenant_id = 9"),
        parse("SELECT (a) ON public.t WHERE day > '2026-01-01' AND note = 'x'"),
    ];
    for (child, why) in [
        ("SELECT (id) ON public.orders", "the parent has no SELECT on public.orders"),
        ("UPDATE (id) ON public.customers WHERE tenant_id = 7", "the parent has no UPDATE on public.customers"),
        ("EXECUTE ON FUNCTION public.f()", "the parent has no EXECUTE on public.f()"),
        ("SELECT (*) ON public.customers WHERE tenant_id = 7", "the parent lists its columns, so `(*)` is more than it has"),
        ("SELECT (id, phone) ON public.customers WHERE tenant_id = 7", "the parent has no column phone"),
        ("SELECT (id, name, email) ON public.customers WHERE tenant_id = 7", "the parent has no column email"),
        (
            "SELECT (id, name) ON public.customers LIMIT 1",
            "the parent's condition `tenant_id IN (7, 8)` does not follow from the child's WHERE",
        ),
        (
            "SELECT (name) ON public.customers WHERE tenant_id IN (7, 9)",
            "the parent's condition `tenant_id IN (7, 8)` does not follow from the child's WHERE",
        ),
        ("SELECT (name) ON public.customers WHERE tenant_id = 7", "the parent's LIMIT is 100, the child's missing"),
        ("SELECT (name) ON public.customers WHERE tenant_id = 7 LIMIT 101", "the parent's LIMIT is 100, the child's 101"),
        (
            "SELECT (name) ON public.customers WHERE tenant_id = '7'",
            "the parent's condition `tenant_id IN (7, 8)` does not follow from the child's WHERE",
        ),
        (
            "SELECT (a) ON public.t WHERE day >= '2026-01-01' AND note = 'x'",
            "the parent's condition `day > '2026-01-01'` does not follow from the child's WHERE",
        ),
        (
            "SELECT (a) ON public.t WHERE day > '2026-1-2' AND note = 'x'",
            "the parent's condition `day > '2026-01-01'` does not follow from the child's WHERE",
        ),
        (
            "SELECT (a) ON public.t WHERE day > '2026-01-02' AND note > 'w'",
            "the parent's condition `note = 'x'` does not follow from the child's WHERE",
        ),
    ] {
        assert_eq!(explain(&parse(child), &parents).unwrap_err().to_string(), why, "{child}");
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["id", "tenant_id", "where", "Name", "é", "e\u{301}", "a\"b", " "]).prop_map(str::to_owned),
        "[a-z_]{1,6}"
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        (-4i64..4).prop_map(Literal::Integer),
        any::<i64>().prop_map(Literal::Integer),
        select(vec!["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-01 00:00:00", "x", "", "it's"])
            .prop_map(|text| Literal::Text(text.into())),
        any::<bool>().prop_map(Literal::Boolean),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let comparison = select(vec![Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual]);
    prop_oneof![
        literal().prop_map(Test::Equals),
        prop::collection::vec(literal(), 1..4).prop_map(Test::In),
        (literal(), literal()).prop_map(|(low, high)| Test::Between(low, high)),
        (comparison, literal()).prop_map(|(comparison, literal)| Test::Compare(comparison, literal)),
    ]
}

/// Only what can be written: the text of it is read back.
fn grant() -> impl Strategy<Value = Grant> {
    let columns = prop_oneof![
        Just(Columns::All),
        subsequence(vec!["id", "a", "b"], 1..=3).prop_map(|names| Columns::List(names.into_iter().map(String::from).collect())),
    ];
    let condition = (select(vec!["x", "y"]), test()).prop_map(|(column, test)| Condition { column: column.into(), test });
    let relation = (
        select(vec![Action::Select, Action::Update]),
        columns,
        prop::collection::vec(condition, 0..4),
        prop::option::of(1u64..4),
    )
        .prop_map(|(action, columns, predicate, limit)| {
            let relation = QualifiedName { schema: "public".into(), name: "t".into() };
            Grant::Relation(RelationGrant { action, columns, relation, predicate, limit })
        });
    relation.prop_filter("within the grammar", |grant| grant.to_string().parse::<Grant>().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1_000_000, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_printed_is_read_back_equal(grant in grant(), schema in name(), table in name(), column in name()) {
        prop_assert_eq!(grant.to_string().parse(), Ok(grant));
        let columns = Columns::List(vec![column.clone()]);
        let predicate = vec![Condition { column, test: Test::Equals(Literal::Integer(1)) }];
        let relation = QualifiedName { schema, name: table };
        let named = Grant::Relation(RelationGrant { action: Action::Insert, columns, relation, predicate, limit: None });
        prop_assert_eq!(named.to_string().parse(), Ok(named));
    }

    #[test]
    fn reading_anything_never_panics(text in "[A-Za-z0-9 .,()*=<>'\"\\[\\]-é\\x00]{0,80}") {
        if let Ok(grant) = text.parse::<Grant>() {
            prop_assert_eq!(grant.to_string().parse(), Ok(grant));
        }
    }

    #[test]
    fn a_grant_is_narrower_than_itself(grant in grant()) {
        prop_assert!(narrower(&grant, std::slice::from_ref(&grant)), "{}", grant);
    }

    /// Over numbers the implication is decided by trying every half: what is called narrower is, and nothing else.
    #[test]
    fn what_is_called_narrower_admits_no_more_values(child in integer_tests(), parent in integer_tests()) {
        let conditions = |tests: &[Test]| tests.iter().map(|test| Condition { column: "x".into(), test: test.clone() }).collect::<Vec<_>>();
        let grant = |tests: &[Test]| Grant::Relation(RelationGrant {
            action: Action::Select,
            columns: Columns::All,
            relation: QualifiedName { schema: "s".into(), name: "t".into() },
            predicate: conditions(tests),
            limit: None,
        });
        let admits = |tests: &[Test], half: i64| tests.iter().all(|test| passes(test, half));
        prop_assume!((-20..=20).any(|half| admits(&child, half)));
        let inside = (-20..=20).all(|half| !admits(&child, half) || admits(&parent, half));
        prop_assert_eq!(narrower(&grant(&child), &[grant(&parent)]), inside);
    }
}

fn integer_tests() -> impl Strategy<Value = Vec<Test>> {
    let literal = || (-3i64..=3).prop_map(Literal::Integer);
    let comparison = select(vec![Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual]);
    let test = prop_oneof![
        literal().prop_map(Test::Equals),
        prop::collection::vec(literal(), 1..5).prop_map(Test::In),
        (literal(), literal()).prop_map(|(low, high)| Test::Between(low, high)),
        (comparison, literal()).prop_map(|(comparison, literal)| Test::Compare(comparison, literal)),
    ];
    prop::collection::vec(test, 1..4)
}

/// Whether half of `value` passes: a numeric column holds more than integers.
fn passes(test: &Test, value: i64) -> bool {
    let integer = |literal: &Literal| match literal {
        Literal::Integer(value) => *value * 2,
        other => panic!("{other} is no integer"),
    };
    match test {
        Test::Equals(literal) => value == integer(literal),
        Test::In(literals) => literals.iter().any(|literal| value == integer(literal)),
        Test::Between(low, high) => (integer(low)..=integer(high)).contains(&value),
        Test::Compare(Comparison::Less, literal) => value < integer(literal),
        Test::Compare(Comparison::LessOrEqual, literal) => value <= integer(literal),
        Test::Compare(Comparison::Greater, literal) => value > integer(literal),
        Test::Compare(Comparison::GreaterOrEqual, literal) => value >= integer(literal),
    }
}

#[test]
fn narrowing_is_transitive() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let grants: Vec<Grant> = (0..250).map(|_| grant().new_tree(&mut runner).unwrap().current()).collect();
    let inside: Vec<Vec<usize>> = grants
        .iter()
        .map(|child| (0..grants.len()).filter(|parent| narrower(child, std::slice::from_ref(&grants[*parent]))).collect())
        .collect();
    let mut steps = 0;
    for (child, parents) in inside.iter().enumerate() {
        for parent in parents {
            for grandparent in &inside[*parent] {
                steps += usize::from(child != *parent && parent != grandparent);
                assert!(parents.contains(grandparent), "{} < {} < {}", grants[child], grants[*parent], grants[*grandparent]);
            }
        }
    }
    assert!(steps > 200, "only {steps} chains of three were tried");
}
