//! A proof waits for values; with them it gives a permit or a refusal. Forwarding takes a [`Permit`], and only this
//! module makes one.

use super::condition::Condition;
use super::cover::Alternative;
use super::deny::Deny;
use super::reason::Reason;
use crate::shape::admit::Requirement;
use crate::shape::constant::{BoundValue, Constant, Moment};
use crate::shape::model::Elements;
use crate::token::grant::QualifiedName;
use std::sync::Arc;

/// One occurrence under one block: some grant's conditions must hold.
#[derive(Debug, Clone)]
pub(super) struct Obligation {
    pub alternatives: Vec<Alternative>,
    pub refusal: Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRelation {
    pub oid: u32,
    pub name: QualifiedName,
}

/// A table that the statement may change, foreign-key actions included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub oid: u32,
    pub name: QualifiedName,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    /// The most rows of it that the statement may insert, update and delete together.
    pub limit: Option<u64>,
}

/// A statement proven for all values, but for its conditions.
#[derive(Debug, Clone)]
pub struct Proof {
    pub(super) conditions: Vec<Condition>,
    pub(super) obligations: Vec<Obligation>,
    /// The smallest `max_rows` of the rules.
    pub(super) row_limit: Option<u64>,
    pub(super) relations: Arc<[ProvenRelation]>,
    /// What it may change, without the limits of grants.
    pub(super) written: Vec<Change>,
    pub(super) locks: bool,
    pub(super) introspection: bool,
    pub(super) observe: Observe,
}

/// Rows of one table that a statement may change.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub table: Written,
    /// One of each list must hold, and gives its limit.
    pub obligations: Vec<Obligation>,
    /// Rows that the statement spells out.
    pub rows: u64,
}

/// `mode = "observe"`: what would have been refused runs, and is recorded as such.
#[derive(Debug, Clone, Default)]
pub(super) enum Observe {
    #[default]
    Off,
    /// The proof stands; values that break its conditions are let through.
    Values,
    /// No proof was found, for this reason.
    Statement(Deny),
}

/// Leave to run one statement with one set of values.
#[derive(Debug, Clone)]
pub struct Permit {
    row_limit: Option<u64>,
    relations: Arc<[ProvenRelation]>,
    written: Arc<[Written]>,
    locks: bool,
    introspection: bool,
    observed: Option<Reason>,
}

impl Permit {
    /// Why it would have been refused, had the rules not asked to observe.
    pub fn observed(&self) -> Option<Reason> {
        self.observed
    }

    /// More rows than this and nothing is released.
    pub fn row_limit(&self) -> Option<u64> {
        self.row_limit
    }

    pub fn relations(&self) -> &Arc<[ProvenRelation]> {
        &self.relations
    }

    /// The tables that it may change; none for a statement that only reads.
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// It locks rows (FOR UPDATE, FOR SHARE), which a read-only transaction does not do.
    pub fn locks(&self) -> bool {
        self.locks
    }

    /// The statement reads the filtered catalogue: the session's scope must be set where it runs.
    pub fn introspection(&self) -> bool {
        self.introspection
    }
}

impl Proof {
    /// Decides for the values of one Bind. `now`: microseconds since 2000-01-01 UTC.
    pub fn check(&self, values: &[BoundValue<'_>], now: i64) -> Result<Permit, Deny> {
        match (self.weigh(&Moment { values, now }), &self.observe) {
            (Ok(limits), Observe::Off | Observe::Values) => Ok(self.permit(limits, None)),
            // What is left to check of such a statement is its cost.
            (Ok(limits), Observe::Statement(deny)) => Ok(self.permit(limits, Some(deny.reason))),
            (Err(deny), Observe::Statement(_)) => Err(deny),
            (Err(deny), Observe::Values) if observable(deny.reason) => {
                let limits = Limits { rows: self.row_limit, written: Vec::new() };
                Ok(self.permit(limits, Some(deny.reason)))
            }
            (Err(deny), Observe::Off | Observe::Values) => Err(deny),
        }
    }

    fn permit(&self, limits: Limits, observed: Option<Reason>) -> Permit {
        Permit {
            row_limit: limits.rows,
            relations: self.relations.clone(),
            written: limits.written.into(),
            locks: self.locks,
            introspection: self.introspection,
            observed,
        }
    }

    /// The limits under the grants that cover these values.
    fn weigh(&self, moment: &Moment<'_>) -> Result<Limits, Deny> {
        if let Some(failed) = self.conditions.iter().find(|c| !c.evaluate(moment)) {
            return Err(explain(failed));
        }
        let mut read = self.row_limit;
        for o in &self.obligations {
            read = read.into_iter().chain(o.met(moment)?.limit).min();
        }
        let mut limits = Limits { rows: read, written: Vec::with_capacity(self.written.len()) };
        for change in &self.written {
            let mut limit = read.into_iter().chain(change.table.limit).min();
            for o in &change.obligations {
                limit = limit.into_iter().chain(o.met(moment)?.limit).min();
            }
            if let Some(limit) = limit
                && change.rows > limit
            {
                return Err(too_many_rows(change, limit));
            }
            limits.rows = limits.rows.into_iter().chain(limit).min();
            limits.written.push(Written { limit, ..change.table.clone() });
        }
        Ok(limits)
    }

    /// Whether the proof holds whatever the values.
    pub fn is_unconditional(&self) -> bool {
        let written = self.written.iter().flat_map(|change| &change.obligations);
        self.conditions.is_empty()
            && self.obligations.iter().chain(written).all(|o| o.alternatives.first().is_some_and(|a| a.conditions.is_empty()))
    }

    pub fn relations(&self) -> &Arc<[ProvenRelation]> {
        &self.relations
    }

    pub fn introspection(&self) -> bool {
        self.introspection
    }

    /// Whatever the values, it changes rows.
    pub fn writes(&self) -> bool {
        !self.written.is_empty()
    }

    /// Whatever the values, it locks rows.
    pub fn locks(&self) -> bool {
        self.locks
    }
}

/// What one set of values leaves of the limits.
struct Limits {
    rows: Option<u64>,
    written: Vec<Written>,
}

impl Obligation {
    fn met(&self, moment: &Moment<'_>) -> Result<&Alternative, Deny> {
        let met = self.alternatives.iter().find(|a| a.conditions.iter().all(|c| c.evaluate(moment)));
        met.ok_or_else(|| self.refusal.clone())
    }
}

fn too_many_rows(change: &Change, limit: u64) -> Deny {
    let (rows, name) = (change.rows, &change.table.name);
    Deny::new(Reason::RowLimit, format!("the statement writes {rows} rows of {}; {limit} are allowed", name.name))
        .table(name)
        .hint(format!("Write at most {limit} rows at a time."))
}

/// What a rule that observes lets through: whose rows and how many. Never what acts, shows a hidden column, costs too
/// much, or cannot be read.
pub(super) fn observable(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RelationNotGranted
            | Reason::NoRule
            | Reason::UnboundedScan
            | Reason::PredicateNotImplied
            | Reason::ColumnNotGranted
            | Reason::InListTooLong
            | Reason::RangeTooWide
            | Reason::ErrorLeak
    )
}

