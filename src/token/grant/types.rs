//! Names of argument types, brought to the spelling of Postgres's `format_type`, so that `int4`, `int` and `integer`
//! are one signature.

use super::display::is_bare;

/// Types that Postgres's grammar names by keywords (`SimpleTypename` in gram.y). They never depend on `search_path`.
const KEYWORDS: [(&str, &str); 25] = [
    ("bigint", "bigint"),
    ("bit", "bit"),
    ("bit varying", "bit varying"),
    ("boolean", "boolean"),
    ("char", "character"),
    ("char varying", "character varying"),
    ("character", "character"),
    ("character varying", "character varying"),
    ("dec", "numeric"),
    ("decimal", "numeric"),
    ("double precision", "double precision"),
    ("float", "double precision"),
    ("int", "integer"),
    ("integer", "integer"),
    ("interval", "interval"),
    ("numeric", "numeric"),
    ("real", "real"),
    ("smallint", "smallint"),
    ("time", "time without time zone"),
    ("time with time zone", "time with time zone"),
    ("time without time zone", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamp with time zone", "timestamp with time zone"),
    ("timestamp without time zone", "timestamp without time zone"),
    ("varchar", "character varying"),
];

/// `pg_type.typname` where `format_type_extended` (format_type.c) prints something else.
const CATALOGUE_NAMES: [(&str, &str); 13] = [
    ("bool", "boolean"),
    ("bpchar", "character"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("time", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("timetz", "time with time zone"),
    ("varbit", "bit varying"),
    ("varchar", "character varying"),
];

/// One or several unquoted words. `None` where several words make no type.
pub(super) fn from_words(words: &str) -> Option<String> {
    match lookup(&KEYWORDS, words).or_else(|| lookup(&CATALOGUE_NAMES, words)) {
        Some(printed) => Some(printed.to_owned()),
        None if words.contains(' ') => None,
        None => Some(quote_type(words)),
    }
}

/// A quoted name, or the name after `pg_catalog.`: the catalogue's own, so that `"char"` is not `character`.
pub(super) fn from_catalogue_name(name: &str) -> String {
    lookup(&CATALOGUE_NAMES, name).map_or_else(|| quote_type(name), str::to_owned)
}

/// A type's name with quotes where bare it would mean a type of the grammar.
pub(super) fn quote_type(name: &str) -> String {
    if is_bare(name) && (lookup(&KEYWORDS, name).is_none() || is_printed_bare(name)) {
        super::quote_identifier(name).into_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// `bit`, `interval` and `numeric` are both the keyword and the catalogue's name of the same type.
fn is_printed_bare(name: &str) -> bool {
    matches!(name, "bit" | "interval" | "numeric")
}

fn lookup(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(written, _)| *written == name).map(|(_, printed)| *printed)
}
