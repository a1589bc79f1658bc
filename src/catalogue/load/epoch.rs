//! The epoch: a hash over what users put into the catalogues.

use super::LoadError;
use crate::catalogue::snapshot::Epoch;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Statement};

/// Place and writer of each row version, salted with the catalogue and summed, so that the order of a scan does not matter.
/// A row that changes is a new version at a new place; ANALYZE and VACUUM write statistics into the old one, so they
/// change nothing. Temporary relations stay out: another session's do not change what a statement means.
/// Conditions on the leading column of a catalogue's own index keep each scan to the users' rows.
const EPOCH: &str = "
    WITH temp AS MATERIALIZED (
        SELECT ARRAY(SELECT oid FROM pg_class WHERE oid >= 16384 AND relpersistence = 't') AS rels,
               ARRAY(SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_temp\\_%' OR nspname LIKE 'pg\\_toast\\_temp\\_%') AS spaces),
    rows AS (
        SELECT 1 AS k, ctid AS c, xmin AS x FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'
        UNION ALL SELECT 2, ctid, xmin FROM pg_attribute WHERE attrelid >= 16384 AND attrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 3, ctid, xmin FROM pg_attrdef WHERE adrelid >= 16384 AND adrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 4, ctid, xmin FROM pg_constraint WHERE oid >= 16384 AND conrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 5, ctid, xmin FROM pg_index WHERE indexrelid >= 16384 AND indrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 6, ctid, xmin FROM pg_inherits WHERE inhrelid >= 16384 AND inhrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 7, ctid, xmin FROM pg_policy
        UNION ALL SELECT 8, ctid, xmin FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT 9, ctid, xmin FROM pg_rewrite WHERE oid >= 16384 AND ev_class <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 10, ctid, xmin FROM pg_trigger WHERE tgrelid >= 16384 AND tgrelid <> ALL ((SELECT rels FROM temp)::oid[])
        UNION ALL SELECT 11, ctid, xmin FROM pg_type WHERE oid >= 16384 AND typnamespace <> ALL ((SELECT spaces FROM temp)::oid[])
        UNION ALL SELECT 12, ctid, xmin FROM pg_operator WHERE oid >= 16384
        UNION ALL SELECT 13, ctid, xmin FROM pg_amop WHERE oid >= 16384
        UNION ALL SELECT 14, ctid, xmin FROM pg_amproc WHERE oid >= 16384
        UNION ALL SELECT 15, ctid, xmin FROM pg_opclass WHERE oid >= 16384
        UNION ALL SELECT 16, ctid, xmin FROM pg_opfamily WHERE oid >= 16384
        UNION ALL SELECT 17, ctid, xmin FROM pg_cast WHERE oid >= 16384
        UNION ALL SELECT 18, ctid, xmin FROM pg_collation WHERE oid >= 16384
        UNION ALL SELECT 19, ctid, xmin FROM pg_namespace WHERE oid <> ALL ((SELECT spaces FROM temp)::oid[])
        UNION ALL SELECT 20, ctid, xmin FROM pg_enum
        UNION ALL SELECT 21, ctid, xmin FROM pg_aggregate WHERE aggfnoid >= 16384
        UNION ALL SELECT 22, ctid, xmin FROM pg_range
        UNION ALL SELECT 23, ctid, xmin FROM pg_extension
        UNION ALL SELECT 24, ctid, xmin FROM pg_language
        UNION ALL SELECT 25, ctid, xmin FROM pg_auth_members
        UNION ALL SELECT 26, ctid, xmin FROM pg_db_role_setting)
    SELECT count(*) || ':' || sum(hashtidextended(c, x::text::int8 * 64 + k)) || ':' ||
           (SELECT count(*) || ':' || coalesce(sum(hashtextextended(r::text, 0)), 0) FROM pg_roles r)
    FROM rows";

/// The statement planned once for a connection: planning it costs several times what running it does.
#[derive(Clone)]
pub struct EpochReader(Statement);

impl EpochReader {
    pub async fn prepare(client: &Client) -> Result<Self, LoadError> {
        client.prepare(EPOCH).await.map(EpochReader).map_err(failed)
    }

    /// On the connection that it was prepared on.
    pub async fn read(&self, client: &Client) -> Result<Epoch, LoadError> {
        let row = client.query_one(&self.0, &[]).await.map_err(failed)?;
        let text: &str = row.try_get(0).map_err(failed)?;
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let mut epoch = Epoch::default();
        epoch.0.copy_from_slice(&digest[..16]);
        Ok(epoch)
    }
}

/// Once, as any role; a poller keeps an `EpochReader`.
pub async fn epoch(client: &Client) -> Result<Epoch, LoadError> {
    EpochReader::prepare(client).await?.read(client).await
}

fn failed(source: tokio_postgres::Error) -> LoadError {
    LoadError::Query { what: "the epoch", source }
}
