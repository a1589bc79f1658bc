//! The record for auditors: a mirror of the ledger in Postgres, and what checks either of them without trusting
//! whoever runs the proxy.

pub mod completeness;
pub mod mirror;
pub mod schema;
pub mod verify;
