//! `pgwarrant rules`: look at the rules against the database, run their cases, print the database's own part.

use super::judge::Judge;
use super::{ConfigFile, connect};
use crate::catalogue::load;
use crate::config::{Config, DatabaseUrl};
use crate::rules::lint::{Severity, lint};
use crate::rules::{Case, Expect, parse, read_dir, sql};
use crate::token::grant::Grant;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say what the rules name that the database does not have, and what is unwise
    #[command(after_help = "\
The exit status is 1 when there is an error.

Example:
  pgwarrant rules lint --rules rules --database postgres://pgwarrant_reader@127.0.0.1/shop")]
    Lint(Sources),
    /// Run the cases that stand in the rule files
    #[command(after_help = "\
The exit status is 1 when a case gets another verdict than it expects.

Example:
  pgwarrant rules test --rules rules --database postgres://pgwarrant_reader@127.0.0.1/shop")]
    Test(Sources),
    /// Print column GRANTs and row security for the role that the proxy reads with
    #[command(after_help = "\
Example:
  pgwarrant rules sql --role pgwarrant_reader --writer-role pgwarrant_writer | psql -d shop")]
    Sql {
        #[command(flatten)]
        sources: Sources,
        /// The role; the user of the database URL if not given
        #[arg(long)]
        role: Option<String>,
        /// The role that writes, if there is one
        #[arg(long)]
        writer_role: Option<String>,
    },
}

/// What is not said is taken from the configuration.
#[derive(Debug, Clone, clap::Args)]
pub struct Sources {
    #[command(flatten)]
    config: ConfigFile,
    /// The directory with the rule files
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The database, as postgres://user@host/name
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Lint(sources) => super::block_on(run_lint(sources)),
        Command::Test(sources) => super::block_on(run_test(sources)),
        Command::Sql { sources, role, writer_role } => super::block_on(run_sql(sources, role, writer_role)),
    }
}

async fn run_lint(sources: Sources) -> anyhow::Result<ExitCode> {
    let (rules, _) = sources.rules()?;
    let client = connect::connect(&sources.database()?).await?;
    let findings = lint(&rules, &load::load(&client).await?, &load::indexes(&client).await?);
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
    println!("{errors} errors, {} warnings", findings.len() - errors);
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_sql(sources: Sources, role: Option<String>, writer_role: Option<String>) -> anyhow::Result<ExitCode> {
    let (rules, _) = sources.rules()?;
    let url = sources.database()?;
    let catalogue = load::load(&connect::connect(&url).await?).await?;
    print!("{}", sql::grants_and_row_security(&rules, &catalogue, role.as_ref().unwrap_or(&url.user), writer_role.as_deref()));
    Ok(ExitCode::SUCCESS)
}

async fn run_test(sources: Sources) -> anyhow::Result<ExitCode> {
    let (rules, cases) = sources.rules()?;
    anyhow::ensure!(!cases.is_empty(), "no rule file has a [[case]]");
    let mut judge = Judge::open(&sources.database()?, rules, &super::judge::search_path(&sources.search_path())).await?;
    let mut results = Vec::with_capacity(cases.len());
    for case in &cases {
        results.push(CaseResult { case, got: judged(&mut judge, case).await });
    }
    for result in &results {
        println!("{result}");
    }
    let failed = results.iter().filter(|r| !r.passed()).count();
    println!("{} of {} cases passed", results.len() - failed, results.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The verdict on a case: its statement read on the database and proven under its grants.
async fn judged(judge: &mut Judge, case: &Case) -> anyhow::Result<Verdict> {
    let grants = case.grants.iter().map(|g| g.parse()).collect::<Result<Vec<Grant>, _>>()?;
    Ok(match judge.decide(&case.sql, &[&grants], &case.params).await? {
        Ok(()) => Verdict::Permit,
        Err(deny) => Verdict::Deny { code: deny.reason.code().to_owned(), message: deny.message },
    })
}

/// The verdict on one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Permit,
    Deny { code: String, message: String },
}

/// A case and what it got.
#[derive(Debug)]
pub struct CaseResult<'a> {
    pub case: &'a Case,
    pub got: anyhow::Result<Verdict>,
}

impl CaseResult<'_> {
    pub fn passed(&self) -> bool {
        match (&self.got, &self.case.expect) {
            (Ok(Verdict::Permit), Expect::Permit) => true,
            (Ok(Verdict::Deny { code, .. }), Expect::Deny(expected)) => code == expected,
            (Ok(Verdict::Permit), Expect::Deny(_)) | (Ok(Verdict::Deny { .. }), Expect::Permit) | (Err(_), _) => false,
        }
    }
}

