//! The trees that a connection shows again at Bind: an invalidation made the server read a certified statement anew.

use bytes::Bytes;

use super::cache::Digest;
use crate::upstream::{TreeKind, TreeNotice, tree_digest};

/// Trees in the order they came.
#[derive(Debug, Default)]
pub struct ShownAgain {
    pending: Option<Bytes>,
    digests: Vec<Digest>,
    broken: bool,
}

impl ShownAgain {
    pub fn push(&mut self, notice: TreeNotice) {
        match (notice.kind, self.pending.take()) {
            (TreeKind::Analysed, None) => self.pending = Some(notice.text),
            (TreeKind::Rewritten, Some(analysed)) => self.digests.push(tree_digest(&analysed, &notice.text)),
            (TreeKind::Analysed, Some(_)) | (TreeKind::Rewritten, None) => self.broken = true,
        }
    }

    /// Nothing came, or only the very trees that were proven.
    pub fn confirms(&self, digest: &Digest) -> bool {
        !self.broken && self.pending.is_none() && self.digests.iter().all(|shown| shown == digest)
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
        assert!(shown(&[]).confirms(&digest));
        assert!(shown(&[(Analysed, "a"), (Rewritten, "r")]).confirms(&digest));
        assert!(!shown(&[(Analysed, "a"), (Rewritten, "x")]).confirms(&digest));
        assert!(!shown(&[(Analysed, "a"), (Rewritten, "r"), (Analysed, "b"), (Rewritten, "r")]).confirms(&digest));
    }

    #[test]
    fn half_a_pair_confirms_nothing() {
        use TreeKind::{Analysed, Rewritten};
        for half in [&[(Analysed, "a")][..], &[(Rewritten, "r")], &[(Rewritten, "r"), (Analysed, "a")]] {
            assert!(!shown(half).confirms(&tree_digest(b"a", b"r")));
        }
    }
}
