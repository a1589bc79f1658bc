//! `make bench`: direct, PgBouncer and pgwarrant, one after the other for each load, on one Postgres.
//!
//! `PGWARRANT_BENCH_SECONDS` (default 5) is the length of each of the runs. Prints Markdown on standard output.

#[path = "../../tests/support/mod.rs"]
mod support;

mod disk;
mod load;
mod pgbouncer;
mod route;
mod table;

use load::{CLIENTS, MODES, Run, WORKLOADS};
use support::postgres::Error;
use support::{Cluster, Setting, Stage};

fn main() -> Result<(), Error> {
    let setting = Setting { cluster: Cluster::builder().fsync(true), ..Setting::default() };
    let stage = Stage::without_proxy(setting)?;
    let seconds = std::env::var("PGWARRANT_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let routes = route::all(&stage)?;
    table::heading(&stage, seconds, &routes)?;
    let mut runs: Vec<Run> = Vec::new();
    for workload in WORKLOADS {
        for mode in MODES {
            for clients in CLIENTS {
                for route in &routes {
                    eprintln!("bench: {} {mode} {clients} {}", workload.name, route.name);
                    runs.push(load::run(&stage, route, workload, mode, clients, seconds)?);
                }
            }
        }
    }
    table::print(&runs);
    drop(routes);
    Ok(())
}
