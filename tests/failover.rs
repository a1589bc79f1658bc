//! A standby is promoted that lacks commits which agents were told of: the ledger names each of them, and no other.

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use pgwarrant::ledger::{self, TransactionState};
use support::Cluster;
use support::postgres::block_on;
use support::stage::{Setting, Stage};
use support::standby::Standby;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

fn ledger_of(stage: &Stage) -> PathBuf {
    stage.home().join("ledger")
}

async fn writer(stage: &Stage) -> Client {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match tokio_postgres::connect(&stage.persona_url("writer", 3600).expect("a token"), NoTls).await {
            Ok((client, driver)) => {
                tokio::spawn(driver);
                return client;
            }
            Err(error) => assert!(Instant::now() < deadline, "no session: {error}\n{}", stage.proxy_log()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn insert(note: &str) -> String {
    format!("INSERT INTO orders (tenant_id, customer_id, note) VALUES (7, 4166, '{note}')")
}

/// Committed, and the entry that announced it.
async fn commit(client: &Client, stage: &Stage, note: &str) -> u64 {
    let before = announced(stage);
    client.batch_execute(&insert(note)).await.unwrap_or_else(|error| panic!("{note}: {error:?}"));
    new_one(stage, &before)
}

async fn commit_block(client: &Client, stage: &Stage, notes: &[&str]) -> u64 {
    let before = announced(stage);
    client.batch_execute("BEGIN").await.expect("a block");
    for note in notes {
        client.batch_execute(&insert(note)).await.unwrap_or_else(|error| panic!("{note}: {error:?}"));
    }
    client.batch_execute("COMMIT").await.expect("committed");
    let said = client.simple_query("SHOW pgwarrant.receipt").await.expect("a receipt");
    assert!(said.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))), "the receipt was seen");
    new_one(stage, &before)
}

fn announced(stage: &Stage) -> BTreeSet<u64> {
    ledger::transactions(&ledger_of(stage)).expect("the ledger reads").into_iter().map(|one| one.seq).collect()
}

fn new_one(stage: &Stage, before: &BTreeSet<u64>) -> u64 {
    let new: Vec<u64> = announced(stage).difference(before).copied().collect();
    assert_eq!(new.len(), 1, "one transaction is new");
    new[0]
}

fn with_state(stage: &Stage, state: TransactionState) -> BTreeSet<u64> {
    let all = ledger::transactions(&ledger_of(stage)).expect("the ledger reads");
    all.into_iter().filter(|one| one.state == Some(state)).map(|one| one.seq).collect()
}

fn wait_for_lost(stage: &Stage, expected: &BTreeSet<u64>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while with_state(stage, TransactionState::LostByFailover) != *expected {
        let found = with_state(stage, TransactionState::LostByFailover);
        assert!(Instant::now() < deadline, "lost are {expected:?}, the ledger says {found:?}:\n{}", stage.proxy_log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn wait_for_committed(stage: &Stage, expected: &BTreeSet<u64>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !with_state(stage, TransactionState::Committed).is_superset(expected) {
        assert!(Instant::now() < deadline, "{}", stage.proxy_log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn pgwarrant(stage: &Stage, args: &[&str]) -> String {
    let mut command = Command::new(support::proxy::binary().expect("the binary"));
    command.args(args).arg("--config").arg(stage.config());
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

async fn notes(stage: &Stage) -> Vec<String> {
    let admin = stage.cluster.connect("postgres", "shop").await.expect("a superuser");
    let sql = "SELECT note FROM orders WHERE id > 100000 AND note IS NOT NULL ORDER BY note";
    admin.query(sql, &[]).await.expect("notes").iter().map(|row| row.get(0)).collect()
}

/// All that is promised of a failover, once it took place.
async fn check(stage: &Stage, kept: &BTreeSet<u64>, lost: &BTreeSet<u64>) {
    wait_for_lost(stage, lost);
    let client = writer(stage).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = client.batch_execute(&insert("after")).await {
        assert!(Instant::now() < deadline, "{error:?}\n{}", stage.proxy_log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let committed = with_state(stage, TransactionState::Committed);
    assert!(committed.is_superset(kept) && committed.is_disjoint(lost), "{committed:?}");
    let said = pgwarrant(stage, &["recover", "--explain"]);
    assert!(said.contains(&format!("{} lost by failover", lost.len())), "{said}");
    for anchor in lost {
        assert!(said.contains(&format!("entry {anchor}: committed once, and lost")), "{said}");
    }
    for anchor in kept {
        assert!(!said.contains(&format!("entry {anchor}: committed once")), "{said}");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    pgwarrant(stage, &["audit", "completeness"]);
    assert_eq!(notes(stage).await, ["after", "kept", "kept too"]);
    // A second look finds nothing more.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(with_state(stage, TransactionState::LostByFailover), *lost);
}

#[test]
fn a_running_proxy_names_each_commit_that_the_promoted_standby_lacks() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let client = writer(&stage).await;
        let kept = BTreeSet::from([commit(&client, &stage, "kept").await, commit_block(&client, &stage, &["kept too"]).await]);
        let standby = Standby::of(&stage.cluster).expect("a copy");
        let lost =
            BTreeSet::from([commit(&client, &stage, "lost").await, commit_block(&client, &stage, &["lost", "and this"]).await]);
        wait_for_committed(&stage, &kept);
        wait_for_committed(&stage, &lost);
        standby.take_over(&mut stage.cluster, &Cluster::builder()).expect("promoted");
        check(&stage, &kept, &lost).await;
    });
}

#[test]
fn a_proxy_that_was_down_meanwhile_names_them_when_it_starts() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    block_on(async {
        let client = writer(&stage).await;
        let kept = BTreeSet::from([commit(&client, &stage, "kept").await, commit_block(&client, &stage, &["kept too"]).await]);
        let standby = Standby::of(&stage.cluster).expect("a copy");
        let lost = BTreeSet::from([commit(&client, &stage, "lost").await]);
        wait_for_committed(&stage, &lost);
        stage.take_proxy().expect("it runs").kill().expect("killed");
        standby.take_over(&mut stage.cluster, &Cluster::builder()).expect("promoted");
        stage.start_proxy().expect("it starts again");
        check(&stage, &kept, &lost).await;
    });
}
