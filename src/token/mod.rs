//! The delegation token.

pub mod grant;
