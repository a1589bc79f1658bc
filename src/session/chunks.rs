//! A result that is larger than what may be held: recorded and released chunk by chunk. Each is on record before a byte of it
//! goes to the client, and more is read from the server only when the client has taken it.

use std::time::Instant;

use super::answers::Answers;
use super::core::{End as SessionEnd, Pending, Session, unrecorded};
use super::exchange::{ExchangeError, Ran, upstream_rows};
use super::failure::Failure;
use super::hold::{End, Hold, Sum};
use super::listener::Running;
use super::metrics::Metrics;
use super::proxy::unix_now;
use super::record::Bound;
use super::round::{Round, Trouble, exchange_failed};
use super::turns::Turn;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::ledger::{Chunk, Entry, Receipt};
use crate::upstream::{Pooled, UpstreamError};

/// A connection that has more to give.
pub struct Stream {
    pub connection: Pooled,
    pub answers: Answers,
    /// Held for as long as the connection is.
    pub turn: Turn,
}

/// What is on record of the result.
#[derive(Default)]
struct Progress {
    /// Of the first chunk's entry.
    first: Option<u64>,
    chunks: u64,
    running: Sum,
}

impl Progress {
    /// The next entry's share.
    fn share(&self, hold: &Hold, end: Option<&End>) -> (Sum, Chunk) {
        let mut running = self.running.clone();
        match end {
            Some(end) => running.end(hold, end),
            None => running.add(hold),
        }
        let (rows, bytes) = (running.rows() - self.running.rows(), running.bytes() - self.running.bytes());
        (running, Chunk { bytes, number: self.chunks + 1, rows })
    }
}

impl Pending {
    /// What goes to the client at once, and as it came. Where functions of users were called, an epoch that is read after the
    /// last row must confirm the first; what a cursor, a portal or COPY keeps is not released at all yet; and what writes or
    /// locks is bound to its commit.
    pub fn may_come_in_chunks(&self, in_block: bool) -> bool {
        let permitted = &self.permitted;
        let is_kept = self.max_rows > 0 && !upstream_rows(&permitted.permit, self.max_rows, in_block).1;
        self.delivery.is_rows()
            && !is_kept
            && !self.needs_writer()
            && permitted.decided.certified.reading.user_functions.is_empty()
    }

    /// More rows than the limit: nothing of them is released.
    pub fn too_many(&self, ran: &Ran, in_block: bool) -> bool {
        self.is_beyond(ran.hold.rows()) || self.is_cut(&ran.end, in_block)
    }

    fn is_beyond(&self, rows: u64) -> bool {
        self.permitted.permit.row_limit().is_some_and(|limit| rows > limit)
    }

    /// Not by the agent's own wish.
    fn is_cut(&self, end: &End, in_block: bool) -> bool {
        matches!(end, End::Suspended) && !upstream_rows(&self.permitted.permit, self.max_rows, in_block).1
    }

    pub fn row_limit(&self) -> Deny {
        let limit = self.permitted.permit.row_limit().unwrap_or(0);
        Deny::new(Reason::RowLimit, format!("the result has more than {limit} rows"))
            .hint(format!("Add LIMIT {limit} or a narrower condition."))
    }
}

impl Session {
    /// Delivers what is held, then what is still to come. False after an error, which ends the pipeline.
    pub async fn deliver_in_chunks(
        &mut self,
        pending: Vec<Pending>,
        round: Round,
        mut stream: Stream,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let delivered = self.go_on(pending, round, &mut stream, started).await;
        self.registration.finished().await;
        let Stream { mut connection, answers, turn } = stream;
        if !answers.are_read() {
            // Nobody reads the rest, and the server learns it by the end of the connection.
            self.give_up_block(&mut connection);
        }
        if self.transaction.is_upstream() && connection.status() == crate::wire::backend::TransactionStatus::Idle {
            self.transaction.lose_upstream();
        }
        self.keep_or_release(connection);
        drop(turn);
        delivered
    }

