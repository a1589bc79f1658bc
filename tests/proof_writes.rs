//! Writes against the proof engine, on the oldest and the newest Postgres: honest ones, and attacks of every class.

mod support;

use support::lab::Lab;
use support::{Cluster, postgres::block_on};

/// Runs each case on every version; a verdict is `permit` or the reason's code.
fn verdicts(persona: &str, cases: &[(&str, &str)]) {
    for major in [15, 18] {
        let cluster = Cluster::builder().major(major).shop().start().expect("a cluster");
        block_on(async {
            let mut lab = Lab::shop(&cluster).await;
            let mut wrong = Vec::new();
            for (sql, wanted) in cases {
                match lab.decide(persona, sql, &[], &[]).await {
                    Ok(_) if *wanted == "permit" => {}
                    Err(deny) if deny.reason.code() == *wanted => {}
                    Ok(permit) => wrong.push(format!("{major}: PERMITTED {:?}, wanted {wanted}\n    {sql}", permit.written())),
                    Err(deny) => wrong.push(format!(
                        "{major}: {} {:?} {:?}, wanted {wanted}\n    {sql}",
                        deny.reason.code(),
                        deny.message,
                        deny.hint
                    )),
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        });
    }
}

#[test]
fn a_new_row_must_be_inside_the_grant() {
    verdicts(
        "writer",
        &[
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6)", "permit"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (8, 6)", "predicate_not_implied"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6), (7, 26)", "permit"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6), (8, 26)", "predicate_not_implied"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6), (NULL, 26)", "predicate_not_implied"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6), (DEFAULT, 26)", "predicate_not_implied"),
            ("INSERT INTO orders (customer_id) VALUES (6)", "predicate_not_implied"),
            ("INSERT INTO orders DEFAULT VALUES", "predicate_not_implied"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (NULL, 6)", "predicate_not_implied"),
            ("INSERT INTO orders (tenant_id, customer_id) VALUES (DEFAULT, 6)", "predicate_not_implied"),
        ],
    );
}
