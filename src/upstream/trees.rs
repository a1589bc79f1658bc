//! Postgres's own reading of a statement, as it arrives: LOG notices of `elog_node_display` (`src/backend/nodes/print.c`).

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::wire::backend::ReportFields;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    Analysed,
    Rewritten,
}

/// A notice that holds a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNotice {
    pub kind: TreeKind,
    /// Field DETAIL, in the server's bytes.
    pub text: Bytes,
}

impl TreeNotice {
    /// `None` for any other notice. The severity is the untranslated one, and the routine is named by the server's C source:
    /// `RAISE LOG 'parse tree:'` in a function comes from `exec_stmt_raise` and is no tree.
    pub fn read(report: &ReportFields<'_>) -> Option<TreeNotice> {
        if report.severity() != Some(b"LOG") || report.get(b'R') != Some(b"elog_node_display") {
            return None;
        }
        let kind = match report.get(b'M')? {
            b"parse tree:" => TreeKind::Analysed,
            b"rewritten parse tree:" => TreeKind::Rewritten,
            _ => return None,
        };
        Some(TreeNotice { kind, text: report.get_bytes(b'D')? })
    }
}

/// The two trees of one statement, collected from notices. More than one of a kind is not a statement's own reading.
#[derive(Debug, Default)]
pub(super) struct TreePair {
    analysed: Option<Bytes>,
    rewritten: Option<Bytes>,
    repeated: bool,
}

impl TreePair {
    pub(super) fn add(&mut self, notice: TreeNotice) {
        let place = match notice.kind {
            TreeKind::Analysed => &mut self.analysed,
            TreeKind::Rewritten => &mut self.rewritten,
        };
        self.repeated |= place.replace(notice.text).is_some();
    }

    pub(super) fn exactly_one_each(self) -> Option<(Bytes, Bytes)> {
        if self.repeated {
            return None;
        }
        self.analysed.zip(self.rewritten)
    }
}

/// SHA-256 over both texts, the first one's length ahead so that no byte can move from one to the other.
pub fn tree_digest(analysed: &[u8], rewritten: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((analysed.len() as u64).to_be_bytes());
    hash.update(analysed);
    hash.update(rewritten);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::backend;

    fn read(fields: &[u8]) -> Option<TreeNotice> {
        let body = Bytes::copy_from_slice(fields);
        TreeNotice::read(&backend::report(&body).unwrap())
    }

    #[test]
    fn only_log_notices_of_elog_node_display_are_trees() {
        let tree = |fields: &[u8]| read(fields).map(|notice| notice.kind);
        assert_eq!(tree(b"SLOG\0VLOG\0Mparse tree:\0D{QUERY}\0Relog_node_display\0\0"), Some(TreeKind::Analysed));
        assert_eq!(tree(b"SLOG\0VLOG\0Mrewritten parse tree:\0D()\0Relog_node_display\0\0"), Some(TreeKind::Rewritten));
        assert_eq!(tree(b"SLOG\0VNOTICE\0Mparse tree:\0D{QUERY}\0Relog_node_display\0\0"), None);
        assert_eq!(tree(b"SLOG\0VLOG\0Mparse tree:\0D{QUERY}\0Rexec_stmt_raise\0\0"), None);
        assert_eq!(tree(b"SLOG\0VLOG\0Mplan:\0D{QUERY}\0Relog_node_display\0\0"), None);
        assert_eq!(tree(b"SLOG\0VLOG\0Mparse tree:\0Relog_node_display\0\0"), None);
    }

    #[test]
    fn a_pair_is_exactly_one_of_each_kind() {
        let notice = |kind| TreeNotice { kind, text: Bytes::from_static(b"x") };
        let pair = |kinds: &[TreeKind]| {
            let mut pair = TreePair::default();
            kinds.iter().for_each(|&kind| pair.add(notice(kind)));
            pair.exactly_one_each().is_some()
        };
        assert!(pair(&[TreeKind::Analysed, TreeKind::Rewritten]));
        assert!(!pair(&[TreeKind::Analysed]));
        assert!(!pair(&[TreeKind::Analysed, TreeKind::Analysed, TreeKind::Rewritten]));
        assert!(!pair(&[TreeKind::Analysed, TreeKind::Rewritten, TreeKind::Rewritten]));
    }

    #[test]
    fn a_byte_moved_from_one_tree_to_the_other_changes_the_digest() {
        assert_ne!(tree_digest(b"ab", b"c"), tree_digest(b"a", b"bc"));
        assert_eq!(tree_digest(b"ab", b"c"), tree_digest(b"ab", b"c"));
    }
}
