//! Quals → facts: what a WHERE, ON or HAVING that came out *true* proves. What proves nothing yields nothing,
//! so a tautology needs no list of patterns.

use super::build::Builder;
use super::constant::{Clock, Constant, Function, array_element};
use super::model::{ArrayParam, Column, Fact, Kind, LevelId, ScopeId, SourceId, Term};
use super::resolve::Resolved;
use super::value::{self, Value, oid};
use super::visit;
use crate::catalogue::snapshot::{BtreeRole, Catalogue, TypeKind, Volatility};
use crate::reading::tree::{BoolOp, BoolTest, Expr, Oid, OpKind, ParamKind, SubLinkType};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// An OR with more arms than this proves nothing.
const MAX_ARMS: usize = 200;
/// `timestamptz → date`, `timestamp → date`.
const TO_DATE: [Oid; 2] = [1178, 2029];
/// `int4 → int8`, `int2 → int4`, `int2 → int8`: one to one.
const WIDEN: [Oid; 3] = [481, 313, 754];

impl<'t> Builder<'t> {
    /// The facts of an expression that came out true. Subqueries that must have had a row lend theirs to `scope`.
    pub(super) fn conjuncts(&mut self, level: LevelId, expr: &'t Expr, scope: ScopeId) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.truths(level, expr, None, &mut facts, &mut Some(scope));
        facts
    }

