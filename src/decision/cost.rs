//! Work far above the data: products of sources that nothing links, and chains of joins on columns that repeat.

use super::classes::Classes;
use super::deny::Deny;
use super::reason::Reason;
use super::solve::Solver;
use crate::reading::tree::{Expr, Query, RteKind};
use crate::shape::functions::MAX_STEPS;
use crate::shape::model::{Elements, Fact, Kind, SourceId, Term};
use crate::shape::value::Value;

/// Rows that the join of one level may make, by the planner's estimates of its unbounded tables.
const MAX_PRODUCT: f64 = 260_000.0;
/// Rows that all levels may make together, each as often as it is evaluated.
const MAX_WORK: f64 = 10_000_000.0;
/// A view or a table never analysed.
const UNKNOWN_ROWS: f64 = 1000.0;
/// A bounded table: a list, a short range, the rows of one key.
const BOUNDED_ROWS: f64 = 30.0;
/// A function that makes rows of one value: elements, fields, parts.
const FUNCTION_ROWS: f64 = 100.0;
/// No recursion multiplies further than this.
const MAX_RECURSION: f64 = 100_000.0;

pub fn check(solver: &Solver<'_, '_>) -> Result<(), Deny> {
    let rows = Rows::of(solver)?;
    if rows.made.iter().any(|made| *made > MAX_PRODUCT) {
        return Err(multiplies());
    }
    let mut work = 0.0f64;
    for level in 0..solver.shape.levels.len() {
        work += rows.made[level] * rows.times(solver, level);
    }
    if work > MAX_WORK {
        return Err(multiplies());
    }
    Ok(())
}

fn multiplies() -> Deny {
    Deny::new(Reason::CostBomb, "the statement multiplies sources of rows that no condition links")
        .hint("Join the tables by equality of their keys, or pin one of them to a few rows.")
}

/// Estimates for each level.
pub(super) struct Rows {
    /// What its join makes, set-returning functions of its target list included.
    pub made: Vec<f64>,
    /// What it gives.
    pub given: Vec<f64>,
    /// It gives the rows of a table that nothing bounds.
    table: Vec<bool>,
}

impl Rows {
    /// Levels are numbered from outside in, so the innermost come first here. A recursive reference counts as one row.
    pub fn of(solver: &Solver<'_, '_>) -> Result<Rows, Deny> {
        let levels = &solver.shape.levels;
        let mut rows = Rows { made: vec![1.0; levels.len()], given: vec![1.0; levels.len()], table: vec![false; levels.len()] };
        for level in (0..levels.len()).rev() {
            let query = levels[level].query;
            if query.set_operations.is_some() {
                for arm in &levels[level].from {
                    let (given, table) = rows.size(solver, *arm);
                    rows.given[level] += given;
                    rows.table[level] |= table;
                }
                rows.made[level] = rows.given[level];
                rows.recursion(solver, level)?;
                continue;
            }
            let made = rows.join(solver, level)? * target_rows(solver, query);
            rows.made[level] = made;
            let one = query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty();
            let limit = query.limit_count.as_ref().and_then(integer).filter(|_| !query.limit_with_ties);
            rows.given[level] = if one { 1.0 } else { limit.map_or(made, |l| made.min(l)) };
            rows.table[level] = !one && limit.is_none() && levels[level].from.iter().any(|s| rows.size(solver, *s).1);
        }
        Ok(rows)
    }

    fn join(&self, solver: &Solver<'_, '_>, level: usize) -> Result<f64, Deny> {
        let (mut product, mut tables) = (1.0f64, 0);
        for group in &linked(solver, &solver.shape.levels[level].from) {
            let mut rows: f64 = 1.0;
            let mut seen_table = false;
            for id in group {
                let (size, table) = self.size(solver, *id);
                let each = matches!(solver.shape.sources[*id].kind, Kind::Derived { .. }) && solver.shape.sources[*id].lateral
                    || matches!(solver.shape.sources[*id].kind, Kind::Function { scalar: false });
                if each || (seen_table && table && !keyed_by_others(solver, *id)) {
                    rows *= size;
                } else {
                    rows = rows.max(size);
                }
                seen_table |= table;
            }
            tables += usize::from(seen_table);
            product *= rows;
        }
        if tables > 1 { Err(multiplies()) } else { Ok(product) }
    }

    /// Rows of a source as far as they can multiply, and whether it is a table nobody bounded.
    fn size(&self, solver: &Solver<'_, '_>, id: SourceId) -> (f64, bool) {
        let shape = solver.shape;
        match &shape.sources[id].kind {
            Kind::Values { rows } => (*rows as f64, false),
            Kind::Series(s) => (series_rows(s), false),
            Kind::Elements(Elements::Constant(n)) => (*n as f64, false),
            Kind::Elements(Elements::Param(_)) => (100.0, false),
            Kind::Function { scalar: true } | Kind::SelfReference { .. } => (1.0, false),
            Kind::Function { scalar: false } => (self.elements(solver, id), false),
            Kind::Relation { .. } if solver.bounded[id].is_some() => (BOUNDED_ROWS, false),
            Kind::Relation { relid, .. } => {
                let rows = shape.catalogue.relation(*relid).map_or(UNKNOWN_ROWS, |r| r.row_estimate);
                (if rows < 1.0 { UNKNOWN_ROWS } else { rows }, true)
            }
            Kind::Derived { level, .. } => (self.given[*level].max(1.0), self.table[*level]),
        }
    }

