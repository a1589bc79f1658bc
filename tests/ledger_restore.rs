//! A ledger whose disk was lost: brought back from a backup and the mirror, or not at all; and one that was rolled back.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use pgwarrant::audit::mirror::{Connect, Mirror};
use pgwarrant::audit::schema;
use pgwarrant::ledger::prune::{Limits, run};
use pgwarrant::ledger::{Checkpoint, Entry, Item, Kind, Ledger, LedgerConfig, LedgerError, Reader, VerifyingName};
use support::Cluster;

const ORIGIN: &str = "example.com/log";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// A place with a configuration, a ledger and an audit database.
struct Place {
    dir: tempfile::TempDir,
    cluster: Cluster,
}

impl Place {
    fn new() -> Place {
        let cluster = Cluster::builder().start().unwrap();
        cluster.sql("postgres", "CREATE DATABASE audit").unwrap();
        cluster.sql("audit", schema::SQL).unwrap();
        let logins = "CREATE ROLE writer LOGIN IN ROLE pgwarrant_audit_writer; CREATE ROLE reader LOGIN IN ROLE auditor";
        cluster.sql("audit", logins).unwrap();
        let place = Place { dir: tempfile::tempdir().unwrap(), cluster };
        fs::write(place.path("ledger.key"), pgwarrant::token::key::private_to_pem(&key()).as_bytes()).unwrap();
        place.configure(ORIGIN);
        place
    }

