//! Every attack class that needs neither budgets nor revocations, and the tokens that must pass.

mod context;
mod form;
mod narrowing;
mod signatures;
mod size;

use super::maker::*;
use serde_json::{Value, json};

pub struct Case {
    pub name: String,
    class: &'static str,
    token: String,
    context: Value,
    expect: &'static str,
}

impl Case {
    pub fn to_json(&self) -> Value {
        json!({"name": self.name, "class": self.class, "token": self.token, "context": self.context, "expect": self.expect})
    }

    fn context(mut self, field: &str, value: Value) -> Case {
        self.context[field] = value;
        self
    }
}

fn case(class: &'static str, name: &str, token: impl Into<String>, expect: &'static str) -> Case {
    let root = |name: &str, not_after: Option<i64>| json!({"public": base64url(key(name).verifying_key().as_bytes()), "not_before": 0, "not_after": not_after});
    let context = json!({
        "roots": [root("root", None), root("other root", None), root("retired root", Some(NOW))],
        "audience": AUDIENCE,
        "now": NOW,
        "skew": 0,
        "certificate": null,
        // Whether the live proof was seen before.
        "seen": false,
    });
    Case { name: name.to_owned(), class, token: token.into(), context, expect }
}

pub fn all() -> Vec<Case> {
    [
        accepted(),
        signatures::root_forgery(),
        signatures::signature_stripping(),
        signatures::truncation(),
        signatures::splice(),
        signatures::proofs(),
        signatures::cross_protocol(),
        signatures::ed25519(),
        narrowing::widening(),
        narrowing::depth(),
        form::numbers(),
        narrowing::names(),
        form::json_syntax(),
        form::schema(),
        form::encoding(),
        context::time(),
        context::audience(),
        context::binding(),
        size::size(),
        signatures::block_ids(),
        size::cut(),
        narrowing::grants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn accepted() -> Vec<Case> {
    let case = |name: &str, token: String| case("valid", name, token, "ok");
    let eight = (1..8).fold(Maker::root(block("0").with("depth", "7"), "root"), |chain, index| {
        let draft = block(&index.to_string()).with("depth", (7 - index).to_string()).with("grants", quoted("parent"));
        chain.block(draft, &(index - 1).to_string())
    });
    let narrower = child("worker").grants(&[
        "SELECT (name) ON public.customers WHERE tenant_id IN (8, 7) AND id BETWEEN 1 AND 9 LIMIT 100",
        "SELECT (*) ON public.orders WHERE placed_on >= '2026-02-01' AND placed_on < '2026-03-01' AND tenant_id = 7",
        "execute on function \"public\".ORDER_TOTAL(int4)",
    ]);
    vec![
        case("one block, sealed", with_root(block("planner"))),
        case("two blocks, sealed", valid()),
        case("two blocks, live", with_proof(live())),
        case("eight blocks that pass on all they have", eight.proof(proof(), "7")),
        case("a child narrower in every way", with_child(narrower)),
        case("a child with budgets below its parent's", with_child(child("worker").with("statements", "0").with("rows", "5"))),
        case("JSON with spaces, escapes and another order of keys", {
            let spaced = child("worker").without("v").with("v", " 1 ").with("sub", "\"\\u0077orker\"");
            with_child(spaced.padded(9))
        }),
        case("a root that is valid only for a while, in that while", with_root(block("planner"))).context(
            "roots",
            json!([{"public": base64url(key("root").verifying_key().as_bytes()), "not_before": NOW, "not_after": NOW + 1}]),
        ),
    ]
}
