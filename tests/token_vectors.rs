//! The vectors that define the token format. `PGWARRANT_REGENERATE=1 cargo test --test token_vectors` writes them anew.

#[path = "token_vectors/cases/mod.rs"]
mod cases;
#[path = "token_vectors/forgery.rs"]
mod forgery;
#[path = "token_vectors/maker.rs"]
mod maker;

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use maker::{AUDIENCE, BLOCK_LABEL, NOW, key};
use pgwarrant::token::grant::{Grant, narrower};
use pgwarrant::token::{RootKey, TokenError, Verified, VerifyContext, encoding, verify};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/token.json");

fn verify_in(token: &str, context: &Value) -> Result<Verified, TokenError> {
    let hash = |value: &Value| value.as_str().map(|text| encoding::decode_exactly(text).unwrap());
    let root = |root: &Value| {
        RootKey::new(&hash(&root["public"]).unwrap(), root["not_before"].as_i64().unwrap(), root["not_after"].as_i64()).unwrap()
    };
    let roots: Vec<RootKey> = context["roots"].as_array().unwrap().iter().map(root).collect();
    let seen = context["seen"].as_bool().unwrap();
    let mut context = VerifyContext {
        roots: &roots,
        audience: context["audience"].as_str().unwrap(),
        now: context["now"].as_i64().unwrap(),
        skew: context["skew"].as_i64().unwrap(),
        replay: &mut |_, _| !seen,
        tls_client_cert_sha256: hash(&context["certificate"]),
    };
    verify(token, &mut context)
}

