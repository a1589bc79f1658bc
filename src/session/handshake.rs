//! From the first byte to a proven token.
//!
//! One loop over the packets that may open a connection, one try for each negotiation
//! (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::client::{Client, ClientError};
use super::failure::Failure;
use super::listener::Accepted;
use super::stream::{Peer, Stream};
use crate::wire::FrameError;
use crate::wire::frame::{FrontendLimits, Phase};
use crate::wire::startup::{self, CancelRequest, StartupMessage, StartupPacket};
use crate::wire::{frontend, reply};

/// Why a connection ended before it was a session. Counted, never recorded one by one.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("bytes in clear arrived ahead of the TLS handshake")]
    PlaintextBeforeTls,
    #[error("the connection asked twice for the same negotiation")]
    AskedTwice,
    #[error("direct TLS without the protocol name `postgresql` (ALPN)")]
    NoAlpn,
    #[error("the client closed before it was authenticated")]
    Closed,
    #[error("{}", .0.message)]
    Refused(Failure),
}

impl HandshakeError {
    /// The label under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            HandshakeError::Io(_) => "io",
            HandshakeError::Frame(_) => "protocol",
            HandshakeError::PlaintextBeforeTls => "plaintext_before_tls",
            HandshakeError::AskedTwice => "asked_twice",
            HandshakeError::NoAlpn => "no_alpn",
            HandshakeError::Closed => "closed",
            HandshakeError::Refused(failure) => failure.reason.map_or("refused", |r| r.code()),
        }
    }
}

impl HandshakeError {
    /// What the client is told, where it speaks our protocol and is still there.
    pub fn told(&self) -> Option<Failure> {
        match self {
            HandshakeError::Refused(failure) => Some(failure.clone()),
            HandshakeError::Frame(error) => Some(Failure::fatal(error.sqlstate(), error.to_string())),
            HandshakeError::Io(_)
            | HandshakeError::PlaintextBeforeTls
            | HandshakeError::AskedTwice
            | HandshakeError::NoAlpn
            | HandshakeError::Closed => None,
        }
    }
}

impl From<ClientError> for HandshakeError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Frame(error) => HandshakeError::Frame(error),
            ClientError::Io(error) => HandshakeError::Io(error),
            ClientError::Truncated => HandshakeError::Closed,
        }
    }
}

/// What a connection turned out to be.
pub enum Opened {
    Startup {
        client: Box<Client>,
        message: StartupMessage,
        peer: Peer,
    },
    /// The stream stays open until the request is done: its end is the answer.
    Cancel {
        request: CancelRequest,
        stream: Stream,
    },
}

/// What the negotiation needs to know.
#[derive(Clone)]
pub struct Negotiation {
    pub tls: Option<TlsAcceptor>,
    pub limits: FrontendLimits,
    /// How long a client may take nothing of what is sent to it.
    pub patience: Duration,
}

/// TLS as this proxy offers it: 1.2 and later, ALPN `postgresql`.
pub const ALPN: &[u8] = b"postgresql";

/// Negotiates encryption and reads the startup packet.
pub async fn open(accepted: Accepted, negotiation: &Negotiation) -> Result<Opened, HandshakeError> {
    let (mut stream, peer) = match accepted {
        Accepted::Tcp(tcp, peer) => (direct_tls(tcp, negotiation.tls.as_ref()).await?, peer),
        Accepted::Unix(unix) => (Stream::Unix(unix), Peer::Unix),
    };
    let mut buffer = BytesMut::with_capacity(1024);
    let (mut asked_tls, mut asked_gss) = (false, false);
    loop {
        match packet(&mut stream, &mut buffer).await? {
            StartupPacket::SslRequest if asked_tls || stream.is_tls() => return Err(HandshakeError::AskedTwice),
            StartupPacket::SslRequest => {
                asked_tls = true;
                stream = match (stream, &negotiation.tls) {
                    (Stream::Tcp(tcp), Some(acceptor)) => upgrade(tcp, acceptor, &buffer).await?,
                    (other, _) => refuse_encryption(other).await?,
                };
            }
            StartupPacket::GssEncRequest if asked_gss => return Err(HandshakeError::AskedTwice),
            StartupPacket::GssEncRequest => {
                asked_gss = true;
                stream = refuse_encryption(stream).await?;
            }
            StartupPacket::Cancel(request) => return Ok(Opened::Cancel { request, stream }),
            StartupPacket::Startup(message) => {
                let client = Client::new(stream, buffer, negotiation.limits, negotiation.patience);
                return Ok(Opened::Startup { client: Box::new(client), message, peer });
            }
        }
    }
}

