//! A `tokio-postgres` connection by the URLs of the configuration, with `verify-full` as libpq means it.

use crate::config::{DatabaseUrl, Host, TlsMode};
use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, NoTls};
use tokio_rustls::TlsConnector;

/// Connects, and drives the connection in the background.
pub async fn connect(url: &DatabaseUrl) -> anyhow::Result<Client> {
    let config = client_config(url);
    if url.tls == TlsMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(|error| explained(url, error))?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let tls = MakeTls(TlsConnector::from(Arc::new(tls_config(url)?)));
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
    config.connect_timeout(std::time::Duration::from_secs(10));
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

fn tls_config(url: &DatabaseUrl) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    if url.tls == TlsMode::Require && url.root_certificate.is_none() {
        let verifier = Arc::new(AnyCertificate(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    Ok(builder.with_root_certificates(roots(url)?).with_no_client_auth())
}

fn roots(url: &DatabaseUrl) -> anyhow::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match &url.root_certificate {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).with_context(|| file.display().to_string())? {
                store.add(certificate.with_context(|| file.display().to_string())?)?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    anyhow::ensure!(!store.is_empty(), "no root certificate to verify {url} with");
    Ok(store)
}

/// `sslmode=require`: the channel is encrypted, to whom is not known.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
