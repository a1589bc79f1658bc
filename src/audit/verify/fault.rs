//! What verification finds wrong.

use crate::ledger::LedgerError;
use crate::ledger::note::NoteError;

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("entry {seq}: its bytes are not those that its leaf hash was made of")]
    LeafDiffers { seq: u64 },
    #[error("entry {seq}: its bytes say that it is entry {said}; it was moved or inserted")]
    Misplaced { seq: u64, said: u64 },
    #[error("entry {seq}: its bytes say that it belongs to the log `{said}`")]
    ForeignLog { seq: u64, said: String },
    #[error("entry {seq}: its bytes are not an entry: {why}")]
    NotAnEntry { seq: u64, why: String },
    #[error("entry {seq} is missing: the next one is {next}")]
    Missing { seq: u64, next: u64 },
    #[error("entry {seq} is missing: the log ends before it, but a checkpoint of size {size} was signed")]
    Truncated { seq: u64, size: u64 },
    #[error("entry {seq} is missing: the log ends before it, but the held checkpoint has size {size}")]
    TruncatedBelowHeld { seq: u64, size: u64 },
    #[error("entry {seq} is missing: the log ends before it, but it had {size} entries when it was pruned")]
    TruncatedAfterPruning { seq: u64, size: u64 },
    #[error("the mark of what was pruned cannot be trusted: {0}")]
    BadMark(NoteError),
    #[error("entry {seq} stands where no entry can be")]
    Stray { seq: i64 },
    #[error(
        "entries {first} to {last}: the checkpoint of size {size} was signed over others; what precedes {first} is unchanged"
    )]
    RootDiffers { first: u64, last: u64, size: u64 },
    #[error("entries {first} to {last}: the held checkpoint of size {size} was signed over others")]
    HeldDiffers { first: u64, last: u64, size: u64 },
    #[error("entries {first} to {last}: no signed checkpoint covers them")]
    Uncovered { first: u64, last: u64 },
    #[error("the checkpoint of size {size}: {source}")]
    BadNote { size: u64, source: NoteError },
    #[error("the checkpoint of size {size}: its note is of size {said}, or has another root")]
    NoteDiffers { size: u64, said: u64 },
    #[error("the checkpoint of size {size} stands where none can be")]
    StrayCheckpoint { size: i64 },
    #[error("entry {seq}: the mirror's bytes are not the ledger's")]
    MirrorDiffers { seq: u64 },
    #[error("entry {seq}: the mirror has it, the ledger ends before it")]
    MirrorAhead { seq: u64 },
    #[error("the table holds {rows} rows for this log, {more} more than there are entries: some seq appears twice")]
    Surplus { rows: u64, more: u64 },
    #[error("entry {seq}: the ledger's files are damaged there: {what}")]
    Damaged { seq: u64, what: String },
}

impl Fault {
    /// The first entry that can be named.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Fault::LeafDiffers { seq }
            | Fault::Misplaced { seq, .. }
            | Fault::ForeignLog { seq, .. }
            | Fault::NotAnEntry { seq, .. }
            | Fault::Missing { seq, .. }
            | Fault::Truncated { seq, .. }
            | Fault::TruncatedBelowHeld { seq, .. }
            | Fault::TruncatedAfterPruning { seq, .. }
            | Fault::MirrorDiffers { seq }
            | Fault::MirrorAhead { seq }
            | Fault::Damaged { seq, .. } => Some(*seq),
            Fault::RootDiffers { first, .. } | Fault::HeldDiffers { first, .. } | Fault::Uncovered { first, .. } => Some(*first),
            Fault::Stray { .. }
            | Fault::BadNote { .. }
            | Fault::BadMark(_)
            | Fault::NoteDiffers { .. }
            | Fault::StrayCheckpoint { .. }
            | Fault::Surplus { .. } => None,
        }
    }
}

/// A log is wrong, or it could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Ledger(LedgerError),
    #[error("cannot read the audit schema: {0}")]
    Database(#[from] tokio_postgres::Error),
}

impl From<LedgerError> for VerifyError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Corrupt { seq, ref segment, offset, ref what } => {
                Fault::Damaged { seq, what: format!("segment {segment}, byte {offset}: {what}") }.into()
            }
            LedgerError::Mark(source) => Fault::BadMark(source).into(),
            other => VerifyError::Ledger(other),
        }
    }
}
