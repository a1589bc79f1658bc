//! Checkpoints: signed tree heads as C2SP tlog-checkpoint, in C2SP signed-note form.
//!
//! ```text
//! example.com/pgwarrant/orders
//! 4096
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/pgwarrant/orders Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```
//!
//! The signature is over the text as C2SP has it, so that any C2SP tool can check it. It needs no label of ours to be
//! kept apart from the signatures of tokens: their signed bytes begin with a label that holds spaces and a NUL, and
//! this text begins with an origin that can hold neither.

use std::fmt;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::render::hex;
use super::tree::Hash;

/// C2SP signed-note: the signature type of Ed25519.
const ED25519: u8 = 1;
/// A note with a few cosignatures has about a kilobyte.
pub(super) const MAX_NOTE_BYTES: usize = 16 * 1024;
const MAX_ORIGIN_BYTES: usize = 255;
const SIGNATURE_MARK: &str = "— ";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    #[error("it is for the log `{found}`, not `{expected}`")]
    Origin { found: String, expected: String },
    #[error("it has no signature by {0}")]
    NotSigned(String),
    #[error("its signature by {0} is wrong")]
    BadSignature(String),
    #[error("not a verifier key: {0}")]
    Key(&'static str),
}

/// True for names that C2SP signed-note allows and that cannot be confused with anything else we sign.
pub fn is_origin(name: &str) -> bool {
    (1..=MAX_ORIGIN_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

/// A log's name with the key that signs its checkpoints.
///
/// One signature a commit is the ledger's largest cost on a quiet day, so these are made by aws-lc, which takes half the
/// time of ed25519-dalek for the same bytes (Ed25519 is deterministic, RFC 8032 section 5.1.6; tested).
pub struct NoteSigner {
    name: VerifyingName,
    key_hash: [u8; 4],
    key: Ed25519KeyPair,
}

/// A log's name with the public key of its checkpoints, written `name+keyhash+key` (C2SP signed-note's verifier key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingName {
    name: String,
    key: VerifyingKey,
}

impl NoteSigner {
    pub fn new(origin: &str, key: SigningKey) -> Option<Self> {
        let name = VerifyingName::new(origin, key.verifying_key())?;
        let key = Ed25519KeyPair::from_seed_and_public_key(key.as_bytes(), key.verifying_key().as_bytes()).ok()?;
        Some(NoteSigner { key_hash: name.key_hash(), name, key })
    }

    pub fn verifying_name(&self) -> &VerifyingName {
        &self.name
    }
}

impl VerifyingName {
    pub fn new(name: &str, key: VerifyingKey) -> Option<Self> {
        is_origin(name).then(|| VerifyingName { name: name.to_owned(), key })
    }

    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("it is written name+hash+key"));
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key("its key is not base64"))?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(NoteError::Key("it is not an Ed25519 key"));
        };
        let key: &[u8; 32] = key.try_into().map_err(|_| NoteError::Key("an Ed25519 key has 32 bytes"))?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key("it is not a point of the curve"))?;
        let name = VerifyingName::new(name, key).ok_or(NoteError::Key("its name is not an origin"))?;
        if hex(&name.key_hash()) != hash {
            return Err(NoteError::Key("its hash does not match its name and key: it was mistyped"));
        }
        Ok(name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ "\n" ‖ type ‖ public key)`.
    fn key_hash(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(&self.name);
        hash.update([b'\n', ED25519]);
        hash.update(self.key.as_bytes());
        let hash: Hash = hash.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for VerifyingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.key_hash()), STANDARD.encode(key))
    }
}

/// A signed tree head: made by the log's key, or checked against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    claim: Claim,
}

/// What a note says; nobody has checked who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    note: String,
    signed_bytes: usize,
}

impl Checkpoint {
    pub(super) fn sign(signer: &NoteSigner, size: u64, root: Hash) -> Self {
        Checkpoint::sign_extended(signer, size, root, "")
    }

