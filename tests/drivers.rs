//! Real drivers through the proxy. Each script in `tests/drivers` prints a line a check; all of them must be `ok`.
//!
//! A driver that is not installed is skipped with a line that says so, or is an error where `CI=true`.
//! `scripts/setup.sh test` installs them.

#[path = "drivers/door.rs"]
mod door;
mod support;
#[path = "drivers/tokio_checks.rs"]
mod tokio_checks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use door::Doors;

#[test]
fn psql() {
    let Ok(psql) = support::stage::psql() else { return missing("psql") };
    let doors = Doors::open();
    let mut command = Command::new("bash");
    command.arg(script("psql.sh")).env("PGWARRANT_PSQL", psql);
    all_ok("psql", &doors, command);
}

#[tokio::test]
async fn tokio_postgres() {
    let doors = tokio::task::spawn_blocking(Doors::open).await.expect("the stage is set");
    let failed = tokio_checks::run(Arc::new(doors)).await;
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn psycopg() {
    python("psycopg", "psycopg, psycopg_pool");
}

#[test]
fn asyncpg() {
    python("asyncpg", "asyncpg, psycopg");
}

#[test]
fn sqlalchemy() {
    python("sqlalchemy", "sqlalchemy, psycopg, asyncpg");
}

#[test]
fn django() {
    python("django", "django, psycopg");
}

#[test]
fn node_postgres() {
    let modules = cache("node/node_modules");
    if !modules.join("pg").is_dir() || !runs(Command::new("node").arg("--version")) {
        return missing("node-postgres");
    }
    let doors = Doors::open();
    let mut command = Command::new("node");
    command.arg("--no-deprecation").arg(script("node_postgres.js")).env("NODE_PATH", modules);
    all_ok("node-postgres", &doors, command);
}

#[test]
fn pgjdbc() {
    let jar = std::env::var_os("PGWARRANT_JDBC").map_or_else(|| PathBuf::from("/usr/share/java/postgresql.jar"), PathBuf::from);
    if !jar.is_file() || !runs(Command::new("java").arg("--version")) {
        return missing("pgJDBC");
    }
    let doors = Doors::open();
    let mut command = Command::new("java");
    command.arg("-cp").arg(jar).arg(script("PgJdbc.java"));
    all_ok("pgJDBC", &doors, command);
}

fn python(name: &str, modules: &str) {
    let python = std::env::var_os("PGWARRANT_PYTHON").map_or_else(|| cache("venv/bin/python"), PathBuf::from);
    if !runs(Command::new(&python).arg("-c").arg(format!("import {modules}"))) {
        return missing(name);
    }
    let doors = Doors::open();
    let mut command = Command::new(python);
    command.arg(script(&format!("{name}_checks.py"))).env("PYTHONDONTWRITEBYTECODE", "1");
    all_ok(name, &doors, command);
}

/// Runs a script; what it prints is the test's output.
fn all_ok(driver: &str, doors: &Doors, mut command: Command) {
    command
        .env("PGWARRANT_SUPPORT", doors.url("support"))
        .env("PGWARRANT_ANALYST", doors.url("analyst"))
        .env("PGWARRANT_BARE", doors.bare())
        .env("PGWARRANT_AUTHORITY", &doors.authority)
        .env("PGWARRANT_SOCKET_DIR", doors.socket_dir());
    let Output { status, stdout, stderr } = command.output().expect("the script runs");
    let (printed, complaints) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    println!("{printed}");
    let log = doors.stage.proxy_log();
    assert!(!log.contains("panicked"), "the proxy panicked:\n{log}");
    assert!(printed.lines().any(|line| line.starts_with("ok ")), "{driver} checked nothing:\n{printed}{complaints}");
    assert!(status.success(), "{driver}:\n{printed}{complaints}\nthe proxy's log:\n{log}");
}

fn missing(driver: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{driver} is not installed: scripts/setup.sh test");
    eprintln!("SKIPPED: {driver} is not installed: scripts/setup.sh test");
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers").join(name)
}

/// Where `scripts/setup.sh` puts what is not the system's.
fn cache(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache").join(path)
}
