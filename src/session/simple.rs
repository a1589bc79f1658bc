//! The simple protocol: one text, perhaps of several statements, all of them decided before any of them runs.

use std::sync::Arc;

use bytes::Bytes;

use super::core::{End, Pending, Session};
use super::decide::Found;
use super::describe;
use super::failure::Failure;
use super::local::{self, Describe};
use super::prepared::{Decided, Kind, Permitted, Prepared, Values};
use super::show;
use super::sql_prepare;
use super::wrap::{Delivery, Unwrapped, shifted};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement;
use crate::statement::kind::{LocalStatement, ParameterType, StatementKind};
use crate::wire::Oid;
use crate::wire::frontend::{Format, Formats};
use crate::wire::{reply, request};

impl Session {
    pub async fn simple_query(&mut self, text: &str) -> Result<(), End> {
        self.run_early().await?;
        if self.skipping {
            // What precedes it in the pipeline failed, so that it is skipped up to Sync like anything else.
            return Ok(());
        }
        match self.try_simple(text).await? {
            Ok(()) => self.run_pending().await?,
            Err(failure) => self.fail(failure, Some(text), None).await?,
        }
        self.end_implicit();
        self.ready().await
    }

    async fn try_simple(&mut self, text: &str) -> Result<Result<(), Failure>, End> {
        if let Err(failure) = self.check_expiry() {
            return Ok(Err(failure));
        }
        // A simple Query drops the unnamed statement (protocol flow, "Extended Query").
        self.statements.remove("");
        let template = match self.asker().look_up(text, &[]) {
            Found::Decided(_) if self.transaction.is_failed() => return Ok(Err(Failure::transaction_failed())),
            Found::Decided(decided) => {
                self.portals.remove("");
                self.proxy.metrics.known.increment(1);
                return Ok(self.queue(text.into(), &decided, Delivery::Rows).await);
            }
            Found::Unknown(template) => template,
        };
        let statements = match statement::local::read(text, &self.proxy.limits) {
            Ok(statements) => statements,
            Err(deny) => return Ok(Err(deny.into())),
        };
        if statements.len() > 1 {
            return self.several(text, statements).await;
        }
        let Some(statement) = statements.into_iter().next() else {
            self.client.reply().extend_from_slice(reply::EMPTY_QUERY_RESPONSE);
            return Ok(Ok(()));
        };
        match self.judge_local(text, &[], statement, template).await {
            Err(failure) => Ok(Err(failure)),
            Ok(kind) => match self.unwrap(text, &[], kind).await {
                Err(failure) => Ok(Err(failure)),
                Ok(unwrapped) => self.run_one(unwrapped).await,
            },
        }
    }

    async fn run_one(&mut self, statement: Unwrapped) -> Result<Result<(), Failure>, End> {
        let Unwrapped { text, offset, kind, delivery } = statement;
        if !matches!(kind, Kind::Empty) {
            // It runs in the unnamed portal (`exec_simple_query`).
            self.portals.remove("");
        }
        match kind {
            Kind::Empty => {
                self.client.reply().extend_from_slice(reply::EMPTY_QUERY_RESPONSE);
                Ok(Ok(()))
            }
            Kind::Query(decided) => Ok(self.queue(text, &decided, delivery).await.map_err(|failure| shifted(failure, offset))),
            Kind::Local(statement) if matches!(statement.kind, StatementKind::Execute { .. }) => {
                Ok(self.queue_execute(&statement.kind).await)
            }
            Kind::Local(statement) => self.run_local(&text, &statement, &[], &Formats::All(Format::Text), Describe::Yes).await,
        }
    }

    /// Puts a query in line for the next round trip, behind its row description.
    async fn queue(&mut self, text: Arc<str>, decided: &Decided, delivery: Delivery) -> Result<(), Failure> {
        let values = Arc::new(Values {
            formats: Formats::All(Format::Text),
            parameters: Vec::new(),
            result_formats: Bytes::from_static(if delivery.is_binary() { request::ALL_BINARY } else { request::ALL_TEXT }),
        });
        if decided.certified.client_parameters > 0 {
            // As Postgres says of `SELECT $1` in a simple Query.
            return Err(Failure::new("42P02", "there is no parameter $1"));
        }
        let permitted = self.permit(&text, &[], decided, &values).await?;
        self.queue_permitted(text, Box::default(), permitted, values, delivery)
    }

