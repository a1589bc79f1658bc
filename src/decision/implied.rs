//! What a write sets off beyond its own text: triggers, checks, indexes, rules, foreign-key actions, partitions. Each is
//! refused by its name unless it is vetted, or allowed by a rule that the refusal names.

use super::condition::Condition;
use super::cover;
use super::deny::Deny;
use super::permit::{self, Written};
use super::reason::Reason;
use super::solve::passes;
use super::write::{Target, Writing, grants_of};
use crate::catalogue::snapshot::{Oid, Relation, Vetting};
use crate::catalogue::write::{ExpressionKind, ForeignKey, ReferentialAction};
use crate::reading::tree::Command;
use crate::shape::model::Column;
use crate::token::grant::Action;
use std::collections::{BTreeMap, BTreeSet};

/// Tables that one cascade may go through.
const MAX_CASCADES: usize = 16;

pub(super) fn check(target: &Target<'_, '_, '_>, out: &mut Writing) -> Result<(), Deny> {
    let does = |command| target.write.changes.iter().any(|c| c.command == command);
    let evaluates = does(Command::Insert) || does(Command::Update);
    let family = family(target, target.relation)?;
    for relation in &family {
        code(target, target.relation, relation, evaluates)?;
    }
    if does(Command::Update) {
        let updated = updated(target);
        moves(target, &family, &updated)?;
        for (relation, key) in family.iter().flat_map(|r| r.write.referenced_by.iter().map(move |key| (*r, key))) {
            // A partition numbers its columns in its own way.
            let touched = relation.oid != target.relation.oid || key.columns.iter().any(|c| updated.contains(c));
            if key.on_update != ReferentialAction::Refuse && touched {
                return Err(acts(key, target.relation, "ON UPDATE"));
            }
        }
    }
    if does(Command::Delete) {
        let same: BTreeMap<i16, i16> = target.relation.columns.iter().flatten().map(|c| (c.number, c.number)).collect();
        let mut seen = vec![target.relation.oid];
        cascades(target, &family, &same, &mut seen, out)?;
    }
    Ok(())
}

/// A partitioned table is its partitions: their triggers, checks and indexes run.
fn family<'r>(target: &Target<'r, 'r, '_>, relation: &'r Relation) -> Result<Vec<&'r Relation>, Deny> {
    let mut family = vec![relation];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        at += 1;
        for child in &parent.write.children {
            let child = target
                .q
                .catalogue
                .relation(*child)
                .ok_or_else(|| Deny::new(Reason::CatalogueChanged, "a partition that the catalogue does not know yet"))?;
            if !matches!(child.kind, b'r' | b'p') {
                return Err(Deny::new(
                    Reason::ImpliedCode,
                    format!("{} has a partition that is a foreign table", relation.name.name),
                )
                .table(&relation.name)
                .hint("Write a table whose partitions are all in this database."));
            }
            if family.iter().all(|r| r.oid != child.oid) {
                family.push(child);
            }
        }
    }
    Ok(family)
}

