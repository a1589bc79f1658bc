//! Proof that an entry is on record.

use std::fmt;
use std::sync::Arc;

use super::note::Checkpoint;
use super::render::hex;
use super::tree::Hash;

/// An entry that is durable under a signed checkpoint. Only the ledger's writer makes one, and releasing takes one.
#[derive(Debug, Clone)]
pub struct Receipt {
    seq: u64,
    leaf_hash: Hash,
    checkpoint: Arc<Checkpoint>,
}

impl Receipt {
    pub(super) fn new(seq: u64, leaf_hash: Hash, checkpoint: Arc<Checkpoint>) -> Self {
        Receipt { seq, leaf_hash, checkpoint }
    }

    pub fn log(&self) -> &str {
        self.checkpoint.origin()
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn leaf_hash(&self) -> &Hash {
        &self.leaf_hash
    }

    /// A head whose tree holds the entry.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// `log seq leaf-hash tree-size`: enough to ask for the entry and to know it again.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.log(), self.seq, hex(&self.leaf_hash), self.checkpoint.size())
    }
}
