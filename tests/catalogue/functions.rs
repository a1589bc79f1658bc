//! `src/catalogue/functions/table.tsv` is what the rule in `classify.rs` makes of the servers' `pg_proc`.
//! With `PGWARRANT_WRITE_FUNCTIONS=1` the first test writes it anew, for the servers at hand.

use super::classify::{Row, Rule};
use super::servers::{connect, major, servers};
use pgwarrant::catalogue::functions::{FIRST_GENBKI_OBJECT_ID, TABLE, vetting};
use pgwarrant::catalogue::snapshot::Vetting;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

const ROWS: &str = "
    SELECT p.oid, n.nspname::text, p.proname::text,
           array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i) ORDER BY i), ', '),
           format_type(p.prorettype, NULL), p.provolatile::text,
           EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid AND o.oprname IN ('=', '<>', '<', '<=', '>', '>=')),
           p.proleakproof
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema')
    ORDER BY p.oid";

struct Built {
    row: Row,
    leakproof: bool,
}

async fn built_ins(client: &Client) -> Vec<Built> {
    client.batch_execute("SET search_path = ''").await.expect("a setting");
    let rows = client.query(ROWS, &[]).await.expect("pg_proc");
    let read = |r: &tokio_postgres::Row| Built {
        row: Row {
            oid: r.get(0),
            schema: r.get(1),
            name: r.get(2),
            arguments: r.get(3),
            result: r.get(4),
            volatility: r.get::<_, &str>(5).chars().next().expect("one letter"),
            compares: r.get(6),
        },
        leakproof: r.get(7),
    };
    rows.iter().map(read).collect()
}

type Key = (u32, String);

/// The table's number of a function: 0 where `initdb` gives it as it comes.
fn pinned(oid: u32) -> u32 {
    if oid < FIRST_GENBKI_OBJECT_ID { oid } else { 0 }
}

fn table() -> BTreeMap<Key, (BTreeSet<u32>, String)> {
    let read = |line: &str| {
        let f: Vec<&str> = line.split('\t').collect();
        let versions = f[2].split(',').map(|v| v.parse().expect("a major")).collect();
        ((f[0].parse().expect("an OID"), f[1].to_owned()), (versions, f[3].to_owned()))
    };
    TABLE.lines().filter(|l| !l.starts_with('#')).map(read).collect()
}

#[tokio::test]
async fn the_table_is_what_the_rule_makes_of_the_servers_at_hand() {
    let (rule, mut made, mut majors, mut rows) = (Rule::new(), BTreeMap::new(), BTreeSet::new(), Vec::new());
    for server in servers() {
        let client = connect(&server).await;
        let major = major(&client).await;
        majors.insert(major);
        for Built { row, .. } in built_ins(&client).await {
            let class = rule.class(&row);
            let entry = made.entry((pinned(row.oid), row.signature())).or_insert_with(|| (BTreeSet::new(), class.clone()));
            assert_eq!(entry.1, class, "{} changes its class in {major}", row.signature());
            entry.0.insert(major);
            rows.push(row);
        }
    }
    assert!(!majors.is_empty(), "no server to compare with");
    if majors.len() == 4 {
        assert_eq!(rule.unused(rows.iter()), Vec::<String>::new(), "names in the lists that no server knows");
    }
    if std::env::var_os("PGWARRANT_WRITE_FUNCTIONS").is_some() {
        return write(&made, &majors);
    }
    let known: BTreeMap<_, _> = table().into_iter().filter_map(|(k, v)| of_majors(v, &majors).map(|v| (k, v))).collect();
    for (key, made) in &made {
        assert_eq!(known.get(key), Some(made), "{key:?}");
    }
    assert_eq!(known.len(), made.len(), "the table lists functions that the servers do not have");
}

fn of_majors((versions, class): (BTreeSet<u32>, String), majors: &BTreeSet<u32>) -> Option<(BTreeSet<u32>, String)> {
    let here: BTreeSet<u32> = versions.intersection(majors).copied().collect();
    (!here.is_empty()).then_some((here, class))
}

fn write(made: &BTreeMap<Key, (BTreeSet<u32>, String)>, majors: &BTreeSet<u32>) {
    let mut all = made.clone();
    for (key, (versions, class)) in table() {
        let elsewhere: BTreeSet<u32> = versions.difference(majors).copied().collect();
        if !elsewhere.is_empty() {
            all.entry(key).or_insert_with(|| (BTreeSet::new(), class)).0.extend(elsewhere);
        }
    }
    let mut text = String::from("# oid, signature, versions, class; made and explained as docs/functions.md says.\n");
    for ((oid, signature), (versions, class)) in &all {
        let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
        text.push_str(&format!("{oid}\t{signature}\t{}\t{class}\n", versions.join(",")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue/functions/table.tsv");
    std::fs::write(path, text).expect("the table is written");
}

#[tokio::test]
async fn no_volatile_function_is_vetted_but_clocks_and_chance() {
    for server in servers() {
        let client = connect(&server).await;
        for Built { row, .. } in built_ins(&client).await.into_iter().filter(|b| b.row.volatility == 'v') {
            let signature = row.signature();
            match vetting(row.oid, &signature) {
                Vetting::Refused { .. } => {}
                Vetting::Vetted { .. } => {
                    let name = row.name.as_str();
                    let known = ["clock_timestamp", "random", "gen_random_uuid", "uuidv4", "uuidv7"].contains(&name);
                    assert!(known, "{signature} is volatile and vetted");
                }
                other => panic!("{signature} is volatile and {other:?}"),
            }
        }
    }
}

/// Postgres marks a function leakproof only when it cannot raise for its arguments' values.
#[tokio::test]
async fn what_postgres_calls_leakproof_is_total_when_it_is_vetted() {
    for server in servers() {
        let mut total = 0;
        let client = connect(&server).await;
        for Built { row, .. } in built_ins(&client).await.into_iter().filter(|b| b.leakproof) {
            match vetting(row.oid, &row.signature()) {
                Vetting::Vetted { total: true } => total += 1,
                Vetting::Refused { .. } => {}
                other => panic!("{} is leakproof and {other:?}", row.signature()),
            }
        }
        assert!(total > 200, "only {total} leakproof functions are vetted");
    }
}

#[test]
fn what_reaches_outside_a_statement_is_refused() {
    let refused = |name: &str| {
        let rows: Vec<_> = table().into_iter().filter(|((_, s), _)| s.split('(').next() == Some(name)).collect();
        assert!(!rows.is_empty(), "{name} is in no version");
        for ((_, signature), (_, class)) in rows {
            assert!(class.starts_with("refused:"), "{signature} is {class}");
        }
    };
    let names = "pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_get pg_sleep pg_sleep_for \
        pg_advisory_lock pg_try_advisory_xact_lock set_config current_setting query_to_xml table_to_xml schema_to_xml \
        database_to_xml cursor_to_xml nextval setval currval lastval txid_current pg_current_xact_id pg_notify \
        pg_terminate_backend pg_cancel_backend pg_reload_conf has_table_privilege has_column_privilege pg_has_role to_regclass \
        to_regproc regclass pg_get_viewdef pg_get_functiondef pg_get_serial_sequence pg_relation_size pg_database_size \
        inet_server_addr ts_stat pg_logical_emit_message pg_export_snapshot jsonb_populate_record json_populate_recordset \
        jsonb_to_record array_fill factorial pg_stat_get_activity pg_input_is_valid pg_input_error_info currtid2 xpath \
        textin int4in array_in record_out pg_node_tree_in hashtext pg_get_object_address pg_prepared_xact pg_cursor";
    names.split_whitespace().for_each(refused);
}
