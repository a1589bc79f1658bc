//! The name of a template in the ledger: statements that differ in their literals only share it.

use sha2::{Digest, Sha256};

/// SHA-256 over the bytes of the template's text.
pub fn fingerprint(template: &str) -> [u8; 32] {
    Sha256::digest(template.as_bytes()).into()
}
