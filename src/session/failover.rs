//! Another server behind the same address: a promoted standby may lack commits that were released. Each is looked up again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::proxy::Proxy;
use super::record;
use super::recovery::RecoveryError;
use crate::ledger::{self, Entry, Kind, Ledger, LedgerError, TransactionState};
use crate::upstream::Pool;

/// How often a running proxy asks which server it talks to.
const POLL: Duration = Duration::from_secs(2);
/// Transactions that are asked for at once.
const PAGE: usize = 10_000;

/// The server as entries name it.
async fn server(writers: &Pool) -> Result<String, RecoveryError> {
    let mut connection = writers.acquire().await?;
    let found = connection.server_identity().await;
    connection.release();
    let (system, timeline) = found?;
    Ok(format!("{}{system}, timeline {timeline}", ledger::SERVER))
}

/// Writes down which server this is, once it is another than the ledger knows; before that, every committed transaction
/// that it does not have. Returns how many those are.
pub async fn check(ledger: &Ledger, dir: &Path, writers: &Pool, known: &mut Option<String>) -> Result<usize, RecoveryError> {
    let now = server(writers).await?;
    if known.as_deref() == Some(&now) {
        return Ok(0);
    }
    let mut lost = 0;
    if let Some(before) = &*known {
        tracing::warn!(before, now, "the database is another server than before; its transactions are looked up again");
        lost = look_up(ledger, dir, writers).await?;
    }
    ledger.append(Entry { message: Some(now.clone()), ..Entry::new(Kind::Start) }).await?;
    *known = Some(now);
    Ok(lost)
}

/// The database is a witness of the ledger: it names no entry that the log does not have. Otherwise the log lost its end,
/// and its next entries would stand under numbers that are taken.
pub async fn check_end(ledger: &Ledger, writers: &Pool) -> Result<Option<u64>, RecoveryError> {
    let mut connection = writers.acquire().await?;
    let found = connection.first_recorded(ledger.origin(), ledger.head().size()).await;
    connection.release();
    Ok(found?)
}

async fn look_up(ledger: &Ledger, dir: &Path, writers: &Pool) -> Result<usize, RecoveryError> {
    let transactions = blocking(dir, ledger::transactions).await?;
    let committed: Vec<u64> =
        transactions.iter().filter(|one| one.state == Some(TransactionState::Committed)).map(|one| one.seq).collect();
    let mut connection = writers.acquire().await?;
    let mut lost = 0;
    for page in committed.chunks(PAGE) {
        for anchor in connection.missing(ledger.origin(), page).await? {
            tracing::error!(anchor, "a committed transaction was lost by failover");
            ledger.append(record::settled(anchor, TransactionState::LostByFailover)).await?;
            lost += 1;
        }
    }
    connection.release();
    Ok(lost)
}

async fn blocking<T: Send + 'static>(
    dir: &Path,
    read: impl FnOnce(&Path) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, RecoveryError> {
    let dir = dir.to_owned();
    let found = tokio::task::spawn_blocking(move || read(&dir)).await;
    Ok(found.map_err(|_| LedgerError::Closed)??)
}

/// For as long as the proxy runs. `known` is what was found when it started.
pub async fn watch(proxy: Arc<Proxy>, dir: PathBuf, mut known: Option<String>) {
    let Some(writers) = &proxy.writers else { return };
    loop {
        tokio::time::sleep(POLL).await;
        if let Err(error) = check(&proxy.ledger, &dir, writers, &mut known).await {
            tracing::debug!(%error, "cannot ask which server this is");
        }
    }
}
