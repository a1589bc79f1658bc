//! Bytes that no driver sends, from an agent that is logged in.

use std::net::Shutdown;

use bytes::BytesMut;
use pgwarrant::wire::request;

use super::ground::{Answer, Case, Ground, HONEST, answer, query};
use super::raw::Raw;

pub const CASES: [Case; 31] = [
    ("an unknown message", |g, agent| ends(g, agent, &[b'z', 0, 0, 0, 4])),
    ("a message of length zero", |g, agent| ends(g, agent, &[b'Q', 0, 0, 0, 0])),
    ("a message of length three", |g, agent| ends(g, agent, &[b'S', 0, 0, 0, 3])),
    ("a message of negative length", |g, agent| ends(g, agent, &[b'Q', 0xff, 0xff, 0xff, 0xff])),
    ("a query longer than its cap", |g, agent| ends(g, agent, &[b'Q', 0, 0x10, 0, 5])),
    ("a query of two gigabytes", |g, agent| ends(g, agent, &[b'Q', 0x7f, 0xff, 0xff, 0xff])),
    ("a Bind longer than its cap", |g, agent| ends(g, agent, &[b'B', 1, 0, 0, 5])),
    ("a Sync with a body", |g, agent| ends(g, agent, &message(b'S', b"x"))),
    ("a Sync of a megabyte", |g, agent| ends(g, agent, &[b'S', 0, 0x10, 0, 0])),
    ("a query without its end", |g, agent| ends(g, agent, &message(b'Q', b"SELECT 1"))),
    ("a query with bytes behind its end", |g, agent| ends(g, agent, &message(b'Q', b"SELECT 1\0DROP TABLE x\0"))),
    ("a query that is no UTF-8", |g, agent| ends(g, agent, &message(b'Q', b"SELECT '\xff'\0"))),
    ("an empty Parse", |g, agent| ends(g, agent, &message(b'P', b""))),
    ("a Parse without its types", |g, agent| ends(g, agent, &message(b'P', b"\0SELECT 1\0\xff\xff"))),
    ("a Parse with a negative count", |g, agent| ends(g, agent, &message(b'P', b"\0SELECT 1\0\x80\0"))),
    ("an empty Bind", |g, agent| ends(g, agent, &message(b'B', b""))),
    ("a Bind with a negative length", |g, agent| ends(g, agent, &message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"))),
    ("a Bind with the most negative length", |g, agent| ends(g, agent, &message(b'B', b"\0\0\0\0\0\x01\x80\0\0\0\0\0"))),
    ("a Bind with a length beyond its end", |g, agent| ends(g, agent, &message(b'B', b"\0\0\0\0\0\x01\0\0\x27\x10\0\0"))),
    ("a Bind with formats that do not fit", |g, agent| {
        ends(g, agent, &message(b'B', b"\0\0\0\x02\0\0\0\x01\0\x01\xff\xff\xff\xff\0\0"));
    }),
    ("a Bind with an unknown format", |g, agent| ends(g, agent, &message(b'B', b"\0\0\0\x01\0\x07\0\0\0\0"))),
    ("an empty Execute", |g, agent| ends(g, agent, &message(b'E', b""))),
    ("a Describe of nothing there is", |g, agent| ends(g, agent, &message(b'D', b"Zx\0"))),
    ("an empty Close", |g, agent| ends(g, agent, &message(b'C', b""))),
    ("a password after the log-in", |g, agent| ends(g, agent, &message(b'p', b"x\0"))),
    ("a call by the fast path", |g, agent| {
        let mut session = g.log_in(agent, "support");
        session.send_bytes(&message(b'F', &[0, 0, 0x08, 0x93, 0, 0, 0, 0, 0, 0]));
        let refused = answer(&mut session);
        assert_eq!((refused.sqlstate(), refused.closed), ("0A000", false));
        assert_eq!(g.denials(agent), ["feature_not_supported"]);
        honest(&mut session);
    }),
    ("sixty thousand parameters for one", |g, agent| {
        let mut session = g.log_in(agent, "support");
        let refused = bind(&mut session, "SELECT sku FROM products WHERE id = $1", 60_000);
        assert_eq!(refused.sqlstate(), "08P01", "{refused:?}");
        honest(&mut session);
    }),
    ("a list of sixty thousand parameters", |g, agent| {
        let mut session = g.log_in(agent, "support");
        let list: Vec<String> = (1..=60_000).map(|n| format!("${n}")).collect();
        let refused = bind(&mut session, &format!("SELECT sku FROM products WHERE id IN ({})", list.join(",")), 60_000);
        assert_eq!((refused.reason(), refused.sqlstate()), ("too_complex", "53400"), "{refused:?}");
        assert_eq!(g.denials(agent), ["too_complex"]);
        honest(&mut session);
    }),
    ("ten thousand Syncs and Flushes at once", |g, agent| {
        let mut session = g.log_in(agent, "support");
        session.send_bytes(&[&message(b'S', b"")[..], &message(b'H', b"")].concat().repeat(10_000));
        (0..10_000).for_each(|_| assert_eq!(answer(&mut session), Answer::default()));
        honest(&mut session);
    }),
    ("copy data that nobody asked for", |g, agent| {
        let mut session = g.log_in(agent, "support");
        session.send_bytes(&[&message(b'd', &[0; 1000])[..], &message(b'c', b""), &message(b'f', b"no\0")].concat().repeat(100));
        honest(&mut session);
    }),
    ("half a message, then the end", |g, agent| {
        let mut session = g.log_in(agent, "support");
        session.send_bytes(&message(b'Q', b"SELECT 1\0")[..7]);
        session.stream.shutdown(Shutdown::Write).expect("a socket");
        assert!(answer(&mut session).closed);
        g.wait("the end of the session in the ledger", || {
            !g.audit("SELECT session FROM audit.sessions WHERE agent = $1 AND closed_seq IS NOT NULL", agent).is_empty()
        });
    }),
];

/// A protocol violation: told, recorded, and over.
fn ends(ground: &Ground, agent: &str, bytes: &[u8]) {
    let mut session = ground.log_in(agent, "support");
    honest(&mut session);
    session.send_bytes(bytes);
    let ended = answer(&mut session);
    let told = ended.error.as_ref().unwrap_or_else(|| panic!("{ended:?}"));
    assert_eq!(
        (told.severity.as_str(), told.sqlstate.as_str(), told.reason.as_str()),
        ("FATAL", "08P01", "protocol"),
        "{told:?}"
    );
    assert!(ended.closed, "there is no point to resume at");
    assert_eq!(ground.denials(agent), ["protocol"]);
}

pub fn honest(session: &mut Raw) {
    assert_eq!(query(session, HONEST).rows, ["SKU-00001"]);
}

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A statement with so many NULLs.
fn bind(session: &mut Raw, text: &str, count: u16) -> Answer {
    let mut out = BytesMut::new();
    request::parse(&mut out, "", text, &[]).expect("it is short enough");
    let values = [&count.to_be_bytes()[..], &[0xff; 4].repeat(count.into())].concat();
    out.extend_from_slice(&message(b'B', &[b"\0\0\0\0", &values[..], b"\0\0"].concat()));
    request::execute(&mut out, "", 0).expect("it is short");
    request::sync(&mut out);
    session.send_bytes(&out);
    answer(session)
}
