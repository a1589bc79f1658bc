//! Watching the catalogue: a connection of its own reads the epoch while statements run, and the catalogue when it moved.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::listener::Running;
use super::proxy::{Ask, Proxy};
use crate::catalogue::load::{self, EpochReader};
use crate::cli::connect::connect;
use crate::config::DatabaseUrl;

/// How stale the epoch may be while statements run.
const POLL: Duration = Duration::from_millis(100);
/// How long to wait before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// The connection, with the query planned on it.
struct Reader {
    client: tokio_postgres::Client,
    epoch: EpochReader,
}

/// Runs until the proxy stops.
pub async fn watch(proxy: Arc<Proxy>, url: DatabaseUrl, mut asks: mpsc::Receiver<Ask>) {
    let mut running = proxy.running.clone();
    let mut seen = 0;
    let mut reader = None;
    loop {
        let first = tokio::select! {
            ask = asks.recv() => match ask {
                Some(ask) => Some(ask),
                None => return,
            },
            () = tokio::time::sleep(POLL) => None,
            stopped = running.wait_for(|r| *r == Running::Stopping) => {
                let _ = stopped;
                return;
            }
        };
        let statements = proxy.statements.load(Ordering::Relaxed);
        if first.is_none() && statements == seen {
            continue;
        }
        seen = statements;
        // Everybody who asked before the read begins is answered by it.
        let mut waiting: Vec<Ask> = first.into_iter().collect();
        while let Ok(ask) = asks.try_recv() {
            waiting.push(ask);
        }
        let looked = look(&proxy, &url, &mut reader).await;
        let changed = matches!(looked, Ok(true));
        if looked.is_err() || (!changed && waiting.iter().any(|ask| ask.anew)) {
            // A tree moved that the epoch does not see, or nobody knows what moved.
            proxy.worlds.bump();
            proxy.forget();
        }
        match looked {
            Ok(_) => answer(waiting, proxy.worlds.load().generation),
            Err(error) => {
                tracing::warn!(%error, "cannot read the catalogue");
                reader = None;
                drop(waiting);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn answer(waiting: Vec<Ask>, generation: u64) {
    for ask in waiting {
        // Who does not wait any more needs no answer.
        let _ = ask.answer.send(generation);
    }
}

/// True if the catalogue changed and was loaded.
async fn look(proxy: &Proxy, url: &DatabaseUrl, reader: &mut Option<Reader>) -> anyhow::Result<bool> {
    let Reader { client, epoch } = match reader {
        Some(reader) if !reader.client.is_closed() => reader,
        _ => {
            let client = connect(url).await?;
            let epoch = EpochReader::prepare(&client).await?;
            reader.insert(Reader { client, epoch })
        }
    };
    let began = proxy.now();
    let epoch = epoch.read(client).await?;
    if epoch == proxy.worlds.load().catalogue.epoch {
        proxy.looked.store(began, Ordering::Relaxed);
        return Ok(false);
    }
    let catalogue = load::load(client).await?;
    tracing::info!("the catalogue changed");
    proxy.worlds.set_catalogue(catalogue);
    proxy.forget();
    proxy.looked.store(began, Ordering::Relaxed);
    Ok(true)
}
