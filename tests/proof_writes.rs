//! Writes against the proof engine, on the oldest and the newest Postgres: honest ones, and attacks of every class.
//! `tests/proof/writes.py` writes the rows and says why each is what it is.

mod support;

use pgwarrant::decision::{BoundValue, Deny, Permit};
use pgwarrant::token::grant::Grant;
use serde_json::Value;
use std::sync::LazyLock;
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

/// One statement of the writer's, or of the grants given, with values.
fn permits(blocks: &[&[&str]], sql: &str, types: &[u32], values: &[BoundValue<'_>]) -> Result<Permit, Deny> {
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::shop().expect("a cluster"));
    block_on(async {
        let mut lab = Lab::shop(&CLUSTER).await;
        let parse = |block: &&[&str]| block.iter().map(|g| g.parse().expect(g)).collect::<Vec<Grant>>();
        let mut chain: Vec<Vec<Grant>> = blocks.iter().map(parse).collect();
        if chain.is_empty() {
            chain.push(lab.personas["writer"].clone());
        }
        let chain: Vec<&[Grant]> = chain.iter().map(Vec::as_slice).collect();
        lab.prove_under(&chain, sql, types).await?.check(values, lab::now())
    })
}

#[test]
fn a_permit_says_what_may_change_and_how_much() {
    let upsert =
        "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) VALUES (5, 1, 7, 3, 2, 121)
                  ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 1 WHERE order_items.tenant_id = 7";
    let permit = permits(&[], upsert, &[], &[]).expect("it is honest");
    let [items] = permit.written() else { panic!("one table") };
    assert_eq!((items.name.name.as_str(), items.insert, items.update, items.delete), ("order_items", true, true, false));
    assert_eq!(items.limit, Some(50), "the smallest of 500 for INSERT, 50 for UPDATE and the rules' 1000");
    let two = "WITH d AS (DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 RETURNING order_id)
               UPDATE orders SET note = 'x' FROM d WHERE orders.id = d.order_id AND orders.tenant_id = 7";
    let permit = permits(&[], two, &[], &[]).expect("it is honest");
    let written: Vec<_> = permit.written().iter().map(|w| (w.name.name.as_str(), w.update, w.delete, w.limit)).collect();
    assert_eq!(written.len(), 2);
    assert!(written.contains(&("order_items", false, true, Some(10))), "{written:?}");
    assert!(written.contains(&("orders", true, false, Some(20))), "{written:?}");
    assert_eq!(permit.row_limit(), Some(10), "the limits of every table count");
    let read = permits(&[], "SELECT id FROM orders WHERE id = 5 AND tenant_id = 7 FOR UPDATE", &[], &[]).expect("it is honest");
    assert!(read.written().is_empty() && read.locks());
    let plain = permits(&[], "SELECT id FROM orders WHERE id = 5 AND tenant_id = 7", &[], &[]).expect("it is honest");
    assert!(plain.written().is_empty() && !plain.locks());
}

#[test]
fn the_values_choose_the_grant_and_its_limit() {
    let grants: &[&str] = &[
        "SELECT (*) ON public.orders",
        "UPDATE (note) ON public.orders WHERE tenant_id = 7 LIMIT 3",
        "UPDATE (note) ON public.orders WHERE tenant_id = 8 LIMIT 5",
    ];
    let sql = "UPDATE orders SET note = 'x' WHERE id = $1 AND tenant_id = $2";
    let limit = |tenant: &[u8]| {
        let values = [BoundValue::Text(b"5"), BoundValue::Text(tenant)];
        permits(&[grants], sql, &[20, 23], &values).map(|p| p.written()[0].limit).map_err(|d| d.reason.code())
    };
    assert_eq!((limit(b"7"), limit(b"8"), limit(b"9")), (Ok(Some(3)), Ok(Some(5)), Err("predicate_not_implied")));
}

#[test]
fn a_parameter_is_checked_as_text_and_as_binary() {
    let sql = "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2)";
    let verdict = |tenant: BoundValue<'_>| {
        let values = [tenant, BoundValue::Binary(&6i64.to_be_bytes())];
        permits(&[], sql, &[23, 20], &values).map(drop).map_err(|d| d.reason.code())
    };
    let outside = Err("predicate_not_implied");
    assert_eq!(verdict(BoundValue::Text(b"7")), Ok(()));
    assert_eq!(verdict(BoundValue::Binary(&7i32.to_be_bytes())), Ok(()));
    assert_eq!(verdict(BoundValue::Binary(&8i32.to_be_bytes())), outside);
    assert_eq!(verdict(BoundValue::Text(b"8")), outside);
    assert_eq!(verdict(BoundValue::Null), outside);
    // What cannot be decoded is not inside.
    assert_eq!(verdict(BoundValue::Binary(&7i64.to_be_bytes())), outside);
    assert_eq!(verdict(BoundValue::Text(b"0x7")), outside);
}

#[test]
fn every_block_of_the_chain_must_cover_the_write() {
    let wide: &[&str] = &["SELECT (*) ON public.orders", "UPDATE (*) ON public.orders"];
    let narrow: &[&str] =
        &["SELECT (*) ON public.orders WHERE tenant_id = 7", "UPDATE (note) ON public.orders WHERE tenant_id = 7"];
    let reading: &[&str] = &["SELECT (*) ON public.orders"];
    let verdict = |blocks: &[&[&str]], sql: &str| permits(blocks, sql, &[], &[]).map(drop).map_err(|d| d.reason.code());
    let own = "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7";
    let other = "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id = 8";
    let status = "UPDATE orders SET status = 'paid' WHERE id = 5 AND tenant_id = 7";
    assert_eq!(verdict(&[wide], other), Ok(()));
    assert_eq!(verdict(&[wide, narrow], own), Ok(()));
    assert_eq!(verdict(&[wide, narrow], other), Err("predicate_not_implied"));
    assert_eq!(verdict(&[narrow, wide], other), Err("predicate_not_implied"));
    assert_eq!(verdict(&[wide, narrow], status), Err("column_not_granted"));
    assert_eq!(verdict(&[wide, reading], own), Err("relation_not_granted"));
}

#[test]
fn a_rule_that_observes_lets_no_write_through() {
    let cluster = Cluster::shop().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        lab.rules.mode = pgwarrant::rules::ruleset::Mode::Observe;
        for (sql, code) in [
            ("UPDATE orders SET note = 'x' WHERE id = 46", "predicate_not_implied"),
            ("UPDATE orders SET note = 'x' WHERE tenant_id = 7", "unbounded_scan"),
            ("DELETE FROM employees", "relation_not_granted"),
            ("WITH x AS (DELETE FROM order_items WHERE order_id = 46 RETURNING 1) SELECT * FROM x", "predicate_not_implied"),
            (
                "INSERT INTO orders (tenant_id, customer_id) SELECT 7, c.id FROM customers c WHERE c.id = 26",
                "relation_not_granted",
            ),
            ("SELECT id FROM orders WHERE id = 46 FOR UPDATE", "predicate_not_implied"),
            ("UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7", "permit"),
        ] {
            assert_eq!(lab.verdict("writer", sql).await, code, "{sql}");
        }
        let values = [Some("46"), Some("8")];
        let proof =
            lab.decide("writer", "UPDATE orders SET note = 'x' WHERE id = $1 AND tenant_id = $2", &[20, 23], &values).await;
        assert_eq!(proof.map(drop).map_err(|d| d.reason.code()), Err("predicate_not_implied"));
    });
}
