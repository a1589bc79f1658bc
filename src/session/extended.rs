//! The extended protocol, message by message (`exec_parse_message` and its siblings in `src/backend/tcop/postgres.c`).

use std::sync::Arc;

use bytes::Bytes;

use super::control;
use super::core::{End, MAX_PENDING, Pending, Session};
use super::describe;
use super::failure::Failure;
use super::local;
use super::prepared::{Kind, Portal, PortalState, Prepared, Values};
use super::wrap::{Delivery, Unwrapped};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::StatementKind;
use crate::wire::Oid;
use crate::wire::frontend::{Bind, Format, Formats, Parse, Target};
use crate::wire::{reply, request};

/// CommandComplete of SHOW.
const SHOWN: &[u8] = b"C\0\0\0\x09SHOW\0";

impl Session {
    pub async fn parse(&mut self, parse: &Parse<'_>) -> Result<(), End> {
        if !parse.name.is_empty() && !self.has_implicit_writes() {
            // Whether the name will be free depends on whether what precedes it works.
            self.run_early().await?;
            if self.skipping {
                return Ok(());
            }
        }
        match self.try_parse(parse).await {
            Ok(()) => {
                self.client.reply().extend_from_slice(reply::PARSE_COMPLETE);
                Ok(())
            }
            Err(failure) => self.fail(failure, Some(parse.query), None).await,
        }
    }

    async fn try_parse(&mut self, parse: &Parse<'_>) -> Result<(), Failure> {
        let kind = self.judge(parse.query, &parse.types).await?;
        let Unwrapped { text, kind, delivery, .. } = self.unwrap(parse.query, &parse.types, kind).await?;
        let declared: Box<[Oid]> = match &kind {
            Kind::Query(_) | Kind::Empty => parse.types.as_slice().into(),
            Kind::Local(statement) => local::parameter_types(&statement.kind, &parse.types)?.into(),
        };
        // As in `exec_parse_message`, a text that cannot be read comes before a name that is taken.
        self.statements.check_free(parse.name)?;
        let prepared = Prepared { text, declared, kind, delivery };
        self.statements.insert(parse.name, Arc::new(prepared));
        Ok(())
    }

    pub async fn bind(&mut self, bind: Bind<'_>) -> Result<(), End> {
        let (name, statement) = (bind.portal.to_owned(), bind.statement.to_owned());
        let result_formats = bind.read_result_formats();
        let values = Values { formats: bind.parameter_formats, parameters: bind.parameters, result_formats: bind.result_formats };
        let values = Arc::new(values);
        let bound = match result_formats {
            Ok(formats) => self.try_bind(&name, &statement, values.clone(), formats).await,
            Err(error) => Err(Failure::new("08P01", error.to_string())),
        };
        match bound {
            Ok(()) => {
                self.client.reply().extend_from_slice(reply::BIND_COMPLETE);
                Ok(())
            }
            Err(failure) => {
                let prepared = self.statements.get(&statement).ok().cloned();
                self.fail(failure, prepared.as_ref().map(|p| &*p.text), Some(&values)).await
            }
        }
    }

