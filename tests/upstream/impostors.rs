//! Servers that are not what they seem. Each says its lines, whatever it hears.

use pgwarrant::upstream::{Connection, Target, UpstreamError};
use pgwarrant::wire::FrameError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const MD5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
const SCRAM: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";

/// Connects to a server that answers each message it gets with the next of its lines.
async fn connect(lines: &[&'static [u8]], configure: impl FnOnce(&mut Target)) -> (UpstreamError, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let port = listener.local_addr().expect("has an address").port();
    let lines = lines.to_vec();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        for line in lines {
            let length = stream.read(&mut buffer).await.unwrap_or(0);
            heard.extend_from_slice(&buffer[..length]);
            let _ = stream.write_all(line).await;
        }
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            heard.extend_from_slice(&buffer[..length]);
        }
        heard
    });
    let mut target = Target::parse(&format!("postgres://ann:hunter2@127.0.0.1:{port}/d")).expect("a good URI");
    configure(&mut target);
    let error = Connection::connect(&target, &[]).await.expect_err("must be refused");
    (error, server.await.expect("ends"))
}

fn holds(heard: &[u8], text: &[u8]) -> bool {
    heard.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn the_password_is_not_told_to_who_asks_for_it_in_clear_or_as_md5() {
    for line in [CLEARTEXT, MD5] {
        let (error, heard) = connect(&[line], |_| {}).await;
        assert!(matches!(error, UpstreamError::Authentication(_)), "{error}");
        assert!(!holds(&heard, b"hunter2"));
    }
    let (_, heard) = connect(&[CLEARTEXT, b"X"], |target| target.allow_cleartext = true).await;
    assert!(holds(&heard, b"hunter2"), "allowed over loopback by configuration");
}

#[tokio::test]
async fn a_server_that_skips_its_part_of_scram_is_not_believed() {
    let (error, heard) = connect(&[SCRAM, OK], |_| {}).await;
    assert!(matches!(error, UpstreamError::Unexpected(b'R')), "{error}");
    assert!(!holds(&heard, b"hunter2"));
    // A challenge whose nonce does not continue ours.
    let (error, _) = connect(&[SCRAM, b"R\0\0\0\x23\0\0\0\x0br=abc,s=c2FsdHNhbHQ=,i=4096"], |_| {}).await;
    assert!(matches!(error, UpstreamError::Authentication(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_nothing_is_not_believed_where_a_binding_is_required() {
    let (error, _) = connect(&[OK], |target| target.require_channel_binding = true).await;
    assert!(matches!(error, UpstreamError::Authentication(_)), "{error}");
}

#[tokio::test]
async fn a_stranger_cannot_make_us_buffer() {
    for line in [&b"E\x7f\xff\xff\xff"[..], b"R\x00\x10\x00\x00", b"D\0\0\x10\0"] {
        let (error, _) = connect(&[line], |_| {}).await;
        assert!(matches!(error, UpstreamError::Frame(FrameError::TooLong { .. })), "{error}");
    }
    let (error, _) = connect(&[b"HTTP/1.1 400 Bad Request\r\n"], |_| {}).await;
    assert!(matches!(error, UpstreamError::Frame(_)), "{error}");
}

#[tokio::test]
async fn an_old_or_unknown_server_is_refused() {
    for (version, line) in [
        ("14.9", &b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0014.9\0Z\0\0\0\x05I"[..]),
        ("", b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"),
    ] {
        let (error, _) = connect(&[line], |_| {}).await;
        assert!(matches!(error, UpstreamError::Version(ref found) if found == version), "{error}");
    }
}

#[tokio::test]
async fn bytes_behind_the_answer_to_an_ssl_request_are_not_taken_for_tls() {
    let (error, _) = connect(&[b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"], |target| {
        target.ssl_mode = pgwarrant::upstream::SslMode::Require;
    })
    .await;
    assert!(matches!(error, UpstreamError::Tls(_)), "{error}");
    let (error, _) = connect(&[b"N"], |target| target.ssl_mode = pgwarrant::upstream::SslMode::Require).await;
    assert!(matches!(error, UpstreamError::TlsRefused), "{error}");
}
