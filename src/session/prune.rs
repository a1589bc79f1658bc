//! Lets the ledger's old segments go, once a day.

use std::time::{Duration, SystemTime};

use crate::ledger::prune::{Limits, run};
use crate::ledger::{Ledger, LedgerConfig, LedgerError};

/// Long enough for the mirror to be reached; a proxy that is restarted every night prunes all the same.
const AFTER_START: Duration = Duration::from_secs(600);
const EVERY: Duration = Duration::from_secs(86_400);
/// Somebody verified or copied the ledger.
const AFTER_REFUSAL: Duration = Duration::from_secs(3600);

/// Goes on for ever.
pub async fn daily(ledger: Ledger, config: LedgerConfig, retention: Duration) {
    let mut wait = AFTER_START;
    let config = std::sync::Arc::new(config);
    loop {
        tokio::time::sleep(wait).await;
        let limits = Limits { retention, now: SystemTime::now(), mirrored: ledger.mirrored(), dry_run: false };
        let config = config.clone();
        let pruned = tokio::task::spawn_blocking(move || run(&config, limits)).await.unwrap_or(Err(LedgerError::Closed));
        wait = match pruned {
            Ok(pruned) => {
                tracing::info!(first = pruned.to, segments = pruned.segments, bytes = pruned.bytes, "the ledger was pruned");
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger could not be pruned");
                AFTER_REFUSAL
            }
        };
    }
}
