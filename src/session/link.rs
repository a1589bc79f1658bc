//! One upstream connection as the session uses it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::settings::Values;
use crate::wire::FrameError;
use crate::wire::backend::{BackendKey, TransactionStatus};
use crate::wire::frame::{BackendLimits, Frame, data_rows, split_backend};
use crate::wire::request::Unencodable;

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    #[error("the server sent a message of type {0} where it may not stand")]
    Unexpected(u8),
    #[error("the server refused a statement of the proxy's own")]
    Control(Bytes),
    #[error("the server closed the connection")]
    Closed,
}