    /// Rows that a function makes of its arguments: of a column as many as a value has parts; of a text that the
    /// statement itself makes, as many as it cares to.
    fn elements(&self, solver: &Solver<'_, '_>, id: SourceId) -> f64 {
        let shape = solver.shape;
        let source = &shape.sources[id];
        let level = &shape.levels[source.level];
        let index = level.bindings.iter().position(|b| *b == Some(id));
        let mut rows = FUNCTION_ROWS;
        if let Some(RteKind::Function { functions, .. }) = index.map(|i| &level.query.range_table[i].kind) {
            for f in functions {
                crate::shape::visit::walk(&f.expr, &mut |e| match e {
                    Expr::Const(c) => rows = rows.max(c.datum.as_ref().map_or(0.0, |d| d.len() as f64 / 2.0)),
                    Expr::Func { func, .. } if super::size::lengthens(*func) => rows = rows.max(MAX_STEPS as f64),
                    _ => {}
                });
            }
        }
        if source.arguments.iter().any(|s| made_of_nothing(solver, *s)) { rows.max(MAX_STEPS as f64) } else { rows }
    }

    /// How often a level is evaluated: a subquery that speaks of rows outside once for each of them.
    fn times(&self, solver: &Solver<'_, '_>, level: usize) -> f64 {
        let shape = solver.shape;
        let mut times = 1.0;
        let mut at = level;
        while let Some(owner) = shape.levels[at].owner {
            let parent = shape.sources[owner].level;
            if shape.sources[owner].lateral && crate::shape::reaches_outside(shape.levels[at].query) {
                times *= self.made[parent];
            }
            at = parent;
        }
        times
    }

    /// A recursive arm that gives several rows for one gives their power.
    fn recursion(&mut self, solver: &Solver<'_, '_>, level: usize) -> Result<(), Deny> {
        let shape = solver.shape;
        for (id, source) in shape.sources.iter().enumerate() {
            let Kind::SelfReference { home, .. } = &source.kind else { continue };
            if *home != level {
                continue;
            }
            let arm = source.level;
            let steps = shape.levels.iter().flat_map(|l| &l.query.ctes).find_map(|c| {
                std::ptr::eq(&*c.query, shape.levels[*home].query).then(|| crate::shape::functions::steps(c)).flatten()
            });
            let beside = shape.levels[arm].from.iter().filter(|s| **s != id);
            // Every other source multiplies, unless a whole unique key of it is given.
            let fan: f64 = beside.map(|s| if keyed_by_others(solver, *s) { 1.0 } else { self.size(solver, *s).0 }).product();
            let fan = fan * target_rows(solver, shape.levels[arm].query);
            let steps = steps.unwrap_or(i64::MAX) as f64;
            let doubling = shape.levels[arm].query.target_list.iter().any(|t| super::size::grows_by_powers(&t.expr));
            if doubling {
                return Err(Deny::new(Reason::CostBomb, "the recursive part of the statement doubles a value at every step")
                    .hint("Append to a text or list once in each step, and lengthen nothing there."));
            }
            if steps * fan.max(1.0).ln() > MAX_RECURSION.ln() {
                return Err(Deny::new(Reason::CostBomb, "the recursive part of the statement multiplies its rows at every step")
                    .hint("Join the recursive part by a unique key, and keep VALUES, generate_series and unnest out of it."));
            }
            self.given[*home] *= if fan > 1.0 { fan.powf(steps) } else { steps };
            self.made[*home] = self.given[*home];
        }
        Ok(())
    }
}

/// No table stands in it: what it gives, the statement made up.
fn made_of_nothing(solver: &Solver<'_, '_>, id: SourceId) -> bool {
    match &solver.shape.sources[id].kind {
        Kind::Relation { .. } | Kind::Values { .. } | Kind::Series(_) | Kind::Elements(_) => false,
        Kind::Derived { level, .. } => {
            let from = &solver.shape.levels[*level].from;
            from.iter().all(|s| !matches!(solver.shape.sources[*s].kind, Kind::Relation { .. }) && !reads_table(solver, *s))
        }
        Kind::Function { .. } | Kind::SelfReference { .. } => true,
    }
}

fn reads_table(solver: &Solver<'_, '_>, id: SourceId) -> bool {
    match &solver.shape.sources[id].kind {
        Kind::Relation { .. } => true,
        Kind::Derived { level, .. } => solver.shape.levels[*level].from.iter().any(|s| reads_table(solver, *s)),
        Kind::Values { .. } | Kind::Series(_) | Kind::Elements(_) | Kind::Function { .. } | Kind::SelfReference { .. } => false,
    }
}

