//! Writes through the whole proxy: proven, bound to their commit, recorded, and settled after whatever happens.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use pgwarrant::ledger::tree::leaf_hash;
use pgwarrant::ledger::{Change, Entry, Item, Kind, Reader, TransactionState};
use support::postgres::block_on;
use support::stage::{Setting, Stage};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(driver);
    client
}

async fn agent(stage: &Stage, persona: &str) -> Client {
    connect(&stage.persona_url(persona, 3600).expect("a token")).await
}

async fn admin(stage: &Stage) -> Client {
    connect(&stage.cluster.admin_url("shop")).await
}

/// Entries with the hash of their bytes.
fn entries(stage: &Stage) -> Vec<(Entry, [u8; 32])> {
    entries_in(&stage.home().join("ledger"))
}

fn entries_in(dir: &Path) -> Vec<(Entry, [u8; 32])> {
    let mut reader = Reader::open(dir, 0).expect("the ledger opens");
    let mut found = Vec::new();
    loop {
        match reader.read().expect("the ledger reads") {
            Item::Entry { bytes, .. } => found.push((serde_json::from_slice(bytes).expect("an entry"), leaf_hash(bytes))),
            Item::Checkpoint { .. } => {}
            Item::End => return found,
        }
    }
}

/// The last `final` entry, waited for: nobody else waits for it.
async fn last_final(stage: &Stage, after: u64) -> Entry {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = entries(stage).into_iter().map(|(entry, _)| entry).rfind(|e| e.kind == Kind::Final && e.seq >= after);
        match found {
            Some(entry) => return entry,
            None => assert!(Instant::now() < deadline, "no final entry came:\n{}", stage.proxy_log()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn code(error: &tokio_postgres::Error) -> (String, String) {
    let error = error.as_db_error().unwrap_or_else(|| panic!("not the server's: {error}"));
    (error.code().code().to_owned(), error.constraint().unwrap_or_default().to_owned())
}

fn change(relation: &str, inserted: u64, updated: u64, deleted: u64) -> Change {
    Change { deleted, inserted, relation: relation.into(), updated }
}

const INSERT: &str = "INSERT INTO orders (tenant_id, customer_id, status, total_cents) VALUES (7, 4166, 'paid', 1990)";

#[test]
fn a_write_is_announced_recorded_in_its_own_transaction_and_settled() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        assert_eq!(writer.execute(INSERT, &[]).await.expect("it is proven"), 1);
        let total: i64 = admin
            .query_one("SELECT count(*) FROM orders WHERE customer_id = 4166 AND total_cents = 1990 AND id > 50000", &[])
            .await
            .expect("a count")
            .get(0);
        assert_eq!(total, 1);
        let last = last_final(&stage, 0).await;
        let all = entries(&stage);
        let (intent, leaf) = all.iter().find(|(e, _)| e.kind == Kind::Intent).expect("an intent");
        let outcome = &all.iter().find(|(e, _)| e.kind == Kind::Outcome).expect("an outcome").0;
        assert_eq!((outcome.reference, outcome.transaction_state), (Some(intent.seq), Some(TransactionState::Committing)));
        assert_eq!(outcome.changes, [change("public.orders", 1, 0, 0)]);
        assert_eq!(outcome.command_tag.as_deref(), Some("INSERT 0 1"));
        assert_eq!((last.reference, last.transaction_state), (Some(intent.seq), Some(TransactionState::Committed)));
        let row = admin.query_one("SELECT seq, state, leaf FROM pgwarrant.txn", &[]).await.expect("one row");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (intent.seq as i64, "committed"));
        assert_eq!(row.get::<_, &[u8]>(2), leaf);
    });
}

