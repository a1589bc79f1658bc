//! Recomputes everything that a log claims, from its first entry on, and names the first that is wrong.

mod disk;
mod fault;
mod mirror;
mod verifier;

pub use disk::verify_ledger;
pub use fault::{Fault, VerifyError};
pub use mirror::{logs, rehydrate, verify_mirror};
pub use verifier::{Expected, Summary, Verifier};
