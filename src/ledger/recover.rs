//! Opening a log: reads all of it, cuts what a crash left half-written, refuses what a crash cannot explain.
//!
//! The writer syncs one batch, its checkpoint included, before it starts the next, into blocks that were zero. So
//! after a crash only the last batch can be damaged, and the damage is whole sectors that are still zero. Nothing of
//! such a batch was acknowledged, and it is cut. Any other damage is corruption of what was acknowledged.

use std::path::Path;

use super::error::LedgerError;
use super::frame::{Decoded, FrameKind, HEADER_BYTES, commit, decode};
use super::mark::Mark;
use super::note::{Checkpoint, Claim, VerifyingName};
use super::reader::corrupt;
use super::segment::{Heading, file_name, list};
use super::transactions::Left;
use super::tree::Tree;

/// Disks write sectors of this size, or a multiple, whole or not at all.
const SECTOR: usize = 512;

/// A log as found, up to its last checkpoint.
pub(super) struct Recovered {
    pub(super) tree: Tree,
    pub(super) head: Option<Checkpoint>,
    /// First seq of the last segment and the offset at which to go on.
    pub(super) segment: Option<(u64, u64)>,
    /// Entries that were cut: never acknowledged.
    pub(super) cut: u64,
    pub(super) left: Left,
}

pub(super) fn recover(dir: &Path, by: &VerifyingName) -> Result<Recovered, LedgerError> {
    let mark = Mark::read(dir, by)?;
    let pruned = mark.as_ref().map_or(0, Mark::size);
    let mut segments = list(dir).map_err(LedgerError::io(format!("cannot list {}", dir.display())))?;
    // A crash came between the mark and the removal of what it says is gone.
    segments.retain(|first_seq| *first_seq >= pruned);
    let mut scan = Scan::new(by.name(), mark.as_ref().map_or_else(Tree::new, |mark| mark.tree().clone()));
    for (index, first_seq) in segments.iter().enumerate() {
        let name = file_name(*first_seq);
        let bytes = std::fs::read(dir.join(&name)).map_err(LedgerError::io(format!("cannot read segment {name}")))?;
        scan.segment(*first_seq, &bytes, index + 1 == segments.len())?;
    }
    let Scan { good, good_tree, tree, segment, left, .. } = scan;
    if let Some(of) = mark.map(|mark| mark.of()).filter(|of| *of > good_tree.size()) {
        let what = format!("the log ends here, but it had {of} entries when it was pruned: it lost its end");
        return Err(corrupt(segment.map_or(pruned, |(first, _)| first), 0, good_tree.size(), &what));
    }
    let cut = tree.size() - good_tree.size();
    // One signature covers every entry and, through the roots compared on the way, every earlier checkpoint.
    let head = match good {
        None => None,
        Some(claim) => {
            let size = claim.size;
            Some(claim.verify(by).map_err(|source| LedgerError::Head { size, source })?)
        }
    };
    Ok(Recovered { tree: good_tree, head, segment, cut, left })
}

struct Scan<'a> {
    origin: &'a str,
    tree: Tree,
    /// As of the last checkpoint.
    good_tree: Tree,
    good: Option<Claim>,
    segment: Option<(u64, u64)>,
    /// Of everything up to the last checkpoint.
    left: Left,
}

impl<'a> Scan<'a> {
    fn new(origin: &'a str, pruned: Tree) -> Self {
        Scan { origin, tree: pruned.clone(), good_tree: pruned, good: None, segment: None, left: Left::default() }
    }

