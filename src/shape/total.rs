//! Errors are results. Postgres may evaluate quals in any order, so an expression that can raise may run on a row
//! that another qual would have thrown out, and the error's text or its mere presence tells of that row.
//! An expression that never raises, on any input of its types, tells nothing.

use super::admit::Requirement;
use super::facts::{constant, type_of};
use super::magnitude;
use super::model::{Column, Fact, Kind, LevelId, Place, Role, Shape, SourceId, Term};
use super::value::{self, Oid, Value, oid};
use crate::catalogue::constant::ConstantCheck;
use crate::catalogue::snapshot::{Catalogue, Vetting};
use crate::reading::tree::{Expr, OpKind, SubLinkType};
use std::collections::{BTreeSet, HashSet};

const SPLIT_PART: Oid = 2088;
/// Integer division and remainder: total by a constant other than 0 and -1.
const DIVISIONS: [Oid; 13] = [153, 154, 155, 156, 172, 173, 466, 1277, 1281, 940, 941, 945, 947];
/// Casts between the server's own types that accept every value.
const TOTAL_CASTS: [Oid; 14] = [481, 313, 754, 1178, 2029, 2024, 1174, 2027, 2028, 1740, 1781, 1782, 316, 482];

/// The relations whose rows outside the grant must not be told of, by when a filter of their own has thrown them out.
#[derive(Debug, Default)]
pub struct Watched {
    /// All that have a grant predicate.
    pub guarded: BTreeSet<SourceId>,
    /// The scan itself does not apply the predicate: their rows can reach what stands beside them in FROM.
    pub unscanned: BTreeSet<SourceId>,
    /// Their own level does not apply it: even output expressions can see their rows.
    pub outside: BTreeSet<SourceId>,
}

impl Watched {
    fn at(&self, role: Role) -> &BTreeSet<SourceId> {
        match role {
            Role::Qual => &self.guarded,
            Role::Lateral => &self.unscanned,
            // A target list inside a level whose rows are filtered outside of it is as exposed as a qual.
            Role::Output => &self.outside,
        }
    }
}

/// An expression that can raise where that would tell of rows outside a grant, if there is one.
/// What it takes for others not to raise goes to `needed`.
pub fn leak<'t>(shape: &Shape<'t>, watched: &Watched, needed: &mut Vec<Requirement>) -> Option<&'t Expr> {
    if watched.guarded.is_empty() {
        return None;
    }
    let driven: Vec<bool> = (0..shape.levels.len()).map(|level| is_driven(shape, watched, level)).collect();
    shape.sites.iter().find_map(|site| {
        let mut search = Search {
            shape,
            watched: watched.at(site.role),
            driven: &driven,
            all: driven[site.level],
            needed,
            cleared: HashSet::new(),
        };
        search.raising(site.level, site.expr)
    })
}

/// Whether rows outside a grant decide if, or for which rows, a level is evaluated at all: then *any* error in it tells.
fn is_driven(shape: &Shape<'_>, watched: &Watched, level: LevelId) -> bool {
    let mut at = level;
    while let Some(owner) = shape.levels[at].owner {
        let parent = shape.sources[owner].level;
        let driven = match shape.sources[owner].place {
            // Beside a relation that its scan has not filtered.
            Place::From => watched.unscanned.iter().any(|s| shape.sources[*s].level == parent),
            Place::Qual => watched.guarded.iter().any(|s| is_under(shape, *s, parent) && !is_under(shape, *s, at)),
            Place::Output => watched.outside.iter().any(|s| is_under(shape, *s, parent) && !is_under(shape, *s, at)),
        };
        if driven {
            return true;
        }
        at = parent;
    }
    false
}

/// Whether a source stands in a level or in one that the level evaluates.
fn is_under(shape: &Shape<'_>, source: SourceId, level: LevelId) -> bool {
    let mut at = shape.sources[source].level;
    loop {
        if at == level {
            return true;
        }
        match shape.levels[at].owner {
            Some(owner) => at = shape.sources[owner].level,
            None => return false,
        }
    }
}

struct Search<'a, 't> {
    shape: &'a Shape<'t>,
    watched: &'a BTreeSet<SourceId>,
    driven: &'a [bool],
    /// Every expression counts, whatever it reads.
    all: bool,
    needed: &'a mut Vec<Requirement>,
    /// Columns of derived sources that do not raise: looked through once, not once a path.
    cleared: HashSet<Column>,
}

