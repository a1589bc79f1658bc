//! The tamper matrix: what can be done to a log's files and to its mirror's rows, and that verification names it.
//! What is done to single frames is in `tests/ledger.rs`, to whole columns of the mirror in `tests/audit.rs`, and a log
//! that was rolled back to a backup in `tests/ledger_restore.rs`.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use pgwarrant::audit::mirror::{Connect, Mirror};
use pgwarrant::audit::schema;
use pgwarrant::audit::verify::{Expected, Fault, Summary, VerifyError, verify_ledger, verify_mirror};
use pgwarrant::ledger::tree::leaf_hash;
use pgwarrant::ledger::{Checkpoint, Entry, Item, Kind, Ledger, LedgerConfig, Reader, VerifyingName};
use support::Cluster;

const ORIGIN: &str = "example.com/log";

fn config(dir: &Path, seed: u8) -> LedgerConfig {
    let config = LedgerConfig::new(dir, ORIGIN, SigningKey::from_bytes(&[seed; 32]));
    LedgerConfig { low_water: 0, segment_size: 1200, ..config }
}

fn name() -> VerifyingName {
    VerifyingName::new(ORIGIN, SigningKey::from_bytes(&[1; 32]).verifying_key()).unwrap()
}

/// Nine entries in three segments or more, each a commit.
fn log(dir: &Path, seed: u8) -> Vec<Checkpoint> {
    let ledger = Ledger::open(config(dir, seed)).unwrap();
    (0..9)
        .map(|_| {
            ledger.append(Entry::new(Kind::Outcome)).wait().unwrap();
            ledger.head().as_ref().clone()
        })
        .collect()
}

fn expected(held: &[Checkpoint]) -> Expected {
    Expected { key: name(), held: held.to_vec() }
}

fn fault(checked: Result<Summary, VerifyError>) -> Fault {
    match checked {
        Err(VerifyError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

fn verify(dir: &Path) -> Result<Summary, VerifyError> {
    verify_ledger(dir, expected(&[]))
}

struct Segment {
    path: PathBuf,
    first: u64,
    bytes: Vec<u8>,
}

impl Segment {
    fn name(&self) -> String {
        self.path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Where the heading, an entry and its commit end.
    fn first_commit(&self) -> usize {
        (0..3).fold(0, |at, _| at + 8 + (u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()) & 0xff_ffff) as usize)
    }

    fn written(&self) -> usize {
        self.bytes.iter().rposition(|b| *b != 0).unwrap() + 1
    }
}

fn segments(dir: &Path) -> Vec<Segment> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "segment"));
    paths.sort();
    let first = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut found: Vec<Segment> =
        paths.into_iter().map(|path| Segment { first: first(&path), bytes: fs::read(&path).unwrap(), path }).collect();
    for segment in &mut found {
        // What was written ahead, but for a little, is only slow.
        segment.bytes.truncate(segment.written() + 100);
        fs::write(&segment.path, &segment.bytes).unwrap();
    }
    assert!(found.len() >= 3, "{}", found.len());
    found
}

#[test]
fn a_flipped_bit_of_any_byte_of_a_segment_is_named_with_its_segment() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 1);
    let segments = segments(dir.path());
    assert_eq!(verify(dir.path()).unwrap().entries, 9);
    for (n, segment) in segments.iter().enumerate() {
        let next = segments.get(n + 1).map_or(9, |next| next.first);
        for at in 0..segment.bytes.len() {
            let mut bent = segment.bytes.clone();
            bent[at] ^= 1 << (at % 8);
            fs::write(&segment.path, &bent).unwrap();
            let found = fault(verify(dir.path()));
            let (said, seq) = (found.to_string(), found.seq().unwrap());
            assert!(said.contains(&segment.name()) && said.contains("byte "), "byte {at} of {}: {said}", segment.name());
            assert!((segment.first..=next).contains(&seq), "byte {at} of {}: {said}", segment.name());
            // Behind the end of the last segment a crash could have left it: there it is no entry, and is cut.
            if at % 5 == 0 && (at < segment.written() || n + 1 < segments.len()) {
                assert!(Ledger::open(config(dir.path(), 1)).is_err(), "byte {at} of {}", segment.name());
            }
        }
        fs::write(&segment.path, &segment.bytes).unwrap();
    }
    assert_eq!(verify(dir.path()).unwrap().entries, 9);
}

