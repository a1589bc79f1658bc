//! The catalogue: what the tree does not show.

pub mod closure;
pub mod constant;
pub mod functions;
pub mod load;
pub mod snapshot;
pub mod views;
pub mod visible;
pub mod write;
