//! Canonical values of the settings on the allow-list, as Postgres's own check functions make them.

use super::settings::{Setting, TimeoutCaps};
use std::sync::Arc;

/// Why a value was not taken. The text only repeats what the agent sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    #[error("invalid value for parameter \"{name}\": \"{value}\"")]
    Invalid { name: &'static str, value: String, hint: Option<&'static str> },
    #[error("\"{name}\" may not be set above the operator's {cap} ms")]
    AboveCap { name: &'static str, cap: u64 },
}

/// Longest value that is looked at.
const MAX_VALUE: usize = 256;

pub fn canonical(setting: Setting, raw: &str, current: &str, caps: &TimeoutCaps) -> Result<Arc<str>, InvalidValue> {
    let invalid = |hint| InvalidValue::Invalid {
        name: setting.name(),
        value: raw.chars().filter(|c| !c.is_control()).take(64).collect(),
        hint,
    };
    if raw.len() > MAX_VALUE || raw.bytes().any(|b| b < b' ') {
        return Err(invalid(None));
    }
    match setting {
        Setting::ApplicationName => Ok(application_name(raw).into()),
        Setting::ClientEncoding => match squeeze(raw).as_str() {
            "utf8" | "unicode" => Ok("UTF8".into()),
            _ => Err(invalid(Some("pgwarrant speaks UTF8 only"))),
        },
        Setting::DateStyle => date_style(raw, current).ok_or_else(|| invalid(None)).map(Into::into),
        Setting::IntervalStyle => {
            one_of(raw, &["postgres", "postgres_verbose", "sql_standard", "iso_8601"]).ok_or_else(|| invalid(None))
        }
        Setting::TimeZone => time_zone_form(raw).ok_or_else(|| invalid(None)).map(Into::into),
        Setting::ExtraFloatDigits => match raw.trim().parse::<i32>() {
            Ok(n @ -15..=3) => Ok(n.to_string().into()),
            _ => Err(invalid(Some("Available values: -15 .. 3"))),
        },
        Setting::ByteaOutput => one_of(raw, &["hex", "escape"]).ok_or_else(|| invalid(Some("Available values: escape, hex."))),
        Setting::Jit => boolean(raw).ok_or_else(|| invalid(None)).map(|on| if on { "on".into() } else { "off".into() }),
        Setting::ClientMinMessages => {
            one_of(raw, &["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"])
                .or_else(|| one_of(raw, &["debug"]).map(|_| "debug2".into()))
                .ok_or_else(|| invalid(None))
        }
        Setting::StatementTimeout => timeout(setting, raw, caps.statement).map_err(|e| e.unwrap_or_else(|| invalid(None))),
        Setting::LockTimeout => timeout(setting, raw, caps.lock).map_err(|e| e.unwrap_or_else(|| invalid(None))),
        Setting::IdleInTransactionSessionTimeout => {
            timeout(setting, raw, caps.idle_in_transaction).map_err(|e| e.unwrap_or_else(|| invalid(None)))
        }
    }
}

/// Printable ASCII, at most NAMEDATALEN - 1 bytes (`check_application_name`).
fn application_name(raw: &str) -> String {
    raw.bytes().take(63).map(|b| if (32..127).contains(&b) { b as char } else { '?' }).collect()
}

