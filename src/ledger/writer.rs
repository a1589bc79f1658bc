//! The one thread that writes. It takes whatever is waiting, numbers it, writes it with one checkpoint, syncs once,
//! and answers everybody. Rendering was done by those who wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::disk::Disk;
use super::error::LedgerError;
use super::frame::{FrameKind, encode};
use super::gate::MirrorGate;
use super::note::{Checkpoint, NoteSigner};
use super::receipt::Receipt;
use super::render::Rendered;
use super::segment::{Heading, Segment};
use super::tree::{Hash, Tree, leaf_hash};

/// One commit writes about this much at most, so that the first in line does not wait for a long line.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// What may wait. Sessions wait for their entry before they go on, so this is far beyond what they can send.
const MAX_WAITING_BYTES: usize = 256 << 20;

/// Who asks before appending would never append again, and nobody would see that there is room: a refusal is news only
/// for so long.
pub(super) const REFUSAL_LASTS: Duration = Duration::from_millis(250);

pub(super) struct Request {
    pub(super) entry: Rendered,
    pub(super) reply: oneshot::Sender<Result<Receipt, LedgerError>>,
}

/// Where sessions leave their entries.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    gate: std::sync::OnceLock<Arc<MirrorGate>>,
}

struct Waiting {
    requests: Vec<Request>,
    bytes: usize,
    /// Set once: no more is accepted.
    stopped: Option<LedgerError>,
    /// Why and when the last batch was refused; cleared by the next success.
    refusing: Option<(LedgerError, Instant)>,
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        let waiting = Waiting { requests: Vec::new(), bytes: 0, stopped: None, refusing: None };
        Arc::new(Queue { waiting: Mutex::new(waiting), arrived: Condvar::new(), gate: std::sync::OnceLock::new() })
    }

    /// False if there is a gate already.
    pub(super) fn set_gate(&self, gate: Arc<MirrorGate>) -> bool {
        self.gate.set(gate).is_ok()
    }

    /// `size` is the committed size of the log.
    pub(super) fn push(&self, request: Request, size: u64) -> Result<(), LedgerError> {
        let mut waiting = self.lock();
        if let Some(error) = &waiting.stopped {
            return Err(error.clone());
        }
        if let Some(gate) = self.gate.get() {
            gate.check(size + waiting.requests.len() as u64)?;
        }
        if waiting.bytes + request.entry.len() > MAX_WAITING_BYTES {
            return Err(LedgerError::Backlog);
        }
        waiting.bytes += request.entry.len();
        waiting.requests.push(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn push_all(&self, requests: Vec<Request>) {
        self.lock().requests.extend(requests);
        self.arrived.notify_one();
    }

    pub(super) fn check(&self, size: u64) -> Result<(), LedgerError> {
        let waiting = self.lock();
        let refusing = waiting.refusing.as_ref().filter(|(_, since)| since.elapsed() < REFUSAL_LASTS).map(|(error, _)| error);
        match waiting.stopped.as_ref().or(refusing) {
            Some(error) => Err(error.clone()),
            None => self.gate.get().map_or(Ok(()), |gate| gate.check(size)),
        }
    }

    pub(super) fn stopped(&self) -> Option<LedgerError> {
        self.lock().stopped.clone()
    }

    /// The first reason stays. What waits is still taken, and refused if the writer was the one to stop.
    pub(super) fn stop(&self, why: LedgerError) {
        self.lock().stopped.get_or_insert(why);
        self.arrived.notify_one();
    }

    fn refuse(&self, why: Option<LedgerError>) {
        self.lock().refusing = why.map(|why| (why, Instant::now()));
    }

    /// Waits for requests. None once it was stopped and everything was taken.
    fn take(&self) -> Option<Vec<Request>> {
        let mut waiting = self.lock();
        loop {
            if !waiting.requests.is_empty() {
                waiting.bytes = 0;
                return Some(std::mem::take(&mut waiting.requests));
            }
            if waiting.stopped.is_some() {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Nothing panics while it holds this lock, and the state is valid at every step.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) disk: Box<dyn Disk>,
    pub(super) segment: Option<Segment>,
    pub(super) segment_size: u64,
    pub(super) low_water: u64,
    pub(super) signer: NoteSigner,
    pub(super) tree: Tree,
    pub(super) head: watch::Sender<Arc<Checkpoint>>,
}

/// A batch with its numbers, before it is durable.
struct Batch {
    bytes: Vec<u8>,
    leaves: Vec<Hash>,
    tree: Tree,
    checkpoint: Checkpoint,
}

impl Writer {
    pub(super) fn run(mut self) {
        let queue = self.queue.clone();
        // However the thread ends, nobody may wait for it.
        let _stop = StopOnDrop(queue.clone());
        while let Some(mut requests) = queue.take() {
            while !requests.is_empty() {
                let rest = requests.split_off(batch_length(&requests));
                self.commit(requests);
                requests = rest;
            }
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
        encode(FrameKind::Checkpoint, &mut bytes, |out| out.extend_from_slice(checkpoint.note().as_bytes()));
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
    fn check_space(&self) -> Result<(), LedgerError> {
        let free = self.disk.free().map_err(LedgerError::io("cannot tell how much disk is free"))?;
        match free < self.low_water {
            true => Err(LedgerError::LowDisk { free, low_water: self.low_water }),
            false => Ok(()),
        }
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

struct StopOnDrop(Arc<Queue>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(LedgerError::Poisoned("its writer thread ended".into()));
        // Dropping the requests wakes those who wait.
        self.0.lock().requests.clear();
    }
}
