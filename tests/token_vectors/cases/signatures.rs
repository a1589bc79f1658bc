//! Who signed what: keys, signatures, and parts that do not belong together.

use super::super::forgery::{IDENTITY, IDENTITY_BEYOND_P, by_identity_key, with_high_s, with_r};
use super::super::maker::*;
use super::{Case, case};
use serde_json::json;

pub fn root_forgery() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("root forgery", name, token, expect);
    let trusted = quoted(&base64url(&root_id(key("root").verifying_key().as_bytes())));
    let attackers = base64url(key("attacker").verifying_key().as_bytes());
    let embedded = block("planner").with("jwk", format!("{{\"kty\":\"OKP\",\"x\":\"{attackers}\"}}"));
    vec![
        case(
            "the attacker signs and names the trusted root",
            Maker::root(block("planner").with("root", trusted), "attacker").proof(proof(), "planner"),
            "bad_signature",
        ),
        case(
            "the attacker signs and names his own key",
            Maker::root(block("planner"), "attacker").proof(proof(), "planner"),
            "unknown_root",
        ),
        case("the attacker's key embedded", Maker::root(embedded, "attacker").proof(proof(), "planner"), "bad_json"),
        case(
            "the root key itself where its id is expected",
            {
                let public = quoted(&base64url(key("root").verifying_key().as_bytes()));
                with_root(block("planner").with("root", public))
            },
            "unknown_root",
        ),
        case(
            "another trusted root's id",
            {
                let other = quoted(&base64url(&root_id(key("other root").verifying_key().as_bytes())));
                with_root(block("planner").with("root", other))
            },
            "bad_signature",
        ),
        case(
            "a root that is not valid any more",
            Maker::root(block("planner"), "retired root").proof(proof(), "planner"),
            "root_retired",
        ),
        case("a root that is not valid yet", with_root(block("planner")), "root_retired").context(
            "roots",
            json!([{"public": base64url(key("root").verifying_key().as_bytes()), "not_before": NOW + 1, "not_after": null}]),
        ),
        case("no root trusted at all", valid(), "unknown_root").context("roots", json!([])),
    ]
}

pub fn signature_stripping() -> Vec<Case> {
    let case = |name: &str, change: &dyn Fn(&mut Vec<String>), expect| {
        let mut segments: Vec<String> = valid().split('.').map(str::to_owned).collect();
        change(&mut segments);
        case("signature stripping", name, segments.join("."), expect)
    };
    let zero = base64url(&[0; 64]);
    vec![
        case("a signature is missing", &|segments| drop(segments.remove(2)), "malformed"),
        case(
            "every signature is missing",
            &|segments| *segments = [0, 1, 3, 5].map(|index| segments[index].clone()).to_vec(),
            "malformed",
        ),
        case("an empty signature", &|segments| segments[2].clear(), "malformed"),
        case("an empty signature of the proof", &|segments| segments[6].clear(), "malformed"),
        case("a signature of 63 bytes", &|segments| segments[2] = base64url(&[0; 63]), "malformed"),
        case("two signatures are swapped", &|segments| segments.swap(2, 4), "bad_signature"),
        case("the proof has the signature of a block", &|segments| segments[6] = segments[4].clone(), "bad_signature"),
        case("a surplus signature", &|segments| segments.push(segments[6].clone()), "malformed"),
        case("block 0 with a signature of zeros", &|segments| segments[2] = zero.clone(), "bad_signature"),
        case("block 1 with a signature of zeros", &|segments| segments[4] = zero.clone(), "bad_signature"),
        case("the proof with a signature of zeros", &|segments| segments[6] = zero.clone(), "bad_signature"),
    ]
}

pub fn truncation() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("truncation", name, token, expect);
    let whole: Vec<String> = valid().split('.').map(str::to_owned).collect();
    let without_last = [&whole[..3], &whole[5..]].concat().join(".");
    let parents_proof = Maker::root(block("planner"), "root").proof(live(), "planner");
    let grafted: Vec<&str> = parents_proof.split('.').collect();
    let under_the_child = format!("{}.{}.{}", whole[..5].join("."), grafted[3], grafted[4]);
    vec![
        case("the last block dropped, with the old proof", without_last, "bad_signature"),
        case("the last block dropped, without a proof", whole[..3].join("."), "no_proof"),
        case("no proof", whole[..5].join("."), "no_proof"),
        case("a chain, as it is handed to its subject", whole[..5].join(".").replace("pgw1.", "pgwchain1."), "no_proof"),
        case("the parent's own earlier live proof", parents_proof.clone(), "replayed").context("seen", json!(true)),
        case("the parent's own earlier live proof, expired", parents_proof.clone(), "expired").context("now", json!(NOW + 60)),
        case("the parent's proof under the child's chain", under_the_child, "bad_signature"),
        case("a proof alone", format!("pgw1.{}.{}", whole[5], whole[6]), "no_proof"),
        case("the prefix alone", "pgw1".into(), "malformed"),
        case("nothing", String::new(), "malformed"),
    ]
}

