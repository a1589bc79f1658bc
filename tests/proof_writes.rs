//! Writes against the proof engine, on the oldest and the newest Postgres: honest ones, and attacks of every class.
//! `tests/proof/writes.py` writes the rows and says why each is what it is.

mod support;

use pgwarrant::decision::{BoundValue, Deny, Permit};
use pgwarrant::token::grant::Grant;
use serde_json::Value;
use support::lab::{self, Lab};
use support::{Cluster, postgres::block_on};

const TYPES: [(&str, u32); 6] =
    [("int8", 20), ("int4", 23), ("text", 25), ("int4_array", 1007), ("int8_array", 1016), ("text_array", 1009)];

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(s) => Some(s.clone()),
        other => Some(other.to_string()),
    }
}

async fn decide(lab: &mut Lab, row: &Value) -> Result<Permit, Deny> {
    let list = |key: &str| row[key].as_array().cloned();
    let grants: Vec<Grant> = match list("grants") {
        Some(texts) => texts.iter().map(|t| t.as_str().expect("a grant is text").parse().expect("a grant")).collect(),
        None => lab.personas[row["persona"].as_str().expect("a persona")].clone(),
    };
    let oid = |t: &Value| TYPES.iter().find(|(name, _)| t == name).expect("a known type").1;
    let types: Vec<u32> = list("types").unwrap_or_default().iter().map(oid).collect();
    let values: Vec<Option<String>> = list("params").unwrap_or_default().iter().map(text).collect();
    let values: Vec<BoundValue<'_>> =
        values.iter().map(|v| v.as_ref().map_or(BoundValue::Null, |v| BoundValue::Text(v.as_bytes()))).collect();
    let proof = lab.prove_under(&[&grants, &grants], row["sql"].as_str().expect("a statement"), &types).await?;
    proof.check(&values, lab::now())
}

fn every_row_gets_its_verdict(major: u32) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proof/writes.jsonl");
    let rows = std::fs::read_to_string(path).expect("the rows are committed");
    let cluster = Cluster::builder().major(major).shop().start().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        let mut wrong = Vec::new();
        for line in rows.lines() {
            let row: Value = serde_json::from_str(line).expect("a row is JSON");
            let said = match decide(&mut lab, &row).await {
                Ok(_) => "permit".to_owned(),
                Err(deny) if row["want"] == deny.reason.code() => continue,
                Err(deny) => format!("{}: {} / {:?}", deny.reason.code(), deny.message, deny.hint),
            };
            if row["want"] != said.as_str() {
                wrong.push(format!("{} wants {}, got {said}\n    {}", row["id"], row["want"], row["sql"]));
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    });
}

#[test]
fn every_write_gets_its_verdict_on_the_oldest_postgres() {
    every_row_gets_its_verdict(15);
}

#[test]
fn every_write_gets_its_verdict_on_the_newest_postgres() {
    every_row_gets_its_verdict(18);
}
