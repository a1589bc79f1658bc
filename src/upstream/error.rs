//! What goes wrong between us and the database.

use std::io;

use bytes::Bytes;

use crate::wire::request::Unencodable;
use crate::wire::{FrameError, backend};

/// Texts are for the operator's log. None of them is passed to an agent: a server's message can name what it may not see.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("connection to the database failed: {0}")]
    Io(#[from] io::Error),
    #[error("the database did not answer in time")]
    Timeout,
    #[error("the database closed the connection")]
    Closed,
    #[error("TLS with the database failed: {0}")]
    Tls(String),
    #[error("the database does not offer TLS, which sslmode asks for")]
    TlsRefused,
    #[error("authentication with the database failed: {0}")]
    Authentication(String),
    #[error("the database broke the protocol: {0}")]
    Frame(#[from] FrameError),
    #[error("the database sent an unexpected message of type {0}")]
    Unexpected(u8),
    #[error("the database answered with more bytes than this exchange accepts")]
    TooLarge,
    #[error("{0}")]
    Server(ServerError),
    #[error("the database's version {0} is not supported: 15 to 18 are")]
    Version(String),
    #[error("setting {name} of the connection is {found:?} instead of {expected:?}")]
    Setting { name: String, expected: String, found: String },
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    #[error("the connection is in the middle of another exchange")]
    Busy,
}

impl UpstreamError {
    /// Whether another host may do better: nobody answered, or this one is starting, stopping or full.
    pub(super) fn is_about_the_host(&self) -> bool {
        match self {
            UpstreamError::Io(_) | UpstreamError::Timeout | UpstreamError::Closed => true,
            UpstreamError::Server(error) => matches!(&error.sqlstate, b"57P03" | b"57P01" | b"57P02" | b"53300"),
            _ => false,
        }
    }
}

/// An ErrorResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// `XX000` if the server gave none.
    pub sqlstate: [u8; 5],
    /// The whole message, header included.
    pub raw: Bytes,
}

impl ServerError {
    pub(super) fn read(raw: Bytes) -> Result<Self, FrameError> {
        let body = raw.slice(5..);
        let sqlstate = backend::report(&body)?.sqlstate().unwrap_or(*b"XX000");
        Ok(ServerError { sqlstate, raw })
    }

    pub fn sqlstate(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("XX000")
    }

    /// A field of the message, made printable.
    pub fn field(&self, code: u8) -> Option<String> {
        let body = self.raw.slice(5..);
        let report = backend::report(&body).ok()?;
        report.get(code).map(|text| String::from_utf8_lossy(text).into_owned())
    }
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the database says {}: {}", self.sqlstate(), self.field(b'M').unwrap_or_default())
    }
}
