//! PREPARE, EXECUTE and DEALLOCATE, after gram.y.

use super::cursor::Cursor;
use super::kind::{Argument, ArgumentValue, StatementKind};
use super::lexer::TokenKind;
use super::types;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

pub fn read(cursor: &mut Cursor<'_>) -> Result<Option<StatementKind>, Deny> {
    if cursor.word("prepare") {
        if cursor.word("transaction") {
            return Ok(Some(StatementKind::Unsupported { word: "PREPARE TRANSACTION".to_owned() }));
        }
        return prepare(cursor).map(Some);
    }
    if cursor.word("execute") {
        return execute(cursor).map(Some);
    }
    if cursor.word("deallocate") {
        // `prepare` alone is a name.
        if cursor.rest().len() > 1 {
            cursor.word("prepare");
        }
        let all = cursor.word("all");
        let name = if all { None } else { Some(cursor.own_name()?) };
        return cursor.end(Some(StatementKind::Deallocate { name }));
    }
    Ok(None)
}

fn prepare(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    let name = cursor.own_name()?;
    let mut types = Vec::new();
    if cursor.kind(TokenKind::LeftParen) {
        loop {
            types.push(types::parameter(cursor)?);
            if cursor.kind(TokenKind::RightParen) {
                break;
            }
            if !cursor.kind(TokenKind::Comma) {
                return Err(cursor.unexpected("\",\" or \")\""));
            }
        }
    }
    if !cursor.word("as") {
        return Err(cursor.unexpected("AS"));
    }
    let inner = cursor.rest_range().ok_or_else(|| cursor.unexpected("a statement"))?;
    Ok(StatementKind::Prepare { name, types, inner })
}

fn execute(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    let name = cursor.own_name()?;
    let mut arguments = Vec::new();
    if cursor.kind(TokenKind::LeftParen) {
        loop {
            arguments.push(argument(cursor)?);
            if cursor.kind(TokenKind::RightParen) {
                break;
            }
            if !cursor.kind(TokenKind::Comma) {
                return Err(not_plain(cursor));
            }
        }
    }
    cursor.end(StatementKind::Execute { name, arguments })
}

fn argument(cursor: &mut Cursor<'_>) -> Result<Argument, Deny> {
    if cursor.word("cast") {
        if !cursor.kind(TokenKind::LeftParen) {
            return Err(cursor.unexpected("\"(\""));
        }
        let value = value(cursor)?;
        if !cursor.word("as") {
            return Err(cursor.unexpected("AS"));
        }
        let cast = Some(cast(cursor)?);
        if !cursor.kind(TokenKind::RightParen) {
            return Err(cursor.unexpected("\")\""));
        }
        return Ok(Argument { value, cast });
    }
    let is_typed = cursor.rest().get(1).is_some_and(|token| token.kind == TokenKind::String)
        && cursor.peek().is_some_and(|token| token.kind == TokenKind::Word);
    if is_typed {
        let cast = Some(cast(cursor)?);
        return Ok(Argument { value: value(cursor)?, cast });
    }
    let value = value(cursor)?;
    let cast = if cursor.kind(TokenKind::DoubleColon) { Some(cast(cursor)?) } else { None };
    Ok(Argument { value, cast })
}

/// A length or precision would change the value.
fn cast(cursor: &mut Cursor<'_>) -> Result<u32, Deny> {
    let refused = not_plain(cursor);
    let name = types::read(cursor)?;
    if name.modified { Err(refused) } else { Ok(name.oid) }
}

fn value(cursor: &mut Cursor<'_>) -> Result<ArgumentValue, Deny> {
    if let Some(value) = cursor.string() {
        return Ok(ArgumentValue::Text(value));
    }
    if cursor.rest().get(1).is_some_and(|token| token.kind == TokenKind::LeftBracket) && cursor.word("array") {
        return array(cursor);
    }
    if cursor.word("null") {
        return Ok(ArgumentValue::Null);
    }
    if cursor.word("true") {
        return Ok(ArgumentValue::Boolean(true));
    }
    if cursor.word("false") {
        return Ok(ArgumentValue::Boolean(false));
    }
    let minus = cursor.operator("-");
    if !minus {
        cursor.operator("+");
    }
    let refused = not_plain(cursor);
    let token = cursor.next().ok_or_else(|| refused.clone())?;
    let digits = token.text(cursor.text);
    let signed = if minus { format!("-{digits}") } else { digits.to_owned() };
    match token.kind {
        TokenKind::Integer => Ok(ArgumentValue::Integer(signed)),
        TokenKind::Decimal => Ok(ArgumentValue::Decimal(signed)),
        _ => Err(refused),
    }
}

/// `ARRAY[…]` of literals, none of them an array itself.
fn array(cursor: &mut Cursor<'_>) -> Result<ArgumentValue, Deny> {
    cursor.kind(TokenKind::LeftBracket);
    let mut items = Vec::new();
    if cursor.kind(TokenKind::RightBracket) {
        return Ok(ArgumentValue::Array(items));
    }
    loop {
        let refused = not_plain(cursor);
        match value(cursor)? {
            ArgumentValue::Array(_) => return Err(refused),
            item => items.push(item),
        }
        if cursor.kind(TokenKind::RightBracket) {
            return Ok(ArgumentValue::Array(items));
        }
        if !cursor.kind(TokenKind::Comma) {
            return Err(not_plain(cursor));
        }
    }
}

fn not_plain(cursor: &Cursor<'_>) -> Deny {
    Deny::new(Reason::FeatureNotSupported, "an argument of EXECUTE that is not a plain literal is not supported")
        .at(cursor.peek().map(|token| token.start))
        .hint("Write the value itself: a number, a string, NULL, TRUE or FALSE.")
}
