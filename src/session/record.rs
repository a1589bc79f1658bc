//! Ledger entries of a session.

use std::time::Duration;

use super::core::Pending;
use super::failure::Failure;
use super::hold::{End, Given, Hold};
use super::identity::{Identity, hex};
use super::prepared::{Decided, Values};
use super::prover::Permit;
use super::world::World;
use crate::ledger::{Change, Chunk, Decision, Entry, Kind, TransactionState};
use crate::statement::scan::TemplateLiteral;
use crate::wire::frontend::Format;

fn entry(kind: Kind, identity: &Identity) -> Entry {
    Entry {
        agent: Some(identity.agent.clone()),
        chain: identity.chain.clone(),
        session: Some(identity.session.clone()),
        ..Entry::new(kind)
    }
}

pub fn session_open(identity: &Identity) -> Entry {
    Entry { delegation: identity.delegation(), peer: Some(identity.peer.clone()), ..entry(Kind::SessionOpen, identity) }
}

pub fn session_close(identity: &Identity, lasted: Duration) -> Entry {
    Entry { duration_us: Some(micros(lasted)), ..entry(Kind::SessionClose, identity) }
}

/// A statement that ran, with what it gave.
pub struct Outcome<'a> {
    pub identity: &'a Identity,
    pub decided: &'a Decided,
    /// The whole EXPLAIN, of which the decided text is the inner statement.
    pub explain: Option<&'a str>,
    pub values: &'a Values,
    pub permit: &'a Permit,
    pub hold: &'a Hold,
    pub end: &'a End,
    pub bound: Bound,
    pub duration: Duration,
}

/// How a statement belongs to a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The entry that announced a transaction which writes.
    pub reference: Option<u64>,
    pub state: TransactionState,
}

/// A statement outside of any block is about to write.
pub fn intent(identity: &Identity, one: &Pending) -> Entry {
    let (decided, permit) = (&one.permitted.decided, &one.permitted.permit);
    Entry {
        decision: Some(if permit.observed().is_some() { Decision::Observe } else { Decision::Permit }),
        epoch: Some(decided.world.epoch_hex.to_string()),
        fingerprint: Some(decided.certified.reading.fingerprint.to_string()),
        relations: permit.relations().iter().map(|relation| relation.name.to_string()).collect(),
        rules: Some(decided.world.rules_hex.to_string()),
        template: Some(decided.certified.reading.text.as_ref().to_owned()),
        transaction_state: Some(TransactionState::Implicit),
        values: values(&one.values, &decided.literals),
        ..entry(Kind::Intent, identity)
    }
}

/// The agent's block is about to be committed, with everything that it changed.
pub fn commit(identity: &Identity, anchor: u64, changes: Vec<Change>) -> Entry {
    Entry {
        changes,
        command_tag: Some("COMMIT".to_owned()),
        decision: Some(Decision::Permit),
        reference: Some(anchor),
        transaction_state: Some(TransactionState::Committing),
        ..entry(Kind::Outcome, identity)
    }
}

/// What became of a transaction that wrote.
pub fn settled(anchor: u64, state: TransactionState) -> Entry {
    Entry { reference: Some(anchor), transaction_state: Some(state), ..Entry::new(Kind::Final) }
}

