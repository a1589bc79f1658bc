//! A grant: one permission, in the one text form that tokens, rule files, the command line and messages share.

mod display;
mod lexer;
mod narrow;
mod parse;
#[cfg(test)]
mod tests;
mod types;
mod values;

pub(super) use display::printable;
pub use display::quote_identifier;
pub use narrow::{Uncovered, explain, narrower};
pub use parse::{GrantError, MAX_GRANT_BYTES, MAX_IDENTIFIER_BYTES};

/// What a statement does to a relation, or that it calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    Select,
    Insert,
    Update,
    Delete,
}

/// A schema-qualified name as Postgres stores it (already folded, without quotes).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QualifiedName {
    pub schema: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// `(*)`: every column that rules do not hide. DELETE has no list and is `All`.
    All,
    /// In the order written, without repeats.
    List(Vec<String>),
}

/// A literal of the closed grammar. Dates, uuids and strings are all written `'…'`:
/// what a string means is decided by the column's type, in `decision`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Literal {
    Integer(i64),
    Text(String),
    Boolean(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    Equals(Literal),
    In(Vec<Literal>),
    /// Both ends included.
    Between(Literal, Literal),
    Compare(Comparison, Literal),
}

/// One conjunct of a grant's WHERE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub column: String,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationGrant {
    pub action: Action,
    pub columns: Columns,
    pub relation: QualifiedName,
    pub predicate: Vec<Condition>,
    pub limit: Option<u64>,
}

/// A function with its argument types as Postgres prints them, e.g. `public.order_total(integer)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionSignature {
    pub function: QualifiedName,
    pub arguments: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    Relation(RelationGrant),
    Execute(FunctionSignature),
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Select => "SELECT",
            Action::Insert => "INSERT",
            Action::Update => "UPDATE",
            Action::Delete => "DELETE",
        }
    }
}
