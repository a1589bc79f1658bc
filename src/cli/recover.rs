//! `pgwarrant recover`: what became of transactions that a crash, or a lost connection, left open.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{ConfigFile, completeness, connect};
use crate::audit::completeness::Recorded;
use crate::config::Config;
use crate::ledger::{self, Transaction, TransactionState};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
`pgwarrant serve` does this by itself when it starts, and while it runs. By hand it needs the proxy to be stopped; with
--explain it changes nothing and may run beside it.

Example:
  pgwarrant recover --explain --config /etc/pgwarrant/pgwarrant.toml")]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Say what was and would be done, and why; change nothing
    #[arg(long)]
    explain: bool,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        if self.explain { super::block_on(explain(&config)) } else { super::block_on(recover(config)) }
    }
}

async fn explain(config: &Config) -> anyhow::Result<ExitCode> {
    let transactions = ledger::transactions(&config.ledger.dir)?;
    let count = |state| transactions.iter().filter(|one| one.state == Some(state)).count();
    println!(
        "{} transactions: {} committed, {} aborted, {} lost by failover, {} open",
        transactions.len(),
        count(TransactionState::Committed),
        count(TransactionState::Aborted),
        count(TransactionState::LostByFailover),
        transactions.iter().filter(|one| one.state.is_none()).count()
    );
    let told = |one: &&Transaction| one.recovered || one.state == Some(TransactionState::LostByFailover);
    for one in transactions.iter().filter(told) {
        println!("entry {}: {}", one.seq, because(one));
    }
    let open: Vec<&Transaction> = transactions.iter().filter(|one| one.state.is_none()).collect();
    if open.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let url =
        config.upstream.writer.as_ref().context("upstream.writer is not configured: it is needed to settle transactions")?;
    let client = connect::connect(url).await?;
    let rows = completeness::recorded(&client, &config.ledger.origin).await?;
    let rows: BTreeMap<u64, &Recorded> = rows.iter().map(|row| (row.seq, row)).collect();
    for one in open {
        println!("entry {}: {}", one.seq, would(rows.get(&one.seq).copied()));
    }
    Ok(ExitCode::SUCCESS)
}

fn because(one: &Transaction) -> &'static str {
    match one.state {
        Some(TransactionState::Committed) => {
            "settled by recovery as committed: its row was in pgwarrant.txn, which only its own COMMIT can have left there"
        }
        Some(TransactionState::Aborted) => {
            "settled by recovery as aborted: it had left no row, and recovery put one on its key, so that it can never commit"
        }
        Some(TransactionState::LostByFailover) => "committed once, and lost: the server that was promoted does not have its row",
        Some(TransactionState::Implicit | TransactionState::Open | TransactionState::Committing) | None => "open",
    }
}

fn would(row: Option<&Recorded>) -> &'static str {
    match row {
        Some(row) if row.committed => "open; its row is in pgwarrant.txn: recovery will write down that it committed",
        Some(_) => "open; recovery has put its own row on its key: it will write down that it aborted",
        None => "open; no row yet: recovery will wait for it if it is still under way, and else keep it from ever committing",
    }
}

async fn recover(config: Config) -> anyhow::Result<ExitCode> {
    let settled = crate::session::recover(&config).await?;
    println!("{settled} transactions settled");
    Ok(ExitCode::SUCCESS)
}
