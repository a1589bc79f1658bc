//! Statements that the proxy answers or drives by itself: settings, SHOW, transaction control.

use bytes::{Bytes, BytesMut};

use super::control;
use super::core::{End, Session};
use super::failure::Failure;
use super::show;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{
    ExplainOptionName, LocalStatement, SetValue, SetVariable, SettingCall, SettingValue, StatementKind,
};
use crate::wire::Oid;
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
    pub async fn run_local(
        &mut self,
        text: &str,
        statement: &LocalStatement,
        values: &[Option<Bytes>],
        formats: &Formats,
        describe_it: Describe,
    ) -> Done {
        if self.transaction.is_failed() && !control::leaves_block(&statement.kind) {
            return Ok(Err(Failure::transaction_failed()));
        }
        // What precedes BEGIN in the same implicit transaction belongs to the block, so this is right for BEGIN, too.
        self.settings.begin();
        if describe_it == Describe::Yes && columns(&statement.kind) > 0 {
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
            StatementKind::SettingCalls(calls) => Ok(self.setting_calls(calls, values).await),
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
            StatementKind::Prepare { name, types, inner } => {
                Ok(self.prepare_sql(name, types, &text[inner.clone()], inner.start).await)
            }
            StatementKind::Deallocate { name } => Ok(self.deallocate(name.as_deref())),
            StatementKind::Fetch { name, motion, moves: false } => Ok(self.fetch(name, *motion, formats, describe_it)),
            StatementKind::Fetch { name, motion, moves: true } => Ok(self.move_cursor(name, *motion)),
            StatementKind::CloseCursor { name } => Ok(self.close_cursor(name)),
            StatementKind::Unsupported { word } => Ok(unsupported(text, word)),
            // They are run as the queries that are in them.
            StatementKind::Select
            | StatementKind::Write { .. }
            | StatementKind::Execute { .. }
            | StatementKind::Declare { .. }
            | StatementKind::Copy { .. } => {
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

    /// From left to right, as Postgres evaluates a target list.
    async fn setting_calls(&mut self, calls: &[SettingCall], values: &[Option<Bytes>]) -> Result<(), Failure> {
        let mut row = Vec::with_capacity(calls.len());
        for SettingCall { name, set, column } in calls {
            let value = match set {
                None => show::value(self, name)?,
                Some((value, local)) => {
                    let values = setting_value(value, values)?;
                    let variable = SetVariable { name: name.clone(), values, local: *local, call: Some(column.clone()) };
                    self.try_set(&variable).await?.to_string()
                }
            };
            row.push(value);
        }
        let row: Vec<Option<&[u8]>> = row.iter().map(|value| Some(value.as_bytes())).collect();
        reply::data_row(self.client.reply(), &row).map_err(|_| Failure::new("54000", "the value is too long"))?;
        self.complete("SELECT 1")
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
        | StatementKind::SettingCalls(_)
        | StatementKind::AdvisoryUnlockAll { .. }
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Declare { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::CloseCursor { .. }
        | StatementKind::Copy { .. }
        | StatementKind::Unsupported { .. } => false,
    }
}

/// The columns of a local result; none where there is no result.
fn columns_of(kind: &StatementKind) -> Vec<Column<'_>> {
    match kind {
        StatementKind::Show { name } => vec![Column::text(show::column_name(name))],
        StatementKind::Set(SetVariable { call: Some(column), .. }) => vec![Column::text(column)],
        StatementKind::SettingCalls(calls) => calls.iter().map(|call| Column::text(&call.column)).collect(),
        // `void`, four bytes by value.
        StatementKind::AdvisoryUnlockAll { column } => vec![Column { name: column, type_oid: 2278, type_size: 4, format: 0 }],
        StatementKind::Explain { options, .. } => {
            let format = options.iter().rfind(|o| o.name == ExplainOptionName::Format).and_then(|o| o.value.as_deref());
            let type_oid = match format.map(str::to_ascii_lowercase).as_deref() {
                Some("json") => 114,
                Some("xml") => 142,
                Some(_) | None => 25,
            };
            vec![Column { name: "QUERY PLAN", type_oid, type_size: -1, format: 0 }]
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
        | StatementKind::Prepare { .. }
        | StatementKind::Execute { .. }
        | StatementKind::Deallocate { .. }
        | StatementKind::Declare { .. }
        | StatementKind::Fetch { .. }
        | StatementKind::CloseCursor { .. }
        | StatementKind::Copy { .. }
        | StatementKind::Unsupported { .. } => Vec::new(),
    }
}

/// How many columns its result has; 0 where it has none.
pub fn columns(kind: &StatementKind) -> usize {
    columns_of(kind).len()
}

/// The types of a local statement's parameters: as declared, and `text` where the proxy knows better.
pub fn parameter_types(kind: &StatementKind, declared: &[Oid]) -> Result<Vec<Oid>, Failure> {
    const TEXT: Oid = 25;
    const UNKNOWN: Oid = 705;
    let mut types = declared.to_vec();
    if let StatementKind::SettingCalls(calls) = kind
        && calls.iter().any(|call| matches!(call.set, Some((SettingValue::Parameter, _))))
    {
        match types.first_mut() {
            None => types.push(TEXT),
            Some(first) if matches!(*first, 0 | TEXT | UNKNOWN) => *first = TEXT,
            Some(_) => return Err(Failure::new("42883", "the value of set_config must be of type text")),
        }
    }
    // A statement that is not analysed gives its parameters no types, so the client must (`parse_analyze_varparams`).
    match types.iter().position(|&oid| oid == 0 || oid == UNKNOWN) {
        Some(at) => Err(Failure::new("42P18", format!("could not determine data type of parameter ${}", at + 1))),
        None => Ok(types),
    }
}

/// RowDescription or NoData. Text has the same bytes in both formats, so only the code differs.
pub fn describe(kind: &StatementKind, formats: &Formats, out: &mut BytesMut) {
    let mut columns = columns_of(kind);
    if columns.is_empty() {
        out.extend_from_slice(reply::NO_DATA);
        return;
    }
    for (index, column) in columns.iter_mut().enumerate() {
        column.format = formats.get(index).unwrap_or(Format::Text) as i16;
    }
    // Few names of at most 63 bytes fit.
    let _ = reply::row_description(out, &columns);
}

/// NULL is the default, as for Postgres's `set_config_by_name`.
fn setting_value(value: &SettingValue, values: &[Option<Bytes>]) -> Result<SetValue, Failure> {
    let given = match value {
        SettingValue::Constant(constant) => Some(constant.clone()),
        SettingValue::Parameter => match values.first() {
            Some(Some(bytes)) => {
                let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
                Some(text.ok_or_else(|| Failure::new("22021", "invalid byte sequence for encoding \"UTF8\""))?.to_owned())
            }
            Some(None) => None,
            None => return Err(Failure::new("42P02", "there is no parameter $1")),
        },
    };
    Ok(given.map_or(SetValue::Default, |value| SetValue::List(vec![value])))
}

/// What is known and not run: what may come later is 0A000, what never will is 42501.
pub fn unsupported(_text: &str, word: &str) -> Result<(), Failure> {
    const LATER: [&str; 7] =
        ["LISTEN", "NOTIFY", "UNLISTEN", "LOCK", "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"];
    let deny = if LATER.contains(&word) {
        Deny::new(Reason::FeatureNotSupported, format!("{word} is not supported")).hint("Leave it out.")
    } else {
        Deny::new(Reason::StatementNotAllowed, format!("{word} is not allowed")).hint("Only SELECT is possible.")
    };
    Err(deny.into())
}
