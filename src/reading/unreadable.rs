//! Why a tree text could not be read. Each of these refuses the statement.

/// Node and field are the last ones the reader had opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the tree text is longer than {} bytes", super::text::MAX_BYTES)]
    TooLong,
    #[error("a line of the tree text was cut inside a token, so the text is ambiguous")]
    CutToken,
    #[error("the tree is nested deeper than {} nodes", super::reader::MAX_DEPTH)]
    TooDeep,
    #[error("the tree text does not end where its tree ends")]
    TrailingText,
    #[error("node {name} is not read")]
    UnknownNode { name: String },
    #[error("{node}: expected {expected}")]
    Unexpected { node: &'static str, expected: &'static str },
    #[error("{node}.{field}: expected {expected}")]
    BadValue { node: &'static str, field: &'static str, expected: &'static str },
    #[error("{node}.{field} should be empty after analysis and is not")]
    NotEmpty { node: &'static str, field: &'static str },
    #[error("a utility statement has no tree of its own")]
    UtilityStatement,
    #[error("permission entry {index} of the query is missing, unused or for another relation")]
    Permissions { index: u32 },
}
