//! The round trips of a transaction that writes: up to its record, which is all but COMMIT, and then COMMIT.

use super::announced::Announced;
use super::exchange::{ExchangeError, Ran, Reader, Run, append_runs, append_text, failed, ready};
use super::hold::{Bound, End};
use crate::ledger::{LedgerError, Receipt};
use crate::upstream::{Changes, Connection, Control, Record, ServerError, UpstreamError};
use crate::wire::Oid;

/// What one round trip of statements in a transaction gave.
#[derive(Debug)]
pub struct Stepped {
    pub ran: Vec<Ran>,
    /// By statement: what its relations have changed since the transaction began. Empty for a statement that only reads.
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
    pub relations: Vec<Oid>,
}

/// BEGIN, the statements, deferred constraints, and the record, in one round trip. The record names the entry that
/// announces the transaction, which the disk takes in while the server works. `None`: a statement failed, and the transaction is to be rolled
/// back.
pub async fn run_to_record(
    connection: &mut Connection,
    begin: &str,
    steps: &[Step<'_>],
    relations: &[Oid],
    bound: &Bound,
    log: &str,
    announced: &mut Announced,
) -> Result<(Stepped, Receipt, Option<Record>), GateError> {
    append_text(connection, begin)?;
    // A lone write is what the record counts.
    let alone = steps.iter().filter(|step| !step.relations.is_empty()).count() == 1;
    append_steps(connection, steps, !alone)?;
    connection.flush().await?;
    let anchor = announced.receipt().await.map_err(GateError::Ledger)?;
    connection.append_control(Control::Immediate)?;
    connection.append_control(Control::Record { log, seq: anchor.seq(), leaf: anchor.leaf_hash(), relations })?;
    connection.sync();
    connection.flush().await?;
    let mut reader = Reader::new(bound);
    if let End::Error { text, .. } = reader.one(connection, None).await?.end {
        return Err(ExchangeError::Control(text).into());
    }
    let mut ran = read_steps(connection, steps, &mut reader, !alone).await?;
    if ran.ran.last().is_some_and(|last| failed(&last.end)) {
        ready(connection).await?;
        return Ok((ran, anchor, None));
    }
    if let Err(error) = connection.control_answer().await? {
        // A deferred constraint: the statement that Postgres would blame is the last one.
        if let Some(last) = ran.ran.last_mut() {
            last.end = super::exchange::error(error.raw.clone())?;
        }
        ready(connection).await?;
        return Ok((ran, anchor, None));
    }
    let rows = connection.control_answer().await?.map_err(|error| ExchangeError::Control(error.to_string()))?;
    ready(connection).await?;
    let record = Record::from(rows);
    if alone {
        for (step, changes) in steps.iter().zip(&mut ran.changes).filter(|(step, _)| !step.relations.is_empty()) {
            changes.extend(record.changes.iter().filter(|c| step.relations.contains(&c.relation)));
        }
    }
    Ok((ran, anchor, Some(record)))
}

/// Statements inside the agent's own block.
pub async fn run_in_block(
    connection: &mut Connection,
    begin: Option<&str>,
    steps: &[Step<'_>],
    bound: &Bound,
) -> Result<Stepped, ExchangeError> {
    if let Some(begin) = begin {
        append_text(connection, begin)?;
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
    let ran = read_steps(connection, steps, &mut reader, true).await?;
    ready(connection).await?;
    Ok(ran)
}

/// Deferred constraints and the record of the agent's own block. The inner error is the server's: the block has failed.
pub async fn record_block(
    connection: &mut Connection,
    log: &str,
    anchor: &Receipt,
    relations: &[Oid],
) -> Result<Result<Record, ServerError>, UpstreamError> {
    connection.append_control(Control::Immediate)?;
    connection.append_control(Control::Record { log, seq: anchor.seq(), leaf: anchor.leaf_hash(), relations })?;
    connection.sync();
    connection.flush().await?;
    let recorded = match connection.control_answer().await? {
        // An error of the record itself is no business of the agent's: the database and the ledger disagree.
        Ok(_) => Ok(connection.control_answer().await?.map_err(UpstreamError::Server)?),
        Err(error) => Err(error),
    };
    ready(connection).await?;
    Ok(recorded.map(Record::from))
}

/// Sends COMMIT and does not wait for its answer.
pub async fn send_commit(connection: &mut Connection) -> Result<(), UpstreamError> {
    connection.query("COMMIT")?;
    connection.flush().await
}

/// The answer to COMMIT: its tag, which is ROLLBACK if the transaction had failed.
pub async fn commit_answer(connection: &mut Connection) -> Result<Result<String, ServerError>, UpstreamError> {
    match connection.answer().await {
        Ok(rows) => Ok(Ok(rows.tags.into_iter().next_back().unwrap_or_default())),
        Err(UpstreamError::Server(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// `look`: ask after each write what it changed.
fn append_steps(connection: &mut Connection, steps: &[Step<'_>], look: bool) -> Result<(), ExchangeError> {
    for step in steps {
        if !step.relations.is_empty() {
            connection.append_control(Control::Begin(&step.relations))?;
        }
        append_runs(connection, std::slice::from_ref(&step.run))?;
        if look && !step.relations.is_empty() {
            connection.append_control(Control::Changes(&step.relations))?;
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
    let mut done = Stepped { ran: Vec::with_capacity(steps.len()), changes: Vec::with_capacity(steps.len()) };
    let control = |answer: Result<Vec<Changes>, ServerError>| answer.map_err(|error| ExchangeError::Control(error.to_string()));
    for step in steps {
        let writes = !step.relations.is_empty();
        if writes {
            control(connection.control_answer().await?)?;
        }
        let ran = reader.one(connection, Some(&step.run.digest)).await?;
        let has_failed = failed(&ran.end);
        done.ran.push(ran);
        if has_failed {
            done.changes.push(Vec::new());
            break;
        }
        done.changes.push(if writes && look { control(connection.control_answer().await?)? } else { Vec::new() });
    }
    Ok(done)
}
