//! Reads a `Catalogue` from a database: one repeatable-read transaction over `pg_catalog`, as any role.

mod epoch;
mod functions;
mod indexes;
mod operators;
mod relations;
mod types;
mod writes;

pub use epoch::{EpochReader, epoch};
pub use indexes::indexes;

use super::snapshot::{Catalogue, Oid};
use crate::token::grant::QualifiedName;
use tokio_postgres::{Client, Row};

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {what} from the catalogue")]
    Query { what: &'static str, source: tokio_postgres::Error },
    #[error("the catalogue's {what} do not look as expected: {detail}")]
    Malformed { what: &'static str, detail: String },
}

/// The connection must be idle and not used by others meanwhile: a transaction is opened and closed on it.
pub async fn load(client: &Client) -> Result<Catalogue, LoadError> {
    run(client, "a snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let loaded = load_all(client).await;
    let ended = run(client, "a snapshot", "ROLLBACK").await;
    let catalogue = loaded?;
    ended.map(|()| catalogue)
}

async fn load_all(client: &Client) -> Result<Catalogue, LoadError> {
    // Nothing is visible but pg_catalog, so `format_type` qualifies every type of a user, whatever the role's own path is.
    run(client, "the settings", "SET LOCAL search_path = ''").await?;
    let epoch = epoch(client).await?;
    let mut catalogue = Catalogue { epoch, ..Catalogue::default() };
    let facts = "SELECT current_database()::text, current_setting('server_version_num')::int8::oid";
    for row in query(client, "the database", facts).await? {
        (catalogue.database, catalogue.server_version) = (row.get_field(0)?, row.get_field(1)?);
    }
    catalogue.types = types::load(client).await?;
    catalogue.functions = functions::load(client).await?;
    catalogue.operators = operators::load(client).await?;
    catalogue.collations = operators::load_collations(client).await?;
    catalogue.relations = relations::load(client).await?;
    writes::load(client, &mut catalogue.relations).await?;
    catalogue.by_name = catalogue.relations.values().map(|r| (r.name.clone(), r.oid)).collect();
    Ok(catalogue)
}

async fn run(client: &Client, what: &'static str, sql: &str) -> Result<(), LoadError> {
    client.batch_execute(sql).await.map_err(|source| LoadError::Query { what, source })
}

async fn query(client: &Client, what: &'static str, sql: &str) -> Result<Vec<Fields>, LoadError> {
    let rows = client.query(sql, &[]).await.map_err(|source| LoadError::Query { what, source })?;
    Ok(rows.into_iter().map(|row| Fields { what, row }).collect())
}

/// A row that names what was read when a field is not of the type expected.
struct Fields {
    what: &'static str,
    row: Row,
}

impl Fields {
    fn get_field<'a, T: tokio_postgres::types::FromSql<'a>>(&'a self, index: usize) -> Result<T, LoadError> {
        self.row.try_get(index).map_err(|source| LoadError::Query { what: self.what, source })
    }

    fn oid(&self, index: usize) -> Result<Oid, LoadError> {
        self.get_field(index)
    }

    /// Postgres's `"char"`: one byte.
    fn byte(&self, index: usize) -> Result<u8, LoadError> {
        self.get_field::<i8>(index).map(|c| c.to_ne_bytes()[0])
    }

    /// Schema and name in two fields.
    fn name(&self, index: usize) -> Result<QualifiedName, LoadError> {
        Ok(QualifiedName { schema: self.get_field(index)?, name: self.get_field(index + 1)? })
    }

    fn malformed(&self, detail: String) -> LoadError {
        LoadError::Malformed { what: self.what, detail }
    }
}
