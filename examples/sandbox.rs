//! `make sandbox`: the sample shop with the proxy in front, until Ctrl-C.
//!
//! Prints one line of JSON with connection strings on standard output; everything else goes to standard error.

#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::json;
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::time::Duration;
use support::postgres::Error;
use support::{Setting, Stage};
use tokio::signal::unix::{SignalKind, signal};

/// A working day; tokens are made anew with every sandbox.
const LIFETIME: i64 = 12 * 3600;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    // From here on a signal ends the wait below instead of this process, so that everything is cleaned up.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let parent = (parent_id(), catches_interrupt(parent_id()));
    let start = tokio::task::spawn_blocking(|| Stage::start(Setting::default()));
    let stage = start.await.map_err(|error| Error::Failed(error.to_string()))??;
    println!("{}", describe(&stage)?);
    eprintln!("sandbox: Postgres {}, configuration and ledger in {}", stage.cluster.major(), stage.home().display());
    eprintln!("sandbox: runs until Ctrl-C");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = parent_gone(parent) => {}
    }
    eprintln!("sandbox: cleaning up");
    tokio::task::spawn_blocking(move || drop(stage)).await.map_err(|error| Error::Failed(error.to_string()))
}

fn describe(stage: &Stage) -> Result<serde_json::Value, Error> {
    Ok(json!({
        "bare": stage.cluster.admin_url("shop"),
        "admin": stage.cluster.admin_url("shop"),
        "support": stage.persona_url("support", LIFETIME)?,
        "analyst": stage.persona_url("analyst", LIFETIME)?,
        "writer": stage.persona_url("writer", LIFETIME)?,
        "audit": stage.audit_url()?,
        "metrics": stage.metrics_url(),
    }))
}

/// When `make` is killed, nobody sends us a signal; nor when SIGINT comes to `make` alone and not from a terminal:
/// it takes its handler away and waits for us.
async fn parent_gone((parent, catches): (u32, Option<bool>)) {
    while parent_id() == parent && catches_interrupt(parent) == catches {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// `SigCgt` of proc(5): a mask of the signals that have a handler, SIGINT being the second bit.
fn catches_interrupt(pid: u32) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & 0b10 != 0)
}
