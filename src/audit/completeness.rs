//! Whether the database and the ledger tell of the same transactions. Pure: both sides come as lists.

use std::collections::BTreeMap;
use std::fmt;

use crate::ledger::tree::Hash;
use crate::ledger::{Change, Transaction, TransactionState};

/// A row of `pgwarrant.txn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub seq: u64,
    pub committed: bool,
    /// Of the entry that announced it; `None` in a row of recovery.
    pub leaf: Option<Vec<u8>>,
}

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The database has a committed transaction that the ledger never announced.
    Unannounced(u64),
    /// The row names another entry than the ledger has there.
    OtherEntry(u64),
    /// The ledger says committed, the database has no such row: a failover lost it, or somebody took it away.
    Lost(u64),
    /// The ledger says aborted, the database says committed.
    CommittedAfterAll(u64),
    /// Nobody knows yet: recovery settles it at the next start, or while the proxy runs.
    Unsettled(u64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Unannounced(seq) => {
                write!(f, "transaction {seq}: committed in the database, and no entry of the ledger announces it")
            }
            Finding::OtherEntry(seq) => {
                write!(f, "transaction {seq}: the database binds it to another entry than the ledger's entry {seq}")
            }
            Finding::Lost(seq) => write!(f, "entry {seq}: settled as committed, and the database does not know the transaction"),
            Finding::CommittedAfterAll(seq) => write!(f, "entry {seq}: settled as aborted, and the database committed it"),
            Finding::Unsettled(seq) => write!(f, "entry {seq}: announces a transaction that nothing settles yet"),
        }
    }
}

/// Every disagreement, in the order of the entries.
pub fn compare(ledger: &[Transaction], database: &[Recorded]) -> Vec<Finding> {
    let announced: BTreeMap<u64, &Transaction> = ledger.iter().map(|one| (one.seq, one)).collect();
    let rows: BTreeMap<u64, &Recorded> = database.iter().map(|row| (row.seq, row)).collect();
    let mut findings = Vec::new();
    for row in database.iter().filter(|row| row.committed) {
        match announced.get(&row.seq) {
            None => findings.push((row.seq, Finding::Unannounced(row.seq))),
            Some(one) if !binds(row, &one.leaf) => findings.push((row.seq, Finding::OtherEntry(row.seq))),
            Some(one) if one.state == Some(TransactionState::Aborted) => {
                findings.push((row.seq, Finding::CommittedAfterAll(row.seq)));
            }
            Some(_) => {}
        }
    }
    for one in ledger {
        let committed = rows.get(&one.seq).is_some_and(|row| row.committed);
        match one.state {
            Some(TransactionState::Committed) if !committed => findings.push((one.seq, Finding::Lost(one.seq))),
            None => findings.push((one.seq, Finding::Unsettled(one.seq))),
            Some(_) => {}
        }
    }
    findings.sort_by_key(|(seq, _)| *seq);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

fn binds(row: &Recorded, leaf: &Hash) -> bool {
    row.leaf.as_deref() == Some(leaf)
}

/// Rows that the ledger's committed transactions changed, by relation.
pub fn totals(ledger: &[Transaction]) -> BTreeMap<String, Change> {
    let mut totals: BTreeMap<String, Change> = BTreeMap::new();
    let committed = ledger.iter().filter(|one| one.state == Some(TransactionState::Committed));
    for change in committed.flat_map(|one| &one.changes) {
        let empty = || Change { deleted: 0, inserted: 0, relation: change.relation.clone(), updated: 0 };
        let sum = totals.entry(change.relation.clone()).or_insert_with(empty);
        sum.inserted += change.inserted;
        sum.updated += change.updated;
        sum.deleted += change.deleted;
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(seq: u64, state: Option<TransactionState>) -> Transaction {
        Transaction { seq, leaf: [seq as u8; 32], state, changes: Vec::new(), recovered: false }
    }

    fn row(seq: u64, committed: bool) -> Recorded {
        Recorded { seq, committed, leaf: Some(vec![seq as u8; 32]) }
    }

    #[test]
    fn each_disagreement_is_named_and_agreement_is_silent() {
        use TransactionState::{Aborted, Committed, LostByFailover};
        let ledger = [
            announced(1, Some(Committed)),
            announced(2, Some(Aborted)),
            announced(3, Some(Committed)),
            announced(4, Some(Aborted)),
            announced(5, None),
            announced(6, Some(Committed)),
            announced(8, Some(LostByFailover)),
        ];
        let database =
            [row(1, true), row(2, false), row(4, true), Recorded { leaf: Some(vec![9; 32]), ..row(6, true) }, row(7, true)];
        let expected = [
            Finding::Lost(3),
            Finding::CommittedAfterAll(4),
            Finding::Unsettled(5),
            Finding::OtherEntry(6),
            Finding::Unannounced(7),
        ];
        assert_eq!(compare(&ledger, &database), expected);
    }

    #[test]
    fn only_what_committed_is_summed() {
        let change = Change { deleted: 1, inserted: 2, relation: "public.t".into(), updated: 3 };
        let with = |seq, state| Transaction { changes: vec![change.clone()], ..announced(seq, Some(state)) };
        let ledger =
            [with(1, TransactionState::Committed), with(2, TransactionState::Aborted), with(3, TransactionState::Committed)];
        assert_eq!(totals(&ledger)["public.t"], Change { deleted: 2, inserted: 4, relation: "public.t".into(), updated: 6 });
    }
}
