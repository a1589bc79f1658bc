//! tokio-postgres: binary values, pipelines, portals, streams, cancel, TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, future};
use pgwarrant::config::DatabaseUrl;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

use crate::door::Doors;

const CUSTOMER: &str = "SELECT name FROM customers WHERE tenant_id = 7 AND id = $1";

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

async fn support(doors: &Doors) -> Client {
    connect(&doors.url("support")).await
}

/// Runs every check on one stage, each within half a minute; prints a line a check and gives the names of those that failed.
pub async fn run(doors: Arc<Doors>) -> Vec<&'static str> {
    let mut failed = Vec::new();
    macro_rules! checks {
        ($($check:ident,)*) => {$(
            let checked = tokio::spawn(tokio::time::timeout(Duration::from_secs(30), $check(doors.clone())));
            let ok = matches!(checked.await, Ok(Ok(())));
            println!("{} {}", if ok { "ok  " } else { "FAIL" }, stringify!($check));
            if !ok {
                failed.push(stringify!($check));
            }
        )*};
    }
    checks! {
        a_prepared_statement_is_used_many_times,
        values_come_back_as_they_were_sent,
        a_pipeline_answers_in_order,
        an_error_in_a_pipeline_is_of_its_statement_alone,
        rows_are_streamed,
        portals_give_their_rows_in_slices,
        two_portals_of_one_transaction_take_turns,
        a_savepoint_saves_the_transaction,
        a_refusal_says_why_and_what_to_do,
        simple_queries_answer_every_statement,
        a_running_statement_is_cancelled_and_the_session_goes_on,
        tls_is_verified_against_its_authority,
        a_unix_socket_takes_a_token,
        an_enum_is_looked_up,
    }
    failed
}

fn code(error: &Error) -> &str {
    error.code().map_or("", |code| code.code())
}

async fn a_prepared_statement_is_used_many_times(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let statement = client.prepare(CUSTOMER).await.expect("prepares");
    assert_eq!(statement.params(), [Type::INT8]);
    for turn in 0..200 {
        let id = 6 + 20 * (turn % 20_i64);
        let row = client.query_one(&statement, &[&id]).await.expect("runs");
        assert_eq!(row.get::<_, &str>(0), format!("Customer {id}"));
    }
}

async fn values_come_back_as_they_were_sent(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let numbers: Vec<Option<i32>> = vec![Some(1), None, Some(3)];
    let texts = vec!["a".to_owned(), "b \"c\"".to_owned(), String::new()];
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    let parameters: &[(&str, &(dyn ToSql + Sync))] = &[("int2", &7_i16), ("int4", &i32::MIN), ("int8", &i64::MAX)];
    for (kind, value) in parameters {
        let row = client.query_one(&format!("SELECT $1::{kind}::text"), &[*value]).await.expect("runs");
        assert_eq!(row.get::<_, String>(0), format!("{value:?}"));
    }
    let row = client
        .query_one(
            "SELECT $1::bool, $2::float8, $3::text, $4::bytea, $5::timestamptz, $6::int4[], $7::text[], $8::int4",
            &[&true, &0.1_f64, &"naïve ☂", &&b"\0\xff"[..], &time, &numbers, &texts, &None::<i32>],
        )
        .await
        .expect("runs");
    assert!(row.get::<_, bool>(0));
    assert_eq!(row.get::<_, f64>(1).to_bits(), 0.1_f64.to_bits());
    assert_eq!(row.get::<_, &str>(2), "naïve ☂");
    assert_eq!(row.get::<_, &[u8]>(3), b"\0\xff");
    assert_eq!(row.get::<_, std::time::SystemTime>(4), time);
    assert_eq!(row.get::<_, Vec<Option<i32>>>(5), numbers);
    assert_eq!(row.get::<_, Vec<String>>(6), texts);
    assert_eq!(row.get::<_, Option<i32>>(7), None);
}

