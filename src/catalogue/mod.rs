//! The catalogue: what the tree does not show.

pub mod snapshot;