#[test]
fn what_is_refused_or_fails_leaves_nothing_behind() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        let digest = "SELECT md5(string_agg(o::text, '' ORDER BY id)) || (SELECT count(*) FROM pgwarrant.txn) FROM orders o";
        let before: String = admin.query_one(digest, &[]).await.expect("a digest").get(0);
        for (sql, expected) in [
            ("UPDATE orders SET status = 'paid' WHERE tenant_id = 8 AND id = 26", ("42501", "predicate_not_implied")),
            ("UPDATE orders SET status = 'paid'", ("42501", "unbounded_scan")),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (8, 4166)", ("42501", "predicate_not_implied")),
        ] {
            let error = writer.execute(sql, &[]).await.expect_err(sql);
            assert_eq!(code(&error), (expected.0.to_owned(), expected.1.to_owned()), "{sql}: {error:?}");
        }
        // The server itself refuses: no such customer.
        let sql = "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 999999999)";
        assert_eq!(code(&writer.execute(sql, &[]).await.expect_err(sql)).0, "23503");
        let after: String = admin.query_one(digest, &[]).await.expect("a digest").get(0);
        assert_eq!(before, after);
        let failed = entries(&stage).into_iter().map(|(e, _)| e).rfind(|e| e.kind == Kind::Outcome).expect("an outcome");
        assert_eq!((failed.transaction_state, failed.sqlstate.as_deref()), (Some(TransactionState::Aborted), Some("23503")));
        assert_eq!(writer.execute(INSERT, &[]).await.expect("the session goes on"), 1);
    });
}

#[test]
fn a_block_is_committed_as_a_whole_without_what_a_savepoint_took_back() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        let mine: Vec<i64> = admin
            .query("SELECT id FROM orders WHERE tenant_id = 7 ORDER BY id LIMIT 3", &[])
            .await
            .expect("orders")
            .iter()
            .map(|row| row.get(0))
            .collect();
        let update = |id: i64| format!("UPDATE orders SET note = 'mine' WHERE tenant_id = 7 AND id = {id}");
        for sql in
            ["BEGIN", &update(mine[0]), "SAVEPOINT s", &update(mine[1]), "ROLLBACK TO s", &update(mine[2]), INSERT, "COMMIT"]
        {
            writer.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        let noted = "SELECT array_agg(id ORDER BY id) FROM orders WHERE note = 'mine'";
        let found: Vec<i64> = admin.query_one(noted, &[]).await.expect("ids").get(0);
        assert_eq!(found, [mine[0], mine[2]]);
        last_final(&stage, 0).await;
        let all = entries(&stage);
        let commit = all.iter().find(|(e, _)| e.command_tag.as_deref() == Some("COMMIT")).expect("the commit");
        assert_eq!(commit.0.changes, [change("public.orders", 1, 2, 0)]);
        let first = all.iter().find(|(e, _)| e.kind == Kind::Outcome && !e.changes.is_empty()).expect("the first write");
        assert_eq!(commit.0.reference, Some(first.0.seq));
        let row = admin.query_one("SELECT seq, leaf FROM pgwarrant.txn", &[]).await.expect("one transaction");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &[u8]>(1)), (first.0.seq as i64, &first.1[..]));
    });
}

#[test]
fn a_block_that_is_rolled_back_or_left_is_settled_as_aborted() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let writer = agent(&stage, "writer").await;
        for sql in ["BEGIN", INSERT, "ROLLBACK"] {
            writer.batch_execute(sql).await.expect(sql);
        }
        let first = last_final(&stage, 0).await;
        assert_eq!(first.transaction_state, Some(TransactionState::Aborted));
        for sql in ["BEGIN", INSERT] {
            writer.batch_execute(sql).await.expect(sql);
        }
        drop(writer);
        assert_eq!(last_final(&stage, first.seq + 1).await.transaction_state, Some(TransactionState::Aborted));
        let rows: i64 =
            admin(&stage).await.query_one("SELECT count(*) FROM orders WHERE id > 50000", &[]).await.expect("a count").get(0);
        assert_eq!(rows, 0);
    });
}

