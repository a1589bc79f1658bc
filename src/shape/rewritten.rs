//! The rewritten tree, where it differs from the analysed one: views expanded, policies added.
//! What a view reads is the DBA's grant; the code it runs is judged like any other.

use super::build::node;
use super::visit;
use crate::catalogue::snapshot::{Catalogue, Vetting, Volatility};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{Command, Expr, FromExpr, JoinNode, Oid, Query, RteKind};
use crate::token::grant::FunctionSignature;

pub struct Expansion<'a> {
    pub catalogue: &'a Catalogue,
    pub allowed: &'a [FunctionSignature],
    /// The statement reads the filtered catalogue alone: its views are ours.
    pub introspection: bool,
}

impl Expansion<'_> {
    pub fn check(&self, query: &Query) -> Result<(), Deny> {
        if query.command != Command::Select || query.is_utility || query.has_modifying_cte || query.is_return {
            return Err(node("a rule that writes"));
        }
        for cte in &query.ctes {
            self.check(&cte.query)?;
        }
        self.body(query, 0)
    }

    /// Everything of a query but its WITH. `target`: the range table index of what it writes.
    pub(super) fn body(&self, query: &Query, target: u32) -> Result<(), Deny> {
        for (i, entry) in query.range_table.iter().enumerate() {
            for qual in &entry.security_quals {
                self.expr(qual, true)?;
            }
            match &entry.kind {
                RteKind::Subquery { query, .. } => self.check(query)?,
                RteKind::Function { functions, .. } => functions.iter().try_for_each(|f| self.expr(&f.expr, false))?,
                RteKind::Values { .. } if target != 0 => {}
                RteKind::Values { rows, .. } => rows.iter().flatten().try_for_each(|e| self.expr(e, false))?,
                RteKind::Join { alias_vars, .. } => alias_vars.iter().try_for_each(|e| self.expr(e, false))?,
                RteKind::Group { expressions } => expressions.iter().try_for_each(|e| self.expr(e, false))?,
                RteKind::Relation { relkind, table_sample: None, .. } => match relkind {
                    b'r' | b'p' | b'v' => {}
                    // EXCLUDED stands for a row of the target.
                    b'c' if query.on_conflict.as_ref().is_some_and(|c| c.excluded_rel_index as usize == i + 1) && target != 0 => {
                    }
                    _ => return Err(node("a view over a foreign table, materialized view or sequence")),
                },
                RteKind::Relation { table_sample: Some(_), .. } => return Err(node("TABLESAMPLE in a view")),
                RteKind::Cte { .. } | RteKind::Result => {}
                RteKind::TableFunction | RteKind::NamedTuplestore => return Err(node("a table function in a view")),
            }
        }
        if let Some(from) = &query.join_tree {
            self.from(from)?;
        }
        // What is written is judged apart.
        let targets = if target == 0 { query.target_list.as_slice() } else { &[] };
        let rest = targets
            .iter()
            .chain(&query.returning_list)
            .map(|t| &t.expr)
            .chain(&query.having)
            .chain(&query.limit_count)
            .chain(&query.limit_offset);
        for e in rest {
            self.expr(e, false)?;
        }
        for w in &query.window_clause {
            w.start_offset.iter().chain(&w.end_offset).try_for_each(|e| self.expr(e, false))?;
        }
        for c in query.group_clause.iter().chain(&query.sort_clause).chain(&query.distinct_clause) {
            for operator in [c.equality_operator, c.sort_operator].into_iter().filter(|o| *o != 0) {
                self.operator(operator)?;
            }
        }
        Ok(())
    }

    fn from(&self, from: &FromExpr) -> Result<(), Deny> {
        from.quals.iter().try_for_each(|e| self.expr(e, false))?;
        from.from.iter().try_for_each(|n| self.join(n))
    }

    fn join(&self, node: &JoinNode) -> Result<(), Deny> {
        match node {
            JoinNode::Ref(_) => Ok(()),
            JoinNode::From(f) => self.from(f),
            JoinNode::Join(j) => {
                j.quals.iter().try_for_each(|e| self.expr(e, false))?;
                self.join(&j.left)?;
                self.join(&j.right)
            }
        }
    }

    pub(super) fn expr(&self, expr: &Expr, policy: bool) -> Result<(), Deny> {
        let mut result = Ok(());
        visit::walk(expr, &mut |e| {
            if result.is_ok() {
                result = self.one(e, policy);
            }
        });
        result
    }

    pub(super) fn one(&self, expr: &Expr, policy: bool) -> Result<(), Deny> {
        match expr {
            Expr::Func { func, .. } | Expr::Aggref { func, .. } | Expr::WindowFunc { func, .. } => self.function(*func, policy),
            Expr::Op { operator, func, .. } | Expr::ScalarArrayOp { operator, func, .. } => {
                self.operator(*operator)?;
                self.function(*func, policy)
            }
            Expr::RowCompare { operators, .. } => operators.iter().try_for_each(|o| self.operator(*o)),
            Expr::SubLink { query, .. } => self.check(query),
            Expr::NextValue { .. }
            | Expr::SetToDefault { .. }
            | Expr::CurrentOf { .. }
            | Expr::FieldStore { .. }
            | Expr::InferenceElem { .. }
            | Expr::ReturningExpr { .. }
            | Expr::MergeSupportFunc { .. } => Err(node("a writing expression in a view")),
            Expr::Var(_)
            | Expr::Const(_)
            | Expr::Param { .. }
            | Expr::GroupingFunc { .. }
            | Expr::Subscripting { .. }
            | Expr::NamedArg { .. }
            | Expr::Bool { .. }
            | Expr::FieldSelect { .. }
            | Expr::Relabel { .. }
            | Expr::CoerceViaIo { .. }
            | Expr::ArrayCoerce { .. }
            | Expr::ConvertRowtype { .. }
            | Expr::Collate { .. }
            | Expr::Case { .. }
            | Expr::CaseTest { .. }
            | Expr::Array { .. }
            | Expr::Row { .. }
            | Expr::Coalesce { .. }
            | Expr::MinMax { .. }
            | Expr::SqlValueFunction { .. }
            | Expr::NullTest { .. }
            | Expr::BooleanTest { .. }
            | Expr::CoerceToDomain { .. }
            | Expr::CoerceToDomainValue { .. } => Ok(()),
        }
    }

    fn function(&self, func: Oid, policy: bool) -> Result<(), Deny> {
        let Some(f) = self.catalogue.functions.get(&func) else { return Err(implied("an unknown function")) };
        if !f.built_in {
            let allowed = self.allowed.iter().any(|s| s.function == f.name && s.arguments == f.arguments);
            return if allowed || self.introspection {
                Ok(())
            } else {
                Err(implied(&format!("{}.{}()", f.name.schema, f.name.name)))
            };
        }
        match f.vetting {
            Vetting::Vetted { .. } | Vetting::TotalIfConstant { .. } | Vetting::CappedArgument { .. } => Ok(()),
            Vetting::Introspection | Vetting::Refused { .. } | Vetting::Unknown => {
                // A policy reads settings (`current_setting`); it was written by the DBA and cannot be given text by the agent.
                let harmless = policy && f.volatility != Volatility::Volatile;
                if harmless || self.introspection { Ok(()) } else { Err(implied(&format!("{}()", f.name.name))) }
            }
        }
    }

    fn operator(&self, operator: Oid) -> Result<(), Deny> {
        match self.catalogue.operators.get(&operator) {
            Some(o) if o.built_in => Ok(()),
            _ => Err(implied("an operator that is not built in")),
        }
    }
}

pub(super) fn implied(what: &str) -> Deny {
    Deny::new(Reason::ImpliedCode, format!("a view or policy behind this statement runs {what}, which is not allowed"))
        .hint("Read the tables themselves, or ask the DBA to allow the function in [functions] allow.")
}
