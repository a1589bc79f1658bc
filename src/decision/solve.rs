//! Which sources are bounded, and whether the facts imply a grant's predicate.
//!
//! Bounds are found by rounds from nothing: a source is bounded by constants, or by sources bounded in an earlier
//! round, so that no circle of equalities bounds itself.

use super::classes::{Class, Classes};
use super::condition::{Condition, TypedTest};
use crate::catalogue::snapshot::{BtreeRole, Relation};
use crate::reading::tree::SetOpNode;
use crate::rules::ruleset::{MaxRange, Ruleset, TableRule};
use crate::shape::constant::Constant;
use crate::shape::model::{Column, Elements, Fact, Kind, Shape, SourceId};
use crate::shape::value::Value;

/// ORs are split at most this deep, and into at most this many cases.
const MAX_SPLITS: u32 = 3;
const MAX_CASES: usize = 400;
/// Values that several series may make together and still be a bound.
const MAX_SPREAD: f64 = 1000.0;

pub struct Solver<'s, 't> {
    pub shape: &'s Shape<'t>,
    pub rules: &'s Ruleset,
    /// The conditions under which a source is bounded; `None`: not shown.
    pub bounded: Vec<Option<Vec<Condition>>>,
}

/// Why no bound was found, for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    Unpinned,
    ListTooLong(u64),
    RangeTooWide,
}

/// How far facts are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Everywhere,
    /// The occurrence's own query.
    Level,
    /// What the scan of the relation applies.
    Scan,
}

impl<'s, 't> Solver<'s, 't> {
    pub fn solve(shape: &'s Shape<'t>, rules: &'s Ruleset) -> Self {
        let mut s = Solver { shape, rules, bounded: vec![None; shape.sources.len()] };
        loop {
            let mut found = Vec::new();
            for id in 0..shape.sources.len() {
                if s.bounded[id].is_none()
                    && let Some(conditions) = s.attempt(id)
                {
                    found.push((id, conditions));
                }
            }
            if found.is_empty() {
                return s;
            }
            for (id, conditions) in found {
                s.bounded[id] = Some(conditions);
            }
        }
    }

    fn attempt(&self, id: SourceId) -> Option<Vec<Condition>> {
        let source = &self.shape.sources[id];
        match &source.kind {
            Kind::Relation { relid, .. } => {
                let relation = self.shape.catalogue.relation(*relid)?;
                let rule = self.rules.relation(&relation.name)?;
                let facts = self.shape.facts(source.scope, false);
                self.split(&facts, 0, &mut 0, &mut |classes| self.keyed(id, relation, rule, classes))
            }
            Kind::Derived { single_row: true, .. } => Some(Vec::new()),
            Kind::Derived { level, single_row: false } => {
                let inner = self.shape.levels[*level].from.iter().chain(&source.depends);
                self.few(inner.clone()).then(|| self.all(inner))?
            }
            Kind::Values { rows } if *rows as u64 > TableRule::DEFAULT_MAX_IN_LIST => None,
            Kind::Values { .. } | Kind::Series(_) => self.all(source.depends.iter().chain(&source.arguments)),
            Kind::Elements(Elements::Constant(n)) => {
                (*n as u64 <= TableRule::DEFAULT_MAX_IN_LIST).then(|| self.all(source.arguments.iter()))?
            }
            Kind::Elements(Elements::Param(a)) => Some(vec![Condition::ListAtMost(*a, TableRule::DEFAULT_MAX_IN_LIST)]),
            Kind::Function { scalar: true } => self.all(source.arguments.iter()),
            // An array of a bounded row, a split of its text: as many rows as its arguments make.
            Kind::Function { scalar: false } => None,
            // Its rows begin with those of the first arm.
            Kind::SelfReference { bounded_depth: true, home } => {
                let level = &self.shape.levels[*home];
                let SetOpNode::Ref(first) = level.query.set_operations.as_ref()?.left else { return None };
                let first = level.bindings.get((first as usize).checked_sub(1)?).copied().flatten()?;
                self.bounded[first].clone()
            }
            Kind::SelfReference { bounded_depth: false, .. } => None,
        }
    }

