//! `pgwarrant ledger backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::log_key;
use crate::audit::verify::{Expected, verify_ledger};
use crate::config::Config;
use crate::ledger::backup::{Copied, copy};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy ends with a signed checkpoint and is verified before this command succeeds; `pgwarrant verify --ledger DIR` does
it again. Keep the checkpoint that is printed somewhere else: it tells whoever restores how far the log was.

Example:
  pgwarrant ledger backup /backup/ledger-$(date +%F) > /backup/head-$(date +%F).txt")]
pub struct Args {
    /// An empty directory, or one that is not there yet
    dir: PathBuf,
}

impl Args {
    pub fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let key = log_key(config)?;
        let Copied { segments, bytes } = copy(&config.ledger.dir, &self.dir)?;
        let summary = verify_ledger(&self.dir, Expected { key, held: Vec::new() }).context("the copy is not as it was signed")?;
        let head = summary.head.context("the ledger holds no entry yet")?;
        eprintln!("copied {} entries: {segments} segments, {bytes} bytes", summary.entries - summary.first);
        print!("{}", head.note());
        Ok(ExitCode::SUCCESS)
    }
}
