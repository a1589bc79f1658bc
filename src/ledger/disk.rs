//! The few things that the ledger asks of a file system, behind a trait so that tests can make each of them fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock, statvfs};

use super::error::LedgerError;

pub(super) trait Disk: Send {
    /// Makes an empty file, over whatever had that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    /// Makes created names durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Tells how much is free without the disk at hand, which the writer has.
    fn gauge(&self) -> Gauge;
    /// Bytes that an ordinary user may still write.
    fn free(&self) -> io::Result<u64> {
        self.gauge()()
    }
}

pub(super) type Gauge = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;

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
    /// The directory, locked as well: a lock file can be deleted under a writer, and the next one would make another.
    itself: File,
}

impl Drop for Directory {
    /// Closing is not enough: between fork and exec, a child process holds the same open file, and with it the lock.
    fn drop(&mut self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
        let _ = flock(&self.itself, FlockOperation::Unlock);
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
        let itself = File::open(path).map_err(LedgerError::io(what()))?;
        for file in [&lock, &itself] {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(LedgerError::Locked(path.to_owned())),
                Err(error) => return Err(LedgerError::io(format!("cannot lock {}", path.display()))(error.into())),
            }
        }
        Ok(Directory { path: path.to_owned(), sync, lock, itself })
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
        if self.sync { sync_directory(&self.path) } else { Ok(()) }
    }

    fn gauge(&self) -> Gauge {
        let path = self.path.clone();
        Arc::new(move || {
            let stat = statvfs(&path)?;
            Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
        })
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

/// Keeps sealed segments where they are while they are read, or others from reading while they go. The writer, which
/// never touches sealed segments, does not care.
pub(super) struct Hold(File);

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

const HOLD_FILE: &str = "segments.lock";

/// For who removes segments: `Held` while anybody reads them.
pub(super) fn hold_alone(dir: &Path) -> Result<Hold, LedgerError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(dir.join(HOLD_FILE));
    let file = file.map_err(LedgerError::io(format!("cannot open {HOLD_FILE}")))?;
    hold(dir, file, FlockOperation::NonBlockingLockExclusive)
}

/// For who reads segments: `Held` while somebody removes some. `None` where nobody ever did, or who reads may not lock.
pub fn hold_shared(dir: &Path) -> Result<Option<SharedHold>, LedgerError> {
    match File::open(dir.join(HOLD_FILE)) {
        Ok(file) => hold(dir, file, FlockOperation::NonBlockingLockShared).map(|hold| Some(SharedHold(hold))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(LedgerError::io(format!("cannot open {HOLD_FILE}"))(error)),
    }
}

/// Dropping it lets segments go again.
pub struct SharedHold(#[expect(dead_code, reason = "held for its lock")] Hold);

fn hold(dir: &Path, file: File, how: FlockOperation) -> Result<Hold, LedgerError> {
    match flock(&file, how) {
        Ok(()) => Ok(Hold(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::Held(dir.to_owned())),
        Err(error) => Err(LedgerError::io(format!("cannot lock {HOLD_FILE}"))(error.into())),
    }
}

/// Writes a small file so that a crash leaves the old one or the new one, whole.
pub(super) fn replace(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.sync_all()?;
    std::fs::rename(&new, dir.join(name))?;
    sync_directory(dir)
}

/// Makes names that were made, moved and removed durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