    /// `rows`: the derived source whose columns `PARAM_SUBLINK` stands for. `lend`: where to include subqueries' facts.
    fn truths(
        &mut self,
        level: LevelId,
        expr: &'t Expr,
        rows: Option<SourceId>,
        facts: &mut Vec<Fact>,
        lend: &mut Option<ScopeId>,
    ) {
        match expr {
            Expr::Bool { op: BoolOp::And, args, .. } => args.iter().for_each(|a| self.truths(level, a, rows, facts, lend)),
            Expr::Bool { op: BoolOp::Or, args, .. } => self.either(level, args, rows, facts),
            Expr::Bool { op: BoolOp::Not, args, .. } => {
                if let [arg] = args.as_slice() {
                    self.falsehoods(level, arg, facts);
                }
            }
            Expr::BooleanTest { arg, test: BoolTest::IsTrue, .. } => self.truths(level, arg, rows, facts, lend),
            Expr::BooleanTest { arg, test: BoolTest::IsFalse, .. } => self.falsehoods(level, arg, facts),
            Expr::Op { kind: OpKind::Op, operator, input_collation, args, .. } => {
                if let [left, right] = args.as_slice() {
                    self.comparison(level, *operator, *input_collation, left, right, rows, facts, lend);
                }
            }
            Expr::ScalarArrayOp { operator, use_or: true, input_collation, args, .. } => {
                if let [left, right] = args.as_slice() {
                    self.membership(level, *operator, *input_collation, left, right, facts);
                }
            }
            Expr::SubLink { kind, test, query, .. } => {
                let Some(&source) = self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) else { return };
                match kind {
                    SubLinkType::Exists => self.lend(source, lend),
                    SubLinkType::Any | SubLinkType::RowCompare => {
                        self.lend(source, lend);
                        if let Some(test) = test {
                            self.truths(level, test, Some(source), facts, lend);
                        }
                    }
                    SubLinkType::Expr | SubLinkType::Array | SubLinkType::All | SubLinkType::MultiExpr | SubLinkType::Cte => {}
                }
            }
            Expr::RowCompare { kind: 3, operators, left, right, input_collations, .. } => {
                for (((op, l), r), c) in operators.iter().zip(left).zip(right).zip(input_collations) {
                    self.comparison(level, *op, *c, l, r, rows, facts, lend);
                }
            }
            Expr::Var(_) => {
                if let Term::Column(c) = self.term(level, expr) {
                    facts.push(Fact::Equal(Term::Column(c), Term::Constant(Constant::Known(Value::Bool(true)))));
                }
            }
            Expr::Const(c) => {
                if let Some(Value::Bool(false) | Value::Null) = value::from_datum(c.type_oid, c.datum.as_deref()) {
                    facts.push(Fact::Never);
                }
            }
            Expr::NullTest { arg, is_null: true, .. } => {
                if let Expr::Param { kind: ParamKind::Extern, id, .. } = strip_representation(arg) {
                    facts.push(Fact::ParamIsNull(*id));
                }
            }
            _ => {}
        }
    }

    /// What an expression that came out false proves.
    fn falsehoods(&mut self, level: LevelId, expr: &'t Expr, facts: &mut Vec<Fact>) {
        match expr {
            Expr::Op { kind: OpKind::Distinct, operator, input_collation, args, .. } => {
                let [left, right] = args.as_slice() else { return };
                if !self.pins(*operator, *input_collation) {
                    return;
                }
                match (self.term(level, left), self.term(level, right)) {
                    (Term::Column(c), Term::Constant(k)) | (Term::Constant(k), Term::Column(c)) => {
                        facts.push(Fact::NotDistinct(c, k))
                    }
                    _ => {}
                }
            }
            Expr::Var(_) => {
                if let Term::Column(c) = self.term(level, expr) {
                    facts.push(Fact::Equal(Term::Column(c), Term::Constant(Constant::Known(Value::Bool(false)))));
                }
            }
            Expr::Bool { op: BoolOp::Not, args, .. } => {
                if let [arg] = args.as_slice() {
                    self.truths(level, arg, None, facts, &mut None);
                }
            }
            Expr::Bool { op: BoolOp::Or, args, .. } => args.iter().for_each(|a| self.falsehoods(level, a, facts)),
            Expr::Const(c) => {
                if let Some(Value::Bool(true)) = value::from_datum(c.type_oid, c.datum.as_deref()) {
                    facts.push(Fact::Never);
                }
            }
            _ => {}
        }
    }

    fn lend(&mut self, source: SourceId, lend: &Option<ScopeId>) {
        if let (Some(scope), Kind::Derived { level, .. }) = (lend, &self.shape.sources[source].kind) {
            let out = self.shape.levels[*level].out;
            self.include(*scope, out);
        }
    }

    fn either(&mut self, level: LevelId, args: &'t [Expr], rows: Option<SourceId>, facts: &mut Vec<Fact>) {
        if args.len() > MAX_ARMS {
            return;
        }
        let mut arms = Vec::with_capacity(args.len());
        for arg in args {
            let mut arm = Vec::new();
            self.truths(level, arg, rows, &mut arm, &mut None);
            if arm.contains(&Fact::Never) {
                continue;
            }
            if arm.is_empty() {
                return;
            }
            arms.push(arm);
        }
        facts.push(if arms.is_empty() { Fact::Never } else { Fact::Or(arms) });
    }

    /// A built-in default equality under a deterministic collation: equal means the same value.
    fn pins(&self, operator: Oid, collation: Oid) -> bool {
        self.role(operator) == Some(BtreeRole::Equal) && deterministic(self.shape.catalogue, collation)
    }

    fn role(&self, operator: Oid) -> Option<BtreeRole> {
        self.shape.catalogue.operators.get(&operator).filter(|o| o.built_in).and_then(|o| o.btree)
    }

    #[expect(clippy::too_many_arguments, reason = "one comparison has this many parts")]
    fn comparison(
        &mut self,
        level: LevelId,
        operator: Oid,
        collation: Oid,
        left: &'t Expr,
        right: &'t Expr,
        rows: Option<SourceId>,
        facts: &mut Vec<Fact>,
        lend: &mut Option<ScopeId>,
    ) {
        let Some(role) = self.role(operator) else { return };
        if !deterministic(self.shape.catalogue, collation) {
            return;
        }
        let (l, r) = (self.term_in(level, left, rows), self.term_in(level, right, rows));
        if let (Term::Constant(a), Term::Constant(b)) = (&l, &r) {
            if never(a, role, b) {
                facts.push(Fact::Never);
            }
            return;
        }
        if role == BtreeRole::Equal {
            // A scalar subquery that equals something had a row.
            for side in [left, right] {
                if let Expr::SubLink { kind: SubLinkType::Expr, query, .. } = strip_casts(side)
                    && let Some(&source) = self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query)))
                {
                    self.lend(source, lend);
                }
            }
            if matches!(l, Term::Column(_)) || matches!(r, Term::Column(_)) {
                facts.push(Fact::Equal(l.clone(), r.clone()));
            }
            self.date_equality(level, left, &r, facts);
            self.date_equality(level, right, &l, facts);
            return;
        }
        let orderable = |e: &Expr| type_of(e).is_some_and(|t| ranged(base_type(self.shape.catalogue, t)));
        if !orderable(left) || !orderable(right) {
            return;
        }
        match (l, r) {
            (Term::Column(column), Term::Constant(constant)) => {
                facts.push(Fact::Compare { column, role, constant, of_date: false });
            }
            (Term::Constant(constant), Term::Column(column)) => {
                facts.push(Fact::Compare { column, role: mirrored(role), constant, of_date: false });
            }
            (_, Term::Constant(constant)) => {
                if let Some(column) = self.date_of(level, left) {
                    facts.push(Fact::Compare { column, role, constant, of_date: true });
                }
            }
            (Term::Constant(constant), _) => {
                if let Some(column) = self.date_of(level, right) {
                    facts.push(Fact::Compare { column, role: mirrored(role), constant, of_date: true });
                }
            }
            _ => {}
        }
    }

    /// `created_at::date = d` is the range of one day.
    fn date_equality(&mut self, level: LevelId, side: &'t Expr, other: &Term, facts: &mut Vec<Fact>) {
        let (Some(column), Term::Constant(constant)) = (self.date_of(level, side), other) else { return };
        for role in [BtreeRole::GreaterOrEqual, BtreeRole::LessOrEqual] {
            facts.push(Fact::Compare { column, role, constant: constant.clone(), of_date: true });
        }
    }

    fn date_of(&mut self, level: LevelId, expr: &'t Expr) -> Option<Column> {
        match expr {
            Expr::Func { func, args, .. } if TO_DATE.contains(func) => match self.term(level, args.first()?) {
                Term::Column(c) => Some(c),
                _ => None,
            },
            _ => None,
        }
    }

    fn membership(
        &mut self,
        level: LevelId,
        operator: Oid,
        collation: Oid,
        left: &'t Expr,
        right: &'t Expr,
        facts: &mut Vec<Fact>,
    ) {
        if !self.pins(operator, collation) {
            return;
        }
        let Term::Column(column) = self.term(level, left) else { return };
        match strip_relabel(self.shape.catalogue, right) {
            Expr::Const(c) => {
                let Some(element) = array_element(c.type_oid) else { return };
                match (&c.datum, value::array_from_datum(element, c.datum.as_deref())) {
                    (None, _) => facts.push(Fact::Never),
                    (Some(_), Some(values)) => facts.push(Fact::In(column, values.into_iter().map(Constant::Known).collect())),
                    (Some(_), None) => {}
                }
            }
            Expr::Param { kind: ParamKind::Extern, id, type_oid, .. } => {
                if let Some(element) = array_element(*type_oid) {
                    facts.push(Fact::InArray(column, ArrayParam { id: *id, element }));
                }
            }
            Expr::Array { elements, multidims: false, .. } => {
                let terms: Vec<Term> = elements.iter().map(|e| self.term(level, e)).collect();
                if terms.iter().all(|t| matches!(t, Term::Constant(_))) {
                    let constants = terms.into_iter().filter_map(|t| if let Term::Constant(c) = t { Some(c) } else { None });
                    facts.push(Fact::In(column, constants.collect()));
                } else if terms.len() <= MAX_ARMS {
                    facts.push(Fact::Or(terms.into_iter().map(|t| vec![Fact::Equal(Term::Column(column), t)]).collect()));
                }
            }
            // `= ANY (ARRAY(SELECT …))` is `IN (SELECT …)`.
            Expr::SubLink { kind: SubLinkType::Array, query, .. } => {
                if let Some(&source) = self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                    facts.push(Fact::Equal(Term::Column(column), Term::Column(Column { source, number: 1 })));
                }
            }
            // A multidimensional ARRAY[[…],[…]] of constants.
            Expr::Array { elements, multidims: true, .. } => {
                let mut all = Vec::new();
                for e in elements {
                    let Expr::Array { elements: inner, multidims: false, .. } = e else { return };
                    for e in inner {
                        let Term::Constant(c) = self.term(level, e) else { return };
                        all.push(c);
                    }
                }
                facts.push(Fact::In(column, all));
            }
            _ => {}
        }
    }

    /// What an expression is, as far as facts go.
    pub(super) fn term(&mut self, level: LevelId, expr: &'t Expr) -> Term {
        self.term_in(level, expr, None)
    }

    fn term_in(&mut self, level: LevelId, expr: &'t Expr, rows: Option<SourceId>) -> Term {
        match expr {
            Expr::Var(v) => match self.resolve(level, v) {
                Resolved::Column(c) if c.number > 0 => Term::Column(c),
                Resolved::Expr(at, inner) => self.term_in(at, inner, None),
                Resolved::Column(_) | Resolved::Nothing => Term::Unknown,
            },
            Expr::Param { kind: ParamKind::Sublink, id, .. } => match (rows, i16::try_from(*id)) {
                (Some(source), Ok(number)) => Term::Column(Column { source, number }),
                _ => Term::Unknown,
            },
            Expr::Relabel { .. } if !std::ptr::eq(strip_relabel(self.shape.catalogue, expr), expr) => {
                self.term_in(level, strip_relabel(self.shape.catalogue, expr), rows)
            }
            Expr::Func { func, args, .. } if WIDEN.contains(func) => match args.as_slice() {
                [arg] => match self.term_in(level, arg, rows) {
                    Term::Constant(c) => Term::Constant(apply(Function::SameInt, vec![c])),
                    other => other,
                },
                _ => Term::Unknown,
            },
            Expr::SubLink { kind: SubLinkType::Expr, query, .. } => {
                match self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query))) {
                    Some(&source) => Term::Column(Column { source, number: 1 }),
                    None => Term::Unknown,
                }
            }
            other => match constant(self.shape.catalogue, other) {
                Some(c) => Term::Constant(c),
                None => self.dependent(level, other),
            },
        }
    }

    /// One value for each combination of rows of the sources named: no volatile function, no aggregate, no row count.
    fn dependent(&mut self, level: LevelId, expr: &'t Expr) -> Term {
        let catalogue = self.shape.catalogue;
        if visit::any(expr, &mut |e| !pure(catalogue, e)) {
            return Term::Unknown;
        }
        let mut sources = BTreeSet::new();
        self.columns_of(level, expr, &mut |c| {
            sources.insert(c.source);
        });
        if sources.is_empty() { Term::Unknown } else { Term::Dependent(sources) }
    }
}

