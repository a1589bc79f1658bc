//! Verifies a mirrored log, alone or against the ledger that it was copied from.

use std::path::Path;

use tokio_postgres::{IsolationLevel, Row, Transaction};

use crate::ledger::{Item, Mark, Reader, Rebuild};

use super::fault::{Fault, VerifyError};
use super::verifier::{Expected, Summary, Verifier};

/// Rows of at most 64 KiB that are fetched at a time.
const PAGE: i64 = 1000;

/// The logs that the audit schema knows of.
pub async fn logs(client: &tokio_postgres::Client) -> Result<Vec<String>, VerifyError> {
    let rows = client.query("SELECT log FROM audit.entry UNION SELECT log FROM audit.checkpoint ORDER BY 1", &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Reads one log of the audit schema, in one snapshot. With `ledger`, a log that was verified already, compares entry
/// by entry.
pub async fn verify_mirror(
    client: &mut tokio_postgres::Client,
    mut expected: Expected,
    ledger: Option<&Path>,
) -> Result<Summary, VerifyError> {
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    let log = expected.key.name().to_owned();
    let ledger = match ledger {
        Some(dir) => {
            // What was pruned there is compared as a whole: the mirror must have the root that the mark has.
            expected.held.extend(Mark::read(dir, &expected.key)?.map(|mark| mark.checkpoint().clone()));
            Some(Reader::first(dir)?)
        }
        None => None,
    };
    let mut check = Check { log, verifier: Verifier::new(expected), ledger, rebuild: () };
    check.read(&snapshot).await?;
    check.count(&snapshot).await?;
    Ok(check.verifier.finish()?)
}

/// Verifies one log of the audit schema and writes again what `rebuild` does not have yet. The mirror must contain
/// what `rebuild` began with, and what was held, as far as the mirror goes: whether the result does is for the caller.
pub async fn rehydrate(
    client: &mut tokio_postgres::Client,
    mut expected: Expected,
    rebuild: Rebuild,
) -> Result<(Summary, Rebuild), VerifyError> {
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    let log = expected.key.name().to_owned();
    let row = snapshot.query_one("SELECT max(size) FROM audit.checkpoint WHERE log = $1", &[&log]).await?;
    let size = row.try_get::<_, Option<i64>>(0)?.map_or(0, i64::unsigned_abs);
    expected.held.extend(rebuild.base().cloned());
    expected.held.retain(|held| held.size() <= size);
    let mut check = Check { log, verifier: Verifier::new(expected), ledger: None, rebuild };
    check.read(&snapshot).await?;
    check.count(&snapshot).await?;
    Ok((check.verifier.finish()?, check.rebuild))
}

/// What is done with entries and checkpoints that were found right.
trait Sink {
    fn entry(&mut self, seq: u64, bytes: &[u8]);
    fn checkpoint(&mut self, note: &str) -> Result<(), VerifyError>;
}

impl Sink for () {
    fn entry(&mut self, _: u64, _: &[u8]) {}

    fn checkpoint(&mut self, _: &str) -> Result<(), VerifyError> {
        Ok(())
    }
}

impl Sink for Rebuild {
    fn entry(&mut self, seq: u64, bytes: &[u8]) {
        Rebuild::entry(self, seq, bytes);
    }

    fn checkpoint(&mut self, note: &str) -> Result<(), VerifyError> {
        Ok(Rebuild::checkpoint(self, note)?)
    }
}

struct Check<S> {
    log: String,
    verifier: Verifier,
    ledger: Option<Reader>,
    rebuild: S,
}

impl<S: Sink> Check<S> {
    async fn read(&mut self, snapshot: &Transaction<'_>) -> Result<(), VerifyError> {
        let page = "SELECT seq, bytes, leaf_hash FROM audit.entry WHERE log = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let page = snapshot.prepare(page).await?;
        let signed = "SELECT size, root, note FROM audit.checkpoint WHERE log = $1 AND size > $2 AND size <= $3 ORDER BY size";
        let signed = snapshot.prepare(signed).await?;
        // From below the first that can be, so that a row that cannot be is seen.
        let (mut last, mut last_size) = (i64::MIN, i64::MIN);
        loop {
            let rows = snapshot.query(&page, &[&self.log, &last, &PAGE]).await?;
            let Some(end) = rows.last() else { break };
            last = end.try_get(0)?;
            let up_to = last.saturating_add(1);
            let mut checkpoints = snapshot.query(&signed, &[&self.log, &last_size, &up_to]).await?.into_iter().peekable();
            last_size = up_to;
            for row in &rows {
                self.entry(row)?;
                while let Some(checkpoint) = checkpoints.next_if(|row| self.is_due(row)) {
                    self.checkpoint(&checkpoint)?;
                }
            }
            // What is left is of a size that no entry led to.
            checkpoints.try_for_each(|checkpoint| self.checkpoint(&checkpoint))?;
        }
        let beyond = snapshot.query(&signed, &[&self.log, &last_size, &i64::MAX]).await?;
        beyond.iter().try_for_each(|row| self.checkpoint(row))
    }

    fn is_due(&self, row: &Row) -> bool {
        row.try_get::<_, i64>(0).is_ok_and(|size| u64::try_from(size).is_ok_and(|size| size <= self.verifier.size()))
    }

    fn entry(&mut self, row: &Row) -> Result<(), VerifyError> {
        let (seq, bytes, leaf): (i64, &[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let number = u64::try_from(seq).map_err(|_| Fault::Stray { seq })?;
        self.verifier.entry(number, bytes, Some(leaf))?;
        self.rebuild.entry(number, bytes);
        self.compare(number, bytes)
    }

    fn compare(&mut self, seq: u64, bytes: &[u8]) -> Result<(), VerifyError> {
        let Some(ledger) = self.ledger.as_mut().filter(|ledger| ledger.next_seq() <= seq) else { return Ok(()) };
        loop {
            match ledger.read()? {
                Item::Checkpoint { .. } => {}
                Item::Entry { bytes: ours, .. } if ours == bytes => return Ok(()),
                Item::Entry { .. } => return Err(Fault::MirrorDiffers { seq }.into()),
                Item::End => return Err(Fault::MirrorAhead { seq }.into()),
            }
        }
    }

    fn checkpoint(&mut self, row: &Row) -> Result<(), VerifyError> {
        let (size, root, note): (i64, &[u8], &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let stored = u64::try_from(size).map_err(|_| Fault::StrayCheckpoint { size })?;
        self.verifier.checkpoint(note, Some((stored, root)))?;
        self.rebuild.checkpoint(note)
    }

    /// Rows that the pages skipped, since their seq appears twice, would still show in the views.
    async fn count(&self, snapshot: &Transaction<'_>) -> Result<(), VerifyError> {
        let row = snapshot.query_one("SELECT count(*) FROM audit.entry WHERE log = $1", &[&self.log]).await?;
        let rows = row.try_get::<_, i64>(0)?.unsigned_abs();
        match rows.checked_sub(self.verifier.size()) {
            Some(0) => Ok(()),
            more => Err(Fault::Surplus { rows, more: more.unwrap_or_default() }.into()),
        }
    }
}
