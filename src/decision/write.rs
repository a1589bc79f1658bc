//! The proof of what a query writes: columns and rows within a grant of the action, before and after.

use super::classes::Classes;
use super::condition::{Condition, TypedTest};
use super::cover::{self, Alternative};
use super::deny::Deny;
use super::hint;
use super::implied;
use super::permit::{self, Obligation, Written};
use super::prove::{Question, check_name, kind_is_readable};
use super::reason::Reason;
use super::solve::{Solver, passes};
use crate::catalogue::snapshot::{Catalogue, Relation};
use crate::reading::tree::{Command, Expr, Permissions, Query, RteKind, TargetEntry};
use crate::rules::ruleset::TableRule;
use crate::shape::constant::Constant;
use crate::shape::expansion::Pairs;
use crate::shape::model::{self, Assignment, Column, Kind, List, Shape, SourceId, Term};
use crate::shape::value::Value;
use crate::shape::written_constant;
use crate::token::grant::{Action, Columns, Grant, RelationGrant};
use std::collections::BTreeSet;

/// What one writing query adds to a proof.
pub(super) struct Writing {
    /// What it reads of its target, by block.
    pub read: Vec<(SourceId, Vec<Alternative>)>,
    /// What it reads of the rows that it makes, by block.
    pub new_rows: Vec<Obligation>,
    pub written: Vec<permit::Change>,
    pub conditions: Vec<Condition>,
}

pub(super) struct Target<'q, 's, 't> {
    pub(super) q: &'s Question<'q>,
    pub(super) solver: &'s Solver<'s, 't>,
    pub(super) write: &'s model::Write<'t>,
    pub(super) relation: &'s Relation,
    rule: &'s TableRule,
    pub(super) permissions: &'t Permissions,
    /// As the rewriter left it: with defaults.
    rewritten: &'s Query,
}

pub(super) fn writing<'s, 't>(
    q: &'s Question<'_>,
    solver: &'s Solver<'s, 't>,
    write: &'s model::Write<'t>,
    pairs: &Pairs<'s>,
) -> Result<Writing, Deny> {
    let (relation, permissions) = target_of(q, solver.shape, write)?;
    let rule = q.rules.relation(&relation.name).ok_or_else(|| hint::no_rule(&relation.name))?;
    if rule.is_view {
        return Err(hint::no_rule(&relation.name));
    }
    let analysed = solver.shape.levels[write.level].query;
    let Some(rewritten) = pairs.get(&std::ptr::from_ref(analysed)) else {
        return Err(Deny::new(Reason::ReadingMismatch, "the statement is not what the rewriter made of it"));
    };
    Target { q, solver, write, relation, rule, permissions, rewritten }.prove()
}

/// What it writes is a table that every block grants for the action.
pub(super) fn is_granted(q: &Question<'_>, shape: &Shape<'_>, write: &model::Write<'_>) -> Result<(), Deny> {
    let (relation, _) = target_of(q, shape, write)?;
    check_name(q, relation)?;
    is_writable(q, write, relation)
}

fn target_of<'s, 't>(
    q: &'s Question<'_>,
    shape: &'s Shape<'t>,
    write: &model::Write<'t>,
) -> Result<(&'s Relation, &'t Permissions), Deny> {
    let Kind::Relation { relid, permissions, .. } = shape.sources[write.target].kind else {
        return Err(Deny::new(Reason::NodeNotAllowed, "the target of a write is no table"));
    };
    let relation = q.catalogue.relation(relid).ok_or_else(|| {
        Deny::new(Reason::CatalogueChanged, "the statement writes a relation that the catalogue does not know yet")
    })?;
    Ok((relation, permissions))
}

