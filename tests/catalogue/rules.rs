//! Rules against real databases: the linter, and the SQL of the second wall.

use super::servers::{Database, connect, servers, unique};
use super::support::shop_schema;
use pgwarrant::catalogue::load::{indexes, load};
use pgwarrant::rules::lint::{Severity, lint};
use pgwarrant::rules::ruleset::Ruleset;
use pgwarrant::rules::{parse, read_dir, sql};
use std::path::Path;
use tokio_postgres::Client;

const TRAPS: &str = include_str!("schema.sql");

fn rules(text: &str) -> Ruleset {
    parse(&[("a.toml".into(), text.into())]).expect("the rules are right").0
}

/// The shop's tables without their rows.
fn shop_tables() -> String {
    let schema = shop_schema();
    let data = schema.find("\nINSERT INTO").expect("the rows come last");
    schema[..data].to_owned()
}

async fn findings(client: &Client, rules: &Ruleset) -> Vec<(Severity, String)> {
    let (catalogue, indexes) = (load(client).await.expect("a catalogue"), indexes(client).await.expect("indexes"));
    lint(rules, &catalogue, &indexes).into_iter().map(|f| (f.severity, f.to_string())).collect()
}

#[tokio::test]
async fn the_example_rules_fit_the_shop() {
    let database = Database::create(&servers()[0], &shop_tables()).await;
    let files = read_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).expect("the examples are there");
    let (rules, cases) = parse(&files).expect("the examples are right");
    assert!(!cases.is_empty());
    let found = findings(&connect(&database.config).await, &rules).await;
    let warned: Vec<_> = found.iter().map(|(severity, text)| (*severity, text.lines().next().expect("a line"))).collect();
    assert_eq!(
        warned,
        [
            (Severity::Warning, "orders.toml:3:8: warning: no index of public.orders starts with (tenant_id, placed_on)"),
            (Severity::Warning, "shop.toml:9:8: warning: no index of public.customers starts with (external_id)"),
            (
                Severity::Warning,
                "support.toml:3:8: warning: public.tickets.assignee can be shown, but not compared, sorted or grouped: type public.citext belongs to extension citext"
            ),
        ]
    );
    database.drop().await;
}

#[tokio::test]
async fn the_example_cases_get_their_verdicts() {
    for server in servers() {
        let database = Database::create(&server, &shop_tables()).await;
        let (status, printed) = pgwarrant(&["rules", "test", "--rules", "rules", "--database", &database.url()]);
        assert!(status.success(), "{printed}");
        let (status, printed) = pgwarrant(&["rules", "lint", "--rules", "rules", "--database", &database.url()]);
        assert!(status.success() && printed.ends_with("0 errors, 3 warnings\n"), "{printed}");
        database.drop().await;
    }
}

#[tokio::test]
async fn a_case_with_another_verdict_fails_the_run_and_says_where_it_stands() {
    let database = Database::create(&servers()[0], &shop_tables()).await;
    let rules = tempfile::tempdir().expect("a directory");
    let case = "[table.\"public.orders\"]\nbounded_by = ['id']\n[[case]]\nname = 'all'\ngrants = ['SELECT (*) ON public.orders']\n\
                sql = 'SELECT id FROM orders'\nexpect = 'permit'";
    std::fs::write(rules.path().join("a.toml"), case).expect("a file");
    let dir = rules.path().to_str().expect("a path");
    let (status, printed) = pgwarrant(&["rules", "test", "--rules", dir, "--database", &database.url()]);
    assert_eq!(status.code(), Some(1));
    assert!(printed.contains("FAIL  all\n      a.toml:3: expected permit, got deny unbounded_scan"), "{printed}");
    assert!(printed.ends_with("0 of 1 cases passed\n"), "{printed}");
    database.drop().await;
}

fn pgwarrant(arguments: &[&str]) -> (std::process::ExitStatus, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgwarrant"));
    let output = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the binary runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status, text)
}

