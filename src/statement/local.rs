//! The local reading: what a text holds, before the database sees it.

use std::ops::Range;

use sqlparser::ast::Query;
use sqlparser::parser::{Parser, ParserError};

use super::bridge::{self, Bridged, bridge};
use super::copy;
use super::cursor::Cursor;
use super::dialect::BudgetedPostgres;
use super::fetch;
use super::kind::{ExplainOption, ExplainOptionName, LocalStatement, SetValue, SetVariable, StatementKind};
use super::lexer::{Token, TokenKind};
use super::limits::{self, Limits};
use super::names::Names;
use super::prepare;
use super::setting_calls;
use super::utility;
use super::walk::{Found, walk};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// Reads every statement of a text; none for a text without tokens. An error refuses the whole text.
pub fn read(text: &str, limits: &Limits) -> Result<Vec<LocalStatement>, Deny> {
    let tokens = limits::tokens(text, limits)?;
    split(&tokens).map(|statement| one(text, statement)).collect()
}

/// The statements between semicolons. Nothing that we run holds a semicolon inside (`BEGIN ATOMIC` bodies and rules do).
fn split(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    tokens.split(|token| token.kind == TokenKind::Semicolon).filter(|statement| !statement.is_empty())
}

fn range(tokens: &[Token]) -> Range<usize> {
    let start = tokens.first().map_or(0, |token| token.start as usize);
    start..tokens.last().map_or(start, |token| token.end as usize)
}

fn one(text: &str, tokens: &[Token]) -> Result<LocalStatement, Deny> {
    let statement = |kind, names| LocalStatement { range: range(tokens), kind, names };
    let mut cursor = Cursor::new(text, tokens);
    if let Some(kind) = utility::read(&mut cursor)? {
        return Ok(statement(kind, Names::default()));
    }
    if cursor.word("explain") {
        return Ok(statement(explain(text, &mut cursor)?, Names::default()));
    }
    if is_query(text, tokens) || write_verb(text, tokens).is_some() {
        let (kind, names) = query(text, tokens)?;
        return Ok(statement(kind, names));
    }
    if let Some(kind) = around(&mut cursor)? {
        return Ok(statement(kind, Names::default()));
    }
    Ok(statement(other(&cursor)?, Names::default()))
}

/// SQL's own prepared statements, cursors and COPY. The queries in them are read as statements of their own.
fn around(cursor: &mut Cursor<'_>) -> Result<Option<StatementKind>, Deny> {
    if let Some(kind) = prepare::read(cursor)? {
        return Ok(Some(kind));
    }
    if let Some(kind) = fetch::read(cursor)? {
        return Ok(Some(kind));
    }
    copy::read(cursor)
}

fn is_query(text: &str, tokens: &[Token]) -> bool {
    let first = tokens.iter().find(|token| token.kind != TokenKind::LeftParen);
    first.is_some_and(|first| ["select", "with", "values", "table"].iter().any(|word| first.is_word(text, word)))
}

/// INSERT, UPDATE, DELETE or MERGE, if that is the first word.
fn write_verb(text: &str, tokens: &[Token]) -> Option<&'static str> {
    const VERBS: [(&str, &str); 4] = [("insert", "INSERT"), ("update", "UPDATE"), ("delete", "DELETE"), ("merge", "MERGE")];
    let first = tokens.first()?;
    VERBS.into_iter().find(|(word, _)| first.is_word(text, word)).map(|(_, verb)| verb)
}

fn query(text: &str, tokens: &[Token]) -> Result<(StatementKind, Names), Deny> {
    if let Some(call) = lone_call(text, tokens).or_else(|| setting_calls::read(text, tokens)) {
        return Ok((call, Names::default()));
    }
    // The tree is built, walked and dropped on the guarded stack; only names leave it.
    let (found, operators) = stacker::maybe_grow(STACK, STACK, || {
        let Bridged { tokens: bridged, operators } = bridge(text, tokens)?;
        let query = parse(bridged)?;
        Ok((walk(text, tokens, &query)?, operators))
    })?;
    let Found { mut names, write, into } = found;
    names.operators = operators;
    match (write, into) {
        (Some(_), Some(_)) => Ok((StatementKind::Unsupported { word: "SELECT INTO".to_owned() }, Names::default())),
        (Some(verb), None) => Ok((StatementKind::Write { verb: write_verb(text, tokens).unwrap_or(verb) }, names)),
        (None, Some(_)) => Ok((StatementKind::Unsupported { word: "SELECT INTO".to_owned() }, Names::default())),
        (None, None) => Ok((StatementKind::Select, names)),
    }
}

