//! The proof that closes a chain: without it, cutting a child off would give the parent's rights.

use super::block;
use super::encoding;
use super::json::{Fields, Json, JsonError, MAX_INTEGER};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// Made by the subject for one connection, accepted once.
    Live,
    /// Made by the delegator; whoever holds the text may use it until it expires.
    Sealed,
}

impl ProofKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ProofKind::Live => "live",
            ProofKind::Sealed => "sealed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub kind: ProofKind,
    /// The id of the last block, which by its making covers every block before.
    pub chain: [u8; 32],
    pub audience: String,
    pub jti: [u8; 16],
    pub not_before: i64,
    pub expires: i64,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    kind: &'static str,
    chain: String,
    aud: &'a str,
    jti: String,
    nbf: i64,
    exp: i64,
}

impl Proof {
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written {
            v: 1,
            kind: self.kind.as_str(),
            chain: encoding::encode(&self.chain),
            aud: &self.audience,
            jti: encoding::encode(&self.jti),
            nbf: self.not_before,
            exp: self.expires,
        };
        serde_json::to_vec(&written).expect("strings and integers always have a JSON form")
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Proof, JsonError> {
        let mut fields = Fields::of(Json::parse(bytes)?)?;
        fields.version()?;
        let proof = Proof {
            kind: match fields.text("kind")?.as_str() {
                "live" => ProofKind::Live,
                "sealed" => ProofKind::Sealed,
                _ => return Err(JsonError::Field { field: "kind", expected: "\"live\" or \"sealed\"" }),
            },
            chain: fields.bytes("chain")?,
            audience: block::audience(&mut fields)?,
            jti: fields.bytes("jti")?,
            not_before: fields.integer("nbf", MAX_INTEGER)?,
            expires: fields.integer("exp", MAX_INTEGER)?,
        };
        fields.finish()?;
        Ok(proof)
    }
}
