//! The keys that a chain may start from.

use super::error::ConfigError;
use crate::token::key::{self, RootKey};
use serde::{Deserialize, Deserializer, de::Error};
use std::path::PathBuf;
use toml::value::{Datetime, Offset};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// The public key's file, as `pgwarrant init` writes it.
    pub key: PathBuf,
    /// A TOML date-time with offset, e.g. `2026-01-01T00:00:00Z`; here in Unix seconds. Blocks that begin earlier are refused.
    #[serde(default, deserialize_with = "unix_seconds")]
    pub not_before: Option<i64>,
    /// From this moment on the key signs nothing valid.
    #[serde(default, deserialize_with = "unix_seconds")]
    pub not_after: Option<i64>,
}

impl Root {
    /// The key from its file.
    pub fn read(&self) -> Result<RootKey, ConfigError> {
        let wrong = |message: String| ConfigError::value(&self.key, "root.key", message);
        let text = std::fs::read_to_string(&self.key).map_err(|error| wrong(error.to_string()))?;
        let public = key::public_from_text(&text).map_err(|error| wrong(error.to_string()))?;
        RootKey::new(public.as_bytes(), self.not_before.unwrap_or(0), self.not_after).map_err(|error| wrong(error.to_string()))
    }
}

fn unix_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let moment = Datetime::deserialize(deserializer)?;
    to_unix(&moment).map(Some).ok_or_else(|| D::Error::custom("needs a date-time with offset, such as 2026-01-01T00:00:00Z"))
}

fn to_unix(moment: &Datetime) -> Option<i64> {
    let (date, time, offset) = (moment.date?, moment.time?, moment.offset?);
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    Some(days * 86_400 + seconds - minutes * 60)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that a leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times_become_unix_seconds() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2026-11-24T08:00:00+01:00", 1_795_503_600),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
        ] {
            assert_eq!(to_unix(&text.parse().expect("valid")), Some(seconds), "{text}");
        }
        assert_eq!(to_unix(&"2026-11-24".parse().expect("valid")), None);
    }
}