    async fn try_bind(&mut self, name: &str, statement: &str, values: Arc<Values>, formats: Formats) -> Result<(), Failure> {
        let mut prepared = self.statements.get(statement)?.clone();
        let mut values = values;
        if values.parameters.len() != prepared.parameters() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {}",
                values.parameters.len(),
                prepared.parameters()
            );
            return Err(Failure::new("08P01", message));
        }
        if self.transaction.is_failed() && !control::leaves_block_kind(&prepared.kind) {
            return Err(Failure::transaction_failed());
        }
        self.portals.check_free(name)?;
        let executes = if let Kind::Local(statement) = &prepared.kind
            && let StatementKind::Execute { name, arguments } = &statement.kind
        {
            Some(self.executed(name, arguments, values.result_formats.clone())?)
        } else {
            None
        };
        let is_executed = executes.is_some();
        if let Some(executes) = executes {
            (prepared, values) = executes;
        }
        if let Delivery::Copy(_) = prepared.delivery {
            let codes = if prepared.delivery.is_binary() { request::ALL_BINARY } else { request::ALL_TEXT };
            values = Arc::new(Values { result_formats: Bytes::from_static(codes), ..Values::clone(&values) });
        }
        let permitted = match &prepared.kind {
            Kind::Query(decided) => {
                let description = decided.certified.reading.row_description.as_ref();
                if prepared.delivery.is_rows() {
                    describe::check_formats(&formats, describe::columns(description))?;
                }
                let permitted = self.permit(&prepared.text, &prepared.declared, decided, &values).await;
                // Positions are those of another text than the agent sent.
                let elsewhere = is_executed || !prepared.delivery.is_rows();
                let permitted =
                    permitted.map_err(|failure| if elsewhere { Failure { position: None, ..failure } } else { failure })?;
                if is_executed && !permitted.permit.written().is_empty() {
                    self.check_may_write("a statement that writes")?;
                }
                Some(permitted)
            }
            Kind::Local(statement) => {
                if local::columns(&statement.kind) > 0 {
                    describe::check_formats(&formats, local::columns(&statement.kind))?;
                }
                None
            }
            Kind::Empty => None,
        };
        let bound_at = (self.pending.len(), self.client.reply().len());
        let portal = Portal {
            prepared,
            values,
            result_formats: formats,
            bound_at,
            state: PortalState::Ready(permitted),
            number: self.subtransactions.number(),
            is_cursor: false,
            scrolls: false,
        };
        self.portals.insert(name, portal);
        Ok(())
    }

    pub async fn describe(&mut self, target: Target<'_>) -> Result<(), End> {
        match self.try_describe(target) {
            Ok(()) => Ok(()),
            Err(failure) => self.fail(failure, None, None).await,
        }
    }

    fn try_describe(&mut self, target: Target<'_>) -> Result<(), Failure> {
        let (prepared, formats) = match target {
            Target::Statement(name) => (self.statements.get(name)?.clone(), Formats::All(Format::Text)),
            Target::Portal(name) => {
                let portal = self.portals.get(name)?;
                (portal.prepared.clone(), portal.result_formats.clone())
            }
        };
        let rows = self.rows_described(&prepared);
        let has_rows = match &prepared.kind {
            Kind::Query(_) => rows.is_some(),
            Kind::Local(statement) => rows.is_some() || local::columns(&statement.kind) > 0,
            Kind::Empty => false,
        };
        if self.transaction.is_failed() && has_rows {
            // To describe rows is to look things up, which a failed block may not (`exec_describe_statement_message`).
            return Err(Failure::transaction_failed());
        }
        let out = self.client.reply();
        if matches!(target, Target::Statement(_)) {
            let types = match &prepared.kind {
                Kind::Query(decided) => {
                    let certified = &decided.certified;
                    &certified.reading.parameter_types[..certified.client_parameters]
                }
                Kind::Empty | Kind::Local(_) => &*prepared.declared,
            };
            describe::parameters(types, out);
        }
        match &prepared.kind {
            Kind::Query(_) => describe::rows(rows.as_ref(), &formats, out),
            Kind::Local(_) if rows.is_some() => describe::rows(rows.as_ref(), &formats, out),
            Kind::Local(statement) => {
                local::describe(&statement.kind, &formats, out);
                Ok(())
            }
            Kind::Empty => {
                out.extend_from_slice(reply::NO_DATA);
                Ok(())
            }
        }
    }

    /// RowDescription of what Postgres described upstream; COPY and DECLARE have none, EXECUTE and FETCH another's
    /// (`UtilityTupleDescriptor`).
    fn rows_described(&self, prepared: &Prepared) -> Option<Bytes> {
        match &prepared.kind {
            Kind::Query(decided) if prepared.delivery.is_rows() => decided.certified.reading.row_description.clone(),
            Kind::Query(_) | Kind::Empty => None,
            Kind::Local(statement) => match &statement.kind {
                StatementKind::Execute { name, .. } => {
                    self.statements.get(name).ok().and_then(|executed| self.rows_described_of_query(executed))
                }
                StatementKind::Fetch { name, moves: false, .. } => self.cursor_description(name),
                _ => None,
            },
        }
    }

    fn rows_described_of_query(&self, prepared: &Prepared) -> Option<Bytes> {
        match &prepared.kind {
            Kind::Query(_) => self.rows_described(prepared),
            Kind::Empty | Kind::Local(_) => None,
        }
    }

    pub async fn execute(&mut self, name: &str, max_rows: u32) -> Result<(), End> {
        if let Err(failure) = self.check_expiry() {
            return self.fail(failure, None, None).await;
        }
        // A portal that is on its way must arrive before it can go on.
        if self.portals.get(name).is_ok_and(|portal| matches!(portal.state, PortalState::Running))
            || self.pending.len() >= MAX_PENDING
        {
            self.run_early().await?;
            if self.skipping {
                return Ok(());
            }
        }
        let portal = match self.portals.get_mut(name) {
            Ok(portal) => portal,
            Err(failure) => return self.fail(failure, None, None).await,
        };
        let prepared = portal.prepared.clone();
        if self.transaction.is_failed() && !control::leaves_block_kind(&prepared.kind) {
            return self.fail(Failure::transaction_failed(), None, None).await;
        }
        match (&prepared.kind, &mut portal.state) {
            (Kind::Query(_), state @ PortalState::Ready(_)) => {
                let PortalState::Ready(Some(permitted)) = std::mem::replace(state, PortalState::Running) else {
                    let failure = Failure::new("55000", "the portal cannot be run");
                    return self.fail(failure, None, None).await;
                };
                let (pending, byte) = portal.bound_at;
                let bound = portal.values.clone();
                let delivery = prepared.delivery.clone();
                let values = match self.deliverable(&prepared.text, &prepared.declared, &permitted, bound, &delivery) {
                    Ok(values) => values,
                    Err(failure) => return self.fail(failure, None, None).await,
                };
                let max_rows = if delivery.is_rows() { max_rows } else { 0 };
                let reply = self.client.reply();
                let cut = if pending == self.pending.len() { byte.min(reply.len()) } else { reply.len() };
                let before = reply.split_to(cut).freeze();
                let from_bind = reply.split().freeze();
                self.pending.push(Pending {
                    before,
                    from_bind,
                    portal: Some(name.into()),
                    text: prepared.text.clone(),
                    declared: prepared.declared.clone(),
                    permitted,
                    values,
                    max_rows,
                    delivery,
                });
                Ok(())
            }
            (Kind::Query(_), PortalState::Rows(_)) => {
                self.run_early().await?;
                if !self.skipping {
                    self.next_rows(name, max_rows);
                }
                Ok(())
            }
            (Kind::Query(_), PortalState::Done) => {
                // It could not be put better than `SELECT 0`: the rows are all gone.
                let _ = reply::command_complete(self.client.reply(), "SELECT 0");
                Ok(())
            }
            (Kind::Query(_), PortalState::Scroll(_)) => {
                let deny =
                    Deny::new(Reason::FeatureNotSupported, "Execute of a cursor that was declared SCROLL is not supported");
                self.fail(deny.hint("Use FETCH.").into(), Some(&prepared.text), None).await
            }
            (Kind::Query(_), PortalState::Cut) => {
                let failure = Failure::new("0A000", "a portal can be continued only inside of a transaction block")
                    .hint("Send BEGIN first, or ask for all rows at once.");
                self.fail(failure, Some(&prepared.text), None).await
            }
            (Kind::Query(_), PortalState::Running) => self.fail(Failure::new("55000", "the portal is running"), None, None).await,
            (Kind::Empty, _) => {
                self.client.reply().extend_from_slice(reply::EMPTY_QUERY_RESPONSE);
                Ok(())
            }
            (Kind::Local(statement), PortalState::Done) => {
                if matches!(statement.kind, StatementKind::Show { .. }) {
                    // The row is gone, and the tag has no count.
                    self.client.reply().extend_from_slice(SHOWN);
                    return Ok(());
                }
                let failure = Failure::new("55000", format!("portal \"{name}\" cannot be run"));
                self.fail(failure, Some(&prepared.text), None).await
            }
            (Kind::Local(statement), _)
                if max_rows > 0 && matches!(statement.kind, StatementKind::Fetch { moves: false, .. }) =>
            {
                let deny = Deny::new(Reason::FeatureNotSupported, "a row count in Execute is not supported for FETCH");
                self.fail(deny.hint("Write the count into FETCH.").into(), Some(&prepared.text), None).await
            }
            (Kind::Local(statement), _) => {
                let (formats, values) = (portal.result_formats.clone(), portal.values.clone());
                self.run_early().await?;
                if self.skipping {
                    return Ok(());
                }
                match self.run_local(&prepared.text, statement, &values.parameters, &formats, local::Describe::No).await? {
                    // A block that has ended took its portals with it.
                    Ok(()) => {
                        if max_rows == 1 && matches!(statement.kind, StatementKind::Show { .. }) {
                            // Whether that was the last row the server only finds out when it is asked for more.
                            let reply = self.client.reply();
                            reply.truncate(reply.len() - SHOWN.len());
                            reply.extend_from_slice(reply::PORTAL_SUSPENDED);
                        }
                        self.set_portal(Some(name), &values, PortalState::Done);
                        Ok(())
                    }
                    Err(failure) => self.fail(failure, Some(&prepared.text), None).await,
                }
            }
        }
    }

    /// Unless the name has been bound anew meanwhile, which the values tell: each Bind brings its own.
    pub fn set_portal(&mut self, name: Option<&str>, bound: &Arc<Values>, state: PortalState) {
        if let Some(name) = name
            && let Ok(portal) = self.portals.get_mut(name)
            && Arc::ptr_eq(&portal.values, bound)
        {
            portal.state = state;
        }
    }

    /// More of a portal whose rows are recorded already.
    fn next_rows(&mut self, name: &str, max_rows: u32) {
        let Ok(portal) = self.portals.get_mut(name) else { return };
        let PortalState::Rows(rows) = &mut portal.state else { return };
        let left = rows.left();
        let wanted = if max_rows == 0 { left } else { u64::from(max_rows).min(left) };
        let (taken, reserved) = (rows.take(wanted), rows.reserved());
        let suspended = max_rows > 0 && wanted == u64::from(max_rows);
        if !suspended {
            portal.state = PortalState::Done;
        }
        self.client.keep(reserved);
        taken.into_iter().for_each(|bytes| self.client.release(bytes));
        if suspended {
            self.client.reply().extend_from_slice(reply::PORTAL_SUSPENDED);
        } else {
            let _ = reply::command_complete(self.client.reply(), &format!("SELECT {wanted}"));
        }
    }

    pub async fn close(&mut self, target: Target<'_>) -> Result<(), End> {
        match target {
            Target::Statement(name) => self.statements.remove(name),
            Target::Portal(name) => {
                if self.portals.get(name).is_ok_and(|portal| matches!(portal.state, PortalState::Running)) {
                    self.run_early().await?;
                    if self.skipping {
                        return Ok(());
                    }
                }
                self.portals.remove(name);
            }
        }
        self.client.reply().extend_from_slice(reply::CLOSE_COMPLETE);
        Ok(())
    }

    pub async fn sync(&mut self) -> Result<(), End> {
        self.run_pending().await?;
        self.end_implicit();
        self.ready().await
    }

    /// Sync and the end of a simple Query end a transaction that no BEGIN began: portals go, and after an error settings too.
    pub fn end_implicit(&mut self) {
        let failed = std::mem::take(&mut self.skipping);
        if self.transaction.is_block() {
            return;
        }
        self.portals.clear();
        if failed {
            self.settings.rollback();
        } else {
            self.settings.commit();
        }
    }
}
