//! "31 days", "12 hours": the width of a range over dates or timestamps.

const SECOND: u64 = 1_000_000;

/// Microseconds in each unit. Months and years have no fixed width and are not among them.
const UNITS: [(&str, u64); 5] =
    [("second", SECOND), ("minute", 60 * SECOND), ("hour", 3_600 * SECOND), ("day", 86_400 * SECOND), ("week", 604_800 * SECOND)];

/// Microseconds; the unit in singular or plural.
pub fn microseconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let (_, width) = UNITS.iter().find(|(name, _)| *name == singular)?;
    number.parse::<u64>().ok()?.checked_mul(*width)
}

#[cfg(test)]
mod tests {
    use super::microseconds;

    #[test]
    fn widths_have_a_number_and_a_unit_of_fixed_length() {
        assert_eq!(microseconds("31 days"), Some(31 * 86_400 * 1_000_000));
        assert_eq!(microseconds("1 hour"), Some(3_600 * 1_000_000));
        for wrong in ["31", "31days", "1 month", "-1 days", "1.5 days", "+1 day", "99999999999999999 weeks", " day", "1  day"] {
            assert_eq!(microseconds(wrong), None, "{wrong}");
        }
    }
}
