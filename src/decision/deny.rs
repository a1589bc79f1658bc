//! A refusal, as the agent sees it.

use super::reason::Reason;

/// Written for a language model to act on: what was wrong, where, and the smallest change that would pass.
/// Nothing in it may come from data that the agent may not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    pub reason: Reason,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// Byte offset in the statement (0-based), if one token is to blame.
    pub position: Option<u32>,
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
}

impl Deny {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Deny {
            reason,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            schema: None,
            table: None,
            column: None,
        }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, position: Option<u32>) -> Self {
        self.position = self.position.or(position);
        self
    }

    pub fn table(mut self, name: &crate::token::grant::QualifiedName) -> Self {
        self.schema = Some(name.schema.clone());
        self.table = Some(name.name.clone());
        self
    }

    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}
