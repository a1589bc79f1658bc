//! The transactions that the log announces, and what became of each. Those that nothing settles are the business of
//! recovery: after a crash nobody knows yet whether they committed.

use std::collections::BTreeMap;
use std::path::Path;

use memchr::memmem;
use serde::Deserialize;

use super::entry::{Change, Kind, TransactionState};
use super::error::LedgerError;
use super::reader::{Item, Reader, corrupt};
use super::tree::{Hash, leaf_hash};

/// A transaction that writes, as the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Of the entry that announces it.
    pub seq: u64,
    pub leaf: Hash,
    /// `None` while nobody knows.
    pub state: Option<TransactionState>,
    /// By relation; of one that committed, all that it changed.
    pub changes: Vec<Change>,
    /// Recovery found out, not the session.
    pub recovered: bool,
}

/// What matters of an entry here.
#[derive(Deserialize)]
struct Head {
    kind: Kind,
    #[serde(default, rename = "ref")]
    reference: Option<u64>,
    #[serde(default)]
    transaction_state: Option<TransactionState>,
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    message: Option<String>,
}

/// What recovery writes into the `final` entries that it makes.
pub const BY_RECOVERY: &str = "settled by recovery";

/// The seqs of the entries that announce a transaction which no later entry settles, in order.
pub fn unsettled(dir: &Path) -> Result<Vec<u64>, LedgerError> {
    Ok(transactions(dir)?.into_iter().filter(|one| one.state.is_none()).map(|one| one.seq).collect())
}

/// All transactions that the log announces, in order. Reads the whole log, while it is being written or not.
///
/// A transaction is announced by its `intent`, or inside of an agent's block by the first outcome with changes, and is
/// settled by a `final` or by an aborted outcome that refers to it.
pub fn transactions(dir: &Path) -> Result<Vec<Transaction>, LedgerError> {
    let mut found = BTreeMap::new();
    let segments = super::segment::list(dir).map_err(LedgerError::io("cannot list segments"))?;
    let Some(first) = segments.first() else { return Ok(Vec::new()) };
    let mut reader = Reader::open(dir, *first)?;
    loop {
        match reader.read()? {
            Item::Entry { seq, bytes } if concerns(bytes) => {
                let head: Head = serde_json::from_slice(bytes).map_err(|_| corrupt(seq, 0, seq, "an entry cannot be read"))?;
                tell(&mut found, seq, bytes, head);
            }
            Item::Entry { .. } | Item::Checkpoint { .. } => {}
            Item::End => return Ok(found.into_values().collect()),
        }
    }
}

