//! A log whose beginning was pruned: what remains opens, verifies, and is compared with a mirror that has everything.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ed25519_dalek::SigningKey;
use pgwarrant::audit::mirror::{Connect, Mirror};
use pgwarrant::audit::schema;
use pgwarrant::audit::verify::{Expected, Fault, Summary, VerifyError, verify_ledger, verify_mirror};
use pgwarrant::ledger::prune::{Limits, Pruned, Stop, run};
use pgwarrant::ledger::{Checkpoint, Entry, Kind, Ledger, LedgerConfig, Mark, VerifyingName};
use support::Cluster;

const ORIGIN: &str = "example.com/log";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// One segment for each entry.
fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { low_water: 0, segment_size: 1, ..LedgerConfig::new(dir, ORIGIN, key()) }
}

fn name() -> VerifyingName {
    VerifyingName::new(ORIGIN, key().verifying_key()).unwrap()
}

fn append(ledger: &Ledger, n: u64) -> Vec<Checkpoint> {
    (0..n)
        .map(|_| {
            ledger.append(Entry::new(Kind::Outcome)).wait().unwrap();
            ledger.head().as_ref().clone()
        })
        .collect()
}

/// As if a year had passed.
fn prune(dir: &Path, mirrored: Option<u64>) -> Pruned {
    let limits = Limits {
        retention: Duration::from_secs(200 * 86_400),
        now: SystemTime::now() + Duration::from_secs(365 * 86_400),
        mirrored,
        dry_run: false,
    };
    run(&config(dir), limits).unwrap()
}

fn verify(dir: &Path, held: &[&Checkpoint]) -> Result<Summary, VerifyError> {
    verify_ledger(dir, Expected { key: name(), held: held.iter().map(|held| (*held).clone()).collect() })
}

