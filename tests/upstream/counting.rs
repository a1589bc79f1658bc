//! The counters of a transaction and its record, on every version.

use pgwarrant::upstream::{Answer, Changes, Connection, Control, Counted, FENCE_SQL};

use super::support::{Cluster, versions};
use super::{connect, value};

const LEAF: [u8; 32] = [7; 32];
/// A partitioned table, and one that is a partition of nothing.
const TABLES: &str = "
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
    CREATE TABLE parts_lowest PARTITION OF parts_low FOR VALUES FROM (0) TO (5);
    CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (20);
    CREATE TABLE plain (id int)";

async fn oid(connection: &mut Connection, table: &str) -> u32 {
    value(connection, &format!("SELECT '{table}'::regclass::oid")).await.parse().expect("an oid")
}

async fn call(connection: &mut Connection, control: Control<'_>) -> Answer {
    connection.append_control(control).expect("appends");
    connection.sync();
    connection.flush().await.expect("sends");
    let answer = connection.control_answer(control).await.expect("answers").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(connection.next_frame().await.expect("a message").tag, b'Z');
    answer
}

async fn writer(cluster: &Cluster) -> Connection {
    let mut connection = connect(cluster, "postgres").await;
    connection.simple("SET default_transaction_read_only = off").await.expect("sets");
    connection.simple(&format!("{FENCE_SQL}; {TABLES}")).await.expect("the schema");
    connection.prepare_fence().await.expect("prepares");
    connection
}

#[tokio::test]
async fn changes_are_counted_with_those_of_partitions_at_any_depth_and_put_on_record() {
    for &major in versions().keys() {
        let cluster = Cluster::builder().major(major).start().expect("starts");
        let mut connection = writer(&cluster).await;
        let (parts, plain) = (oid(&mut connection, "parts").await, oid(&mut connection, "plain").await);
        let mut all = Counted::default();
        all.add(plain, false);
        all.add(parts, true);
        connection.simple("BEGIN; INSERT INTO parts VALUES (1), (11); INSERT INTO plain VALUES (1); COMMIT").await.expect("runs");

        connection.simple("BEGIN").await.expect("begins");
        let base = call(&mut connection, Control::Base(&all)).await.counters().expect("counters");
        assert_eq!(call(&mut connection, Control::Count(&all)).await, Answer::Counters(base.clone()), "Postgres {major}");
        connection
            .simple("INSERT INTO parts VALUES (2), (12), (3); DELETE FROM parts WHERE id = 1; UPDATE plain SET id = 2")
            .await
            .expect("writes");
        let record = |base| Control::Record { log: "log", seq: 5, leaf: &LEAF, counted: &all, base };
        let Answer::Record(found) = call(&mut connection, record(None)).await else { panic!("it is a record") };
        let changed = [Changes::new(plain, 0, 1, 0), Changes::new(parts, 3, 0, 1)];
        assert_eq!(found.changes, changed, "Postgres {major}");
        assert!(found.ddl.is_some_and(|mark| mark > 0));
        connection.simple("COMMIT").await.expect("commits");
        let settled = connection.settle("log", 5).await.expect("settles");
        assert!(settled.committed);
        assert_eq!(settled.leaf.as_deref(), Some(&LEAF[..]));
        let json: serde_json::Value = serde_json::from_str(&settled.changes.expect("changes")).expect("JSON");
        let expected = serde_json::json!([
            { "relation": plain, "inserted": 0, "updated": 1, "deleted": 0 },
            { "relation": parts, "inserted": 3, "updated": 0, "deleted": 1 },
        ]);
        assert_eq!(json, expected, "Postgres {major}");

        // With a base from the proxy; under a snapshot older than the locks there is no mark.
        connection.simple("BEGIN ISOLATION LEVEL REPEATABLE READ").await.expect("begins");
        let base = call(&mut connection, Control::Count(&all)).await.counters().expect("counters");
        connection.simple("INSERT INTO plain VALUES (9)").await.expect("writes");
        let again = Control::Record { log: "log", seq: 6, leaf: &LEAF, counted: &all, base: Some(&base) };
        let Answer::Record(found) = call(&mut connection, again).await else { panic!("it is a record") };
        assert_eq!(found.changes, [Changes::new(plain, 1, 0, 0), Changes::new(parts, 0, 0, 0)]);
        assert_eq!(found.ddl, None);
        connection.simple("ROLLBACK").await.expect("rolls back");
        assert!(!connection.settle("log", 6).await.expect("settles").committed);
    }
}

/// Planning would cost several times what they do.
#[tokio::test]
async fn the_calls_of_every_write_are_planned_once() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = writer(&cluster).await;
    let mut counted = Counted::default();
    counted.add(oid(&mut connection, "plain").await, false);
    for seq in 0..20 {
        connection.simple("BEGIN").await.expect("begins");
        call(&mut connection, Control::Base(&counted)).await;
        call(&mut connection, Control::Count(&counted)).await;
        call(&mut connection, Control::Record { log: "log", seq, leaf: &LEAF, counted: &counted, base: None }).await;
        connection.simple("ROLLBACK").await.expect("rolls back");
    }
    for name in ["base", "count", "record"] {
        let sql =
            format!("SELECT generic_plans || ' ' || custom_plans FROM pg_prepared_statements WHERE name = 'pgwarrant_{name}'");
        assert_eq!(value(&mut connection, &sql).await, "15 5", "{name}: five attempts, then one plan for all");
    }
}

/// The functions have no search path of their own.
#[tokio::test]
async fn no_name_in_them_can_be_taken_over_by_a_schema_that_comes_first() {
    let cluster = Cluster::builder().start().expect("starts");
    let connection = &mut writer(&cluster).await;
    let evil = "
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.no(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.no(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.no(bigint, bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE OPERATOR evil.<> (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.no);
        CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
        CREATE OPERATOR evil.- (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.no);
        CREATE FUNCTION evil.length(bytea) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.set_config(text, text, bool) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.unnest(oid[]) RETURNS SETOF oid LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.pg_stat_get_xact_tuples_inserted(oid) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
        CREATE FUNCTION evil.sum(bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$";
    connection.simple(evil).await.expect("the schema");
    let mut connection = connect(&cluster, "postgres").await;
    connection.simple("SET default_transaction_read_only = off").await.expect("sets");
    connection.simple("SET search_path = evil, pg_catalog").await.expect("sets");
    connection.prepare_fence().await.expect("prepares");
    let raised = connection.simple("SELECT length('x'::bytea)").await.expect_err("evil comes first");
    assert!(raised.to_string().contains("evil"), "{raised}");
    let mut counted = Counted::default();
    counted.add(oid(&mut connection, "public.plain").await, false);
    connection.simple("BEGIN").await.expect("begins");
    call(&mut connection, Control::Base(&counted)).await;
    connection.simple("INSERT INTO public.plain VALUES (1)").await.expect("writes");
    let record = Control::Record { log: "log", seq: 1, leaf: &LEAF, counted: &counted, base: None };
    let Answer::Record(found) = call(&mut connection, record).await else { panic!("it is a record") };
    assert_eq!(found.changes, [Changes::new(counted.relations()[0], 1, 0, 0)]);
    connection.simple("COMMIT").await.expect("commits");
    assert!(connection.settle("log", 1).await.expect("settles").committed);
}
