//! The settings that every connection starts with. They travel in the startup packet, where they outrank what
//! `ALTER ROLE … SET` and `ALTER DATABASE … SET` say, and are the session's own start: RESET returns to them.

use std::time::Duration;

/// What makes the tree readable and its meaning fixed. `search_path`, timeouts and `application_name` come with [`Settings`].
pub const PINNED: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("timezone_abbreviations", "Default"),
    ("xmloption", "content"),
    ("row_security", "on"),
    ("lock_timeout", "2s"),
    // The trees of a Parse arrive as LOG notices.
    ("debug_print_parse", "on"),
    ("debug_print_rewritten", "on"),
    ("debug_print_plan", "off"),
    ("debug_pretty_print", "off"),
    ("client_min_messages", "log"),
];

/// What a connection must be found with, though no ordinary role may set it: `replica` silences triggers and rules.
pub(super) const REQUIRED: &[(&str, &str)] = &[("session_replication_role", "origin")];

/// What the operator decides about a connection's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// As for SET: `public, pg_temp`. `pg_temp` must stand last, or temporary objects come first.
    pub search_path: String,
    pub statement_timeout: Duration,
    pub idle_in_transaction_timeout: Duration,
    pub application_name: String,
    pub read_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            search_path: "public, pg_temp".to_owned(),
            statement_timeout: Duration::from_secs(30),
            idle_in_transaction_timeout: Duration::from_secs(60),
            application_name: "pgwarrant".to_owned(),
            read_only: true,
        }
    }
}

impl Settings {
    /// All startup parameters: the pinned ones and these.
    pub fn to_parameters(&self) -> Vec<(String, String)> {
        let own = [
            ("search_path", self.search_path.clone()),
            ("statement_timeout", milliseconds(self.statement_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(self.idle_in_transaction_timeout)),
            ("application_name", self.application_name.clone()),
            ("default_transaction_read_only", if self.read_only { "on" } else { "off" }.to_owned()),
        ];
        let pinned = PINNED.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        pinned.chain(own.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

/// Postgres counts timeouts in an int of milliseconds; 0 would mean none, so less than one is one.
fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_millis().clamp(1, i32::MAX as u128);
    format!("{milliseconds}ms")
}

/// The names and values, of those sent and those required, that the server must confirm word for word.
/// Left out: timeouts, which it prints in units of its own, and `application_name`, of which it keeps the ASCII.
pub(super) fn to_confirm<'a>(sent: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let exact = |name: &str| !name.ends_with("_timeout") && name != "application_name";
    sent.iter().copied().filter(|(name, _)| exact(name)).chain(REQUIRED.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_printed_as_none() {
        assert_eq!(milliseconds(Duration::ZERO), "1ms");
        assert_eq!(milliseconds(Duration::from_micros(10)), "1ms");
        assert_eq!(milliseconds(Duration::from_secs(30)), "30000ms");
        assert_eq!(milliseconds(Duration::MAX), "2147483647ms");
    }

    #[test]
    fn no_setting_is_sent_twice_and_the_read_pool_is_read_only() {
        let parameters = Settings::default().to_parameters();
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), parameters.len());
        assert!(parameters.contains(&("default_transaction_read_only".into(), "on".into())));
    }
}
