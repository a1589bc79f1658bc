//! Transaction control and settings, read by our own parser after gram.y: they are small and must be exact.

use super::cursor::Cursor;
use super::kind::{Isolation, SetValue, SetVariable, StatementKind, TransactionModes};
use super::lexer::TokenKind;
use crate::decision::deny::Deny;

/// Reads the statement if its first words are those of transaction control or of a setting.
pub fn read(cursor: &mut Cursor<'_>) -> Result<Option<StatementKind>, Deny> {
    let kind = if cursor.word("begin") {
        work(cursor);
        StatementKind::Begin(modes(cursor)?)
    } else if cursor.words(&["start", "transaction"]) {
        StatementKind::Begin(modes(cursor)?)
    } else if cursor.word("commit") || cursor.word("end") {
        if cursor.word("prepared") {
            return Ok(Some(unsupported("COMMIT PREPARED")));
        }
        work(cursor);
        StatementKind::Commit { chain: chain(cursor)? }
    } else if cursor.word("rollback") || cursor.word("abort") {
        rollback(cursor)?
    } else if cursor.word("savepoint") {
        StatementKind::Savepoint { name: cursor.identifier()? }
    } else if cursor.word("release") {
        cursor.word("savepoint");
        StatementKind::Release { name: cursor.identifier()? }
    } else if cursor.word("set") {
        set(cursor)?
    } else if cursor.word("show") {
        StatementKind::Show { name: shown(cursor)? }
    } else if cursor.word("reset") {
        match shown(cursor)? {
            all if all == "all" => StatementKind::ResetAll,
            name => StatementKind::Reset { name },
        }
    } else if cursor.word("discard") {
        discard(cursor)?
    } else if cursor.word("unlisten") {
        if !cursor.operator("*") {
            return Ok(Some(unsupported("UNLISTEN")));
        }
        StatementKind::UnlistenAll
    } else if cursor.words(&["close", "all"]) {
        StatementKind::CloseAll
    } else {
        return Ok(None);
    };
    match kind {
        StatementKind::Unsupported { word } => Ok(Some(StatementKind::Unsupported { word })),
        kind => cursor.end(Some(kind)),
    }
}

fn unsupported(word: &str) -> StatementKind {
    StatementKind::Unsupported { word: word.to_owned() }
}

fn work(cursor: &mut Cursor<'_>) {
    let _ = cursor.word("work") || cursor.word("transaction");
}

fn chain(cursor: &mut Cursor<'_>) -> Result<bool, Deny> {
    if !cursor.word("and") {
        return Ok(false);
    }
    let no = cursor.word("no");
    if cursor.word("chain") { Ok(!no) } else { Err(cursor.unexpected("CHAIN")) }
}

fn rollback(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    if cursor.word("prepared") {
        return Ok(unsupported("ROLLBACK PREPARED"));
    }
    work(cursor);
    if cursor.word("to") {
        cursor.word("savepoint");
        return Ok(StatementKind::RollbackTo { name: cursor.identifier()? });
    }
    Ok(StatementKind::Rollback { chain: chain(cursor)? })
}

/// `transaction_mode_list_or_empty`: modes separated by commas or nothing. The last of a kind wins, as in Postgres.
fn modes(cursor: &mut Cursor<'_>) -> Result<TransactionModes, Deny> {
    let mut modes = TransactionModes::default();
    while !cursor.at_end() {
        mode(cursor, &mut modes)?;
        if cursor.kind(TokenKind::Comma) && cursor.at_end() {
            return Err(cursor.unexpected("a transaction mode"));
        }
    }
    Ok(modes)
}

fn mode(cursor: &mut Cursor<'_>, modes: &mut TransactionModes) -> Result<(), Deny> {
    if cursor.words(&["isolation", "level"]) {
        modes.isolation = Some(isolation(cursor)?);
    } else if cursor.words(&["read", "only"]) {
        modes.read_only = Some(true);
    } else if cursor.words(&["read", "write"]) {
        modes.read_only = Some(false);
    } else if cursor.word("deferrable") {
        modes.deferrable = Some(true);
    } else if cursor.words(&["not", "deferrable"]) {
        modes.deferrable = Some(false);
    } else {
        return Err(cursor.unexpected("a transaction mode"));
    }
    Ok(())
}

fn isolation(cursor: &mut Cursor<'_>) -> Result<Isolation, Deny> {
    if cursor.words(&["read", "uncommitted"]) {
        Ok(Isolation::ReadUncommitted)
    } else if cursor.words(&["read", "committed"]) {
        Ok(Isolation::ReadCommitted)
    } else if cursor.words(&["repeatable", "read"]) {
        Ok(Isolation::RepeatableRead)
    } else if cursor.word("serializable") {
        Ok(Isolation::Serializable)
    } else {
        Err(cursor.unexpected("an isolation level"))
    }
}

