//! Work far above the data: products of sources that nothing links, and chains of joins on columns that repeat.

use super::classes::Classes;
use super::deny::Deny;
use super::reason::Reason;
use super::solve::Solver;
use crate::shape::functions::MAX_STEPS;
use crate::shape::model::{Elements, Fact, Kind, SourceId, Term};

/// Rows that the join of one level may make, by the planner's estimates of its unbounded tables.
const MAX_PRODUCT: f64 = 1_000_000.0;
/// A view or a table never analysed.
const UNKNOWN_ROWS: f64 = 1000.0;

pub fn check(solver: &Solver<'_, '_>) -> Result<(), Deny> {
    let shape = solver.shape;
    for level in &shape.levels {
        if level.query.set_operations.is_some() {
            continue;
        }
        let groups = linked(solver, &level.from);
        let mut product = 1.0f64;
        let mut large = 0;
        for group in &groups {
            let mut rows: f64 = 1.0;
            let mut seen_table = false;
            for id in group {
                let (size, table) = size(solver, *id);
                if seen_table && table && !keyed_by_others(solver, *id) {
                    rows *= size;
                } else {
                    rows = rows.max(size);
                }
                seen_table |= table;
            }
            large += usize::from(seen_table);
            product *= rows;
        }
        if large > 1 || product > MAX_PRODUCT {
            return Err(Deny::new(Reason::CostBomb, "the statement multiplies sources of rows that no condition links")
                .hint("Join the tables by equality of their keys, or pin one of them to a few rows."));
        }
    }
    Ok(())
}

/// Rows of a source as far as they can multiply, and whether it is a table nobody bounded.
fn size(solver: &Solver<'_, '_>, id: SourceId) -> (f64, bool) {
    let shape = solver.shape;
    match &shape.sources[id].kind {
        Kind::Values { rows } => (*rows as f64, false),
        Kind::Series(s) => (series_rows(s), false),
        Kind::Elements(Elements::Constant(n)) => (*n as f64, false),
        Kind::Elements(Elements::Param(_)) => (100.0, false),
        Kind::Function { scalar: true } => (1.0, false),
        Kind::Function { scalar: false } => (100.0, false),
        Kind::SelfReference { .. } => (1.0, false),
        _ if solver.bounded[id].is_some() => (1.0, false),
        Kind::Relation { relid, .. } => {
            let rows = shape.catalogue.relation(*relid).map_or(UNKNOWN_ROWS, |r| r.row_estimate);
            (if rows < 1.0 { UNKNOWN_ROWS } else { rows }, true)
        }
        Kind::Derived { level, .. } => {
            let mut rows = 1.0f64;
            for inner in &shape.levels[*level].from {
                rows = rows.max(size(solver, *inner).0);
            }
            (rows, rows > 1.0)
        }
    }
}

fn series_rows(s: &crate::shape::model::Series) -> f64 {
    use crate::shape::value::Value;
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
            if let Fact::Equal(Term::Column(a), Term::Column(b)) = fact {
                if let (Some(a), Some(b)) = (place(a.source), place(b.source)) {
                    tie(a, b);
                }
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
    if let Kind::Derived { level, .. } = &shape.sources[id].kind {
        if shape.sources[id].lateral {
            for inner in &shape.levels[*level].from {
                for fact in shape.facts(shape.sources[*inner].scope, true) {
                    if let Fact::Equal(Term::Column(a), Term::Column(b)) = fact {
                        found.extend([a.source, b.source]);
                    }
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