/// A rule, and what the linter must say of it on the database of traps; a `!` begins an error.
const LINTED: &[(&str, &str)] = &[
    ("[table.\"public.nothing\"]", "!public.nothing does not exist"),
    (
        "[table.\"public.customers\"]\nbounded_by = ['id', 'colour']",
        "!public.customers has no column colour, which bounded_by names",
    ),
    ("[table.\"public.customers\"]\nhidden = ['gone']", "!public.customers has no column gone, which hidden names"),
    (
        "[table.\"public.customers\"]\ntenant_column = 'tenant'",
        "!public.customers has no column tenant, which tenant_column names",
    ),
    ("[table.\"public.customers\"]\nbounded_by = ['id']\nhidden = ['id']", "!public.customers is bounded by id, which is hidden"),
    ("[table.\"public.customers\"]\nbounded_by = ['nick']", "!public.customers.nick cannot bound"),
    ("[table.\"public.customers\"]\nbounded_by = ['name']", "no index of public.customers starts with (name)"),
    ("[table.\"public.customers\"]\nbounded_by = ['email']", "no index of public.customers starts with (email)"),
    ("[table.\"public.customers\"]\nhidden = ['email']", "public.customers.search is generated from email, which is hidden"),
    ("[table.\"public.customers\"]", "public.customers is bounded by its unique keys alone"),
    ("[table.\"public.child\"]", "!nothing bounds public.child"),
    ("[table.\"public.names\"]", "!public.names is a view, not a [table]"),
    ("[view.\"public.customers\"]", "!public.customers is a table, not a [view]"),
    ("[table.\"public.counted\"]", "!public.counted is a materialized view"),
    ("[table.\"public.events_2026\"]", "public.events_2026 is a partition"),
    ("[table.\"public.parent\"]", "public.parent has inheritance children"),
    (
        "[table.\"public.customers\"]\nbounded_by = ['id']\nmax_range = { id = '31 days' }",
        "!max_range of public.customers.id does not fit",
    ),
    (
        "[table.\"public.customers\"]\nbounded_by = ['email']\nmax_range = { email = 5 }",
        "!max_range of public.customers.email does not fit",
    ),
    ("[table.\"public.customers\"]\nmax_range = { id = 5 }", "max_range of public.customers.id has no effect"),
    (
        "[functions]\nallow = ['public.even(text)']",
        "![functions] allow: public.even(text) does not exist\n  there is public.even(bigint)",
    ),
    (
        "[functions]\nallow = ['pg_catalog.pg_sleep(float8)']",
        "pg_catalog.pg_sleep(double precision) is refused by default: waits",
    ),
];

#[tokio::test]
async fn the_linter_says_what_the_database_does_not_bear_out() {
    let database = Database::create(&servers()[0], TRAPS).await;
    let client = connect(&database.config).await;
    for (text, expected) in LINTED {
        let (severity, words) = match expected.strip_prefix('!') {
            Some(words) => (Severity::Error, words),
            None => (Severity::Warning, *expected),
        };
        let found = findings(&client, &rules(text)).await;
        assert!(found.iter().any(|(s, shown)| *s == severity && shown.contains(words)), "{text}\n{found:#?}");
    }
    let quiet = "[table.\"public.events\"]\nbounded_by = [['at', 'tenant_id']]\nmax_range = { at = '7 days' }";
    assert_eq!(findings(&client, &rules(quiet)).await, [], "an index serves its columns in any order");
    database.drop().await;
}

const TENANTS: &str = r#"
[table."public.customers"]
bounded_by = ["id"]
hidden = ["ssn", "email"]
tenant_column = "tenant_id"
[view."public.product_catalogue"]
[table."public.nothing"]
[functions]
allow = ["public.order_total(integer)"]
"#;

const ROWS: &str = "
    INSERT INTO tenants SELECT i, 'T' || i, 'free', 'eu', 'k' FROM generate_series(1, 9) i;
    INSERT INTO customers (id, tenant_id, name, email, ssn, password_hash)
    SELECT i, i, 'C', 'e' || i, 's', 'p' FROM generate_series(1, 9) i";

