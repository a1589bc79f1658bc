//! Well-formed messages, too many of them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pgwarrant::wire::frontend::{Format, Formats, Target};
use pgwarrant::wire::request;

use super::frames::{honest, message};
use super::ground::{Answer, Case, Ground, HONEST, PATIENCE, POOL, SESSIONS, answer, last_words, query};
use super::raw::Raw;

const MIB: u64 = 1 << 20;

pub const CASES: [Case; 14] = [
    ("twelve thousand prepared statements", |g, agent| {
        let (mut session, before) = (g.log_in(agent, "analyst"), g.memory());
        let refused = first_error(&mut session, 12_000, |out, n| parse(out, &format!("s{n}"), HONEST));
        assert_eq!(refused.sqlstate(), "53400", "{refused:?}");
        bounded(g, before, 200 * MIB);
        honest(&mut session);
    }),
    ("a hundred megabytes of prepared statements", |g, agent| {
        let (mut session, before) = (g.log_in(agent, "analyst"), g.memory());
        let padding = " ".repeat(200_000);
        let refused = first_error(&mut session, 500, |out, n| parse(out, &format!("s{n}"), &format!("SELECT 1{padding}")));
        assert_eq!(refused.sqlstate(), "53400", "{refused:?}");
        bounded(g, before, 250 * MIB);
        honest(&mut session);
    }),
    ("two thousand portals", |g, agent| {
        let mut session = g.log_in(agent, "analyst");
        query(&mut session, "BEGIN");
        let mut prepare = BytesMut::new();
        parse(&mut prepare, "s", HONEST);
        let refused = first_error(&mut session, 2_000, |out, n| {
            out.extend_from_slice(&std::mem::take(&mut prepare));
            bind(out, &format!("p{n}"), "s", &[]);
        });
        assert_eq!(refused.sqlstate(), "53400", "{refused:?}");
        query(&mut session, "ROLLBACK");
        honest(&mut session);
    }),
    ("a hundred megabytes of bound values", |g, agent| {
        let (mut session, before) = (g.log_in(agent, "analyst"), g.memory());
        query(&mut session, "BEGIN");
        let mut prepare = BytesMut::new();
        parse(&mut prepare, "s", "SELECT length($1::text)");
        let value = "x".repeat(1 << 20);
        let refused = first_error(&mut session, 100, |out, n| {
            out.extend_from_slice(&std::mem::take(&mut prepare));
            bind(out, &format!("p{n}"), "s", &[&value]);
        });
        assert_eq!(refused.sqlstate(), "53400", "{refused:?}");
        bounded(g, before, 200 * MIB);
        query(&mut session, "ROLLBACK");
        honest(&mut session);
    }),
    ("a client that reads nothing", |g, agent| {
        let (mut session, before) = (g.log_in(agent, "analyst"), g.memory());
        let mut out = BytesMut::new();
        request::query(&mut out, "SELECT * FROM products LIMIT 500").expect("short");
        is_let_go(g, &mut session, &out);
        bounded(g, before, 100 * MIB);
    }),
    ("a client that reads nothing inside a transaction", |g, agent| {
        let mut sessions: Vec<Raw> = (0..POOL).map(|_| g.log_in(agent, "analyst")).collect();
        let mut out = BytesMut::new();
        request::query(&mut out, "SELECT * FROM products LIMIT 500").expect("short");
        for session in &mut sessions {
            query(session, "BEGIN");
            query(session, HONEST);
            session.stream.set_nonblocking(true).expect("a socket");
            while session.stream.write(&out).is_ok() {}
            session.stream.set_nonblocking(false).expect("a socket");
        }
        let mut other = g.log_in(agent, "analyst");
        let began = Instant::now();
        g.wait("a connection comes free again", || query(&mut other, HONEST).rows == ["SKU-00001"]);
        assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
    }),
    ("a hundred thousand questions without a Sync", |g, agent| {
        let (mut session, before) = (g.log_in(agent, "analyst"), g.memory());
        let mut out = BytesMut::new();
        parse(&mut out, "s", "SELECT * FROM products");
        session.send_bytes(&out);
        let mut out = BytesMut::new();
        (0..1_000).for_each(|_| request::describe(&mut out, Target::Statement("s")).expect("short"));
        is_let_go(g, &mut session, &out);
        bounded(g, before, 100 * MIB);
    }),
    ("a pipeline of ten thousand", |g, agent| {
        let mut session = g.log_in(agent, "analyst");
        let mut out = BytesMut::new();
        parse(&mut out, "", "SELECT $1::int AS n");
        for n in 0..10_000 {
            bind(&mut out, "", "", &[&n.to_string()]);
            request::execute(&mut out, "", 0).expect("short");
        }
        request::sync(&mut out);
        let mut writer = session.stream.try_clone().expect("a socket");
        let writing = thread::spawn(move || writer.write_all(&out));
        let rows: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let got = answer(&mut session);
        let wrong = got.rows.iter().zip(&rows).position(|(got, wanted)| got != wanted);
        assert!(got.rows == rows, "{} rows, the first wrong one is {wrong:?}: {:?}", got.rows.len(), got.error);
        writing.join().expect("no panic").expect("a socket");
    }),
    ("a query byte by byte", |g, agent| {
        let mut session = g.log_in(agent, "analyst");
        for byte in message(b'Q', format!("{HONEST}\0").as_bytes()) {
            session.send_bytes(&[byte]);
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(answer(&mut session).rows, ["SKU-00001"]);
    }),
    ("a socket that is closed one way", |g, agent| {
        let mut session = g.log_in(agent, "analyst");
        session.send_bytes(&message(b'Q', format!("{HONEST}\0").as_bytes()));
        session.stream.shutdown(Shutdown::Write).expect("a socket");
        assert_eq!(answer(&mut session).rows, ["SKU-00001"]);
        assert!(answer(&mut session).closed);
    }),
    ("transactions that hold every connection and do nothing", |g, agent| {
        let mut sessions: Vec<Raw> = (0..POOL).map(|_| g.log_in(agent, "analyst")).collect();
        for session in &mut sessions {
            query(session, "BEGIN");
            assert_eq!(query(session, HONEST).rows, ["SKU-00001"]);
        }
        for session in &mut sessions {
            let ended = answer(session);
            assert_eq!((ended.sqlstate(), ended.closed), ("25P03", true), "{ended:?}");
        }
    }),
    ("three hundred connections beyond all places", |g, agent| {
        let url = g.url(agent, "analyst");
        // One place is the witness's.
        let mut sessions: Vec<Raw> = Vec::new();
        g.wait("all places are taken", || {
            sessions.extend(Raw::try_connect(&url, &[]).ok());
            sessions.len() >= SESSIONS - 1
        });
        let mut crowd: Vec<_> = (0..300).map(|_| g.tcp()).collect();
        for stream in &mut crowd {
            stream.write_all(b"\0\0\0\x22\0\x03\0\0user\0agent\0database\0shop\0\0").expect("the proxy reads");
        }
        for stream in &mut crowd {
            let told = last_words(stream).expect("an error");
            assert_eq!((told.severity.as_str(), told.sqlstate.as_str()), ("FATAL", "53300"), "{told:?}");
        }
        sessions.iter_mut().for_each(honest);
        drop(sessions);
        g.wait("a place is free again", || Raw::try_connect(&url, &[]).is_ok());
    }),
    ("a hundred silent connections", |g, agent| {
        let url = g.url(agent, "analyst");
        let before = g.refused();
        let crowd: Vec<_> = (0..100).map(|_| g.tcp()).collect();
        g.wait("all of them are given up", || g.refused() >= before + 100);
        assert!(Raw::try_connect(&url, &[]).is_ok());
        for mut stream in crowd {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
        }
    }),
    ("a result larger than a session may hold", |g, agent| {
        let mut session = g.log_in(agent, "analyst");
        let refused = query(&mut session, "SELECT repeat(sku, 2000) FROM products LIMIT 500");
        // Either the function is known to make results large, or the result is found to be.
        assert!(["result_too_large", "function_not_allowed", "cost_bomb"].contains(&refused.reason()), "{refused:?}");
        honest(&mut session);
    }),
];

fn parse(out: &mut BytesMut, name: &str, text: &str) {
    request::parse(out, name, text, &[]).expect("short enough");
}

fn bind(out: &mut BytesMut, portal: &str, statement: &str, values: &[&str]) {
    let values: Vec<Option<Bytes>> = values.iter().map(|value| Some(Bytes::copy_from_slice(value.as_bytes()))).collect();
    let text = Formats::All(Format::Text);
    request::bind(out, portal, statement, &text, &values, request::ALL_TEXT).expect("short enough");
}

/// Sends message after message, each with a Sync, until one is refused.
fn first_error(session: &mut Raw, most: usize, mut write: impl FnMut(&mut BytesMut, usize)) -> Answer {
    for n in 0..most {
        let mut out = BytesMut::new();
        write(&mut out, n);
        request::sync(&mut out);
        session.send_bytes(&out);
        let answer = answer(session);
        if answer.error.is_some() {
            return answer;
        }
    }
    panic!("{most} were taken");
}

/// Sends the same for ever and reads nothing: the proxy stops reading, and closes in the end.
fn is_let_go(ground: &Ground, session: &mut Raw, bytes: &[u8]) {
    session.stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket");
    let mut sent = 0;
    let began = Instant::now();
    loop {
        match session.stream.write(bytes) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(sent < 512 << 20, "the proxy reads on and on");
        assert!(began.elapsed() < PATIENCE * 6, "the client is not let go: {}", ground.stage.proxy_log());
    }
}

fn bounded(ground: &Ground, before: u64, most: u64) {
    let grown = ground.memory().saturating_sub(before);
    assert!(grown < most, "memory grew by {} MiB", grown / MIB);
}
