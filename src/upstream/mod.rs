//! Connections to the database behind us: made, authenticated, pinned, kept in a bounded pool, and read frame by frame.
//!
//! `upstream` knows neither tokens nor decisions. It runs what it is told to and hands back what the server said;
//! when it does not know a connection to be idle, it does not reuse it.

mod auth;
mod cancel;
mod certified;
mod connect;
mod connection;
mod error;
mod fence;
mod parse;
mod pool;
mod query;
mod settings;
mod stream;
mod target;
mod tls;
mod trees;

pub use cancel::CancelHandle;
pub use certified::{Certified, CertifiedStatements, StatementName};
pub use connect::Connector;
pub use connection::{BackendFrame, Connection, RowRun};
pub use error::{ServerError, UpstreamError};
pub use fence::{Answer, Changes, Control, Counted, Record, SCHEMA as FENCE_SCHEMA, SQL as FENCE_SQL, Settled};
pub use parse::{ParseFailure, Parsed};
pub use pool::{Pool, PoolConfig, PoolCounts, PoolError, Pooled};
pub use query::Rows;
pub use settings::{PINNED, Settings};
pub use target::{Host, SslMode, Target, TargetError};
pub use tls::client_config;
pub use trees::{TreeKind, TreeNotice, tree_digest};
