//! The trees that a connection shows again at Bind: an invalidation made the server read a certified statement anew.

use bytes::Bytes;

use super::cache::Digest;
use crate::upstream::{TreeKind, TreeNotice, tree_digest};

/// The analysed and the rewritten tree of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub analysed: Bytes,
    pub rewritten: Bytes,
}

/// Trees in the order they came.
#[derive(Debug, Clone, Default)]
pub struct ShownAgain {
    pending: Option<Bytes>,
    pairs: Vec<Pair>,
    broken: bool,
}

impl ShownAgain {
    pub fn push(&mut self, notice: TreeNotice) {
        match (notice.kind, self.pending.take()) {
            (TreeKind::Analysed, None) => self.pending = Some(notice.text),
            (TreeKind::Rewritten, Some(analysed)) => self.pairs.push(Pair { analysed, rewritten: notice.text }),
            (TreeKind::Analysed, Some(_)) | (TreeKind::Rewritten, None) => self.broken = true,
        }
    }

    /// Nothing came but whole pairs: those that are not the proven one, which the caller must judge. `None`: something
    /// came that is no reading at all.
    pub fn others(mut self, digest: &Digest) -> Option<Vec<Pair>> {
        self.pairs.retain(|pair| tree_digest(&pair.analysed, &pair.rewritten) != *digest);
        (!self.broken && self.pending.is_none()).then_some(self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(trees: &[(TreeKind, &'static str)]) -> ShownAgain {
        let mut shown = ShownAgain::default();
        for (kind, text) in trees {
            shown.push(TreeNotice { kind: *kind, text: Bytes::from_static(text.as_bytes()) });
        }
        shown
    }

    #[test]
    fn silence_and_the_proven_tree_confirm_and_another_does_not() {
        use TreeKind::{Analysed, Rewritten};
        let digest = tree_digest(b"a", b"r");
        let other =
            |analysed: &'static str, rewritten: &'static str| Pair { analysed: analysed.into(), rewritten: rewritten.into() };
        assert_eq!(shown(&[]).others(&digest), Some(vec![]));
        assert_eq!(shown(&[(Analysed, "a"), (Rewritten, "r")]).others(&digest), Some(vec![]));
        assert_eq!(shown(&[(Analysed, "a"), (Rewritten, "x")]).others(&digest), Some(vec![other("a", "x")]));
        let two = [(Analysed, "a"), (Rewritten, "r"), (Analysed, "b"), (Rewritten, "r")];
        assert_eq!(shown(&two).others(&digest), Some(vec![other("b", "r")]));
    }

    #[test]
    fn half_a_pair_confirms_nothing() {
        use TreeKind::{Analysed, Rewritten};
        for half in [&[(Analysed, "a")][..], &[(Rewritten, "r")], &[(Rewritten, "r"), (Analysed, "a")]] {
            assert_eq!(shown(half).others(&tree_digest(b"a", b"r")), None);
        }
    }
}
