//! The check itself, without I/O: takes entries and checkpoints in order and recomputes the tree.

use crate::ledger::Mark;
use crate::ledger::entry::Place;
use crate::ledger::note::{Checkpoint, Claim, VerifyingName};
use crate::ledger::tree::{Hash, Tree, leaf_hash};

use super::fault::Fault;

/// What an auditor brings along.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The log's name and the key of its checkpoints.
    pub key: VerifyingName,
    /// Checkpoints of this log that somebody else kept: it must contain them.
    pub held: Vec<Checkpoint>,
}

#[derive(Debug, Clone)]
pub struct Summary {
    pub log: String,
    /// The first entry that was there to be checked: what precedes it was pruned.
    pub first: u64,
    /// Size of the log, whatever was pruned from this copy.
    pub entries: u64,
    pub checkpoints: u64,
    pub head: Option<Checkpoint>,
    /// How many held checkpoints were found inside.
    pub held: usize,
    /// Sizes of held checkpoints that lie below `first`, which only a whole copy can be checked against.
    pub unchecked: Vec<u64>,
}

#[derive(Debug, Clone)]
pub struct Verifier {
    expected: Expected,
    /// What the log has at least, as its own mark says.
    at_least: u64,
    first: u64,
    first_root: Hash,
    tree: Tree,
    /// Everything below is proven unchanged.
    covered: u64,
    checkpoints: u64,
    head: Option<Checkpoint>,
}

impl Verifier {
    pub fn new(expected: Expected) -> Self {
        let tree = Tree::new();
        Verifier { expected, at_least: 0, first: 0, first_root: tree.root(), tree, covered: 0, checkpoints: 0, head: None }
    }

    /// For a log whose beginning was pruned: goes on from what the mark proves.
    pub fn after(expected: Expected, mark: &Mark) -> Self {
        let (first, tree) = (mark.size(), mark.tree().clone());
        Verifier { at_least: mark.of(), first, first_root: tree.root(), tree, covered: first, ..Verifier::new(expected) }
    }

    /// The seq that must come next, which is also the size that the next checkpoint can have.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// How many entries are proven.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// `stored_leaf` is the leaf hash that is stored beside the bytes, where one is.
    pub fn entry(&mut self, seq: u64, bytes: &[u8], stored_leaf: Option<&[u8]>) -> Result<(), Fault> {
        let expected = self.size();
        if seq > expected {
            return Err(Fault::Missing { seq: expected, next: seq });
        }
        if seq < expected {
            return Err(Fault::Stray { seq: i64::try_from(seq).unwrap_or(i64::MAX) });
        }
        let leaf = leaf_hash(bytes);
        if stored_leaf.is_some_and(|stored| *stored != leaf) {
            return Err(Fault::LeafDiffers { seq });
        }
        self.place(seq, bytes)?;
        self.tree.push(leaf);
        if self.expected.held.is_empty() { Ok(()) } else { self.check_held() }
    }

    fn place(&self, seq: u64, bytes: &[u8]) -> Result<(), Fault> {
        let place: Place = serde_json::from_slice(bytes).map_err(|error| Fault::NotAnEntry { seq, why: error.to_string() })?;
        if place.seq != seq {
            return Err(Fault::Misplaced { seq, said: place.seq });
        }
        if place.log != self.expected.key.name() {
            return Err(Fault::ForeignLog { seq, said: place.log });
        }
        Ok(())
    }

    /// `stored` is the size and root that are stored beside the note, where they are.
    pub fn checkpoint(&mut self, note: &str, stored: Option<(u64, &[u8])>) -> Result<(), Fault> {
        let size = stored.map_or(self.size(), |(size, _)| size);
        let bad = |source| Fault::BadNote { size, source };
        let claim = Claim::parse(note).map_err(bad)?;
        let said = claim.size;
        if said != size || stored.is_some_and(|(_, root)| *root != claim.root) {
            return Err(Fault::NoteDiffers { size, said });
        }
        let checkpoint = claim.verify(&self.expected.key).map_err(bad)?;
        if size > self.size() {
            return Err(Fault::Truncated { seq: self.size(), size });
        }
        if size < self.size() {
            return Err(Fault::StrayCheckpoint { size: i64::try_from(size).unwrap_or(i64::MAX) });
        }
        if *checkpoint.root() != self.tree.root() {
            return Err(self.root_differs(size));
        }
        self.covered = size;
        self.checkpoints += 1;
        self.head = Some(checkpoint);
        Ok(())
    }

    fn root_differs(&self, size: u64) -> Fault {
        Fault::RootDiffers { first: self.covered.min(size.saturating_sub(1)), last: size.saturating_sub(1), size }
    }

    fn check_held(&self) -> Result<(), Fault> {
        let size = self.size();
        let mut held = self.expected.held.iter().filter(|held| held.size() == size);
        match held.all(|held| *held.root() == self.tree.root()) {
            true => Ok(()),
            false => Err(Fault::HeldDiffers { first: self.covered.min(size - 1), last: size - 1, size }),
        }
    }

    /// Nothing more comes.
    pub fn finish(self) -> Result<Summary, Fault> {
        let size = self.size();
        if let Some(held) = self.expected.held.iter().map(Checkpoint::size).filter(|held| *held > size).min() {
            return Err(Fault::TruncatedBelowHeld { seq: size, size: held });
        }
        if self.covered < size {
            return Err(Fault::Uncovered { first: self.covered, last: size - 1 });
        }
        if size < self.at_least {
            return Err(Fault::TruncatedAfterPruning { seq: size, size: self.at_least });
        }
        let (checked, unchecked): (Vec<&Checkpoint>, Vec<&Checkpoint>) =
            self.expected.held.iter().partition(|held| held.size() >= self.first);
        if checked.iter().any(|held| held.size() == self.first && *held.root() != self.first_root) {
            return Err(Fault::HeldDiffers { first: 0, last: self.first.saturating_sub(1), size: self.first });
        }
        let (held, unchecked) = (checked.len(), unchecked.into_iter().map(Checkpoint::size).collect());
        Ok(Summary {
            log: self.expected.key.name().to_owned(),
            first: self.first,
            entries: size,
            checkpoints: self.checkpoints,
            head: self.head,
            held,
            unchecked,
        })
    }

    /// The root of what was taken so far.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }
}
