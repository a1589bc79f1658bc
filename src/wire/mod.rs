//! Strict framing and readers for the Postgres frontend/backend protocol, version 3.
//!
//! `wire` knows bytes and the protocol, and nothing of ours: no token, no decision, no socket.
//!
//! - [`frame`] cuts a byte stream into whole messages, each size capped before a byte of its body is awaited;
//! - [`startup`] reads the untagged packets that open a connection;
//! - [`frontend`] reads what a client sends, [`backend`] what a server sends: every body is consumed to its last byte,
//!   leftovers, missing NULs, invalid UTF-8 and negative counts are protocol errors;
//! - [`reply`] writes what we originate towards a client, [`request`] what we originate towards a server.

pub mod backend;
mod body;
mod error;
pub mod frame;
pub mod frontend;
pub mod reply;
pub mod request;
pub mod startup;

pub use error::FrameError;

/// An object identifier, as the protocol carries it.
pub type Oid = u32;
