//! From an accepted connection to a session: token, settings, the first entry, the greeting.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::cancel::Key;
use super::client::Client;
use super::connection_settings;
use super::core::{Session, unrecorded};
use super::failure::Failure;
use super::handshake::{self, HandshakeError, Opened};
use super::identity::Identity;
use super::listener::Accepted;
use super::proxy::{Proxy, unix_now};
use super::record;
use super::settings::{Setting, Settings};
use super::startup::{self, Startup};
use super::stream::Peer;
use super::transaction::Transaction;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::token::{self, TokenError, Verified, VerifyContext};
use crate::wire::startup::{CancelRequest, StartupMessage};
use crate::wire::{backend, reply};

/// How far clocks may differ, in seconds.
const SKEW: i64 = 5;

/// Serves one connection to its end.
pub async fn serve(proxy: Arc<Proxy>, accepted: Accepted, has_place: bool) {
    let opening = async { open(&proxy, accepted, has_place).await };
    let session = match tokio::time::timeout(proxy.handshake_timeout, opening).await {
        Ok(Ok(Some(session))) => session,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            tracing::info!(reason = error.label(), "a connection was refused");
            metrics::counter!("pgwarrant_connections_refused_total", "reason" => error.label()).increment(1);
            proxy.refused.count();
            return;
        }
        Err(_) => {
            metrics::counter!("pgwarrant_connections_refused_total", "reason" => "timeout").increment(1);
            proxy.refused.count();
            return;
        }
    };
    let identity = session.identity.clone();
    let began = Instant::now();
    metrics::gauge!("pgwarrant_sessions").increment(1.0);
    let end = session.run().await;
    metrics::gauge!("pgwarrant_sessions").decrement(1.0);
    tracing::debug!(session = identity.session, %end, "session ended");
    if let Err(error) = proxy.ledger.append(record::session_close(&identity, began.elapsed())).await {
        tracing::error!(%error, "the end of a session could not be recorded");
    }
}

async fn open(proxy: &Arc<Proxy>, accepted: Accepted, has_place: bool) -> Result<Option<Session>, HandshakeError> {
    let (mut client, message, peer) = match handshake::open(accepted, &proxy.negotiation).await? {
        Opened::Startup { client, message, peer } => (*client, message, peer),
        Opened::Cancel { request, mut stream } => {
            cancel(proxy, &request).await;
            // libpq takes the end of a TLS stream without a close_notify for an error.
            let _ = stream.shutdown().await;
            return Ok(None);
        }
    };
    match begin(proxy, &mut client, &message, &peer, has_place).await {
        Ok((identity, startup, values)) => Ok(Some(session(proxy, client, identity, &startup, values).await?)),
        Err(error) => {
            if let Some(failure) = error.told() {
                failure.write(None, client.reply());
                let _ = client.shutdown().await;
            }
            Err(error)
        }
    }
}

async fn cancel(proxy: &Proxy, request: &CancelRequest) {
    // Our keys are of four bytes.
    if let Ok(secret) = <[u8; 4]>::try_from(&request.key[..]) {
        proxy.cancels.cancel(Key { process: request.process_id, secret: i32::from_be_bytes(secret) }).await;
    }
}

type Begun = (Arc<Identity>, Startup, Settings);

async fn begin(
    proxy: &Arc<Proxy>,
    client: &mut Client,
    message: &StartupMessage,
    peer: &Peer,
    has_place: bool,
) -> Result<Begun, HandshakeError> {
    let refuse = HandshakeError::Refused;
    handshake::negotiate_version(client, message);
    if !has_place {
        return Err(refuse(Failure::fatal("53300", "sorry, too many clients already")));
    }
    let mut startup = startup::read(message, &proxy.database, &proxy.base, &proxy.caps).map_err(refuse)?;
    let password = handshake::password(client, peer).await?;
    let verified = verify(proxy, &password, client).map_err(refuse)?;
    if let Some(asked) = startup.time_zone.take() {
        let zone = time_zone(proxy, &asked).await.map_err(refuse)?;
        startup.values.set(Setting::TimeZone, zone);
    }
    let identity = Identity::new(verified, startup.user.clone(), peer.to_string(), rand::random());
    let opened = proxy.ledger.append(record::session_open(&identity)).await;
    opened.map_err(|error| refuse(Failure { fatal: true, ..unrecorded(&error) }))?;
    let settings = Settings::new(Arc::new(startup.values.clone()), proxy.base.clone());
    Ok((identity, startup, settings))
}