fn is_writable(q: &Question<'_>, write: &model::Write<'_>, relation: &Relation) -> Result<(), Deny> {
    if relation.name.schema.starts_with("pg_") || relation.name.schema == "information_schema" {
        return Err(hint::not_writable(&relation.name));
    }
    for change in &write.changes {
        let action = action_of(change.command)?;
        if q.chain.is_empty() || !q.chain.iter().all(|grants| !grants_of(grants, relation, action).is_empty()) {
            return Err(hint::action_not_granted(&relation.name, action));
        }
    }
    kind_is_readable(relation)?;
    if relation.kind == b'v' {
        return Err(Deny::new(Reason::ImpliedCode, format!("{} is a view; views are not written through", relation.name.name))
            .table(&relation.name)
            .hint("Write the table behind the view."));
    }
    if relation.has_inheritance_children {
        return Err(Deny::new(
            Reason::ImpliedCode,
            format!("{} has inheritance children, which a write would reach", relation.name.name),
        )
        .table(&relation.name)
        .hint("Ask the DBA for a partitioned table instead."));
    }
    Ok(())
}

fn action_of(command: Command) -> Result<Action, Deny> {
    match command {
        Command::Insert => Ok(Action::Insert),
        Command::Update => Ok(Action::Update),
        Command::Delete => Ok(Action::Delete),
        Command::Select | Command::Merge | Command::Utility | Command::Nothing => {
            Err(Deny::new(Reason::NodeNotAllowed, "an action that is no write"))
        }
    }
}

/// The grants of one action in one block on one relation.
pub(super) fn grants_of<'g>(grants: &'g [Grant], relation: &Relation, action: Action) -> Vec<&'g RelationGrant> {
    grants
        .iter()
        .filter_map(|g| match g {
            Grant::Relation(r) if r.action == action && r.relation == relation.name => Some(r),
            Grant::Relation(_) | Grant::Execute(_) => None,
        })
        .collect()
}

