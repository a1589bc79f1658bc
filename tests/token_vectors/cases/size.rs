//! Limits, and what is cut on the way.

use super::super::maker::*;
use super::{Case, case};

pub fn size() -> Vec<Case> {
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

pub fn cut() -> Vec<Case> {
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
