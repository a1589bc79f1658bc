//! What can be seen in a statement's text alone, before the database sees it: its tokens, its template, its kind and the
//! names in it. Nothing here proves anything; the proof stands on Postgres's own tree (`reading`).
//! `sqlparser` is used in this module only.

// A refusal is the end of a statement, never a hot path, and is passed by value everywhere.
#![allow(clippy::result_large_err)]

pub mod catalogue;
pub mod fingerprint;
pub mod kind;
pub mod lexer;
pub mod limits;
pub mod local;
pub mod names;
pub mod scan;
pub mod words;

mod bridge;
mod copy;
mod cursor;
mod dialect;
mod fetch;
mod prepare;
mod setting_calls;
mod types;
mod utility;
mod walk;
