//! `pgwarrant ledger …`: the ledger's life on disk.

mod backup;
mod prune;
mod restore;
mod succeed;

use std::process::ExitCode;

use anyhow::Context as _;

use super::ConfigFile;
use crate::config::Config;
use crate::ledger::{Checkpoint, Entry, Kind, Ledger, VerifyingName};
use crate::session::ledger_config;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Remove segments that are older than the retention and that the mirror holds
    Prune(prune::Args),
    /// Copy the ledger up to its newest checkpoint, while the proxy runs or not
    Backup(backup::Args),
    /// Bring back a ledger whose disk was lost, from a backup, and from the mirror what the backup lacks
    Restore(restore::Args),
    /// Bring back a ledger whose disk was lost, from the mirror alone
    Rehydrate(restore::RehydrateArgs),
    /// Begin a new log whose first entry binds the last checkpoint of one that cannot be brought back
    Succeed(succeed::Args),
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        match self.command {
            Command::Prune(args) => super::block_on(args.run(&config)),
            Command::Backup(args) => args.run(&config),
            Command::Restore(args) => super::block_on(args.run(&config)),
            Command::Rehydrate(args) => super::block_on(args.run(&config)),
            Command::Succeed(args) => args.run(&config),
        }
    }
}

/// The log of the configuration with its public key.
fn log_key(config: &Config) -> anyhow::Result<VerifyingName> {
    let ledger = ledger_config(config)?;
    VerifyingName::new(&ledger.origin, ledger.key.verifying_key()).context("ledger.origin cannot be a log's name")
}

/// An entry that says how this log came to be what it is; its message is the checkpoint that it goes on from.
fn record(config: &Config, reason: &str, after: &Checkpoint) -> anyhow::Result<()> {
    let mut entry = Entry::new(Kind::Start);
    entry.reason = Some(reason.to_owned());
    entry.message = Some(after.note().to_owned());
    let ledger = Ledger::open(ledger_config(config)?)?;
    // A runtime may drive this thread, and its threads must not wait for a disk.
    std::thread::scope(|scope| scope.spawn(|| ledger.append(entry).wait()).join().expect("waiting does not panic"))?;
    Ok(())
}
