//! The epoch: a hash over what users put into the catalogues.

use super::{LoadError, query};
use crate::catalogue::snapshot::Epoch;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

/// Place and writer of each row version, summed a catalogue, so that the order of a scan does not matter.
/// A row that changes is a new version at a new place; ANALYZE and VACUUM write statistics into the old one, so they
/// change nothing. Temporary relations stay out: another session's do not change what a statement means.
/// OIDs of the pg_catalog indexes make each scan a range.
const EPOCH: &str = "
    WITH rel AS MATERIALIZED (SELECT oid, ctid AS c, xmin AS x FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'),
         space AS MATERIALIZED (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_temp\\_%' OR nspname LIKE 'pg\\_toast\\_temp\\_%'),
         rows AS (
        SELECT 1 AS k, c, x FROM rel
        UNION ALL SELECT 2, ctid, xmin FROM pg_attribute WHERE attrelid IN (SELECT oid FROM rel)
        UNION ALL SELECT 3, ctid, xmin FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM rel)
        UNION ALL SELECT 4, ctid, xmin FROM pg_constraint WHERE oid >= 16384 AND (conrelid = 0 OR conrelid IN (SELECT oid FROM rel))
        UNION ALL SELECT 5, ctid, xmin FROM pg_index WHERE indexrelid IN (SELECT oid FROM rel)
        UNION ALL SELECT 6, ctid, xmin FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM rel)
        UNION ALL SELECT 7, ctid, xmin FROM pg_policy
        UNION ALL SELECT 8, ctid, xmin FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT 9, ctid, xmin FROM pg_rewrite WHERE oid >= 16384 AND ev_class IN (SELECT oid FROM rel)
        UNION ALL SELECT 10, ctid, xmin FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM rel)
        UNION ALL SELECT 11, ctid, xmin FROM pg_type WHERE oid >= 16384 AND typnamespace NOT IN (SELECT oid FROM space)
        UNION ALL SELECT 12, ctid, xmin FROM pg_operator WHERE oid >= 16384
        UNION ALL SELECT 13, ctid, xmin FROM pg_amop WHERE oid >= 16384
        UNION ALL SELECT 14, ctid, xmin FROM pg_amproc WHERE oid >= 16384
        UNION ALL SELECT 15, ctid, xmin FROM pg_opclass WHERE oid >= 16384
        UNION ALL SELECT 16, ctid, xmin FROM pg_opfamily WHERE oid >= 16384
        UNION ALL SELECT 17, ctid, xmin FROM pg_cast WHERE oid >= 16384
        UNION ALL SELECT 18, ctid, xmin FROM pg_collation WHERE oid >= 16384
        UNION ALL SELECT 19, ctid, xmin FROM pg_namespace WHERE oid NOT IN (SELECT oid FROM space)
        UNION ALL SELECT 20, ctid, xmin FROM pg_enum WHERE oid >= 16384
        UNION ALL SELECT 21, ctid, xmin FROM pg_aggregate WHERE aggfnoid >= 16384
        UNION ALL SELECT 22, ctid, xmin FROM pg_range WHERE rngtypid >= 16384
        UNION ALL SELECT 23, ctid, xmin FROM pg_extension
        UNION ALL SELECT 24, ctid, xmin FROM pg_language
        UNION ALL SELECT 25, ctid, xmin FROM pg_auth_members
        UNION ALL SELECT 26, ctid, xmin FROM pg_db_role_setting)
    SELECT string_agg(k || ':' || n || ':' || s, ',' ORDER BY k) || ';' ||
           (SELECT count(*) || ':' || coalesce(sum(hashtextextended(r::text, 0)), 0) FROM pg_roles r)
    FROM (SELECT k, count(*) AS n, sum(hashtidextended(c, x::text::int8)) AS s FROM rows GROUP BY k) t";

/// One statement, as any role.
pub async fn epoch(client: &Client) -> Result<Epoch, LoadError> {
    let mut hash = Sha256::new();
    for row in query(client, "the epoch", EPOCH).await? {
        hash.update(row.get_field::<String>(0)?.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut epoch = Epoch::default();
    epoch.0.copy_from_slice(&digest[..16]);
    Ok(epoch)
}
