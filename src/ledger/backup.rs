//! A copy of the log up to its newest checkpoint, made while it is written or not.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::disk::{hold_shared, sync_directory};
use super::error::LedgerError;
use super::frame::{Decoded, FrameKind, HEADER_BYTES, decode};
use super::mark::{MARK_FILE, first_seq};
use super::segment::{file_name, list};

/// What was copied, unchecked: whoever copies verifies the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub segments: usize,
    pub bytes: u64,
}

/// Copies the log in `from` into the directory `to`, which must be empty or not be there. Durable when it returns.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, LedgerError> {
    let _hold = hold_shared(from)?;
    make_empty(to).map_err(LedgerError::io(format!("cannot copy into {}", to.display())))?;
    let first = first_seq(from)?;
    let mut segments = list(from).map_err(LedgerError::io(format!("cannot list {}", from.display())))?;
    segments.retain(|seq| *seq >= first);
    let copied = copy_files(from, to, &segments);
    copied.map_err(LedgerError::io(format!("cannot copy the ledger from {} to {}", from.display(), to.display())))
}

fn make_empty(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    match std::fs::read_dir(dir)?.next() {
        None => Ok(()),
        Some(_) => Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "it is not empty")),
    }
}

fn copy_files(from: &Path, to: &Path, segments: &[u64]) -> io::Result<Copied> {
    let mut copied = Copied { segments: 0, bytes: 0 };
    if from.join(MARK_FILE).exists() {
        write(&to.join(MARK_FILE), &std::fs::read(from.join(MARK_FILE))?)?;
    }
    for seq in segments {
        let name = file_name(*seq);
        let bytes = std::fs::read(from.join(&name))?;
        // The segment that is written ends, here, at its newest checkpoint; all others end at one anyway.
        let bytes = &bytes[..committed(&bytes)];
        if !bytes.is_empty() {
            write(&to.join(name), bytes)?;
            copied = Copied { segments: copied.segments + 1, bytes: copied.bytes + bytes.len() as u64 };
        }
    }
    sync_directory(to)?;
    Ok(copied)
}

/// Where the last whole commit of a segment ends. Damage before that is for who verifies; what comes after it is not
/// copied, so bytes that are not a commit yet do no harm.
fn committed(segment: &[u8]) -> usize {
    let (mut at, mut end) = (0, 0);
    loop {
        match decode(&segment[at..]) {
            Decoded::Frame { kind, payload } => {
                at += HEADER_BYTES + payload.len();
                match kind {
                    FrameKind::Commit | FrameKind::Checkpoint => end = at,
                    FrameKind::Entry | FrameKind::Segment => {}
                }
            }
            Decoded::End | Decoded::Short(_) => return end,
            // A commit that is seen half-way, or damage that must not look like a shorter log.
            Decoded::Bad(_) if segment[at..].iter().all(|b| *b == 0) => return end,
            Decoded::Bad(_) => return segment.len(),
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::log::{Ledger, LedgerConfig};
    use crate::ledger::testing::{config, full_entry};

    #[test]
    fn a_copy_made_while_the_log_is_written_opens_and_holds_what_was_acknowledged_before() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(LedgerConfig { segment_size: 20_000, ..config(dir.path()) }).unwrap();
        let writer = std::thread::spawn({
            let ledger = ledger.clone();
            move || (0..1500).for_each(|_| drop(ledger.append(full_entry()).wait().unwrap()))
        });
        let mut copies = 0;
        while !writer.is_finished() {
            let to = tempfile::tempdir().unwrap();
            let before = ledger.head().size();
            copy(dir.path(), to.path()).unwrap();
            let copied = Ledger::open(config(to.path())).unwrap();
            assert!(copied.head().size() >= before);
            copies += 1;
        }
        writer.join().unwrap();
        assert!(copies > 2);
    }

    #[test]
    fn a_copy_goes_into_an_empty_directory_only() {
        let dir = tempfile::tempdir().unwrap();
        Ledger::open(config(dir.path())).unwrap().append(full_entry()).wait().unwrap();
        assert!(copy(dir.path(), dir.path()).unwrap_err().to_string().contains("it is not empty"));
        let to = dir.path().join("a/b");
        assert_eq!(copy(dir.path(), &to).unwrap().segments, 1);
    }

    #[test]
    fn a_pruned_log_is_copied_with_its_mark() {
        use crate::ledger::prune::{Limits, run};
        use std::time::{Duration, SystemTime};
        let dir = tempfile::tempdir().unwrap();
        let small = LedgerConfig { segment_size: 1, ..config(dir.path()) };
        let ledger = Ledger::open(LedgerConfig { segment_size: 1, ..config(dir.path()) }).unwrap();
        (0..5).for_each(|_| drop(ledger.append(full_entry()).wait().unwrap()));
        let now = SystemTime::now() + Duration::from_secs(60);
        run(&small, Limits { retention: Duration::ZERO, now, mirrored: Some(3), dry_run: false }).unwrap();
        let to = tempfile::tempdir().unwrap();
        assert_eq!(copy(dir.path(), to.path()).unwrap().segments, 3);
        assert_eq!(Ledger::open(config(to.path())).unwrap().head(), ledger.head());
    }
}
