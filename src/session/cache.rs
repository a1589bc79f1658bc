//! What has been read and proven, shared by all sessions: bounded, and keyed by everything that a proof depends on.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::settings::Meaning;
use crate::reading::tree::Trees;
use crate::wire::Oid;

/// What the upstream said of one text, whoever asks. Its `id` names the prepared statement on every connection
/// that has shown the same tree.
#[derive(Debug)]
pub struct Reading {
    pub id: u64,
    /// About how many bytes it takes: its text, and as much for the trees as their text has.
    pub weight: usize,
    pub text: Arc<str>,
    pub trees: Trees,
    /// SHA-256 over both trees' text as received: a connection has this statement when it shows the same.
    pub digest: Digest,
    /// SHA-256 of the text, hex.
    pub fingerprint: Arc<str>,
    pub parameter_types: Box<[Oid]>,
    /// What Parse was told of them, 0 where the server chose. Another Parse must be told the same to show the same tree:
    /// a parameter whose type a cast decides stands at the cast's place (parse_param.c, variable_coerce_param_hook).
    pub told_types: Box<[Oid]>,
    /// Functions of users that stand in it: their bodies can change without a new tree.
    pub user_functions: Box<[Oid]>,
    /// The body of RowDescription with text formats; `None` for NoData.
    pub row_description: Option<Bytes>,
}

pub type Digest = [u8; 32];

/// A statement that one chain may run, values permitting.
#[derive(Debug)]
pub struct Certified<P> {
    pub reading: Arc<Reading>,
    pub proof: P,
    /// Parameters of the agent's own; the rest are literals of the template.
    pub client_parameters: usize,
}

/// Everything that a proof depends on besides the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// Counts changes of catalogue and rules.
    pub generation: u64,
    /// Hash over the ids of the token's blocks.
    pub chain: [u8; 32],
    pub meaning: Arc<Meaning>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    text: Arc<str>,
    /// One byte a literal that was taken out: its class decides its type.
    classes: Box<[u8]>,
    types: Box<[Oid]>,
    context: Context,
}

/// The same as [`Key`] without owning it, so that a look-up allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef<'a> {
    pub text: &'a str,
    pub classes: &'a [u8],
    pub types: &'a [Oid],
    pub context: &'a Context,
}

impl KeyRef<'_> {
    pub fn to_key(self) -> Key {
        Key { text: self.text.into(), classes: self.classes.into(), types: self.types.into(), context: self.context.clone() }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef { text: &self.text, classes: &self.classes, types: &self.types, context: &self.context }.hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
        self.classes.hash(state);
        self.types.hash(state);
        self.context.generation.hash(state);
        self.context.chain.hash(state);
        self.context.meaning.hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.text == &*key.text && self.classes == &*key.classes && self.types == &*key.types && *self.context == key.context
    }
}

/// What is known of a text.
#[derive(Debug)]
pub enum Known<P> {
    Certified(Arc<Certified<P>>),
    /// No template can stand for these literals: the whole text is the key.
    WholeText,
}

impl<P> Clone for Known<P> {
    fn clone(&self) -> Self {
        match self {
            Known::Certified(certified) => Known::Certified(certified.clone()),
            Known::WholeText => Known::WholeText,
        }
    }
}

/// Texts and trees differ in size by the thousand, so what may be kept is said in bytes.
#[derive(Debug, Clone)]
struct ByBytes;

/// The map's own part of an entry, and the proof.
const OVERHEAD: usize = 1024;

/// A guess for the map's first size.
fn items(bytes: u64) -> usize {
    (bytes / 16_384) as usize
}

impl Key {
    fn weight(&self) -> usize {
        OVERHEAD + self.text.len() + self.classes.len() + self.types.len() * 4
    }
}

impl<P> Weighter<Key, Known<P>> for ByBytes {
    fn weight(&self, key: &Key, known: &Known<P>) -> u64 {
        let reading = match known {
            Known::Certified(certified) => certified.reading.weight,
            Known::WholeText => 0,
        };
        (key.weight() + reading) as u64
    }
}