fn squeeze(raw: &str) -> String {
    raw.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn one_of(raw: &str, words: &[&'static str]) -> Option<Arc<str>> {
    words.iter().find(|w| w.eq_ignore_ascii_case(raw.trim())).map(|w| Arc::from(*w))
}

/// `parse_bool`: unique prefixes of true, false, yes, no; on, off, 1, 0.
fn boolean(raw: &str) -> Option<bool> {
    let word = raw.trim().to_ascii_lowercase();
    let prefix = |full: &str| !word.is_empty() && full.starts_with(&word);
    match word.as_str() {
        "1" | "on" => Some(true),
        "0" | "of" | "off" => Some(false),
        "o" => None,
        _ if prefix("true") || prefix("yes") => Some(true),
        _ if prefix("false") || prefix("no") => Some(false),
        _ => None,
    }
}

/// `check_datestyle` of `src/backend/commands/variable.c`.
fn date_style(raw: &str, current: &str) -> Option<String> {
    let (current_style, current_order) = current.split_once(", ")?;
    let (mut style, mut order): (Option<&str>, Option<&str>) = (None, None);
    let mut german = false;
    for word in raw.split(',') {
        let word = word.trim().to_ascii_lowercase();
        let (new_style, new_order) = match word.as_str() {
            "iso" => (Some("ISO"), None),
            "sql" => (Some("SQL"), None),
            "german" => {
                german = true;
                (Some("German"), None)
            }
            "ymd" => (None, Some("YMD")),
            "dmy" => (None, Some("DMY")),
            "mdy" | "us" => (None, Some("MDY")),
            w if w.starts_with("postgres") => (Some("Postgres"), None),
            w if w.starts_with("euro") => (None, Some("DMY")),
            w if w.starts_with("noneuro") => (None, Some("MDY")),
            _ => return None,
        };
        if conflicts(style, new_style) || conflicts(order, new_order) {
            return None;
        }
        style = new_style.or(style);
        order = new_order.or(order);
    }
    if german && order.is_none() {
        order = Some("DMY");
    }
    Some(format!("{}, {}", style.unwrap_or(current_style), order.unwrap_or(current_order)))
}

fn conflicts(old: Option<&str>, new: Option<&str>) -> bool {
    matches!((old, new), (Some(a), Some(b)) if a != b)
}

/// Letters of zone names and POSIX offsets; whether the zone exists is asked upstream.
fn time_zone_form(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+-:.<>,".contains(&b);
    (!raw.is_empty() && raw.len() <= 64 && raw.bytes().all(plain)).then(|| raw.to_owned())
}

/// Milliseconds without a unit; `us`, `ms`, `s`, `min`, `h`, `d`, fractions allowed (`parse_int` of guc.c).
/// The inner `None` is "not a value at all".
fn timeout(setting: Setting, raw: &str, cap: u64) -> Result<Arc<str>, Option<InvalidValue>> {
    let raw = raw.trim();
    let split = raw.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(raw.len());
    let (number, unit) = raw.split_at(split);
    let per_unit = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return Err(None),
    };
    let number: f64 = number.trim().parse().map_err(|_| None)?;
    let millis = (number * per_unit).round_ties_even();
    if !(0.0..=f64::from(i32::MAX)).contains(&millis) {
        return Err(None);
    }
    // In range, just checked.
    let millis = millis as u64;
    if cap > 0 && (millis == 0 || millis > cap) {
        return Err(Some(InvalidValue::AboveCap { name: setting.name(), cap }));
    }
    Ok(show_millis(millis).into())
}

/// The largest unit that divides evenly (`convert_int_from_base_unit`).
pub fn show_millis(millis: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    if millis == 0 {
        return "0".to_owned();
    }
    match UNITS.iter().find(|(size, _)| millis.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(setting: Setting, raw: &str) -> Result<String, InvalidValue> {
        let current = super::super::settings::Values::stock();
        let caps = TimeoutCaps { statement: 60_000, lock: 0, idle_in_transaction: 0 };
        canonical(setting, raw, current.get(setting), &caps).map(|v| v.to_string())
    }

    #[test]
    fn values_take_postgres_canonical_spelling() {
        for (setting, raw, want) in [
            (Setting::DateStyle, "iso", "ISO, MDY"),
            (Setting::DateStyle, "German", "German, DMY"),
            (Setting::DateStyle, "sql, european", "SQL, DMY"),
            (Setting::DateStyle, "ISO, YMD", "ISO, YMD"),
            (Setting::IntervalStyle, "ISO_8601", "iso_8601"),
            (Setting::ClientEncoding, "utf-8", "UTF8"),
            (Setting::ClientEncoding, "'unicode'", "UTF8"),
            (Setting::Jit, "FALSE", "off"),
            (Setting::ClientMinMessages, "WARNING", "warning"),
            (Setting::StatementTimeout, "5s", "5s"),
            (Setting::StatementTimeout, "1500", "1500ms"),
            (Setting::StatementTimeout, "1 min", "1min"),
            (Setting::LockTimeout, "0", "0"),
            (Setting::ApplicationName, "böb", "b??b"),
            (Setting::TimeZone, "Europe/Berlin", "Europe/Berlin"),
        ] {
            assert_eq!(value(setting, raw).as_deref(), Ok(want), "{raw}");
        }
    }

    #[test]
    fn what_postgres_refuses_is_refused() {
        for (setting, raw) in [
            (Setting::DateStyle, "ISO, SQL"),
            (Setting::DateStyle, "YMD, DMY"),
            (Setting::DateStyle, "elf"),
            (Setting::ClientEncoding, "LATIN1"),
            (Setting::ClientEncoding, "SQL_ASCII"),
            (Setting::ExtraFloatDigits, "4"),
            (Setting::Jit, "o"),
            (Setting::TimeZone, "a'b"),
            (Setting::StatementTimeout, "-1"),
            (Setting::StatementTimeout, "5 parsecs"),
        ] {
            assert!(matches!(value(setting, raw), Err(InvalidValue::Invalid { .. })), "{raw}");
        }
    }

    #[test]
    fn a_timeout_above_the_operators_or_none_is_refused() {
        for raw in ["61s", "0"] {
            assert!(matches!(value(Setting::StatementTimeout, raw), Err(InvalidValue::AboveCap { .. })), "{raw}");
        }
    }
}