    fn configure(&self, origin: &str) {
        let text = format!(
            "audience = \"a\"\ndatabase = \"shop\"\n[[root]]\nkey = \"root.pub\"\n[upstream]\nreader = \"postgres://r@127.0.0.1/shop\"\n\
             [ledger]\ndir = \"ledger\"\norigin = \"{origin}\"\nkey = \"ledger.key\"\nlow_water = \"1MiB\"\nsegment = \"2KiB\"\n"
        );
        fs::write(self.path("pgwarrant.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ledger(&self) -> PathBuf {
        self.path("ledger")
    }

    fn open(&self) -> Result<Ledger, LedgerError> {
        let config = LedgerConfig::new(self.ledger(), ORIGIN, key());
        Ledger::open(LedgerConfig { low_water: 0, segment_size: 2048, ..config })
    }

    fn connect(&self) -> Connect {
        let url = self.cluster.url("writer", "audit");
        Arc::new(move || {
            let url = url.clone();
            Box::pin(async move {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            })
        })
    }

    fn mirror(&self, ledger: &Ledger) -> Mirror {
        Mirror::start(ledger, self.connect(), 1000)
    }

    fn audit_url(&self) -> String {
        format!("{}?sslmode=disable", self.cluster.url("reader", "audit"))
    }

    /// `pgwarrant ledger …`
    fn run(&self, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgwarrant"));
        command.arg("ledger").args(args).arg("--config").arg(self.path("pgwarrant.toml"));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn verify(&self, more: &[&str]) -> (bool, String) {
        let vkey = VerifyingName::new(ORIGIN, key().verifying_key()).unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgwarrant"));
        command.args(["verify", "--key", &vkey, "--ledger"]).arg(self.ledger()).args(more);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn lose_the_disk(&self) {
        fs::remove_dir_all(self.ledger()).unwrap();
    }

    fn keep(&self, name: &str, head: &Checkpoint) -> String {
        fs::write(self.path(name), head.note()).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
}

async fn append(ledger: &Ledger, n: u64) {
    for _ in 0..n {
        let mut entry = Entry::new(Kind::Outcome);
        entry.template = Some("SELECT name FROM customers".repeat(10));
        ledger.append(entry).await.unwrap();
    }
}

fn entries(dir: &Path) -> Vec<Vec<u8>> {
    let mut reader = Reader::first(dir).unwrap();
    let mut entries = Vec::new();
    loop {
        match reader.read().unwrap() {
            Item::Entry { bytes, .. } => entries.push(bytes.to_vec()),
            Item::Checkpoint { .. } => {}
            Item::End => return entries,
        }
    }
}

/// Twenty entries, all mirrored, a backup after the first eight.
async fn with_backup(place: &Place) -> (Vec<Vec<u8>>, Checkpoint) {
    let ledger = place.open().unwrap();
    let mirror = place.mirror(&ledger);
    mirror.caught_up().await.unwrap();
    append(&ledger, 8).await;
    let (ok, said) = place.run(&["backup", place.path("backup").to_str().unwrap()]);
    assert!(ok && said.contains("copied 8 entries") && said.contains(&format!("{ORIGIN}\n8\n")), "{said}");
    append(&ledger, 12).await;
    mirror.caught_up().await.unwrap();
    let head = ledger.head().as_ref().clone();
    ledger.shutdown().await;
    mirror.stop(Duration::from_secs(5)).await;
    (entries(&place.ledger()), head)
}

/// The log is the old one and one entry more, and goes on with its mirror.
async fn goes_on(place: &Place, old: &[Vec<u8>], reason: &str) {
    let found = entries(&place.ledger());
    assert_eq!(found[..old.len()], *old);
    assert_eq!(found.len(), old.len() + 1);
    let said: Entry = serde_json::from_slice(&found[old.len()]).unwrap();
    assert_eq!((said.kind, said.reason.as_deref()), (Kind::Start, Some(reason)));
    assert!(said.message.unwrap().starts_with(&format!("{ORIGIN}\n{}\n", old.len())));
    let ledger = place.open().unwrap();
    let mirror = place.mirror(&ledger);
    mirror.caught_up().await.unwrap();
    append(&ledger, 1).await;
    mirror.caught_up().await.unwrap();
    ledger.shutdown().await;
    mirror.stop(Duration::from_secs(5)).await;
    let (ok, said) = place.verify(&["--audit", &place.audit_url()]);
    assert!(ok, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_whose_disk_was_lost_comes_back_from_its_mirror() {
    let place = Place::new();
    let (old, head) = with_backup(&place).await;
    place.lose_the_disk();
    let held = place.keep("head", &head);
    let (ok, said) = place.run(&["rehydrate", "--from-mirror", &place.audit_url(), "--checkpoint", &held]);
    assert!(ok && said.contains("rehydrated up to entry 19; entry 20 says so"), "{said}");
    goes_on(&place, &old, "rehydrated").await;
    // What is a log is never written over.
    let (ok, said) = place.run(&["rehydrate", "--from-mirror", &place.audit_url()]);
    assert!(!ok && said.contains("it holds segments of a log"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_completed_from_the_mirror() {
    let place = Place::new();
    let (old, _) = with_backup(&place).await;
    place.lose_the_disk();
    let backup = place.path("backup");
    let backup = backup.to_str().unwrap();
    let (ok, said) = place.run(&["restore", backup]);
    assert!(!ok && said.contains("nobody can say whether the log went on after the backup"), "{said}");
    let (ok, said) = place.run(&["restore", backup, "--from-mirror", &place.audit_url()]);
    assert!(ok && said.contains("restored up to entry 19"), "{said}");
    goes_on(&place, &old, "restored").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backup_of_a_pruned_log_is_completed_and_checked_against_what_the_mirror_kept() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    let mirror = place.mirror(&ledger);
    mirror.caught_up().await.unwrap();
    append(&ledger, 2).await;
    let held = place.keep("head", &ledger.head());
    append(&ledger, 10).await;
    mirror.caught_up().await.unwrap();
    let config = LedgerConfig { segment_size: 2048, ..LedgerConfig::new(place.ledger(), ORIGIN, key()) };
    let now = std::time::SystemTime::now() + Duration::from_secs(3600);
    let limits = Limits { retention: Duration::from_secs(60), now, mirrored: ledger.mirrored(), dry_run: false };
    let first = run(&config, limits).unwrap().to;
    assert!(first > 2);
    let backup = place.path("backup").to_str().unwrap().to_owned();
    assert!(place.run(&["backup", &backup]).0);
    append(&ledger, 3).await;
    mirror.caught_up().await.unwrap();
    ledger.shutdown().await;
    mirror.stop(Duration::from_secs(5)).await;
    let old = entries(&place.ledger());
    place.lose_the_disk();
    let (ok, said) = place.run(&["restore", &backup, "--nothing-followed", "--checkpoint", &held]);
    assert!(!ok && said.contains("a checkpoint of size 2 is of what was pruned before"), "{said}");
    let url = place.audit_url();
    let (ok, said) = place.run(&["restore", &backup, "--from-mirror", &url, "--checkpoint", &held]);
    assert!(ok && said.contains("restored up to entry 14"), "{said}");
    let found = entries(&place.ledger());
    assert_eq!((found.len() as u64, &found[..old.len()]), (16 - first, &old[..]));
    let (ok, said) = place.verify(&["--audit", &url, "--checkpoint", &held]);
    assert!(ok && said.contains(&format!("16 entries (those below {first} are pruned here)")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_ahead_of_a_mirror_is_restored_whole() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    let mirror = place.mirror(&ledger);
    mirror.caught_up().await.unwrap();
    append(&ledger, 4).await;
    mirror.caught_up().await.unwrap();
    mirror.stop(Duration::from_secs(5)).await;
    append(&ledger, 4).await;
    let held = place.keep("head", &ledger.head());
    ledger.shutdown().await;
    let backup = place.path("backup");
    assert!(place.run(&["backup", backup.to_str().unwrap()]).0);
    let old = entries(&place.ledger());
    place.lose_the_disk();
    let args = ["restore", backup.to_str().unwrap(), "--from-mirror", &place.audit_url(), "--checkpoint", &held];
    let (ok, said) = place.run(&args);
    assert!(ok && said.contains("restored up to entry 7"), "{said}");
    goes_on(&place, &old, "restored").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_not_brought_back_if_the_mirror_was_tampered_with_or_somebody_saw_more() {
    let place = Place::new();
    let (_, head) = with_backup(&place).await;
    let ledger = place.open().unwrap();
    append(&ledger, 1).await;
    let later = place.keep("later", &ledger.head());
    ledger.shutdown().await;
    place.lose_the_disk();
    let url = place.audit_url();
    let backup = place.path("backup").to_str().unwrap().to_owned();
    for args in [
        vec!["rehydrate", "--from-mirror", &url, "--checkpoint", &later],
        vec!["restore", &backup, "--from-mirror", &url, "--checkpoint", &later],
        vec!["restore", &backup, "--nothing-followed", "--checkpoint", &later],
    ] {
        let (ok, said) = place.run(&args);
        assert!(!ok && said.contains("is missing: the log ends before it, but the held checkpoint has size 21"), "{said}");
        assert!(Reader::any(&place.ledger()).unwrap().is_none(), "nothing appeared");
    }
    let rewrite = "SET session_replication_role = replica;
        UPDATE audit.entry SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'name', 'mail'), 'UTF8') WHERE seq = 3;
        UPDATE audit.entry SET leaf_hash = audit.leaf_hash(bytes)";
    place.cluster.sql("audit", rewrite).unwrap();
    for args in [vec!["rehydrate", "--from-mirror", &url], vec!["restore", &backup, "--from-mirror", &url]] {
        let (ok, said) = place.run(&args);
        assert!(!ok && said.contains("pgwarrant ledger succeed") && said.contains("signed over others"), "{said}");
        assert!(Reader::any(&place.ledger()).unwrap().is_none(), "nothing appeared");
    }

    // Then a new log binds the old one's last head.
    let (ok, said) = place.run(&["succeed", "--head", &later, "--key", &vkey(ORIGIN)]);
    assert!(!ok && said.contains("a new log needs a name of its own"), "{said}");
    place.configure("example.com/log2");
    let (ok, said) = place.run(&["succeed", "--head", &later, "--key", &vkey("example.com/other")]);
    assert!(!ok && said.contains("no --key for the log"), "{said}");
    let (ok, said) = place.run(&["succeed", "--head", &later, "--key", &vkey(ORIGIN)]);
    assert!(ok && said.contains("goes on where `example.com/log` ended, with entry 21"), "{said}");
    let first: Entry = serde_json::from_slice(&entries(&place.ledger())[0]).unwrap();
    assert_eq!((first.log.as_str(), first.kind, first.seq), ("example.com/log2", Kind::Start, 0));
    assert_eq!(first.message.unwrap(), fs::read_to_string(&later).unwrap());
    assert!(head.size() == 20);
}

fn vkey(origin: &str) -> String {
    VerifyingName::new(origin, key().verifying_key()).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_rolled_back_to_a_backup_is_caught_by_the_mirror_by_verify_and_by_a_held_head() {
    let place = Place::new();
    let (_, head) = with_backup(&place).await;
    let held = place.keep("head", &head);
    place.lose_the_disk();
    fs::rename(place.path("backup"), place.ledger()).unwrap();
    // By itself it is a good log.
    assert!(place.verify(&[]).0);
    let (ok, said) = place.verify(&["--checkpoint", &held]);
    assert!(!ok && said.contains("entry 8 is missing: the log ends before it, but the held checkpoint has size 20"), "{said}");
    let (ok, said) = place.verify(&["--audit", &place.audit_url()]);
    assert!(!ok && said.contains("entry 8: the mirror has it, the ledger ends before it"), "{said}");
    let ledger = place.open().unwrap();
    let mirror = place.mirror(&ledger);
    let refused = mirror.caught_up().await.unwrap_err().to_string();
    assert!(refused.contains("the mirror holds 20 entries, the ledger 8: the ledger lost its end"), "{refused}");
    assert!(matches!(ledger.append(Entry::new(Kind::Outcome)).await, Err(LedgerError::MirrorRefused(_))));
    // Even if it went on meanwhile, without a mirror.
    drop(mirror);
    ledger.shutdown().await;
    drop(ledger);
    let ledger = place.open().unwrap();
    append(&ledger, 15).await;
    let mirror = place.mirror(&ledger);
    let refused = mirror.caught_up().await.unwrap_err().to_string();
    assert!(refused.contains("entry 19 of the mirror is not the ledger's"), "{refused}");
    drop(mirror);
    ledger.shutdown().await;
    drop(ledger);
    let (ok, said) = place.verify(&["--audit", &place.audit_url()]);
    assert!(!ok && said.contains("entry 8: the mirror's bytes are not the ledger's"), "{said}");
}
