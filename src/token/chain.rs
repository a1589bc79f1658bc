//! The text of a token, taken apart within limits before any signature is looked at.
//!
//! `pgw1.<block0>.<sig0>.….<blockN>.<sigN>.<proof>.<sigP>` is a token. `pgwchain1.<block0>.<sig0>.….<blockN>.<sigN>` is
//! a chain that its subject can delegate further or prove; it opens nothing. The two prefixes keep a chain that lost
//! its proof from ever being read as something else.

use super::block::{Block, GrantTexts, block_id};
use super::encoding;
use super::error::{Part, TokenError};
use super::proof::Proof;
use super::signature::SIGNATURE_BYTES;
use std::fmt::{self, Display, Formatter};

pub const MAX_TOKEN_BYTES: usize = 8192;
pub const MAX_BLOCKS: usize = 8;
pub const MAX_GRANTS: usize = 64;

pub const TOKEN_PREFIX: &str = "pgw1";
pub const CHAIN_PREFIX: &str = "pgwchain1";

/// Lengths at which known software cuts a password: buffers of 1024, 2048 (PgBouncer) and 4096 bytes less their NUL.
const CUT_LENGTHS: [usize; 3] = [1023, 2047, 4095];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBlock {
    pub block: Block,
    /// As received: what is signed and what the id is made of.
    pub bytes: Vec<u8>,
    pub signature: [u8; SIGNATURE_BYTES],
    /// Computed, never read.
    pub id: [u8; 32],
}

/// One block or more, read but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    blocks: Vec<SignedBlock>,
}

/// A chain with its proof, read but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub chain: Chain,
    pub proof: Proof,
    pub(super) proof_bytes: Vec<u8>,
    pub(super) proof_signature: [u8; SIGNATURE_BYTES],
}

struct SignedBytes {
    bytes: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Token {
    pub fn parse(text: &str) -> Result<Token, TokenError> {
        Token::read(text).map_err(|error| match error {
            // What breaks off can never be whole up to its last signature, so a forgery is not excused as a cut.
            TokenError::Malformed(_) | TokenError::NoProof if CUT_LENGTHS.contains(&text.len()) => TokenError::Cut(text.len()),
            error => error,
        })
    }

    fn read(text: &str) -> Result<Token, TokenError> {
        let (prefix, mut parts) = split(text)?;
        if prefix == CHAIN_PREFIX {
            return Err(TokenError::NoProof);
        }
        let last = parts.pop().ok_or(TokenError::Malformed("it has no blocks"))?;
        if parts.is_empty() {
            return Err(TokenError::NoProof);
        }
        let index = parts.len();
        let chain = Chain::of(parts)?;
        let proof = Proof::from_bytes(&last.bytes).map_err(|error| match Block::from_bytes(&last.bytes, index) {
            Ok(_) => TokenError::NoProof,
            Err(_) => TokenError::BadJson(Part::Proof, error),
        })?;
        Ok(Token { chain, proof, proof_bytes: last.bytes, proof_signature: last.signature })
    }
}

impl Chain {
    /// A chain, or the chain of a token, whose proof is left out.
    pub fn parse(text: &str) -> Result<Chain, TokenError> {
        let (prefix, mut parts) = split(text)?;
        if prefix == TOKEN_PREFIX {
            parts.pop();
        }
        Chain::of(parts)
    }

    fn of(parts: Vec<SignedBytes>) -> Result<Chain, TokenError> {
        if parts.is_empty() {
            return Err(TokenError::Malformed("it has no blocks"));
        }
        let mut blocks: Vec<SignedBlock> = Vec::with_capacity(parts.len());
        let mut grants = 0;
        for (index, SignedBytes { bytes, signature }) in parts.into_iter().enumerate() {
            let block = Block::from_bytes(&bytes, index).map_err(|error| TokenError::BadJson(Part::Block(index), error))?;
            grants += match &block.grants {
                GrantTexts::Parent => 0,
                GrantTexts::List(texts) => texts.len(),
            };
            if grants > MAX_GRANTS {
                return Err(TokenError::TooLarge("64 grants"));
            }
            let parent = blocks.last().map_or(block.parent, |last| last.id);
            let id = block_id(&parent, &bytes);
            blocks.push(SignedBlock { block, bytes, signature, id });
        }
        Ok(Chain { blocks })
    }

    /// The chain with one block more, which must be the child of the last.
    pub(super) fn with(&self, block: SignedBlock) -> Chain {
        Chain { blocks: self.blocks.iter().cloned().chain([block]).collect() }
    }

    pub(super) fn of_root(block: SignedBlock) -> Chain {
        Chain { blocks: vec![block] }
    }

    /// Root first, never empty.
    pub fn blocks(&self) -> &[SignedBlock] {
        &self.blocks
    }

    pub fn leaf(&self) -> &SignedBlock {
        self.blocks.last().expect("a chain has a block from its making on")
    }
}

/// The prefix, and the pairs of bytes and signature after it.
fn split(text: &str) -> Result<(&str, Vec<SignedBytes>), TokenError> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLarge("8192 bytes"));
    }
    let mut segments = text.split('.');
    let prefix = segments.next().unwrap_or_default();
    let most = match prefix {
        TOKEN_PREFIX => MAX_BLOCKS + 1,
        CHAIN_PREFIX => MAX_BLOCKS,
        _ => return Err(TokenError::Malformed("it does not begin with pgw1.")),
    };
    let segments: Vec<&str> = segments.collect();
    let (pairs, rest) = segments.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(TokenError::Malformed("a part has no signature"));
    }
    if pairs.len() > most {
        return Err(TokenError::TooLarge("8 blocks"));
    }
    let parts = pairs.iter().map(|[bytes, signature]| signed_bytes(bytes, signature)).collect::<Result<_, _>>()?;
    Ok((prefix, parts))
}

fn signed_bytes(bytes: &str, signature: &str) -> Result<SignedBytes, TokenError> {
    if bytes.is_empty() || signature.is_empty() {
        return Err(TokenError::Malformed("a part is empty"));
    }
    Ok(SignedBytes {
        bytes: encoding::decode(bytes).ok_or(TokenError::Malformed("a part is not canonical base64url"))?,
        signature: encoding::decode_exactly(signature)
            .ok_or(TokenError::Malformed("a signature is not 64 bytes of canonical base64url"))?,
    })
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(CHAIN_PREFIX)?;
        self.write_blocks(f)
    }
}

impl Chain {
    fn write_blocks(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for SignedBlock { bytes, signature, .. } in &self.blocks {
            write!(f, ".{}.{}", encoding::encode(bytes), encoding::encode(signature))?;
        }
        Ok(())
    }
}

impl Display for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(TOKEN_PREFIX)?;
        self.chain.write_blocks(f)?;
        write!(f, ".{}.{}", encoding::encode(&self.proof_bytes), encoding::encode(&self.proof_signature))
    }
}
