//! Prove a shape inside every block of a token and the rules.

pub mod deny;
pub mod reason;
