//! Ways in which what is proven could be something else than what runs, one case each, through the whole proxy.

use super::ground::{Answer, Case, Ground, extended, query};
use super::raw::Raw;
use pgwarrant::token::grant::Grant;

pub const CASES: [Case; 41] = [
    ("braces forged by an alias", |g, a| {
        // Sixty-two of them make Postgres break the line inside of an escape.
        refused(g, a, &format!("SELECT id AS \"a{}\" FROM products WHERE id = 1", "}".repeat(62)), &["unreadable"]);
    }),
    ("an alias that looks like a field", |g, a| {
        as_bare(g, a, "SELECT \":relid\".id AS \":relid\", '<>' AS \"<>\" FROM products AS \":relid\" WHERE \":relid\".id = 3");
        refused(g, a, "SELECT 1 AS \":relid\" FROM employees AS \":relid\"", &["relation_not_granted"]);
    }),
    ("an alias that ends a node", |g, a| {
        as_bare(g, a, "SELECT id AS \"x} {RTE :relid 0\" FROM products WHERE id = 3");
    }),
    ("a deep tree of a short text", |g, a| {
        refused(g, a, &format!("SELECT {} true", "NOT ".repeat(6_000)), &["too_complex"]);
        refused(g, a, &format!("SELECT 1{}", "+1".repeat(4_000)), &["too_complex"]);
    }),
    ("domain checks inside of a composite literal", |g, a| {
        never_spied(
            g,
            a,
            &[
                "'(q)'::spied_row",
                "CAST('(q)' AS spied_row)",
                "spied_row '(q)'",
                "'(q)'::\"spied_row\"",
                "ROW('q')::spied_row",
                "spied_row('(q)')",
                "public.spied_row('(q)')",
            ],
        );
    }),
    ("domain checks inside of an array literal", |g, a| {
        never_spied(
            g,
            a,
            &[
                "'{q}'::spied[]",
                "ARRAY['q']::spied[]",
                "'{\"(q)\"}'::spied_row[]",
                "'{q}'::_spied",
                "'{q}'::public.spied array",
                "_spied('{q}')",
            ],
        );
    }),
    ("domain checks inside of a range literal", |g, a| {
        never_spied(
            g,
            a,
            &["'[1,2]'::spied_range", "'{[1,2]}'::spied_multirange", "'[1,2]'::\"spied_range\"", "spied_range(1, 2)"],
        );
    }),
    ("domain checks of a plain literal", |g, a| never_spied(g, a, &["'q'::spied", "1::spied_int", "('q'::text)::spied"])),
    ("domain checks inside of a JSON record", |g, a| {
        never_spied(
            g,
            a,
            &[
                "jsonb_populate_record(NULL::spied_row, '{\"d\": \"q\"}')",
                "json_populate_record(NULL::spied_row, '{\"d\": \"q\"}')",
            ],
        );
    }),
    ("domain checks of a literal beside a column", |g, a| {
        let mut session = agent(g, a);
        for condition in
            ["row = '(q)'", "row IN ('(q)')", "list = '{q}'", "list && '{q}'", "list @> '{q}'", "ROW(row) = ROW('(q)')"]
        {
            let answer = query(&mut session, &format!("SELECT id FROM spied_table WHERE id = 1 AND {condition}"));
            assert!(!answer.reason().is_empty() && !spied(g), "{condition}: {answer:?}");
        }
    }),
    ("domain checks of a literal over the catalogue", |g, a| {
        let mut session = agent(g, a);
        for what in ["'(q)'::public.spied_row", "'{q}'::public.spied[]", "public.spied_row('(q)')"] {
            let answer = query(&mut session, &format!("SELECT {what} FROM pg_class"));
            assert!(!answer.reason().is_empty() && !spied(g), "{what}: {answer:?}");
        }
    }),
    ("domain checks of a type that was made just now", |g, a| {
        let mut session = agent(g, a);
        as_admin(g, "CREATE TYPE public.spied_late AS (d public.spied)");
        let answer = query(&mut session, "SELECT '(q)'::spied_late");
        assert!(!answer.reason().is_empty() && !spied(g), "{answer:?}");
    }),
    ("domain checks of a parameter", |g, a| {
        let mut session = agent(g, a);
        // Postgres reads the declared type's input at Bind.
        for declared in ["spied", "spied_row", "spied_range"] {
            let oid = oid(g, declared);
            let refused = bind_as(&mut session, "SELECT $1 IS NULL", oid, "q");
            assert!(!refused.reason().is_empty(), "{refused:?}");
        }
        assert!(!spied(g), "the check ran");
    }),
    ("a check that moves the search path", |g, a| {
        let mut session = agent(g, a);
        for _ in 0..20 {
            query(&mut session, "SELECT '(q)'::spied_row");
            let found = query(&mut session, "SELECT count(*) FROM customers WHERE tenant_id = 7 AND id < 600");
            assert_eq!(found, bare(g, &[], "SELECT count(*) FROM public.customers WHERE tenant_id = 7 AND id < 600"));
        }
    }),
    ("constants that Postgres merges", |g, a| {
        let grouped = |one: &str, other: &str| {
            format!(
                "SELECT plan || '{one}' AS p, count(*) FROM customers WHERE tenant_id = 7 AND id < 200 GROUP BY plan || '{other}' ORDER BY 1"
            )
        };
        let mut session = agent(g, a);
        for (one, other) in [("x", "x"), ("y", "y"), ("x", "y"), ("y", "y")] {
            let (here, there) = (query(&mut session, &grouped(one, other)), bare(g, &[], &grouped(one, other)));
            assert_eq!(here.rows, there.rows, "{one} {other}");
            assert_eq!(here.error.is_some(), there.error.is_some(), "{here:?}");
        }
    }),
    ("constants that are positions", |g, a| {
        for order in ["1", "2", "1 DESC", "2 DESC"] {
            as_bare(g, a, &format!("SELECT id, sku FROM products WHERE id < 9 ORDER BY {order}"));
        }
    }),
    ("constants at the edges of their types", |g, a| {
        let edges = ["5", "-5", "2147483647", "-2147483648", "2147483648", "-2147483649", "9223372036854775807"];
        let edges = edges.into_iter().chain(["-9223372036854775808", "9223372036854775808", "-5", "0.5", "-0.5"]);
        let mut session = agent(g, a);
        for edge in edges {
            for text in [
                format!("SELECT {edge} AS n"),
                format!("SELECT -({edge}) AS n"),
                format!("SELECT id FROM products WHERE id > {edge} AND id = 3"),
            ] {
                let (here, there) = (query(&mut session, &text), bare(g, &[], &text));
                assert_eq!((&here.columns, &here.rows), (&there.columns, &there.rows), "{text}: {here:?}");
            }
        }
    }),
    ("dates that are read as they are executed", |g, a| {
        let mut session = agent(g, a);
        let day = "SELECT '01/02/2026'::date - '2026-01-01'::date AS days";
        for style in ["ISO, MDY", "ISO, DMY", "SQL, DMY", "German, DMY", "ISO, MDY"] {
            let set = format!("SET DateStyle = '{style}'");
            assert_eq!(query(&mut session, &set).error, None);
            assert_eq!(query(&mut session, day), bare(g, &[&set], day), "{style}");
        }
    }),
    ("a range of dates is as wide as it is executed", |g, a| {
        let mut session = agent(g, a);
        // The 1st to the 10th of February, or the 2nd of January to the 2nd of October.
        let text = "SELECT count(*) FROM orders WHERE tenant_id = 7 AND placed_on BETWEEN '01/02/2026' AND '10/02/2026'";
        for _ in 0..3 {
            query(&mut session, "SET DateStyle = 'ISO, DMY'");
            assert_eq!(query(&mut session, text), bare(g, &["SET DateStyle = 'ISO, DMY'"], text));
            query(&mut session, "SET DateStyle = 'ISO, MDY'");
            assert_eq!(query(&mut session, text).reason(), "range_too_wide");
        }
    }),
    ("lists of a hundred thousand elements", |g, a| {
        let list = (1..=100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let reasons = ["too_complex", "in_list_too_long"];
        refused(g, a, &format!("SELECT id FROM customers WHERE tenant_id = 7 AND id IN ({list})"), &reasons);
        refused(g, a, &format!("SELECT id FROM customers WHERE tenant_id = 7 AND id = ANY ('{{{list}}}')"), &reasons);
        let mut session = agent(g, a);
        let bound =
            bind_as(&mut session, "SELECT id FROM customers WHERE tenant_id = 7 AND id = ANY ($1)", 1016, &format!("{{{list}}}"));
        // The list bounds nothing that the tenant does not, so that it may be as long as the rows' limit lets it.
        assert!(["in_list_too_long", "row_limit"].contains(&bound.reason()), "{bound:?}");
    }),
    ("a hundred and twenty joins", |g, a| {
        let joins: String = (0..120).map(|n| format!(" JOIN tenants t{n} USING (id)")).collect();
        refused(g, a, &format!("SELECT 1 FROM tenants t{joins} WHERE id = 7"), &["too_complex"]);
    }),
    ("names inside of literals", |g, a| {
        let mut session = agent(g, a);
        for (there, not_there) in [
            ("'employees'::regclass", "'no_such'::regclass"),
            ("'employees'::regclass::oid", "'no_such'::regclass::oid"),
            ("to_regclass('employees')", "to_regclass('no_such')"),
            ("'peek(text)'::regprocedure", "'nope(text)'::regprocedure"),
            ("'peek'::regproc", "'nope'::regproc"),
            ("'postgres'::regrole", "'nobody_here'::regrole"),
            ("'archive'::regnamespace", "'nowhere'::regnamespace"),
            ("nextval('invoice_no')", "nextval('no_such')"),
            ("CAST('employees' AS regclass)", "CAST('no_such' AS regclass)"),
            ("regclass 'employees'", "regclass 'no_such'"),
            ("regclass('employees')", "regclass('no_such')"),
            ("pg_catalog.regclass('employees')", "pg_catalog.regclass('no_such')"),
            ("'{employees}'::regclass[]", "'{no_such}'::regclass[]"),
        ] {
            let [yes, no] = [there, not_there].map(|what| query(&mut session, &format!("SELECT {what}")));
            let unknown = yes.rows == ["NULL"] || !yes.reason().is_empty();
            assert!(unknown, "{there}: {yes:?}");
            assert_eq!(yes, no, "whether a name exists must not be told: {there}");
        }
    }),
    ("a column named like an operator", |g, a| {
        for text in [
            "SELECT id AND FROM employees",
            "SELECT tickets.id AND FROM tickets, employees",
            "SELECT a AND FROM api_keys",
            "SELECT 1 OR FROM employees",
        ] {
            refused(g, a, text, &["syntax", "relation_not_granted", "reading_mismatch"]);
        }
    }),
    ("identifiers in Unicode escapes", |g, a| {
        let reasons = ["syntax", "column_hidden", "column_not_granted", "relation_not_granted", "undefined_object"];
        for text in [
            "SELECT U&\"s\\0073n\" FROM customers WHERE tenant_id = 7 AND id = 6",
            "SELECT U&\"!0073sn\" UESCAPE '!' FROM customers WHERE tenant_id = 7 AND id = 6",
            "SELECT name FROM U&\"employe\\0065s\"",
            "SELECT u&\"\\0070eek\"('SELECT 1')",
        ] {
            refused(g, a, text, &[&reasons[..], &["function_not_allowed"]].concat());
        }
    }),
    ("a function of a row, by any notation", |g, a| {
        let reasons = ["function_not_allowed", "undefined_object", "type_not_allowed"];
        for text in [
            "lower(tickets)",
            "tickets.lower",
            "(tickets).lower",
            "lower(tickets.*)",
            "t.lower",
            "public.lower(t)",
            "lower(ROW(t.*)::tickets)",
        ] {
            let from = if text.contains("tickets") && !text.contains("::") { "tickets" } else { "tickets t" };
            refused(g, a, &format!("SELECT {text} FROM {from} WHERE id = 5 AND tenant_id = 7"), &reasons);
        }
        refused(g, a, "SELECT id FROM tickets WHERE tenant_id = 7 AND id = 5 AND lower(tickets) <> ''", &reasons);
    }),
    ("an operator of a user", |g, a| {
        let reasons = ["operator_not_allowed", "function_not_allowed"];
        refused(g, a, "SELECT id FROM customers WHERE tenant_id = 7 AND name === 'Customer 6'", &reasons);
        refused(g, a, "SELECT id FROM customers WHERE tenant_id = 7 AND name OPERATOR(public.===) 'Customer 6'", &reasons);
    }),
    ("hidden columns inside of a row", |g, a| {
        let reasons = ["column_hidden", "column_not_granted"];
        for what in [
            "customers",
            "customers.*",
            "customers.*::text",
            "count(customers)",
            "row_to_json(customers)",
            "to_jsonb(customers)",
            "ROW(customers.*)",
            "customers IS NULL",
            "customers = customers",
            "(customers).ssn",
        ] {
            refused(
                g,
                a,
                &format!("SELECT {what} FROM customers WHERE tenant_id = 7 AND id = 6"),
                &[&reasons[..], &["function_not_allowed", "operator_not_allowed", "undefined_object", "syntax"]].concat(),
            );
        }
    }),
    ("hidden columns of a join", |g, a| {
        let reasons = ["column_hidden", "column_not_granted"];
        refused(g, a, "SELECT 1 FROM customers a NATURAL JOIN customers b WHERE a.tenant_id = 7 AND b.tenant_id = 7", &reasons);
        refused(
            g,
            a,
            "SELECT 1 FROM customers a JOIN customers b USING (ssn) WHERE a.tenant_id = 7 AND b.tenant_id = 7",
            &reasons,
        );
    }),
    ("an error that tells another tenant's value", |g, a| {
        for text in [
            "SELECT id FROM customers WHERE tenant_id = 7 AND id = 6 AND name::int = 0",
            "SELECT id FROM customers WHERE tenant_id = 7 AND id = 6 AND 1 / (id - 6) = 0",
            "SELECT id FROM customers WHERE tenant_id = ANY ('{7}') AND email::uuid IS NOT NULL",
        ] {
            refused(g, a, text, &["error_leak"]);
        }
    }),
    ("rules on a table", |g, a| {
        let mut session = agent(g, a);
        for text in ["INSERT INTO products (id) VALUES (9999)", "UPDATE products SET name = ''", "DELETE FROM products"] {
            assert_eq!(query(&mut session, text).reason(), "relation_not_granted");
        }
        // A rule that replaces SELECTs makes a table a view; others are no matter of a read.
        as_bare(g, a, "SELECT sku FROM products WHERE id = 3");
        assert_eq!(
            query(&mut session, "WITH gone AS (DELETE FROM products RETURNING id) SELECT * FROM gone").reason(),
            "relation_not_granted"
        );
    }),
    ("a policy that a view's owner is subject to", |g, a| {
        as_bare(g, a, "SELECT sku FROM fenced WHERE id = 3");
        as_admin(g, "CREATE POLICY evil ON fenced_base USING (spy(id))");
        settled(g, || refused_now(g, a, "SELECT sku FROM fenced WHERE id = 3", &["function_not_allowed", "implied_code"]));
        as_admin(
            g,
            "DROP POLICY evil ON fenced_base; DROP POLICY fine_too ON fenced_base; CREATE POLICY fine ON fenced_base USING (id < 5)",
        );
        settled(g, || query(&mut agent(g, a), "SELECT count(*) FROM fenced").rows == ["4"]);
    }),
    ("a view that nobody granted", |g, a| {
        refused(g, a, "SELECT reference FROM customer_directory WHERE tenant_id = 7", &["relation_not_granted", "no_rule"]);
        refused(g, a, "SELECT * FROM revenue_by_tenant", &["relation_not_granted", "no_rule"]);
    }),
    ("a better overload after the proof", |g, a| {
        let mut session = agent(g, a);
        let text = "SELECT lower(sku::varchar) FROM products WHERE id = 3";
        assert_eq!(query(&mut session, text).rows, ["sku-00003"]);
        as_admin(
            g,
            "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM api_keys LIMIT 1'; ANALYZE products",
        );
        settled(g, || {
            let answer = query(&mut session, text);
            assert!(answer.rows.is_empty() || answer.rows == ["sku-00003"], "{answer:?}");
            answer.reason() == "function_not_allowed"
        });
        as_admin(g, "DROP FUNCTION public.lower(varchar)");
        settled(g, || query(&mut session, text).rows == ["sku-00003"]);
    }),
    ("settings that blind the reading", |g, a| {
        for text in [
            "SET debug_print_parse = off",
            "SET debug_print_rewritten = off",
            "SET log_min_messages = debug5",
            "SET search_path = archive",
            "SET ROLE postgres",
            "SET SESSION AUTHORIZATION postgres",
            "SET session_replication_role = replica",
            "SET row_security = off",
            "SET transform_null_equals = on",
            "SELECT set_config('search_path', 'archive', false)",
            "SELECT set_config('debug_print_rewritten', 'off', false)",
            "SELECT set_config('search_path', 'archive', false) FROM products",
        ] {
            refused(g, a, text, &["setting_not_allowed", "function_not_allowed", "statement_not_allowed"]);
        }
        let mut session = agent(g, a);
        for level in ["error", "warning", "log", "debug5", "notice"] {
            assert_eq!(query(&mut session, &format!("SET client_min_messages = {level}")).error, None);
            assert_eq!(query(&mut session, "SELECT sku FROM products WHERE id = 3").rows, ["SKU-00003"]);
            assert_eq!(query(&mut session, "SELECT ssn FROM customers WHERE tenant_id = 7 AND id = 6").reason(), "column_hidden");
        }
    }),
    ("trees that an agent asks for", |g, a| {
        let mut session = agent(g, a);
        query(&mut session, "SET client_min_messages = debug5");
        let mut out = bytes::BytesMut::new();
        pgwarrant::wire::request::query(&mut out, "SELECT sku, 41 + 1 FROM products WHERE id = 4").expect("short");
        session.send_bytes(&out);
        let shown = session.until_ready();
        assert!(shown.iter().all(|message| !message.starts_with("notice")), "{shown:?}");
        assert!(shown.contains(&"row SKU-00004|42".to_owned()), "{shown:?}");
    }),
    ("errors of Parse that name what is hidden", |g, a| {
        let mut session = agent(g, a);
        for text in [
            "SELECT password_has FROM customers WHERE tenant_id = 7",
            "SELECT c.password_has FROM customers c WHERE c.tenant_id = 7",
            "SELECT nam FROM customers WHERE tenant_id = 7",
        ] {
            let answer = query(&mut session, text);
            assert!(!answer.reason().is_empty() && !format!("{answer:?}").contains("password_hash"), "{answer:?}");
        }
    }),
    ("a table beside its schema", |g, a| {
        refused(
            g,
            a,
            "SELECT name FROM archive.customers WHERE tenant_id = 7 AND id = 6",
            &["relation_not_granted", "no_rule", "unknown_relation"],
        );
        let seen = query(&mut agent(g, a), "SELECT relname FROM pg_class").rows;
        assert!(!seen.iter().any(|name| ["employees", "api_keys", "customer_directory"].contains(&name.as_str())), "{seen:?}");
        refused(
            g,
            a,
            "SELECT * FROM events_2026_09 WHERE tenant_id = 7",
            &["relation_not_granted", "no_rule", "unknown_relation"],
        );
    }),
    ("a temporary table in a granted one's place", |g, a| {
        let mut session = agent(g, a);
        for text in
            ["CREATE TEMP TABLE products (id int)", "SELECT 1 AS id INTO TEMP products", "CREATE TEMP VIEW products AS SELECT 1"]
        {
            assert_eq!(query(&mut session, text).reason(), "statement_not_allowed", "{text}");
        }
        assert_eq!(query(&mut session, "SELECT sku FROM products WHERE id = 3").rows, ["SKU-00003"]);
    }),
    ("statements inside of statements", |g, a| {
        for text in [
            "EXPLAIN SELECT * FROM employees",
            "EXPLAIN ANALYZE SELECT * FROM employees",
            "COPY employees TO STDOUT",
            "COPY (SELECT * FROM employees) TO STDOUT",
            "PREPARE p AS SELECT * FROM employees",
            "DECLARE c CURSOR FOR SELECT * FROM employees",
            "DO $$ BEGIN END $$",
            "CALL purge(7)",
        ] {
            let mut session = agent(g, a);
            let answer = query(&mut session, text);
            assert!(!answer.reason().is_empty() && answer.rows.is_empty(), "{text}: {answer:?}");
        }
    }),
    ("comments and strings that hide a second statement", |g, a| {
        for text in [
            "SELECT 1; SELECT salary FROM employees",
            "SELECT $$;$$; SELECT salary FROM employees",
            "SELECT E'\\'; SELECT salary FROM employees --'",
            "SELECT 1 /* ; */; TABLE employees",
            "SELECT '\\'; SELECT salary FROM employees; --'",
        ] {
            let answer = query(&mut agent(g, a), text);
            assert!(!answer.rows.iter().any(|row| row.contains("40137")), "{text}: {answer:?}");
            assert!(
                !format!("{answer:?}").contains("salary")
                    || answer.error.is_some()
                    || answer.rows == ["\\'; SELECT salary FROM employees; --"]
                    || answer.rows == ["'; SELECT salary FROM employees --"],
                "{text}: {answer:?}"
            );
        }
    }),
    ("a statement that is another one when it is bound", |g, a| {
        let mut session = agent(g, a);
        // The value decides whether the row is one's own, so the proof must hold for every value.
        let text = "SELECT name FROM customers WHERE tenant_id = $1 AND id < 100";
        assert!(!bind_as(&mut session, text, 23, "7").rows.is_empty());
        for other in ["8", "0", "-7", "2147483647"] {
            assert_eq!(bind_as(&mut session, text, 23, other).reason(), "predicate_not_implied", "{other}");
        }
    }),
];

/// Types whose checks can be seen to have run, even in a transaction that only reads: the lock outlives it.
const SPIES: &str = "
    CREATE FUNCTION public.spy(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_lock(4711); PERFORM set_config('search_path', 'archive', false); RETURN true; END $$;
    CREATE DOMAIN public.spied AS text CHECK (spy(VALUE));
    CREATE DOMAIN public.spied_int AS integer CHECK (spy(VALUE));
    CREATE TYPE public.spied_row AS (d public.spied);
    CREATE TYPE public.spied_range AS RANGE (subtype = public.spied_int);
    CREATE TABLE public.spied_table (id integer PRIMARY KEY, row public.spied_row, list public.spied[]);
    GRANT SELECT (id) ON public.spied_table TO pgwarrant_reader;
    CREATE RULE also AS ON INSERT TO public.products WHERE new.id > 5 DO ALSO NOTHING;
    CREATE RULE instead AS ON UPDATE TO public.products DO INSTEAD NOTHING;
    CREATE TABLE public.fenced_base AS SELECT id, sku FROM public.products WHERE id < 20;
    ALTER TABLE public.fenced_base OWNER TO fence_owner;
    ALTER TABLE public.fenced_base ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY fine_too ON public.fenced_base USING (id < 10);
    CREATE VIEW public.fenced WITH (security_barrier) AS SELECT id, sku FROM public.fenced_base;
    ALTER VIEW public.fenced OWNER TO fence_owner;
    GRANT SELECT ON public.fenced TO pgwarrant_reader;";

/// What the cases need in the database, once.
pub fn prepare(ground: &Ground) {
    as_admin(ground, "CREATE ROLE fence_owner; GRANT USAGE ON SCHEMA public TO fence_owner");
    as_admin(ground, SPIES);
    std::fs::write(
        ground.stage.home().join("rules/fenced.toml"),
        "[view.\"public.fenced\"]\nmax_rows = 100\n[table.\"public.spied_table\"]\nunbounded = true\n",
    )
    .expect("a file");
    ground.wait("the new rule is in force", || ground.stage.proxy_log().contains("rules reloaded"));
}

fn agent(ground: &Ground, name: &str) -> Raw {
    let mut grants: Vec<Grant> = super::support::personas::personas()["support"].clone();
    grants.push("SELECT (*) ON public.fenced".parse().expect("a grant"));
    grants.push("SELECT (id) ON public.spied_table".parse().expect("a grant"));
    let token = ground.stage.token(name, &grants, 3600);
    Raw::connect(&ground.stage.agent_url("agent", &token), &[])
}

fn as_admin(ground: &Ground, sql: &str) {
    ground.stage.cluster.sql("shop", sql).expect(sql);
}

/// Refused for one of these reasons by both protocols, and on record.
fn refused(ground: &Ground, name: &str, text: &str, reasons: &[&str]) {
    assert!(refused_now(ground, name, text, reasons), "{text}");
    assert!(!ground.denials(name).is_empty());
}

fn refused_now(ground: &Ground, name: &str, text: &str, reasons: &[&str]) -> bool {
    let mut session = agent(ground, name);
    for answer in [query(&mut session, text), extended(&mut session, text)] {
        if !reasons.contains(&answer.reason()) {
            eprintln!("{text:.200}: {answer:?}");
            return false;
        }
        assert!(answer.rows.is_empty(), "{answer:?}");
    }
    true
}

/// The same columns, rows and errors as from the server itself, by both protocols and more than once.
fn as_bare(ground: &Ground, name: &str, text: &str) {
    let (expected, mut session) = (bare(ground, &[], text), agent(ground, name));
    assert_eq!(expected.error, None, "{text}");
    for _ in 0..2 {
        assert_eq!(query(&mut session, text), expected, "{text}");
        assert_eq!(extended(&mut session, text).rows, expected.rows, "{text}");
    }
}

/// From the server itself, as the superuser, whom it trusts.
fn bare(ground: &Ground, before: &[&str], text: &str) -> Answer {
    let mut session = Raw::connect(&ground.stage.cluster.admin_url("shop"), &[]);
    before.iter().for_each(|text| assert_eq!(query(&mut session, text).error, None));
    query(&mut session, text)
}

/// Within the time that a change of the catalogue takes to be seen.
fn settled(ground: &Ground, is: impl FnMut() -> bool) {
    ground.wait("the change is seen", is);
}

/// None of these expressions is run, nor read by Postgres, since reading them runs the checks.
fn never_spied(ground: &Ground, name: &str, expressions: &[&str]) {
    for expression in expressions {
        let mut session = agent(ground, name);
        for text in [format!("SELECT {expression}"), format!("SELECT {expression} IS NULL FROM products WHERE id = 1")] {
            for answer in [query(&mut session, &text), extended(&mut session, &text)] {
                assert!(!answer.reason().is_empty() && answer.rows.is_empty(), "{text}: {answer:?}");
                assert!(!spied(ground), "the check ran: {text}: {answer:?}\n{}", ground.stage.proxy_log());
            }
        }
    }
}

fn spied(ground: &Ground) -> bool {
    !bare(ground, &[], "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711").rows.is_empty()
}

fn oid(ground: &Ground, name: &str) -> u32 {
    bare(ground, &[], &format!("SELECT '{name}'::regtype::oid")).rows[0].parse().expect("an OID")
}

/// One statement with one parameter of a declared type, as text.
fn bind_as(session: &mut Raw, text: &str, declared: u32, value: &str) -> Answer {
    use pgwarrant::wire::frontend::{Format, Formats};
    use pgwarrant::wire::request;
    let mut out = bytes::BytesMut::new();
    request::parse(&mut out, "", text, &[declared]).expect("short enough");
    let values = [Some(bytes::Bytes::copy_from_slice(value.as_bytes()))];
    request::bind(&mut out, "", "", &Formats::All(Format::Text), &values, request::ALL_TEXT).expect("short enough");
    request::execute(&mut out, "", 0).expect("short");
    request::sync(&mut out);
    session.send_bytes(&out);
    super::ground::answer(session)
}
