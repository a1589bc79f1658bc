//! Node-tree text → typed tree.

pub mod tree;