pub fn splice() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("splice, reorder", name, token, expect);
    let second = || child("worker").with("depth", "2").with("grants", quoted("parent"));
    let third = || child("helper").with("depth", "1");
    let three = Maker::root(block("planner"), "root").block(second(), "planner").block(third(), "worker");
    let reorder = |order: [usize; 3]| Maker {
        segments: order.map(|index| three.segments[2 * index..][..2].to_vec()).concat(),
        ..three.clone()
    };
    let other_chain =
        Maker::root(block("planner").with("nonce", quoted(&base64url(&[9; 16]))), "root").block(child("worker"), "planner");
    let other_root = Maker::root(block("planner"), "other root");
    let graft =
        |head: &Maker, tail: &Maker| Maker { segments: [&head.segments[..2], &tail.segments[2..]].concat(), last: tail.last };
    let sibling = Maker::root(block("planner"), "root").block(child("sibling").with("depth", "2"), "planner");
    let siblings_child = sibling.clone().block(third(), "sibling");
    let nephew = Maker { segments: [&three.segments[..4], &siblings_child.segments[4..]].concat(), last: siblings_child.last };
    vec![
        case("the first two blocks swapped", reorder([1, 0, 2]).proof(proof(), "helper"), "bad_json"),
        case("the last two blocks swapped", reorder([0, 2, 1]).proof(proof(), "worker"), "bad_signature"),
        case("a block twice", reorder([0, 1, 1]).proof(proof(), "worker"), "bad_signature"),
        case(
            "a block in the middle left out",
            graft(&three, &Maker { segments: [&three.segments[..2], &three.segments[4..]].concat(), ..three.clone() })
                .proof(proof(), "helper"),
            "bad_signature",
        ),
        case(
            "a child from another chain of the same subject key",
            graft(&two(), &other_chain).proof(proof(), "worker"),
            "wrong_parent",
        ),
        case("a child from under another root", graft(&other_root, &two()).proof(proof(), "worker"), "wrong_parent"),
        case("a sibling's child", nephew.proof(proof(), "helper"), "bad_signature"),
        case(
            "a proof made for another chain of the same leaf key",
            {
                let foreign = other_chain.proof_text(proof());
                two().part(foreign.as_bytes(), &signature(PROOF_LABEL, foreign.as_bytes(), &key("worker"))).token()
            },
            "wrong_parent",
        ),
    ]
}

pub fn proofs() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("proof", name, token, expect);
    let at = |now: i64, skew: i64| move |case: Case| case.context("now", json!(now)).context("skew", json!(skew));
    vec![
        case("expired", with_proof(proof().with("exp", (NOW + 1).to_string())), "expired").context("now", json!(NOW + 1)),
        case("from the future", with_proof(proof().with("nbf", (NOW + 1).to_string())), "not_yet_valid"),
        case("live, expired", with_proof(live()), "expired").context("now", json!(NOW + 60)),
        case("live, within the skew", with_proof(live()), "ok").context("now", json!(NOW + 64)).context("skew", json!(5)),
        at(NOW + 65, 5)(case("live, one second beyond the skew", with_proof(live()), "expired")),
        case("live, used before", with_proof(live()), "replayed").context("seen", json!(true)),
        case("sealed, used before", valid(), "ok").context("seen", json!(true)),
        case("live for 61 seconds", with_proof(live().with("exp", (NOW + 61).to_string())), "proof_lifetime"),
        case("over another audience", with_proof(proof().with("aud", quoted("other@pgwarrant"))), "wrong_audience"),
        case("by the parent's key", two().proof(proof(), "planner"), "bad_signature"),
        case("by the root key", two().proof(proof(), "root"), "bad_signature"),
        case("by a stranger's key", two().proof(proof(), "attacker"), "bad_signature"),
        case("outlives the chain", with_proof(proof().with("exp", (NOW + 3601).to_string())), "widened"),
        case("of another kind", with_proof(proof().with("kind", quoted("eternal"))), "bad_json"),
        case("without jti", with_proof(proof().without("jti")), "bad_json"),
        case("with a key more", with_proof(proof().with("crit", "[]")), "bad_json"),
        case(
            "names the chain by a hash of another length",
            {
                let text = proof().with("chain", quoted("AAAA")).text();
                two().part(text.as_bytes(), &signature(PROOF_LABEL, text.as_bytes(), &key("worker"))).token()
            },
            "bad_json",
        ),
    ]
}

