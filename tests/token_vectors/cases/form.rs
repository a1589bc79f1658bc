//! Text that readers could disagree about.

use super::super::maker::*;
use super::{Case, case};

pub fn numbers() -> Vec<Case> {
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

pub fn json_syntax() -> Vec<Case> {
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

pub fn schema() -> Vec<Case> {
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

pub fn encoding() -> Vec<Case> {
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