#[test]
fn more_rows_than_the_grant_allows_are_rolled_back() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        // The grant says LIMIT 20; tenant 7 has thousands of orders.
        let sql =
            "UPDATE orders SET note = 'all' WHERE tenant_id = 7 AND created_at >= '2026-01-01Z' AND created_at < '2026-01-30Z'";
        let error = writer.execute(sql, &[]).await.expect_err("too many");
        assert_eq!(code(&error), ("53400".to_owned(), "row_limit".to_owned()), "{error:?}");
        let rows: i64 = admin.query_one("SELECT count(*) FROM orders WHERE note = 'all'", &[]).await.expect("a count").get(0);
        assert_eq!(rows, 0);
    });
}

/// A commit that hangs after it took place: no standby of this name ever answers.
const HANG: &str = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";

async fn hang(admin: &Client, on: bool) {
    admin.batch_execute("SET synchronous_commit = local").await.expect("a setting");
    admin.batch_execute(if on { HANG } else { "ALTER SYSTEM RESET synchronous_standby_names" }).await.expect("a superuser");
    admin.batch_execute("SELECT pg_reload_conf()").await.expect("a reload");
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn wait_for_hang(admin: &Client) {
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'pgwarrant_writer'";
    for _ in 0..200 {
        if admin.query_one(waits, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no commit hangs");
}

#[test]
fn a_connection_lost_during_commit_is_unknown_to_the_agent_and_settled_in_the_ledger() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        hang(&admin, true).await;
        let write = tokio::spawn(async move { (writer.execute(INSERT, &[]).await, writer) });
        wait_for_hang(&admin).await;
        // It committed on its own disk; the server gives up waiting for the standby, and the connection with it.
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pgwarrant_writer'";
        admin.batch_execute(kill).await.expect("killed");
        let (said, _writer) = write.await.expect("no panic");
        assert_eq!(code(&said.expect_err("nobody knows")).0, "08007");
        hang(&admin, false).await;
        let last = last_final(&stage, 0).await;
        assert_eq!(last.transaction_state, Some(TransactionState::Committed), "it did take place");
        let rows: i64 = admin.query_one("SELECT count(*) FROM orders WHERE id > 50000", &[]).await.expect("a count").get(0);
        assert_eq!(rows, 1);
    });
}

#[test]
fn a_proxy_killed_during_commit_finds_out_at_its_next_start() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        hang(&admin, true).await;
        let write = tokio::spawn(async move { writer.execute(INSERT, &[]).await });
        wait_for_hang(&admin).await;
        stage.take_proxy().expect("it runs").kill().expect("killed");
        assert!(write.await.expect("no panic").is_err(), "the agent saw nothing");
        hang(&admin, false).await;
        stage.start_proxy().expect("it starts again");
        let last = last_final(&stage, 0).await;
        assert_eq!(
            (last.transaction_state, last.message.as_deref()),
            (Some(TransactionState::Committed), Some("settled by recovery"))
        );
        assert_eq!(last.changes.iter().map(|c| c.inserted).sum::<u64>(), 1);
    });
}

#[test]
fn a_proxy_killed_before_commit_makes_sure_that_it_never_commits() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        let blocker = connect(&stage.cluster.admin_url("shop")).await;
        blocker.batch_execute("BEGIN; LOCK TABLE pgwarrant.txn IN SHARE MODE").await.expect("locked");
        let write = tokio::spawn(async move { writer.execute(INSERT, &[]).await });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'pgwarrant_writer'";
        while admin.query_one(waits, &[]).await.expect("a count").get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.take_proxy().expect("it runs").kill().expect("killed");
        assert!(write.await.expect("no panic").is_err());
        blocker.batch_execute("ROLLBACK").await.expect("released");
        stage.start_proxy().expect("it starts again");
        let last = last_final(&stage, 0).await;
        assert_eq!(last.transaction_state, Some(TransactionState::Aborted));
        let rows: i64 = admin.query_one("SELECT count(*) FROM orders WHERE id > 50000", &[]).await.expect("a count").get(0);
        assert_eq!(rows, 0);
    });
}

