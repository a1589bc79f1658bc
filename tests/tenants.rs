//! Row security by tenants, which the proxy pins per session, behind the proof.

mod support;

use std::fs;
use std::process::Command;

use pgwarrant::token::grant::Grant;
use support::postgres::block_on;
use support::proxy;
use support::stage::{Setting, Stage, run};
use tokio_postgres::{Client, NoTls};

/// Says how many customers the wall shows, whatever was proven.
const COUNT: &str = "
    CREATE FUNCTION public.customers_shown() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.customers';
    CREATE FUNCTION public.orders_shown() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.orders';";

fn walled() -> Stage {
    let mut stage = Stage::without_proxy(Setting::default()).expect("a stage");
    stage.cluster.sql("shop", COUNT).expect("the functions");
    let rules = fs::read_dir(stage.home().join("rules")).expect("rules").map(|file| file.expect("a file").path());
    for file in rules.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let mut text = fs::read_to_string(&file).expect("rules");
        for table in ["customers", "orders"] {
            let header = format!("[table.\"public.{table}\"]\n");
            text = text.replace(&header, &format!("{header}tenant_column = \"tenant_id\"\n"));
        }
        text = text.replace("allow = [", "allow = [\"public.customers_shown()\", \"public.orders_shown()\", ");
        fs::write(&file, text).expect("written");
    }
    let mut command = Command::new(proxy::binary().expect("the binary"));
    command.args(["rules", "sql", "--role", "pgwarrant_reader", "--writer-role", "pgwarrant_writer", "--config"]);
    let sql = run(command.arg(stage.config()).arg("--database").arg(stage.cluster.admin_url("shop"))).expect("SQL");
    assert!(sql.contains("ALTER TABLE \"public\".\"customers\" ENABLE ROW LEVEL SECURITY"), "{sql}");
    let file = stage.home().join("wall.sql");
    fs::write(&file, sql).expect("written");
    stage.psql_file("shop", &file).expect("it applies");
    stage.start_proxy().expect("the proxy starts");
    stage
}

async fn agent(stage: &Stage, grants: &[&str]) -> Client {
    let shown = ["EXECUTE ON FUNCTION public.customers_shown()", "EXECUTE ON FUNCTION public.orders_shown()"];
    let grants: Vec<Grant> = grants.iter().chain(&shown).map(|text| text.parse().expect("a grant")).collect();
    let url = stage.agent_url("agent", &stage.token("agent", &grants, 3600));
    let (client, driver) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
    tokio::spawn(driver);
    client
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

const SEVEN: [&str; 4] = [
    "SELECT (id, tenant_id, name) ON public.customers WHERE tenant_id = 7",
    "SELECT (id, tenant_id, customer_id) ON public.orders WHERE tenant_id = 7",
    "UPDATE (status) ON public.orders WHERE tenant_id = 7",
    "INSERT (*) ON public.orders WHERE tenant_id = 7",
];

#[test]
fn a_session_s_connections_show_the_tenants_of_its_token_and_no_others() {
    let stage = walled();
    block_on(async {
        let all = "SELECT customers_shown()";
        let seven = agent(&stage, &SEVEN[..2]).await;
        let more = agent(&stage, &["SELECT (id, tenant_id) ON public.customers WHERE tenant_id IN (7, 8)"]).await;
        let every = agent(&stage, &["SELECT (id) ON public.customers"]).await;
        let none = agent(&stage, &["SELECT (id, name) ON public.products"]).await;
        // By turns, over the same few connections.
        for _ in 0..3 {
            assert_eq!(number(&seven, all).await, 250);
            assert_eq!(number(&more, all).await, 500);
            assert_eq!(number(&every, all).await, 5000);
            assert_eq!(number(&none, all).await, 0);
            assert_eq!(number(&seven, "SELECT count(*) FROM customers WHERE tenant_id = 7 AND id < 100").await, 5);
        }
        seven.batch_execute("SET DateStyle TO german").await.expect("sets");
        assert_eq!(number(&seven, all).await, 250, "the setting goes with the session's others");
        seven.batch_execute("BEGIN").await.expect("begins");
        seven.batch_execute("SET LOCAL TimeZone TO 'UTC'").await.expect("sets");
        assert_eq!(number(&seven, all).await, 250);
        seven.batch_execute("ROLLBACK").await.expect("ends");
        assert_eq!(number(&seven, all).await, 250);
        let refused = seven.batch_execute("SET pgwarrant.tenant TO '*'").await.expect_err("it is not the agent's");
        assert_eq!(refused.code().map(|code| code.code().to_owned()).as_deref(), Some("42501"), "{refused}");
    });
}

#[test]
fn writes_go_through_the_wall_for_their_own_tenant() {
    let stage = walled();
    block_on(async {
        let writer = agent(&stage, &SEVEN).await;
        let insert = "INSERT INTO orders (tenant_id, customer_id, status, total_cents) VALUES (7, 4166, 'paid', 1990)";
        assert_eq!(writer.execute(insert, &[]).await.expect("its own"), 1);
        let update = "UPDATE orders SET status = 'paid' WHERE tenant_id = 7 AND customer_id = 4166";
        assert!(writer.execute(update, &[]).await.expect("its own") > 0);
        writer.batch_execute("BEGIN").await.expect("begins");
        let before = number(&writer, "SELECT orders_shown()").await;
        writer.execute(insert, &[]).await.expect("its own");
        assert_eq!(number(&writer, "SELECT orders_shown()").await, before + 1);
        writer.batch_execute("COMMIT").await.expect("commits");
        let foreign = insert.replace("(7, 4166", "(8, 4166");
        writer.execute(&foreign, &[]).await.expect_err("not its own");
    });
}
