//! Which grants of a block cover one occurrence of a relation, wholly: its columns and its predicate in one grant.

use super::condition::{Condition, TypedTest};
use super::deny::Deny;
use super::hint;
use super::reason::Reason;
use super::solve::{Reach, Solver};
use crate::catalogue::snapshot::{Catalogue, Relation};
use crate::reading::tree::ColumnSet;
use crate::rules::ruleset::TableRule;
use crate::shape::model::SourceId;
use crate::shape::value::{self, Value, oid};
use crate::token::grant::{Action, Columns, Condition as GrantCondition, Grant, Literal, RelationGrant, Test};

/// One grant that covers an occurrence if its conditions hold at Bind.
#[derive(Debug, Clone)]
pub struct Alternative {
    pub conditions: Vec<Condition>,
    pub limit: Option<u64>,
    /// The grant has a WHERE: errors on this occurrence would tell of other rows.
    pub guarded: bool,
    /// The WHERE is implied without facts from outside its query.
    pub local: bool,
    /// The WHERE is implied by what the scan itself applies.
    pub scanned: bool,
}

/// The read grants of one block on one relation.
pub fn grants_on<'g>(grants: &'g [Grant], relation: &Relation) -> Vec<&'g RelationGrant> {
    grants
        .iter()
        .filter_map(|g| match g {
            Grant::Relation(r) if r.action == Action::Select && r.relation == relation.name => Some(r),
            Grant::Relation(_) | Grant::Execute(_) => None,
        })
        .collect()
}

/// The columns read, closed over what generated columns are made from. Column 0, the whole row, is every column.
pub fn columns_read(relation: &Relation, selected: &ColumnSet) -> Result<ColumnSet, Deny> {
    let mut read = ColumnSet::new();
    for n in selected {
        match n {
            0 => read.extend(relation.columns.iter().flatten().map(|c| c.number)),
            n if *n < 0 => {
                return Err(Deny::new(Reason::ColumnNotGranted, "system columns such as ctid or xmin are not granted")
                    .table(&relation.name)
                    .hint("Use the table's own key columns."));
            }
            n => {
                read.insert(*n);
            }
        }
    }
    let mut queue: Vec<i16> = read.iter().copied().collect();
    while let Some(n) = queue.pop() {
        let column =
            relation.column(n).ok_or_else(|| Deny::new(Reason::ReadingMismatch, "a column that the catalogue does not know"))?;
        for source in &column.generated_from {
            if read.insert(*source) {
                queue.push(*source);
            }
        }
    }
    Ok(read)
}

/// Hidden columns first: no grant gives them.
pub fn check_hidden(relation: &Relation, rule: &TableRule, read: &ColumnSet, whole_row: bool) -> Result<(), Deny> {
    for n in read {
        let Some(column) = relation.column(*n) else { continue };
        if rule.hidden.contains(&*column.name) {
            let what = if whole_row { "a whole row (*) includes a column that is hidden" } else { "the column is hidden" };
            return Err(Deny::new(Reason::ColumnHidden, format!("{}: {what}", relation.name.name))
                .table(&relation.name)
                .hint("Name only the columns that you need and that SHOW pgwarrant.scope lists."));
        }
    }
    Ok(())
}

fn covers_columns(grant: &RelationGrant, relation: &Relation, read: &ColumnSet) -> Result<(), String> {
    match &grant.columns {
        Columns::All => Ok(()),
        Columns::List(names) => {
            match read.iter().filter_map(|n| relation.column(*n)).find(|c| !names.iter().any(|n| **n == *c.name)) {
                Some(missing) => Err(missing.name.to_string()),
                None => Ok(()),
            }
        }
    }
}

