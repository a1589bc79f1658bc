//! The ledger: an append-only, signed Merkle log on local disk. It is the record of what pgwarrant let happen.
//!
//! ```text
//! Entry → render (caller's task) → queue → desk (who waits, or the thread) → writer: seq, frame, leaf hash ┐
//!                                             one checkpoint, one write, one fdatasync ─→ Receipt to every waiter
//! ```
//!
//! What the rest relies on:
//! - a [`Receipt`] exists only for an entry that is durable under a signed [`Checkpoint`]; nobody else can make one;
//! - after a failed write or sync nothing is ever appended again by this process;
//! - one directory has one writer;
//! - what was acknowledged is there after a crash, or opening fails and says where the damage is.
//!
//! The format is in `docs/ledger.md`.

pub mod backup;
mod clock;
mod desk;
mod disk;
pub mod entry;
mod error;
mod frame;
mod gate;
mod json;
mod log;
mod mark;
pub mod note;
pub mod proof;
pub mod prune;
mod queue;
mod reader;
mod rebuild;
mod receipt;
mod recover;
mod render;
mod segment;
mod subscribe;
mod transactions;
pub mod tree;
mod writer;

#[cfg(test)]
pub(crate) mod testing;

pub use disk::{SharedHold, hold_shared, try_lock};
pub use entry::{Abridged, Change, Chunk, Decision, DelegatedBlock, Entry, Kind, TransactionState};
pub use error::{Health, LedgerError};
pub use gate::MirrorGate;
pub use log::{Appending, Ledger, LedgerConfig};
pub use mark::Mark;
pub use note::{Checkpoint, VerifyingName};
pub use reader::{Item, Reader};
pub use rebuild::Rebuild;
pub use receipt::Receipt;
pub use render::{MAX_ENTRY_BYTES, hex};
pub use subscribe::{Committed, CommittedEntry, Subscription};
pub use transactions::{BY_RECOVERY, Left, SERVER, Transaction, transactions, unsettled};