fn set(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    if cursor.word("constraints") {
        return Ok(unsupported("SET CONSTRAINTS"));
    }
    if cursor.words(&["session", "characteristics", "as", "transaction"]) {
        return Ok(StatementKind::SetSessionCharacteristics(some_modes(cursor)?));
    }
    if cursor.words(&["session", "authorization"]) {
        return Ok(StatementKind::Set(variable(cursor, "session_authorization", false)?));
    }
    let local = cursor.word("local");
    if !local {
        cursor.word("session");
    }
    if cursor.word("transaction") {
        if cursor.word("snapshot") {
            return Ok(unsupported("SET TRANSACTION SNAPSHOT"));
        }
        return Ok(StatementKind::SetTransaction(some_modes(cursor)?));
    }
    let special = [
        (&["session", "authorization"][..], "session_authorization"),
        (&["time", "zone"], "timezone"),
        (&["names"], "client_encoding"),
        (&["schema"], "search_path"),
        (&["role"], "role"),
        (&["xml", "option"], "xmloption"),
    ];
    for (words, name) in special {
        if !next_assigns(cursor, words.len()) && cursor.words(words) {
            return Ok(StatementKind::Set(variable(cursor, name, local)?));
        }
    }
    let name = variable_name(cursor)?;
    if cursor.words(&["from", "current"]) {
        return Ok(unsupported("SET … FROM CURRENT"));
    }
    if !cursor.word("to") && !cursor.operator("=") {
        return Err(cursor.unexpected("TO or ="));
    }
    Ok(StatementKind::Set(variable(cursor, &name, local)?))
}

/// `SET role = x` sets a variable of that name by the general form.
fn next_assigns(cursor: &Cursor<'_>, ahead: usize) -> bool {
    cursor.rest().get(ahead).is_some_and(|token| {
        (token.kind == TokenKind::Operator && token.text(cursor.text) == "=") || token.is_word(cursor.text, "to")
    })
}

fn some_modes(cursor: &mut Cursor<'_>) -> Result<TransactionModes, Deny> {
    if cursor.at_end() {
        return Err(cursor.unexpected("a transaction mode"));
    }
    modes(cursor)
}

fn variable_name(cursor: &mut Cursor<'_>) -> Result<String, Deny> {
    let mut name = cursor.identifier()?;
    while cursor.kind(TokenKind::Dot) {
        name.push('.');
        name.push_str(&cursor.identifier()?);
    }
    // guc.c compares the names of variables without regard to case.
    Ok(name.to_ascii_lowercase())
}

fn variable(cursor: &mut Cursor<'_>, name: &str, local: bool) -> Result<SetVariable, Deny> {
    let zone = name == "timezone";
    let alone = cursor.rest().len() == 1;
    let values = if alone && (cursor.word("default") || (zone && cursor.word("local"))) {
        SetValue::Default
    } else if name == "client_encoding" && cursor.at_end() {
        // SET NAMES without a name.
        SetValue::Default
    } else {
        SetValue::List(value_list(cursor)?)
    };
    Ok(SetVariable { name: name.to_owned(), values, local, call: None })
}

fn value_list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Deny> {
    let mut values = vec![value(cursor)?];
    while cursor.kind(TokenKind::Comma) {
        values.push(value(cursor)?);
    }
    Ok(values)
}

/// `var_value`: a string, a word (folded), or a number with its sign.
fn value(cursor: &mut Cursor<'_>) -> Result<String, Deny> {
    if let Some(value) = cursor.string() {
        return Ok(value);
    }
    let minus = cursor.operator("-");
    let signed = minus || cursor.operator("+");
    let token = cursor.peek().copied();
    match token.map(|token| token.kind) {
        Some(TokenKind::Integer | TokenKind::Decimal | TokenKind::OtherNumber) => {
            cursor.next();
            let digits = token.map_or("", |token| token.text(cursor.text));
            Ok(if minus { format!("-{digits}") } else { digits.to_owned() })
        }
        Some(TokenKind::Word | TokenKind::QuotedWord) if !signed => {
            if cursor.peek().is_some_and(|token| token.is_word(cursor.text, "interval")) {
                return Err(cursor.unexpected("a plain value such as 'UTC'"));
            }
            cursor.identifier()
        }
        _ => Err(cursor.unexpected("a value")),
    }
}

/// The name after SHOW or RESET, with the spellings that have words of their own.
fn shown(cursor: &mut Cursor<'_>) -> Result<String, Deny> {
    if cursor.words(&["time", "zone"]) {
        Ok("timezone".to_owned())
    } else if cursor.words(&["transaction", "isolation", "level"]) {
        Ok("transaction_isolation".to_owned())
    } else if cursor.words(&["session", "authorization"]) {
        Ok("session_authorization".to_owned())
    } else {
        variable_name(cursor)
    }
}

fn discard(cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    if cursor.word("all") {
        return Ok(StatementKind::DiscardAll);
    }
    for part in ["plans", "sequences", "temp", "temporary"] {
        if cursor.word(part) {
            return Ok(unsupported("DISCARD"));
        }
    }
    Err(cursor.unexpected("ALL"))
}
