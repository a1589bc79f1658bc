//! Writes a log's segments again, from entries and checkpoints that somebody verified. They appear in the directory only
//! when all are there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::backup;
use super::disk::{Directory, sync_directory};
use super::error::LedgerError;
use super::frame::{FrameKind, encode, encode_commit};
use super::mark::MARK_FILE;
use super::note::{Checkpoint, VerifyingName};
use super::recover::recover;
use super::segment::{Heading, Segment, file_name, list};
use super::tree::{Tree, leaf_hash};

/// Where it is made, inside the log's directory: that may be a mount point of its own.
const WORKSHOP: &str = "rebuilding";

pub struct Rebuild {
    dir: PathBuf,
    origin: String,
    segment_size: u64,
    /// Nobody else may have the directory meanwhile.
    _lock: Directory,
    disk: Directory,
    tree: Tree,
    /// As of the last checkpoint.
    before: Tree,
    /// What the copy held that it began with.
    base: Option<Checkpoint>,
    segment: Option<Segment>,
    /// Entries since the last checkpoint, as frames.
    commit: Vec<u8>,
}

impl Rebuild {
    /// In a directory without a log; from nothing, or from a copy of the same log.
    pub fn begin(dir: &Path, by: &VerifyingName, segment_size: u64, copy: Option<&Path>) -> Result<Rebuild, LedgerError> {
        let lock = Directory::lock(dir, true)?;
        let what = || format!("cannot rebuild the ledger in {}", dir.display());
        refuse_a_log(dir).map_err(LedgerError::io(what()))?;
        let workshop = dir.join(WORKSHOP);
        if workshop.exists() {
            fs::remove_dir_all(&workshop).map_err(LedgerError::io(what()))?;
        }
        let (mut tree, mut base) = (Tree::new(), None);
        if let Some(copy) = copy {
            backup::copy(copy, &workshop)?;
            let found = recover(&workshop, by)?;
            (tree, base) = (found.tree, found.head);
        }
        let disk = Directory::lock(&workshop, true)?;
        Ok(Rebuild {
            dir: dir.to_owned(),
            origin: by.name().to_owned(),
            segment_size,
            _lock: lock,
            disk,
            before: tree.clone(),
            tree,
            base,
            segment: None,
            commit: Vec::new(),
        })
    }

    /// The newest checkpoint of the copy that it began with.
    pub fn base(&self) -> Option<&Checkpoint> {
        self.base.as_ref()
    }

    /// Where the segments are until all are there: to be verified first.
    pub fn workshop(&self) -> PathBuf {
        self.dir.join(WORKSHOP)
    }

    /// What the copy holds already is passed over.
    pub fn entry(&mut self, seq: u64, bytes: &[u8]) {
        if seq < self.tree.size() {
            return;
        }
        encode(FrameKind::Entry, &mut self.commit, |out| out.extend_from_slice(bytes));
        self.tree.push(leaf_hash(bytes));
    }

    /// Ends a commit: the note is of everything up to here.
    pub fn checkpoint(&mut self, note: &str) -> Result<(), LedgerError> {
        if self.commit.is_empty() {
            return Ok(());
        }
        encode_commit(self.before.size(), note, &mut self.commit);
        let bytes = std::mem::take(&mut self.commit);
        self.append(&bytes).map_err(LedgerError::io("cannot write a segment"))?;
        self.before = self.tree.clone();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let segment = match self.segment.take() {
            Some(segment) if !segment.is_full(bytes.len(), self.segment_size) => segment,
            _ => {
                let heading = Heading { origin: self.origin.clone(), first_seq: self.before.size(), root: self.before.root() };
                Segment::create(&self.disk, &heading)?
            }
        };
        self.segment.insert(segment).append(bytes)
    }

    /// The log is there when this returns.
    pub fn finish(self) -> Result<(), LedgerError> {
        let Rebuild { dir, disk, segment, .. } = self;
        drop((segment, disk));
        appear(&dir).map_err(LedgerError::io(format!("cannot rebuild the ledger in {}", dir.display())))
    }
}

/// What looks like a log is never written over.
fn refuse_a_log(dir: &Path) -> io::Result<()> {
    match !list(dir)?.is_empty() || dir.join(MARK_FILE).exists() {
        true => Err(io::Error::new(io::ErrorKind::AlreadyExists, "it holds segments of a log: move them away first")),
        false => Ok(()),
    }
}

/// The newest segment first: until the oldest is in its place, what is there does not open as a log.
fn appear(dir: &Path) -> io::Result<()> {
    let workshop = dir.join(WORKSHOP);
    let mark = workshop.join(MARK_FILE);
    if mark.exists() {
        fs::rename(&mark, dir.join(MARK_FILE))?;
    }
    for seq in list(&workshop)?.into_iter().rev() {
        let name = file_name(seq);
        fs::rename(workshop.join(&name), dir.join(&name))?;
        sync_directory(dir)?;
    }
    fs::remove_dir_all(&workshop)?;
    sync_directory(dir)
}
