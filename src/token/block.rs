//! A block: one delegation, from the key that signs it to its subject's key.

use super::encoding;
use super::json::{Fields, Json, JsonError, MAX_INTEGER};
use serde::Serialize;
use sha2::{Digest, Sha256};

const ID_LABEL: &[u8] = b"pgwarrant block id v1\0";

pub const MAX_SUBJECT_NAME_BYTES: usize = 63;
pub const MAX_AUDIENCE_BYTES: usize = 255;
/// The deepest `depth` that makes sense in a chain of `MAX_BLOCKS`.
pub const MAX_DEPTH_LEFT: u8 = 7;

/// What the signer hands on, before anything is checked against a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub nonce: [u8; 16],
    /// The id of the root key for block 0, of the block before for every other.
    pub parent: [u8; 32],
    pub subject_key: [u8; 32],
    pub subject_name: String,
    /// Exactly one database of one pgwarrant.
    pub audience: String,
    pub not_before: i64,
    pub expires: i64,
    /// How many blocks may follow.
    pub depth_left: u8,
    pub grants: GrantTexts,
    /// `None` only where the block says `"unlimited"`.
    pub statement_budget: Option<u64>,
    pub row_budget: Option<u64>,
    /// SHA-256 of the client certificate that must be presented (RFC 8705 section 3.1).
    pub certificate: Option<[u8; 32]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantTexts {
    /// `"parent"`: all that the parent has. Never in block 0.
    Parent,
    /// Never empty.
    List(Vec<String>),
}

