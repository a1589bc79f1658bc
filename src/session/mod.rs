//! One agent's connection, from the first byte to the last.

pub mod cache;
pub mod cancel;
pub mod setting_value;
pub mod settings;
pub mod stream;
