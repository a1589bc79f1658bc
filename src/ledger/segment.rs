//! One file of the log. Its name is the seq of its first entry; its first frame says which log it is a part of and
//! what the tree was before it.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::disk::{Disk, SegmentFile};
use super::frame::{FrameKind, encode};
use super::tree::Hash;
use crate::kill_point::KillPoint;

const TITLE: &str = "pgwarrant ledger segment v1";
const SUFFIX: &str = ".segment";
/// Zeros are written ahead this much at a time: enough to be rare, little enough not to be felt by one commit.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

/// The first seqs of all segments in a directory, in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir)? {
        let name = file?.file_name();
        let seq: Option<u64> =
            name.to_str().and_then(|n| n.strip_suffix(SUFFIX)).filter(|n| n.len() == 20).and_then(|n| n.parse().ok());
        found.extend(seq);
    }
    found.sort_unstable();
    Ok(found)
}

/// What the first frame of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) origin: String,
    pub(super) first_seq: u64,
    /// The root of the tree of all earlier entries.
    pub(super) root: Hash,
}

impl Heading {
    fn text(&self) -> String {
        format!("{TITLE}\n{}\n{}\n{}\n", self.origin, self.first_seq, STANDARD.encode(self.root))
    }

    pub(super) fn parse(payload: &[u8]) -> Option<Heading> {
        let mut lines = std::str::from_utf8(payload).ok()?.lines();
        let (title, origin, seq, root) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        let heading = Heading { origin: origin.to_owned(), first_seq: seq.parse().ok()?, root };
        (title == TITLE && heading.text().as_bytes() == payload).then_some(heading)
    }
}

/// The segment that is being written.
pub(super) struct Segment {
    file: Box<dyn SegmentFile>,
    offset: u64,
    /// The file is this long, and zero from `offset` on.
    zeroed: u64,
    used: bool,
}

impl Segment {
    /// Durable, with its name, when it returns: a later segment proves that every earlier one was complete.
    pub(super) fn create(disk: &dyn Disk, heading: &Heading) -> io::Result<Segment> {
        let file = disk.create(&file_name(heading.first_seq))?;
        let mut frame = Vec::new();
        encode(FrameKind::Segment, &mut frame, |out| out.extend_from_slice(heading.text().as_bytes()));
        let mut segment = Segment { file, offset: 0, zeroed: 0, used: false };
        segment.append(&frame)?;
        segment.used = false;
        disk.sync_directory()?;
        Ok(segment)
    }

    /// Goes on at `offset`; whatever lies behind it is made zero, and is durably so when this returns.
    pub(super) fn reopen(disk: &dyn Disk, first_seq: u64, offset: u64) -> io::Result<Segment> {
        let file = disk.open(&file_name(first_seq))?;
        let length = file.length()?;
        let mut at = offset;
        while at < length {
            let step = (length - at).min(ZEROS.len() as u64);
            file.write_at(&ZEROS[..step as usize], at)?;
            at += step;
        }
        file.sync()?;
        Ok(Segment { file, offset, zeroed: length.max(offset), used: true })
    }

    /// Makes room: blocks that already hold zeros take a sync without a change of metadata.
    pub(super) fn reserve(&mut self, bytes: usize) -> io::Result<()> {
        while self.zeroed < self.offset + bytes as u64 {
            self.file.write_at(&ZEROS, self.zeroed)?;
            self.zeroed += ZEROS.len() as u64;
        }
        Ok(())
    }

    /// Durable when it returns. After an error nobody knows what is on the disk.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reserve(bytes.len())?;
        self.file.write_at(bytes, self.offset)?;
        KillPoint::LedgerWritten.pass();
        self.file.sync()?;
        KillPoint::LedgerSynced.pass();
        self.offset += bytes.len() as u64;
        self.used = true;
        Ok(())
    }

    /// True if it holds entries and `bytes` more would make it longer than `limit`.
    pub(super) fn is_full(&self, bytes: usize, limit: u64) -> bool {
        self.used && self.offset + bytes as u64 > limit
    }
}