/// Needs neither parameter nor clock.
pub(super) fn is_static(c: &Condition) -> bool {
    let known = |c: &Constant| matches!(c, Constant::Known(_) | Constant::Opaque);
    match c {
        Condition::Holds(c, _) | Condition::NotNull(c) => known(c),
        Condition::AllHold(..) | Condition::EveryHolds(..) | Condition::ListAtMost(..) => false,
        Condition::RangeHolds { low, high, .. } => low.iter().chain(high).all(known),
        Condition::Width { low, high, .. } => known(low) && known(high),
        Condition::Required(r) => match r {
            Requirement::AtMost(c, _) | Requirement::PlainRegex(c) | Requirement::Admits(c, _) => known(c),
            Requirement::Names(..) => false,
            Requirement::EquallyLong(arrays) => arrays.iter().all(|a| matches!(a, Elements::Constant(_))),
            Requirement::ShortSeries(s) => known(&s.start) && known(&s.stop) && s.step.as_ref().is_none_or(known),
        },
    }
}

pub(super) fn explain(c: &Condition) -> Deny {
    match c {
        Condition::ListAtMost(_, max) => Deny::new(Reason::InListTooLong, format!("the list has more than {max} values, or cannot be read"))
            .hint(format!("Send at most {max} values at a time.")),
        Condition::Width { .. } => Deny::new(Reason::RangeTooWide, "the range is wider than the rules allow, or its ends cannot be read")
            .hint("Choose two ends closer together, written as ISO dates or times with a time zone (2026-11-24 or 2026-11-24T12:00:00Z)."),
        Condition::NotNull(_) => Deny::new(Reason::UnboundedScan, "a parameter is NULL where its value must bound the statement")
            .hint("Leave the optional condition out, or give the parameter a value."),
        Condition::Holds(..) | Condition::AllHold(..) | Condition::EveryHolds(..) | Condition::RangeHolds { .. } => {
            Deny::new(Reason::PredicateNotImplied, "a value is outside the rows granted")
                .hint("SHOW pgwarrant.scope lists the rows that this token may read.")
        }
        Condition::Required(Requirement::AtMost(_, max)) => {
            Deny::new(Reason::CostBomb, format!("a size is above {max}, or not known before the statement runs"))
                .hint(format!("Use a constant or parameter of at most {max}."))
        }
        Condition::Required(Requirement::Admits(..)) => {
            Deny::new(Reason::ErrorLeak, "a pattern or field name could fail on rows outside the grant")
                .hint("Use a plain pattern without a trailing backslash, or a field name such as 'month'.")
        }
        Condition::Required(Requirement::PlainRegex(_)) => {
            Deny::new(Reason::CostBomb, "the regular expression nests quantifiers, repeats too much or cannot be read")
                .hint("Use LIKE, or a regular expression without a quantifier on a group that has one inside.")
        }
        Condition::Required(Requirement::EquallyLong(_)) => {
            Deny::new(Reason::PredicateNotImplied, "the arrays that unnest takes side by side are not equally long, or cannot be read")
                .hint("Send arrays of one length: the shorter ones are filled up with NULL.")
        }
        Condition::Required(Requirement::Names(..)) => crate::catalogue::visible::unknown_object(),
        Condition::Required(Requirement::ShortSeries(_)) => {
            Deny::new(Reason::CostBomb, "generate_series would make more than 10000 rows, or its ends cannot be read")
                .hint("Choose constant ends that make at most 10000 rows.")
        }
    }
}
