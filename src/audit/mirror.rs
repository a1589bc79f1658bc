//! Copies committed entries into the audit schema, and shuts the ledger's gate when it cannot.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt as _;
use futures_util::future::{Either, join, select};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::ledger::note::Claim;
use crate::ledger::{Committed, Ledger, LedgerError, MirrorGate, Reader, Subscription};

/// Makes a new connection as the writer, whose driver runs already.
pub type Connect = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<Client>> + Send>> + Send + Sync>;

/// One transaction copies about this much, when there is so much.
const BATCH_BYTES: usize = 4 << 20;
/// One message of it has about this much.
const CHUNK_BYTES: usize = 256 << 10;
/// After a transaction with less the mirror waits so long for more: a trickle of commits is not a transaction each.
const LINGER: Duration = Duration::from_millis(5);
/// A server that does not answer for so long is given up; the lag says what that means.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("cannot connect to the audit database: {0:#}")]
    Connect(anyhow::Error),
    #[error("the audit database: {}", message(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the audit database does not answer")]
    Silent,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Final.
    #[error("{0}")]
    Disagrees(String),
}

fn message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}

/// The running mirror. Dropping it ends the copying; the gate then shuts as the log grows.
pub struct Mirror {
    gate: Arc<MirrorGate>,
    ledger: Ledger,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Mirror {
    /// Starts copying, and puts its gate into the ledger: appends fail until the mirror was seen to agree with the
    /// ledger, and while it is more than `max_lag` entries behind.
    pub fn start(ledger: &Ledger, connect: Connect, max_lag: u64) -> Mirror {
        let gate = MirrorGate::new(max_lag);
        if !ledger.set_gate(gate.clone()) {
            tracing::warn!("the ledger has a mirror already, and heeds the first one");
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(ledger.clone(), connect, gate.clone(), stopped));
        Mirror { gate, ledger: ledger.clone(), stop, task }
    }

    /// Entries that are durable in the ledger and not yet in the mirror.
    pub fn lag(&self) -> u64 {
        self.gate.lag(self.ledger.head().size())
    }

    pub fn gate(&self) -> &Arc<MirrorGate> {
        &self.gate
    }

    /// Waits until the mirror was reached and agrees with the ledger, and everything up to now is copied.
    pub async fn caught_up(&self) -> Result<(), LedgerError> {
        let size = self.ledger.head().size();
        loop {
            match self.gate.check(size) {
                Ok(()) if self.gate.lag(size) == 0 => return Ok(()),
                Err(refused @ LedgerError::MirrorRefused(_)) => return Err(refused),
                Ok(()) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Copies what is left of a ledger that was shut down, for as long as `patience`, and ends.
    pub async fn stop(mut self, patience: Duration) {
        let left = self.ledger.head().size();
        let drained = async {
            while self.gate.lag(left) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(patience, drained).await.is_err() {
            tracing::warn!(entries = self.lag(), "the audit mirror is behind; it goes on with the next start");
        }
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(ledger: Ledger, connect: Connect, gate: Arc<MirrorGate>, mut stopped: watch::Receiver<bool>) {
    let mut backoff = FIRST_BACKOFF;
    loop {
        let copied = gate.copied();
        let copying = pin!(copy(&ledger, &connect, &gate));
        let stopping = pin!(stopped.wait_for(|stop| *stop));
        let error = match select(copying, stopping).await {
            Either::Left((Ok(()), _)) | Either::Right(_) => return,
            Either::Left((Err(error), _)) => error,
        };
        if let MirrorError::Disagrees(why) = &error {
            tracing::error!(%why, "the audit mirror disagrees with the ledger; nothing more is recorded or released");
            gate.refuse(why);
            return;
        }
        let lag = gate.lag(ledger.head().size());
        tracing::warn!(%error, lag, "the audit mirror is interrupted");
        backoff = if gate.copied() > copied { FIRST_BACKOFF } else { (backoff * 2).min(LAST_BACKOFF) };
        tokio::time::sleep(backoff).await;
    }
}

/// Copies over one connection until it breaks, or the ledger is closed and everything is copied.
async fn copy(ledger: &Ledger, connect: &Connect, gate: &MirrorGate) -> Result<(), MirrorError> {
    let client = answer(async { connect().await.map_err(MirrorError::Connect) }).await?;
    let resume_at = answer(agree(ledger, &client)).await?;
    gate.report(resume_at);
    let table = answer(Table::prepare(&client, ledger.origin())).await?;
    let mut committed = ledger.subscribe(resume_at);
    let mut next = committed.next(BATCH_BYTES).await?;
    while let Some(batch) = next {
        let is_full = bytes_of(&batch) >= BATCH_BYTES;
        next = if is_full && batch.size < committed.head().size() {
            // It is behind: what comes next is read while this is stored.
            let (stored, read) = join(answer(table.store(&batch)), committed.next(BATCH_BYTES)).await;
            stored?;
            gate.report(batch.size);
            read?
        } else {
            answer(table.store(&batch)).await?;
            gate.report(batch.size);
            if !is_full {
                tokio::time::sleep(LINGER).await;
            }
            committed.next(BATCH_BYTES).await?
        };
    }
    Ok(())
}

fn bytes_of(batch: &Committed) -> usize {
    batch.entries.iter().map(|entry| entry.bytes.len()).sum()
}

async fn answer<T>(work: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
    tokio::time::timeout(ANSWER_PATIENCE, work).await.unwrap_or(Err(MirrorError::Silent))
}

/// Where to resume, after the last mirrored entry was found to be the ledger's. (Whether all earlier ones are is what
/// `pgwarrant verify` says.)
async fn agree(ledger: &Ledger, client: &Client) -> Result<u64, MirrorError> {
    let (next_seq, leaf) = mirrored(client, ledger.origin()).await?;
    let next_seq = u64::try_from(next_seq).map_err(|_| MirrorError::Disagrees(format!("it resumes at {next_seq}")))?;
    let size = ledger.head().size();
    if next_seq > size {
        let what = format!("the mirror holds {next_seq} entries, the ledger {size}: the ledger lost its end");
        return Err(MirrorError::Disagrees(what));
    }
    let lost_its_end = |first: u64| {
        MirrorError::Disagrees(format!(
            "the mirror holds {next_seq} entries, of the ledger those before {first} were pruned since the mirror had them: \
             the mirror lost its end"
        ))
    };
    let Some(last) = next_seq.checked_sub(1) else {
        let first = Reader::first(ledger.dir())
            .map(|reader| reader.next_seq())
            .or_else(|error| if size == 0 { Ok(0) } else { Err(error) })?;
        return if first == 0 { Ok(0) } else { Err(lost_its_end(first)) };
    };
    let ours = match entry_at(ledger.subscribe(last)).await {
        Err(MirrorError::Ledger(LedgerError::Pruned { first, .. })) => return Err(lost_its_end(first)),
        other => other?,
    };
    if leaf.as_deref() != Some(ours.as_slice()) {
        return Err(MirrorError::Disagrees(format!("entry {last} of the mirror is not the ledger's")));
    }
    Ok(next_seq)
}

/// The seq at which the mirror of a log resumes, and the leaf hash of the entry before; for the writer's role.
pub async fn mirrored(client: &Client, origin: &str) -> Result<(i64, Option<Vec<u8>>), tokio_postgres::Error> {
    let row = client.query_one("SELECT next_seq, last_leaf_hash FROM audit.mirrored($1)", &[&origin]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn entry_at(mut committed: Subscription) -> Result<[u8; 32], MirrorError> {
    let batch = committed.next(1).await?;
    batch.and_then(|b| b.entries.first().map(|e| e.leaf_hash)).ok_or(MirrorError::Ledger(LedgerError::Closed))
}

/// The audit schema's tables on one connection, for one log.
struct Table<'a> {
    client: &'a Client,
    log: &'a str,
    copy: Statement,
    insert: Statement,
}

impl<'a> Table<'a> {
    async fn prepare(client: &'a Client, log: &'a str) -> Result<Table<'a>, MirrorError> {
        let copy = client.prepare("COPY audit.entry (log, seq, bytes, leaf_hash) FROM STDIN BINARY").await?;
        let insert = client.prepare("INSERT INTO audit.checkpoint (log, size, root, note) VALUES ($1, $2, $3, $4)").await?;
        Ok(Table { client, log, copy, insert })
    }

    /// One transaction: the entries and the checkpoint that covers them, so that no mirrored entry is ever uncovered.
    /// What is joined here goes out together; an error in the middle makes the COMMIT a ROLLBACK.
    async fn store(&self, batch: &Committed) -> Result<(), MirrorError> {
        let claim = Claim::parse(&batch.checkpoint).map_err(|error| MirrorError::Disagrees(error.to_string()))?;
        let (begun, sink) = join(self.client.batch_execute("BEGIN"), self.client.copy_in::<_, Bytes>(&self.copy)).await;
        begun?;
        let mut sink = pin!(sink?);
        let mut rows = Rows::new();
        for entry in &batch.entries {
            rows.push(self.log, column(entry.seq)?, &entry.bytes, &entry.leaf_hash);
            if rows.0.len() >= CHUNK_BYTES {
                sink.send(rows.take()).await?;
            }
        }
        sink.send(rows.end()).await?;
        sink.finish().await?;
        let (size, root) = (column(claim.size)?, claim.root.as_slice());
        let note = claim.note();
        let values: [&(dyn ToSql + Sync); 4] = [&self.log, &size, &root, &note];
        let (inserted, committed) = join(self.client.execute(&self.insert, &values), self.client.batch_execute("COMMIT")).await;
        inserted?;
        Ok(committed?)
    }
}

/// Rows as `COPY … BINARY` takes them (Postgres manual, COPY, "Binary Format"), in large pieces: the driver's own writer
/// sends 4 KiB at a time.
struct Rows(BytesMut);

impl Rows {
    fn new() -> Rows {
        let mut rows = Rows(BytesMut::with_capacity(CHUNK_BYTES + (64 << 10)));
        rows.0.put_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, no extension of the header.
        rows.0.put_slice(&[0; 8]);
        rows
    }

    fn push(&mut self, log: &str, seq: i64, bytes: &[u8], leaf_hash: &[u8]) {
        self.0.put_i16(4);
        for field in [log.as_bytes(), &seq.to_be_bytes(), bytes, leaf_hash] {
            // An entry has at most 64 KiB.
            self.0.put_i32(field.len() as i32);
            self.0.put_slice(field);
        }
    }

    fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }

    fn end(mut self) -> Bytes {
        self.0.put_i16(-1);
        self.0.freeze()
    }
}

fn column(number: u64) -> Result<i64, MirrorError> {
    i64::try_from(number).map_err(|_| MirrorError::Disagrees(format!("entry {number} is beyond what a bigint holds")))
}