    fn segment(&mut self, first_seq: u64, bytes: &[u8], last: bool) -> Result<(), LedgerError> {
        if first_seq != self.good_tree.size() {
            let seq = self.good_tree.size();
            let what = match self.segment {
                Some((before, _)) => format!("segment {} before it ends at seq {seq}: one is missing", file_name(before)),
                None => format!("the entries from {seq} on are missing, and no mark says that they were pruned"),
            };
            return Err(corrupt(first_seq, 0, seq, &what));
        }
        if last && bytes.iter().all(|b| *b == 0) {
            // The crash came between making the file and writing its heading: it is made anew.
            return Ok(());
        }
        let mut at = self.heading(first_seq, bytes)?;
        self.segment = Some((first_seq, at as u64));
        let mut batch = at;
        loop {
            let broken = |what: &str, seq: u64| corrupt(first_seq, at as u64, seq, what);
            let what = match decode(&bytes[at..]) {
                Decoded::Frame { kind: FrameKind::Entry, payload } => {
                    self.tree.push(super::tree::leaf_hash(payload));
                    at += HEADER_BYTES + payload.len();
                    continue;
                }
                Decoded::Frame { kind: kind @ (FrameKind::Checkpoint | FrameKind::Commit), payload } => {
                    let first = self.good_tree.size();
                    self.checkpoint(kind, payload).map_err(|what| broken(what, self.good_tree.size()))?;
                    self.hear(first, &bytes[batch..at]).map_err(|seq| broken("an entry cannot be read", seq))?;
                    at += HEADER_BYTES + payload.len();
                    batch = at;
                    self.segment = Some((first_seq, at as u64));
                    continue;
                }
                Decoded::Frame { kind: FrameKind::Segment, .. } => "a segment starts in the middle of another",
                Decoded::End => "the segment ends without a checkpoint",
                Decoded::Short(_) => "the segment ends inside a frame",
                Decoded::Bad(what) => what,
            };
            let rest = &bytes[at..];
            let clean = at == batch && rest.iter().all(|b| *b == 0);
            if clean || (last && self.is_torn(bytes, batch, at)) {
                return Ok(());
            }
            let what =
                if rest.iter().all(|b| *b == 0) { what.to_owned() } else { format!("{what}, and a crash cannot explain it") };
            return Err(broken(&what, self.tree.size()));
        }
    }

    /// The entries that a checkpoint has just covered.
    fn hear(&mut self, first: u64, mut batch: &[u8]) -> Result<(), u64> {
        let mut seq = first;
        while let Decoded::Frame { kind: FrameKind::Entry, payload } = decode(batch) {
            if !self.left.hear(seq, payload) {
                return Err(seq);
            }
            batch = &batch[HEADER_BYTES + payload.len()..];
            seq += 1;
        }
        Ok(())
    }

    fn heading(&self, first_seq: u64, bytes: &[u8]) -> Result<usize, LedgerError> {
        let fail = |what: &str| Err(corrupt(first_seq, 0, first_seq, what));
        let Decoded::Frame { kind: FrameKind::Segment, payload } = decode(bytes) else {
            return fail("the segment has no heading");
        };
        match Heading::parse(payload) {
            None => fail("the segment's heading cannot be read"),
            Some(h) if h.origin != self.origin => fail(&format!("the segment belongs to the log `{}`", h.origin)),
            Some(h) if h.first_seq != first_seq => fail(&format!("the segment is the one of seq {}", h.first_seq)),
            Some(h) if h.root != self.good_tree.root() => fail("the segments before it are not those it was started after"),
            Some(_) => Ok(HEADER_BYTES + payload.len()),
        }
    }

