//! A statement that reads catalogues only is sent to the filtered catalogue: the schemas `pg_catalog` and
//! `information_schema` before relations, and before functions that look at the catalogue by themselves, become ours.
//! Types, operators, collations and ordinary functions keep theirs.
//!
//! Nothing here is trusted: whatever the rewriting misses still names the server's own catalogue, and the proof refuses it.

use super::bridge::identifier;
use super::kind::{LocalStatement, StatementKind};
use super::lexer::{Lexer, Token, TokenKind};
use super::limits::Limits;
use super::local;
use super::names::Names;
use crate::catalogue::views::{CATALOGUE_SCHEMA, INFORMATION_SCHEMA};

/// A statement over the filtered catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The statement alone, without what stands around it.
    pub text: String,
    /// The names in it, positions counted in `text`.
    pub names: Names,
    /// Where each change begins in `text`, and how much longer `text` is from there on.
    shifts: Vec<(u32, i64)>,
    /// Where the statement begins in the text that it was taken from.
    start: u32,
}

impl Rewritten {
    /// Where in the text that the agent sent a place of the rewritten statement stands.
    pub fn original_position(&self, position: u32) -> u32 {
        let shift = self.shifts.iter().take_while(|(at, _)| *at <= position).last().map_or(0, |(_, by)| *by);
        u32::try_from(i64::from(position) - shift).unwrap_or(0).saturating_add(self.start)
    }
}

/// `None` if the statement is to be judged as it stands.
pub fn rewrite(text: &str, statement: &LocalStatement, limits: &Limits) -> Option<Rewritten> {
    if statement.kind != StatementKind::Select || !reads_catalogues_only(&statement.names) {
        return None;
    }
    let slice = text.get(statement.range.clone())?;
    let tokens: Vec<Token> = Lexer::new(slice, limits.comment_nesting).collect::<Result<_, _>>().ok()?;
    let start = u32::try_from(statement.range.start).ok()?;
    let edits = edits(slice, &tokens, &statement.names, start)?;
    if edits.is_empty() {
        return None;
    }
    let (rewritten, shifts) = apply(slice, &edits);
    let names = match local::read(&rewritten, limits).ok()?.as_slice() {
        [one] if one.kind == StatementKind::Select => one.names.clone(),
        _ => return None,
    };
    Some(Rewritten { text: rewritten, names, shifts, start })
}

fn reads_catalogues_only(names: &Names) -> bool {
    names.locking.is_none() && names.relations.iter().all(|r| replacement(r.schema.as_deref(), &r.name).is_some())
}

/// Whether a relation name is one of the catalogues that tools read.
pub fn is_catalogue(schema: Option<&str>, name: &str) -> bool {
    replacement(schema, name).is_some()
}

/// The schema that takes the place of the one written. Without a schema, `pg_catalog` comes first in every search path.
fn replacement(schema: Option<&str>, name: &str) -> Option<&'static str> {
    match schema {
        None | Some("pg_catalog") => VIEWS.contains(&name).then_some(CATALOGUE_SCHEMA),
        Some("information_schema") => Some(INFORMATION_SCHEMA),
        Some(_) => None,
    }
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    start: usize,
    end: usize,
    schema: &'static str,
    /// The schema is put before a name that had none.
    insert: bool,
}

fn edits(text: &str, tokens: &[Token], names: &Names, start: u32) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    for relation in &names.relations {
        let schema = replacement(relation.schema.as_deref(), &relation.name)?;
        edits.push(edit(
            text,
            tokens,
            relation.position.checked_sub(start)?,
            relation.schema.as_deref(),
            &relation.name,
            schema,
        )?);
    }
    for call in &names.functions {
        let of_catalogue = call.schema.as_deref().is_none_or(|s| s == "pg_catalog");
        let shown = match call.name.as_str() {
            // A setting that is not shown is refused by name, as anywhere.
            "current_setting" => !names.relations.is_empty() || call.literal.as_deref().is_some_and(|s| SETTINGS.contains(&s)),
            name => FUNCTIONS.contains(&name),
        };
        if of_catalogue && shown {
            edits.push(edit(
                text,
                tokens,
                call.position.checked_sub(start)?,
                call.schema.as_deref(),
                &call.name,
                CATALOGUE_SCHEMA,
            )?);
        }
    }
    edits.extend(qualifiers(text, tokens, names));
    edits.sort_by_key(|e| e.start);
    // One place that two names claim is a place that was misread.
    edits.windows(2).all(|pair| pair[0].end <= pair[1].start && pair[0].start < pair[1].start).then_some(edits)
}

