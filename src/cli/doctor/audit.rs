//! The audit database: there, and append-only for the writer.

use super::report::Report;
use crate::cli::connect;
use crate::config::Config;
use tokio_postgres::Client;

const WRITER: &str = "
SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  ARRAY(SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'audit' AND c.relkind IN ('r', 'p')
          AND (has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege(c.oid, 'UPDATE')) ORDER BY 1),
  ARRAY(SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'audit' AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'MEMBER') ORDER BY 1),
  (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'audit' AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'INSERT'))";

pub async fn check(config: &Config, report: &mut Report) {
    let Some(audit) = &config.audit else {
        report.warn("audit: no [audit], so the ledger has no mirror for SQL", "set audit.url");
        return;
    };
    let checked = match connect::connect(&audit.url).await {
        Ok(client) => writer(&client, report).await,
        Err(error) => Err(error),
    };
    if let Err(error) = checked {
        report.fail(format!("audit: {error}"), "check audit.url, and that audit.sql was run");
    }
}

async fn writer(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let row = client.query_one(WRITER, &[]).await?;
    let (superuser, changed, owned, appends): (bool, Vec<String>, Vec<String>, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    report.must(
        appends > 0,
        "audit: the schema is there",
        "audit: no table of the schema `audit` to append to",
        "run audit.sql in the audit database",
    );
    let what = [changed, owned].concat();
    let bad =
        if superuser { "the writer is a superuser".to_owned() } else { format!("the writer may change {}", what.join(", ")) };
    report.must(
        what.is_empty() && !superuser,
        "audit: the writer can only append",
        format!("audit: {bad}"),
        "run audit.sql; use its writer role",
    );
    Ok(())
}
