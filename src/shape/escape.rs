//! Whether a query speaks of anything outside itself.

use super::visit;
use crate::catalogue::snapshot::{Catalogue, Volatility};
use crate::reading::tree::{Expr, FromExpr, JoinNode, Query, RteKind};

/// `true` if any column in the query, at any depth, belongs to a level outside it.
pub fn reaches_outside(query: &Query) -> bool {
    escapes(query, 0)
}

/// Whether a volatile function stands in the query, at any depth (`contain_volatile_functions`).
pub fn is_volatile(catalogue: &Catalogue, query: &Query) -> bool {
    let (exprs, queries) = parts(query);
    let volatile = |oid: &u32| catalogue.functions.get(oid).is_none_or(|f| f.volatility == Volatility::Volatile);
    let mut found = false;
    for e in exprs {
        visit::walk(e, &mut |e| match e {
            Expr::Func { func, .. }
            | Expr::Op { func, .. }
            | Expr::ScalarArrayOp { func, .. }
            | Expr::Aggref { func, .. }
            | Expr::WindowFunc { func, .. } => found = found || volatile(func),
            Expr::NextValue { .. } => found = true,
            Expr::SubLink { query, .. } => found = found || is_volatile(catalogue, query),
            _ => {}
        });
    }
    found || queries.into_iter().any(|q| is_volatile(catalogue, q))
}

/// The expressions of a query, and the queries in its FROM and WITH.
fn parts(query: &Query) -> (Vec<&Expr>, Vec<&Query>) {
    let mut exprs: Vec<&Expr> = query.target_list.iter().chain(&query.returning_list).map(|t| &t.expr).collect();
    exprs.extend(query.having.iter().chain(&query.limit_count).chain(&query.limit_offset));
    for w in &query.window_clause {
        exprs.extend(w.start_offset.iter().chain(&w.end_offset));
    }
    if let Some(from) = &query.join_tree {
        quals(from, &mut exprs);
    }
    let mut queries: Vec<&Query> = query.ctes.iter().map(|c| &*c.query).collect();
    for entry in &query.range_table {
        match &entry.kind {
            RteKind::Subquery { query, .. } => queries.push(query),
            RteKind::Function { functions, .. } => exprs.extend(functions.iter().map(|f| &f.expr)),
            RteKind::Values { rows, .. } => exprs.extend(rows.iter().flatten()),
            RteKind::Join { alias_vars, .. } => exprs.extend(alias_vars),
            RteKind::Group { expressions } => exprs.extend(expressions),
            RteKind::Cte { .. }
            | RteKind::Relation { .. }
            | RteKind::Result
            | RteKind::TableFunction
            | RteKind::NamedTuplestore => {}
        }
    }
    (exprs, queries)
}

fn escapes(query: &Query, depth: u32) -> bool {
    let outside = |entry: &RteKind| match entry {
        // A CTE of an outer level is something outside.
        RteKind::Cte { levels_up, .. } => *levels_up > depth,
        RteKind::TableFunction | RteKind::NamedTuplestore => true,
        _ => false,
    };
    if query.range_table.iter().any(|entry| outside(&entry.kind)) {
        return true;
    }
    let (exprs, queries) = parts(query);
    let out = |e: &Expr| match e {
        Expr::Var(v) => v.levels_up > depth,
        Expr::Aggref { levels_up, .. } | Expr::GroupingFunc { levels_up, .. } => *levels_up > depth,
        _ => false,
    };
    let mut found = false;
    for e in exprs {
        visit::walk(e, &mut |e| {
            found = found || out(e);
            if let Expr::SubLink { query, .. } = e {
                found = found || escapes(query, depth + 1);
            }
        });
    }
    found || queries.iter().any(|q| escapes(q, depth + 1))
}

fn quals<'t>(from: &'t FromExpr, exprs: &mut Vec<&'t Expr>) {
    exprs.extend(&from.quals);
    from.from.iter().for_each(|n| node_quals(n, exprs));
}

fn node_quals<'t>(node: &'t JoinNode, exprs: &mut Vec<&'t Expr>) {
    match node {
        JoinNode::Ref(_) => {}
        JoinNode::From(f) => quals(f, exprs),
        JoinNode::Join(j) => {
            exprs.extend(&j.quals);
            node_quals(&j.left, exprs);
            node_quals(&j.right, exprs);
        }
    }
}

/// Whether a subquery names such a column of a relation of the level right outside of it.
pub fn names_outside(query: &Query, rel: u32, wanted: &mut dyn FnMut(i16) -> bool) -> bool {
    names(query, 1, rel, wanted)
}

fn names(query: &Query, depth: u32, rel: u32, wanted: &mut dyn FnMut(i16) -> bool) -> bool {
    let (exprs, queries) = parts(query);
    let mut found = false;
    for e in exprs {
        visit::walk(e, &mut |e| match e {
            Expr::Var(v) if v.levels_up == depth && v.rel == rel => found = found || wanted(v.column),
            Expr::SubLink { query, .. } => found = found || names(query, depth + 1, rel, wanted),
            _ => {}
        });
    }
    found || queries.iter().any(|q| names(q, depth + 1, rel, wanted))
}
