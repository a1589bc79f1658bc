//! Who a session is: the verified chain, in the forms that decisions and the ledger need.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ledger::DelegatedBlock;
pub use crate::ledger::hex;
use crate::token::Verified;
use crate::token::grant::{Action, Grant};

#[derive(Debug)]
pub struct Identity {
    pub verified: Verified,
    /// Hash over the ids of all blocks: what proofs are cached under.
    pub chain_hash: [u8; 32],
    /// Block ids in hex, root first.
    pub chain: Vec<String>,
    pub agent: String,
    /// The name that the agent gave itself in the startup packet.
    pub user: String,
    pub peer: String,
    /// Some grant of the leaf's is more than SELECT.
    pub may_write: bool,
    /// Random, hex: the session's name in the ledger.
    pub session: String,
}

fn writes(grant: &Grant) -> bool {
    match grant {
        Grant::Relation(relation) => relation.action != Action::Select,
        Grant::Execute(_) => false,
    }
}

impl Identity {
    pub fn new(verified: Verified, user: String, peer: String, session: [u8; 8]) -> Arc<Identity> {
        let mut hash = Sha256::new();
        for block in &verified.chain {
            hash.update(block.id);
        }
        Arc::new(Identity {
            chain_hash: hash.finalize().into(),
            chain: verified.chain.iter().map(|block| hex(&block.id)).collect(),
            agent: verified.agent_name.clone(),
            may_write: verified.chain.last().is_some_and(|leaf| leaf.grants.iter().any(writes)),
            user,
            peer,
            session: hex(&session),
            verified,
        })
    }

    /// Seconds since the epoch; no skew is added to an end.
    pub fn is_expired(&self, now: i64) -> bool {
        now >= self.verified.expires
    }

    pub fn delegation(&self) -> Vec<DelegatedBlock> {
        let block = |block: &crate::token::VerifiedBlock| DelegatedBlock {
            expires: block.expires,
            grants: block.grants.iter().map(ToString::to_string).collect(),
            id: hex(&block.id),
            subject: block.subject_name.clone(),
        };
        self.verified.chain.iter().map(block).collect()
    }
}
