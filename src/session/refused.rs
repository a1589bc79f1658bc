//! Refusals before authentication: counted, and summarised in the ledger, so that a stranger cannot fill the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::proxy::Proxy;
use crate::ledger::{Entry, Kind};

#[derive(Debug, Default)]
pub struct Refused {
    count: AtomicU64,
}

/// One entry at most in so long a time.
const EVERY: Duration = Duration::from_secs(60);

impl Refused {
    pub fn count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.count.swap(0, Ordering::Relaxed)
    }
}

pub async fn summarise(proxy: Arc<Proxy>) {
    loop {
        tokio::time::sleep(EVERY).await;
        record(&proxy).await;
    }
}

/// What was counted since the last time; also at the proxy's end, so that nothing is lost.
pub async fn record(proxy: &Proxy) {
    let count = proxy.refused.take();
    if count > 0 {
        let entry = Entry { count: Some(count), ..Entry::new(Kind::DenialSummary) };
        if let Err(error) = proxy.ledger.append(entry).await {
            tracing::error!(%error, "refused connections could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_each_refusal_once() {
        let refused = Refused::default();
        refused.count();
        refused.count();
        assert_eq!((refused.take(), refused.take()), (2, 0));
    }
}
