//! Arithmetic that cannot overflow: bounds of what an expression can be, from the widths of its columns and constants.

use super::facts::{base_type, type_of};
use super::value::{self, Oid, Value, oid};
use crate::catalogue::snapshot::Catalogue;
use crate::reading::tree::Expr;

/// `numeric` holds 131,072 digits before the point; nothing that is proven here comes near.
const MAX_DIGITS: u32 = 1000;

/// The call of a built-in adds, subtracts, multiplies or rounds numbers whose result its type always holds.
pub fn fits(catalogue: &Catalogue, expr: &Expr) -> bool {
    let (Expr::Func { func, args, .. } | Expr::Op { func, args, .. }) = expr else { return false };
    if is_integer(*func) {
        return match (type_of(expr).and_then(width), bits(catalogue, expr)) {
            (Some(width), Some(bits)) => bits <= width,
            _ => false,
        };
    }
    // A quotient of numbers: only zero is in its way.
    if *func == NUMERIC_DIV && !args.get(1).is_some_and(nonzero) {
        return false;
    }
    is_numeric(*func) && digits(expr, 0).is_some_and(|d| d <= MAX_DIGITS)
}

/// A sum or an average that billions of rows could not overflow.
pub fn adds_up(expr: &Expr) -> bool {
    let (func, arg) = match expr {
        Expr::Aggref { func, args, .. } => (*func, args.first().map(|t| &t.expr)),
        Expr::WindowFunc { func, args, .. } => (*func, args.first()),
        _ => return false,
    };
    match func {
        // Of integers: `bigint` holds four billion of `integer`, `numeric` any of `bigint`.
        2100..=2102 | 2107..=2109 => true,
        2103 | 2114 => arg.and_then(|a| digits(a, 0)).is_some_and(|d| d <= MAX_DIGITS),
        _ => false,
    }
}

const NUMERIC_DIV: Oid = 1727;

fn is_integer(func: Oid) -> bool {
    sum(func) || product(func) || matches!(func, 212 | 462 | 213 | 1396 | 1397 | 1398)
}

/// int4pl, int8pl, int2pl, int24pl, int42pl, int84pl, int48pl, and the same with minus.
fn sum(func: Oid) -> bool {
    matches!(func, 177 | 463 | 176 | 178 | 179 | 1274 | 1278 | 181 | 464 | 180 | 182 | 183 | 1275 | 1279)
}

fn product(func: Oid) -> bool {
    matches!(func, 141 | 465 | 152 | 170 | 171 | 1276 | 1280)
}

/// numeric_add, _sub, _mul, _div, round, trunc, ceil, ceiling, floor.
fn is_numeric(func: Oid) -> bool {
    matches!(func, 1724..=1727 | 1707..=1712 | 2167)
}

/// Bits below the sign that an integer type holds.
fn width(type_oid: Oid) -> Option<u32> {
    match type_oid {
        oid::INT2 => Some(15),
        oid::INT4 => Some(31),
        oid::INT8 => Some(63),
        _ => None,
    }
}

/// The value lies in [-2^n, 2^n - 1] or is one more than that: sums below count the extra one.
fn bits(catalogue: &Catalogue, expr: &Expr) -> Option<u32> {
    match expr {
        Expr::Const(c) => match value::from_datum(c.type_oid, c.datum.as_deref())? {
            Value::Int(n) => Some(64 - n.unsigned_abs().leading_zeros()),
            _ => None,
        },
        // Casts to a wider integer.
        Expr::Func { func: 481 | 313 | 754, args, .. } => bits(catalogue, args.first()?),
        Expr::Func { func, args, .. } | Expr::Op { func, args, .. } if is_integer(*func) => {
            let mut parts = args.iter().map(|a| bits(catalogue, a));
            match (parts.next()??, parts.next()) {
                (a, Some(b)) if sum(*func) => Some(a.max(b?) + 1),
                // -2^a times -2^b is 2^(a + b): one bit more than it seems.
                (a, Some(b)) => Some(a + b? + 1),
                (a, None) => Some(a + 1),
            }
        }
        Expr::Var(v) => width(base_type(catalogue, v.type_oid)),
        Expr::Relabel { arg, .. } => bits(catalogue, arg),
        other => type_of(other).and_then(|t| width(base_type(catalogue, t))),
    }
}