    fn checkpoint(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), &'static str> {
        let Signed { first, claim } = Signed::read(kind, payload).ok_or("a checkpoint cannot be read")?;
        if first.is_some_and(|first| first != self.good_tree.size()) {
            return Err("a commit did not begin where the one before it ended");
        }
        if claim.origin != self.origin {
            return Err("a checkpoint belongs to another log");
        }
        if claim.size != self.tree.size() {
            return Err("a checkpoint's size is not the number of entries before it");
        }
        if claim.root != self.tree.root() {
            return Err("a checkpoint's root is not that of the entries before it");
        }
        self.good = Some(claim);
        self.good_tree = self.tree.clone();
        Ok(())
    }

    /// True if a crash while the batch at `batch` was being written explains that the frame at `bad` cannot be read:
    /// some sector of the batch is missing, or the batch breaks off. Nothing that is there may belong to another batch.
    fn is_torn(&self, bytes: &[u8], batch: usize, bad: usize) -> bool {
        let written = &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)];
        if bad >= written.len() {
            return true;
        }
        let later = later_checkpoints(&written[bad..], self.origin, self.good_tree.size());
        let is_of_this_batch = |signed: &Signed| signed.first.is_none_or(|first| first == self.good_tree.size());
        later.len() <= 1
            && later.iter().all(is_of_this_batch)
            && (has_zero_sector(written, batch) || self.breaks_off(&written[bad..]))
    }

    /// True if what was written ends inside the frame that it starts with, and what there is of it may be that frame's.
    fn breaks_off(&self, written: &[u8]) -> bool {
        // A bent length reaches beyond the end as well; but what was not torn ends as a commit ends, with its signature.
        let last_line = written.strip_suffix(b"\n").and_then(|text| text.rsplit(|b| *b == b'\n').next());
        if last_line.is_some_and(|line| line.starts_with("— ".as_bytes())) {
            return false;
        }
        let Some((header, payload)) = written.split_first_chunk::<HEADER_BYTES>() else { return true };
        let (first, origin) = (self.good_tree.size(), self.origin);
        let begins = |text: String| text.as_bytes().iter().zip(payload).all(|(expected, found)| expected == found);
        matches!(decode(written), Decoded::Short(_))
            && match FrameKind::from_byte(header[3]) {
                // JSON without a line break.
                Some(FrameKind::Entry) => begins("{".to_owned()) && payload.iter().all(|b| *b >= b' '),
                Some(FrameKind::Commit) => begins(format!("{first}\n{origin}\n")),
                Some(FrameKind::Checkpoint) => begins(format!("{origin}\n")),
                // Shorter than a sector: it is there or it is not.
                Some(FrameKind::Segment) | None => false,
            }
    }
}

/// True if, from `batch` on, some sector's share is all zero: it was never written. Entries are JSON and notes are
/// text, so written bytes have zeros only inside the eight bytes of a frame's header.
fn has_zero_sector(written: &[u8], batch: usize) -> bool {
    let mut at = batch;
    while at < written.len() {
        let end = written.len().min((at / SECTOR + 1) * SECTOR);
        if written[at..end].iter().all(|b| *b == 0) {
            return true;
        }
        at = end;
    }
    false
}

/// What a frame with a checkpoint says, unchecked.
struct Signed {
    /// The first entry of its commit, where the frame says so.
    first: Option<u64>,
    claim: Claim,
}

impl Signed {
    fn read(kind: FrameKind, payload: &[u8]) -> Option<Signed> {
        let (first, note) = match kind {
            FrameKind::Commit => commit(payload).map(|(first, note)| (Some(first), note))?,
            FrameKind::Checkpoint => (None, std::str::from_utf8(payload).ok()?),
            FrameKind::Entry | FrameKind::Segment => return None,
        };
        Some(Signed { first, claim: Claim::parse(note).ok()? })
    }
}