impl Outcome<'_> {
    /// What ran and is about to be released.
    pub fn entry(&self) -> Entry {
        self.with(&self.hold.given(self.end))
    }

    /// The same where `given` is what was released of it, the end included.
    pub fn with(&self, given: &Given) -> Entry {
        let (command_tag, sqlstate, message) = match self.end {
            End::Complete { tag, .. } => (Some(tag.clone()), None, None),
            End::Suspended => (None, None, None),
            End::Error { sqlstate, text, .. } => (None, Some(String::from_utf8_lossy(sqlstate).into_owned()), Some(text.clone())),
        };
        Entry {
            bytes: Some(given.bytes),
            command_tag,
            decision: Some(if self.permit.observed().is_some() { Decision::Observe } else { Decision::Permit }),
            message,
            reason: self.permit.observed().map(|reason| reason.code().to_owned()),
            result_digest: Some(hex(&given.digest)),
            rows: Some(given.rows),
            sqlstate,
            ..self.about(Kind::Outcome)
        }
    }

    /// What ran and is kept back whole.
    pub fn withheld(&self, failure: &Failure) -> Entry {
        Entry {
            decision: Some(Decision::Deny),
            message: Some(failure.message.clone()),
            reason: failure.reason.map(|reason| reason.code().to_owned()),
            sqlstate: Some(failure.sqlstate.to_string()),
            ..self.about(Kind::Denial)
        }
    }

    /// What is about to be released of it; `first` is the entry of the first chunk, which alone says what was asked.
    pub fn chunk(&self, given: &Given, chunk: Chunk, first: Option<u64>) -> Entry {
        let about = match first {
            None => self.about(Kind::Chunk),
            Some(first) => Entry {
                duration_us: Some(micros(self.duration)),
                reference: Some(first),
                relations: self.relations(),
                transaction_state: Some(self.bound.state),
                ..entry(Kind::Chunk, self.identity)
            },
        };
        Entry {
            bytes: Some(given.bytes),
            chunk: Some(chunk),
            decision: Some(if self.permit.observed().is_some() { Decision::Observe } else { Decision::Permit }),
            reason: self.permit.observed().map(|reason| reason.code().to_owned()),
            result_digest: Some(hex(&given.digest)),
            rows: Some(given.rows),
            ..about
        }
    }

    /// It broke off: no more than `given` was released.
    pub fn broken_off(&self, given: &Given, failure: &Failure) -> Entry {
        Entry {
            bytes: Some(given.bytes),
            decision: Some(if self.permit.observed().is_some() { Decision::Observe } else { Decision::Permit }),
            message: Some(failure.message.clone()),
            reason: failure.reason.map(|reason| reason.code().to_owned()),
            result_digest: Some(hex(&given.digest)),
            rows: Some(given.rows),
            sqlstate: Some(failure.sqlstate.to_string()),
            ..self.about(Kind::Outcome)
        }
    }

    fn relations(&self) -> Vec<String> {
        self.permit.relations().iter().map(|relation| relation.name.to_string()).collect()
    }

    fn about(&self, kind: Kind) -> Entry {
        let reading = &self.decided.certified.reading;
        let world = &self.decided.world;
        Entry {
            duration_us: Some(micros(self.duration)),
            epoch: Some(world.epoch_hex.to_string()),
            fingerprint: Some(reading.fingerprint.to_string()),
            relations: self.relations(),
            rules: Some(world.rules_hex.to_string()),
            template: Some(self.explain.unwrap_or(&reading.text).to_owned()),
            reference: self.bound.reference,
            transaction_state: Some(self.bound.state),
            values: values(self.values, &self.decided.literals),
            ..entry(kind, self.identity)
        }
    }
}

/// A refusal, with the statement as it was sent.
pub fn denial(identity: &Identity, world: &World, failure: &Failure, text: Option<&str>, bound: Option<&Values>) -> Entry {
    Entry {
        decision: Some(Decision::Deny),
        epoch: Some(world.epoch_hex.to_string()),
        message: Some(failure.message.clone()),
        reason: failure.reason.map(|reason| reason.code().to_owned()),
        rules: Some(world.rules_hex.to_string()),
        sqlstate: Some(failure.sqlstate.to_string()),
        template: text.map(str::to_owned),
        values: bound.map(|bound| values(bound, &[])).unwrap_or_default(),
        ..entry(Kind::Denial, identity)
    }
}

/// The agent's own values, then the literals.
fn values(bound: &Values, literals: &[TemplateLiteral]) -> Vec<Option<String>> {
    let own = bound.parameters.iter().enumerate().map(|(index, value)| {
        value.as_ref().map(|bytes| match bound.formats.get(index) {
            Some(Format::Binary) => format!("\\x{}", hex(bytes)),
            Some(Format::Text) | None => String::from_utf8_lossy(bytes).into_owned(),
        })
    });
    own.chain(literals.iter().map(|literal| Some(literal.value.clone()))).collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
