//! One commit: entries get their numbers, are written with one checkpoint, and are synced once. Rendering was done by
//! those who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::disk::Disk;
use super::error::LedgerError;
use super::frame::{FrameKind, encode, encode_commit};
use super::note::{Checkpoint, NoteSigner};
use super::queue::{Queue, Request};
use super::receipt::Receipt;
use super::segment::{Heading, Segment};
use super::tree::{Hash, Tree, leaf_hash};

/// One commit writes about this much at most, so that the first in line does not wait for a long line.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// The free space is asked for again after so long or so much written, both far below any sensible low-water mark.
pub(super) const SPACE_LASTS: Duration = Duration::from_millis(10);
const SPACE_BYTES: u64 = 4 << 20;

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) disk: Box<dyn Disk>,
    pub(super) segment: Option<Segment>,
    pub(super) segment_size: u64,
    pub(super) low_water: u64,
    pub(super) signer: NoteSigner,
    pub(super) tree: Tree,
    pub(super) head: watch::Sender<Arc<Checkpoint>>,
    pub(super) space: Space,
}

/// When the disk was last seen to have room, and what was written since.
#[derive(Default)]
pub(super) struct Space {
    seen: Option<Instant>,
    written: u64,
}

/// A batch with its numbers, before it is durable.
struct Batch {
    bytes: Vec<u8>,
    leaves: Vec<Hash>,
    tree: Tree,
    checkpoint: Checkpoint,
}

impl Writer {
    /// In the order given.
    pub(super) fn commit_all(&mut self, mut requests: Vec<Request>) {
        while !requests.is_empty() {
            let rest = requests.split_off(batch_length(&requests));
            self.commit(requests);
            requests = rest;
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        match self.write(&requests) {
            Ok((leaves, checkpoint)) => {
                self.queue.refuse(None);
                let first = checkpoint.size() - leaves.len() as u64;
                self.head.send_replace(checkpoint.clone());
                for ((seq, leaf), request) in (first..).zip(leaves).zip(requests) {
                    // Who no longer waits has no need of a receipt; the entry stands.
                    let _ = request.reply.send(Ok(Receipt::new(seq, leaf, checkpoint.clone())));
                }
            }
            Err(error) => {
                for request in requests {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn write(&mut self, requests: &[Request]) -> Result<(Vec<Hash>, Arc<Checkpoint>), LedgerError> {
        if let Some(poisoned @ LedgerError::Poisoned(_)) = self.queue.stopped() {
            return Err(poisoned);
        }
        self.check_space().inspect_err(|error| self.queue.refuse(Some(error.clone())))?;
        let batch = self.number(requests);
        if let Err(error) = self.store(&batch.bytes) {
            // After a failed sync the kernel may have dropped the pages, and a second sync would succeed without them.
            let poisoned = LedgerError::Poisoned(format!("cannot write entry {}: {error}", self.tree.size()).into());
            tracing::error!(%error, seq = self.tree.size(), "the ledger cannot be written; it stops");
            self.queue.stop(poisoned.clone());
            return Err(poisoned);
        }
        self.tree = batch.tree;
        self.space.written += batch.bytes.len() as u64;
        Ok((batch.leaves, Arc::new(batch.checkpoint)))
    }

    fn number(&self, requests: &[Request]) -> Batch {
        let mut tree = self.tree.clone();
        let mut bytes = Vec::with_capacity(requests.iter().map(|r| r.entry.len() + 8).sum::<usize>() + 1024);
        let mut leaves = Vec::with_capacity(requests.len());
        for request in requests {
            let payload = encode(FrameKind::Entry, &mut bytes, |out| request.entry.write(tree.size(), out));
            let leaf = leaf_hash(&bytes[payload]);
            leaves.push(leaf);
            tree.push(leaf);
        }
        let checkpoint = Checkpoint::sign(&self.signer, tree.size(), tree.root());
        encode_commit(self.tree.size(), checkpoint.note(), &mut bytes);
        Batch { bytes, leaves, tree, checkpoint }
    }

    fn store(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let segment = match self.segment.take() {
            Some(segment) if !segment.is_full(bytes.len(), self.segment_size) => segment,
            _ => {
                let origin = self.signer.verifying_name().name().to_owned();
                let heading = Heading { origin, first_seq: self.tree.size(), root: self.tree.root() };
                Segment::create(self.disk.as_ref(), &heading)?
            }
        };
        self.segment.insert(segment).append(bytes)
    }

    /// Refuses while it still can refuse in good order: a full disk in the middle of a write poisons.
    fn check_space(&mut self) -> Result<(), LedgerError> {
        if self.space.seen.is_some_and(|seen| seen.elapsed() < SPACE_LASTS) && self.space.written < SPACE_BYTES {
            return Ok(());
        }
        self.space = Space::default();
        let free = self.disk.free().map_err(LedgerError::io("cannot tell how much disk is free"))?;
        if free < self.low_water {
            return Err(LedgerError::LowDisk { free, low_water: self.low_water });
        }
        self.space.seen = Some(Instant::now());
        Ok(())
    }
}

/// How many of the requests go into the next commit: at least one.
fn batch_length(requests: &[Request]) -> usize {
    let mut bytes = 0;
    let fits = requests.iter().take_while(|request| {
        bytes += request.entry.len();
        bytes <= MAX_BATCH_BYTES
    });
    fits.count().max(1)
}
