//! The proof engine against a real Postgres: the sample of the corpus, and cases by class.

mod support;

use serde_json::Value;
use support::lab::Lab;
use support::{Cluster, corpus_dir, postgres::block_on};

fn oid(name: &str) -> u32 {
    match name {
        "bool" => 16,
        "int8" => 20,
        "int2" => 21,
        "int4" => 23,
        "text" => 25,
        "json" => 114,
        "varchar" => 1043,
        "date" => 1082,
        "timestamp" => 1114,
        "timestamptz" => 1184,
        "numeric" => 1700,
        "uuid" => 2950,
        "jsonb" => 3802,
        "int4_array" => 1007,
        "int8_array" => 1016,
        "text_array" => 1009,
        "uuid_array" => 2951,
        other => panic!("type {other}"),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(if *b { "t" } else { "f" }.to_owned()),
        Value::Array(list) => Some(format!("{{{}}}", list.iter().map(|v| text(v).unwrap()).collect::<Vec<_>>().join(","))),
        Value::String(s) => Some(s.clone()),
        other => Some(other.to_string()),
    }
}

/// Classes that this version refuses by design, or that are judged elsewhere.
const NOT_READS: [&str; 14] = [
    "insert",
    "update",
    "delete",
    "merge",
    "upsert",
    "returning",
    "transaction",
    "cursor_prepare",
    "copy",
    "introspection",
    "row_limit",
    "prepare_escape",
    "statement_stacking",
    "session_setting",
];

#[test]
fn every_honest_read_of_the_sample_is_proven_and_no_attack_is() {
    let cluster = Cluster::shop().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        let sample = std::fs::read_to_string(corpus_dir().join("dev_sample.jsonl")).unwrap();
        let mut wrong = Vec::new();
        for line in sample.lines().filter(|l| !l.is_empty()) {
            let row: Value = serde_json::from_str(line).unwrap();
            let (class, kind) = (row["class"].as_str().unwrap(), row["kind"].as_str().unwrap());
            let sql = row["sql"].as_str().unwrap();
            if NOT_READS.contains(&class) || sql.starts_with("DELETE") {
                continue;
            }
            let types: Vec<u32> =
                row["types"].as_array().map(|t| t.iter().map(|t| t.as_str().map_or(0, oid)).collect()).unwrap_or_default();
            let values: Vec<Option<String>> = row["params"].as_array().map(|p| p.iter().map(text).collect()).unwrap_or_default();
            let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let decision = lab.decide(row["persona"].as_str().unwrap(), sql, &types, &values).await;
            match (kind, &decision) {
                ("honest", Err(d)) => {
                    wrong.push(format!("{} refused: {} {} {:?}\n    {sql}", row["id"], d.reason.code(), d.message, d.hint))
                }
                ("attack", Ok(_)) => wrong.push(format!("{} PASSED\n    {sql}", row["id"])),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