#[test]
fn without_the_schema_writes_are_refused_and_reads_go_on() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        admin(&stage).await.batch_execute("DROP SCHEMA pgwarrant CASCADE").await.expect("dropped");
        let writer = agent(&stage, "writer").await;
        let error = writer.execute(INSERT, &[]).await.expect_err("no schema");
        assert_eq!(code(&error), ("42501".to_owned(), "statement_not_allowed".to_owned()));
        assert!(error.as_db_error().and_then(|e| e.hint()).is_some_and(|hint| hint.contains("setup.sql")), "{error:?}");
        writer.query("SELECT id FROM orders WHERE id = 26 AND tenant_id = 7", &[]).await.expect("a read");
    });
}

#[test]
fn nobody_changes_the_record_and_the_role_cannot_even_read_it() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (agent(&stage, "writer").await, admin(&stage).await);
        writer.execute(INSERT, &[]).await.expect("a write");
        for sql in ["UPDATE pgwarrant.txn SET state = 'aborted'", "DELETE FROM pgwarrant.txn", "TRUNCATE pgwarrant.txn"] {
            let error = admin.batch_execute(sql).await.expect_err("append-only, for a superuser too");
            assert!(error.as_db_error().is_some_and(|e| e.message().contains("append-only")), "{error:?}");
        }
        for sql in ["SELECT * FROM pgwarrant.txn", "SELECT pgwarrant.settle('x', 1)", "SELECT pgwarrant.record('x', 1, '', '{}')"]
        {
            let error = writer.query(sql, &[]).await.expect_err(sql);
            assert_eq!(code(&error).0, "42501", "{sql}: {error:?}");
        }
    });
}

/// What `support` may call, made to write wherever it can.
const SPY: &str = "
    CREATE TABLE public.spied (at timestamptz DEFAULT now());
    CREATE OR REPLACE FUNCTION public.order_total(order_id integer) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER
        AS $$ BEGIN INSERT INTO public.spied DEFAULT VALUES; RETURN 1; END $$;";

#[test]
fn a_function_that_a_read_calls_writes_nothing_whatever_the_transaction() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let admin = admin(&stage).await;
        admin.batch_execute(SPY).await.expect("a function that writes");
        let agent = agent(&stage, "support").await;
        let locks = "SELECT order_total(5) FROM tickets WHERE id = 45 AND tenant_id = 7 FOR UPDATE";
        let plain = "SELECT order_total(5)";
        for steps in [
            &[plain][..],
            &[locks],
            &["BEGIN", plain, "COMMIT"],
            &["BEGIN", locks, "COMMIT"],
            &["BEGIN", "EXPLAIN SELECT order_total(5)", "COMMIT"],
            // The server forgets READ ONLY with the savepoint.
            &["BEGIN", "SAVEPOINT s", "SET TRANSACTION READ ONLY", "ROLLBACK TO s", plain, "COMMIT"],
            &["BEGIN", "UPDATE tickets SET priority = 2 WHERE id = 45 AND tenant_id = 7", plain, "COMMIT"],
            &["UPDATE tickets SET priority = order_total(5) WHERE id = 45 AND tenant_id = 7"],
        ] {
            for step in steps {
                // Most of them fail; what counts is what is left.
                let _ = agent.batch_execute(step).await;
            }
            agent.batch_execute("ROLLBACK").await.expect("the session goes on");
            let written: i64 = admin.query_one("SELECT count(*) FROM spied", &[]).await.expect("a count").get(0);
            assert_eq!(written, 0, "{steps:?}");
        }
        admin.batch_execute("SELECT public.order_total(5)").await.expect("it does write where it may");
        let written: i64 = admin.query_one("SELECT count(*) FROM spied", &[]).await.expect("a count").get(0);
        assert_eq!(written, 1);
    });
}

#[test]
fn rows_locked_outside_of_a_block_are_read() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let agent = agent(&stage, "support").await;
        let sql = "SELECT id FROM tickets WHERE id = 45 AND tenant_id = 7 FOR UPDATE";
        for _ in 0..2 {
            assert_eq!(agent.query(sql, &[]).await.expect("it is proven").len(), 1);
        }
    });
}

