//! A `tokio-postgres` connection by the URLs of the configuration, with `verify-full` as libpq means it.

use crate::config::{DatabaseUrl, Host, TlsMode};
use crate::upstream;
use anyhow::Context as _;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, NoTls};
use tokio_rustls::TlsConnector;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects, and drives the connection in the background.
pub async fn connect(url: &DatabaseUrl) -> anyhow::Result<Client> {
    let config = client_config(url);
    let target = crate::session::target(url, CONNECT_TIMEOUT);
    let Some(tls) = upstream::client_config(&target).with_context(|| format!("TLS towards {url}"))? else {
        let (client, connection) = config.connect(NoTls).await.map_err(|error| explained(url, error))?;
        tokio::spawn(connection);
        return Ok(client);
    };
    let tls = MakeTls(TlsConnector::from(tls));
    let (client, connection) = config.connect(tls).await.map_err(|error| explained(url, error))?;
    tokio::spawn(connection);
    Ok(client)
}

fn client_config(url: &DatabaseUrl) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    for (host, port) in &url.hosts {
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(dir) => config.host_path(dir),
        };
        config.port(*port);
    }
    config.user(&url.user).dbname(&url.database).application_name("pgwarrant");
    config.connect_timeout(CONNECT_TIMEOUT);
    if let Some(password) = &url.password {
        config.password(password);
    }
    config.ssl_mode(if url.tls == TlsMode::Disable { SslMode::Disable } else { SslMode::Require });
    config
}

fn explained(url: &DatabaseUrl, error: tokio_postgres::Error) -> anyhow::Error {
    let reason = match error.as_db_error() {
        Some(db) => db.message().to_owned(),
        None => std::error::Error::source(&error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    };
    anyhow::anyhow!("cannot connect to {url}: {reason}")
}

struct MakeTls(TlsConnector);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for MakeTls {
    type Stream = Tls<S>;
    type TlsConnect = ConnectTls;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<ConnectTls> {
        let name = ServerName::try_from(domain.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(ConnectTls(self.0.clone(), name))
    }
}

struct ConnectTls(TlsConnector, ServerName<'static>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for ConnectTls {
    type Stream = Tls<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Tls<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(Tls(self.0.connect(self.1, stream).await?)) })
    }
}

struct Tls<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Tls<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tls<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tls<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
