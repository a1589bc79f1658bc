//! Opening a log: reads all of it, cuts what a crash left half-written, refuses what a crash cannot explain.
//!
//! The writer syncs one batch, its checkpoint included, before it starts the next, into blocks that were zero. So
//! after a crash only the last batch can be damaged, and the damage is whole sectors that are still zero. Nothing of
//! such a batch was acknowledged, and it is cut. Any other damage is corruption of what was acknowledged.

use std::path::Path;

use super::error::LedgerError;
use super::frame::{Decoded, FrameKind, HEADER_BYTES, MAX_FRAME_BYTES, decode};
use super::note::{Checkpoint, Claim, VerifyingName};
use super::reader::corrupt;
use super::segment::{Heading, file_name, list};
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
}

pub(super) fn recover(dir: &Path, by: &VerifyingName) -> Result<Recovered, LedgerError> {
    let segments = list(dir).map_err(LedgerError::io(format!("cannot list {}", dir.display())))?;
    let mut scan = Scan::new(by.name());
    for (index, first_seq) in segments.iter().enumerate() {
        let name = file_name(*first_seq);
        let bytes = std::fs::read(dir.join(&name)).map_err(LedgerError::io(format!("cannot read segment {name}")))?;
        scan.segment(*first_seq, &bytes, index + 1 == segments.len())?;
    }
    let Scan { good, good_tree, tree, segment, .. } = scan;
    let cut = tree.size() - good_tree.size();
    // One signature covers every entry and, through the roots compared on the way, every earlier checkpoint.
    let head = match good {
        None => None,
        Some(claim) => {
            let size = claim.size;
            Some(claim.verify(by).map_err(|source| LedgerError::Head { size, source })?)
        }
    };
    Ok(Recovered { tree: good_tree, head, segment, cut })
}

struct Scan<'a> {
    origin: &'a str,
    tree: Tree,
    /// As of the last checkpoint.
    good_tree: Tree,
    good: Option<Claim>,
    segment: Option<(u64, u64)>,
}

impl<'a> Scan<'a> {
    fn new(origin: &'a str) -> Self {
        Scan { origin, tree: Tree::new(), good_tree: Tree::new(), good: None, segment: None }
    }

    fn segment(&mut self, first_seq: u64, bytes: &[u8], last: bool) -> Result<(), LedgerError> {
        if first_seq != self.good_tree.size() {
            let what = format!("the segment before it ends at seq {}", self.good_tree.size());
            return Err(corrupt(first_seq, 0, self.good_tree.size(), &what));
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
                Decoded::Frame { kind: FrameKind::Checkpoint, payload } => {
                    self.checkpoint(payload).map_err(|what| broken(what, self.good_tree.size()))?;
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

    fn checkpoint(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        let claim = std::str::from_utf8(payload).ok().and_then(|note| Claim::parse(note).ok());
        let claim = claim.ok_or("a checkpoint cannot be read")?;
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

    /// True if a crash while the batch at `batch` was being written explains that the frame at `bad` cannot be read.
    fn is_torn(&self, bytes: &[u8], batch: usize, bad: usize) -> bool {
        let written = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        if bad >= written {
            return true;
        }
        if later_checkpoints(&bytes[bad..written], self.origin, self.good_tree.size()) > 1 {
            return false;
        }
        let frame_end = match decode(&bytes[bad..]) {
            Decoded::Short(length) => bad + length,
            Decoded::Frame { .. } | Decoded::End | Decoded::Bad(_) => bad,
        };
        frame_end > bytes.len() || declared_end(bytes, bad) > written || has_zero_sector(bytes, batch, written)
    }
}

/// Where the frame at `at` would end by its own word, if that is possible at all.
fn declared_end(bytes: &[u8], at: usize) -> usize {
    let Some(word) = bytes[at..].first_chunk::<4>() else { return bytes.len() };
    let length = (u32::from_le_bytes(*word) & 0x00ff_ffff) as usize;
    if length > MAX_FRAME_BYTES { at } else { at + HEADER_BYTES + length }
}

/// True if, between `from` and `to`, some sector's share is all zero: it was never written. Entries are JSON and notes
/// are text, so written bytes have zeros only inside the eight bytes of a frame's header.
fn has_zero_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut at = from;
    while at < to {
        let end = to.min((at / SECTOR + 1) * SECTOR);
        if bytes[at..end].iter().all(|b| *b == 0) {
            return true;
        }
        at = end;
    }
    false
}

/// How many checkpoints of this log beyond `size` stand in `bytes`, wherever frames may start.
fn later_checkpoints(bytes: &[u8], origin: &str, size: u64) -> usize {
    let is_later = |payload: &[u8]| {
        let claim = std::str::from_utf8(payload).ok().and_then(|note| Claim::parse(note).ok());
        claim.is_some_and(|c| c.origin == origin && c.size > size)
    };
    let starts = (0..bytes.len()).filter(|at| bytes.get(at + 3) == Some(&(FrameKind::Checkpoint as u8)));
    starts
        .filter(
            |at| matches!(decode(&bytes[*at..]), Decoded::Frame { kind: FrameKind::Checkpoint, payload } if is_later(payload)),
        )
        .count()
}
