//! Indexes that a bound could use, for the linter's advice.

use super::{LoadError, query};
use crate::catalogue::snapshot::Indexes;
use tokio_postgres::Client;

/// Valid btree indexes (403) without a predicate.
const INDEXES: &str = "
    SELECT i.indrelid, (i.indkey::int2[])[0:i.indnkeyatts - 1]
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indisvalid AND i.indisready AND i.indpred IS NULL AND x.relam = 403 ORDER BY i.indexrelid";

pub async fn indexes(client: &Client) -> Result<Indexes, LoadError> {
    let mut indexes = Indexes::new();
    for row in query(client, "indexes", INDEXES).await? {
        let keys: Vec<i16> = row.get_field(1)?;
        let columns: Vec<i16> = keys.into_iter().take_while(|key| *key > 0).collect();
        indexes.entry(row.oid(0)?).or_default().push(columns);
    }
    Ok(indexes)
}
