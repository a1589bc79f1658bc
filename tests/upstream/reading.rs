//! Parse and the trees, requests in batches, certified statements, cancels.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pgwarrant::upstream::{Certified, Connection, ParseFailure, UpstreamError};
use pgwarrant::wire::backend::{self, TransactionStatus, tag};
use pgwarrant::wire::frontend::{Format, Formats, Target};
use pgwarrant::wire::request;

use super::support::{Cluster, versions};
use super::{connect, value};

const POINT: &str = "SELECT id, name FROM customers WHERE tenant_id = $1 ORDER BY id LIMIT 3";

/// All messages up to the next ReadyForQuery, tags only.
async fn tags_until_ready(connection: &mut Connection) -> String {
    let mut tags = String::new();
    loop {
        let frame = connection.next_frame().await.expect("a message");
        tags.push(frame.tag.into());
        if frame.tag == tag::READY_FOR_QUERY {
            return tags;
        }
    }
}

fn bind(connection: &mut Connection, statement: &str, parameters: &[Option<Bytes>]) {
    request::bind(connection.write_buf(), "", statement, &Formats::All(Format::Text), parameters, request::ALL_TEXT)
        .expect("no NUL");
    request::execute(connection.write_buf(), "", 0).expect("no NUL");
}

#[tokio::test]
async fn every_version_shows_its_reading_and_runs_the_statement() {
    for &major in versions().keys() {
        let cluster = Cluster::builder().major(major).shop().start().expect("starts");
        let mut connection = connect(&cluster, "shop").await;
        assert_eq!(connection.server_version_num() / 10_000, major);
        let parsed = connection.parse_and_read("s1", POINT, &[]).await.expect("reads");
        assert!(parsed.analysed.starts_with(b"{QUERY"), "Postgres {major}: {:?}", &parsed.analysed[..20]);
        assert!(parsed.rewritten.starts_with(b"({QUERY") || parsed.rewritten.starts_with(b"(\n"), "Postgres {major}");
        assert_eq!((parsed.parameter_types.as_slice(), parsed.other_notices), (&[23][..], 0));
        let description = parsed.row_description.clone().expect("it returns rows").slice(5..);
        let fields = backend::row_description(&description).expect("reads");
        assert_eq!(fields.iter().map(|field| field.name).collect::<Vec<_>>(), [&b"id"[..], b"name"]);

        bind(&mut connection, "s1", &[Some(Bytes::from_static(b"7"))]);
        connection.sync();
        connection.flush().await.expect("sends");
        assert_eq!(tags_until_ready(&mut connection).await, "2DDDCZ", "Postgres {major}: silence means the same tree");

        let again = connect(&cluster, "shop").await.parse_and_read("other", POINT, &[]).await.expect("reads");
        assert_eq!(again.tree_digest, parsed.tree_digest, "Postgres {major}");
        let other = connection.parse_and_read("s2", "SELECT id FROM customers", &[]).await.expect("reads");
        assert_ne!(other.tree_digest, parsed.tree_digest, "Postgres {major}");
        assert!(connection.is_idle());
    }
}

#[tokio::test]
async fn a_refused_parse_leaves_the_connection_good() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    for (sql, sqlstate) in [("SELECT * FROM nowhere", "42P01"), ("SELEC 1", "42601"), ("SELECT 1; SELECT 2", "42601")] {
        match connection.parse_and_read("s", sql, &[]).await {
            Err(ParseFailure::Server(error)) => assert_eq!(error.sqlstate(), sqlstate, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
        assert!(connection.is_idle(), "{sql}");
    }
    assert!(matches!(
        connection.parse_and_read("s", "SELECT '\0'", &[]).await,
        Err(ParseFailure::Upstream(UpstreamError::Unencodable(_)))
    ));
    connection.parse_and_read("s", POINT, &[]).await.expect("still reads");
}

#[tokio::test]
async fn an_error_in_a_transaction_fails_it_until_rollback() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    connection.simple("BEGIN").await.expect("begins");
    assert_eq!(connection.status(), TransactionStatus::InTransaction);
    assert!(!connection.is_idle());
    assert!(connection.parse_and_read("s", "SELECT * FROM nowhere", &[]).await.is_err());
    assert_eq!(connection.status(), TransactionStatus::Failed);
    connection.simple("ROLLBACK").await.expect("rolls back");
    assert!(connection.is_idle());
}

