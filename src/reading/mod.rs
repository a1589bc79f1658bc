//! Node-tree text → typed tree.
//!
//! `debug_print_parse` and `debug_print_rewritten` make each `Parse` show how Postgres itself resolved the statement.
//! This module reads that text (`src/backend/nodes/outfuncs.c`) and nothing else: what it does not know by name, in the order that
//! the version prints, it refuses. It says nothing about whether a statement is allowed.
//!
//! One file a family of nodes; what differs between versions is named in `version`.

mod cte;
mod expr;
mod field;
pub mod flat;
mod join_tree;
mod permission;
mod query;
mod range_table;
mod reader;
mod set_operation;
mod sort;
pub mod template;
mod text;
pub mod tree;
mod unreadable;
mod version;
mod window;
mod write;

pub use reader::MAX_DEPTH;
pub use text::MAX_BYTES;
pub use unreadable::Unreadable;
pub use version::Version;

use reader::{Read, Reader};
use tree::{Query, Trees};

/// Reads the DETAIL texts of the two `elog_node_display` notices, `parse tree:` and `rewritten parse tree:`, as they were received.
pub fn read(version: Version, analysed: &[u8], rewritten: &[u8]) -> Result<Trees, Unreadable> {
    Ok(Trees { analysed: read_analysed(version, analysed)?, rewritten: read_rewritten(version, rewritten)? })
}

/// Exactly one query.
pub fn read_analysed(version: Version, text: &[u8]) -> Result<Query, Unreadable> {
    text::check(text)?;
    whole(version, text, |reader| reader.query())
}

/// A list of queries; `<>` where a rule left nothing.
pub fn read_rewritten(version: Version, text: &[u8]) -> Result<Vec<Query>, Unreadable> {
    text::check(text)?;
    whole(version, text, |reader| reader.list(|reader| reader.query()))
}

fn whole<T>(version: Version, text: &[u8], value: impl FnOnce(&mut Reader) -> Read<T>) -> Result<T, Unreadable> {
    let mut reader = Reader::new(version, text);
    let read = value(&mut reader).and_then(|value| reader.finish().map(|()| value));
    read.map_err(|error| *error)
}
