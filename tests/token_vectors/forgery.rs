//! Signatures that a lenient verifier takes and `verify_strict` refuses, made by hand.

use super::maker::{BLOCK_LABEL, key};
use sha2::{Digest, Sha512};

/// The order of the group's prime subgroup, 2^252 + 27742317777372353535851937790883648493 (RFC 8032 section 5.1), as
/// four limbs, the lowest first.
const ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

/// The identity point, whose order is 1; and the same with y + p for y, which is no canonical encoding.
pub const IDENTITY: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};
pub const IDENTITY_BEYOND_P: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xee;
    bytes[31] = 0x7f;
    bytes
};

/// The base point (RFC 8032 section 5.1): with S = 1 and a key of order 1 it signs anything.
const BASE_POINT: [u8; 32] = {
    let mut bytes = [0x66; 32];
    bytes[0] = 0x58;
    bytes
};

/// A signature over any message at all by the key `IDENTITY`.
pub fn by_identity_key() -> Vec<u8> {
    let mut one = [0; 32];
    one[0] = 1;
    [BASE_POINT, one].concat()
}

/// S + L for S: the same equation holds.
pub fn with_high_s(signature: &[u8]) -> Vec<u8> {
    let (sum, carry) = add(limbs(&signature[32..]), ORDER);
    assert!(!carry);
    [&signature[..32], &bytes(sum)].concat()
}

/// By the rightful signer, who chose R = `IDENTITY` in one of its encodings: S = H(R, A, M) · a.
pub fn with_r(r: [u8; 32], signer: &str, message: &[u8]) -> Vec<u8> {
    let signer = key(signer);
    let mut secret: [u8; 32] = Sha512::digest(signer.as_bytes())[..32].try_into().unwrap();
    secret[0] &= 248;
    secret[31] = secret[31] & 127 | 64;
    let hash = Sha512::new().chain_update(r).chain_update(signer.verifying_key().as_bytes());
    let hash = hash.chain_update(BLOCK_LABEL).chain_update(message).finalize();
    let s = multiply(&secret, reduce(&hash));
    [r, bytes(s)].concat()
}

/// `scalar · by` modulo the order, by doubling and adding from the highest bit.
fn multiply(scalar: &[u8], by: [u64; 4]) -> [u64; 4] {
    let mut product = [0; 4];
    for bit in (0..scalar.len() * 8).rev() {
        product = add_modulo(product, product);
        if scalar[bit / 8] >> (bit % 8) & 1 == 1 {
            product = add_modulo(product, by);
        }
    }
    product
}

fn reduce(scalar: &[u8]) -> [u64; 4] {
    multiply(scalar, [1, 0, 0, 0])
}

fn add_modulo(left: [u64; 4], right: [u64; 4]) -> [u64; 4] {
    let (sum, _) = add(left, right);
    let below = sum.iter().rev().lt(ORDER.iter().rev());
    if below { sum } else { subtract(sum, ORDER) }
}

fn add(left: [u64; 4], right: [u64; 4]) -> ([u64; 4], bool) {
    let (mut sum, mut carry) = ([0; 4], false);
    for index in 0..4 {
        let limb = u128::from(left[index]) + u128::from(right[index]) + u128::from(carry);
        (sum[index], carry) = (limb as u64, limb >> 64 != 0);
    }
    (sum, carry)
}

fn subtract(left: [u64; 4], right: [u64; 4]) -> [u64; 4] {
    let (mut difference, mut borrow) = ([0; 4], false);
    for index in 0..4 {
        let limb = u128::from(left[index]).wrapping_sub(u128::from(right[index]) + u128::from(borrow));
        (difference[index], borrow) = (limb as u64, limb >> 64 != 0);
    }
    difference
}

fn limbs(bytes: &[u8]) -> [u64; 4] {
    let (chunks, _) = bytes.as_chunks::<8>();
    [0, 1, 2, 3].map(|index| u64::from_le_bytes(chunks[index]))
}

fn bytes(limbs: [u64; 4]) -> [u8; 32] {
    limbs.map(u64::to_le_bytes).concat().try_into().unwrap()
}
