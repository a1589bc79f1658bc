//! `pgwarrant verify`: an auditor's check, which trusts neither the proxy nor the audit database.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::connect;
use crate::audit::verify::{Expected, Summary, VerifyError, logs, verify_ledger, verify_mirror};
use crate::config::DatabaseUrl;
use crate::ledger::note::{Claim, VerifyingName};
use crate::ledger::{Checkpoint, Reader};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, with the verifier key that the proxy's operator published and a checkpoint that you kept:
  pgwarrant verify --audit postgres://auditor@db/audit --key ledger.vkey --checkpoint kept.txt
Example, on the proxy's own disk, comparing the mirror entry by entry:
  pgwarrant verify --ledger /var/lib/pgwarrant/ledger --audit postgres://auditor@db/audit --key ledger.vkey
Exits with 0 if everything is as it was signed, with 1 if not.")]
pub struct Args {
    /// The audit database, as a role that may read the schema `audit`
    #[arg(long, value_name = "URL", required_unless_present = "ledger", value_parser = DatabaseUrl::parse)]
    audit: Option<DatabaseUrl>,

    /// The ledger's directory
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,

    /// Verifier key of a log (`name+hash+key`), or a file with it; one for each log
    #[arg(long, value_name = "VKEY", required = true)]
    key: Vec<String>,

    /// A checkpoint that somebody else kept: the log must still contain it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::block_on(run(self))
    }
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = args.key.iter().map(|key| verifying_name(key)).collect::<anyhow::Result<Vec<_>>>()?;
    let held = args.checkpoint.iter().map(|file| held(file, &keys)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut report = Report::new(held);
    let mut ledger_log = None;
    if let Some(dir) = &args.ledger {
        let reader = Reader::any(dir).and_then(|found| found.map_or_else(|| Reader::first(dir), Ok));
        let origin = reader.map(|reader| reader.origin().to_owned());
        match origin.map_err(VerifyError::from) {
            Err(error) => report.add(&format!("ledger {}", dir.display()), Err(error))?,
            Ok(origin) => {
                let checked = report.expected(&keys, &origin).map(|expected| verify_ledger(dir, expected));
                report.add_or_no_key(&format!("ledger {origin}"), checked)?;
                ledger_log = Some((origin, dir.clone()));
            }
        }
    }
    if let Some(url) = &args.audit {
        let mut client = connect::connect(url).await?;
        let mut found = logs(&client).await.context("cannot read the audit schema")?;
        // A log that is gone altogether has no row that would name it.
        found.extend(keys.iter().map(|key| key.name().to_owned()));
        found.sort();
        found.dedup();
        for log in found {
            let ledger = ledger_log.as_ref().filter(|(origin, _)| *origin == log).map(|(_, dir)| dir.as_path());
            let checked = match report.expected(&keys, &log) {
                Some(expected) => Some(verify_mirror(&mut client, expected, ledger).await),
                None => None,
            };
            report.add_or_no_key(&format!("mirror {log}"), checked)?;
        }
    }
    Ok(report.finish())
}

pub(super) fn verifying_name(key: &str) -> anyhow::Result<VerifyingName> {
    let text = match key.contains('+') {
        true => key.to_owned(),
        false => std::fs::read_to_string(key).with_context(|| format!("--key {key}"))?,
    };
    VerifyingName::parse(&text).with_context(|| format!("--key {key}"))
}

/// A checkpoint that was kept must itself be one that a log signed.
pub(super) fn held(file: &Path, keys: &[VerifyingName]) -> anyhow::Result<Checkpoint> {
    let what = || format!("--checkpoint {}", file.display());
    let text = std::fs::read_to_string(file).with_context(what)?;
    // What psql, editors and mail add or take at the end is not part of a note, which ends with one newline.
    let claim = Claim::parse(&format!("{}\n", text.trim_end())).with_context(what)?;
    let key = keys.iter().find(|key| key.name() == claim.origin);
    let key = key.with_context(|| format!("no --key for the log `{}`", claim.origin)).with_context(what)?;
    claim.verify(key).with_context(what)
}

struct Report {
    held: Vec<Checkpoint>,
    /// Held checkpoints, by log and size, that nothing was checked against yet.
    unchecked: Vec<(String, u64)>,
    wrong: usize,
    color: bool,
}

impl Report {
    fn new(held: Vec<Checkpoint>) -> Self {
        Report { held, unchecked: Vec::new(), wrong: 0, color: std::io::stdout().is_terminal() }
    }

    fn expected(&self, keys: &[VerifyingName], log: &str) -> Option<Expected> {
        let key = keys.iter().find(|key| key.name() == log)?.clone();
        let held = self.held.iter().filter(|held| held.origin() == log).cloned().collect();
        Some(Expected { key, held })
    }

    fn add_or_no_key(&mut self, what: &str, checked: Option<Result<Summary, VerifyError>>) -> anyhow::Result<()> {
        match checked {
            Some(checked) => self.add(what, checked),
            None => {
                self.red(what, "no --key was given for this log, so nobody knows who signed it");
                Ok(())
            }
        }
    }

    /// What cannot be read is no verdict, and ends the command as an error.
    fn add(&mut self, what: &str, checked: Result<Summary, VerifyError>) -> anyhow::Result<()> {
        match checked {
            Ok(summary) => {
                self.green(what, &summary);
                // The ledger comes first; the mirror, which is whole, settles what it left open.
                self.unchecked.retain(|(log, _)| *log != summary.log);
                self.unchecked.extend(summary.unchecked.iter().map(|size| (summary.log.clone(), *size)));
            }
            Err(VerifyError::Fault(fault)) => self.red(what, &fault.to_string()),
            Err(error @ (VerifyError::Ledger(_) | VerifyError::Database(_))) => return Err(error).context(what.to_owned()),
        }
        Ok(())
    }

    fn green(&self, what: &str, summary: &Summary) {
        let Summary { first, entries, checkpoints, head, held, .. } = summary;
        let head = head.as_ref().map_or_else(|| "empty".to_owned(), |head| format!("head {}", head_of(head)));
        let held = if *held > 0 { ", contains what was held" } else { "" };
        let pruned = if *first > 0 { format!(" (those below {first} are pruned here)") } else { String::new() };
        println!("{}: {what}: {entries} entries{pruned}, {checkpoints} checkpoints, {head}{held}", self.paint("32", "verified"));
    }

    fn red(&mut self, what: &str, problem: &str) {
        self.wrong += 1;
        println!("{}: {what}: {problem}", self.paint("31", "NOT AS SIGNED"));
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.color { format!("\x1b[1;{color}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn finish(mut self) -> ExitCode {
        for (log, size) in std::mem::take(&mut self.unchecked) {
            let problem = "what it covers is pruned here; check it against the mirror (--audit)";
            self.red(&format!("held checkpoint of size {size} of {log}"), problem);
        }
        if self.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Size and root as they stand in the note.
fn head_of(head: &Checkpoint) -> String {
    head.note().lines().skip(1).take(2).collect::<Vec<_>>().join(" ")
}
