//! What can happen while a large result is on its way.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pgwarrant::ledger::Entry;
use pgwarrant::wire::backend::tag;
use pgwarrant::wire::request;

use super::ground::{self, Ground, digest, query};
use super::raw::{self, Raw, Say};
use super::{ALL, SKU, one_large};

const MIB: u64 = 1 << 20;
/// Rows of 128 KiB, 64 MiB together: more than sockets hold.
const WIDE: u32 = 4_000;

fn wide(limits: &str, config: &[(&str, &str)]) -> Ground {
    Ground::with(MIB, limits, config, WIDE)
}

/// The next rows, as received.
fn rows(session: &mut Raw, count: usize) -> Vec<Bytes> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let frame = session.frame().expect("a message");
        if frame.tag == tag::DATA_ROW {
            rows.push(frame.raw);
        }
    }
    rows
}

/// The rest of the rows, and the error behind them: its reason, else its SQLSTATE.
fn to_the_error(session: &mut Raw, rows: &mut Vec<Bytes>) -> String {
    let (mut error, mut ready) = (None, false);
    while !ready && let Some(frame) = session.frame() {
        match frame.tag {
            tag::DATA_ROW => rows.push(frame.raw),
            tag::ERROR_RESPONSE => {
                let reason = raw::report(&frame.body(), b'n');
                error = Some(if reason.is_empty() { raw::report(&frame.body(), b'C') } else { reason });
            }
            tag::READY_FOR_QUERY => ready = true,
            _ => {}
        }
    }
    error.unwrap_or_else(|| "no error".to_owned())
}

/// Every row that was received is covered by a chunk, whose digest is that of what was received.
fn covered(chunks: &[Entry], rows: &[Bytes]) {
    let rows: Vec<&[u8]> = rows.iter().map(|row| &row[..]).collect();
    let most = chunks.last().and_then(|chunk| chunk.rows).unwrap_or(0);
    assert!(rows.len() as u64 <= most, "{} rows received, {most} on record", rows.len());
    for chunk in chunks.iter().filter(|chunk| chunk.rows.unwrap() <= rows.len() as u64) {
        assert_eq!(chunk.result_digest, Some(digest(&rows[..chunk.rows.unwrap() as usize])));
    }
}

/// The large result's outcome, once there is one.
fn outcome(ground: &Ground) -> (Vec<Entry>, Entry) {
    ground
        .wait("an outcome", || ground.entries().iter().any(|e| e.chunk.is_some() && e.kind == pgwarrant::ledger::Kind::Outcome));
    one_large(&ground.entries())
}

/// Statements that the server runs for agents.
fn busy(ground: &Ground) -> i64 {
    ground.admin("SELECT count(*) FROM pg_stat_activity WHERE usename ~ 'pgwarrant' AND query ~ 'products' AND state = 'active'")
}

fn metric(ground: &Ground, name: &str) -> f64 {
    let mut stream = TcpStream::connect(("127.0.0.1", ground.stage.metrics_port)).expect("metrics");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.trim().parse().expect("a number"))
}

#[test]
fn a_cancel_request_ends_it_in_the_middle() {
    let ground = wide("", &[]);
    let mut agent = ground.analyst();
    agent.say(&[Say::Query(ALL)]);
    let mut received = rows(&mut agent, 20);
    let key = agent.key.as_ref().expect("a key");
    let mut out = BytesMut::new();
    request::cancel_request(&mut out, key.process_id, &key.key).expect("a key fits");
    let mut stream = TcpStream::connect(("127.0.0.1", ground.stage.port)).expect("the proxy listens");
    stream.write_all(&out).expect("the proxy reads");
    let _ = stream.read(&mut [0; 1]);
    assert_eq!(to_the_error(&mut agent, &mut received), "57014");
    assert!(received.len() < 500);
    let (chunks, outcome) = outcome(&ground);
    covered(&chunks, &received);
    assert_eq!((outcome.sqlstate.as_deref(), outcome.rows), (Some("57014"), Some(received.len() as u64)));
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    ground.verify();
}