    /// With extension lines, each ended by a newline and none of them empty (C2SP tlog-checkpoint).
    pub(super) fn sign_extended(signer: &NoteSigner, size: u64, root: Hash, extension: &str) -> Self {
        let name = &signer.name;
        let mut note = format!("{}\n{size}\n{}\n{extension}", name.name, STANDARD.encode(root));
        let signed_bytes = note.len();
        let mut signature = signer.key_hash.to_vec();
        signature.extend_from_slice(signer.key.sign(note.as_bytes()).as_ref());
        note.push('\n');
        note.push_str(SIGNATURE_MARK);
        note.push_str(&name.name);
        note.push(' ');
        STANDARD.encode_string(signature, &mut note);
        note.push('\n');
        Checkpoint { claim: Claim { origin: name.name.clone(), size, root, note, signed_bytes } }
    }

    pub fn origin(&self) -> &str {
        &self.claim.origin
    }

    pub fn size(&self) -> u64 {
        self.claim.size
    }

    pub fn root(&self) -> &Hash {
        &self.claim.root
    }

    /// The whole signed note.
    pub fn note(&self) -> &str {
        &self.claim.note
    }

    /// The signed lines after the root.
    pub(super) fn extension(&self) -> impl Iterator<Item = &str> {
        self.claim.note[..self.claim.signed_bytes].lines().skip(3)
    }
}

impl Claim {
    pub fn parse(note: &str) -> Result<Claim, NoteError> {
        use NoteError::Malformed;
        if note.len() > MAX_NOTE_BYTES {
            return Err(Malformed("it is too long"));
        }
        if note.bytes().any(|b| b.is_ascii_control() && b != b'\n') {
            return Err(Malformed("it holds control characters"));
        }
        let at = note.rfind("\n\n").ok_or(Malformed("no blank line before the signatures"))?;
        let (text, signatures) = (&note[..at + 1], &note[at + 2..]);
        if !signatures.ends_with('\n') || !signatures.lines().all(|line| line.starts_with(SIGNATURE_MARK)) {
            return Err(Malformed("after the blank line stand signatures only"));
        }
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Malformed("a checkpoint has an origin, a size and a root"));
        };
        if !is_origin(origin) {
            return Err(Malformed("its first line is not an origin"));
        }
        let canonical = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| canonical).ok_or(Malformed("its size is not a decimal number"))?;
        let root = STANDARD.decode(root).ok().and_then(|r| r.try_into().ok()).ok_or(Malformed("its root is not 32 bytes"))?;
        Ok(Claim { origin: origin.to_owned(), size, root, note: note.to_owned(), signed_bytes: text.len() })
    }

    pub fn note(&self) -> &str {
        &self.note
    }

    /// Signatures by others are left alone, as C2SP asks.
    pub fn verify(self, by: &VerifyingName) -> Result<Checkpoint, NoteError> {
        if self.origin != by.name {
            return Err(NoteError::Origin { found: self.origin, expected: by.name.clone() });
        }
        let text = &self.note.as_bytes()[..self.signed_bytes];
        let ours = self.note[self.signed_bytes + 1..].lines().find_map(|line| signature_by(line, by));
        let signature = ours.ok_or_else(|| NoteError::NotSigned(by.to_string()))?;
        match by.key.verify_strict(text, &signature) {
            Ok(()) => Ok(Checkpoint { claim: self }),
            Err(_) => Err(NoteError::BadSignature(by.to_string())),
        }
    }
}

