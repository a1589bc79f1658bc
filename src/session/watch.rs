//! Watching the catalogue: a connection of its own reads the epoch while statements run, and the catalogue when it moved.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::listener::Running;
use super::proxy::Proxy;
use crate::catalogue::load;
use crate::cli::connect::connect;
use crate::config::DatabaseUrl;

/// How stale the epoch may be while statements run.
const POLL: Duration = Duration::from_millis(100);
/// How long to wait before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until the proxy stops.
pub async fn watch(proxy: Arc<Proxy>, url: DatabaseUrl, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut running = proxy.running.clone();
    let mut seen = 0;
    let mut client = None;
    loop {
        let waiting = tokio::select! {
            request = asked.recv() => match request {
                Some(request) => Some(request),
                None => return,
            },
            () = tokio::time::sleep(POLL) => None,
            stopped = running.wait_for(|r| *r == Running::Stopping) => {
                let _ = stopped;
                return;
            }
        };
        let statements = proxy.statements.load(Ordering::Relaxed);
        if waiting.is_none() && statements == seen {
            continue;
        }
        seen = statements;
        match look(&proxy, &url, &mut client).await {
            Ok(changed) => {
                if waiting.is_some() && !changed {
                    // A tree moved that the epoch does not see, such as a search path's: all is proven anew.
                    proxy.worlds.bump();
                    proxy.forget();
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the catalogue");
                client = None;
                // What may have changed is not trusted.
                proxy.worlds.bump();
                proxy.forget();
                tokio::time::sleep(AGAIN).await;
            }
        }
        if let Some(waiting) = waiting {
            let _ = waiting.send(());
        }
    }
}

/// True if the catalogue changed and was loaded.
async fn look(proxy: &Proxy, url: &DatabaseUrl, client: &mut Option<tokio_postgres::Client>) -> anyhow::Result<bool> {
    let client = match client {
        Some(client) if !client.is_closed() => client,
        _ => client.insert(connect(url).await?),
    };
    let epoch = load::epoch(client).await?;
    if epoch == proxy.worlds.load().catalogue.epoch {
        return Ok(false);
    }
    let catalogue = load::load(client).await?;
    tracing::info!("the catalogue changed");
    proxy.worlds.set_catalogue(catalogue);
    proxy.forget();
    Ok(true)
}
