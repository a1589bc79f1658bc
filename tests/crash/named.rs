//! What may happen to a write, one thing at a time. A clock that steps back is tried beside the code (`ledger::clock`), and
//! so is an fsync that fails (`ledger::testing`): neither can be had from outside of the process.

use std::time::{Duration, Instant};

use pgwarrant::ledger::{self, TransactionState};
use tokio_postgres::{Client, NoTls};

use crate::support::Cluster;
use crate::support::disk::SmallDisk;
use crate::support::postgres::block_on;
use crate::support::stage::{Setting, Stage};
use crate::{durable, judge};

async fn writer(stage: &Stage) -> Client {
    let url = stage.persona_url("writer", 3600).expect("a token");
    let (client, driver) = tokio_postgres::connect(&url, NoTls).await.expect("a session");
    tokio::spawn(driver);
    client
}

fn insert(note: &str) -> String {
    format!("INSERT INTO orders (tenant_id, customer_id, note) VALUES (7, 4166, '{note}')")
}

const READ: &str = "SELECT id FROM orders WHERE id = 26 AND tenant_id = 7";

/// SQLSTATE and reason of a refusal; `ok` where there is none.
async fn tried(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => match error.as_db_error() {
            Some(db) => format!("{} {}", db.code().code(), db.constraint().unwrap_or_default()),
            None => error.to_string(),
        },
    }
}

async fn there(stage: &Stage, note: &str) -> i64 {
    let admin = stage.cluster.connect("postgres", "shop").await.expect("a superuser");
    admin.query_one("SELECT count(*) FROM orders WHERE note = $1", &[&note]).await.expect("a count").get(0)
}

async fn wait_for(what: &str, client: &Client, sql: &str, is: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = tried(client, sql).await;
        if said == is {
            return;
        }
        assert!(Instant::now() < deadline, "in vain: {what}: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_server_that_does_not_wait_for_its_disk_does_so_for_the_record() {
    let lazy = durable().setting("synchronous_commit", "off").setting("wal_writer_delay", "10s");
    let mut stage = Stage::start(Setting { cluster: lazy.clone(), ..Setting::default() }).expect("a stage");
    block_on(async {
        let writer = writer(&stage).await;
        assert_eq!(tried(&writer, &insert("kept")).await, "ok");
        for sql in ["BEGIN", &insert("in a block"), "COMMIT"] {
            assert_eq!(tried(&writer, sql).await, "ok", "{sql}");
        }
        stage.cluster.crash_and_restart(&lazy).expect("it recovers");
        assert_eq!((there(&stage, "kept").await, there(&stage, "in a block").await), (1, 1), "a commit that was told is lost");
        judge::completeness(&stage);
    });
}

#[test]
fn a_write_whose_connection_breaks_is_settled_while_the_proxy_runs() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let (writer, admin) = (writer(&stage).await, stage.cluster.connect("postgres", "shop").await.expect("a superuser"));
        let blocker = stage.cluster.connect("postgres", "shop").await.expect("a superuser");
        blocker.batch_execute("BEGIN; LOCK TABLE pgwarrant.txn IN SHARE MODE").await.expect("locked");
        let write = tokio::spawn(async move { tried(&writer, &insert("broken")).await });
        let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'pgwarrant_writer'";
        let pid: i32 = loop {
            match admin.query_opt(waits, &[]).await.expect("pids") {
                Some(row) => break row.get(0),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        admin.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.expect("a superuser");
        assert_ne!(write.await.expect("no panic"), "ok");
        blocker.batch_execute("ROLLBACK").await.expect("released");
        judge::wait_until_settled(&stage);
        let all = ledger::transactions(&stage.home().join("ledger")).expect("the ledger reads");
        assert_eq!(all.iter().map(|one| one.state).collect::<Vec<_>>(), [Some(TransactionState::Aborted)]);
        assert_eq!(there(&stage, "broken").await, 0);
        judge::completeness(&stage);
    });
}

#[test]
fn on_a_disk_that_is_nearly_full_writes_stop_first_and_go_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount("48m") else { return };
    let config = vec![("ledger".to_owned(), "segment = \"1MiB\"\nlow_water = \"8MiB\"".to_owned())];
    std::fs::create_dir_all(disk.ledger()).expect("a directory");
    let stage = Stage::start(Setting { config, ledger: Some(disk.ledger()), cluster: Cluster::builder() }).expect("a stage");
    block_on(async {
        let writer = writer(&stage).await;
        assert_eq!(tried(&writer, &insert("before")).await, "ok");
        for sql in ["BEGIN", &insert("half")] {
            assert_eq!(tried(&writer, sql).await, "ok", "{sql}");
        }
        // Between the marks: writes stop at twice the low water.
        disk.fill_up_to(12 << 20);
        let other = self::writer(&stage).await;
        wait_for("writes are refused", &other, &insert("full"), "58030 ledger_unavailable").await;
        assert_eq!(tried(&other, READ).await, "ok", "reads go on");
        assert_eq!(tried(&writer, "COMMIT").await, "ok", "what has begun may end: that is what the room is kept for");
        disk.empty();
        wait_for("writes go on", &other, &insert("after"), "ok").await;
        assert_eq!((there(&stage, "half").await, there(&stage, "before").await), (1, 1));
        // What was refused left nothing: as many rows as successes.
        assert_eq!(there(&stage, "full").await, 0);
        assert_eq!(there(&stage, "after").await, 1);
        judge::wait_until_settled_in(&disk.ledger());
        judge::completeness(&stage);
    });
    drop(stage);
}

#[test]
fn without_the_audit_database_writes_go_on_up_to_the_bound_and_what_was_told_is_there() {
    let config = vec![("audit".to_owned(), "max_lag = 40".to_owned())];
    let stage = Stage::start(Setting { config, ..Setting::default() }).expect("a stage");
    block_on(async {
        let writer = writer(&stage).await;
        let close = "ALTER DATABASE audit ALLOW_CONNECTIONS false;
                     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'";
        stage.cluster.sql("postgres", close).expect("the audit database is gone");
        let mut committed = 0;
        let refused = loop {
            match tried(&writer, &insert("unmirrored")).await {
                said if said == "ok" => committed += 1,
                said => break said,
            }
            assert!(committed < 100, "the bound holds");
        };
        assert!(refused.starts_with("58030"), "{refused}");
        assert!(committed > 5, "only {committed}");
        assert_eq!(there(&stage, "unmirrored").await, committed, "what was refused is not there");
        stage.cluster.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true").expect("the audit database is back");
        wait_for("writes go on", &writer, &insert("mirrored"), "ok").await;
        judge::wait_until_settled(&stage);
        judge::completeness(&stage);
    });
}
