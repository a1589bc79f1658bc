//! `pgwarrant ledger …`: the ledger's life on disk.

mod prune;

use std::process::ExitCode;

use super::ConfigFile;

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
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        match self.command {
            Command::Prune(args) => super::block_on(args.run(&config)),
        }
    }
}