/// The change of one name, if it stands where the local reading says.
fn edit(text: &str, tokens: &[Token], at: u32, schema: Option<&str>, name: &str, new: &'static str) -> Option<Edit> {
    let index = tokens.binary_search_by_key(&at, |token| token.start).ok()?;
    let word = |offset: usize| tokens.get(index + offset).and_then(|token| identifier(text, token));
    let first = tokens[index];
    match schema {
        Some(schema) => {
            let dot = tokens.get(index + 1).is_some_and(|token| token.kind == TokenKind::Dot);
            let fits = dot && word(0).as_deref() == Some(schema) && word(2).as_deref() == Some(name);
            fits.then_some(Edit { start: first.start as usize, end: first.end as usize, schema: new, insert: false })
        }
        None => {
            let fits = word(0).as_deref() == Some(name);
            fits.then_some(Edit { start: first.start as usize, end: first.start as usize, schema: new, insert: true })
        }
    }
}

/// `pg_catalog.pg_class.relname`: the schema before a relation that qualifies a column.
fn qualifiers<'a>(text: &'a str, tokens: &'a [Token], names: &'a Names) -> impl Iterator<Item = Edit> + 'a {
    let is = |index: usize, kind| tokens.get(index).is_some_and(|token: &Token| token.kind == kind);
    (0..tokens.len()).filter_map(move |index| {
        let schema = identifier(text, &tokens[index])?;
        let name = identifier(text, tokens.get(index + 2)?)?;
        let starts = index == 0 || !is(index - 1, TokenKind::Dot);
        let three_parts = is(index + 1, TokenKind::Dot) && is(index + 3, TokenKind::Dot) && !is(index + 5, TokenKind::LeftParen);
        let named = names.relations.iter().any(|r| r.schema.as_deref() == Some(schema.as_str()) && r.name == name);
        if !(starts && three_parts && named) {
            return None;
        }
        let new = replacement(Some(&schema), &name)?;
        Some(Edit { start: tokens[index].start as usize, end: tokens[index].end as usize, schema: new, insert: false })
    })
}

fn apply(text: &str, edits: &[Edit]) -> (String, Vec<(u32, i64)>) {
    let mut out = String::with_capacity(text.len() + edits.len() * 24);
    let (mut at, mut shifts) = (0, Vec::new());
    for edit in edits {
        out.push_str(&text[at..edit.start]);
        out.push_str(edit.schema);
        if edit.insert {
            out.push('.');
        }
        at = edit.end;
        let by = i64::try_from(out.len()).unwrap_or(i64::MAX) - i64::try_from(at).unwrap_or(0);
        shifts.push((u32::try_from(out.len()).unwrap_or(u32::MAX), by));
    }
    out.push_str(&text[at..]);
    (out, shifts)
}

/// The catalogues that `views.sql` makes again. What is not here (pg_authid, pg_shadow, pg_statistic, pg_stats,
/// pg_stat_activity, pg_locks, pg_file_settings, …) is refused.
pub const VIEWS: &[&str] = &[
    "pg_aggregate",
    "pg_am",
    "pg_amop",
    "pg_amproc",
    "pg_attrdef",
    "pg_attribute",
    "pg_auth_members",
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_cast",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_conversion",
    "pg_cursors",
    "pg_database",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_depend",
    "pg_description",
    "pg_enum",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_group",
    "pg_index",
    "pg_indexes",
    "pg_inherits",
    "pg_init_privs",
    "pg_language",
    "pg_largeobject_metadata",
    "pg_matviews",
    "pg_namespace",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_partitioned_table",
    "pg_policies",
    "pg_policy",
    "pg_prepared_statements",
    "pg_prepared_xacts",
    "pg_proc",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_publication_tables",
    "pg_range",
    "pg_rewrite",
    "pg_roles",
    "pg_rules",
    "pg_seclabel",
    "pg_seclabels",
    "pg_sequence",
    "pg_sequences",
    "pg_settings",
    "pg_shdepend",
    "pg_shdescription",
    "pg_shseclabel",
    "pg_statistic_ext",
    "pg_subscription_rel",
    "pg_tables",
    "pg_tablespace",
    "pg_transform",
    "pg_trigger",
    "pg_ts_config",
    "pg_ts_config_map",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_type",
    "pg_user",
    "pg_user_mappings",
    "pg_views",
];

