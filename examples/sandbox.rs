//! `make sandbox`: the sample shop with the proxy in front, until Ctrl-C.
//!
//! Prints one line of JSON with connection strings on standard output; everything else goes to standard error.

#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::json;
use support::postgres::Error;
use support::{Setting, Stage};
use tokio::signal::unix::{SignalKind, signal};

/// A working day; tokens are made anew with every sandbox.
const LIFETIME: i64 = 12 * 3600;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // From here on a signal ends the wait below instead of this process, so that everything is cleaned up.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let start = tokio::task::spawn_blocking(|| Stage::start(Setting::default()));
    let stage = start.await.map_err(|error| Error::Failed(error.to_string()))??;
    println!("{}", describe(&stage)?);
    eprintln!("sandbox: Postgres {}, configuration and ledger in {}", stage.cluster.major(), stage.home().display());
    eprintln!("sandbox: runs until Ctrl-C");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = parent_gone() => {}
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

/// When `make` is killed, nobody sends us a signal.
async fn parent_gone() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
