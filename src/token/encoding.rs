//! base64url without padding (RFC 4648 section 5), in its one canonical spelling.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` for padding, another alphabet, whitespace, or bits left over in the last character: what was received is
/// what was signed only if a text has one meaning and a meaning one text (RFC 4648 section 3.5).
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub fn decode_exactly<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_decoded() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for other in ["_-8=", "_-9", "/+8", "_-8\n", " _-8", "_-8.", "_"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
