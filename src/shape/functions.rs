//! Functions, VALUES and recursion in FROM: how many rows they can make, and what their columns are.

use super::build::Builder;
use super::constant::{Constant, array_element};
use super::facts::{constant, strip_relabel};
use super::model::{ArrayParam, Column, Elements, Fact, Kind, LevelId, Series, SourceId, Term};
use super::value::{self, Value};
use crate::catalogue::snapshot::{BtreeRole, Catalogue};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{
    CommonTableExpr, Expr, JoinNode, Oid, ParamKind, RangeTblEntry, RangeTblFunction, RteKind, SetOpNode, Var,
};

/// `generate_series` over int4, int8, timestamp, timestamptz (and with a time zone).
const SERIES: [Oid; 7] = [1066, 1067, 1068, 1069, 938, 939, 6274];
/// `generate_series(numeric, …)`.
const NUMERIC_SERIES: [Oid; 2] = [3259, 3260];
/// `unnest(anyarray)`.
const UNNEST: Oid = 2331;
/// No recursion deeper than this, and no series longer.
pub const MAX_STEPS: i64 = 10_000;
/// A recursion that reads tables goes no deeper than this.
const MAX_DEPTH: i64 = 100;

/// What a function in FROM is.
pub(super) fn classify<'t>(b: &mut Builder<'t>, expr: &'t Expr) -> Result<Kind<'t>, Deny> {
    let catalogue = b.shape.catalogue;
    match expr {
        Expr::Func { func, args, .. } if SERIES.contains(func) && over_a_vector(args) => Ok(Kind::Function { scalar: false }),
        Expr::Func { func, location, .. } if SERIES.contains(func) => {
            series(catalogue, expr).map(Kind::Series).ok_or_else(|| endless(*location))
        }
        Expr::Func { func, location, .. } if NUMERIC_SERIES.contains(func) => Err(endless(*location)),
        Expr::Func { func: UNNEST, args, .. } => {
            let [array] = args.as_slice() else { return Ok(Kind::Function { scalar: false }) };
            Ok(elements(catalogue, array).map_or(Kind::Function { scalar: false }, Kind::Elements))
        }
        Expr::Func { returns_set, .. } => Ok(Kind::Function { scalar: !returns_set }),
        _ => Ok(Kind::Function { scalar: true }),
    }
}

/// `generate_series` over constants.
pub fn series(catalogue: &Catalogue, expr: &Expr) -> Option<Series> {
    let Expr::Func { func, args, .. } = expr else { return None };
    if !SERIES.contains(func) {
        return None;
    }
    let ends: Option<Vec<Constant>> = args.iter().take(3).map(|a| constant(catalogue, a)).collect();
    match ends?.as_slice() {
        [start, stop, rest @ ..] => Some(Series { start: start.clone(), stop: stop.clone(), step: rest.first().cloned() }),
        _ => None,
    }
}

/// `generate_series(0, array_upper(i.indkey, 1))`: an int2vector or oidvector starts at 0, so its end is its length.
pub(super) fn over_a_vector(args: &[Expr]) -> bool {
    const ARRAY_UPPER: Oid = 2092;
    fn is_vector(expr: &Expr) -> bool {
        match expr {
            Expr::Var(v) => matches!(v.type_oid, 22 | 30),
            Expr::Relabel { arg, .. } | Expr::ArrayCoerce { arg, .. } => is_vector(arg),
            _ => false,
        }
    }
    let from_the_start = |start: &Expr| integer(start).is_some_and(|n| (0..=1).contains(&n));
    match args {
        [start, Expr::Func { func: ARRAY_UPPER, args, .. }] => from_the_start(start) && args.first().is_some_and(is_vector),
        _ => false,
    }
}

/// `unnest(a, b, …)`, which Postgres reads as one `unnest` beside the other: as many rows as each has elements, if those are
/// equally many.
pub(super) fn zipped<'t>(b: &mut Builder<'t>, functions: &'t [RangeTblFunction]) -> Kind<'t> {
    let one = |f: &RangeTblFunction| match &f.expr {
        Expr::Func { func: UNNEST, args, .. } if f.column_count == 1 => elements(b.shape.catalogue, args.first()?),
        _ => None,
    };
    let Some(arrays) = functions.iter().map(one).collect::<Option<Vec<Elements>>>() else {
        return Kind::Function { scalar: false };
    };
    let lengths = |a: &Elements| match a {
        Elements::Constant(length) => Some(*length),
        Elements::Param(_) => None,
    };
    let mut known = arrays.iter().filter_map(lengths);
    let first = known.next();
    match arrays.first().cloned() {
        Some(array) if known.all(|length| Some(length) == first) => {
            b.shape.zipped.push(arrays);
            Kind::Elements(array)
        }
        Some(_) | None => Kind::Function { scalar: false },
    }
}

