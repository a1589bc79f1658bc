//! `pgwarrant init`: from a database to everything that the proxy and its DBA need to begin.

pub mod config_text;
pub mod files;
pub mod inspect;
pub mod propose;
pub mod setup_sql;
pub mod starter;

use super::connect;
use crate::audit::schema;
use crate::catalogue::load;
use crate::catalogue::snapshot::Catalogue;
use crate::config::DatabaseUrl;
use anyhow::Context as _;
use base64::Engine as _;
use config_text::ConfigText;
use files::{Files, Secrecy};
use inspect::Table;
use propose::Proposal;
use rand::RngCore as _;
use rand::rngs::OsRng;
use setup_sql::{Role, SetupPlan};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at the catalogue, changes nothing in the database, and writes into --dir:
  pgwarrant.toml   the configuration
  keys/            the operator's root key and the ledger's key, mode 0600
  rules/           a starter rule file a table: read every one of them
  setup.sql        for the DBA: the proxy's roles, their settings, column grants, row security
  audit.sql        for the audit database: its schema, the writer's and the auditor's role

Example:
  pgwarrant init --database postgres://postgres@127.0.0.1/shop --dir /etc/pgwarrant")]
pub struct Args {
    /// The database to protect, by a role that may read its catalogue
    #[arg(long, value_name = "URL", value_parser = DatabaseUrl::parse)]
    database: DatabaseUrl,
    /// The database of the audit schema, if another
    #[arg(long, value_name = "URL", value_parser = DatabaseUrl::parse)]
    audit_database: Option<DatabaseUrl>,
    /// Where the files go
    #[arg(long, default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// The address agents connect to
    #[arg(long, default_value = "127.0.0.1:6432", value_name = "ADDRESS")]
    listen: std::net::SocketAddr,
    /// The address of metrics and health
    #[arg(long, default_value = "127.0.0.1:9187", value_name = "ADDRESS")]
    metrics: std::net::SocketAddr,
    /// What tokens must name; default <database>@<host name>
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// The ledger's name for the world; default <host name>/pgwarrant/<database>
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// The role that reads
    #[arg(long, default_value = "pgwarrant_reader", value_name = "ROLE")]
    reader_role: String,
    /// Its password; made up if not given
    #[arg(long, env = "PGWARRANT_READER_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    reader_password: Option<String>,
    /// The role that writes
    #[arg(long, default_value = "pgwarrant_writer", value_name = "ROLE")]
    writer_role: String,
    /// Its password; made up if not given
    #[arg(long, env = "PGWARRANT_WRITER_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    writer_password: Option<String>,
    /// Without a role that writes: the proxy refuses every write, whatever a token says
    #[arg(long)]
    read_only: bool,
    /// Rule files to take instead of starters; may be given several times
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Overwrite files that are there (keys are never overwritten)
    #[arg(long)]
    force: bool,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (tables, catalogue) = super::block_on(async {
            let client = connect::connect(&self.database).await?;
            Ok((inspect::tables(&client).await?, load::load(&client).await?))
        })?;
        let files = self.files(&tables, &catalogue)?;
        files.write(&self.dir, self.force)?;
        self.say_what_comes_next(&tables, &files);
        Ok(ExitCode::SUCCESS)
    }

    fn files(&self, tables: &[Table], catalogue: &Catalogue) -> anyhow::Result<Files> {
        let mut files = Files::default();
        let passwords = Passwords {
            reader: self.reader_password.clone().unwrap_or_else(made_up),
            writer: self.writer_password.clone().unwrap_or_else(made_up),
            audit_writer: made_up(),
            auditor: made_up(),
        };
        files.add("pgwarrant.toml", Secrecy::Secret, self.config_text(&passwords).to_toml());
        files.add_keys(&self.origin())?;
        let texts = if self.rules.is_empty() { starters(tables) } else { self.given_rules()? };
        let (rules, _) = crate::rules::parse(&texts)?;
        for (name, text) in texts {
            files.add(&format!("rules/{name}"), Secrecy::Open, text);
        }
        let plan = SetupPlan {
            database: self.database.database.clone(),
            reader: Role { name: self.reader_role.clone(), verifier: Some(verifier(&passwords.reader)) },
            writer: self.writer_role().map(|name| Role { name: name.to_owned(), verifier: Some(verifier(&passwords.writer)) }),
            rights: crate::rules::sql::grants_and_row_security(&rules, catalogue, &self.reader_role, self.writer_role()),
        };
        files.add("setup.sql", Secrecy::Open, plan.to_sql());
        files.add("audit.sql", Secrecy::Open, audit_sql(&verifier(&passwords.audit_writer), &verifier(&passwords.auditor)));
        files.add("keys/auditor.password", Secrecy::Key, format!("{}\n", passwords.auditor));
        Ok(files)
    }

    fn config_text(&self, passwords: &Passwords) -> ConfigText {
        let reader =
            DatabaseUrl { user: self.reader_role.clone(), password: Some(passwords.reader.clone()), ..self.database.clone() };
        let audit = self.audit_database.clone().unwrap_or_else(|| self.database.clone());
        let audit_writer =
            DatabaseUrl { user: schema::WRITER_ROLE.to_owned(), password: Some(passwords.audit_writer.clone()), ..audit };
        let writer = self.writer_role().map(|name| {
            let url = DatabaseUrl { user: name.to_owned(), password: Some(passwords.writer.clone()), ..self.database.clone() };
            url.to_secret_string()
        });
        ConfigText {
            audience: self.audience.clone().unwrap_or_else(|| format!("{}@{}", self.database.database, host_name())),
            database: self.database.database.clone(),
            listen: self.listen,
            metrics: self.metrics,
            reader: reader.to_secret_string(),
            writer,
            audit: audit_writer.to_secret_string(),
            origin: self.origin(),
        }
    }

    fn writer_role(&self) -> Option<&str> {
        (!self.read_only).then_some(&*self.writer_role)
    }

    fn origin(&self) -> String {
        self.origin.clone().unwrap_or_else(|| format!("{}/pgwarrant/{}", host_name(), self.database.database))
    }

    fn given_rules(&self) -> anyhow::Result<Vec<(String, String)>> {
        let read = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).context("--rules needs a file's name")?;
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Ok((name.to_owned(), text))
        };
        self.rules.iter().map(read).collect()
    }

    fn say_what_comes_next(&self, tables: &[Table], files: &Files) {
        let hidden: usize = tables.iter().map(|table| Proposal::of(table).hidden.len()).sum();
        let dir = self.dir.display();
        println!(
            "wrote {} files into {dir}: {} tables and views, {hidden} columns proposed as hidden",
            files.len(),
            tables.len()
        );
        println!("next:");
        println!("  1. read {dir}/rules/*.toml: they are guesses");
        println!("  2. psql '{}' -f {dir}/setup.sql", self.database);
        let audit = self.audit_database.as_ref().unwrap_or(&self.database);
        println!("  3. psql '{audit}' -f {dir}/audit.sql");
        println!("  4. pgwarrant doctor --config {dir}/pgwarrant.toml");
        println!("  5. pgwarrant serve --config {dir}/pgwarrant.toml");
    }
}

