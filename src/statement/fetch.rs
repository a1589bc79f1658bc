//! DECLARE, FETCH, MOVE and CLOSE, after gram.y.

use super::cursor::Cursor;
use super::kind::{Motion, StatementKind};
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
    let mut scroll = false;
    loop {
        if cursor.words(&["no", "scroll"]) || cursor.word("insensitive") || cursor.word("asensitive") {
            continue;
        }
        let position = cursor.peek().map(|token| token.start);
        if cursor.word("binary") {
            return Err(unsupported("BINARY cursors are not supported", position));
        }
        if !cursor.word("scroll") {
            break;
        }
        scroll = true;
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
    Ok(StatementKind::Declare { name, inner, scroll })
}

fn unsupported(message: &str, position: Option<u32>) -> Deny {
    Deny::new(Reason::FeatureNotSupported, message).at(position).hint("Use a plain cursor inside a transaction block.")
}

fn fetch(cursor: &mut Cursor<'_>, moves: bool) -> Result<StatementKind, Deny> {
    // A cursor may have a name such as "first".
    let motion = if cursor.rest().len() == 1 { Motion::Forward(Some(1)) } else { motion(cursor)? };
    if !cursor.word("from") {
        cursor.word("in");
    }
    let name = cursor.own_name()?;
    cursor.end(StatementKind::Fetch { name, motion, moves })
}

/// `fetch_args` before the cursor's name.
fn motion(cursor: &mut Cursor<'_>) -> Result<Motion, Deny> {
    for (word, motion) in [
        ("next", Motion::Forward(Some(1))),
        ("prior", Motion::Backward(Some(1))),
        ("first", Motion::Absolute(1)),
        ("last", Motion::Absolute(-1)),
        ("all", Motion::Forward(None)),
    ] {
        if cursor.word(word) {
            return Ok(motion);
        }
    }
    for (word, motion) in [("absolute", Motion::Absolute as fn(i64) -> Motion), ("relative", Motion::Relative)] {
        if cursor.word(word) {
            let unexpected = cursor.unexpected("a number");
            return count(cursor)?.map(motion).ok_or(unexpected);
        }
    }
    if cursor.word("backward") {
        if cursor.word("all") {
            return Ok(Motion::Backward(None));
        }
        return Ok(onward(-count(cursor)?.unwrap_or(1)));
    }
    if cursor.word("forward") && cursor.word("all") {
        return Ok(Motion::Forward(None));
    }
    Ok(onward(count(cursor)?.unwrap_or(1)))
}

/// A negative count goes the other way.
fn onward(count: i64) -> Motion {
    if count < 0 { Motion::Backward(Some(count.unsigned_abs())) } else { Motion::Forward(Some(count.unsigned_abs())) }
}

/// `SignedIconst`.
fn count(cursor: &mut Cursor<'_>) -> Result<Option<i64>, Deny> {
    let position = cursor.peek().map(|token| token.start);
    let minus = cursor.operator("-");
    let signed = minus || cursor.operator("+");
    let digits = cursor.peek().filter(|token| token.kind == TokenKind::Integer).map(|token| token.text(cursor.text));
    let Some(digits) = digits else {
        return if signed { Err(cursor.unexpected("a number")) } else { Ok(None) };
    };
    cursor.next();
    match digits.parse::<i32>() {
        Ok(count) => Ok(Some(if minus { -i64::from(count) } else { i64::from(count) })),
        Err(_) => Err(Deny::new(Reason::Syntax, "the count is out of range").at(position)),
    }
}
