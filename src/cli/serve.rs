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
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(crate::session::serve(config))?;
        Ok(ExitCode::SUCCESS)
    }
}
