//! Rules are read anew on SIGHUP and when their files change: whole or not at all.

use crate::rules::load_dir;
use crate::rules::ruleset::Ruleset;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::{error, info, warn};

/// An editor writes a file in several steps; what comes within this time is one change.
const SETTLE: Duration = Duration::from_millis(200);

/// Reloads of one directory.
pub struct Reload {
    dir: PathBuf,
    /// Hash of the rules in force.
    in_force: [u8; 32],
    changes: Receiver<()>,
    /// Keeps `changes` open, with a watcher or without.
    _notices: Sender<()>,
    hangups: Signal,
    /// Watches as long as it lives; `None` where the directory cannot be watched: SIGHUP still works.
    _watcher: Option<RecommendedWatcher>,
}

/// What one attempt came to.
#[derive(Debug, PartialEq)]
pub enum Reloaded {
    Changed(Box<Ruleset>),
    Unchanged,
    /// The rules in force stay.
    Broken(String),
}

impl Reload {
    /// `in_force` is the ruleset that the process started with.
    pub fn new(dir: PathBuf, in_force: &Ruleset) -> std::io::Result<Self> {
        // One waiting notice stands for any number of changes.
        let (notices, changes) = mpsc::channel(1);
        let kept = notices.clone();
        let watched = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error of the watcher may have hidden a change: look.
            if event.map_or(true, |e| !e.kind.is_access()) {
                let _ = notices.try_send(());
            }
        })
        .and_then(|mut watcher| watcher.watch(&dir, RecursiveMode::NonRecursive).map(|()| watcher));
        let _watcher =
            watched.inspect_err(|error| warn!(%error, "the rules' directory cannot be watched; send SIGHUP after a change")).ok();
        let hangups = signal(SignalKind::hangup())?;
        Ok(Reload { dir, in_force: in_force.hash, changes, hangups, _notices: kept, _watcher })
    }

    /// Hands each new ruleset to `apply`, for the life of the process. A broken file changes nothing and is logged as an error.
    pub async fn run(mut self, mut apply: impl FnMut(Ruleset)) {
        loop {
            // First at once: files may have changed between the start's reading and the watch.
            match self.attempt() {
                Reloaded::Changed(rules) => {
                    info!(rules = %hex(&rules.hash), relations = rules.relations.len(), "rules reloaded");
                    apply(*rules);
                }
                Reloaded::Unchanged => {}
                Reloaded::Broken(why) => error!("RULES NOT RELOADED, the former rules stay in force:\n{why}"),
            }
            tokio::select! {
                _ = self.changes.recv() => tokio::time::sleep(SETTLE).await,
                _ = self.hangups.recv() => {}
            }
            let _ = self.changes.try_recv();
        }
    }

    /// Reads the directory once.
    pub fn attempt(&mut self) -> Reloaded {
        match load_dir(&self.dir) {
            Ok(rules) if rules.hash == self.in_force => Reloaded::Unchanged,
            Ok(rules) => {
                self.in_force = rules.hash;
                Reloaded::Changed(Box::new(rules))
            }
            Err(errors) => Reloaded::Broken(errors.to_string()),
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    const FIRST: &str = "[table.\"public.a\"]\nmax_rows = 1";
    const SECOND: &str = "[table.\"public.a\"]\nmax_rows = 2";

    fn started() -> (tempfile::TempDir, Reload) {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path().join("a.toml"), FIRST).expect("a file");
        let rules = load_dir(dir.path()).expect("right rules");
        let reload = Reload::new(dir.path().to_owned(), &rules).expect("a watcher");
        (dir, reload)
    }

    #[tokio::test]
    async fn a_broken_file_keeps_the_rules_in_force() {
        let (dir, mut reload) = started();
        assert_eq!(reload.attempt(), Reloaded::Unchanged);
        write(dir.path().join("a.toml"), "[table.\"public.a\"]\nmax_row = 2").expect("a file");
        assert!(matches!(reload.attempt(), Reloaded::Broken(why) if why.contains("a.toml:2:1")));
        write(dir.path().join("a.toml"), SECOND).expect("a file");
        assert!(matches!(reload.attempt(), Reloaded::Changed(rules) if rules.relations.len() == 1));
        assert_eq!(reload.attempt(), Reloaded::Unchanged);
    }

    #[tokio::test]
    async fn a_change_of_the_files_is_seen() {
        let (dir, reload) = started();
        let (applied, mut seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(reload.run(move |rules| drop(applied.send(rules))));
        write(dir.path().join("a.toml"), SECOND).expect("a file");
        let rules = tokio::time::timeout(Duration::from_secs(10), seen.recv()).await.expect("in time").expect("rules");
        assert!(rules.relations.values().any(|r| r.max_rows == Some(2)));
        task.abort();
    }
}
