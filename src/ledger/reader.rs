//! Reads a log's segments from the beginning or from any entry, while it is being written or not.
//! Checks frames; what the tree and the signatures say is for who reads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::LedgerError;
use super::frame::{self, Decoded, FrameKind, HEADER_BYTES, MAX_FRAME_BYTES, decode};
use super::mark;
use super::segment::{Heading, file_name, list};

const READ_BYTES: usize = 256 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Entry {
        seq: u64,
        bytes: &'a [u8],
    },
    /// A signed note, not yet checked.
    Checkpoint {
        note: &'a str,
    },
    /// Nothing more was written so far. Calling again looks again.
    End,
}

pub struct Reader {
    dir: PathBuf,
    origin: Option<String>,
    file: File,
    first_seq: u64,
    next_seq: u64,
    /// Offset in the file of the buffer's start.
    base: u64,
    buffer: Vec<u8>,
    /// Consumed bytes of the buffer.
    taken: usize,
}

impl Reader {
    /// Stands before the first entry that was not pruned.
    pub fn first(dir: &Path) -> Result<Reader, LedgerError> {
        Reader::open(dir, mark::first_seq(dir)?)
    }

    /// At the first segment there is, whether it may be the first or not.
    pub fn any(dir: &Path) -> Result<Option<Reader>, LedgerError> {
        let segments = list(dir).map_err(LedgerError::io(format!("cannot read the ledger in {}", dir.display())))?;
        segments.first().map(|first| Reader::open(dir, *first)).transpose()
    }

    /// Stands before entry `seq`, or at the end if the log is shorter.
    pub fn open(dir: &Path, seq: u64) -> Result<Reader, LedgerError> {
        let what = || format!("cannot read the ledger in {}", dir.display());
        let segments = list(dir).map_err(LedgerError::io(what()))?;
        let Some(first_seq) = segments.iter().copied().take_while(|first| *first <= seq).last() else {
            let first = mark::first_seq(dir)?;
            if seq < first {
                return Err(LedgerError::Pruned { seq, first });
            }
            let missing = io::Error::new(io::ErrorKind::NotFound, "no segment holds this entry");
            return Err(LedgerError::io(what())(missing));
        };
        let mut reader = Reader {
            dir: dir.to_owned(),
            origin: None,
            file: open_segment(dir, first_seq)?,
            first_seq,
            next_seq: first_seq,
            base: 0,
            buffer: Vec::new(),
            taken: 0,
        };
        reader.heading()?;
        while reader.next_seq < seq && !matches!(reader.read()?, Item::End) {}
        Ok(reader)
    }