/// Set-returning functions of a target list run in step: as many rows as the longest makes.
fn target_rows(solver: &Solver<'_, '_>, query: &Query) -> f64 {
    if !query.has_target_srfs {
        return 1.0;
    }
    let catalogue = solver.shape.catalogue;
    let mut most = 1.0f64;
    for entry in &query.target_list {
        let mut product = 1.0;
        crate::shape::visit::walk(&entry.expr, &mut |e| {
            if let Expr::Func { returns_set: true, .. } = e {
                product *= crate::shape::functions::series(catalogue, e).map_or(FUNCTION_ROWS, |s| series_rows(&s));
            }
        });
        most = most.max(product);
    }
    most
}

/// A constant LIMIT, which the analysed tree writes as a cast of `integer` to `bigint`.
fn integer(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Func { func: 481, args, .. } => args.first().and_then(integer),
        Expr::Const(c) => match crate::shape::value::from_datum(c.type_oid, c.datum.as_deref())? {
            Value::Int(n) if n >= 0 => Some(n as f64),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn series_rows(s: &crate::shape::model::Series) -> f64 {
    match (s.start.known(), s.stop.known(), &s.step) {
        (Some(Value::Int(a)), Some(Value::Int(b)), None) => (b.saturating_sub(*a).saturating_add(1)).clamp(1, MAX_STEPS) as f64,
        (Some(Value::Int(a)), Some(Value::Int(b)), Some(step)) => match step.known() {
            Some(Value::Int(n)) if *n != 0 => ((b.saturating_sub(*a)) / n).clamp(1, MAX_STEPS) as f64,
            _ => MAX_STEPS as f64,
        },
        // By days or months: a calendar.
        _ => 400.0,
    }
}

/// Sources of a level that equalities, or LATERAL references, tie together.
fn linked(solver: &Solver<'_, '_>, from: &[SourceId]) -> Vec<Vec<SourceId>> {
    let shape = solver.shape;
    let mut group: Vec<usize> = (0..from.len()).collect();
    let place = |id: SourceId| from.iter().position(|s| *s == id);
    let mut tie = |a: usize, b: usize| {
        let (from_group, to_group) = (group[a], group[b]);
        group.iter_mut().filter(|g| **g == from_group).for_each(|g| *g = to_group);
    };
    for (i, id) in from.iter().enumerate() {
        for fact in shape.facts(shape.sources[*id].scope, false) {
            if let Fact::Equal(Term::Column(a), Term::Column(b)) = fact
                && let (Some(a), Some(b)) = (place(a.source), place(b.source))
            {
                tie(a, b);
            }
            if let Fact::Equal(Term::Column(a), Term::Dependent(sources))
            | Fact::Equal(Term::Dependent(sources), Term::Column(a)) = fact
            {
                for s in sources {
                    if let (Some(a), Some(b)) = (place(a.source), place(*s)) {
                        tie(a, b);
                    }
                }
            }
        }
        for other in shape.sources[*id].arguments.iter().chain(&reads(solver, *id)) {
            if let Some(j) = place(*other) {
                tie(i, j);
            }
        }
    }
    let mut groups: Vec<Vec<SourceId>> = Vec::new();
    for g in 0..from.len() {
        let members: Vec<SourceId> = from.iter().enumerate().filter(|(i, _)| group[*i] == g).map(|(_, s)| *s).collect();
        if !members.is_empty() {
            groups.push(members);
        }
    }
    groups
}

/// Outer sources that the equalities inside a LATERAL source name.
fn reads(solver: &Solver<'_, '_>, id: SourceId) -> Vec<SourceId> {
    let shape = solver.shape;
    let mut found: Vec<SourceId> = shape.sources[id].depends.iter().copied().collect();
    if let Kind::Derived { level, .. } = &shape.sources[id].kind
        && shape.sources[id].lateral
    {
        for inner in &shape.levels[*level].from {
            for fact in shape.facts(shape.sources[*inner].scope, true) {
                if let Fact::Equal(Term::Column(a), Term::Column(b)) = fact {
                    found.extend([a.source, b.source]);
                }
            }
        }
    }
    found
}

/// A whole unique key of the source equals something: it adds no rows to a join.
fn keyed_by_others(solver: &Solver<'_, '_>, id: SourceId) -> bool {
    let shape = solver.shape;
    let Kind::Relation { relid, .. } = &shape.sources[id].kind else { return false };
    let Some(relation) = shape.catalogue.relation(*relid) else { return false };
    let facts = shape.facts(shape.sources[id].scope, false);
    let classes = Classes::of(&facts);
    relation.unique_keys.iter().any(|key| {
        key.columns.iter().all(|n| {
            classes.get(crate::shape::model::Column { source: id, number: *n }).is_some_and(|class| {
                !class.constants.is_empty() || class.columns.iter().any(|c| c.source != id) || !class.dependents.is_empty()
            })
        })
    })
}
