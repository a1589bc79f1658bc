//! Statements that write: announced, run up to their record, checked, committed while their outcome goes to disk, released.

use std::time::Instant;

use super::announced::Announced;
use super::core::{End as SessionEnd, Pending, Session, unrecorded};
use super::exchange::{self, ExchangeError, Run};
use super::failure::Failure;
use super::gate::{self, GateError, Step, Stepped};
use super::hold::End;
use super::record::{self, Bound};
use super::round::{Gate, Round, Trouble, exchange_failed};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::kill_point::KillPoint;
use crate::ledger::{Change, Receipt, TransactionState};
use crate::upstream::{Changes, Control, Counted, Pooled, ServerError, UpstreamError};
use crate::wire::Oid;

/// What the agent's open block has written.
#[derive(Debug, Default)]
pub struct BlockWrites {
    /// The block is on a connection that may write, whatever was said since it began.
    pub read_write: bool,
    /// Of the first outcome that changed something: the entry that announces the transaction.
    pub anchor: Option<Receipt>,
    /// The generation that the block's writes were proven under.
    generation: u64,
    /// Relations that it may have changed.
    counted: Counted,
    /// Their counters before the first change, in the same order.
    base: Vec<Changes>,
    /// Their counters at the last look.
    seen: Vec<Changes>,
    /// What each statement changed and no ROLLBACK TO took back.
    kept: Vec<Vec<Change>>,
    /// Names of savepoints, with how many statements were kept before each.
    savepoints: Vec<(String, usize)>,
}

impl BlockWrites {
    pub fn savepoint(&mut self, name: &str) {
        self.savepoints.push((name.to_owned(), self.kept.len()));
    }

    pub fn release(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|(found, _)| found == name) {
            self.savepoints.truncate(at);
        }
    }

    fn rollback_to(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|(found, _)| found == name) {
            self.kept.truncate(self.savepoints[at].1);
            self.savepoints.truncate(at + 1);
        }
    }

    /// Relations that nothing here has changed before, with their counters.
    fn learn(&mut self, fresh: &Counted, base: &[Changes]) {
        self.counted.extend(fresh);
        self.base.extend(base);
        self.seen.extend(base);
    }

    /// What one statement changed, by the counters before and after it.
    fn since(&mut self, now: &[Changes]) -> Vec<Changes> {
        let mut changed = Vec::with_capacity(now.len());
        for &now in now {
            let before = match self.seen.iter_mut().find(|seen| seen.relation == now.relation) {
                Some(seen) => std::mem::replace(seen, now),
                None => {
                    self.seen.push(now);
                    Changes::default()
                }
            };
            changed.push(Changes {
                relation: now.relation,
                inserted: now.inserted.saturating_sub(before.inserted),
                updated: now.updated.saturating_sub(before.updated),
                deleted: now.deleted.saturating_sub(before.deleted),
            });
        }
        changed
    }

    /// All that stands, by relation.
    fn total(&self) -> Vec<Change> {
        let mut total: Vec<Change> = Vec::new();
        for change in self.kept.iter().flatten() {
            match total.iter_mut().find(|sum| sum.relation == change.relation) {
                Some(sum) => {
                    sum.inserted += change.inserted;
                    sum.updated += change.updated;
                    sum.deleted += change.deleted;
                }
                None => total.push(change.clone()),
            }
        }
        total
    }
}

impl Pending {
    pub fn writes(&self) -> bool {
        !self.permitted.permit.written().is_empty()
    }

    /// It writes, or locks rows, which a read-only transaction does not do.
    pub fn needs_writer(&self) -> bool {
        self.writes() || self.permitted.permit.locks()
    }

    /// What the server is asked to count for it, into `counted`.
    fn count(&self, counted: &mut Counted) {
        let catalogue = &self.permitted.decided.world.catalogue;
        for written in self.permitted.permit.written() {
            let partitioned = catalogue.relation(written.oid).is_none_or(|relation| relation.kind == PARTITIONED);
            counted.add(written.oid, partitioned);
        }
    }

    fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        self.count(&mut counted);
        counted
    }

    /// With the names that the proof knows them by.
    fn named(&self, changes: &[Changes]) -> Vec<Change> {
        let written = self.permitted.permit.written();
        let name = |oid: Oid| written.iter().find(|w| w.oid == oid).map_or_else(|| oid.to_string(), |w| w.name.to_string());
        let change =
            |c: &Changes| Change { deleted: c.deleted, inserted: c.inserted, relation: name(c.relation), updated: c.updated };
        changes.iter().map(change).collect()
    }

    /// Whether the server's counters stay inside the permit, and agree with what the server said.
    fn check_changes(&self, changes: &[Changes], end: &End) -> Result<(), Deny> {
        let mut total: u64 = 0;
        for written in self.permitted.permit.written() {
            let Some(found) = changes.iter().find(|c| c.relation == written.oid) else {
                return Err(mismatch("the server does not count the changes of a table"));
            };
            let sum = found.inserted.saturating_add(found.updated).saturating_add(found.deleted);
            total = total.saturating_add(sum);
            let beyond = (found.inserted > 0 && !written.insert) || (found.deleted > 0 && !written.delete && !written.update);
            if beyond || (found.updated > 0 && !written.update) {
                return Err(mismatch("the server counts changes of a kind that was not proven"));
            }
            if let Some(limit) = written.limit.filter(|limit| sum > *limit) {
                let message = format!("the statement changes {sum} rows of {}, more than {limit}", written.name);
                return Err(Deny::new(Reason::RowLimit, message).hint("Change fewer rows at once."));
            }
        }
        match end {
            End::Complete { tag, .. } if tagged(tag).is_some_and(|rows| rows > total) => {
                Err(mismatch("the server counts fewer changes than the statement made"))
            }
            End::Complete { .. } | End::Suspended | End::Error { .. } => Ok(()),
        }
    }
}

fn mismatch(message: &str) -> Deny {
    Deny::new(Reason::WitnessMismatch, message).hint("Tell the operator: track_counts may be off.")
}

/// The rows of a command tag of a write; `None` for others, a SELECT with a writing CTE among them.
fn tagged(tag: &str) -> Option<u64> {
    let (verb, rest) = tag.split_once(' ')?;
    matches!(verb, "INSERT" | "UPDATE" | "DELETE" | "MERGE").then(|| rest.rsplit(' ').next()?.parse().ok()).flatten()
}

impl Session {
    /// Whether a transaction of this session may write at all: then its block runs on a connection that can.
    pub fn may_write(&self) -> bool {
        let read_only = if self.transaction.is_block() { self.block_modes.read_only } else { self.default_modes.read_only };
        self.proxy.writers.is_some() && self.identity.may_write && read_only != Some(true)
    }

    /// Why a statement that writes cannot run here, whatever it says.
    pub fn check_may_write(&self, verb: &str) -> Result<(), Failure> {
        if self.proxy.writers.is_none() {
            let message = format!("{verb} is not allowed: this proxy only runs reads");
            return Err(Deny::new(Reason::StatementNotAllowed, message).hint("Only SELECT is possible.").into());
        }
        if !self.identity.may_write {
            let message = format!("{verb} is not allowed: the token grants only reads");
            return Err(Deny::new(Reason::StatementNotAllowed, message)
                .hint("SHOW pgwarrant.scope lists what is granted.")
                .into());
        }
        if !self.may_write() {
            return Err(Failure::new("25006", format!("cannot execute {verb} in a read-only transaction")));
        }
        Ok(())
    }

    /// Pending statements that write and no block around them: they commit together when the pipeline ends.
    pub fn has_implicit_writes(&self) -> bool {
        !self.transaction.is_block() && self.pending.iter().any(Pending::writes)
    }

