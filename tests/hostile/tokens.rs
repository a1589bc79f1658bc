//! Passwords that are no token, not this token any more, or not a token for here.

use pgwarrant::token::grant::Grant;
use pgwarrant::token::{DelegatedGrants, Delegation, attenuate, key, mint, prove_live, seal};
use rand::rngs::OsRng;

use super::ground::{Case, Ground};
use super::raw::Raw;
use super::support::personas::{personas, private_key, sealed_token};
use super::support::stage::AUDIENCE;

pub const CASES: [Case; 23] = [
    ("a wrong password", |ground, _| refused(ground, "letmein", "not a pgwarrant token")),
    ("only the first word of a token", |ground, _| refused(ground, "pgw1.", "not a pgwarrant token")),
    ("a token that expired", |ground, agent| refused(ground, &token(ground, agent, AUDIENCE, -30), "expired")),
    ("a token of a time to come", |ground, _| {
        let later = chain(ground, now() + 300, now() + 600);
        refused(ground, &later, "not valid yet");
    }),
    ("a token for another audience", |ground, agent| refused(ground, &token(ground, agent, "other@sandbox", 600), "another")),
    ("a token cut short by a byte", |ground, agent| {
        let token = good(ground, agent);
        refused(ground, &token[..token.len() - 1], "");
    }),
    ("a token cut short anywhere", |ground, agent| {
        let token = good(ground, agent);
        for length in (1..token.len()).step_by(97) {
            refused(ground, &token[..length], "");
        }
    }),
    ("a token cut by a pooler", |ground, agent| {
        let grants: Vec<Grant> = personas().into_values().flatten().collect();
        let token = ground.stage.token(agent, &grants, 600);
        assert!(token.len() > 2047);
        refused(ground, &token[..2047], "cut on its way");
    }),
    ("a token without its proof", |ground, agent| {
        let token = good(ground, agent);
        let parts: Vec<&str> = token.split('.').collect();
        refused(ground, &parts[..5].join("."), "without a proof");
    }),
    ("a token cut to its parent", |ground, agent| {
        let token = good(ground, agent);
        let parts: Vec<&str> = token.split('.').collect();
        let [word, root, root_signature, .., proof, proof_signature] = parts[..] else { panic!("{token}") };
        refused(ground, &[word, root, root_signature, proof, proof_signature].join("."), "");
        refused(ground, &[word, root, root_signature].join("."), "without a proof");
    }),
    ("a token of the child alone", |ground, agent| {
        let token = good(ground, agent);
        let parts: Vec<&str> = token.split('.').collect();
        refused(ground, &[parts[0], parts[3], parts[4], parts[5], parts[6]].join("."), "");
    }),
    ("a proof of another token", |ground, agent| {
        let (one, other) = (good(ground, agent), good(ground, agent));
        let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
        refused(ground, &[&one[..5], &other[5..]].concat().join("."), "");
    }),
    ("two blocks of two chains", |ground, agent| {
        let (one, other) = (good(ground, agent), good(ground, agent));
        let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
        refused(ground, &[&one[..3], &other[3..]].concat().join("."), "");
    }),
    ("a token with one bit turned", |ground, agent| {
        let token = good(ground, agent);
        for place in (5..token.len()).step_by(131) {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(bytes).expect("ASCII");
            if other != token {
                refused(ground, &other, "");
            }
        }
    }),
    ("a token of another root", |ground, agent| {
        let root = key::generate(&mut OsRng);
        refused(ground, &sealed_token(&root, AUDIENCE, agent, &personas()["support"], 600), "not from an authority");
    }),
    ("a token that is wider than its parent", |ground, _| {
        let (middle, leaf) = (key::generate(&mut OsRng), key::generate(&mut OsRng));
        let root = root(ground);
        let narrow = ["SELECT (id) ON public.products".parse().expect("a grant")];
        let wide = ["SELECT (*) ON public.products".parse().expect("a grant")];
        let chain = mint(&root, &delegation(&middle, 1, &narrow), &mut OsRng).expect("a chain");
        // Our own tools refuse to make it, as every honest tool should.
        assert!(attenuate(&chain, &middle, &delegation(&leaf, 0, &wide), &mut OsRng).is_err());
    }),
    ("a live proof that is used twice", |ground, _| {
        let leaf = key::generate(&mut OsRng);
        let chain = mint(&root(ground), &delegation(&leaf, 0, &personas()["analyst"]), &mut OsRng).expect("a chain");
        let live = prove_live(&chain, &leaf, now(), &mut OsRng).expect("a proof").to_string();
        assert!(Raw::try_connect(&ground.stage.agent_url("agent", &live), &[]).is_ok());
        refused(ground, &live, "used before");
    }),
    ("a live proof that is late", |ground, _| {
        let leaf = key::generate(&mut OsRng);
        let chain = mint(&root(ground), &delegation(&leaf, 0, &personas()["analyst"]), &mut OsRng).expect("a chain");
        let live = prove_live(&chain, &leaf, now() - 600, &mut OsRng).expect("a proof").to_string();
        refused(ground, &live, "");
    }),
    ("a token of dots", |ground, _| refused(ground, &format!("pgw1{}", ".".repeat(5000)), "")),
    ("a token beyond the cap", |ground, _| refused(ground, &format!("pgw1.{}", "A".repeat(8300)), "")),
    ("a token with a space behind it", |ground, agent| refused(ground, &format!("{} ", good(ground, agent)), "")),
    ("a token that expires while its session is open", |ground, agent| {
        let token = token(ground, agent, AUDIENCE, 3);
        let mut session = Raw::connect(&ground.stage.agent_url("agent", &token), &[]);
        super::frames::honest(&mut session);
        std::thread::sleep(std::time::Duration::from_secs(4));
        let ended = super::ground::query(&mut session, super::ground::HONEST);
        assert_eq!((ended.reason(), ended.sqlstate(), ended.closed), ("token_expired", "28000", true), "{ended:?}");
        assert_eq!(ground.denials(agent), ["token_expired"]);
    }),
    ("a good token after all of this", |ground, agent| drop(ground.log_in(agent, "support"))),
];

