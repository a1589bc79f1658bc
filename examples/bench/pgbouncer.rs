//! Debian's PgBouncer in transaction pooling, with as many server connections as pgwarrant.

use super::route::{READER_PASSWORD, WRITES};
use super::support::guardian::{GuardedDir, Guardian, LastWill};
use super::support::postgres::{Error, free_port};
use super::support::user::ServerUser;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub struct PgBouncer {
    pub guardian: Guardian,
    pub port: u16,
    pub version: String,
    /// From 1.21 on it follows prepared statements through transaction pooling.
    pub prepared: bool,
    _dir: GuardedDir,
}

impl PgBouncer {
    /// `None` when it is not installed.
    pub fn start(server_port: u16) -> Result<Option<PgBouncer>, Error> {
        let Some(binary) = find() else { return Ok(None) };
        let version = version(&binary)?;
        let prepared = version.1 >= 21 || version.0 > 1;
        let dir = GuardedDir::new("pgwarrant-bouncer-")?;
        let port = free_port()?;
        let file = dir.path().join("pgbouncer.ini");
        fs::write(&file, ini(server_port, port, dir.path(), prepared))?;
        let user = ServerUser::find()?;
        user.give(dir.path())?;
        let mut command = Command::new(binary);
        command.arg(&file);
        let guardian = Guardian::start(&command, Some(user), &dir.path().join("out"), LastWill { signal: "INT", remove: None })?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                let said = fs::read_to_string(dir.path().join("out")).unwrap_or_default();
                return Err(Error::Failed(format!("PgBouncer did not start:\n{said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(PgBouncer { guardian, port, version: format!("{}.{}", version.0, version.1), prepared, _dir: dir }))
    }
}

fn find() -> Option<PathBuf> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    dirs.push("/usr/sbin".into());
    dirs.into_iter().map(|dir| dir.join("pgbouncer")).find(|file| file.is_file())
}

/// `PgBouncer 1.18.0`.
fn version(binary: &Path) -> Result<(u32, u32), Error> {
    let text = super::support::stage::run(Command::new(binary).arg("--version"))?;
    let number = text.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number.split('.').filter_map(|part| part.parse().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(Error::Failed(format!("PgBouncer's version is unreadable: {text}"))),
    }
}

fn ini(server_port: u16, port: u16, dir: &Path, prepared: bool) -> String {
    let follow = if prepared { "max_prepared_statements = 100\n" } else { "" };
    format!(
        "[databases]\nshop = host=127.0.0.1 port={server_port} dbname=shop user=pgwarrant_reader password={READER_PASSWORD}\n\
         {WRITES} = host=127.0.0.1 port={server_port} dbname=shop user={WRITES} password={READER_PASSWORD}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = 20\nmax_client_conn = 1000\nlogfile = {}\nignore_startup_parameters = extra_float_digits\n{follow}",
        dir.join("log").display()
    )
}
