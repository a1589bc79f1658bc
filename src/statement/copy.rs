//! COPY (query) TO STDOUT with the options of `ProcessCopyOptions` (`src/backend/commands/copy.c`).

use super::cursor::Cursor;
use super::kind::{CopiedTable, CopyFormat, CopyLayout, ForceQuote, StatementKind};
use super::lexer::{Token, TokenKind};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// A longer string for NULL would make much of little.
const MAX_NULL: usize = 64;

pub fn read(cursor: &mut Cursor<'_>) -> Result<Option<StatementKind>, Deny> {
    let start = cursor.peek().map(|token| token.start);
    if !cursor.word("copy") {
        return Ok(None);
    }
    let (inner, table) = match cursor.kind(TokenKind::LeftParen) {
        true => (enclosed(cursor)?, None),
        false => table(cursor, start)?,
    };
    if !cursor.words(&["to", "stdout"]) {
        let deny = Deny::new(Reason::StatementNotAllowed, "COPY to a file or a program is not allowed");
        return Err(deny.at(cursor.peek().map(|token| token.start)).hint("Write TO STDOUT."));
    }
    let mut options = Options::default();
    let with = cursor.word("with");
    if cursor.kind(TokenKind::LeftParen) {
        options.list(cursor)?;
    } else {
        if with && cursor.at_end() {
            return Err(cursor.unexpected("options"));
        }
        options.old_style(cursor)?;
    }
    cursor.end(Some(StatementKind::Copy { inner, table, layout: options.check()? }))
}

/// `qualified_name opt_column_list` before TO: the rows of the table alone, without its children (`BeginCopyTo`).
fn table(cursor: &mut Cursor<'_>, start: Option<u32>) -> Result<(std::ops::Range<usize>, Option<CopiedTable>), Deny> {
    let refused = || {
        let deny = Deny::new(Reason::FeatureNotSupported, "this form of COPY is not supported").at(start);
        deny.hint("Write the query: COPY (SELECT … FROM … WHERE …) TO STDOUT.")
    };
    let quoted = |names: Vec<String>, between: &str| {
        names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect::<Vec<_>>().join(between)
    };
    let first = cursor.peek().map(|token| token.start as usize).ok_or_else(refused)?;
    let mut name = vec![cursor.identifier()?];
    while name.len() < 2 && cursor.kind(TokenKind::Dot) {
        name.push(cursor.identifier()?);
    }
    let mut list = None;
    if cursor.kind(TokenKind::LeftParen) {
        list = Some(columns(cursor)?);
        if !cursor.kind(TokenKind::RightParen) {
            return Err(cursor.unexpected("\",\" or \")\""));
        }
    }
    // COPY … FROM, COPY BINARY and what else begins so.
    let last = cursor.peek().filter(|token| token.is_word(cursor.text, "to")).map(|token| token.start as usize);
    let last = last.ok_or_else(refused)?;
    let all_columns = list.is_none();
    let list = list.map_or_else(|| "*".to_owned(), |list| quoted(list, ", "));
    let query = format!("SELECT {list} FROM ONLY {}", quoted(name, "."));
    Ok((first..last, Some(CopiedTable { query, all_columns })))
}

/// The tokens up to the parenthesis that closes the one before.
fn enclosed(cursor: &mut Cursor<'_>) -> Result<std::ops::Range<usize>, Deny> {
    let first = cursor.peek().copied();
    let mut last: Option<Token> = None;
    let mut depth = 1usize;
    while let Some(token) = cursor.next() {
        match token.kind {
            TokenKind::LeftParen => depth += 1,
            TokenKind::RightParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        last = Some(*token);
    }
    match (first, last) {
        (Some(first), Some(last)) if depth == 0 => Ok(first.start as usize..last.end as usize),
        _ => Err(cursor.unexpected("a query in parentheses")),
    }
}

#[derive(Default)]
struct Options {
    format: Option<CopyFormat>,
    header: Option<bool>,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<ForceQuote>,
}

fn once<T>(place: &mut Option<T>, value: T, cursor: &Cursor<'_>) -> Result<(), Deny> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(invalid("conflicting or redundant options").at(cursor.peek().map(|token| token.start))),
    }
}

fn invalid(message: &str) -> Deny {
    Deny::new(Reason::Syntax, message)
}

