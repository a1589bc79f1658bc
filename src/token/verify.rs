//! The one way from a token's text to what it allows.
//!
//! In this order, and the first failure is the answer: limits and form; the root key; every signature, block by block,
//! and that the parts belong together; grants; depth and narrowing; audience; certificate; times; and last, so that
//! nobody can spend another's proof, the single use of a live proof.

use super::block::{Block, GrantTexts};
use super::chain::{Chain, SignedBlock, Token};
use super::encoding;
use super::error::{BindingError, Part, TokenError};
use super::grant::Grant;
use super::key::{RootKey, public_key};
use super::narrow;
use super::proof::{Proof, ProofKind};
use super::signature::verifies;
use ed25519_dalek::VerifyingKey;

/// A live proof is made when the agent connects; it need not outlive a slow handshake.
pub const MAX_LIVE_SECONDS: i64 = 60;

pub struct VerifyContext<'a> {
    pub roots: &'a [RootKey],
    /// Of this database of this pgwarrant.
    pub audience: &'a str,
    /// Unix seconds.
    pub now: i64,
    /// How many seconds the clocks may differ.
    pub skew: i64,
    /// Takes a live proof's name and the second from which on it need not be remembered. True if it was not seen
    /// before, and from then on it is seen. Called only for proofs that are valid otherwise.
    pub replay: &'a mut dyn FnMut(&str, i64) -> bool,
    /// Of the client certificate that TLS authenticated, if any.
    pub tls_client_cert_sha256: Option<[u8; 32]>,
}

/// A token that was verified; only `verify` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Root first, never empty. A statement must be inside every one of them.
    pub chain: Vec<VerifiedBlock>,
    /// The earliest end among the root key, the blocks and the proof. No skew is added.
    pub expires: i64,
    /// The leaf's subject name.
    pub agent_name: String,
    pub jti: String,
    pub kind: ProofKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedBlock {
    pub id: [u8; 32],
    pub subject_name: String,
    /// With `"parent"` resolved.
    pub grants: Vec<Grant>,
    pub not_before: i64,
    pub expires: i64,
    pub depth_left: u8,
    pub statement_budget: Option<u64>,
    pub row_budget: Option<u64>,
}

pub fn verify(token: &str, context: &mut VerifyContext<'_>) -> Result<Verified, TokenError> {
    let Token { chain, proof, proof_bytes, proof_signature } = Token::parse(token)?;
    let root = trusted_root(&chain, context)?;
    let leaf_key = check_signatures(&chain, root)?;
    if !verifies(Part::Proof, &proof_bytes, &proof_signature, &leaf_key) {
        return Err(TokenError::BadSignature(Part::Proof));
    }
    if proof.chain != chain.leaf().id {
        return Err(TokenError::WrongParent(Part::Proof));
    }
    let grants = effective_grants(&chain)?;
    check_depth(&chain)?;
    check_narrowing(&chain, &grants)?;
    check_audience(&chain, &proof, context.audience)?;
    check_certificate(&chain, context.tls_client_cert_sha256)?;
    check_times(&chain, &proof, context)?;
    check_replay(&chain, &proof, context)?;
    Ok(verified(chain, grants, &proof, root))
}

fn trusted_root<'a>(chain: &Chain, context: &VerifyContext<'a>) -> Result<&'a RootKey, TokenError> {
    let named = &chain.blocks()[0].block.parent;
    let root = context.roots.iter().find(|root| root.id() == named).ok_or(TokenError::UnknownRoot)?;
    if root.is_valid_at(context.now) { Ok(root) } else { Err(TokenError::RootRetired) }
}

/// Block 0 by the root key, every other by the subject key before it. Gives the leaf's subject key.
fn check_signatures(chain: &Chain, root: &RootKey) -> Result<VerifyingKey, TokenError> {
    let mut signer = *root.public();
    let mut parent = *root.id();
    for (index, SignedBlock { block, bytes, signature, id }) in chain.blocks().iter().enumerate() {
        let part = Part::Block(index);
        if !verifies(part, bytes, signature, &signer) {
            return Err(TokenError::BadSignature(part));
        }
        if block.parent != parent {
            return Err(TokenError::WrongParent(part));
        }
        signer = public_key(&block.subject_key).map_err(|_| TokenError::WeakKey(part))?;
        parent = *id;
    }
    Ok(signer)
}

/// Per block, root first.
pub(super) fn effective_grants(chain: &Chain) -> Result<Vec<Vec<Grant>>, TokenError> {
    let mut effective: Vec<Vec<Grant>> = Vec::with_capacity(chain.blocks().len());
    for (block, signed) in chain.blocks().iter().enumerate() {
        let grants = match &signed.block.grants {
            GrantTexts::Parent => effective.last().cloned().unwrap_or_default(),
            GrantTexts::List(texts) => texts
                .iter()
                .enumerate()
                .map(|(index, text)| text.parse().map_err(|error| TokenError::BadGrant { block, index, error }))
                .collect::<Result<_, _>>()?,
        };
        effective.push(grants);
    }
    Ok(effective)
}

