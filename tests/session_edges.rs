//! A session at its edges: cancel, full pools, lost connections, the proxy's end.

#[path = "session/raw.rs"]
mod raw;
mod support;

use bytes::BytesMut;
use pgwarrant::wire::request;
use raw::{Raw, Say};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Setting, Stage};

fn stage(config: &[(&str, &str)]) -> Stage {
    let config = config.iter().map(|(table, line)| ((*table).to_owned(), (*line).to_owned())).collect();
    Stage::start(Setting { config, ..Setting::default() }).expect("a stage")
}

fn analyst(stage: &Stage) -> Raw {
    Raw::connect(&stage.persona_url("analyst", 600).expect("a token"), &[])
}

const SKU: &str = "SELECT sku FROM products WHERE id = 1";

fn query(agent: &mut Raw, text: &'static str) -> String {
    agent.say(&[Say::Query(text)]);
    agent.outcome()
}

fn cancel(stage: &Stage, agent: &Raw, secret: Option<&[u8]>) {
    let key = agent.key.as_ref().expect("a key");
    let mut out = BytesMut::new();
    request::cancel_request(&mut out, key.process_id, secret.unwrap_or(&key.key)).expect("a key fits");
    let mut stream = TcpStream::connect(("127.0.0.1", stage.port)).expect("the proxy listens");
    stream.write_all(&out).expect("the proxy reads");
    // The proxy closes when the request was forwarded.
    let _ = stream.read(&mut [0; 1]);
}

/// Holds a table so that nobody can read it.
fn locked(stage: &Stage, table: &str) -> Raw {
    let mut owner = Raw::connect(&stage.cluster.admin_url("shop"), &[]);
    let text: &'static str = Box::leak(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE").into_boxed_str());
    owner.run(&[Say::Query("BEGIN"), Say::Query(text)]);
    owner
}

#[test]
fn a_cancel_request_reaches_the_statement_and_only_with_its_key() {
    let stage = stage(&[("upstream", "lock_timeout = \"30s\"")]);
    let mut agent = analyst(&stage);
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    let owner = locked(&stage, "products");
    for known in [SKU, "SELECT name FROM products WHERE id = 1"] {
        // The first is run, the second is still to be read.
        agent.say(&[Say::Query(known)]);
        std::thread::sleep(Duration::from_millis(300));
        cancel(&stage, &agent, Some(b"none"));
        std::thread::sleep(Duration::from_millis(300));
        let began = Instant::now();
        cancel(&stage, &agent, None);
        assert_eq!(agent.outcome(), "error 57014", "{known}: {}", stage.proxy_log());
        assert!(began.elapsed() < Duration::from_secs(3), "{known}");
    }
    drop(owner);
    // A late request hits nothing, and the session goes on.
    cancel(&stage, &agent, None);
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
}

#[test]
fn a_full_pool_is_a_clear_error_and_an_idle_block_fills_nothing() {
    let stage = stage(&[("upstream", "pool_size = 1\nwait_timeout = \"300ms\"")]);
    let (mut one, mut other) = (analyst(&stage), analyst(&stage));
    assert_eq!(one.run(&[Say::Query("BEGIN")]), ["complete BEGIN", "ready T"]);
    assert_eq!(query(&mut other, SKU), "row SKU-00001");
    assert_eq!(query(&mut one, SKU), "row SKU-00001");
    other.say(&[Say::Query(SKU)]);
    let refused = other.until_ready();
    assert_eq!(refused, ["error 53300", "ready I"]);
    assert_eq!(
        query(&mut one, "SELECT sku FROM products WHERE id = 2 AND name <> ''"),
        "row SKU-00002",
        "read beside a full pool"
    );
    assert_eq!(one.run(&[Say::Query("COMMIT")]), ["complete COMMIT", "ready I"]);
    assert_eq!(query(&mut other, SKU), "row SKU-00001");
}

#[test]
fn a_lost_connection_fails_the_block_and_the_session_goes_on() {
    let stage = stage(&[]);
    let mut agent = analyst(&stage);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pgwarrant_reader'";
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    stage.cluster.sql("shop", end).expect("the superuser may");
    assert_eq!(query(&mut agent, SKU), "row SKU-00001", "an idle connection that is gone is replaced: {}", stage.proxy_log());
    agent.run(&[Say::Query("BEGIN"), Say::Query(SKU)]);
    stage.cluster.sql("shop", end).expect("the superuser may");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(query(&mut agent, SKU), "upstream_unavailable", "{}", stage.proxy_log());
    assert_eq!(agent.run(&[Say::Query("SELECT 1")]), ["error 25P02", "ready E"]);
    assert_eq!(agent.run(&[Say::Query("COMMIT")]), ["complete ROLLBACK", "ready I"]);
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
}

#[test]
fn the_proxy_ends_idle_sessions_and_lets_a_block_finish() {
    let mut stage = stage(&[]);
    let (mut idle, mut busy) = (analyst(&stage), analyst(&stage));
    busy.run(&[Say::Query("BEGIN"), Say::Query(SKU)]);
    let ended = std::thread::spawn(move || {
        let began = Instant::now();
        stage.stop_proxy();
        began.elapsed()
    });
    assert_eq!(idle.outcome(), "error 57P01");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(query(&mut busy, SKU), "row SKU-00001");
    busy.say(&[Say::Query("COMMIT")]);
    assert_eq!(busy.until_ready(), ["complete COMMIT", "ready I"]);
    assert_eq!(busy.outcome(), "error 57P01");
    assert!(ended.join().expect("the proxy ends") < Duration::from_secs(10));
}

#[test]
fn a_protocol_violation_ends_its_own_session_only() {
    let stage = stage(&[]);
    let mut other = analyst(&stage);
    for bytes in [
        &b"Q\0\0\0\x03"[..],
        b"Q\xff\xff\xff\xff",
        b"Q\0\0\0\x06\xff\0",
        b"p\0\0\0\x05\0",
        b"\x16\x03\x01\0\0",
        b"P\0\0\0\x04",
        b"B\0\0\0\x05\0",
        b"D\0\0\0\x06X\0",
        b"E\0\0\0\x05\0",
    ] {
        let mut agent = analyst(&stage);
        agent.send_bytes(bytes);
        assert_eq!(agent.outcome(), "protocol", "{bytes:?}");
        assert!(agent.frame().is_none(), "{bytes:?}: the session is closed");
    }
    assert_eq!(query(&mut other, SKU), "row SKU-00001");
}

#[test]
fn a_token_that_is_not_valid_opens_nothing() {
    let stage = stage(&[]);
    let url = stage.persona_url("analyst", 600).expect("a token");
    let (start, rest) = url.split_once("pgw1.").expect("a token");
    let (token, host) = rest.rsplit_once('@').expect("a host");
    let whole = format!("pgw1.{token}");
    for password in ["x".to_owned(), whole[..whole.len() - 4].to_owned(), whole.replacen("e", "f", 1), whole.repeat(2)] {
        let refused = Raw::try_connect(&format!("{start}{password}@{host}"), &[]).err();
        assert_eq!(refused.as_deref(), Some("error 28000"), "{}", stage.proxy_log());
    }
    let expired = stage.persona_url("analyst", -10).expect("a token");
    assert!(Raw::try_connect(&expired, &[]).is_err());
    assert!(!stage.proxy_log().contains(&token[..40]), "the log never shows a token");
}

#[test]
fn a_token_that_expires_ends_its_session_at_the_next_statement() {
    let stage = stage(&[]);
    let mut agent = Raw::connect(&stage.persona_url("analyst", 2).expect("a token"), &[]);
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(query(&mut agent, SKU), "token_expired");
}