    /// EXECUTE, which is a Bind and an Execute of what was prepared.
    async fn queue_execute(&mut self, statement: &StatementKind) -> Result<(), Failure> {
        let StatementKind::Execute { name, arguments } = statement else {
            return Err(Failure::new("XX000", "not an EXECUTE"));
        };
        if self.transaction.is_failed() {
            return Err(Failure::transaction_failed());
        }
        let (prepared, values) = self.executed(name, arguments, Bytes::from_static(request::ALL_TEXT))?;
        let decided = sql_prepare::prepared_query(&prepared)?;
        let permitted = self.permit(&prepared.text, &prepared.declared, decided, &values).await;
        // Positions are those of another text than the agent sent now.
        let permitted = permitted.map_err(|failure| Failure { position: None, ..failure })?;
        if !permitted.permit.written().is_empty() {
            // The block may be another one than it was prepared in.
            self.check_may_write("a statement that writes")?;
        }
        self.queue_permitted(prepared.text.clone(), prepared.declared.clone(), permitted, values, Delivery::Rows)
    }

    fn queue_permitted(
        &mut self,
        text: Arc<str>,
        declared: Box<[Oid]>,
        permitted: Permitted,
        values: Arc<Values>,
        delivery: Delivery,
    ) -> Result<(), Failure> {
        let values = self.deliverable(&text, &declared, &permitted, values, &delivery)?;
        let earlier = self.client.reply().split().freeze();
        let description = permitted.decided.certified.reading.row_description.clone();
        if description.is_some() && delivery.is_rows() {
            describe::rows(description.as_ref(), &Formats::All(Format::Text), self.client.reply())?;
        }
        let from_bind = self.client.reply().split().freeze();
        self.pending.push(Pending {
            before: earlier,
            from_bind,
            portal: None,
            text,
            declared,
            permitted,
            values,
            max_rows: 0,
            delivery,
        });
        Ok(())
    }

