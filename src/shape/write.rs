//! INSERT, UPDATE, DELETE and MERGE: their target, what is assigned, and what holds of the rows that they change.

use super::build::{Builder, node, rte};
use super::constant::Constant;
use super::facts::constant;
use super::model::{Assigned, Assignment, Change, Column, Fact, Kind, LevelId, List, Role, ScopeId, SourceId, Term, Write};
use super::{escape, visit};
use crate::catalogue::snapshot::{Relation, TypeKind};
use crate::catalogue::write::Index;
use crate::decision::deny::Deny;
use crate::reading::tree::{Command, Expr, MergeMatch, OnConflictExpr, ParamKind, Query, RteKind, SubLinkType, TargetEntry};

/// `OVERRIDING_USER_VALUE`: what is written is not what the statement says.
const OVERRIDING_USER: u32 = 1;

impl<'t> Builder<'t> {
    pub(super) fn write(&mut self, level: LevelId) -> Result<(), Deny> {
        match self.shape.levels[level].query.command {
            Command::Insert => self.insert(level),
            Command::Update | Command::Delete => self.change(level),
            Command::Merge => self.merge(level),
            Command::Select | Command::Utility | Command::Nothing => Err(node("a statement of this kind")),
        }
    }

    /// UPDATE and DELETE: the target stands in the join tree like any relation.
    fn change(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let from = query.join_tree.as_ref().ok_or_else(|| node("a query without a join tree"))?;
        let (context, site) = (self.shape.levels[level].context, self.shape.levels[level].site);
        self.bind_from(level, from)?;
        let target = self.bound_target(level)?;
        let out = self.from(level, from, context, true)?;
        self.include(site, context);
        self.include(site, out);
        self.outputs(level)?;
        let assigned = self.assigned(level, target, &query.target_list, site)?;
        let scope = self.scope(false);
        self.include(scope, self.shape.sources[target].scope);
        self.include(scope, site);
        let stale = self.stale(target, &assigned);
        let changes = vec![Change { command: query.command, list: List::Targets, assigned, scope, rows: 0 }];
        self.shape.writes.push(Write { level, target, excluded: None, changes });
        self.returning(level, &stale)?;
        self.publish_returning(level, out, target, &stale);
        Ok(())
    }

    fn insert(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let from = query.join_tree.as_ref().ok_or_else(|| node("a query without a join tree"))?;
        if from.quals.is_some() {
            return Err(node("an INSERT with a condition of its own"));
        }
        let (context, site) = (self.shape.levels[level].context, self.shape.levels[level].site);
        self.bind_from(level, from)?;
        let out = self.from(level, from, context, true)?;
        self.include(site, context);
        self.include(site, out);
        self.outputs(level)?;
        let target = self.unscanned(level, query.result_relation, true)?;
        let assigned = self.assigned(level, target, &query.target_list, site)?;
        let rows = self.rows(level);
        // The row that is inserted is what EXCLUDED and, without a conflict, RETURNING name.
        let new_row = self.scope(false);
        self.include(new_row, site);
        let mut changes = vec![Change { command: Command::Insert, list: List::Targets, assigned, scope: site, rows }];
        let (mut excluded, mut stale) = (None, Vec::new());
        match &query.on_conflict {
            Some(conflict) if conflict.action == 2 => {
                let source = self.unscanned(level, conflict.excluded_rel_index, false)?;
                // One row for each of theirs: as bounded as they are.
                self.shape.sources[source].arguments = self.shape.levels[level].from.iter().copied().collect();
                self.name_new_row(source, new_row, &changes[0].assigned);
                self.include(self.shape.sources[source].scope, new_row);
                changes.push(self.do_update(level, conflict, target, source, new_row)?);
                excluded = Some(source);
                stale = self.every_column(target);
            }
            Some(conflict) => {
                self.arbiter(conflict, query.result_relation)?;
                if conflict.excluded_rel_index != 0 || !conflict.set.is_empty() || conflict.where_.is_some() {
                    return Err(node("DO NOTHING that does something"));
                }
                self.name_new_row(target, new_row, &changes[0].assigned);
                self.include(self.shape.sources[target].scope, new_row);
            }
            None => {
                self.name_new_row(target, new_row, &changes[0].assigned);
                self.include(self.shape.sources[target].scope, new_row);
            }
        }
        self.shape.writes.push(Write { level, target, excluded, changes });
        self.include(site, new_row);
        self.returning(level, &stale)?;
        self.publish_returning(level, new_row, target, &stale);
        Ok(())
    }

