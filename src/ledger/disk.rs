//! The few things that the ledger asks of a file system, behind a trait so that tests can make each of them fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};

use super::error::LedgerError;

pub(super) trait Disk: Send {
    /// Makes an empty file, over whatever had that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    /// Makes created names durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Bytes that an ordinary user may still write.
    fn free(&self) -> io::Result<u64>;
}

pub(super) trait SegmentFile: Send {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when everything written is durable.
    fn sync(&self) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
}

pub(super) struct Directory {
    path: PathBuf,
    sync: bool,
    lock: File,
}

impl Drop for Directory {
    /// Closing is not enough: between fork and exec, a child process holds the same open file, and with it the lock.
    fn drop(&mut self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

struct SyncedFile {
    file: File,
    sync: bool,
}

impl Directory {
    /// Makes the directory if need be and locks it against every other writer. The lock goes with the process.
    pub(super) fn lock(path: &Path, sync: bool) -> Result<Directory, LedgerError> {
        let what = || format!("cannot open {}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(LedgerError::io(what()))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(LedgerError::io(what()))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Directory { path: path.to_owned(), sync, lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::Locked(path.to_owned())),
            Err(error) => Err(LedgerError::io(format!("cannot lock {}", path.display()))(error.into())),
        }
    }

    fn file(&self, name: &str, options: &mut OpenOptions) -> io::Result<Box<dyn SegmentFile>> {
        let file = options.read(true).write(true).mode(0o600).open(self.path.join(name))?;
        Ok(Box::new(SyncedFile { file, sync: self.sync }))
    }
}

impl Disk for Directory {
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.file(name, OpenOptions::new().create(true).truncate(true))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        self.file(name, &mut OpenOptions::new())
    }

    fn sync_directory(&self) -> io::Result<()> {
        if self.sync { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }

    fn free(&self) -> io::Result<u64> {
        let stat = statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl SegmentFile for SyncedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.sync { self.file.sync_data() } else { Ok(()) }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Whether somebody has the log open for writing: `Locked` then. Makes nothing and holds nothing.
pub fn try_lock(path: &Path) -> Result<(), LedgerError> {
    let lock = match File::open(path.join("lock")) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LedgerError::io(format!("cannot open the lock of {}", path.display()))(error)),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::Locked(path.to_owned())),
        Err(error) => Err(LedgerError::io(format!("cannot lock {}", path.display()))(error.into())),
    }
}
