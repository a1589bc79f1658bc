//! Statements that the proxy answers or drives by itself: settings, SHOW, transaction control.

use bytes::BytesMut;

use super::control;
use super::core::{End, Session};
use super::failure::Failure;
use super::show;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{ExplainOptionName, LocalStatement, SetVariable, StatementKind};
use crate::wire::frontend::{Format, Formats};
use crate::wire::reply::{self, Column};

/// Whether a result is preceded by its description, as in the simple protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Describe {
    Yes,
    No,
}

/// Outcome of a local statement: the inner failure is the agent's, the outer end the session's.
pub type Done = Result<Result<(), Failure>, End>;

impl Session {
    /// Nothing may be pending.
    pub async fn run_local(&mut self, text: &str, statement: &LocalStatement, formats: &Formats, describe_it: Describe) -> Done {
        if self.transaction.is_failed() && !control::leaves_block(&statement.kind) {
            return Ok(Err(Failure::transaction_failed()));
        }
        if describe_it == Describe::Yes && columns_of(&statement.kind).is_some() {
            describe(&statement.kind, formats, self.client.reply());
        }
        match &statement.kind {
            StatementKind::Begin(modes) => Ok(self.begin(text, modes)),
            StatementKind::Commit { chain } => self.commit(*chain).await,
            StatementKind::Rollback { chain } => self.rollback(*chain).await,
            StatementKind::Savepoint { name } => self.savepoint(name).await,
            StatementKind::Release { name } => self.release_savepoint(name).await,
            StatementKind::RollbackTo { name } => self.rollback_to(name).await,
            StatementKind::SetTransaction(modes) => self.set_transaction(modes).await,
            StatementKind::SetSessionCharacteristics(modes) => Ok(self.set_session_characteristics(modes)),
            StatementKind::Set(variable) => self.set(variable).await,
            StatementKind::Show { name } => Ok(self.show(name)),
            StatementKind::Reset { name } => Ok(self.reset(name)),
            StatementKind::ResetAll => {
                self.settings.reset_all();
                Ok(self.complete("RESET"))
            }
            StatementKind::DiscardAll => Ok(self.discard_all()),
            StatementKind::UnlistenAll => Ok(self.complete("UNLISTEN")),
            StatementKind::CloseAll => {
                self.portals.clear();
                Ok(self.complete("CLOSE CURSOR ALL"))
            }
            StatementKind::AdvisoryUnlockAll { .. } => {
                // No advisory lock can have been taken.
                Ok(self.row(b"", "SELECT 1"))
            }
            StatementKind::Explain { .. } => self.explain(text, statement).await,
            StatementKind::Unsupported { word } if word == "DEALLOCATE" => Ok(self.deallocate(text)),
            StatementKind::Unsupported { word } => Ok(unsupported(text, word)),
            StatementKind::Select | StatementKind::Write { .. } => {
                Ok(Err(Deny::new(Reason::StatementNotAllowed, "this statement is not run here").into()))
            }
        }
    }

    pub fn complete(&mut self, tag: &str) -> Result<(), Failure> {
        // The tags are our own and short.
        let _ = reply::command_complete(self.client.reply(), tag);
        Ok(())
    }

    /// One row of one column.
    pub fn row(&mut self, value: &[u8], tag: &str) -> Result<(), Failure> {
        reply::data_row(self.client.reply(), &[Some(value)]).map_err(|_| Failure::new("54000", "the value is too long"))?;
        self.complete(tag)
    }

    async fn set(&mut self, variable: &SetVariable) -> Done {
        match self.try_set(variable).await {
            Ok(value) => match &variable.call {
                Some(_) => Ok(self.row(value.as_bytes(), "SELECT 1")),
                None => Ok(self.complete("SET")),
            },
            Err(failure) => Ok(Err(failure)),
        }
    }

    fn show(&mut self, name: &str) -> Result<(), Failure> {
        let value = show::value(self, name)?;
        self.row(value.as_bytes(), "SHOW")
    }

    fn discard_all(&mut self) -> Result<(), Failure> {
        if self.transaction.is_block() {
            return Err(Failure::new("25001", "DISCARD ALL cannot run inside a transaction block"));
        }
        self.settings.reset_all();
        self.default_modes = Default::default();
        self.statements.clear();
        self.portals.clear();
        self.complete("DISCARD ALL")
    }

