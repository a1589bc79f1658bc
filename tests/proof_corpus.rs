//! Honest reads and read attacks of our own, many of a class, against the proof engine.
//! `tests/proof/generate.py` writes the rows and says why each is what it is.

mod support;

use serde_json::Value;
use support::lab::Lab;
use support::{Cluster, postgres::block_on};

const TYPES: [(&str, u32); 20] = [
    ("bool", 16),
    ("int8", 20),
    ("int2", 21),
    ("int4", 23),
    ("text", 25),
    ("json", 114),
    ("float8", 701),
    ("varchar", 1043),
    ("date", 1082),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("numeric", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
    ("int4_array", 1007),
    ("int8_array", 1016),
    ("text_array", 1009),
    ("uuid_array", 2951),
    ("bool_array", 1000),
];

struct Row {
    id: String,
    persona: String,
    sql: String,
    types: Vec<u32>,
    values: Vec<Option<String>>,
    why: String,
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(if *b { "t" } else { "f" }.to_owned()),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(|v| text(v).unwrap_or_else(|| "NULL".to_owned())).collect();
            Some(format!("{{{}}}", items.join(",")))
        }
        Value::String(s) => Some(s.clone()),
        other => Some(other.to_string()),
    }
}

fn rows(file: &str) -> Vec<Row> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proof").join(file);
    let read = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a row is JSON");
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let oid = |t: &Value| t.as_str().map_or(0, |name| TYPES.iter().find(|(n, _)| *n == name).expect("a known type").1);
        Row {
            id: word("id"),
            persona: word("persona"),
            sql: word("sql"),
            types: row["types"].as_array().map(|t| t.iter().map(oid).collect()).unwrap_or_default(),
            values: row["params"].as_array().map(|p| p.iter().map(text).collect()).unwrap_or_default(),
            why: word("why"),
        }
    };
    std::fs::read_to_string(path).expect("the rows are committed").lines().filter(|l| !l.is_empty()).map(read).collect()
}

/// Every row whose verdict is not the wanted one, with what was said.
fn wrong(file: &str, permitted: bool) -> Vec<String> {
    let cluster = Cluster::shop().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        let mut wrong = Vec::new();
        for row in rows(file) {
            let values: Vec<Option<&str>> = row.values.iter().map(Option::as_deref).collect();
            match (permitted, lab.decide(&row.persona, &row.sql, &row.types, &values).await) {
                (true, Err(d)) => wrong.push(format!(
                    "{} ({}) refused: {} {}\n    {}",
                    row.id,
                    row.persona,
                    d.reason.code(),
                    d.message,
                    row.sql
                )),
                (false, Ok(_)) => wrong.push(format!("{} ({}) PASSED: {}\n    {}", row.id, row.persona, row.why, row.sql)),
                (true, Ok(_)) | (false, Err(_)) => {}
            }
        }
        wrong
    })
}

#[test]
fn every_honest_read_is_proven() {
    let wrong = wrong("honest.jsonl", true);
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_read_attack_is_proven() {
    let wrong = wrong("attacks.jsonl", false);
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