#[test]
fn a_client_that_stops_reading_costs_a_bounded_buffer_and_nobody_elses_turn() {
    let ground = wide("stall_timeout = \"2s\"\nhold_total = \"8MiB\"", &[("upstream", "pool_size = 2")]);
    let (mut stalled, mut other) = (ground.analyst(), ground.analyst());
    assert_eq!(query(&mut other, SKU), "row SKU-00001");
    let whole = |session: &mut Raw| {
        session.say(&[Say::Query(ALL)]);
        assert_eq!(rows(session, 500).len(), 500);
        session.until_ready();
        ground.memory()
    };
    // The first one warms the allocator up.
    let (_, first, before) = (whole(&mut stalled), whole(&mut stalled), whole(&mut stalled));
    let grown = before.saturating_sub(first);
    assert!(grown < 8 * MIB, "memory grew by {} KiB for 64 MiB", grown / 1024);
    let already = ground.entries().len();
    stalled.say(&[Say::Query(ALL)]);
    ground.wait("the first chunk", || ground.entries().len() > already);
    let began = Instant::now();
    let mut most = 0.0_f64;
    while began.elapsed() < Duration::from_millis(1_500) {
        let asked = Instant::now();
        assert_eq!(query(&mut other, SKU), "row SKU-00001");
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
        most = most.max(metric(&ground, "pgwarrant_held_bytes"));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(most > 0.0 && most <= (MIB + MIB / 2) as f64, "{most} bytes are reserved");
    assert_eq!(metric(&ground, "pgwarrant_results_in_chunks"), 1.0);
    // Of 64 MiB that nobody takes. The allocator keeps pages for each thread, and another one than before may be at work.
    let grown = ground.memory().saturating_sub(before);
    assert!(grown < 24 * MIB, "memory grew by {} KiB", grown / 1024);
    ground.wait("the end", || {
        ground.entries()[already..].iter().any(|entry| entry.kind == pgwarrant::ledger::Kind::Outcome && entry.chunk.is_some())
    });
    let (chunks, outcome) = one_large(&ground.entries()[already..]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(outcome.sqlstate.as_deref(), Some("08006"));
    assert_eq!(outcome.rows, chunks.last().unwrap().rows);
    ground.wait("the server is left alone", || busy(&ground) == 0);
    ground.wait("the turn is given back", || metric(&ground, "pgwarrant_results_in_chunks") == 0.0);
    assert_eq!(metric(&ground, "pgwarrant_clients_stalled_total"), 1.0);
    assert_eq!(metric(&ground, "pgwarrant_held_bytes"), 0.0);
    // What is still in sockets arrives, and then the end.
    let mut received = Vec::new();
    assert_eq!(to_the_end(&mut stalled, &mut received), "closed");
    covered(&chunks, &received);
    other.say(&[Say::Query(ALL)]);
    assert_eq!(rows(&mut other, 500).len(), 500);
    ground.verify();
}

/// Rows up to the end of the stream, which may break off inside of one.
fn to_the_end(session: &mut Raw, rows: &mut Vec<Bytes>) -> &'static str {
    while let Some(frame) = session.frame() {
        match frame.tag {
            tag::DATA_ROW => rows.push(frame.raw),
            tag::READY_FOR_QUERY => return "ready",
            _ => {}
        }
    }
    "closed"
}

#[test]
fn half_of_the_pool_releases_large_results_and_others_wait_for_their_turn() {
    let ground = wide("", &[("upstream", "pool_size = 4\nwait_timeout = \"1s\"")]);
    let mut slow: Vec<Raw> = (0..2).map(|_| ground.analyst()).collect();
    for session in &mut slow {
        session.say(&[Say::Query(ALL)]);
    }
    ground.wait("both are on their way", || metric(&ground, "pgwarrant_results_in_chunks") == 2.0);
    let (mut third, mut small) = (ground.analyst(), ground.analyst());
    let began = Instant::now();
    third.say(&[Say::Query(ALL)]);
    assert_eq!(query(&mut small, SKU), "row SKU-00001");
    assert_eq!(third.until_ready(), ["error 53300", "ready I"]);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(busy(&ground), 2, "who waits holds no connection");
    // In a block it waits as well, and fails the block.
    third.run(&[Say::Query("BEGIN"), Say::Query(SKU)]);
    third.say(&[Say::Query(ALL)]);
    assert_eq!(third.outcome(), "result_too_large");
    assert_eq!(third.run(&[Say::Query("ROLLBACK")]), ["complete ROLLBACK", "ready I"]);
    // One of the two goes on, and so can the third.
    third.say(&[Say::Query(ALL)]);
    assert_eq!(rows(&mut slow[0], 500).len(), 500);
    assert_eq!(rows(&mut third, 500).len(), 500);
    third.until_ready();
    assert_eq!(query(&mut third, SKU), "row SKU-00001");
    assert_eq!(rows(&mut slow[1], 500).len(), 500);
}

#[test]
fn a_slow_client_is_not_taken_for_a_server_that_does_not_answer() {
    // The server is given three seconds, and five more until it is not waited for. What it has left after the first chunk
    // it can send at once, so that only the client is slow.
    let config = [("upstream", "statement_timeout = \"3s\"")];
    let ground = Ground::with(16 * MIB, "stall_timeout = \"4s\"", &config, WIDE);
    let mut agent = ground.analyst();
    let began = Instant::now();
    agent.say(&[Say::Query("SELECT id, name FROM products LIMIT 136")]);
    let mut received = 0;
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(2_500));
        received += rows(&mut agent, 20).len();
    }
    received += rows(&mut agent, 56).len();
    assert_eq!(received, 136);
    assert!(began.elapsed() > Duration::from_secs(9));
    assert_eq!(agent.until_ready(), ["complete SELECT 136", "ready I"]);
    let (chunks, outcome) = outcome(&ground);
    assert_eq!((chunks.len(), outcome.sqlstate), (1, None));
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
}

