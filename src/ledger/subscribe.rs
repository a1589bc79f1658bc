//! Committed entries in order, for the mirror: read from the segments, never ahead of the durable head.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::LedgerError;
use super::note::Checkpoint;
use super::reader::{Item, Reader};
use super::tree::{Hash, leaf_hash};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedEntry {
    pub seq: u64,
    pub bytes: Vec<u8>,
    pub leaf_hash: Hash,
}

/// Consecutive entries and the note of a checkpoint whose size is the last one's seq + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub entries: Vec<CommittedEntry>,
    pub size: u64,
    /// As the writer signed it.
    pub checkpoint: String,
}

pub struct Subscription {
    dir: PathBuf,
    head: watch::Receiver<Arc<Checkpoint>>,
    next_seq: u64,
    reader: Option<Reader>,
}

impl Subscription {
    pub(super) fn new(dir: PathBuf, head: watch::Receiver<Arc<Checkpoint>>, next_seq: u64) -> Self {
        Subscription { dir, head, next_seq, reader: None }
    }

    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The newest durable head.
    pub fn head(&self) -> Arc<Checkpoint> {
        self.head.borrow().clone()
    }

    /// At least one entry, and about `max_bytes` of entries unless one commit alone has more; waits for the first.
    /// None when the ledger was closed and everything was read.
    ///
    /// Not safe to cancel: a dropped call loses its place.
    pub async fn next(&mut self, max_bytes: usize) -> Result<Option<Committed>, LedgerError> {
        let next_seq = self.next_seq;
        // The writer drops its end only after the last commit was published.
        let closed = self.head.wait_for(|head| head.size() > next_seq).await.is_err();
        let size = self.head.borrow().size();
        if closed && size <= next_seq {
            return Ok(None);
        }
        let (dir, reader) = (self.dir.clone(), self.reader.take());
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = reader.map_or_else(|| Reader::open(&dir, next_seq), Ok)?;
            read(&mut reader, next_seq, size, max_bytes).map(|committed| (reader, committed))
        });
        let (reader, committed) = reading.await.map_err(|_| LedgerError::Closed)??;
        self.reader = Some(reader);
        self.next_seq = committed.size;
        Ok(Some(committed))
    }
}

/// Reads on to the first checkpoint at which `max_bytes` are reached, or to the one of `size`.
fn read(reader: &mut Reader, first: u64, size: u64, max_bytes: usize) -> Result<Committed, LedgerError> {
    let mut entries = Vec::new();
    let mut bytes_read = 0;
    loop {
        match reader.read()? {
            Item::Entry { seq, bytes } if seq >= first => {
                bytes_read += bytes.len();
                entries.push(CommittedEntry { seq, leaf_hash: leaf_hash(bytes), bytes: bytes.to_vec() });
            }
            Item::Entry { .. } => {}
            Item::Checkpoint { note } => {
                let checkpoint = note.to_owned();
                let at = reader.next_seq();
                if !entries.is_empty() && (at >= size || bytes_read >= max_bytes) {
                    return Ok(Committed { entries, size: at, checkpoint });
                }
            }
            Item::End => {
                let what = format!("the log ends at seq {}, before its durable size {size}", reader.next_seq());
                return Err(super::reader::corrupt(first, 0, reader.next_seq(), &what));
            }
        }
    }
}
