//! Constant expressions: the same value for every row. Some can be computed here, with the clock passed in;
//! the others are known to be *one* value, which bounds an occurrence by equality but implies no predicate.

use super::value::{self, Oid, Value, oid};
use std::sync::Arc;

/// One value that does not depend on any row.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Known(Value),
    /// A parameter of the statement: number (1-based) and type.
    Param {
        id: u32,
        type_oid: Oid,
    },
    /// `now()` and its like: the transaction's start.
    Now(Clock),
    Apply(Function, Arc<[Constant]>),
    /// One value, not known which.
    Opaque,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    TimestampTz,
    Timestamp,
    Date,
}

/// What can be computed, by what it does rather than by OID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    AddInt,
    SubtractInt,
    MultiplyInt,
    NegateInt,
    /// Integer casts between widths: the value stays.
    SameInt,
    DatePlusDays,
    DaysPlusDate,
    DateMinusDays,
    PlusInterval,
    MinusInterval,
    ToDate,
    ToTimestamp,
    ToTimestampTz,
    DateTrunc,
    MultiplyInterval,
}

impl Function {
    /// By the OID of a built-in (`src/include/catalog/pg_proc.dat`, the same from 15 to 18).
    pub fn of(func: Oid) -> Option<Function> {
        Some(match func {
            177 | 463 | 176 | 178 | 179 | 1274 | 1278 | 837 | 841 => Function::AddInt,
            181 | 464 | 180 | 182 | 183 | 1275 | 1279 | 942 | 838 => Function::SubtractInt,
            141 | 465 | 152 | 170 | 171 | 1276 | 1280 => Function::MultiplyInt,
            212 | 462 | 213 => Function::NegateInt,
            481 | 480 | 313 | 314 | 754 | 714 => Function::SameInt,
            1141 => Function::DatePlusDays,
            2550 => Function::DaysPlusDate,
            1142 => Function::DateMinusDays,
            1189 | 2032 | 2071 => Function::PlusInterval,
            1190 | 2033 | 2072 => Function::MinusInterval,
            1178 | 2029 => Function::ToDate,
            2024 | 2027 => Function::ToTimestamp,
            1174 | 2028 => Function::ToTimestampTz,
            1217 | 2020 => Function::DateTrunc,
            1618 => Function::MultiplyInterval,
            _ => return None,
        })
    }
}

/// A parameter's value as it came with Bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundValue<'a> {
    Null,
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

impl BoundValue<'_> {
    pub fn decode(&self, type_oid: Oid) -> Option<Value> {
        match self {
            BoundValue::Null => Some(Value::Null),
            BoundValue::Text(b) => value::from_text(type_oid, b),
            BoundValue::Binary(b) => value::from_binary(type_oid, b),
        }
    }

    pub fn decode_array(&self, element: Oid) -> Option<Vec<Value>> {
        match self {
            BoundValue::Null => Some(Vec::new()),
            BoundValue::Text(b) => value::array_from_text(element, b),
            BoundValue::Binary(b) => value::array_from_binary(element, b),
        }
    }
}

/// What a check knows: the values bound, and the time (microseconds since 2000-01-01 UTC).
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub values: &'a [BoundValue<'a>],
    pub now: i64,
}

impl Constant {
    /// The value, if it can be computed here.
    pub fn value(&self, moment: &Moment<'_>) -> Option<Value> {
        match self {
            Constant::Known(v) => Some(v.clone()),
            Constant::Param { id, type_oid } => {
                let index = usize::try_from(id.checked_sub(1)?).ok()?;
                moment.values.get(index)?.decode(*type_oid)
            }
            Constant::Now(Clock::TimestampTz) => Some(Value::TimestampTz { micros: moment.now, exact: true }),
            // The session's zone is not known here: right to a day, which is what a range's width needs.
            Constant::Now(Clock::Timestamp) => Some(Value::Timestamp(moment.now)),
            Constant::Now(Clock::Date) => i32::try_from(moment.now.div_euclid(value::MICROS_PER_DAY)).ok().map(Value::Date),
            Constant::Apply(f, args) => {
                let args: Option<Vec<Value>> = args.iter().map(|a| a.value(moment)).collect();
                apply(*f, &args?)
            }
            Constant::Opaque => None,
        }
    }

    /// `true` where neither clock nor parameter nor unknown code plays a part.
    pub fn known(&self) -> Option<&Value> {
        match self {
            Constant::Known(v) => Some(v),
            _ => None,
        }
    }
}