#[tokio::test]
async fn a_statement_without_exactly_one_reading_is_refused() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    connection.simple("SET debug_print_rewritten = off").await.expect("sets");
    let found = connection.parse_and_read("s", POINT, &[]).await;
    assert!(matches!(found, Err(ParseFailure::TreesMissing)), "{found:?}");
    assert!(connection.is_idle());
}

#[tokio::test]
async fn a_notice_of_code_that_ran_at_parse_is_counted_and_is_no_tree() {
    let cluster = Cluster::shop().expect("starts");
    let setup = "CREATE FUNCTION public.shout(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                   RAISE LOG 'parse tree:' USING DETAIL = '{QUERY}'; RETURN true; END $$;
                 CREATE DOMAIN public.loud AS text CHECK (public.shout(VALUE));
                 CREATE TYPE public.pair AS (a public.loud)";
    cluster.sql("shop", setup).expect("sets up");
    let mut connection = connect(&cluster, "shop").await;
    const LOUD: &str = "SELECT '(x)'::public.pair";
    // At its first run the function's own expressions are analysed as well: more readings than the statement's own.
    let first = connection.parse_and_read("s1", LOUD, &[]).await;
    assert!(matches!(first, Err(ParseFailure::TreesMissing)), "{first:?}");
    let again = connection.parse_and_read("s2", LOUD, &[]).await.expect("reads");
    assert_eq!(again.other_notices, 1);
    assert_ne!(&again.analysed[..], b"{QUERY}");
}

#[tokio::test]
async fn trees_above_the_cap_are_refused_and_the_connection_is_given_up() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    let list: Vec<String> = (0..40_000).map(|number| number.to_string()).collect();
    let sql = format!("SELECT id FROM customers WHERE tenant_id IN ({})", list.join(","));
    let found = connection.parse_and_read("s", &sql, &[]).await;
    assert!(matches!(found, Err(ParseFailure::TooLarge)), "{:?}", found.map(|parsed| parsed.analysed.len()));
    assert!(!connection.is_idle());
    assert!(matches!(connection.simple("SELECT 1").await, Err(UpstreamError::Busy)));
}

#[tokio::test]
async fn a_read_only_connection_does_not_write() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    let error = connection.simple("DELETE FROM customers").await.expect_err("must not delete");
    assert!(matches!(error, UpstreamError::Server(ref error) if error.sqlstate() == "25006"), "{error}");
    assert!(connection.is_idle());
}

#[tokio::test]
async fn raw_queries_carry_parameters_and_nulls() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = connect(&cluster, "postgres").await;
    let parameters = [Some(Bytes::from_static(b"x")), None];
    let found = connection.query_raw("SELECT $1::text, $2::text, ''", &parameters).await.expect("runs");
    assert_eq!(found.rows, [[Some(Bytes::from_static(b"x")), None, Some(Bytes::new())]]);
    assert_eq!(found.tags, ["SELECT 1"]);
}

/// Both ways more than all socket buffers hold: who only writes, while the server only writes, waits for ever.
pub async fn pipeline_without_stalling(connection: &mut Connection, requests: usize) {
    connection.parse_and_read("echo", "SELECT $1::text", &[]).await.expect("reads");
    let large = [Some(Bytes::from(vec![b'x'; 16 * 1024]))];
    for _ in 0..requests {
        bind(connection, "echo", &large);
    }
    connection.sync();
    tokio::time::timeout(Duration::from_secs(60), connection.flush()).await.expect("no stall").expect("sends");
    assert_eq!(tags_until_ready(connection).await.matches('D').count(), requests);
    assert!(connection.is_idle());
}

#[tokio::test]
async fn a_pipeline_larger_than_all_socket_buffers_does_not_stall() {
    let cluster = Cluster::builder().start().expect("starts");
    pipeline_without_stalling(&mut connect(&cluster, "postgres").await, 900).await;
}

