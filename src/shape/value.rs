//! Values that a proof must understand: decoded from a constant's datum in the tree, or from a parameter's
//! bytes at Bind (text or binary). What cannot be decoded is `None`: known to be one value, but not which.
//!
//! Datum layouts: `src/backend/nodes/outfuncs.c` `outDatum`; binary parameter formats: the types' `*_recv` functions;
//! arrays: `src/include/utils/array.h`.

use std::cmp::Ordering;

pub type Oid = u32;

/// OIDs of `src/include/catalog/pg_type.dat`.
pub mod oid {
    use super::Oid;
    pub const BOOL: Oid = 16;
    pub const INT8: Oid = 20;
    pub const INT2: Oid = 21;
    pub const INT4: Oid = 23;
    pub const TEXT: Oid = 25;
    pub const OID: Oid = 26;
    pub const UNKNOWN: Oid = 705;
    pub const VARCHAR: Oid = 1043;
    pub const BPCHAR: Oid = 1042;
    pub const DATE: Oid = 1082;
    pub const TIMESTAMP: Oid = 1114;
    pub const TIMESTAMPTZ: Oid = 1184;
    pub const INTERVAL: Oid = 1186;
    pub const UUID: Oid = 2950;
    pub const NUMERIC: Oid = 1700;
    pub const FLOAT4: Oid = 700;
    pub const FLOAT8: Oid = 701;
}

pub const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to Postgres's epoch 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(Vec<u8>),
    Uuid([u8; 16]),
    /// Days since 2000-01-01.
    Date(i32),
    /// Microseconds since 2000-01-01, without a zone.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 UTC. `exact` is false where the text had no zone and UTC was assumed:
    /// good enough for the width of a range, not for a predicate.
    TimestampTz {
        micros: i64,
        exact: bool,
    },
    Interval {
        months: i32,
        days: i32,
        micros: i64,
    },
}

impl Value {
    /// Order within one family of types (integers; text by bytes for equality only; dates and timestamps).
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (Value::TimestampTz { micros: a, exact: true }, Value::TimestampTz { micros: b, exact: true }) => Some(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) if a == b => Some(Ordering::Equal),
            (Value::Uuid(a), Value::Uuid(b)) if a == b => Some(Ordering::Equal),
            _ => None,
        }
    }

    /// Equal and known to be.
    pub fn is(&self, other: &Value) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// Microseconds on one line for dates and timestamps, for the width of a range.
    pub fn instant(&self) -> Option<i64> {
        match self {
            Value::Date(d) => i64::from(*d).checked_mul(MICROS_PER_DAY),
            Value::Timestamp(t) | Value::TimestampTz { micros: t, .. } => Some(*t),
            _ => None,
        }
    }
}

/// A constant's datum as the tree prints it. `None`: not a type that proofs understand.
pub fn from_datum(type_oid: Oid, datum: Option<&[u8]>) -> Option<Value> {
    let Some(bytes) = datum else { return Some(Value::Null) };
    match type_oid {
        oid::BOOL => Some(Value::Bool(word(bytes)? & 0xff != 0)),
        oid::INT2 => Some(Value::Int(i64::from(word(bytes)? as i16))),
        oid::INT4 => Some(Value::Int(i64::from(word(bytes)? as i32))),
        oid::INT8 => Some(Value::Int(word(bytes)?)),
        oid::DATE => finite_date(word(bytes)? as i32),
        oid::TIMESTAMP => finite_time(word(bytes)?).map(Value::Timestamp),
        oid::TIMESTAMPTZ => finite_time(word(bytes)?).map(|micros| Value::TimestampTz { micros, exact: true }),
        oid::UUID => bytes.try_into().ok().map(Value::Uuid),
        oid::INTERVAL if bytes.len() == 16 => Some(Value::Interval {
            micros: i64::from_le_bytes(bytes[0..8].try_into().ok()?),
            days: i32::from_le_bytes(bytes[8..12].try_into().ok()?),
            months: i32::from_le_bytes(bytes[12..16].try_into().ok()?),
        }),
        oid::TEXT | oid::VARCHAR => varlena(bytes).map(|b| Value::Text(b.to_vec())),
        _ => None,
    }
}

