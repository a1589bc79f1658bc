//! The canonical text of a grant: what `parse` reads back to an equal value.

use super::{Action, Columns, Comparison, Condition, FunctionSignature, Grant, Literal, QualifiedName, RelationGrant, Test};
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// Words of the grammar that Postgres reserves too: a column of that name is written in quotes.
pub(super) const RESERVED: [&str; 9] = ["and", "between", "false", "in", "limit", "on", "select", "true", "where"];

/// A name as it must be written in a grant: bare where it folds to itself, in `"…"` otherwise.
pub fn quote_identifier(name: &str) -> Cow<'_, str> {
    if is_bare(name) && !RESERVED.contains(&name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// Anybody's text made fit for a log or a terminal: what does not print is escaped.
pub(in crate::token) fn printable(text: &str) -> String {
    let escape = |letter: char| match letter {
        '\'' | '"' | '\\' => letter.to_string(),
        letter => letter.escape_debug().to_string(),
    };
    text.chars().map(escape).collect()
}

/// Whether an unquoted spelling of the name is read as the name itself.
pub(super) fn is_bare(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'$')
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for QualifiedName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

impl Display for Columns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Columns::All => f.write_str("(*)"),
            Columns::List(names) => {
                f.write_str("(")?;
                write_list(f, names.iter().map(|name| quote_identifier(name)))?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Integer(value) => write!(f, "{value}"),
            Literal::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Literal::Boolean(true) => f.write_str("TRUE"),
            Literal::Boolean(false) => f.write_str("FALSE"),
        }
    }
}

impl Comparison {
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let column = quote_identifier(&self.column);
        match &self.test {
            Test::Equals(literal) => write!(f, "{column} = {literal}"),
            Test::In(literals) => {
                write!(f, "{column} IN (")?;
                write_list(f, literals)?;
                f.write_str(")")
            }
            Test::Between(low, high) => write!(f, "{column} BETWEEN {low} AND {high}"),
            Test::Compare(comparison, literal) => write!(f, "{column} {} {literal}", comparison.as_str()),
        }
    }
}

impl Display for RelationGrant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        if self.action != Action::Delete {
            write!(f, " {}", self.columns)?;
        }
        write!(f, " ON {}", self.relation)?;
        for (index, condition) in self.predicate.iter().enumerate() {
            write!(f, " {} {condition}", if index == 0 { "WHERE" } else { "AND" })?;
        }
        match self.limit {
            Some(limit) => write!(f, " LIMIT {limit}"),
            None => Ok(()),
        }
    }
}

impl Display for FunctionSignature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function)?;
        write_list(f, &self.arguments)?;
        f.write_str(")")
    }
}

impl Display for Grant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Relation(grant) => write!(f, "{grant}"),
            Grant::Execute(signature) => write!(f, "EXECUTE ON FUNCTION {signature}"),
        }
    }
}

fn write_list(f: &mut Formatter<'_>, items: impl IntoIterator<Item = impl Display>) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
