//! What was proven is what runs: the database changes between two executions of a prepared statement, under a stock driver.
//! Nothing unproven is released, the epoch in the ledger moves, and the next execution is decided anew.

mod support;

use std::time::{Duration, Instant};
use support::postgres::block_on;
use support::{Setting, Stage};
use tokio_postgres::{Client, NoTls, Statement};

struct Change {
    name: &'static str,
    persona: &'static str,
    statement: &'static str,
    key: i64,
    ddl: &'static str,
    undo: &'static str,
    /// What may come back once the change is seen: a row's text, or `error` with a reason or an SQLSTATE.
    after: &'static [&'static str],
    /// Whether Postgres itself may go on with what was proven until the epoch is read again.
    old_until_seen: bool,
}

const CHANGES: &[Change] = &[
    Change {
        name: "a better overload of a function",
        persona: "analyst",
        statement: "SELECT abs(price_cents)::text FROM products WHERE id::bigint = $1",
        key: 1,
        ddl: "CREATE FUNCTION public.abs(public.cents) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint'; ANALYZE products",
        undo: "DROP FUNCTION public.abs(public.cents)",
        after: &["error function_not_allowed"],
        old_until_seen: true,
    },
    Change {
        name: "a better overload of an operator",
        persona: "analyst",
        statement: "SELECT (price_cents + 0)::text FROM products WHERE id::bigint = $1",
        key: 1,
        ddl: "CREATE FUNCTION public.leak(public.cents, integer) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint';
              CREATE OPERATOR public.+ (LEFTARG = public.cents, RIGHTARG = integer, FUNCTION = public.leak); ANALYZE products",
        undo: "DROP FUNCTION public.leak(public.cents, integer) CASCADE",
        after: &["error operator_not_allowed", "error function_not_allowed"],
        old_until_seen: true,
    },
    Change {
        name: "an equality of an enum that lets every row through",
        persona: "support",
        statement: "SELECT count(*)::text FROM orders WHERE tenant_id = 7 AND id = $1 AND status = 'cancelled'",
        key: 5,
        ddl: "CREATE FUNCTION public.leak(public.order_status, public.order_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
              CREATE OPERATOR public.= (LEFTARG = public.order_status, RIGHTARG = public.order_status, FUNCTION = public.leak);
              ANALYZE orders",
        undo: "DROP FUNCTION public.leak(public.order_status, public.order_status) CASCADE",
        after: &["error operator_not_allowed", "error function_not_allowed"],
        old_until_seen: true,
    },
    Change {
        name: "a cast of an enum to text",
        persona: "support",
        statement: "SELECT status::text FROM orders WHERE tenant_id = 7 AND id = $1",
        key: 5,
        ddl: "CREATE FUNCTION public.leak(public.order_status) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM api_keys LIMIT 1';
              CREATE CAST (public.order_status AS text) WITH FUNCTION public.leak(public.order_status); ANALYZE orders",
        undo: "DROP FUNCTION public.leak(public.order_status) CASCADE",
        after: &["error function_not_allowed", "error operator_not_allowed"],
        old_until_seen: true,
    },
    Change {
        name: "a function with another body",
        persona: "support",
        statement: "SELECT order_total($1::bigint::integer)::text",
        key: 45,
        ddl: "CREATE OR REPLACE FUNCTION public.order_total(order_id integer) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint'",
        undo: "CREATE OR REPLACE FUNCTION public.order_total(order_id integer) RETURNS bigint LANGUAGE sql STABLE
               AS 'SELECT coalesce(sum(quantity * price_cents), 0)::bigint FROM public.order_items i WHERE i.order_id = $1'",
        // The rules allow it by its signature, so it runs; but only under the new epoch.
        after: &["666"],
        old_until_seen: false,
    },
    Change {
        name: "a table renamed and another in its place",
        persona: "analyst",
        statement: "SELECT category FROM products WHERE id::bigint = $1",
        key: 1,
        ddl: "BEGIN; ALTER TABLE products RENAME TO products_before; CREATE TABLE products (LIKE products_before INCLUDING DEFAULTS);
              INSERT INTO products SELECT id, sku, name, 'replaced', price_cents, attributes, active FROM products_before;
              GRANT SELECT ON products TO PUBLIC; COMMIT",
        undo: "DROP TABLE products; ALTER TABLE products_before RENAME TO products",
        after: &["replaced"],
        old_until_seen: false,
    },
    Change {
        name: "a table that no grant names in the place of one that is granted",
        persona: "analyst",
        statement: "SELECT region FROM tenants WHERE id::bigint = $1",
        key: 7,
        ddl: "BEGIN; ALTER TABLE tenants RENAME TO tenants_before; CREATE VIEW tenants AS
                SELECT id, secret AS name, secret AS plan, secret AS region, secret AS billing_key FROM api_keys;
              GRANT SELECT ON tenants TO PUBLIC; COMMIT",
        undo: "DROP VIEW tenants; ALTER TABLE tenants_before RENAME TO tenants",
        after: &["error relation_not_granted", "error no_rule", "error implied_code", "error unknown_relation"],
        old_until_seen: false,
    },
    Change {
        name: "row security that shows no row",
        persona: "analyst",
        statement: "SELECT plan FROM tenants WHERE id::bigint = $1",
        key: 7,
        ddl: "CREATE POLICY nothing ON tenants USING (false); ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
        undo: "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY; DROP POLICY nothing ON tenants",
        after: &["no row"],
        old_until_seen: false,
    },
    Change {
        name: "a policy that runs code of a user",
        persona: "analyst",
        statement: "SELECT name FROM tenants WHERE id::bigint = $1",
        key: 7,
        ddl: "CREATE POLICY code ON tenants USING (EXISTS (SELECT peek('SELECT 1'))); ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
        undo: "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY; DROP POLICY code ON tenants",
        after: &["error implied_code", "error function_not_allowed"],
        old_until_seen: false,
    },
    Change {
        name: "a column dropped and added again",
        persona: "analyst",
        statement: "SELECT sku FROM products WHERE id::bigint = $1",
        key: 1,
        ddl: "BEGIN; DROP VIEW product_catalogue; ALTER TABLE products RENAME sku TO sku_before;
              ALTER TABLE products ADD COLUMN sku text DEFAULT 'anew'; GRANT SELECT ON products TO PUBLIC; COMMIT",
        undo: "ALTER TABLE products DROP COLUMN sku; ALTER TABLE products RENAME sku_before TO sku",
        after: &["anew"],
        old_until_seen: false,
    },
    Change {
        name: "a function in the search path that fits better than a built-in",
        persona: "analyst",
        statement: "SELECT upper(sku::varchar) FROM products WHERE id::bigint = $1",
        key: 1,
        ddl: "CREATE FUNCTION public.upper(varchar) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM api_keys LIMIT 1'; ANALYZE products",
        undo: "DROP FUNCTION public.upper(varchar)",
        after: &["error function_not_allowed"],
        old_until_seen: true,
    },
];

