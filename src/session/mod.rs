//! One agent's connection, from the first byte to the last.

pub mod cache;
pub mod cancel;
mod client;
mod failure;
mod listener;
pub mod setting_value;
pub mod settings;
mod startup;
pub mod stream;
