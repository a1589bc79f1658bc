//! Random statements that the proof permits run on a database, and the whole of it is compared with
//! what it was. No row outside the grants may change, no column that is not granted, none may leave the grant's WHERE, and
//! the server's counters must tell what the comparison shows.

mod diff;
mod grammar;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};

use diff::Judge;
use grammar::{Persona, generate};
use support::Cluster;
use support::postgres::block_on;

const PERSONAS: [Persona; 3] = [Persona::Writer, Persona::Writer, Persona::Support];

/// Counts by what became of the statements.
#[derive(Debug, Default)]
pub struct Tally {
    pub refused: BTreeMap<String, usize>,
    pub permitted: usize,
    /// Of them, with an error of the server's.
    pub errors: BTreeMap<String, usize>,
    pub changed: usize,
    pub over_the_limit: usize,
    pub holes: Vec<String>,
}

#[test]
fn a_seed_gives_one_write_and_seeds_give_different_ones() {
    for persona in [Persona::Writer, Persona::Support] {
        assert_eq!(generate(7, persona), generate(7, persona));
        let distinct: HashSet<String> = (0..500).map(|seed| generate(seed, persona)).collect();
        assert!(distinct.len() > 300, "{} of 500 for {persona:?}", distinct.len());
    }
}

/// `PGWARRANT_TWO_WORLDS_WRITES` says how many statements, `PGWARRANT_TWO_WORLDS_SEED` from which seed.
#[test]
fn nothing_outside_the_grants_changes_by_a_permitted_write() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (count, start) =
        (number("PGWARRANT_TWO_WORLDS_WRITES").unwrap_or(1_000), number("PGWARRANT_TWO_WORLDS_SEED").unwrap_or(0));
    let begun = std::time::Instant::now();
    let cluster = Cluster::shop().expect("a cluster");
    cluster.sql("shop", include_str!("small.sql")).expect("a small shop");
    cluster.sql("shop", pgwarrant::upstream::FENCE_SQL).expect("the schema pgwarrant");
    cluster.sql("shop", "VACUUM ANALYZE").expect("a superuser");
    let tally = block_on(async {
        let mut judge = Judge::open(&cluster.admin_url("shop")).await;
        let mut tally = Tally::default();
        for seed in start..start + count {
            judge.statement(seed, PERSONAS[(seed % 3) as usize], &mut tally).await;
        }
        tally
    });
    let share = 100 * tally.permitted as u64 / count.max(1);
    println!(
        "two worlds for writes: {count} statements, {} permitted ({share} %), {} changed something, {} over the limit; {} holes",
        tally.permitted,
        tally.changed,
        tally.over_the_limit,
        tally.holes.len()
    );
    println!("refused: {:?}; errors: {:?}; {:?} in all", tally.refused, tally.errors, begun.elapsed());
    assert!(tally.holes.is_empty(), "{}", tally.holes[..tally.holes.len().min(10)].join("\n\n"));
    assert!(share >= 25, "only {share} % of the statements were permitted");
    assert!(tally.changed * 3 > tally.permitted, "only {} of {} changed anything", tally.changed, tally.permitted);
}