impl Options {
    fn list(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Deny> {
        loop {
            self.option(cursor)?;
            if cursor.kind(TokenKind::RightParen) {
                return Ok(());
            }
            if !cursor.kind(TokenKind::Comma) {
                return Err(cursor.unexpected("\",\" or \")\""));
            }
        }
    }

    fn option(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Deny> {
        let position = cursor.peek().map(|token| token.start);
        match cursor.identifier()?.as_str() {
            "format" => once(&mut self.format, format(cursor)?, cursor),
            "header" => once(&mut self.header, switch(cursor)?, cursor),
            "delimiter" => once(&mut self.delimiter, string(cursor)?, cursor),
            // The agent's encoding is UTF8 and no other.
            "encoding" => match encoding(cursor)?.as_str() {
                "utf8" | "utf-8" | "unicode" => Ok(()),
                _ => Err(Deny::new(Reason::FeatureNotSupported, "COPY writes UTF8 only").at(position)),
            },
            "null" => once(&mut self.null, string(cursor)?, cursor),
            "quote" => once(&mut self.quote, string(cursor)?, cursor),
            "escape" => once(&mut self.escape, string(cursor)?, cursor),
            "force_quote" => {
                if cursor.operator("*") {
                    return once(&mut self.force_quote, ForceQuote::All, cursor);
                }
                if !cursor.kind(TokenKind::LeftParen) {
                    return Err(cursor.unexpected("\"*\" or \"(\""));
                }
                let columns = columns(cursor)?;
                if !cursor.kind(TokenKind::RightParen) {
                    return Err(cursor.unexpected("\",\" or \")\""));
                }
                once(&mut self.force_quote, ForceQuote::Columns(columns), cursor)
            }
            other => {
                let deny = Deny::new(Reason::FeatureNotSupported, format!("the option {other} of COPY is not supported"));
                Err(deny.at(position).hint("Supported are FORMAT, HEADER, DELIMITER, NULL, QUOTE, ESCAPE and FORCE_QUOTE."))
            }
        }
    }

    /// As before 9.0: `copy_opt_list`.
    fn old_style(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Deny> {
        while !cursor.at_end() {
            if cursor.word("binary") {
                once(&mut self.format, CopyFormat::Binary, cursor)?;
            } else if cursor.word("csv") {
                once(&mut self.format, CopyFormat::Csv, cursor)?;
            } else if cursor.word("header") {
                once(&mut self.header, true, cursor)?;
            } else if cursor.words(&["force", "quote"]) {
                let columns = if cursor.operator("*") { ForceQuote::All } else { ForceQuote::Columns(columns(cursor)?) };
                once(&mut self.force_quote, columns, cursor)?;
            } else {
                let place = if cursor.word("delimiter") {
                    &mut self.delimiter
                } else if cursor.word("null") {
                    &mut self.null
                } else if cursor.word("quote") {
                    &mut self.quote
                } else if cursor.word("escape") {
                    &mut self.escape
                } else {
                    return Err(cursor.unexpected("an option of COPY TO"));
                };
                cursor.word("as");
                let value = string(cursor)?;
                once(place, value, cursor)?;
            }
        }
        Ok(())
    }

    fn check(self) -> Result<CopyLayout, Deny> {
        let format = self.format.unwrap_or(CopyFormat::Text);
        let csv = format == CopyFormat::Csv;
        let binary = format == CopyFormat::Binary;
        if binary && (self.delimiter.is_some() || self.null.is_some() || self.header == Some(true)) {
            return Err(invalid("DELIMITER, NULL and HEADER cannot be given in BINARY mode"));
        }
        if !csv && (self.quote.is_some() || self.escape.is_some() || self.force_quote.is_some()) {
            return Err(invalid("QUOTE, ESCAPE and FORCE_QUOTE are available only in CSV mode"));
        }
        let delimiter = one_byte(self.delimiter, if csv { b',' } else { b'\t' }, "delimiter")?;
        let quote = one_byte(self.quote, b'"', "quote")?;
        let escape = one_byte(self.escape, quote, "escape")?;
        let null = self.null.unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() });
        if null.len() > MAX_NULL || null.contains(['\r', '\n']) {
            return Err(invalid("the string for NULL is longer than 64 bytes or contains a newline"));
        }
        if matches!(delimiter, b'\r' | b'\n')
            || (!csv && !binary && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&delimiter))
        {
            return Err(invalid("COPY cannot use this delimiter"));
        }
        if csv && delimiter == quote {
            return Err(invalid("COPY delimiter and quote must be different"));
        }
        if null.as_bytes().contains(&delimiter) || (csv && null.as_bytes().contains(&quote)) {
            return Err(invalid("COPY delimiter and quote must not appear in the string for NULL"));
        }
        Ok(CopyLayout {
            format,
            header: self.header.unwrap_or(false),
            delimiter,
            null,
            quote,
            escape,
            force_quote: self.force_quote.unwrap_or(ForceQuote::Columns(Vec::new())),
        })
    }
}

fn one_byte(given: Option<String>, default: u8, what: &str) -> Result<u8, Deny> {
    match given.as_deref().map(str::as_bytes) {
        None => Ok(default),
        Some(&[byte]) => Ok(byte),
        Some(_) => Err(invalid(&format!("COPY {what} must be a single one-byte character"))),
    }
}

fn string(cursor: &mut Cursor<'_>) -> Result<String, Deny> {
    if let Some(value) = cursor.string() {
        return Ok(value);
    }
    if let Some(value) = cursor.escape_string() {
        return Ok(value);
    }
    Err(cursor.unexpected("a plain string"))
}

fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Deny> {
    let mut names = vec![cursor.identifier()?];
    while cursor.kind(TokenKind::Comma) {
        names.push(cursor.identifier()?);
    }
    Ok(names)
}

fn encoding(cursor: &mut Cursor<'_>) -> Result<String, Deny> {
    string(cursor).map(|name| name.to_ascii_lowercase())
}

fn format(cursor: &mut Cursor<'_>) -> Result<CopyFormat, Deny> {
    let unexpected = cursor.unexpected("text, csv or binary");
    let name = match cursor.string() {
        Some(name) => name,
        None => cursor.identifier()?,
    };
    match name.as_str() {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        _ => Err(unexpected),
    }
}

/// `defGetCopyHeaderChoice`; MATCH is for COPY FROM.
fn switch(cursor: &mut Cursor<'_>) -> Result<bool, Deny> {
    let unexpected = cursor.unexpected("true or false");
    let value = match cursor.peek().map(|token| token.kind) {
        Some(TokenKind::Comma | TokenKind::RightParen) => return Ok(true),
        Some(TokenKind::Integer) => cursor.next().map(|token| token.text(cursor.text).to_owned()),
        Some(TokenKind::String) => cursor.string(),
        _ => Some(cursor.identifier()?),
    };
    match value.unwrap_or_default().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" => Ok(true),
        "0" | "false" | "off" => Ok(false),
        _ => Err(unexpected),
    }
}
