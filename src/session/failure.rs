//! An error of our own towards the agent.

use std::borrow::Cow;

use bytes::BytesMut;

use super::setting_value::InvalidValue;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::wire::reply::{self, Report, Severity};

/// What the agent is told. With a reason it is a refusal, and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: Option<Reason>,
    pub sqlstate: Cow<'static, str>,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// Byte offset in the statement.
    pub position: Option<u32>,
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    /// The connection ends.
    pub fatal: bool,
}

impl Failure {
    /// An error that Postgres would give too, in its words.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            reason: None,
            sqlstate: sqlstate.into(),
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            schema: None,
            table: None,
            column: None,
            fatal: false,
        }
    }

    /// With its position in another text.
    pub fn moved(mut self, to: impl FnOnce(u32) -> u32) -> Failure {
        self.position = self.position.map(to);
        self
    }

    pub fn fatal(sqlstate: &'static str, message: impl Into<String>) -> Failure {
        Failure { fatal: true, ..Failure::new(sqlstate, message) }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub fn reason(mut self, reason: Reason) -> Failure {
        self.reason = Some(reason);
        self
    }

    /// 25P02: everything but the end of the block is refused in a failed transaction.
    pub fn transaction_failed() -> Failure {
        Failure::new("25P02", "current transaction is aborted, commands ignored until end of transaction block")
    }

    /// `text` is the statement that the position points into.
    pub fn write(&self, text: Option<&str>, out: &mut BytesMut) {
        let severity = if self.fatal { Severity::Fatal } else { Severity::Error };
        let mut report = Report::new(severity, &self.sqlstate, self.message.as_str()).routine("pgwarrant");
        if let Some(text) = &self.detail {
            report = report.detail(text.as_str());
        }
        if let Some(text) = &self.hint {
            report = report.hint(text.as_str());
        }
        if let (Some(byte), Some(text)) = (self.position, text)
            && let Some(character) = reply::character_position(text, byte)
        {
            report = report.position(character);
        }
        if let Some(name) = &self.schema {
            report = report.schema(name.as_str());
        }
        if let Some(name) = &self.table {
            report = report.table(name.as_str());
        }
        if let Some(name) = &self.column {
            report = report.column(name.as_str());
        }
        if let Some(reason) = self.reason {
            report = report.constraint(reason.code());
        }
        if report.error_response(out).is_err() {
            // Only a text beyond 2 GiB does not fit, and none of ours is that long.
            let short = Report::new(severity, &self.sqlstate, "the error is too long to send").routine("pgwarrant");
            let _ = short.error_response(out);
        }
    }
}

impl From<Deny> for Failure {
    fn from(deny: Deny) -> Failure {
        Failure {
            reason: Some(deny.reason),
            sqlstate: deny.reason.sqlstate().into(),
            message: deny.message,
            detail: deny.detail,
            hint: deny.hint,
            position: deny.position,
            schema: deny.schema,
            table: deny.table,
            column: deny.column,
            fatal: false,
        }
    }
}

impl From<InvalidValue> for Failure {
    fn from(error: InvalidValue) -> Failure {
        let message = error.to_string();
        match error {
            InvalidValue::Invalid { hint, .. } => {
                let failure = Failure::new("22023", message);
                Failure { hint: hint.map(str::to_owned), ..failure }
            }
            InvalidValue::AboveCap { .. } => Failure::new("42501", message).reason(Reason::SettingNotAllowed),
        }
    }
}

/// A NOTICE or WARNING of our own.
pub fn notice(severity: Severity, sqlstate: &str, message: &str, out: &mut BytesMut) {
    let _ = Report::new(severity, sqlstate, message).routine("pgwarrant").notice_response(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::backend;
    use bytes::Bytes;

    #[test]
    fn a_denial_carries_reason_routine_and_position_in_characters() {
        let mut out = BytesMut::new();
        let deny = Deny::new(Reason::UnboundedScan, "no").at(Some(5)).hint("add it");
        Failure::from(deny).write(Some("éé x"), &mut out);
        let body = Bytes::copy_from_slice(&out[5..]);
        let report = backend::report(&body).unwrap();
        assert_eq!(report.get(b'n'), Some(&b"unbounded_scan"[..]));
        assert_eq!(report.get(b'R'), Some(&b"pgwarrant"[..]));
        assert_eq!(report.get(b'C'), Some(&b"42501"[..]));
        assert_eq!(report.get(b'H'), Some(&b"add it"[..]));
        assert_eq!(report.get(b'P'), Some(&b"4"[..]));
    }
}