/// Digits before the point that a number can have.
fn digits(expr: &Expr, depth: u32) -> Option<u32> {
    if depth > 50 {
        return None;
    }
    let under = |e: &Expr| digits(e, depth + 1);
    match expr {
        // At most two digits a byte, weight included: a constant of few bytes can still be large.
        Expr::Const(c) => {
            if c.type_oid == oid::NUMERIC {
                numeric_digits(c.datum.as_deref()?)
            } else {
                None
            }
        }
        // numeric(int4), numeric(int8), numeric(int2)
        Expr::Func { func: 1740 | 1781 | 1782, .. } => Some(19),
        Expr::Func { func, args, .. } | Expr::Op { func, args, .. } if is_numeric(*func) => {
            let first = under(args.first()?)?;
            match func {
                1724 | 1725 => Some(first.max(under(args.get(1)?)?) + 1),
                1726 => Some(first + under(args.get(1)?)?),
                // By a constant: the smallest that is not zero has as many digits after the point as it has bytes, doubled.
                1727 => Some(first + 2 * constant_bytes(args.get(1)?)?),
                1707 | 1709 => matches!(scale(args.get(1)?), Some(-100..=100)).then_some(first + 1),
                _ => Some(first + 1),
            }
        }
        // sum(int8), avg of integers: 19 digits and as many rows.
        Expr::Aggref { func: 2100..=2102 | 2107, .. } => Some(40),
        Expr::SubLink { kind: crate::reading::tree::SubLinkType::Expr, query, .. } => {
            let target = query.target_list.first()?;
            if query.set_operations.is_some() { None } else { under(&target.expr) }
        }
        Expr::Relabel { arg, .. } => under(arg),
        _ => None,
    }
}

fn scale(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Const(c) => match value::from_datum(c.type_oid, c.datum.as_deref())? {
            Value::Int(n) => Some(n),
            _ => None,
        },
        _ => None,
    }
}

/// A `numeric` literal's header in its short form (`NUMERIC_SHORT`, `numeric.c`): the weight counts groups of four digits.
fn short(datum: &[u8]) -> Option<(u16, &[u8])> {
    // An inline varlena with a four-byte or a one-byte header.
    let body = if datum.first()? & 1 == 1 { datum.get(1..)? } else { datum.get(4..)? };
    let header = u16::from_le_bytes(body.get(0..2)?.try_into().ok()?);
    (header & 0xc000 == 0x8000).then_some((header, body.get(2..)?))
}

fn numeric_digits(datum: &[u8]) -> Option<u32> {
    let (header, _) = short(datum)?;
    let weight = i32::from(header & 0x003f) - if header & 0x0040 == 0 { 0 } else { 64 };
    u32::try_from((weight + 1) * 4).ok().or(Some(0))
}

fn nonzero(expr: &Expr) -> bool {
    let Expr::Const(c) = expr else { return false };
    c.type_oid == oid::NUMERIC
        && c.datum.as_deref().and_then(short).is_some_and(|(_, digits)| digits.chunks(2).any(|d| d.iter().any(|b| *b != 0)))
}

/// How far below one a constant divisor can be, in digits.
fn constant_bytes(expr: &Expr) -> Option<u32> {
    let Expr::Const(c) = expr else { return None };
    let (header, _) = short(c.datum.as_deref()?)?;
    let weight = i32::from(header & 0x003f) - if header & 0x0040 == 0 { 0 } else { 64 };
    Some(if weight < 0 { u32::try_from(-weight).ok()? * 4 } else { 4 })
}
