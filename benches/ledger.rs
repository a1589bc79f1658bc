//! What recording costs: entries a second by how many sessions wait at once, and the time from append to receipt,
//! beside a bare write and fdatasync of as many bytes on the same disk.
//!
//! Then what mirroring costs: a ledger of many entries that a Postgres on the same disk, with fsync, has to catch up with.
//!
//! `cargo bench --bench ledger [-- DIR] [WAITING…]`; DIR decides the disk, WAITING how many sessions wait.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use pgwarrant::audit::mirror::{Connect, Mirror};
use pgwarrant::ledger::{Decision, Entry, Kind, Ledger, LedgerConfig};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUN: Duration = Duration::from_secs(2);

fn entry(n: u64) -> Entry {
    let mut entry = Entry::new(Kind::Outcome);
    entry.agent = Some("support-bot".into());
    entry.chain = vec!["5f".repeat(32), "a0".repeat(32)];
    entry.command_tag = Some("SELECT 3".into());
    entry.decision = Some(Decision::Permit);
    entry.duration_us = Some(850);
    entry.epoch = Some("c4".repeat(16));
    entry.fingerprint = Some("9e".repeat(32));
    entry.peer = Some("10.1.2.3:50123".into());
    entry.relations = vec!["public.customers".into()];
    entry.result_digest = Some("77".repeat(32));
    entry.rows = Some(3);
    entry.rules = Some("1d".repeat(32));
    entry.session = Some("0a1b2c3d4e5f".into());
    entry.template = Some("SELECT id, name, email FROM customers WHERE tenant_id = $1 AND id = $2".into());
    entry.values = vec![Some("7".into()), Some(n.to_string())];
    entry
}

fn open(dir: &Path, sync: bool) -> Ledger {
    let config = LedgerConfig::new(dir, "bench.example/log", SigningKey::from_bytes(&[1; 32]));
    Ledger::open(LedgerConfig { sync, ..config }).expect("the directory is writable")
}

/// What a run of the ledger gave.
struct Ran {
    per_second: f64,
    /// How long each entry waited, shortest first.
    took: Vec<Duration>,
    /// Entries a commit, on average.
    batch: f64,
}

/// `waiting` sessions, each of which appends again as soon as it has its receipt.
fn closed_loop(ledger: &Ledger, waiting: usize) -> Ran {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let start = Instant::now();
    let tasks: Vec<_> = (0..waiting)
        .map(|_| {
            let ledger = ledger.clone();
            runtime.spawn(async move {
                let mut took = Vec::new();
                while start.elapsed() < RUN {
                    let from = Instant::now();
                    let receipt = ledger.append(entry(took.len() as u64)).await.expect("the disk has room");
                    took.push((from.elapsed(), receipt.checkpoint().size()));
                }
                took
            })
        })
        .collect();
    let all: Vec<_> = tasks.into_iter().flat_map(|task| runtime.block_on(task).expect("no panic")).collect();
    let per_second = all.len() as f64 / start.elapsed().as_secs_f64();
    let (mut took, mut commits): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    took.sort_unstable();
    commits.sort_unstable();
    commits.dedup();
    let batch = took.len() as f64 / commits.len() as f64;
    Ran { per_second, took, batch }
}

/// Entries a second that the disk alone would take in batches of `batch`: one write and one fdatasync each.
fn disk_alone(dir: &Path, batch: usize) -> f64 {
    let path = dir.join("alone");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).expect("the directory is writable");
    let zeros = vec![0; 64 << 20];
    file.write_all_at(&zeros, 0).and_then(|()| file.sync_all()).expect("the disk has room");
    let bytes = vec![b'x'; batch * 800 + 300];
    let (start, mut batches, mut at) = (Instant::now(), 0, 0);
    while start.elapsed() < RUN / 2 {
        file.write_all_at(&bytes, at as u64).and_then(|()| file.sync_data()).expect("the disk has room");
        batches += 1;
        at = (at + bytes.len()) % (zeros.len() - bytes.len());
    }
    let rate = (batches * batch) as f64 / start.elapsed().as_secs_f64();
    std::fs::remove_file(path).expect("it is there");
    rate
}

/// Entries a second that a mirror far behind copies: COPY BINARY and a checkpoint a transaction.
fn mirror(dir: &Path, entries: u64) -> f64 {
    let cluster = support::Cluster::builder().fsync(true).start().expect("a Postgres server is installed");
    cluster.sql("postgres", "CREATE DATABASE audit").expect("it serves");
    cluster.sql("audit", pgwarrant::audit::schema::SQL).expect("the schema installs");
    let url = cluster.admin_url("audit");
    let connect: Connect = Arc::new(move || {
        let url = url.clone();
        Box::pin(async move {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let ledger = open(dir, false);
        for n in 0..entries / 128 {
            let batch: Vec<_> = (0..128).map(|i| ledger.append(entry(n * 128 + i))).collect();
            futures_util::future::try_join_all(batch).await.expect("the disk has room");
        }
        let start = Instant::now();
        let mirror = Mirror::start(&ledger, connect, u64::MAX);
        mirror.caught_up().await.expect("it agrees");
        entries as f64 / start.elapsed().as_secs_f64()
    })
}

fn main() {
    // Cargo passes `--bench`.
    let args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let (numbers, paths): (Vec<String>, Vec<String>) = args.partition(|arg| arg.parse::<usize>().is_ok());
    let base = paths.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut sizes: Vec<usize> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    if sizes.is_empty() {
        sizes.extend([1, 8, 32, 128, 256, 512]);
    }
    println!(
        "{:>8} {:>14} {:>8} {:>14} {:>7} {:>14} {:>10} {:>10}",
        "waiting", "entries/s", "a commit", "disk alone/s", "ratio", "no sync/s", "p50", "p99"
    );
    for waiting in sizes {
        let dir = tempfile::tempdir_in(&base).expect("the directory is writable");
        let alone = disk_alone(dir.path(), waiting);
        let ran = closed_loop(&open(&dir.path().join("sync"), true), waiting);
        let unsynced = closed_loop(&open(&dir.path().join("nosync"), false), waiting).per_second;
        let at = |part: usize| ran.took[(ran.took.len() - 1) * part / 100];
        println!(
            "{waiting:>8} {:>14.0} {:>8.1} {alone:>14.0} {:>7.2} {unsynced:>14.0} {:>10.1?} {:>10.1?}",
            ran.per_second,
            ran.batch,
            ran.per_second / alone,
            at(50),
            at(99)
        );
    }
    let dir = tempfile::tempdir_in(&base).expect("the directory is writable");
    println!("mirror: {:.0} entries/s", mirror(dir.path(), 200_000));
}
