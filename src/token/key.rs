//! Keys: Ed25519, in files as PKCS#8 and SPKI PEM (RFC 8410), so that `openssl genpkey -algorithm ed25519` makes them
//! and `openssl pkey -pubout` reads them.

use super::encoding;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const ROOT_ID_LABEL: &[u8] = b"pgwarrant root key v1\0";

const PRIVATE_TAG: &str = "PRIVATE KEY";
const PUBLIC_TAG: &str = "PUBLIC KEY";
/// OneAsymmetricKey, version 0, id-Ed25519, CurvePrivateKey: all that stands before the 32 bytes (RFC 8410 section 7).
const PRIVATE_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// SubjectPublicKeyInfo, id-Ed25519, BIT STRING (RFC 8410 section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the text is not a PEM block `{0}`")]
    NotPem(&'static str),
    #[error("the key is not Ed25519 in the form of RFC 8410")]
    NotEd25519,
    #[error("the public key is not 43 characters of base64url")]
    NotBase64,
    #[error("the public key is weak: of small order, or no canonical point")]
    Weak,
}

pub fn generate(randomness: &mut (impl RngCore + CryptoRng)) -> SigningKey {
    SigningKey::generate(randomness)
}

/// A point of the curve, in its one encoding, and not of small order: for such a key anybody can sign.
pub fn public_key(bytes: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Weak)?;
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    if canonical && !key.is_weak() { Ok(key) } else { Err(KeyError::Weak) }
}

pub fn private_to_pem(key: &SigningKey) -> Zeroizing<String> {
    let der = Zeroizing::new([PRIVATE_PREFIX.as_slice(), key.as_bytes()].concat());
    let body = Zeroizing::new(STANDARD.encode(der.as_slice()));
    Zeroizing::new(format!("-----BEGIN {PRIVATE_TAG}-----\n{}\n-----END {PRIVATE_TAG}-----\n", body.as_str()))
}

pub fn public_to_pem(key: &VerifyingKey) -> String {
    let body = STANDARD.encode([PUBLIC_PREFIX.as_slice(), key.as_bytes()].concat());
    format!("-----BEGIN {PUBLIC_TAG}-----\n{body}\n-----END {PUBLIC_TAG}-----\n")
}

pub fn private_from_pem(text: &str) -> Result<SigningKey, KeyError> {
    let der = Zeroizing::new(pem_body(text, PRIVATE_TAG).ok_or(KeyError::NotPem(PRIVATE_TAG))?);
    let seed = Zeroizing::new(after_prefix(&der, &PRIVATE_PREFIX).ok_or(KeyError::NotEd25519)?);
    Ok(SigningKey::from_bytes(&seed))
}

/// A PEM public key, or its 32 bytes as base64url on one line.
pub fn public_from_text(text: &str) -> Result<VerifyingKey, KeyError> {
    let text = text.trim();
    if !text.starts_with("-----BEGIN") {
        return public_key(&encoding::decode_exactly(text).ok_or(KeyError::NotBase64)?);
    }
    let der = pem_body(text, PUBLIC_TAG).ok_or(KeyError::NotPem(PUBLIC_TAG))?;
    public_key(&after_prefix(&der, &PUBLIC_PREFIX).ok_or(KeyError::NotEd25519)?)
}

pub fn public_to_text(key: &VerifyingKey) -> String {
    encoding::encode(key.as_bytes())
}

fn pem_body(text: &str, tag: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(&format!("-----BEGIN {tag}-----"))?.strip_suffix(&format!("-----END {tag}-----"))?;
    let body = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    STANDARD.decode(body.as_bytes()).ok()
}

fn after_prefix(der: &[u8], prefix: &[u8]) -> Option<[u8; 32]> {
    der.strip_prefix(prefix)?.try_into().ok()
}

/// A key that may sign block 0, and when it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKey {
    id: [u8; 32],
    public: VerifyingKey,
    not_before: i64,
    not_after: Option<i64>,
}

impl RootKey {
    /// Valid from `not_before` on, and before `not_after`, in Unix seconds. A block's own times cannot stand in for
    /// them: whoever stole a retired key writes what times he likes.
    pub fn new(public: &[u8; 32], not_before: i64, not_after: Option<i64>) -> Result<RootKey, KeyError> {
        let public = public_key(public)?;
        Ok(RootKey { id: root_id(&public), public, not_before, not_after })
    }

    /// A labelled hash of the key, so that nobody chooses it.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    pub fn not_after(&self) -> Option<i64> {
        self.not_after
    }

    pub fn is_valid_at(&self, now: i64) -> bool {
        now >= self.not_before && self.not_after.is_none_or(|end| now < end)
    }
}

pub fn root_id(public: &VerifyingKey) -> [u8; 32] {
    Sha256::new().chain_update(ROOT_ID_LABEL).chain_update(public.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`.
    const OPENSSL_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
    const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";

    #[test]
    fn keys_are_read_and_written_as_openssl_does() {
        let private = private_from_pem(OPENSSL_PRIVATE).unwrap();
        assert_eq!(private_to_pem(&private).as_str(), OPENSSL_PRIVATE);
        assert_eq!(public_to_pem(&private.verifying_key()), OPENSSL_PUBLIC);
        assert_eq!(public_from_text(OPENSSL_PUBLIC), Ok(private.verifying_key()));
        assert_eq!(public_from_text(&public_to_text(&private.verifying_key())), Ok(private.verifying_key()));
    }

    #[test]
    fn a_private_key_is_not_taken_for_a_public_one() {
        assert_eq!(public_from_text(OPENSSL_PRIVATE), Err(KeyError::NotPem(PUBLIC_TAG)));
        assert_eq!(private_from_pem(OPENSSL_PUBLIC).err(), Some(KeyError::NotPem(PRIVATE_TAG)));
    }

    #[test]
    fn small_order_and_non_canonical_points_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        // The identity with y = 1 + p, an encoding that decompression would take.
        let mut beyond_p = [0xff; 32];
        beyond_p[0] = 0xee;
        beyond_p[31] = 0x7f;
        for point in [identity, [0; 32], beyond_p] {
            assert_eq!(public_key(&point), Err(KeyError::Weak));
        }
    }

    #[test]
    fn a_root_is_valid_from_its_beginning_until_before_its_end() {
        let public = private_from_pem(OPENSSL_PRIVATE).unwrap().verifying_key();
        let root = RootKey::new(public.as_bytes(), 10, Some(20)).unwrap();
        assert_eq!([9, 10, 19, 20].map(|now| root.is_valid_at(now)), [false, true, true, false]);
    }
}
