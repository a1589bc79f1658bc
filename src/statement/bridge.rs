//! From our tokens to `sqlparser`'s: it parses what *we* read, never the text, so that it can't see other tokens than
//! Postgres does (its own tokenizer takes U+0085 for a space and `U&"…"` for an operator).
//!
//! The tree serves for names only, so operators that Postgres's grammar treats alike all become one, and words that
//! change no name and that `sqlparser` 0.64 can't read are left out (BETWEEN SYMMETRIC, frame EXCLUDE, VARIADIC, …).

use sqlparser::tokenizer::{Location, Span, Token as Parsed, TokenWithSpan};

use super::lexer::{Token, TokenKind};
use super::names::OperatorName;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// The tokens of one statement for the parser, and the operators among them.
pub struct Bridged {
    pub tokens: Vec<TokenWithSpan>,
    pub operators: Vec<OperatorName>,
}

/// Where a token of the parser stands in the text; its only line is 1 and its columns are our bytes.
pub fn position(span: Span) -> Option<u32> {
    (span.start.line == 1).then(|| u32::try_from(span.start.column).ok()?.checked_sub(1)).flatten()
}

fn span(token: &Token) -> Span {
    Span::new(Location::new(1, u64::from(token.start) + 1), Location::new(1, u64::from(token.end) + 1))
}

/// Translates the tokens of one statement.
pub fn bridge(text: &str, tokens: &[Token]) -> Result<Bridged, Deny> {
    let mut bridge = Bridge { text, tokens, at: 0, out: Vec::with_capacity(tokens.len()), operators: Vec::new() };
    while bridge.at < tokens.len() {
        bridge.step()?;
    }
    Ok(Bridged { tokens: bridge.out, operators: bridge.operators })
}

