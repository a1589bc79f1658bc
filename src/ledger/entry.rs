//! One entry of the ledger, as JSON with sorted keys and no floats. Its exact bytes are what is hashed and stored.

use serde::{Deserialize, Serialize};

/// The version of the entry format.
pub const VERSION: u32 = 1;

/// What an entry records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The log was opened by a process: after a restart, or as the successor of another log.
    Start,
    /// A client proved its token; carries the delegation.
    SessionOpen,
    SessionClose,
    /// A write is about to run.
    Intent,
    /// A statement ran; its result is bound by `result_digest`.
    Outcome,
    /// A part of a result that is larger than what is held is about to be released. `rows`, `bytes` and `result_digest` are
    /// those of everything up to here; from the second on `ref` is the seq of the first.
    Chunk,
    /// A transaction that wrote is settled.
    Final,
    /// A statement or a connection was refused.
    Denial,
    /// Refusals before authentication, counted and not written one by one.
    DenialSummary,
    /// A token was minted or revoked here.
    Delegation,
    /// A checkpoint of another log, or a witness's cosignature.
    Checkpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Permit,
    Deny,
    /// It would have been denied; the rules say to forward and record.
    Observe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// The statement ran outside a transaction block.
    Implicit,
    /// Inside an agent's own block that is still open.
    Open,
    Committed,
    Aborted,
    /// COMMIT is being sent; a `final` entry says what became of it.
    Committing,
    /// The transaction's commit was lost with a failover.
    LostByFailover,
}

/// One block of the token's chain, root first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegatedBlock {
    /// Unix seconds.
    pub expires: i64,
    /// In the text form of grants.
    pub grants: Vec<String>,
    /// The block's id, lower-case hex.
    pub id: String,
    /// The name that the parent gave to the block's holder.
    pub subject: String,
}

/// Rows of one relation that a statement or a transaction changed, as the server counted them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub deleted: u64,
    pub inserted: u64,
    pub relation: String,
    pub updated: u64,
}

/// The share of one entry in a result that was released in chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    pub bytes: u64,
    /// From 1; the outcome that ends the result has the last number.
    pub number: u64,
    pub rows: u64,
}

/// A field whose text here is not the whole or exact text: it was too long, or held NUL, which SQL text cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abridged {
    /// Length of what was hashed.
    pub bytes: u64,
    pub field: String,
    /// Of the exact bytes; for `values` see [`super::render`].
    pub sha256: String,
}

/// Everything that an entry can say. What does not apply is left out of the JSON.
///
/// The fields stand in the order of their JSON names, so that derived serialisation sorts the keys (tested).
/// `boot`, `log`, `mono_us`, `seq`, `time`, `v` and `abridged` are set by the ledger, whatever the caller put there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abridged: Vec<Abridged>,
    /// The agent's name: the leaf's subject name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Random, drawn when the process opened the log.
    pub boot: String,
    /// Bytes of the result as released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Block ids of the token's chain, root first, lower-case hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// By relation, where anything changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// In a `chunk`, and in the outcome of a result that chunks precede, whose `ref` is then the first chunk's seq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<Chunk>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_tag: Option<String>,
    /// How many events a summary stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Only in `session_open`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegation: Vec<DelegatedBlock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// The catalogue epoch that the decision was made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// SHA-256 of the template's exact bytes, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    pub kind: Kind,
    /// The log's origin.
    pub log: String,
    /// What the agent was told when it was refused, or what the server said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Microseconds since the process opened the log, by a clock that never steps back.
    pub mono_us: u64,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// A reason code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The seq of the entry that this one follows up.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<u64>,
    /// Names of the relations that the proof covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<String>,
    /// SHA-256 of the released bytes, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Hash of the rules that the decision was made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    pub seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The statement with its literals taken out, or the whole statement where no template exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Wall clock, RFC 3339 in UTC with microseconds.
    pub time: String,
    /// The server's transaction id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_state: Option<TransactionState>,
    pub v: u32,
    /// Values of the template's parameters; NULL is null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<String>>,
}

impl Entry {
    /// It tells of the end of a transaction that an earlier entry announced.
    pub fn ends_transaction(&self) -> bool {
        use TransactionState::{Aborted, Committed, Committing, Implicit, LostByFailover, Open};
        match self.transaction_state {
            Some(Committing | Committed | Aborted | LostByFailover) => true,
            Some(Implicit | Open) | None => false,
        }
    }

    pub fn new(kind: Kind) -> Self {
        Entry {
            abridged: Vec::new(),
            agent: None,
            boot: String::new(),
            bytes: None,
            chain: Vec::new(),
            changes: Vec::new(),
            chunk: None,
            command_tag: None,
            count: None,
            decision: None,
            delegation: Vec::new(),
            duration_us: None,
            epoch: None,
            fingerprint: None,
            kind,
            log: String::new(),
            message: None,
            mono_us: 0,
            peer: None,
            reason: None,
            reference: None,
            relations: Vec::new(),
            result_digest: None,
            rows: None,
            rules: None,
            seq: 0,
            session: None,
            sqlstate: None,
            template: None,
            time: String::new(),
            transaction: None,
            transaction_state: None,
            v: VERSION,
            values: Vec::new(),
        }
    }
}

/// What binds an entry's bytes to its place: read by verifiers, which must also read later versions.
#[derive(Debug, Deserialize)]
pub struct Place {
    pub log: String,
    pub seq: u64,
    pub v: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::full_entry;

    fn assert_sorted(value: &serde_json::value::RawValue) {
        // Keys in the order of the text: a Map would sort them and prove nothing.
        struct Keys(Vec<String>, Vec<Box<serde_json::value::RawValue>>);
        impl<'de> Deserialize<'de> for Keys {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct V;
                impl<'de> serde::de::Visitor<'de> for V {
                    type Value = Keys;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                        let mut keys = Keys(Vec::new(), Vec::new());
                        while let Some((k, v)) = map.next_entry()? {
                            keys.0.push(k);
                            keys.1.push(v);
                        }
                        Ok(keys)
                    }
                }
                d.deserialize_map(V)
            }
        }
        if value.get().starts_with('{') {
            let keys: Keys = serde_json::from_str(value.get()).unwrap();
            assert!(keys.0.windows(2).all(|w| w[0] < w[1]), "{:?}", keys.0);
            keys.1.iter().for_each(|v| assert_sorted(v));
        } else if value.get().starts_with('[') {
            let items: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(value.get()).unwrap();
            items.iter().for_each(|v| assert_sorted(v));
        }
    }

    #[test]
    fn keys_are_sorted_at_every_level() {
        let text = serde_json::to_string(&full_entry()).unwrap();
        assert!(text.contains("\"abridged\"") && text.contains("\"delegation\"") && text.contains("\"values\""));
        assert_sorted(&serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).unwrap());
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let entry = full_entry();
        assert_eq!(serde_json::from_str::<Entry>(&serde_json::to_string(&entry).unwrap()).unwrap(), entry);
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let text = serde_json::to_string(&Entry::new(Kind::SessionClose)).unwrap();
        assert_eq!(text, r#"{"boot":"","kind":"session_close","log":"","mono_us":0,"seq":0,"time":"","v":1}"#);
    }
}
