//! What `init` looks at: tables, views, their columns and keys.

use serde::Deserialize;
use tokio_postgres::Client;

/// An ordinary or partitioned table or a view, outside the system's schemas and extensions; no partitions.
#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    pub schema: String,
    pub name: String,
    pub is_view: bool,
    /// The planner's estimate.
    pub rows: f64,
    pub columns: Vec<Column>,
    /// Columns of unique keys that prove at most one row; the primary key first.
    pub unique_keys: Vec<Vec<String>>,
    /// Columns of every valid index without expressions or a predicate.
    pub indexes: Vec<Vec<String>>,
    /// Columns of foreign keys.
    pub foreign_keys: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const TABLES: &str = "
SELECT coalesce(json_agg(t ORDER BY t.schema, t.name), '[]')::text FROM (
  SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'v' AS is_view, greatest(c.reltuples, 0)::float8 AS rows,
    (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL)) ORDER BY a.attnum), '[]')
       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT coalesce(json_agg(names.list ORDER BY i.indisprimary DESC, i.indexrelid), '[]') FROM pg_index i, LATERAL (
        SELECT json_agg(a.attname ORDER BY k.place) AS list FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) names
       WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS unique_keys,
    (SELECT coalesce(json_agg(names.list ORDER BY i.indexrelid), '[]') FROM pg_index i, LATERAL (
        SELECT json_agg(a.attname ORDER BY k.place) AS list FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) names
       WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS indexes,
    (SELECT coalesce(json_agg(names.list ORDER BY f.oid), '[]') FROM pg_constraint f, LATERAL (
        SELECT json_agg(a.attname ORDER BY k.place) AS list FROM unnest(f.conkey) WITH ORDINALITY k(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) names
       WHERE f.conrelid = c.oid AND f.contype = 'f') AS foreign_keys
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('information_schema', 'audit') AND n.nspname !~ '^(pg_|pgwarrant)'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
) t";

/// The catalogue's tables in order of schema and name.
pub async fn tables(client: &Client) -> anyhow::Result<Vec<Table>> {
    let row = client.query_one(TABLES, &[]).await?;
    Ok(serde_json::from_str(row.get(0))?)
}