#[test]
fn segments_that_were_swapped_deleted_repeated_or_exchanged_are_named() {
    type Tamper = fn(&[Segment], &Path);
    let cases: [(&str, Tamper, &[&str]); 8] = [
        (
            "two segments swapped",
            |s, _| {
                fs::write(&s[0].path, &s[1].bytes).unwrap();
                fs::write(&s[1].path, &s[0].bytes).unwrap();
            },
            &["entry 0", "00000000000000000000.segment", "does not start as its name says"],
        ),
        (
            "two later segments swapped",
            |s, _| {
                fs::write(&s[1].path, &s[2].bytes).unwrap();
                fs::write(&s[2].path, &s[1].bytes).unwrap();
            },
            &["entry 3", "00000000000000000003.segment", "does not start as its name says"],
        ),
        ("the first segment deleted", |s, _| fs::remove_file(&s[0].path).unwrap(), &["entry 0 is missing: the next one is 3"]),
        (
            "a segment in the middle deleted",
            |s, _| fs::remove_file(&s[1].path).unwrap(),
            &["entry 3", "the log ends here, but segment 00000000000000000006.segment goes on"],
        ),
        (
            "a segment repeated under another name",
            |s, _| fs::write(s[1].path.with_file_name("00000000000000000009.segment"), &s[1].bytes).unwrap(),
            &["entry 9", "00000000000000000009.segment", "does not start as its name says"],
        ),
        (
            "a segment cut in the middle of an entry",
            |s, _| fs::write(&s[1].path, &s[1].bytes[..s[1].written() - 400]).unwrap(),
            &["entry 5", "00000000000000000003.segment"],
        ),
        (
            "a segment cut after a commit",
            |s, _| fs::write(&s[1].path, &s[1].bytes[..s[1].first_commit()]).unwrap(),
            &["entry 4", "the log ends here, but segment 00000000000000000006.segment goes on"],
        ),
        (
            "a segment of another log of that name",
            |s, other| assert!(fs::copy(other.join(s[1].name()), &s[1].path).is_ok()),
            &["the checkpoint of size 4", "it has no signature by example.com/log+"],
        ),
    ];
    let other = tempfile::tempdir().unwrap();
    log(other.path(), 2);
    for (what, tamper, named) in cases {
        let dir = tempfile::tempdir().unwrap();
        log(dir.path(), 1);
        let segments = segments(dir.path());
        assert_eq!(segments.iter().map(|s| s.first).collect::<Vec<_>>(), [0, 3, 6]);
        tamper(&segments, other.path());
        let found = fault(verify(dir.path())).to_string();
        assert!(named.iter().all(|named| found.contains(named)), "{what}: {found}");
        assert!(Ledger::open(config(dir.path(), 1)).is_err(), "{what}");
    }
}

#[test]
fn the_last_segment_taken_away_is_named_by_who_holds_a_head() {
    let dir = tempfile::tempdir().unwrap();
    let heads = log(dir.path(), 1);
    let last = segments(dir.path()).pop().unwrap();
    fs::remove_file(&last.path).unwrap();
    let found = fault(verify_ledger(dir.path(), expected(&heads[8..])));
    assert_eq!(found, Fault::TruncatedBelowHeld { seq: 6, size: 9 });
}

#[test]
fn a_log_written_and_signed_anew_with_another_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), 2);
    let found = fault(verify(dir.path())).to_string();
    assert!(found.contains("the checkpoint of size 1: it has no signature by example.com/log+"), "{found}");
    let opened = Ledger::open(config(dir.path(), 1)).map(|_| ()).unwrap_err().to_string();
    assert!(opened.contains("the ledger's last checkpoint, of size 9, is not signed by this key"), "{opened}");
}

struct Audit {
    cluster: Cluster,
    dir: tempfile::TempDir,
    heads: Vec<Checkpoint>,
}

/// Nine entries, each mirrored with a checkpoint of its own.
async fn mirrored() -> Audit {
    let cluster = Cluster::builder().start().unwrap();
    cluster.sql("postgres", "CREATE DATABASE audit").unwrap();
    cluster.sql("audit", schema::SQL).unwrap();
    cluster
        .sql("audit", "CREATE ROLE writer LOGIN IN ROLE pgwarrant_audit_writer; CREATE ROLE reader LOGIN IN ROLE auditor")
        .unwrap();
    let url = cluster.url("writer", "audit");
    let connect: Connect = Arc::new(move || {
        let url = url.clone();
        Box::pin(async move {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })
    });
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path(), 1)).unwrap();
    let mirror = Mirror::start(&ledger, connect, 100);
    let mut heads = Vec::new();
    for _ in 0..9 {
        mirror.caught_up().await.unwrap();
        ledger.append(Entry::new(Kind::Outcome)).await.unwrap();
        heads.push(ledger.head().as_ref().clone());
    }
    mirror.caught_up().await.unwrap();
    ledger.shutdown().await;
    mirror.stop(Duration::from_secs(5)).await;
    Audit { cluster, dir, heads }
}