impl<'t> Search<'_, 't> {
    /// The innermost expression that can raise on values that are watched.
    fn raising(&mut self, level: LevelId, expr: &'t Expr) -> Option<&'t Expr> {
        let mut found = None;
        super::visit::children(expr, &mut |child| found = found.or_else(|| self.raising(level, child)));
        if found.is_some() {
            return found;
        }
        let exposed = match expr {
            // A derived column is what it was made from.
            Expr::Var(v) => match self.shape.resolve(level, v) {
                super::resolve::Resolved::Column(c) => return self.derived_raising(c),
                super::resolve::Resolved::Expr(at, inner) => return self.raising(at, inner),
                super::resolve::Resolved::Nothing => true,
            },
            // Its error is a second row; what tells is whether it was asked.
            Expr::SubLink { query, .. } => {
                let asked = match self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                    Some(source) => match self.shape.sources[*source].kind {
                        Kind::Derived { level: inner, .. } => self.driven[inner] && !one_row(self.shape, inner, expr),
                        _ => true,
                    },
                    None => true,
                };
                asked || !total(self.shape.catalogue, expr, &mut Vec::new())
            }
            other => {
                let mut conditions = Vec::new();
                let raises = !total(self.shape.catalogue, other, &mut conditions);
                let exposed = (raises || !conditions.is_empty()) && (self.all || self.touches(level, other));
                if exposed && !raises {
                    self.needed.extend(conditions);
                }
                exposed && raises
            }
        };
        exposed.then_some(expr)
    }

    fn derived_raising(&mut self, column: Column) -> Option<&'t Expr> {
        let Kind::Derived { level, .. } = &self.shape.sources[column.source].kind else { return None };
        if !self.cleared.insert(column) {
            return None;
        }
        let query = self.shape.levels[*level].query;
        if query.set_operations.is_some() {
            let arms = self.shape.levels[*level].from.clone();
            return arms.into_iter().find_map(|arm| self.derived_raising(Column { source: arm, number: column.number }));
        }
        let index = usize::try_from(column.number).ok()?.checked_sub(1)?;
        let entry = query.outputs().nth(index)?;
        self.raising(*level, &entry.expr)
    }

    fn touches(&self, level: LevelId, expr: &'t Expr) -> bool {
        super::visit::any(expr, &mut |e| match e {
            Expr::Var(v) => match self.shape.resolve(level, v) {
                super::resolve::Resolved::Column(c) => self.reaches(c.source, &mut HashSet::new()),
                super::resolve::Resolved::Expr(at, inner) => self.touches(at, inner),
                super::resolve::Resolved::Nothing => true,
            },
            Expr::SubLink { query, .. } => match self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                Some(source) => self.reaches(*source, &mut HashSet::new()),
                None => true,
            },
            // The value that a CASE or an array's cast hands to what stands below: not seen from here.
            Expr::CaseTest { .. } => !self.watched.is_empty(),
            _ => false,
        })
    }

    /// Whether a source's values come from one that is watched.
    fn reaches(&self, id: SourceId, seen: &mut HashSet<SourceId>) -> bool {
        if self.watched.contains(&id) {
            return true;
        }
        if !seen.insert(id) {
            return false;
        }
        let source = &self.shape.sources[id];
        let inner: &[SourceId] = match &source.kind {
            Kind::Derived { level, .. } => &self.shape.levels[*level].from,
            // A recursive reference is made of its own query.
            Kind::SelfReference { home, .. } => &self.shape.levels[*home].from,
            Kind::Relation { .. } | Kind::Values { .. } | Kind::Series(_) | Kind::Elements(_) | Kind::Function { .. } => &[],
        };
        inner.iter().chain(&source.depends).chain(&source.arguments).any(|s| self.reaches(*s, seen))
    }
}

/// At most one row: an aggregate, LIMIT 1, or every source pinned by a unique key to constants, to values from outside,
/// or to sources that are.
fn one_row(shape: &Shape<'_>, level: LevelId, expr: &Expr) -> bool {
    let Expr::SubLink { kind, query, .. } = expr else { return false };
    if !matches!(kind, SubLinkType::Expr | SubLinkType::RowCompare | SubLinkType::MultiExpr) {
        return true;
    }
    let aggregate = query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty();
    if (aggregate && !query.has_target_srfs) || query.limit_count.as_ref().is_some_and(one) {
        return true;
    }
    if query.set_operations.is_some() || query.has_target_srfs {
        return false;
    }
    let from = &shape.levels[level].from;
    let mut single: BTreeSet<SourceId> = BTreeSet::new();
    loop {
        let next = from.iter().find(|s| !single.contains(s) && is_single(shape, level, **s, &single));
        match next {
            Some(s) => single.insert(*s),
            None => return single.len() == from.len(),
        };
    }
}

