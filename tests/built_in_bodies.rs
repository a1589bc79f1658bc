//! Built-ins that are written in SQL show their bodies when a call with constants is planned; that is no change of the
//! statement.

mod support;

use pgwarrant::decision::is_built_in_body;
use support::lab::Lab;
use support::postgres::block_on;
use support::{Cluster, Setting, Stage};

#[test]
fn a_built_in_written_in_sql_runs_with_constant_arguments() {
    let stage = Stage::start(Setting::default()).expect("the stage is set");
    let url = stage.persona_url("analyst", 600).expect("a token");
    block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("the proxy answers");
        tokio::spawn(connection);
        for (sql, expected) in [
            ("SELECT round(10.5)::text", "11"),
            ("SELECT lpad('a', 3)", "  a"),
            ("SELECT date_part('month', DATE '2026-11-24')::text", "11"),
            ("SELECT (interval '1 day' + timestamp '2026-11-24')::date::text", "2026-11-25"),
        ] {
            for _ in 0..3 {
                let rows = client.simple_query(sql).await.expect(sql);
                let found = rows.iter().find_map(|m| match m {
                    tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                assert_eq!(found, Some(expected), "{sql}");
            }
        }
    });
}

#[test]
fn only_a_return_that_reads_nothing_and_calls_built_ins_is_such_a_body() {
    let cluster = Cluster::shop().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        for (sql, is_return, expected) in [
            ("SELECT round(10.5, 0)", true, true),
            ("SELECT round(10.5, 0)", false, false),
            ("SELECT id FROM products", true, false),
            ("SELECT (SELECT max(id) FROM products)", true, false),
            ("SELECT peek('SELECT 1')", true, false),
            ("SELECT pg_sleep(1)", true, false),
        ] {
            let mut trees = lab.trees(sql).await;
            trees.analysed.is_return = is_return;
            trees.rewritten[0].is_return = is_return;
            assert_eq!(is_built_in_body(&trees, &lab.catalogue), expected, "{sql} {is_return}");
        }
    });
}

#[test]
fn a_return_is_no_statement() {
    let cluster = Cluster::shop().expect("a cluster");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        let mut trees = lab.trees("SELECT 1").await;
        trees.analysed.is_return = true;
        trees.rewritten[0].is_return = true;
        let question =
            pgwarrant::decision::Question { trees: &trees, catalogue: &lab.catalogue, rules: &lab.rules, chain: &[], named: &[] };
        assert!(pgwarrant::decision::prove(&question).is_err_and(|deny| deny.reason.code() == "node_not_allowed"));
    });
}
