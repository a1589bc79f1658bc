//! The children of an expression, exhaustively: a new node type does not compile until it is placed here.

use crate::reading::tree::{Expr, TargetEntry};

/// Calls `f` on each direct child expression. The query of a sublink is not a child: it is a level of its own.
pub fn children<'t>(expr: &'t Expr, f: &mut dyn FnMut(&'t Expr)) {
    let mut all = |list: &'t [Expr]| list.iter().for_each(&mut *f);
    match expr {
        Expr::Var(_)
        | Expr::Const(_)
        | Expr::Param { .. }
        | Expr::CaseTest { .. }
        | Expr::SqlValueFunction { .. }
        | Expr::CoerceToDomainValue { .. }
        | Expr::SetToDefault { .. }
        | Expr::CurrentOf { .. }
        | Expr::NextValue { .. }
        | Expr::MergeSupportFunc { .. } => {}
        Expr::Aggref { direct_args, args, filter, .. } => {
            all(direct_args);
            targets(args, f);
            option(filter.as_deref(), f);
        }
        // The arguments of GROUPING() only name grouping columns; they are never evaluated.
        Expr::GroupingFunc { args, .. } => all(args),
        Expr::WindowFunc { args, filter, run_condition, .. } => {
            all(args);
            all(run_condition);
            option(filter.as_deref(), f);
        }
        Expr::Subscripting { upper, lower, container, assignment, .. } => {
            upper.iter().chain(lower).flatten().for_each(&mut *f);
            f(container);
            option(assignment.as_deref(), f);
        }
        Expr::Func { args, .. }
        | Expr::Op { args, .. }
        | Expr::ScalarArrayOp { args, .. }
        | Expr::Bool { args, .. }
        | Expr::Row { args, .. }
        | Expr::Coalesce { args, .. }
        | Expr::MinMax { args, .. } => all(args),
        Expr::Array { elements, .. } => all(elements),
        Expr::RowCompare { left, right, .. } => {
            all(left);
            all(right);
        }
        Expr::SubLink { test, .. } => option(test.as_deref(), f),
        Expr::FieldStore { arg, new_values, .. } => {
            option(arg.as_deref(), f);
            new_values.iter().for_each(f);
        }
        Expr::NamedArg { arg, .. }
        | Expr::FieldSelect { arg, .. }
        | Expr::Relabel { arg, .. }
        | Expr::CoerceViaIo { arg, .. }
        | Expr::ConvertRowtype { arg, .. }
        | Expr::Collate { arg, .. }
        | Expr::NullTest { arg, .. }
        | Expr::BooleanTest { arg, .. }
        | Expr::CoerceToDomain { arg, .. } => f(arg),
        Expr::InferenceElem { expr, .. } | Expr::ReturningExpr { expr, .. } => f(expr),
        Expr::ArrayCoerce { arg, element, .. } => {
            f(arg);
            f(element);
        }
        Expr::Case { arg, whens, default, .. } => {
            option(arg.as_deref(), f);
            for (when, then) in whens {
                f(when);
                f(then);
            }
            option(default.as_deref(), f);
        }
    }
}

fn targets<'t>(list: &'t [TargetEntry], f: &mut dyn FnMut(&'t Expr)) {
    list.iter().for_each(|t| f(&t.expr));
}

fn option<'t>(expr: Option<&'t Expr>, f: &mut dyn FnMut(&'t Expr)) {
    if let Some(e) = expr {
        f(e);
    }
}

/// The expression and all below it, parents first, without going into sublinks' queries.
pub fn walk<'t>(expr: &'t Expr, f: &mut dyn FnMut(&'t Expr)) {
    f(expr);
    children(expr, &mut |child| walk(child, f));
}

/// Whether any node satisfies `f`.
pub fn any<'t>(expr: &'t Expr, f: &mut dyn FnMut(&'t Expr) -> bool) -> bool {
    if f(expr) {
        return true;
    }
    let mut found = false;
    children(expr, &mut |child| found = found || any(child, f));
    found
}

/// Where in the text the expression starts, or the first of its children that knows.
pub fn location(expr: &Expr) -> Option<u32> {
    let own = match expr {
        Expr::Var(v) => v.location,
        Expr::Const(c) => c.location,
        Expr::Param { location, .. }
        | Expr::Aggref { location, .. }
        | Expr::GroupingFunc { location, .. }
        | Expr::WindowFunc { location, .. }
        | Expr::Func { location, .. }
        | Expr::NamedArg { location, .. }
        | Expr::Op { location, .. }
        | Expr::ScalarArrayOp { location, .. }
        | Expr::Bool { location, .. }
        | Expr::SubLink { location, .. }
        | Expr::Relabel { location, .. }
        | Expr::CoerceViaIo { location, .. }
        | Expr::ArrayCoerce { location, .. }
        | Expr::ConvertRowtype { location, .. }
        | Expr::Collate { location, .. }
        | Expr::Case { location, .. }
        | Expr::Array { location, .. }
        | Expr::Row { location, .. }
        | Expr::Coalesce { location, .. }
        | Expr::MinMax { location, .. }
        | Expr::SqlValueFunction { location, .. }
        | Expr::NullTest { location, .. }
        | Expr::BooleanTest { location, .. }
        | Expr::CoerceToDomain { location, .. }
        | Expr::SetToDefault { location, .. }
        | Expr::MergeSupportFunc { location, .. } => *location,
        Expr::Subscripting { .. }
        | Expr::FieldSelect { .. }
        | Expr::FieldStore { .. }
        | Expr::CaseTest { .. }
        | Expr::RowCompare { .. }
        | Expr::CoerceToDomainValue { .. }
        | Expr::CurrentOf { .. }
        | Expr::NextValue { .. }
        | Expr::InferenceElem { .. }
        | Expr::ReturningExpr { .. } => None,
    };
    own.or_else(|| {
        let mut first = None;
        children(expr, &mut |c| first = first.or_else(|| location(c)));
        first
    })
}
