//! Names of built-in types, for the parameters of PREPARE and the casts of EXECUTE's arguments.

use super::cursor::Cursor;
use super::kind::ParameterType;
use super::lexer::TokenKind;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// A type as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName {
    pub oid: u32,
    /// A length or precision was given, which a cast would apply.
    pub modified: bool,
}

/// Name, OID and the array's OID (`pg_type.dat`). The ones of more words are in [`base`].
const TYPES: [(&str, u32, u32); 33] = [
    ("bigint", 20, 1016),
    ("bool", 16, 1000),
    ("boolean", 16, 1000),
    ("bytea", 17, 1001),
    ("cidr", 650, 651),
    ("date", 1082, 1182),
    ("dec", 1700, 1231),
    ("decimal", 1700, 1231),
    ("float4", 700, 1021),
    ("float8", 701, 1022),
    ("inet", 869, 1041),
    ("int", 23, 1007),
    ("int2", 21, 1005),
    ("int4", 23, 1007),
    ("int8", 20, 1016),
    ("integer", 23, 1007),
    ("interval", 1186, 1187),
    ("json", 114, 199),
    ("jsonb", 3802, 3807),
    ("name", 19, 1003),
    ("numeric", 1700, 1231),
    ("oid", 26, 1028),
    ("real", 700, 1021),
    ("smallint", 21, 1005),
    ("text", 25, 1009),
    ("time", 1083, 1183),
    ("timestamp", 1114, 1115),
    ("timestamptz", 1184, 1185),
    ("timetz", 1266, 1270),
    ("unknown", 0, 0),
    ("uuid", 2950, 2951),
    ("varbit", 1562, 1563),
    ("varchar", 1043, 1015),
];

pub fn read(cursor: &mut Cursor<'_>) -> Result<TypeName, Deny> {
    let position = cursor.peek().map(|token| token.start);
    if cursor.word("pg_catalog") && !cursor.kind(TokenKind::Dot) {
        return Err(cursor.unexpected("\".\""));
    }
    let mut modified = false;
    let Some((oid, array)) = base(cursor, &mut modified)? else {
        let deny = Deny::new(Reason::FeatureNotSupported, "only built-in types are supported here").at(position);
        return Err(deny.hint("Leave the type out, or use one of SQL's own, such as text."));
    };
    let mut is_array = cursor.word("array");
    while cursor.kind(TokenKind::LeftBracket) {
        is_array = true;
        cursor.kind(TokenKind::Integer);
        if !cursor.kind(TokenKind::RightBracket) {
            return Err(cursor.unexpected("\"]\""));
        }
    }
    Ok(TypeName { oid: if is_array { array } else { oid }, modified })
}

/// A parameter's type: a built-in one, or the name of another, without a length or dimensions.
pub fn parameter(cursor: &mut Cursor<'_>) -> Result<ParameterType, Deny> {
    let first = cursor.peek();
    let qualified = cursor.rest().get(1).is_some_and(|token| token.kind == TokenKind::Dot)
        && !first.is_some_and(|token| token.is_word(cursor.text, "pg_catalog"));
    let known = first.is_some_and(|token| token.kind == TokenKind::Word) && {
        let word = token_name(cursor);
        matches!(word.as_str(), "pg_catalog" | "double" | "character" | "char") || TYPES.iter().any(|(name, _, _)| *name == word)
    };
    if known && !qualified {
        return Ok(ParameterType::BuiltIn(read(cursor)?.oid));
    }
    let mut name = vec![cursor.identifier()?];
    if cursor.kind(TokenKind::Dot) {
        name.push(cursor.identifier()?);
    }
    match cursor.peek().map(|token| token.kind) {
        Some(TokenKind::Comma | TokenKind::RightParen) => Ok(ParameterType::Named(name)),
        _ => Err(cursor.unexpected("\",\" or \")\"")),
    }
}

fn token_name(cursor: &Cursor<'_>) -> String {
    cursor.peek().map(|token| token.text(cursor.text).to_ascii_lowercase()).unwrap_or_default()
}

/// OIDs of the type and of its array; `None` for what is not built in. A quoted name may mean another type (`"char"`).
fn base(cursor: &mut Cursor<'_>, modified: &mut bool) -> Result<Option<(u32, u32)>, Deny> {
    if !cursor.peek().is_some_and(|token| token.kind == TokenKind::Word) {
        return Ok(None);
    }
    if cursor.words(&["double", "precision"]) {
        return Ok(Some((701, 1022)));
    }
    if cursor.word("character") || cursor.word("char") {
        let varying = cursor.word("varying");
        *modified = modifiers(cursor)? || !varying;
        return Ok(Some(if varying { (1043, 1015) } else { (1042, 1014) }));
    }
    let word = cursor.identifier()?;
    let Some(&(_, oid, array)) = TYPES.iter().find(|(name, _, _)| *name == word) else { return Ok(None) };
    *modified = modifiers(cursor)?;
    let zoned = match word.as_str() {
        "timestamp" => Some((1184, 1185)),
        "time" => Some((1266, 1270)),
        _ => None,
    };
    if let Some(zoned) = zoned {
        if cursor.words(&["with", "time", "zone"]) {
            return Ok(Some(zoned));
        }
        cursor.words(&["without", "time", "zone"]);
    }
    Ok(Some((oid, array)))
}

fn modifiers(cursor: &mut Cursor<'_>) -> Result<bool, Deny> {
    if !cursor.kind(TokenKind::LeftParen) {
        return Ok(false);
    }
    loop {
        if !cursor.kind(TokenKind::Integer) {
            return Err(cursor.unexpected("a number"));
        }
        if cursor.kind(TokenKind::RightParen) {
            return Ok(true);
        }
        if !cursor.kind(TokenKind::Comma) {
            return Err(cursor.unexpected("\",\" or \")\""));
        }
    }
}