/// The parser counts up to three levels for one parenthesis of those that `limits` lets through.
const RECURSION_LIMIT: usize = 220;
/// What the parser may need for so many levels: measured at under 4 MiB in a build without optimisation, where a worker
/// thread has 2 MiB.
const STACK: usize = 8 * 1024 * 1024;

fn parse(tokens: Vec<sqlparser::tokenizer::TokenWithSpan>) -> Result<Box<Query>, Deny> {
    let dialect = BudgetedPostgres::for_tokens(tokens.len());
    let mut parser = Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT).with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(syntax)?;
    let rest = parser.peek_token();
    if rest.token != sqlparser::tokenizer::Token::EOF {
        let deny = Deny::new(Reason::Syntax, format!("syntax error at or near \"{}\"", rest.token));
        return Err(deny.at(bridge::position(rest.span)).hint(PLAIN));
    }
    Ok(query)
}

const PLAIN: &str = "Use the plain form of the statement here; some rare spellings that Postgres accepts are not read.";

fn syntax(error: ParserError) -> Deny {
    match error {
        ParserError::RecursionLimitExceeded => Deny::new(Reason::TooComplex, "the statement is nested too deeply")
            .hint("Write it flatter, with fewer parentheses or subqueries inside each other."),
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            let (message, position) = split_location(&message);
            Deny::new(Reason::Syntax, format!("syntax error: {message}")).at(position).hint(PLAIN)
        }
    }
}

/// `sqlparser` writes the place behind its messages: ` at Line: 1, Column: 8`; a column is our byte plus one.
fn split_location(message: &str) -> (&str, Option<u32>) {
    match message.rsplit_once(" at Line: 1, Column: ") {
        Some((message, column)) => (message, column.parse::<u32>().ok().and_then(|column| column.checked_sub(1))),
        None => (message, None),
    }
}

/// EXPLAIN: only options that don't run the statement and don't show settings or statistics.
fn explain(text: &str, cursor: &mut Cursor<'_>) -> Result<StatementKind, Deny> {
    let mut options = Vec::new();
    if cursor.peek().is_some_and(|token| token.kind == TokenKind::LeftParen) && !is_query(text, cursor.rest()) {
        cursor.next();
        loop {
            options.push(explain_option(cursor)?);
            if cursor.kind(TokenKind::RightParen) {
                break;
            }
            if !cursor.kind(TokenKind::Comma) {
                return Err(cursor.unexpected("\",\" or \")\""));
            }
        }
    } else {
        let position = cursor.peek().map(|token| token.start);
        if cursor.word("analyze") || cursor.word("analyse") {
            return Err(analyze(position));
        }
        if cursor.word("verbose") {
            options.push(ExplainOption { name: ExplainOptionName::Verbose, value: None });
        }
    }
    let rest = cursor.rest();
    if rest.is_empty() {
        return Err(cursor.unexpected("a statement"));
    }
    let (kind, names) = match write_verb(text, rest) {
        Some(verb) => (StatementKind::Write { verb }, Names::default()),
        None if is_query(text, rest) => query(text, rest)?,
        None => {
            let deny = Deny::new(Reason::StatementNotAllowed, "EXPLAIN of this statement is not allowed").at(Some(rest[0].start));
            return Err(deny.hint("EXPLAIN takes a SELECT."));
        }
    };
    let inner = LocalStatement { range: range(rest), kind, names };
    Ok(StatementKind::Explain { inner: Box::new(inner), options })
}

fn analyze(position: Option<u32>) -> Deny {
    Deny::new(Reason::StatementNotAllowed, "EXPLAIN ANALYZE runs the statement and is not allowed")
        .at(position)
        .hint("Leave ANALYZE out: EXPLAIN alone shows the plan.")
}

