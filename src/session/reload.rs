//! New rules while the proxy runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::proxy::Proxy;
use crate::rules;

/// Reads the rules anew on SIGHUP and when a file changes. A broken set of files changes nothing, and says so loudly.
pub async fn rules(proxy: Arc<Proxy>, dir: PathBuf) {
    use notify::Watcher as _;
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let noticed = changed.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = noticed.try_send(());
        }
    });
    if let Ok(watcher) = &mut watcher
        && let Err(error) = watcher.watch(&dir, notify::RecursiveMode::NonRecursive)
    {
        tracing::warn!(%error, "the rules' directory cannot be watched; send SIGHUP after a change");
    }
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok();
    loop {
        let hung_up = async {
            match &mut hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hung_up => {}
            _ = changes.recv() => {
                // An editor writes several times.
                tokio::time::sleep(Duration::from_millis(200)).await;
                while changes.try_recv().is_ok() {}
            }
        }
        match rules::load_dir(&dir) {
            Ok(rules) if rules.hash == proxy.worlds.load().rules.hash => {}
            Ok(rules) => {
                tracing::info!("rules reloaded");
                proxy.worlds.set_rules(rules);
                proxy.forget();
            }
            Err(errors) => tracing::error!(%errors, "the rules are broken; those of before stay in force"),
        }
    }
}
