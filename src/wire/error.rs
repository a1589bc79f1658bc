//! What is wrong with bytes that we were sent.

/// A violation of the protocol. None of these can be recovered from: the stream has no point to resume at,
/// so the connection ends after the ErrorResponse. The texts are Postgres's own where it has one
/// (`src/backend/libpq/pqcomm.c`, `pqformat.c`, `tcop/postgres.c`, `backend_startup.c`) and never hold client bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("invalid frontend message type {0}")]
    UnknownFrontendTag(u8),
    #[error("invalid backend message type {0}")]
    UnknownBackendTag(u8),
    #[error("expected password response, got message type {0}")]
    ExpectedPassword(u8),
    #[error("password message outside of authentication")]
    UnexpectedPassword,
    #[error("invalid message length")]
    InvalidLength,
    #[error("message of type {tag} is {length} bytes long, at most {limit} are accepted")]
    TooLong { tag: u8, length: u32, limit: u32 },
    #[error("insufficient data left in message")]
    Truncated,
    #[error("invalid message format")]
    Leftover,
    #[error("invalid string in message")]
    MissingNul,
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    InvalidUtf8,
    #[error("invalid count in message")]
    InvalidCount,
    #[error("invalid format code {0}")]
    InvalidFormat(i16),
    #[error("invalid subtype {0} in message")]
    InvalidSubtype(u8),
    #[error("invalid length of startup packet")]
    StartupLength,
    #[error("invalid startup packet layout: expected terminator as last byte")]
    StartupTerminator,
    #[error("startup packet names a parameter twice")]
    StartupDuplicate,
    #[error("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0")]
    UnsupportedProtocol { major: u16, minor: u16 },
    #[error("invalid length of cancel request packet")]
    CancelLength,
}

impl FrameError {
    /// `protocol_violation` for all but a version that we do not speak, where Postgres says `feature_not_supported`.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            FrameError::UnsupportedProtocol { .. } => "0A000",
            _ => "08P01",
        }
    }
}