    /// Runs what is pending though the pipeline goes on. What writes must not be committed yet, so it may not be pending.
    pub async fn run_early(&mut self) -> Result<(), SessionEnd> {
        if !self.has_implicit_writes() {
            return self.run_pending().await;
        }
        let failure = Failure::from(Deny::new(
            Reason::FeatureNotSupported,
            "a statement that writes must be followed by Sync, unless it is in a transaction block",
        ))
        .hint("Send BEGIN first.");
        self.drop_pending(failure, None, None).await
    }

    /// A failure behind pending writes that never ran: the implicit transaction has failed as a whole.
    pub async fn drop_pending(
        &mut self,
        failure: Failure,
        text: Option<&str>,
        values: Option<&super::prepared::Values>,
    ) -> Result<(), SessionEnd> {
        let pending = std::mem::take(&mut self.pending);
        drop(self.client.reply().split());
        if let Some(first) = pending.into_iter().next() {
            self.client.release(first.before);
        }
        self.report(failure, text, values).await
    }

    pub async fn prepare_writes(&self, connection: &mut Pooled) -> Result<(), Trouble> {
        match connection.prepare_fence().await {
            Ok(()) => Ok(()),
            Err(UpstreamError::Server(error)) => {
                tracing::error!(%error, "the schema pgwarrant is not as it must be: run setup.sql");
                let message = "writes are not set up in the database";
                let deny = Deny::new(Reason::StatementNotAllowed, message);
                Err(Failure::from(deny.hint("Ask the DBA to run the setup.sql that `pgwarrant init` writes.")).into())
            }
            Err(error) => Err(super::decide::upstream_failed(&error).into()),
        }
    }

    /// Statements outside of any block, up to their record.
    pub async fn run_gated(
        &mut self,
        connection: &mut Pooled,
        pending: &[Pending],
        runs: Vec<Run<'_>>,
    ) -> Result<Round, Trouble> {
        let steps = steps(pending, runs);
        let mut counted = Counted::default();
        pending.iter().for_each(|one| one.count(&mut counted));
        let Some(first) = pending.iter().find(|one| one.writes()) else {
            return Err(Failure::new("XX000", "nothing to write").into());
        };
        let intent = self.proxy.ledger.append(record::intent(&self.identity, first));
        let mut announced = Announced::new(intent, self.proxy.unsettled.clone());
        let begin = super::transaction::begin_text(&self.default_modes, false);
        let log = self.proxy.ledger.origin().to_owned();
        let result = gate::run_to_record(connection, &begin, &steps, &counted, &self.proxy.hold, &log, &mut announced).await;
        let (stepped, anchor, recorded) = match result {
            Ok(ran) => ran,
            Err(GateError::Ledger(error)) => {
                connection.discard();
                return Err(Failure { reason: None, ..unrecorded(&error) }.into());
            }
            Err(GateError::Exchange(error)) => {
                connection.discard();
                return Err(exchange_failed(&error).into());
            }
        };
        let changes = changed_by_each(&stepped);
        let announced = Some(announced);
        let Some(record) = recorded else {
            roll_back(connection).await;
            return Ok(Round { ran: stepped.ran, changes: no_changes(pending), gate: Gate::Aborted(anchor), announced });
        };
        for ((one, ran), changes) in pending.iter().zip(&stepped.ran).zip(&changes) {
            if let Err(deny) = one.check_changes(changes, &ran.end) {
                roll_back(connection).await;
                return Ok(Round {
                    ran: stepped.ran,
                    changes: no_changes(pending),
                    gate: Gate::Withheld(anchor, deny),
                    announced,
                });
            }
        }
        let changes = pending.iter().zip(&changes).map(|(one, changes)| one.named(changes)).collect();
        Ok(Round { ran: stepped.ran, changes, gate: Gate::Commit(anchor, record.ddl), announced })
    }

