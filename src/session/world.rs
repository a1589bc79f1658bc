//! The catalogue and the rules in force, and the count of their changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use crate::catalogue::snapshot::Catalogue;
use crate::rules::ruleset::Ruleset;

/// What every decision of one generation is made under.
#[derive(Debug)]
pub struct World {
    /// Part of every cache key: a change of catalogue or rules makes all that was proven before unreachable.
    pub generation: u64,
    pub catalogue: Arc<Catalogue>,
    pub rules: Arc<Ruleset>,
    /// For the ledger.
    pub epoch_hex: Arc<str>,
    pub rules_hex: Arc<str>,
}

#[derive(Debug)]
pub struct Worlds {
    current: ArcSwap<World>,
    generations: AtomicU64,
}

impl Worlds {
    pub fn new(catalogue: Catalogue, rules: Ruleset) -> Worlds {
        Worlds { current: ArcSwap::from_pointee(world(1, Arc::new(catalogue), Arc::new(rules))), generations: AtomicU64::new(1) }
    }

    pub fn load(&self) -> Guard<Arc<World>> {
        self.current.load()
    }

    pub fn set_catalogue(&self, catalogue: Catalogue) {
        let catalogue = Arc::new(catalogue);
        self.replace(|old| (catalogue.clone(), old.rules.clone()));
    }

    /// Everything that was proven before must be proven anew.
    pub fn bump(&self) {
        self.replace(|old| (old.catalogue.clone(), old.rules.clone()));
    }

    pub fn set_rules(&self, rules: Ruleset) {
        let rules = Arc::new(rules);
        self.replace(|old| (old.catalogue.clone(), rules.clone()));
    }

    /// Both tasks that change a world may do so at once, and neither change may be lost.
    fn replace(&self, parts: impl Fn(&World) -> (Arc<Catalogue>, Arc<Ruleset>)) {
        self.current.rcu(|old| {
            let (catalogue, rules) = parts(old);
            world(self.generations.fetch_add(1, Ordering::SeqCst) + 1, catalogue, rules)
        });
    }
}

fn world(generation: u64, catalogue: Arc<Catalogue>, rules: Arc<Ruleset>) -> World {
    let epoch_hex = super::identity::hex(&catalogue.epoch.0).into();
    let rules_hex = super::identity::hex(&rules.hash).into();
    World { generation, catalogue, rules, epoch_hex, rules_hex }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_a_new_generation_and_keeps_the_other_half() {
        let worlds = Worlds::new(Catalogue::default(), Ruleset::default());
        let first = worlds.load().generation;
        worlds.set_rules(Ruleset { hash: [7; 32], ..Ruleset::default() });
        let second = worlds.load().generation;
        worlds.set_catalogue(Catalogue { server_version: 150_018, ..Catalogue::default() });
        let last = worlds.load();
        assert!(first < second && second < last.generation);
        assert_eq!(last.rules.hash, [7; 32]);
        assert_eq!(last.catalogue.server_version, 150_018);
    }
}
