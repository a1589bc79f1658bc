//! What a proof leaves to the values at Bind.

use crate::rules::ruleset::MaxRange;
use crate::shape::admit::Requirement;
use crate::shape::constant::{BoundValue, Constant, Moment};
use crate::shape::functions::MAX_STEPS;
use crate::shape::model::{ArrayParam, Elements, Series};
use crate::shape::value::{MICROS_PER_DAY, Value};
use crate::token::grant::Comparison;
use std::cmp::Ordering;

/// A grant's test of one column, its literals already of the column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypedTest {
    Equals(Value),
    In(Vec<Value>),
    Between(Value, Value),
    Compare(Comparison, Value),
}

impl TypedTest {
    /// `true` only where the value is known to pass.
    pub fn holds(&self, v: &Value) -> bool {
        match self {
            TypedTest::Equals(want) => v.is(want),
            TypedTest::In(list) => list.iter().any(|want| v.is(want)),
            TypedTest::Between(low, high) => {
                matches!(v.compare(low), Some(Ordering::Greater | Ordering::Equal))
                    && matches!(v.compare(high), Some(Ordering::Less | Ordering::Equal))
            }
            TypedTest::Compare(op, want) => match (op, v.compare(want)) {
                (_, None) => false,
                (Comparison::Less, Some(o)) => o == Ordering::Less,
                (Comparison::LessOrEqual, Some(o)) => o != Ordering::Greater,
                (Comparison::Greater, Some(o)) => o == Ordering::Greater,
                (Comparison::GreaterOrEqual, Some(o)) => o != Ordering::Less,
            },
        }
    }

