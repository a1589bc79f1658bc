//! Places where `make torture` has the process killed, as `kill -9` at the worst moment would. They only exist with the
//! feature `kill-points`; without it every one of them is nothing.
//!
//! `PGWARRANT_KILL_POINT=commit-sent:3` kills the process as it comes by that place for the third time.

/// A place on the way of a write, in the order in which it comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillPoint {
    /// The frames of a commit are in the file, but not on the disk.
    LedgerWritten,
    /// They are on the disk, and nobody knows yet.
    LedgerSynced,
    /// The transaction is announced; nothing of it is in the database.
    Announced,
    /// It ran up to its record, and waits for COMMIT.
    Recorded,
    /// COMMIT is on its way.
    CommitSent,
    /// The database said that it committed; the ledger does not say so yet.
    Committed,
    /// A statement of a block is recorded, and its result not released.
    Recording,
    /// Everything is recorded; the client is told next.
    Releasing,
    /// Recovery knows what became of a transaction, and has not written it down.
    Settling,
}

impl KillPoint {
    pub const ALL: [KillPoint; 9] = [
        KillPoint::LedgerWritten,
        KillPoint::LedgerSynced,
        KillPoint::Announced,
        KillPoint::Recorded,
        KillPoint::CommitSent,
        KillPoint::Committed,
        KillPoint::Recording,
        KillPoint::Releasing,
        KillPoint::Settling,
    ];

    pub fn name(self) -> &'static str {
        match self {
            KillPoint::LedgerWritten => "ledger-written",
            KillPoint::LedgerSynced => "ledger-synced",
            KillPoint::Announced => "announced",
            KillPoint::Recorded => "recorded",
            KillPoint::CommitSent => "commit-sent",
            KillPoint::Committed => "committed",
            KillPoint::Recording => "recording",
            KillPoint::Releasing => "releasing",
            KillPoint::Settling => "settling",
        }
    }

    /// Comes by this place.
    #[cfg(not(feature = "kill-points"))]
    #[inline(always)]
    pub fn pass(self) {}

    /// Comes by this place, perhaps for the last time.
    #[cfg(feature = "kill-points")]
    pub fn pass(self) {
        armed::pass(self);
    }
}

#[cfg(feature = "kill-points")]
mod armed {
    use super::KillPoint;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    pub const VARIABLE: &str = "PGWARRANT_KILL_POINT";

    static ARMED: LazyLock<Option<(KillPoint, AtomicU64)>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (name, count) = text.split_once(':')?;
        let point = KillPoint::ALL.into_iter().find(|point| point.name() == name)?;
        Some((point, AtomicU64::new(count.parse().ok()?)))
    });

    pub fn pass(point: KillPoint) {
        let Some((armed, left)) = &*ARMED else { return };
        if *armed == point && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal comes before the call returns to this thread; should it not, nothing goes on here.
            loop {
                std::thread::park();
            }
        }
    }
}
