//! The sample of the corpus through the proxy, judged by its own runner.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use support::{Setting, Stage, corpus_dir};

/// Honest rows that are refused for now, by class, and the reason code that they must get: what is not built is refused.
/// A row that runs in spite of standing here is an error too, so that this list stays true.
const NOT_YET: &[(&str, &str)] = &[];

fn reason_expected(row: &Value) -> Option<&'static str> {
    let is = |name: &str| row["id"] == name || row["klass"] == name;
    NOT_YET.iter().find(|(name, _)| row["kind"] == "honest" && is(name)).map(|(_, code)| *code)
}

/// `run.py` with every row of `dev_sample.jsonl`; one JSON line a row.
fn verdicts(stage: &Stage) -> Vec<Value> {
    let via: BTreeMap<&str, String> =
        ["support", "analyst", "writer"].iter().map(|name| (*name, stage.persona_url(name, 3600).expect("a token"))).collect();
    let (urls, out) = (stage.home().join("via.json"), stage.home().join("corpus.jsonl"));
    fs::write(&urls, json!(via).to_string()).expect("written");
    let mut command = Command::new(support::python());
    command.arg(corpus_dir().join("run.py")).args(["--bare", &stage.cluster.admin_url("shop")]);
    command.arg("--via").arg(&urls).arg("--out").arg(&out).arg("--classes").arg(corpus_dir().join("dev_sample.jsonl"));
    let output = command.output().expect("python with psycopg runs: scripts/setup.sh test");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let text = fs::read_to_string(&out).unwrap_or_else(|_| panic!("run.py: {}", String::from_utf8_lossy(&output.stderr)));
    text.lines().map(|line| serde_json::from_str(line).expect("run.py writes JSON")).collect()
}

#[test]
fn every_attack_is_refused_and_every_honest_statement_runs() {
    let stage = Stage::start(Setting::default()).expect("the stage is set");
    let rows = verdicts(&stage);
    assert!(rows.len() > 100, "the sample has {} rows only", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let (verdict, code) = (row["verdict"].as_str().unwrap_or_default(), row["error"]["code"].as_str());
        let right = match (row["kind"].as_str(), reason_expected(row)) {
            (Some("attack"), _) => matches!(verdict, "refused" | "filtered"),
            (_, None) => verdict == "ran",
            (_, expected) => verdict == "REFUSED" && code == expected,
        };
        if !right {
            wrong.push(format!("{} {} {}: {verdict} {}: {}", row["kind"], row["klass"], row["id"], row["error"], row["sql"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows got another verdict than they must:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