fn is_single(shape: &Shape<'_>, level: LevelId, id: SourceId, single: &BTreeSet<SourceId>) -> bool {
    match &shape.sources[id].kind {
        Kind::Values { rows } => *rows <= 1,
        Kind::Function { scalar } => *scalar,
        Kind::Derived { single_row, .. } => *single_row,
        Kind::Series(_) | Kind::Elements(_) | Kind::SelfReference { .. } => false,
        Kind::Relation { relid, .. } => {
            let Some(relation) = shape.catalogue.relation(*relid) else { return false };
            let facts = shape.facts(shape.sources[id].scope, true);
            let fixed = |t: &Term| match t {
                Term::Constant(_) => true,
                Term::Column(c) => single.contains(&c.source) || !is_under(shape, c.source, level),
                Term::Dependent(sources) => sources.iter().all(|s| single.contains(s) || !is_under(shape, *s, level)),
                Term::Unknown => false,
            };
            relation.unique_keys.iter().filter(|_| !relation.has_inheritance_children).any(|key| {
                key.columns.iter().all(|n| {
                    let column = Term::Column(Column { source: id, number: *n });
                    facts
                        .iter()
                        .any(|f| matches!(f, Fact::Equal(a, b) if (*a == column && fixed(b)) || (*b == column && fixed(a))))
                })
            })
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
        // Operands of different collations: the function raises when it is reached.
        Expr::Func { input_collation: 0, args, .. }
        | Expr::Op { input_collation: 0, args, .. }
        | Expr::ScalarArrayOp { input_collation: 0, args, .. }
            if args.iter().any(is_text) =>
        {
            false
        }
        Expr::Func { func, args, .. } | Expr::Op { kind: OpKind::Op, func, args, .. } => {
            magnitude::fits(catalogue, expr) || function_total(catalogue, *func, args, needed)
        }
        Expr::Op { kind: OpKind::Distinct | OpKind::NullIf, func, args, .. } | Expr::ScalarArrayOp { func, args, .. } => {
            function_total(catalogue, *func, args, needed)
        }
        // An aggregate in HAVING, a window in ORDER BY: count, min and max.
        // Sums and averages of integers would need billions of rows to overflow.
        Expr::Aggref { func, .. } | Expr::WindowFunc { func, .. } => {
            magnitude::adds_up(expr) || function_total(catalogue, *func, &[], needed)
        }
        // Output to text never fails; input can.
        Expr::CoerceViaIo { arg, result_type, .. } => matches!(*result_type, oid::TEXT | oid::VARCHAR) && type_of(arg).is_some(),
        // What its element's cast does is a child.
        Expr::ArrayCoerce { .. } => true,
        // A second row is judged where it is asked (`one_row`).
        Expr::SubLink { kind, .. } => match kind {
            SubLinkType::Exists
            | SubLinkType::All
            | SubLinkType::Any
            | SubLinkType::Array
            | SubLinkType::Expr
            | SubLinkType::RowCompare
            | SubLinkType::MultiExpr => true,
            SubLinkType::Cte => false,
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

fn is_text(expr: &Expr) -> bool {
    matches!(type_of(expr), Some(oid::TEXT | oid::VARCHAR | oid::BPCHAR | 1009 | 1014 | 1015))
}

/// LIMIT 1, which the analysed tree writes as a cast of `integer` to `bigint`.
fn one(expr: &Expr) -> bool {
    if let Expr::Func { func: 481, args, .. } = expr {
        return args.first().is_some_and(one);
    }
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
    // split_part raises on field 0 alone.
    if func == SPLIT_PART {
        return args.get(2).is_some_and(|n| nonzero(catalogue, n));
    }
    match f.vetting {
        Vetting::Vetted { total } | Vetting::CappedArgument { total, .. } => total,
        Vetting::TotalIfConstant { index, constant: ConstantCheck::LikePattern }
            if args.get(usize::from(index)).is_some_and(ends_plainly) =>
        {
            true
        }
        Vetting::TotalIfConstant { index, constant: check } => {
            let arg = args.get(usize::from(index)).map(|a| if check == ConstantCheck::LikePattern { cased(a) } else { a });
            match arg.and_then(|a| constant(catalogue, a)) {
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

fn nonzero(catalogue: &Catalogue, expr: &Expr) -> bool {
    constant(catalogue, expr).and_then(|c| c.known().cloned()).is_some_and(|v| matches!(v, Value::Int(n) if n != 0))
}

/// `lower('…')`: neither adds nor takes away a backslash.
fn cased(pattern: &Expr) -> &Expr {
    match pattern {
        Expr::Func { func: 870 | 871, args, .. } => args.first().map_or(pattern, cased),
        other => other,
    }
}

/// A LIKE pattern that ends in an ordinary character, whatever stands before it, or one without an escape at all.
fn ends_plainly(pattern: &Expr) -> bool {
    let text = |e: &Expr| match e {
        Expr::Const(c) => value::from_datum(c.type_oid, c.datum.as_deref()),
        _ => None,
    };
    match cased(pattern) {
        // textcat
        Expr::Op { func: 1258, args, .. } => match args.get(1).map(cased) {
            Some(last) => match text(last) {
                Some(Value::Text(t)) => t.last().is_some_and(|b| *b != b'\\'),
                _ => ends_plainly(last) && matches!(last, Expr::Op { .. }),
            },
            None => false,
        },
        // like_escape(pattern, ''): every backslash is doubled.
        Expr::Func { func: 1637, args, .. } => {
            matches!(args.get(1).and_then(text), Some(Value::Text(t)) if t.is_empty())
        }
        _ => false,
    }
}

fn divisor(catalogue: &Catalogue, expr: &Expr) -> bool {
    constant(catalogue, expr).and_then(|c| c.known().cloned()).is_some_and(|v| matches!(v, Value::Int(n) if n != 0 && n != -1))
}
