//! Proving ourselves to the database: SCRAM-SHA-256, bound to the TLS channel where both sides can.
//!
//! MD5 is refused everywhere. No authentication at all is accepted where the server is known by other means
//! (loopback, a Unix socket, a verified certificate), a password in clear only on this machine and by configuration.

use bytes::Bytes;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};

use super::connection::Connection;
use super::error::{ServerError, UpstreamError};
use super::target::Target;
use crate::wire::backend::{self, Authentication, tag};
use crate::wire::request;

/// What is known about the other end before it says a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Channel {
    /// Loopback or a Unix socket, by the address really connected to.
    pub(super) local: bool,
    /// TLS whose certificate was verified to name the host.
    pub(super) verified: bool,
    pub(super) encrypted: bool,
    /// `tls-server-end-point`, if the channel has one.
    pub(super) binding: Option<Vec<u8>>,
}

fn refused(text: &str) -> UpstreamError {
    UpstreamError::Authentication(text.to_owned())
}

/// From StartupMessage sent to AuthenticationOk received.
pub(super) async fn authenticate(connection: &mut Connection, target: &Target, channel: &Channel) -> Result<(), UpstreamError> {
    let body = request(connection).await?;
    match backend::authentication(&body)? {
        Authentication::Ok if target.require_channel_binding => Err(refused("the server did not bind to the TLS channel")),
        Authentication::Ok if channel.local || channel.verified => Ok(()),
        Authentication::Ok => Err(refused("the server asked for no password, and nothing else proves that it is the server")),
        Authentication::Sasl(offered) => scram(connection, target, channel, &offered).await,
        Authentication::CleartextPassword if target.allow_cleartext && channel.local && !target.require_channel_binding => {
            request::password(connection.handshake_buf(), password(target)?)?;
            connection.flush().await?;
            expect_ok(connection).await
        }
        Authentication::CleartextPassword => Err(refused("the server wants the password in clear; use scram-sha-256")),
        Authentication::Md5Password => Err(refused("the server wants md5; use scram-sha-256")),
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => Err(UpstreamError::Unexpected(tag::AUTHENTICATION)),
        Authentication::Other(code) => Err(UpstreamError::Authentication(format!("method {code} is not supported"))),
    }
}

fn password(target: &Target) -> Result<&str, UpstreamError> {
    target.password.as_deref().map(String::as_str).ok_or_else(|| refused("the server wants a password and none is configured"))
}

async fn scram(connection: &mut Connection, target: &Target, channel: &Channel, offered: &[&str]) -> Result<(), UpstreamError> {
    let (mechanism, binding) = mechanism(target, channel, offered)?;
    let mut exchange = ScramSha256::new(password(target)?.as_bytes(), binding);
    request::sasl_initial_response(connection.handshake_buf(), mechanism, exchange.message())?;
    connection.flush().await?;
    let body = request(connection).await?;
    let Authentication::SaslContinue(challenge) = backend::authentication(&body)? else {
        return Err(UpstreamError::Unexpected(tag::AUTHENTICATION));
    };
    exchange.update(&challenge).map_err(|_| refused("the server's challenge is malformed"))?;
    request::sasl_response(connection.handshake_buf(), exchange.message())?;
    connection.flush().await?;
    let body = request(connection).await?;
    let Authentication::SaslFinal(proof) = backend::authentication(&body)? else {
        return Err(UpstreamError::Unexpected(tag::AUTHENTICATION));
    };
    // The server's signature: without it anybody could say AuthenticationOk.
    exchange.finish(&proof).map_err(|_| refused("the server does not know the password"))?;
    expect_ok(connection).await
}

/// RFC 5802, section 6: who can bind says so even when the server offers none, so that an offer taken away is noticed.
fn mechanism(target: &Target, channel: &Channel, offered: &[&str]) -> Result<(&'static str, ChannelBinding), UpstreamError> {
    let plus = channel.encrypted && offered.contains(&SCRAM_SHA_256_PLUS);
    match &channel.binding {
        Some(binding) if plus => Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(binding.clone()))),
        _ if target.require_channel_binding => Err(refused("the channel cannot be bound, and channel_binding=require")),
        _ if !offered.contains(&SCRAM_SHA_256) => Err(refused("the server offers no mechanism that we speak")),
        Some(_) => Ok((SCRAM_SHA_256, ChannelBinding::unrequested())),
        None => Ok((SCRAM_SHA_256, ChannelBinding::unsupported())),
    }
}

async fn expect_ok(connection: &mut Connection) -> Result<(), UpstreamError> {
    let body = request(connection).await?;
    match backend::authentication(&body)? {
        Authentication::Ok => Ok(()),
        _ => Err(UpstreamError::Unexpected(tag::AUTHENTICATION)),
    }
}

/// The body of the server's next Authentication message.
async fn request(connection: &mut Connection) -> Result<Bytes, UpstreamError> {
    loop {
        let frame = connection.next_frame().await?;
        match frame.tag {
            tag::AUTHENTICATION => return Ok(frame.body()),
            tag::ERROR_RESPONSE => return Err(UpstreamError::Server(ServerError::read(frame.raw)?)),
            tag::NOTICE_RESPONSE => {}
            other => return Err(UpstreamError::Unexpected(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(binding: bool, encrypted: bool, require: bool, offered: &[&str]) -> Option<&'static str> {
        let mut target = Target::parse("postgres://a@db/d").unwrap();
        target.require_channel_binding = require;
        let channel = Channel { encrypted, binding: binding.then(|| vec![1]), ..Channel::default() };
        mechanism(&target, &channel, offered).ok().map(|(mechanism, _)| mechanism)
    }

    #[test]
    fn the_bound_mechanism_is_taken_when_both_sides_can() {
        let both = [SCRAM_SHA_256_PLUS, SCRAM_SHA_256];
        assert_eq!(chosen(true, true, false, &both), Some(SCRAM_SHA_256_PLUS));
        assert_eq!(chosen(false, true, false, &both), Some(SCRAM_SHA_256));
        assert_eq!(chosen(false, false, false, &[SCRAM_SHA_256]), Some(SCRAM_SHA_256));
    }

    #[test]
    fn a_required_binding_is_not_given_up() {
        assert_eq!(chosen(true, true, true, &[SCRAM_SHA_256]), None);
        assert_eq!(chosen(false, true, true, &[SCRAM_SHA_256_PLUS, SCRAM_SHA_256]), None);
    }

    #[test]
    fn unknown_mechanisms_are_refused() {
        assert_eq!(chosen(true, true, false, &["OAUTHBEARER"]), None);
        assert_eq!(chosen(false, false, false, &[SCRAM_SHA_256_PLUS]), None);
    }
}
