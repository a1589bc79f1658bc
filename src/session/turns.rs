//! How many results may be released in chunks at once. Each holds its connection for as long as its client takes, so that
//! part of a pool is left to everybody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::core::Session;
use super::failure::Failure;
use super::round::Trouble;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

#[derive(Debug)]
pub struct Turns {
    reads: Arc<Semaphore>,
    /// Of blocks on connections that may write.
    writers: Arc<Semaphore>,
    wait: Duration,
}

/// One result is being released in chunks.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// Half of each pool, and `wait` for one that is taken.
    pub fn new(pool_size: usize, writer_pool_size: usize, wait: Duration) -> Turns {
        let half = |size: usize| Arc::new(Semaphore::new((size / 2).clamp(1, Semaphore::MAX_PERMITS)));
        Turns { reads: half(pool_size), writers: half(writer_pool_size), wait }
    }

    fn of(&self, writer: bool) -> &Arc<Semaphore> {
        if writer { &self.writers } else { &self.reads }
    }

    fn try_take(&self, writer: bool) -> Option<Turn> {
        self.of(writer).clone().try_acquire_owned().ok().map(Turn::new)
    }

    /// `None` if none becomes free in time.
    async fn take(&self, writer: bool) -> Option<Turn> {
        let taken = tokio::time::timeout(self.wait, self.of(writer).clone().acquire_owned()).await;
        taken.ok()?.ok().map(Turn::new)
    }
}

impl Turn {
    fn new(permit: OwnedSemaphorePermit) -> Turn {
        metrics::gauge!("pgwarrant_results_in_chunks").increment(1.0);
        Turn { _permit: permit }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        metrics::gauge!("pgwarrant_results_in_chunks").decrement(1.0);
    }
}

impl Session {
    /// The turn of a result that turned out to be large, or the one that was waited for. A block has its connection anyhow,
    /// so it waits with it; nothing else does.
    pub async fn take_turn(&mut self, turn: &mut Option<Turn>) -> Result<Turn, Trouble> {
        if let Some(turn) = turn.take().or_else(|| self.proxy.turns.try_take(self.block.read_write)) {
            return Ok(turn);
        }
        if self.transaction.is_block() { Ok(self.wait_for_turn().await?) } else { Err(Trouble::NoTurn) }
    }

    pub async fn wait_for_turn(&mut self) -> Result<Turn, Failure> {
        let taken = tokio::select! {
            biased;
            taken = self.proxy.turns.take(self.block.read_write) => taken,
            () = self.registration.cancelled_while_waiting() => {
                return Err(Failure::new("57014", "canceling statement due to user request"));
            }
        };
        taken.ok_or_else(|| {
            let deny = Deny::new(Reason::ResultTooLarge, "as many large results as may be are being released now");
            Failure { sqlstate: "53300".into(), ..deny.hint("Try again, or ask for fewer rows or columns.").into() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn half_of_the_pool_is_left_to_others_and_one_turn_there_is_always() {
        let turns = Turns::new(5, 1, Duration::from_millis(10));
        let held = [turns.try_take(false), turns.try_take(false)];
        assert!(held.iter().all(Option::is_some));
        assert!(turns.try_take(false).is_none() && turns.take(false).await.is_none());
        assert!(turns.try_take(true).is_some(), "the other pool has turns of its own");
        drop(held);
        assert!(turns.take(false).await.is_some());
    }
}
