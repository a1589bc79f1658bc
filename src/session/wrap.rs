//! Statements around a query: DECLARE and COPY. The query is judged and run as a statement of its own; what it gives is
//! kept for FETCH, or written as COPY writes it.

use std::sync::Arc;

use bytes::BytesMut;

use super::copy::{self, CopyError};
use super::core::{Pending, Session};
use super::failure::Failure;
use super::hold::End;
use super::prepared::{Kind, Permitted, Values};
use super::round::Round;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement;
use crate::statement::kind::{CopiedTable, CopyFormat, CopyLayout, StatementKind};
use crate::wire::{Oid, reply};

/// What becomes of a query's rows.
#[derive(Debug, Clone, Default)]
pub enum Delivery {
    #[default]
    Rows,
    /// They are kept under this name, for going both ways if it scrolls.
    Cursor {
        name: Arc<str>,
        scroll: bool,
    },
    Copy(Arc<CopyLayout>),
}

impl Delivery {
    pub fn is_rows(&self) -> bool {
        matches!(self, Delivery::Rows)
    }

    pub fn is_binary(&self) -> bool {
        matches!(self, Delivery::Copy(layout) if layout.format == CopyFormat::Binary)
    }
}

/// A statement as it is run.
#[derive(Debug)]
pub struct Unwrapped {
    pub text: Arc<str>,
    /// Where `text` begins in what the agent sent.
    pub offset: usize,
    pub kind: Kind,
    pub delivery: Delivery,
}

impl Session {
    /// Judges the query inside of DECLARE and COPY; any other statement is what it was.
    pub async fn unwrap(&mut self, text: &str, declared: &[Oid], kind: Kind) -> Result<Unwrapped, Failure> {
        if let Kind::Local(statement) = &kind
            && let StatementKind::Copy { table: Some(table), layout, .. } = &statement.kind
        {
            let delivery = Delivery::Copy(Arc::new(layout.clone()));
            let kind = self.judge_inner(&table.query, declared, &delivery).await;
            // Positions are those of a text that the agent did not send.
            let kind = kind.map_err(|failure| Failure { position: None, ..failure })?;
            check_copied(&kind, table)?;
            return Ok(Unwrapped { text: table.query.as_str().into(), offset: 0, kind, delivery });
        }
        let (inner, delivery) = match &kind {
            Kind::Local(statement) => match &statement.kind {
                StatementKind::Declare { name, inner, scroll } => {
                    (inner.clone(), Delivery::Cursor { name: name.as_str().into(), scroll: *scroll })
                }
                StatementKind::Copy { inner, layout, .. } => (inner.clone(), Delivery::Copy(Arc::new(layout.clone()))),
                _ => return Ok(Unwrapped { text: text.into(), offset: 0, kind, delivery: Delivery::Rows }),
            },
            Kind::Empty | Kind::Query(_) => {
                return Ok(Unwrapped { text: text.into(), offset: 0, kind, delivery: Delivery::Rows });
            }
        };
        let offset = inner.start;
        let kind =
            self.judge_inner(&text[inner.clone()], declared, &delivery).await.map_err(|failure| shifted(failure, offset))?;
        Ok(Unwrapped { text: text[inner].into(), offset, kind, delivery })
    }

    /// The last questions before a statement is put in line, and the values that it is bound with.
    pub fn deliverable(
        &mut self,
        text: &Arc<str>,
        declared: &[Oid],
        permitted: &Permitted,
        values: Arc<Values>,
        delivery: &Delivery,
    ) -> Result<Arc<Values>, Failure> {
        let Delivery::Cursor { name, scroll } = delivery else { return Ok(values) };
        self.check_declare(name, permitted)?;
        Ok(self.open_cursor((name, *scroll), text, declared, permitted, &values))
    }

    /// Results as COPY and DECLARE give them, before they are recorded.
    pub fn write_copies(&self, pending: &[Pending], round: &mut Round) -> Result<(), Failure> {
        for (one, ran) in pending.iter().zip(&mut round.ran) {
            let tag = match (&one.delivery, &ran.end) {
                (Delivery::Rows, _) | (_, End::Suspended | End::Error { .. }) => continue,
                (Delivery::Cursor { .. }, End::Complete { .. }) => "DECLARE CURSOR".to_owned(),
                (Delivery::Copy(layout), End::Complete { .. }) => {
                    let description = one.permitted.decided.certified.reading.row_description.as_ref();
                    let hold = std::mem::take(&mut ran.hold);
                    ran.hold = copy::write(hold, layout, description, &self.proxy.hold).map_err(copy_failed)?;
                    format!("COPY {}", ran.hold.rows())
                }
            };
            let mut message = BytesMut::new();
            // The tag is our own and short.
            let _ = reply::command_complete(&mut message, &tag);
            ran.end = End::Complete { message: message.freeze(), tag };
        }
        Ok(())
    }

    async fn judge_inner(&mut self, text: &str, declared: &[Oid], delivery: &Delivery) -> Result<Kind, Failure> {
        let read = statement::local::read(text, &self.proxy.limits)?;
        let is_select = matches!(read.as_slice(), [one] if one.kind == StatementKind::Select);
        let kind = if is_select { self.judge(text, declared).await? } else { Kind::Empty };
        let Kind::Query(decided) = kind else {
            let deny = Deny::new(Reason::FeatureNotSupported, "only a plain SELECT is supported here");
            return Err(deny.hint("Put a SELECT in its place.").into());
        };
        if let Delivery::Copy(layout) = delivery {
            if decided.certified.client_parameters > 0 {
                return Err(Failure::new("42P02", "there is no parameter $1"));
            }
            super::copy::check_columns(layout, decided.certified.reading.row_description.as_ref())?;
        }
        Ok(Kind::Query(decided))
    }
}

/// COPY takes a table itself: not a view, nor the partitions behind a partitioned table.
fn check_copied(kind: &Kind, table: &CopiedTable) -> Result<(), Failure> {
    let Kind::Query(decided) = kind else { return Ok(()) };
    for named in decided.certified.proof.relations().iter() {
        let relation = decided.world.catalogue.relation(named.oid);
        let is_table = relation.is_some_and(|r| r.kind == b'r');
        let is_generated = relation.is_some_and(|r| r.columns.iter().flatten().any(|column| column.generated != 0));
        if !is_table || (table.all_columns && is_generated) {
            return Err(Deny::new(Reason::FeatureNotSupported, "COPY of this relation by its name is not supported")
                .hint("Write the query: COPY (SELECT … FROM … WHERE …) TO STDOUT.")
                .into());
        }
    }
    Ok(())
}

fn copy_failed(error: CopyError) -> Failure {
    match error {
        CopyError::TooLarge => Deny::new(Reason::ResultTooLarge, "the result is larger than a session may hold")
            .hint("Ask for fewer rows or columns.")
            .into(),
        CopyError::Malformed => Failure::new("XX000", "the server's rows are malformed"),
    }
}

/// With its position in the text that the part begins at `offset` of.
pub fn shifted(mut failure: Failure, offset: usize) -> Failure {
    failure.position = failure.position.and_then(|p| p.checked_add(u32::try_from(offset).ok()?));
    failure
}