fn starters(tables: &[Table]) -> Vec<(String, String)> {
    tables.iter().map(|table| (starter::file_name(table), starter::text(table, &Proposal::of(table)))).collect()
}

/// The auditor's log-in, a member of the role that may read.
pub const AUDITOR: &str = "pgwarrant_auditor";

struct Passwords {
    reader: String,
    writer: String,
    audit_writer: String,
    auditor: String,
}

/// 24 bytes of the system's randomness, in characters that a URL takes as they are.
fn made_up() -> String {
    let mut bytes = [0; 24];
    OsRng.fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What the server stores, so that no SQL file holds a password.
fn verifier(password: &str) -> String {
    postgres_protocol::password::scram_sha_256(password.as_bytes())
}

/// The writer's and the auditor's log-in, and between them the schema with what its roles may do.
fn audit_sql(writer: &str, auditor: &str) -> String {
    let mut sql =
        String::from("-- The audit schema and who logs in to it. Written by pgwarrant; may be run again at any time.\n");
    sql.push_str("-- Run it in the audit database, as its owner with CREATEROLE or as a superuser.\n\\set ON_ERROR_STOP on\n\\o /dev/null\nSET client_min_messages = warning;\n\n");
    sql.push_str(schema::SQL);
    for (role, verifier) in [(schema::WRITER_ROLE, writer), (AUDITOR, auditor)] {
        let (name, quoted) = (setup_sql::literal(role), setup_sql::identifier(role));
        sql.push_str(&format!(
            "\nDO $pgwarrant$ BEGIN\n  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN\n    \
             CREATE ROLE {quoted};\n  END IF;\nEND $pgwarrant$;\nALTER ROLE {quoted} LOGIN PASSWORD {};\n",
            setup_sql::literal(verifier)
        ));
    }
    let (group, member) = (setup_sql::identifier(schema::AUDITOR_ROLE), setup_sql::identifier(AUDITOR));
    sql.push_str(&format!("GRANT {group} TO {member};\n"));
    sql
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
