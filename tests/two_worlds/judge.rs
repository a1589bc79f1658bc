//! One statement: proven under a persona's chain, then run in both worlds.

use super::grammar::{Persona, generate};
use super::outcome::{Outcome, Sent, connect, run};
use super::schema::TABLES;
use super::support::lab::{self, Lab};
use pgwarrant::decision::{BoundValue, Deny, Permit, Proof, Question, prove};
use pgwarrant::reading::template::{LiteralSite, literal_types, same_but_parameters};
use pgwarrant::reading::tree::Trees;
use pgwarrant::reading::{self, Version};
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::{local, scan};
use pgwarrant::token::grant::Grant;
use pgwarrant::upstream::Connection;
use std::collections::BTreeMap;

pub struct Judge {
    lab: Lab,
    base: Connection,
    others: Vec<Connection>,
}

/// Counts by what became of the statements.
#[derive(Debug, Default)]
pub struct Tally {
    pub refused: BTreeMap<&'static str, usize>,
    pub compared: usize,
    /// Of them, run as a template with values bound.
    pub templates: usize,
    /// Of them, with an error in both worlds.
    pub errors: usize,
    /// Of them, without a row in both worlds.
    pub empty: usize,
    /// Of them, with more rows than released, in both worlds.
    pub over_the_limit: usize,
    pub timeouts: usize,
    pub holes: Vec<String>,
}

impl Tally {
    pub fn total(&self) -> usize {
        self.compared + self.timeouts + self.refused.values().sum::<usize>()
    }

    pub fn add(&mut self, other: Tally) {
        other.refused.into_iter().for_each(|(reason, count)| *self.refused.entry(reason).or_default() += count);
        self.compared += other.compared;
        self.templates += other.templates;
        self.errors += other.errors;
        self.empty += other.empty;
        self.over_the_limit += other.over_the_limit;
        self.timeouts += other.timeouts;
        self.holes.extend(other.holes);
    }
}

/// Ways of planning that turn the order of evaluation round.
const PLANS: [&str; 7] = [
    "enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off",
    "enable_seqscan = off",
    "enable_hashjoin = off; SET enable_mergejoin = off",
    "enable_nestloop = off; SET enable_mergejoin = off",
    "enable_nestloop = off; SET enable_hashjoin = off",
    "enable_hashagg = off; SET enable_memoize = off",
    "enable_sort = off; SET enable_incremental_sort = off",
];

pub fn other_world(persona: Persona) -> String {
    format!("other_{persona:?}").to_lowercase()
}

impl Judge {
    /// `url` of a database by its name.
    pub async fn open(url: impl Fn(&str) -> String) -> Judge {
        let mut others = Vec::new();
        for persona in super::PERSONAS {
            others.push(connect(&url(&other_world(persona))).await);
        }
        Judge { lab: Lab::open(&url(super::BASE)).await, base: connect(&url(super::BASE)).await, others }
    }

    pub async fn statement(&mut self, seed: u64, persona: Persona, tally: &mut Tally) {
        let text = generate(seed, persona);
        let (sent, permit) = match self.decide(seed, persona, &text, tally).await {
            Ok(decided) => decided,
            Err(deny) => {
                *tally.refused.entry(deny.reason.code()).or_default() += 1;
                return;
            }
        };
        let base = limited(run(&mut self.base, &sent).await.expect("the base world answers"), &permit);
        let other = &mut self.others[super::PERSONAS.iter().position(|p| *p == persona).expect("a persona")];
        let other = limited(run(other, &sent).await.expect("the other world answers"), &permit);
        if base.timed_out() || other.timed_out() {
            tally.timeouts += 1;
            println!("too slow: seed {seed} {persona:?}: {text}");
            return;
        }
        tally.compared += 1;
        tally.templates += usize::from(!sent.values.is_empty());
        tally.errors += usize::from(base.error.is_some() && base != over_the_limit());
        tally.over_the_limit += usize::from(base == over_the_limit());
        tally.empty += usize::from(base.error.is_none() && base.rows.is_empty());
        if base != other && !self.fails_on_granted_rows(persona, &base, &other).await {
            let cause = self.cause(persona, &sent, &permit).await;
            tally.holes.push(format!(
                "seed {seed} {persona:?} {cause}\n{text}\n  base:  {}\n  other: {}",
                brief(&base),
                brief(&other)
            ));
        }
    }

    /// The decision on the text, and on its template where it has one. What runs is the template on every second seed.
    async fn decide(&mut self, seed: u64, persona: Persona, text: &str, tally: &mut Tally) -> Result<(Sent, Permit), Deny> {
        let grants = self.lab.personas[persona.name()].clone();
        let wide = without_limits(&grants);
        let chain: [&[Grant]; 2] = [&wide, &grants];
        let proof = self.lab.prove_under(&chain, text, &[]).await;
        let permit = match proof {
            Ok(proof) => proof.check(&[], lab::now()),
            Err(deny) => Err(deny),
        };
        let literally = Sent { text: text.to_owned(), types: vec![], values: vec![] };
        if seed.is_multiple_of(2) {
            return permit.map(|permit| (literally, permit));
        }
        match self.template(&chain, text).await {
            None => permit.map(|permit| (literally, permit)),
            Some((sent, proof)) => {
                let values: Vec<BoundValue<'_>> = sent.values.iter().map(|value| BoundValue::Text(value.as_bytes())).collect();
                let templated = proof.check(&values, lab::now());
                if templated.is_ok() && permit.is_err() {
                    tally.holes.push(format!("seed {seed} {persona:?}: the template is permitted, the text is not\n{text}"));
                }
                templated.map(|permit| (sent.clone(), permit))
            }
        }
    }

