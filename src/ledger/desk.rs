//! Who commits: whoever waits, as long as that is quick, and otherwise a thread that does nothing else.
//!
//! With few sessions, handing an entry to another thread and being woken by it costs more than the commit itself. So the
//! session that waits first takes the pen and commits everything that waits. Under load, or where the disk is slow, the
//! thread does it, so that no session works for others for long and no runtime worker sits in a slow fdatasync.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::error::LedgerError;
use super::queue::Queue;
use super::writer::Writer;
use std::sync::Arc;

/// A commit that takes longer than this, on the average of late, is left to the thread.
const QUICK: Duration = Duration::from_micros(400);
/// How often a session goes on for others who came while it committed.
const ROUNDS: usize = 2;

pub(super) struct Desk {
    pub(super) queue: Arc<Queue>,
    /// `None` once the log is closed.
    pen: Mutex<Option<Writer>>,
    /// What a commit took of late, in nanoseconds, smoothed.
    pace: AtomicU64,
    /// The last commit was of several entries.
    company: AtomicBool,
}

impl Desk {
    pub(super) fn new(queue: Arc<Queue>, writer: Writer) -> Arc<Desk> {
        Arc::new(Desk { queue, pen: Mutex::new(Some(writer)), pace: AtomicU64::new(0), company: AtomicBool::new(false) })
    }

    /// Whether several are about to record something: then who waits a moment before it asks for a commit shares one.
    pub(super) fn has_company(&self) -> bool {
        self.company.load(Ordering::Relaxed)
    }

    /// Commits what waits on the calling thread if that is quick and nobody else does, and sees to it that somebody does
    /// otherwise.
    pub(super) fn commit(&self) {
        if self.pace.load(Ordering::Relaxed) > QUICK.as_nanos() as u64 {
            self.queue.call();
            return;
        }
        match self.pen.try_lock() {
            Ok(mut pen) => {
                self.work(&mut pen, ROUNDS);
                drop(pen);
                // Who came meanwhile found the pen taken and left it at that.
                if !self.queue.is_empty() {
                    self.queue.call();
                }
            }
            // Who holds the pen looks at the queue again after laying it down.
            Err(TryLockError::WouldBlock) => {}
            // A commit panicked, and stopped everything.
            Err(TryLockError::Poisoned(_)) => {}
        }
    }

    /// The thread's part: until the queue is stopped and empty.
    pub(super) fn run(&self) {
        // However the thread ends, nobody may wait for it.
        let _end = End(self);
        while self.queue.wait() {
            let Ok(mut pen) = self.pen.lock() else { return };
            self.work(&mut pen, usize::MAX);
        }
    }

    fn work(&self, pen: &mut MutexGuard<'_, Option<Writer>>, rounds: usize) {
        let Some(writer) = pen.as_mut() else { return };
        let alarm = Alarm(self);
        for _ in 0..rounds {
            let requests = self.queue.take();
            if requests.is_empty() {
                break;
            }
            self.company.store(requests.len() > 1, Ordering::Relaxed);
            let started = Instant::now();
            writer.commit_all(requests);
            let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let pace = self.pace.load(Ordering::Relaxed);
            self.pace.store((pace / 8 * 7).saturating_add(took / 8), Ordering::Relaxed);
        }
        std::mem::forget(alarm);
    }
}

/// Dropped only when a commit panics.
struct Alarm<'a>(&'a Desk);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.queue.stop(LedgerError::Poisoned("a commit ended in the middle".into()));
    }
}

struct End<'a>(&'a Desk);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.queue.stop(LedgerError::Poisoned("its thread ended".into()));
        // Closes the segment, unlocks the directory and tells the subscribers.
        *self.0.pen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
        // Dropping the requests wakes those who wait.
        drop(self.0.queue.take());
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::Ledger;
    use crate::ledger::testing::{config, full_entry};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_entry_is_committed_whoever_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let sessions: Vec<_> = (0..8)
            .map(|session| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    for n in 0..100 {
                        let appending = ledger.append(full_entry());
                        match (session + n) % 3 {
                            // Nobody waits for it.
                            0 => drop(appending),
                            1 => drop(tokio::task::spawn_blocking(|| appending.wait()).await.unwrap().unwrap()),
                            _ => drop(appending.await.unwrap()),
                        }
                    }
                })
            })
            .collect();
        for session in sessions {
            session.await.unwrap();
        }
        ledger.shutdown().await;
        assert_eq!(ledger.head().size(), 800);
    }

    #[tokio::test]
    async fn a_pipeline_is_one_commit() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let pipeline: Vec<_> = (0..10).map(|_| ledger.append(full_entry())).collect();
        for entry in pipeline {
            assert_eq!(entry.await.unwrap().checkpoint().size(), 10);
        }
    }
}
