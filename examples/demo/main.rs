//! `make demo`: an agent, a proxy, a database and an auditor, from nothing.
//!
//! Nothing is staged: every line of output is what the stock `psql` and `pgwarrant` print, and the demo fails when a
//! verdict is not the one that the story needs.

#[path = "../../tests/support/mod.rs"]
mod support;

mod auditor;
mod script;
mod terminal;

use std::process::ExitCode;
use std::time::Instant;
use support::postgres::Error;
use support::{Setting, Stage};
use terminal::{chapter, note};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if terminal::go_on().is_err() => ExitCode::from(130),
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut story = tokio::task::spawn_blocking(tell);
    let told = tokio::select! {
        told = &mut story => told,
        _ = interrupt.recv() => stop(story).await,
        _ = terminate.recv() => stop(story).await,
    };
    told.map_err(|error| Error::Failed(error.to_string()))?
}

/// The story breaks off at its next step, and takes everything down on its way out.
async fn stop(story: JoinHandle<Result<(), Error>>) -> Result<Result<(), Error>, JoinError> {
    eprintln!("\ndemo: stopping, cleaning up");
    terminal::stop();
    story.await
}

fn tell() -> Result<(), Error> {
    let start = Instant::now();
    chapter("The stage");
    note("A disposable Postgres with a small multi-tenant shop, pgwarrant in front, both until the end of this demo.");
    let stage = Stage::start(Setting::default())?;
    note(&format!("{} on port {}; pgwarrant on port {}.", stage.cluster.version(), stage.cluster.port(), stage.port));
    script::introduce()?;
    let agent = stage.persona_url("support", 3600)?;
    note("The orchestrator handed the agent a sealed token, two hops from the operator's root key. It is the password:");
    terminal::shown(&terminal::shortened(&agent));
    script::play(&agent)?;
    script::write(&stage.persona_url("writer", 3600)?)?;
    auditor::play(&stage)?;
    drop(stage);
    chapter(&format!("The end, after {} seconds; nothing is left behind.", start.elapsed().as_secs()));
    Ok(())
}
