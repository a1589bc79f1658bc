//! What all sessions share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};

use super::cache::{Proofs, Readings};
use super::cancel::{Cancel, Registry};
use super::handshake::Negotiation;
use super::hold::Bound;
use super::listener::Running;
use super::metrics::Metrics;
use super::prover::Proof;
use super::recovery::Unsettled;
use super::refused::Refused;
use super::settings::{TimeoutCaps, Values};
use super::turns::Turns;
use super::world::Worlds;
use crate::ledger::Ledger;
use crate::reading::Version;
use crate::statement::limits::Limits;
use crate::token::RootKey;
use crate::upstream::{CancelHandle, Pool};

pub struct Proxy {
    pub database: String,
    pub audience: String,
    pub roots: Vec<RootKey>,
    pub negotiation: Negotiation,
    pub handshake_timeout: Duration,
    /// Runs statements, one connection a transaction.
    pub pool: Pool,
    /// Reads new statements for sessions whose own connection is in a transaction. Apart, so that transactions
    /// that hold every connection of the pool never wait for each other.
    pub readers: Pool,
    /// Runs transactions that may write. Without it every write is refused.
    pub writers: Option<Pool>,
    /// Finds out what became of transactions whose COMMIT got no answer.
    pub unsettled: Unsettled,
    pub worlds: Worlds,
    pub proofs: Proofs<Proof>,
    pub readings: Readings,
    pub ledger: Ledger,
    pub cancels: Arc<Registry<CancelHandle>>,
    /// What an upstream connection starts with.
    pub base: Arc<Values>,
    /// What the server reports of itself: version, encodings.
    pub reported: Vec<(String, String)>,
    pub version: Version,
    pub caps: TimeoutCaps,
    pub limits: Limits,
    /// Bytes of results that one session may hold, and all together.
    pub hold: Bound,
    /// How many of them may be released in chunks at once.
    pub turns: Turns,
    /// How long a client may take nothing of a result while a connection waits for it.
    pub stall_timeout: Duration,
    /// Longer than the server's own statement timeout: then it is not the statement that hangs.
    pub patience: Duration,
    pub metrics: Metrics,
    pub running: watch::Receiver<Running>,
    /// Statements since the start: the epoch is only watched while it moves.
    pub statements: AtomicU64,
    pub next_reading: AtomicU64,
    pub time_zones: TimeZones,
    pub replay: Replay,
    pub refused: Refused,
    /// When the epoch was last read, in milliseconds of [`Proxy::clock`].
    pub looked: AtomicU64,
    pub clock: Instant,
    /// A generation, and the count of changes of the schema that it was last confirmed with.
    pub marks: Mutex<Option<(u64, u64)>>,
    /// Asks the watcher to look at the catalogue now.
    pub watcher: mpsc::Sender<Ask>,
}

impl Proxy {
    pub fn new_reading_id(&self) -> u64 {
        self.next_reading.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the catalogue was read anew: a tree showed that something changed. Everything proven before is forgotten.
    pub async fn refresh(&self) {
        self.ask(true).await;
    }

    /// The generation by a read of the epoch that starts now; `None` if it cannot be read in time.
    pub async fn fresh_generation(&self) -> Option<u64> {
        self.ask(false).await
    }

    /// The generation as a transaction sees it that holds its locks. `ddl` counts the schema's changes as it sees them: if
    /// that count was seen under this generation before, nothing has changed since, and the epoch need not be read.
    pub async fn generation_now(&self, ddl: Option<u64>) -> Option<u64> {
        let current = self.worlds.load().generation;
        if ddl.is_some_and(|ddl| *lock(&self.marks) == Some((current, ddl))) {
            return Some(current);
        }
        let generation = self.fresh_generation().await?;
        if let Some(ddl) = ddl {
            *lock(&self.marks) = Some((generation, ddl));
        }
        Some(generation)
    }

    /// Under load the watcher keeps the epoch fresh; after a pause the first statement has it read.
    /// False if it cannot be read.
    pub async fn freshen(&self) -> bool {
        let age = self.now().saturating_sub(self.looked.load(Ordering::Relaxed));
        age <= STALE || self.fresh_generation().await.is_some()
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn ask(&self, anew: bool) -> Option<u64> {
        let (answer, wait) = oneshot::channel();
        self.watcher.send(Ask { anew, answer }).await.ok()?;
        tokio::time::timeout(REFRESH_TIMEOUT, wait).await.ok()?.ok()
    }

    /// After a change of catalogue or rules.
    pub fn forget(&self) {
        self.proofs.clear();
        self.readings.clear();
        self.pool.invalidate();
        self.readers.invalidate();
        if let Some(writers) = &self.writers {
            writers.invalidate();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a session wants of the watcher.
pub struct Ask {
    /// Everything is to be proven anew, even if the epoch did not move.
    pub anew: bool,
    /// Hears the generation.
    pub answer: oneshot::Sender<u64>,
}

pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// How old the epoch may be, in milliseconds: the watcher's interval and the time that it takes.
const STALE: u64 = 250;
/// Without a fresh catalogue the statement is decided under the old one, which can only refuse what it does not know.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for a connection attempt; a cancel that takes longer hits nothing any more.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

impl Cancel for CancelHandle {
    async fn cancel(self) {
        if let Err(error) = CancelHandle::cancel(&self, CANCEL_TIMEOUT).await {
            tracing::warn!(%error, "cannot forward a cancel request");
        }
    }
}

/// Time zones as the server spells them, by the spelling that was asked for.
#[derive(Debug, Default)]
pub struct TimeZones {
    known: Mutex<HashMap<String, Option<Arc<str>>>>,
}

impl TimeZones {
    /// There are about 1,200 names in several spellings each; beyond this nothing is remembered.
    const MOST: usize = 10_000;

    pub fn get(&self, asked: &str) -> Option<Option<Arc<str>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(asked).cloned()
    }

    pub fn insert(&self, asked: &str, found: Option<Arc<str>>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < Self::MOST {
            known.insert(asked.to_owned(), found);
        }
    }
}

/// Live proofs that were used, until they would have expired anyway.
#[derive(Debug, Default)]
pub struct Replay {
    used: Mutex<HashMap<String, i64>>,
}

impl Replay {
    /// True the first time.
    pub fn take(&self, jti: &str, until: i64, now: i64) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() > 1_000 && used.len().is_power_of_two() {
            used.retain(|_, until| *until > now);
        }
        match used.get(jti) {
            Some(until) if *until > now => false,
            Some(_) | None => {
                used.insert(jti.to_owned(), until);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_proof_is_taken_once_until_it_expires() {
        let replay = Replay::default();
        assert!(replay.take("a", 100, 50));
        assert!(!replay.take("a", 100, 60));
        assert!(replay.take("b", 100, 60));
        assert!(replay.take("a", 200, 100));
    }
}
