//! What happens to the record when something dies: the proxy, the audit database, the disk.

#[path = "session/raw.rs"]
mod raw;
mod support;

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pgwarrant::ledger::{Entry, Item, Kind, Reader};
use pgwarrant::wire::request;
use raw::Raw;
use support::disk::SmallDisk;
use support::stage::{Setting, Stage};

const CLIENTS: u64 = 4;

/// A row with this number, or what was said instead.
fn ask(session: &mut Raw, number: u64) -> String {
    let mut out = BytesMut::new();
    request::query(&mut out, &format!("SELECT {number} AS n")).expect("it is short");
    session.send_bytes(&out);
    session.outcome()
}

fn agent(stage: &Stage) -> Raw {
    Raw::connect(&stage.persona_url("analyst", 3600).expect("a token"), &[])
}

fn entries(dir: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(dir, 0).expect("the ledger opens");
    let mut found = Vec::new();
    loop {
        match reader.read().expect("the ledger reads") {
            Item::Entry { bytes, .. } => found.push(serde_json::from_slice(bytes).expect("an entry")),
            Item::Checkpoint { .. } => {}
            Item::End => return found,
        }
    }
}

/// Values of all outcomes.
fn recorded(dir: &Path) -> HashSet<u64> {
    let outcomes = entries(dir).into_iter().filter(|entry| entry.kind == Kind::Outcome);
    outcomes.flat_map(|entry| entry.values).flatten().filter_map(|value| value.parse().ok()).collect()
}

fn verify(stage: &Stage, ledger: &Path) {
    let mut command = Command::new(support::proxy::binary().expect("the binary"));
    command.arg("verify").arg("--ledger").arg(ledger).arg("--key").arg(stage.home().join("keys/ledger.vkey"));
    support::stage::run(&mut command).expect("the ledger verifies");
}

fn wait(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Clients ask for numbers of their own until the proxy is gone; the numbers that came back whole.
fn received_until_it_dies(stage: &Stage, first: u64) -> Vec<thread::JoinHandle<Vec<u64>>> {
    let next = Arc::new(AtomicU64::new(first));
    let client = |_| {
        let (mut session, next) = (agent(stage), next.clone());
        thread::spawn(move || {
            let mut received = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(&mut session, number)));
                match asked {
                    Ok(said) if said == format!("row {number}") => received.push(number),
                    _ => return received,
                }
            }
        })
    };
    (0..CLIENTS).map(client).collect()
}

#[test]
fn what_a_client_received_is_on_record_after_kill_9() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    let ledger = stage.home().join("ledger");
    let mut entries_before = 0;
    for round in 1..=3 {
        let clients = received_until_it_dies(&stage, round * 1_000_000);
        thread::sleep(Duration::from_millis(700));
        stage.take_proxy().expect("it runs").kill().expect("it is killed");
        let received: Vec<u64> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
        assert!(received.len() > 10, "only {} results", received.len());
        stage.start_proxy().expect("it starts again");
        let recorded = recorded(&ledger);
        let missing: Vec<u64> = received.iter().copied().filter(|number| !recorded.contains(number)).collect();
        assert!(missing.is_empty(), "released and not on record: {missing:?}");
        let found = entries(&ledger);
        assert!(found.len() >= entries_before + received.len(), "the log goes on");
        assert!(found.iter().zip(0..).all(|(entry, seq)| entry.seq == seq));
        entries_before = found.len();
        assert_eq!(ask(&mut agent(&stage), 7), "row 7", "{}", stage.proxy_log());
    }
    stage.stop_proxy();
    verify(&stage, &ledger);
    let boots: HashSet<String> = entries(&ledger).into_iter().map(|entry| entry.boot).collect();
    assert_eq!(boots.len(), 4, "one for each start");
}

#[test]
fn refused_connections_are_summed_up_when_the_proxy_ends() {
    let mut stage = Stage::start(Setting::default()).expect("a stage");
    for _ in 0..3 {
        assert!(Raw::try_connect(&stage.agent_url("agent", "no-token"), &[]).is_err());
    }
    stage.stop_proxy();
    let summed: u64 = entries(&stage.home().join("ledger")).iter().filter_map(|entry| entry.count).sum();
    assert!(summed >= 3, "{summed}");
}