/// The functions that `views.sql` makes again, filtered.
pub const FUNCTIONS: &[&str] = &[
    "col_description",
    "has_any_column_privilege",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "pg_database_size",
    "pg_describe_object",
    "pg_get_function_arg_default",
    "pg_get_function_sqlbody",
    "pg_get_functiondef",
    "pg_get_keywords",
    "pg_get_partkeydef",
    "pg_get_ruledef",
    "pg_get_serial_sequence",
    "pg_get_statisticsobjdef",
    "pg_get_statisticsobjdef_columns",
    "pg_get_statisticsobjdef_expressions",
    "pg_get_triggerdef",
    "pg_get_viewdef",
    "pg_indexes_size",
    "pg_is_other_temp_schema",
    "pg_my_temp_schema",
    "pg_partition_ancestors",
    "pg_relation_is_publishable",
    "pg_relation_size",
    "pg_stat_get_numscans",
    "pg_table_size",
    "pg_tablespace_location",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "row_security_active",
    "shobj_description",
    "to_regclass",
    "to_regnamespace",
    "to_regtype",
];

/// The settings that `views.sql` shows.
const SETTINGS: [&str; 8] = [
    "block_size",
    "default_table_access_method",
    "max_identifier_length",
    "max_index_keys",
    "server_encoding",
    "server_version",
    "server_version_num",
    "standard_conforming_strings",
];

/// A setting that the filtered catalogue's own `current_setting` shows.
pub(super) fn is_catalogue_setting(name: &str) -> bool {
    SETTINGS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> Option<Rewritten> {
        let limits = Limits::default();
        let statements = local::read(text, &limits).expect("the text is read");
        rewrite(text, statements.first().expect("a statement"), &limits)
    }

    #[test]
    fn relations_go_to_the_filtered_catalogue_and_nothing_else_does() {
        let cases = [
            ("SELECT relname FROM pg_class", "SELECT relname FROM pgwarrant_catalog.pg_class"),
            (
                "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c",
                "SELECT c.oid::pg_catalog.regclass FROM pgwarrant_catalog.pg_class c",
            ),
            (
                "SELECT \"pg_catalog\".\"pg_class\".relname FROM \"pg_catalog\".pg_class",
                "SELECT pgwarrant_catalog.\"pg_class\".relname FROM pgwarrant_catalog.pg_class",
            ),
            (
                "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM PG_CATALOG.pg_attribute a",
                "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pgwarrant_catalog.pg_attribute a",
            ),
            (
                "SELECT 'pg_catalog.pg_class' FROM pg_class WHERE relname OPERATOR(pg_catalog.~) 'x' COLLATE pg_catalog.default",
                "SELECT 'pg_catalog.pg_class' FROM pgwarrant_catalog.pg_class WHERE relname OPERATOR(pg_catalog.~) 'x' COLLATE pg_catalog.default",
            ),
            ("TABLE information_schema.tables", "TABLE pgwarrant_information_schema.tables"),
            ("SELECT to_regclass('orders')", "SELECT pgwarrant_catalog.to_regclass('orders')"),
            (
                "WITH pg_class AS (SELECT * FROM pg_class) SELECT * FROM pg_class",
                "WITH pg_class AS (SELECT * FROM pgwarrant_catalog.pg_class) SELECT * FROM pg_class",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(rewritten(text).map(|r| r.text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_reads_anything_else_stays_as_it_is() {
        for text in [
            "SELECT usename, passwd FROM pg_shadow",
            "SELECT relname FROM pg_class, orders",
            "SELECT relname FROM public.pg_class",
            "SELECT current_schema()",
            "SELECT * FROM pg_stat_activity JOIN pg_class ON true",
            "SELECT name FROM orders WHERE id = 7",
        ] {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }

    #[test]
    fn places_are_told_in_the_text_that_was_sent() {
        let text = "SELECT 1; SELECT x FROM pg_catalog.pg_class, pg_type WHERE y";
        let statements = local::read(text, &Limits::default()).expect("reads");
        let found = rewrite(text, &statements[1], &Limits::default()).expect("catalogues only");
        for word in ["SELECT x", "x FROM", "pg_class", "pg_type", "y"] {
            let (new, old) = (found.text.rfind(word).expect("there"), text.rfind(word).expect("there"));
            assert_eq!(found.original_position(new as u32), old as u32, "{word}");
        }
    }
}
