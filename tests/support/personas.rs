//! The corpus's personas and their tokens: operator → orchestrator → agent, sealed.

use ed25519_dalek::SigningKey;
use pgwarrant::token::grant::Grant;
use pgwarrant::token::{DelegatedGrants, Delegation, attenuate, key, mint, seal};
use rand::rngs::OsRng;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Name and grants of each persona in `tests/corpus/policy/personas.toml`.
pub fn personas() -> BTreeMap<String, Vec<Grant>> {
    let file = super::corpus_dir().join("policy/personas.toml");
    let text = std::fs::read_to_string(file).expect("the personas are in the repository");
    let table: toml::Table = toml::from_str(&text).expect("the personas are TOML");
    table.into_iter().map(|(name, persona)| (name, grants(&persona["grants"]))).collect()
}

fn grants(list: &toml::Value) -> Vec<Grant> {
    let texts = list.as_array().expect("grants are a list").iter().map(|grant| grant.as_str().expect("a grant is a text"));
    texts.map(|text| text.parse().expect(text)).collect()
}

/// The orchestrator may do what its agent may, without the LIMITs.
fn without_limits(grants: &[Grant]) -> Vec<Grant> {
    let mut wide = grants.to_vec();
    for grant in &mut wide {
        if let Grant::Relation(relation) = grant {
            relation.limit = None;
        }
    }
    wide
}

/// A sealed token two hops long, valid for `lifetime` seconds from now.
pub fn sealed_token(root: &SigningKey, audience: &str, agent: &str, grants: &[Grant], lifetime: i64) -> String {
    let (orchestrator, leaf) = (key::generate(&mut OsRng), key::generate(&mut OsRng));
    // A minute of grace for clocks that differ.
    let (not_before, expires) = (now() - 60, now() + lifetime);
    let delegation = |subject: &SigningKey, name: &str, depth_left, grants| Delegation {
        subject_key: subject.verifying_key(),
        subject_name: name.to_owned(),
        audience: audience.to_owned(),
        not_before,
        expires,
        depth_left,
        grants: DelegatedGrants::List(grants),
        statement_budget: None,
        row_budget: None,
        certificate: None,
    };
    let wide = delegation(&orchestrator, "orchestrator", 1, without_limits(grants));
    let chain = mint(root, &wide, &mut OsRng).expect("the operator delegates to the orchestrator");
    let narrow = delegation(&leaf, agent, 0, grants.to_vec());
    let chain = attenuate(&chain, &orchestrator, &narrow, &mut OsRng).expect("the orchestrator delegates to the agent");
    seal(&chain, &leaf, not_before, expires, &mut OsRng).expect("the agent's chain is sealed").to_string()
}

/// The private key that `pgwarrant init` wrote.
pub fn private_key(file: &Path) -> SigningKey {
    let text = std::fs::read_to_string(file).expect("the key file is there");
    key::private_from_pem(&text).expect("the key file holds a key")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    i64::try_from(since.as_secs()).expect("the clock is before the end of time")
}
