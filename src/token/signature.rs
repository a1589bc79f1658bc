//! What is signed, and how a signature is checked.

use super::error::Part;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

pub const SIGNATURE_BYTES: usize = 64;

/// Every kind of signature has a label of its own in front of what it signs, so that none passes for another.
const BLOCK_LABEL: &[u8] = b"pgwarrant block v1\0";
const PROOF_LABEL: &[u8] = b"pgwarrant proof v1\0";

fn message(part: Part, bytes: &[u8]) -> Vec<u8> {
    let label = match part {
        Part::Block(_) => BLOCK_LABEL,
        Part::Proof => PROOF_LABEL,
    };
    [label, bytes].concat()
}

pub(super) fn sign(part: Part, bytes: &[u8], key: &SigningKey) -> [u8; SIGNATURE_BYTES] {
    key.sign(&message(part, bytes)).to_bytes()
}

/// `verify_strict` always: it refuses S beyond the group order, a small-order R and a small-order key, which `verify`
/// lets pass (RFC 8032 section 5.1.7 leaves it open).
pub(super) fn verifies(part: Part, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES], key: &VerifyingKey) -> bool {
    key.verify_strict(&message(part, bytes), &Signature::from_bytes(signature)).is_ok()
}
