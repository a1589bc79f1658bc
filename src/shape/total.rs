//! Errors are results. Postgres may evaluate quals in any order, so an expression that can raise may run on a row
//! that another qual would have thrown out, and the error's text or its mere presence tells of that row.
//! An expression that never raises, on any input of its types, tells nothing.

use super::admit::Requirement;
use super::facts::{constant, type_of};
use super::model::{Column, Kind, LevelId, Role, Shape, SourceId};
use super::value::{self, Oid, Value, oid};
use crate::catalogue::snapshot::{Catalogue, Vetting};
use crate::reading::tree::{Expr, OpKind};
use std::collections::BTreeSet;

/// Integer division and remainder: total by a constant other than 0 and -1.
const DIVISIONS: [Oid; 13] = [153, 154, 155, 156, 172, 173, 466, 1277, 1281, 940, 941, 945, 947];
/// Casts between the server's own types that accept every value.
const TOTAL_CASTS: [Oid; 14] = [481, 313, 754, 1178, 2029, 2024, 1174, 2027, 2028, 1740, 1781, 1782, 316, 482];

/// A qual that can raise and reads one of `guarded`, if there is one.
/// What it takes for others not to raise goes to `needed`.
pub fn leak<'t>(
    shape: &Shape<'t>,
    guarded: &BTreeSet<SourceId>,
    everywhere: &BTreeSet<SourceId>,
    needed: &mut Vec<Requirement>,
) -> Option<&'t Expr> {
    shape.sites.iter().find_map(|site| {
        let watched = match site.role {
            Role::Qual => guarded,
            // A target list inside a level whose rows are filtered outside of it is as exposed as a qual.
            Role::Output => everywhere,
        };
        raising(shape, site.level, site.expr, watched, needed)
    })
}

/// The innermost expression that can raise on values of `guarded`.
fn raising<'t>(
    shape: &Shape<'t>,
    level: LevelId,
    expr: &'t Expr,
    guarded: &BTreeSet<SourceId>,
    needed: &mut Vec<Requirement>,
) -> Option<&'t Expr> {
    let mut found = None;
    super::visit::children(expr, &mut |child| found = found.or_else(|| raising(shape, level, child, guarded, needed)));
    if found.is_some() {
        return found;
    }
    let exposed = match expr {
        // A derived column is what it was made from.
        Expr::Var(v) => match shape.resolve(level, v) {
            super::build::Resolved::Column(c) => return derived_raising(shape, c, guarded, needed),
            super::build::Resolved::Expr(at, inner) => return raising(shape, at, inner, guarded, needed),
            super::build::Resolved::Nothing => true,
        },
        other => {
            let mut conditions = Vec::new();
            let raises = !total(shape.catalogue, other, &mut conditions);
            let exposed = (raises || !conditions.is_empty()) && touches(shape, level, other, guarded);
            if exposed && !raises {
                needed.extend(conditions);
            }
            exposed && raises
        }
    };
    exposed.then_some(expr)
}

fn derived_raising<'t>(
    shape: &Shape<'t>,
    column: Column,
    guarded: &BTreeSet<SourceId>,
    needed: &mut Vec<Requirement>,
) -> Option<&'t Expr> {
    let Kind::Derived { level, .. } = &shape.sources[column.source].kind else { return None };
    let query = shape.levels[*level].query;
    if query.set_operations.is_some() {
        return shape.levels[*level]
            .from
            .iter()
            .find_map(|arm| derived_raising(shape, Column { source: *arm, number: column.number }, guarded, needed));
    }
    let index = usize::try_from(column.number).ok()?.checked_sub(1)?;
    let entry = query.target_list.iter().filter(|t| !t.junk).nth(index)?;
    raising(shape, *level, &entry.expr, guarded, needed)
}

fn touches<'t>(shape: &Shape<'t>, level: LevelId, expr: &'t Expr, guarded: &BTreeSet<SourceId>) -> bool {
    super::visit::any(expr, &mut |e| match e {
        Expr::Var(v) => match shape.resolve(level, v) {
            super::build::Resolved::Column(c) => reaches(shape, c, guarded, 0),
            super::build::Resolved::Expr(at, inner) => touches(shape, at, inner, guarded),
            super::build::Resolved::Nothing => true,
        },
        Expr::SubLink { query, .. } => match shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
            Some(source) => reaches(shape, Column { source: *source, number: 1 }, guarded, 0),
            None => true,
        },
        _ => false,
    })
}

/// Whether a column's values come from a guarded source.
fn reaches(shape: &Shape<'_>, column: Column, guarded: &BTreeSet<SourceId>, depth: u32) -> bool {
    if guarded.contains(&column.source) || depth > 100 {
        return true;
    }
    let source = &shape.sources[column.source];
    match &source.kind {
        Kind::Derived { level, .. } => {
            let inner = &shape.levels[*level];
            inner.from.iter().any(|s| reaches(shape, Column { source: *s, number: column.number }, guarded, depth + 1))
                || source.depends.iter().any(|s| reaches(shape, Column { source: *s, number: 1 }, guarded, depth + 1))
        }
        Kind::Relation { .. } => false,
        // Made from whatever its arguments read; a recursive reference from its own query.
        Kind::Values { .. } | Kind::Series(_) | Kind::Elements(_) | Kind::Function { .. } | Kind::SelfReference { .. } => {
            matches!(source.kind, Kind::SelfReference { .. })
                || source.arguments.iter().any(|s| reaches(shape, Column { source: *s, number: 1 }, guarded, depth + 1))
        }
    }
}