impl Target<'_, '_, '_> {
    fn prove(&self) -> Result<Writing, Deny> {
        let mut out = Writing { read: Vec::new(), new_rows: Vec::new(), written: Vec::new(), conditions: Vec::new() };
        self.columns_written()?;
        self.read(&mut out)?;
        let does = |command| self.write.changes.iter().any(|c| c.command == command);
        let table = Written {
            oid: self.relation.oid,
            name: self.relation.name.clone(),
            insert: does(Command::Insert),
            update: does(Command::Update),
            delete: does(Command::Delete),
            limit: self.rule.max_rows,
        };
        let mut obligations = Vec::new();
        for change in &self.write.changes {
            for grants in self.q.chain {
                obligations.push(self.covered(change, grants)?);
            }
        }
        let rows = self.write.changes.iter().map(|c| c.rows).sum();
        out.written.push(permit::Change { table, obligations, rows });
        implied::check(self, &mut out)?;
        Ok(out)
    }

    /// Hidden columns are not written either, and the bitmaps are about what the statement assigns.
    fn columns_written(&self) -> Result<(), Deny> {
        let all: BTreeSet<i16> = self.permissions.inserted.union(&self.permissions.updated).copied().collect();
        if all.iter().any(|n| *n <= 0 || self.relation.column(*n).is_none()) {
            return Err(Deny::new(Reason::ReadingMismatch, "the statement writes a column that the catalogue does not know"));
        }
        cover::check_hidden(self.relation, self.rule, &all, false)?;
        for change in &self.write.changes {
            let told = match change.command {
                Command::Insert => &self.permissions.inserted,
                _ => &self.permissions.updated,
            };
            if change.assigned.iter().any(|a| !told.contains(&a.column)) {
                return Err(Deny::new(Reason::ReadingMismatch, "the statement writes other columns than it asks permission for"));
            }
        }
        Ok(())
    }

    /// What the statement reads of its target is granted for reading, and the rows that it looks for are bounded.
    fn read(&self, out: &mut Writing) -> Result<(), Deny> {
        let id = self.write.target;
        let mut selected = self.permissions.selected.clone();
        let query = self.solver.shape.levels[self.write.level].query;
        // Whether a row is there already is told of every unique key.
        if query.on_conflict.as_ref().is_some_and(|c| c.arbiter_elements.is_empty() && c.constraint == 0) {
            let unique = self.relation.write.indexes.iter().filter(|i| i.unique || i.exclusion);
            selected.extend(unique.flat_map(|i| &i.columns));
        }
        let read = cover::columns_read(self.relation, &selected)?;
        cover::check_hidden(self.relation, self.rule, &read, selected.contains(&0))?;
        if !read.is_empty() {
            for grants in self.q.chain {
                let on = cover::grants_on(grants, self.relation);
                if on.is_empty() {
                    return Err(hint::not_granted(&self.relation.name));
                }
                // A row that was there, as any read; a row that the statement makes, by what it writes.
                if !self.write.inserts_only() {
                    out.read.push((id, cover::alternatives(self.solver, id, self.relation, &on, &read)?));
                }
                for change in self.write.changes.iter().filter(|c| c.list == List::Targets && c.command == Command::Insert) {
                    out.new_rows.push(self.chosen(change, Action::Select, &read, &on)?);
                }
            }
        }
        let scans = query.command != Command::Insert;
        if scans && !self.rule.unbounded {
            match &self.solver.bounded[id] {
                Some(needed) => out.conditions.extend(needed.iter().cloned()),
                None => {
                    let why = self.solver.shortfall(id, self.relation, self.rule);
                    let alias = self.solver.shape.sources[id].name;
                    return Err(hint::unbounded(self.relation, alias, self.rule, why, None));
                }
            }
        }
        Ok(())
    }

    /// The grants of one block that cover one change wholly: columns, old row, new row.
    fn covered(&self, change: &model::Change<'_>, grants: &[Grant]) -> Result<Obligation, Deny> {
        let action = action_of(change.command)?;
        let none = BTreeSet::new();
        let columns = match action {
            Action::Insert => &self.permissions.inserted,
            Action::Update => &self.permissions.updated,
            Action::Delete | Action::Select => &none,
        };
        self.chosen(change, action, columns, &grants_of(grants, self.relation, action))
    }

    fn chosen(
        &self,
        change: &model::Change<'_>,
        action: Action,
        columns: &BTreeSet<i16>,
        on: &[&RelationGrant],
    ) -> Result<Obligation, Deny> {
        let (mut found, mut missing, mut unmet) = (Vec::new(), None, None);
        for grant in on {
            if let Some(column) = self.missing_column(grant, columns) {
                missing.get_or_insert(column);
                continue;
            }
            let tests = cover::typed(self.q.catalogue, self.relation, &grant.predicate);
            match tests.and_then(|tests| self.inside(change, &tests)) {
                Some(conditions) => {
                    let guarded = !grant.predicate.is_empty();
                    found.push(Alternative { conditions, limit: grant.limit, guarded, local: true, scanned: true });
                }
                None => drop(unmet.get_or_insert(*grant)),
            }
        }
        found.sort_by_key(|a| (a.conditions.len(), std::cmp::Reverse(a.limit.unwrap_or(u64::MAX))));
        let first = on.iter().find(|g| !g.predicate.is_empty()).copied();
        let refusal = self.outside(change, unmet.or(first));
        match (found.is_empty(), unmet, missing) {
            (false, ..) => Ok(Obligation { alternatives: found, refusal }),
            (true, Some(_), _) => Err(refusal),
            (true, None, Some(column)) if action == Action::Select => Err(hint::column_not_granted(self.relation, &column, on)),
            (true, None, Some(column)) => Err(hint::column_not_writable(self.relation, &column, action, on)),
            (true, None, None) => Err(hint::action_not_granted(&self.relation.name, action)),
        }
    }

    fn missing_column(&self, grant: &RelationGrant, columns: &BTreeSet<i16>) -> Option<String> {
        match &grant.columns {
            Columns::All => None,
            Columns::List(names) => {
                let of = |n: &i16| self.relation.column(*n);
                columns.iter().filter_map(of).find(|c| !names.iter().any(|n| **n == *c.name)).map(|c| c.name.to_string())
            }
        }
    }

    fn outside(&self, change: &model::Change<'_>, grant: Option<&RelationGrant>) -> Deny {
        let alias = self.solver.shape.sources[self.write.target].name;
        match grant {
            None => hint::not_writable(&self.relation.name),
            Some(grant) if change.command == Command::Insert => hint::new_row_outside(self.relation, grant),
            Some(grant) => {
                let assigns = |c: &crate::token::grant::Condition| {
                    let number = self.relation.column_named(&c.column).map(|c| c.number);
                    change.assigned.iter().any(|a| Some(a.column) == number)
                };
                match grant.predicate.iter().any(assigns) {
                    true => hint::new_row_outside(self.relation, grant),
                    false => hint::predicate_not_implied(self.relation, alias, grant),
                }
            }
        }
    }

    /// The row is inside a predicate before the change and after it.
    fn inside(&self, change: &model::Change<'_>, tests: &[(i16, TypedTest)]) -> Option<Vec<Condition>> {
        if tests.is_empty() {
            return Some(Vec::new());
        }
        let facts = self.solver.shape.facts(change.scope, false);
        self.solver.split(&facts, 0, &mut 0, &mut |classes| {
            let mut conditions = Vec::new();
            for (number, test) in tests {
                if change.command != Command::Insert {
                    let class = classes.get(Column { source: self.write.target, number: *number })?;
                    conditions.extend(passes(class, test)?);
                }
                if change.command != Command::Delete {
                    conditions.extend(self.new_value(change, *number)?.passes(self.solver, classes, test)?);
                }
            }
            Some(conditions)
        })
    }

    /// What a column holds after the change.
    fn new_value<'c>(&self, change: &'c model::Change<'_>, number: i16) -> Option<NewValue<'c>> {
        let column = self.relation.column(number)?;
        let catalogue = self.q.catalogue;
        if column.generated != 0 {
            // Computed from the new row: known only where nothing that it reads is written.
            let moved = |n: &i16| change.assigned.iter().any(|a| a.column == *n);
            let still = change.command == Command::Update && !self.sources_of(number).iter().any(moved);
            return still.then_some(NewValue::Old);
        }
        let Some(assigned) = change.assigned.iter().find(|a| a.column == number) else {
            return match change.command {
                Command::Insert => self.default(change, number).map(|k| NewValue::Constants(vec![k])),
                _ => Some(NewValue::Old),
            };
        };
        match &assigned.value {
            Assignment::Term(Term::Column(c))
                if c.source == self.write.target && c.number == number && change.command == Command::Update =>
            {
                Some(NewValue::Old)
            }
            Assignment::Term(term) => Some(NewValue::Term(term)),
            Assignment::Default => self.default(change, number).map(|k| NewValue::Constants(vec![k])),
            Assignment::Cells(cells) => {
                let defaults = self.cells(assigned.expr, catalogue);
                let mut all = Vec::with_capacity(cells.len());
                for (i, cell) in cells.iter().enumerate() {
                    let default = || match &defaults {
                        Some(cells) => cells.get(i).cloned().flatten(),
                        None => self.default(change, number),
                    };
                    all.push(cell.clone().or_else(default)?);
                }
                Some(NewValue::Constants(all))
            }
        }
    }

    /// Everything that a generated column is made of.
    fn sources_of(&self, number: i16) -> Vec<i16> {
        let mut seen = vec![number];
        let mut at = 0;
        while let Some(n) = seen.get(at).copied() {
            at += 1;
            for source in self.relation.column(n).into_iter().flat_map(|c| &c.generated_from) {
                if !seen.contains(source) {
                    seen.push(*source);
                }
            }
        }
        seen
    }

    /// The rewriter's value of a column that the statement leaves to its default: NULL where it has none.
    fn default(&self, change: &model::Change<'_>, number: i16) -> Option<Constant> {
        let list: &[TargetEntry] = match change.list {
            List::Targets => &self.rewritten.target_list,
            List::OnConflict => &self.rewritten.on_conflict.as_ref()?.set,
            List::Action(i) => &self.rewritten.merge_actions.get(i)?.target_list,
        };
        match list.iter().find(|t| t.res_no == i32::from(number)) {
            None => Some(Constant::Known(Value::Null)),
            Some(entry) => written_constant(self.q.catalogue, &entry.expr),
        }
    }

    /// The cells of a column of VALUES as the rewriter left them; `None` where it took the whole column out.
    fn cells(&self, expr: &Expr, catalogue: &Catalogue) -> Option<Vec<Option<Constant>>> {
        let var = |e: &Expr| match e {
            Expr::Var(v) => Some((v.rel, v.column)),
            Expr::CoerceToDomain { arg, .. } => match &**arg {
                Expr::Var(v) => Some((v.rel, v.column)),
                _ => None,
            },
            _ => None,
        };
        let (rel, column) = var(expr)?;
        self.rewritten.target_list.iter().find(|t| var(&t.expr) == Some((rel, column)))?;
        let RteKind::Values { rows, .. } = &self.rewritten.range_table.get((rel as usize).checked_sub(1)?)?.kind else {
            return None;
        };
        let index = usize::try_from(column).ok()?.checked_sub(1)?;
        Some(rows.iter().map(|row| row.get(index).and_then(|e| written_constant(catalogue, e))).collect())
    }
}

