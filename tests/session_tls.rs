//! TLS towards the agent: negotiated, direct, and everything that must not pass.

#[path = "session/raw.rs"]
mod raw;
mod support;

use bytes::BytesMut;
use pgwarrant::wire::request;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use support::{Setting, Stage};

struct Secure {
    stage: Stage,
    certificate: CertificateDer<'static>,
}

fn secure() -> Secure {
    let mut stage = Stage::without_proxy(Setting::default()).expect("a stage");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (stage.home().join("server.crt"), stage.home().join("server.key"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let config = std::fs::read_to_string(stage.config()).expect("a configuration");
    let tls = format!("\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    std::fs::write(stage.config(), format!("{config}{tls}")).expect("a file");
    stage.start_proxy().expect("a proxy");
    Secure { stage, certificate: made.cert.der().clone() }
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Secure {
    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.stage.port)).expect("the proxy listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        stream
    }

    fn tls(&self, tcp: TcpStream, alpn: &[&[u8]]) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("a connection"), tcp)
    }

    fn startup(&self) -> BytesMut {
        let mut out = BytesMut::new();
        request::startup(&mut out, [("user", "analyst"), ("database", "shop")]).expect("encodable");
        out
    }

    /// The whole log-in over an encrypted stream: the tag of the message behind AuthenticationOk.
    fn log_in(&self, tls: &mut Tls) -> std::io::Result<Vec<u8>> {
        tls.write_all(&self.startup())?;
        let mut asked = [0; 9];
        tls.read_exact(&mut asked)?;
        assert_eq!(asked, *b"R\0\0\0\x08\0\0\0\x03");
        let url = self.stage.persona_url("analyst", 600).expect("a token");
        let token = url.split_once("analyst:").and_then(|(_, rest)| rest.rsplit_once('@')).expect("a token").0;
        let mut out = BytesMut::new();
        request::password(&mut out, token).expect("encodable");
        tls.write_all(&out)?;
        let mut answer = [0; 9];
        tls.read_exact(&mut answer)?;
        Ok(answer.to_vec())
    }
}

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";

#[test]
fn tls_is_spoken_negotiated_and_direct_and_nothing_else_passes() {
    let secure = secure();
    let ask = |extra: &[u8]| {
        let mut tcp = secure.tcp();
        tcp.write_all(&[SSL_REQUEST, extra].concat()).expect("the proxy reads");
        let mut answer = [0; 1];
        let read = tcp.read(&mut answer).unwrap_or(0);
        (tcp, (read == 1).then_some(answer[0]))
    };

    let (tcp, answer) = ask(b"");
    assert_eq!(answer, Some(b'S'));
    assert_eq!(secure.log_in(&mut secure.tls(tcp, &[])).expect("negotiated TLS"), OK);

    let (tcp, _) = ask(b"");
    assert_eq!(secure.log_in(&mut secure.tls(tcp, &[b"postgresql"])).expect("negotiated TLS with ALPN"), OK);

    assert_eq!(secure.log_in(&mut secure.tls(secure.tcp(), &[b"postgresql"])).expect("direct TLS"), OK);
    assert!(secure.log_in(&mut secure.tls(secure.tcp(), &[])).is_err(), "direct TLS needs ALPN");
    assert!(secure.log_in(&mut secure.tls(secure.tcp(), &[b"http/1.1"])).is_err(), "and the right one");

    // Whatever stands behind the request in clear would be taken for what came through TLS.
    assert_eq!(ask(&secure.startup()).1, None, "bytes in clear ahead of the handshake end the connection");

    // A second negotiation inside of TLS is refused.
    let mut tls = secure.tls(secure.tcp(), &[b"postgresql"]);
    tls.write_all(SSL_REQUEST).expect("the proxy reads");
    assert!(!matches!(tls.read(&mut [0; 1]), Ok(1)), "TLS in TLS");

    let mut tcp = secure.tcp();
    tcp.write_all(b"\0\0\0\x08\x04\xd2\x16\x30").expect("the proxy reads");
    let mut answer = [0; 1];
    tcp.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, *b"N", "GSS encryption is not offered");
    tcp.write_all(SSL_REQUEST).expect("the proxy reads");
    tcp.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, *b"S", "TLS still is");

    // In clear over loopback a token is taken.
    raw::Raw::connect(&secure.stage.persona_url("analyst", 600).expect("a token"), &[]);
}