/// Whether a conjunct of HAVING goes to WHERE: neither aggregates nor volatile functions nor subqueries.
pub(super) fn moves_below_groups(catalogue: &Catalogue, conjunct: &Expr) -> bool {
    !visit::any(conjunct, &mut |e| !pure(catalogue, e) || matches!(e, Expr::SubLink { .. }))
}

/// A node that gives one value for one combination of rows.
fn pure(catalogue: &Catalogue, expr: &Expr) -> bool {
    let function =
        |oid: &Oid| catalogue.functions.get(oid).is_some_and(|f| !f.returns_set && f.volatility != Volatility::Volatile);
    match expr {
        Expr::Aggref { .. }
        | Expr::GroupingFunc { .. }
        | Expr::WindowFunc { .. }
        | Expr::SetToDefault { .. }
        | Expr::CurrentOf { .. }
        | Expr::NextValue { .. }
        | Expr::ReturningExpr { .. }
        | Expr::MergeSupportFunc { .. }
        | Expr::InferenceElem { .. }
        | Expr::FieldStore { .. } => false,
        Expr::Func { func, returns_set, .. } | Expr::Op { func, returns_set, .. } => !returns_set && function(func),
        Expr::ScalarArrayOp { func, .. } => function(func),
        Expr::SubLink { kind, .. } => *kind == SubLinkType::Expr,
        Expr::Param { kind, .. } => *kind == ParamKind::Extern,
        Expr::Var(_)
        | Expr::Const(_)
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
        | Expr::RowCompare { .. }
        | Expr::Coalesce { .. }
        | Expr::MinMax { .. }
        | Expr::SqlValueFunction { .. }
        | Expr::NullTest { .. }
        | Expr::BooleanTest { .. }
        | Expr::CoerceToDomain { .. }
        | Expr::CoerceToDomainValue { .. } => true,
    }
}