/// A prepared statement of one agent.
struct Agent {
    client: Client,
    prepared: Statement,
}

impl Agent {
    async fn prepare(stage: &Stage, change: &Change) -> Agent {
        let client = connect(&stage.persona_url(change.persona, 900).expect("a token")).await;
        let prepared = client.prepare(change.statement).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{}: {error:?}\n{}", change.name, stage.proxy_log()));
        Agent { client, prepared }
    }

    /// The first row's text, `no row`, or `error` and what it says of itself.
    async fn execute(&self, key: i64) -> String {
        match self.client.query(&self.prepared, &[&key]).await {
            Ok(rows) => rows.first().map_or("no row".to_owned(), |row| row.get::<_, Option<String>>(0).unwrap_or_default()),
            Err(error) => {
                let report = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
                format!("error {}", report.constraint().unwrap_or(report.code().code()))
            }
        }
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it takes connections");
    tokio::spawn(connection);
    client
}

/// Epochs under which executions were decided, permitted and refused, in the ledger's order, after the first `before`.
async fn epochs(auditor: &Client, before: i64, count: usize) -> Vec<String> {
    let sql = "SELECT epoch FROM (SELECT seq, epoch FROM audit.statements WHERE kind = 'outcome'
               UNION ALL SELECT seq, epoch FROM audit.denials) AS e ORDER BY seq OFFSET $1";
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let rows = auditor.query(sql, &[&before]).await.expect("the auditor reads");
        if rows.len() >= count {
            return rows.iter().map(|row| row.get(0)).collect();
        }
        assert!(Instant::now() < deadline, "{} of {count} entries are in the mirror", rows.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Executes seven times.
async fn change(stage: &Stage, auditor: &Client, number: usize, wrong: &mut Vec<String>) {
    let change = &CHANGES[number];
    let agent = Agent::prepare(stage, change).await;
    let before = agent.execute(change.key).await;
    assert!(!before.starts_with("error") && before != "no row", "{}: {before}", change.name);
    assert_eq!(agent.execute(change.key).await, before, "{}", change.name);
    stage.cluster.sql("shop", change.ddl).expect(change.name);
    let mut say = |when: &str, found: &str| wrong.push(format!("{}, {when}: {found} (before: {before})", change.name));
    // At once, and when the change is surely known.
    let at_once = agent.execute(change.key).await;
    let right = change.after.contains(&at_once.as_str()) || (change.old_until_seen && at_once == before);
    if !right {
        say("at once", &at_once);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..2 {
        let after = agent.execute(change.key).await;
        if !change.after.contains(&after.as_str()) {
            say("later", &after);
        }
    }
    let found = epochs(auditor, 7 * number as i64, 5).await;
    let (first, last) = (&found[1], &found[4]);
    if first == last {
        say("in the ledger", "the epoch did not move");
    }
    // A function that the rules allow runs with its new body, which no proof under the old epoch covers.
    if at_once != before && &found[2] == first {
        say("in the ledger", "a new result under the old epoch");
    }
    stage.cluster.sql("shop", change.undo).expect(change.name);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // A refusal may be decided under what was last known; before a statement runs the epoch is read again.
    agent.client.simple_query("SELECT 1").await.expect("a statement that reads nothing");
    // The same session goes on, and what may run again does.
    let undone = agent.execute(change.key).await;
    if undone != before {
        say("undone", &undone);
    }
}

#[test]
fn a_change_under_a_prepared_statement_is_decided_anew() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let mut wrong = Vec::new();
    block_on(async {
        let auditor = connect(&stage.audit_url().expect("an auditor")).await;
        for number in 0..CHANGES.len() {
            change(&stage, &auditor, number, &mut wrong).await;
        }
    });
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), stage.proxy_log());
}

