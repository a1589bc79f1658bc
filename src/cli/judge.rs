//! A decision without a session: a statement read on the database and proven under grants. For `explain` and `rules test`.

use super::connect;
use crate::catalogue::load;
use crate::catalogue::snapshot::Catalogue;
use crate::config::DatabaseUrl;
use crate::decision::{self, BoundValue, Deny, Proof, Question, Reason};
use crate::reading::{self, Version, tree::Trees};
use crate::rules::ruleset::Ruleset;
use crate::session::target;
use crate::statement::kind::StatementKind;
use crate::statement::limits::Limits;
use crate::statement::local;
use crate::token::grant::Grant;
use crate::upstream::{Connection, ParseFailure, Settings};
use anyhow::Context as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct Judge {
    pub catalogue: Catalogue,
    pub rules: Ruleset,
    connection: Connection,
    version: Version,
}

/// The configured schemas as a search path with `pg_temp` last.
pub fn search_path(schemas: &[String]) -> String {
    let mut path: Vec<String> = schemas.iter().map(|s| format!("\"{}\"", s.replace('"', "\"\""))).collect();
    path.push("pg_temp".into());
    path.join(", ")
}

/// A statement as Postgres reads it.
pub struct Read {
    pub trees: Trees,
    pub named: Vec<String>,
    /// How many parameters it takes.
    pub parameters: usize,
}

impl Judge {
    /// `search_path` as for SET: what a bare name means depends on it.
    pub async fn open(url: &DatabaseUrl, rules: Ruleset, search_path: &str) -> anyhow::Result<Judge> {
        let client = connect::connect(url).await?;
        let catalogue = load::load(&client).await?;
        let settings = Settings {
            search_path: search_path.to_owned(),
            statement_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(60),
            application_name: "pgwarrant explain".into(),
            read_only: true,
        };
        let parameters = settings.to_parameters();
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let connection = Connection::connect(&target(url, Duration::from_secs(10)), &parameters).await?;
        let version = Version::from_num(catalogue.server_version).context("the server's version is not supported")?;
        Ok(Judge { catalogue, rules, connection, version })
    }

    /// Reads one statement; the inner error is a refusal.
    pub async fn read(&mut self, sql: &str, chain: &[&[Grant]]) -> anyhow::Result<Result<Read, Deny>> {
        let statement = match local::read(sql, &Limits::default()) {
            Err(deny) => return Ok(Err(deny)),
            Ok(statements) => match <[_; 1]>::try_from(statements) {
                Ok([one]) => one,
                Err(_) => return Ok(Err(Deny::new(Reason::StatementNotAllowed, "give one statement"))),
            },
        };
        let (range, names) = match &statement.kind {
            StatementKind::Select | StatementKind::Write { .. } => (statement.range.clone(), &statement.names),
            StatementKind::Explain { inner, .. } if inner.kind == StatementKind::Select => (inner.range.clone(), &inner.names),
            _ => return Ok(Err(Deny::new(Reason::StatementNotAllowed, "only SELECT and writing statements are proven"))),
        };
        if let Err(deny) = decision::before_reading(names, &self.catalogue, &self.rules, chain) {
            return Ok(Err(deny));
        }
        let parsed = match self.connection.parse_and_read("", &sql[range], &[]).await {
            Ok(parsed) => parsed,
            Err(ParseFailure::Server(error)) => {
                let deny = Deny::new(Reason::UndefinedObject, "the database cannot read the statement");
                return Ok(Err(deny.detail(error.to_string())));
            }
            Err(other) => return Err(other.into()),
        };
        let named = names.relations.iter().chain(&names.cte_references).map(|r| r.name.clone()).collect();
        match reading::read(self.version, &parsed.analysed, &parsed.rewritten) {
            Ok(trees) => Ok(Ok(Read { trees, named, parameters: parsed.parameter_types.len() })),
            Err(error) => Ok(Err(Deny::new(Reason::Unreadable, error.to_string()))),
        }
    }

    pub fn question<'q>(&'q self, read: &'q Read, chain: &'q [&'q [Grant]]) -> Question<'q> {
        Question { trees: &read.trees, catalogue: &self.catalogue, rules: &self.rules, chain, named: &read.named }
    }

    /// The verdict with values in text form.
    pub async fn decide(&mut self, sql: &str, chain: &[&[Grant]], values: &[Option<String>]) -> anyhow::Result<Result<(), Deny>> {
        let read = match self.read(sql, chain).await? {
            Ok(read) => read,
            Err(deny) => return Ok(Err(deny)),
        };
        let wanted = read.parameters;
        anyhow::ensure!(values.len() == wanted, "the statement takes {wanted} parameters, not {}", values.len());
        let proof: Result<Proof, Deny> = decision::prove(&self.question(&read, chain));
        let values: Vec<BoundValue<'_>> =
            values.iter().map(|v| v.as_deref().map_or(BoundValue::Null, |v| BoundValue::Text(v.as_bytes()))).collect();
        Ok(proof.and_then(|p| p.check(&values, postgres_now())).map(|_| ()))
    }
}

/// Microseconds since 2000-01-01 UTC, as Postgres counts.
fn postgres_now() -> i64 {
    const EPOCH: i64 = 946_684_800_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX) - EPOCH
}
