//! DECLARE, FETCH, MOVE and CLOSE, after gram.y.

use super::cursor::Cursor;
use super::kind::StatementKind;
use super::lexer::TokenKind;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

pub fn read(cursor: &mut Cursor<'_>) -> Result<Option<StatementKind>, Deny> {
    if cursor.word("declare") {
        return declare(cursor).map(Some);
    }
    if cursor.word("fetch") {
        return fetch(cursor, false).map(Some);
    }
    if cursor.word("move") {
        return fetch(cursor, true).map(Some);
    }
    if cursor.word("close") {
        // `CLOSE ALL` is read with the settings.
        let name = cursor.own_name()?;
        return cursor.end(Some(StatementKind::CloseCursor { name }));
    }
    Ok(None)
}

fn declare(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    let name = cursor.own_name()?;
    loop {
        if cursor.words(&["no", "scroll"]) || cursor.word("insensitive") || cursor.word("asensitive") {
            continue;
        }
        for (word, what) in [("scroll", "SCROLL"), ("binary", "BINARY")] {
            let position = cursor.peek().map(|token| token.start);
            if cursor.word(word) {
                return Err(unsupported(&format!("{what} cursors are not supported"), position));
            }
        }
        break;
    }
    if !cursor.word("cursor") {
        return Err(cursor.unexpected("CURSOR"));
    }
    let position = cursor.peek().map(|token| token.start);
    if cursor.words(&["with", "hold"]) {
        return Err(unsupported("cursors WITH HOLD are not supported", position));
    }
    cursor.words(&["without", "hold"]);
    if !cursor.word("for") {
        return Err(cursor.unexpected("FOR"));
    }
    let inner = cursor.rest_range().ok_or_else(|| cursor.unexpected("a query"))?;
    Ok(StatementKind::Declare { name, inner })
}

fn unsupported(message: &str, position: Option<u32>) -> Deny {
    Deny::new(Reason::FeatureNotSupported, message)
        .at(position)
        .hint("Use a plain cursor inside a transaction block, and FETCH forward.")
}

fn fetch(cursor: &mut Cursor<'_>, moves: bool) -> Result<StatementKind, Deny> {
    let count = if cursor.rest().len() == 1 { Some(1) } else { direction(cursor)? };
    if !cursor.word("from") {
        cursor.word("in");
    }
    let name = cursor.own_name()?;
    cursor.end(StatementKind::Fetch { name, count, moves })
}

/// How many rows forward; `None` is all.
fn direction(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Deny> {
    let position = cursor.peek().map(|token| token.start);
    for word in ["prior", "first", "last", "absolute", "relative", "backward"] {
        // A cursor may have such a name.
        if cursor.peek().is_some_and(|token| token.is_word(cursor.text, word)) {
            return Err(unsupported("only fetching forward is supported", position));
        }
    }
    if cursor.word("next") {
        return Ok(Some(1));
    }
    if cursor.word("all") {
        return Ok(None);
    }
    if cursor.word("forward") {
        if cursor.word("all") {
            return Ok(None);
        }
        return count(cursor).map(|count| Some(count.unwrap_or(1)));
    }
    count(cursor).map(|count| Some(count.unwrap_or(1)))
}

/// FETCH 0 reads the current row again, and a negative count goes backward.
fn count(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Deny> {
    let position = cursor.peek().map(|token| token.start);
    let minus = cursor.operator("-");
    let signed = minus || cursor.operator("+");
    let digits = cursor.peek().filter(|token| token.kind == TokenKind::Integer).map(|token| token.text(cursor.text));
    let Some(digits) = digits else {
        return if signed { Err(cursor.unexpected("a number")) } else { Ok(None) };
    };
    cursor.next();
    match digits.parse::<i32>() {
        Ok(count) if count > 0 && !minus => Ok(u64::try_from(count).ok()),
        Ok(_) => Err(unsupported("only fetching forward is supported", position)),
        Err(_) => Err(Deny::new(Reason::Syntax, "the count is out of range").at(position)),
    }
}
