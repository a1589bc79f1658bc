//! `pg_operator` with the place in the default btree family, and `pg_collation`.

use super::{Fields, LoadError, query};
use crate::catalogue::snapshot::{BtreeRole, Collation, FIRST_NORMAL_OBJECT_ID, Oid, Operator};
use std::collections::HashMap;
use tokio_postgres::Client;

/// A btree role counts only in the family that is the default of both operand types, and a built-in operator's only
/// where the server itself put it there. 403 is btree (`pg_am.dat`), strategies are 1 `<` to 5 `>` (`stratnum.h`).
const OPERATORS: &str = "
    SELECT o.oid, n.nspname::text, o.oprname::text, o.oprleft, o.oprright, o.oprcode::oid, o.oprcom, m.strategy
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    LEFT JOIN LATERAL (
        SELECT min(a.amopstrategy) AS strategy
        FROM pg_amop a
        JOIN pg_opclass l ON l.opcmethod = 403 AND l.opcdefault AND l.opcintype = a.amoplefttype AND l.opcfamily = a.amopfamily
        JOIN pg_opclass r ON r.opcmethod = 403 AND r.opcdefault AND r.opcintype = a.amoprighttype AND r.opcfamily = a.amopfamily
        WHERE a.amopopr = o.oid AND a.amopmethod = 403 AND a.amoppurpose = 's'
          AND a.amoplefttype = o.oprleft AND a.amoprighttype = o.oprright
          AND (o.oid >= 16384 OR a.oid < 16384)
        HAVING count(DISTINCT a.amopstrategy) = 1) m ON true";

pub(super) async fn load(client: &Client) -> Result<HashMap<Oid, Operator>, LoadError> {
    query(client, "operators", OPERATORS).await?.iter().map(|row| read(row).map(|o| (o.oid, o))).collect()
}

fn read(row: &Fields) -> Result<Operator, LoadError> {
    let (oid, name) = (row.oid(0)?, row.name(1)?);
    Ok(Operator {
        oid,
        left: row.oid(3)?,
        right: row.oid(4)?,
        func: row.oid(5)?,
        commutator: row.oid(6)?,
        built_in: oid < FIRST_NORMAL_OBJECT_ID && name.schema == "pg_catalog",
        btree: row.get_field::<Option<i16>>(7)?.and_then(role),
        name,
    })
}

fn role(strategy: i16) -> Option<BtreeRole> {
    match strategy {
        1 => Some(BtreeRole::Less),
        2 => Some(BtreeRole::LessOrEqual),
        3 => Some(BtreeRole::Equal),
        4 => Some(BtreeRole::GreaterOrEqual),
        5 => Some(BtreeRole::Greater),
        _ => None,
    }
}

const COLLATIONS: &str = "
    SELECT c.oid, n.nspname::text, c.collname::text, c.collisdeterministic
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace";

pub(super) async fn load_collations(client: &Client) -> Result<HashMap<Oid, Collation>, LoadError> {
    let read = |row: &Fields| {
        let (oid, name) = (row.oid(0)?, row.name(1)?);
        let built_in = oid < FIRST_NORMAL_OBJECT_ID && name.schema == "pg_catalog";
        Ok((oid, Collation { oid, name, deterministic: row.get_field(3)?, built_in }))
    };
    query(client, "collations", COLLATIONS).await?.iter().map(read).collect()
}
