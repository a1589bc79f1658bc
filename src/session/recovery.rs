//! What became of transactions that were announced and not settled: after a crash, and after a COMMIT without an answer.
//!
//! Only the fence tells (`pgwarrant.settle`): it waits for a transaction that is still under way, and then either keeps it
//! from ever committing or finds it committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::proxy::Proxy;
use super::record;
use crate::kill_point::KillPoint;
use crate::ledger::{BY_RECOVERY, Change, Entry, Ledger, LedgerError, TransactionState};
use crate::upstream::{Pool, PoolError, Settled, UpstreamError};

/// Between attempts while the database cannot be reached.
const AGAIN: Duration = Duration::from_secs(1);

/// Where sessions leave what they could not settle.
#[derive(Debug, Clone)]
pub struct Unsettled(mpsc::UnboundedSender<u64>);

impl Unsettled {
    pub fn new() -> (Unsettled, mpsc::UnboundedReceiver<u64>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Unsettled(sender), receiver)
    }

    /// The transaction that this entry announced. If nobody listens any more, the next start settles it.
    pub fn settle(&self, anchor: u64) {
        let _ = self.0.send(anchor);
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("{0}")]
    Pool(#[from] PoolError),
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// Settles one transaction, and writes down what became of it.
pub async fn settle(ledger: &Ledger, writers: &Pool, anchor: u64) -> Result<Settled, RecoveryError> {
    let mut connection = writers.acquire().await?;
    let settled = connection.settle(ledger.origin(), anchor).await;
    connection.release();
    let settled = settled?;
    KillPoint::Settling.pass();
    let state = if settled.committed { TransactionState::Committed } else { TransactionState::Aborted };
    let entry = Entry {
        changes: changes(&settled),
        message: Some(BY_RECOVERY.to_owned()),
        transaction: Some(settled.xid.clone()),
        ..record::settled(anchor, state)
    };
    ledger.append(entry).await?;
    tracing::info!(anchor, committed = settled.committed, "a transaction was settled");
    Ok(settled)
}

/// As the transaction itself recorded them, relations by OID.
fn changes(settled: &Settled) -> Vec<Change> {
    #[derive(serde::Deserialize)]
    struct Recorded {
        relation: u64,
        inserted: u64,
        updated: u64,
        deleted: u64,
    }
    let text = settled.changes.as_deref().unwrap_or("[]");
    let recorded: Vec<Recorded> = serde_json::from_str(text).unwrap_or_default();
    let change =
        |r: Recorded| Change { deleted: r.deleted, inserted: r.inserted, relation: r.relation.to_string(), updated: r.updated };
    recorded.into_iter().map(change).collect()
}

/// Settles what sessions leave, for as long as the proxy runs.
pub async fn run(proxy: Arc<Proxy>, mut left: mpsc::UnboundedReceiver<u64>) {
    while let Some(anchor) = left.recv().await {
        let Some(writers) = &proxy.writers else { continue };
        while let Err(error) = settle(&proxy.ledger, writers, anchor).await {
            tracing::warn!(%error, anchor, "a transaction cannot be settled yet");
            tokio::time::sleep(AGAIN).await;
        }
    }
}
