//! The words of a grant. Nothing of SQL beyond what the closed grammar needs: no comments, no `E''`, no `U&""`,
//! no floats, no operators but `=`, `<`, `<=`, `>`, `>=`.

use super::parse::{GrantError, MAX_IDENTIFIER_BYTES};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An unquoted word, folded as Postgres folds identifiers (ASCII only; `downcase_identifier` in scansup.c).
    Word(String),
    /// The name inside `"…"`, never folded.
    Quoted(String),
    Integer(i64),
    Text(String),
    /// `(`, `)`, `[`, `]`, `,`, `.`, `*`, `=`, `<`, `<=`, `>`, `>=`.
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// The whole text as lexemes, closed by `End`.
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>, GrantError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut lexemes = Vec::new();
    loop {
        let lexeme = lexer.next()?;
        let ended = lexeme.kind == Kind::End;
        lexemes.push(lexeme);
        if ended {
            return Ok(lexemes);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Lexeme, GrantError> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at;
        let kind = match self.peek() {
            None => Kind::End,
            Some(byte) if starts_word(byte) => self.word()?,
            Some(b'"') => self.quoted_identifier()?,
            Some(b'\'') => Kind::Text(self.quoted(b'\'', "a closing `'`")?),
            Some(byte) if byte.is_ascii_digit() || byte == b'-' => self.integer()?,
            Some(_) => self.symbol()?,
        };
        Ok(Lexeme { kind, start, end: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn word(&mut self) -> Result<Kind, GrantError> {
        let start = self.at;
        while self.peek().is_some_and(continues_word) {
            self.at += 1;
        }
        // A letter beyond ASCII would be part of the word to Postgres, which folds it by locale: quote it.
        if self.peek().is_some_and(|byte| !byte.is_ascii()) {
            return Err(self.error_at(self.at, "an ASCII letter (a name with other letters is written in \"…\")"));
        }
        let word = self.text[start..self.at].to_ascii_lowercase();
        if word.len() > MAX_IDENTIFIER_BYTES {
            return Err(self.error_at(start, "a name of at most 63 bytes"));
        }
        Ok(Kind::Word(word))
    }

    fn quoted_identifier(&mut self) -> Result<Kind, GrantError> {
        let start = self.at;
        let name = self.quoted(b'"', "a closing `\"`")?;
        if name.is_empty() {
            return Err(self.error_at(start, "a name that is not empty"));
        }
        if name.len() > MAX_IDENTIFIER_BYTES {
            return Err(self.error_at(start, "a name of at most 63 bytes"));
        }
        Ok(Kind::Quoted(name))
    }

    /// What stands between two quotes, a doubled quote being one of it.
    fn quoted(&mut self, quote: u8, expected: &'static str) -> Result<String, GrantError> {
        self.at += 1;
        let mut content = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = rest.bytes().position(|byte| byte == quote || byte == 0) else {
                return Err(self.error_at(self.text.len(), expected));
            };
            content.push_str(&rest[..length]);
            self.at += length;
            if self.peek() == Some(0) {
                return Err(self.error_at(self.at, "no NUL byte"));
            }
            self.at += 1;
            if self.peek() != Some(quote) {
                return Ok(content);
            }
            content.push(char::from(quote));
            self.at += 1;
        }
    }

    /// An integer in the one way it can be written: no `+`, no leading zero, no `-0`, no fraction or exponent.
    fn integer(&mut self) -> Result<Kind, GrantError> {
        let start = self.at;
        self.at += 1;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let expected = "an integer of 64 bits, without leading zeros";
        if self.peek().is_some_and(|byte| continues_word(byte) || byte == b'.' || !byte.is_ascii()) {
            return Err(self.error_at(start, expected));
        }
        let written = &self.text[start..self.at];
        match written.parse::<i64>() {
            Ok(value) if value.to_string() == written => Ok(Kind::Integer(value)),
            Ok(_) | Err(_) => Err(self.error_at(start, expected)),
        }
    }

    fn symbol(&mut self) -> Result<Kind, GrantError> {
        const SYMBOLS: [&str; 12] = ["<=", ">=", "<", ">", "=", "(", ")", "[", "]", ",", ".", "*"];
        let rest = &self.text[self.at..];
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) else {
            return Err(self.error_at(self.at, "a word, a name, a literal or one of ( ) , . * = < <= > >="));
        };
        self.at += symbol.len();
        if symbol.starts_with(['<', '>', '=']) && self.peek().is_some_and(is_operator_character) {
            return Err(self.error_at(self.at - symbol.len(), "one of the operators =, <, <=, >, >="));
        }
        Ok(Kind::Symbol(symbol))
    }

    fn error_at(&self, position: usize, expected: &'static str) -> GrantError {
        GrantError::new(self.text, position, expected)
    }
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// The characters of an operator name (`op_chars` in scan.l) but `-`, which here only begins an integer.
fn is_operator_character(byte: u8) -> bool {
    b"~!@#^&|`?+*/%<>=".contains(&byte)
}
