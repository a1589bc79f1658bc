//! Ready-made data directories: `initdb` and the sample shop once a version, then only copied.

use super::binaries::Binaries;
use super::postgres::{Builder, Error};
use super::user::ServerUser;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The data directory to copy, made on first use. Processes that come at the same time wait for the first.
pub fn data_dir(binaries: &Binaries, shop: bool) -> Result<PathBuf, Error> {
    let home = target_dir().join("tmp/postgres");
    fs::create_dir_all(&home)?;
    let schema = if shop { super::shop_schema() } else { String::new() };
    let key = name(binaries, &schema);
    let ready = home.join(&key);
    let lock = File::create(home.join(format!("{key}.lock")))?;
    lock.lock()?;
    if ready.is_dir() {
        return Ok(ready);
    }
    let user = ServerUser::find()?;
    let scratch = tempfile::Builder::new().prefix("pgwarrant-init-").tempdir()?;
    user.give(scratch.path())?;
    let data = scratch.path().join("data");
    initdb(binaries, user, &data)?;
    if shop {
        load_shop(binaries, &data, &schema)?;
    }
    let half = home.join(format!("{key}.half"));
    let _ = fs::remove_dir_all(&half);
    copy(&data, &half)?;
    fs::rename(&half, &ready)?;
    Ok(ready)
}

/// `cp -a` keeps owner and mode; on file systems that can, it shares the blocks.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(to))
}

fn name(binaries: &Binaries, schema: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(binaries.version.as_bytes());
    hash.update(binaries.dir.as_os_str().as_encoded_bytes());
    hash.update(schema.as_bytes());
    let digest: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{digest}", binaries.major, if schema.is_empty() { "empty" } else { "shop" })
}

fn initdb(binaries: &Binaries, user: ServerUser, data: &Path) -> Result<(), Error> {
    let mut command = Command::new(binaries.dir.join("initdb"));
    command.arg("-D").arg(data).args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"]);
    // Without a directory that the user may enter, initdb warns.
    command.current_dir("/");
    user.apply(&mut command);
    run(&mut command)
}

fn load_shop(binaries: &Binaries, data: &Path, schema: &str) -> Result<(), Error> {
    // Otherwise 80 MB of recycled WAL would be copied each time.
    let lean = Builder::default().setting("min_wal_size", "32MB").setting("max_wal_size", "32MB");
    let cluster = lean.major(binaries.major).start_on_copy_of(data)?;
    cluster.sql("postgres", "CREATE DATABASE shop")?;
    cluster.sql("shop", schema)?;
    // A CHECKPOINT keeps the crash recovery of every copy short.
    cluster.sql("shop", "VACUUM")?;
    cluster.stop_smoothly()?;
    fs::remove_dir_all(data)?;
    copy(&cluster.data_dir(), data)
}

fn run(command: &mut Command) -> Result<(), Error> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Failed(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Cargo marks it with `CACHEDIR.TAG`.
pub fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Path::to_owned)
}