    /// The log's name, as its first frame has it.
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }

    /// The seq of the entry that comes next.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub fn read(&mut self) -> Result<Item<'_>, LedgerError> {
        let (kind, length) = match self.peek()? {
            Peeked::Frame(kind, length) => (kind, length),
            Peeked::End => {
                if !self.next_segment()? {
                    return Ok(Item::End);
                }
                match self.peek()? {
                    Peeked::Frame(kind, length) => (kind, length),
                    Peeked::End => return Ok(Item::End),
                }
            }
        };
        let start = self.taken + HEADER_BYTES;
        self.taken += length;
        let payload = start..self.taken;
        match kind {
            FrameKind::Entry => {
                self.next_seq += 1;
                Ok(Item::Entry { seq: self.next_seq - 1, bytes: &self.buffer[payload] })
            }
            FrameKind::Checkpoint => match std::str::from_utf8(&self.buffer[payload]) {
                Ok(note) => Ok(Item::Checkpoint { note }),
                Err(_) => Err(corrupt(self.first_seq, self.base, self.next_seq, "a checkpoint is not text")),
            },
            FrameKind::Commit => match frame::commit(&self.buffer[payload]) {
                Some((_, note)) => Ok(Item::Checkpoint { note }),
                None => Err(corrupt(self.first_seq, self.base, self.next_seq, "a commit cannot be read")),
            },
            FrameKind::Segment => Err(self.corrupt("a segment starts in the middle of another")),
        }
    }

    /// Fails if anything lies behind the end: written bytes after a gap, or a segment that nothing leads to.
    pub fn check_end(&mut self) -> Result<(), LedgerError> {
        let segments = list(&self.dir).map_err(LedgerError::io("cannot list segments"))?;
        let stray = segments.iter().find(|first| **first > self.first_seq);
        // A crash, or a full disk, can come between making the next file and writing its heading.
        let unwritten = segments.last() == Some(&self.next_seq) && is_unwritten(&open_segment(&self.dir, self.next_seq)?)?;
        if let Some(stray) = stray.filter(|stray| !(unwritten && **stray == self.next_seq)) {
            return Err(self.corrupt(&format!("the log ends here, but segment {} goes on", file_name(*stray))));
        }
        self.check_rest("something is written after the end of the log")
    }

    /// Fails if anything but zeros lies behind what was read of this segment.
    fn check_rest(&self, what: &str) -> Result<(), LedgerError> {
        let mut at = self.base + self.taken as u64;
        let mut chunk = vec![0; READ_BYTES];
        loop {
            let got = self.file.read_at(&mut chunk, at).map_err(LedgerError::io("cannot read a segment"))?;
            if got == 0 {
                return Ok(());
            }
            if let Some(stray) = chunk[..got].iter().position(|b| *b != 0) {
                return Err(corrupt(self.first_seq, at + stray as u64, self.next_seq, what));
            }
            at += got as u64;
        }
    }

    fn next_segment(&mut self) -> Result<bool, LedgerError> {
        if self.next_seq == self.first_seq || !self.dir.join(file_name(self.next_seq)).exists() {
            return Ok(false);
        }
        let next = open_segment(&self.dir, self.next_seq)?;
        if is_unwritten(&next)? {
            return Ok(false);
        }
        self.check_rest("something is written after the end of the segment")?;
        self.file = next;
        (self.first_seq, self.base, self.taken) = (self.next_seq, 0, 0);
        self.buffer.clear();
        self.heading()?;
        Ok(true)
    }

    fn heading(&mut self) -> Result<(), LedgerError> {
        let (kind, length) = match self.peek()? {
            Peeked::Frame(kind, length) => (kind, length),
            Peeked::End => return Err(self.corrupt("the segment is empty")),
        };
        let heading = Heading::parse(&self.buffer[self.taken + HEADER_BYTES..self.taken + length]);
        let Some(heading) = heading.filter(|h| kind == FrameKind::Segment && h.first_seq == self.first_seq) else {
            return Err(self.corrupt("the segment does not start as its name says"));
        };
        if self.origin.as_ref().is_some_and(|origin| *origin != heading.origin) {
            return Err(self.corrupt("the segment belongs to another log"));
        }
        self.origin = Some(heading.origin);
        self.taken += length;
        Ok(())
    }

    /// The kind and whole length of the frame at hand, which then lies in the buffer.
    fn peek(&mut self) -> Result<Peeked, LedgerError> {
        let mut fresh = false;
        loop {
            let rest = &self.buffer[self.taken..];
            // What was read ahead may be older than what the writer has written since: only a fresh look counts.
            let starved = match decode(rest) {
                Decoded::Frame { kind, payload } => return Ok(Peeked::Frame(kind, HEADER_BYTES + payload.len())),
                Decoded::End => Ok(Peeked::End),
                Decoded::Short(_) => Err("the segment ends inside a frame"),
                Decoded::Bad(what) => Err(what),
            };
            if fresh {
                return starved.map_err(|what| self.corrupt(what));
            }
            self.refill()?;
            fresh = true;
        }
    }

    fn refill(&mut self) -> Result<(), LedgerError> {
        self.base += self.taken as u64;
        self.taken = 0;
        self.buffer.resize(READ_BYTES.max(MAX_FRAME_BYTES), 0);
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.file.read_at(&mut self.buffer[filled..], self.base + filled as u64) {
                Ok(0) => break,
                Ok(got) => filled += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LedgerError::io("cannot read a segment")(error)),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }

    fn corrupt(&self, what: &str) -> LedgerError {
        corrupt(self.first_seq, self.base + self.taken as u64, self.next_seq, what)
    }
}

/// Whether a segment has no heading yet: it holds nothing but zeros, if anything.
fn is_unwritten(file: &File) -> Result<bool, LedgerError> {
    let (mut at, mut chunk) = (0, vec![0; READ_BYTES]);
    loop {
        let got = file.read_at(&mut chunk, at).map_err(LedgerError::io("cannot read a segment"))?;
        if got == 0 || chunk[..got].iter().any(|byte| *byte != 0) {
            return Ok(got == 0);
        }
        at += got as u64;
    }
}

enum Peeked {
    Frame(FrameKind, usize),
    End,
}

fn open_segment(dir: &Path, first_seq: u64) -> Result<File, LedgerError> {
    let name = file_name(first_seq);
    File::open(dir.join(&name)).map_err(LedgerError::io(format!("cannot open segment {name}")))
}

pub(super) fn corrupt(first_seq: u64, offset: u64, seq: u64, what: &str) -> LedgerError {
    LedgerError::Corrupt { segment: file_name(first_seq), offset, seq, what: what.to_owned() }
}
