//! The result as Markdown.

use super::disk;
use super::load::{Figures, Run};
use super::route::Route;
use super::support::Stage;
use super::support::postgres::Error;

pub fn heading(stage: &Stage, seconds: u32, routes: &[Route]) -> Result<(), Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}, {cores} cores shared by server, proxy and pgbench, {seconds} s a run, fsync on.\n", stage.cluster.version());
    for route in routes {
        let sync = match &route.ledger {
            Some(dir) => format!(", fdatasync there {:.0} µs (median)", disk::fdatasync(dir)?.as_secs_f64() * 1e6),
            None => String::new(),
        };
        println!("- {}: {}{sync}", route.name, route.note);
    }
    println!();
    Ok(())
}

/// One line a run, with its ratios to PgBouncer under the same load.
pub fn print(runs: &[Run]) {
    println!(
        "| load | mode | clients | way | statements/s | latency ms | CPU µs/statement | throughput : direct | : PgBouncer | CPU : PgBouncer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for run in runs {
        let head = format!("| {} | {} | {} | {} |", run.workload, run.mode, run.clients, run.route);
        let Some(figures) = run.result else {
            println!("{head} n/a | | | | | |");
            continue;
        };
        let (bouncer, other_mode) = bouncer(runs, run);
        let mark = if other_mode { " (its extended)" } else { "" };
        let ratio = |mine: Option<f64>, theirs: Option<f64>| match (mine, theirs) {
            (Some(mine), Some(theirs)) if theirs > 0.0 => format!("{:.2}{mark}", mine / theirs),
            _ => String::new(),
        };
        let theirs = bouncer.and_then(|run| run.result);
        println!(
            "{head} {:.0} | {:.3} | {} | {} | {} | {} |",
            figures.per_second,
            figures.latency_ms,
            figures.cpu_us.map(|us| format!("{us:.1}")).unwrap_or_default(),
            direct(runs, run).map(|direct| format!("{:.2}", figures.per_second / direct.per_second)).unwrap_or_default(),
            ratio(Some(figures.per_second), theirs.map(|figures| figures.per_second)),
            ratio(figures.cpu_us, theirs.and_then(|figures| figures.cpu_us)),
        );
    }
}

/// How many fdatasync a durable ledger adds for one client, who has nobody to share one with.
pub fn durability(runs: &[Run], routes: &[Route]) -> Result<(), Error> {
    let Some(route) = routes.iter().find(|route| route.name.ends_with("disk")) else { return Ok(()) };
    let Some(dir) = &route.ledger else { return Ok(()) };
    let sync = disk::fdatasync(dir)?.as_secs_f64() * 1e3;
    println!("\nLatency above direct at one client with the ledger on disk, in fdatasync of {sync:.3} ms:\n");
    for run in runs.iter().filter(|run| run.route == route.name && run.clients == 1) {
        if let (Some(figures), Some(direct)) = (run.result, direct(runs, run)) {
            println!("- {}, {}: {:.2}", run.workload, run.mode, (figures.latency_ms - direct.latency_ms) / sync);
        }
    }
    Ok(())
}

fn direct(runs: &[Run], run: &Run) -> Option<Figures> {
    let same = |other: &&Run| {
        other.route == "direct" && other.workload == run.workload && other.mode == run.mode && other.clients == run.clients
    };
    runs.iter().find(same)?.result
}

/// PgBouncer's run under the same load; in extended mode where it cannot do prepared.
fn bouncer<'a>(runs: &'a [Run], run: &Run) -> (Option<&'a Run>, bool) {
    let same = |mode: &str| {
        let of = |other: &&Run| {
            other.is_bouncer && other.workload == run.workload && other.clients == run.clients && other.mode == mode
        };
        runs.iter().find(of).filter(|other| other.result.is_some())
    };
    match same(run.mode) {
        Some(found) => (Some(found), false),
        None => (same("extended"), true),
    }
}