async fn packet(stream: &mut Stream, buffer: &mut BytesMut) -> Result<StartupPacket, HandshakeError> {
    loop {
        match startup::split_startup(buffer) {
            Ok(Some(packet)) => return Ok(packet),
            Ok(None) => {}
            Err(error) => {
                // A client that speaks another version can still read why.
                let mut out = BytesMut::new();
                Failure::fatal(error.sqlstate(), error.to_string()).write(None, &mut out);
                let _ = stream.write_all(&out).await;
                return Err(error.into());
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(HandshakeError::Closed);
        }
    }
}

/// A TLS record as the first byte: PostgreSQL 17's `sslnegotiation=direct`. The byte is only peeked at.
async fn direct_tls(tcp: TcpStream, acceptor: Option<&TlsAcceptor>) -> Result<Stream, HandshakeError> {
    let Some(acceptor) = acceptor else { return Ok(Stream::Tcp(tcp)) };
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Err(HandshakeError::Closed);
    }
    if !startup::is_direct_tls(first[0]) {
        return Ok(Stream::Tcp(tcp));
    }
    let tls = acceptor.accept(tcp).await?;
    // Without ALPN a browser could be made to speak to us (ALPACA): Postgres demands it here, too.
    if tls.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(HandshakeError::NoAlpn);
    }
    Ok(Stream::Tls(Box::new(tls)))
}

/// What was sent in clear behind the request must not be read as if it had come through TLS (CVE-2021-23222).
async fn upgrade(mut tcp: TcpStream, acceptor: &TlsAcceptor, buffer: &BytesMut) -> Result<Stream, HandshakeError> {
    if !buffer.is_empty() {
        return Err(HandshakeError::PlaintextBeforeTls);
    }
    tcp.write_all(&[reply::ENCRYPTION_ACCEPTED]).await?;
    Ok(Stream::Tls(Box::new(acceptor.accept(tcp).await?)))
}

async fn refuse_encryption(mut stream: Stream) -> Result<Stream, HandshakeError> {
    stream.write_all(&[reply::ENCRYPTION_REFUSED]).await?;
    Ok(stream)
}

/// Asks for the token and reads it.
pub async fn password(client: &mut Client, peer: &Peer) -> Result<Arc<str>, HandshakeError> {
    if !client.stream().is_tls() && !peer.is_local() {
        let failure = Failure::fatal("28000", "a token is only taken over TLS").hint("Connect with sslmode=verify-full.");
        return Err(HandshakeError::Refused(failure));
    }
    client.reply().extend_from_slice(reply::AUTHENTICATION_CLEARTEXT_PASSWORD);
    client.flush().await?;
    let frame = client.next(Phase::Authentication).await?.ok_or(HandshakeError::Closed)?;
    let body = frame.body();
    let password = frontend::read_password(&body)?;
    if password.is_empty() {
        let failure = Failure::fatal("28P01", "empty password").hint("The password is the token: pgw1.…");
        return Err(HandshakeError::Refused(failure));
    }
    Ok(password.into())
}

/// Answers a startup packet of a later minor version, or with options, that we speak 3.0 only.
pub fn negotiate_version(client: &mut Client, message: &StartupMessage) {
    if message.must_negotiate() {
        // Names of options came in a packet of at most 10,000 bytes, so they fit.
        let _ = reply::negotiate_protocol_version(client.reply(), &message.protocol_options);
    }
}
