//! The transactions that the log announces, and what became of each. Those that nothing settles are the business of
//! recovery: after a crash nobody knows yet whether they committed.

use std::collections::{BTreeMap, BTreeSet};
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

/// What a log that is opened leaves to be done: gathered while it is checked, so that a start reads it once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    unsettled: BTreeSet<u64>,
    server: Option<String>,
}

impl Left {
    /// The next entry. False if it cannot be read.
    pub(super) fn hear(&mut self, seq: u64, bytes: &[u8]) -> bool {
        let has = |key: &[u8]| memmem::find(bytes, key).is_some();
        if has(INTENT) {
            self.unsettled.insert(seq);
            return true;
        }
        let announces = has(CHANGES) && !has(b"\"ref\":");
        if !announces && !has(FINAL) && !has(ABORTED) && !has(b"\"kind\":\"start\"") {
            return true;
        }
        let Ok(head) = serde_json::from_slice::<Head>(bytes) else { return false };
        // Those of a log that came back from a backup say other things.
        if let (Kind::Start, Some(message)) = (head.kind, head.message.as_ref())
            && message.starts_with(SERVER)
        {
            self.server = head.message;
            return true;
        }
        match head.says() {
            Says::Announced => {
                self.unsettled.insert(seq);
            }
            Says::Settled(anchor) => {
                self.unsettled.remove(&anchor);
            }
            Says::Committing(_) | Says::Nothing => {}
        }
        true
    }

    /// The entries that announce a transaction which no later entry settles, in order.
    pub fn unsettled(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.unsettled.iter().copied()
    }

    /// The server that the log was last written beside, as a `start` entry names it.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }
}

/// How the message of such an entry begins.
pub const SERVER: &str = "system ";

/// What to look for before anything is parsed. A quote inside a JSON string is escaped, so these can only be keys.
const INTENT: &[u8] = b"\"kind\":\"intent\"";
const FINAL: &[u8] = b"\"kind\":\"final\"";
const CHANGES: &[u8] = b"\"changes\":";
const ABORTED: &[u8] = b"\"transaction_state\":\"aborted\"";

fn concerns(bytes: &[u8]) -> bool {
    [INTENT, FINAL, CHANGES, ABORTED].iter().any(|key| memmem::find(bytes, key).is_some())
}

/// What an entry tells of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Announced,
    /// What the transaction of this entry has changed.
    Committing(u64),
    Settled(u64),
}

impl Head {
    fn says(&self) -> Says {
        match (self.kind, self.reference, self.transaction_state) {
            (Kind::Intent, _, _) => Says::Announced,
            (Kind::Outcome, None, Some(TransactionState::Open)) if !self.changes.is_empty() => Says::Announced,
            (Kind::Outcome, Some(anchor), Some(TransactionState::Committing)) => Says::Committing(anchor),
            (Kind::Final, Some(anchor), _) | (Kind::Outcome | Kind::Denial, Some(anchor), Some(TransactionState::Aborted)) => {
                Says::Settled(anchor)
            }
            _ => Says::Nothing,
        }
    }
}

fn tell(found: &mut BTreeMap<u64, Transaction>, seq: u64, bytes: &[u8], head: Head) {
    match head.says() {
        Says::Nothing => {}
        Says::Announced => {
            let leaf = leaf_hash(bytes);
            found.insert(seq, Transaction { seq, leaf, state: None, changes: Vec::new(), recovered: false });
        }
        Says::Committing(anchor) => {
            if let Some(one) = found.get_mut(&anchor) {
                // Several statements can commit together, each with an outcome of its own.
                one.changes.extend(head.changes);
            }
        }
        Says::Settled(anchor) => {
            if let Some(one) = found.get_mut(&anchor) {
                one.recovered = head.message.as_deref() == Some(BY_RECOVERY);
                one.state = head.transaction_state;
                if !head.changes.is_empty() && one.recovered {
                    one.changes = head.changes;
                }
            }
        }
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
        let server = |name: &str| Entry { message: Some(name.to_owned()), ..Entry::new(Kind::Start) };
        ledger.append(server("system 1, timeline 1")).wait().unwrap();
        ledger.append(server("system 1, timeline 2")).wait().unwrap();
        ledger.append(server("the log came back from a backup")).wait().unwrap();
        assert_eq!(ledger.left(), &Left::default(), "as it was opened");
        drop(ledger);
        let ledger = Ledger::open(config(dir.path())).unwrap();
        assert_eq!(ledger.left().unsettled().collect::<Vec<_>>(), [5, 6, 8]);
        assert_eq!(ledger.left().server(), Some("system 1, timeline 2"));
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