/// The elements of an array constant; dimensions are flattened, as `= ANY` does.
pub fn array_from_datum(element: Oid, datum: Option<&[u8]>) -> Option<Vec<Value>> {
    let body = varlena(datum?)?;
    let dims = i32::from_le_bytes(body.get(0..4)?.try_into().ok()?);
    let offset = i32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
    let count = dimensions(body.get(12..)?, dims, i32::from_le_bytes)?;
    let header = 12 + 8 * usize::try_from(dims).ok()?;
    let (nulls, start) = if offset == 0 {
        (None, align(header + 4, 8)? - 4)
    } else {
        (Some(body.get(header..header + count.div_ceil(8))?), usize::try_from(offset).ok()?.checked_sub(4)?)
    };
    let mut values = Vec::with_capacity(count.min(4096));
    // Offsets in an array count from its varlena header, four bytes before `body`.
    let mut at = start;
    for i in 0..count {
        if nulls.is_some_and(|bits| bits[i / 8] & (1 << (i % 8)) == 0) {
            values.push(Value::Null);
            continue;
        }
        let (width, alignment) = match element {
            oid::BOOL => (1, 1),
            oid::INT2 => (2, 2),
            oid::INT4 | oid::DATE => (4, 4),
            oid::INT8 | oid::TIMESTAMP | oid::TIMESTAMPTZ => (8, 8),
            oid::UUID => (16, 1),
            oid::TEXT | oid::VARCHAR => (0, 4),
            _ => return None,
        };
        if width == 0 {
            // A short header (odd first byte) is not aligned: `att_align_pointer`.
            if body.get(at)? & 1 == 0 {
                at = align(at + 4, alignment)? - 4;
            }
            let rest = body.get(at..)?;
            let length = varlena_length(rest)?;
            values.push(Value::Text(varlena(rest.get(..length)?)?.to_vec()));
            at += length;
        } else {
            at = align(at + 4, alignment)? - 4;
            let raw = body.get(at..at + width)?;
            values.push(if element == oid::UUID {
                Value::Uuid(raw.try_into().ok()?)
            } else {
                let mut wide = [if sign_bit(raw) { 0xff } else { 0 }; 8];
                wide[..width].copy_from_slice(raw);
                from_datum(element, Some(&wide))?
            });
            at += width;
        }
    }
    Some(values)
}

fn sign_bit(little_endian: &[u8]) -> bool {
    little_endian.last().is_some_and(|b| b & 0x80 != 0)
}

fn align(at: usize, to: usize) -> Option<usize> {
    at.checked_add(to - 1).map(|n| n / to * to)
}

fn dimensions(sizes: &[u8], dims: i32, read: fn([u8; 4]) -> i32) -> Option<usize> {
    if !(0..=6).contains(&dims) {
        return None;
    }
    let mut count: usize = usize::from(dims != 0);
    for i in 0..usize::try_from(dims).ok()? {
        let n = read(sizes.get(i * 4..i * 4 + 4)?.try_into().ok()?);
        count = count.checked_mul(usize::try_from(n).ok()?)?;
    }
    (count <= 1_000_000).then_some(count)
}

/// The eight bytes of a by-value datum.
fn word(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_le_bytes)
}

fn varlena_length(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if first & 1 == 1 {
        return (first != 1).then_some(usize::from(first >> 1));
    }
    let header = u32::from_le_bytes(bytes.get(0..4)?.try_into().ok()?);
    (header & 3 == 0).then_some((header >> 2) as usize)
}

/// The payload of an uncompressed inline varlena (little-endian layout of `varatt.h`).
fn varlena(bytes: &[u8]) -> Option<&[u8]> {
    let length = varlena_length(bytes)?;
    if length != bytes.len() {
        return None;
    }
    if bytes[0] & 1 == 1 { bytes.get(1..) } else { bytes.get(4..) }
}

