//! `pg_class` and what hangs on it: columns, keys, inheritance, policies, rules, triggers.

use super::{Fields, LoadError, query};
use crate::catalogue::snapshot::{Column, Oid, Relation, UniqueKey};
use crate::catalogue::write::WriteFacts;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Client;

/// Indexes stay out: a statement cannot name one. TOAST tables it can.
const RELATIONS: &str = "
    SELECT c.oid, n.nspname::text, c.relname::text, c.relkind, c.relpersistence, c.relowner, c.relispartition,
           c.relrowsecurity, c.relforcerowsecurity, greatest(c.reltuples, 0)::float8
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I')";

const COLUMNS: &str = "
    SELECT a.attrelid, a.attnum, a.attisdropped, a.attname::text, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull,
           a.attgenerated, a.atthasdef
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND c.relkind NOT IN ('i', 'I', 't') ORDER BY a.attrelid, a.attnum";

/// What a generated column reads. Since 15 the expression depends on its columns (before, the column did); the stored
/// expression says the same, and either is enough to count.
const GENERATED_FROM: &str = "
    WITH g AS (SELECT d.oid, d.adrelid, d.adnum, d.adbin FROM pg_attrdef d
               JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> '')
    SELECT g.adrelid, g.adnum, p.refobjsubid::int2 FROM g
    JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = g.oid
     AND p.refclassid = 'pg_class'::regclass AND p.refobjid = g.adrelid
    WHERE p.refobjsubid <> g.adnum AND p.refobjsubid > 0
    UNION SELECT g.adrelid, g.adnum, m[1]::int2 FROM g, regexp_matches(g.adbin::text, ':varattno (\\d+)', 'g') m
    ORDER BY 1, 2, 3";

/// Exactly the indexes that prove at most one row, as `UniqueKey` says. 403 is btree; a temporal key (18) is GiST.
const UNIQUE_KEYS: &str = "
    SELECT i.indrelid, i.indexrelid, i.indisprimary, i.indnullsnotdistinct, (i.indkey::int2[])[0:i.indnkeyatts - 1]
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indislive
      AND i.indpred IS NULL AND i.indexprs IS NULL AND x.relam = 403
      AND NOT EXISTS (
        SELECT FROM generate_series(0, i.indnkeyatts - 1) k
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
        LEFT JOIN pg_opclass o ON o.oid = i.indclass[k]
        WHERE i.indkey[k] <= 0 OR a.attcollation IS DISTINCT FROM i.indcollation[k] OR o.opcdefault IS NOT TRUE OR o.oid >= 16384)
    ORDER BY i.indexrelid";

const CHILDREN: &str = "SELECT inhparent, inhrelid FROM pg_inherits";

/// Policies for reads; rules but a view's own; triggers that a user made.
const POLICIES: &str = "
    SELECT polrelid, polname::text || ': ' || coalesce(pg_get_expr(polqual, polrelid), 'true')
    FROM pg_policy WHERE polcmd IN ('r', '*') ORDER BY polname";
const RULES: &str = "SELECT ev_class, rulename::text FROM pg_rewrite WHERE rulename <> '_RETURN' ORDER BY rulename";
const TRIGGERS: &str = "SELECT tgrelid, tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname";

type Relations = HashMap<Oid, Relation>;

pub(super) async fn load(client: &Client) -> Result<Relations, LoadError> {
    let mut relations = Relations::new();
    for row in query(client, "relations", RELATIONS).await? {
        let relation = read(&row)?;
        relations.insert(relation.oid, relation);
    }
    for row in query(client, "columns", COLUMNS).await? {
        add_column(&mut relations, &row)?;
    }
    for row in query(client, "generated columns", GENERATED_FROM).await? {
        add_source(&mut relations, &row)?;
    }
    for row in query(client, "unique keys", UNIQUE_KEYS).await? {
        let key = UniqueKey {
            index: row.oid(1)?,
            primary: row.get_field(2)?,
            nulls_not_distinct: row.get_field(3)?,
            columns: row.get_field(4)?,
        };
        if let Some(relation) = relations.get_mut(&row.oid(0)?) {
            relation.unique_keys.push(key);
        }
    }
    add_children(client, &mut relations).await?;
    add_names(client, &mut relations, ("policies", POLICIES), |r| &mut r.policies).await?;
    add_names(client, &mut relations, ("rules", RULES), |r| &mut r.rules).await?;
    add_names(client, &mut relations, ("triggers", TRIGGERS), |r| &mut r.triggers).await?;
    Ok(relations)
}

