//! One round trip of permitted statements: bound to a connection, run, held, recorded, released.

use std::time::Instant;

use bytes::Bytes;

use super::announced::Announced;
use super::answers::Answers;
use super::certify;
use super::chunks::Stream;
use super::connection_settings;
use super::core::{End as SessionEnd, Pending, Session, unrecorded};
use super::decide::upstream_failed;
use super::exchange::{self, ExchangeError, Frame, Ran, Run};
use super::failure::Failure;
use super::hold::{End, Hold};
use super::judge::check_same_types;
use super::metrics::Metrics;
use super::record::{Bound, Outcome};
use super::transaction::begin_text;
use super::trees::Pair;
use super::turns::Turn;
use crate::catalogue::views::VISIBLE_SETTING;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::ledger::{Change, Receipt, TransactionState};
use crate::upstream::Pooled;

/// What a round trip stumbled over.
pub enum Trouble {
    Failure(Failure),
    /// A statement is not read as it was when it was proven.
    Changed,
    /// A statement was proven under another generation.
    Stale,
    /// The connection was gone, and nothing but this round was on it: reads can be run again.
    Lost(Failure),
    /// A result must be released in chunks, as many others are now. Nothing of it was.
    NoTurn,
}

/// What a round trip gave, and what is still to be done on its connection.
struct Tried {
    round: Round,
    left: Left,
}

enum Left {
    Nothing,
    /// It waits for COMMIT.
    Commit(Box<Pooled>),
    /// There is more of a result than may be held.
    Chunks(Box<Stream>),
}

/// What a round trip gave, held.
pub struct Round {
    pub ran: Vec<Ran>,
    /// By statement; empty for one that only reads.
    pub changes: Vec<Vec<Change>>,
    pub gate: Gate,
    /// Until somebody writes down what became of it.
    pub announced: Option<Announced>,
}

/// How a round trip stands to a transaction that writes.
pub enum Gate {
    /// Nothing was written.
    Read,
    /// The agent's own block goes on.
    Block,
    /// A statement failed and everything was rolled back; the entry announced it.
    Aborted(Receipt),
    /// It went beyond its permit and was rolled back.
    Withheld(Receipt, Deny),
    /// Recorded, and waits for COMMIT; with the mark of the schema.
    Commit(Receipt, Option<u64>),
}

impl Round {
    /// Of statements that only read.
    pub fn of_reads(ran: Vec<Ran>) -> Round {
        Round { changes: vec![Vec::new(); ran.len()], ran, gate: Gate::Read, announced: None }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failure(failure)
    }
}

