//! One file a subcommand; each `--help` ends with an example.

pub mod connect;
// pub mod doctor;
pub mod explain;
// pub mod init;
pub mod logging;
pub mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A Postgres proxy that proves every statement of an AI agent and signs every outcome.
#[derive(Debug, Parser)]
#[command(name = "pgwarrant", version, after_help = OVERVIEW)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const OVERVIEW: &str = "\
Example, from nothing to the first agent:
  pgwarrant init --database postgres://postgres@127.0.0.1/shop
  psql postgres://postgres@127.0.0.1/shop -f setup.sql
  pgwarrant doctor
  pgwarrant serve
  pgwarrant token mint --grant 'SELECT (id, name) ON public.customers WHERE tenant_id = 7 LIMIT 100' --expires 1h";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy
    Serve(serve::Args),
    // Look at a database; write a configuration, keys, starter rules and the DBA's SQL
    // Init(init::Args),
    // Check that server, roles, files and rules are as they must be
    // Doctor(doctor::Args),
    /// Print the proof of a statement, or the step that is missing
    Explain(explain::Args),
    /// Print the version
    #[command(after_help = "Example:\n  pgwarrant version")]
    Version,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pgwarrant: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Serve(args) => args.run(),
            // Command::Init(args) => args.run(),
            // Command::Doctor(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Version => {
                println!("pgwarrant {}", env!("CARGO_PKG_VERSION"));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Where the configuration is, the same for every command that needs it.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(long = "config", short = 'c', env = "PGWARRANT_CONFIG", default_value = "pgwarrant.toml", value_name = "FILE")]
    pub path: std::path::PathBuf,
}

impl ConfigFile {
    pub fn load(&self) -> anyhow::Result<crate::config::Config> {
        Ok(crate::config::Config::load(&self.path)?)
    }
}

/// A runtime for commands that talk to a database once.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_help_ends_with_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{path} --help has no example");
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                walk(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        let command = Cli::command();
        command.clone().debug_assert();
        walk(&command, "pgwarrant");
    }
}