impl Weighter<Key, Arc<Reading>> for ByBytes {
    fn weight(&self, key: &Key, reading: &Arc<Reading>) -> u64 {
        (key.weight() + reading.weight) as u64
    }
}

/// Proofs by text, chain, settings and generation.
pub struct Proofs<P> {
    cache: Cache<Key, Known<P>, ByBytes>,
}

impl<P> Proofs<P> {
    /// `bytes` is what all of them may weigh.
    pub fn new(bytes: u64) -> Self {
        Proofs { cache: Cache::with_weighter(items(bytes), bytes, ByBytes) }
    }

    pub fn get(&self, key: KeyRef<'_>) -> Option<Known<P>> {
        self.cache.get(&key)
    }

    pub fn insert(&self, key: KeyRef<'_>, known: Known<P>) {
        self.cache.insert(key.to_key(), known);
    }

    pub fn remove(&self, key: KeyRef<'_>) {
        self.cache.remove(&key);
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.cache.len()
    }

    /// After a change of catalogue or rules: older generations are never asked for again.
    pub fn clear(&self) {
        self.cache.clear();
    }
}

/// Readings by text, shared by all chains, so that a new token does not make Postgres read everything again.
pub struct Readings {
    cache: Cache<Key, Arc<Reading>, ByBytes>,
}

impl Readings {
    /// `bytes` is what all of them may weigh.
    pub fn new(bytes: u64) -> Self {
        Readings { cache: Cache::with_weighter(items(bytes), bytes, ByBytes) }
    }

    pub fn get(&self, key: KeyRef<'_>) -> Option<Arc<Reading>> {
        self.cache.get(&key)
    }

    pub fn insert(&self, key: KeyRef<'_>, reading: Arc<Reading>) {
        self.cache.insert(key.to_key(), reading);
    }

    pub fn remove(&self, key: KeyRef<'_>) {
        self.cache.remove(&key);
    }

    pub fn clear(&self) {
        self.cache.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::settings::{Setting, Settings, Values};

    fn context() -> Context {
        let settings = Settings::new(Arc::new(Values::stock()), Arc::new(Values::stock()));
        Context { generation: 1, chain: [0; 32], meaning: settings.meaning().clone() }
    }

    #[test]
    fn a_look_up_without_allocation_finds_what_was_kept() {
        let (proofs, context) = (Proofs::<()>::new(1 << 20), context());
        let key = KeyRef { text: "SELECT $1", classes: b"i", types: &[], context: &context };
        proofs.insert(key, Known::WholeText);
        assert!(matches!(proofs.get(key), Some(Known::WholeText)));
    }

    #[test]
    fn nothing_that_a_proof_depends_on_is_left_out_of_the_key() {
        let (proofs, context) = (Proofs::<()>::new(1 << 20), context());
        let key = KeyRef { text: "SELECT $1", classes: b"i", types: &[23], context: &context };
        proofs.insert(key, Known::WholeText);
        let mut german = Settings::new(Arc::new(Values::stock()), Arc::new(Values::stock()));
        german.set(Setting::DateStyle, "German, DMY".into(), crate::session::settings::Scope::Session);
        for (what, other) in [
            ("text", KeyRef { text: "SELECT $2", ..key }),
            ("class", KeyRef { classes: b"b", ..key }),
            ("types", KeyRef { types: &[20], ..key }),
            ("generation", KeyRef { context: &Context { generation: 2, ..context.clone() }, ..key }),
            ("chain", KeyRef { context: &Context { chain: [1; 32], ..context.clone() }, ..key }),
            ("settings", KeyRef { context: &Context { meaning: german.meaning().clone(), ..context.clone() }, ..key }),
        ] {
            assert!(proofs.get(other).is_none(), "{what}");
        }
    }
}