pub fn cross_protocol() -> Vec<Case> {
    let labels: [(&str, &[u8]); 8] = [
        ("a proof", PROOF_LABEL),
        ("a checkpoint", b"pgwarrant checkpoint v1\0"),
        ("a revocation", b"pgwarrant revocation v1\0"),
        ("a receipt", b"pgwarrant receipt v1\0"),
        ("a block of another version", b"pgwarrant block v2\0"),
        ("nothing at all", b""),
        ("the label without its end", b"pgwarrant block v1"),
        (
            "a client certificate's handshake",
            b"                                                                TLS 1.3, client CertificateVerify\0",
        ),
    ];
    let mut cases = Vec::new();
    for (what, label) in labels {
        let bytes = child("worker").with("parent", quoted(&base64url(&Maker::root(block("planner"), "root").last))).text();
        let chain =
            Maker::root(block("planner"), "root").part(bytes.as_bytes(), &signature(label, bytes.as_bytes(), &key("planner")));
        let token = Maker { last: two().last, ..chain }.proof(proof(), "worker");
        cases.push(case("cross-protocol", &format!("a block signed as {what}"), token, "bad_signature"));
        let label = if label == PROOF_LABEL { BLOCK_LABEL } else { label };
        let what = what.replace("a proof", "a block").replace("block of another version", "block of version 2");
        let text = two().proof_text(proof());
        let token = two().part(text.as_bytes(), &signature(label, text.as_bytes(), &key("worker"))).token();
        cases.push(case("cross-protocol", &format!("a proof signed as {what}"), token, "bad_signature"));
    }
    cases
}

pub fn ed25519() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("Ed25519", name, token, expect);
    let parent = quoted(&base64url(&Maker::root(block("planner"), "root").last));
    let bytes = child("worker").with("parent", parent).text();
    let resigned = |signature: Vec<u8>| {
        let chain = Maker::root(block("planner"), "root").part(bytes.as_bytes(), &signature);
        Maker { last: two().last, ..chain }.proof(proof(), "worker")
    };
    let weak = |point: [u8; 32]| {
        let chain = Maker::root(block("planner").with("key", quoted(&base64url(&point))), "root");
        let text = chain.proof_text(proof());
        chain.part(text.as_bytes(), &by_identity_key()).token()
    };
    let mut no_point = [0; 32];
    no_point[0] = 2;
    vec![
        case("a subject key of order 1, which anybody can sign for", weak(IDENTITY), "weak_key"),
        case("a subject key of order 4", weak([0; 32]), "weak_key"),
        case("a subject key that is no canonical point", weak(IDENTITY_BEYOND_P), "weak_key"),
        case("a subject key that is no point", weak(no_point), "weak_key"),
        case("S + L for S", resigned(with_high_s(&signature(BLOCK_LABEL, bytes.as_bytes(), &key("planner")))), "bad_signature"),
        case("R of order 1", resigned(with_r(IDENTITY, "planner", bytes.as_bytes())), "bad_signature"),
        case("R that is no canonical point", resigned(with_r(IDENTITY_BEYOND_P, "planner", bytes.as_bytes())), "bad_signature"),
    ]
}

pub fn block_ids() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("block id", name, token, expect);
    let other = base64url(&Maker::root(block("planner").with("depth", "4"), "root").last);
    vec![
        case("a child that carries an id", with_child(child("worker").with("id", quoted(&other))), "bad_json"),
        case("a child under another block's id", with_child(child("worker").with("parent", quoted(&other))), "wrong_parent"),
        case(
            "a child under its root's id",
            {
                let root = base64url(&root_id(key("root").verifying_key().as_bytes()));
                with_child(child("worker").with("parent", quoted(&root)))
            },
            "wrong_parent",
        ),
    ]
}