pub(super) fn check_depth(chain: &Chain) -> Result<(), TokenError> {
    let last = chain.blocks().len() - 1;
    for (index, SignedBlock { block, .. }) in chain.blocks().iter().enumerate() {
        if last - index > usize::from(block.depth_left) {
            return Err(TokenError::DepthExceeded(index));
        }
    }
    Ok(())
}

pub(super) fn check_narrowing(chain: &Chain, grants: &[Vec<Grant>]) -> Result<(), TokenError> {
    let blocks: Vec<(&Block, &Vec<Grant>)> = chain.blocks().iter().map(|signed| &signed.block).zip(grants).collect();
    for (index, pair) in blocks.windows(2).enumerate() {
        let [(parent, parents), (child, children)] = pair else { continue };
        narrow::check(parent, parents, child, children).map_err(|widening| TokenError::Widened(index + 1, widening))?;
    }
    Ok(())
}

/// Narrowing has shown that all blocks have block 0's audience.
fn check_audience(chain: &Chain, proof: &Proof, audience: &str) -> Result<(), TokenError> {
    if chain.blocks()[0].block.audience != audience {
        return Err(TokenError::WrongAudience(Part::Block(0)));
    }
    if proof.audience != audience {
        return Err(TokenError::WrongAudience(Part::Proof));
    }
    Ok(())
}

fn check_certificate(chain: &Chain, presented: Option<[u8; 32]>) -> Result<(), TokenError> {
    for (index, SignedBlock { block, .. }) in chain.blocks().iter().enumerate() {
        match (block.certificate, presented) {
            (None, _) => {}
            (Some(_), None) => return Err(TokenError::Binding(index, BindingError::NoCertificate)),
            (Some(bound), Some(presented)) if bound == presented => {}
            (Some(_), Some(_)) => return Err(TokenError::Binding(index, BindingError::OtherCertificate)),
        }
    }
    Ok(())
}

/// Valid from `nbf` on and before `exp`, give or take the skew.
fn check_times(chain: &Chain, proof: &Proof, context: &VerifyContext<'_>) -> Result<(), TokenError> {
    let blocks = chain.blocks().iter().enumerate();
    let blocks = blocks.map(|(index, signed)| (Part::Block(index), signed.block.not_before, signed.block.expires));
    for (part, not_before, expires) in blocks.chain([(Part::Proof, proof.not_before, proof.expires)]) {
        if context.now >= expires.saturating_add(context.skew) {
            return Err(TokenError::Expired(part));
        }
        if context.now < not_before.saturating_sub(context.skew) {
            return Err(TokenError::NotYetValid(part));
        }
    }
    if proof.expires > chain.leaf().block.expires {
        return Err(TokenError::ProofOutlivesChain);
    }
    match proof.kind {
        ProofKind::Live if proof.expires.saturating_sub(proof.not_before) > MAX_LIVE_SECONDS => {
            Err(TokenError::ProofLifetime(MAX_LIVE_SECONDS))
        }
        ProofKind::Live | ProofKind::Sealed => Ok(()),
    }
}

/// A proof's name holds the leaf's id, so that no other chain can spend it.
fn check_replay(chain: &Chain, proof: &Proof, context: &mut VerifyContext<'_>) -> Result<(), TokenError> {
    match proof.kind {
        ProofKind::Sealed => Ok(()),
        ProofKind::Live => {
            let name = format!("{}.{}", encoding::encode(&chain.leaf().id), encoding::encode(&proof.jti));
            let forget_at = proof.expires.saturating_add(context.skew);
            if (context.replay)(&name, forget_at) { Ok(()) } else { Err(TokenError::Replayed) }
        }
    }
}

fn verified(chain: Chain, grants: Vec<Vec<Grant>>, proof: &Proof, root: &RootKey) -> Verified {
    let leaf = chain.leaf();
    // A child never outlives its parent, and the proof never the leaf.
    let expires = root.not_after().map_or(proof.expires, |end| end.min(proof.expires));
    let agent_name = leaf.block.subject_name.clone();
    let blocks = chain.blocks().iter().zip(grants).map(|(SignedBlock { block, id, .. }, grants)| VerifiedBlock {
        id: *id,
        subject_name: block.subject_name.clone(),
        grants,
        not_before: block.not_before,
        expires: block.expires,
        depth_left: block.depth_left,
        statement_budget: block.statement_budget,
        row_budget: block.row_budget,
    });
    Verified { chain: blocks.collect(), expires, agent_name, jti: encoding::encode(&proof.jti), kind: proof.kind }
}
