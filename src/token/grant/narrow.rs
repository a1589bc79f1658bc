//! Whether a child's grant lies wholly inside one grant of its parent.

use super::values::{Values, by_column};
use super::{Action, Columns, FunctionSignature, Grant, QualifiedName, RelationGrant};
use std::collections::BTreeMap;

/// Why no grant of the parent covers a child's grant: the nearest miss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncovered {
    #[error("the parent has no EXECUTE on {0}")]
    Function(FunctionSignature),
    #[error("the parent has no {0} on {1}")]
    Relation(Action, QualifiedName),
    #[error("the parent lists its columns, so `(*)` is more than it has")]
    AllColumns,
    #[error("the parent has no column {0}")]
    Column(String),
    #[error("the parent's condition `{0}` does not follow from the child's WHERE")]
    Predicate(String),
    #[error("the parent's LIMIT is {parent}, the child's {}", child.map_or("missing".to_owned(), |limit| limit.to_string()))]
    Limit { parent: u64, child: Option<u64> },
}

/// Whether ONE of the parent's grants covers the child's wholly. The columns of one and the predicate of another
/// never add up.
pub fn narrower(child: &Grant, parents: &[Grant]) -> bool {
    explain(child, parents).is_ok()
}

/// The index of the parent's grant that covers the child's, or why none does.
pub fn explain(child: &Grant, parents: &[Grant]) -> Result<usize, Uncovered> {
    let mut nearest = match child {
        Grant::Relation(grant) => Uncovered::Relation(grant.action, grant.relation.clone()),
        Grant::Execute(signature) => Uncovered::Function(signature.clone()),
    };
    let values = match child {
        Grant::Relation(grant) => by_column(&grant.predicate),
        Grant::Execute(_) => BTreeMap::new(),
    };
    for (index, parent) in parents.iter().enumerate() {
        match covers(parent, child, &values) {
            Ok(()) => return Ok(index),
            Err(miss) if miss.nearness() > nearest.nearness() => nearest = miss,
            Err(_) => {}
        }
    }
    Err(nearest)
}

fn covers(parent: &Grant, child: &Grant, values: &BTreeMap<&str, Values<'_>>) -> Result<(), Uncovered> {
    match (parent, child) {
        (Grant::Execute(parent), Grant::Execute(child)) if parent == child => Ok(()),
        (Grant::Relation(parent), Grant::Relation(child))
            if parent.action == child.action && parent.relation == child.relation =>
        {
            columns_cover(&parent.columns, &child.columns)?;
            predicate_follows(parent, values)?;
            limit_covers(parent.limit, child.limit)
        }
        (_, Grant::Execute(child)) => Err(Uncovered::Function(child.clone())),
        (_, Grant::Relation(child)) => Err(Uncovered::Relation(child.action, child.relation.clone())),
    }
}

fn columns_cover(parent: &Columns, child: &Columns) -> Result<(), Uncovered> {
    match (parent, child) {
        (Columns::All, Columns::All | Columns::List(_)) => Ok(()),
        (Columns::List(_), Columns::All) => Err(Uncovered::AllColumns),
        (Columns::List(parent), Columns::List(child)) => match child.iter().find(|column| !parent.contains(column)) {
            None => Ok(()),
            Some(column) => Err(Uncovered::Column(column.clone())),
        },
    }
}

fn predicate_follows(parent: &RelationGrant, child: &BTreeMap<&str, Values<'_>>) -> Result<(), Uncovered> {
    for condition in &parent.predicate {
        if !child.get(condition.column.as_str()).is_some_and(|values| values.imply(&condition.test)) {
            return Err(Uncovered::Predicate(condition.to_string()));
        }
    }
    Ok(())
}

fn limit_covers(parent: Option<u64>, child: Option<u64>) -> Result<(), Uncovered> {
    match (parent, child) {
        (None, _) => Ok(()),
        (Some(parent), Some(child)) if child <= parent => Ok(()),
        (Some(parent), child) => Err(Uncovered::Limit { parent, child }),
    }
}

impl Uncovered {
    /// How far the comparison came before it failed.
    fn nearness(&self) -> u8 {
        match self {
            Uncovered::Function(_) | Uncovered::Relation(..) => 0,
            Uncovered::AllColumns | Uncovered::Column(_) => 1,
            Uncovered::Predicate(_) => 2,
            Uncovered::Limit { .. } => 3,
        }
    }
}
