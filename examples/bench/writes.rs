//! `pgbench -N`, which updates, reads and inserts in one transaction: direct, and through pgwarrant with its gate.

use super::load::{Figures, number};
use super::route::{READER_PASSWORD, Route, WRITES};
use super::support::postgres::Error;
use super::support::{Stage, proxy, stage};
use pgwarrant::token::grant::Grant;
use std::process::Command;

const RULES: &str = "\
[table.\"public.pgbench_accounts\"]
bounded_by = [\"aid\"]

[table.\"public.pgbench_history\"]
bounded_by = [\"aid\"]
";

const GRANTS: [&str; 3] = [
    "SELECT (aid, bid, abalance) ON public.pgbench_accounts",
    "UPDATE (abalance) ON public.pgbench_accounts",
    "INSERT (*) ON public.pgbench_history",
];

/// `pgbench --show-script=simple-update`, which is `-N`: given as a file, it does not count branches first.
const SCRIPT: &str = "\
\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
";

const MODES: [&str; 2] = ["simple", "prepared"];
const CLIENTS: [u32; 2] = [1, 8];

/// pgbench's own tables, and what lets an agent write them. Before any proxy starts.
pub fn prepare(stage: &Stage) -> Result<(), Error> {
    let mut command = Command::new(stage::client("pgbench")?);
    stage::run(command.args(["-i", "-q", "-s", "10", &stage.cluster.admin_url("shop")]))?;
    stage.cluster.sql("shop", &format!("CREATE ROLE {WRITES} LOGIN PASSWORD '{READER_PASSWORD}'"))?;
    stage.cluster.sql("shop", &format!("GRANT SELECT, INSERT, UPDATE ON pgbench_accounts, pgbench_history TO {WRITES}"))?;
    std::fs::write(stage.home().join("rules/pgbench.toml"), RULES)?;
    let mut command = Command::new(proxy::binary()?);
    command.args(["rules", "sql", "--role", "pgwarrant_reader", "--writer-role", "pgwarrant_writer"]);
    let sql = stage::run(command.arg("--config").arg(stage.config()).arg("--database").arg(stage.cluster.admin_url("shop")))?;
    let file = stage.home().join("pgbench.sql");
    std::fs::write(&file, sql)?;
    stage.psql_file("shop", &file)
}

/// A table of its own: throughput and its ratio to direct.
pub fn run(
    stage: &Stage,
    routes: &[Route],
    seconds: u32,
    in_mode: impl Fn(&str) -> bool,
    with_clients: impl Fn(u32) -> bool,
) -> Result<(), Error> {
    let grants: Vec<Grant> = GRANTS.iter().map(|text| text.parse().expect("a grant")).collect();
    let token = stage.token("pgbench", &grants, 24 * 3600);
    println!("\n`pgbench -N`, scale 10:\n");
    println!(
        "| mode | clients | way | transactions/s | latency ms | CPU µs/transaction | : direct |\n|---|---|---|---|---|---|---|"
    );
    for mode in MODES.into_iter().filter(|mode| in_mode(mode)) {
        for clients in CLIENTS.into_iter().filter(|count| with_clients(*count)) {
            let mut direct = None;
            for route in routes.iter().filter(|route| mode != "prepared" || route.prepared) {
                eprintln!("bench: pgbench -N {mode} {clients} {}", route.name);
                let url = if route.ledger.is_some() {
                    format!("postgres://pgbench:{token}@127.0.0.1:{}/shop?sslmode=disable", route.port)
                } else if route.is_bouncer() {
                    format!("postgres://{WRITES}@127.0.0.1:{}/{WRITES}?sslmode=disable", route.port)
                } else {
                    stage.cluster.admin_url("shop")
                };
                let found = figures(stage, &url, mode, clients, seconds, route)?;
                let base = *direct.get_or_insert(found.per_second);
                println!(
                    "| {mode} | {clients} | {} | {:.0} | {:.3} | {} | {:.2} |",
                    route.name,
                    found.per_second,
                    found.latency_ms,
                    found.cpu_us.map_or_else(String::new, |us| format!("{us:.0}")),
                    found.per_second / base
                );
            }
        }
    }
    Ok(())
}

fn figures(stage: &Stage, url: &str, mode: &str, clients: u32, seconds: u32, route: &Route) -> Result<Figures, Error> {
    let script = stage.home().join("simple-update.sql");
    std::fs::write(&script, SCRIPT)?;
    let mut command = Command::new(stage::client("pgbench")?);
    command.arg("-f").arg(script).args([
        "-D",
        "scale=10",
        "-n",
        "-M",
        mode,
        "-c",
        &clients.to_string(),
        "-j",
        &clients.min(2).to_string(),
    ]);
    let before = route.cpu();
    let text = stage::run(command.args(["-T", &seconds.to_string(), url]))?;
    let after = route.cpu();
    let failed = number(&text, "number of failed transactions: ").unwrap_or(0.0);
    if failed > 0.0 {
        return Err(Error::Failed(format!("{}: not every transaction ran:\n{text}", route.name)));
    }
    let done = number(&text, "number of transactions actually processed: ")?;
    let cpu_us = before.zip(after).map(|(before, after)| after.saturating_sub(before) as f64 / done);
    Ok(Figures { per_second: number(&text, "tps = ")?, latency_ms: number(&text, "latency average = ")?, cpu_us })
}
