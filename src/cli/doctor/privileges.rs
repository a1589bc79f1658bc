//! What the role may: read what the rules show, and nothing else.

use super::report::Report;
use crate::rules::ruleset::Ruleset;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

const CREATE: &str = "
SELECT array_remove(ARRAY[
    CASE WHEN has_database_privilege(current_database(), 'TEMPORARY') THEN 'TEMPORARY on the database' END,
    CASE WHEN has_database_privilege(current_database(), 'CREATE') THEN 'CREATE on the database' END]
  || ARRAY(SELECT 'CREATE on schema ' || nspname FROM pg_namespace
           WHERE nspname !~ '^pg_(temp|toast)' AND has_schema_privilege(oid, 'CREATE')), NULL)";

/// Every relation of users, its columns, and which of them the role may select.
const COLUMNS: &str = "
SELECT n.nspname::text, c.relname::text, a.attname::text, has_column_privilege(c.oid, a.attnum, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname !~ '^(pg_|pgwarrant_)' AND n.nspname <> 'information_schema' ORDER BY 1, 2, a.attnum";

const WRITES: &str = "
SELECT ARRAY(SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^(pg_|pgwarrant_)' AND n.nspname <> 'information_schema'
  AND (has_table_privilege(c.oid, 'DELETE, TRUNCATE, REFERENCES, TRIGGER') OR has_any_column_privilege(c.oid, 'INSERT, UPDATE, REFERENCES'))
ORDER BY 1)";

const DEFINERS: &str = "
SELECT ARRAY(SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.oid >= 16384 AND n.nspname !~ '^pgwarrant_' AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(n.oid, 'USAGE') ORDER BY 1)";

pub async fn check(client: &Client, rules: Option<&Ruleset>, report: &mut Report) -> anyhow::Result<()> {
    let create: Vec<String> = client.query_one(CREATE, &[]).await?.get(0);
    let bad = format!("role: it has {}", create.join(", "));
    report.must(
        create.is_empty(),
        "role: creates nothing, not even temporary tables",
        bad,
        "run setup.sql, or REVOKE it FROM PUBLIC",
    );
    let writes: Vec<String> = client.query_one(WRITES, &[]).await?.get(0);
    let bad = format!("role: may write to {}", writes.join(", "));
    report.must(writes.is_empty(), "role: writes to nothing", bad, "run setup.sql, or REVOKE it FROM PUBLIC");
    let definers: Vec<String> = client.query_one(DEFINERS, &[]).await?.get(0);
    if !definers.is_empty() {
        let what = format!("functions that run as their owner and that the role may call: {}", definers.join(", "));
        report.warn(what, "REVOKE EXECUTE ON FUNCTION … FROM PUBLIC; agents cannot call them unless rules allow");
    }
    let Some(rules) = rules else { return Ok(()) };
    let mut columns: BTreeMap<(String, String), Vec<(String, bool)>> = BTreeMap::new();
    for row in client.query(COLUMNS, &[]).await? {
        columns.entry((row.get(0), row.get(1))).or_default().push((row.get(2), row.get(3)));
    }
    compare(rules, &columns, report);
    Ok(())
}

fn compare(rules: &Ruleset, columns: &BTreeMap<(String, String), Vec<(String, bool)>>, report: &mut Report) {
    let fix = "run setup.sql again (`pgwarrant rules sql` writes it from the rules)";
    let none = BTreeSet::new();
    let mut shown = Vec::new();
    let mut closed = Vec::new();
    let mut surplus = Vec::new();
    for ((schema, name), list) in columns {
        let qualified = crate::token::grant::QualifiedName { schema: schema.clone(), name: name.clone() };
        let rule = rules.relation(&qualified);
        let hidden = rule.map_or(&none, |rule| &rule.hidden);
        let of = |column: &String| format!("{schema}.{name}.{column}");
        shown.extend(list.iter().filter(|(column, may)| *may && hidden.contains(column)).map(|(column, _)| of(column)));
        if rule.is_none() && list.iter().any(|(_, may)| *may) {
            surplus.push(format!("{schema}.{name}"));
        } else if rule.is_some() {
            closed.extend(list.iter().filter(|(column, may)| !*may && !hidden.contains(column)).map(|(column, _)| of(column)));
        }
    }
    report.must(
        shown.is_empty(),
        "columns: no hidden one is readable",
        format!("columns: hidden but readable: {}", shown.join(", ")),
        fix,
    );
    if !closed.is_empty() {
        report.warn(format!("columns: shown by the rules, but not readable for the role: {}", closed.join(", ")), fix);
    }
    if !surplus.is_empty() {
        report.warn(format!("relations: readable for the role, but in no rule: {}", surplus.join(", ")), fix);
    }
}
