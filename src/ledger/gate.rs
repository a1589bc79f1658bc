//! How far the mirror may lag before the ledger accepts nothing more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::error::LedgerError;

/// Shared by the mirror, which reports what it copied, and the ledger, which fails closed.
/// Until the mirror has reported once it is shut: a log that lost its end must not grow another one beside what the
/// mirror still holds.
#[derive(Debug)]
pub struct MirrorGate {
    max_lag: u64,
    seen: AtomicBool,
    copied: AtomicU64,
    refused: OnceLock<Arc<str>>,
}

impl MirrorGate {
    pub fn new(max_lag: u64) -> Arc<Self> {
        Arc::new(MirrorGate { max_lag, seen: AtomicBool::new(false), copied: AtomicU64::new(0), refused: OnceLock::new() })
    }

    /// All entries below `size` are durable in the mirror.
    pub fn report(&self, size: u64) {
        self.copied.fetch_max(size, Ordering::AcqRel);
        self.seen.store(true, Ordering::Release);
    }

    /// The mirror holds something else than this log. Final: a fork does not heal by itself.
    pub fn refuse(&self, why: &str) {
        let _ = self.refused.set(why.into());
    }

    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Acquire)
    }

    pub fn lag(&self, size: u64) -> u64 {
        size.saturating_sub(self.copied())
    }

    /// Fails if a log of `size` entries is more than `max_lag` ahead of its mirror.
    pub fn check(&self, size: u64) -> Result<(), LedgerError> {
        self.check_end()?;
        match self.lag(size) {
            lag if lag > self.max_lag => Err(LedgerError::MirrorBehind { lag, max_lag: self.max_lag }),
            _ => Ok(()),
        }
    }

    /// For what ends a transaction that has begun: it may go beyond the bound, since nobody can refuse what the database
    /// has committed, and nobody would say later what became of it. As many as there are transactions under way.
    pub fn check_end(&self) -> Result<(), LedgerError> {
        if let Some(why) = self.refused.get() {
            return Err(LedgerError::MirrorRefused(why.clone()));
        }
        if !self.seen.load(Ordering::Acquire) {
            return Err(LedgerError::MirrorUnseen);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_closes_past_the_bound_and_opens_again() {
        let gate = MirrorGate::new(10);
        assert!(matches!(gate.check(0), Err(LedgerError::MirrorUnseen)));
        gate.report(0);
        assert!(gate.check(10).is_ok());
        assert!(matches!(gate.check(11), Err(LedgerError::MirrorBehind { lag: 11, max_lag: 10 })));
        assert!(gate.check_end().is_ok(), "what has begun may end");
        gate.report(5);
        gate.report(3);
        assert!(gate.check(15).is_ok() && gate.check(16).is_err());
    }

    #[test]
    fn a_refusal_is_final() {
        let gate = MirrorGate::new(10);
        gate.refuse("fork at 3");
        gate.report(100);
        assert!(matches!(gate.check(0), Err(LedgerError::MirrorRefused(why)) if &*why == "fork at 3"));
    }
}
