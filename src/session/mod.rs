//! One agent's connection, from the first byte to the last.

pub mod cache;
pub mod cancel;
mod client;
mod connection_settings;
mod describe;
mod exchange;
mod failure;
mod handshake;
mod hold;
mod identity;
mod listener;
mod prepared;
mod prover;
mod record;
pub mod setting_value;
pub mod settings;
mod startup;
pub mod stream;
mod transaction;
mod trees;
mod world;