/// The expression as a constant: nothing in it depends on a row. Stable built-ins are constants, volatile ones never.
pub(super) fn constant(catalogue: &Catalogue, expr: &Expr) -> Option<Constant> {
    match expr {
        Expr::Const(c) => Some(value::from_datum(c.type_oid, c.datum.as_deref()).map_or(Constant::Opaque, Constant::Known)),
        Expr::Param { kind: ParamKind::Extern, id, type_oid, .. } => {
            Some(Constant::Param { id: *id, type_oid: base_type(catalogue, *type_oid) })
        }
        Expr::SqlValueFunction { op, .. } => Some(match op {
            // `SQLValueFunctionOp`: CURRENT_DATE 0, CURRENT_TIMESTAMP 3, LOCALTIMESTAMP 7.
            0 => Constant::Now(Clock::Date),
            3 => Constant::Now(Clock::TimestampTz),
            7 => Constant::Now(Clock::Timestamp),
            _ => Constant::Opaque,
        }),
        // A domain's check changes no value.
        Expr::Relabel { arg, .. } | Expr::CoerceToDomain { arg, .. } => constant(catalogue, arg),
        // now(), transaction_timestamp(), statement_timestamp().
        Expr::Func { func: 1299 | 2647 | 2648, .. } => Some(Constant::Now(Clock::TimestampTz)),
        Expr::Func { func, args, .. } | Expr::Op { kind: OpKind::Op, func, args, .. } if Function::of(*func).is_some() => {
            let args: Option<Vec<Constant>> = args.iter().map(|a| constant(catalogue, a)).collect();
            Some(apply(Function::of(*func)?, args?))
        }
        _ => {
            let row_free = !visit::any(expr, &mut |e| {
                matches!(e, Expr::Var(_) | Expr::SubLink { .. } | Expr::CaseTest { .. } | Expr::CoerceToDomainValue { .. })
                    || !pure(catalogue, e)
            });
            row_free.then_some(Constant::Opaque)
        }
    }
}