fn finite_date(days: i32) -> Option<Value> {
    (days != i32::MIN && days != i32::MAX).then_some(Value::Date(days))
}

fn finite_time(micros: i64) -> Option<i64> {
    (micros != i64::MIN && micros != i64::MAX).then_some(micros)
}

/// A parameter in binary format.
pub fn from_binary(type_oid: Oid, bytes: &[u8]) -> Option<Value> {
    match type_oid {
        oid::BOOL => match bytes {
            [b] => Some(Value::Bool(*b != 0)),
            _ => None,
        },
        oid::INT2 => bytes.try_into().ok().map(|b| Value::Int(i64::from(i16::from_be_bytes(b)))),
        oid::INT4 => bytes.try_into().ok().map(|b| Value::Int(i64::from(i32::from_be_bytes(b)))),
        oid::INT8 => bytes.try_into().ok().map(|b| Value::Int(i64::from_be_bytes(b))),
        oid::DATE => bytes.try_into().ok().map(i32::from_be_bytes).and_then(finite_date),
        oid::TIMESTAMP => bytes.try_into().ok().map(i64::from_be_bytes).and_then(finite_time).map(Value::Timestamp),
        oid::TIMESTAMPTZ => {
            let micros = bytes.try_into().ok().map(i64::from_be_bytes).and_then(finite_time)?;
            Some(Value::TimestampTz { micros, exact: true })
        }
        oid::UUID => bytes.try_into().ok().map(Value::Uuid),
        oid::TEXT | oid::VARCHAR => Some(Value::Text(bytes.to_vec())),
        _ => None,
    }
}

/// A parameter in text format, as the type's input function reads its plainest spelling. Anything else is `None`.
pub fn from_text(type_oid: Oid, bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    match type_oid {
        oid::BOOL => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "on" | "1" | "yes" => Some(Value::Bool(true)),
            "f" | "false" | "off" | "0" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        oid::INT2 => text.parse::<i16>().ok().map(|n| Value::Int(i64::from(n))),
        oid::INT4 => text.parse::<i32>().ok().map(|n| Value::Int(i64::from(n))),
        oid::INT8 => text.parse::<i64>().ok().map(Value::Int),
        oid::TEXT | oid::VARCHAR => Some(Value::Text(bytes.to_vec())),
        oid::UUID => uuid(text).map(Value::Uuid),
        oid::DATE => match date_part(text)? {
            (days, "") => Some(Value::Date(days)),
            _ => None,
        },
        oid::TIMESTAMP => match timestamp(text)? {
            (micros, None) => Some(Value::Timestamp(micros)),
            (_, Some(_)) => None,
        },
        oid::TIMESTAMPTZ => {
            let (micros, zone) = timestamp(text)?;
            let shift = i64::from(zone.unwrap_or(0)) * 1_000_000;
            Some(Value::TimestampTz { micros: micros.checked_sub(shift)?, exact: zone.is_some() })
        }
        _ => None,
    }
}

/// The elements of an array parameter, flattened.
pub fn array_from_binary(element: Oid, bytes: &[u8]) -> Option<Vec<Value>> {
    let dims = i32::from_be_bytes(bytes.get(0..4)?.try_into().ok()?);
    let declared = u32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
    if declared != element {
        return None;
    }
    if !(0..=6).contains(&dims) {
        return None;
    }
    let mut count: usize = usize::from(dims != 0);
    let mut at = 12;
    for _ in 0..dims {
        let n = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        count = count.checked_mul(usize::try_from(n).ok()?)?;
        at += 8;
    }
    if count > 1_000_000 {
        return None;
    }
    let mut values = Vec::with_capacity(count.min(4096));
    for _ in 0..count {
        let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        at += 4;
        if length < 0 {
            values.push(Value::Null);
            continue;
        }
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        values.push(from_binary(element, bytes.get(at..end)?)?);
        at = end;
    }
    (at == bytes.len()).then_some(values)
}