impl Session {
    /// Runs what is pending, in order, and puts the results before the replies that came after it.
    pub async fn run_pending(&mut self) -> Result<(), SessionEnd> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        let after = self.client.reply().split().freeze();
        let started = Instant::now();
        match self.round(&mut pending).await {
            Ok(Tried { round, left }) => {
                self.proxy.metrics.round.record(started.elapsed());
                let done = match left {
                    Left::Nothing => self.settle_and_deliver(pending, round, None, started).await?,
                    Left::Commit(connection) => self.settle_and_deliver(pending, round, Some(*connection), started).await?,
                    // Rare and long: every session would keep room for it.
                    Left::Chunks(stream) => Box::pin(self.deliver_in_chunks(pending, round, *stream, started)).await?,
                };
                if done {
                    self.client.release(after);
                }
                Ok(())
            }
            Err(failure) => {
                let first = pending.swap_remove(0);
                self.client.release(first.before);
                self.report(failure, Some(&first.text), Some(&first.values)).await
            }
        }
    }

    async fn round(&mut self, pending: &mut [Pending]) -> Result<Tried, Failure> {
        let (mut lost, mut turn) = (false, None);
        for _ in 0..ATTEMPTS {
            match self.try_round(pending, &mut turn).await {
                Ok(tried) => return Ok(tried),
                Err(Trouble::Failure(failure)) => return Err(failure),
                Err(Trouble::Stale) => self.decide_stale(pending).await?,
                Err(Trouble::Lost(failure)) if lost => return Err(failure),
                Err(Trouble::Lost(_)) => lost = true,
                // It waits without a connection, and runs once more.
                Err(Trouble::NoTurn) => turn = Some(self.wait_for_turn().await?),
                Err(Trouble::Changed) => {
                    self.proxy.refresh().await;
                    self.decide_stale(pending).await?;
                }
            }
        }
        Err(Deny::new(Reason::CatalogueChanged, "the database's objects change while the statement runs")
            .hint("Run it again.")
            .into())
    }

    /// Decides anew what was proven under another generation.
    async fn decide_stale(&mut self, pending: &mut [Pending]) -> Result<(), Failure> {
        for one in pending {
            if one.permitted.decided.world.generation != self.proxy.worlds.load().generation {
                let decided = self.decide_again(&one.text, &one.declared).await?;
                check_same_types(&one.permitted.decided, &decided)?;
                one.permitted = self.permit(&one.text, &one.declared, &decided, &one.values).await?;
            }
        }
        Ok(())
    }

    /// Everything up to the results, which stay held.
    async fn try_round(&mut self, pending: &[Pending], turn: &mut Option<Turn>) -> Result<Tried, Trouble> {
        let writes = pending.iter().any(Pending::writes);
        self.check_ledger(writes)?;
        if !self.proxy.freshen().await {
            return Err(
                Failure::from(Deny::new(Reason::UpstreamUnavailable, "the database's catalogue cannot be read now")).into()
            );
        }
        let needs_writer = pending.iter().any(Pending::needs_writer);
        if needs_writer {
            // It may have been prepared before the block began, which may be READ ONLY.
            self.check_may_write("this statement")?;
        }
        let mut connection = self.statement_connection(needs_writer).await?;
        let patience = self.proxy.patience;
        let tried = match tokio::time::timeout(patience, self.try_on(&mut connection, pending)).await {
            Ok(tried) => tried,
            Err(_) => {
                connection.discard();
                self.transaction.lose_upstream();
                Err(Failure::from(Deny::new(Reason::UpstreamUnavailable, "the database did not answer in time")).into())
            }
        };
        let tried = match tried {
            Ok((round, Some(answers))) => match self.take_turn(turn).await {
                // The statement goes on, and so can be cancelled.
                Ok(turn) => return Ok(Tried { round, left: Left::Chunks(Box::new(Stream { connection, answers, turn })) }),
                Err(trouble) => {
                    self.give_up_block(&mut connection);
                    Err(trouble)
                }
            },
            Ok((round, None)) => Ok(round),
            Err(trouble) => Err(trouble),
        };
        self.registration.finished().await;
        if self.transaction.is_upstream() && connection.status() == crate::wire::backend::TransactionStatus::Idle {
            // The server ended the block by itself, or the connection broke.
            self.transaction.lose_upstream();
        }
        match tried {
            Ok(round) if matches!(round.gate, Gate::Commit(..)) => Ok(Tried { round, left: Left::Commit(Box::new(connection)) }),
            tried => {
                self.keep_or_release(connection);
                tried.map(|round| Tried { round, left: Left::Nothing })
            }
        }
    }

    async fn try_on(&mut self, connection: &mut Pooled, pending: &[Pending]) -> Result<(Round, Option<Answers>), Trouble> {
        if let Some(handle) = connection.cancel_handle() {
            self.registration.running(handle);
        }
        let generation = self.proxy.worlds.load().generation;
        if pending.iter().any(|one| one.permitted.decided.world.generation != generation) {
            return Err(Trouble::Stale);
        }
        self.pin_tenants();
        connection_settings::apply(connection, &self.settings).await.map_err(|error| upstream_failed(&error))?;
        self.show_scope(connection, pending).await?;
        let writes = pending.iter().any(Pending::writes);
        if writes {
            self.prepare_writes(connection).await?;
            pending.iter().try_for_each(certify::check_functions)?;
        }
        let mut names = Vec::with_capacity(pending.len());
        for one in pending {
            names.push(certify::certify(connection, &one.permitted).await?);
        }
        let parameters: Vec<Vec<Option<Bytes>>> =
            pending.iter().map(|one| one.permitted.decided.parameters(&one.values)).collect();
        let formats: Vec<_> = pending.iter().map(|one| one.permitted.decided.formats(&one.values)).collect();
        let in_block = self.transaction.is_block();
        let runs: Vec<Run<'_>> = pending
            .iter()
            .enumerate()
            .map(|(index, one)| Run {
                permit: &one.permitted.permit,
                statement: &names[index],
                formats: &formats[index],
                parameters: &parameters[index],
                result_formats: &one.values.result_formats,
                own_rows: one.max_rows,
                in_block,
                in_chunks: one.may_come_in_chunks(in_block),
                digest: one.permitted.decided.certified.reading.digest,
            })
            .collect();
        let (mut round, answers) = match (writes, in_block) {
            (true, false) => (self.run_gated(connection, pending, runs).await?, None),
            (true, true) => (self.run_writes_in_block(connection, pending, runs).await?, None),
            (false, _) => self.run_reads(connection, pending, &runs, in_block).await?,
        };
        if let Err(failure) = self.write_copies(pending, &mut round) {
            connection.discard();
            if in_block {
                self.give_up_block(connection);
            }
            return Err(failure.into());
        }
        let confirmed = self.confirm(connection, pending, &round, answers.as_ref()).await;
        let may_have_written = writes || (self.block.read_write && matches!(confirmed, Err(Trouble::Changed)));
        if confirmed.is_err() && (may_have_written || answers.is_some()) {
            // What ran was not what was proven, so it must not be committed: what a SELECT has become may write too. Or there
            // is more to come, which nobody will read.
            connection.discard();
            if in_block {
                self.give_up_block(connection);
                return Err(super::writes::changed_under_block().into());
            }
        }
        confirmed.map(|()| (round, answers))
    }

    async fn run_reads(
        &mut self,
        connection: &mut Pooled,
        pending: &[Pending],
        runs: &[Run<'_>],
        in_block: bool,
    ) -> Result<(Round, Option<Answers>), Trouble> {
        let mut frame = Frame { begin: self.transaction.begin_text(!self.block.read_write), ..Frame::default() };
        if !in_block && pending.iter().any(Pending::needs_writer) {
            // It only locks rows, and the locks would go at once. Nothing that ran on a connection which may write is kept
            // without a record.
            frame.begin = Some(begin_text(&self.default_modes, false));
            frame.after.push("ROLLBACK".to_owned());
        }
        let calls = |one: &Pending| certify::user_code(&one.permitted.decided).is_some();
        if self.block.read_write && pending.iter().any(calls) {
            // What a user wrote in SQL or another language could write too. A subtransaction that is read only and is taken
            // back keeps it from that.
            frame.before.extend(certify::READ_ONLY.map(str::to_owned));
            frame.after.extend(certify::READ_WRITE.map(str::to_owned));
        }
        let (ran, answers) = match exchange::run(connection, &frame, runs, &self.proxy.hold).await {
            Ok(ran) => ran,
            Err(error) => {
                if self.transaction.is_block() {
                    self.transaction.fail();
                    self.transaction.lose_upstream();
                }
                let failure = exchange_failed(&error);
                return Err(if error.is_lost() && !in_block { Trouble::Lost(failure) } else { failure.into() });
            }
        };
        self.transaction.begun();
        Ok((Round::of_reads(ran), answers))
    }

    /// Whether every statement ran as it was proven, the one that is still running too.
    pub async fn confirm(
        &self,
        connection: &mut Pooled,
        pending: &[Pending],
        round: &Round,
        answers: Option<&Answers>,
    ) -> Result<(), Trouble> {
        for (index, one) in round.ran.iter().enumerate() {
            // Read anew at Bind, the statement fails: the server's words for it can name what the agent may not see.
            if one.failed_to_be_read() {
                connection.certified().remove(pending[index].permitted.decided.certified.reading.id);
                return Err(Trouble::Changed);
            }
            if !self.is_as_proven(one.others.as_deref()) {
                connection.certified().remove(pending[index].permitted.decided.certified.reading.id);
                return Err(Trouble::Changed);
            }
        }
        if let Some(answers) = answers
            && !self.is_as_proven(answers.others().as_deref())
        {
            connection.certified().remove(pending[round.ran.len()].permitted.decided.certified.reading.id);
            return Err(Trouble::Changed);
        }
        self.confirm_functions(pending, &round.gate).await
    }

    fn is_as_proven(&self, others: Option<&[Pair]>) -> bool {
        others.is_some_and(|others| others.iter().all(|pair| self.is_a_built_in_body(pair)))
    }

    /// The body of a user's function can be replaced without a new tree. So before a result that it made is recorded,
    /// an epoch that was read after the statement ran must be the one that it was proven under.
    ///
    /// Nor does a trigger or a constraint show in a tree: before COMMIT the epoch is read once more, under the locks that
    /// the transaction took.
    async fn confirm_functions(&self, pending: &[Pending], gate: &Gate) -> Result<(), Trouble> {
        let commits = matches!(gate, Gate::Commit(..));
        let calls = |one: &Pending| commits || !one.permitted.decided.certified.reading.user_functions.is_empty();
        if !pending.iter().any(calls) {
            return Ok(());
        }
        let generation = match gate {
            Gate::Commit(_, ddl) => self.proxy.generation_now(*ddl).await,
            Gate::Read | Gate::Block | Gate::Aborted(_) | Gate::Withheld(..) => self.proxy.fresh_generation().await,
        };
        let stale = |one: &Pending| calls(one) && generation != Some(one.permitted.decided.world.generation);
        if pending.iter().any(stale) { Err(Trouble::Stale) } else { Ok(()) }
    }

    /// Planning a call with constant arguments runs it, and a built-in written in SQL (`round(numeric)`, `lpad(text, int)`)
    /// then shows its body here. Nothing that an agent writes has the form of one.
    fn is_a_built_in_body(&self, pair: &Pair) -> bool {
        let Ok(trees) = crate::reading::read(self.proxy.version, &pair.analysed, &pair.rewritten) else { return false };
        crate::decision::is_built_in_body(&trees, &self.proxy.worlds.load().catalogue)
    }

    /// The filtered catalogue's views read what the token may see from a setting, written anew before each use:
    /// the agent cannot set it, and no other statement reads it.
    async fn show_scope(&self, connection: &mut Pooled, pending: &[Pending]) -> Result<(), Trouble> {
        let Some(one) = pending.iter().find(|one| one.permitted.permit.introspection()) else { return Ok(()) };
        let scope = super::prover::visible(&one.permitted.decided.world, &self.identity);
        // Digits and separators only (`Visible::setting`).
        let set = format!("SET {VISIBLE_SETTING} = '{scope}'");
        connection.simple(&set).await.map_err(|error| upstream_failed(&error))?;
        Ok(())
    }

    /// Records every outcome, then releases in order up to the first error. True if there was none.
    async fn settle_and_deliver(
        &mut self,
        pending: Vec<Pending>,
        mut round: Round,
        connection: Option<Pooled>,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        if let Some(announced) = round.announced.take() {
            announced.taken_over();
        }
        match &round.gate {
            Gate::Commit(anchor, _) => match connection {
                Some(connection) => {
                    let anchor = anchor.clone();
                    self.commit_and_deliver(pending, round, anchor, connection, started).await
                }
                None => Err(SessionEnd::Fatal),
            },
            Gate::Withheld(anchor, deny) => {
                let (seq, failure) = (anchor.seq(), Failure::from(deny.clone()));
                self.withhold(pending, &failure, seq).await?;
                Ok(false)
            }
            Gate::Aborted(anchor) => {
                let bound = Bound { reference: Some(anchor.seq()), state: TransactionState::Aborted };
                self.deliver(pending, round, bound, started).await
            }
            Gate::Block | Gate::Read => {
                let bound = self.bound();
                self.deliver(pending, round, bound, started).await
            }
        }
    }

    /// How a statement that only reads belongs to a transaction.
    pub fn bound(&self) -> Bound {
        let state = if self.transaction.is_block() { TransactionState::Open } else { TransactionState::Implicit };
        Bound { reference: self.block.anchor.as_ref().map(Receipt::seq), state }
    }

    /// Nothing of it is released, and everything was rolled back.
    async fn withhold(&mut self, pending: Vec<Pending>, failure: &Failure, anchor: u64) -> Result<(), SessionEnd> {
        let mut told = failure.clone();
        if let Some(one) = pending.into_iter().next() {
            Metrics::denied(failure.reason.map_or("none", Reason::code));
            let world = self.proxy.worlds.load().clone();
            let mut entry = super::record::denial(&self.identity, &world, failure, Some(&one.text), Some(&one.values));
            entry.reference = Some(anchor);
            entry.transaction_state = Some(TransactionState::Aborted);
            self.client.release(one.before);
            match self.proxy.ledger.append(entry).await {
                Ok(receipt) => self.receipt = Some(receipt.to_string()),
                Err(error) => told = unrecorded(&error),
            }
        }
        told.write(None, self.client.reply());
        self.failed();
        Ok(())
    }

    pub fn outcome<'a>(&'a self, one: &'a Pending, ran: &'a Ran, started: Instant, bound: Bound) -> Outcome<'a> {
        self.outcome_of(one, &ran.hold, &ran.end, started, bound)
    }

    pub fn outcome_of<'a>(
        &'a self,
        one: &'a Pending,
        hold: &'a Hold,
        end: &'a End,
        started: Instant,
        bound: Bound,
    ) -> Outcome<'a> {
        Outcome {
            identity: &self.identity,
            decided: &one.permitted.decided,
            explain: None,
            values: &one.values,
            permit: &one.permitted.permit,
            hold,
            end,
            bound,
            duration: started.elapsed(),
        }
    }

    pub fn failed(&mut self) {
        self.skipping = true;
        self.transaction.fail();
    }
}

/// Once as it was proven, once anew, and once more for a change that came in between.
const ATTEMPTS: usize = 3;

pub fn exchange_failed(error: &ExchangeError) -> Failure {
    match error {
        ExchangeError::Upstream(error) => upstream_failed(error),
        ExchangeError::Overflow => Deny::new(Reason::ResultTooLarge, "the result is larger than a session may hold")
            .hint("Ask for fewer rows or columns. A plain SELECT that asks for all of its rows at once may give more.")
            .into(),
        ExchangeError::Control(text) => {
            tracing::warn!(text, "the database refused BEGIN");
            Deny::new(Reason::UpstreamUnavailable, "the database cannot begin a transaction now").hint("Try again.").into()
        }
    }
}
