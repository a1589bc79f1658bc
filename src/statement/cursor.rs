//! A reader over the tokens of one statement, for the statements that are simpler than their grammar.

use super::bridge::{identifier, plain_string};
use super::lexer::{Token, TokenKind};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

pub struct Cursor<'a> {
    pub text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        Cursor { text, tokens, at: 0 }
    }

    pub fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    pub fn at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    pub fn rest(&self) -> &'a [Token] {
        &self.tokens[self.at..]
    }

    /// From the next token to the last one; `None` at the end.
    pub fn rest_range(&self) -> Option<std::ops::Range<usize>> {
        let (first, last) = (self.peek()?, self.tokens.last()?);
        Some(first.start as usize..last.end as usize)
    }

    pub fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Takes the word if it is next.
    pub fn word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_word(self.text, word));
        self.at += usize::from(found);
        found
    }

    /// Takes the words if all of them are next.
    pub fn words(&mut self, words: &[&str]) -> bool {
        let rest = self.rest();
        let found = rest.len() >= words.len() && rest.iter().zip(words).all(|(token, word)| token.is_word(self.text, word));
        self.at += if found { words.len() } else { 0 };
        found
    }

    pub fn kind(&mut self, kind: TokenKind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == kind);
        self.at += usize::from(found);
        found
    }

    pub fn operator(&mut self, operator: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == TokenKind::Operator && token.text(self.text) == operator);
        self.at += usize::from(found);
        found
    }

    pub fn identifier(&mut self) -> Result<String, Deny> {
        let name = self.peek().and_then(|token| identifier(self.text, token));
        match name {
            Some(name) => {
                self.at += 1;
                Ok(name)
            }
            None => Err(self.unexpected("a name")),
        }
    }

    /// The name of a prepared statement or cursor. Postgres cuts longer ones.
    pub fn own_name(&mut self) -> Result<String, Deny> {
        let unexpected = self.unexpected("a name of at most 63 bytes");
        let name = self.identifier()?;
        if name.is_empty() || name.len() > 63 { Err(unexpected) } else { Ok(name) }
    }

    pub fn string(&mut self) -> Option<String> {
        let value = plain_string(self.text, self.peek()?)?;
        self.at += 1;
        Some(value)
    }

    /// `E'\t'` and its like: one character, escaped.
    pub fn escape_string(&mut self) -> Option<String> {
        let token = self.peek().filter(|token| token.kind == TokenKind::EscapeString)?;
        let value = match token.text(self.text).get(1..)? {
            r"'\t'" => "\t",
            r"'\b'" => "\u{8}",
            r"'\f'" => "\u{c}",
            r"'\\'" => "\\",
            _ => return None,
        };
        self.at += 1;
        Some(value.to_owned())
    }

    pub fn unexpected(&self, wanted: &str) -> Deny {
        let (message, position) = match self.peek() {
            Some(token) => {
                (format!("syntax error at or near \"{}\": {wanted} is expected", token.text(self.text)), Some(token.start))
            }
            None => {
                (format!("syntax error at end of statement: {wanted} is expected"), self.tokens.last().map(|token| token.end))
            }
        };
        Deny::new(Reason::Syntax, message).at(position)
    }

    pub fn end<T>(&self, value: T) -> Result<T, Deny> {
        if self.at_end() { Ok(value) } else { Err(self.unexpected("the end of the statement")) }
    }
}