/// The name that an identifier token means: folded if unquoted, unescaped if quoted. `None` for every other token.
pub fn identifier(text: &str, token: &Token) -> Option<String> {
    match token.kind {
        TokenKind::Word => Some(token.text(text).to_ascii_lowercase()),
        TokenKind::QuotedWord => {
            let quoted = token.text(text);
            Some(quoted[1..quoted.len() - 1].replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// The value of a plain `'…'`; `None` for strings that need more than undoubling their quotes.
pub fn plain_string(text: &str, token: &Token) -> Option<String> {
    let quoted = token.text(text);
    (token.kind == TokenKind::String).then(|| quoted[1..quoted.len() - 1].replace("''", "'"))
}

struct Bridge<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    out: Vec<TokenWithSpan>,
    operators: Vec<OperatorName>,
}

impl Bridge<'_> {
    fn step(&mut self) -> Result<(), Deny> {
        let token = self.tokens[self.at];
        let parsed = match token.kind {
            TokenKind::Word => {
                let skipped = self.words_to_skip();
                if skipped > 0 {
                    self.at += skipped;
                    return Ok(());
                }
                if token.is_word(self.text, "isnull") {
                    self.push(token, Parsed::make_word("is", None));
                    self.push(token, Parsed::make_word("null", None));
                    self.at += 1;
                    return Ok(());
                }
                if let Some(length) = self.named_operator() {
                    self.push(token, Parsed::Tilde);
                    self.at += length;
                    return Ok(());
                }
                Parsed::make_word(&token.text(self.text).to_ascii_lowercase(), None)
            }
            TokenKind::QuotedWord => Parsed::make_word(&identifier(self.text, &token).unwrap_or_default(), Some('"')),
            TokenKind::UnicodeWord => {
                let deny = Deny::new(Reason::Syntax, "identifiers written as U&\"…\" are not read").at(Some(token.start));
                return Err(deny.hint("Write the identifier itself, in double quotes if it needs them."));
            }
            // Which kind of string it is changes no name; its value is looked up in the text where it is needed.
            TokenKind::String if self.is_frame_offset() => Parsed::Number("0".to_owned(), false),
            TokenKind::String
            | TokenKind::ContinuedString
            | TokenKind::EscapeString
            | TokenKind::BitString
            | TokenKind::HexString
            | TokenKind::NationalString
            | TokenKind::UnicodeString
            | TokenKind::DollarString => Parsed::SingleQuotedString(String::new()),
            TokenKind::Integer | TokenKind::Decimal | TokenKind::OtherNumber => {
                Parsed::Number(token.text(self.text).to_owned(), false)
            }
            TokenKind::Param => Parsed::Placeholder(token.text(self.text).to_owned()),
            TokenKind::Operator => self.operator(token),
            TokenKind::LeftParen => Parsed::LParen,
            TokenKind::RightParen => Parsed::RParen,
            TokenKind::LeftBracket => Parsed::LBracket,
            TokenKind::RightBracket => Parsed::RBracket,
            TokenKind::Comma => Parsed::Comma,
            TokenKind::Semicolon => Parsed::SemiColon,
            TokenKind::Colon => Parsed::Colon,
            TokenKind::DoubleColon => Parsed::DoubleColon,
            TokenKind::ColonEquals => Parsed::Assignment,
            TokenKind::Dot if self.is_row_expansion() => {
                self.at += 2;
                return Ok(());
            }
            TokenKind::Dot => Parsed::Period,
            TokenKind::EqualsGreater => Parsed::RArrow,
            TokenKind::DotDot => {
                return Err(Deny::new(Reason::Syntax, "\"..\" is no operator of SQL").at(Some(token.start)));
            }
        };
        self.push(token, parsed);
        self.at += 1;
        Ok(())
    }

    fn push(&mut self, token: Token, parsed: Parsed) {
        self.out.push(TokenWithSpan { token: parsed, span: span(&token) });
    }

    fn operator(&mut self, token: Token) -> Parsed {
        match token.text(self.text) {
            "+" => Parsed::Plus,
            "-" => Parsed::Minus,
            "*" => Parsed::Mul,
            "/" => Parsed::Div,
            "%" => Parsed::Mod,
            "^" => Parsed::Caret,
            "<" => Parsed::Lt,
            ">" => Parsed::Gt,
            "=" => Parsed::Eq,
            "<=" => Parsed::LtEq,
            ">=" => Parsed::GtEq,
            "<>" | "!=" => Parsed::Neq,
            other => {
                self.operators.push(OperatorName { schema: None, name: other.to_owned(), position: token.start });
                // gram.y: every other operator is `Op`, of one precedence, prefix or infix.
                Parsed::Tilde
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn word_at(&self, ahead: usize, words: &[&str]) -> bool {
        self.peek(ahead).is_some_and(|token| words.iter().any(|word| token.is_word(self.text, word)))
    }

    fn after(&self, words: &[&str]) -> bool {
        self.at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .is_some_and(|token| words.iter().any(|word| token.is_word(self.text, word)))
    }

    /// How many words here are noise for the collection of names.
    fn words_to_skip(&self) -> usize {
        let after_bound = self.after(&["row", "preceding", "following"]);
        if self.word_at(0, &["symmetric", "asymmetric"]) && self.after(&["between"]) {
            1
        } else if self.word_at(0, &["exclude"]) && after_bound {
            match () {
                () if self.word_at(1, &["no"]) && self.word_at(2, &["others"]) => 3,
                () if self.word_at(1, &["current"]) && self.word_at(2, &["row"]) => 3,
                () if self.word_at(1, &["group", "ties"]) => 2,
                () => 0,
            }
        } else if self.word_at(0, &["escape"]) && self.is_escape_of_pattern() {
            2
        } else if self.word_at(0, &["distinct", "all"]) && self.after(&["by"]) {
            // GROUP BY DISTINCT, GROUP BY ALL.
            1
        } else if self.after(&["for"]) && self.word_at(0, &["no"]) && self.word_at(1, &["key"]) && self.word_at(2, &["update"]) {
            2
        } else if self.after(&["for"]) && self.word_at(0, &["key"]) && self.word_at(1, &["share"]) {
            1
        } else {
            usize::from(self.word_at(0, &["variadic"]) && self.opens_argument())
        }
    }

    /// `LIKE $1 || '%' ESCAPE '/'`: only a plain pattern may have one there. After a constant no type's name can stand.
    fn is_escape_of_pattern(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|token| matches!(token.kind, TokenKind::String | TokenKind::Param))
            && self.peek(1).is_some_and(|token| token.kind == TokenKind::String)
    }

    /// `RANGE BETWEEN '1 day'::interval PRECEDING …`: only a number may be cast there.
    fn is_frame_offset(&self) -> bool {
        self.peek(1).is_some_and(|next| next.kind == TokenKind::DoubleColon)
            && self.after(&["rows", "range", "groups", "between", "and"])
    }

    /// `(row).*`, which reads as `(row)`.
    fn is_row_expansion(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|before| before.kind == TokenKind::RightParen)
            && self.peek(1).is_some_and(|next| next.kind == TokenKind::Operator && next.text(self.text) == "*")
    }

    fn opens_argument(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|token| matches!(token.kind, TokenKind::LeftParen | TokenKind::Comma))
    }

    /// `OPERATOR(schema.op)`: the number of its tokens, if one stands here.
    fn named_operator(&mut self) -> Option<usize> {
        if !self.word_at(0, &["operator"]) || self.peek(1)?.kind != TokenKind::LeftParen {
            return None;
        }
        let mut ahead = 2;
        let mut schema = None;
        while let Some(name) = identifier(self.text, self.peek(ahead)?) {
            if self.peek(ahead + 1)?.kind != TokenKind::Dot {
                return None;
            }
            schema = Some(name);
            ahead += 2;
        }
        let operator = *self.peek(ahead)?;
        if operator.kind != TokenKind::Operator || self.peek(ahead + 1)?.kind != TokenKind::RightParen {
            return None;
        }
        let name = operator.text(self.text).to_owned();
        self.operators.push(OperatorName { schema, name, position: operator.start });
        Some(ahead + 2)
    }
}
