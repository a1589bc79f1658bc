//! The role that writes, and the objects that bind its commits to their records.

use super::report::Report;
use super::role;
use crate::cli::connect;
use crate::config::Config;
use crate::rules::ruleset::Ruleset;
use crate::upstream::FENCE_SCHEMA;
use tokio_postgres::Client;

const SETUP: &str = "run the setup.sql that `pgwarrant init` writes";

/// What the gate calls: each must be there, run as its owner where it must, and be the writer's alone.
const FENCE: &str = "
SELECT p.proname::text, has_function_privilege(p.oid, 'EXECUTE'),
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'pgwarrant' AND p.proname IN ('record', 'ddl_mark', 'settle', 'missing', 'recorded', 'server')";
const FUNCTIONS: usize = 6;

/// What the role may do to the record itself.
const RECORD: &str = "
SELECT to_regclass('pgwarrant.txn') IS NOT NULL,
       coalesce(has_table_privilege(to_regclass('pgwarrant.txn'), 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'), false)";

pub async fn check(config: &Config, rules: Option<&Ruleset>, report: &mut Report) {
    let Some(url) = &config.upstream.writer else {
        report.ok("writer: none is configured, so every write is refused".to_owned());
        return;
    };
    match connect::connect(url).await {
        Ok(client) => {
            report.ok(format!("writer: connected as {}", url.user));
            for result in
                [role::check(&client, "writer", report).await, fence(&client, report).await, reach(&client, rules, report).await]
            {
                if let Err(error) = result {
                    report.fail(format!("writer: {error}"), "see the server's log");
                }
            }
        }
        Err(error) => report.fail(format!("writer: {error}"), "check upstream.writer, and that setup.sql was run"),
    }
}

async fn fence(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let found = client.query(FENCE, &[]).await?;
    let usable = found.iter().filter(|row| row.get(1)).count();
    report.must(
        usable == FUNCTIONS,
        format!("writer: the functions of schema {FENCE_SCHEMA} are there"),
        format!("writer: {usable} of the {FUNCTIONS} functions of schema {FENCE_SCHEMA} can be called: writes are refused"),
        SETUP,
    );
    let public: Vec<String> = found.iter().filter(|row| row.get(2)).map(|row| row.get(0)).collect();
    report.must(
        public.is_empty(),
        "writer: nobody else may call them".to_owned(),
        format!("writer: PUBLIC may call {}", public.join(", ")),
        SETUP,
    );
    let row = client.query_one(RECORD, &[]).await?;
    let (there, touches): (bool, bool) = (row.get(0), row.get(1));
    report.must(
        there && !touches,
        "writer: the record of transactions is there, and out of its reach".to_owned(),
        format!("writer: {}", if there { "it may read or change pgwarrant.txn itself" } else { "pgwarrant.txn is missing" }),
        SETUP,
    );
    let counted: String = client.query_one("SELECT current_setting('track_counts')", &[]).await?.get(0);
    report.must(
        counted == "on",
        "server: track_counts = on".to_owned(),
        "server: track_counts is off, so changes cannot be counted and writes are refused".to_owned(),
        "ALTER SYSTEM SET track_counts = on",
    );
    Ok(())
}

/// Tables that it may change and no rule names.
async fn reach(client: &Client, rules: Option<&Ruleset>, report: &mut Report) -> anyhow::Result<()> {
    const WRITABLE: &str = "
        SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^(pg_|pgwarrant)' AND n.nspname <> 'information_schema'
          AND (has_table_privilege(c.oid, 'DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'INSERT, UPDATE')) ORDER BY 1, 2";
    let Some(rules) = rules else { return Ok(()) };
    let mut surplus = Vec::new();
    for row in client.query(WRITABLE, &[]).await? {
        let name = crate::token::grant::QualifiedName { schema: row.get(0), name: row.get(1) };
        if rules.relation(&name).is_none() {
            surplus.push(name.to_string());
        }
    }
    report.must(
        surplus.is_empty(),
        "writer: changes only tables that rules name".to_owned(),
        format!("writer: may change {}, which no rule names", surplus.join(", ")),
        "run setup.sql again (`pgwarrant rules sql` writes it from the rules)",
    );
    Ok(())
}
