//! The round trips of a transaction that writes: up to its record, which is all but COMMIT, and then COMMIT.

use super::announced::Announced;
use super::exchange::{ExchangeError, Ran, Reader, Run, append_runs, failed, ready};
use super::hold::{Bound, End};
use crate::kill_point::KillPoint;
use crate::ledger::{LedgerError, Receipt};
use crate::upstream::{Changes, Connection, Control, Counted, Record, ServerError, UpstreamError};

/// What one round trip of statements in a transaction gave.
#[derive(Debug)]
pub struct Stepped {
    pub ran: Vec<Ran>,
    /// The counters of relations before their first change here.
    pub base: Vec<Changes>,
    /// By statement: the counters of its relations behind it. Empty for a statement that only reads.
    pub changes: Vec<Vec<Changes>>,
}

#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("the transaction cannot be announced: {0}")]
    Ledger(LedgerError),
}

impl From<UpstreamError> for GateError {
    fn from(error: UpstreamError) -> Self {
        GateError::Exchange(error.into())
    }
}

/// A statement of a transaction, with the relations that it may change.
pub struct Step<'a> {
    pub run: Run<'a>,
    pub counted: Counted,
}

/// BEGIN, the statements, deferred constraints, and the record, in one round trip. The record names the entry that
/// announces the transaction, which the disk takes in while the server works. `None`: a statement failed, and the transaction is to be rolled
/// back.
pub async fn run_to_record(
    connection: &mut Connection,
    begin: &str,
    steps: &[Step<'_>],
    counted: &Counted,
    bound: &Bound,
    log: &str,
    announced: &mut Announced,
) -> Result<(Stepped, Receipt, Option<Record>), GateError> {
    connection.append_begin(begin)?;
    // A lone write is what the record counts.
    let alone = steps.iter().filter(|step| !step.counted.is_empty()).count() == 1;
    connection.append_control(Control::Base(counted))?;
    append_steps(connection, steps, !alone)?;
    connection.flush().await?;
    let anchor = announced.receipt().await.map_err(GateError::Ledger)?;
    KillPoint::Announced.pass();
    let record = Control::Record { log, seq: anchor.seq(), leaf: anchor.leaf_hash(), counted, base: None };
    connection.append_control(Control::Immediate)?;
    connection.append_control(record)?;
    connection.sync();
    connection.flush().await?;
    let mut reader = Reader::new(bound);
    if let End::Error { text, .. } = reader.one(connection, None).await?.end {
        return Err(ExchangeError::Control(text).into());
    }
    let base = counters(connection, Control::Base(counted)).await?;
    let mut ran = read_steps(connection, steps, &mut reader, !alone).await?;
    ran.base = base;
    if ran.ran.last().is_some_and(|last| failed(&last.end)) {
        ready(connection).await?;
        return Ok((ran, anchor, None));
    }
    if let Err(error) = connection.control_answer(Control::Immediate).await? {
        // A deferred constraint: the statement that Postgres would blame is the last one.
        if let Some(last) = ran.ran.last_mut() {
            last.end = super::exchange::error(error.raw.clone())?;
        }
        ready(connection).await?;
        return Ok((ran, anchor, None));
    }
    let answer = connection.control_answer(record).await?.map_err(|error| ExchangeError::Control(error.to_string()))?;
    let record = answer.record()?;
    ready(connection).await?;
    if alone {
        // Its relations are all that was counted.
        for (_, changes) in steps.iter().zip(&mut ran.changes).filter(|(step, _)| !step.counted.is_empty()) {
            changes.extend(ran.base.iter().zip(&record.changes).map(|(base, since)| base.and(since)));
        }
    }
    Ok((ran, anchor, Some(record)))
}

/// Statements inside the agent's own block. `fresh`: the relations that it has not changed before.
pub async fn run_in_block(
    connection: &mut Connection,
    begin: Option<&str>,
    steps: &[Step<'_>],
    fresh: &Counted,
    bound: &Bound,
) -> Result<Stepped, ExchangeError> {
    if let Some(begin) = begin {
        connection.append_begin(begin)?;
    }
    if !fresh.is_empty() {
        connection.append_control(Control::Count(fresh))?;
    }
    append_steps(connection, steps, true)?;
    connection.sync();
    connection.flush().await?;
    let mut reader = Reader::new(bound);
    if begin.is_some()
        && let End::Error { text, .. } = reader.one(connection, None).await?.end
    {
        return Err(ExchangeError::Control(text));
    }
    let base = if fresh.is_empty() { Vec::new() } else { counters(connection, Control::Count(fresh)).await? };
    let mut ran = read_steps(connection, steps, &mut reader, true).await?;
    ran.base = base;
    ready(connection).await?;
    Ok(ran)
}

/// Deferred constraints and the record of the agent's own block. The inner error is the server's: the block has failed.
pub async fn record_block(
    connection: &mut Connection,
    log: &str,
    anchor: &Receipt,
    counted: &Counted,
    base: &[Changes],
) -> Result<Result<Record, ServerError>, UpstreamError> {
    let record = Control::Record { log, seq: anchor.seq(), leaf: anchor.leaf_hash(), counted, base: Some(base) };
    connection.append_control(Control::Immediate)?;
    connection.append_control(record)?;
    connection.sync();
    connection.flush().await?;
    let recorded = match connection.control_answer(Control::Immediate).await? {
        // An error of the record itself is no business of the agent's: the database and the ledger disagree.
        Ok(_) => Ok(connection.control_answer(record).await?.map_err(UpstreamError::Server)?.record()?),
        Err(error) => Err(error),
    };
    ready(connection).await?;
    Ok(recorded)
}

/// Sends COMMIT and does not wait for its answer.
pub async fn send_commit(connection: &mut Connection) -> Result<(), UpstreamError> {
    connection.append_control(Control::Commit)?;
    connection.sync();
    connection.flush().await
}

/// The answer to COMMIT: its tag, which is ROLLBACK if the transaction had failed.
pub async fn commit_answer(connection: &mut Connection) -> Result<Result<String, ServerError>, UpstreamError> {
    let answer = connection.answer().await;
    KillPoint::Committed.pass();
    match answer {
        Ok(rows) => Ok(Ok(rows.tags.into_iter().next_back().unwrap_or_default())),
        Err(UpstreamError::Server(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// `look`: ask behind each write for its counters.
fn append_steps(connection: &mut Connection, steps: &[Step<'_>], look: bool) -> Result<(), ExchangeError> {
    for step in steps {
        append_runs(connection, std::slice::from_ref(&step.run))?;
        if look && !step.counted.is_empty() {
            connection.append_control(Control::Count(&step.counted))?;
        }
    }
    Ok(())
}

async fn read_steps(
    connection: &mut Connection,
    steps: &[Step<'_>],
    reader: &mut Reader<'_>,
    look: bool,
) -> Result<Stepped, ExchangeError> {
    let (ran, changes) = (Vec::with_capacity(steps.len()), Vec::with_capacity(steps.len()));
    let mut done = Stepped { ran, base: Vec::new(), changes };
    for step in steps {
        let ran = reader.one(connection, Some(&step.run.digest)).await?;
        let has_failed = failed(&ran.end);
        done.ran.push(ran);
        if has_failed {
            done.changes.push(Vec::new());
            break;
        }
        let look = look && !step.counted.is_empty();
        done.changes.push(if look { counters(connection, Control::Count(&step.counted)).await? } else { Vec::new() });
    }
    Ok(done)
}

async fn counters(connection: &mut Connection, control: Control<'_>) -> Result<Vec<Changes>, ExchangeError> {
    match connection.control_answer(control).await? {
        Ok(answer) => Ok(answer.counters()?),
        Err(error) => Err(ExchangeError::Control(error.to_string())),
    }
}