#[tokio::test]
async fn the_database_itself_keeps_the_role_to_the_rules() {
    for server in servers() {
        let database = Database::create(&server, &shop_tables()).await;
        let (admin, reader) = (connect(&database.config).await, connect(&database.config).await);
        let (role, other) = (unique("reader"), unique("other"));
        admin.batch_execute(ROWS).await.expect("rows");
        let made = format!(
            "CREATE ROLE {role}; CREATE ROLE {other}; GRANT SELECT ON customers TO {other}; GRANT ALL ON customers, orders TO {role}"
        );
        admin.batch_execute(&made).await.expect("roles");
        for _ in 0..2 {
            let catalogue = load(&admin).await.expect("a catalogue");
            let script = sql::grants_and_row_security(&rules(TENANTS), &catalogue, &role, None);
            admin.batch_execute(&script).await.expect("the script runs, also again");
        }
        reader.batch_execute(&format!("SET ROLE {role}")).await.expect("the role");
        second_wall(&reader).await;
        admin.batch_execute(&format!("SET ROLE {other}")).await.expect("the other role");
        assert_eq!(count(&admin).await, 9, "row security changes nothing for other roles");
        admin
            .batch_execute(&format!("RESET ROLE; DROP OWNED BY {role}, {other}; DROP ROLE {role}, {other}"))
            .await
            .expect("cleared");
        database.drop().await;
    }
}

async fn second_wall(reader: &Client) {
    for refused in [
        "SELECT ssn FROM customers",
        "SELECT email FROM customers",
        "SELECT search FROM customers",
        "SELECT * FROM customers",
        "SELECT id FROM orders",
        "DELETE FROM customers",
        "SELECT id FROM products",
    ] {
        let error = reader.batch_execute(refused).await.expect_err(refused);
        assert_eq!(error.code().map(|c| c.code()), Some("42501"), "{refused}");
    }
    reader.batch_execute("SELECT name FROM product_catalogue").await.expect("a granted view");
    assert_eq!(count(reader).await, 0, "no tenant was said, so there is none");
    for (tenant, rows) in [("7", 1), ("7,8", 2), ("", 0), ("*", 9), ("77", 0)] {
        reader.batch_execute(&format!("SET pgwarrant.tenant = '{tenant}'")).await.expect("the setting");
        assert_eq!(count(reader).await, rows, "tenant {tenant:?}");
    }
}

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(id) FROM customers", &[]).await.expect("a count").get(0)
}

#[tokio::test]
async fn row_security_that_was_there_is_kept() {
    let database = Database::create(&servers()[0], &shop_tables()).await;
    let admin = connect(&database.config).await;
    let role = unique("reader");
    let own = format!(
        "CREATE ROLE {role}; ALTER TABLE customers ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON customers USING (id = 1)"
    );
    admin.batch_execute(&own).await.expect("a policy");
    for _ in 0..2 {
        let script = sql::grants_and_row_security(&rules(TENANTS), &load(&admin).await.expect("a catalogue"), &role, None);
        assert!(!script.contains("pgwarrant_others"), "a policy for everybody would open what was closed:\n{script}");
        admin.batch_execute(&script).await.expect("the script runs");
    }
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.expect("cleared");
    database.drop().await;
}

/// `rules/schema.json` for editors says the same as the reader: every example passes it, every key stands in it.
mod schema {
    use super::*;
    use pgwarrant::rules::{CASE_KEYS, FUNCTION_KEYS, OBJECT_KEYS, TABLE_KEYS, TOP_KEYS, VIEW_KEYS};
    use serde_json::Value;

