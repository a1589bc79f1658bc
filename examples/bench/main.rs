//! `make bench`: direct, PgBouncer and pgwarrant, one after the other for each load, on one Postgres.
//!
//! `PGWARRANT_BENCH_SECONDS` (default 5) is the length of each run, `PGWARRANT_BENCH_CLIENTS` (default `1,8,32`) says how
//! many clients, `PGWARRANT_BENCH_MODES` and `PGWARRANT_BENCH_LOADS` leave out modes and loads that they do not name. Prints Markdown on standard output, and what it is at on standard error.

#[path = "../../tests/support/mod.rs"]
mod support;

mod disk;
mod load;
mod pgbouncer;
mod route;
mod table;
mod writes;

use load::{MODES, Run, WORKLOADS};
use std::process::ExitCode;
use support::postgres::Error;
use support::{Cluster, Setting, Stage};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let setting = Setting { cluster: Cluster::builder().fsync(true), ..Setting::default() };
    let stage = Stage::without_proxy(setting)?;
    let seconds = std::env::var("PGWARRANT_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let clients = listed("PGWARRANT_BENCH_CLIENTS").unwrap_or_else(|| ["1", "8", "32"].map(str::to_owned).into());
    let clients: Vec<u32> = clients.iter().filter_map(|text| text.parse().ok()).collect();
    let (modes, loads) = (listed("PGWARRANT_BENCH_MODES"), listed("PGWARRANT_BENCH_LOADS"));
    let wanted = |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|list| list.iter().any(|one| one == name));
    writes::prepare(&stage)?;
    let routes = route::all(&stage)?;
    table::heading(&stage, seconds, &routes)?;
    let mut runs: Vec<Run> = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wanted(&loads, workload.name)) {
        for mode in MODES.into_iter().filter(|mode| wanted(&modes, mode)) {
            for clients in clients.iter().copied() {
                for route in &routes {
                    eprintln!("bench: {} {mode} {clients} {}", workload.name, route.name);
                    runs.push(load::run(&stage, route, workload, mode, clients, seconds)?);
                }
            }
        }
    }
    table::print(&runs);
    if wanted(&loads, "pgbench -N") {
        writes::run(&stage, &routes, seconds, |mode| wanted(&modes, mode), |count| clients.contains(&count))?;
    }
    table::durability(&runs, &routes)
}

/// The comma-separated parts of a variable, if it is set.
fn listed(variable: &str) -> Option<Vec<String>> {
    let text = std::env::var(variable).ok()?;
    Some(text.split(',').map(|part| part.trim().to_owned()).collect())
}