/// Whoever shows this is told in clear words and in vain; the words must hold `because`.
fn refused(ground: &Ground, token: &str, because: &str) {
    let before = ground.refused();
    let url = ground.stage.agent_url("agent", "x");
    let mut config: tokio_postgres::Config = url.parse().expect("a connection string");
    config.password(token).ssl_mode(tokio_postgres::config::SslMode::Disable);
    let error = super::support::postgres::block_on(async { config.connect(tokio_postgres::NoTls).await.err() });
    let error = error.expect("no session");
    let told = error.as_db_error().unwrap_or_else(|| panic!("{error}"));
    assert_eq!(told.code().code(), "28000", "{told}");
    assert_eq!(told.constraint(), Some("token_invalid"));
    assert!(told.message().contains(because), "{told}");
    assert!(!token.contains('.') || !told.message().contains(token), "a token is never echoed: {told}");
    ground.counted(before);
}

fn good(ground: &Ground, agent: &str) -> String {
    token(ground, agent, AUDIENCE, 600)
}

fn token(ground: &Ground, agent: &str, audience: &str, lifetime: i64) -> String {
    sealed_token(&root(ground), audience, agent, &personas()["support"], lifetime)
}

fn root(ground: &Ground) -> ed25519_dalek::SigningKey {
    private_key(&ground.stage.home().join("keys/root.key"))
}

fn delegation(subject: &ed25519_dalek::SigningKey, depth_left: u8, grants: &[Grant]) -> Delegation {
    Delegation {
        subject_key: subject.verifying_key(),
        subject_name: "somebody".to_owned(),
        audience: AUDIENCE.to_owned(),
        not_before: now() - 3600,
        expires: now() + 3600,
        depth_left,
        grants: DelegatedGrants::List(grants.to_vec()),
        statement_budget: None,
        row_budget: None,
        certificate: None,
    }
}

fn chain(ground: &Ground, not_before: i64, expires: i64) -> String {
    let leaf = key::generate(&mut OsRng);
    let validity = Delegation { not_before, expires, ..delegation(&leaf, 0, &personas()["analyst"]) };
    let chain = mint(&root(ground), &validity, &mut OsRng).expect("a chain");
    seal(&chain, &leaf, not_before, expires, &mut OsRng).expect("a token").to_string()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the end of time")
}
