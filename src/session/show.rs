//! SET and SHOW.

use std::fmt::Write;
use std::sync::Arc;

use super::connection_settings;
use super::core::Session;
use super::decide::upstream_failed;
use super::failure::Failure;
use super::setting_value::InvalidValue;
use super::settings::{Scope, Setting};
use super::transaction::{isolation_named, isolation_text};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{Isolation, SetValue, SetVariable, SettingCall, TransactionModes};

/// Harmless, and read by drivers: answered with what the upstream says.
const REPORTED: [&str; 7] = [
    "server_version",
    "server_encoding",
    "integer_datetimes",
    "standard_conforming_strings",
    "in_hot_standby",
    "default_transaction_read_only",
    "search_path",
];

impl Session {
    /// The value as SHOW would print it afterwards.
    pub async fn try_set(&mut self, variable: &SetVariable) -> Result<Arc<str>, Failure> {
        let scope = if variable.local { Scope::Local } else { Scope::Session };
        if let Some(setting) = Setting::from_name(&variable.name) {
            if scope == Scope::Local && !self.transaction.is_block() && variable.call.is_none() {
                // It holds until the implicit transaction ends, which is soon.
                self.warn("25P01", "SET LOCAL can only be used in transaction blocks");
            }
            match &variable.values {
                SetValue::Default => self.settings.reset(setting, scope),
                SetValue::List(values) => {
                    let value = self.canonical(setting, &values.join(", ")).await?;
                    self.settings.set(setting, value, scope);
                }
            }
            return Ok(self.settings.get(setting).clone());
        }
        self.set_other(variable).await
    }

    /// Whether it would be set, as far as that is known before it is.
    pub fn check_set(&self, variable: &SetVariable) -> Result<(), Failure> {
        match (Setting::from_name(&variable.name), &variable.values) {
            (Some(_), SetValue::Default) => Ok(()),
            (Some(setting), SetValue::List(values)) => {
                self.settings.canonical(setting, &values.join(", "), &self.proxy.caps).map(drop).map_err(Failure::from)
            }
            (None, SetValue::List(values)) if variable.name.ends_with("_read_only") && !is_truth(&values.join(", ")) => {
                Err(not_allowed(&variable.name))
            }
            (None, SetValue::List(values)) if variable.name == "standard_conforming_strings" && is_truth(&values.join(", ")) => {
                Ok(())
            }
            (None, _) => check_reset(&variable.name),
        }
    }

    pub fn check_call(&self, call: &SettingCall) -> Result<(), Failure> {
        match &call.set {
            None => value(self, &call.name).map(drop),
            Some(_) if Setting::from_name(&call.name).is_some() => Ok(()),
            Some(_) => check_reset(&call.name),
        }
    }

    /// Settings of the transaction that can be said by SET too.
    async fn set_other(&mut self, variable: &SetVariable) -> Result<Arc<str>, Failure> {
        let value = match &variable.values {
            SetValue::Default => "default".to_owned(),
            SetValue::List(values) => values.join(", ").to_ascii_lowercase(),
        };
        let truth = is_truth(&value);
        let read_only = TransactionModes { read_only: Some(true), ..TransactionModes::default() };
        match variable.name.as_str() {
            "transaction_isolation" | "default_transaction_isolation" => {
                let isolation = isolation_named(&value)
                    .ok_or_else(|| Failure::from(InvalidValue::Invalid { name: "transaction_isolation", value, hint: None }))?;
                let modes = TransactionModes { isolation: Some(isolation), ..TransactionModes::default() };
                self.set_modes(&variable.name, &modes).await?;
                Ok(isolation_text(isolation).into())
            }
            "transaction_read_only" | "default_transaction_read_only" if truth => {
                self.set_modes(&variable.name, &read_only).await?;
                Ok("on".into())
            }
            // What it is: Rails says so whenever it connects.
            "standard_conforming_strings" if truth => Ok("on".into()),
            name => Err(not_allowed(name)),
        }
    }

    async fn set_modes(&mut self, name: &str, modes: &TransactionModes) -> Result<(), Failure> {
        if name.starts_with("default_") {
            self.default_modes.isolation = modes.isolation.or(self.default_modes.isolation);
            self.default_modes.read_only = modes.read_only.or(self.default_modes.read_only);
            return Ok(());
        }
        let before = self.client.reply().len();
        let done = self.set_transaction(modes).await;
        // `set_transaction` said CommandComplete, which our caller says in its own words.
        let warned = !self.transaction.is_block();
        if !warned {
            self.client.reply().truncate(before);
        }
        done.unwrap_or(Ok(()))
    }

