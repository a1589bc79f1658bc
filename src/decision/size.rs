//! How large one value can become: `repeat` of `repeat`, `replace` with long words, an aggregate of long texts.
//! An estimate for stopping bombs, not a proof: columns count as an ordinary width.

use super::cost::Rows;
use super::deny::Deny;
use super::reason::Reason;
use super::solve::Solver;
use crate::reading::tree::{Expr, Oid};
use crate::shape::constant::Constant;
use crate::shape::model::{Column, Kind, LevelId};
use crate::shape::value::{self, Value};
use crate::shape::visit;
use std::collections::HashMap;

const MAX_VALUE: f64 = 10_000_000.0;
const MAX_RESULT: f64 = 50_000_000.0;
/// Rows of values no larger than this are the data itself, which the row limits bound.
const ORDINARY: f64 = 4096.0;
/// A column, or the result of a function that does not lengthen its arguments.
const WIDTH: f64 = 64.0;
const REPEAT: Oid = 1622;
/// lpad and rpad.
const PADS: [Oid; 4] = [873, 874, 879, 880];
/// replace and regexp_replace: each character may become the new word.
const REPLACES: [Oid; 6] = [2087, 2284, 2285, 6251, 6252, 6253];

pub fn check(solver: &Solver<'_, '_>) -> Result<(), Deny> {
    let mut sizes = Sizes { solver, rows: Rows::of(solver)?, known: HashMap::new() };
    for site in &solver.shape.sites {
        let size = sizes.of(site.level, site.expr, 0);
        if size > MAX_VALUE || (size > ORDINARY && size * sizes.rows.given[site.level] > MAX_RESULT) {
            return Err(Deny::new(Reason::CostBomb, "the statement makes values far larger than the data")
                .hint("Use smaller sizes, and do not lengthen what was lengthened already.")
                .at(visit::location(site.expr)));
        }
    }
    Ok(())
}

struct Sizes<'a, 's, 't> {
    solver: &'a Solver<'s, 't>,
    rows: Rows,
    known: HashMap<Column, f64>,
}

impl<'t> Sizes<'_, '_, 't> {
    fn of(&mut self, level: LevelId, expr: &'t Expr, depth: u32) -> f64 {
        if depth > 500 {
            return f64::INFINITY;
        }
        let shape = self.solver.shape;
        match expr {
            Expr::Const(c) => c.datum.as_ref().map_or(1.0, |d| d.len() as f64),
            Expr::Var(v) => match shape.resolve_column(level, v) {
                Some(column) => self.column(column, depth + 1),
                None => WIDTH,
            },
            Expr::Func { func: REPEAT, args, .. } => self.first(level, args, depth) * self.constant(args),
            Expr::Func { func, args, .. } if PADS.contains(func) => self.constant(args) * 4.0,
            Expr::Func { func, args, .. } if REPLACES.contains(func) => {
                let new = args.get(2).map_or(1.0, |a| self.of(level, a, depth + 1));
                self.first(level, args, depth) * new.max(1.0)
            }
            Expr::Aggref { args, .. } => {
                let each: f64 = args.iter().map(|t| self.of(level, &t.expr, depth + 1)).sum();
                // count, sum, max and the like are as wide as what they are given.
                let many = matches!(expr, Expr::Aggref { func, .. } if collects(*func));
                if many { each * self.rows.made[level] } else { each.max(1.0) }
            }
            Expr::SubLink { query, .. } => match shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                Some(source) => self.column(Column { source: *source, number: 1 }, depth + 1),
                None => WIDTH,
            },
            other => {
                let mut sum = 0.0;
                visit::children(other, &mut |child| sum += self.of(level, child, depth + 1));
                sum.max(1.0)
            }
        }
    }

    fn first(&mut self, level: LevelId, args: &'t [Expr], depth: u32) -> f64 {
        args.first().map_or(1.0, |a| self.of(level, a, depth + 1)).max(1.0)
    }

    /// The size that a capped function is given; what is known only at Bind is capped there.
    fn constant(&self, args: &[Expr]) -> f64 {
        match args.get(1).and_then(|a| crate::shape::constant_of(self.solver.shape.catalogue, a)) {
            Some(Constant::Known(Value::Int(n))) => n.max(1) as f64,
            _ => crate::shape::functions::MAX_STEPS as f64,
        }
    }

    fn column(&mut self, column: Column, depth: u32) -> f64 {
        if let Some(size) = self.known.get(&column) {
            return *size;
        }
        let shape = self.solver.shape;
        let size = match &shape.sources[column.source].kind {
            Kind::Derived { level, .. } => {
                let inner = &shape.levels[*level];
                if inner.query.set_operations.is_some() {
                    let arms = inner.from.clone();
                    let sizes = arms.iter().map(|arm| self.column(Column { source: *arm, number: column.number }, depth + 1));
                    sizes.fold(0.0, f64::max)
                } else {
                    let at = usize::try_from(column.number).ok().and_then(|n| n.checked_sub(1));
                    match at.and_then(|n| inner.query.outputs().nth(n)) {
                        Some(entry) => self.of(*level, &entry.expr, depth + 1),
                        None => WIDTH,
                    }
                }
            }
            _ => WIDTH,
        };
        self.known.insert(column, size);
        size
    }
}

/// string_agg, array_agg, json_agg, jsonb_agg, the object aggregates, xmlagg.
fn collects(func: Oid) -> bool {
    matches!(func, 3538 | 3545 | 2335 | 4053 | 3175 | 3197 | 3267 | 3270 | 2901) || func >= 6000
}

/// The result can be much longer than the arguments.
pub fn lengthens(func: Oid) -> bool {
    func == REPEAT || PADS.contains(&func) || REPLACES.contains(&func)
}

/// Whether a text only grows by what is appended in each step of a recursion: a value that is read twice, or goes
/// through a function that lengthens it, doubles.
pub fn grows_by_powers(expr: &Expr) -> bool {
    let mut reads = 0;
    let mut longer = false;
    visit::walk(expr, &mut |e| match e {
        Expr::Var(v) if !fixed(v.type_oid) => reads += 1,
        Expr::Func { func, .. } if lengthens(*func) => longer = true,
        _ => {}
    });
    reads > 1 || longer
}

/// Types of a fixed width.
fn fixed(type_oid: Oid) -> bool {
    use value::oid;
    matches!(
        type_oid,
        oid::BOOL
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::DATE
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::UUID
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::INTERVAL
    )
}
