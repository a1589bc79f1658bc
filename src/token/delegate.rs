//! Making tokens: mint, attenuate, seal, prove. Clock and randomness come from the caller.

use super::block::{self, Block, GrantTexts, MAX_DEPTH_LEFT, block_id};
use super::chain::{Chain, MAX_BLOCKS, MAX_GRANTS, MAX_TOKEN_BYTES, SignedBlock, Token};
use super::error::{Part, TokenError};
use super::grant::Grant;
use super::json::MAX_INTEGER;
use super::key::root_id;
use super::proof::{Proof, ProofKind};
use super::signature::sign;
use super::verify::{MAX_LIVE_SECONDS, check_depth, check_narrowing, effective_grants};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::{CryptoRng, RngCore};

/// What is handed on, to whom, for how long.
#[derive(Debug, Clone)]
pub struct Delegation {
    pub subject_key: VerifyingKey,
    pub subject_name: String,
    pub audience: String,
    pub not_before: i64,
    pub expires: i64,
    pub depth_left: u8,
    pub grants: DelegatedGrants,
    pub statement_budget: Option<u64>,
    pub row_budget: Option<u64>,
    pub certificate: Option<[u8; 32]>,
}

#[derive(Debug, Clone)]
pub enum DelegatedGrants {
    Parent,
    List(Vec<Grant>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DelegateError {
    #[error("the key is not that of the chain's last subject")]
    NotTheSubject,
    #[error("the subject's name must be 1 to 63 letters, digits and ._:@/+-")]
    SubjectName,
    #[error("the audience must be 1 to 255 printable ASCII characters without space")]
    Audience,
    #[error("block 0 has no parent whose grants it could take")]
    NoParent,
    #[error("a block needs a grant")]
    NoGrants,
    #[error("the validity is empty or out of range")]
    Validity,
    #[error("at most 7 more delegations can follow")]
    Depth,
    #[error("a budget is at most 2^53 - 1")]
    Budget,
    #[error("it would be refused: {0}")]
    Refused(#[from] TokenError),
}

/// Block 0, signed by a root key.
pub fn mint(
    root: &SigningKey,
    delegation: &Delegation,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<Chain, DelegateError> {
    let parent = root_id(&root.verifying_key());
    Ok(Chain::of_root(signed_block(0, parent, root, delegation, randomness)?)).and_then(checked)
}

/// One block more, signed by the subject of the last.
pub fn attenuate(
    chain: &Chain,
    subject: &SigningKey,
    delegation: &Delegation,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<Chain, DelegateError> {
    check_subject(chain, subject)?;
    let index = chain.blocks().len();
    let block = signed_block(index, chain.leaf().id, subject, delegation, randomness)?;
    checked(chain.with(block))
}

/// A bearer token: whoever has the text may use it until `expires`. `leaf` is best a key that is thrown away after.
pub fn seal(
    chain: &Chain,
    leaf: &SigningKey,
    not_before: i64,
    expires: i64,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<Token, DelegateError> {
    prove(chain, leaf, ProofKind::Sealed, not_before, expires, randomness)
}

/// A token for one connection, made now by the subject itself.
pub fn prove_live(
    chain: &Chain,
    leaf: &SigningKey,
    now: i64,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<Token, DelegateError> {
    let expires = now.saturating_add(MAX_LIVE_SECONDS).min(chain.leaf().block.expires);
    prove(chain, leaf, ProofKind::Live, now, expires, randomness)
}

fn prove(
    chain: &Chain,
    leaf: &SigningKey,
    kind: ProofKind,
    not_before: i64,
    expires: i64,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<Token, DelegateError> {
    check_subject(chain, leaf)?;
    check_validity(not_before, expires)?;
    let last = chain.leaf();
    if expires > last.block.expires {
        return Err(TokenError::ProofOutlivesChain.into());
    }
    let mut jti = [0; 16];
    randomness.fill_bytes(&mut jti);
    let proof = Proof { kind, chain: last.id, audience: last.block.audience.clone(), jti, not_before, expires };
    let proof_bytes = proof.to_bytes();
    let proof_signature = sign(Part::Proof, &proof_bytes, leaf);
    let token = Token { chain: chain.clone(), proof, proof_bytes, proof_signature };
    check_length(&token.to_string())?;
    Ok(token)
}

fn signed_block(
    index: usize,
    parent: [u8; 32],
    signer: &SigningKey,
    delegation: &Delegation,
    randomness: &mut (impl RngCore + CryptoRng),
) -> Result<SignedBlock, DelegateError> {
    check_delegation(delegation)?;
    let grants = match &delegation.grants {
        DelegatedGrants::Parent if index == 0 => return Err(DelegateError::NoParent),
        DelegatedGrants::Parent => GrantTexts::Parent,
        DelegatedGrants::List(grants) if grants.is_empty() => return Err(DelegateError::NoGrants),
        DelegatedGrants::List(grants) => GrantTexts::List(grants.iter().map(Grant::to_string).collect()),
    };
    let mut nonce = [0; 16];
    randomness.fill_bytes(&mut nonce);
    let block = Block {
        nonce,
        parent,
        subject_key: delegation.subject_key.to_bytes(),
        subject_name: delegation.subject_name.clone(),
        audience: delegation.audience.clone(),
        not_before: delegation.not_before,
        expires: delegation.expires,
        depth_left: delegation.depth_left,
        grants,
        statement_budget: delegation.statement_budget,
        row_budget: delegation.row_budget,
        certificate: delegation.certificate,
    };
    let bytes = block.to_bytes(index);
    let signature = sign(Part::Block(index), &bytes, signer);
    let id = block_id(&parent, &bytes);
    Ok(SignedBlock { block, bytes, signature, id })
}

fn check_subject(chain: &Chain, key: &SigningKey) -> Result<(), DelegateError> {
    let is_subject = chain.leaf().block.subject_key == key.verifying_key().to_bytes();
    if is_subject { Ok(()) } else { Err(DelegateError::NotTheSubject) }
}

fn check_delegation(delegation: &Delegation) -> Result<(), DelegateError> {
    if !block::is_subject_name(&delegation.subject_name) {
        return Err(DelegateError::SubjectName);
    }
    if !block::is_audience(&delegation.audience) {
        return Err(DelegateError::Audience);
    }
    if delegation.depth_left > MAX_DEPTH_LEFT {
        return Err(DelegateError::Depth);
    }
    let budgets = [delegation.statement_budget, delegation.row_budget];
    if budgets.into_iter().flatten().any(|budget| budget > MAX_INTEGER.unsigned_abs()) {
        return Err(DelegateError::Budget);
    }
    check_validity(delegation.not_before, delegation.expires)
}

fn check_validity(not_before: i64, expires: i64) -> Result<(), DelegateError> {
    let valid = not_before >= 0 && not_before < expires && expires <= MAX_INTEGER;
    if valid { Ok(()) } else { Err(DelegateError::Validity) }
}

/// What a verifier would refuse is not handed out.
fn checked(chain: Chain) -> Result<Chain, DelegateError> {
    let grants = effective_grants(&chain)?;
    let listed = chain.blocks().iter().map(|signed| match &signed.block.grants {
        GrantTexts::Parent => 0,
        GrantTexts::List(texts) => texts.len(),
    });
    if listed.sum::<usize>() > MAX_GRANTS {
        return Err(TokenError::TooLarge("64 grants").into());
    }
    if chain.blocks().len() > MAX_BLOCKS {
        return Err(TokenError::TooLarge("8 blocks").into());
    }
    check_depth(&chain)?;
    check_narrowing(&chain, &grants)?;
    check_length(&chain.to_string())?;
    Ok(chain)
}

fn check_length(text: &str) -> Result<(), DelegateError> {
    if text.len() <= MAX_TOKEN_BYTES { Ok(()) } else { Err(TokenError::TooLarge("8192 bytes").into()) }
}