fn elements(catalogue: &Catalogue, array: &Expr) -> Option<Elements> {
    match strip_relabel(catalogue, array) {
        Expr::Const(c) => {
            let element = array_element(c.type_oid)?;
            Some(Elements::Constant(value::array_from_datum(element, c.datum.as_deref())?.len()))
        }
        Expr::Param { kind: ParamKind::Extern, id, type_oid, .. } => {
            Some(Elements::Param(ArrayParam { id: *id, element: array_element(*type_oid)? }))
        }
        Expr::Array { elements, multidims: false, .. } => Some(Elements::Constant(elements.len())),
        _ => None,
    }
}

/// What a leaf's columns are known to be.
pub(super) fn leaf_facts<'t>(b: &mut Builder<'t>, level: LevelId, source: SourceId, entry: &'t RangeTblEntry) -> Vec<Fact> {
    let mut facts = Vec::new();
    let column = |number: usize| i16::try_from(number).map(|number| Column { source, number });
    match &entry.kind {
        RteKind::Values { rows, .. } => {
            let width = rows.first().map_or(0, Vec::len);
            for i in 0..width {
                let cells: Option<Vec<Constant>> =
                    rows.iter().map(|r| r.get(i).and_then(|e| constant(b.shape.catalogue, e))).collect();
                if let (Some(cells), Ok(c)) = (cells, column(i + 1)) {
                    facts.push(Fact::In(c, cells));
                }
            }
        }
        RteKind::Function { functions, .. } => {
            let [only] = functions.as_slice() else {
                if matches!(b.shape.sources[source].kind, Kind::Elements(_)) {
                    for (i, function) in functions.iter().enumerate() {
                        if let (Ok(c), Expr::Func { args, .. }) = (column(i + 1), &function.expr)
                            && let Some(array) = args.first()
                        {
                            facts.extend(unnested(b, level, c, array));
                        }
                    }
                }
                return facts;
            };
            let Ok(c) = column(1) else { return facts };
            match &only.expr {
                Expr::Func { func: UNNEST, args, .. } => {
                    if let Some(array) = args.first() {
                        facts.extend(unnested(b, level, c, array));
                    }
                }
                Expr::Func { .. } => {
                    if let Kind::Series(s) = &b.shape.sources[source].kind {
                        for (role, end) in [(BtreeRole::GreaterOrEqual, &s.start), (BtreeRole::LessOrEqual, &s.stop)] {
                            // A negative step runs the other way.
                            if s.step.is_none() {
                                facts.push(Fact::Compare { column: c, role, constant: end.clone(), of_date: false });
                            }
                        }
                    }
                }
                other => {
                    // A scalar function is its one value.
                    if let Term::Constant(k) = b.term(level, other) {
                        facts.push(Fact::NotDistinct(c, k));
                    }
                }
            }
        }
        RteKind::Relation { .. }
        | RteKind::Subquery { .. }
        | RteKind::Join { .. }
        | RteKind::TableFunction
        | RteKind::Cte { .. }
        | RteKind::NamedTuplestore
        | RteKind::Result
        | RteKind::Group { .. } => {}
    }
    facts
}

fn unnested<'t>(b: &mut Builder<'t>, level: LevelId, column: Column, array: &'t Expr) -> Option<Fact> {
    match strip_relabel(b.shape.catalogue, array) {
        Expr::Const(c) => {
            let values = value::array_from_datum(array_element(c.type_oid)?, c.datum.as_deref())?;
            Some(Fact::In(column, values.into_iter().map(Constant::Known).collect()))
        }
        Expr::Param { kind: ParamKind::Extern, id, type_oid, .. } => {
            Some(Fact::InArray(column, ArrayParam { id: *id, element: array_element(*type_oid)? }))
        }
        Expr::Array { elements, multidims: false, .. } => {
            let terms: Vec<Term> = elements.iter().map(|e| b.term(level, e)).collect();
            let constants: Option<Vec<Constant>> =
                terms.into_iter().map(|t| if let Term::Constant(c) = t { Some(c) } else { None }).collect();
            constants.map(|c| Fact::In(column, c))
        }
        _ => None,
    }
}