fn apply(function: Function, args: Vec<Constant>) -> Constant {
    let c = Constant::Apply(function, args.into());
    // Fold what needs neither parameter nor clock.
    let timeless = crate::shape::constant::Moment { values: &[], now: 0 };
    if uses_clock(&c) { c } else { c.value(&timeless).map_or(c, Constant::Known) }
}

fn uses_clock(c: &Constant) -> bool {
    match c {
        Constant::Now(_) => true,
        Constant::Apply(_, args) => args.iter().any(uses_clock),
        Constant::Known(_) | Constant::Param { .. } | Constant::Opaque => false,
    }
}

/// A comparison of two constants that is false whatever the row.
fn never(a: &Constant, role: BtreeRole, b: &Constant) -> bool {
    let (Some(a), Some(b)) = (a.known(), b.known()) else { return false };
    if matches!(a, Value::Null) || matches!(b, Value::Null) {
        return true;
    }
    let Some(order) = a.compare(b) else { return false };
    !match role {
        BtreeRole::Less => order == Ordering::Less,
        BtreeRole::LessOrEqual => order != Ordering::Greater,
        BtreeRole::Equal => order == Ordering::Equal,
        BtreeRole::GreaterOrEqual => order != Ordering::Less,
        BtreeRole::Greater => order == Ordering::Greater,
    }
}

fn mirrored(role: BtreeRole) -> BtreeRole {
    match role {
        BtreeRole::Less => BtreeRole::Greater,
        BtreeRole::LessOrEqual => BtreeRole::GreaterOrEqual,
        BtreeRole::Equal => BtreeRole::Equal,
        BtreeRole::GreaterOrEqual => BtreeRole::LessOrEqual,
        BtreeRole::Greater => BtreeRole::Less,
    }
}

fn deterministic(catalogue: &Catalogue, collation: Oid) -> bool {
    collation == 0 || catalogue.collations.get(&collation).is_some_and(|c| c.deterministic)
}

/// Types whose ranges can be measured.
fn ranged(type_oid: Oid) -> bool {
    matches!(type_oid, oid::INT2 | oid::INT4 | oid::INT8 | oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ)
}

/// Through domains.
pub(super) fn base_type(catalogue: &Catalogue, mut type_oid: Oid) -> Oid {
    for _ in 0..16 {
        match catalogue.types.get(&type_oid) {
            Some(t) if t.kind == TypeKind::Domain => type_oid = t.base,
            _ => break,
        }
    }
    type_oid
}