    /// What the columns of a new row are known to be.
    fn name_new_row(&mut self, source: SourceId, scope: ScopeId, assigned: &[Assigned<'t>]) {
        for a in assigned {
            let name = Column { source, number: a.column };
            match &a.value {
                Assignment::Term(term @ (Term::Column(_) | Term::Constant(_))) => {
                    self.shape.scopes[scope].facts.push(Fact::Equal(Term::Column(name), term.clone()));
                }
                Assignment::Term(Term::Dependent(_) | Term::Unknown) | Assignment::Cells(_) | Assignment::Default => {}
            }
        }
    }

    /// The old row of DO UPDATE: it has the new row's key, and its WHERE holds.
    fn do_update(
        &mut self,
        level: LevelId,
        conflict: &'t OnConflictExpr,
        target: SourceId,
        excluded: SourceId,
        new_row: ScopeId,
    ) -> Result<Change<'t>, Deny> {
        let index = self.shape.levels[level].query.result_relation;
        let key = self.arbiter(conflict, index)?;
        let (quals, scope) = (self.scope(false), self.scope(false));
        self.include(scope, new_row);
        self.include(scope, quals);
        // A constraint's own index and no other finds it.
        let only = |i: &Index| conflict.constraint == 0 || i.constraint == conflict.constraint;
        let key = match self.relation_of(target).and_then(|r| r.write.indexes.iter().find(|i| i.constraint != 0 && only(i))) {
            Some(index) if conflict.constraint != 0 => index.columns.clone(),
            _ => key,
        };
        if self.key_is_equality(target, &key, &only) {
            for number in key {
                let (old, new) = (Column { source: target, number }, Column { source: excluded, number });
                self.shape.scopes[quals].facts.push(Fact::Equal(Term::Column(old), Term::Column(new)));
            }
        }
        self.quals(level, conflict.where_.as_ref(), quals, scope)?;
        self.include(self.shape.sources[target].scope, scope);
        let assigned = self.assigned(level, target, &conflict.set, scope)?;
        Ok(Change { command: Command::Update, list: List::OnConflict, assigned, scope, rows: 0 })
    }

    /// The columns by which a conflict is found, if they are columns at all.
    fn arbiter(&self, conflict: &OnConflictExpr, target: u32) -> Result<Vec<i16>, Deny> {
        if conflict.arbiter_where.is_some() {
            return Err(node("ON CONFLICT … WHERE before DO"));
        }
        let column = |e: &Expr| match e {
            Expr::InferenceElem { expr, collation: 0, operator_class: 0 } => match &**expr {
                Expr::Var(v) if v.rel == target && v.levels_up == 0 && v.column > 0 => Ok(v.column),
                _ => Err(node("ON CONFLICT over an expression")),
            },
            _ => Err(node("ON CONFLICT with a collation or operator class")),
        };
        conflict.arbiter_elements.iter().map(column).collect()
    }

    /// Whether a conflict over these columns means that each has the very same value: any unique index over just these
    /// columns may be the one that finds it.
    fn key_is_equality(&self, target: SourceId, key: &[i16], only: &dyn Fn(&Index) -> bool) -> bool {
        let Some(relation) = self.relation_of(target) else { return false };
        let same = |columns: &[i16]| columns.len() == key.len() && columns.iter().all(|c| key.contains(c));
        let deterministic = |n: &i16| {
            relation.column(*n).is_some_and(|c| {
                c.collation == 0 || self.shape.catalogue.collations.get(&c.collation).is_some_and(|c| c.deterministic)
            })
        };
        let mut candidates = relation.write.indexes.iter().filter(|i| i.unique && only(i) && same(&i.columns)).peekable();
        !key.is_empty()
            && candidates.peek().is_some()
            && candidates.all(|i| relation.unique_keys.iter().any(|k| k.index == i.oid && !k.nulls_not_distinct))
            && key.iter().all(deterministic)
    }

