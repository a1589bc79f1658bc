//! What agents send, honest and hostile, writes above all, through the proxy; honest rows on a twin of the database too.
//! `tests/agents/*.py` write the rows and say why each is what it is.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Setting, Stage};

/// Honest rows that are refused, with the reason code that they get; README.md beside the rows says why.
/// A row that runs in spite of standing here is an error too, so that this list stays true.
const REFUSED: &[(&str, &str)] = &[
    ("h-transaction-034", "statement_not_allowed"),
    ("h-copy-014", "feature_not_supported"),
    ("h-cursor_prepare-016", "feature_not_supported"),
    ("h-cursor_prepare-017", "feature_not_supported"),
    ("h-cursor_prepare-028", "feature_not_supported"),
    ("h-cursor_prepare-029", "feature_not_supported"),
    ("h-cursor_prepare-033", "statement_not_allowed"),
    ("h-explain-006", "statement_not_allowed"),
    ("h-explain-007", "statement_not_allowed"),
    ("h-explain-009", "statement_not_allowed"),
    ("h-explain-012", "statement_not_allowed"),
    ("h-explain-013", "statement_not_allowed"),
    ("h-explain-014", "statement_not_allowed"),
    ("h-explain-015", ""),
    ("h-llm-037", "type_not_allowed"),
    ("h-expression-002", "function_not_allowed"),
    ("h-introspection-005", "type_not_allowed"),
    ("h-introspection-009", "setting_not_allowed"),
    ("h-introspection-011", "function_not_allowed"),
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents")
}

/// One JSON object a row, and one for each difference between the two databases at the end.
fn verdicts(stage: &Stage) -> Vec<Value> {
    let url = |name| stage.persona_url(name, 3600).expect("a token");
    let via: BTreeMap<&str, String> = ["support", "analyst", "writer"].into_iter().map(|name| (name, url(name))).collect();
    let (urls, out) = (stage.home().join("via.json"), stage.home().join("agents.jsonl"));
    fs::write(&urls, json!(via).to_string()).expect("written");
    let mut command = Command::new(support::python());
    command.arg(dir().join("judge.py")).arg("--via").arg(&urls).arg("--out").arg(&out);
    command.args(["--shop", &stage.cluster.admin_url("shop"), "--twin", &stage.cluster.admin_url("twin")]);
    command.args(["attacks.jsonl", "honest.jsonl", "orm.jsonl", "llm.jsonl"].map(|file| dir().join(file)));
    let output = command.output().expect("python with psycopg runs: scripts/setup.sh test");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let text = fs::read_to_string(&out).unwrap_or_else(|_| panic!("judge.py: {}", String::from_utf8_lossy(&output.stderr)));
    text.lines().map(|line| serde_json::from_str(line).expect("judge.py writes JSON")).collect()
}

fn is_right(row: &Value) -> bool {
    let (verdict, code) = (row["verdict"].as_str(), row["error"]["code"].as_str());
    let known = REFUSED.iter().find(|(id, _)| row["id"] == *id);
    match (row["kind"].as_str(), known) {
        (Some("attack"), _) => verdict == Some("refused"),
        (_, Some((_, expected))) => verdict == Some("REFUSED") && code == Some(expected),
        (_, None) => verdict == Some("ran"),
    }
}

#[test]
fn what_agents_send_honestly_does_what_it_does_without_us_and_no_attack_passes() {
    let mut stage = Stage::without_proxy(Setting::default()).expect("the stage is set");
    stage.cluster.sql("postgres", "CREATE DATABASE twin TEMPLATE shop").expect("a twin");
    stage.start_proxy().expect("the proxy starts");
    let rows = verdicts(&stage);
    assert!(rows.len() > 900, "{} rows only", rows.len());
    if let Ok(file) = std::env::var("PGWARRANT_AGENTS_OUT") {
        fs::write(file, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).expect("written");
    }
    let wrong: Vec<String> = rows.iter().filter(|row| !is_right(row)).map(Value::to_string).collect();
    assert!(wrong.is_empty(), "{} of {} rows got another verdict than they must:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
