//! `pgwarrant explain`: the proof of a statement, or the step that is missing.

use super::ConfigFile;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  pgwarrant explain --token \"$PGPASSWORD\" \"SELECT name FROM customers WHERE tenant_id = 7\"")]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// The agent's token
    #[arg(long, env = "PGPASSWORD", hide_env_values = true)]
    token: String,
    /// The statement
    sql: String,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        anyhow::bail!("explain is not wired in yet ({}; {} bytes)", config.audience, self.sql.len() + self.token.len())
    }
}