impl std::fmt::Display for CaseResult<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Case { name, expect, source, .. } = self.case;
        if self.passed() {
            return write!(f, "ok    {name}");
        }
        write!(f, "FAIL  {name}\n      {}:{}: expected {expect}, ", source.file, source.line)?;
        match &self.got {
            Ok(Verdict::Permit) => f.write_str("got permit"),
            Ok(Verdict::Deny { code, message }) => write!(f, "got deny {code}: {message}"),
            Err(error) => write!(f, "but it could not be judged: {error:#}"),
        }
    }
}

impl Sources {
    fn rules(&self) -> anyhow::Result<(crate::rules::ruleset::Ruleset, Vec<Case>)> {
        let dir = match &self.rules {
            Some(dir) => dir.clone(),
            None => self.config("--rules")?.rules.dir,
        };
        Ok(parse(&read_dir(&dir)?)?)
    }

    fn database(&self) -> anyhow::Result<DatabaseUrl> {
        match &self.database {
            Some(url) => Ok(DatabaseUrl::parse(url)?),
            None => Ok(self.config("--database")?.upstream.reader),
        }
    }

    /// What a bare name in a case means: as the configuration says if there is one, else `public`.
    fn search_path(&self) -> Vec<String> {
        self.config.load().map_or_else(|_| vec!["public".to_owned()], |config| config.upstream.search_path)
    }

    fn config(&self, instead: &str) -> anyhow::Result<Config> {
        self.config.load().with_context(|| format!("{instead} was not given, and the configuration cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_passes_only_with_the_verdict_and_code_that_it_expects() {
        let case = |expect: Expect| Case {
            name: "a case".into(),
            grants: vec![],
            sql: String::new(),
            params: vec![],
            expect,
            source: Default::default(),
        };
        let cases = [case(Expect::Permit), case(Expect::Deny("unbounded_scan".into()))];
        let passed = |verdict: fn() -> anyhow::Result<Verdict>| -> Vec<bool> {
            cases.iter().map(|case| CaseResult { case, got: verdict() }.passed()).collect()
        };
        assert_eq!(passed(|| Ok(Verdict::Permit)), [true, false]);
        assert_eq!(passed(|| Ok(Verdict::Deny { code: "unbounded_scan".into(), message: String::new() })), [false, true]);
        assert_eq!(passed(|| Ok(Verdict::Deny { code: "syntax".into(), message: String::new() })), [false, false]);
        assert_eq!(passed(|| Err(anyhow::anyhow!("no database"))), [false, false]);
    }

    #[test]
    fn a_case_that_fails_says_where_it_stands_and_what_it_got() {
        let source = crate::rules::ruleset::Source { file: "a.toml".into(), line: 7, column: 1 };
        let case =
            Case { name: "one".into(), grants: vec![], sql: String::new(), params: vec![], expect: Expect::Permit, source };
        let got = Ok(Verdict::Deny { code: "syntax".into(), message: "no".into() });
        assert_eq!(
            CaseResult { case: &case, got }.to_string(),
            "FAIL  one\n      a.toml:7: expected permit, got deny syntax: no"
        );
    }
}