async fn a_pipeline_answers_in_order(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let statement = client.prepare("SELECT sku FROM products WHERE id = $1").await.expect("prepares");
    let ids: Vec<i32> = (1..=300).collect();
    let rows = future::try_join_all(ids.iter().map(|id| {
        let parameters: [&(dyn ToSql + Sync); 1] = [id];
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &parameters).await }
    }));
    let skus: Vec<String> = rows.await.expect("all run").iter().map(|row| row.get(0)).collect();
    assert_eq!(skus, ids.iter().map(|id| format!("SKU-{id:05}")).collect::<Vec<_>>());
}

async fn an_error_in_a_pipeline_is_of_its_statement_alone(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let statement = client.prepare("SELECT 6 / $1::int4").await.expect("prepares");
    let run = |by: i32| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[&by]).await.map(|row| row.get::<_, i32>(0)) }
    };
    let (first, second, third) = tokio::join!(run(1), run(0), run(2));
    assert_eq!(first.expect("runs"), 6);
    assert_eq!(code(&second.expect_err("divides by zero")), "22012");
    assert_eq!(third.expect("runs"), 3);
}

async fn rows_are_streamed(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let rows = client.query_raw("SELECT id FROM products WHERE id <= $1 ORDER BY id", [&300_i32]).await.expect("runs");
    let ids: Vec<i32> = rows.map_ok(|row| row.get::<_, i32>(0)).try_collect().await.expect("arrives");
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
    // A stream that is dropped half way leaves the session usable.
    let mut rows = Box::pin(client.query_raw("SELECT id FROM products WHERE id <= $1", [&300_i32]).await.expect("runs"));
    rows.next().await.expect("a row").expect("arrives");
    drop(rows);
    client.query_one("SELECT 1", &[]).await.expect("goes on");
}

async fn portals_give_their_rows_in_slices(doors: Arc<Doors>) {
    let mut client = support(&doors).await;
    let transaction = client.transaction().await.expect("begins");
    let portal = transaction.bind("SELECT id FROM products WHERE id <= $1 ORDER BY id", &[&25_i32]).await.expect("binds");
    let mut sizes = Vec::new();
    for limit in [10, 10, 10, 0] {
        sizes.push(transaction.query_portal(&portal, limit).await.expect("runs").len());
    }
    assert_eq!(sizes, [10, 10, 5, 0]);
    transaction.commit().await.expect("commits");
}

async fn two_portals_of_one_transaction_take_turns(doors: Arc<Doors>) {
    let mut client = support(&doors).await;
    let transaction = client.transaction().await.expect("begins");
    let text = "SELECT id FROM products WHERE id <= $1 ORDER BY id";
    let (a, b) =
        (transaction.bind(text, &[&9_i32]).await.expect("binds"), transaction.bind(text, &[&4_i32]).await.expect("binds"));
    let mut first = Vec::new();
    let mut second = Vec::new();
    for _ in 0..3 {
        first.extend(transaction.query_portal(&a, 3).await.expect("runs").iter().map(|row| row.get::<_, i32>(0)));
        transaction.query_one("SELECT count(*) FROM tenants WHERE id = 7", &[]).await.expect("runs between");
        second.extend(transaction.query_portal(&b, 2).await.expect("runs").iter().map(|row| row.get::<_, i32>(0)));
    }
    assert_eq!(first, (1..=9).collect::<Vec<_>>());
    assert_eq!(second, (1..=4).collect::<Vec<_>>());
}

async fn a_savepoint_saves_the_transaction(doors: Arc<Doors>) {
    let mut client = support(&doors).await;
    let mut transaction = client.build_transaction().read_only(true).start().await.expect("begins");
    let inner = transaction.savepoint("saved").await.expect("saves");
    let error = inner.query_one("SELECT 1 / $1::int4", &[&0_i32]).await.expect_err("divides by zero");
    assert_eq!(code(&error), "22012");
    let error = inner.query_one("SELECT 1", &[]).await.expect_err("fails with its transaction");
    assert_eq!(code(&error), "25P02");
    inner.rollback().await.expect("rolls back");
    let row = transaction.query_one("SELECT name FROM tenants WHERE id = 7", &[]).await.expect("goes on");
    assert_eq!(row.get::<_, &str>(0), "Tenant 7");
    transaction.commit().await.expect("commits");
}

