//! A disk that is soon full.

use std::path::PathBuf;
use std::process::Command;

/// A small disk of its own, where this process may mount one.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(size: &str) -> Option<SmallDisk> {
        let dir = tempfile::Builder::new().prefix("pgwarrant-disk-").tempdir().ok()?.keep();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(&dir);
        match command.output() {
            Ok(output) if output.status.success() => Some(SmallDisk(dir)),
            _ => {
                eprintln!("skipped: no disk can be mounted here");
                let _ = std::fs::remove_dir(&dir);
                None
            }
        }
    }

    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger")
    }

    /// Leaves this many bytes free.
    pub fn fill_up_to(&self, free: u64) {
        let found = rustix::fs::statvfs(&self.0).expect("a disk");
        let size = (found.f_bavail * found.f_frsize).saturating_sub(free);
        std::fs::write(self.0.join("filler"), vec![1; usize::try_from(size).expect("a small disk")]).expect("there is room");
    }

    pub fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("a file");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}
