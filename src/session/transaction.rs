//! The agent's transaction block, as ReadyForQuery tells of it.

use std::fmt::Write;

use crate::statement::kind::{Isolation, TransactionModes};
use crate::wire::backend::TransactionStatus;

/// `BEGIN` is sent upstream with the first statement that needs it, so that an idle block holds no connection.
#[derive(Debug, Default)]
pub enum Transaction {
    #[default]
    None,
    /// In a block whose BEGIN the upstream has not seen.
    Announced(TransactionModes),
    /// In a block on a connection of its own.
    Open,
    /// Failed, with or without a connection: only its end is accepted.
    Failed { upstream: bool },
}

impl Transaction {
    pub fn status(&self) -> TransactionStatus {
        match self {
            Transaction::None => TransactionStatus::Idle,
            Transaction::Announced(_) | Transaction::Open => TransactionStatus::InTransaction,
            Transaction::Failed { .. } => TransactionStatus::Failed,
        }
    }

    pub fn is_block(&self) -> bool {
        !matches!(self, Transaction::None)
    }

    pub fn is_failed(&self) -> bool {
        matches!(self, Transaction::Failed { .. })
    }

    /// The upstream has this block.
    pub fn is_upstream(&self) -> bool {
        matches!(self, Transaction::Open | Transaction::Failed { upstream: true })
    }

    /// BEGIN as the upstream must hear it before the next statement, if it must.
    pub fn begin_text(&self, read_only: bool) -> Option<String> {
        match self {
            Transaction::Announced(modes) => Some(begin_text(modes, read_only)),
            Transaction::None | Transaction::Open | Transaction::Failed { .. } => None,
        }
    }

    /// The upstream has accepted what was sent.
    pub fn begun(&mut self) {
        if let Transaction::Announced(_) = self {
            *self = Transaction::Open;
        }
    }

    /// An error in a block fails it; outside there is nothing to fail.
    pub fn fail(&mut self) {
        *self = match self {
            Transaction::None => Transaction::None,
            Transaction::Announced(_) => Transaction::Failed { upstream: false },
            Transaction::Open => Transaction::Failed { upstream: true },
            Transaction::Failed { upstream } => Transaction::Failed { upstream: *upstream },
        };
    }

    /// The block's connection is gone.
    pub fn lose_upstream(&mut self) {
        if self.is_block() {
            *self = Transaction::Failed { upstream: false };
        }
    }

    /// ROLLBACK TO worked.
    pub fn recover(&mut self) {
        *self = Transaction::Open;
    }
}

pub fn begin_text(modes: &TransactionModes, read_only: bool) -> String {
    format!("BEGIN{}", modes_text(modes, read_only))
}

/// Whether it is read only is for the proxy to say, and said outright.
pub fn modes_text(modes: &TransactionModes, read_only: bool) -> String {
    let mut text = String::new();
    if let Some(isolation) = modes.isolation {
        // Writing to a String cannot fail.
        let _ = write!(text, " ISOLATION LEVEL {}", isolation_text(isolation).to_uppercase());
    }
    text.push_str(if text.is_empty() { " READ " } else { ", READ " });
    text.push_str(if read_only { "ONLY" } else { "WRITE" });
    match modes.deferrable {
        Some(true) => text.push_str(", DEFERRABLE"),
        Some(false) => text.push_str(", NOT DEFERRABLE"),
        None => {}
    }
    text
}

/// As `SHOW transaction_isolation` spells it.
pub fn isolation_text(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadUncommitted => "read uncommitted",
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead => "repeatable read",
        Isolation::Serializable => "serializable",
    }
}

pub fn isolation_named(name: &str) -> Option<Isolation> {
    [Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable]
        .into_iter()
        .find(|i| isolation_text(*i).eq_ignore_ascii_case(name.trim()))
}

/// `"x"`, for names that go back upstream.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_says_outright_whether_it_may_write() {
        let mut block = Transaction::Announced(TransactionModes { read_only: Some(false), ..TransactionModes::default() });
        assert_eq!(block.begin_text(true).as_deref(), Some("BEGIN READ ONLY"));
        assert_eq!(block.begin_text(false).as_deref(), Some("BEGIN READ WRITE"));
        block.begun();
        assert_eq!(block.begin_text(true), None);
        let modes = TransactionModes { isolation: Some(Isolation::RepeatableRead), read_only: None, deferrable: Some(true) };
        assert_eq!(modes_text(&modes, true), " ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE");
    }

    #[test]
    fn a_block_that_fails_before_its_begin_was_sent_has_no_upstream() {
        let mut block = Transaction::Announced(TransactionModes::default());
        block.fail();
        assert!(block.is_failed() && !block.is_upstream());
        let mut none = Transaction::None;
        none.fail();
        assert!(!none.is_block());
    }

    #[test]
    fn names_are_quoted_whole() {
        assert_eq!(quote_identifier(r#"a"b"#), r#""a""b""#);
    }
}
