//! One run of pgbench.

use super::route::Route;
use super::support::postgres::Error;
use super::support::{Stage, stage};
use std::process::Command;

pub struct Workload {
    pub name: &'static str,
    script: &'static str,
}

/// Customers of tenant 7 have the ids 6, 26, 46, … up to 4986.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "point select",
        script: "\\set id random(0, 249) * 20 + 6\n\
                 SELECT id, name, email FROM customers WHERE id = :id AND tenant_id = 7;\n",
    },
    Workload {
        name: "3-table join",
        script: "\\set id random(0, 249) * 20 + 6\n\
                 SELECT c.name, o.id, o.status, i.line_no, i.quantity, i.price_cents FROM customers c \
                 JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id \
                 WHERE c.id = :id AND c.tenant_id = 7 AND o.tenant_id = 7 AND i.tenant_id = 7;\n",
    },
];

pub const MODES: [&str; 3] = ["simple", "extended", "prepared"];

/// What one run gave; `None` where the way does not support the mode.
pub struct Run {
    pub workload: &'static str,
    pub mode: &'static str,
    pub clients: u32,
    pub route: &'static str,
    pub is_bouncer: bool,
    pub result: Option<Figures>,
}

#[derive(Clone, Copy)]
pub struct Figures {
    pub per_second: f64,
    pub latency_ms: f64,
    /// Microseconds of the process in the middle a statement.
    pub cpu_us: Option<f64>,
}

pub fn run(
    stage: &Stage,
    route: &Route,
    workload: &Workload,
    mode: &'static str,
    clients: u32,
    seconds: u32,
) -> Result<Run, Error> {
    let possible = mode != "prepared" || route.prepared;
    let result = if possible { Some(figures(stage, route, workload, mode, clients, seconds)?) } else { None };
    Ok(Run { workload: workload.name, mode, clients, route: route.name, is_bouncer: route.is_bouncer(), result })
}

fn figures(stage: &Stage, route: &Route, workload: &Workload, mode: &str, clients: u32, seconds: u32) -> Result<Figures, Error> {
    let script = stage.home().join("bench.sql");
    std::fs::write(&script, workload.script)?;
    let mut command = Command::new(stage::client("pgbench")?);
    command.args(["-n", "-h", "127.0.0.1", "-p", &route.port.to_string(), "-U", route.user, "-M", mode]);
    command.args(["-c", &clients.to_string(), "-j", &clients.min(2).to_string(), "-T", &seconds.to_string(), "-f"]).arg(script);
    command.arg("shop").env("PGPASSWORD", &route.password).env("PGSSLMODE", "disable");
    let before = route.cpu();
    let text = stage::run(&mut command)?;
    let after = route.cpu();
    let done = number(&text, "number of transactions actually processed: ")?;
    let failed = number(&text, "number of failed transactions: ").unwrap_or(0.0);
    if done == 0.0 || failed > 0.0 {
        return Err(Error::Failed(format!("{}: not every statement ran:\n{text}", route.name)));
    }
    let cpu_us = before.zip(after).map(|(before, after)| after.saturating_sub(before) as f64 / done);
    Ok(Figures { per_second: number(&text, "tps = ")?, latency_ms: number(&text, "latency average = ")?, cpu_us })
}

pub fn number(text: &str, label: &str) -> Result<f64, Error> {
    let rest = text.split(label).nth(1).unwrap_or_default();
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().map_err(|_| Error::Failed(format!("pgbench said nothing of {label:?}:\n{text}")))
}
