//! The ledger as a process sees it: crashes, rivals, and every way to tamper with its files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ed25519_dalek::SigningKey;
use pgwarrant::audit::verify::{Expected, Fault, Summary, VerifyError, verify_ledger};
use pgwarrant::ledger::tree::leaf_hash;
use pgwarrant::ledger::{Checkpoint, Entry, Item, Kind, Ledger, LedgerConfig, LedgerError, Reader};

const ORIGIN: &str = "example.com/log";
const CHILD_DIR: &str = "PGWARRANT_TEST_LEDGER";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { low_water: 0, ..LedgerConfig::new(dir, ORIGIN, key(1)) }
}

fn entry(n: u64) -> Entry {
    let mut entry = Entry::new(Kind::Outcome);
    entry.template = Some("SELECT name FROM customers WHERE id = $1".into());
    entry.values = vec![Some(n.to_string())];
    entry
}

/// A log of `n` entries, each committed alone, and the heads on the way.
fn write(dir: &Path, n: u64) -> Vec<Checkpoint> {
    let ledger = Ledger::open(config(dir)).unwrap();
    (0..n)
        .map(|i| {
            ledger.append(entry(i)).wait().unwrap();
            ledger.head().as_ref().clone()
        })
        .collect()
}

fn expected(held: Option<&Checkpoint>) -> Expected {
    let key = pgwarrant::ledger::VerifyingName::new(ORIGIN, key(1).verifying_key()).unwrap();
    Expected { key, held: held.into_iter().cloned().collect() }
}

fn verify(dir: &Path) -> Result<Summary, VerifyError> {
    verify_ledger(dir, expected(None))
}