    /// Every value of a closed or half-open range passes.
    fn holds_range(&self, low: Option<&Value>, high: Option<&Value>) -> bool {
        let at_least = |v: Option<&Value>, bound: &Value| {
            v.is_some_and(|v| matches!(v.compare(bound), Some(Ordering::Greater | Ordering::Equal)))
        };
        let at_most = |v: Option<&Value>, bound: &Value| {
            v.is_some_and(|v| matches!(v.compare(bound), Some(Ordering::Less | Ordering::Equal)))
        };
        match self {
            TypedTest::Equals(want) => low.is_some_and(|v| v.is(want)) && high.is_some_and(|v| v.is(want)),
            TypedTest::In(list) => list.iter().any(|want| low.is_some_and(|v| v.is(want)) && high.is_some_and(|v| v.is(want))),
            TypedTest::Between(from, to) => at_least(low, from) && at_most(high, to),
            TypedTest::Compare(Comparison::GreaterOrEqual, bound) => at_least(low, bound),
            TypedTest::Compare(Comparison::LessOrEqual, bound) => at_most(high, bound),
            TypedTest::Compare(Comparison::Greater, bound) => low.is_some_and(|v| v.compare(bound) == Some(Ordering::Greater)),
            TypedTest::Compare(Comparison::Less, bound) => high.is_some_and(|v| v.compare(bound) == Some(Ordering::Less)),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value passes the grant's test.
    Holds(Constant, TypedTest),
    /// Every element does (NULL elements match no row).
    AllHold(ArrayParam, TypedTest),
    /// Every element does, NULL elements too: each is written.
    EveryHolds(ArrayParam, TypedTest),
    /// A range lies within the test.
    RangeHolds {
        low: Option<Constant>,
        high: Option<Constant>,
        test: TypedTest,
    },
    ListAtMost(ArrayParam, u64),
    /// A closed range is no wider than the rule allows. `days`: both ends are whole days and both count.
    Width {
        low: Constant,
        high: Constant,
        max: MaxRange,
        days: bool,
    },
    NotNull(Constant),
    Required(Requirement),
}

impl Condition {
    pub fn evaluate(&self, moment: &Moment<'_>) -> bool {
        match self {
            Condition::Holds(c, test) => c.value(moment).is_some_and(|v| test.holds(&v)),
            Condition::AllHold(a, test) => {
                elements(a, moment).is_some_and(|list| list.iter().all(|v| *v == Value::Null || test.holds(v)))
            }
            Condition::EveryHolds(a, test) => elements(a, moment).is_some_and(|list| list.iter().all(|v| test.holds(v))),
            Condition::RangeHolds { low, high, test } => {
                let value = |c: &Option<Constant>| match c {
                    None => Some(None),
                    Some(c) => c.value(moment).map(Some),
                };
                match (value(low), value(high)) {
                    (Some(l), Some(h)) => test.holds_range(l.as_ref(), h.as_ref()),
                    _ => false,
                }
            }
            Condition::ListAtMost(a, max) => elements(a, moment).is_some_and(|list| list.len() as u64 <= *max),
            Condition::Width { low, high, max, days } => match (low.value(moment), high.value(moment)) {
                (Some(l), Some(h)) => narrow(&l, &h, *max, *days),
                _ => false,
            },
            Condition::NotNull(c) => c.value(moment).is_some_and(|v| v != Value::Null) || not_null(c, moment),
            Condition::Required(r) => required(r, moment),
        }
    }
}

/// A parameter of a type that is not decoded can still be seen not to be NULL.
fn not_null(c: &Constant, moment: &Moment<'_>) -> bool {
    match c {
        Constant::Param { id, .. } => usize::try_from(*id)
            .ok()
            .and_then(|i| i.checked_sub(1))
            .and_then(|i| moment.values.get(i))
            .is_some_and(|v| !matches!(v, crate::shape::constant::BoundValue::Null)),
        _ => false,
    }
}

fn elements(a: &ArrayParam, moment: &Moment<'_>) -> Option<Vec<Value>> {
    let index = usize::try_from(a.id.checked_sub(1)?).ok()?;
    moment.values.get(index)?.decode_array(a.element)
}

fn narrow(low: &Value, high: &Value, max: MaxRange, days: bool) -> bool {
    if *low == Value::Null || *high == Value::Null {
        return true;
    }
    match (max, low, high) {
        (MaxRange::Integer(max), Value::Int(l), Value::Int(h)) => h.checked_sub(*l).is_some_and(|w| w < 0 || w as u64 <= max),
        (MaxRange::Microseconds(max), l, h) => match (l.instant(), h.instant()) {
            (Some(l), Some(h)) => h
                .checked_sub(l)
                .and_then(|w| w.checked_add(if days { MICROS_PER_DAY } else { 0 }))
                .is_some_and(|w| w < 0 || w as u64 <= max),
            _ => false,
        },
        (MaxRange::Integer(_), ..) => false,
    }
}

fn required(r: &Requirement, moment: &Moment<'_>) -> bool {
    match r {
        Requirement::AtMost(c, max) => match c.value(moment) {
            Some(Value::Int(n)) => n <= *max,
            Some(Value::Null) => true,
            _ => false,
        },
        Requirement::PlainRegex(c) => match c.value(moment) {
            Some(Value::Text(t)) => plain_regex(&t),
            Some(Value::Null) => true,
            _ => false,
        },
        Requirement::Admits(c, check) => match c.value(moment) {
            Some(Value::Text(t)) => std::str::from_utf8(&t).is_ok_and(|t| check.admits(t)),
            Some(Value::Int(n)) => check.admits(&n.to_string()),
            Some(Value::Null) => true,
            _ => false,
        },
        Requirement::ShortSeries(s) => short_series(s, moment),
        Requirement::EquallyLong(arrays) => {
            let length = |a: &Elements| match a {
                Elements::Constant(length) => Some(*length),
                Elements::Param(a) => elements(a, moment).map(|list| list.len()),
            };
            let lengths: Option<Vec<usize>> = arrays.iter().map(length).collect();
            lengths.is_some_and(|lengths| lengths.windows(2).all(|pair| pair[0] == pair[1]))
        }
        Requirement::Names(id, known) => {
            let value = usize::try_from(*id).ok().and_then(|i| i.checked_sub(1)).and_then(|i| moment.values.get(i));
            match value {
                Some(BoundValue::Null) => true,
                Some(BoundValue::Text(text)) => known.knows_text(text),
                Some(BoundValue::Binary(bytes)) => known.knows_binary(bytes),
                None => false,
            }
        }
    }
}

fn short_series(s: &Series, moment: &Moment<'_>) -> bool {
    let (Some(start), Some(stop)) = (s.start.value(moment), s.stop.value(moment)) else { return false };
    let step = match &s.step {
        None => Some(Value::Int(1)),
        Some(c) => c.value(moment),
    };
    let rows = match (&start, &stop, step) {
        (Value::Null, ..) | (_, Value::Null, _) | (.., Some(Value::Null)) => return true,
        (Value::Int(a), Value::Int(b), Some(Value::Int(n))) if n != 0 => (i128::from(*b) - i128::from(*a)) / i128::from(n),
        (a, b, Some(Value::Interval { months, days, micros })) => {
            let (Some(a), Some(b)) = (a.instant(), b.instant()) else { return false };
            // A month has at least 28 days: the estimate of rows is never too low.
            let step = i128::from(months) * 28 * i128::from(MICROS_PER_DAY)
                + i128::from(days) * i128::from(MICROS_PER_DAY)
                + i128::from(micros);
            if step == 0 || months.signum() * days.signum() < 0 || (i64::from(months.signum()) * micros.signum()) < 0 {
                return false;
            }
            (i128::from(b) - i128::from(a)) / step
        }
        _ => return false,
    };
    rows < i128::from(MAX_STEPS)
}

/// No quantifier on a group that has a quantifier inside, no large counted repetition, no back reference.
pub fn plain_regex(pattern: &[u8]) -> bool {
    let mut depth_has_quantifier = vec![false];
    let mut i = 0;
    let mut closed_with_quantifier = false;
    let mut in_class = false;
    if pattern.len() > 1000 {
        return false;
    }
    while i < pattern.len() {
        let b = pattern[i];
        if in_class {
            if b == b']' {
                in_class = false;
            }
            i += 1;
            closed_with_quantifier = false;
            continue;
        }
        match b {
            b'\\' => {
                if pattern.get(i + 1).is_some_and(u8::is_ascii_digit) {
                    return false;
                }
                i += 1;
                closed_with_quantifier = false;
            }
            b'[' => {
                in_class = true;
                // `[]…]` and `[^]…]`: the first bracket is a member.
                let skip = usize::from(pattern.get(i + 1) == Some(&b'^'));
                if pattern.get(i + 1 + skip) == Some(&b']') {
                    i += 1 + skip;
                }
                closed_with_quantifier = false;
            }
            b'(' => {
                depth_has_quantifier.push(false);
                closed_with_quantifier = false;
                // `(?:`, `(?=`: the question mark is no quantifier.
                if pattern.get(i + 1) == Some(&b'?') {
                    i += 1;
                }
            }
            b')' => {
                let inner = depth_has_quantifier.pop().unwrap_or(false);
                if depth_has_quantifier.is_empty() {
                    depth_has_quantifier.push(false);
                }
                if inner && let Some(outer) = depth_has_quantifier.last_mut() {
                    *outer = true;
                }
                closed_with_quantifier = inner;
            }
            b'*' | b'+' | b'{' => {
                if closed_with_quantifier {
                    return false;
                }
                if b == b'{' && big_repeat(&pattern[i..]) {
                    return false;
                }
                if let Some(top) = depth_has_quantifier.last_mut() {
                    *top = true;
                }
                closed_with_quantifier = false;
            }
            b'?' => {}
            _ => closed_with_quantifier = false,
        }
        i += 1;
    }
    true
}

fn big_repeat(rest: &[u8]) -> bool {
    let body: Vec<u8> = rest[1..].iter().copied().take_while(|b| *b != b'}').collect();
    body.split(|b| !b.is_ascii_digit()).any(|n| n.len() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_quantifiers_are_not_plain() {
        for bad in ["(a+)+", "(a*)*b", "((ab)+c)*", "(a+|b){2,}", "(x+x+)+y", r"(.)\1", "a{1000}", "(?:a+)+"] {
            assert!(!plain_regex(bad.as_bytes()), "{bad}");
        }
        for good in ["^pg_toast", "a+b*", "[(+)]+", "(ab)+", "foo.*bar", "^(customers)$", r"\(a+\)+", "[]a]+"] {
            assert!(plain_regex(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn a_range_of_31_days_is_31_days_wide() {
        let (low, high) = (Value::Date(0), Value::Date(30));
        let max = MaxRange::Microseconds(31 * MICROS_PER_DAY as u64);
        assert!(narrow(&low, &high, max, true));
        assert!(!narrow(&low, &Value::Date(31), max, true));
        assert!(narrow(&low, &Value::Date(31), max, false));
        assert!(!narrow(&low, &Value::Date(32), max, false));
    }
}