#[test]
fn after_kill_9_every_row_that_was_received_is_on_record() {
    let mut ground = wide("", &[]);
    for stop_after in [1, 40, 170] {
        let before = ground.entries().len();
        let mut agent = ground.analyst();
        agent.say(&[Say::Query(ALL)]);
        let mut received = rows(&mut agent, stop_after);
        ground.stage.take_proxy().expect("it runs").kill().expect("it is killed");
        assert_eq!(to_the_end(&mut agent, &mut received), "closed");
        assert!(received.len() < 500, "it was over already");
        ground.stage.start_proxy().expect("it starts again");
        let chunks: Vec<_> = ground.entries()[before..].iter().filter(|entry| entry.chunk.is_some()).cloned().collect();
        assert!(chunks.iter().all(|entry| entry.kind == pgwarrant::ledger::Kind::Chunk));
        covered(&chunks, &received);
        ground.verify();
    }
    assert_eq!(query(&mut ground.analyst(), SKU), "row SKU-00001");
}

#[test]
fn nothing_more_is_released_when_the_ledger_takes_no_more() {
    let ground = wide("", &[("audit", "max_lag = 20")]);
    let mut agent = ground.analyst();
    assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    agent.say(&[Say::Query(ALL)]);
    let mut received = rows(&mut agent, 5);
    ground.stage.cluster.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS false").expect("the superuser may");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'";
    ground.stage.cluster.sql("postgres", end).expect("the superuser may");
    assert_eq!(to_the_error(&mut agent, &mut received), "58030");
    let chunks: Vec<_> = ground.entries().into_iter().filter(|entry| entry.chunk.is_some()).collect();
    covered(&chunks, &received);
    assert_eq!(chunks.last().unwrap().rows, Some(received.len() as u64), "all that is on record was released, and no more");
    assert!(received.len() < 500);
    ground.stage.cluster.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true").expect("the superuser may");
    ground.wait("service goes on", || query(&mut agent, SKU) == "row SKU-00001");
    ground.verify();
}

#[test]
fn a_server_that_is_gone_in_the_middle_is_an_error_and_nothing_is_run_again() {
    let ground = wide("", &[]);
    let mut agent = ground.analyst();
    for in_block in [false, true] {
        let before = ground.entries().len();
        if in_block {
            agent.run(&[Say::Query("BEGIN"), Say::Query(SKU)]);
        }
        agent.say(&[Say::Query(ALL)]);
        let mut received = rows(&mut agent, 10);
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ~ 'pgwarrant' AND query ~ 'products'";
        ground.stage.cluster.sql("shop", end).expect("the superuser may");
        assert_eq!(to_the_error(&mut agent, &mut received), "upstream_unavailable", "{}", ground.stage.proxy_log());
        let (chunks, outcome) = one_large(&ground.entries()[before..]);
        covered(&chunks, &received);
        assert_eq!(outcome.rows, Some(received.len() as u64));
        assert_eq!(outcome.reason.as_deref(), Some("upstream_unavailable"));
        if in_block {
            assert_eq!(agent.run(&[Say::Query("ROLLBACK")]), ["complete ROLLBACK", "ready I"]);
        }
        assert_eq!(query(&mut agent, SKU), "row SKU-00001");
    }
}

#[test]
fn a_client_that_is_gone_in_the_middle_leaves_the_server_alone() {
    let ground = wide("", &[]);
    let mut agent = ground.analyst();
    agent.say(&[Say::Query(ALL)]);
    let received = rows(&mut agent, 10);
    drop(agent);
    let (chunks, outcome) = outcome(&ground);
    covered(&chunks, &received);
    assert_eq!((outcome.sqlstate.as_deref(), outcome.message.as_deref()), (Some("08006"), Some("the client was gone")));
    ground.wait("the server is left alone", || busy(&ground) == 0);
    assert_eq!(query(&mut ground.analyst(), SKU), "row SKU-00001");
}

#[test]
fn a_token_that_expires_ends_it_at_the_next_chunk() {
    let ground = wide("", &[]);
    let mut agent = Raw::connect(&ground.stage.persona_url("analyst", 3).expect("a token"), &[]);
    agent.say(&[Say::Query(ALL)]);
    let mut received = rows(&mut agent, 5);
    std::thread::sleep(Duration::from_millis(3_500));
    assert_eq!(to_the_error(&mut agent, &mut received), "token_expired");
    assert!(agent.frame().is_none(), "the session is closed");
    let (chunks, outcome) = one_large(&ground.entries());
    covered(&chunks, &received);
    assert_eq!((outcome.reason.as_deref(), outcome.rows), (Some("token_expired"), Some(received.len() as u64)));
}

