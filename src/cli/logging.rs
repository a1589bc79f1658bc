//! `tracing` to standard error, as text or as one JSON object a line.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// `PGWARRANT_LOG` goes before `log.filter` of the configuration.
pub fn init(log: &Log) -> anyhow::Result<()> {
    let directives = std::env::var("PGWARRANT_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&directives).map_err(|error| anyhow::anyhow!("log.filter {directives:?}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    let done = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|error| anyhow::anyhow!("logging: {error}"))
}
