//! Where sessions leave their entries until somebody commits them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::LedgerError;
use super::gate::MirrorGate;
use super::receipt::Receipt;
use super::render::Rendered;

/// What may wait. Sessions wait for their entry before they go on, so this is far beyond what they can send.
const MAX_WAITING_BYTES: usize = 256 << 20;

/// Who asks before appending would never append again, and nobody would see that there is room: a refusal is news only
/// for so long.
pub(super) const REFUSAL_LASTS: Duration = Duration::from_millis(250);

/// How long an entry that nobody waits for may wait for company.
const LINGER: Duration = Duration::from_millis(5);

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
    /// Somebody waits for one of them.
    urgent: bool,
    /// Set once: no more is accepted.
    stopped: Option<LedgerError>,
    /// Why and when the last batch was refused; cleared by the next success.
    refusing: Option<(LedgerError, Instant)>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let waiting = Waiting { requests: Vec::new(), bytes: 0, urgent: false, stopped: None, refusing: None };
        Queue { waiting: Mutex::new(waiting), arrived: Condvar::new(), gate: std::sync::OnceLock::new() }
    }

    /// False if there is a gate already.
    pub(super) fn set_gate(&self, gate: Arc<MirrorGate>) -> bool {
        self.gate.set(gate).is_ok()
    }

    pub(super) fn gate(&self) -> Option<&Arc<MirrorGate>> {
        self.gate.get()
    }

    /// `size` is the committed size of the log; `ends` says that the entry ends a transaction. Tells nobody: see
    /// [`Queue::call`].
    pub(super) fn push(&self, request: Request, size: u64, ends: bool) -> Result<(), LedgerError> {
        let mut waiting = self.lock();
        if let Some(error) = &waiting.stopped {
            return Err(error.clone());
        }
        if let Some(gate) = self.gate.get() {
            if ends { gate.check_end() } else { gate.check(size + waiting.requests.len() as u64) }?;
        }
        if waiting.bytes + request.entry.len() > MAX_WAITING_BYTES {
            return Err(LedgerError::Backlog);
        }
        waiting.bytes += request.entry.len();
        waiting.requests.push(request);
        Ok(())
    }

    /// Wakes the thread that commits what nobody else does.
    pub(super) fn call(&self) {
        self.lock().urgent = true;
        self.arrived.notify_one();
    }

    /// The same for an entry that nobody waits for: it may go with the next commit, if one comes soon.
    pub(super) fn call_soon(&self) {
        self.arrived.notify_one();
    }

    #[cfg(test)]
    pub(super) fn push_all(&self, requests: Vec<Request>) {
        self.lock().requests.extend(requests);
        self.call();
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

    pub(super) fn refuse(&self, why: Option<LedgerError>) {
        let mut waiting = self.lock();
        if why.is_some() || waiting.refusing.is_some() {
            waiting.refusing = why.map(|why| (why, Instant::now()));
        }
    }

    /// Everything that waits now.
    pub(super) fn take(&self) -> Vec<Request> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        waiting.urgent = false;
        std::mem::take(&mut waiting.requests)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().requests.is_empty()
    }

    /// Waits until something is there to be taken. False once it was stopped and everything was taken.
    pub(super) fn wait(&self) -> bool {
        let mut waiting = self.lock();
        let mut lingered = false;
        loop {
            if !waiting.requests.is_empty() {
                if waiting.urgent || lingered || waiting.stopped.is_some() {
                    return true;
                }
                waiting = self.arrived.wait_timeout(waiting, LINGER).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
                lingered = true;
                continue;
            }
            if waiting.stopped.is_some() {
                return false;
            }
            lingered = false;
            waiting = self.arrived.wait(waiting).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Nothing panics while it holds this lock, and the state is valid at every step.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
