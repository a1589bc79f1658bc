//! What a conjunction of tests says about the values of one column, and what that implies.
//!
//! Integers and booleans are known exactly, but the column may hold more than integers (`numeric`), so `> 4` does not
//! imply `>= 5`. What a string means is decided by the column's type (`'2026-1-1'` and `'2026-01-01'` may be one date),
//! so two strings are only ever known to be equal, by their bytes, and only ever ordered where both are dates or
//! timestamps of the same ISO shape. What is not known is not implied.

use super::{Comparison, Condition, Literal, Test};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

type Bound<'a> = (Comparison, &'a Literal);

/// The tests on one column, taken apart.
pub(super) struct Values<'a> {
    /// For each `=` and `IN`: the values left of it by all the other tests.
    sets: Vec<Vec<&'a Literal>>,
    /// Each `<`, `<=`, `>`, `>=`, and both ends of each BETWEEN.
    bounds: Vec<Bound<'a>>,
    /// What a lower and an upper bound leave alone between them: `x >= 3 AND x <= 3` is 3.
    points: Vec<&'a Literal>,
    /// No value at all.
    empty: bool,
}

/// Whether no row can satisfy the conditions.
pub(super) fn contradictory(conditions: &[Condition]) -> bool {
    by_column(conditions).values().any(|values| values.empty)
}

/// The values of every column that the conditions name. Made once a grant: it costs the square of its literals.
pub(super) fn by_column(conditions: &[Condition]) -> BTreeMap<&str, Values<'_>> {
    let columns: BTreeSet<&str> = conditions.iter().map(|condition| condition.column.as_str()).collect();
    columns.into_iter().map(|column| (column, Values::of(conditions, column))).collect()
}

impl<'a> Values<'a> {
    fn of(conditions: &'a [Condition], column: &str) -> Self {
        let tests = || conditions.iter().filter(|condition| condition.column == column).map(|condition| &condition.test);
        let bounds: Vec<_> = tests().flat_map(bounds_of).collect();
        let whole: Vec<&[Literal]> = tests().filter_map(set_of).collect();
        let left = |value: &&Literal| {
            whole.iter().all(|set| possibly_in(value, set)) && bounds.iter().all(|bound| possibly_within(value, *bound))
        };
        let sets: Vec<Vec<&Literal>> = whole.iter().map(|set| set.iter().filter(left).collect()).collect();
        let mut values = Values { empty: sets.iter().any(Vec::is_empty), sets, bounds, points: Vec::new() };
        values.pair_bounds();
        values
    }

    /// Finds the points and the contradictions among the bounds.
    fn pair_bounds(&mut self) {
        let (low, high): (Vec<Bound<'a>>, Vec<Bound<'a>>) = self.bounds.iter().partition(|bound| is_low(bound.0));
        for (low, high) in low.iter().flat_map(|low| high.iter().map(move |high| (low, high))) {
            match order(low.1, high.1) {
                Some(Ordering::Greater) => self.empty = true,
                Some(Ordering::Equal) if low.0 == Comparison::Greater || high.0 == Comparison::Less => self.empty = true,
                Some(Ordering::Equal) if self.points.contains(&low.1) => {}
                Some(Ordering::Equal) => self.points.push(low.1),
                Some(Ordering::Less) | None => {}
            }
        }
    }

    /// Whether every value that these tests admit passes `test`.
    pub(super) fn imply(&self, test: &Test) -> bool {
        match test {
            Test::Equals(literal) => self.lie_in(std::slice::from_ref(literal)),
            Test::In(literals) => self.lie_in(literals),
            Test::Between(low, high) => {
                self.lie_within((Comparison::GreaterOrEqual, low)) && self.lie_within((Comparison::LessOrEqual, high))
            }
            Test::Compare(comparison, literal) => self.lie_within((*comparison, literal)),
        }
    }

    fn lie_in(&self, allowed: &[Literal]) -> bool {
        self.sets.iter().any(|set| set.iter().all(|value| allowed.contains(value)))
            || self.points.iter().any(|point| allowed.contains(point))
    }

