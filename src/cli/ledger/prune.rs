//! `pgwarrant ledger prune`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;

use crate::audit::mirror::mirrored;
use crate::cli::connect::connect;
use crate::config::{Config, Retention};
use crate::ledger::prune::{Limits, Pruned, Stop, run};
use crate::ledger::{Item, LedgerConfig, Reader, tree};
use crate::session::ledger_config;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
May run while the proxy does, which prunes by itself once a day. With an [audit] database, nothing goes that it does not
hold. What remains is proven from `pruned.note`, which is signed.

Example:
  pgwarrant ledger prune --dry-run
  pgwarrant ledger prune --retention '90 days'")]
pub struct Args {
    /// Say what would go, and leave everything as it is
    #[arg(long)]
    dry_run: bool,

    /// Instead of `ledger.retention`
    #[arg(long, value_name = "SPAN", value_parser = retention)]
    retention: Option<Retention>,
}

fn retention(text: &str) -> Result<Retention, String> {
    Retention::parse(text).ok_or_else(|| "write it as '200 days', '12h', or 'forever'".to_owned())
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let Retention::For(retention) = self.retention.unwrap_or(config.ledger.retention) else {
            println!("nothing goes: the ledger is kept for ever (ledger.retention)");
            return Ok(ExitCode::SUCCESS);
        };
        let ledger = ledger_config(config)?;
        let mirrored = match &config.audit {
            Some(_) => Some(held_by_mirror(config, &ledger).await?),
            None => None,
        };
        let limits = Limits { retention: *retention, now: SystemTime::now(), mirrored, dry_run: self.dry_run };
        let pruned = run(&ledger, limits)?;
        println!("{}", said(&pruned, self.dry_run));
        Ok(ExitCode::SUCCESS)
    }
}

/// How much the mirror holds of this log, and not of another one under its name.
async fn held_by_mirror(config: &Config, ledger: &LedgerConfig) -> anyhow::Result<u64> {
    let Some(audit) = &config.audit else { return Ok(0) };
    let client = connect(&audit.url).await.context("the audit database")?;
    let (next_seq, leaf) = mirrored(&client, &ledger.origin).await.context("the audit database")?;
    let next_seq = u64::try_from(next_seq).context("the mirror's end is no number of entries")?;
    let Some(last) = next_seq.checked_sub(1) else { return Ok(0) };
    let mut reader = Reader::open(&ledger.dir, last)?;
    loop {
        match reader.read()? {
            Item::Entry { bytes, .. } => {
                let ours = tree::leaf_hash(bytes);
                anyhow::ensure!(leaf.as_deref() == Some(ours.as_slice()), "entry {last} of the mirror is not the ledger's");
                return Ok(next_seq);
            }
            Item::Checkpoint { .. } => {}
            Item::End => anyhow::bail!("the mirror holds {next_seq} entries, more than the ledger: the ledger lost its end"),
        }
    }
}

fn said(pruned: &Pruned, dry_run: bool) -> String {
    let Pruned { from, to, segments, bytes, stopped_by } = pruned;
    let why = match stopped_by {
        Stop::Young => "the next segment is younger than the retention",
        Stop::Mirror => "the mirror does not hold the next segment",
        Stop::Last => "the next segment is the one that is written",
    };
    let went = if dry_run { "would go" } else { "went" };
    match to > from {
        true => format!("entries {from} to {} {went}: {segments} segments, {bytes} bytes; {why}", to - 1),
        false => format!("no entry {went}; {why}"),
    }
}