fn apply(f: Function, args: &[Value]) -> Option<Value> {
    use Value::{Date, Int, Interval, Text, Timestamp, TimestampTz};
    match (f, args) {
        (Function::AddInt, [Int(a), Int(b)]) => a.checked_add(*b).map(Int),
        (Function::SubtractInt, [Int(a), Int(b)]) => a.checked_sub(*b).map(Int),
        (Function::MultiplyInt, [Int(a), Int(b)]) => a.checked_mul(*b).map(Int),
        (Function::NegateInt, [Int(a)]) => a.checked_neg().map(Int),
        (Function::SameInt, [Int(a)]) => Some(Int(*a)),
        (Function::DatePlusDays, [Date(d), Int(n)]) | (Function::DaysPlusDate, [Int(n), Date(d)]) => {
            d.checked_add(i32::try_from(*n).ok()?).map(Date)
        }
        (Function::DateMinusDays, [Date(d), Int(n)]) => d.checked_sub(i32::try_from(*n).ok()?).map(Date),
        (Function::PlusInterval, [at, Interval { months, days, micros }]) => shift(at, *months, *days, *micros),
        (Function::MinusInterval, [at, Interval { months, days, micros }]) => {
            shift(at, months.checked_neg()?, days.checked_neg()?, micros.checked_neg()?)
        }
        (Function::ToDate, [at]) => i32::try_from(at.instant()?.div_euclid(value::MICROS_PER_DAY)).ok().map(Date),
        (Function::ToTimestamp, [at]) => at.instant().map(Timestamp),
        (Function::ToTimestampTz, [at]) => at.instant().map(|micros| TimestampTz { micros, exact: false }),
        (Function::DateTrunc, [Text(unit), at]) => truncate(unit, at),
        _ => None,
    }
}

/// `timestamp_pl_interval`: months first (clipped to the month's length), then days, then microseconds.
fn shift(at: &Value, months: i32, days: i32, micros: i64) -> Option<Value> {
    let start = at.instant()?;
    let mut day = start.div_euclid(value::MICROS_PER_DAY);
    let time = start.rem_euclid(value::MICROS_PER_DAY);
    if months != 0 {
        let (y, m, d) = value::civil_from_days(day);
        let total = y.checked_mul(12)?.checked_add(m - 1)?.checked_add(i64::from(months))?;
        let (y, m) = (total.div_euclid(12), total.rem_euclid(12) + 1);
        day = value::days_from_civil(y, m, d.min(value::days_in_month(y, m)));
    }
    let moved = day.checked_add(i64::from(days))?.checked_mul(value::MICROS_PER_DAY)?.checked_add(time)?.checked_add(micros)?;
    Some(match at {
        Value::TimestampTz { .. } => Value::TimestampTz { micros: moved, exact: false },
        _ => Value::Timestamp(moved),
    })
}

fn truncate(unit: &[u8], at: &Value) -> Option<Value> {
    let t = at.instant()?;
    let day = t.div_euclid(value::MICROS_PER_DAY);
    let (y, m, _) = value::civil_from_days(day);
    let start = |d: i64| d.checked_mul(value::MICROS_PER_DAY);
    let cut = match unit.to_ascii_lowercase().as_slice() {
        b"second" => t.div_euclid(1_000_000) * 1_000_000,
        b"minute" => t.div_euclid(60_000_000) * 60_000_000,
        b"hour" => t.div_euclid(3_600_000_000) * 3_600_000_000,
        b"day" => start(day)?,
        // 2000-01-03 was a Monday.
        b"week" => start(day - (day - 2).rem_euclid(7))?,
        b"month" => start(value::days_from_civil(y, m, 1))?,
        b"quarter" => start(value::days_from_civil(y, (m - 1) / 3 * 3 + 1, 1))?,
        b"year" => start(value::days_from_civil(y, 1, 1))?,
        _ => return None,
    };
    Some(match at {
        Value::Timestamp(_) => Value::Timestamp(cut),
        _ => Value::TimestampTz { micros: cut, exact: false },
    })
}

/// Element type of the arrays that proofs read.
pub fn array_element(array: Oid) -> Option<Oid> {
    Some(match array {
        1000 => oid::BOOL,
        1005 => oid::INT2,
        1007 => oid::INT4,
        1016 => oid::INT8,
        1009 => oid::TEXT,
        1015 => oid::VARCHAR,
        1182 => oid::DATE,
        1115 => oid::TIMESTAMP,
        1185 => oid::TIMESTAMPTZ,
        2951 => oid::UUID,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Value {
        Value::Text(s.as_bytes().to_vec())
    }

    #[test]
    fn a_month_is_clipped_to_its_length() {
        let jan31 = Value::Timestamp(value::days_from_civil(2026, 1, 31) * value::MICROS_PER_DAY);
        let feb28 = Value::Timestamp(value::days_from_civil(2026, 2, 28) * value::MICROS_PER_DAY);
        assert_eq!(shift(&jan31, 1, 0, 0), Some(feb28));
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 2026-11-24 is a Tuesday.
        let tuesday = Value::Timestamp(value::days_from_civil(2026, 11, 24) * value::MICROS_PER_DAY + 5);
        let monday = Value::Timestamp(value::days_from_civil(2026, 11, 23) * value::MICROS_PER_DAY);
        assert_eq!(apply(Function::DateTrunc, &[text("week"), tuesday]), Some(monday));
    }

    #[test]
    fn what_overflows_has_no_value() {
        assert_eq!(apply(Function::AddInt, &[Value::Int(i64::MAX), Value::Int(1)]), None);
        assert_eq!(apply(Function::DatePlusDays, &[Value::Date(i32::MAX - 1), Value::Int(5)]), None);
    }
}