enum NewValue<'c> {
    /// What the old row held, which is shown to pass already.
    Old,
    Term(&'c Term),
    /// One of these.
    Constants(Vec<Constant>),
}

impl NewValue<'_> {
    /// Strict: NULL passes nothing, wherever it comes from.
    fn passes(&self, solver: &Solver<'_, '_>, classes: &Classes<'_>, test: &TypedTest) -> Option<Vec<Condition>> {
        match self {
            NewValue::Old => Some(Vec::new()),
            NewValue::Constants(all) => every(all, test),
            NewValue::Term(Term::Constant(k)) => every(std::slice::from_ref(k), test),
            NewValue::Term(Term::Column(c)) => {
                if let Some(conditions) = self.arms_pass(solver, *c, test) {
                    return Some(conditions);
                }
                let class = classes.get(*c)?;
                let same = class.columns.iter().filter(|same| *same != c);
                if let Some(conditions) = same.into_iter().find_map(|same| self.arms_pass(solver, *same, test)) {
                    return Some(conditions);
                }
                for k in class.constants.iter().chain(&class.not_distinct) {
                    if let Some(conditions) = every(std::slice::from_ref(*k), test) {
                        return Some(conditions);
                    }
                }
                for list in &class.lists {
                    if let Some(conditions) = every(list, test) {
                        return Some(conditions);
                    }
                }
                if let Some(a) = class.arrays.first() {
                    return Some(vec![Condition::EveryHolds(*a, test.clone())]);
                }
                super::solve::within(class, test)
            }
            NewValue::Term(Term::Dependent(_) | Term::Unknown) => None,
        }
    }
}

