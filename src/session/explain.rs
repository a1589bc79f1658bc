//! EXPLAIN: its inner statement is proven as a statement of its own, then planned in the same transaction,
//! whose locks keep the tables what they were.

use std::time::Instant;

use super::certify;
use super::connection_settings;
use super::core::{Session, unrecorded};
use super::decide::{self, upstream_failed};
use super::exchange;
use super::failure::Failure;
use super::hold::{Bound, End};
use super::local::Done;
use super::prepared::{Decided, Kind, Values};
use super::prover::Permit;
use super::record::Outcome;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::ledger::TransactionState;
use crate::statement;
use crate::statement::kind::{LocalStatement, StatementKind};
use crate::upstream::Pooled;
use crate::wire::frontend::{Format, Formats};
use crate::wire::request;

impl Session {
    pub async fn explain(&mut self, text: &str, statement: &LocalStatement) -> Done {
        Ok(self.try_explain(text, statement).await)
    }

    async fn try_explain(&mut self, text: &str, statement: &LocalStatement) -> Result<(), Failure> {
        let started = Instant::now();
        let StatementKind::Explain { inner, .. } = &statement.kind else {
            return Err(Failure::new("XX000", "not an EXPLAIN"));
        };
        let inner_text = &text[inner.range.clone()];
        let offset = inner.range.start;
        let (decided, values) = self.prove_inner(inner_text).await.map_err(|failure| shifted(failure, offset))?;
        let permit = decided.check(&values).map_err(|deny| shifted(deny.into(), offset))?;
        // A write is planned by the role that may write, and changes nothing: its transaction is READ ONLY, which EXPLAIN
        // alone does not mind (`EXEC_FLAG_EXPLAIN_ONLY`).
        let mut connection =
            self.statement_connection(decided.certified.proof.writes() || decided.certified.proof.locks()).await?;
        if let Some(handle) = connection.cancel_handle() {
            self.registration.running(handle);
        }
        let planned = self.plan(&mut connection, text, &decided, &permit).await;
        self.registration.finished().await;
        if planned.is_err() && self.transaction.is_upstream() {
            self.transaction.fail();
        }
        self.keep_or_release(connection);
        let ran = planned?;
        let outcome = Outcome {
            identity: &self.identity,
            decided: &decided,
            explain: Some(text),
            values: &values,
            permit: &permit,
            hold: &ran.hold,
            end: &ran.end,
            bound: super::record::Bound {
                reference: None,
                state: if self.transaction.is_block() { TransactionState::Open } else { TransactionState::Implicit },
            },
            duration: started.elapsed(),
        };
        let receipt = self.proxy.ledger.append(outcome.entry()).await.map_err(|error| unrecorded(&error))?;
        self.receipt = Some(receipt.to_string());
        match ran.end {
            End::Complete { message, .. } => {
                ran.hold.into_rows().take_all().into_iter().for_each(|bytes| self.client.release(bytes));
                self.client.release(message);
                Ok(())
            }
            End::Error { sqlstate, text, .. } => {
                Err(Failure { sqlstate: String::from_utf8_lossy(&sqlstate).into_owned().into(), ..Failure::new("XX000", text) })
            }
            End::Suspended => Err(Failure::new("XX000", "EXPLAIN was suspended")),
        }
    }

    /// Whether it would be explained.
    pub async fn check_explained(&mut self, text: &str, inner: &LocalStatement) -> Result<(), Failure> {
        let offset = inner.range.start;
        let proven = self.prove_inner(&text[inner.range.clone()]).await;
        let (decided, values) = proven.map_err(|failure| shifted(failure, offset))?;
        decided.check(&values).map(drop).map_err(|deny| shifted(deny.into(), offset))
    }

    /// The whole text is read, since the whole text is what gets planned.
    async fn prove_inner(&mut self, text: &str) -> Result<(Decided, Values), Failure> {
        // Read as the statement that it is when it stands alone.
        let mut read = statement::local::read(text, &self.proxy.limits)?;
        let statement = match (read.pop(), read.is_empty()) {
            (Some(one), true) if matches!(one.kind, StatementKind::Select | StatementKind::Write { .. }) => one,
            (Some(_) | None, _) => return Err(not_explained()),
        };
        let Kind::Query(decided) = self.judge_local(text, &[], statement, None).await? else {
            return Err(not_explained());
        };
        if decided.certified.client_parameters > 0 {
            return Err(Deny::new(Reason::FeatureNotSupported, "EXPLAIN with parameters is not supported").into());
        }
        let values = Values {
            formats: Formats::All(Format::Text),
            parameters: Vec::new(),
            result_formats: bytes::Bytes::from_static(request::ALL_TEXT),
        };
        Ok((decided, values))
    }

    async fn plan(
        &mut self,
        connection: &mut Pooled,
        text: &str,
        decided: &Decided,
        permit: &Permit,
    ) -> Result<exchange::Ran, Failure> {
        let failed = |error| upstream_failed(&error);
        self.pin_tenants();
        connection_settings::apply(connection, &self.settings).await.map_err(failed)?;
        let own_block = !self.transaction.is_block();
        if self.block.read_write
            && let Some(name) = certify::user_code(decided)
        {
            // Planning may call it.
            let message = format!("EXPLAIN of a statement that calls {name} is not supported where the transaction may write");
            return Err(Deny::new(Reason::FeatureNotSupported, message).hint("Explain it outside of the transaction.").into());
        }
        if own_block {
            connection.simple("BEGIN READ ONLY").await.map_err(failed)?;
        } else if let Some(begin) = self.transaction.begin_text(!self.block.read_write) {
            connection.simple(&begin).await.map_err(failed)?;
            self.transaction.begun();
        }
        let planned = plan_in_block(connection, text, decided, permit, &self.proxy.hold).await;
        if own_block {
            connection.simple("ROLLBACK").await.map_err(failed)?;
        }
        planned
    }
}

async fn plan_in_block(
    connection: &mut Pooled,
    text: &str,
    decided: &Decided,
    permit: &Permit,
    hold: &Bound,
) -> Result<exchange::Ran, Failure> {
    let reading = &decided.certified.reading;
    let name = connection.certified().new_name();
    let parsed = connection.parse_and_read(name.as_str(), &reading.text, &reading.told_types).await;
    connection.certified().give_up(name);
    let parsed = parsed.map_err(|failure| decide::unread(failure, &reading.text))?;
    if parsed.tree_digest != reading.digest {
        return Err(Deny::new(Reason::CatalogueChanged, "the database's objects changed while the statement was read")
            .hint("Run it again.")
            .into());
    }
    exchange::run_text(connection, permit, text, hold).await.map_err(|error| match error {
        exchange::ExchangeError::Upstream(error) => upstream_failed(&error),
        exchange::ExchangeError::Overflow | exchange::ExchangeError::Control(_) => {
            Deny::new(Reason::ResultTooLarge, "the plan is larger than a session may hold").into()
        }
    })
}

fn not_explained() -> Failure {
    Deny::new(Reason::StatementNotAllowed, "only SELECT, INSERT, UPDATE, DELETE and MERGE can be explained").into()
}

fn shifted(mut failure: Failure, offset: usize) -> Failure {
    failure.position = failure.position.and_then(|p| p.checked_add(u32::try_from(offset).ok()?));
    failure
}