fn fault(checked: Result<Summary, VerifyError>) -> Fault {
    match checked {
        Err(VerifyError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// The log taken apart and put together again, with good frames around whatever the payloads became.
enum Frame {
    Heading(Vec<u8>),
    Entry(Vec<u8>),
    Note(Vec<u8>),
}

fn take_apart(file: &Path) -> Vec<Frame> {
    let bytes = fs::read(file).unwrap();
    let mut frames = Vec::new();
    let mut at = 0;
    while at + 8 <= bytes.len() && bytes[at..at + 8] != [0; 8] {
        let length = usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8 | usize::from(bytes[at + 2]) << 16;
        let payload = bytes[at + 8..at + 8 + length].to_vec();
        frames.push(match bytes[at + 3] {
            1 => Frame::Entry(payload),
            4 => Frame::Note(payload),
            _ => Frame::Heading(payload),
        });
        at += 8 + length;
    }
    frames
}

fn put_together(file: &Path, frames: &[Frame]) {
    let mut out = Vec::new();
    for frame in frames {
        let (kind, payload) = match frame {
            Frame::Entry(payload) => (1, payload),
            Frame::Note(payload) => (4, payload),
            Frame::Heading(payload) => (3, payload),
        };
        let word = (payload.len() as u32 | kind << 24).to_le_bytes();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&word), payload);
        out.extend_from_slice(&word);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(payload);
    }
    fs::write(file, out).unwrap();
}

/// Frame 0 is the heading; entry `i` is frame `2i + 1` and its checkpoint the next.
fn tampered(n: u64, tamper: impl FnOnce(&mut Vec<Frame>)) -> (tempfile::TempDir, Vec<Checkpoint>) {
    let dir = tempfile::tempdir().unwrap();
    let heads = write(dir.path(), n);
    let file = dir.path().join("00000000000000000000.segment");
    let mut frames = take_apart(&file);
    assert_eq!(frames.len() as u64, 2 * n + 1);
    tamper(&mut frames);
    put_together(&file, &frames);
    (dir, heads)
}

fn as_entry(frame: &mut Frame) -> &mut Vec<u8> {
    match frame {
        Frame::Entry(bytes) => bytes,
        Frame::Heading(_) | Frame::Note(_) => panic!("not an entry"),
    }
}

#[test]
fn an_untouched_log_verifies() {
    let (dir, heads) = tampered(5, |_| {});
    let summary = verify(dir.path()).unwrap();
    assert_eq!((summary.entries, summary.checkpoints, summary.head.as_ref()), (5, 5, heads.last()));
}

#[test]
fn any_changed_byte_of_an_entry_is_named() {
    let (dir, _) = tampered(3, |_| {});
    let file = dir.path().join("00000000000000000000.segment");
    let mut frames = take_apart(&file);
    for at in 0..as_entry(&mut frames[3]).len() {
        as_entry(&mut frames[3])[at] ^= 1;
        put_together(&file, &frames);
        assert_eq!(fault(verify(dir.path())).seq(), Some(1), "byte {at}");
        assert!(Ledger::open(config(dir.path())).is_err(), "byte {at}");
        as_entry(&mut frames[3])[at] ^= 1;
    }
}

fn repeat(frames: &mut Vec<Frame>, from: usize, to: usize) {
    let bytes = as_entry(&mut frames[from]).clone();
    frames.insert(to, Frame::Entry(bytes));
}

fn forged(log: &str, seq: u64) -> Frame {
    Frame::Entry(format!(r#"{{"log":"{log}","seq":{seq},"v":1}}"#).into_bytes())
}

fn bend_signature(frame: &mut Frame) {
    let Frame::Note(note) = frame else { panic!("not a checkpoint") };
    let at = note.len() - 20;
    note[at] = if note[at] == b'A' { b'B' } else { b'A' };
}

#[test]
fn each_way_to_tamper_with_a_file_is_caught_and_named() {
    type Tamper = fn(&mut Vec<Frame>);
    let cases: [(&str, Tamper, Option<u64>); 8] = [
        ("an entry dropped with its checkpoint", |f| drop(f.drain(3..5)), Some(1)),
        ("an entry dropped, its checkpoint left", |f| drop(f.remove(3)), Some(1)),
        ("two entries swapped", |f| f.swap(3, 5), Some(1)),
        ("an entry inserted", |f| repeat(f, 5, 3), Some(1)),
        ("an entry repeated", |f| repeat(f, 3, 5), Some(2)),
        ("an entry appended without a signature", |f| f.push(forged(ORIGIN, 4)), Some(4)),
        ("another log's entry", |f| f[3] = forged("example.com/other", 1), Some(1)),
        ("a checkpoint's signature bent", |f| bend_signature(&mut f[4]), None),
    ];
    for (what, tamper, seq) in cases {
        let (dir, _) = tampered(4, tamper);
        assert_eq!(fault(verify(dir.path())).seq(), seq, "{what}");
    }
}

#[test]
fn a_log_signed_anew_with_another_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { key: key(2), ..config(dir.path()) }).unwrap();
    ledger.append(entry(0)).wait().unwrap();
    drop(ledger);
    assert!(matches!(fault(verify(dir.path())), Fault::BadNote { size: 1, .. }));
}

#[test]
fn a_log_cut_short_or_rewritten_is_caught_by_a_held_checkpoint() {
    // Whole commits are gone: nothing inside tells, somebody outside does.
    let (dir, heads) = tampered(4, |frames| frames.truncate(5));
    assert_eq!(verify(dir.path()).unwrap().entries, 2);
    let held = |checkpoint| fault(verify_ledger(dir.path(), expected(Some(checkpoint))));
    assert_eq!(held(&heads[3]), Fault::TruncatedBelowHeld { seq: 2, size: 4 });
    assert_eq!(verify_ledger(dir.path(), expected(Some(&heads[1]))).unwrap().held, 1);

    // The holder of the key rewrites history.
    let other = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(other.path())).unwrap();
    for _ in 0..4 {
        ledger.append(Entry::new(Kind::Denial)).wait().unwrap();
    }
    drop(ledger);
    assert_eq!(verify(other.path()).unwrap().entries, 4);
    let checked = fault(verify_ledger(other.path(), expected(Some(&heads[1]))));
    assert!(matches!(checked, Fault::HeldDiffers { size: 2, .. }), "{checked}");
}

