//! Where and when a token is good.

use super::super::maker::*;
use super::{Case, case};
use serde_json::json;

pub fn time() -> Vec<Case> {
    let case = |name: &str, now: i64, skew: i64, expect| {
        // The block's times alone: the proof is valid from the block's beginning to its end.
        let draft = || block("planner").with("nbf", NOW.to_string()).with("exp", (NOW + 100).to_string());
        let token = Maker::root(draft(), "root")
            .proof(proof().with("nbf", (NOW - 100).to_string()).with("exp", (NOW + 100).to_string()), "planner");
        case("time", name, token, expect).context("now", json!(now)).context("skew", json!(skew))
    };
    vec![
        case("at its beginning", NOW, 0, "ok"),
        case("a second before its beginning", NOW - 1, 0, "not_yet_valid"),
        case("before its beginning, within the skew", NOW - 30, 30, "ok"),
        case("before its beginning, a second beyond the skew", NOW - 31, 30, "not_yet_valid"),
        case("a second before its end", NOW + 99, 0, "ok"),
        case("at its end", NOW + 100, 0, "expired"),
        case("after its end, within the skew", NOW + 129, 30, "ok"),
        case("after its end, at the end of the skew", NOW + 130, 30, "expired"),
        super::case(
            "time",
            "a child that expires after its parent",
            with_child(child("worker").with("exp", (NOW + 7200).to_string())),
            "widened",
        ),
        super::case(
            "time",
            "a child that has expired while its parent has not",
            with_child(child("worker").with("exp", NOW.to_string())),
            "expired",
        ),
        super::case(
            "time",
            "a parent that has expired under a child that says otherwise",
            {
                let parent = block("planner").with("exp", NOW.to_string());
                Maker::root(parent, "root").block(child("worker"), "planner").proof(proof(), "worker")
            },
            "widened",
        ),
        super::case(
            "time",
            "an end before its beginning",
            with_root(block("planner").with("nbf", (NOW + 10).to_string()).with("exp", (NOW - 10).to_string())),
            "expired",
        ),
        super::case("time", "the end of time", valid(), "expired").context("now", json!(i64::MAX)).context("skew", json!(30)),
        super::case("time", "the beginning of time", valid(), "root_retired")
            .context("now", json!(i64::MIN))
            .context("skew", json!(30)),
    ]
}

pub fn audience() -> Vec<Case> {
    let case =
        |name: &str, audience: &str| case("audience", name, valid(), "wrong_audience").context("audience", json!(audience));
    vec![
        case("another database", "crm@pgwarrant"),
        case("another pgwarrant", "shop@pgwarrant2"),
        case("another case", "Shop@pgwarrant"),
        case("a longer name", "shop@pgwarrant.example"),
        case("a shorter name", "shop@pgwarran"),
        case("no name", ""),
    ]
}

pub fn binding() -> Vec<Case> {
    let case = |name: &str, token: String, certificate: Option<[u8; 32]>, expect| {
        case("binding", name, token, expect).context("certificate", json!(certificate.map(|hash| base64url(&hash))))
    };
    let cnf = |hash: [u8; 32]| format!("{{\"x5t#S256\":{}}}", quoted(&base64url(&hash)));
    let bound = |child: Draft| {
        Maker::root(block("planner").with("cnf", cnf([1; 32])), "root").block(child, "planner").proof(proof(), "worker")
    };
    let same = || child("worker").with("cnf", cnf([1; 32]));
    let only_child = || with_child(child("worker").with("cnf", cnf([2; 32])));
    vec![
        case("the certificate that the token is bound to", bound(same()), Some([1; 32]), "ok"),
        case("another certificate", bound(same()), Some([2; 32]), "binding"),
        case("no TLS or no certificate", bound(same()), None, "binding"),
        case("a child without its parent's binding", bound(child("worker")), Some([1; 32]), "widened"),
        case("a child bound to another certificate", bound(child("worker").with("cnf", cnf([2; 32]))), Some([2; 32]), "widened"),
        case("a child that binds itself", only_child(), Some([2; 32]), "ok"),
        case("a child that binds itself, without a certificate", only_child(), None, "binding"),
        case("a certificate that nobody asked for", valid(), Some([1; 32]), "ok"),
    ]
}
