//! What the database's owner changes while a session holds a statement prepared: nothing unproven is released, and the
//! next execution is decided anew.

#[path = "session/raw.rs"]
mod raw;
mod support;

use raw::{Raw, Say};
use std::time::Duration;
use support::{Setting, Stage};

/// Runs the prepared statement `s` with one parameter: its row, or the reason of its refusal.
fn execute(agent: &mut Raw, value: &'static str) -> String {
    agent.say(&[Say::Bind("", "s", vec![Some(value)]), Say::Execute("", 0), Say::Sync]);
    agent.outcome()
}

struct Change {
    name: &'static str,
    persona: &'static str,
    statement: &'static str,
    value: &'static str,
    before: &'static str,
    ddl: &'static str,
    /// Every outcome that is right afterwards.
    after: &'static [&'static str],
}

const CHANGES: [Change; 6] = [
    Change {
        name: "a better overload",
        persona: "analyst",
        statement: "SELECT abs(price_cents) FROM products WHERE id = $1",
        value: "1",
        before: "row 107",
        ddl: "CREATE FUNCTION public.abs(public.cents) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint'; ANALYZE products",
        after: &["function_not_allowed"],
    },
    Change {
        name: "a policy that runs code",
        persona: "analyst",
        statement: "SELECT region FROM tenants WHERE id = $1",
        value: "1",
        before: "row ",
        ddl: "CREATE POLICY p ON tenants USING (EXISTS (SELECT peek('SELECT 1'))); ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
        after: &["implied_code", "function_not_allowed"],
    },
    Change {
        name: "a column of another type",
        persona: "analyst",
        statement: "SELECT category FROM products WHERE id = $1",
        value: "1",
        before: "row ",
        ddl: "DROP VIEW product_catalogue; ALTER TABLE products ALTER category TYPE integer USING 7",
        // As Postgres says: cached plan must not change result type.
        after: &["error 0A000"],
    },
    Change {
        name: "a column of another name",
        persona: "analyst",
        statement: "SELECT attributes FROM products WHERE id = $1",
        value: "2",
        before: "row ",
        // Postgres would hint at the new name.
        ddl: "ALTER TABLE products RENAME attributes TO attributez",
        after: &["undefined_object"],
    },
    Change {
        name: "a function with another body",
        persona: "support",
        statement: "SELECT order_total($1)",
        value: "45",
        before: "row ",
        ddl: "CREATE OR REPLACE FUNCTION public.order_total(order_id integer) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint'",
        // The rules allow it by its signature: it runs, but under another epoch.
        after: &["row 666"],
    },
    Change {
        name: "a view in the table's place",
        persona: "analyst",
        statement: "SELECT sku FROM products WHERE id = $1",
        value: "1",
        before: "row SKU-00001",
        ddl: "ALTER TABLE products RENAME TO old_products;
              CREATE VIEW products AS SELECT 1 AS id, secret AS sku, secret AS name, secret AS category, 1::bigint AS price_cents,
                '{}'::jsonb AS attributes, true AS active FROM api_keys;
              GRANT SELECT ON products TO PUBLIC",
        after: &["no_rule", "relation_not_granted", "implied_code", "unknown_relation"],
    },
];

#[test]
fn a_change_while_a_statement_is_prepared_is_decided_anew() {
    for (index, pause) in [Duration::ZERO, Duration::from_millis(400)].into_iter().enumerate() {
        let stage = Stage::start(Setting::default()).expect("a stage");
        for change in &CHANGES {
            let mut agent = Raw::connect(&stage.persona_url(change.persona, 600).expect("a token"), &[]);
            let prepared = agent.run(&[Say::Parse("s", change.statement), Say::Sync]);
            assert_eq!(prepared, ["parsed", "ready I"], "{}: {}", change.name, stage.proxy_log());
            let before = execute(&mut agent, change.value);
            assert!(before.starts_with(change.before), "{}: {before}", change.name);
            assert_eq!(execute(&mut agent, change.value), before);
            stage.cluster.sql("shop", change.ddl).expect(change.name);
            std::thread::sleep(pause);
            for _ in 0..2 {
                let after = execute(&mut agent, change.value);
                // Until an invalidation or the next read of the epoch the server runs what was proven.
                let still = pause.is_zero() && after == before;
                let right = still || change.after.contains(&after.as_str());
                assert!(right, "{} ({index}): {after}\n{}", change.name, stage.proxy_log());
            }
        }
    }
}

#[test]
fn a_change_inside_an_agents_block_is_decided_anew_too() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let change = &CHANGES[0];
    let mut agent = Raw::connect(&stage.persona_url(change.persona, 600).expect("a token"), &[]);
    agent.run(&[Say::Parse("s", change.statement), Say::Sync, Say::Query("BEGIN"), Say::Query("SELECT 1")]);
    assert_eq!(execute(&mut agent, change.value), change.before);
    stage.cluster.sql("shop", change.ddl).expect(change.name);
    let after = execute(&mut agent, change.value);
    // Locks of the block may keep the old statement what it was.
    assert!(after == change.before || change.after.contains(&after.as_str()), "{after}");
    assert_ne!(after, "row 666");
}