async fn a_refusal_says_why_and_what_to_do(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let error = client.query("SELECT name FROM customers WHERE id = $1", &[&6_i64]).await.expect_err("is refused");
    let refusal = error.as_db_error().expect("from the proxy");
    assert_eq!(refusal.code().code(), "42501");
    assert_eq!(refusal.constraint(), Some("predicate_not_implied"));
    assert_eq!(refusal.routine(), Some("pgwarrant"));
    assert_eq!((refusal.schema(), refusal.table()), (Some("public"), Some("customers")));
    assert!(refusal.hint().expect("a hint").contains("tenant_id = 7"), "{refusal:?}");
    assert!(refusal.position().is_some());
    client.query_one("SELECT 1", &[]).await.expect("goes on");
}

async fn simple_queries_answer_every_statement(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let messages =
        client.simple_query("SELECT 1 AS a; SELECT sku FROM products WHERE id < 3 ORDER BY id; ;").await.expect("runs");
    let shown: Vec<String> = messages
        .iter()
        .map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).unwrap_or("null").to_owned(),
            SimpleQueryMessage::CommandComplete(rows) => format!("complete {rows}"),
            SimpleQueryMessage::RowDescription(columns) => columns[0].name().to_owned(),
            _ => "?".to_owned(),
        })
        .collect();
    assert_eq!(shown, ["a", "1", "complete 1", "sku", "SKU-00001", "SKU-00002", "complete 2"]);
}

async fn a_running_statement_is_cancelled_and_the_session_goes_on(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let statement = client.prepare("SELECT count(*) FROM products WHERE id < $1").await.expect("prepares");
    client.query_one(&statement, &[&5_i32]).await.expect("runs");
    let bare = connect(&doors.bare()).await;
    bare.batch_execute("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE").await.expect("locks");
    let token = client.cancel_token();
    let began = Instant::now();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await.expect("is sent");
    };
    let parameters: [&(dyn ToSql + Sync); 1] = [&6_i32];
    let (result, ()) = tokio::join!(client.query_one(&statement, &parameters), cancel);
    assert_eq!(code(&result.expect_err("is cancelled")), "57014");
    assert!(began.elapsed() < Duration::from_secs(3));
    bare.batch_execute("ROLLBACK").await.expect("unlocks");
    assert_eq!(client.query_one(&statement, &[&7_i32]).await.expect("goes on").get::<_, i64>(0), 6);
}

async fn tls_is_verified_against_its_authority(doors: Arc<Doors>) {
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", doors.url("support"), doors.authority.display());
    let client = pgwarrant::cli::connect::connect(&DatabaseUrl::parse(&url).expect("a URL")).await.expect("connects");
    let row = client.query_one(CUSTOMER, &[&6_i64]).await.expect("runs");
    assert_eq!(row.get::<_, &str>(0), "Customer 6");
}

async fn a_unix_socket_takes_a_token(doors: Arc<Doors>) {
    let tcp: tokio_postgres::Config = doors.url("support").parse().expect("a URL");
    let mut config = tokio_postgres::Config::new();
    config.host_path(doors.socket_dir()).port(doors.stage.port).user("support").dbname("shop");
    config.password(tcp.get_password().expect("a token"));
    let (client, connection) = config.connect(NoTls).await.expect("connects");
    tokio::spawn(connection);
    client.query_one(CUSTOMER, &[&6_i64]).await.expect("runs");
}

/// tokio-postgres asks pg_type about a type that it does not know.
async fn an_enum_is_looked_up(doors: Arc<Doors>) {
    let client = support(&doors).await;
    let statement = client.prepare("SELECT status FROM orders WHERE tenant_id = 7 AND id = $1").await.expect("prepares");
    assert_eq!(statement.columns()[0].type_().name(), "order_status");
}
