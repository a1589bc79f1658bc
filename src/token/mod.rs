//! The delegation token: a chain of signed blocks, each handing on less than it got, closed by a proof.
//!
//! `grant` is the one text form of a permission. A `block` delegates from the key that signs it to its subject's key;
//! a `chain` is blocks from a root key on; the `proof` shows that the last subject, or who made the token for it, means
//! this chain. `verify` is the only way from text to what is allowed, `delegate` makes tokens. The format is described
//! in `docs/token.md` and defined by `tests/vectors/token.json`.
//!
//! Nothing here knows a socket, a clock, a database or a source of randomness: the caller brings them.

pub mod block;
pub mod chain;
pub mod delegate;
pub mod encoding;
pub mod error;
pub mod grant;
pub mod inspect;
mod json;
pub mod key;
mod narrow;
pub mod proof;
mod signature;
pub mod verify;

pub use chain::{Chain, Token};
pub use delegate::{DelegateError, DelegatedGrants, Delegation, attenuate, mint, prove_live, seal};
pub use error::TokenError;
pub use json::JsonError;
pub use key::RootKey;
pub use proof::ProofKind;
pub use verify::{Verified, VerifiedBlock, VerifyContext, verify};
