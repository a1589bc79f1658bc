//! Why a token is refused: a stable code, a message for the agent, and text for the operator's log.

use super::grant::{GrantError, Uncovered};
use super::json::JsonError;
use std::fmt::{self, Display, Formatter};

/// A signed part of a token; blocks count from 0, the root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Block(usize),
    Proof,
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Part::Block(index) => write!(f, "block {index}"),
            Part::Proof => f.write_str("the proof"),
        }
    }
}

/// How a block would allow more than its parent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Widening {
    #[error("grant {index}: {why}")]
    Grant { index: usize, why: Uncovered },
    #[error("another audience")]
    Audience,
    #[error("it begins before its parent")]
    NotBefore,
    #[error("it ends after its parent")]
    Expiry,
    #[error("`depth` is not below its parent's")]
    Depth,
    #[error("its statement budget is above its parent's")]
    StatementBudget,
    #[error("its row budget is above its parent's")]
    RowBudget,
    #[error("its parent is bound to a client certificate and it is not bound to the same")]
    Certificate,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    #[error("the connection has no client certificate")]
    NoCertificate,
    #[error("the client certificate is another")]
    OtherCertificate,
}

/// `Display` is for the operator's log; the agent gets `agent_message`. Neither holds key material, signatures or the
/// token's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is over a limit: {0}")]
    TooLarge(&'static str),
    #[error("the token breaks off after exactly {0} bytes: something on the way cuts passwords")]
    Cut(usize),
    #[error("no token: {0}")]
    Malformed(&'static str),
    #[error("{0} is not the JSON of the schema: {1}")]
    BadJson(Part, JsonError),
    #[error("block {block}, grant {index}: {error}")]
    BadGrant { block: usize, index: usize, error: GrantError },
    #[error("the chain has no proof")]
    NoProof,
    #[error("block 0 names no root key that is trusted here")]
    UnknownRoot,
    #[error("the root key of block 0 is not valid now")]
    RootRetired,
    #[error("the subject key of {0} is weak")]
    WeakKey(Part),
    #[error("the signature of {0} is not by the key before it")]
    BadSignature(Part),
    #[error("{0} belongs to another chain")]
    WrongParent(Part),
    #[error("{0} expired")]
    Expired(Part),
    #[error("{0} is not valid yet")]
    NotYetValid(Part),
    #[error("a live proof lasts at most {0} seconds")]
    ProofLifetime(i64),
    #[error("{0} is for another audience")]
    WrongAudience(Part),
    #[error("block {0} is wider than its parent: {1}")]
    Widened(usize, Widening),
    #[error("the proof outlives its chain")]
    ProofOutlivesChain,
    #[error("block {0} allows no block so far below it")]
    DepthExceeded(usize),
    #[error("block {0} is bound to a client certificate: {1}")]
    Binding(usize, BindingError),
    #[error("the live proof was used before")]
    Replayed,
}

impl TokenError {
    /// A stable word for agents, tests, dashboards and vectors.
    pub fn code(&self) -> &'static str {
        match self {
            TokenError::TooLarge(_) => "too_large",
            TokenError::Cut(_) => "token_cut",
            TokenError::Malformed(_) => "malformed",
            TokenError::BadJson(..) => "bad_json",
            TokenError::BadGrant { .. } => "bad_grant",
            TokenError::NoProof => "no_proof",
            TokenError::UnknownRoot => "unknown_root",
            TokenError::RootRetired => "root_retired",
            TokenError::WeakKey(_) => "weak_key",
            TokenError::BadSignature(_) => "bad_signature",
            TokenError::WrongParent(_) => "wrong_parent",
            TokenError::Expired(_) => "expired",
            TokenError::NotYetValid(_) => "not_yet_valid",
            TokenError::ProofLifetime(_) => "proof_lifetime",
            TokenError::WrongAudience(_) => "wrong_audience",
            TokenError::Widened(..) | TokenError::ProofOutlivesChain => "widened",
            TokenError::DepthExceeded(_) => "depth_exceeded",
            TokenError::Binding(..) => "binding",
            TokenError::Replayed => "replayed",
        }
    }

    /// What the agent is told: what to do about it, and nothing of the proxy's own configuration.
    pub fn agent_message(&self) -> &'static str {
        match self {
            TokenError::TooLarge(_) => "the token is larger than 8192 bytes, 8 blocks or 64 grants; delegate with fewer grants",
            TokenError::Cut(_) => {
                "the token was cut on its way here (a pooler or driver limits the password's length); \
                 use a shorter chain or connect directly"
            }
            TokenError::Malformed(_) => "the password is not a pgwarrant token",
            TokenError::BadJson(..) => "a part of the token does not follow the token schema",
            TokenError::BadGrant { .. } => "a grant of the token does not follow the grant grammar",
            TokenError::NoProof => "this is a chain without a proof; seal it or make a live proof with the subject's key",
            TokenError::UnknownRoot => "the token is not from an authority that is trusted here",
            TokenError::RootRetired => "the token's root key is not valid at this time; ask for a new token",
            TokenError::WeakKey(_) => "a subject key of the token is not usable",
            TokenError::BadSignature(_) => "a signature of the token is not valid",
            TokenError::WrongParent(_) => "the parts of the token do not belong together",
            TokenError::Expired(_) => "the token has expired; ask for a new one",
            TokenError::NotYetValid(_) => "the token is not valid yet; check the clock",
            TokenError::ProofLifetime(_) => "the live proof is made for too long a time",
            TokenError::WrongAudience(_) => "the token is for another pgwarrant or another database",
            TokenError::Widened(..) => "a block of the token allows more than its parent",
            TokenError::ProofOutlivesChain => "the proof lasts longer than the token's blocks",
            TokenError::DepthExceeded(_) => "the token was delegated more often than one of its blocks allows",
            TokenError::Binding(..) => "the token is bound to a client certificate that this connection does not present",
            TokenError::Replayed => "the live proof was used before; make a new one for every connection",
        }
    }
}