/// The grants of one block that can cover this occurrence; an error if none can.
pub fn alternatives(
    solver: &Solver<'_, '_>,
    id: SourceId,
    relation: &Relation,
    grants: &[&RelationGrant],
    read: &ColumnSet,
) -> Result<Vec<Alternative>, Deny> {
    let catalogue = solver.shape.catalogue;
    let mut found = Vec::new();
    let mut missing_column = None;
    let mut unmet: Option<&RelationGrant> = None;
    for grant in grants {
        if let Err(column) = covers_columns(grant, relation, read) {
            missing_column.get_or_insert(column);
            continue;
        }
        let Some(predicate) = typed(catalogue, relation, &grant.predicate) else {
            unmet.get_or_insert(grant);
            continue;
        };
        let Some(conditions) = solver.implies(id, &predicate, Reach::Everywhere) else {
            unmet.get_or_insert(grant);
            continue;
        };
        // How near the rows the WHERE holds is judged by the conditions that hold there: those found further out say
        // nothing of the rows inside.
        let (conditions, local, scanned) = match solver.implies(id, &predicate, Reach::Scan) {
            Some(inside) => (inside, true, true),
            None => match solver.implies(id, &predicate, Reach::Level) {
                Some(inside) => (inside, true, false),
                None => (conditions, false, false),
            },
        };
        found.push(Alternative { conditions, limit: grant.limit, guarded: !grant.predicate.is_empty(), local, scanned });
    }
    if !found.is_empty() {
        // What needs nothing at Bind first, then the most generous.
        found.sort_by_key(|a| (a.conditions.len(), std::cmp::Reverse(a.limit.unwrap_or(u64::MAX))));
        return Ok(found);
    }
    let name = solver.shape.sources[id].name;
    Err(match (unmet, missing_column) {
        (Some(grant), _) => hint::predicate_not_implied(relation, name, grant),
        (None, Some(column)) => hint::column_not_granted(relation, &column, grants),
        (None, None) => hint::not_granted(&relation.name),
    })
}

/// The grants of any action whose WHERE holds for an occurrence, whatever their columns.
pub fn inside(solver: &Solver<'_, '_>, id: SourceId, relation: &Relation, grants: &[&RelationGrant]) -> Option<Vec<Alternative>> {
    let mut found = Vec::new();
    for grant in grants {
        let Some(predicate) = typed(solver.shape.catalogue, relation, &grant.predicate) else { continue };
        // What holds further out comes after the lock.
        if let Some(conditions) = solver.implies(id, &predicate, Reach::Level) {
            let guarded = !grant.predicate.is_empty();
            found.push(Alternative { conditions, limit: grant.limit, guarded, local: true, scanned: true });
        }
    }
    found.sort_by_key(|a| a.conditions.len());
    (!found.is_empty()).then_some(found)
}

/// A grant's WHERE with its literals in the types of the columns. `None`: a literal that the type cannot be.
pub fn typed(catalogue: &Catalogue, relation: &Relation, predicate: &[GrantCondition]) -> Option<Vec<(i16, TypedTest)>> {
    predicate
        .iter()
        .map(|c| {
            let column = relation.column_named(&c.column)?;
            let type_oid = crate::shape::base_type(catalogue, column.type_oid);
            let lit = |l: &Literal| literal(l, type_oid);
            let test = match &c.test {
                Test::Equals(l) => TypedTest::Equals(lit(l)?),
                Test::In(list) => TypedTest::In(list.iter().map(lit).collect::<Option<_>>()?),
                Test::Between(a, b) => TypedTest::Between(lit(a)?, lit(b)?),
                Test::Compare(op, l) => TypedTest::Compare(*op, lit(l)?),
            };
            Some((column.number, test))
        })
        .collect()
}

fn literal(l: &Literal, type_oid: u32) -> Option<Value> {
    match (l, type_oid) {
        (Literal::Integer(n), oid::INT2 | oid::INT4 | oid::INT8) => Some(Value::Int(*n)),
        (Literal::Boolean(b), oid::BOOL) => Some(Value::Bool(*b)),
        (Literal::Text(t), oid::TIMESTAMPTZ) => match value::from_text(type_oid, t.as_bytes())? {
            // A grant's time without a zone is UTC.
            Value::TimestampTz { micros, .. } => Some(Value::TimestampTz { micros, exact: true }),
            _ => None,
        },
        (Literal::Text(t), oid::TEXT | oid::VARCHAR | oid::UUID | oid::DATE | oid::TIMESTAMP) => {
            value::from_text(type_oid, t.as_bytes())
        }
        _ => None,
    }
}
