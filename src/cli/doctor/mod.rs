//! `pgwarrant doctor`: what is there against what must be, each finding with its remedy.

mod audit;
mod files;
mod privileges;
mod report;
mod role;
mod server;
mod writer;

use super::{ConfigFile, connect};
use crate::catalogue::load;
use crate::config::Config;
use crate::rules::lint::{Severity, lint};
use crate::rules::ruleset::Ruleset;
use report::Report;
use std::process::ExitCode;
use tokio_postgres::Client;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Connects with the roles of the configuration, as `serve` would, and changes nothing.
Each line begins with ok, warn or FAIL; the exit status is 1 when one FAILs.

Example:
  pgwarrant doctor --config /etc/pgwarrant/pgwarrant.toml")]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config.load()?;
        let mut report = Report::default();
        files::check(&self.config.path, &config, &mut report);
        let rules = load_rules(&config, &mut report);
        super::block_on(async {
            examine(&config, rules.as_ref(), &mut report).await;
            Ok(())
        })?;
        print!("{report}");
        Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn examine(config: &Config, rules: Option<&Ruleset>, report: &mut Report) {
    match connect::connect(&config.upstream.reader).await {
        Ok(client) => {
            report.ok(format!("upstream: connected as {}", config.upstream.reader.user));
            let upstream = [server::check(&client, config, report).await, role::check(&client, "role", report).await];
            let rights = privileges::check(&client, rules, report).await;
            let lint = linted(&client, rules, report).await;
            for error in upstream.into_iter().chain([rights, lint]).filter_map(Result::err) {
                report.fail(format!("upstream: {error}"), "see the server's log");
            }
        }
        Err(error) => report.fail(format!("upstream: {error}"), "check upstream.reader, and that setup.sql was run"),
    }
    writer::check(config, rules, report).await;
    audit::check(config, report).await;
}

async fn linted(client: &Client, rules: Option<&Ruleset>, report: &mut Report) -> anyhow::Result<()> {
    let Some(rules) = rules else { return Ok(()) };
    let findings = lint(rules, &load::load(client).await?, &load::indexes(client).await?);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    report.must(
        errors == 0,
        "rules: the linter has no error",
        format!("rules: the linter has {errors} errors"),
        "pgwarrant rules lint",
    );
    if findings.len() > errors {
        report.warn(format!("rules: the linter has {} warnings", findings.len() - errors), "pgwarrant rules lint");
    }
    Ok(())
}

fn load_rules(config: &Config, report: &mut Report) -> Option<Ruleset> {
    match crate::rules::load_dir(&config.rules.dir) {
        Ok(rules) if rules.relations.is_empty() => {
            report.warn(
                format!("rules: {} names no table, so nothing is readable", config.rules.dir.display()),
                "write a rule file a table",
            );
            Some(rules)
        }
        Ok(rules) => {
            report.ok(format!("rules: {} relations, {} functions", rules.relations.len(), rules.functions.len()));
            Some(rules)
        }
        Err(errors) => {
            report.fail(format!("rules: {errors}"), "pgwarrant rules lint");
            None
        }
    }
}
