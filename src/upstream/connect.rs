//! From a target to a connection that is ready: reached, encrypted, authenticated, pinned and checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::auth::{self, Channel};
use super::connection::Connection;
use super::error::{ServerError, UpstreamError};
use super::settings;
use super::stream::Stream;
use super::target::{Host, Target};
use super::tls;
use crate::wire::backend::{TransactionStatus, tag};
use crate::wire::{backend, request};

/// Makes connections to one target. Reads certificates once; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    target: Arc<Target>,
    tls: Option<Arc<ClientConfig>>,
}

/// The very server that a connection reached, so that its statements can be cancelled there.
#[derive(Clone)]
pub(super) enum Endpoint {
    Tcp { address: SocketAddr, tls: Option<(Arc<ClientConfig>, ServerName<'static>)> },
    Unix(PathBuf),
}

impl Connector {
    pub fn new(target: Target) -> Result<Self, UpstreamError> {
        let tls = tls::client_config(&target)?;
        Ok(Connector { target: Arc::new(target), tls })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Connects to the first host that answers. A host that answers with a refusal, such as a wrong password, ends the search.
    pub async fn connect(&self, settings: &[(&str, &str)]) -> Result<Connection, UpstreamError> {
        let mut last = UpstreamError::Closed;
        for host in &self.target.hosts {
            match timeout(self.target.connect_timeout, self.connect_host(host, settings)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if !error.is_about_the_host() => return Err(error),
                Ok(Err(error)) => last = error,
                Err(_) => last = UpstreamError::Timeout,
            }
        }
        Err(last)
    }

    async fn connect_host(&self, host: &Host, settings: &[(&str, &str)]) -> Result<Connection, UpstreamError> {
        let (stream, channel, endpoint) = self.open(host).await?;
        let mut connection = Connection::new(stream, endpoint);
        let who = [("user", self.target.user.as_str()), ("database", self.target.database.as_str())];
        request::startup(connection.handshake_buf(), who.into_iter().chain(settings.iter().copied()))?;
        connection.begin_handshake();
        connection.flush().await?;
        auth::authenticate(&mut connection, &self.target, &channel).await?;
        await_ready(&mut connection).await?;
        connection.confirm_settings(settings).await?;
        Ok(connection)
    }

    async fn open(&self, host: &Host) -> Result<(Stream, Channel, Endpoint), UpstreamError> {
        match host {
            Host::Unix { directory, port } => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                let stream = UnixStream::connect(&path).await?;
                Ok((Stream::Unix(stream), Channel { local: true, ..Channel::default() }, Endpoint::Unix(path)))
            }
            Host::Tcp { host, port } => {
                let stream = tcp(host, *port).await?;
                let tls = match &self.tls {
                    Some(config) => Some((config.clone(), server_name(host)?)),
                    None => None,
                };
                let endpoint = Endpoint::Tcp { address: stream.peer_addr()?, tls };
                let (stream, channel) = self.secure(stream, &endpoint).await?;
                Ok((stream, channel, endpoint))
            }
        }
    }

    async fn secure(&self, stream: TcpStream, endpoint: &Endpoint) -> Result<(Stream, Channel), UpstreamError> {
        let mut channel = Channel { local: stream.peer_addr()?.ip().is_loopback(), ..Channel::default() };
        let stream = encrypt(stream, endpoint).await?;
        if let Stream::Tls(stream) = &stream {
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            channel.encrypted = true;
            channel.verified = tls::verifies(&self.target);
            channel.binding = certificate.and_then(|certificate| tls::server_end_point(certificate));
        }
        Ok((stream, channel))
    }
}

impl Connection {
    /// Connects once. A [`Connector`] does the same without reading the certificates each time.
    pub async fn connect(target: &Target, settings: &[(&str, &str)]) -> Result<Connection, UpstreamError> {
        Connector::new(target.clone())?.connect(settings).await
    }

    /// Asks the server whether the startup parameters still hold. A login event trigger could have changed them, a superuser
    /// may have given the role a setting that no startup packet names, and code that a Parse ran may call `set_config`.
    pub async fn confirm_settings(&mut self, sent: &[(&str, &str)]) -> Result<(), UpstreamError> {
        for (name, expected) in REPORTED {
            confirm(name, expected, self.parameter(name).unwrap_or_default())?;
        }
        let expected = settings::to_confirm(sent);
        let names = expected.iter().map(|(name, _)| name.replace('\'', "''"));
        let columns: Vec<String> = names.map(|name| format!("pg_catalog.current_setting('{name}')")).collect();
        let rows = self.simple(&format!("SELECT {}", columns.join(", "))).await?.rows;
        let row = rows.first().ok_or(UpstreamError::Unexpected(tag::READY_FOR_QUERY))?;
        for (index, (name, expected)) in expected.iter().enumerate() {
            let found = row.get(index).and_then(Option::as_ref).map(|value| String::from_utf8_lossy(value));
            confirm(name, expected, &found.unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Endpoint {
    /// Another stream to the same server, secured the same way.
    pub(super) async fn open(&self) -> Result<Stream, UpstreamError> {
        match self {
            Endpoint::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            Endpoint::Tcp { address, .. } => encrypt(TcpStream::connect(address).await?, self).await,
        }
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, UpstreamError> {
    ServerName::try_from(host.to_owned()).map_err(|_| UpstreamError::Tls("the host's name is not one".to_owned()))
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, UpstreamError> {
    let mut last = UpstreamError::Io(std::io::ErrorKind::NotFound.into());
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                return Ok(stream);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// SSLRequest, its one-byte answer, and the handshake. Exactly one byte is read, so nothing that was sent in clear
/// ahead of the handshake can be taken for what came through it (CVE-2021-23222).
async fn encrypt(mut stream: TcpStream, endpoint: &Endpoint) -> Result<Stream, UpstreamError> {
    let Endpoint::Tcp { tls: Some((config, name)), .. } = endpoint else { return Ok(Stream::Tcp(stream)) };
    let mut buffer = BytesMut::new();
    request::ssl_request(&mut buffer);
    stream.write_all(&buffer).await?;
    match stream.read_u8().await? {
        b'S' => {}
        b'N' => return Err(UpstreamError::TlsRefused),
        other => return Err(UpstreamError::Unexpected(other)),
    }
    let handshake = TlsConnector::from(config.clone()).connect(name.clone(), stream);
    let stream = handshake.await.map_err(|error| UpstreamError::Tls(error.to_string()))?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// From AuthenticationOk to the first ReadyForQuery.
async fn await_ready(connection: &mut Connection) -> Result<(), UpstreamError> {
    loop {
        let frame = connection.next_frame().await?;
        match frame.tag {
            tag::BACKEND_KEY_DATA => connection.set_backend_key(backend::backend_key_data(&frame.body())?),
            tag::PARAMETER_STATUS | tag::NOTICE_RESPONSE => {}
            tag::ERROR_RESPONSE => return Err(UpstreamError::Server(ServerError::read(frame.raw)?)),
            tag::READY_FOR_QUERY if connection.status() == TransactionStatus::Idle => break,
            other => return Err(UpstreamError::Unexpected(other)),
        }
    }
    let text = connection.parameter("server_version").unwrap_or_default().to_owned();
    let number = version_num(&text).filter(|number| (150_000..190_000).contains(number)).ok_or(UpstreamError::Version(text))?;
    connection.set_server_version_num(number);
    connection.end_handshake();
    Ok(())
}

/// `15.18 (Debian …)` → 150018, `18beta1` → 180000: as `server_version_num` would say.
fn version_num(text: &str) -> Option<u32> {
    let number = |text: &str| {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        (text[..end].parse::<u32>().ok().filter(|&number| number < 10_000), text[end..].to_owned())
    };
    let (major, rest) = number(text);
    let minor = rest.strip_prefix('.').and_then(|rest| number(rest).0).unwrap_or(0);
    Some(major? * 10_000 + minor)
}

/// The server reports these by itself; without them bytes do not mean what we read.
const REPORTED: &[(&str, &str)] = &[("server_encoding", "UTF8"), ("client_encoding", "UTF8"), ("integer_datetimes", "on")];

fn confirm(name: &str, expected: &str, found: &str) -> Result<(), UpstreamError> {
    if found == expected {
        return Ok(());
    }
    Err(UpstreamError::Setting { name: name.to_owned(), expected: expected.to_owned(), found: found.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_server_version_num_prints_them() {
        for (text, number) in [
            ("15.18", Some(150_018)),
            ("18.4 (Debian 18.4-1.pgdg12+1)", Some(180_004)),
            ("18beta1", Some(180_000)),
            ("17rc2", Some(170_000)),
            ("9.6.24", Some(90_006)),
            ("", None),
            ("x", None),
            ("99999999999", None),
        ] {
            assert_eq!(version_num(text), number, "{text}");
        }
    }
}
