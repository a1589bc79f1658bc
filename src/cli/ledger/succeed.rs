//! `pgwarrant ledger succeed`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{log_key, record};
use crate::cli::verify::{held, verifying_name};
use crate::config::Config;
use crate::ledger::Reader;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
First give `ledger.origin` a new name (and `ledger.key` a new key, if the old one may be in other hands), and take the old
segments away. Publish the new verifier key beside the old one.

Example:
  pgwarrant ledger succeed --head last-checkpoint.txt --key old-ledger.vkey")]
pub struct Args {
    /// The newest checkpoint of the old log that anybody has
    #[arg(long, value_name = "FILE")]
    head: PathBuf,

    /// Verifier key of the old log (`name+hash+key`), or a file with it
    #[arg(long, value_name = "VKEY")]
    key: String,
}

impl Args {
    pub fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let key = verifying_name(&self.key)?;
        let head = held(&self.head, std::slice::from_ref(&key))?;
        let origin = log_key(config)?.name().to_owned();
        anyhow::ensure!(origin != key.name(), "ledger.origin is still `{origin}`: a new log needs a name of its own");
        let dir = &config.ledger.dir;
        let empty = !dir.exists() || Reader::any(dir)?.is_none();
        anyhow::ensure!(empty, "{} holds a log already", dir.display());
        record(config, "succeeds", &head)?;
        println!("`{origin}` goes on where `{}` ended, with entry {}: its entry 0 says so", key.name(), head.size());
        Ok(ExitCode::SUCCESS)
    }
}
