//! The result as Markdown.

use super::disk;
use super::load::Run;
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
        "| load | mode | clients | way | statements/s | latency ms | CPU µs/statement | throughput : PgBouncer | CPU : PgBouncer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for run in runs {
        let head = format!("| {} | {} | {} | {} |", run.workload, run.mode, run.clients, run.route);
        let Some(figures) = run.result else {
            println!("{head} n/a | | | | |");
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
            "{head} {:.0} | {:.3} | {} | {} | {} |",
            figures.per_second,
            figures.latency_ms,
            figures.cpu_us.map(|us| format!("{us:.1}")).unwrap_or_default(),
            ratio(Some(figures.per_second), theirs.map(|figures| figures.per_second)),
            ratio(figures.cpu_us, theirs.and_then(|figures| figures.cpu_us)),
        );
    }
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
