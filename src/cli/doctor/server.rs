//! The server behind: version, encoding, settings that a reading stands on.

use super::report::Report;
use crate::config::Config;
use tokio_postgres::Client;

pub async fn check(client: &Client, config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let version: u32 = show(client, "server_version_num").await?.parse()?;
    let known = crate::reading::Version::from_num(version).is_some();
    let (good, bad) =
        (format!("server: Postgres {}", version / 10_000), format!("server: Postgres {} cannot be read", version / 10_000));
    report.must(known, good, bad, "pgwarrant reads 15, 16, 17 and 18");
    let encoding = show(client, "server_encoding").await?;
    report.must(
        encoding == "UTF8",
        "server: encoding UTF8",
        format!("server: the database's encoding is {encoding}"),
        "dump it and restore it into a database with ENCODING 'UTF8'",
    );
    fixed(client, report).await?;
    trees(client, report).await?;
    log(client, report).await?;
    room(client, config, report).await
}

/// Settings that change what a statement means; pgwarrant sets them itself in each start-up packet.
async fn fixed(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    for (name, expected) in [
        ("session_replication_role", "origin"),
        ("standard_conforming_strings", "on"),
        ("transform_null_equals", "off"),
        ("array_nulls", "on"),
        ("row_security", "on"),
    ] {
        let value = show(client, name).await?;
        let fix = format!("ALTER ROLE … RESET {name}; ALTER DATABASE … RESET {name};");
        report.must(
            value == expected,
            format!("server: {name} = {value}"),
            format!("server: {name} = {value}, must be {expected}"),
            fix,
        );
    }
    let read_only = show(client, "default_transaction_read_only").await?;
    if read_only != "on" {
        let fix = "ALTER ROLE … SET default_transaction_read_only = on (setup.sql does)";
        report.warn("role: default_transaction_read_only is off; pgwarrant sets it, a second lock is better", fix);
    }
    Ok(())
}

/// The proof stands on these messages.
async fn trees(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let set =
        "SET debug_print_parse = on; SET debug_print_rewritten = on; SET debug_pretty_print = off; SET client_min_messages = log";
    let settable = client.batch_execute(set).await;
    let reset = "RESET debug_print_parse; RESET debug_print_rewritten; RESET debug_pretty_print; RESET client_min_messages";
    client.batch_execute(reset).await?;
    let fix = "use stock Postgres, or ask the provider to allow debug_print_parse and debug_print_rewritten for this role";
    report.must(settable.is_ok(), "server: query trees can be asked for", "server: debug_print_parse cannot be set", fix);
    Ok(())
}

async fn log(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let level = show(client, "log_min_messages").await?;
    if matches!(level.as_str(), "fatal" | "panic") {
        report.ok(format!("role: log_min_messages = {level}; its own errors and warnings are not in the server's log either"));
    } else {
        let fix = "ALTER ROLE … SET log_min_messages = fatal, as a superuser (setup.sql does)";
        report.warn(format!("role: log_min_messages = {level}: the server's log fills with query trees and literals"), fix);
    }
    for name in ["log_statement", "log_duration"] {
        let value = show(client, name).await?;
        if !matches!(value.as_str(), "none" | "off" | "ddl") {
            report.warn(
                format!(
                    "server: {name} = {value} would write statements to the log; under log_min_messages = fatal they stay out"
                ),
                "",
            );
        }
    }
    Ok(())
}

async fn room(client: &Client, config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let free = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int + 1";
    let free: i32 = client.query_one(free, &[]).await?.get(0);
    // Two read statements of a new shape, one watches the catalogue.
    let wanted = i64::from(config.upstream.pool_size) + 3;
    if i64::from(free) < wanted {
        let fix = "lower upstream.pool_size or raise max_connections";
        report.warn(format!("server: {free} connections are free, the pool wants {wanted}"), fix);
    }
    Ok(())
}

async fn show(client: &Client, name: &str) -> anyhow::Result<String> {
    Ok(client.query_one("SELECT current_setting($1)", &[&name]).await?.get(0))
}