fn explain_option(cursor: &mut Cursor<'_>) -> Result<ExplainOption, Deny> {
    let position = cursor.peek().map(|token| token.start);
    let word = cursor.identifier()?;
    let name = match word.as_str() {
        "costs" => ExplainOptionName::Costs,
        "verbose" => ExplainOptionName::Verbose,
        "format" => ExplainOptionName::Format,
        "summary" => ExplainOptionName::Summary,
        "analyze" | "analyse" => return Err(analyze(position)),
        _ => {
            let deny = Deny::new(Reason::StatementNotAllowed, format!("the option {word} of EXPLAIN is not allowed"));
            return Err(deny.at(position).hint("Allowed are COSTS, VERBOSE, FORMAT and SUMMARY."));
        }
    };
    let value = match cursor.peek().map(|token| token.kind) {
        Some(TokenKind::Comma | TokenKind::RightParen) => None,
        Some(TokenKind::Word | TokenKind::QuotedWord) => Some(cursor.identifier()?),
        Some(TokenKind::Integer) => cursor.next().map(|token| token.text(cursor.text).to_owned()),
        Some(TokenKind::String) => cursor.string(),
        _ => return Err(cursor.unexpected("the option's value")),
    };
    Ok(ExplainOption { name, value })
}

/// `SELECT set_config('name', 'value', bool)` and `SELECT pg_advisory_unlock_all()`, alone and with constants only: the
/// proxy answers them itself. Anything else about them goes the way of every SELECT.
fn lone_call(text: &str, tokens: &[Token]) -> Option<StatementKind> {
    let mut cursor = Cursor::new(text, tokens);
    if !cursor.word("select") {
        return None;
    }
    if cursor.word("pg_catalog") && !cursor.kind(TokenKind::Dot) {
        return None;
    }
    let function = cursor.identifier().ok()?;
    if !cursor.kind(TokenKind::LeftParen) {
        return None;
    }
    match function.as_str() {
        "set_config" => {
            let name = cursor.string()?.to_ascii_lowercase();
            cursor.kind(TokenKind::Comma).then_some(())?;
            let value = cursor.string()?;
            cursor.kind(TokenKind::Comma).then_some(())?;
            let local = cursor.word("true");
            (local || cursor.word("false")).then_some(())?;
            cursor.kind(TokenKind::RightParen).then_some(())?;
            let call = Some(column(&mut cursor, function)?);
            Some(StatementKind::Set(SetVariable { name, values: SetValue::List(vec![value]), local, call }))
        }
        "pg_advisory_unlock_all" => {
            cursor.kind(TokenKind::RightParen).then_some(())?;
            Some(StatementKind::AdvisoryUnlockAll { column: column(&mut cursor, function)? })
        }
        _ => None,
    }
}

/// The name of the only column, after which the statement ends.
fn column(cursor: &mut Cursor<'_>, function: String) -> Option<String> {
    if cursor.at_end() {
        return Some(function);
    }
    cursor.word("as").then_some(())?;
    let name = cursor.identifier().ok()?;
    cursor.at_end().then_some(name)
}

/// Everything that is known and not run is named; what starts with anything else is no statement.
fn other(cursor: &Cursor<'_>) -> Result<StatementKind, Deny> {
    const KNOWN: [&str; 36] = [
        "ALTER",
        "ANALYSE",
        "ANALYZE",
        "CALL",
        "CHECKPOINT",
        "CLOSE",
        "CLUSTER",
        "COMMENT",
        "COPY",
        "CREATE",
        "DEALLOCATE",
        "DECLARE",
        "DO",
        "DROP",
        "EXECUTE",
        "FETCH",
        "GRANT",
        "IMPORT",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MOVE",
        "NOTIFY",
        "PREPARE",
        "REASSIGN",
        "REFRESH",
        "REINDEX",
        "REPACK",
        "REVOKE",
        "SECURITY",
        "START",
        "TRUNCATE",
        "UNLISTEN",
        "VACUUM",
        "WAIT",
        "REPLICATION",
    ];
    let known = |word: &&&str| cursor.peek().is_some_and(|token| token.is_word(cursor.text, word));
    match KNOWN.iter().find(known) {
        Some(word) => Ok(StatementKind::Unsupported { word: (*word).to_owned() }),
        None => Err(cursor.unexpected("a statement")),
    }
}