    fn lie_within(&self, wanted: Bound<'_>) -> bool {
        let by_set = self.sets.iter().any(|set| set.iter().all(|value| certainly_within(value, wanted)));
        let by_bound = self.bounds.iter().any(|bound| bound_implies(*bound, wanted));
        by_set || by_bound
    }
}

fn set_of(test: &Test) -> Option<&[Literal]> {
    match test {
        Test::Equals(literal) => Some(std::slice::from_ref(literal)),
        Test::In(literals) => Some(literals),
        Test::Between(..) | Test::Compare(..) => None,
    }
}

fn bounds_of(test: &Test) -> Vec<Bound<'_>> {
    match test {
        Test::Equals(_) | Test::In(_) => Vec::new(),
        Test::Between(low, high) => vec![(Comparison::GreaterOrEqual, low), (Comparison::LessOrEqual, high)],
        Test::Compare(comparison, literal) => vec![(*comparison, literal)],
    }
}

fn is_low(comparison: Comparison) -> bool {
    match comparison {
        Comparison::Greater | Comparison::GreaterOrEqual => true,
        Comparison::Less | Comparison::LessOrEqual => false,
    }
}

/// Unless it is known that the value is none of the set.
fn possibly_in(value: &Literal, set: &[Literal]) -> bool {
    set.iter().any(|member| match (value, member) {
        (Literal::Integer(_), Literal::Integer(_)) | (Literal::Boolean(_), Literal::Boolean(_)) => value == member,
        (Literal::Integer(_) | Literal::Boolean(_) | Literal::Text(_), _) => true,
    })
}

/// Unless it is known that the value is outside the bound.
fn possibly_within(value: &Literal, (comparison, limit): Bound<'_>) -> bool {
    match (value, limit) {
        (Literal::Integer(_), Literal::Integer(_)) => certainly_within(value, (comparison, limit)),
        (Literal::Integer(_) | Literal::Boolean(_) | Literal::Text(_), _) => true,
    }
}

fn certainly_within(value: &Literal, (comparison, limit): Bound<'_>) -> bool {
    order(value, limit).is_some_and(|order| match comparison {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}

/// `> a` implies `>= b` where a >= b; and so on.
fn bound_implies(bound: Bound<'_>, wanted: Bound<'_>) -> bool {
    if is_low(bound.0) != is_low(wanted.0) {
        return false;
    }
    let Some(order) = order(bound.1, wanted.1) else { return false };
    match (bound.0, wanted.0) {
        (Comparison::GreaterOrEqual, Comparison::Greater) => order == Ordering::Greater,
        (Comparison::LessOrEqual, Comparison::Less) => order == Ordering::Less,
        (Comparison::Greater | Comparison::GreaterOrEqual, _) => order != Ordering::Less,
        (Comparison::Less | Comparison::LessOrEqual, _) => order != Ordering::Greater,
    }
}

/// The order of two literals, where it does not depend on a type or a collation.
fn order(left: &Literal, right: &Literal) -> Option<Ordering> {
    match (left, right) {
        (Literal::Integer(left), Literal::Integer(right)) => Some(left.cmp(right)),
        (Literal::Text(left), Literal::Text(right)) if left == right => Some(Ordering::Equal),
        (Literal::Text(left), Literal::Text(right)) => {
            let same_shape = iso_shape(left).is_some_and(|shape| iso_shape(right) == Some(shape));
            same_shape.then(|| left.cmp(right))
        }
        (Literal::Integer(_) | Literal::Text(_) | Literal::Boolean(_), _) => None,
    }
}

/// `2026-01-31` or `2026-01-31 23:59:59`: digits of fixed width, whose order is that of their bytes.
fn iso_shape(text: &str) -> Option<&'static str> {
    const SHAPES: [&str; 2] = ["dddd-dd-dd", "dddd-dd-dd dd:dd:dd"];
    SHAPES.into_iter().find(|shape| {
        shape.len() == text.len()
            && shape.bytes().zip(text.bytes()).all(|(wanted, byte)| match wanted {
                b'd' => byte.is_ascii_digit(),
                separator => byte == separator,
            })
    })
}
