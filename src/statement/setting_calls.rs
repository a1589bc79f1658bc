//! `SELECT current_setting('jit') AS cur, set_config('jit', 'off', false)`: settings asked and set by functions alone, which
//! the proxy answers itself, since settings are its own. Drivers do so to save a setting and restore it.

use super::catalogue::is_catalogue_setting;
use super::cursor::Cursor;
use super::kind::{SettingCall, SettingValue, StatementKind};
use super::lexer::{Token, TokenKind};

/// More calls than this in one statement are not meant.
const MAX_CALLS: usize = 32;

/// `None` for anything that is not such a list of calls with constants or parameters: it goes the way of every SELECT.
pub fn read(text: &str, tokens: &[Token]) -> Option<StatementKind> {
    let mut cursor = Cursor::new(text, tokens);
    cursor.word("select").then_some(())?;
    let mut calls = Vec::new();
    loop {
        calls.push(call(&mut cursor)?);
        if cursor.at_end() {
            break;
        }
        (cursor.kind(TokenKind::Comma) && calls.len() < MAX_CALLS).then_some(())?;
    }
    // What the catalogue's filtered view shows, its own statements ask together with other things.
    let ours = calls.iter().any(|call| call.set.is_some() || !is_catalogue_setting(&call.name));
    ours.then_some(StatementKind::SettingCalls(calls))
}

fn call(cursor: &mut Cursor<'_>) -> Option<SettingCall> {
    if cursor.word("pg_catalog") {
        cursor.kind(TokenKind::Dot).then_some(())?;
    }
    let function = cursor.identifier().ok()?;
    cursor.kind(TokenKind::LeftParen).then_some(())?;
    let name = cursor.string()?.to_ascii_lowercase();
    let set = match function.as_str() {
        "current_setting" => {
            if cursor.kind(TokenKind::Comma) {
                truth(cursor)?;
            }
            None
        }
        "set_config" => {
            cursor.kind(TokenKind::Comma).then_some(())?;
            let value = value(cursor)?;
            cursor.kind(TokenKind::Comma).then_some(())?;
            Some((value, truth(cursor)?))
        }
        _ => return None,
    };
    cursor.kind(TokenKind::RightParen).then_some(())?;
    let column = if cursor.word("as") { cursor.identifier().ok()? } else { function };
    Some(SettingCall { column, name, set })
}

fn value(cursor: &mut Cursor<'_>) -> Option<SettingValue> {
    if let Some(value) = cursor.string() {
        return Some(SettingValue::Constant(value));
    }
    let token = cursor.peek().filter(|token| token.kind == TokenKind::Param)?;
    // Only $1, so that the statement has no parameter without a type.
    (token.text(cursor.text) == "$1").then_some(())?;
    cursor.next();
    Some(SettingValue::Parameter)
}

fn truth(cursor: &mut Cursor<'_>) -> Option<bool> {
    let truth = cursor.word("true");
    (truth || cursor.word("false")).then_some(truth)
}

#[cfg(test)]
mod tests {
    use super::super::kind::StatementKind::SettingCalls;
    use super::super::limits::Limits;
    use super::super::local;
    use super::*;

    fn kind(text: &str) -> StatementKind {
        local::read(text, &Limits::default()).expect("is read").remove(0).kind
    }

    #[test]
    fn what_drivers_send_is_a_list_of_calls() {
        let SettingCalls(calls) = kind("SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new") else {
            panic!("a list of calls")
        };
        let off = Some((SettingValue::Constant("off".to_owned()), false));
        let call = |column: &str, set| SettingCall { column: column.to_owned(), name: "jit".to_owned(), set };
        assert_eq!(calls, [call("cur", None), call("new", off)]);
        let SettingCalls(calls) = kind("select pg_catalog.set_config('JIT', $1, true)") else { panic!("a list of calls") };
        assert_eq!(calls, [call("set_config", Some((SettingValue::Parameter, true)))]);
    }

    #[test]
    fn anything_beside_the_calls_makes_it_a_query_of_the_usual_kind() {
        for text in [
            "SELECT set_config('jit', $2, false)",
            "SELECT set_config('jit', $1::text, false)",
            "SELECT set_config('jit', $1, x)",
            "SELECT set_config($1, 'off', false)",
            "SELECT public.set_config('jit', $1, false)",
            "SELECT set_config('jit', $1, false) FROM t",
            "SELECT set_config('jit', $1, false), 1",
            "SELECT current_setting('jit') || 'x'",
            "SELECT current_setting('server_version_num')",
        ] {
            let read = local::read(text, &Limits::default()).map(|mut statements| statements.remove(0).kind);
            assert!(!matches!(read, Ok(SettingCalls(_))), "{text}");
        }
    }
}
