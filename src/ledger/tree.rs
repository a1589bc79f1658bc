//! The Merkle tree of RFC 6962, section 2.1, as it grows: only the right edge is kept.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// `SHA-256(0x00 ‖ bytes)`.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

/// `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [1u8; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    Sha256::digest(input).into()
}

/// The hash of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A tree of `size` leaves: the roots of its perfect subtrees, largest first, one for each bit that is set in `size`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree that was taken down as its size and its edge; `None` if they cannot belong together.
    pub fn from_edge(size: u64, edge: Vec<Hash>) -> Option<Self> {
        (edge.len() == size.count_ones() as usize).then_some(Tree { size, edge })
    }

    /// The roots of the perfect subtrees, largest first: with the size, all that is needed to go on from here.
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each trailing one of the old size is a perfect subtree as large as the one that just became complete.
        for _ in 0..self.size.trailing_ones() {
            let left = self.edge.pop().expect("the edge has one root for each one bit of size");
            node = node_hash(&left, &node);
        }
        self.edge.push(node);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        let mut roots = self.edge.iter().rev();
        match roots.next() {
            None => empty_root(),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The root by the definition of RFC 6962, section 2.1, over hashes of leaves.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::render::hex;
    use proptest::prelude::*;

    /// The leaves of the test vectors of RFC 6962's reference implementation (merkletree/testonly).
    pub(in crate::ledger) const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// MTH of RFC 6962, section 2.1, word by word.
    pub(in crate::ledger) fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let split = 1 << (leaves.len() - 1).ilog2();
                node_hash(&naive(&leaves[..split]), &naive(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_known_roots_come_out() {
        for (size, root) in ROOTS.iter().enumerate() {
            let leaves: Vec<Hash> = LEAVES[..size].iter().map(|l| leaf_hash(l)).collect();
            assert_eq!(hex(&root_of(&leaves)), *root, "size {size}");
        }
    }

    proptest! {
        #[test]
        fn the_edge_gives_the_root_of_the_definition(seeds in prop::collection::vec(any::<u32>(), 0..200)) {
            let leaves: Vec<Hash> = seeds.iter().map(|s| leaf_hash(&s.to_le_bytes())).collect();
            prop_assert_eq!(root_of(&leaves), naive(&leaves));
        }

        #[test]
        fn a_tree_goes_on_from_its_edge(before in 0u32..100, after in 0u32..100) {
            let mut whole = Tree::new();
            (0..before).for_each(|n| whole.push(leaf_hash(&n.to_le_bytes())));
            let mut resumed = Tree::from_edge(whole.size(), whole.edge().to_vec()).unwrap();
            (0..after).for_each(|n| {
                whole.push(leaf_hash(&n.to_le_bytes()));
                resumed.push(leaf_hash(&n.to_le_bytes()));
            });
            prop_assert_eq!(resumed.root(), whole.root());
            let mut longer = whole.edge().to_vec();
            longer.push([0; 32]);
            prop_assert!(Tree::from_edge(whole.size(), longer).is_none());
        }
    }
}