    /// Statements of the agent's own block, some of which write.
    pub async fn run_writes_in_block(
        &mut self,
        connection: &mut Pooled,
        pending: &[Pending],
        runs: Vec<Run<'_>>,
    ) -> Result<Round, Trouble> {
        let begin = self.transaction.begin_text(false);
        let steps = steps(pending, runs);
        let mut fresh = Counted::default();
        pending.iter().for_each(|one| one.count(&mut fresh));
        fresh.retain(|relation| !self.block.counted.relations().contains(&relation));
        let stepped = match gate::run_in_block(connection, begin.as_deref(), &steps, &fresh, &self.proxy.hold).await {
            Ok(stepped) => stepped,
            Err(error) => {
                connection.discard();
                self.transaction.fail();
                self.transaction.lose_upstream();
                return Err(exchange_failed(&error).into());
            }
        };
        self.transaction.begun();
        let generation = self.proxy.worlds.load().generation;
        if self.block.anchor.is_none() {
            self.block.generation = generation;
        }
        if self.block.generation != generation {
            self.give_up_block(connection);
            return Err(changed_under_block().into());
        }
        self.block.learn(&fresh, &stepped.base);
        let mut changes = Vec::with_capacity(pending.len());
        for ((one, ran), now) in pending.iter().zip(&stepped.ran).zip(&stepped.changes) {
            let changed = self.block.since(now);
            if !exchange::failed(&ran.end)
                && let Err(deny) = one.check_changes(&changed, &ran.end)
            {
                self.give_up_block(connection);
                return Err(Failure::from(deny).into());
            }
            changes.push(one.named(&changed));
        }
        Ok(Round { ran: stepped.ran, changes, gate: Gate::Block, announced: None })
    }

    /// What ran in the block was not proven, or not as it is now: it must not be committed.
    pub fn give_up_block(&mut self, connection: &mut Pooled) {
        connection.discard();
        self.transaction.fail();
        self.transaction.lose_upstream();
    }

