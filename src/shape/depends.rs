//! What sources are made from: the columns that a function's arguments read, and what a derived source takes from outside.

use super::build::Builder;
use super::model::{Column, LevelId, Role, SourceId};
use super::resolve::Resolved;
use super::visit;
use crate::reading::tree::{Expr, RteKind};
use std::collections::BTreeSet;

impl<'t> Builder<'t> {
    pub(super) fn arguments(&mut self, level: LevelId) {
        let query = self.shape.levels[level].query;
        for (i, entry) in query.range_table.iter().enumerate() {
            let Some(source) = self.shape.levels[level].bindings[i] else { continue };
            if matches!(entry.kind, RteKind::Relation { .. }) {
                continue;
            }
            let mut read = BTreeSet::new();
            let mut add = |e: &'t Expr| {
                self.columns_of(level, e, &mut |c| {
                    read.insert(c.source);
                })
            };
            match &entry.kind {
                RteKind::Function { functions, .. } => functions.iter().for_each(|f| add(&f.expr)),
                RteKind::Values { rows, .. } => rows.iter().flatten().for_each(add),
                RteKind::Relation { .. }
                | RteKind::Subquery { .. }
                | RteKind::Join { .. }
                | RteKind::TableFunction
                | RteKind::Cte { .. }
                | RteKind::NamedTuplestore
                | RteKind::Result
                | RteKind::Group { .. } => {}
            }
            self.shape.sources[source].arguments = read;
        }
    }

    /// What a derived source's values are made from outside of it.
    pub(super) fn depends(&mut self, level: LevelId) {
        let query = self.shape.levels[level].query;
        let Some(owner) = self.shape.levels[level].owner else { return };
        // An aggregate or window can turn any comparison with an outer column into that column's value.
        let computed = query.has_aggs || query.has_window_funcs || !query.group_clause.is_empty();
        let mut outside = BTreeSet::new();
        let sites: Vec<(&'t Expr, Role)> =
            self.shape.sites.iter().filter(|s| s.level == level).map(|s| (s.expr, s.role)).collect();
        for (expr, role) in sites {
            if computed || role == Role::Output {
                self.outer_sources(level, expr, &mut outside);
            }
        }
        self.shape.sources[owner].depends.extend(outside);
    }

    fn outer_sources(&self, level: LevelId, expr: &'t Expr, outside: &mut BTreeSet<SourceId>) {
        let mut found = BTreeSet::new();
        self.columns_of(level, expr, &mut |c| {
            found.insert(c.source);
        });
        outside.extend(found.into_iter().filter(|s| !self.shape.levels[level].from.contains(s)));
    }

    /// Every column that an expression reads, joins and groups looked through; sublinks count as their derived source.
    pub(super) fn columns_of(&self, level: LevelId, expr: &'t Expr, f: &mut dyn FnMut(Column)) {
        visit::walk(expr, &mut |e| match e {
            Expr::Var(v) => match self.resolve(level, v) {
                Resolved::Column(c) => f(c),
                Resolved::Expr(at, inner) => self.columns_of(at, inner, f),
                Resolved::Nothing => {}
            },
            Expr::SubLink { query, .. } => {
                if let Some(source) = self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                    f(Column { source: *source, number: 1 });
                }
            }
            _ => {}
        });
    }
}
