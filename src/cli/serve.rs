//! `pgwarrant serve`: the proxy itself.

use super::{ConfigFile, logging};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ends on SIGINT and SIGTERM after open transactions are done (limits.drain_timeout); reads rules anew on SIGHUP.

Example:
  pgwarrant serve --config /etc/pgwarrant/pgwarrant.toml")]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        logging::init(&config.log)?;
        anyhow::bail!("the proxy is not wired in yet ({})", config.audience)
    }
}