    /// All are judged before the first of them runs; BEGIN and COMMIT among them run in their turn.
    async fn several(&mut self, text: &str, statements: Vec<LocalStatement>) -> Result<Result<(), Failure>, End> {
        let mut judged = Vec::with_capacity(statements.len());
        let mut prepared: Vec<(String, Arc<Prepared>)> = Vec::new();
        let mut blocks = Blocks { open: self.transaction.is_block(), fresh: true };
        for mut statement in statements {
            if !blocks.takes(&statement.kind) {
                let message = "transaction control is not supported behind statements of the same query that are in no block";
                let failure = Failure::from(Deny::new(Reason::FeatureNotSupported, message));
                return Ok(Err(failure.hint("Let BEGIN come first, or send it as a query of its own.")));
            }
            let part: Arc<str> = text[statement.range.clone()].into();
            let offset = statement.range.start;
            statement.range = 0..part.len();
            let kind = match self.judge_part(&part, statement).await {
                Ok(kind) => kind,
                Err(failure) => return Ok(Err(shifted(failure, offset))),
            };
            if let Kind::Local(statement) = &kind
                && let Err(failure) = self.foresee(&part, statement, &mut prepared).await
                // What Postgres would say itself comes at its turn.
                && failure.reason.is_some()
            {
                return Ok(Err(shifted(failure, offset)));
            }
            match self.unwrap(&part, &[], kind).await {
                Ok(unwrapped) => judged.push(Unwrapped { offset: offset + unwrapped.offset, ..unwrapped }),
                Err(failure) => return Ok(Err(shifted(failure, offset))),
            }
        }
        for statement in judged {
            if matches!(statement.kind, Kind::Local(_)) {
                self.run_early().await?;
                if self.skipping {
                    return Ok(Ok(()));
                }
            }
            if let Err(failure) = self.run_one(statement).await? {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// What would be refused at its turn is refused before anything runs, so that no result precedes the refusal.
    /// `prepared`: what the text itself prepares.
    async fn foresee(
        &mut self,
        part: &str,
        statement: &LocalStatement,
        prepared: &mut Vec<(String, Arc<Prepared>)>,
    ) -> Result<(), Failure> {
        match &statement.kind {
            StatementKind::Begin(modes)
            | StatementKind::SetTransaction(modes)
            | StatementKind::SetSessionCharacteristics(modes) => self.check_read_write(modes),
            StatementKind::Set(variable) => self.check_set(variable),
            StatementKind::SettingCalls(calls) => calls.iter().try_for_each(|call| self.check_call(call)),
            StatementKind::Show { name } => show::value(self, name).map(drop),
            StatementKind::Reset { name } => show::check_reset(name),
            StatementKind::Explain { inner, .. } => self.check_explained(part, inner).await,
            StatementKind::Prepare { name, types, inner } => {
                let types: Vec<Oid> = types.iter().map(ParameterType::oid).collect();
                let text = &part[inner.clone()];
                let kind = self.judge(text, &types).await.map_err(|failure| shifted(failure, inner.start))?;
                let one = Prepared { text: text.into(), declared: types.into(), kind, delivery: Delivery::Rows };
                prepared.push((name.clone(), Arc::new(one)));
                Ok(())
            }
            StatementKind::Execute { name, arguments } => {
                let formats = Bytes::from_static(request::ALL_TEXT);
                let (one, values) = match prepared.iter().rfind(|(own, _)| own == name) {
                    Some((_, one)) => (one.clone(), sql_prepare::bound(name, one, arguments, formats)?),
                    None => self.executed(name, arguments, formats)?,
                };
                let decided = sql_prepare::prepared_query(&one)?.clone();
                let permitted = self.permit(&one.text, &one.declared, &decided, &values).await;
                permitted.map(drop).map_err(|failure| Failure { position: None, ..failure })
            }
            StatementKind::Select
            | StatementKind::Write { .. }
            | StatementKind::Commit { .. }
            | StatementKind::Rollback { .. }
            | StatementKind::Savepoint { .. }
            | StatementKind::Release { .. }
            | StatementKind::RollbackTo { .. }
            | StatementKind::ResetAll
            | StatementKind::DiscardAll
            | StatementKind::UnlistenAll
            | StatementKind::CloseAll
            | StatementKind::AdvisoryUnlockAll { .. }
            | StatementKind::Deallocate { .. }
            | StatementKind::Declare { .. }
            | StatementKind::Fetch { .. }
            | StatementKind::CloseCursor { .. }
            | StatementKind::Copy { .. }
            | StatementKind::Unsupported { .. } => Ok(()),
        }
    }

    async fn judge_part(&mut self, part: &str, mut statement: LocalStatement) -> Result<Kind, Failure> {
        if let StatementKind::Select | StatementKind::Write { .. } = statement.kind {
            return self.judge(part, &[]).await;
        }
        if has_inner(&statement.kind) {
            // Its inner ranges point into the whole text: read the part again.
            let mut again = statement::local::read(part, &self.proxy.limits)?;
            statement = again.pop().unwrap_or(statement);
        }
        self.judge_local(part, &[], statement, None).await
    }
}

/// The blocks that the statements of one query make. What is in no block is one implicit transaction up to the end of the
/// query, or up to a BEGIN, which would take it in (`exec_simple_query`, `BeginTransactionBlock`): that is refused.
struct Blocks {
    open: bool,
    /// Nothing stands in the implicit transaction yet.
    fresh: bool,
}

impl Blocks {
    fn takes(&mut self, kind: &StatementKind) -> bool {
        match kind {
            StatementKind::Begin(_) => {
                let taken = self.open || self.fresh;
                self.open = true;
                taken
            }
            StatementKind::Commit { chain } | StatementKind::Rollback { chain } => std::mem::replace(&mut self.open, *chain),
            StatementKind::Savepoint { .. }
            | StatementKind::Release { .. }
            | StatementKind::RollbackTo { .. }
            | StatementKind::SetTransaction(_) => self.open,
            StatementKind::DiscardAll => false,
            other => {
                self.fresh &= self.open;
                !local::is_transaction_control(other)
            }
        }
    }
}

/// Whether it keeps ranges of the text that it was read from.
fn has_inner(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Explain { .. }
            | StatementKind::Prepare { .. }
            | StatementKind::Declare { .. }
            | StatementKind::Copy { .. }
    )
}
