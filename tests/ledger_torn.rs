//! What a crash, a bad disk or a hand can do to the bytes of a log, at random: it opens with exactly what was written,
//! or not at all. What is acknowledged is lost only where its end is gone without trace, and that a held head tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use pgwarrant::audit::verify::{Expected, Fault, VerifyError, verify_ledger};
use pgwarrant::ledger::tree::{Hash, leaf_hash};
use pgwarrant::ledger::{Checkpoint, Entry, Item, Kind, Ledger, LedgerConfig, LedgerError, Reader, VerifyingName};
use proptest::prelude::*;

const ORIGIN: &str = "example.com/log";
const SECTOR: usize = 512;
/// Entries; each is a commit. The last one is the one that a crash interrupted.
const ENTRIES: u64 = 24;

fn config(dir: &Path) -> LedgerConfig {
    let config = LedgerConfig::new(dir, ORIGIN, SigningKey::from_bytes(&[1; 32]));
    LedgerConfig { low_water: 0, low_water_writes: 0, segment_size: 9_000, sync: false, ..config }
}

/// Short ones, long ones, one longer than several pages.
fn entry(n: u64) -> Entry {
    let mut entry = Entry::new(Kind::Outcome);
    entry.template = Some("x".repeat([10, 700, 40, 3000, 100, 9000, 511][n as usize % 7]));
    entry
}

struct Written {
    files: Vec<File>,
    leaves: Vec<Hash>,
    heads: Vec<Checkpoint>,
}

#[derive(Clone)]
struct File {
    name: String,
    bytes: Vec<u8>,
    /// Where frames start, and where the last one ends.
    frames: Vec<usize>,
    /// Where commits end.
    commits: Vec<usize>,
}

impl File {
    fn end(&self) -> usize {
        *self.frames.last().unwrap()
    }
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    let (mut leaves, mut heads) = (Vec::new(), Vec::new());
    for n in 0..ENTRIES {
        leaves.push(*ledger.append(entry(n)).wait().unwrap().leaf_hash());
        heads.push(ledger.head().as_ref().clone());
    }
    drop(ledger);
    let mut paths: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "segment"));
    paths.sort();
    assert!(paths.len() >= 3);
    let files = paths.iter().map(|path| read(path)).collect();
    Written { files, leaves, heads }
});

fn read(path: &Path) -> File {
    let mut bytes = fs::read(path).unwrap();
    let (mut frames, mut commits, mut at) = (vec![0], Vec::new(), 0);
    while bytes[at..at + 8] != [0; 8] {
        at += 8 + (u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) & 0xff_ffff) as usize;
        frames.push(at);
        if bytes[frames[frames.len() - 2] + 3] == 4 {
            commits.push(at);
        }
    }
    // The preallocated rest, but for a few sectors, is only slow.
    bytes.truncate(at + 4 * SECTOR);
    File { name: path.file_name().unwrap().to_str().unwrap().to_owned(), bytes, frames, commits }
}

/// A place in a file by what stands there: every class of offset comes up, however short it is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Header,
    Checksum,
    PayloadStart,
    Payload,
    PayloadEnd,
    Commit,
    Sector,
    Any,
}

fn place() -> impl Strategy<Value = (Place, prop::sample::Index, u8)> {
    use Place::*;
    let class = prop::sample::select(vec![Header, Checksum, PayloadStart, Payload, PayloadEnd, Commit, Sector, Any]);
    (class, any::<prop::sample::Index>(), any::<u8>())
}

fn offset(file: &File, (class, index, within): (Place, prop::sample::Index, u8)) -> usize {
    let frame = index.index(file.frames.len() - 1);
    let (start, end) = (file.frames[frame], file.frames[frame + 1]);
    let within = usize::from(within);
    match class {
        Place::Header => start + within % 4,
        Place::Checksum => start + 4 + within % 4,
        Place::PayloadStart => start + 8,
        Place::Payload => start + 8 + index.index(end - start - 8),
        Place::PayloadEnd => end - 1,
        Place::Commit => file.commits[index.index(file.commits.len())],
        Place::Sector => index.index(file.end() / SECTOR + 1) * SECTOR,
        Place::Any => index.index(file.end()),
    }
}

#[derive(Debug, Clone)]
enum Damage {
    /// The file ends here.
    Cut,
    /// Nothing was written from here on.
    ZeroFrom,
    /// So many bytes are zero.
    Hole(usize),
    Flip(u8),
    Garbage(Vec<u8>),
    /// The bytes from here on stand twice.
    Repeat(usize),
    /// So many bytes are gone, what follows moved up.
    Remove(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::Cut),
        Just(Damage::ZeroFrom),
        (1usize..5000).prop_map(Damage::Hole),
        (0u8..8).prop_map(Damage::Flip),
        prop::collection::vec(any::<u8>(), 1..2000).prop_map(Damage::Garbage),
        (1usize..3000).prop_map(Damage::Repeat),
        (1usize..3000).prop_map(Damage::Remove),
    ]
}

