//! One file a subcommand; each `--help` ends with an example.

pub mod completeness;
pub mod connect;
pub mod doctor;
pub mod explain;
pub mod init;
pub mod judge;
pub mod ledger;
pub mod logging;
pub mod recover;
pub mod rules;
pub mod serve;
pub mod token;
pub mod verify;

use crate::config::Config;
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
  psql postgres://postgres@127.0.0.1/shop -f audit.sql
  pgwarrant doctor
  pgwarrant serve
  pgwarrant token mint --grant 'SELECT (id, tenant_id, name) ON public.customers WHERE tenant_id = 7 LIMIT 100' --expires 1h";

// Made once a process.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy
    Serve(serve::Args),
    /// Look at a database; write a configuration, keys, starter rules and the DBA's SQL
    Init(init::Args),
    /// Check that server, roles, files and rules are as they must be
    Doctor(doctor::Args),
    /// Make, delegate, look at and check tokens
    #[command(after_help = "Example:\n  pgwarrant token mint --grant 'SELECT (*) ON public.products' --expires 1h")]
    Token(TokenArgs),
    /// Print the proof of a statement, or the step that is missing
    Explain(explain::Args),
    /// Lint the rules, run their cases, print the database's part of them
    #[command(subcommand, after_help = "Example:\n  pgwarrant rules lint && pgwarrant rules test")]
    Rules(rules::Command),
    /// Prune, back up and restore the ledger
    #[command(after_help = "Example:\n  pgwarrant ledger prune --dry-run")]
    Ledger(ledger::Args),
    /// Check the ledger, its mirror, or one against the other
    Verify(verify::Args),
    /// Compare the ledger's transactions with the database's
    #[command(subcommand, after_help = "Example:\n  pgwarrant audit completeness")]
    Audit(completeness::Command),
    /// Settle, or explain, what became of transactions after a crash
    Recover(recover::Args),
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
            Command::Init(args) => args.run(),
            Command::Doctor(args) => args.run(),
            Command::Token(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Rules(command) => rules::run(command),
            Command::Ledger(args) => args.run(),
            Command::Verify(args) => args.run(),
            Command::Audit(command) => completeness::run(command),
            Command::Recover(args) => args.run(),
            Command::Version => {
                println!("pgwarrant {}", env!("CARGO_PKG_VERSION"));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// `pgwarrant token …` takes what its flags leave open from the configuration, if there is one.
#[derive(Debug, clap::Args)]
struct TokenArgs {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    command: token::Command,
}

impl TokenArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let defaults = if self.config.path.exists() { token_defaults(&self.config.load()?)? } else { token::Defaults::default() };
        token::run(self.command, &defaults)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn token_defaults(config: &Config) -> anyhow::Result<token::Defaults> {
    let address = config.listen.addresses.first();
    // `init` writes the private half beside the public one; on the proxy's machine it need not be.
    let private = config.roots.iter().map(|root| root.key.with_extension("key")).find(|key| key.exists());
    Ok(token::Defaults {
        audience: Some(config.audience.clone()),
        host: address
            .map(|address| if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() }),
        port: address.map(std::net::SocketAddr::port),
        database: Some(config.database.clone()),
        root_key_path: private,
        roots: config.root_keys()?,
    })
}

/// Where the configuration is, the same for every command that needs it.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        long = "config",
        short = 'c',
        global = true,
        env = "PGWARRANT_CONFIG",
        default_value = "pgwarrant.toml",
        value_name = "FILE"
    )]
    pub path: std::path::PathBuf,
}

impl ConfigFile {
    pub fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.path)?)
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