#[test]
fn a_write_whose_result_is_withheld_announces_no_transaction() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (agent, admin) = (agent(&stage, "support").await, admin(&stage).await);
        // Tenant 7 has 250 customers, the grant returns 100.
        let withheld = "WITH u AS (UPDATE tickets SET priority = 9 WHERE id = 45 AND tenant_id = 7 RETURNING id)
            SELECT c.id FROM customers c WHERE c.tenant_id = 7";
        let update = "UPDATE tickets SET priority = 4 WHERE id = 45 AND tenant_id = 7";
        agent.batch_execute("BEGIN; ").await.expect("a block");
        agent.batch_execute("SAVEPOINT s").await.expect("a savepoint");
        assert_eq!(code(&agent.batch_execute(withheld).await.expect_err("too many rows")).1, "row_limit");
        for sql in ["ROLLBACK TO s", update, "COMMIT"] {
            agent.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        last_final(&stage, 0).await;
        let found = pgwarrant::ledger::transactions(&stage.home().join("ledger")).expect("the ledger reads");
        let [one] = found.as_slice() else { panic!("one transaction: {found:?}") };
        assert_eq!(
            (one.state, one.changes.as_slice()),
            (Some(TransactionState::Committed), &[change("public.tickets", 0, 1, 0)][..])
        );
        let row = admin.query_one("SELECT seq, leaf FROM pgwarrant.txn", &[]).await.expect("one row");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &[u8]>(1)), (one.seq as i64, &one.leaf[..]));
        let priority: i16 = admin.query_one("SELECT priority FROM tickets WHERE id = 45", &[]).await.expect("a row").get(0);
        assert_eq!(priority, 4);
    });
}

#[test]
fn writes_of_one_block_that_come_at_once_are_one_transaction() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let agent = agent(&stage, "support").await;
        let update = |priority: u8| format!("UPDATE tickets SET priority = {priority} WHERE id = 45 AND tenant_id = 7");
        let (read, failing) = (
            "SELECT id FROM tickets WHERE id = 45 AND tenant_id = 7",
            "SELECT 1 / (id - 45) FROM tickets WHERE id = 45 AND tenant_id = 7",
        );
        let several = [&update(1), read, &update(2), &update(3)].map(ToString::to_string).join("; ");
        // In one Query with BEGIN and COMMIT, in a Query inside of a block, and taken back by an error behind them.
        agent.batch_execute(&format!("BEGIN; {several}; COMMIT")).await.expect("it is granted");
        agent.batch_execute("BEGIN").await.expect("a block");
        agent.batch_execute(&several).await.expect("it is granted");
        agent.batch_execute("COMMIT").await.expect("it commits");
        agent.batch_execute("BEGIN").await.expect("a block");
        agent.batch_execute(&format!("{several}; {failing}")).await.expect_err("it divides by zero");
        agent.batch_execute("ROLLBACK").await.expect("it rolls back");
        let deadline = Instant::now() + Duration::from_secs(20);
        while last_final(&stage, 0).await.transaction_state != Some(TransactionState::Aborted) {
            assert!(Instant::now() < deadline, "no final entry says so");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let found = pgwarrant::ledger::transactions(&stage.home().join("ledger")).expect("the ledger reads");
        let states: Vec<_> = found.iter().map(|one| (one.state, one.changes.clone())).collect();
        let three = vec![change("public.tickets", 0, 3, 0)];
        let committed = (Some(TransactionState::Committed), three);
        assert_eq!(states, [committed.clone(), committed, (Some(TransactionState::Aborted), Vec::new())]);
    });
    // Nothing is left for recovery to settle.
    let left = pgwarrant::ledger::unsettled(&stage.home().join("ledger")).expect("the ledger reads");
    assert_eq!(left, Vec::<u64>::new());
}