    async fn go_on(
        &mut self,
        mut pending: Vec<Pending>,
        mut round: Round,
        stream: &mut Stream,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        loop {
            let mut rest = pending.split_off(round.ran.len()).into_iter();
            if !self.deliver(pending, round, self.bound(), started).await? {
                return Ok(false);
            }
            let Some(large) = rest.next() else { return Ok(true) };
            if !self.deliver_large(large, stream, self.bound(), started).await? {
                return Ok(false);
            }
            pending = rest.collect();
            if pending.is_empty() {
                return Ok(true);
            }
            round = match self.read_rest(&pending, stream).await {
                Ok(round) => round,
                Err(failure) => {
                    let first = pending.swap_remove(0);
                    self.client.release(first.before);
                    self.report(failure, Some(&first.text), Some(&first.values)).await?;
                    return Ok(false);
                }
            };
        }
    }

    /// The results behind a large one, up to another large one. They are not run again whatever happens: what preceded them
    /// in the same transaction is released.
    async fn read_rest(&mut self, pending: &[Pending], stream: &mut Stream) -> Result<Round, Failure> {
        let Stream { connection, answers, .. } = stream;
        let reading = answers.read(connection, &self.proxy.hold);
        let ran = in_time(tokio::time::timeout(self.proxy.patience, reading).await).map_err(|error| exchange_failed(&error))?;
        let mut round = Round::of_reads(ran);
        self.write_copies(pending, &mut round)?;
        let partly = (!answers.are_read()).then_some(&*answers);
        match self.confirm(connection, pending, &round, partly).await {
            Ok(()) => Ok(round),
            Err(trouble) => {
                // Not to be read as what was proven, and not to be asked for the rest.
                self.give_up_block(connection);
                Err(match trouble {
                    Trouble::Failure(failure) | Trouble::Lost(failure) => failure,
                    Trouble::Changed | Trouble::Stale | Trouble::NoTurn => {
                        Deny::new(Reason::CatalogueChanged, "the database's objects changed while the pipeline ran")
                            .hint("Run it again.")
                            .into()
                    }
                })
            }
        }
    }

    /// One result, from what is held of it to its end.
    async fn deliver_large(
        &mut self,
        mut one: Pending,
        stream: &mut Stream,
        bound: Bound,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let mut progress = Progress::default();
        loop {
            let hold = stream.answers.take();
            if one.is_beyond(progress.running.rows() + hold.rows()) {
                // No more was asked for than one beyond the limit, so that nothing but the end is left to read.
                let reading = stream.answers.read_part(&mut stream.connection, &self.proxy.hold);
                let _ = tokio::time::timeout(self.proxy.patience, reading).await;
                let failure = one.row_limit().into();
                return self.break_off(one, progress, failure, bound, started).await;
            }
            if let Some(failure) = self.must_end() {
                return self.break_off(one, progress, failure, bound, started).await;
            }
            let (running, share) = progress.share(&hold, None);
            let outcome = self.outcome_of(&one, &hold, &End::Suspended, started, bound);
            let entry = outcome.chunk(&running.given(), share, progress.first);
            let receipt = match self.proxy.ledger.append(entry).await {
                Ok(receipt) => receipt,
                // Recording was what failed, so nothing more is written down.
                Err(error) => return self.unrecordable(one, &progress, &error).await,
            };
            progress.first.get_or_insert(receipt.seq());
            progress.running = running;
            progress.chunks += 1;
            self.release_chunk(&mut one, hold, &receipt);
            let end = tokio::select! {
                biased;
                sent = self.client.drain(self.proxy.stall_timeout) => sent.err().map(|error| (gone(&error), error.into())),
                _ = self.running.wait_for(|running| *running == Running::Stopping) => {
                    // In the middle of a message nothing can be told.
                    Some((Failure::new("57P01", "the proxy stopped"), SessionEnd::Fatal))
                }
            };
            if let Some((failure, end)) = end {
                self.record_end(&one, &progress, &failure, bound, started).await;
                return Err(end);
            }
            let reading = stream.answers.read_part(&mut stream.connection, &self.proxy.hold);
            match in_time(tokio::time::timeout(self.proxy.patience, reading).await) {
                Ok(None) => {}
                Ok(Some(ran)) => return self.deliver_last(one, ran, progress, bound, started).await,
                Err(error) => {
                    let failure = exchange_failed(&error);
                    return self.break_off(one, progress, failure, bound, started).await;
                }
            }
        }
    }