/// This node itself never raises (its children are judged apart).
fn total(catalogue: &Catalogue, expr: &Expr, needed: &mut Vec<Requirement>) -> bool {
    match expr {
        Expr::Var(_)
        | Expr::Const(_)
        | Expr::Param { .. }
        | Expr::Bool { .. }
        | Expr::BooleanTest { .. }
        | Expr::NullTest { .. }
        | Expr::Coalesce { .. }
        | Expr::Case { .. }
        | Expr::CaseTest { .. }
        | Expr::MinMax { .. }
        | Expr::Relabel { .. }
        | Expr::Collate { .. }
        | Expr::FieldSelect { .. }
        | Expr::Row { .. }
        | Expr::GroupingFunc { .. }
        | Expr::NamedArg { .. }
        | Expr::SqlValueFunction { .. } => true,
        Expr::Subscripting { assignment, .. } => assignment.is_none(),
        // ARRAY[a, b] of arrays can have mismatched dimensions.
        Expr::Array { multidims, .. } => !multidims,
        Expr::RowCompare { operators, .. } => operators.iter().all(|o| operator_total(catalogue, *o, needed)),
        Expr::Func { func, args, .. } | Expr::Op { kind: OpKind::Op, func, args, .. } => {
            function_total(catalogue, *func, args, needed)
        }
        Expr::Op { kind: OpKind::Distinct | OpKind::NullIf, func, args, .. } | Expr::ScalarArrayOp { func, args, .. } => {
            function_total(catalogue, *func, args, needed)
        }
        // An aggregate in HAVING, a window in ORDER BY: count, min and max.
        Expr::Aggref { func, .. } | Expr::WindowFunc { func, .. } => function_total(catalogue, *func, &[], needed),
        // Output to text never fails; input can.
        Expr::CoerceViaIo { arg, result_type, .. } => matches!(*result_type, oid::TEXT | oid::VARCHAR) && type_of(arg).is_some(),
        Expr::ArrayCoerce { .. } => true,
        Expr::SubLink { kind, query, .. } => match kind {
            crate::reading::tree::SubLinkType::Exists
            | crate::reading::tree::SubLinkType::All
            | crate::reading::tree::SubLinkType::Any
            | crate::reading::tree::SubLinkType::Array => true,
            // More than one row is an error, and asked row by row it would tell of rows that another qual throws out.
            crate::reading::tree::SubLinkType::Expr | crate::reading::tree::SubLinkType::RowCompare => {
                let aggregate = query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty();
                aggregate || query.limit_count.as_ref().is_some_and(one) || !super::escape::reaches_outside(query)
            }
            crate::reading::tree::SubLinkType::MultiExpr | crate::reading::tree::SubLinkType::Cte => false,
        },
        Expr::ConvertRowtype { .. }
        | Expr::CoerceToDomain { .. }
        | Expr::CoerceToDomainValue { .. }
        | Expr::FieldStore { .. }
        | Expr::SetToDefault { .. }
        | Expr::CurrentOf { .. }
        | Expr::NextValue { .. }
        | Expr::InferenceElem { .. }
        | Expr::ReturningExpr { .. }
        | Expr::MergeSupportFunc { .. } => false,
    }
}

/// LIMIT 1.
fn one(expr: &Expr) -> bool {
    let Expr::Const(c) = expr else { return false };
    value::from_datum(c.type_oid, c.datum.as_deref()) == Some(Value::Int(1))
}

fn operator_total(catalogue: &Catalogue, operator: Oid, needed: &mut Vec<Requirement>) -> bool {
    catalogue.operators.get(&operator).is_some_and(|o| o.built_in && function_total(catalogue, o.func, &[], needed))
}

fn function_total(catalogue: &Catalogue, func: Oid, args: &[Expr], needed: &mut Vec<Requirement>) -> bool {
    let Some(f) = catalogue.functions.get(&func).filter(|f| f.built_in) else { return false };
    if TOTAL_CASTS.contains(&func) {
        return true;
    }
    if DIVISIONS.contains(&func) {
        return args.get(1).is_some_and(|d| divisor(catalogue, d));
    }
    match f.vetting {
        Vetting::Vetted { total } | Vetting::CappedArgument { total, .. } => total,
        Vetting::TotalIfConstant { index, constant: check } => {
            match args.get(usize::from(index)).and_then(|a| constant(catalogue, a)) {
                Some(c) => {
                    needed.push(Requirement::Admits(c, check));
                    true
                }
                None => false,
            }
        }
        Vetting::Introspection | Vetting::Refused { .. } | Vetting::Unknown => false,
    }
}

fn divisor(catalogue: &Catalogue, expr: &Expr) -> bool {
    constant(catalogue, expr).and_then(|c| c.known().cloned()).is_some_and(|v| matches!(v, Value::Int(n) if n != 0 && n != -1))
}
