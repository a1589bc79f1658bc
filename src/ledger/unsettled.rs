//! Transactions that the log announces and does not settle: after a crash nobody knows yet whether they committed.

use std::collections::BTreeSet;
use std::path::Path;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::entry::{Kind, TransactionState};
use super::error::LedgerError;
use super::reader::{Item, Reader, corrupt};

/// What matters of an entry here.
#[derive(Deserialize)]
struct Head {
    kind: Kind,
    #[serde(default, rename = "ref")]
    reference: Option<u64>,
    #[serde(default)]
    transaction_state: Option<TransactionState>,
    #[serde(default)]
    changes: Vec<IgnoredAny>,
}

/// The seqs of the entries that announce a transaction which no later entry settles, in order. Reads the whole log.
///
/// A transaction is announced by its `intent`, or inside of an agent's block by the first outcome with changes, and is
/// settled by a `final` or by an aborted outcome that refers to it.
pub fn unsettled(dir: &Path) -> Result<Vec<u64>, LedgerError> {
    let mut open = BTreeSet::new();
    let mut reader = match super::segment::list(dir) {
        Ok(segments) => match segments.first() {
            Some(first) => Reader::open(dir, *first)?,
            None => return Ok(Vec::new()),
        },
        Err(error) => return Err(LedgerError::io("cannot list segments")(error)),
    };
    loop {
        match reader.read()? {
            Item::Entry { seq, bytes } if concerns(bytes) => {
                let head: Head = serde_json::from_slice(bytes).map_err(|_| corrupt(seq, 0, seq, "an entry cannot be read"))?;
                settle(&mut open, seq, &head);
            }
            Item::Entry { .. } | Item::Checkpoint { .. } => {}
            Item::End => return Ok(open.into_iter().collect()),
        }
    }
}

/// Quickly. A quote inside a JSON string is escaped, so these can only be keys.
fn concerns(bytes: &[u8]) -> bool {
    [&b"\"kind\":\"intent\""[..], b"\"kind\":\"final\"", b"\"changes\":", b"\"transaction_state\":\"aborted\""]
        .iter()
        .any(|needle| memmem::find(bytes, needle).is_some())
}

fn settle(open: &mut BTreeSet<u64>, seq: u64, head: &Head) {
    match (head.kind, head.reference, head.transaction_state) {
        (Kind::Intent, _, _) => {
            open.insert(seq);
        }
        (Kind::Final, Some(anchor), _) | (Kind::Outcome | Kind::Denial, Some(anchor), Some(TransactionState::Aborted)) => {
            open.remove(&anchor);
        }
        (Kind::Outcome, None, Some(TransactionState::Open)) if !head.changes.is_empty() => {
            open.insert(seq);
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
        let change = Change { deleted: 0, inserted: 0, relation: "public.t".into(), updated: 0 };
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
        ] {
            ledger.append(entry).wait().unwrap();
        }
        assert_eq!(unsettled(dir.path()).unwrap(), [5, 6, 8]);
    }
}
