//! `make bench`: direct, PgBouncer and pgwarrant, one after the other for each load, on one Postgres.
//!
//! `PGWARRANT_BENCH_SECONDS` (default 5) is the length of each run, `PGWARRANT_BENCH_CLIENTS` (default `1,8,32`) says how
//! many clients. Prints Markdown on standard output, and what it is at on standard error.

#[path = "../../tests/support/mod.rs"]
mod support;

mod disk;
mod load;
mod pgbouncer;
mod route;
mod table;

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
    let clients = std::env::var("PGWARRANT_BENCH_CLIENTS").unwrap_or_else(|_| "1,8,32".to_owned());
    let clients: Vec<u32> = clients.split(',').filter_map(|text| text.trim().parse().ok()).collect();
    let routes = route::all(&stage)?;
    table::heading(&stage, seconds, &routes)?;
    let mut runs: Vec<Run> = Vec::new();
    for workload in WORKLOADS {
        for mode in MODES {
            for clients in clients.iter().copied() {
                for route in &routes {
                    eprintln!("bench: {} {mode} {clients} {}", workload.name, route.name);
                    runs.push(load::run(&stage, route, workload, mode, clients, seconds)?);
                }
            }
        }
    }
    table::print(&runs);
    table::durability(&runs, &routes)
}
