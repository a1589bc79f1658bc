//! A proof without a proxy: a statement is read by a real Postgres and decided under a persona's grants.

use super::{Cluster, corpus_dir, personas};
use pgwarrant::catalogue::{load, snapshot::Catalogue};
use pgwarrant::decision::{BoundValue, Deny, Permit, Proof, Question, Reason, prove};
use pgwarrant::reading::{self, Version, tree::Trees};
use pgwarrant::rules::ruleset::Ruleset;
use pgwarrant::statement::kind::StatementKind;
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::local;
use pgwarrant::token::grant::{Grant, RelationGrant};
use pgwarrant::upstream::{Connection, ParseFailure, Settings, Target};
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Lab {
    pub catalogue: Catalogue,
    pub rules: Ruleset,
    pub personas: BTreeMap<String, Vec<Grant>>,
    pub connection: Connection,
    pub client: tokio_postgres::Client,
}

impl Lab {
    /// `url` of the shop, as a superuser.
    pub async fn open(url: &str) -> Lab {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the cluster answers");
        tokio::spawn(driver);
        let catalogue = load::load(&client).await.expect("the catalogue loads");
        let rules = pgwarrant::rules::load_dir(&corpus_dir().join("policy/rules")).or_else(|_| {
            let text = std::fs::read_to_string(corpus_dir().join("policy/rules.toml")).expect("rules");
            pgwarrant::rules::parse(&[("rules.toml".to_owned(), text)]).map(|(r, _)| r)
        });
        let settings = Settings {
            search_path: "public, pg_temp".into(),
            statement_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(60),
            application_name: "lab".into(),
            read_only: true,
        };
        let parameters = settings.to_parameters();
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let target = Target::parse(url).expect("a URL");
        let connection = Connection::connect(&target, &parameters).await.expect("the cluster answers");
        Lab { catalogue, rules: rules.expect("the rules are right"), personas: personas::personas(), connection, client }
    }

    pub async fn shop(cluster: &Cluster) -> Lab {
        Lab::open(&cluster.admin_url("shop")).await
    }

    /// The proof of a statement under a persona, or the refusal, of the local reading too.
    pub async fn prove(&mut self, persona: &str, sql: &str, types: &[u32]) -> Result<Proof, Deny> {
        let grants = self.personas[persona].clone();
        self.prove_under(&[&grants], sql, types).await
    }

    pub async fn prove_under(&mut self, chain: &[&[Grant]], sql: &str, types: &[u32]) -> Result<Proof, Deny> {
        let (trees, named) = self.read_under(chain, sql, types).await?;
        self.prove_trees(chain, &trees, &named)
    }

    pub fn prove_trees(&self, chain: &[&[Grant]], trees: &Trees, named: &[String]) -> Result<Proof, Deny> {
        prove(&Question { trees, catalogue: &self.catalogue, rules: &self.rules, chain, named })
    }

    /// The statement's trees and the relations that its words name, unless the words alone are refused.
    pub async fn read_under(&mut self, chain: &[&[Grant]], sql: &str, types: &[u32]) -> Result<(Trees, Vec<String>), Deny> {
        let statements = local::read(sql, &Limits::default())?;
        let [statement] = statements.as_slice() else {
            return Err(Deny::new(Reason::StatementNotAllowed, "not one statement"));
        };
        let (text, names) = match &statement.kind {
            StatementKind::Select | StatementKind::Write { .. } => (&sql[statement.range.clone()], &statement.names),
            StatementKind::Explain { inner, .. } if inner.kind == StatementKind::Select => {
                (&sql[inner.range.clone()], &inner.names)
            }
            other => return Err(Deny::new(Reason::StatementNotAllowed, format!("{other:?}"))),
        };
        pgwarrant::decision::before_reading(names, &self.catalogue, &self.rules, chain)?;
        let parsed = match self.connection.parse_and_read("", text, types).await {
            Ok(parsed) => parsed,
            Err(ParseFailure::Server(report)) => {
                return Err(Deny::new(Reason::UndefinedObject, format!("Postgres: {report}")));
            }
            Err(other) => return Err(Deny::new(Reason::Unreadable, other.to_string())),
        };
        let version = Version::from_num(self.catalogue.server_version).expect("a version that we read");
        let trees = reading::read(version, &parsed.analysed, &parsed.rewritten)
            .map_err(|e| Deny::new(Reason::Unreadable, e.to_string()))?;
        let named = names.relations.iter().chain(&names.cte_references).map(|r| r.name.clone()).collect();
        Ok((trees, named))
    }

    /// How Postgres reads a statement, whatever it is.
    pub async fn trees(&mut self, sql: &str) -> Trees {
        let parsed = self.connection.parse_and_read("", sql, &[]).await.expect(sql);
        let version = Version::from_num(self.catalogue.server_version).expect("a version that we read");
        reading::read(version, &parsed.analysed, &parsed.rewritten).expect(sql)
    }

    /// Decided with values, all in text.
    pub async fn decide(&mut self, persona: &str, sql: &str, types: &[u32], values: &[Option<&str>]) -> Result<Permit, Deny> {
        let proof = self.prove(persona, sql, types).await?;
        let values: Vec<BoundValue<'_>> =
            values.iter().map(|v| v.map_or(BoundValue::Null, |v| BoundValue::Text(v.as_bytes()))).collect();
        proof.check(&values, now())
    }

    /// The decision as one word: `permit` or the reason's code.
    pub async fn verdict(&mut self, persona: &str, sql: &str) -> &'static str {
        match self.decide(persona, sql, &[], &[]).await {
            Ok(_) => "permit",
            Err(deny) => deny.reason.code(),
        }
    }
}

/// Microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("before the year 290000") - 946_684_800_000_000
}

#[allow(dead_code)]
fn relation(grant: &Grant) -> Option<&RelationGrant> {
    match grant {
        Grant::Relation(r) => Some(r),
        Grant::Execute(_) => None,
    }
}