#[test]
fn a_segment_taken_away_is_named_by_its_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_size: 1, ..config(dir.path()) }).unwrap();
    for n in 0..6 {
        ledger.append(entry(n)).wait().unwrap();
    }
    drop(ledger);
    assert_eq!(verify(dir.path()).unwrap().entries, 6);
    fs::remove_file(dir.path().join("00000000000000000003.segment")).unwrap();
    assert_eq!(fault(verify(dir.path())).seq(), Some(3));
    assert!(matches!(Ledger::open(config(dir.path())), Err(LedgerError::Corrupt { seq: 3, .. })));
}

#[test]
fn a_segment_that_a_crash_left_without_a_heading_is_no_part_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3);
    let next = dir.path().join(format!("{:020}.segment", 3));
    for zeros in [0, 4096] {
        fs::write(&next, vec![0; zeros]).unwrap();
        assert!(verify(dir.path()).is_ok(), "{zeros}");
    }
    fs::write(&next, [0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
    assert!(verify(dir.path()).is_err(), "what is written after the end is no crash");
    fs::rename(&next, dir.path().join(format!("{:020}.segment", 4))).unwrap();
    fs::write(dir.path().join(format!("{:020}.segment", 4)), []).unwrap();
    assert!(verify(dir.path()).is_err(), "nothing leads to it");
}

#[test]
fn a_log_verifies_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_size: 50_000, ..config(dir.path()) }).unwrap();
    ledger.append(entry(0)).wait().unwrap();
    let writer = std::thread::spawn(move || {
        for n in 0..400 {
            let waiting: Vec<_> = (0..8).map(|i| ledger.append(entry(n * 8 + i))).collect();
            waiting.into_iter().for_each(|w| drop(w.wait().unwrap()));
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        seen = seen.max(verify(dir.path()).unwrap().entries);
    }
    writer.join().unwrap();
    assert!(seen > 1);
    assert_eq!(verify(dir.path()).unwrap().entries, 3201);
}

/// Not a test of its own: the process that is killed. It says each seq after its receipt.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let ledger = Ledger::open(LedgerConfig { segment_size: 100_000, ..config(Path::new(&dir)) }).unwrap();
    println!("opened");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for n in 0.. {
                    let receipt = ledger.append(entry(n)).wait().unwrap();
                    println!("acknowledged {receipt} ");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

fn spawn_child(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child_that_appends_until_it_is_killed", "--nocapture"]);
    child.env(CHILD_DIR, dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_killed_writer_leaves_a_log_with_everything_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    // seq and leaf hash, as the receipts have them
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..4 {
        let mut child = spawn_child(dir.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut receipts = lines.filter_map(|line| {
            let mut words = line.split_once("acknowledged ")?.1.split(' ').skip(1);
            let (seq, leaf) = (words.next()?.parse::<u64>().ok()?, words.next()?);
            (leaf.len() == 64).then(|| (seq, leaf.to_owned()))
        });
        acknowledged.extend(receipts.by_ref().take(50 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(receipts);
        drop(Ledger::open(config(dir.path())).unwrap());
        verify(dir.path()).unwrap();
    }
    let mut reader = Reader::open(dir.path(), 0).unwrap();
    loop {
        match reader.read().unwrap() {
            Item::Entry { seq, bytes } => {
                let leaf: String = leaf_hash(bytes).iter().map(|b| format!("{b:02x}")).collect();
                assert!(acknowledged.remove(&seq).is_none_or(|said| said == leaf), "entry {seq}");
            }
            Item::Checkpoint { .. } => {}
            Item::End => break,
        }
    }
    assert!(acknowledged.is_empty(), "lost: {acknowledged:?}");
}

#[test]
fn a_second_process_cannot_write_the_same_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn_child(dir.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("opened")));
    assert!(matches!(Ledger::open(config(dir.path())), Err(LedgerError::Locked(_))));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(Ledger::open(config(dir.path())).is_ok());
}
