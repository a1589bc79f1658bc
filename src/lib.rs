//! pgwarrant: every statement needs a warrant; every warrant gets a return.
//!
//! The path of a statement:
//!
//! ```text
//! client bytes → Frame → Template + Values ─ known template ──────────────────────→ Proof(values) → Decision
//!                            └ new template → local reading → reading → Shape → Proof ─┘
//! Deny   → recorded denial → ErrorResponse
//! Permit → upstream → Outcome → Recorded → release → client
//! ```
//!
//! `wire` frames bytes, `session` drives one client, `statement` takes literals out and reads locally,
//! `reading` types Postgres's own tree, `catalogue` knows what the tree does not show, `shape` says what a tree does,
//! `decision` proves it inside `token` and `rules`, `upstream` runs it, `ledger` records it, `audit` mirrors the record.

pub mod audit;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod decision;
pub mod kill_point;
pub mod ledger;
pub mod reading;
pub mod rules;
pub mod session;
pub mod shape;
pub mod statement;
pub mod token;
pub mod upstream;
pub mod wire;