    /// One series is a bound by itself; several multiply, and their digits spell any number.
    fn few<'a>(&self, ids: impl Iterator<Item = &'a SourceId>) -> bool {
        let spreads: Vec<f64> = ids.map(|id| self.spread(*id)).filter(|s| *s > 1.0).collect();
        spreads.len() < 2 || spreads.iter().product::<f64>() <= MAX_SPREAD
    }

    /// Into how many values a source spreads without reading a table.
    fn spread(&self, id: SourceId) -> f64 {
        match &self.shape.sources[id].kind {
            Kind::Values { rows } => *rows as f64,
            Kind::Series(s) => super::cost::series_rows(s),
            Kind::Elements(Elements::Constant(n)) => *n as f64,
            Kind::Elements(Elements::Param(_)) => TableRule::DEFAULT_MAX_IN_LIST as f64,
            Kind::Derived { level, single_row: false } => {
                self.shape.levels[*level].from.iter().map(|s| self.spread(*s)).product()
            }
            Kind::Derived { single_row: true, .. }
            | Kind::Relation { .. }
            | Kind::Function { .. }
            | Kind::SelfReference { .. } => 1.0,
        }
    }

    fn all<'a>(&self, mut ids: impl Iterator<Item = &'a SourceId>) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        ids.try_for_each(|id| {
            conditions.extend(self.bounded[*id].as_ref()?.iter().cloned());
            Some(())
        })?;
        Some(conditions)
    }

    /// Tries the facts as they are, then case by case through their ORs.
    pub fn split(
        &self,
        facts: &[&'s Fact],
        depth: u32,
        cases: &mut usize,
        goal: &mut dyn FnMut(&Classes<'s>) -> Option<Vec<Condition>>,
    ) -> Option<Vec<Condition>> {
        *cases += 1;
        if *cases > MAX_CASES {
            return None;
        }
        let classes = Classes::of(facts);
        if classes.never {
            return Some(Vec::new());
        }
        if let Some(conditions) = goal(&classes) {
            return Some(conditions);
        }
        if depth >= MAX_SPLITS {
            return None;
        }
        for (i, fact) in facts.iter().enumerate() {
            let Fact::Or(arms) = fact else { continue };
            let rest: Vec<&'s Fact> = facts.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, f)| *f).collect();
            let mut conditions = Vec::new();
            let every = arms.iter().all(|arm| {
                if let Some(Fact::ParamIsNull(id)) = arm.iter().find(|f| matches!(f, Fact::ParamIsNull(_))) {
                    conditions.push(Condition::NotNull(Constant::Param { id: *id, type_oid: 0 }));
                    return true;
                }
                let mut with = rest.clone();
                with.extend(arm);
                match self.split(&with, depth + 1, cases, goal) {
                    Some(c) => {
                        conditions.extend(c);
                        true
                    }
                    None => false,
                }
            });
            if every {
                return Some(conditions);
            }
        }
        None
    }

    /// One of the sets of `bounded_by`, or a whole unique key, with every column pinned.
    fn keyed(&self, id: SourceId, relation: &Relation, rule: &TableRule, classes: &Classes<'s>) -> Option<Vec<Condition>> {
        let number = |name: &String| relation.column_named(name).map(|c| c.number);
        let listed = rule.bounded_by.iter().filter_map(|set| set.iter().map(number).collect::<Option<Vec<i16>>>());
        let unique = relation.unique_keys.iter().filter(|_| !relation.has_inheritance_children).map(|key| key.columns.clone());
        let mut best: Option<Vec<Condition>> = None;
        for set in listed.chain(unique) {
            let mut conditions = Vec::new();
            let pinned = set.iter().all(|n| match self.pin(Column { source: id, number: *n }, relation, rule, classes) {
                Ok(c) => {
                    conditions.extend(c);
                    true
                }
                Err(_) => false,
            });
            if pinned && best.as_ref().is_none_or(|b| conditions.len() < b.len()) {
                best = Some(conditions);
            }
        }
        best
    }

    /// Why no set of the table's bounds is met, seen from the set that comes closest.
    pub fn shortfall(&self, id: SourceId, relation: &Relation, rule: &TableRule) -> Shortfall {
        let facts = self.shape.facts(self.shape.sources[id].scope, false);
        let classes = Classes::of(&facts);
        let mut worst = Shortfall::Unpinned;
        for name in rule.bounded_by.iter().flatten() {
            let Some(column) = relation.column_named(name) else { continue };
            match self.pin(Column { source: id, number: column.number }, relation, rule, &classes) {
                Err(s @ (Shortfall::ListTooLong(_) | Shortfall::RangeTooWide)) => worst = s,
                Err(Shortfall::Unpinned) | Ok(_) => {}
            }
        }
        worst
    }

    fn pin(
        &self,
        column: Column,
        relation: &Relation,
        rule: &TableRule,
        classes: &Classes<'s>,
    ) -> Result<Vec<Condition>, Shortfall> {
        let Some(class) = classes.get(column) else { return Err(Shortfall::Unpinned) };
        if !class.constants.is_empty() {
            return Ok(Vec::new());
        }
        for other in class.columns.iter().filter(|c| c.source != column.source) {
            if let Some(conditions) = &self.bounded[other.source] {
                return Ok(conditions.clone());
            }
        }
        for sources in &class.dependents {
            if !sources.contains(&column.source)
                && self.few(sources.iter())
                && let Some(conditions) = self.all(sources.iter())
            {
                return Ok(conditions);
            }
        }
        let mut shortfall = Shortfall::Unpinned;
        for list in &class.lists {
            if list.len() as u64 <= rule.max_in_list() {
                return Ok(Vec::new());
            }
            shortfall = Shortfall::ListTooLong(list.len() as u64);
        }
        if let Some(a) = class.arrays.first() {
            return Ok(vec![Condition::ListAtMost(*a, rule.max_in_list())]);
        }
        if let Some(k) = class.not_distinct.first() {
            match k {
                Constant::Known(Value::Null) => {}
                Constant::Known(_) => return Ok(Vec::new()),
                other => return Ok(vec![Condition::NotNull((*other).clone())]),
            }
        }
        let name = relation.column(column.number).map(|c| &*c.name).unwrap_or_default();
        match rule.max_range.get(name).and_then(|max| range(class, *max)) {
            Some(found) => found,
            None => Err(shortfall),
        }
    }

    /// Whether the facts put the row inside a grant's predicate; the conditions left for Bind.
    pub fn implies(&self, id: SourceId, predicate: &[(i16, TypedTest)], reach: Reach) -> Option<Vec<Condition>> {
        if predicate.is_empty() {
            return Some(Vec::new());
        }
        let facts = match reach {
            Reach::Everywhere => self.shape.facts(self.shape.sources[id].scope, false),
            Reach::Level => self.shape.facts(self.shape.sources[id].scope, true),
            Reach::Scan => self.shape.facts_at_scan(id),
        };
        self.split(&facts, 0, &mut 0, &mut |classes| {
            let mut conditions = Vec::new();
            for (number, test) in predicate {
                let class = classes.get(Column { source: id, number: *number })?;
                conditions.extend(passes(class, test)?);
            }
            Some(conditions)
        })
    }
}

/// The lowest and highest comparison of a class, if it has both ends.
fn range(class: &Class<'_>, max: MaxRange) -> Option<Result<Vec<Condition>, Shortfall>> {
    let low = |r: BtreeRole| matches!(r, BtreeRole::Greater | BtreeRole::GreaterOrEqual);
    let high = |r: BtreeRole| matches!(r, BtreeRole::Less | BtreeRole::LessOrEqual);
    let mut wide = None;
    for l in class.compares.iter().filter(|c| low(c.role)) {
        for h in class.compares.iter().filter(|c| high(c.role)) {
            if matches!(l.constant, Constant::Opaque) || matches!(h.constant, Constant::Opaque) {
                continue;
            }
            // An inclusive end in whole days: that day counts too.
            let days = (h.of_date || date_like(h.constant)) && h.role == BtreeRole::LessOrEqual;
            let width = Condition::Width { low: l.constant.clone(), high: h.constant.clone(), max, days };
            if let (Some(_), Some(_)) = (l.constant.known(), h.constant.known()) {
                let now = crate::shape::constant::Moment { values: &[], now: 0 };
                if width.evaluate(&now) {
                    return Some(Ok(Vec::new()));
                }
                wide = Some(Err(Shortfall::RangeTooWide));
            } else {
                return Some(Ok(vec![width]));
            }
        }
    }
    wide
}

fn date_like(c: &Constant) -> bool {
    use crate::shape::constant::{Clock, Function};
    use crate::shape::value::oid;
    match c {
        Constant::Known(Value::Date(_)) | Constant::Now(Clock::Date) => true,
        Constant::Param { type_oid, .. } => *type_oid == oid::DATE,
        Constant::Apply(Function::DatePlusDays | Function::DaysPlusDate | Function::DateMinusDays | Function::ToDate, _) => true,
        Constant::Known(_) | Constant::Now(_) | Constant::Apply(..) | Constant::Opaque => false,
    }
}

/// One fact of the class that is enough for the test.
pub(super) fn passes(class: &Class<'_>, test: &TypedTest) -> Option<Vec<Condition>> {
    let mut later: Option<Vec<Condition>> = None;
    for k in class.constants.iter().chain(&class.not_distinct) {
        match k {
            Constant::Known(v) if test.holds(v) => return Some(Vec::new()),
            Constant::Known(_) | Constant::Opaque => {}
            Constant::Param { .. } | Constant::Now(_) | Constant::Apply(..) => {
                later.get_or_insert_with(|| vec![Condition::Holds((*k).clone(), test.clone())]);
            }
        }
    }
    for list in &class.lists {
        if let Some(conditions) = all_pass(list, test) {
            if conditions.is_empty() {
                return Some(conditions);
            }
            later.get_or_insert(conditions);
        }
    }
    for a in &class.arrays {
        later.get_or_insert_with(|| vec![Condition::AllHold(*a, test.clone())]);
    }
    if later.is_some() {
        return later;
    }
    within(class, test)
}

fn all_pass(list: &[Constant], test: &TypedTest) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for k in list {
        match k {
            Constant::Known(Value::Null) => {}
            Constant::Known(v) if test.holds(v) => {}
            Constant::Known(_) | Constant::Opaque => return None,
            Constant::Param { .. } | Constant::Now(_) | Constant::Apply(..) => {
                conditions.push(Condition::Holds(k.clone(), test.clone()));
            }
        }
    }
    Some(conditions)
}

pub(super) fn within(class: &Class<'_>, test: &TypedTest) -> Option<Vec<Condition>> {
    let plain = || class.compares.iter().filter(|c| !c.of_date);
    let lows = || plain().filter(|c| matches!(c.role, BtreeRole::Greater | BtreeRole::GreaterOrEqual)).map(|c| c.constant);
    let highs = || plain().filter(|c| matches!(c.role, BtreeRole::Less | BtreeRole::LessOrEqual)).map(|c| c.constant);
    let mut pairs: Vec<(Option<Constant>, Option<Constant>)> = Vec::new();
    for l in lows() {
        pairs.push((Some(l.clone()), None));
        for h in highs() {
            pairs.push((Some(l.clone()), Some(h.clone())));
        }
    }
    pairs.extend(highs().map(|h| (None, Some(h.clone()))));
    let now = crate::shape::constant::Moment { values: &[], now: 0 };
    for (low, high) in pairs {
        let known = low.iter().chain(&high).all(|c| c.known().is_some());
        let condition = Condition::RangeHolds { low, high, test: test.clone() };
        if known && condition.evaluate(&now) {
            return Some(Vec::new());
        }
        if !known {
            return Some(vec![condition]);
        }
    }
    None
}
