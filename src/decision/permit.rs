//! A proof waits for values; with them it gives a permit or a refusal. Forwarding takes a [`Permit`], and only this
//! module makes one.

use super::condition::Condition;
use super::cover::Alternative;
use super::deny::Deny;
use super::reason::Reason;
use crate::shape::admit::Requirement;
use crate::shape::constant::{BoundValue, Constant, Moment};
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

/// A statement proven for all values, but for its conditions.
#[derive(Debug, Clone)]
pub struct Proof {
    pub(super) conditions: Vec<Condition>,
    pub(super) obligations: Vec<Obligation>,
    /// The smallest `max_rows` of the rules.
    pub(super) row_limit: Option<u64>,
    pub(super) relations: Arc<[ProvenRelation]>,
    pub(super) introspection: bool,
    pub(super) observe: Observe,
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

    /// The statement reads the filtered catalogue: the session's scope must be set where it runs.
    pub fn introspection(&self) -> bool {
        self.introspection
    }
}

impl Proof {
    /// Decides for the values of one Bind. `now`: microseconds since 2000-01-01 UTC.
    pub fn check(&self, values: &[BoundValue<'_>], now: i64) -> Result<Permit, Deny> {
        match (self.weigh(&Moment { values, now }), &self.observe) {
            (Ok(row_limit), Observe::Off | Observe::Values) => Ok(self.permit(row_limit, None)),
            // What is left to check of such a statement is its cost.
            (Ok(row_limit), Observe::Statement(deny)) => Ok(self.permit(row_limit, Some(deny.reason))),
            (Err(deny), Observe::Statement(_)) => Err(deny),
            (Err(deny), Observe::Values) if observable(deny.reason) => Ok(self.permit(self.row_limit, Some(deny.reason))),
            (Err(deny), Observe::Off | Observe::Values) => Err(deny),
        }
    }

    fn permit(&self, row_limit: Option<u64>, observed: Option<Reason>) -> Permit {
        Permit { row_limit, relations: self.relations.clone(), introspection: self.introspection, observed }
    }

    /// The row limit under the grants that cover these values.
    fn weigh(&self, moment: &Moment<'_>) -> Result<Option<u64>, Deny> {
        if let Some(failed) = self.conditions.iter().find(|c| !c.evaluate(moment)) {
            return Err(explain(failed));
        }
        let mut row_limit = self.row_limit;
        for o in &self.obligations {
            let met = o.alternatives.iter().find(|a| a.conditions.iter().all(|c| c.evaluate(moment)));
            match met {
                None => return Err(o.refusal.clone()),
                Some(a) => {
                    if let Some(limit) = a.limit {
                        row_limit = Some(row_limit.map_or(limit, |l| l.min(limit)));
                    }
                }
            }
        }
        Ok(row_limit)
    }

    /// Whether the proof holds whatever the values.
    pub fn is_unconditional(&self) -> bool {
        self.conditions.is_empty()
            && self.obligations.iter().all(|o| o.alternatives.first().is_some_and(|a| a.conditions.is_empty()))
    }

    pub fn relations(&self) -> &Arc<[ProvenRelation]> {
        &self.relations
    }

    pub fn introspection(&self) -> bool {
        self.introspection
    }
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
        Condition::AllHold(..) | Condition::ListAtMost(..) => false,
        Condition::RangeHolds { low, high, .. } => low.iter().chain(high).all(known),
        Condition::Width { low, high, .. } => known(low) && known(high),
        Condition::Required(r) => match r {
            Requirement::AtMost(c, _) | Requirement::PlainRegex(c) | Requirement::Admits(c, _) => known(c),
            Requirement::Names(..) => false,
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
        Condition::Holds(..) | Condition::AllHold(..) | Condition::RangeHolds { .. } => {
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
        Condition::Required(Requirement::Names(..)) => crate::catalogue::visible::unknown_object(),
        Condition::Required(Requirement::ShortSeries(_)) => {
            Deny::new(Reason::CostBomb, "generate_series would make more than 10000 rows, or its ends cannot be read")
                .hint("Choose constant ends that make at most 10000 rows.")
        }
    }
}
