//! Verifies a log where it was written.

use std::path::Path;
use std::time::Duration;

use crate::ledger::{Item, LedgerError, Mark, Reader, hold_shared};

use super::fault::{Fault, VerifyError};
use super::verifier::{Expected, Summary, Verifier};

/// Longer than a commit takes.
const COMMIT_PATIENCE: Duration = Duration::from_millis(500);

/// Reads the segments in `dir` from the first byte to the last. A log that is being written is verified up to a
/// checkpoint that was its newest when reading came there.
pub fn verify_ledger(dir: &Path, expected: Expected) -> Result<Summary, VerifyError> {
    // Nothing is pruned under a reader.
    let _hold = hold_shared(dir)?;
    let mark = Mark::read(dir, &expected.key)?;
    let first = mark.as_ref().map_or(0, Mark::size);
    let mut reader = Reader::open(dir, first).map_err(|error| beginning_lost(dir, mark.as_ref(), error))?;
    let mut verifier = match &mark {
        Some(mark) => Verifier::after(expected, mark),
        None => Verifier::new(expected),
    };
    // As of the last checkpoint: what lies behind it may be a commit under way.
    let mut settled = verifier.clone();
    let ended = loop {
        match step(&mut reader, &mut verifier) {
            Ok(Step::Entry) => {}
            Ok(Step::Checkpoint) => settled = verifier.clone(),
            Ok(Step::End) => break finish(&mut reader, verifier),
            Err(error) => break Err(error),
        }
    };
    match ended {
        Err(error) if is_being_written(dir) => settle(dir, settled).ok_or(error),
        ended => ended,
    }
}

/// No segment holds the first entry that was not pruned.
fn beginning_lost(dir: &Path, mark: Option<&Mark>, error: LedgerError) -> VerifyError {
    let seq = mark.map_or(0, Mark::size);
    match (Reader::any(dir), mark) {
        (Ok(Some(reader)), _) if reader.next_seq() > seq => Fault::Missing { seq, next: reader.next_seq() }.into(),
        (Ok(None), Some(mark)) => Fault::TruncatedAfterPruning { seq, size: mark.of() }.into(),
        (Ok(_) | Err(_), _) => error.into(),
    }
}

enum Step {
    Entry,
    Checkpoint,
    End,
}

fn step(reader: &mut Reader, verifier: &mut Verifier) -> Result<Step, VerifyError> {
    match reader.read()? {
        Item::Entry { seq, bytes } => verifier.entry(seq, bytes, None).map(|()| Step::Entry).map_err(Into::into),
        Item::Checkpoint { note } => {
            let size = verifier.size();
            match verifier.checkpoint(note, None) {
                // In a file, a checkpoint that is out of place speaks about the entries before it.
                Err(Fault::NoteDiffers { said, .. }) if said > size => Err(Fault::Truncated { seq: size, size: said }.into()),
                checked => checked.map(|()| Step::Checkpoint).map_err(Into::into),
            }
        }
        Item::End => Ok(Step::End),
    }
}

fn finish(reader: &mut Reader, verifier: Verifier) -> Result<Summary, VerifyError> {
    reader.check_end()?;
    Ok(verifier.finish()?)
}

/// Damage behind the last checkpoint, while somebody writes, may be a commit that was seen half-way: then it is whole
/// in a moment. None if it is not.
fn settle(dir: &Path, settled: Verifier) -> Option<Summary> {
    std::thread::sleep(COMMIT_PATIENCE);
    let mut verifier = settled.clone();
    let mut reader = Reader::open(dir, verifier.size()).ok()?;
    loop {
        match step(&mut reader, &mut verifier).ok()? {
            Step::Entry => {}
            Step::Checkpoint if verifier.size() > settled.size() => return verifier.finish().ok(),
            // The one that was read before.
            Step::Checkpoint => {}
            Step::End => return None,
        }
    }
}

fn is_being_written(dir: &Path) -> bool {
    matches!(crate::ledger::try_lock(dir), Err(LedgerError::Locked(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::note::NoteSigner;
    use crate::ledger::testing::{ORIGIN, config, full_entry, log_with_times};
    use crate::ledger::{Entry, Ledger};
    use ed25519_dalek::SigningKey;

    #[test]
    fn a_wall_clock_that_was_stepped_back_breaks_no_proof() {
        let dir = tempfile::tempdir().unwrap();
        let signer = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[1; 32])).unwrap();
        let times = ["2026-03-29T02:59:59.999999Z", "2026-03-29T01:00:00.000000Z", "1970-01-01T00:00:00.000000Z"];
        log_with_times(dir.path(), &signer, times.into_iter());
        let expected = Expected { key: signer.verifying_name().clone(), held: Vec::new() };
        assert_eq!(verify_ledger(dir.path(), expected).unwrap().entries, 3);
        // The next process goes on with it, by whatever clock.
        let ledger = Ledger::open(config(dir.path())).unwrap();
        (0..20).for_each(|_| drop(ledger.append(full_entry()).wait().unwrap()));
        let mut reader = Reader::open(dir.path(), 3).unwrap();
        let mut stamps = Vec::new();
        loop {
            match reader.read().unwrap() {
                Item::Entry { bytes, .. } => stamps.push(serde_json::from_slice::<Entry>(bytes).unwrap().mono_us),
                Item::Checkpoint { .. } => {}
                Item::End => break,
            }
        }
        assert!(stamps.len() == 20 && stamps.is_sorted(), "within a run the monotonic clock orders: {stamps:?}");
    }
}