impl NewValue<'_> {
    /// A column of a UNION: every arm's passes.
    fn arms_pass(&self, solver: &Solver<'_, '_>, column: Column, test: &TypedTest) -> Option<Vec<Condition>> {
        let Kind::Derived { level, .. } = &solver.shape.sources[column.source].kind else { return None };
        let level = &solver.shape.levels[*level];
        level.query.set_operations.as_ref()?;
        let mut conditions = Vec::new();
        for arm in &level.from {
            let Kind::Derived { level: inner, .. } = &solver.shape.sources[*arm].kind else { return None };
            let facts = solver.shape.facts(solver.shape.levels[*inner].out, false);
            let name = Term::Column(Column { source: *arm, number: column.number });
            let passed = solver.split(&facts, 0, &mut 0, &mut |classes| NewValue::Term(&name).passes(solver, classes, test));
            conditions.extend(passed?);
        }
        Some(conditions)
    }
}

fn every(all: &[Constant], test: &TypedTest) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for k in all {
        match k {
            Constant::Known(v) if test.holds(v) => {}
            Constant::Known(_) | Constant::Opaque => return None,
            Constant::Param { .. } | Constant::Now(_) | Constant::Apply(..) => {
                conditions.push(Condition::Holds(k.clone(), test.clone()));
            }
        }
    }
    Some(conditions)
}