    /// Which time zones there are is asked upstream, once a spelling.
    pub async fn canonical(&mut self, setting: Setting, raw: &str) -> Result<Arc<str>, Failure> {
        let value = self.settings.canonical(setting, raw, &self.proxy.caps)?;
        if setting != Setting::TimeZone {
            return Ok(value);
        }
        let found = match self.proxy.time_zones.get(&value) {
            Some(found) => found,
            None => {
                let mut connection = self.reading_connection().await?;
                let asked = connection_settings::canonical_time_zone(&mut connection, &value).await;
                let found: Option<Arc<str>> = asked.map_err(|error| upstream_failed(&error))?.map(Into::into);
                connection.release();
                self.proxy.time_zones.insert(&value, found.clone());
                found
            }
        };
        found.ok_or_else(|| Failure::from(InvalidValue::Invalid { name: "TimeZone", value: value.to_string(), hint: None }))
    }

    pub fn reset(&mut self, name: &str) -> Result<(), Failure> {
        match Setting::from_name(name) {
            Some(setting) => self.settings.reset(setting, Scope::Session),
            None => match name {
                "default_transaction_isolation" | "default_transaction_read_only" => self.default_modes = Default::default(),
                "transaction_isolation" | "transaction_read_only" => {}
                name => return Err(not_allowed(name)),
            },
        }
        self.complete("RESET")
    }
}

fn is_truth(value: &str) -> bool {
    ["on", "true", "yes", "1", "t", "y"].iter().any(|truth| value.eq_ignore_ascii_case(truth))
}

/// Whether a setting can be said at all.
pub fn check_reset(name: &str) -> Result<(), Failure> {
    const MODES: [&str; 4] =
        ["default_transaction_isolation", "default_transaction_read_only", "transaction_isolation", "transaction_read_only"];
    if Setting::from_name(name).is_some() || MODES.contains(&name) { Ok(()) } else { Err(not_allowed(name)) }
}

/// As Postgres heads the column of SHOW: the setting's own spelling.
pub fn column_name(name: &str) -> &str {
    match Setting::from_name(name) {
        Some(setting) => setting.name(),
        None => name,
    }
}

pub fn value(session: &Session, name: &str) -> Result<String, Failure> {
    if let Some(setting) = Setting::from_name(name) {
        return Ok(session.settings.get(setting).to_string());
    }
    let reported = |name: &str| session.proxy.reported.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    match name {
        "pgwarrant.scope" => Ok(scope(session)),
        "pgwarrant.receipt" => Ok(session.receipt.clone().unwrap_or_default()),
        "transaction_isolation" => Ok(isolation(session).to_owned()),
        "default_transaction_isolation" => {
            Ok(isolation_text(session.default_modes.isolation.unwrap_or(Isolation::ReadCommitted)).to_owned())
        }
        "transaction_read_only" => Ok(if session.may_write() { "off" } else { "on" }.to_owned()),
        "transaction_deferrable" => Ok("off".to_owned()),
        "max_identifier_length" => Ok("63".to_owned()),
        "session_authorization" => Ok(session.identity.user.clone()),
        "is_superuser" => Ok("off".to_owned()),
        name if REPORTED.contains(&name) => reported(name).ok_or_else(|| not_shown(name)),
        name => Err(not_shown(name)),
    }
}

fn isolation(session: &Session) -> &'static str {
    let modes = if session.transaction.is_block() { session.block_modes } else { session.default_modes };
    isolation_text(modes.isolation.unwrap_or(Isolation::ReadCommitted))
}

/// The leaf block's grants, one a line: every block above grants at least as much.
fn scope(session: &Session) -> String {
    let mut text = String::new();
    if let Some(leaf) = session.identity.verified.chain.last() {
        for grant in &leaf.grants {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{grant}");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn not_allowed(name: &str) -> Failure {
    Deny::new(Reason::SettingNotAllowed, format!("the setting \"{}\" cannot be changed", short(name)))
        .hint(
            "Allowed are application_name, client_encoding (UTF8), DateStyle, IntervalStyle, TimeZone, extra_float_digits, \
             bytea_output, jit, client_min_messages, the timeouts, transaction_isolation and READ ONLY.",
        )
        .into()
}

fn not_shown(name: &str) -> Failure {
    Deny::new(Reason::SettingNotAllowed, format!("the setting \"{}\" is not shown", short(name)))
        .hint("SHOW pgwarrant.scope lists what is granted.")
        .into()
}

fn short(name: &str) -> String {
    name.chars().take(63).collect()
}
