//! Inclusion and consistency proofs: RFC 6962, sections 2.1.1 and 2.1.2; verification as in RFC 9162, 2.1.3.2 and 2.1.4.2.

use super::tree::{Hash, Tree, node_hash, root_of};

/// What proofs are made of: the leaves of a log, of which the first ones may be pruned but for their tree's edge.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a> {
    pub pruned: &'a Tree,
    /// The leaf hashes of everything after that.
    pub rest: &'a [Hash],
}

impl Leaves<'_> {
    fn size(&self) -> u64 {
        self.pruned.size() + self.rest.len() as u64
    }

    /// The audit path for leaf `index` in the tree of all. None if there is no such leaf, or if it was pruned.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        if index < self.pruned.size() || index >= self.size() {
            return None;
        }
        let mut path = Vec::new();
        let mut node = Span { start: 0, size: self.size() };
        while node.size > 1 {
            let (left, right) = node.split();
            let (inside, beside) = if index < right.start { (left, right) } else { (right, left) };
            path.push(self.root(beside)?);
            node = inside;
        }
        path.reverse();
        Some(path)
    }

    /// The proof that the tree of the first `old` leaves is a prefix of the tree of all. None unless
    /// `0 < old <= size`, and none of a tree whose end was pruned.
    pub fn consistency(&self, old: u64) -> Option<Vec<Hash>> {
        if old == 0 || old < self.pruned.size() || old > self.size() {
            return None;
        }
        let mut proof = Vec::new();
        let (mut node, mut whole) = (Span { start: 0, size: self.size() }, true);
        while node.end() != old {
            let (left, right) = node.split();
            if old <= left.end() {
                proof.push(self.root(right)?);
                node = left;
            } else {
                proof.push(self.root(left)?);
                node = right;
                whole = false;
            }
        }
        if !whole {
            proof.push(self.root(node)?);
        }
        proof.reverse();
        Some(proof)
    }

    /// A node beside the path to something that was not pruned lies outside what was pruned, across its end, or is one
    /// of its largest perfect subtrees, which is what the edge has.
    fn root(&self, node: Span) -> Option<Hash> {
        let pruned = self.pruned.size();
        if node.end() <= pruned {
            return self.edge(node);
        }
        match node.start.checked_sub(pruned) {
            Some(start) => {
                let start = usize::try_from(start).ok()?;
                Some(root_of(self.rest.get(start..start + usize::try_from(node.size).ok()?)?))
            }
            None => {
                let (left, right) = node.split();
                Some(node_hash(&self.root(left)?, &self.root(right)?))
            }
        }
    }

    fn edge(&self, node: Span) -> Option<Hash> {
        // The subtree that starts at `start` stands for the highest bit of the size that `start` does not have.
        let before = node.start.count_ones() as usize;
        let size = self.pruned.size();
        let fits = node.size.is_power_of_two() && size & node.size != 0 && node.start == size & !(node.size | (node.size - 1));
        if fits { self.pruned.edge().get(before).copied() } else { None }
    }
}

/// The leaves `start..start + size`, as a node of the tree.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    size: u64,
}

impl Span {
    fn end(self) -> u64 {
        self.start + self.size
    }

    fn split(self) -> (Span, Span) {
        let left = largest_power_below(self.size);
        (Span { start: self.start, size: left }, Span { start: self.start + left, size: self.size - left })
    }
}

/// The audit path for leaf `index` in the tree of `leaves`. None if there is no such leaf.
pub fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    Leaves { pruned: &Tree::new(), rest: leaves }.inclusion(index as u64)
}

/// True if `leaf` is leaf `index` of the tree of `size` leaves with that `root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size - 1, *leaf);
    for step in path {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = node_hash(step, &hash);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && hash == *root
}

/// The proof that the tree of the first `old` leaves is a prefix of the tree of all. None unless `0 < old <= len`.
pub fn consistency(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    Leaves { pruned: &Tree::new(), rest: leaves }.consistency(old as u64)
}