    fn schema() -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/schema.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("the schema is there")).expect("the schema is JSON")
    }

    #[test]
    fn every_example_passes() {
        for (name, text) in read_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).expect("the examples") {
            let document: Value = toml::from_str(&text).expect("TOML");
            assert_eq!(check(&schema(), &schema(), &document, &name), Ok(()));
        }
    }

    #[test]
    fn what_the_reader_refuses_does_not_pass() {
        for text in [
            "x = 1",
            "mode = 'off'",
            "[table.\"public.a\"]\nmax_rows = 0",
            "[table.\"public.a\"]\nbounded_by = [5]",
            "[table.\"public.a\"]\nbounded_by = []",
            "[table.\"public.a\"]\ncolour = 5",
            "[view.\"public.a\"]\ntenant_column = 'x'",
            "[table.\"public.a\"]\nmax_range = { a = '1 month' }",
            "[[case]]\nname = 'x'",
            "[[case]]\nname = 'x'\ngrants = ['DELETE ON a.b']\nsql = ''\nexpect = 'deny'",
        ] {
            assert!(parse(&[("a.toml".into(), text.into())]).is_err(), "{text}");
            let document: Value = toml::from_str(text).expect("TOML");
            assert!(check(&schema(), &schema(), &document, "").is_err(), "{text}");
        }
    }

    #[test]
    fn the_keys_are_the_readers() {
        let schema = schema();
        let keys = |pointer: &str| -> Vec<String> {
            let properties = schema.pointer(pointer).and_then(Value::as_object).expect(pointer);
            properties.keys().cloned().collect()
        };
        let sorted = |known: &[&str]| {
            let mut known: Vec<String> = known.iter().map(|k| (*k).to_owned()).collect();
            known.sort();
            known
        };
        assert_eq!(keys("/properties"), sorted(&TOP_KEYS));
        assert_eq!(keys("/$defs/table/properties"), sorted(&TABLE_KEYS));
        assert_eq!(keys("/$defs/view/properties"), sorted(&VIEW_KEYS));
        assert_eq!(keys("/properties/functions/properties"), sorted(&FUNCTION_KEYS));
        for objects in ["triggers", "constraints"] {
            assert_eq!(keys(&format!("/properties/{objects}/properties")), sorted(&OBJECT_KEYS));
        }
        assert_eq!(keys("/$defs/case/properties"), sorted(&CASE_KEYS));
    }

    /// As much of JSON Schema as the schema uses; a keyword beyond it is an error.
    fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{at}: {what}"));
        for (keyword, rule) in schema.as_object().expect("a schema") {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let target = rule.as_str().and_then(|r| root.pointer(r.trim_start_matches('#'))).expect("a reference");
                    return check(root, target, value, at);
                }
                "type" => rule == type_of(value),
                "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
                "const" => rule == value,
                "minimum" => value.as_i64() >= rule.as_i64(),
                "minItems" => value.as_array().is_some_and(|a| a.len() as u64 >= rule.as_u64().expect("a number")),
                "pattern" => value.as_str().is_some_and(|text| matches(rule.as_str().expect("a pattern"), text)),
                "required" => rule.as_array().into_iter().flatten().all(|k| value.get(k.as_str().expect("a key")).is_some()),
                "anyOf" => rule.as_array().into_iter().flatten().any(|s| check(root, s, value, at).is_ok()),
                "items" => {
                    value.as_array().into_iter().flatten().try_for_each(|v| check(root, rule, v, at))?;
                    true
                }
                "properties" | "additionalProperties" => {
                    properties(root, schema, value, at)?;
                    true
                }
                other => panic!("the test does not know {other}"),
            };
            if !holds {
                return wrong(&format!("{value} against {keyword} {rule}"));
            }
        }
        Ok(())
    }

    fn properties(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (key, inner) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{key}");
            match (schema.get("properties").and_then(|p| p.get(key)), schema.get("additionalProperties")) {
                (Some(rule), _) => check(root, rule, inner, &at)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{at} is not known")),
                (None, Some(rule)) => check(root, rule, inner, &at)?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn type_of(value: &Value) -> &'static str {
        match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_i64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The two patterns of the schema.
    fn matches(pattern: &str, text: &str) -> bool {
        match pattern {
            "^[0-9]+ (second|minute|hour|day|week)s?$" => text.split_once(' ').is_some_and(|(number, unit)| {
                let unit = unit.strip_suffix('s').unwrap_or(unit);
                number.bytes().all(|b| b.is_ascii_digit()) && ["second", "minute", "hour", "day", "week"].contains(&unit)
            }),
            "^(permit|deny [a-z_]+)$" => {
                text == "permit"
                    || text
                        .strip_prefix("deny ")
                        .is_some_and(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            }
            other => panic!("the test does not know {other}"),
        }
    }
}