#[tokio::test]
async fn rows_are_taken_in_runs_without_losing_one() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = connect(&cluster, "postgres").await;
    connection.parse_and_read("series", "SELECT g FROM generate_series(1, $1) g", &[]).await.expect("reads");
    bind(&mut connection, "series", &[Some(Bytes::from_static(b"50000"))]);
    connection.sync();
    connection.flush().await.expect("sends");
    let mut rows = 0;
    loop {
        let frame = connection.next_frame().await.expect("a message");
        rows += u64::from(frame.tag == tag::DATA_ROW);
        if frame.tag == tag::READY_FOR_QUERY {
            break;
        }
        rows += connection.buffered_rows().map_or(0, |run| run.rows);
    }
    assert_eq!(rows, 50_000);
    assert!(connection.is_idle());
}

#[tokio::test]
async fn evicted_statements_are_closed_with_the_next_batch_and_nobody_sees_the_answer() {
    let cluster = Cluster::shop().expect("starts");
    let mut connection = connect(&cluster, "shop").await;
    connection.certified().set_capacity(2);
    for key in 0..5 {
        let name = connection.certified().new_name();
        let parsed = connection.parse_and_read(name.as_str(), POINT, &[]).await.expect("reads");
        connection.certified().insert(key, Certified { name, tree_digest: parsed.tree_digest });
    }
    let count = "SELECT count(*) FROM pg_prepared_statements";
    assert_eq!(value(&mut connection, count).await, "2");
    assert!(connection.certified().get(4).is_some() && connection.certified().get(2).is_none());

    // Our own Close is answered, the client's Close too, and only the latter is seen.
    connection.certified().remove(4);
    request::close(connection.write_buf(), Target::Statement("unknown")).expect("no NUL");
    connection.sync();
    connection.flush().await.expect("sends");
    assert_eq!(tags_until_ready(&mut connection).await, "3Z");
    assert_eq!(value(&mut connection, count).await, "1");
}

#[tokio::test]
async fn a_batch_without_its_sync_or_its_answer_is_not_idle() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = connect(&cluster, "postgres").await;
    assert!(connection.is_idle());
    request::parse(connection.write_buf(), "", "SELECT 1", &[]).expect("no NUL");
    assert!(!connection.is_idle(), "unsent");
    connection.flush().await.expect("sends");
    assert!(!connection.is_idle(), "sent without Sync");
    connection.sync();
    connection.sync();
    connection.flush().await.expect("sends");
    assert_eq!(tags_until_ready(&mut connection).await, "NN1Z", "two trees, then ParseComplete");
    assert!(!connection.is_idle(), "one of two answered");
    assert_eq!(tags_until_ready(&mut connection).await, "Z");
    assert!(connection.is_idle());
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_no_message() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = connect(&cluster, "postgres").await;
    connection.parse_and_read("nap", "SELECT g, pg_sleep(0.02) FROM generate_series(1, 10) g", &[]).await.expect("reads");
    bind(&mut connection, "nap", &[]);
    connection.sync();
    connection.flush().await.expect("sends");
    let mut tags = String::new();
    while !tags.ends_with('Z') {
        if let Ok(frame) = tokio::time::timeout(Duration::from_millis(3), connection.next_frame()).await {
            tags.push(frame.expect("a message").tag.into());
        }
    }
    assert_eq!(tags, "2DDDDDDDDDDCZ");
}

#[tokio::test]
async fn a_cancel_ends_the_running_statement() {
    let cluster = Cluster::builder().start().expect("starts");
    for uri in [cluster.admin_url("postgres"), format!("host={} port={} user=postgres", cluster.dir().display(), cluster.port())]
    {
        let mut connection = super::connect_to(&uri).await.expect("connects");
        let handle = connection.cancel_handle().expect("has a key");
        let begun = Instant::now();
        let canceller = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            handle.cancel(Duration::from_secs(5)).await
        });
        let error = connection.simple("SELECT pg_sleep(20)").await.expect_err("is cancelled");
        assert!(matches!(error, UpstreamError::Server(ref error) if error.sqlstate() == "57014"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        canceller.await.expect("ends").expect("is heard");
        assert!(connection.is_idle());
    }
}