fn code(target: &Target<'_, '_, '_>, root: &Relation, relation: &Relation, evaluates: bool) -> Result<(), Deny> {
    let rules = target.q.rules;
    let key = |of: &Relation, name: &str| format!("{}.{}.{name}", of.name.schema, of.name.name);
    let allowed = |set: &BTreeSet<String>, name: &str| set.contains(&key(relation, name)) || set.contains(&key(root, name));
    if let Some(rule) = relation.rules.first() {
        let message = format!("the rule {rule} on {} makes other statements of a write", relation.name.name);
        return Err(Deny::new(Reason::ImpliedCode, message)
            .table(&relation.name)
            .hint("Ask the DBA to replace the rule by a trigger."));
    }
    if let Some(trigger) = relation.triggers.iter().find(|t| !allowed(&rules.triggers, t)) {
        let message = format!("the trigger {trigger} on {} runs code that is not vetted", relation.name.name);
        return Err(Deny::new(Reason::ImpliedCode, message)
            .table(&relation.name)
            .hint(format!("Ask the DBA to add \"{}\" to [triggers] allow.", key(relation, trigger))));
    }
    let unvetted = |what: &str, name: &str| {
        let message = format!("{what} {name} of {} runs code that is not vetted", relation.name.name);
        Deny::new(Reason::ImpliedCode, message)
            .table(&relation.name)
            .hint(format!("Ask the DBA to add \"{}\" to [constraints] allow.", key(relation, name)))
    };
    if let Some(name) = relation.write.foreign_operators.iter().find(|n| !allowed(&rules.constraints, n)) {
        return Err(unvetted("the foreign key", name));
    }
    if !evaluates {
        return Ok(());
    }
    for expression in &relation.write.expressions {
        let vetted = expression.functions.iter().all(|f| is_vetted(target, *f));
        if !vetted && !allowed(&rules.constraints, &expression.name) {
            let what = match expression.kind {
                ExpressionKind::Check => "the constraint",
                ExpressionKind::Generated => "the generated column",
                ExpressionKind::Index => "the index",
                ExpressionKind::Partition => "the partition key",
            };
            return Err(unvetted(what, &expression.name));
        }
    }
    for index in relation.write.indexes.iter().filter(|i| !allowed(&rules.constraints, &i.name)) {
        // `array_ops`, `record_ops`: built in, and they compare by what they hold.
        let types = index.columns.iter().filter_map(|n| relation.column(*n)).map(|c| c.type_oid);
        if !index.built_in || types.into_iter().any(|t| target.q.catalogue.closure_is_built_in(t).is_err()) {
            return Err(unvetted("the index", &index.name));
        }
        if index.exclusion {
            // "conflicts with existing key (…)": its error shows a row that is nobody's business.
            let message =
                format!("the exclusion constraint {} of {} would show other rows in its error", index.name, relation.name.name);
            return Err(Deny::new(Reason::ErrorLeak, message)
                .table(&relation.name)
                .hint(format!("Ask the DBA to add \"{}\" to [constraints] allow.", key(relation, &index.name))));
        }
    }
    Ok(())
}

fn is_vetted(target: &Target<'_, '_, '_>, function: Oid) -> bool {
    let Some(f) = target.q.catalogue.functions.get(&function) else { return false };
    match f.vetting {
        Vetting::Vetted { .. } | Vetting::CappedArgument { .. } | Vetting::TotalIfConstant { .. } => true,
        Vetting::Introspection | Vetting::Refused { .. } | Vetting::Unknown => {
            !f.built_in && target.q.rules.functions.iter().any(|s| s.function == f.name && s.arguments == f.arguments)
        }
    }
}

/// The columns that an UPDATE changes, generated ones included.
fn updated(target: &Target<'_, '_, '_>) -> BTreeSet<i16> {
    let mut updated: BTreeSet<i16> = target.permissions.updated.iter().copied().collect();
    loop {
        let before = updated.len();
        for column in target.relation.columns.iter().flatten() {
            if column.generated_from.iter().any(|n| updated.contains(n)) {
                updated.insert(column.number);
            }
        }
        if updated.len() == before {
            return updated;
        }
    }
}

/// A row that changes its partition is deleted and inserted, with all that this sets off.
fn moves(target: &Target<'_, '_, '_>, family: &[&Relation], updated: &BTreeSet<i16>) -> Result<(), Deny> {
    for relation in family {
        for number in &relation.write.partition_columns {
            let name = relation.column(*number).map(|c| &*c.name).unwrap_or_default();
            let own = target.relation.column_named(name).map(|c| c.number);
            if own.is_none_or(|n| updated.contains(&n)) {
                return Err(Deny::new(
                    Reason::ImpliedCode,
                    format!("{name} decides the partition of a row of {}, so it is not updated", target.relation.name.name),
                )
                .table(&target.relation.name)
                .column(name)
                .hint("Delete the row and insert it anew."));
            }
        }
    }
    Ok(())
}

fn acts(key: &ForeignKey, relation: &Relation, when: &str) -> Deny {
    let name = &key.name;
    Deny::new(
        Reason::ImpliedCode,
        format!("the foreign key {name} would change other rows {when} of {}, and no grant covers them", relation.name.name),
    )
    .table(&relation.name)
    .hint(format!("Change the referencing rows first, in a statement of their own; {name} acts {when}."))
}

