//! Two worlds: random permitted statements run on the data and on the data with everything outside the grants changed;
//! any difference in rows, errors or notices is a hole.

mod grammar;
mod judge;
mod other_world;
mod outcome;
mod schema;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashSet;

use grammar::{Persona, generate};
use judge::{Judge, Tally};
use pgwarrant::statement::kind::StatementKind;
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::local;
use support::Cluster;
use support::postgres::block_on;

/// The database that both worlds come from.
const BASE: &str = "base";
const PERSONAS: [Persona; 3] = [Persona::Support, Persona::Analyst, Persona::Writer];

#[test]
fn a_seed_gives_one_statement_and_seeds_give_different_ones() {
    for persona in PERSONAS {
        assert_eq!(generate(42, persona), generate(42, persona));
        let distinct: HashSet<String> = (0..500).map(|seed| generate(seed, persona)).collect();
        assert!(distinct.len() > 450, "{} of 500 for {persona:?}", distinct.len());
    }
}

#[test]
fn every_generated_statement_is_read_as_one_select() {
    for persona in PERSONAS {
        for seed in 0..1_000 {
            let text = generate(seed, persona);
            match local::read(&text, &Limits::default()) {
                Ok(statements) => {
                    assert_eq!(statements.len(), 1, "{text}");
                    assert_eq!(statements[0].kind, StatementKind::Select, "{text}");
                }
                Err(deny) => panic!("{text}: {deny:?}"),
            }
        }
    }
}

fn make_worlds(cluster: &Cluster) {
    cluster.sql("postgres", &format!("CREATE DATABASE {BASE} TEMPLATE shop")).expect("a copy of the shop");
    cluster.sql(BASE, include_str!("base.sql")).expect("the base world");
    let names = PERSONAS.map(|persona| (persona, judge::other_world(persona)));
    for (_, name) in &names {
        cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {BASE}")).expect("a copy of the base world");
    }
    std::thread::scope(|scope| {
        for (persona, name) in &names {
            scope.spawn(move || cluster.sql(name, &other_world::script(*persona)).expect("the other world"));
        }
    });
}

/// Every `workers`-th seed from `first`.
fn judge_seeds(cluster: &Cluster, first: u64, end: u64, workers: u64) -> Tally {
    block_on(async {
        let mut judge = Judge::open(|database| cluster.admin_url(database)).await;
        let mut tally = Tally::default();
        for seed in (first..end).step_by(workers as usize) {
            judge.statement(seed, PERSONAS[(seed % 3) as usize], &mut tally).await;
        }
        tally
    })
}

/// `PGWARRANT_TWO_WORLDS` says how many statements, `PGWARRANT_TWO_WORLDS_SEED` from which seed.
#[test]
fn nothing_outside_the_grants_shows_in_a_permitted_statement() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (count, start) = (number("PGWARRANT_TWO_WORLDS").unwrap_or(3_000), number("PGWARRANT_TWO_WORLDS_SEED").unwrap_or(0));
    let begun = std::time::Instant::now();
    let cluster = Cluster::shop().expect("a cluster");
    make_worlds(&cluster);
    println!("the worlds stand after {:?}", begun.elapsed());
    const WORKERS: u64 = 2;
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let cluster = &cluster;
        let workers: Vec<_> = (start..start + WORKERS)
            .map(|first| scope.spawn(move || judge_seeds(cluster, first, start + count, WORKERS)))
            .collect();
        workers.into_iter().for_each(|worker| tally.add(worker.join().expect("a worker's own assertions hold")));
    });
    let share = 100 * tally.compared / tally.total().max(1);
    println!(
        "two worlds: {} statements, {} permitted ({share} %) and compared, {} as templates, {} with errors, {} without rows, \
         {} over the row limit, {} too slow; {} differences",
        tally.total(),
        tally.compared,
        tally.templates,
        tally.errors,
        tally.empty,
        tally.over_the_limit,
        tally.timeouts,
        tally.holes.len()
    );
    println!("refused: {:?}; {:?} in all", tally.refused, begun.elapsed());
    assert!(tally.holes.is_empty(), "{}", tally.holes.join("\n\n"));
    assert!(share >= 25, "only {share} % of the statements were permitted");
    assert!(tally.timeouts * 1_000 <= tally.total(), "{} statements were too slow", tally.timeouts);
}