#[test]
fn without_the_audit_database_service_goes_on_up_to_the_bound_and_again_after() {
    const MAX_LAG: u64 = 30;
    let config = vec![("audit".to_owned(), format!("max_lag = {MAX_LAG}"))];
    let stage = Stage::start(Setting { config, ..Setting::default() }).expect("a stage");
    let mut session = agent(&stage);
    assert_eq!(ask(&mut session, 1), "row 1");
    let close = "ALTER DATABASE audit ALLOW_CONNECTIONS false;
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'";
    stage.cluster.sql("postgres", close).expect("the audit database is gone");
    let mut served = Vec::new();
    let refused = loop {
        let number = 100 + served.len() as u64;
        match ask(&mut session, number) {
            said if said == format!("row {number}") => served.push(number),
            said => break said,
        }
        // The one that goes beyond the bound is the last.
        assert!(served.len() as u64 <= MAX_LAG + 1, "the bound holds");
    };
    assert_eq!(refused, "ledger_unavailable");
    assert!(served.len() as u64 > MAX_LAG / 2, "only {} were served", served.len());
    let entries_before = entries(&stage.home().join("ledger")).len();
    // Neither known nor new statements, nor new sessions.
    assert_eq!(ask(&mut session, 3), "ledger_unavailable");
    let error = Raw::try_connect(&stage.persona_url("analyst", 600).expect("a token"), &[]).map(drop).expect_err("no session");
    assert_eq!(error, "error 58030");
    assert_eq!(entries(&stage.home().join("ledger")).len(), entries_before, "nothing more is recorded");
    stage.cluster.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true").expect("the audit database is back");
    wait("service goes on", || ask(&mut session, 4) == "row 4");
    wait("the mirror catches up", || mirrored(&stage) >= served.len() as u64 + 2);
}

/// Statements in the audit database.
fn mirrored(stage: &Stage) -> u64 {
    let url = stage.audit_url().expect("an auditor");
    support::postgres::block_on(async {
        let Ok((client, driver)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await else { return 0 };
        tokio::spawn(driver);
        let row = client.query_one("SELECT count(*) FROM audit.statements", &[]).await.expect("the audit schema");
        row.get::<_, i64>(0).try_into().expect("a count")
    })
}

fn on_disk(disk: &SmallDisk, low_water: &str) -> Stage {
    let config = vec![("ledger".to_owned(), format!("segment = \"1MiB\"\nlow_water = \"{low_water}\""))];
    std::fs::create_dir_all(disk.ledger()).expect("a directory");
    Stage::start(Setting { config, ledger: Some(disk.ledger()), ..Setting::default() }).expect("a stage")
}

#[test]
fn a_disk_that_is_nearly_full_releases_nothing_until_there_is_room() {
    let Some(disk) = SmallDisk::mount("32m") else { return };
    let stage = on_disk(&disk, "8MiB");
    let mut session = agent(&stage);
    assert_eq!(ask(&mut session, 1), "row 1");
    disk.fill_up_to(4 << 20);
    wait("the ledger refuses", || ask(&mut session, 2) == "ledger_unavailable");
    for number in 10..20 {
        assert_eq!(ask(&mut session, number), "ledger_unavailable");
    }
    assert!(recorded(&disk.ledger()).is_disjoint(&(10..20).collect()));
    disk.empty();
    wait("service goes on", || ask(&mut session, 3) == "row 3");
    drop(session);
    drop(stage);
}

#[test]
fn a_ledger_that_cannot_be_written_ends_the_proxy_and_what_was_released_is_on_record() {
    let Some(disk) = SmallDisk::mount("4m") else { return };
    let mut stage = on_disk(&disk, "0");
    let pid = stage.proxy().and_then(support::proxy::Proxy::pid).expect("it runs");
    let clients = received_until_it_dies(&stage, 1_000);
    disk.fill_up_to(0);
    let received: Vec<u64> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
    wait("the proxy ends by itself", || !Path::new(&format!("/proc/{pid}")).exists());
    let log = stage.proxy_log();
    assert!(log.contains("ledger") && !log.contains("panicked"), "{log}");
    stage.stop_proxy();
    disk.empty();
    stage.start_proxy().expect("with room it starts again");
    let recorded = recorded(&disk.ledger());
    let missing: Vec<u64> = received.iter().copied().filter(|number| !recorded.contains(number)).collect();
    assert!(missing.is_empty(), "released and not on record: {missing:?}");
    assert_eq!(ask(&mut agent(&stage), 7), "row 7");
    stage.stop_proxy();
    verify(&stage, &disk.ledger());
}