fn verify(proxy: &Proxy, token: &str, client: &Client) -> Result<Verified, Failure> {
    let now = unix_now();
    let mut context = VerifyContext {
        roots: &proxy.roots,
        audience: &proxy.audience,
        now,
        skew: SKEW,
        replay: &mut |jti, until| proxy.replay.take(jti, until, now),
        tls_client_cert_sha256: client.stream().client_certificate_sha256(),
    };
    token::verify(token, &mut context).map_err(|error| refused(&error))
}

fn refused(error: &TokenError) -> Failure {
    tracing::info!(%error, code = error.code(), "a token was refused");
    Failure { fatal: true, ..Failure::from(Deny::new(Reason::TokenInvalid, error.agent_message())) }
}

async fn time_zone(proxy: &Proxy, asked: &str) -> Result<Arc<str>, Failure> {
    let unknown = || Failure::fatal("22023", format!("invalid value for parameter \"TimeZone\": \"{asked}\""));
    if let Some(found) = proxy.time_zones.get(asked) {
        return found.ok_or_else(unknown);
    }
    let unavailable = || Failure::fatal("57P03", "the database cannot be reached now");
    let mut connection = proxy.pool.acquire().await.map_err(|_| unavailable())?;
    let found = connection_settings::canonical_time_zone(&mut connection, asked).await;
    connection.release();
    let found: Option<Arc<str>> = found.map_err(|_| unavailable())?.map(Into::into);
    proxy.time_zones.insert(asked, found.clone());
    found.ok_or_else(unknown)
}

async fn session(
    proxy: &Arc<Proxy>,
    mut client: Client,
    identity: Arc<Identity>,
    startup: &Startup,
    settings: Settings,
) -> Result<Session, HandshakeError> {
    let registration = proxy.cancels.register(rand::random);
    greet(proxy, &mut client, startup, &settings, registration.key());
    client.flush().await?;
    let told = settings.effective().clone();
    Ok(Session {
        proxy: proxy.clone(),
        client,
        identity,
        registration,
        settings,
        statements: Default::default(),
        portals: Default::default(),
        transaction: Transaction::None,
        subtransactions: Default::default(),
        default_modes: Default::default(),
        block_modes: Default::default(),
        upstream: None,
        block: Default::default(),
        pending: Vec::new(),
        skipping: false,
        told,
        receipt: None,
        running: proxy.running.clone(),
    })
}

/// Every text here is short enough to be sent.
fn greet(proxy: &Proxy, client: &mut Client, startup: &Startup, settings: &Settings, key: Key) {
    let out = client.reply();
    out.extend_from_slice(reply::AUTHENTICATION_OK);
    for (name, value) in &proxy.reported {
        let _ = reply::parameter_status(out, name, value);
    }
    for setting in Setting::ALL.into_iter().filter(|s| s.is_reported()) {
        let _ = reply::parameter_status(out, setting.name(), settings.get(setting));
    }
    let _ = reply::parameter_status(out, "is_superuser", "off");
    let _ = reply::parameter_status(out, "session_authorization", &startup.user);
    let _ = reply::backend_key_data(out, key.process, &Bytes::copy_from_slice(&key.secret.to_be_bytes()));
    reply::ready_for_query(out, backend::TransactionStatus::Idle);
}