    /// DEALLOCATE reaches the statements of the protocol, which drivers do by SQL.
    fn deallocate(&mut self, text: &str) -> Result<(), Failure> {
        let mut rest = text.trim().trim_end_matches(';').trim_end();
        for word in ["deallocate", "prepare"] {
            if rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) && rest.len() > word.len() {
                rest = rest[word.len()..].trim_start();
            }
        }
        if rest.eq_ignore_ascii_case("all") {
            self.statements.clear();
            return self.complete("DEALLOCATE ALL");
        }
        let name = match rest.strip_prefix('"').and_then(|r| r.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => rest.to_ascii_lowercase(),
        };
        if name.is_empty() {
            return Err(Failure::new("42601", "syntax error"));
        }
        self.statements.get(&name)?;
        self.statements.remove(&name);
        self.complete("DEALLOCATE")
    }
}

pub fn is_transaction_control(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Begin(_)
        | StatementKind::Commit { .. }
        | StatementKind::Rollback { .. }
        | StatementKind::Savepoint { .. }
        | StatementKind::Release { .. }
        | StatementKind::RollbackTo { .. }
        | StatementKind::SetTransaction(_)
        | StatementKind::DiscardAll => true,
        StatementKind::Select
        | StatementKind::Explain { .. }
        | StatementKind::Write { .. }
        | StatementKind::SetSessionCharacteristics(_)
        | StatementKind::Set(_)
        | StatementKind::Show { .. }
        | StatementKind::Reset { .. }
        | StatementKind::ResetAll
        | StatementKind::UnlistenAll
        | StatementKind::CloseAll
        | StatementKind::AdvisoryUnlockAll { .. }
        | StatementKind::Unsupported { .. } => false,
    }
}

/// The one column of a local result.
fn columns_of(kind: &StatementKind) -> Option<Column<'_>> {
    match kind {
        StatementKind::Show { name } => Some(Column::text(show::column_name(name))),
        StatementKind::Set(SetVariable { call: Some(column), .. }) => Some(Column::text(column)),
        // `void`, four bytes by value.
        StatementKind::AdvisoryUnlockAll { column } => Some(Column { name: column, type_oid: 2278, type_size: 4, format: 0 }),
        StatementKind::Explain { options, .. } => {
            let format = options.iter().rfind(|o| o.name == ExplainOptionName::Format).and_then(|o| o.value.as_deref());
            let type_oid = match format.map(str::to_ascii_lowercase).as_deref() {
                Some("json") => 114,
                Some("xml") => 142,
                Some(_) | None => 25,
            };
            Some(Column { name: "QUERY PLAN", type_oid, type_size: -1, format: 0 })
        }
        StatementKind::Select
        | StatementKind::Write { .. }
        | StatementKind::Begin(_)
        | StatementKind::Commit { .. }
        | StatementKind::Rollback { .. }
        | StatementKind::Savepoint { .. }
        | StatementKind::Release { .. }
        | StatementKind::RollbackTo { .. }
        | StatementKind::SetTransaction(_)
        | StatementKind::SetSessionCharacteristics(_)
        | StatementKind::Set(SetVariable { call: None, .. })
        | StatementKind::Reset { .. }
        | StatementKind::ResetAll
        | StatementKind::DiscardAll
        | StatementKind::UnlistenAll
        | StatementKind::CloseAll
        | StatementKind::Unsupported { .. } => None,
    }
}

/// RowDescription or NoData. Text has the same bytes in both formats, so only the code differs.
pub fn describe(kind: &StatementKind, formats: &Formats, out: &mut BytesMut) {
    match columns_of(kind) {
        Some(column) => {
            let format = formats.get(0).unwrap_or(Format::Text) as i16;
            // A name of at most 63 bytes fits.
            let _ = reply::row_description(out, &[Column { format, ..column }]);
        }
        None => out.extend_from_slice(reply::NO_DATA),
    }
}

/// What is known and not run: what may come later is 0A000, what never will is 42501.
pub fn unsupported(_text: &str, word: &str) -> Result<(), Failure> {
    const LATER: [&str; 14] = [
        "COPY",
        "LISTEN",
        "NOTIFY",
        "UNLISTEN",
        "PREPARE",
        "EXECUTE",
        "DECLARE",
        "FETCH",
        "MOVE",
        "CLOSE",
        "LOCK",
        "PREPARE TRANSACTION",
        "COMMIT PREPARED",
        "ROLLBACK PREPARED",
    ];
    if word == "DEALLOCATE" {
        return Ok(());
    }
    let deny = if LATER.contains(&word) {
        Deny::new(Reason::FeatureNotSupported, format!("{word} is not supported"))
            .hint("Send plain SELECTs; parameters and cursors work by the extended protocol.")
    } else {
        Deny::new(Reason::StatementNotAllowed, format!("{word} is not allowed")).hint("Only SELECT is possible.")
    };
    Err(deny.into())
}