/// ON DELETE CASCADE: the rows that go with it must be granted for DELETE by what the foreign key itself says of them.
/// `origin`: columns of these relations, and the target's column that each is equal to.
fn cascades(
    target: &Target<'_, '_, '_>,
    family: &[&Relation],
    origin: &BTreeMap<i16, i16>,
    seen: &mut Vec<Oid>,
    out: &mut Writing,
) -> Result<(), Deny> {
    for (relation, key) in family.iter().flat_map(|r| r.write.referenced_by.iter().map(move |key| (*r, key))) {
        match key.on_delete {
            ReferentialAction::Refuse => continue,
            ReferentialAction::SetNull | ReferentialAction::SetDefault => return Err(acts(key, relation, "ON DELETE")),
            ReferentialAction::Cascade => {}
        }
        let child = target.q.catalogue.relation(key.child).ok_or_else(|| acts(key, relation, "ON DELETE"))?;
        if seen.len() >= MAX_CASCADES || seen.contains(&child.oid) {
            return Err(acts(key, relation, "ON DELETE"));
        }
        seen.push(child.oid);
        let mut equal = BTreeMap::new();
        for (own, theirs) in key.child_columns.iter().zip(&key.columns) {
            // A partition numbers its columns in its own way.
            if relation.oid == family[0].oid
                && is_exact(target, relation, *theirs)
                && let Some(column) = origin.get(theirs)
            {
                equal.insert(*own, *column);
            }
        }
        let change = goes_along(target, key, relation, child, &equal)?;
        out.written.push(change);
        let below = self::family(target, child)?;
        for relation in &below {
            code(target, child, relation, false)?;
        }
        cascades(target, &below, &equal, seen, out)?;
    }
    Ok(())
}

/// Equal means the same value: no collation that takes other spellings for equal.
fn is_exact(target: &Target<'_, '_, '_>, relation: &Relation, number: i16) -> bool {
    relation.column(number).is_some_and(|c| {
        c.collation == 0 || target.q.catalogue.collations.get(&c.collation).is_some_and(|collation| collation.deterministic)
    })
}

fn goes_along(
    target: &Target<'_, '_, '_>,
    key: &ForeignKey,
    parent: &Relation,
    child: &Relation,
    equal: &BTreeMap<i16, i16>,
) -> Result<permit::Change, Deny> {
    let refused = || acts(key, parent, "ON DELETE");
    let rule = target.q.rules.relation(&child.name).filter(|r| !r.is_view).ok_or_else(refused)?;
    if child.has_inheritance_children || !matches!(child.kind, b'r' | b'p') {
        return Err(refused());
    }
    let mut obligations = Vec::new();
    for deletes in target.write.changes.iter().filter(|c| c.command == Command::Delete) {
        for grants in target.q.chain {
            let mut alternatives = Vec::new();
            for grant in grants_of(grants, child, Action::Delete) {
                let Some(tests) = cover::typed(target.q.catalogue, child, &grant.predicate) else { continue };
                let facts = target.solver.shape.facts(deletes.scope, false);
                let inside = target.solver.split(&facts, 0, &mut 0, &mut |classes| {
                    let mut conditions: Vec<Condition> = Vec::new();
                    for (number, test) in &tests {
                        let own = Column { source: target.write.target, number: *equal.get(number)? };
                        conditions.extend(passes(classes.get(own)?, test)?);
                    }
                    Some(conditions)
                });
                if let Some(conditions) = inside {
                    let guarded = !grant.predicate.is_empty();
                    alternatives.push(cover::Alternative { conditions, limit: grant.limit, guarded, local: true, scanned: true });
                }
            }
            if alternatives.is_empty() {
                return Err(refused());
            }
            alternatives.sort_by_key(|a| (a.conditions.len(), std::cmp::Reverse(a.limit.unwrap_or(u64::MAX))));
            obligations.push(permit::Obligation { alternatives, refusal: refused() });
        }
    }
    let table =
        Written { oid: child.oid, name: child.name.clone(), insert: false, update: false, delete: true, limit: rule.max_rows };
    Ok(permit::Change { table, obligations, rows: 0 })
}