/// The signature in a line `— name base64(key hash ‖ signature)`, if it claims to be by that name and key.
fn signature_by(line: &str, by: &VerifyingName) -> Option<Signature> {
    let (name, signature) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
    let signature = STANDARD.decode(signature).ok()?;
    let (hash, signature) = signature.split_first_chunk::<4>()?;
    (name == by.name && *hash == by.key_hash()).then(|| Signature::from_slice(signature).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "example.com/log";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[seed; 32])).unwrap()
    }

    fn verify(note: &str, by: &VerifyingName) -> Result<Checkpoint, NoteError> {
        Claim::parse(note)?.verify(by)
    }

    #[test]
    fn the_example_of_the_signed_note_specification_verifies() {
        // golang.org/x/mod/sumdb/note, ExampleOpen: the same key type and form.
        let key = VerifyingName::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let signature = signature_by(line, &key).unwrap();
        assert!(key.key.verify_strict(text.as_bytes(), &signature).is_ok());
    }

    #[test]
    fn a_checkpoint_verifies_by_its_own_key_alone() {
        let note = Checkpoint::sign(&signer(1), 7, [9; 32]);
        let read = verify(note.note(), signer(1).verifying_name()).unwrap();
        assert_eq!((read.size(), read.root()), (7, &[9; 32]));
        assert!(matches!(verify(note.note(), signer(2).verifying_name()), Err(NoteError::NotSigned(_))));
        let other = VerifyingName::new("example.com/other", signer(1).name.key).unwrap();
        assert!(matches!(verify(note.note(), &other), Err(NoteError::Origin { .. })));
    }

    #[test]
    fn both_libraries_sign_the_same_bytes() {
        use ed25519_dalek::Signer;
        for seed in 0..32 {
            let key = SigningKey::from_bytes(&[seed; 32]);
            let message = [seed; 100];
            assert_eq!(signer(seed).key.sign(&message).as_ref(), key.sign(&message).to_bytes());
        }
    }

    #[test]
    fn no_byte_of_a_note_can_change() {
        let note = Checkpoint::sign(&signer(1), 1234, [9; 32]);
        let bytes = note.note().as_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bent = bytes.to_vec();
                bent[at] ^= 1 << bit;
                let opened = std::str::from_utf8(&bent).ok().map(|text| verify(text, signer(1).verifying_name()));
                assert!(!matches!(opened, Some(Ok(_))), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_cosigned_note_verifies_and_extension_lines_are_signed() {
        let note = Checkpoint::sign(&signer(1), 7, [9; 32]);
        let cosigned = format!("{}— witness.example/w AAAAAAAA\n", note.note());
        assert!(verify(&cosigned, signer(1).verifying_name()).is_ok());
        let extended = note.note().replacen("\n\n", "\nextension\n\n", 1);
        assert!(matches!(verify(&extended, signer(1).verifying_name()), Err(NoteError::BadSignature(_))));
    }

    #[test]
    fn sloppy_notes_are_refused() {
        let root = STANDARD.encode([9; 32]);
        for (note, why) in [
            (String::new(), "empty"),
            (format!("a\n1\n{root}\n"), "no signatures"),
            (format!("a\n1\n{root}\n\n"), "no signature after the blank line"),
            (format!("a\n01\n{root}\n\n— a AAAA\n"), "leading zero"),
            (format!("a\n+1\n{root}\n\n— a AAAA\n"), "sign"),
            (format!("a\n18446744073709551616\n{root}\n\n— a AAAA\n"), "2^64"),
            (format!("a b\n1\n{root}\n\n— a AAAA\n"), "space in the origin"),
            (format!("a\n1\n{}\n\n— a AAAA\n", &root[..40]), "short root"),
            (format!("a\n1\n{root}\n\nx a AAAA\n"), "not a signature line"),
            (format!("a\n1\n{root}\n\n— a AAAA"), "no final newline"),
            (format!("a\r\n1\n{root}\n\n— a AAAA\n"), "carriage return"),
            (format!("a\n1\n{root}\n{}\n— a AAAA\n", "x\n".repeat(MAX_NOTE_BYTES)), "too long"),
        ] {
            assert!(matches!(Claim::parse(&note), Err(NoteError::Malformed(_))), "{why}");
        }
    }

    #[test]
    fn a_mistyped_verifier_key_is_refused() {
        let text = signer(1).verifying_name().to_string();
        assert_eq!(VerifyingName::parse(&text).unwrap(), *signer(1).verifying_name());
        for bent in [text.replacen("example", "exomple", 1), text.replace("+", ""), text[..text.len() - 4].to_owned()] {
            assert!(matches!(VerifyingName::parse(&bent), Err(NoteError::Key(_))), "{bent}");
        }
    }
}