fn fault(checked: Result<Summary, VerifyError>) -> Fault {
    match checked {
        Err(VerifyError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

fn segment(dir: &Path, seq: u64) -> std::path::PathBuf {
    dir.join(format!("{seq:020}.segment"))
}

#[test]
fn what_remains_verifies_and_says_what_it_could_not_check() {
    let dir = tempfile::tempdir().unwrap();
    let heads = append(&Ledger::open(config(dir.path())).unwrap(), 8);
    assert_eq!(prune(dir.path(), Some(6)).to, 5);
    let summary = verify(dir.path(), &[&heads[2], &heads[4], &heads[6]]).unwrap();
    assert_eq!((summary.first, summary.entries, summary.checkpoints), (5, 8, 3));
    assert_eq!((summary.held, summary.unchecked), (2, vec![3]));
    // A checkpoint of the size that was pruned up to is checked against the mark.
    let other = tempfile::tempdir().unwrap();
    let forked = Ledger::open(config(other.path())).unwrap();
    forked.append(Entry::new(Kind::Denial)).wait().unwrap();
    let forked = append(&forked, 7);
    assert!(matches!(fault(verify(dir.path(), &[&forked[3]])), Fault::HeldDiffers { size: 5, .. }));
    assert!(matches!(fault(verify(dir.path(), &[&forked[5]])), Fault::HeldDiffers { size: 7, .. }));
}

#[test]
fn each_way_to_tamper_with_a_pruned_log_is_caught_and_named() {
    type Tamper = fn(&Path);
    let cases: [(&str, Tamper, &str); 8] = [
        ("the mark gone", |dir| fs::remove_file(dir.join("pruned.note")).unwrap(), "entry 0 is missing: the next one is 5"),
        ("the first segment gone", |dir| fs::remove_file(segment(dir, 5)).unwrap(), "entry 5 is missing: the next one is 6"),
        (
            "the end gone",
            |dir| (6..8).for_each(|seq| fs::remove_file(segment(dir, seq)).unwrap()),
            "it had 8 entries when it was pruned",
        ),
        (
            "everything gone but the mark",
            |dir| (5..8).for_each(|seq| fs::remove_file(segment(dir, seq)).unwrap()),
            "entry 5 is missing",
        ),
        (
            "the mark of an earlier pruning",
            |dir| assert!(fs::copy(dir.join("earlier"), dir.join("pruned.note")).is_ok()),
            "entry 2 is missing: the next one is 5",
        ),
        (
            "the mark of another key",
            |dir| {
                let note = fs::read_to_string(dir.join("pruned.note")).unwrap();
                let (text, _) = note.split_once("\n\n").unwrap();
                fs::write(dir.join("pruned.note"), format!("{text}\n\n— {ORIGIN} AAAAAAAA\n")).unwrap();
            },
            "the mark of what was pruned cannot be trusted: it has no signature by",
        ),
        (
            "a plain checkpoint in place of the mark",
            |dir| assert!(fs::copy(dir.join("head"), dir.join("pruned.note")).is_ok()),
            "the mark of what was pruned cannot be trusted: not a signed note: it is not the mark",
        ),
        (
            "a byte of what remains",
            |dir| {
                let mut bytes = fs::read(segment(dir, 6)).unwrap();
                bytes[250] ^= 1;
                fs::write(segment(dir, 6), bytes).unwrap();
            },
            "entry 6: the ledger's files are damaged there",
        ),
    ];
    for (what, tamper, named) in cases {
        let dir = tempfile::tempdir().unwrap();
        let heads = append(&Ledger::open(config(dir.path())).unwrap(), 8);
        prune(dir.path(), Some(3));
        fs::copy(dir.path().join("pruned.note"), dir.path().join("earlier")).unwrap();
        prune(dir.path(), Some(6));
        fs::write(dir.path().join("head"), heads[4].note()).unwrap();
        assert!(verify(dir.path(), &[]).is_ok());
        tamper(dir.path());
        let found = fault(verify(dir.path(), &[])).to_string();
        assert!(found.contains(named), "{what}: {found}");
        assert!(Ledger::open(config(dir.path())).is_err(), "{what}");
    }
}

fn audit_database(cluster: &Cluster) {
    cluster.sql("postgres", "CREATE DATABASE audit").unwrap();
    cluster.sql("audit", schema::SQL).unwrap();
    cluster
        .sql("audit", "CREATE ROLE writer LOGIN IN ROLE pgwarrant_audit_writer; CREATE ROLE reader LOGIN IN ROLE auditor")
        .unwrap();
}

fn connect(cluster: &Cluster) -> Connect {
    let url = cluster.url("writer", "audit");
    Arc::new(move || {
        let url = url.clone();
        Box::pin(async move {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })
    })
}

/// One entry at a time, each mirrored.
async fn mirrored(ledger: &Ledger, mirror: &Mirror, n: u64) -> Vec<Checkpoint> {
    let mut heads = Vec::new();
    for _ in 0..n {
        mirror.caught_up().await.unwrap();
        ledger.append(Entry::new(Kind::Outcome)).await.unwrap();
        heads.push(ledger.head().as_ref().clone());
    }
    mirror.caught_up().await.unwrap();
    heads
}

fn configuration(dir: &Path, cluster: &Cluster) -> std::path::PathBuf {
    let pem = pgwarrant::token::key::private_to_pem(&key());
    fs::write(dir.join("ledger.key"), pem.as_bytes()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.join("ledger.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "audience = \"a\"\ndatabase = \"shop\"\n[[root]]\nkey = \"root.pub\"\n[upstream]\nreader = \"postgres://r@127.0.0.1/shop\"\n\
         [ledger]\ndir = \"ledger\"\norigin = \"{ORIGIN}\"\nkey = \"ledger.key\"\nlow_water = \"1MiB\"\n\
         [audit]\nurl = \"{}?sslmode=disable\"\n",
        cluster.url("writer", "audit")
    );
    let file = dir.join("pgwarrant.toml");
    fs::write(&file, text).unwrap();
    file
}

fn command(args: &[&std::ffi::OsStr]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pgwarrant")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mirror_keeps_what_the_disk_lets_go_and_each_is_checked_against_the_other() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster);
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("ledger");
    let ledger = Ledger::open(config(&disk)).unwrap();
    let mirror = Mirror::start(&ledger, connect(&cluster), 100);
    let heads = mirrored(&ledger, &mirror, 4).await;
    assert_eq!(ledger.mirrored(), Some(4));
    mirror.stop(Duration::ZERO).await;
    for _ in 0..4 {
        ledger.append(Entry::new(Kind::Outcome)).await.unwrap();
    }

    // The mirror lacks the last four.
    let file = configuration(dir.path(), &cluster);
    let run = |args: &[&str]| {
        let args: Vec<&std::ffi::OsStr> = args.iter().map(|arg| (*arg).as_ref()).chain([file.as_os_str()]).collect();
        command(&args)
    };
    let (code, said) = run(&["ledger", "prune", "--retention", "0s", "--dry-run", "--config"]);
    assert_eq!((code, said.contains("entries 0 to 2 would go: 3 segments")), (Some(0), true), "{said}");
    assert!(said.contains("the mirror does not hold the next segment") && segment(&disk, 0).exists(), "{said}");
    let (code, said) = run(&["ledger", "prune", "--retention", "0s", "--config"]);
    assert_eq!((code, said.contains("entries 0 to 2 went")), (Some(0), true), "{said}");
    assert!(!segment(&disk, 2).exists() && segment(&disk, 3).exists());
    assert_eq!(Mark::read(&disk, &name()).unwrap().unwrap().of(), 8);

    drop(ledger);
    let ledger = Ledger::open(config(&disk)).unwrap();
    let mirror = Mirror::start(&ledger, connect(&cluster), 100);
    mirrored(&ledger, &mirror, 1).await;
    let mut client = cluster.connect("reader", "audit").await.unwrap();
    let expected = || Expected { key: name(), held: vec![heads[1].clone()] };
    let summary = verify_mirror(&mut client, expected(), Some(&disk)).await.unwrap();
    assert_eq!((summary.first, summary.entries), (0, 9));

    // A held checkpoint of what was pruned is no proof by the disk alone, and is one with the mirror.
    let kept = dir.path().join("kept");
    fs::write(&kept, heads[1].note()).unwrap();
    let (vkey, url) = (name().to_string(), format!("{}?sslmode=disable", cluster.url("reader", "audit")));
    let disk_text = disk.to_str().unwrap();
    let base = ["verify", "--key", &vkey, "--checkpoint", kept.to_str().unwrap(), "--ledger", disk_text];
    let os = |args: &[&str]| command(&args.iter().map(|arg| (*arg).as_ref()).collect::<Vec<_>>());
    let (code, said) = os(&base);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("9 entries (those below 3 are pruned here)") && said.contains("held checkpoint of size 2"), "{said}");
    let (code, said) = os(&[&base[..], &["--audit", &url]].concat());
    assert_eq!(code, Some(0), "{said}");

    // The mirror's copy of what was pruned is changed with all its hashes: the mark's root tells.
    mirror.stop(Duration::ZERO).await;
    let change = "SET session_replication_role = replica;
        UPDATE audit.entry SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'outcome', 'denials'), 'UTF8') WHERE seq = 1;
        UPDATE audit.entry SET leaf_hash = audit.leaf_hash(bytes);
        DELETE FROM audit.checkpoint WHERE size < 9";
    cluster.sql("audit", change).unwrap();
    let mut client = cluster.connect("reader", "audit").await.unwrap();
    let found = fault(verify_mirror(&mut client, Expected { key: name(), held: vec![] }, Some(&disk)).await);
    assert!(matches!(found, Fault::HeldDiffers { size: 3, .. }), "{found}");

    // And a mirror that was itself set back below what was pruned cannot be filled again: that is said.
    cluster
        .sql(
            "audit",
            "SET session_replication_role = replica; DELETE FROM audit.entry WHERE seq >= 2; DELETE FROM audit.checkpoint",
        )
        .unwrap();
    let mirror = Mirror::start(
        &Ledger::open({
            drop(ledger);
            config(&disk)
        })
        .unwrap(),
        connect(&cluster),
        100,
    );
    let refused = mirror.caught_up().await.unwrap_err().to_string();
    assert!(refused.contains("the mirror holds 2 entries") && refused.contains("the mirror lost its end"), "{refused}");
}

#[test]
fn nothing_but_the_retention_lets_a_log_without_a_mirror_go() {
    let dir = tempfile::tempdir().unwrap();
    append(&Ledger::open(config(dir.path())).unwrap(), 4);
    let limits = Limits { retention: Duration::from_secs(3600), now: SystemTime::now(), mirrored: None, dry_run: false };
    let young = run(&config(dir.path()), limits).unwrap();
    assert_eq!((young.to, young.stopped_by), (0, Stop::Young));
    assert_eq!(prune(dir.path(), None).stopped_by, Stop::Last);
}
