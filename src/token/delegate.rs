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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::key;
    use crate::token::verify::{VerifyContext, verify};
    use crate::token::{ProofKind, RootKey};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const NOW: i64 = 1_800_000_000;

    struct World {
        random: StdRng,
        root: SigningKey,
        planner: SigningKey,
        worker: SigningKey,
    }

    fn world() -> World {
        let mut random = StdRng::seed_from_u64(1);
        let [root, planner, worker] = [(); 3].map(|()| key::generate(&mut random));
        World { random, root, planner, worker }
    }

    fn delegation(subject: &SigningKey, grants: &[&str]) -> Delegation {
        let grants = grants.iter().map(|text| text.parse().expect("a grant")).collect();
        Delegation {
            subject_key: subject.verifying_key(),
            subject_name: "agent".into(),
            audience: "shop@pgwarrant".into(),
            not_before: NOW,
            expires: NOW + 3600,
            depth_left: 2,
            grants: DelegatedGrants::List(grants),
            statement_budget: None,
            row_budget: Some(10),
            certificate: None,
        }
    }

    fn minted(world: &mut World) -> Chain {
        let grants = ["SELECT (*) ON public.orders", "SELECT (id) ON public.customers LIMIT 5"];
        mint(&world.root, &delegation(&world.planner, &grants), &mut world.random).expect("a chain")
    }

    fn verified(world: &World, token: &Token) -> crate::token::Verified {
        let roots = [RootKey::new(world.root.verifying_key().as_bytes(), 0, Some(NOW + 100)).expect("a key")];
        let mut context = VerifyContext {
            roots: &roots,
            audience: "shop@pgwarrant",
            now: NOW,
            skew: 0,
            replay: &mut |_, _| true,
            tls_client_cert_sha256: None,
        };
        verify(&token.to_string(), &mut context).expect("a valid token")
    }

    #[test]
    fn what_is_minted_delegated_and_sealed_verifies_with_its_effective_grants() {
        let mut world = world();
        let chain = minted(&mut world);
        let all = Delegation { grants: DelegatedGrants::Parent, depth_left: 1, ..delegation(&world.worker, &[]) };
        let chain = attenuate(&chain, &world.planner, &all, &mut world.random).expect("a child");
        let chain: Chain = Chain::parse(&chain.to_string()).expect("its own text");
        let token = seal(&chain, &world.worker, NOW, NOW + 60, &mut world.random).expect("a token");
        let verified = verified(&world, &token);
        assert_eq!(verified.chain[0].grants, verified.chain[1].grants);
        assert_eq!(verified.chain[1].grants[1].to_string(), "SELECT (id) ON public.customers LIMIT 5");
        assert_eq!(verified.chain[1].id, chain.leaf().id);
        assert_eq!((verified.expires, verified.kind), (NOW + 60, ProofKind::Sealed));
    }

    #[test]
    fn a_session_ends_with_its_root_key() {
        let mut world = world();
        let chain = minted(&mut world);
        let token = seal(&chain, &world.planner, NOW, NOW + 3600, &mut world.random).expect("a token");
        assert_eq!(verified(&world, &token).expires, NOW + 100);
    }

    #[test]
    fn a_live_proof_lasts_a_minute_and_never_beyond_its_chain() {
        let mut world = world();
        let chain = minted(&mut world);
        let token = prove_live(&chain, &world.planner, NOW, &mut world.random).expect("a token");
        assert_eq!(verified(&world, &token).expires, NOW + 60);
        let token = prove_live(&chain, &world.planner, NOW + 3590, &mut world.random).expect("a token");
        assert_eq!(token.proof.expires, NOW + 3600);
    }

    #[test]
    fn only_the_last_subject_can_delegate_or_prove() {
        let mut world = world();
        let chain = minted(&mut world);
        let child = delegation(&world.worker, &["SELECT (id) ON public.orders"]);
        let stranger = world.worker.clone();
        assert_eq!(attenuate(&chain, &stranger, &child, &mut world.random), Err(DelegateError::NotTheSubject));
        assert_eq!(seal(&chain, &stranger, NOW, NOW + 1, &mut world.random), Err(DelegateError::NotTheSubject));
    }

    #[test]
    fn what_a_verifier_would_refuse_is_not_handed_out() {
        let mut world = world();
        let chain = minted(&mut world);
        let child = Delegation { depth_left: 1, ..delegation(&world.worker, &["SELECT (id) ON public.orders"]) };
        let many = vec!["SELECT (id) ON public.orders"; 63];
        let wrong = [
            (Delegation { expires: NOW + 3601, ..child.clone() }, "widened"),
            (Delegation { row_budget: None, ..child.clone() }, "widened"),
            (Delegation { depth_left: 2, ..child.clone() }, "widened"),
            (
                Delegation { grants: delegation(&world.worker, &["SELECT (id) ON public.users"]).grants, ..child.clone() },
                "widened",
            ),
            (Delegation { grants: delegation(&world.worker, &many).grants, ..child.clone() }, "too_large"),
        ];
        for (delegation, code) in wrong {
            match attenuate(&chain, &world.planner, &delegation, &mut world.random) {
                Err(DelegateError::Refused(error)) => assert_eq!(error.code(), code),
                other => panic!("{code}: {other:?}"),
            }
        }
        let wrong = [
            (Delegation { subject_name: "a b".into(), ..child.clone() }, DelegateError::SubjectName),
            (Delegation { audience: String::new(), ..child.clone() }, DelegateError::Audience),
            (Delegation { grants: DelegatedGrants::Parent, ..child.clone() }, DelegateError::NoParent),
            (Delegation { grants: DelegatedGrants::List(Vec::new()), ..child.clone() }, DelegateError::NoGrants),
            (Delegation { not_before: NOW, expires: NOW, ..child.clone() }, DelegateError::Validity),
            (Delegation { depth_left: 8, ..child.clone() }, DelegateError::Depth),
            (Delegation { row_budget: Some(1 << 53), ..child }, DelegateError::Budget),
        ];
        for (delegation, error) in wrong {
            assert_eq!(mint(&world.root, &delegation, &mut world.random), Err(error));
        }
        let late = seal(&chain, &world.planner, NOW, NOW + 3601, &mut world.random);
        assert_eq!(late, Err(DelegateError::Refused(TokenError::ProofOutlivesChain)));
    }

    #[test]
    fn equal_delegations_have_different_ids() {
        let mut world = world();
        assert_ne!(minted(&mut world).leaf().id, minted(&mut world).leaf().id);
    }
}