/// The checkpoints of this log beyond `size` that stand in `bytes`, wherever frames may start.
fn later_checkpoints(bytes: &[u8], origin: &str, size: u64) -> Vec<Signed> {
    let kinds = [FrameKind::Checkpoint as u8, FrameKind::Commit as u8];
    let starts = (0..bytes.len()).filter(|at| bytes.get(at + 3).is_some_and(|kind| kinds.contains(kind)));
    let signed = starts.filter_map(|at| match decode(&bytes[at..]) {
        Decoded::Frame { kind, payload } => Signed::read(kind, payload),
        Decoded::End | Decoded::Short(_) | Decoded::Bad(_) => None,
    });
    signed.filter(|signed| signed.claim.origin == origin && signed.claim.size > size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::log::Ledger;
    use crate::ledger::testing::{config, full_entry};
    use std::path::PathBuf;

    struct Written {
        _dir: tempfile::TempDir,
        segment: PathBuf,
        bytes: Vec<u8>,
        /// Where each commit ends.
        ends: Vec<usize>,
    }

    /// One segment with commits of 1, 2 and 3 entries.
    fn written() -> Written {
        let dir = tempfile::tempdir().unwrap();
        let mut ends = Vec::new();
        let segment = dir.path().join(file_name(0));
        for n in 1..=3 {
            // Waiting entries join one commit; a batch of n is made by hand to be sure of its size.
            let ledger = Ledger::open(config(dir.path())).unwrap();
            ledger.append_together(vec![full_entry(); n]);
            drop(ledger);
            ends.push(std::fs::read(&segment).unwrap().iter().rposition(|b| *b != 0).unwrap() + 1);
        }
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes.truncate(ends[2] + 3 * SECTOR);
        Written { _dir: dir, segment, bytes, ends }
    }

    impl Written {
        fn recover(&self, bytes: &[u8]) -> Result<u64, LedgerError> {
            std::fs::write(&self.segment, bytes).unwrap();
            let signer = crate::ledger::note::NoteSigner::new(crate::ledger::testing::ORIGIN, config(Path::new("")).key).unwrap();
            recover(self.segment.parent().unwrap(), signer.verifying_name()).map(|r| r.tree.size())
        }
    }

    #[test]
    fn no_bit_of_what_was_acknowledged_can_flip() {
        let log = written();
        assert_eq!(log.recover(&log.bytes).unwrap(), 6);
        for at in 0..log.ends[2] {
            let mut bent = log.bytes.clone();
            bent[at] ^= 1 << (at % 8);
            match log.recover(&bent) {
                Err(LedgerError::Corrupt { .. } | LedgerError::Head { .. }) => {}
                other => panic!("byte {at} of {:?}: {other:?}", log.ends),
            }
        }
    }

    #[test]
    fn damage_names_the_entry() {
        let log = written();
        for (at, seq) in [(log.ends[0] + 20, 1), (log.ends[1] + 20, 3), (log.ends[1] - 20, 3)] {
            let mut bent = log.bytes.clone();
            bent[at] ^= 1;
            assert!(matches!(log.recover(&bent), Err(LedgerError::Corrupt { seq: named, .. }) if named == seq), "byte {at}");
        }
    }

    #[test]
    fn a_batch_that_breaks_off_anywhere_is_cut() {
        let log = written();
        for at in log.ends[1]..log.ends[2] {
            let mut torn = log.bytes.clone();
            torn[at..].fill(0);
            assert_eq!(log.recover(&torn).unwrap(), 3, "zero from {at}");
            torn.truncate(at);
            assert_eq!(log.recover(&torn).unwrap(), 3, "nothing from {at}");
        }
    }

    #[test]
    fn a_last_batch_with_any_sectors_missing_is_cut() {
        let log = written();
        let sectors: Vec<usize> = (log.ends[1] / SECTOR..=(log.ends[2] - 1) / SECTOR).collect();
        assert!(sectors.len() >= 4);
        for missing in 1u32..1 << sectors.len() {
            let mut torn = log.bytes.clone();
            for (bit, sector) in sectors.iter().enumerate().filter(|(bit, _)| missing & 1 << bit != 0) {
                let _ = bit;
                let start = (sector * SECTOR).max(log.ends[1]);
                torn[start..(sector + 1) * SECTOR].fill(0);
            }
            assert_eq!(log.recover(&torn).unwrap(), 3, "missing {missing:b}");
        }
    }

    #[test]
    fn a_missing_sector_before_the_last_batch_is_corruption() {
        let log = written();
        for sector in 0..log.ends[1] / SECTOR {
            let mut bent = log.bytes.clone();
            bent[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
            assert!(matches!(log.recover(&bent), Err(LedgerError::Corrupt { .. })), "sector {sector}");
        }
    }

    #[test]
    fn a_missing_or_foreign_segment_is_refused_and_an_unborn_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.segment_size = 1;
        let signer = crate::ledger::note::NoteSigner::new(&config.origin, config.key.clone()).unwrap();
        let ledger = Ledger::open(config).unwrap();
        for _ in 0..4 {
            ledger.append(full_entry()).wait().unwrap();
        }
        drop(ledger);
        let size = || recover(dir.path(), signer.verifying_name()).map(|found| found.tree.size());
        let path = |seq| dir.path().join(file_name(seq));
        std::fs::write(path(4), [0; 4096]).unwrap();
        assert_eq!(size().unwrap(), 4);
        std::fs::copy(path(2), path(4)).unwrap();
        assert!(matches!(size(), Err(LedgerError::Corrupt { seq: 4, .. })));
        std::fs::remove_file(path(4)).unwrap();
        std::fs::remove_file(path(2)).unwrap();
        assert!(matches!(size(), Err(LedgerError::Corrupt { seq: 2, .. })));
    }
}
