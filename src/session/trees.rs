//! The trees among the notices of one message: what the server shows of how it reads a statement.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::cache::Digest;
use crate::wire::backend::ReportFields;

/// A notice, told apart.
pub enum Notice {
    Tree(Dump),
    /// Another LOG message: the connection's own, never the agent's.
    Log,
    /// For the agent, if its `client_min_messages` lets it through.
    Other,
}

/// One `elog_node_display`.
pub enum Dump {
    Analysed(Bytes),
    Rewritten(Bytes),
}

/// Tells a notice by severity and routine, both of which only server code sets.
pub fn classify(notice: &ReportFields<'_>) -> Notice {
    if notice.severity() != Some(b"LOG") {
        return Notice::Other;
    }
    if notice.get(b'R') != Some(b"elog_node_display") {
        return Notice::Log;
    }
    match (notice.get(b'M'), notice.get_bytes(b'D')) {
        (Some(b"parse tree:"), Some(dump)) => Notice::Tree(Dump::Analysed(dump)),
        (Some(b"rewritten parse tree:"), Some(dump)) => Notice::Tree(Dump::Rewritten(dump)),
        // A plan's tree, if somebody switched that on for the role.
        _ => Notice::Log,
    }
}

/// Pairs of trees in the order they came.
#[derive(Debug, Default)]
pub struct Collected {
    pairs: Vec<Pair>,
    pending: Option<Bytes>,
    broken: bool,
}

#[derive(Debug, Clone)]
pub struct Pair {
    pub analysed: Bytes,
    pub rewritten: Bytes,
}

impl Pair {
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update((self.analysed.len() as u64).to_le_bytes());
        hash.update(&self.analysed);
        hash.update(&self.rewritten);
        hash.finalize().into()
    }
}

impl Collected {
    pub fn push(&mut self, dump: Dump) {
        match (dump, self.pending.take()) {
            (Dump::Analysed(analysed), None) => self.pending = Some(analysed),
            (Dump::Rewritten(rewritten), Some(analysed)) => self.pairs.push(Pair { analysed, rewritten }),
            (Dump::Analysed(_), Some(_)) | (Dump::Rewritten(_), None) => self.broken = true,
        }
    }

    /// Every tree came, and came in pairs.
    pub fn pairs(&self) -> Option<&[Pair]> {
        (!self.broken && self.pending.is_none()).then_some(&self.pairs)
    }

    /// The one pair that a Parse of one statement shows.
    pub fn only(&self) -> Option<&Pair> {
        match self.pairs()? {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Nothing came, or only the very trees that were proven.
    pub fn confirm(&self, digest: &Digest) -> bool {
        self.pairs().is_some_and(|pairs| pairs.iter().all(|pair| pair.digest() == *digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(kind: fn(Bytes) -> Dump, text: &'static str) -> Dump {
        kind(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn silence_and_the_proven_tree_confirm_and_another_does_not() {
        let mut proven = Collected::default();
        proven.push(dump(Dump::Analysed, "a"));
        proven.push(dump(Dump::Rewritten, "r"));
        let digest = proven.only().unwrap().digest();
        assert!(Collected::default().confirm(&digest));
        assert!(proven.confirm(&digest));
        let mut other = Collected::default();
        other.push(dump(Dump::Analysed, "ar"));
        other.push(dump(Dump::Rewritten, ""));
        assert!(!other.confirm(&digest));
    }

    #[test]
    fn half_a_pair_confirms_nothing() {
        let mut half = Collected::default();
        half.push(dump(Dump::Analysed, "a"));
        assert!(!half.confirm(&[0; 32]));
        let mut swapped = Collected::default();
        swapped.push(dump(Dump::Rewritten, "r"));
        swapped.push(dump(Dump::Analysed, "a"));
        assert!(swapped.pairs().is_none());
    }
}