/// Relabels that keep equality as it is: domain to base, varchar to text and back, of arrays too.
pub(super) fn strip_relabel<'t>(catalogue: &Catalogue, expr: &'t Expr) -> &'t Expr {
    let Expr::Relabel { arg, result_type, .. } = expr else { return expr };
    let Some(inner) = type_of(arg) else { return expr };
    let text = |t: Oid| matches!(t, oid::TEXT | oid::VARCHAR);
    let texts = |t: Oid| matches!(t, 1009 | 1015);
    let same = base_type(catalogue, inner) == base_type(catalogue, *result_type)
        || (text(base_type(catalogue, inner)) && text(base_type(catalogue, *result_type)))
        || (texts(inner) && texts(*result_type));
    if same { strip_relabel(catalogue, arg) } else { expr }
}

/// Below casts that give NULL for NULL alone. A cast by function may not: 18's `'null'::jsonb::int` is NULL.
fn strip_representation(expr: &Expr) -> &Expr {
    match expr {
        Expr::Relabel { arg, .. } | Expr::CoerceViaIo { arg, .. } => strip_representation(arg),
        other => other,
    }
}

/// Below casts of any kind; only to find a parameter or a subquery, never to reason about its value.
fn strip_casts(expr: &Expr) -> &Expr {
    match expr {
        Expr::Relabel { arg, .. } | Expr::CoerceViaIo { arg, .. } | Expr::CoerceToDomain { arg, .. } => strip_casts(arg),
        Expr::Func { form: 1 | 2, args, .. } if args.len() == 1 => strip_casts(&args[0]),
        other => other,
    }
}

/// The type of an expression's result, where its node says so.
pub(super) fn type_of(expr: &Expr) -> Option<Oid> {
    Some(match expr {
        Expr::Var(v) => v.type_oid,
        Expr::Const(c) => c.type_oid,
        Expr::Param { type_oid, .. }
        | Expr::CaseTest { type_oid, .. }
        | Expr::SqlValueFunction { type_oid, .. }
        | Expr::CoerceToDomainValue { type_oid, .. }
        | Expr::SetToDefault { type_oid, .. }
        | Expr::NextValue { type_oid, .. }
        | Expr::MergeSupportFunc { type_oid, .. } => *type_oid,
        Expr::Aggref { result_type, .. }
        | Expr::WindowFunc { result_type, .. }
        | Expr::Subscripting { result_type, .. }
        | Expr::Func { result_type, .. }
        | Expr::FieldSelect { result_type, .. }
        | Expr::FieldStore { result_type, .. }
        | Expr::Relabel { result_type, .. }
        | Expr::CoerceViaIo { result_type, .. }
        | Expr::ArrayCoerce { result_type, .. }
        | Expr::ConvertRowtype { result_type, .. }
        | Expr::Case { result_type, .. }
        | Expr::Coalesce { result_type, .. }
        | Expr::MinMax { result_type, .. }
        | Expr::CoerceToDomain { result_type, .. } => *result_type,
        Expr::Op { kind, result_type, args, .. } => match kind {
            OpKind::NullIf => return args.first().and_then(type_of),
            OpKind::Op | OpKind::Distinct => *result_type,
        },
        Expr::Array { array_type, .. } => *array_type,
        Expr::Row { row_type, .. } => *row_type,
        Expr::Bool { .. }
        | Expr::ScalarArrayOp { .. }
        | Expr::RowCompare { .. }
        | Expr::NullTest { .. }
        | Expr::BooleanTest { .. }
        | Expr::CurrentOf { .. } => oid::BOOL,
        Expr::GroupingFunc { .. } => oid::INT4,
        Expr::Collate { arg, .. } | Expr::NamedArg { arg, .. } => return type_of(arg),
        Expr::InferenceElem { expr, .. } | Expr::ReturningExpr { expr, .. } => return type_of(expr),
        Expr::SubLink { kind, query, .. } => match kind {
            SubLinkType::Expr => return query.target_list.first().and_then(|t| type_of(&t.expr)),
            SubLinkType::Exists | SubLinkType::All | SubLinkType::Any | SubLinkType::RowCompare => oid::BOOL,
            SubLinkType::MultiExpr | SubLinkType::Array | SubLinkType::Cte => return None,
        },
    })
}
