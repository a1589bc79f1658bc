//! Names in rule files, written and folded as in SQL: `public.orders`, `"Odd Schema"."Orders"`, `public.f(integer, text[])`.

use crate::token::grant::{FunctionSignature, QualifiedName};

/// Postgres cuts names at `NAMEDATALEN - 1` bytes; a longer one could only ever mean another object.
const MAX_NAME: usize = 63;

/// Other spellings of types that SQL knows, and how `format_type` prints them.
const TYPE_NAMES: [(&str, &str); 17] = [
    ("int", "integer"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("int2", "smallint"),
    ("bool", "boolean"),
    ("float", "double precision"),
    ("float8", "double precision"),
    ("float4", "real"),
    ("varchar", "character varying"),
    ("char", "character"),
    ("bpchar", "character"),
    ("decimal", "numeric"),
    ("varbit", "bit varying"),
    ("timestamptz", "timestamp with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timetz", "time with time zone"),
    ("time", "time without time zone"),
];

/// A column or any other single name.
pub fn identifier(text: &str) -> Result<String, String> {
    match take_identifier(text)? {
        (name, "") => Ok(name),
        (_, rest) => Err(format!("`{rest}` after the name is not expected")),
    }
}

/// Always with its schema: what a bare name means depends on a search path.
pub fn qualified(text: &str) -> Result<QualifiedName, String> {
    match take_qualified(text)? {
        (name, "") => Ok(name),
        (_, rest) => Err(format!("`{rest}` after the name is not expected")),
    }
}

/// `schema.name(type, type)`.
pub fn signature(text: &str) -> Result<FunctionSignature, String> {
    let (function, rest) = take_qualified(text)?;
    let list = rest.trim().strip_prefix('(').and_then(|r| r.strip_suffix(')'));
    let list = list.ok_or("argument types in parentheses are missing")?;
    if list.contains(['(', ')', '"', '\'', ';']) {
        return Err("types are written without modifiers and quotes, as `format_type` prints them".into());
    }
    let arguments = match list.trim() {
        "" => Vec::new(),
        list => list.split(',').map(argument).collect::<Result<_, _>>()?,
    };
    Ok(FunctionSignature { function, arguments })
}

fn argument(text: &str) -> Result<String, String> {
    let words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    if words.is_empty() {
        return Err("an argument type is empty".into());
    }
    let (base, brackets) = words.split_at(words.find('[').unwrap_or(words.len()));
    let known = TYPE_NAMES.iter().find(|(alias, _)| *alias == base.trim_end());
    Ok(format!("{}{brackets}", known.map_or(base.trim_end(), |(_, printed)| printed)))
}

fn take_qualified(text: &str) -> Result<(QualifiedName, &str), String> {
    let (schema, rest) = take_identifier(text)?;
    let rest = rest.strip_prefix('.').ok_or_else(|| format!("the schema is missing: write `public.{schema}`"))?;
    let (name, rest) = take_identifier(rest)?;
    Ok((QualifiedName { schema, name }, rest))
}

fn take_identifier(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => take_quoted(quoted)?,
        None => take_plain(text)?,
    };
    match name.len() {
        0 => Err("the name is empty".into()),
        1..=MAX_NAME => Ok((name, rest)),
        _ => Err(format!("the name is longer than {MAX_NAME} bytes, at which Postgres cuts it")),
    }
}

fn take_quoted(text: &str) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if name.contains('\0') => return Err("a name cannot hold NUL".into()),
            None => return Ok((name, after)),
        }
    }
}

fn take_plain(text: &str) -> Result<(String, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
        return Err("a name that begins so must be quoted: `\"…\"`".into());
    }
    if rest.starts_with(|c: char| !c.is_ascii()) {
        return Err("a name with other than ASCII letters must be quoted: `\"…\"`".into());
    }
    Ok((name.to_ascii_lowercase(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_as_in_sql() {
        let name = |schema: &str, name: &str| QualifiedName { schema: schema.into(), name: name.into() };
        assert_eq!(qualified("Public.Orders"), Ok(name("public", "orders")));
        assert_eq!(qualified(r#""Odd ""S"""."Ö.x""#), Ok(name(r#"Odd "S""#, "Ö.x")));
        for wrong in ["orders", "a.b.c", "a.", ".a", "a. b", "\"a.b", "a.1b", "a.ö", "", "a.b "] {
            assert!(qualified(wrong).is_err(), "{wrong}");
        }
        assert!(identifier(&"a".repeat(63)).is_ok() && identifier(&"a".repeat(64)).is_err());
    }

    #[test]
    fn signatures_take_the_types_as_postgres_prints_them() {
        let arguments = |text: &str| signature(text).map(|s| s.arguments);
        assert_eq!(
            arguments("public.f(int4,  Timestamp  with time zone, varchar[])").expect("a signature"),
            ["integer", "timestamp with time zone", "character varying[]"]
        );
        assert_eq!(arguments("public.f()"), Ok(vec![]));
        for wrong in ["public.f", "f(integer)", "public.f(integer", "public.f(,)", "public.f(numeric(1,2))", "public.f(a) x"] {
            assert!(signature(wrong).is_err(), "{wrong}");
        }
    }
}