    fn merge(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let from = query.join_tree.as_ref().ok_or_else(|| node("a query without a join tree"))?;
        if query.merge_target_relation != 0 && query.merge_target_relation != query.result_relation {
            return Err(node("a MERGE into a view"));
        }
        if from.quals.is_some() && query.merge_join_condition.is_some() {
            return Err(node("a MERGE with two conditions"));
        }
        let on = from.quals.as_ref().or(query.merge_join_condition.as_ref());
        if query.merge_actions.iter().any(|a| a.match_kind == MergeMatch::NotMatchedBySource) {
            return Err(node("WHEN NOT MATCHED BY SOURCE, which reaches every row of the target,"));
        }
        let source_kept = query.merge_actions.iter().any(|a| a.match_kind == MergeMatch::NotMatchedByTarget);
        let (context, site) = (self.shape.levels[level].context, self.shape.levels[level].site);
        self.bind_from(level, from)?;
        let target = self.unscanned(level, query.result_relation, true)?;
        self.shape.levels[level].from.push(target);
        // The join of `transform_MERGE_to_join`: a source row without a target row is kept for the INSERT.
        let (quals, beside, matched, on_site) = (self.scope(false), self.scope(false), self.scope(false), self.scope(false));
        self.include(on_site, context);
        self.include(on_site, beside);
        self.include(on_site, quals);
        self.quals(level, on, quals, on_site)?;
        let target_scope = self.shape.sources[target].scope;
        for scope in [matched, target_scope] {
            self.include(scope, context);
            self.include(scope, quals);
            self.include(scope, beside);
        }
        let mut contexts = Vec::new();
        for child in &from.from {
            let inside = self.scope(false);
            self.include(inside, context);
            if !source_kept {
                self.include(inside, quals);
            }
            let child_out = self.join_node(level, child, inside)?;
            self.include(beside, child_out);
            contexts.push(inside);
        }
        if contexts.len() != 1 {
            return Err(node("a MERGE from several sources"));
        }
        self.include(site, context);
        self.include(site, beside);
        self.outputs(level)?;
        let mut changes = Vec::new();
        for (index, action) in query.merge_actions.iter().enumerate() {
            if action.overriding == OVERRIDING_USER {
                return Err(node("OVERRIDING USER VALUE"));
            }
            let base = if action.match_kind == MergeMatch::Matched { matched } else { site };
            let scope = self.scope(false);
            self.include(scope, base);
            if let Some(qual) = &action.qual {
                self.site(level, qual, Role::Output, base)?;
                let facts = self.conjuncts(level, qual, scope);
                self.shape.scopes[scope].facts.extend(facts);
            }
            let (command, wanted) = match (action.match_kind, action.command) {
                (_, Command::Nothing) => continue,
                (MergeMatch::Matched, Command::Update | Command::Delete) => (action.command, true),
                (MergeMatch::NotMatchedByTarget, Command::Insert) => (action.command, true),
                (MergeMatch::Matched | MergeMatch::NotMatchedBySource | MergeMatch::NotMatchedByTarget, command) => {
                    (command, false)
                }
            };
            if !wanted {
                return Err(node("an action of a MERGE"));
            }
            let assigned = self.assigned(level, target, &action.target_list, base)?;
            changes.push(Change { command, list: List::Action(index), assigned, scope, rows: 0 });
        }
        self.shape.writes.push(Write { level, target, excluded: None, changes });
        if changes_insert(query) && !query.returning_list.is_empty() {
            return Err(node("RETURNING of a MERGE that inserts"));
        }
        let stale = self.every_column(target);
        self.returning(level, &stale)?;
        self.publish_returning(level, site, target, &stale);
        Ok(())
    }

    /// The target of an UPDATE or DELETE, as the join tree bound it.
    fn bound_target(&self, level: LevelId) -> Result<SourceId, Deny> {
        let query = self.shape.levels[level].query;
        rte(query, query.result_relation)?;
        let bound = self.shape.levels[level].bindings[query.result_relation as usize - 1];
        let target = bound.ok_or_else(|| node("a target outside of the join tree"))?;
        match self.shape.sources[target].kind {
            Kind::Relation { .. } => Ok(target),
            _ => Err(node("a target that is no table")),
        }
    }