/// What a vector says of a token that is accepted, for other implementations to compare.
fn summary(verified: &Verified) -> Value {
    let blocks = verified.chain.iter().map(|block| {
        json!({
            "id": encoding::encode(&block.id),
            "subject": block.subject_name,
            "grants": block.grants.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    json!({"agent": verified.agent_name, "expires": verified.expires, "blocks": blocks.collect::<Vec<_>>()})
}

fn generated() -> String {
    let vectors = cases::all().into_iter().map(|case| {
        let mut vector = case.to_json();
        if vector["expect"] == "ok" {
            let verified = verify_in(vector["token"].as_str().unwrap(), &vector["context"]);
            vector["verified"] = summary(&verified.unwrap_or_else(|error| panic!("{}: {error}", case.name)));
        }
        vector
    });
    let lines: Vec<String> = vectors.map(|vector| vector.to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn vectors() -> Vec<Value> {
    let text = if regenerates() { generated() } else { std::fs::read_to_string(FILE).unwrap() };
    serde_json::from_str(&text).unwrap()
}

fn regenerates() -> bool {
    std::env::var_os("PGWARRANT_REGENERATE").is_some()
}

#[test]
fn the_vectors_are_what_the_generator_makes() {
    let text = generated();
    if regenerates() {
        std::fs::create_dir_all(Path::new(FILE).parent().unwrap()).unwrap();
        std::fs::write(FILE, &text).unwrap();
    }
    assert!(std::fs::read_to_string(FILE).unwrap() == text, "run with PGWARRANT_REGENERATE=1 and look at the difference");
}

#[test]
fn every_vector_gets_the_answer_that_it_expects() {
    let mut wrong = Vec::new();
    for vector in vectors() {
        let result = verify_in(vector["token"].as_str().unwrap(), &vector["context"]);
        let (answer, detail) = match &result {
            Ok(verified) => ("ok", summary(verified)),
            Err(error) => (error.code(), json!(error.to_string())),
        };
        if answer != vector["expect"] || (result.is_ok() && detail != vector["verified"]) {
            wrong.push(format!("{}: {}: {answer} for {} ({detail})", vector["class"], vector["name"], vector["expect"]));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_attack_class_and_every_error_code_has_a_vector() {
    let vectors = vectors();
    let all = |field: &str| -> BTreeSet<&str> { vectors.iter().filter_map(|vector| vector[field].as_str()).collect() };
    let (classes, codes) = (all("class"), all("expect"));
    for class in [
        "root forgery",
        "signature stripping",
        "truncation",
        "splice, reorder",
        "proof",
        "cross-protocol",
        "Ed25519",
        "widening",
        "depth",
        "numbers",
        "names",
        "JSON",
        "encoding",
        "time",
        "audience",
        "binding",
        "size",
        "block id",
        "cut on the way",
        "grants",
        "valid",
    ] {
        assert!(classes.contains(class), "{class}");
    }
    for code in [
        "too_large",
        "token_cut",
        "malformed",
        "bad_json",
        "bad_grant",
        "no_proof",
        "unknown_root",
        "root_retired",
        "weak_key",
        "bad_signature",
        "wrong_parent",
        "expired",
        "not_yet_valid",
        "proof_lifetime",
        "wrong_audience",
        "widened",
        "depth_exceeded",
        "binding",
        "replayed",
        "ok",
    ] {
        assert!(codes.contains(code), "{code}");
    }
    let name = |vector: &Value| format!("{}: {}", vector["class"], vector["name"]);
    let names: BTreeSet<String> = vectors.iter().map(name).collect();
    assert_eq!(names.len(), vectors.len(), "a name stands twice");
}

#[test]
fn grants_are_read_refused_and_compared_as_their_vectors_say() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/grant.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let rows = |kind: &str| vectors[kind].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let grant = |value: &Value| text(value).parse::<Grant>().unwrap_or_else(|error| panic!("{value}: {error}"));
    for row in rows("read") {
        assert_eq!(grant(&row["text"]).to_string(), row["canonical"], "{row}");
        assert_eq!(grant(&row["canonical"]), grant(&row["text"]), "{row}");
    }
    for row in rows("refused") {
        let error = text(&row["text"]).parse::<Grant>().expect_err(&row.to_string());
        assert_eq!(json!(error.position), row["position"], "{row}: {error}");
    }
    for row in rows("narrower") {
        let parents: Vec<Grant> = row["parents"].as_array().unwrap().iter().map(grant).collect();
        assert_eq!(json!(narrower(&grant(&row["child"]), &parents)), row["narrower"], "{row}");
    }
}

/// Otherwise the vectors would show nothing: a wrong signature is refused by everybody.
#[test]
fn the_forged_signatures_pass_a_lenient_verifier() {
    let lenient = |public: &[u8; 32], message: &[u8], signature: &[u8]| {
        VerifyingKey::from_bytes(public).unwrap().verify(message, &Signature::from_slice(signature).unwrap()).is_ok()
    };
    assert!(lenient(&forgery::IDENTITY, b"any message", &forgery::by_identity_key()));
    let planner = key("planner").verifying_key().to_bytes();
    let by_r = forgery::with_r(forgery::IDENTITY, "planner", b"text");
    assert!(lenient(&planner, &[BLOCK_LABEL, b"text"].concat(), &by_r));
}

#[test]
fn a_live_proof_is_spent_only_when_all_else_is_right_and_only_for_its_own_chain() {
    let root = RootKey::new(key("root").verifying_key().as_bytes(), 0, None).unwrap();
    let mut spent: Vec<(String, i64)> = Vec::new();
    let mut verify_at = |token: &str, audience: &str| {
        let mut context = VerifyContext {
            roots: std::slice::from_ref(&root),
            audience,
            now: NOW,
            skew: 5,
            replay: &mut |name, until| {
                let fresh = spent.iter().all(|(seen, _)| seen != name);
                spent.push((name.to_owned(), until));
                fresh
            },
            tls_client_cert_sha256: None,
        };
        verify(token, &mut context).map_err(|error| error.code())
    };
    let token = maker::with_proof(maker::live());
    let of_parent = maker::Maker::root(maker::block("planner"), "root").proof(maker::live(), "planner");
    assert_eq!(verify_at(&token, "elsewhere").err(), Some("wrong_audience"));
    assert!(verify_at(&of_parent, AUDIENCE).is_ok(), "the same jti under another leaf is another proof");
    assert!(verify_at(&token, AUDIENCE).is_ok());
    assert_eq!(verify_at(&token, AUDIENCE).err(), Some("replayed"));
    assert_eq!(spent[1].1, NOW + 65, "to be remembered until the skew is over");
}

static VALID: LazyLock<String> = LazyLock::new(maker::valid);

#[derive(Debug, Clone)]
enum Mutation {
    Replace(usize, u8),
    Insert(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    SwapSegments(usize, usize),
    Cut(usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || any::<prop::sample::Index>().prop_map(|index| index.index(100_000));
    let byte = || prop_oneof![prop::sample::select(b"ABCwxyz059-_.=+/ ".to_vec()), 0u8..128];
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (place(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        (place(), 1usize..200).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (place(), 1usize..200).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (place(), place()).prop_map(|(one, other)| Mutation::SwapSegments(one, other)),
        place().prop_map(Mutation::Cut),
    ]
}

fn mutate(token: &str, mutation: &Mutation) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let range = |at: usize, length: usize| {
        let start = at % bytes.len().max(1);
        start..(start + length).min(bytes.len())
    };
    match *mutation {
        _ if bytes.is_empty() => {}
        Mutation::Replace(at, byte) => {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        Mutation::Insert(at, byte) => bytes.insert(at % bytes.len(), byte),
        Mutation::Remove(at, length) => drop(bytes.drain(range(at, length))),
        Mutation::Repeat(at, length) => {
            let range = range(at, length);
            let piece = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, piece);
        }
        Mutation::SwapSegments(one, other) => {
            let mut segments: Vec<&[u8]> = bytes.split(|byte| *byte == b'.').collect();
            let count = segments.len();
            segments.swap(one % count, other % count);
            bytes = segments.join(&b'.');
        }
        Mutation::Cut(at) => bytes.truncate(at % bytes.len()),
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_token_that_was_changed_anywhere_never_verifies(mutations in prop::collection::vec(mutation(), 1..4)) {
        let token = VALID.clone();
        let changed = mutations.iter().fold(token.clone(), |token, mutation| mutate(&token, mutation));
        prop_assume!(changed != token);
        let roots = [RootKey::new(key("root").verifying_key().as_bytes(), 0, None).unwrap()];
        let mut context = VerifyContext {
            roots: &roots,
            audience: AUDIENCE,
            now: NOW,
            skew: 0,
            replay: &mut |_, _| true,
            tls_client_cert_sha256: None,
        };
        prop_assert!(verify(&changed, &mut context).is_err());
    }
}