fn read(row: &Fields) -> Result<Relation, LoadError> {
    Ok(Relation {
        oid: row.oid(0)?,
        name: row.name(1)?,
        kind: row.byte(3)?,
        persistence: row.byte(4)?,
        owner: row.oid(5)?,
        is_partition: row.get_field(6)?,
        has_inheritance_children: false,
        row_security: row.get_field(7)?,
        force_row_security: row.get_field(8)?,
        row_estimate: row.get_field(9)?,
        columns: Vec::new(),
        unique_keys: Vec::new(),
        policies: Vec::new(),
        rules: Vec::new(),
        triggers: Vec::new(),
        write: WriteFacts::default(),
    })
}

fn add_column(relations: &mut Relations, row: &Fields) -> Result<(), LoadError> {
    let Some(relation) = relations.get_mut(&row.oid(0)?) else { return Ok(()) };
    let number: i16 = row.get_field(1)?;
    if usize::try_from(number).ok() != Some(relation.columns.len() + 1) {
        return Err(row.malformed(format!("{} misses a column before {number}", relation.name.name)));
    }
    let dropped: bool = row.get_field(2)?;
    let column = Column {
        name: Arc::from(row.get_field::<&str>(3)?),
        number,
        type_oid: row.oid(4)?,
        type_mod: row.get_field(5)?,
        collation: row.oid(6)?,
        not_null: row.get_field(7)?,
        generated: row.byte(8)?,
        generated_from: Vec::new(),
        has_default: row.get_field(9)?,
    };
    relation.columns.push((!dropped).then_some(column));
    Ok(())
}

fn add_source(relations: &mut Relations, row: &Fields) -> Result<(), LoadError> {
    let (number, source): (i16, i16) = (row.get_field(1)?, row.get_field(2)?);
    let relation = relations.get_mut(&row.oid(0)?);
    let column = relation.and_then(|r| r.columns.iter_mut().flatten().find(|c| c.number == number));
    if let Some(column) = column {
        column.generated_from.push(source);
    }
    Ok(())
}

/// A partitioned table that was never analysed itself counts what its partitions count.
async fn add_children(client: &Client, relations: &mut Relations) -> Result<(), LoadError> {
    let mut children: HashMap<Oid, Vec<Oid>> = HashMap::new();
    for row in query(client, "inheritance", CHILDREN).await? {
        children.entry(row.oid(0)?).or_default().push(row.oid(1)?);
    }
    for parent in children.keys() {
        let counted = rows_below(*parent, &children, relations);
        if let Some(relation) = relations.get_mut(parent) {
            relation.has_inheritance_children = relation.kind != b'p';
            relation.row_estimate = relation.row_estimate.max(counted);
        }
    }
    Ok(())
}

fn rows_below(parent: Oid, children: &HashMap<Oid, Vec<Oid>>, relations: &Relations) -> f64 {
    let (mut seen, mut left, mut rows) = (HashSet::new(), vec![parent], 0.0);
    while let Some(oid) = left.pop() {
        for child in children.get(&oid).into_iter().flatten().filter(|child| seen.insert(**child)) {
            let is_leaf = !children.contains_key(child);
            rows += relations.get(child).filter(|_| is_leaf).map_or(0.0, |r| r.row_estimate);
            left.push(*child);
        }
    }
    rows
}

async fn add_names(
    client: &Client,
    relations: &mut Relations,
    (what, sql): (&'static str, &str),
    list: fn(&mut Relation) -> &mut Vec<String>,
) -> Result<(), LoadError> {
    for row in query(client, what, sql).await? {
        if let Some(relation) = relations.get_mut(&row.oid(0)?) {
            list(relation).push(row.get_field(1)?);
        }
    }
    Ok(())
}
