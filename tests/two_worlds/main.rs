//! Two worlds: random permitted statements run on the data and on the data with everything outside the grants changed;
//! any difference in rows, errors or notices is a hole.

mod grammar;
mod schema;

use std::collections::HashSet;

use grammar::{Persona, generate};
use pgwarrant::statement::kind::StatementKind;
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::local;

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

#[test]
#[ignore = "prints statements to look at or to pipe into psql"]
fn print() {
    for seed in 0..200 {
        for persona in PERSONAS {
            println!("{};", generate(seed, persona));
        }
    }
}
