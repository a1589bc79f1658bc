//! `pgwarrant audit completeness`: what the database did against what the ledger says.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio_postgres::Client;

use super::{ConfigFile, connect};
use crate::audit::completeness::{Recorded, compare, totals};
use crate::ledger::{self, Change, Reader};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Compare pgwarrant.txn and the server's counters with the ledger
    #[command(after_help = "\
Compares every committed transaction in pgwarrant.txn with the ledger, entry by entry, and the server's own counters of
changed rows with what the ledger's transactions changed: what is more than that came round the proxy, was there before it,
or was rolled back. Exits with 1 if a transaction is on one side only.

Example:
  pgwarrant audit completeness --config /etc/pgwarrant/pgwarrant.toml")]
    Completeness(ConfigFile),
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Completeness(config) => super::block_on(completeness(config)),
    }
}

async fn completeness(config: ConfigFile) -> anyhow::Result<ExitCode> {
    let config = config.load()?;
    let url =
        config.upstream.writer.as_ref().context("upstream.writer is not configured: nothing was written through this proxy")?;
    let client = connect::connect(url).await?;
    // The database first: what commits meanwhile is then at most in the ledger and settled later.
    let database = recorded(&client, &config.ledger.origin).await?;
    let transactions = ledger::transactions(&config.ledger.dir)?;
    let origin = Reader::any(&config.ledger.dir)?.map(|reader| reader.origin().to_owned());
    if let Some(origin) = origin.filter(|origin| *origin != config.ledger.origin) {
        anyhow::bail!("the ledger in {} is {origin}, not {}", config.ledger.dir.display(), config.ledger.origin);
    }
    let findings = compare(&transactions, &database);
    let committed = database.iter().filter(|row| row.committed).count();
    println!("{} transactions announced, {committed} committed in the database", transactions.len());
    for finding in &findings {
        println!("FAIL {finding}");
    }
    for line in around(&client, &totals(&transactions)).await? {
        println!("     {line}");
    }
    if findings.is_empty() {
        println!("ok   every transaction is on both sides");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every row of this log in `pgwarrant.txn`.
pub async fn recorded(client: &Client, log: &str) -> anyhow::Result<Vec<Recorded>> {
    const PAGE: i32 = 10_000;
    let mut found: Vec<Recorded> = Vec::new();
    loop {
        let after = found.last().map_or(-1, |row| row.seq as i64);
        let rows = client.query("SELECT seq, state, leaf FROM pgwarrant.recorded($1, $2, $3)", &[&log, &after, &PAGE]).await?;
        let count = rows.len();
        for row in rows {
            let (seq, state): (i64, String) = (row.get(0), row.get(1));
            found.push(Recorded { seq: u64::try_from(seq)?, committed: state == "committed", leaf: row.get(2) });
        }
        if count < PAGE as usize {
            return Ok(found);
        }
    }
}

/// Where the server counts more than the ledger tells of.
async fn around(client: &Client, totals: &BTreeMap<String, Change>) -> anyhow::Result<Vec<String>> {
    const COUNTED: &str = "
        SELECT format('%s.%s', schemaname, relname), n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
        WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname !~ '^pgwarrant' AND schemaname <> 'audit' ORDER BY 1";
    let mut lines = Vec::new();
    for row in client.query(COUNTED, &[]).await? {
        let (name, counted): (String, [i64; 3]) = (row.get(0), [row.get(1), row.get(2), row.get(3)]);
        let ours = totals.get(&name).map_or([0; 3], |c| [c.inserted, c.updated, c.deleted]);
        let more: Vec<i64> = counted.iter().zip(ours).map(|(counted, ours)| counted - ours as i64).collect();
        if more.iter().any(|more| *more > 0) {
            lines.push(format!(
                "{name}: the server counts {} inserted, {} updated, {} deleted rows more than the ledger",
                more[0], more[1], more[2]
            ));
        }
    }
    Ok(lines)
}
