//! Tokens: no text but the one that was signed is ever accepted.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pgwarrant::token::grant::Grant;
use pgwarrant::token::{RootKey, VerifyContext, inspect, key, verify};
use serde_json::Value;

static VECTORS: LazyLock<Vec<Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../tests/vectors/token.json")).expect("the vectors"));

/// The valid vectors, each with its own context.
static VALID: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let valid: Vec<Vector> = VECTORS.iter().filter(|v| v["expect"] == "ok").map(Vector::of).collect();
    assert!(valid.iter().any(|v| v.accepts(&v.token)), "some vector is accepted");
    valid
});

/// Refused under its own context or not: somebody made it whole.
fn is_a_vector(token: &str) -> bool {
    VECTORS.iter().any(|vector| vector["token"] == token)
}

struct Vector {
    token: String,
    audience: String,
    now: i64,
    skew: i64,
    roots: Vec<RootKey>,
}

impl Vector {
    fn of(value: &Value) -> Vector {
        let context = &value["context"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let root = |root: &Value| {
            let public = key::public_from_text(root["public"].as_str()?).ok()?;
            RootKey::new(public.as_bytes(), root["not_before"].as_i64()?, root["not_after"].as_i64()).ok()
        };
        Vector {
            token: text(&value["token"]),
            audience: text(&context["audience"]),
            now: context["now"].as_i64().expect("a second"),
            skew: context["skew"].as_i64().expect("seconds"),
            roots: context["roots"].as_array().expect("a list").iter().filter_map(root).collect(),
        }
    }

    fn accepts(&self, token: &str) -> bool {
        let mut context = VerifyContext {
            roots: &self.roots,
            audience: &self.audience,
            now: self.now,
            skew: self.skew,
            replay: &mut |_, _| true,
            tls_client_cert_sha256: None,
        };
        verify(token, &mut context).is_ok()
    }
}

/// Bytes of a grant's text, as of a whole token's.
const MAX_GRANT: usize = 8192;

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    let vector = &VALID[usize::from(*which) % VALID.len()];
    let token = match which {
        128.. => String::from_utf8_lossy(rest).into_owned(),
        _ => edited(&vector.token, rest),
    };
    if vector.accepts(&token) {
        assert!(is_a_vector(&token), "a text that nobody signed is accepted: {token}");
    }
    let _ = inspect::inspect(&token);
    if let Ok(grant) = token.parse::<Grant>() {
        let text = grant.to_string();
        // Spelt out in full it can pass the cap that every text has; then it cannot be delegated.
        if text.len() <= MAX_GRANT {
            assert_eq!(text.parse::<Grant>().as_ref(), Ok(&grant), "a grant is what its text says");
        }
    }
});

/// The text after a few edits: place, what to do, with what.
fn edited(token: &str, edits: &[u8]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for edit in edits.chunks_exact(4).take(8) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len();
        match edit[2] % 6 {
            0 => bytes[at] = edit[3],
            1 => bytes.insert(at, edit[3]),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at.max(1)),
            4 => {
                let other = usize::from(edit[3]) % bytes.len();
                bytes.swap(at, other);
            }
            _ => bytes[at] ^= 1 << (edit[3] % 8),
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