    /// What ends a session at its next statement ends a large result at its next chunk.
    fn must_end(&self) -> Option<Failure> {
        if *self.running.borrow() == Running::Stopping {
            return Some(Failure::fatal("57P01", "terminating connection due to administrator command"));
        }
        let deny = Deny::new(Reason::TokenExpired, "the token expired while the result was released");
        let failure = Failure { fatal: true, ..deny.hint("Connect again with a fresh token.").into() };
        self.identity.is_expired(unix_now()).then_some(failure)
    }

    /// What stands before its first row goes with the first chunk.
    fn release_chunk(&mut self, one: &mut Pending, mut hold: Hold, receipt: &Receipt) {
        self.receipt = Some(receipt.to_string());
        self.client.release(std::mem::take(&mut one.before));
        self.client.release(std::mem::take(&mut one.from_bind));
        self.release_notices(&mut hold);
        let mut rows = hold.into_rows();
        self.client.keep(rows.reserved());
        rows.take_all().into_iter().for_each(|bytes| self.client.release(bytes));
        self.proxy.metrics.chunks.increment(1);
    }

    /// The outcome: the whole count and the whole digest.
    async fn deliver_last(
        &mut self,
        one: Pending,
        ran: Ran,
        progress: Progress,
        bound: Bound,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let in_block = self.transaction.is_block();
        if one.is_beyond(progress.running.rows() + ran.hold.rows()) || one.is_cut(&ran.end, in_block) {
            let failure = one.row_limit().into();
            return self.break_off(one, progress, failure, bound, started).await;
        }
        let (running, share) = progress.share(&ran.hold, Some(&ran.end));
        let entry = self.outcome_of(&one, &ran.hold, &ran.end, started, bound).with(&running.given());
        let entry = Entry { chunk: Some(share), reference: progress.first, ..entry };
        match self.proxy.ledger.append(entry).await {
            Ok(receipt) => Ok(self.release(one, ran, receipt, in_block)),
            Err(error) => self.unrecordable(one, &progress, &error).await,
        }
    }

    /// Nothing more of it is released, and the client is told why: an error may follow rows.
    async fn break_off(
        &mut self,
        one: Pending,
        progress: Progress,
        failure: Failure,
        bound: Bound,
        started: Instant,
    ) -> Result<bool, SessionEnd> {
        let told = self.record_end(&one, &progress, &failure, bound, started).await.unwrap_or(failure);
        if progress.chunks == 0 {
            self.client.release(one.before);
            self.client.release(one.from_bind);
        }
        Metrics::denied(told.reason.map_or("none", Reason::code));
        self.failed();
        if told.fatal {
            return Err(self.fatal_now(&told).await);
        }
        told.write(Some(&one.text), self.client.reply());
        Ok(false)
    }

    /// The entry that says how it ended. If that cannot be recorded, what to say of it.
    async fn record_end(
        &mut self,
        one: &Pending,
        progress: &Progress,
        failure: &Failure,
        bound: Bound,
        started: Instant,
    ) -> Option<Failure> {
        let (hold, end) = (Hold::default(), End::Suspended);
        let (running, share) = progress.share(&hold, None);
        let outcome = self.outcome_of(one, &hold, &end, started, bound);
        let entry = match progress.first {
            Some(_) => {
                let entry = outcome.broken_off(&running.given(), failure);
                Entry { chunk: Some(share), reference: progress.first, ..entry }
            }
            None => outcome.withheld(failure),
        };
        match self.proxy.ledger.append(entry).await {
            Ok(receipt) => {
                self.receipt = Some(receipt.to_string());
                None
            }
            Err(error) => Some(unrecorded(&error)),
        }
    }

    async fn unrecordable(
        &mut self,
        one: Pending,
        progress: &Progress,
        error: &crate::ledger::LedgerError,
    ) -> Result<bool, SessionEnd> {
        if progress.chunks == 0 {
            self.client.release(one.before);
        }
        self.report(Failure { reason: None, ..unrecorded(error) }, None, None).await?;
        Ok(false)
    }
}

fn in_time<T>(waited: Result<Result<T, ExchangeError>, tokio::time::error::Elapsed>) -> Result<T, ExchangeError> {
    waited.unwrap_or_else(|_| Err(UpstreamError::Timeout.into()))
}

/// For the ledger alone: the client does not hear it.
fn gone(error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::TimedOut {
        metrics::counter!("pgwarrant_clients_stalled_total").increment(1);
        return Failure::new("08006", "the client took too little of the result in time");
    }
    Failure::new("08006", "the client was gone")
}