    /// A target, or EXCLUDED, that stands outside of the join tree.
    fn unscanned(&mut self, level: LevelId, index: u32, target: bool) -> Result<SourceId, Deny> {
        let query = self.shape.levels[level].query;
        let entry = rte(query, index)?;
        let RteKind::Relation { relid, relkind, table_sample: None, .. } = &entry.kind else {
            return Err(node("a target that is no table"));
        };
        if !entry.security_quals.is_empty() {
            return Err(node("a security qual in the analysed tree"));
        }
        let permissions = entry.permissions.as_ref().ok_or_else(|| node("a relation without permissions"))?;
        let kind = match target {
            true => Kind::Relation { relid: *relid, permissions, location: None },
            // Names of it count as reads of this entry; what they read is the row that the statement wrote itself.
            false if *relkind == b'c' && permissions.inserted.is_empty() && permissions.updated.is_empty() => {
                Kind::Values { rows: 1 }
            }
            false => return Err(node("an EXCLUDED row that is written")),
        };
        let source = self.source(level, &entry.name, kind, false)?;
        let slot = &mut self.shape.levels[level].bindings[index as usize - 1];
        if slot.replace(source).is_some() {
            return Err(node("a target that stands twice"));
        }
        Ok(source)
    }

    fn assigned(
        &mut self,
        level: LevelId,
        target: SourceId,
        list: &'t [TargetEntry],
        site: ScopeId,
    ) -> Result<Vec<Assigned<'t>>, Deny> {
        let mut found: Vec<Assigned<'t>> = Vec::with_capacity(list.len());
        for entry in list {
            if entry.junk {
                // The subquery of SET (…) = (SELECT …), of whose columns nothing is known where they are assigned.
                let Expr::SubLink { kind: SubLinkType::MultiExpr, .. } = &entry.expr else {
                    return Err(node("a target that is no column"));
                };
                self.site(level, &entry.expr, Role::Output, site)?;
                continue;
            }
            let column = i16::try_from(entry.res_no).ok().filter(|n| *n > 0).ok_or_else(|| node("a target column"))?;
            if found.iter().any(|a| a.column == column) || self.relation_of(target).is_some_and(|r| r.column(column).is_none()) {
                return Err(node("a target column"));
            }
            let value = match &entry.expr {
                Expr::SetToDefault { .. } => Assignment::Default,
                expr => {
                    if !self.is_plainly_written(level, expr) {
                        self.site(level, expr, Role::Output, site)?;
                    }
                    match self.cells(level, expr) {
                        Some(cells) => Assignment::Cells(cells),
                        None => Assignment::Term(self.term(level, value_of(expr))),
                    }
                }
            };
            found.push(Assigned { column, expr: &entry.expr, value });
        }
        Ok(found)
    }

    /// A column of an INSERT's own VALUES in which DEFAULT stands.
    fn cells(&self, level: LevelId, expr: &Expr) -> Option<Vec<Option<Constant>>> {
        let Expr::Var(v) = value_of(expr) else { return None };
        let query = self.shape.levels[level].query;
        if query.command != Command::Insert || v.levels_up != 0 {
            return None;
        }
        let entry = query.range_table.get((v.rel as usize).checked_sub(1)?)?;
        let RteKind::Values { rows, .. } = &entry.kind else { return None };
        let index = usize::try_from(v.column).ok()?.checked_sub(1)?;
        let cells = || rows.iter().filter_map(|row| row.get(index));
        if !cells().any(|cell| matches!(cell, Expr::SetToDefault { .. })) {
            return None;
        }
        let one = |cell: &Expr| match cell {
            Expr::SetToDefault { .. } => None,
            other => Some(constant(self.shape.catalogue, value_of(other)).unwrap_or(Constant::Opaque)),
        };
        Some(cells().map(one).collect())
    }

    /// DEFAULT, and a literal or parameter of the type of an extension: writing one runs that type's input function, as
    /// reading one runs its output function.
    pub(super) fn is_plainly_written(&self, level: LevelId, expr: &Expr) -> bool {
        if !self.shape.levels[level].query.is_write() {
            return false;
        }
        let type_oid = match expr {
            Expr::SetToDefault { .. } => return true,
            Expr::Const(c) => c.type_oid,
            Expr::Param { kind: ParamKind::Extern, type_oid, .. } => *type_oid,
            _ => return false,
        };
        self.shape
            .catalogue
            .types
            .get(&type_oid)
            .is_some_and(|t| t.kind == TypeKind::Base && !t.built_in && t.extension.is_some())
    }

    /// Rows that the statement spells out: one, or those of its VALUES.
    fn rows(&self, level: LevelId) -> u64 {
        match self.shape.levels[level].from.as_slice() {
            [] => 1,
            [only] => match &self.shape.sources[*only].kind {
                Kind::Values { rows } => *rows as u64,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Columns of the target that RETURNING shows otherwise than the conditions saw them.
    fn stale(&self, target: SourceId, assigned: &[Assigned<'t>]) -> Vec<i16> {
        if assigned.is_empty() {
            return Vec::new();
        }
        let generated = self.relation_of(target).into_iter().flat_map(|r| r.columns.iter().flatten());
        let generated = generated.filter(|c| c.generated != 0).map(|c| c.number);
        assigned.iter().map(|a| a.column).chain(generated).chain([0]).collect()
    }

    fn every_column(&self, target: SourceId) -> Vec<i16> {
        let columns = self.relation_of(target).into_iter().flat_map(|r| r.columns.iter().flatten());
        columns.map(|c| c.number).chain([0]).collect()
    }

    fn relation_of(&self, source: SourceId) -> Option<&'t Relation> {
        match &self.shape.sources[source].kind {
            Kind::Relation { relid, .. } => self.shape.catalogue.relation(*relid),
            _ => None,
        }
    }

    /// A subquery in RETURNING may rest on the row only where it is what the conditions saw.
    fn returning(&mut self, level: LevelId, stale: &[i16]) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let site = self.shape.levels[level].site;
        for entry in &query.returning_list {
            let mut rests_on_new = false;
            visit::walk(&entry.expr, &mut |e| {
                if let Expr::SubLink { kind, query: inner, .. } = e {
                    rests_on_new = rests_on_new
                        || *kind == SubLinkType::MultiExpr
                        || escape::names_outside(inner, query.result_relation, &mut |column| stale.contains(&column));
                }
            });
            if rests_on_new {
                return Err(node("a subquery in RETURNING over columns that the statement writes"));
            }
            self.site(level, &entry.expr, Role::Output, site)?;
        }
        Ok(())
    }

    /// What the rows that a WITH query returns prove outside of it.
    fn publish_returning(&mut self, level: LevelId, from_out: ScopeId, target: SourceId, stale: &[i16]) {
        let query = self.shape.levels[level].query;
        let out = self.shape.levels[level].out;
        self.include(out, from_out);
        let Some(owner) = self.shape.levels[level].owner else { return };
        for (i, entry) in query.outputs().enumerate() {
            let Ok(number) = i16::try_from(i + 1) else { return };
            let name = Column { source: owner, number };
            let fact = match self.term(level, &entry.expr) {
                Term::Column(c) if c.source == target && stale.contains(&c.number) => continue,
                Term::Column(inner) => Fact::Alias(name, inner),
                Term::Constant(c) => Fact::Equal(Term::Column(name), Term::Constant(c)),
                Term::Dependent(_) | Term::Unknown => continue,
            };
            self.shape.scopes[out].facts.push(fact);
        }
    }
}

fn changes_insert(query: &Query) -> bool {
    query.merge_actions.iter().any(|action| action.command == Command::Insert)
}

/// Below a domain's check, which changes no value.
pub(super) fn value_of(expr: &Expr) -> &Expr {
    match expr {
        Expr::CoerceToDomain { arg, .. } => value_of(arg),
        other => other,
    }
}

/// Nothing of a SELECT may stand in a writing query.
pub(super) fn only_writes(q: &Query) -> Result<(), Deny> {
    let reads = q.has_aggs
        || q.has_window_funcs
        || q.has_target_srfs
        || q.has_distinct_on
        || q.has_for_update
        || q.group_distinct
        || q.limit_with_ties
        || !q.group_clause.is_empty()
        || !q.grouping_sets.is_empty()
        || q.having.is_some()
        || !q.window_clause.is_empty()
        || !q.distinct_clause.is_empty()
        || !q.sort_clause.is_empty()
        || q.limit_offset.is_some()
        || q.limit_count.is_some()
        || !q.row_marks.is_empty()
        || q.set_operations.is_some()
        || !q.with_check_options.is_empty()
        || q.overriding == OVERRIDING_USER
        || q.is_utility
        || q.is_return;
    let merges = !q.merge_actions.is_empty() || q.merge_join_condition.is_some() || q.merge_target_relation != 0;
    let strange = match q.command {
        Command::Insert => merges,
        Command::Update => merges || q.on_conflict.is_some() || q.overriding != 0,
        Command::Delete => merges || q.on_conflict.is_some() || q.overriding != 0 || !q.target_list.is_empty(),
        Command::Merge => q.on_conflict.is_some() || !q.target_list.is_empty(),
        Command::Select | Command::Utility | Command::Nothing => true,
    };
    if reads || strange { Err(node("a clause of this writing statement")) } else { Ok(()) }
}