    /// As the session does: the template of the text, if Postgres reads it alike and it can be proven.
    async fn template(&mut self, chain: &[&[Grant]], text: &str) -> Option<(Sent, Proof)> {
        let template = scan::template(text, 1)?;
        let sites: Vec<LiteralSite> = template.literals.iter().map(|literal| site(&literal.site)).collect();
        let original = self.read(text, &[]).await?;
        let types = literal_types(&original, &sites)?;
        let templated = self.read(&template.text, &types).await?;
        if !same_but_parameters(&original, &templated, 1, &sites) {
            return None;
        }
        let statements = local::read(text, &Limits::default()).ok()?;
        let named: Vec<String> = statements[0].names.relations.iter().map(|relation| relation.name.clone()).collect();
        let question =
            Question { trees: &templated, catalogue: &self.lab.catalogue, rules: &self.lab.rules, chain, named: &named };
        let proof = prove(&question).ok()?;
        let values = template.literals.into_iter().map(|literal| literal.value).collect();
        Some((Sent { text: template.text, types, values }, proof))
    }

    async fn read(&mut self, text: &str, types: &[u32]) -> Option<Trees> {
        let parsed = self.lab.connection.parse_and_read("", text, types).await.ok()?;
        let version = Version::from_num(self.lab.catalogue.server_version).expect("a version that we read");
        reading::read(version, &parsed.analysed, &parsed.rewritten).ok()
    }

    /// Which of several failing rows is met first is up to the plan: no difference, if both messages name what the grants show.
    async fn fails_on_granted_rows(&mut self, persona: Persona, base: &Outcome, other: &Outcome) -> bool {
        let (Some(mine), Some(theirs)) = (base.message(), other.message()) else { return false };
        let ((before, value, after), (before_other, value_other, after_other)) = (quoted(mine), quoted(theirs));
        let alike = base.sqlstate() == other.sqlstate() && before == before_other && after == after_other;
        alike && self.is_granted(persona, value).await && self.is_granted(persona, value_other).await
    }

    /// Whether a text stands in what the persona may see.
    async fn is_granted(&mut self, persona: Persona, value: &str) -> bool {
        for table in TABLES.iter().filter(|table| table.readable_by(persona)) {
            let columns: Vec<&str> = table.visible(persona).map(|column| column.name).collect();
            let pin = table.pinned(persona).map_or(String::new(), |tenant| format!(" WHERE {tenant} = 7"));
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM (SELECT {} FROM {}{pin}) AS seen WHERE strpos(seen::text, $1) > 0)",
                columns.join(", "),
                table.name
            );
            let found = self.lab.client.query_one(&sql, &[&value]).await.expect("the base world answers");
            if found.get(0) {
                return true;
            }
        }
        false
    }

    /// Whether the two worlds differ under every way of planning, or each shows by some plan what the other showed.
    async fn cause(&mut self, persona: Persona, sent: &Sent, permit: &Permit) -> &'static str {
        let other = &mut self.others[super::PERSONAS.iter().position(|p| *p == persona).expect("a persona")];
        let mut seen = [vec![], vec![]];
        for (connection, seen) in [&mut self.base, other].into_iter().zip(&mut seen) {
            seen.push(limited(run(connection, sent).await.expect("the world answers"), permit));
            for plan in PLANS {
                connection.simple(&format!("SET {plan}")).await.expect("a planner's setting");
                seen.push(limited(run(connection, sent).await.expect("the world answers"), permit));
                connection.simple("RESET ALL").await.expect("a planner's setting");
            }
        }
        let [base, other] = seen;
        if base.contains(&other[0]) && other.contains(&base[0]) { "DEPENDS ON THE PLAN" } else { "HOLE" }
    }
}

/// More rows than the permit allows are an error, whatever they hold.
fn limited(outcome: Outcome, permit: &Permit) -> Outcome {
    match permit.row_limit() {
        Some(limit) if outcome.rows.len() as u64 > limit => over_the_limit(),
        _ => outcome,
    }
}

fn site(site: &scan::Site) -> LiteralSite {
    LiteralSite {
        position: site.position,
        length: site.length,
        template_position: site.template_position,
        template_length: site.template_length,
    }
}

fn over_the_limit() -> Outcome {
    Outcome { error: Some(vec![('C', "53400".into())]), ..Outcome::default() }
}

/// A message in three: up to the first quote, what is quoted, and the rest.
fn quoted(message: &str) -> (&str, &str, &str) {
    let (before, rest) = message.split_once('"').unwrap_or((message, ""));
    let (value, after) = rest.rsplit_once('"').unwrap_or((rest, ""));
    (before, value, after)
}

fn brief(outcome: &Outcome) -> String {
    let text =
        format!("{} rows {:?} {:?} {:?}: {:?}", outcome.rows.len(), outcome.tag, outcome.error, outcome.notices, outcome.rows);
    text.chars().take(700).collect()
}

fn without_limits(grants: &[Grant]) -> Vec<Grant> {
    let mut wide = grants.to_vec();
    for grant in &mut wide {
        if let Grant::Relation(relation) = grant {
            relation.limit = None;
        }
    }
    wide
}