impl Audit {
    async fn owner(&self) -> tokio_postgres::Client {
        let owner = self.cluster.connect("postgres", "audit").await.unwrap();
        owner.batch_execute("SET session_replication_role = replica").await.unwrap();
        owner
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_of_any_byte_of_the_mirrors_rows_is_named() {
    let audit = mirrored().await;
    let owner = audit.owner().await;
    let mut reader = audit.cluster.connect("reader", "audit").await.unwrap();
    let length = |sql: &'static str| {
        let owner = &owner;
        async move { owner.query_one(sql, &[]).await.unwrap().get::<_, i32>(0) }
    };
    let bytes = length("SELECT length(bytes) FROM audit.entry WHERE seq = 4").await;
    let note = length("SELECT length(convert_to(note, 'UTF8')) FROM audit.checkpoint WHERE size = 5").await;
    let flip = |column: &str, at: i32| format!("set_byte({column}, {at}, get_byte({column}, {at}) # {})", 1 << (at % 7));
    let mut cases = Vec::new();
    for at in 0..bytes {
        cases.push((format!("UPDATE audit.entry SET bytes = {} WHERE seq = 4", flip("bytes", at)), "entry 4: "));
    }
    for at in 0..32 {
        cases.push((format!("UPDATE audit.entry SET leaf_hash = {} WHERE seq = 4", flip("leaf_hash", at)), "entry 4: "));
        cases.push((
            format!("UPDATE audit.checkpoint SET root = {} WHERE size = 5", flip("root", at)),
            "the checkpoint of size 5",
        ));
    }
    // Text that is not UTF-8 any more is refused by the database itself.
    for at in 0..note {
        let flipped = flip("convert_to(note, 'UTF8')", at);
        let sql = format!("UPDATE audit.checkpoint SET note = convert_from({flipped}, 'UTF8') WHERE size = 5");
        cases.push((sql, "the checkpoint of size 5"));
    }
    let mut refused = 0;
    for (sql, named) in &cases {
        if owner.batch_execute(sql).await.is_err() {
            refused += 1;
            continue;
        }
        let found = fault(verify_mirror(&mut reader, expected(&[]), None).await).to_string();
        assert!(found.starts_with(named), "{sql}: {found}");
        owner.batch_execute(sql).await.unwrap();
    }
    assert!(refused <= 4, "{refused} of {}", cases.len());
    assert_eq!(verify_mirror(&mut reader, expected(&audit.heads), Some(audit.dir.path())).await.unwrap().entries, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_written_and_signed_anew_with_another_key_is_named() {
    let audit = mirrored().await;
    let owner = audit.owner().await;
    let other = tempfile::tempdir().unwrap();
    tokio::task::spawn_blocking({
        let dir = other.path().to_owned();
        move || log(&dir, 2)
    })
    .await
    .unwrap();
    let mut ledger = Reader::open(other.path(), 0).unwrap();
    owner.batch_execute("DELETE FROM audit.entry; DELETE FROM audit.checkpoint").await.unwrap();
    loop {
        match ledger.read().unwrap() {
            Item::Entry { seq, bytes } => {
                let leaf: &[u8] = &leaf_hash(bytes);
                let insert = "INSERT INTO audit.entry (log, seq, bytes, leaf_hash) VALUES ($1, $2, $3, $4)";
                owner.execute(insert, &[&ORIGIN, &(seq as i64), &bytes, &leaf]).await.unwrap();
            }
            Item::Checkpoint { note } => {
                let insert = "INSERT INTO audit.checkpoint (log, size, root, note)
                    SELECT $1, split_part($2, E'\\n', 2)::bigint, decode(split_part($2, E'\\n', 3), 'base64'), $2";
                owner.execute(insert, &[&ORIGIN, &note]).await.unwrap();
            }
            Item::End => break,
        }
    }
    let mut reader = audit.cluster.connect("reader", "audit").await.unwrap();
    let found = fault(verify_mirror(&mut reader, expected(&[]), None).await).to_string();
    assert!(found.starts_with("the checkpoint of size 1: it has no signature by example.com/log+"), "{found}");
    let found = fault(verify_mirror(&mut reader, expected(&[]), Some(audit.dir.path())).await).to_string();
    assert!(found.starts_with("entry 0: the mirror's bytes are not the ledger's"), "{found}");
    // A row that the views would show, of a log that has no key, is not passed over either.
    let logs = pgwarrant::audit::verify::logs(&reader).await.unwrap();
    assert_eq!(logs, [ORIGIN]);
}