/// An overload comes and goes while agents execute without a pause.
#[test]
fn no_execution_of_many_meets_a_change_unproven() {
    const ROUNDS: usize = 8;
    let stage = Stage::start(Setting::default()).expect("a stage");
    let overload = &CHANGES[0];
    let (mut plain, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            for _ in 0..ROUNDS {
                for ddl in [overload.ddl, overload.undo] {
                    std::thread::sleep(Duration::from_millis(400));
                    stage.cluster.sql("shop", ddl).expect("the owner may");
                }
            }
        });
        block_on(async {
            let mut agents = Vec::new();
            for _ in 0..3 {
                agents.push(Agent::prepare(&stage, overload).await);
            }
            while !owner.is_finished() {
                // Keeps the epoch read while everything else is refused.
                let _ = agents[0].client.simple_query("SELECT 1").await;
                for agent in &agents {
                    match agent.execute(overload.key).await.as_str() {
                        "107" => plain += 1,
                        "error catalogue_changed" => refused += 1,
                        found if overload.after.contains(&found) => refused += 1,
                        other => panic!("{other}\n{}", stage.proxy_log()),
                    }
                }
            }
        });
    });
    println!("{plain} executions as proven, {refused} refused");
    assert!(plain > 0 && refused > 0, "{plain} {refused}");
}

/// An agent's own block pins neither the old functions nor the old proof.
#[test]
fn a_change_inside_a_block_is_never_released_under_the_old_proof() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let auditor = connect(&stage.audit_url().expect("an auditor")).await;
        let mut entries = 0;
        for name in ["a better overload of a function", "a function with another body"] {
            let change = CHANGES.iter().find(|change| change.name == name).expect("it stands above");
            let agent = Agent::prepare(&stage, change).await;
            agent.client.batch_execute("BEGIN").await.expect("a block");
            let before = agent.execute(change.key).await;
            stage.cluster.sql("shop", change.ddl).expect(name);
            let after = agent.execute(change.key).await;
            agent.client.batch_execute("ROLLBACK").await.expect("the end of the block");
            let known = [before.as_str(), "error catalogue_changed"].iter().chain(change.after).any(|known| *known == after);
            assert!(known, "{name}: {after}\n{}", stage.proxy_log());
            let found = epochs(&auditor, entries, 2).await;
            assert!(after == before || after.starts_with("error") || found[0] != found[1], "{name}: {after} under the old epoch");
            entries += 2;
        }
    });
}
