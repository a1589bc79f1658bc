//! Lets old segments go, and leaves a [`Mark`] that keeps the proofs of what remains valid.
//!
//! The mark is durable before the first segment goes. So a crash leaves segments that the mark says are gone, which
//! are no part of the log any more and go with the next pruning, and never a log whose beginning nobody vouches for.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::clock::rfc3339;
use super::disk::{hold_alone, sync_directory};
use super::error::LedgerError;
use super::log::LedgerConfig;
use super::mark::Mark;
use super::note::{Claim, NoteSigner, VerifyingName};
use super::reader::{Item, Reader, corrupt};
use super::segment::{file_name, list};
use super::tree::{Tree, leaf_hash};

/// What may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A segment goes when its youngest entry is older than this.
    pub retention: Duration,
    pub now: SystemTime,
    /// All entries below this are durable in the mirror: nothing else goes. `None` if there is no mirror.
    pub mirrored: Option<u64>,
    /// Says what would go, and leaves everything as it is.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The first entry that was here before.
    pub from: u64,
    /// The first entry that is here now.
    pub to: u64,
    pub segments: usize,
    pub bytes: u64,
    pub stopped_by: Stop,
}

/// Why the next segment stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It is younger than the retention.
    Young,
    /// The mirror does not hold it yet.
    Mirror,
    /// It is the one that is written, or nothing was committed after it.
    Last,
}

/// Checks everything that it is about to remove. Blocks; may run while the log is written. Not for a log of another
/// key: the mark is signed.
pub fn run(config: &LedgerConfig, limits: Limits) -> Result<Pruned, LedgerError> {
    let dir = config.dir.as_path();
    let signer = NoteSigner::new(&config.origin, config.key.clone()).ok_or_else(|| LedgerError::Origin(config.origin.clone()))?;
    let _hold = hold_alone(dir)?;
    let mark = Mark::read(dir, signer.verifying_name())?;
    let from = mark.as_ref().map_or(0, Mark::size);
    let (gone, here): (Vec<u64>, Vec<u64>) = segments(dir)?.into_iter().partition(|first| *first < from);
    let start = mark.map_or_else(Tree::new, |mark| mark.tree().clone());
    let size = here.last().map_or(Ok(from), |last| committed(dir, *last, signer.verifying_name()))?;
    let (tree, stopped_by) = Plan { dir, by: signer.verifying_name(), limits, size }.extent(start, &here)?;
    let to = tree.size();
    let going: Vec<u64> = gone.into_iter().chain(here.into_iter().filter(|first| *first < to)).collect();
    let bytes = going.iter().filter_map(|first| std::fs::metadata(dir.join(file_name(*first))).ok()).map(|m| m.len()).sum();
    let pruned = Pruned { from, to, segments: going.len(), bytes, stopped_by };
    if limits.dry_run {
        return Ok(pruned);
    }
    if to > from {
        let mark = Mark::sign(&signer, tree, &rfc3339(limits.now), size);
        mark.write(dir).map_err(LedgerError::io("cannot write the mark of what is pruned"))?;
    }
    remove(dir, &going).map_err(LedgerError::io("cannot remove a segment that was pruned"))?;
    Ok(pruned)
}

fn segments(dir: &Path) -> Result<Vec<u64>, LedgerError> {
    list(dir).map_err(LedgerError::io(format!("cannot list {}", dir.display())))
}

/// Oldest first, so that what is left is always one row.
fn remove(dir: &Path, segments: &[u64]) -> std::io::Result<()> {
    for first_seq in segments {
        std::fs::remove_file(dir.join(file_name(*first_seq)))?;
    }
    if segments.is_empty() { Ok(()) } else { sync_directory(dir) }
}

/// The size of the newest checkpoint in the segment that is written last; its first seq if it has none.
fn committed(dir: &Path, last: u64, by: &VerifyingName) -> Result<u64, LedgerError> {
    let mut reader = Reader::open(dir, last)?;
    let mut size = last;
    // A commit under way looks like damage behind the last checkpoint; real damage is found by who opens the log.
    while let Ok(item) = reader.read() {
        match item {
            Item::Entry { .. } => {}
            Item::Checkpoint { note } => size = size.max(claim(note, by)?),
            Item::End => break,
        }
    }
    Ok(size)
}

fn claim(note: &str, by: &VerifyingName) -> Result<u64, LedgerError> {
    let checkpoint = Claim::parse(note).and_then(|claim| claim.verify(by));
    checkpoint.map(|checkpoint| checkpoint.size()).map_err(|source| LedgerError::Head { size: 0, source })
}

struct Plan<'a> {
    dir: &'a Path,
    by: &'a VerifyingName,
    limits: Limits,
    /// What is committed.
    size: u64,
}

/// What binds an entry to a time.
#[derive(Deserialize)]
struct When {
    time: String,
}