/// True if a tree of `old` leaves with `old_root` is a prefix of the tree of `new` leaves with `new_root`.
pub fn verify_consistency(old: u64, new: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut steps = proof.iter();
    // A perfect old tree is its own first node and is left out of the proof.
    let first = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut fnode, mut snode) = (old - 1, new - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut from_old, mut from_new) = (*first, *first);
    for step in steps {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            from_old = node_hash(step, &from_old);
            from_new = node_hash(step, &from_new);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, step);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && from_old == *old_root && from_new == *new_root
}

/// The largest power of two smaller than `n`, for `n > 1` (RFC 6962's k).
fn largest_power_below(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::render::hex;
    use crate::ledger::tree::leaf_hash;
    use crate::ledger::tree::tests::LEAVES;
    use proptest::prelude::*;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    fn hexes(proof: Option<Vec<Hash>>) -> Vec<String> {
        proof.unwrap().iter().map(|h| hex(h)).collect()
    }

    #[test]
    fn the_known_inclusion_proofs_come_out() {
        let all: Vec<Hash> = LEAVES.iter().map(|l| leaf_hash(l)).collect();
        assert_eq!(hexes(inclusion(&all[..1], 0)), Vec::<String>::new());
        assert_eq!(
            hexes(inclusion(&all, 0)),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(hexes(inclusion(&all[..3], 2)), ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    }

    #[test]
    fn the_known_consistency_proofs_come_out() {
        let all: Vec<Hash> = LEAVES.iter().map(|l| leaf_hash(l)).collect();
        assert_eq!(
            hexes(consistency(&all, 6)),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hexes(consistency(&all[..5], 2)),
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_leaf_is_proven_included_and_nothing_else(size in 1usize..80, index in 0usize..80, other in 0usize..80) {
            let (index, other) = (index % size, other % size);
            let all = leaves(size);
            let root = root_of(&all);
            let path = inclusion(&all, index).unwrap();
            prop_assert!(verify_inclusion(&all[index], index as u64, size as u64, &path, &root));
            if other != index {
                prop_assert!(!verify_inclusion(&all[other], index as u64, size as u64, &path, &root));
                prop_assert!(!verify_inclusion(&all[index], other as u64, size as u64, &path, &root));
            }
            prop_assert!(!verify_inclusion(&all[index], index as u64, size as u64 + 64, &path, &root));
            let mut longer = path.clone();
            longer.push([0; 32]);
            prop_assert!(!verify_inclusion(&all[index], index as u64, size as u64, &longer, &root));
        }

        #[test]
        fn proofs_of_what_remains_are_the_same_after_pruning(size in 1u64..90, pruned in 0u64..90, index in 0u64..90) {
            let (pruned, index) = (pruned % size, index % size);
            let all = leaves(size as usize);
            let mut tree = Tree::new();
            all[..pruned as usize].iter().for_each(|leaf| tree.push(*leaf));
            let remaining = Leaves { pruned: &tree, rest: &all[pruned as usize..] };
            let expected = inclusion(&all, index as usize).filter(|_| index >= pruned);
            prop_assert_eq!(remaining.inclusion(index), expected);
            let expected = consistency(&all, index as usize + 1).filter(|_| index + 1 >= pruned);
            prop_assert_eq!(remaining.consistency(index + 1), expected);
        }

        #[test]
        fn a_prefix_is_proven_consistent_and_nothing_else(new in 1usize..80, old in 0usize..80, flip in any::<prop::sample::Index>()) {
            let old = 1 + old % new;
            let all = leaves(new);
            let (old_root, new_root) = (root_of(&all[..old]), root_of(&all));
            let proof = consistency(&all, old).unwrap();
            prop_assert!(verify_consistency(old as u64, new as u64, &proof, &old_root, &new_root));
            prop_assert!(!verify_consistency(old as u64, new as u64, &proof, &[7; 32], &new_root));
            prop_assert!(!verify_consistency(old as u64, new as u64, &proof, &old_root, &[7; 32]));
            if !proof.is_empty() {
                let mut bent = proof.clone();
                let at = flip.index(bent.len());
                bent[at][0] ^= 1;
                prop_assert!(!verify_consistency(old as u64, new as u64, &bent, &old_root, &new_root));
                prop_assert!(!verify_consistency(old as u64, new as u64, &proof[1..], &old_root, &new_root));
            }
        }
    }
}
