//! Bringing an upstream connection to a session's settings.

use std::fmt::Write;

use super::settings::{Meaning, Setting, Settings, Values};
use crate::rules::sql::TENANT_SETTING;
use crate::upstream::{Connection, UpstreamError};

/// Makes the connection's settings those of the session. Says nothing to the server if they are already.
pub async fn apply(connection: &mut Connection, settings: &Settings) -> Result<(), UpstreamError> {
    if connection.parameter("application_name") == Some(&**settings.marker()) {
        return Ok(());
    }
    connection.simple(&statements(settings.effective(), settings.tenants(), settings.marker())).await?;
    confirm(connection, settings)
}

fn statements(values: &Values, tenants: Option<&str>, marker: &str) -> String {
    let mut text = String::with_capacity(512);
    for setting in Setting::UPSTREAM {
        // Writing to a String cannot fail.
        let _ = write!(text, "SET {} TO {};", setting.name(), quote_literal(values.get(setting)));
    }
    // Unset and empty are the same to row security: no row.
    let _ = write!(text, "SET {TENANT_SETTING} TO {};", quote_literal(tenants.unwrap_or_default()));
    let _ = write!(text, "SET application_name TO {}", quote_literal(marker));
    text
}

/// What decides how constants are read must be what the templates' key says, word for word.
fn confirm(connection: &mut Connection, settings: &Settings) -> Result<(), UpstreamError> {
    let Meaning { date_style, time_zone, interval_style } = &**settings.meaning();
    let expected = [
        ("application_name", settings.marker()),
        (Setting::DateStyle.name(), date_style),
        (Setting::TimeZone.name(), time_zone),
        (Setting::IntervalStyle.name(), interval_style),
    ];
    for (name, expected) in expected {
        let found = connection.parameter(name).unwrap_or_default();
        if found != &**expected {
            let error = UpstreamError::Setting { name: name.to_owned(), expected: expected.to_string(), found: found.to_owned() };
            connection.discard();
            return Err(error);
        }
    }
    Ok(())
}

/// `standard_conforming_strings` is pinned on, so only the quote is special.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The values of a fresh connection: what every session starts with.
pub async fn start(connection: &mut Connection) -> Result<Values, UpstreamError> {
    let mut values = Values::stock();
    let columns: Vec<String> = Setting::UPSTREAM.iter().map(|s| format!("current_setting('{}')", s.name())).collect();
    let rows = connection.simple(&format!("SELECT {}", columns.join(", "))).await?.rows;
    for (index, setting) in Setting::UPSTREAM.into_iter().enumerate() {
        let found = rows.first().and_then(|row| row.get(index)).and_then(Option::as_ref);
        if let Some(value) = found.and_then(|v| std::str::from_utf8(v).ok()) {
            values.set(setting, value.into());
        }
    }
    Ok(values)
}

/// The server's own spelling of a time zone; `None` if it knows none of that name.
pub async fn canonical_time_zone(connection: &mut Connection, asked: &str) -> Result<Option<String>, UpstreamError> {
    let text = format!("BEGIN; SET LOCAL TimeZone TO {}; SELECT current_setting('TimeZone'); ROLLBACK", quote_literal(asked));
    match connection.simple(&text).await {
        Ok(rows) => {
            let value = rows.rows.first().and_then(|row| row.first()).and_then(Option::as_ref);
            Ok(value.and_then(|v| std::str::from_utf8(v).ok()).map(str::to_owned))
        }
        Err(UpstreamError::Server(error)) if error.sqlstate() == "22023" => {
            connection.simple("ROLLBACK").await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
