//! Before a token was shown.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::ground::{Case, Ground, HANDSHAKE, last_words};

pub const CASES: [Case; 30] = [
    ("a connection that says nothing and closes", |ground, _| {
        let before = ground.refused();
        drop(ground.tcp());
        ground.counted(before);
    }),
    ("a browser", |ground, _| is_told(ground, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "08P01")),
    ("a length of three", |ground, _| is_told(ground, &[0, 0, 0, 3], "08P01")),
    ("a negative length", |ground, _| is_told(ground, &[0x80, 0, 0, 1, 0, 3, 0, 0], "08P01")),
    ("a length of two gigabytes", |ground, _| is_told(ground, &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0], "08P01")),
    ("a startup packet beyond the cap", |ground, _| is_told(ground, &[0, 0, 0x27, 0x15, 0, 3, 0, 0], "08P01")),
    ("a startup packet of another protocol", |ground, _| is_told(ground, &packet(2 << 16, PARAMETERS), "0A000")),
    ("a startup packet without its end", |ground, _| is_told(ground, &packet(V3, b"user\0a\0"), "08P01")),
    ("a startup packet with bytes behind its end", |ground, _| is_told(ground, &packet(V3, b"user\0a\0\0x\0"), "08P01")),
    ("a parameter twice", |ground, _| is_told(ground, &packet(V3, b"user\0a\0user\0b\0\0"), "08P01")),
    ("a user that is no UTF-8", |ground, _| is_told(ground, &packet(V3, b"user\0\xff\xfe\0\0"), "08P01")),
    ("no user", |ground, _| is_told(ground, &packet(V3, b"database\0shop\0\0"), "28000")),
    ("another database", |ground, _| is_told(ground, &packet(V3, b"user\0a\0database\0postgres\0\0"), "3D000")),
    ("replication", |ground, _| is_told(ground, &packet(V3, b"user\0a\0database\0shop\0replication\0true\0\0"), "0A000")),
    ("a role by an option", |ground, _| {
        is_told(ground, &packet(V3, b"user\0a\0database\0shop\0options\0-c role=postgres\0\0"), "42501");
    }),
    ("a path by an option", |ground, _| {
        is_told(ground, &packet(V3, b"user\0a\0database\0shop\0options\0-c search_path=archive\0\0"), "42501");
    }),
    ("a path by a parameter", |ground, _| {
        is_told(ground, &packet(V3, b"user\0a\0database\0shop\0search_path\0archive\0\0"), "42501");
    }),
    ("half a startup packet", |ground, _| {
        let before = ground.refused();
        let mut stream = ground.tcp();
        stream.write_all(&packet(V3, PARAMETERS)[..12]).expect("the proxy reads");
        stream.shutdown(Shutdown::Write).expect("a socket");
        assert_eq!(last_words(&mut stream), None);
        ground.counted(before);
    }),
    ("a query instead of a password", |ground, _| is_told_at_login(ground, b"Q\0\0\0\x0dSELECT 1\0", "08P01")),
    ("a password of a megabyte", |ground, _| is_told_at_login(ground, b"p\0\x10\0\0", "08P01")),
    ("a password of a negative length", |ground, _| is_told_at_login(ground, b"p\xff\xff\xff\xff", "08P01")),
    ("a password without its end", |ground, _| is_told_at_login(ground, b"p\0\0\0\x05x", "08P01")),
    ("a password with bytes behind its end", |ground, _| is_told_at_login(ground, b"p\0\0\0\x07x\0y", "08P01")),
    ("an empty password", |ground, _| is_told_at_login(ground, b"p\0\0\0\x05\0", "28P01")),
    ("a stranger's cancel", |ground, _| {
        for body in [&[0, 0, 0, 1, 0, 0, 0, 2][..], &[0; 4], &[7; 300]] {
            let mut stream = ground.tcp();
            stream.write_all(&packet(80_877_102, body)).expect("the proxy reads");
            let _ = last_words(&mut stream);
        }
    }),
    ("plaintext before TLS", |ground, _| {
        let before = ground.refused();
        let mut stream = ground.tcp();
        stream.write_all(&[&packet(80_877_103, &[])[..], &packet(V3, PARAMETERS)].concat()).expect("the proxy reads");
        // Neither TLS nor a session: what came in clear must not be read as if it had come through TLS.
        assert_eq!(read_all(&mut stream), b"");
        ground.counted(before);
    }),
    ("no TLS behind the request for it", |ground, _| {
        let before = ground.refused();
        let mut stream = ground.tcp();
        stream.write_all(&packet(80_877_103, &[])).expect("the proxy reads");
        let mut said = [0];
        stream.read_exact(&mut said).expect("an answer");
        assert_eq!(said, *b"S");
        stream.write_all(&packet(V3, PARAMETERS)).expect("the proxy reads");
        let _ = read_all(&mut stream);
        ground.counted(before);
    }),
    ("a torn TLS record at once", |ground, _| {
        let before = ground.refused();
        let mut stream = ground.tcp();
        stream.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 0, 0]).expect("the proxy reads");
        let _ = read_all(&mut stream);
        ground.counted(before);
    }),
    ("the same negotiation twice", |ground, _| {
        let before = ground.refused();
        let mut stream = ground.tcp();
        stream.write_all(&packet(80_877_104, &[])).expect("the proxy reads");
        stream.write_all(&packet(80_877_104, &[])).expect("the proxy reads");
        assert_eq!(read_all(&mut stream), b"N");
        ground.counted(before);
    }),
    ("a startup packet byte by byte", |ground, _| {
        let before = ground.refused();
        let (mut stream, began) = (ground.tcp(), Instant::now());
        for byte in packet(V3, PARAMETERS).iter().cycle() {
            if stream.write_all(&[*byte]).is_err() || began.elapsed() > HANDSHAKE * 3 {
                break;
            }
            thread::sleep(Duration::from_millis(300));
        }
        assert!(began.elapsed() < HANDSHAKE * 3, "the handshake ends in time");
        ground.counted(before);
    }),
];

const V3: u32 = 3 << 16;
const PARAMETERS: &[u8] = b"user\0agent\0database\0shop\0\0";

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).expect("a short packet");
    [&length.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

fn is_told(ground: &Ground, bytes: &[u8], sqlstate: &str) {
    let before = ground.refused();
    let mut stream = ground.tcp();
    stream.write_all(bytes).expect("the proxy reads");
    expect(&mut stream, sqlstate);
    ground.counted(before);
}

/// A good startup packet, then these bytes where a password is due.
fn is_told_at_login(ground: &Ground, bytes: &[u8], sqlstate: &str) {
    let before = ground.refused();
    let mut stream = ground.tcp();
    stream.write_all(&packet(V3, PARAMETERS)).expect("the proxy reads");
    let mut request = [0; 9];
    stream.read_exact(&mut request).expect("a request for the password");
    assert_eq!(request, [b'R', 0, 0, 0, 8, 0, 0, 0, 3]);
    stream.write_all(bytes).expect("the proxy reads");
    expect(&mut stream, sqlstate);
    ground.counted(before);
}

fn expect(stream: &mut TcpStream, sqlstate: &str) {
    let told = last_words(stream).expect("an error");
    assert_eq!((told.severity.as_str(), told.sqlstate.as_str()), ("FATAL", sqlstate), "{told:?}");
    assert!(!told.message.is_empty());
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}
