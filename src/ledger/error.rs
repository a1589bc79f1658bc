//! What can go wrong with the ledger, for the operator. An agent only ever sees that nothing can be recorded.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::note::NoteError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    #[error("`{0}` cannot be a log's origin: one to 255 printable ASCII characters without space and plus")]
    Origin(String),
    #[error("{} is in use by another process: one ledger directory has one writer", .0.display())]
    Locked(PathBuf),
    #[error("{} is being pruned, copied or verified by another process: try again when it is done", .0.display())]
    Held(PathBuf),
    #[error("ledger: {what}: {source}")]
    Io { what: String, source: Arc<io::Error> },
    #[error("ledger damaged: segment {segment}, byte {offset}, at seq {seq}: {what}")]
    Corrupt { segment: String, offset: u64, seq: u64, what: String },
    #[error("the ledger's last checkpoint, of size {size}, is not signed by this key: {source}")]
    Head { size: u64, source: NoteError },
    #[error("the mark of what was pruned cannot be trusted: {0}")]
    Mark(NoteError),
    #[error("entry {seq} was pruned from this disk, which holds the entries from {first} on")]
    Pruned { seq: u64, first: u64 },
    #[error("an entry of {bytes} bytes is larger than an entry may be")]
    EntryTooLarge { bytes: usize },
    #[error("the ledger stopped after a failure and accepts nothing more: {0}")]
    Poisoned(Arc<str>),
    #[error("{free} bytes are free on the ledger's disk, less than the {low_water} that must be kept")]
    LowDisk { free: u64, low_water: u64 },
    #[error("{free} bytes are free on the ledger's disk, less than the {low_water_writes} below which no write begins")]
    LowDiskForWrites { free: u64, low_water_writes: u64 },
    #[error("the audit mirror was not reached yet, so nobody knows whether it agrees with the ledger")]
    MirrorUnseen,
    #[error("the audit mirror is {lag} entries behind, more than the {max_lag} allowed")]
    MirrorBehind { lag: u64, max_lag: u64 },
    #[error("the audit mirror and the ledger disagree: {0}")]
    MirrorRefused(Arc<str>),
    #[error("the ledger cannot keep up: too much is waiting to be recorded")]
    Backlog,
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LedgerError {
        let what = what.into();
        move |source| LedgerError::Io { what, source: Arc::new(source) }
    }
}

/// Whether the ledger can record. Anything but `Ready` means that nothing may run.
#[derive(Debug, Clone)]
pub enum Health {
    Ready,
    /// Passes when the cause does: low disk, a mirror that is behind.
    Refusing(LedgerError),
    /// Never passes in this process: it must stop.
    Stopped(LedgerError),
}

impl Health {
    pub fn is_ready(&self) -> bool {
        matches!(self, Health::Ready)
    }
}
