//! Functions that are refused by name before the database sees the statement: for these, even reading the statement with
//! the database would be too much, or the reason is worth saying plainly. The proof refuses everything else that is not
//! vetted, by OID.

use super::names::Names;
use crate::catalogue::views::CATALOGUE_SCHEMA;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// Name prefixes and what such a function does.
const PREFIXES: [(&str, &str); 14] = [
    ("dblink", "it opens connections of its own"),
    ("lo_", "it works on large objects"),
    ("pg_advisory_", "it holds locks beyond the statement"),
    ("pg_try_advisory_", "it holds locks beyond the statement"),
    ("pg_create_", "it changes the server's replication"),
    ("pg_drop_", "it changes the server's replication"),
    ("pg_logical_", "it reads the server's write-ahead log"),
    ("pg_ls_", "it lists the server's files"),
    ("pg_read_", "it reads the server's files"),
    ("pg_replication_", "it changes the server's replication"),
    ("pg_stat_reset", "it changes the server's statistics"),
    ("pg_wal_", "it changes the server's replication"),
    ("pgp_", "it works on keys"),
    ("pg_sleep", "it holds a connection without doing work"),
];

/// Whole names and what such a function does.
const NAMES: [(&str, &str); 34] = [
    ("currval", "it reads a sequence"),
    ("current_setting", "it reads settings of the server; use SHOW for those that are allowed"),
    ("cursor_to_xml", "it runs SQL of its own"),
    ("cursor_to_xmlschema", "it runs SQL of its own"),
    ("database_to_xml", "it runs SQL of its own"),
    ("database_to_xml_and_xmlschema", "it runs SQL of its own"),
    ("database_to_xmlschema", "it runs SQL of its own"),
    ("lastval", "it reads a sequence"),
    ("loread", "it works on large objects"),
    ("lowrite", "it works on large objects"),
    ("nextval", "it advances a sequence"),
    ("pg_cancel_backend", "it acts on other sessions"),
    ("pg_current_logfile", "it tells about the server's files"),
    ("pg_export_snapshot", "it acts on other sessions"),
    ("pg_file_write", "it writes the server's files"),
    ("pg_notify", "it sends to other sessions"),
    ("pg_promote", "it acts on the server"),
    ("pg_reload_conf", "it acts on the server"),
    ("pg_rotate_logfile", "it acts on the server"),
    ("pg_stat_file", "it reads the server's files"),
    ("pg_switch_wal", "it acts on the server"),
    ("pg_terminate_backend", "it acts on other sessions"),
    ("query_to_xml", "it runs SQL of its own"),
    ("query_to_xml_and_xmlschema", "it runs SQL of its own"),
    ("query_to_xmlschema", "it runs SQL of its own"),
    ("schema_to_xml", "it runs SQL of its own"),
    ("schema_to_xml_and_xmlschema", "it runs SQL of its own"),
    ("schema_to_xmlschema", "it runs SQL of its own"),
    (
        "set_config",
        "it changes settings; use SET, or SELECT set_config('name', 'value', false) alone, for those that are allowed",
    ),
    ("setval", "it changes a sequence"),
    ("table_to_xml", "it runs SQL of its own"),
    ("table_to_xml_and_xmlschema", "it runs SQL of its own"),
    ("table_to_xmlschema", "it runs SQL of its own"),
    ("ts_stat", "it runs SQL of its own"),
];

/// Why a function of this name never runs, whatever its schema.
pub fn forbidden(name: &str) -> Option<&'static str> {
    let whole = NAMES.iter().find(|(forbidden, _)| *forbidden == name);
    let prefix = || PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    whole.or_else(prefix).map(|(_, why)| *why)
}

/// Refuses the first function of a statement that is forbidden by name.
pub fn check(names: &Names) -> Result<(), Deny> {
    for function in &names.functions {
        // The filtered catalogue's own functions only bear the names of those that they stand for.
        if function.schema.as_deref() == Some(CATALOGUE_SCHEMA) {
            continue;
        }
        if let Some(why) = forbidden(&function.name) {
            let message = format!("the function {} is not allowed: {why}", function.name);
            let deny = Deny::new(Reason::FunctionNotAllowed, message).at(Some(function.position));
            return Err(deny.hint(format!("Leave the call of {} out.", function.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::limits::Limits;
    use crate::statement::local;

    fn first(text: &str) -> Result<(), Deny> {
        check(&local::read(text, &Limits::default()).expect("the statement reads")[0].names)
    }

    #[test]
    fn forbidden_functions_are_refused_by_name_wherever_they_stand() {
        for call in [
            "pg_sleep(1)",
            "pg_sleep_for('1s')",
            "pg_catalog.pg_read_file('x')",
            "\"lo_import\"('x')",
            "dblink_exec('x')",
            "PG_Advisory_Lock(7)",
        ] {
            for text in [format!("SELECT {call}"), format!("SELECT 1 FROM t WHERE EXISTS (SELECT FROM {call})")] {
                let deny = first(&text).expect_err(&text);
                assert_eq!(deny.reason, Reason::FunctionNotAllowed, "{text}");
                assert!(deny.position.is_some(), "{text}");
            }
        }
        let deny = first("SELECT a, set_config('x', 'y', false) FROM t").expect_err("not alone");
        assert!(deny.message.contains("set_config"));
    }

    #[test]
    fn other_functions_are_left_to_the_proof() {
        for text in ["SELECT lower(a), local_time(b), pg_typeof(c)", "SELECT pg_sleep FROM t", "SELECT \"Pg_sleep\"(1)"] {
            assert_eq!(first(text), Ok(()), "{text}");
        }
    }
}