/// `WITH RECURSIVE … WHERE n < 10`: a column that starts at a constant, grows by a constant in the recursive arm,
/// and is kept under a constant there.
pub(super) fn counts_up_to_a_constant(cte: &CommonTableExpr) -> bool {
    steps(cte).is_some_and(|s| s <= MAX_DEPTH)
}

/// How often the recursive arm can run, if a counter says so.
pub fn steps(cte: &CommonTableExpr) -> Option<i64> {
    let op = cte.query.set_operations.as_ref()?;
    let arm = |n: &SetOpNode| match n {
        SetOpNode::Ref(i) => match &cte.query.range_table.get((*i as usize).checked_sub(1)?)?.kind {
            RteKind::Subquery { query, .. } => Some(query),
            _ => None,
        },
        SetOpNode::Op(_) => None,
    };
    let (first, again) = (arm(&op.left)?, arm(&op.right)?);
    let from = again.join_tree.as_ref()?;
    // The self-reference must be joined in a way that the WHERE holds for it: directly in FROM.
    let own = again.range_table.iter().position(|r| matches!(&r.kind, RteKind::Cte { self_reference: true, .. }))? as u32 + 1;
    if !from.from.iter().any(|n| matches!(n, JoinNode::Ref(i) if *i == own) || inner_joined(n, own)) {
        return None;
    }
    let mut quals = Vec::new();
    and_list(from.quals.as_ref()?, &mut quals);
    for (i, entry) in again.target_list.iter().enumerate() {
        let number = i16::try_from(i + 1).ok()?;
        let Some(step) = grows(&entry.expr, own, number) else { continue };
        let Some(start) = first.target_list.get(i).and_then(|t| integer(&t.expr)) else { continue };
        for q in &quals {
            if let Some(limit) = upper_limit(q, own, number)
                && step > 0
                && limit.checked_sub(start)? / step <= MAX_STEPS
            {
                return Some((limit - start) / step + 1);
            }
        }
    }
    None
}

fn inner_joined(node: &JoinNode, index: u32) -> bool {
    match node {
        JoinNode::Ref(i) => *i == index,
        JoinNode::Join(j) => {
            j.join_type == crate::reading::tree::JoinType::Inner
                && (inner_joined(&j.left, index) || inner_joined(&j.right, index))
        }
        JoinNode::From(_) => false,
    }
}

pub(super) fn and_list<'t>(expr: &'t Expr, out: &mut Vec<&'t Expr>) {
    match expr {
        Expr::Bool { op: crate::reading::tree::BoolOp::And, args, .. } => args.iter().for_each(|a| and_list(a, out)),
        other => out.push(other),
    }
}

fn own_column(expr: &Expr, rel: u32, number: i16) -> bool {
    matches!(expr, Expr::Var(Var { rel: r, column, levels_up: 0, .. }) if *r == rel && *column == number)
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Const(c) => match value::from_datum(c.type_oid, c.datum.as_deref())? {
            Value::Int(n) => Some(n),
            Value::Date(days) => Some(i64::from(days)),
            _ => None,
        },
        _ => None,
    }
}

/// `n + 1` by int4pl, int8pl, int84pl, date_pli.
fn grows(expr: &Expr, rel: u32, number: i16) -> Option<i64> {
    match expr {
        Expr::Op { func: 177 | 463 | 1274 | 1141, args, .. } => match args.as_slice() {
            [a, b] if own_column(a, rel, number) => integer(b),
            [a, b] if own_column(b, rel, number) => integer(a),
            _ => None,
        },
        _ => None,
    }
}

/// `n < k` or `n <= k` over integers and dates, by the functions of the operators.
fn upper_limit(expr: &Expr, rel: u32, number: i16) -> Option<i64> {
    let Expr::Op { func, args, .. } = expr else { return None };
    let [a, b] = args.as_slice() else { return None };
    match func {
        // int4lt int8lt int84lt int4le int8le int84le date_lt date_le
        66 | 469 | 476 | 149 | 471 | 478 | 1087 | 1088 if own_column(a, rel, number) => integer(b),
        // int4gt int8gt int48gt int4ge int8ge int48ge date_gt date_ge
        147 | 470 | 855 | 150 | 472 | 857 | 1089 | 1090 if own_column(b, rel, number) => integer(a),
        _ => None,
    }
}

fn endless(at: Option<u32>) -> Deny {
    Deny::new(Reason::CostBomb, "generate_series needs constant bounds")
        .hint(format!("Use constants or parameters that make at most {MAX_STEPS} rows."))
        .at(at)
}
