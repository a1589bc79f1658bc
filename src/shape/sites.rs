//! Where expressions stand: every expression of a level is registered once, with what holds where it is evaluated, and
//! each subquery in it becomes a derived source of that level.

use super::build::{Builder, node, pushes_down, refuse_cte, single_row};
use super::model::{Kind, LevelId, Place, Role, ScopeId, Site};
use super::visit;
use crate::decision::deny::Deny;
use crate::reading::tree::{Expr, RteKind, SubLinkType};

impl<'t> Builder<'t> {
    /// Registers an expression, and each sublink in it as a derived source of this level.
    pub(super) fn site(&mut self, level: LevelId, expr: &'t Expr, role: Role, site: ScopeId) -> Result<(), Deny> {
        self.shape.sites.push(Site { level, expr, role });
        let mut found = Vec::new();
        visit::walk(expr, &mut |e| {
            if let Expr::SubLink { kind, query, .. } = e {
                found.push((*kind, &**query));
            }
        });
        for (kind, query) in found {
            if self.shape.sublinks.contains_key(&(level, std::ptr::from_ref(query))) {
                continue;
            }
            match kind {
                SubLinkType::Exists
                | SubLinkType::All
                | SubLinkType::Any
                | SubLinkType::RowCompare
                | SubLinkType::Expr
                | SubLinkType::Array
                | SubLinkType::MultiExpr => {}
                SubLinkType::Cte => return Err(node("a sublink of this kind")),
            }
            // SET, RETURNING and the list of the outermost SELECT are computed for rows that every condition has passed,
            // so what holds of those rows is as good as a condition inside. A list that can be pulled up into a query
            // around it may be computed in a condition there, and so earlier.
            let is_settled = self.shape.levels[level].owner.is_none() || self.shape.levels[level].query.is_write();
            let context = self.scope(!(role == Role::Output && is_settled));
            self.include(context, site);
            let one = matches!(kind, SubLinkType::Expr | SubLinkType::RowCompare | SubLinkType::MultiExpr);
            let single = single_row(query, one);
            let source = self.source(level, "subquery", Kind::Derived { level: 0, single_row: single }, true)?;
            self.shape.sources[source].place = match role {
                Role::Qual => Place::Qual,
                Role::Lateral => Place::From,
                Role::Output => Place::Output,
            };
            let inner = self.enqueue(query, Some(level), Some(source), context, false)?;
            // What the outside says of the subquery's columns comes after its LIMIT, its windows, and the error of a
            // second row: rows that it throws out have told already.
            if one || !pushes_down(query) {
                self.shape.scopes[context].hides = Some(self.shape.levels[inner].out);
            }
            if let Kind::Derived { level, .. } = &mut self.shape.sources[source].kind {
                *level = inner;
            }
            self.shape.sublinks.insert((level, std::ptr::from_ref(query)), source);
        }
        Ok(())
    }

    /// Output expressions of a level with a join tree: evaluated on rows that were already chosen.
    pub(super) fn outputs(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let site = self.shape.levels[level].site;
        if !query.is_write() {
            for entry in &query.target_list {
                self.site(level, &entry.expr, Role::Output, site)?;
            }
        }
        for window in &query.window_clause {
            for e in window.start_offset.iter().chain(&window.end_offset) {
                self.site(level, e, Role::Output, site)?;
            }
        }
        for (i, entry) in query.range_table.iter().enumerate() {
            let bound = self.shape.levels[level].bindings[i].is_some();
            match &entry.kind {
                RteKind::Function { functions, .. } if bound => {
                    for f in functions {
                        self.site(level, &f.expr, Role::Lateral, site)?;
                    }
                }
                RteKind::Values { rows, .. } if bound => {
                    for e in rows.iter().flatten() {
                        if !self.is_plainly_written(level, e) {
                            self.site(level, e, Role::Lateral, site)?;
                        }
                    }
                }
                RteKind::Join { alias_vars, merged_columns, .. } => {
                    for e in alias_vars.iter().take(*merged_columns as usize) {
                        self.site(level, e, Role::Output, site)?;
                    }
                }
                RteKind::Group { expressions } => {
                    for e in expressions {
                        self.site(level, e, Role::Output, site)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// LIMIT and OFFSET: no column of the level may stand in them; CTEs that nothing refers to are read all the same.
    pub(super) fn own_expressions(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let site = self.shape.levels[level].site;
        if query.set_operations.is_some() {
            for entry in &query.target_list {
                self.site(level, &entry.expr, Role::Output, site)?;
            }
        }
        for e in query.limit_count.iter().chain(&query.limit_offset) {
            self.site(level, e, Role::Output, site)?;
        }
        // What is read stands in the join tree: a relation beside it is something that we do not understand.
        for (entry, binding) in query.range_table.iter().zip(&self.shape.levels[level].bindings) {
            if matches!(entry.kind, RteKind::Relation { .. }) && binding.is_none() {
                return Err(node("a relation outside of the join tree"));
            }
        }
        for cte in query.ctes.iter().filter(|c| c.ref_count == 0) {
            refuse_cte(cte)?;
            let context = self.scope(true);
            self.enqueue(&cte.query, Some(level), None, context, false)?;
        }
        Ok(())
    }
}
