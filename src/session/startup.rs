//! What a startup packet asks for, judged: every parameter is known or refused.

use super::failure::Failure;
use super::setting_value;
use super::settings::{Setting, TimeoutCaps, Values};
use crate::decision::reason::Reason;
use crate::wire::startup::StartupMessage;

/// The accepted part of a startup packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Startup {
    /// The agent's own label, shown as `session_authorization`; the token says who it is.
    pub user: String,
    pub values: Values,
    /// As asked: whether the zone exists is the upstream's to say.
    pub time_zone: Option<String>,
}

pub fn read(message: &StartupMessage, database: &str, start: &Values, caps: &TimeoutCaps) -> Result<Startup, Failure> {
    let user = message.parameter("user").unwrap_or_default();
    if user.is_empty() {
        return Err(Failure::fatal("28000", "no PostgreSQL user name specified in startup packet"));
    }
    let asked = message.parameter("database").filter(|d| !d.is_empty()).unwrap_or(user);
    if asked != database {
        return Err(Failure::fatal("3D000", format!("database \"{}\" does not exist", printable(asked)))
            .hint(format!("This proxy serves the database \"{database}\".")));
    }
    let mut startup = Startup { user: printable(user), values: start.clone(), time_zone: None };
    for (name, value) in &message.parameters {
        match name.as_str() {
            "user" | "database" => {}
            "options" => {
                for (name, value) in command_line(value)? {
                    startup.set(&name, &value, caps)?;
                }
            }
            "replication" => match value.as_str() {
                "false" | "off" | "no" | "0" => {}
                _ => {
                    return Err(
                        Failure::fatal("0A000", "replication connections are not supported").reason(Reason::FeatureNotSupported)
                    );
                }
            },
            name => startup.set(name, value, caps)?,
        }
    }
    Ok(startup)
}

impl Startup {
    fn set(&mut self, name: &str, value: &str, caps: &TimeoutCaps) -> Result<(), Failure> {
        let Some(setting) = Setting::from_name(name) else {
            return Err(not_allowed(name));
        };
        let current = self.values.get(setting);
        let canonical =
            setting_value::canonical(setting, value, current, caps).map_err(|e| Failure { fatal: true, ..e.into() })?;
        if setting == Setting::TimeZone {
            self.time_zone = Some(canonical.to_string());
        }
        self.values.set(setting, canonical);
        Ok(())
    }
}

fn not_allowed(name: &str) -> Failure {
    Failure::fatal("42501", format!("parameter \"{}\" cannot be set at connection start", printable(name)))
        .reason(Reason::SettingNotAllowed)
        .hint("Allowed are application_name, client_encoding (UTF8), DateStyle, IntervalStyle, TimeZone, extra_float_digits, bytea_output, jit, client_min_messages and the timeouts.")
}

/// `-c name=value` and `--name=value`, split at spaces that no backslash precedes (`pg_split_opts`).
fn command_line(options: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let mut found = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let assignment = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(assignment), _) => Some(assignment.to_owned()),
            (None, Some("")) => words.next(),
            (None, Some(assignment)) => Some(assignment.to_owned()),
            (None, None) => None,
        };
        match assignment.as_deref().and_then(|a| a.split_once('=')) {
            Some((name, value)) => found.push((name.replace('-', "_"), value.to_owned())),
            None => return Err(not_allowed(&word)),
        }
    }
    Ok(found)
}

/// For messages: no control characters, at most a name's length.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(parameters: &[(&str, &str)]) -> StartupMessage {
        let parameters = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        StartupMessage { minor: 0, parameters, protocol_options: vec![] }
    }

    fn startup(parameters: &[(&str, &str)]) -> Result<Startup, Failure> {
        let mut all = vec![("user", "agent"), ("database", "shop")];
        all.extend(parameters);
        read(&message(&all), "shop", &Values::stock(), &TimeoutCaps::default())
    }

    #[test]
    fn drivers_parameters_are_taken() {
        let s = startup(&[
            ("client_encoding", "'utf-8'"),
            ("DateStyle", "ISO"),
            ("TimeZone", "Europe/Berlin"),
            ("extra_float_digits", "2"),
            ("application_name", "psql"),
        ])
        .unwrap();
        assert_eq!(&**s.values.get(Setting::ExtraFloatDigits), "2");
        assert_eq!(s.time_zone.as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn options_set_what_set_may_and_nothing_else() {
        let s =
            startup(&[("options", "-c statement_timeout=5s --client-min-messages=warning -c application_name=a\\ b")]).unwrap();
        assert_eq!(&**s.values.get(Setting::StatementTimeout), "5s");
        assert_eq!(&**s.values.get(Setting::ClientMinMessages), "warning");
        assert_eq!(&**s.values.get(Setting::ApplicationName), "a b");
        for options in ["-c search_path=archive", "-crole=postgres", "--debug-print-parse=off", "-S 4", "-c", "x"] {
            assert_eq!(startup(&[("options", options)]).unwrap_err().sqlstate, "42501", "{options}");
        }
        assert!(startup(&[("options", "")]).is_ok());
    }

    #[test]
    fn unknown_parameters_other_databases_and_replication_are_refused() {
        assert_eq!(startup(&[("search_path", "archive")]).unwrap_err().sqlstate, "42501");
        assert_eq!(startup(&[("replication", "database")]).unwrap_err().sqlstate, "0A000");
        assert_eq!(startup(&[("client_encoding", "LATIN1")]).unwrap_err().sqlstate, "22023");
        let other = message(&[("user", "agent"), ("database", "postgres")]);
        assert_eq!(read(&other, "shop", &Values::stock(), &TimeoutCaps::default()).unwrap_err().sqlstate, "3D000");
        let none = message(&[("user", "shop")]);
        assert!(read(&none, "shop", &Values::stock(), &TimeoutCaps::default()).is_ok());
    }
}
