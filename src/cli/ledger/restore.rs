//! `pgwarrant ledger restore` and `rehydrate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{log_key, record};
use crate::audit::verify;
use crate::audit::verify::Expected;
use crate::cli::connect::connect;
use crate::cli::verify::held;
use crate::config::{Config, DatabaseUrl};
use crate::ledger::note::VerifyingName;
use crate::ledger::{Checkpoint, Rebuild};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A log that goes on from a backup while somebody holds later entries of it is a fork, which can never be mended. So what
came after the backup is taken from the mirror. Where there is none, say that nothing came after it, if you know, or begin
a new log with `pgwarrant ledger succeed`.

Example:
  pgwarrant ledger restore /backup/ledger --from-mirror postgres://auditor@db/audit --checkpoint head.txt")]
pub struct Args {
    /// The backup
    backup: PathBuf,

    #[command(flatten)]
    source: Source,

    /// The proxy was stopped before the backup was made, and never wrote again
    #[arg(long, conflicts_with = "from_mirror")]
    nothing_followed: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The mirror must be as the ledger's key signed it, and hold every checkpoint that is given: give all that were kept. What
was acknowledged and not mirrored before the disk was lost is lost; if any of the checkpoints is newer than the mirror, the
log is not brought back, and `pgwarrant ledger succeed` begins a new one.

Example:
  pgwarrant ledger rehydrate --from-mirror postgres://auditor@db/audit --checkpoint head.txt")]
pub struct RehydrateArgs {
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, clap::Args)]
struct Source {
    /// The audit database, as a role that may read the schema `audit`
    #[arg(long, value_name = "URL", value_parser = DatabaseUrl::parse)]
    from_mirror: Option<DatabaseUrl>,

    /// A checkpoint that somebody kept: what is brought back must contain it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

impl Source {
    fn held(&self, key: &VerifyingName) -> anyhow::Result<Vec<Checkpoint>> {
        self.checkpoint.iter().map(|file| held(file, std::slice::from_ref(key))).collect()
    }
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let key = log_key(config)?;
        let held = self.source.held(&key)?;
        match self.source.from_mirror {
            Some(url) => from_mirror(config, &url, Expected { key, held }, Some(&self.backup), "restored").await,
            None if self.nothing_followed => from_backup(config, &self.backup, Expected { key, held }),
            None => anyhow::bail!(
                "nobody can say whether the log went on after the backup: give --from-mirror, or --nothing-followed if you \
                 know that it did not, or begin a new log with `pgwarrant ledger succeed`"
            ),
        }
    }
}

impl RehydrateArgs {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let key = log_key(config)?;
        let held = self.source.held(&key)?;
        let url = self.source.from_mirror.context("--from-mirror says where the mirror is")?;
        from_mirror(config, &url, Expected { key, held }, None, "rehydrated").await
    }
}

async fn from_mirror(
    config: &Config,
    url: &DatabaseUrl,
    expected: Expected,
    backup: Option<&Path>,
    reason: &str,
) -> anyhow::Result<ExitCode> {
    let rebuild = Rebuild::begin(&config.ledger.dir, &expected.key, config.ledger.segment.0, backup)?;
    let mut client = connect(url).await.context("the audit database")?;
    const NOT: &str = "the log is not brought back: mend the mirror, or begin a new log with `pgwarrant ledger succeed`";
    let (mirror, rebuild) = verify::rehydrate(&mut client, expected.clone(), rebuild).await.context(NOT)?;
    let mut wanted = expected;
    wanted.held.extend(mirror.head.clone());
    let head = verified(&rebuild, wanted, mirror.entries).context(NOT)?;
    rebuild.finish()?;
    finish(config, &head, reason)
}

fn from_backup(config: &Config, backup: &Path, expected: Expected) -> anyhow::Result<ExitCode> {
    let rebuild = Rebuild::begin(&config.ledger.dir, &expected.key, config.ledger.segment.0, Some(backup))?;
    let head = verified(&rebuild, expected, 0)?;
    rebuild.finish()?;
    finish(config, &head, "restored")
}

/// The head of what is about to be the log, which holds everything that was held; what was pruned from it must have
/// been found in the mirror, which has `mirrored` entries.
fn verified(rebuild: &Rebuild, expected: Expected, mirrored: u64) -> anyhow::Result<Checkpoint> {
    let summary = verify::verify_ledger(&rebuild.workshop(), expected)?;
    let unchecked = summary.unchecked.iter().filter(|size| **size > mirrored).max();
    anyhow::ensure!(unchecked.is_none(), "a checkpoint of size {} is of what was pruned before", unchecked.unwrap_or(&0));
    summary.head.context("there is no entry of this log")
}

/// Whoever reads the log must see where it was interrupted: receipts beyond that are of entries that are lost.
fn finish(config: &Config, head: &Checkpoint, reason: &str) -> anyhow::Result<ExitCode> {
    record(config, reason, head)?;
    println!("{reason} up to entry {}; entry {} says so", head.size() - 1, head.size());
    Ok(ExitCode::SUCCESS)
}