#[test]
fn a_proxy_that_is_told_to_stop_says_how_it_ended() {
    let mut ground = wide("drain_timeout = \"500ms\"", &[]);
    let mut agent = ground.analyst();
    agent.say(&[Say::Query(ALL)]);
    let mut received = rows(&mut agent, 5);
    ground.stage.stop_proxy();
    to_the_end(&mut agent, &mut received);
    let (chunks, outcome) = one_large(&ground.entries());
    covered(&chunks, &received);
    assert_eq!(outcome.sqlstate.as_deref(), Some("57P01"));
    ground.verify();
}

#[test]
fn digests_are_of_what_came() {
    let ground = Ground::start(ground::HOLD, "");
    let mut agent = ground.analyst();
    agent.say(&[Say::Query(ALL)]);
    let received = rows(&mut agent, 500);
    let (chunks, _) = outcome(&ground);
    covered(&chunks, &received[..received.len() - 100]);
    let mut other = received.clone();
    other[0] = other[1].clone();
    assert!(std::panic::catch_unwind(|| covered(&chunks, &other[..400])).is_err(), "the test can fail");
}

#[test]
fn what_all_sessions_hold_together_stays_inside_the_total() {
    let ground = wide("hold_total = \"1280KiB\"", &[("upstream", "pool_size = 6")]);
    let total = (MIB + MIB / 4) as f64;
    let agents: Vec<_> = (0..3)
        .map(|_| {
            let mut agent = ground.analyst();
            std::thread::spawn(move || {
                agent.say(&[Say::Query(ALL)]);
                let received = rows(&mut agent, 500);
                agent.until_ready();
                received.iter().map(|row| row.len()).sum::<usize>()
            })
        })
        .collect();
    let mut most = 0.0_f64;
    while !agents.iter().all(std::thread::JoinHandle::is_finished) {
        let held = metric(&ground, "pgwarrant_held_bytes");
        assert!(held <= total, "{held} bytes of {total}");
        most = most.max(held);
        std::thread::sleep(Duration::from_millis(20));
    }
    let sizes: Vec<usize> = agents.into_iter().map(|agent| agent.join().expect("no panic")).collect();
    assert!(sizes.iter().all(|size| *size == sizes[0] && *size as u64 > 60 * MIB), "{sizes:?}");
    assert!(most > 0.0);
    assert_eq!(metric(&ground, "pgwarrant_held_bytes"), 0.0);
    ground.verify();
}

#[test]
fn not_even_the_first_chunk_is_released_of_what_is_no_longer_read_as_proven() {
    // A policy whose code nobody allowed.
    const HOSTILE: &str = "CREATE POLICY p ON products USING (see(name)); ALTER TABLE products ENABLE ROW LEVEL SECURITY";
    const HONEST: &str = "DROP POLICY IF EXISTS p ON products; ALTER TABLE products DISABLE ROW LEVEL SECURITY";
    let ground = Ground::start(ground::HOLD, "");
    let see = "CREATE FUNCTION see(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END'";
    ground.stage.cluster.sql("shop", see).expect("the superuser may");
    let run = [Say::Bind("", "s", vec![]), Say::Execute("", 0), Say::Sync];
    let mut refused_at_bind = 0;
    for _ in 0..8 {
        ground.stage.cluster.sql("shop", HONEST).expect("the superuser may");
        let mut agent = ground.analyst();
        ground.wait("it is seen", || agent.run(&[Say::Parse("s", ALL), Say::Sync]) == ["parsed", "ready I"]);
        agent.say(&run);
        let honest = ground::until_ready(&mut agent);
        assert_eq!(honest.iter().filter(|frame| frame.tag == tag::DATA_ROW).count(), 500, "{}", ground.stage.proxy_log());
        let before = ground.entries().len();
        // Sooner than the epoch is looked at again: only what the server shows at Bind tells.
        ground.stage.cluster.sql("shop", HOSTILE).expect("the superuser may");
        agent.say(&run);
        let got = ground::until_ready(&mut agent);
        assert_eq!(got.iter().filter(|frame| frame.tag == tag::DATA_ROW).count(), 0, "rows under another policy");
        assert!(got.iter().any(|frame| frame.tag == tag::ERROR_RESPONSE));
        let entries = ground.entries();
        assert!(entries[before..].iter().all(|entry| entry.chunk.is_none()), "a chunk is on record");
        refused_at_bind += usize::from(entries.len() > before);
    }
    assert!(refused_at_bind > 0);
}
