//! Where the Postgres servers of this machine are.

use super::user::ServerUser;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One installed server.
#[derive(Debug, Clone)]
pub struct Binaries {
    pub major: u32,
    /// What `postgres --version` says, e.g. `postgres (PostgreSQL) 16.14`.
    pub version: String,
    /// Holds `postgres` and `initdb`. The packages of npm have no `psql`.
    pub dir: PathBuf,
}

/// Majors that pgwarrant reads.
pub const MAJORS: std::ops::RangeInclusive<u32> = 15..=18;

/// Every usable server of 15 to 18, by major; the first found of a major wins.
///
/// Looked for in `$PGWARRANT_PG_BIN`, `$PATH`, `/usr/lib/postgresql/*/bin`, and in the cache that
/// `scripts/fetch-postgres.sh` fills (`$PGWARRANT_PG_CACHE`, else `.cache/pg` and `/var/cache/pgwarrant/pg`).
pub fn versions() -> BTreeMap<u32, Binaries> {
    let Ok(user) = ServerUser::find() else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for dir in candidates() {
        if let Some(binaries) = inspect(&dir, user) {
            found.entry(binaries.major).or_insert(binaries);
        }
    }
    found
}

/// The server of one major, or the oldest there is.
pub fn find(major: Option<u32>) -> Result<Binaries, String> {
    let mut all = versions();
    match major {
        Some(wanted) => all.remove(&wanted).ok_or_else(|| format!("no Postgres {wanted} found: run scripts/fetch-postgres.sh")),
        None => all.into_values().next().ok_or_else(|| "no Postgres server found: run scripts/setup.sh".to_owned()),
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("PGWARRANT_PG_BIN").into_iter().map(PathBuf::from).collect();
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path));
    }
    dirs.extend(MAJORS.map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"))));
    for cache in caches() {
        for major in MAJORS {
            let root = cache.join(major.to_string());
            dirs.extend(["package/native/bin", "native/bin", "bin"].map(|tail| root.join(tail)));
        }
    }
    dirs
}

fn caches() -> Vec<PathBuf> {
    match std::env::var_os("PGWARRANT_PG_CACHE") {
        Some(dir) => vec![dir.into()],
        None => vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/pg"), "/var/cache/pgwarrant/pg".into()],
    }
}

fn inspect(dir: &Path, user: ServerUser) -> Option<Binaries> {
    let server = dir.join("postgres");
    if !server.is_file() || !dir.join("initdb").is_file() || !user.can_execute(&server) {
        return None;
    }
    let output = Command::new(&server).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    MAJORS.contains(&major).then_some(Binaries { major, version, dir: dir.to_owned() })
}
