//! A physical copy of a cluster, to be promoted in its place.

use super::postgres::{Builder, Cluster, Error, block_on};
use super::template;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// As a standby that has received nothing since the copy was made.
#[derive(Debug)]
pub struct Standby(PathBuf);

impl Standby {
    /// Copies the running cluster (`pg_backup_start`, as `pg_basebackup` does).
    pub fn of(cluster: &Cluster) -> Result<Standby, Error> {
        let copy = cluster.dir().join("standby");
        block_on(async {
            let admin = cluster.connect("postgres", "postgres").await?;
            admin.query("SELECT pg_backup_start('standby', true)", &[]).await?;
            template::copy(&cluster.data_dir(), &copy)?;
            let label: String = admin.query_one("SELECT labelfile FROM pg_backup_stop(false)", &[]).await?.get(0);
            fs::write(copy.join("backup_label"), label)?;
            Ok::<_, Error>(())
        })?;
        // What was written meanwhile.
        fs::remove_dir_all(copy.join("pg_wal"))?;
        template::copy(&cluster.data_dir().join("pg_wal"), &copy.join("pg_wal"))?;
        for file in ["postmaster.pid", "postmaster.opts"] {
            let _ = fs::remove_file(copy.join(file));
        }
        for file in ["backup_label", "standby.signal"] {
            let file = copy.join(file);
            fs::OpenOptions::new().create(true).append(true).open(&file)?;
            give(&cluster.data_dir(), &file)?;
        }
        Ok(Standby(copy))
    }

    /// The primary is gone as by a power cut, and this answers on its port: with a timeline of its own, and without
    /// what the primary committed since the copy.
    pub fn take_over(self, cluster: &mut Cluster, builder: &Builder) -> Result<(), Error> {
        cluster.cut_power()?;
        fs::rename(cluster.data_dir(), cluster.dir().join("lost"))?;
        fs::rename(&self.0, cluster.data_dir())?;
        cluster.start_again(builder)?;
        cluster.sql("postgres", "SELECT pg_promote()")
    }
}

/// To whom the data directory belongs.
fn give(like: &std::path::Path, file: &std::path::Path) -> Result<(), Error> {
    let output = Command::new("chown").arg("--reference").arg(like).arg(file).output()?;
    if output.status.success() { Ok(()) } else { Err(Error::Failed(String::from_utf8_lossy(&output.stderr).into_owned())) }
}