/// `{1,2,{…}}` with plain or double-quoted elements (`array_in`); flattened.
pub fn array_from_text(element: Oid, bytes: &[u8]) -> Option<Vec<Value>> {
    let inner = bytes.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let mut values = Vec::new();
    let mut at = 0;
    let mut depth = 0i32;
    while at < inner.len() {
        match inner[at] {
            b'{' => {
                depth += 1;
                at += 1;
            }
            b'}' => {
                depth -= 1;
                at += 1;
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let mut text = Vec::new();
                at += 1;
                loop {
                    match *inner.get(at)? {
                        b'"' => break,
                        b'\\' => {
                            text.push(*inner.get(at + 1)?);
                            at += 2;
                        }
                        b => {
                            text.push(b);
                            at += 1;
                        }
                    }
                }
                at += 1;
                values.push(from_text(element, &text)?);
            }
            _ => {
                let end = inner[at..].iter().position(|b| matches!(b, b',' | b'}' | b'{')).map_or(inner.len(), |n| at + n);
                let raw = inner[at..end].trim_ascii();
                if raw.contains(&b'\\') || raw.contains(&b'"') {
                    return None;
                }
                values.push(if raw.eq_ignore_ascii_case(b"null") { Value::Null } else { from_text(element, raw)? });
                at = end;
            }
        }
        if depth < 0 || values.len() > 1_000_000 {
            return None;
        }
    }
    (depth == 0).then_some(values)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let b = text.as_bytes();
    if b.len() != 36 || [8, 13, 18, 23].iter().any(|&i| b[i] != b'-') {
        return None;
    }
    let mut out = [0; 16];
    let digits: Vec<u8> = b.iter().copied().filter(|c| *c != b'-').collect();
    if digits.len() != 32 {
        return None;
    }
    for (i, pair) in digits.chunks(2).enumerate() {
        out[i] = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// Days since 2000-01-01 of a proleptic Gregorian date (Howard Hinnant's `days_from_civil`).
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468 - EPOCH_DAYS
}

/// (year, month, day) of days since 2000-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + EPOCH_DAYS + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `YYYY-MM-DD` and what follows it. ISO order is read alike under every DateStyle.
fn date_part(text: &str) -> Option<(i32, &str)> {
    let b = text.as_bytes();
    if b.len() < 10 || b[4] != b'-' || b[7] != b'-' || !text.is_char_boundary(10) {
        return None;
    }
    let (y, m, d) = (digits(&text[0..4])?, digits(&text[5..7])?, digits(&text[8..10])?);
    if y == 0 || !(1..=12).contains(&m) || d == 0 || d > days_in_month(y, m) {
        return None;
    }
    Some((i32::try_from(days_from_civil(y, m, d)).ok()?, &text[10..]))
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `YYYY-MM-DD[ T]HH:MM[:SS[.ffffff]][ ][Z|±HH[:MM]]`: microseconds of the local time, and the zone's seconds.
fn timestamp(text: &str) -> Option<(i64, Option<i32>)> {
    let (days, mut rest) = date_part(text)?;
    let mut micros = i64::from(days).checked_mul(MICROS_PER_DAY)?;
    if let Some(time) = rest.strip_prefix([' ', 'T']).filter(|t| t.starts_with(|c: char| c.is_ascii_digit())) {
        let (clock, after) = clock(time)?;
        micros = micros.checked_add(clock)?;
        rest = after;
    }
    let zone = rest.strip_prefix(' ').unwrap_or(rest);
    Some((micros, if zone.is_empty() { None } else { Some(offset(zone)?) }))
}

fn clock(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.split(':');
    let (h, m) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let s = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || h > 23 || m > 59 || s > 59 || fraction.len() > 6 {
        return None;
    }
    let sub = if fraction.is_empty() { 0 } else { digits(fraction)? * 10i64.pow(6 - fraction.len() as u32) };
    Some((((h * 60 + m) * 60 + s) * 1_000_000 + sub, rest))
}

fn offset(zone: &str) -> Option<i32> {
    if matches!(zone, "Z" | "z" | "UTC" | "utc") {
        return Some(0);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let body = &zone[1..];
    let (h, m) = match body.split_once(':') {
        Some((h, m)) => (digits(h)?, digits(m)?),
        None if body.len() <= 2 => (digits(body)?, 0),
        None if body.len() == 4 => (digits(body.get(..2)?)?, digits(body.get(2..)?)?),
        None => return None,
    };
    (h <= 15 && m <= 59).then(|| i32::try_from((h * 3600 + m * 60) * sign).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_to_days_and_back() {
        for days in [-800_000, -1, 0, 1, 59, 60, 366, 9_465, 1_000_000] {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(from_text(oid::DATE, b"2000-01-01"), Some(Value::Date(0)));
        assert_eq!(from_text(oid::DATE, b"2026-11-24"), Some(Value::Date(9_824)));
        assert_eq!(from_text(oid::DATE, b"2026-02-29"), None);
        assert_eq!(from_text(oid::DATE, b"01/02/2026"), None);
        assert_eq!(from_text(oid::DATE, b"infinity"), None);
    }

    #[test]
    fn timestamps_say_whether_their_zone_is_known() {
        let tz = |t: &str| from_text(oid::TIMESTAMPTZ, t.as_bytes());
        assert_eq!(tz("2000-01-01 00:00:00+00"), Some(Value::TimestampTz { micros: 0, exact: true }));
        assert_eq!(tz("2000-01-01T01:00:00+01:00"), Some(Value::TimestampTz { micros: 0, exact: true }));
        assert_eq!(tz("2000-01-01"), Some(Value::TimestampTz { micros: 0, exact: false }));
        assert_eq!(tz("2000-01-01Z"), Some(Value::TimestampTz { micros: 0, exact: true }));
        assert_eq!(tz("now"), None);
        assert_eq!(tz("2000-01-01 25:00"), None);
    }

    #[test]
    fn arrays_are_flattened_and_keep_their_nulls() {
        let ints = |t: &str| array_from_text(oid::INT4, t.as_bytes());
        assert_eq!(ints("{{7},{8}}"), Some(vec![Value::Int(7), Value::Int(8)]));
        assert_eq!(ints("{7,NULL}"), Some(vec![Value::Int(7), Value::Null]));
        assert_eq!(ints("{}"), Some(vec![]));
        assert_eq!(ints("{7"), None);
        assert_eq!(ints("[2:3]={7,8}"), None);
        assert_eq!(
            array_from_text(oid::TEXT, br#"{"a,b",c}"#),
            Some(vec![Value::Text(b"a,b".to_vec()), Value::Text(b"c".to_vec())])
        );
    }

    #[test]
    fn an_array_datum_of_two_integers_reads_as_they_stand() {
        // int4[] {7,8}: header 32 bytes << 2, ndim 1, no nulls, element 23, dim 2, lower bound 1.
        let mut d = Vec::new();
        d.extend_from_slice(&(32u32 << 2).to_le_bytes());
        for n in [1i32, 0, 23, 2, 1, 7, 8] {
            d.extend_from_slice(&n.to_le_bytes());
        }
        assert_eq!(array_from_datum(oid::INT4, Some(&d)), Some(vec![Value::Int(7), Value::Int(8)]));
        assert_eq!(array_from_datum(oid::INT4, Some(&d[..30])), None);
    }

    #[test]
    fn text_that_only_looks_alike_is_not_equal() {
        assert!(!Value::Text(b"a".to_vec()).is(&Value::Text(b"A".to_vec())));
        assert!(Value::Text(b"a".to_vec()).is(&Value::Text(b"a".to_vec())));
        assert!(!Value::Null.is(&Value::Null));
    }
}
