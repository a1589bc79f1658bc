//! What the auditor sees, and what happens when somebody changes the record.

use super::support::postgres::Error;
use super::support::{Stage, proxy, stage};
use super::terminal::{chapter, go_on, note, shown, typed};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const STATEMENTS: &str = "SELECT seq, agent, command_tag, rows, left(result_digest, 12) AS digest, left(template, 60) AS statement FROM audit.statements ORDER BY seq";
const DENIALS: &str = "SELECT seq, agent, reason, left(template, 60) AS statement FROM audit.denials ORDER BY seq";
const TRANSACTIONS: &str = "SELECT seq, agent, state, settled_seq, changes FROM audit.transactions ORDER BY seq";
const VICTIM: &str = "SELECT max(seq) FROM audit.statements";

pub fn play(stage: &Stage) -> Result<(), Error> {
    chapter("The auditor looks");
    let url = stage.audit_url()?;
    wait_for_mirror(&url)?;
    note("Another database role, in another database, which can only read. What was run:");
    query("auditor=>", &url, STATEMENTS)?;
    note("What was changed, as the database itself counted it, and that it was committed:");
    query("auditor=>", &url, TRANSACTIONS)?;
    note("What was refused:");
    query("auditor=>", &url, DENIALS)?;

    chapter("The auditor verifies");
    note("Every entry is hashed into a tree whose head the proxy signed before it released a result.");
    let (green, text) = verify(stage, &url)?;
    shown(&text);
    if !green {
        return Err(Error::Failed("an untouched record must verify".to_owned()));
    }

    chapter("A superuser changes one byte of the record");
    let admin = stage.cluster.admin_url("audit");
    let victim = ask(&admin, VICTIM)?;
    let change = format!(
        "ALTER TABLE audit.entry DISABLE TRIGGER append_only; \
         UPDATE audit.entry SET bytes = set_byte(bytes, length(bytes) / 2, get_byte(bytes, length(bytes) / 2) # 1) WHERE seq = {victim}"
    );
    query("superuser=#", &admin, &change)?;

    chapter("The auditor verifies again");
    let (green, text) = verify(stage, &url)?;
    shown(&text);
    if green || !text.contains(&victim) {
        return Err(Error::Failed(format!("the changed entry {victim} was not named")));
    }
    Ok(())
}

/// The mirror follows the ledger within moments; the last statement of the agent is the mark.
fn wait_for_mirror(url: &str) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(url, "SELECT count(*) >= 4 FROM audit.statements")? != "t" {
        go_on()?;
        if Instant::now() > deadline {
            return Err(Error::Failed("the mirror does not follow".to_owned()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn query(prompt: &str, url: &str, sql: &str) -> Result<(), Error> {
    go_on()?;
    typed(prompt, sql);
    shown(&stage::run(Command::new(stage::psql()?).args(["-X", "-d", url, "-c", sql]))?);
    Ok(())
}

fn ask(url: &str, sql: &str) -> Result<String, Error> {
    Ok(stage::run(Command::new(stage::psql()?).args(["-X", "-A", "-t", "-d", url, "-c", sql]))?.trim().to_owned())
}

fn verify(stage: &Stage, url: &str) -> Result<(bool, String), Error> {
    let key = stage.home().join("keys/ledger.vkey");
    typed("$", "pgwarrant verify --audit postgres://pgwarrant_auditor:…@127.0.0.1/audit --key ledger.vkey");
    let output = Command::new(proxy::binary()?).args(["verify", "--audit", url, "--key"]).arg(key).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), text))
}