    /// Commits while the outcomes go to disk, then releases. True if there was no error.
    pub async fn commit_and_deliver(
        &mut self,
        pending: Vec<Pending>,
        round: Round,
        anchor: Receipt,
        mut connection: Pooled,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let bound = Bound { reference: Some(anchor.seq()), state: TransactionState::Committing };
        let recorded: Vec<_> = (pending.iter().zip(&round.ran).zip(&round.changes))
            .map(|((one, ran), changes)| {
                let entry = self.outcome(one, ran, started, bound).entry();
                self.proxy.ledger.append(crate::ledger::Entry { changes: changes.clone(), ..entry })
            })
            .collect();
        KillPoint::Recorded.pass();
        // From here on no cancel is forwarded: the round trip is over for the registration.
        let sent = gate::send_commit(&mut connection).await;
        KillPoint::CommitSent.pass();
        let mut receipts = Vec::with_capacity(recorded.len());
        let mut unrecorded_why = None;
        for entry in recorded {
            match entry.await {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => unrecorded_why = Some(error),
            }
        }
        let settled = self.settle_commit(connection, sent, anchor.seq()).await;
        KillPoint::Releasing.pass();
        let failure = match (settled, unrecorded_why) {
            (Err(failure), _) => failure,
            (Ok(()), Some(error)) => Failure { reason: None, ..unrecorded(&error) },
            (Ok(()), None) => {
                for ((one, ran), receipt) in pending.into_iter().zip(round.ran).zip(receipts) {
                    if !self.release(one, ran, receipt, false) {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
        };
        if let Some(first) = pending.into_iter().next() {
            self.client.release(first.before);
        }
        self.report(failure, None, None).await?;
        Ok(false)
    }

    /// Waits for the answer to COMMIT and writes down what became of the transaction. The error is for the agent.
    async fn settle_commit(
        &mut self,
        mut connection: Pooled,
        sent: Result<(), UpstreamError>,
        anchor: u64,
    ) -> Result<(), Failure> {
        let answer = match sent {
            Ok(()) => match tokio::time::timeout(self.proxy.patience, gate::commit_answer(&mut connection)).await {
                Ok(answer) => answer,
                Err(_) => Err(UpstreamError::Timeout),
            },
            Err(error) => Err(error),
        };
        match answer {
            Ok(Ok(tag)) if tag == "COMMIT" => {
                connection.release();
                self.proxy.ledger.append_soon(record::settled(anchor, TransactionState::Committed));
                Ok(())
            }
            Ok(answer) => {
                connection.release();
                let failure = match &answer {
                    Ok(_) => Failure::new("25P02", "the transaction had failed and was rolled back"),
                    Err(error) => in_its_words(error),
                };
                let mut entry = record::settled(anchor, TransactionState::Aborted);
                entry.sqlstate = Some(failure.sqlstate.to_string());
                entry.message = Some(failure.message.clone());
                self.proxy.ledger.append(entry).await.map_err(|error| Failure { reason: None, ..unrecorded(&error) })?;
                Err(failure)
            }
            Err(error) => {
                tracing::warn!(%error, anchor, "the connection was lost while a transaction committed");
                drop(connection);
                self.proxy.unsettled.settle(anchor);
                let message = "the connection to the database was lost during COMMIT: whether it took place is not known yet";
                let hint = format!("Entry {anchor} of the ledger announces the transaction; a later one says what became of it.");
                Err(Failure::new("08007", message).hint(hint))
            }
        }
    }

    /// COMMIT of the agent's block.
    pub async fn commit_block(&mut self, mut connection: Pooled) -> Result<(), Failure> {
        let block = std::mem::take(&mut self.block);
        let Some(anchor) = block.anchor.clone() else {
            let ended = connection.simple("COMMIT").await;
            connection.release();
            return ended.map(|_| ()).map_err(|error| super::decide::upstream_failed(&error));
        };
        if let Err(failure) = self.record_block(&mut connection, &block, &anchor).await {
            roll_back(&mut connection).await;
            connection.release();
            self.proxy.ledger.append_soon(record::settled(anchor.seq(), TransactionState::Aborted));
            return Err(failure);
        }
        let outcome = self.proxy.ledger.append(record::commit(&self.identity, anchor.seq(), block.total()));
        KillPoint::Recorded.pass();
        let sent = gate::send_commit(&mut connection).await;
        KillPoint::CommitSent.pass();
        let recorded = outcome.await;
        self.settle_commit(connection, sent, anchor.seq()).await?;
        let receipt = recorded.map_err(|error| Failure { reason: None, ..unrecorded(&error) })?;
        self.receipt = Some(receipt.to_string());
        Ok(())
    }

    async fn record_block(&mut self, connection: &mut Pooled, block: &BlockWrites, anchor: &Receipt) -> Result<(), Failure> {
        self.check_ledger(false)?;
        let log = self.proxy.ledger.origin().to_owned();
        let recording = gate::record_block(connection, &log, anchor, &block.counted, &block.base);
        match tokio::time::timeout(self.proxy.patience, recording).await {
            Ok(Ok(Ok(record))) => {
                // The locks that the block holds keep its tables as they are from before this until after COMMIT.
                match self.proxy.generation_now(record.ddl).await {
                    Some(generation) if generation == block.generation => Ok(()),
                    Some(_) | None => Err(changed_under_block()),
                }
            }
            Ok(Ok(Err(error))) => Err(in_its_words(&error)),
            Ok(Err(error)) => Err(super::decide::upstream_failed(&error)),
            Err(_) => Err(super::decide::upstream_failed(&UpstreamError::Timeout)),
        }
    }

    /// After ROLLBACK TO: what it took back is not counted, and what the counters say of it is passed over.
    pub async fn look_again(&mut self, connection: &mut Pooled, name: &str) -> Result<(), UpstreamError> {
        self.block.rollback_to(name);
        if self.block.counted.is_empty() {
            return Ok(());
        }
        let count = Control::Count(&self.block.counted);
        connection.append_control(count)?;
        connection.sync();
        connection.flush().await?;
        self.block.seen = connection.control_answer(count).await?.map_err(UpstreamError::Server)?.counters()?;
        exchange::ready(connection).await
    }

    /// The first outcome of a block that writes announces its transaction.
    pub fn keep_write(&mut self, receipt: &Receipt, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.block.anchor.get_or_insert_with(|| receipt.clone());
        self.block.kept.push(changes);
    }

    /// The block is over without COMMIT.
    pub fn settle_block_as_aborted(&mut self) {
        if let Some(anchor) = std::mem::take(&mut self.block).anchor {
            self.proxy.ledger.append_soon(record::settled(anchor.seq(), TransactionState::Aborted));
        }
    }
}

/// `pg_class.relkind`.
const PARTITIONED: u8 = b'p';

fn steps<'a>(pending: &[Pending], runs: Vec<Run<'a>>) -> Vec<Step<'a>> {
    runs.into_iter().zip(pending).map(|(run, one)| Step { run, counted: one.counted() }).collect()
}

fn no_changes(pending: &[Pending]) -> Vec<Vec<Change>> {
    vec![Vec::new(); pending.len()]
}

/// From running sums to what each statement changed.
fn changed_by_each(stepped: &Stepped) -> Vec<Vec<Changes>> {
    let mut counted = BlockWrites { seen: stepped.base.clone(), ..BlockWrites::default() };
    stepped.changes.iter().map(|now| counted.since(now)).collect()
}

/// A connection that cannot roll back is closed, which rolls back too.
async fn roll_back(connection: &mut Pooled) {
    if connection.simple("ROLLBACK").await.is_err() {
        connection.discard();
    }
}

pub fn changed_under_block() -> Failure {
    let message = "the database's objects or the rules changed while the transaction was open; it was rolled back";
    Deny::new(Reason::CatalogueChanged, message).hint("Run the transaction again.").into()
}

/// Errors at the end of a transaction are about what the agent itself wrote, or about a race (40001, 40P01).
fn in_its_words(error: &ServerError) -> Failure {
    let own = exchange::integrity(&error.sqlstate).map(str::to_owned);
    let message = own.or_else(|| error.field(b'M')).unwrap_or_else(|| "the database refused to commit".to_owned());
    Failure { sqlstate: error.sqlstate().to_owned().into(), ..Failure::new("XX000", message) }
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Trouble {
        exchange_failed(&error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(relation: Oid, inserted: u64, updated: u64, deleted: u64) -> Changes {
        Changes { relation, inserted, updated, deleted }
    }

    #[test]
    fn each_statement_is_charged_with_what_the_counters_moved() {
        let mut block = BlockWrites::default();
        assert_eq!(block.since(&[counted(1, 2, 0, 0)]), [counted(1, 2, 0, 0)]);
        assert_eq!(block.since(&[counted(1, 2, 3, 0), counted(2, 0, 0, 1)]), [counted(1, 0, 3, 0), counted(2, 0, 0, 1)]);
    }

    #[test]
    fn what_a_savepoint_took_back_is_not_in_the_sum() {
        let change = |inserted| Change { deleted: 0, inserted, relation: "public.t".into(), updated: 0 };
        let mut block = BlockWrites::default();
        block.kept.push(vec![change(1)]);
        block.savepoint("a");
        block.kept.push(vec![change(10)]);
        block.savepoint("a");
        block.kept.push(vec![change(100)]);
        block.rollback_to("a");
        assert_eq!(block.total(), [change(11)]);
        block.release("a");
        block.rollback_to("a");
        assert_eq!(block.total(), [change(1)]);
    }

    #[test]
    fn the_tag_of_a_write_tells_its_rows() {
        for (tag, rows) in
            [("INSERT 0 3", Some(3)), ("UPDATE 2", Some(2)), ("MERGE 0", Some(0)), ("SELECT 5", None), ("COMMIT", None)]
        {
            assert_eq!(tagged(tag), rows, "{tag}");
        }
    }
}