fn apply(bytes: &mut Vec<u8>, at: usize, damage: &Damage) {
    let at = at.min(bytes.len());
    match damage {
        Damage::Cut => bytes.truncate(at),
        Damage::ZeroFrom => bytes[at..].fill(0),
        Damage::Hole(length) => {
            let end = bytes.len().min(at + length);
            bytes[at..end].fill(0);
        }
        Damage::Flip(bit) => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Damage::Garbage(garbage) => {
            bytes.resize(bytes.len().max(at + garbage.len()), 0);
            bytes[at..at + garbage.len()].copy_from_slice(garbage);
        }
        Damage::Repeat(length) => {
            let copy = bytes[at..bytes.len().min(at + length)].to_vec();
            bytes.splice(at..at, copy);
        }
        Damage::Remove(length) => drop(bytes.drain(at..bytes.len().min(at + length))),
    }
}

fn lay_out(files: &[File]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        fs::write(dir.path().join(&file.name), &file.bytes).unwrap();
    }
    dir
}

fn entries(dir: &Path) -> Vec<Hash> {
    let mut reader = Reader::open(dir, 0).unwrap();
    let mut leaves = Vec::new();
    loop {
        match reader.read().unwrap() {
            Item::Entry { bytes, .. } => leaves.push(leaf_hash(bytes)),
            Item::Checkpoint { .. } => {}
            Item::End => return leaves,
        }
    }
}

fn expected(held: &Checkpoint) -> Expected {
    let key = VerifyingName::new(ORIGIN, SigningKey::from_bytes(&[1; 32]).verifying_key()).unwrap();
    Expected { key, held: vec![held.clone()] }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
}

/// Whether all that happened is that the end of the log was never written, or is gone: but for a few bytes that may be
/// a checksum.
fn is_only_shorter(original: &File, damaged: &[u8]) -> bool {
    let damaged = trimmed(damaged);
    let same = original.bytes.iter().zip(damaged).take_while(|(a, b)| a == b).count();
    let frame = original.frames.iter().rev().find(|start| **start <= same).copied().unwrap_or_default();
    same == damaged.len() || damaged.len() < frame + 8
}

/// Whether a hole of zeros took every later checkpoint with it: like a crash in the middle of a large commit.
fn is_without_any_later_commit(original: &File, damaged: &[u8], at: usize) -> bool {
    let last = original.frames[original.frames.len() - 2];
    damaged.len() == original.bytes.len() && damaged[at..=last].iter().all(|b| *b == 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_log_opens_with_exactly_what_was_written_or_not_at_all(
        which in any::<prop::sample::Index>(), place in place(), damage in damage(),
    ) {
        let written = &*WRITTEN;
        let mut files = written.files.clone();
        let which = which.index(files.len());
        let at = offset(&files[which], place);
        apply(&mut files[which].bytes, at, &damage);
        let (original, damaged) = (&written.files[which], &files[which].bytes);
        let untouched = trimmed(damaged) == trimmed(&original.bytes);
        let last = which + 1 == files.len();
        let dir = lay_out(&files);
        match Ledger::open(config(dir.path())) {
            Err(LedgerError::Corrupt { segment, .. }) => {
                prop_assert!(!untouched, "refused for nothing");
                prop_assert!(segment >= files[which].name, "names {segment}, before the damage");
                // A heading lies in one sector: a crash leaves all of it or nothing.
                let heading = (1..original.frames[1]).contains(&trimmed(damaged).len());
                prop_assert!(!(last && is_only_shorter(original, damaged)) || heading, "what a crash does was refused");
            }
            Err(LedgerError::Head { .. }) => prop_assert!(!untouched),
            Err(other) => prop_assert!(false, "{other}"),
            Ok(ledger) => {
                let size = ledger.head().size() as usize;
                drop(ledger);
                prop_assert_eq!(&entries(dir.path())[..], &written.leaves[..size], "not what was written");
                if size < written.leaves.len() {
                    prop_assert!(last, "an earlier segment lost entries");
                    let before = at.max(trimmed(&original.bytes[..at]).len());
                    let whole = original.commits.iter().filter(|end| **end <= before).count();
                    let kept = size - (written.leaves.len() - original.commits.len());
                    // Nothing before the damage goes; what is acknowledged goes only with the whole end of the log.
                    prop_assert!(kept >= whole.min(original.commits.len()), "kept {kept} of {whole} untouched commits");
                    if size + 1 < written.leaves.len() {
                        let gone = is_only_shorter(original, damaged) || is_without_any_later_commit(original, damaged, at);
                        prop_assert!(gone, "lost what was acknowledged");
                    }
                    let found = verify_ledger(dir.path(), expected(written.heads.last().unwrap()));
                    let told = matches!(found, Err(VerifyError::Fault(Fault::TruncatedBelowHeld { seq, .. })) if seq == size as u64);
                    prop_assert!(told, "{found:?}");
                }
                // And it goes on as a log.
                let ledger = Ledger::open(config(dir.path())).unwrap();
                prop_assert_eq!(ledger.append(entry(1)).wait().unwrap().seq(), size as u64);
                let head = ledger.head().as_ref().clone();
                drop(ledger);
                prop_assert_eq!(verify_ledger(dir.path(), expected(&head)).unwrap().entries, size as u64 + 1);
            }
        }
    }
}
