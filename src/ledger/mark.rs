//! What was pruned, in a small signed file beside the segments: enough to go on proving what remains.
//!
//! ```text
//! shop.example.com/pgwarrant
//! 4096
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! pruned 2026-11-24T07:56:14.123456Z of 10240
//! <base64 root of each perfect subtree of the first 4096 entries, largest first: the tree's right edge>
//!
//! — shop.example.com/pgwarrant Az3grlgt…
//! ```
//!
//! It is a checkpoint with extension lines, which are signed with it: only who holds the log's key can say that
//! something was pruned and not lost. That the log had 10240 entries then, catches who takes its end away as well.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::disk;
use super::error::LedgerError;
use super::note::{Checkpoint, Claim, NoteError, NoteSigner, VerifyingName};
use super::tree::{Hash, Tree};

pub(super) const MARK_FILE: &str = "pruned.note";

/// Entries below `size` are no longer on this disk, on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    checkpoint: Checkpoint,
    tree: Tree,
    of: u64,
}

impl Mark {
    /// `of` is the size that the log had when the entries of `tree` were pruned; `time` is RFC 3339.
    pub(super) fn sign(signer: &NoteSigner, tree: Tree, time: &str, of: u64) -> Mark {
        let mut extension = format!("pruned {time} of {of}\n");
        for root in tree.edge() {
            extension.push_str(&STANDARD.encode(root));
            extension.push('\n');
        }
        let checkpoint = Checkpoint::sign_extended(signer, tree.size(), tree.root(), &extension);
        Mark { checkpoint, tree, of }
    }

    /// `None` if nothing was ever pruned from `dir`.
    pub fn read(dir: &Path, by: &VerifyingName) -> Result<Option<Mark>, LedgerError> {
        let Some(note) = text(dir)? else { return Ok(None) };
        Mark::parse(&note, by).map(Some).map_err(LedgerError::Mark)
    }

    fn parse(note: &str, by: &VerifyingName) -> Result<Mark, NoteError> {
        let checkpoint = Claim::parse(note)?.verify(by)?;
        let (tree, of) = extension(&checkpoint).ok_or(NoteError::Malformed("it is not the mark of a pruned log"))?;
        if tree.root() != *checkpoint.root() || of <= checkpoint.size() {
            return Err(NoteError::Malformed("it contradicts itself"));
        }
        Ok(Mark { checkpoint, tree, of })
    }

    /// Durable when it returns.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        disk::replace(dir, MARK_FILE, self.note())
    }

    /// The first entry that is still here.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The tree of everything that was pruned.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many entries the log had then: it can never have fewer.
    pub fn of(&self) -> u64 {
        self.of
    }

    /// The root of what was pruned, signed: the mirror must have the same.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub fn note(&self) -> &str {
        self.checkpoint.note()
    }
}

fn extension(checkpoint: &Checkpoint) -> Option<(Tree, u64)> {
    let mut lines = checkpoint.extension();
    let (_time, of) = lines.next()?.strip_prefix("pruned ")?.split_once(" of ")?;
    let edge: Option<Vec<Hash>> = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
    Some((Tree::from_edge(checkpoint.size(), edge?)?, of.parse().ok()?))
}

fn text(dir: &Path) -> Result<Option<String>, LedgerError> {
    match std::fs::read_to_string(dir.join(MARK_FILE)) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io(format!("cannot read {MARK_FILE}"))(error)),
    }
}

/// The first entry that is on the disk, as an unchecked mark has it: for who reads frames and proves nothing.
pub(super) fn first_seq(dir: &Path) -> Result<u64, LedgerError> {
    Ok(text(dir)?.and_then(|note| Claim::parse(&note).ok()).map_or(0, |claim| claim.size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tree::leaf_hash;
    use ed25519_dalek::SigningKey;

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new("example.com/log", SigningKey::from_bytes(&[seed; 32])).unwrap()
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::new();
        (0..size).for_each(|n| tree.push(leaf_hash(&n.to_le_bytes())));
        tree
    }

    fn mark(size: u64) -> Mark {
        Mark::sign(&signer(1), tree(size), "2026-11-24T07:56:14.123456Z", size + 5)
    }

    #[test]
    fn a_mark_reads_back_for_every_size() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(dir.path(), signer(1).verifying_name()).unwrap(), None);
        for size in [1, 2, 3, 64, 100, 127] {
            mark(size).write(dir.path()).unwrap();
            let read = Mark::read(dir.path(), signer(1).verifying_name()).unwrap().unwrap();
            assert_eq!((read.size(), read.of(), read.tree()), (size, size + 5, &tree(size)));
            assert_eq!(first_seq(dir.path()).unwrap(), size);
        }
    }

    #[test]
    fn no_bit_of_a_mark_can_flip_and_no_other_key_can_sign_one() {
        let bytes = mark(7).note().as_bytes().to_vec();
        for at in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[at / 8] ^= 1 << (at % 8);
            let read = std::str::from_utf8(&bent).ok().map(|note| Mark::parse(note, signer(1).verifying_name()));
            assert!(!matches!(read, Some(Ok(_))), "bit {at}");
        }
        assert!(matches!(Mark::parse(mark(7).note(), signer(2).verifying_name()), Err(NoteError::NotSigned(_))));
    }

    #[test]
    fn a_plain_checkpoint_is_no_mark() {
        let plain = Checkpoint::sign(&signer(1), 7, tree(7).root());
        assert!(matches!(Mark::parse(plain.note(), signer(1).verifying_name()), Err(NoteError::Malformed(_))));
    }
}