impl Plan<'_> {
    /// The tree of everything that may go, and why no more may.
    fn extent(&self, mut tree: Tree, segments: &[u64]) -> Result<(Tree, Stop), LedgerError> {
        // Text of one length and one time zone sorts as time does.
        let cutoff = rfc3339(self.limits.now.checked_sub(self.limits.retention).unwrap_or(SystemTime::UNIX_EPOCH));
        for pair in segments.windows(2) {
            let (this, next) = (pair[0], pair[1]);
            if this != tree.size() {
                return Err(corrupt(this, 0, tree.size(), "the segment before it is missing"));
            }
            // What is left must hold a commit: it proves that the log went on.
            if next >= self.size {
                return Ok((tree, Stop::Last));
            }
            if self.limits.mirrored.is_some_and(|mirrored| next >= mirrored) {
                return Ok((tree, Stop::Mirror));
            }
            match self.old(this, next, tree.clone(), &cutoff)? {
                Some(longer) => tree = longer,
                None => return Ok((tree, Stop::Young)),
            }
        }
        Ok((tree, Stop::Last))
    }

    /// The tree up to `next`, as a signed checkpoint of that size has it; `None` if the segment holds a young entry.
    fn old(&self, this: u64, next: u64, mut tree: Tree, cutoff: &str) -> Result<Option<Tree>, LedgerError> {
        let mut reader = Reader::open(self.dir, this)?;
        let broken = |seq: u64, what: &str| corrupt(this, 0, seq, what);
        loop {
            match reader.read()? {
                Item::Entry { seq, bytes } if seq < next => {
                    let when: When = serde_json::from_slice(bytes).map_err(|_| broken(seq, "an entry has no time"))?;
                    if when.time.as_str() >= cutoff {
                        return Ok(None);
                    }
                    tree.push(leaf_hash(bytes));
                }
                Item::Checkpoint { note } if tree.size() == next => {
                    let checkpoint = Claim::parse(note).and_then(|claim| claim.verify(self.by));
                    let checkpoint = checkpoint.map_err(|source| LedgerError::Head { size: next, source })?;
                    if checkpoint.size() != next || *checkpoint.root() != tree.root() {
                        return Err(broken(next, "its last checkpoint was signed over other entries"));
                    }
                    return Ok(Some(tree));
                }
                Item::Checkpoint { .. } => {}
                Item::Entry { seq, .. } => return Err(broken(seq, "the segment ends without a checkpoint")),
                Item::End => return Err(broken(tree.size(), "the segment ends too early")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::log::Ledger;
    use crate::ledger::testing::{config, full_entry};

    const DAY: Duration = Duration::from_secs(86_400);

    /// `n` entries, each in a segment of its own.
    fn log(dir: &Path, n: u64) -> Ledger {
        let ledger = Ledger::open(one_each(dir)).unwrap();
        (0..n).for_each(|_| drop(ledger.append(full_entry()).wait().unwrap()));
        ledger
    }

    fn one_each(dir: &Path) -> LedgerConfig {
        LedgerConfig { segment_size: 1, ..config(dir) }
    }

    /// As if `days` had passed since the entries were written.
    fn after(days: u32) -> Limits {
        Limits { retention: 200 * DAY, now: SystemTime::now() + days * DAY, mirrored: None, dry_run: false }
    }

    #[test]
    fn what_is_older_than_the_retention_goes_and_the_log_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = log(dir.path(), 6);
        let young = run(&one_each(dir.path()), after(199)).unwrap();
        assert_eq!((young.to, young.segments, young.stopped_by), (0, 0, Stop::Young));
        let pruned = run(&one_each(dir.path()), after(201)).unwrap();
        assert_eq!((pruned.from, pruned.to, pruned.segments, pruned.stopped_by), (0, 5, 5, Stop::Last));
        assert_eq!(list(dir.path()).unwrap(), [5]);
        // The writer does not notice, and neither does the next one.
        assert_eq!(ledger.append(full_entry()).wait().unwrap().seq(), 6);
        let head = ledger.head();
        drop(ledger);
        let ledger = Ledger::open(one_each(dir.path())).unwrap();
        assert_eq!(ledger.head(), head);
        assert_eq!(ledger.append(full_entry()).wait().unwrap().seq(), 7);
        let again = run(&one_each(dir.path()), after(201)).unwrap();
        assert_eq!((again.from, again.to), (5, 7));
        assert!(matches!(Reader::open(dir.path(), 6), Err(LedgerError::Pruned { seq: 6, first: 7 })));
        assert_eq!(Reader::first(dir.path()).unwrap().next_seq(), 7);
    }

    #[test]
    fn a_dry_run_says_the_same_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let _ledger = log(dir.path(), 4);
        let said = run(&one_each(dir.path()), Limits { dry_run: true, ..after(201) }).unwrap();
        assert_eq!(list(dir.path()).unwrap(), [0, 1, 2, 3]);
        assert_eq!(Mark::read(dir.path(), _ledger.verifying_name()).unwrap(), None);
        assert_eq!(run(&one_each(dir.path()), after(201)).unwrap(), said);
    }

    #[test]
    fn nothing_goes_that_the_mirror_does_not_hold() {
        for (mirrored, to) in [(0, 0), (1, 0), (3, 2), (4, 3), (6, 5)] {
            let dir = tempfile::tempdir().unwrap();
            let _ledger = log(dir.path(), 6);
            let pruned = run(&one_each(dir.path()), Limits { mirrored: Some(mirrored), ..after(201) }).unwrap();
            assert_eq!(pruned.to, to, "mirrored up to {mirrored}");
        }
    }

    #[test]
    fn one_young_entry_keeps_its_segment_and_all_later_ones() {
        // A clock that ran ahead wrote entry 3; what came after it is old again.
        let dir = tempfile::tempdir().unwrap();
        let signer = NoteSigner::new(crate::ledger::testing::ORIGIN, config(dir.path()).key).unwrap();
        let time = |n: u64| if n == 3 { "2026-12-01T00:00:00.000000Z" } else { "2026-01-01T00:00:00.000000Z" };
        crate::ledger::testing::log_with_times(dir.path(), &signer, (0..6).map(time));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let pruned = run(&one_each(dir.path()), Limits { now, ..after(0) }).unwrap();
        assert_eq!((pruned.to, pruned.stopped_by), (3, Stop::Young));
        assert_eq!(Ledger::open(one_each(dir.path())).unwrap().head().size(), 6);
    }

    #[test]
    fn a_crash_between_the_mark_and_the_removal_leaves_a_log_that_opens() {
        let dir = tempfile::tempdir().unwrap();
        let kept = tempfile::tempdir().unwrap();
        drop(log(dir.path(), 6));
        for seq in 0..5 {
            std::fs::copy(dir.path().join(file_name(seq)), kept.path().join(file_name(seq))).unwrap();
        }
        run(&one_each(dir.path()), after(201)).unwrap();
        for back in [vec![4], vec![2, 3, 4], vec![0, 1, 2, 3, 4]] {
            for seq in &back {
                std::fs::copy(kept.path().join(file_name(*seq)), dir.path().join(file_name(*seq))).unwrap();
            }
            assert_eq!(Ledger::open(one_each(dir.path())).unwrap().head().size(), 6);
            let pruned = run(&one_each(dir.path()), after(201)).unwrap();
            assert_eq!((pruned.to, pruned.segments), (5, back.len()));
            assert_eq!(list(dir.path()).unwrap(), [5]);
        }
    }

    #[test]
    fn a_pruned_log_without_its_mark_or_its_end_or_with_a_bent_mark_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(log(dir.path(), 6));
        run(&one_each(dir.path()), Limits { mirrored: Some(4), ..after(201) }).unwrap();
        let mark = dir.path().join(crate::ledger::mark::MARK_FILE);
        let note = std::fs::read_to_string(&mark).unwrap();
        let opened = || Ledger::open(one_each(dir.path())).map(|ledger| ledger.head().size()).map_err(|e| e.to_string());
        assert_eq!(opened(), Ok(6));
        std::fs::write(&mark, note.replace("of 6", "of 5")).unwrap();
        assert!(opened().unwrap_err().contains("the mark of what was pruned cannot be trusted"));
        std::fs::remove_file(&mark).unwrap();
        assert!(opened().unwrap_err().contains("the entries from 0 on are missing"));
        std::fs::write(&mark, &note).unwrap();
        std::fs::remove_file(dir.path().join(file_name(5))).unwrap();
        assert!(opened().unwrap_err().contains("it had 6 entries when it was pruned"));
        std::fs::remove_file(dir.path().join(file_name(3))).unwrap();
        assert!(opened().unwrap_err().contains("seq 3"));
    }

    #[test]
    fn damage_in_what_would_go_is_refused_and_nothing_goes() {
        let dir = tempfile::tempdir().unwrap();
        drop(log(dir.path(), 4));
        let path = dir.path().join(file_name(2));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[400] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(run(&one_each(dir.path()), after(201)), Err(LedgerError::Corrupt { .. })));
        assert_eq!(list(dir.path()).unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn nobody_prunes_while_somebody_reads() {
        let dir = tempfile::tempdir().unwrap();
        drop(log(dir.path(), 4));
        run(&one_each(dir.path()), Limits { dry_run: true, ..after(201) }).unwrap();
        let reading = crate::ledger::hold_shared(dir.path()).unwrap();
        assert!(matches!(run(&one_each(dir.path()), after(201)), Err(LedgerError::Held(_))));
        drop(reading);
        assert!(run(&one_each(dir.path()), after(201)).is_ok());
    }
}
