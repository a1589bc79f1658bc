//! The prepared statements of one connection that have shown their own tree there, the least recently used given up first.

use std::collections::HashMap;

/// The name of a prepared statement, chosen by us and never used twice on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementName(String);

impl StatementName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A prepared statement and the tree that it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    pub name: StatementName,
    /// [`super::tree_digest`] of what it showed. Whoever uses the statement compares this with what was proven.
    pub tree_digest: [u8; 32],
}

/// Statements that fall out are closed at the start of the connection's next batch.
#[derive(Debug)]
pub struct CertifiedStatements {
    /// By the caller's key, with the time of last use. A key that is a mere hash can collide:
    /// what stands under it is trusted only for its tree digest.
    entries: HashMap<u64, (Certified, u64)>,
    capacity: usize,
    clock: u64,
    names: u64,
    closing: Vec<StatementName>,
    generation: u64,
}

impl Default for CertifiedStatements {
    fn default() -> Self {
        CertifiedStatements { entries: HashMap::new(), capacity: 500, clock: 0, names: 0, closing: Vec::new(), generation: 0 }
    }
}

impl CertifiedStatements {
    /// A fresh name, to Parse under and then [`insert`](Self::insert) or [`give_up`](Self::give_up).
    pub fn new_name(&mut self) -> StatementName {
        self.names += 1;
        StatementName(format!("pgwarrant_{}", self.names))
    }

    pub fn get(&mut self, key: u64) -> Option<&Certified> {
        self.clock += 1;
        let (certified, used) = self.entries.get_mut(&key)?;
        *used = self.clock;
        Some(certified)
    }

    pub fn insert(&mut self, key: u64, certified: Certified) {
        self.clock += 1;
        if let Some((replaced, _)) = self.entries.insert(key, (certified, self.clock)) {
            self.closing.push(replaced.name);
        }
        while self.entries.len() > self.capacity {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(&key, _)| key) else { break };
            self.remove(oldest);
        }
    }

    /// Forgets a statement, for instance when it showed another tree.
    pub fn remove(&mut self, key: u64) {
        if let Some((certified, _)) = self.entries.remove(&key) {
            self.closing.push(certified.name);
        }
    }

    /// Closes a statement that was parsed and not certified. Closing one that does not exist is no error.
    pub fn give_up(&mut self, name: StatementName) {
        self.closing.push(name);
    }

    pub fn clear(&mut self) {
        self.closing.extend(self.entries.drain().map(|(_, (certified, _))| certified.name));
    }

    /// Forgets everything if `generation` is not the one that the statements were certified in.
    pub(super) fn enter_generation(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.clear();
        }
    }

    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn take_closing(&mut self) -> Vec<StatementName> {
        std::mem::take(&mut self.closing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(capacity: usize, keys: &[u64]) -> CertifiedStatements {
        let mut statements = CertifiedStatements::default();
        statements.set_capacity(capacity);
        for &key in keys {
            let name = statements.new_name();
            statements.insert(key, Certified { name, tree_digest: [0; 32] });
        }
        statements
    }

    fn closing(statements: &mut CertifiedStatements) -> Vec<String> {
        statements.take_closing().into_iter().map(|name| name.0).collect()
    }

    #[test]
    fn the_least_recently_used_statement_is_closed_first() {
        let mut statements = filled(2, &[1, 2]);
        assert!(statements.get(1).is_some());
        let name = statements.new_name();
        statements.insert(3, Certified { name, tree_digest: [0; 32] });
        assert!(statements.get(2).is_none());
        assert!(statements.get(1).is_some() && statements.get(3).is_some());
        assert_eq!(closing(&mut statements), ["pgwarrant_2"]);
    }

    #[test]
    fn a_new_generation_closes_everything_once() {
        let mut statements = filled(9, &[1, 2]);
        statements.enter_generation(0);
        assert_eq!(statements.len(), 2);
        statements.enter_generation(1);
        assert!(statements.is_empty());
        assert_eq!(closing(&mut statements).len(), 2);
        statements.enter_generation(1);
        assert!(closing(&mut statements).is_empty());
    }

    #[test]
    fn replacing_a_statement_closes_the_one_before_and_no_name_returns() {
        let mut statements = filled(9, &[1, 1]);
        assert_eq!(closing(&mut statements), ["pgwarrant_1"]);
        assert_eq!(statements.get(1).unwrap().name.as_str(), "pgwarrant_2");
        assert_eq!(statements.new_name().as_str(), "pgwarrant_3");
    }
}