/// The server that the log was last written beside, as a `start` entry names it.
pub fn last_server(dir: &Path) -> Result<Option<String>, LedgerError> {
    let segments = super::segment::list(dir).map_err(LedgerError::io("cannot list segments"))?;
    // It is written once a start, so it is most likely near the end.
    for first in segments.iter().rev() {
        let mut reader = Reader::open(dir, *first)?;
        let mut found = None;
        loop {
            match reader.read()? {
                Item::Entry { bytes, .. } if memmem::find(bytes, b"\"kind\":\"start\"").is_some() => {
                    let head: Option<Head> = serde_json::from_slice(bytes).ok();
                    // Those of a log that came back from a backup say other things.
                    let message = head.and_then(|head| head.message).filter(|message| message.starts_with(SERVER));
                    found = message.or(found);
                }
                Item::Entry { .. } | Item::Checkpoint { .. } => {}
                Item::End => break,
            }
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// How the message of such an entry begins.
pub const SERVER: &str = "system ";

/// Quickly. A quote inside a JSON string is escaped, so these can only be keys.
fn concerns(bytes: &[u8]) -> bool {
    [&b"\"kind\":\"intent\""[..], b"\"kind\":\"final\"", b"\"changes\":", b"\"transaction_state\":\"aborted\""]
        .iter()
        .any(|needle| memmem::find(bytes, needle).is_some())
}

fn tell(found: &mut BTreeMap<u64, Transaction>, seq: u64, bytes: &[u8], head: Head) {
    let announced = || Transaction { seq, leaf: leaf_hash(bytes), state: None, changes: Vec::new(), recovered: false };
    match (head.kind, head.reference, head.transaction_state) {
        (Kind::Intent, _, _) => {
            found.insert(seq, announced());
        }
        (Kind::Outcome, None, Some(TransactionState::Open)) if !head.changes.is_empty() => {
            found.insert(seq, announced());
        }
        (Kind::Outcome, Some(anchor), Some(TransactionState::Committing)) => {
            if let Some(one) = found.get_mut(&anchor) {
                // Several statements can commit together, each with an outcome of its own.
                one.changes.extend(head.changes);
            }
        }
        (Kind::Final, Some(anchor), state)
        | (Kind::Outcome | Kind::Denial, Some(anchor), state @ Some(TransactionState::Aborted)) => {
            if let Some(one) = found.get_mut(&anchor) {
                one.recovered = head.message.as_deref() == Some(BY_RECOVERY);
                one.state = state;
                if !head.changes.is_empty() && one.recovered {
                    one.changes = head.changes;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::config;
    use crate::ledger::{Change, Entry, Ledger};

    fn entry(kind: Kind, reference: Option<u64>, state: TransactionState, changed: bool) -> Entry {
        let change = Change { deleted: 0, inserted: 1, relation: "public.t".into(), updated: 0 };
        Entry {
            reference,
            transaction_state: Some(state),
            changes: changed.then_some(change).into_iter().collect(),
            template: Some("\"kind\":\"intent\"".into()),
            ..Entry::new(kind)
        }
    }

    #[test]
    fn a_transaction_is_open_until_something_settles_it() {
        use TransactionState::{Aborted, Committed, Committing, Implicit, Open};
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        for entry in [
            entry(Kind::Intent, None, Implicit, false),      // 0: committed
            entry(Kind::Outcome, Some(0), Committing, true), // 1
            entry(Kind::Final, Some(0), Committed, false),   // 2
            entry(Kind::Intent, None, Implicit, false),      // 3: aborted
            entry(Kind::Outcome, Some(3), Aborted, false),   // 4
            entry(Kind::Intent, None, Implicit, false),      // 5: the crash came before COMMIT
            entry(Kind::Intent, None, Implicit, false),      // 6: the crash came during COMMIT
            entry(Kind::Outcome, Some(6), Committing, true), // 7
            entry(Kind::Outcome, None, Open, true),          // 8: an agent's block
            entry(Kind::Outcome, Some(8), Open, true),       // 9
            entry(Kind::Outcome, None, Open, false),         // 10: a block that only read
            entry(Kind::Intent, None, Implicit, false),      // 11: withheld
            entry(Kind::Denial, Some(11), Aborted, false),   // 12
            entry(Kind::Outcome, Some(0), Committing, true), // 13: the second statement of the first
        ] {
            ledger.append(entry).wait().unwrap();
        }
        assert_eq!(unsettled(dir.path()).unwrap(), [5, 6, 8]);
        let sums = |changes: &[Change]| changes.iter().map(|change| change.inserted).sum::<u64>();
        let inserted: Vec<_> = transactions(dir.path())
            .unwrap()
            .into_iter()
            .map(|one| (one.seq, sums(&one.changes)))
            .filter(|(_, n)| *n > 0)
            .collect();
        assert_eq!(inserted, [(0, 2), (6, 1)], "outcomes that commit together are summed up");
        let states: Vec<_> = transactions(dir.path()).unwrap().into_iter().map(|one| (one.seq, one.state)).collect();
        let known = [(0, Some(Committed)), (3, Some(Aborted)), (5, None), (6, None), (8, None), (11, Some(Aborted))];
        assert_eq!(states, known);
    }
}