/// The schema as it is written. Field names are short because some drivers and poolers cut long passwords.
#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    nonce: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    key: String,
    sub: &'a str,
    aud: &'a str,
    nbf: i64,
    exp: i64,
    depth: u8,
    grants: WrittenGrants<'a>,
    statements: WrittenBudget,
    rows: WrittenBudget,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<WrittenConfirmation>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenGrants<'a> {
    Parent(&'static str),
    List(&'a [String]),
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenBudget {
    Unlimited(&'static str),
    Limited(u64),
}

#[derive(Serialize)]
struct WrittenConfirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

impl Block {
    /// The bytes to sign. Any other spelling of the same JSON is as good: received bytes are what is checked.
    pub fn to_bytes(&self, index: usize) -> Vec<u8> {
        let parent = Some(encoding::encode(&self.parent));
        let (root, parent) = if index == 0 { (parent, None) } else { (None, parent) };
        let budget = |limit| match limit {
            Some(limit) => WrittenBudget::Limited(limit),
            None => WrittenBudget::Unlimited("unlimited"),
        };
        let written = Written {
            v: 1,
            nonce: encoding::encode(&self.nonce),
            root,
            parent,
            key: encoding::encode(&self.subject_key),
            sub: &self.subject_name,
            aud: &self.audience,
            nbf: self.not_before,
            exp: self.expires,
            depth: self.depth_left,
            grants: match &self.grants {
                GrantTexts::Parent => WrittenGrants::Parent("parent"),
                GrantTexts::List(texts) => WrittenGrants::List(texts),
            },
            statements: budget(self.statement_budget),
            rows: budget(self.row_budget),
            cnf: self.certificate.map(|hash| WrittenConfirmation { thumbprint: encoding::encode(&hash) }),
        };
        serde_json::to_vec(&written).expect("strings and integers always have a JSON form")
    }

    pub fn from_bytes(bytes: &[u8], index: usize) -> Result<Block, JsonError> {
        let mut fields = Fields::of(Json::parse(bytes)?)?;
        fields.version()?;
        let block = Block {
            nonce: fields.bytes("nonce")?,
            parent: fields.bytes(if index == 0 { "root" } else { "parent" })?,
            subject_key: fields.bytes("key")?,
            subject_name: subject_name(&mut fields)?,
            audience: audience(&mut fields)?,
            not_before: fields.integer("nbf", MAX_INTEGER)?,
            expires: fields.integer("exp", MAX_INTEGER)?,
            depth_left: depth_left(&mut fields)?,
            grants: grants(&mut fields, index)?,
            statement_budget: budget(&mut fields, "statements")?,
            row_budget: budget(&mut fields, "rows")?,
            certificate: fields.take_optional("cnf").map(confirmation).transpose()?,
        };
        fields.finish()?;
        Ok(block)
    }
}

/// A block's name: nobody chooses it, so nobody can revoke or spend another's. `parent` is the root key's id or the
/// parent block's.
pub fn block_id(parent: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(ID_LABEL).chain_update(parent).chain_update(bytes).finalize().into()
}

/// It stands in logs, in `application_name` and in the ledger, so it holds nothing that any of them would have to escape.
pub fn is_subject_name(name: &str) -> bool {
    (1..=MAX_SUBJECT_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:@/+-".contains(&byte))
}

pub fn is_audience(audience: &str) -> bool {
    (1..=MAX_AUDIENCE_BYTES).contains(&audience.len()) && audience.bytes().all(|byte| byte.is_ascii_graphic())
}

fn subject_name(fields: &mut Fields) -> Result<String, JsonError> {
    let name = fields.text("sub")?;
    let expected = "1 to 63 letters, digits and ._:@/+-";
    if is_subject_name(&name) { Ok(name) } else { Err(JsonError::Field { field: "sub", expected }) }
}

pub(super) fn audience(fields: &mut Fields) -> Result<String, JsonError> {
    let audience = fields.text("aud")?;
    let expected = "1 to 255 printable ASCII characters without space";
    if is_audience(&audience) { Ok(audience) } else { Err(JsonError::Field { field: "aud", expected }) }
}

fn depth_left(fields: &mut Fields) -> Result<u8, JsonError> {
    let depth = fields.integer("depth", i64::from(MAX_DEPTH_LEFT))?;
    Ok(u8::try_from(depth).expect("0 to 7 fits"))
}

fn grants(fields: &mut Fields, index: usize) -> Result<GrantTexts, JsonError> {
    let wrong = |expected| JsonError::Field { field: "grants", expected };
    match fields.take("grants")? {
        Json::Text(word) if word == "parent" && index > 0 => Ok(GrantTexts::Parent),
        Json::List(items) if !items.is_empty() => {
            let text = |item| match item {
                Json::Text(text) => Ok(text),
                _ => Err(wrong("a list of strings")),
            };
            items.into_iter().map(text).collect::<Result<_, _>>().map(GrantTexts::List)
        }
        _ if index == 0 => Err(wrong("a list that is not empty")),
        _ => Err(wrong("\"parent\" or a list that is not empty")),
    }
}

fn budget(fields: &mut Fields, field: &'static str) -> Result<Option<u64>, JsonError> {
    match fields.take(field)? {
        Json::Text(word) if word == "unlimited" => Ok(None),
        Json::Integer(limit) if limit >= 0 => Ok(Some(limit.unsigned_abs())),
        _ => Err(JsonError::Field { field, expected: "\"unlimited\" or an integer from 0 on" }),
    }
}

fn confirmation(json: Json) -> Result<[u8; 32], JsonError> {
    let mut fields = Fields::of(json)?;
    let thumbprint = fields.bytes("x5t#S256")?;
    fields.finish()?;
    Ok(thumbprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        Block {
            nonce: [1; 16],
            parent: [2; 32],
            subject_key: [3; 32],
            subject_name: "agent".into(),
            audience: "proxy/shop".into(),
            not_before: 1,
            expires: 2,
            depth_left: 3,
            grants: GrantTexts::List(vec!["SELECT (*) ON public.\"a\"".into()]),
            statement_budget: Some(0),
            row_budget: None,
            certificate: Some([4; 32]),
        }
    }

    #[test]
    fn a_block_is_read_back_as_it_was_written() {
        let child = Block { grants: GrantTexts::Parent, certificate: None, ..block() };
        for (block, index) in [(block(), 0), (child, 1)] {
            assert_eq!(Block::from_bytes(&block.to_bytes(index), index), Ok(block));
        }
    }

    #[test]
    fn a_root_block_is_no_child_and_a_child_no_root_block() {
        assert_eq!(Block::from_bytes(&block().to_bytes(0), 1), Err(JsonError::Missing("parent")));
        assert_eq!(Block::from_bytes(&block().to_bytes(1), 0), Err(JsonError::Missing("root")));
    }

    #[test]
    fn every_field_but_the_certificate_is_mandatory() {
        let bytes = block().to_bytes(0);
        let whole: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
        for key in whole.keys() {
            let mut less = whole.clone();
            less.remove(key);
            let read = Block::from_bytes(&serde_json::to_vec(&less).unwrap(), 0);
            assert_eq!(read.is_ok(), key == "cnf", "without {key}");
        }
    }

    #[test]
    fn equal_bytes_under_two_parents_have_two_ids() {
        assert_ne!(block_id(&[1; 32], b"{}"), block_id(&[2; 32], b"{}"));
        assert_ne!(block_id(&[1; 32], b"{}"), block_id(&[1; 32], b"{} "));
    }
}
