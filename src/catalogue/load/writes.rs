//! `pg_index`, `pg_constraint`, `pg_partitioned_table`, `pg_attrdef`: what a write sets off.

use super::types::{called, operator_functions};
use super::{Fields, LoadError, query};
use crate::catalogue::snapshot::{Oid, Relation};
use crate::catalogue::write::{Expression, ExpressionKind, ForeignKey, Index, ReferentialAction, WriteFacts};
use std::collections::HashMap;
use tokio_postgres::Client;

/// Relation, kind, name, expression.
const EXPRESSIONS: &str = "
    SELECT conrelid, 'c'::\"char\", conname::text, conbin::text FROM pg_constraint WHERE contype = 'c' AND conrelid >= 16384
    UNION ALL SELECT d.adrelid, 'g', a.attname::text, d.adbin::text
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE a.attgenerated <> '' AND d.adrelid >= 16384
    UNION ALL SELECT i.indrelid, 'i', c.relname::text, concat(i.indexprs::text, ' ', i.indpred::text)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indrelid >= 16384
    UNION ALL SELECT p.partrelid, 'p', c.relname::text, p.partexprs::text
    FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid WHERE p.partexprs IS NOT NULL
    ORDER BY 1, 2, 3";

/// The stored form names columns as `:varattno n`; what else an index names is in `indkey`.
const INDEXES: &str = "
    SELECT i.indrelid, i.indexrelid, c.relname::text, i.indisunique, i.indisexclusion,
           i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate AND i.indisvalid AND NOT i.indisexclusion,
           (i.indkey::int2[])[0:i.indnkeyatts - 1],
           ARRAY(SELECT m[1]::int2 FROM regexp_matches(concat(i.indexprs::text, ' ', i.indpred::text), ':varattno (\\d+)', 'g') m),
           NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) o WHERE o >= 16384),
           coalesce((SELECT max(k.oid) FROM pg_constraint k
                     WHERE k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')), 0)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid >= 16384 AND i.indislive ORDER BY c.relname";

const PARTITIONED: &str = "
    SELECT p.partrelid, p.partattrs::int2[],
           ARRAY(SELECT m[1]::int2 FROM regexp_matches(coalesce(p.partexprs::text, ''), ':varattno (\\d+)', 'g') m),
           NOT EXISTS (SELECT FROM unnest(p.partclass::oid[]) o WHERE o >= 16384), c.relname::text
    FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid";

/// `confdelsetcols` is NULL for every column. A key of or on a partitioned table is copied to each partition; a copy does
/// what its original does.
const FOREIGN_KEYS: &str = "
    SELECT confrelid, conrelid, conname::text, conkey, confkey, coalesce(confdelsetcols, conkey), confdeltype, confupdtype,
           EXISTS (SELECT FROM unnest(conpfeqop || conppeqop || conffeqop) o WHERE o >= 16384)
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY conname";

/// 'a': serial; 'i': identity.
const SEQUENCES: &str = "
    SELECT d.refobjid, d.refobjsubid::int2, d.objid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      AND d.objid >= 16384 AND d.refobjsubid > 0 ORDER BY 3";

const CHILDREN: &str = "SELECT inhparent, inhrelid FROM pg_inherits ORDER BY inhrelid";

type Relations = HashMap<Oid, Relation>;

pub(super) async fn load(client: &Client, relations: &mut Relations) -> Result<(), LoadError> {
    let operators = operator_functions(client).await?;
    for row in query(client, "expressions of tables", EXPRESSIONS).await? {
        let kind = match row.byte(1)? {
            b'c' => ExpressionKind::Check,
            b'g' => ExpressionKind::Generated,
            b'i' => ExpressionKind::Index,
            _ => ExpressionKind::Partition,
        };
        let functions = called(&row.get_field::<String>(3)?, &operators);
        let expression = Expression { kind, name: row.get_field(2)?, functions };
        of(relations, row.oid(0)?, |facts| facts.expressions.push(expression));
    }
    for row in query(client, "indexes", INDEXES).await? {
        let index = index(&row)?;
        of(relations, row.oid(0)?, |facts| facts.indexes.push(index));
    }
    for row in query(client, "partitioned tables", PARTITIONED).await? {
        partitioned(&row, relations)?;
    }
    for row in query(client, "foreign keys", FOREIGN_KEYS).await? {
        foreign_key(&row, relations)?;
    }
    for row in query(client, "sequences", SEQUENCES).await? {
        let owned: (i16, Oid) = (row.get_field(1)?, row.oid(2)?);
        of(relations, row.oid(0)?, |facts| facts.sequences.push(owned));
    }
    for row in query(client, "inheritance", CHILDREN).await? {
        let child = row.oid(1)?;
        of(relations, row.oid(0)?, |facts| facts.children.push(child));
    }
    Ok(())
}

fn of(relations: &mut Relations, oid: Oid, add: impl FnOnce(&mut WriteFacts)) {
    if let Some(relation) = relations.get_mut(&oid) {
        add(&mut relation.write);
    }
}

fn index(row: &Fields) -> Result<Index, LoadError> {
    let keys: Vec<i16> = row.get_field(6)?;
    let named: Vec<i16> = row.get_field(7)?;
    Ok(Index {
        oid: row.oid(1)?,
        name: row.get_field(2)?,
        constraint: row.oid(9)?,
        unique: row.get_field(3)?,
        exclusion: row.get_field(4)?,
        plain: row.get_field(5)?,
        // 0 stands for an expression.
        columns: keys.into_iter().filter(|n| *n > 0).chain(named).collect(),
        built_in: row.get_field(8)?,
    })
}

fn partitioned(row: &Fields, relations: &mut Relations) -> Result<(), LoadError> {
    let (keys, named, built_in): (Vec<i16>, Vec<i16>, bool) = (row.get_field(1)?, row.get_field(2)?, row.get_field(3)?);
    let name: String = row.get_field(4)?;
    of(relations, row.oid(0)?, |facts| {
        facts.partition_columns.extend(keys.into_iter().filter(|n| *n > 0).chain(named));
        if !built_in {
            facts.expressions.push(Expression { kind: ExpressionKind::Partition, name, functions: vec![0] });
        }
    });
    Ok(())
}

fn foreign_key(row: &Fields, relations: &mut Relations) -> Result<(), LoadError> {
    let (referenced, child, name): (Oid, Oid, String) = (row.oid(0)?, row.oid(1)?, row.get_field(2)?);
    if row.get_field::<bool>(8)? {
        for side in [child, referenced] {
            of(relations, side, |facts| facts.foreign_operators.push(name.clone()));
        }
    }
    let key = ForeignKey {
        name,
        child,
        child_columns: row.get_field(3)?,
        columns: row.get_field(4)?,
        set_columns: row.get_field(5)?,
        on_delete: action(row, 6)?,
        on_update: action(row, 7)?,
    };
    of(relations, referenced, |facts| facts.referenced_by.push(key));
    Ok(())
}

fn action(row: &Fields, index: usize) -> Result<ReferentialAction, LoadError> {
    Ok(match row.byte(index)? {
        b'a' | b'r' => ReferentialAction::Refuse,
        b'c' => ReferentialAction::Cascade,
        b'n' => ReferentialAction::SetNull,
        b'd' => ReferentialAction::SetDefault,
        other => return Err(row.malformed(format!("a referential action {}", char::from(other)))),
    })
}
