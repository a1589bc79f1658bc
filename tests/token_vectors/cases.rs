//! Every attack class that needs neither budgets nor revocations, and the tokens that must pass.

use super::forgery::{IDENTITY, IDENTITY_BEYOND_P, by_identity_key, with_high_s, with_r};
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
        root_forgery(),
        signature_stripping(),
        truncation(),
        splice(),
        proofs(),
        cross_protocol(),
        ed25519(),
        widening(),
        depth(),
        numbers(),
        names(),
        json_syntax(),
        schema(),
        encoding(),
        time(),
        audience(),
        binding(),
        size(),
        block_ids(),
        cut(),
        grants(),
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

fn root_forgery() -> Vec<Case> {
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

fn signature_stripping() -> Vec<Case> {
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

fn truncation() -> Vec<Case> {
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

fn splice() -> Vec<Case> {
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

fn proofs() -> Vec<Case> {
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

fn cross_protocol() -> Vec<Case> {
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

fn ed25519() -> Vec<Case> {
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

fn widening() -> Vec<Case> {
    let case = |name: &str, token: String| case("widening", name, token, "widened");
    let grant = |name: &str, grant: &str| case(name, with_child(child("worker").grants(&[CHILD_GRANT, grant])));
    let field = |name: &str, field: &str, raw: &str| case(name, with_child(child("worker").with(field, raw)));
    let budget = |name: &str, parent: &str, child_budget: &str| {
        let chain = Maker::root(block("planner").with("rows", parent), "root");
        case(name, chain.block(child("worker").with("rows", child_budget), "planner").proof(proof(), "worker"))
    };
    vec![
        grant("a grant added", "SELECT (*) ON public.products"),
        grant("another action", "UPDATE (name) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("a function added", "EXECUTE ON FUNCTION public.purge()"),
        grant("a function of other arguments", "EXECUTE ON FUNCTION public.order_total(bigint)"),
        grant("a column added", "SELECT (id, name, phone) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("every column", "SELECT (*) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("the predicate dropped", "SELECT (id) ON public.customers LIMIT 10"),
        grant("one condition of two dropped", "SELECT (*) ON public.orders WHERE tenant_id = 7"),
        grant("another value", "SELECT (id) ON public.customers WHERE tenant_id = 9 LIMIT 10"),
        grant("the value as a string", "SELECT (id) ON public.customers WHERE tenant_id = '7' LIMIT 10"),
        grant("an IN list enlarged", "SELECT (id) ON public.customers WHERE tenant_id IN (7, 8, 9) LIMIT 10"),
        grant("a range for an IN list", "SELECT (id) ON public.customers WHERE tenant_id BETWEEN 7 AND 8 LIMIT 10"),
        grant(
            "a range enlarged",
            "SELECT (*) ON public.orders WHERE tenant_id = 7 AND placed_on BETWEEN '2025-12-31' AND '2026-12-31'",
        ),
        grant("a range opened", "SELECT (*) ON public.orders WHERE tenant_id = 7 AND placed_on >= '2026-01-01'"),
        grant("a condition on another column", "SELECT (id) ON public.customers WHERE id = 7 LIMIT 10"),
        grant("the row limit raised", "SELECT (id) ON public.customers WHERE tenant_id = 7 LIMIT 101"),
        grant("the row limit dropped", "SELECT (id) ON public.customers WHERE tenant_id = 7"),
        field("the statement budget raised", "statements", "1001"),
        field("the statement budget dropped", "statements", "\"unlimited\""),
        budget("the row budget raised", "10", "11"),
        budget("the row budget dropped", "10", "\"unlimited\""),
        budget("a row budget where the parent has none left", "0", "1"),
        field("the expiry raised", "exp", &(NOW + 3601).to_string()),
        field("the beginning moved back", "nbf", &(NOW - 61).to_string()),
        field("the depth kept", "depth", "3"),
        field("the depth raised", "depth", "7"),
        field("the audience changed", "aud", "\"other@pgwarrant\""),
        case("in the grandchild only", {
            let last = child("helper")
                .with("depth", "1")
                .grants(&["SELECT (id, name, email) ON public.customers WHERE tenant_id = 7 LIMIT 10"]);
            two().block(last, "worker").proof(proof(), "helper")
        }),
    ]
}

fn depth() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("depth", name, token, expect);
    let chain = |first: &str, second: &str, third: &str| {
        let chain =
            Maker::root(block("planner").with("depth", first), "root").block(child("worker").with("depth", second), "planner");
        chain.block(child("helper").with("depth", third), "worker").proof(proof(), "helper")
    };
    vec![
        case("exactly as deep as allowed", chain("2", "1", "0"), "ok"),
        case("one block more than the root block allows", chain("1", "0", "0"), "depth_exceeded"),
        case(
            "no delegation allowed at all",
            {
                Maker::root(block("planner").with("depth", "0"), "root")
                    .block(child("worker").with("depth", "0"), "planner")
                    .proof(proof(), "worker")
            },
            "depth_exceeded",
        ),
        case("one block more than a child allows", chain("3", "0", "0"), "depth_exceeded"),
        case("a child that gives itself more depth than its parent", chain("2", "3", "2"), "widened"),
        case("a depth that no chain has", with_root(block("planner").with("depth", "8")), "bad_json"),
    ]
}

fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for raw in [
        "NaN",
        "Infinity",
        "1e3",
        "1E3",
        "1.0",
        "1.5",
        "-0",
        "+1",
        "01",
        "0x10",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551616",
        "\"5\"",
        "-1",
        "null",
        "true",
        "[1]",
        "{}",
    ] {
        for field in ["statements", "exp", "depth"] {
            let token = with_root(block("planner").with(field, raw));
            cases.push(case("numbers", &format!("{raw} for `{field}`"), token, "bad_json"));
        }
    }
    for raw in ["1.0", "1e0", "2", "\"1\"", "true"] {
        let token = with_root(block("planner").with("v", raw));
        cases.push(case("numbers", &format!("{raw} for `v`"), token, "bad_json"));
    }
    let largest = block("planner").with("exp", "9007199254740991").with("statements", "9007199254740991");
    cases.push(case("numbers", "2^53 - 1", with_root(largest), "ok"));
    cases
}

fn names() -> Vec<Case> {
    let child_of = |relation: &str| {
        with_child(child("worker").grants(&[&format!("SELECT (id) ON {relation} WHERE tenant_id = 7 LIMIT 10")]))
    };
    let case = |name: &str, relation: &str, expect| case("names", name, child_of(relation), expect);
    let of_64 = format!("public.{}", "c".repeat(64));
    let column = |name: &str, column: &str, expect| {
        let grant = format!("SELECT ({column}) ON public.customers WHERE tenant_id = 7 LIMIT 10");
        super::cases::case("names", name, with_child(child("worker").grants(&[&grant])), expect)
    };
    let accented = |parent: &str, of_child: &str| {
        let grant = |name: &str| format!("SELECT (*) ON public.\"{name}\"");
        let chain = Maker::root(block("planner").grants(&[&grant(parent)]), "root");
        chain.block(child("worker").grants(&[&grant(of_child)]), "planner").proof(proof(), "worker")
    };
    let of_63 = "c".repeat(63);
    vec![
        case("the same in upper case, which folds", "PUBLIC.Customers", "ok"),
        case("the same in quotes", "\"public\".\"customers\"", "ok"),
        case("a longer name", "public.customers_evil", "widened"),
        case("a shorter name", "public.customer", "widened"),
        case("a glob", "public.customers*", "bad_grant"),
        case("every table", "public.*", "bad_grant"),
        case("a glob in quotes is a name", "public.\"customers*\"", "widened"),
        case("a path", "public.a/../customers", "bad_grant"),
        case("a path in quotes is a name", "public.\"a/../customers\"", "widened"),
        case("quoted upper case is another name", "public.\"Customers\"", "widened"),
        case("quoted upper case is another schema", "\"Public\".customers", "widened"),
        case("a space after the name", "public.\"customers \"", "widened"),
        case("a NUL in the name", "public.\"customers\0\"", "bad_grant"),
        case("a NUL after the name", "public.customers\0", "bad_grant"),
        case("a Cyrillic letter", "public.custom\u{435}rs", "bad_grant"),
        case("a Cyrillic letter in quotes is another name", "public.\"custom\u{435}rs\"", "widened"),
        case("the Kelvin sign does not fold", "public.\u{212a}ey", "bad_grant"),
        case("a zero-width space", "public.\"customers\u{200b}\"", "widened"),
        case("another schema", "archive.customers", "widened"),
        case("without a schema", "customers", "bad_grant"),
        case("with a database", "shop.public.customers", "bad_grant"),
        case("an empty name", "public.\"\"", "bad_grant"),
        case("a name of 64 bytes, which Postgres would cut", &of_64, "bad_grant"),
        column("a name of 63 bytes is whole", &of_63, "widened"),
        column("a column in quoted upper case is another column", "\"ID\"", "widened"),
        column("a column of another table", "customers.id", "bad_grant"),
        super::cases::case("names", "the same bytes beyond ASCII", accented("caf\u{e9}", "caf\u{e9}"), "ok"),
        super::cases::case("names", "NFD for NFC", accented("caf\u{e9}", "cafe\u{301}"), "widened"),
        super::cases::case("names", "upper case beyond ASCII", accented("caf\u{e9}", "caf\u{c9}"), "widened"),
    ]
}

fn json_syntax() -> Vec<Case> {
    let raw = |name: &str, bytes: &[u8]| {
        let id = root_id(key("root").verifying_key().as_bytes());
        let chain = Maker { segments: Vec::new(), last: id }.raw_block(bytes, &key("root"));
        case("JSON", name, chain.proof(proof(), "planner"), "bad_json")
    };
    let root = quoted(&base64url(&root_id(key("root").verifying_key().as_bytes())));
    let whole = block("planner").with("root", root);
    let text = whole.text();
    let depth_of_100_000 = format!("{}\"grants\":{}", &text[..1], "[".repeat(4000));
    let array: Vec<String> = [1, 2, 3].map(|number| number.to_string()).to_vec();
    vec![
        raw("a key twice, the same value", whole.clone().also("\"depth\"", "3").text().as_bytes()),
        raw("a key twice, another value", whole.clone().also("\"exp\"", "9007199254740991").text().as_bytes()),
        raw("a key twice, once as an escape", whole.clone().also("\"\\u0065xp\"", "9007199254740991").text().as_bytes()),
        raw("an array for the object", format!("[{}]", array.join(",")).as_bytes()),
        raw("an array around the object", format!("[{text}]").as_bytes()),
        raw("a string for the object", quoted(&text).as_bytes()),
        raw("null for the object", b"null"),
        raw("trailing bytes", format!("{text}x").as_bytes()),
        raw("a second object", format!("{text}{text}").as_bytes()),
        raw("a trailing NUL", format!("{text}\0").as_bytes()),
        raw("a byte order mark", format!("\u{feff}{text}").as_bytes()),
        raw("UTF-16", &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        raw("a lone high surrogate", whole.clone().with("sub", "\"\\ud800\"").text().as_bytes()),
        raw("a lone low surrogate", whole.clone().with("sub", "\"\\udc00\"").text().as_bytes()),
        raw("surrogates the wrong way round", whole.clone().with("sub", "\"\\udc00\\ud800\"").text().as_bytes()),
        raw(
            "a lone surrogate in a grant",
            whole.clone().with("grants", "[\"SELECT (*) ON public.\\\"\\ud800\\\"\"]").text().as_bytes(),
        ),
        raw("a comment", format!("{{/* x */{}", &text[1..]).as_bytes()),
        raw("a comment of a line", format!("{text}// x").as_bytes()),
        raw("a trailing comma", format!("{},}}", &text[..text.len() - 1]).as_bytes()),
        raw("single quotes", text.replace('"', "'").as_bytes()),
        raw("a bare key", whole.clone().without("v").also("v", "1").text().as_bytes()),
        raw("a line break in a string", whole.clone().with("sub", "\"pla\nnner\"").text().as_bytes()),
        raw("deep nesting", whole.clone().with("grants", format!("{}{}", "[".repeat(60), "]".repeat(60))).text().as_bytes()),
        raw("very deep nesting that never ends", depth_of_100_000.as_bytes()),
        raw("bytes that are no UTF-8", &[b"{\"v\":1,\"sub\":\"\xff\xfe\",", &text.as_bytes()[7..]].concat()),
        raw("overlong UTF-8", &[b"{\"v\":1,\"sub\":\"\xc0\x80\",", &text.as_bytes()[7..]].concat()),
        raw("a surrogate in UTF-8", &[b"{\"v\":1,\"sub\":\"\xed\xa0\x80\",", &text.as_bytes()[7..]].concat()),
    ]
}

fn schema() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("schema", name, token, expect);
    let mut cases = Vec::new();
    for field in ["v", "nonce", "key", "sub", "aud", "nbf", "exp", "depth", "grants", "statements", "rows"] {
        cases.push(case(&format!("without `{field}`"), with_child(child("worker").without(field)), "bad_json"));
    }
    let field = |name: &str, field: &str, raw: &str| case(name, with_child(child("worker").with(field, raw)), "bad_json");
    cases.extend([
        field("an unknown key", "extra", "1"),
        field("a key of another case", "EXP", "1"),
        field("an issuer", "iss", "\"root\""),
        field("a child that names a root", "root", "\"AAAA\""),
        field("a nonce of 15 bytes", "nonce", &quoted(&base64url(&[0; 15]))),
        field("a key of 33 bytes", "key", &quoted(&base64url(&[0; 33]))),
        field("a key in the standard alphabet", "key", &quoted(&"+".repeat(43))),
        field("an empty name", "sub", "\"\""),
        field("a name of 64 bytes", "sub", &quoted(&"a".repeat(64))),
        field("a name with a line break", "sub", "\"a\\nb\""),
        field("a name that would leave a quoted string", "sub", "\"a'b\""),
        field("a name beyond ASCII", "sub", "\"w\u{f6}rker\""),
        field("an empty audience", "aud", "\"\""),
        field("an audience with a space", "aud", "\"shop @pgwarrant\""),
        field("two audiences", "aud", "[\"shop@pgwarrant\",\"other@pgwarrant\"]"),
        field("an unlimited budget in another spelling", "rows", "\"Unlimited\""),
        field("a certificate that is null", "cnf", "null"),
        field("a certificate by another method", "cnf", "{\"jkt\":\"AAAA\"}"),
        field(
            "a certificate with a key more",
            "cnf",
            &format!("{{\"x5t#S256\":{},\"jkt\":\"AAAA\"}}", quoted(&base64url(&[1; 32]))),
        ),
        case(
            "a root block that names a parent",
            with_root(block("planner").with("parent", quoted(&base64url(&[0; 32])))),
            "bad_json",
        ),
    ]);
    cases
}

fn encoding() -> Vec<Case> {
    let changed = |name: &str, change: &dyn Fn(&mut Vec<String>), expect| {
        let mut segments: Vec<String> = valid().split('.').map(str::to_owned).collect();
        change(&mut segments);
        case("encoding", name, segments.join("."), expect)
    };
    let case = |name: &str, token: String, expect| case("encoding", name, token, expect);
    vec![
        changed("padding", &|segments| segments[2].push_str("=="), "malformed"),
        changed("stray bits in the last character of a signature", &|segments| stray_bits(&mut segments[2]), "malformed"),
        changed(
            "stray bits in the last character of a block",
            &|segments| {
                // So many bytes that the last character has bits to spare.
                let fits = |draft: &Draft| !draft.text().len().is_multiple_of(3);
                let padded = (0..3).map(|spaces| block("planner").padded(spaces)).find(fits).unwrap();
                segments[1] = base64url(padded.text().as_bytes());
                stray_bits(&mut segments[1]);
            },
            "malformed",
        ),
        changed("the standard alphabet", &|segments| segments[2] = standard_alphabet(&segments[2]), "malformed"),
        changed("a space after a segment", &|segments| segments[1].push(' '), "malformed"),
        changed("a line break in a segment", &|segments| segments[1].insert(40, '\n'), "malformed"),
        changed("percent-encoding", &|segments| segments[1].push_str("%3D"), "malformed"),
        changed("letters beyond ASCII", &|segments| segments[1].push('\u{e9}'), "malformed"),
        changed("a NUL", &|segments| segments[1].push('\0'), "malformed"),
        changed("an empty block", &|segments| segments[1].clear(), "malformed"),
        changed("an empty segment more", &|segments| segments.insert(3, String::new()), "malformed"),
        changed("a missing segment", &|segments| drop(segments.remove(3)), "malformed"),
        changed("an extra segment", &|segments| segments.push("AAAA".into()), "malformed"),
        changed("two empty segments more", &|segments| segments.extend([String::new(), String::new()]), "malformed"),
        case("a dot at the end", format!("{}.", valid()), "malformed"),
        case("a line break at the end", format!("{}\n", valid()), "malformed"),
        case("a space at the start", format!(" {}", valid()), "malformed"),
        case("the prefix in upper case", valid().replacen("pgw1", "PGW1", 1), "malformed"),
        case("another version", valid().replacen("pgw1", "pgw2", 1), "malformed"),
        case("another separator", valid().replace('.', ":"), "malformed"),
        case("a password", "correct horse battery staple".into(), "malformed"),
        case("a JSON Web Token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZ2VudCJ9.".into(), "malformed"),
    ]
}

/// Sets the lowest bit of the last character, which decodes to nothing.
fn stray_bits(segment: &mut String) {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = segment.pop().unwrap();
    let index = ALPHABET.find(last).unwrap();
    assert_eq!(index & 1, 0, "the last character has no bits to spare");
    segment.push(char::from(ALPHABET.as_bytes()[index | 1]));
}

fn standard_alphabet(segment: &str) -> String {
    assert!(segment.contains(['-', '_']));
    segment.replace('-', "+").replace('_', "/")
}

fn time() -> Vec<Case> {
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
        super::cases::case(
            "time",
            "a child that expires after its parent",
            with_child(child("worker").with("exp", (NOW + 7200).to_string())),
            "widened",
        ),
        super::cases::case(
            "time",
            "a child that has expired while its parent has not",
            with_child(child("worker").with("exp", NOW.to_string())),
            "expired",
        ),
        super::cases::case(
            "time",
            "a parent that has expired under a child that says otherwise",
            {
                let parent = block("planner").with("exp", NOW.to_string());
                Maker::root(parent, "root").block(child("worker"), "planner").proof(proof(), "worker")
            },
            "widened",
        ),
        super::cases::case(
            "time",
            "an end before its beginning",
            with_root(block("planner").with("nbf", (NOW + 10).to_string()).with("exp", (NOW - 10).to_string())),
            "expired",
        ),
        super::cases::case("time", "the end of time", valid(), "expired")
            .context("now", json!(i64::MAX))
            .context("skew", json!(30)),
        super::cases::case("time", "the beginning of time", valid(), "root_retired")
            .context("now", json!(i64::MIN))
            .context("skew", json!(30)),
    ]
}

fn audience() -> Vec<Case> {
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

fn binding() -> Vec<Case> {
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

fn size() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("size", name, token, expect);
    let listed = |count: usize| block("planner").grants(&vec!["SELECT (*) ON s.t"; count]);
    let split = |parents: usize, children: usize| {
        let grants = |count: usize| vec!["SELECT (*) ON s.t"; count];
        let chain = Maker::root(block("planner").grants(&grants(parents)), "root");
        chain.block(child("worker").grants(&grants(children)), "planner").proof(proof(), "worker")
    };
    let nine = (1..9).fold(Maker::root(block("0").with("depth", "7"), "root"), |chain, index| {
        chain.block(block(&index.to_string()).with("depth", "0").with("grants", quoted("parent")), &(index - 1).to_string())
    });
    let forged = |token: String| {
        let (front, _) = token.rsplit_once('.').unwrap();
        format!("{front}.{}", base64url(&[0; 64]))
    };
    vec![
        case("8192 bytes", of_length(8192), "ok"),
        case("8193 bytes", of_length(8193), "too_large"),
        case("8193 bytes, refused before a signature is looked at", forged(of_length(8193)), "too_large"),
        case("9 blocks", nine.clone().proof(proof(), "8"), "too_large"),
        case("9 blocks, refused before a signature is looked at", forged(nine.proof(proof(), "8")), "too_large"),
        case("64 grants", with_root(listed(64)), "ok"),
        case("64 grants in two blocks", split(32, 32), "ok"),
        case("65 grants", with_root(listed(65)), "too_large"),
        case("65 grants in two blocks", split(33, 32), "too_large"),
        case("65 grants, refused before a signature is looked at", forged(with_root(listed(65))), "too_large"),
        case("10,000 grants in one block", with_root(block("planner").grants(&[""; 10_000])), "too_large"),
    ]
}

/// A valid token of exactly so many bytes, by spaces in its two blocks: base64url has no lengths of 1 modulo 4.
fn of_length(length: usize) -> String {
    (0..4).find_map(|spaces| of_length_with(length, spaces)).unwrap_or_else(|| panic!("no token has {length} bytes"))
}

fn of_length_with(length: usize, spaces: usize) -> Option<String> {
    let draft = |padding| child("worker").padded(padding);
    let token = |padding| {
        let chain = Maker::root(block("planner").grants(&[CHILD_GRANT]).padded(spaces), "root");
        chain.block(draft(padding), "planner").proof(proof(), "worker")
    };
    let room = length.saturating_sub(token(0).len()) * 3 / 4;
    (room.saturating_sub(2)..room + 3).map(token).find(|token| token.len() == length)
}

fn block_ids() -> Vec<Case> {
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

fn cut() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("cut on the way", name, token, expect);
    let mut cases = Vec::new();
    for length in [1023, 2047, 4095] {
        let whole = of_length(length.max(2000) + 300);
        cases.push(case(&format!("{length} bytes of a longer token"), whole[..length].to_owned(), "token_cut"));
        // No valid chain of two blocks is so short.
        if length == 1023 {
            continue;
        }
        let forged = of_length(length);
        let (front, _) = forged.rsplit_once('.').unwrap();
        let forged = format!("{front}.{}", base64url(&[0; 64]));
        cases.push(case(&format!("a whole token of {length} bytes"), of_length(length), "ok"));
        cases.push(case(&format!("a whole token of {length} bytes with a wrong signature"), forged, "bad_signature"));
    }
    let whole = of_length(2500);
    cases.push(case("2046 bytes of a longer token, where nothing known cuts", whole[..2046].to_owned(), "malformed"));
    // The cut falls on the end of a signature: what is left looks like a chain without a proof.
    let at_a_signature = of_length(2047 + proof_length());
    let chain = at_a_signature.rsplitn(3, '.').last().unwrap();
    assert_eq!(chain.len(), 2047);
    cases.push(case("2047 bytes, which end with the last block", chain.to_owned(), "token_cut"));
    cases
}

/// The proof, its signature and two dots.
fn proof_length() -> usize {
    valid().rsplitn(3, '.').take(2).map(|segment| segment.len() + 1).sum()
}

fn grants() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("grants", name, token, expect);
    let root_grants = |raw: &str| with_root(block("planner").with("grants", raw));
    let grant = |grant: &str| with_root(block("planner").grants(&[grant]));
    let together = child("worker").grants(&["SELECT (a, b) ON public.t WHERE x = 1"]);
    let halves = block("planner").grants(&["SELECT (a) ON public.t WHERE x = 1", "SELECT (b) ON public.t WHERE x = 1"]);
    let ranges =
        block("planner").grants(&["SELECT (a) ON public.t WHERE x IN (1, 2)", "SELECT (a) ON public.t WHERE x IN (3, 4)"]);
    let both = child("worker").grants(&["SELECT (a) ON public.t WHERE x IN (2, 3)"]);
    let under = |parent: Draft, child: Draft| Maker::root(parent, "root").block(child, "planner").proof(proof(), "worker");
    vec![
        case("\"parent\" in block 0", root_grants("\"parent\""), "bad_json"),
        case("an empty list", root_grants("[]"), "bad_json"),
        case("an empty list in a child", with_child(child("worker").with("grants", "[]")), "bad_json"),
        case("\"parent\" inside a list", with_child(child("worker").with("grants", "[\"parent\"]")), "bad_grant"),
        case("\"PARENT\"", with_child(child("worker").with("grants", "\"PARENT\"")), "bad_json"),
        case("\"all\"", root_grants("\"all\""), "bad_json"),
        case("\"*\"", root_grants("[\"*\"]"), "bad_grant"),
        case("null", root_grants("null"), "bad_json"),
        case("an object", root_grants("{}"), "bad_json"),
        case("a number in the list", root_grants("[1]"), "bad_json"),
        case("a list in the list", root_grants("[[\"SELECT (*) ON s.t\"]]"), "bad_json"),
        case("an empty grant", grant(""), "bad_grant"),
        case("an empty column list", grant("SELECT () ON public.t"), "bad_grant"),
        case("`*` beside names", grant("SELECT (*, a) ON public.t"), "bad_grant"),
        case("names beside `*`", grant("SELECT (a, *) ON public.t"), "bad_grant"),
        case("a column twice", grant("SELECT (a, a) ON public.t"), "bad_grant"),
        case("no column list", grant("SELECT ON public.t"), "bad_grant"),
        case("ALL", grant("ALL ON public.t"), "bad_grant"),
        case("OR", grant("SELECT (a) ON public.t WHERE x = 1 OR TRUE"), "bad_grant"),
        case("a pattern", grant("SELECT (a) ON public.t WHERE x LIKE '%'"), "bad_grant"),
        case("a float", grant("SELECT (a) ON public.t WHERE x = 1.0"), "bad_grant"),
        case("an exponent", grant("SELECT (a) ON public.t WHERE x = 1e3"), "bad_grant"),
        case("-0", grant("SELECT (a) ON public.t WHERE x = -0"), "bad_grant"),
        case("a leading zero", grant("SELECT (a) ON public.t WHERE x = 007"), "bad_grant"),
        case("2^63", grant("SELECT (a) ON public.t WHERE x = 9223372036854775808"), "bad_grant"),
        case("-2^63", grant("SELECT (a) ON public.t WHERE x = -9223372036854775808"), "ok"),
        case("an empty IN list", grant("SELECT (a) ON public.t WHERE x IN ()"), "bad_grant"),
        case("LIMIT 0", grant("SELECT (a) ON public.t LIMIT 0"), "bad_grant"),
        case("LIMIT NULL", grant("SELECT (a) ON public.t LIMIT NULL"), "bad_grant"),
        case("LIMIT -1", grant("SELECT (a) ON public.t LIMIT -1"), "bad_grant"),
        case("two statements", grant("SELECT (a) ON public.t; SELECT (*) ON public.u"), "bad_grant"),
        case("a comment", grant("SELECT (a) ON public.t -- WHERE x = 1"), "bad_grant"),
        case("a function call", grant("SELECT (a) ON public.t WHERE x = now()"), "bad_grant"),
        case("two grants that cover the columns only together", under(halves, together), "widened"),
        case("two grants that cover the values only together", under(ranges, both), "widened"),
        case(
            "a grant beyond its parent's under a grandparent that has it",
            {
                let last = child("helper").with("depth", "1").grants(&["EXECUTE ON FUNCTION public.order_total(integer)"]);
                two().block(last, "worker").proof(proof(), "helper")
            },
            "widened",
        ),
    ]
}
