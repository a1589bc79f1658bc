//! What a decision costs, over the honest reads of the corpus that take no parameters: a *new* statement, read by Postgres
//! and certified as a template, and a *known* template with new values, which asks nobody.
//!
//! `cargo bench --bench decision`; it starts a Postgres of its own.

#[path = "../tests/support/mod.rs"]
mod support;

use pgwarrant::decision::{BoundValue, Proof};
use pgwarrant::reading::template::{LiteralSite, literal_types, same_but_parameters};
use pgwarrant::session::cache::{Certified, Context, KeyRef, Known, Proofs, Reading};
use pgwarrant::session::settings::{Settings, Values};
use pgwarrant::statement::scan::{self, Template, TemplateLiteral};
use pgwarrant::token::grant::Grant;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::lab::{Lab, now};
use support::{Cluster, postgres::block_on};

/// Of each known statement.
const REPETITIONS: u32 = 2_000;

fn main() {
    block_on(run());
}

async fn run() {
    let cluster = Cluster::shop().expect("a Postgres");
    let mut lab = Lab::shop(&cluster).await;
    let context = Context {
        generation: 1,
        chain: [0; 32],
        meaning: Settings::new(Arc::new(Values::stock()), Arc::new(Values::stock())).meaning().clone(),
    };
    let proofs = Proofs::new(64 << 20);
    let (mut fresh, mut known, mut whole) = (Vec::new(), Vec::new(), 0);
    for (persona, sql) in statements() {
        let grants = lab.personas[&persona].clone();
        let started = Instant::now();
        let Some(decided) = new_statement(&mut lab, &[&grants], &sql).await else { continue };
        fresh.push(started.elapsed());
        let Some((template, certified)) = decided else {
            whole += 1;
            continue;
        };
        let classes = classes(&template);
        let key = KeyRef { text: &template.text, classes: &classes, types: &[], context: &context };
        proofs.insert(key, Known::Certified(Arc::new(certified)));
        match known_statement(&proofs, &context, &sql) {
            Some(time) => known.push(time),
            None => whole += 1,
        }
    }
    println!("{:<40} {:>6} {:>10} {:>10} {:>10}", "decision", "texts", "median", "p90", "max");
    print("new, read and certified", &mut fresh);
    print("known template, new values", &mut known);
    println!("{whole} statements have no template and are read whole each time they change");
}

fn print(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("{name:<40} {:>6} {:>10.2?} {:>10.2?} {:>10.2?}", times.len(), at(50), at(90), at(100));
}

/// As a session does it: the statement read and proven; its template, if it has one, read, compared and proven.
/// The outer `None` is a refusal, the inner one a statement without a template.
async fn new_statement(lab: &mut Lab, chain: &[&[Grant]], sql: &str) -> Option<Option<(Template, Certified<Proof>)>> {
    let template = scan::template(sql, 1).filter(|template| !template.literals.is_empty());
    let (original, named) = lab.read_under(chain, sql, &[]).await.ok()?;
    lab.prove_trees(chain, &original, &named).ok()?;
    let Some(template) = template else { return Some(None) };
    let sites: Vec<LiteralSite> = template.literals.iter().map(site).collect();
    let Some(types) = literal_types(&original, &sites) else { return Some(None) };
    let Ok((trees, _)) = lab.read_under(chain, &template.text, &types).await else { return Some(None) };
    if !same_but_parameters(&original, &trees, 1, &sites) {
        return Some(None);
    }
    let Ok(proof) = lab.prove_trees(chain, &trees, &named) else { return Some(None) };
    let reading = Reading {
        id: 1,
        weight: template.text.len(),
        text: template.text.as_str().into(),
        trees,
        digest: [0; 32],
        fingerprint: "".into(),
        parameter_types: types.into(),
        told_types: Box::default(),
        user_functions: Box::default(),
        row_description: None,
    };
    Some(Some((template, Certified { reading: Arc::new(reading), proof, client_parameters: 0 })))
}

fn site(literal: &TemplateLiteral) -> LiteralSite {
    LiteralSite {
        position: literal.site.position,
        length: literal.site.length,
        template_position: literal.site.template_position,
        template_length: literal.site.template_length,
    }
}

fn classes(template: &Template) -> Vec<u8> {
    template.literals.iter().map(|literal| literal.kind as u8).collect()
}

/// The mean of many: the template taken out, the proof looked up, the values checked. `None` where these values are only
/// proven by the whole text.
fn known_statement(proofs: &Proofs<Proof>, context: &Context, sql: &str) -> Option<Duration> {
    let started = Instant::now();
    for _ in 0..REPETITIONS {
        let template = scan::template(black_box(sql), 1).expect("it had one");
        let classes = classes(&template);
        let key = KeyRef { text: &template.text, classes: &classes, types: &[], context };
        let Some(Known::Certified(certified)) = proofs.get(key) else { panic!("it was kept") };
        let values: Vec<BoundValue<'_>> =
            template.literals.iter().map(|literal| BoundValue::Text(literal.value.as_bytes())).collect();
        black_box(certified.proof.check(&values, now())).ok()?;
    }
    Some(started.elapsed() / REPETITIONS)
}

/// Persona and text of every honest read without parameters.
fn statements() -> Vec<(String, String)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proof/honest.jsonl");
    let text = std::fs::read_to_string(path).expect("the rows are in the repository");
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row is JSON");
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        row["params"].as_array().is_none_or(Vec::is_empty).then(|| (word("persona"), word("sql")))
    };
    text.lines().filter_map(row).collect()
}
