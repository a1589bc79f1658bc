//! Postgres's own lexical rules over bytes (`src/backend/parser/scan.l`, `standard_conforming_strings = on`).
//!
//! Boundaries are exact or the text is refused: what 15 and 16 read differently (`1_000`, `0x1F`, a vertical tab) is an
//! error here, so that a token never means one thing to us and another to some server version.

use thiserror::Error;

/// What a token is, by the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An identifier or keyword without quotes.
    Word,
    /// `"…"`.
    QuotedWord,
    /// `U&"…"`.
    UnicodeWord,
    /// `'…'` in one piece.
    String,
    /// Any string constant that is continued on another line.
    ContinuedString,
    /// `E'…'`.
    EscapeString,
    /// `B'…'`.
    BitString,
    /// `X'…'`.
    HexString,
    /// `N'…'`.
    NationalString,
    /// `U&'…'`.
    UnicodeString,
    /// `$tag$…$tag$`.
    DollarString,
    /// Decimal digits only.
    Integer,
    /// Digits, a point, digits.
    Decimal,
    /// `.5`, `5.`, `1e3`.
    OtherNumber,
    /// `$1`.
    Param,
    /// Operator characters, after Postgres's rule for trailing `+` and `-`.
    Operator,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    Comma,
    Semicolon,
    Colon,
    DoubleColon,
    ColonEquals,
    Dot,
    DotDot,
    EqualsGreater,
}

/// One token: its kind and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub start: u32,
    pub end: u32,
}

impl Token {
    /// The token's own bytes. `text` must be the text it was read from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// An unquoted word, compared as a keyword.
    pub fn is_word(&self, text: &str, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text(text).eq_ignore_ascii_case(word)
    }
}

/// Why the text has no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LexErrorKind {
    #[error("unterminated quoted string")]
    UnterminatedString,
    #[error("unterminated quoted identifier")]
    UnterminatedIdentifier,
    #[error("unterminated dollar-quoted string")]
    UnterminatedDollarString,
    #[error("unterminated comment")]
    UnterminatedComment,
    #[error("comments are nested too deeply")]
    CommentTooDeep,
    #[error("zero-length quoted identifier")]
    EmptyIdentifier,
    #[error("identifier longer than 63 bytes")]
    LongIdentifier,
    #[error("operator longer than 63 bytes")]
    LongOperator,
    #[error("number written in a way that not every server version reads alike")]
    UnusualNumber,
    #[error("parameter number out of range or followed by junk")]
    BadParam,
    #[error("character that does not belong to SQL here")]
    UnexpectedByte,
}

/// A refusal of the lexer and the byte where it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {position}")]
pub struct LexError {
    pub kind: LexErrorKind,
    pub position: u32,
}

/// Postgres cuts identifiers at NAMEDATALEN − 1 bytes; a cut name is another name, so longer ones are refused.
const MAX_NAME: usize = 63;
/// Operator characters in a row, of one operator or of several.
const MAX_OPERATOR_RUN: usize = 256;

/// An iterator over the tokens of a text; stops after the first error.
pub struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    max_comment_depth: u32,
    saw_comment: bool,
    failed: bool,
}

impl<'a> Lexer<'a> {
    /// `text` must be shorter than 4 GiB (`limits` caps it long before).
    pub fn new(text: &'a str, max_comment_depth: u32) -> Self {
        Lexer { bytes: text.as_bytes(), at: 0, max_comment_depth, saw_comment: false, failed: false }
    }

    /// Whether a comment was skipped so far, inside a continued string too.
    pub fn saw_comment(&self) -> bool {
        self.saw_comment
    }

    fn peek(&self, ahead: usize) -> u8 {
        // A NUL never starts or continues a token, so it can stand for "no byte".
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn error(&self, kind: LexErrorKind, position: usize) -> LexError {
        LexError { kind, position: position as u32 }
    }

    /// Whitespace and comments. `scan.l`: `space [ \t\n\r\f]`, on 16 and later `\v` too, which is therefore refused.
    #[inline]
    fn skip_blank(&mut self) -> Result<(), LexError> {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.at += 1,
                b'-' if self.peek(1) == b'-' => self.skip_line_comment(),
                b'/' if self.peek(1) == b'*' => self.skip_block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line_comment(&mut self) {
        self.saw_comment = true;
        while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), LexError> {
        self.saw_comment = true;
        let start = self.at;
        let mut depth = 0u32;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    if depth > self.max_comment_depth {
                        return Err(self.error(LexErrorKind::CommentTooDeep, self.at));
                    }
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(self.error(LexErrorKind::UnterminatedComment, start))
    }

    #[inline]
    fn token(&mut self) -> Result<Token, LexError> {
        let start = self.at;
        let kind = match self.peek(0) {
            b'\'' => self.string(TokenKind::String)?,
            b'"' => self.quoted_identifier(TokenKind::QuotedWord)?,
            b'e' | b'E' if self.peek(1) == b'\'' => self.prefixed_string(1, TokenKind::EscapeString)?,
            b'b' | b'B' if self.peek(1) == b'\'' => self.prefixed_string(1, TokenKind::BitString)?,
            b'x' | b'X' if self.peek(1) == b'\'' => self.prefixed_string(1, TokenKind::HexString)?,
            b'n' | b'N' if self.peek(1) == b'\'' => self.prefixed_string(1, TokenKind::NationalString)?,
            b'u' | b'U' if self.peek(1) == b'&' && self.peek(2) == b'\'' => self.prefixed_string(2, TokenKind::UnicodeString)?,
            b'u' | b'U' if self.peek(1) == b'&' && self.peek(2) == b'"' => {
                self.at += 2;
                self.quoted_identifier(TokenKind::UnicodeWord)?
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => self.word()?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_ascii_digit() => self.number()?,
            b'$' => self.dollar()?,
            b'(' => self.take(1, TokenKind::LeftParen),
            b')' => self.take(1, TokenKind::RightParen),
            b'[' => self.take(1, TokenKind::LeftBracket),
            b']' => self.take(1, TokenKind::RightBracket),
            b',' => self.take(1, TokenKind::Comma),
            b';' => self.take(1, TokenKind::Semicolon),
            b'.' if self.peek(1) == b'.' => self.take(2, TokenKind::DotDot),
            b'.' => self.take(1, TokenKind::Dot),
            b':' if self.peek(1) == b':' => self.take(2, TokenKind::DoubleColon),
            b':' if self.peek(1) == b'=' => self.take(2, TokenKind::ColonEquals),
            b':' => self.take(1, TokenKind::Colon),
            byte if is_operator(byte) => self.operator()?,
            _ => return Err(self.error(LexErrorKind::UnexpectedByte, start)),
        };
        Ok(Token { kind, start: start as u32, end: self.at as u32 })
    }

    fn take(&mut self, length: usize, kind: TokenKind) -> TokenKind {
        self.at += length;
        kind
    }

    #[inline]
    fn word(&mut self) -> Result<TokenKind, LexError> {
        let start = self.at;
        let rest = &self.bytes[start..];
        self.at += rest.iter().position(|&byte| !is_word_part(byte)).unwrap_or(rest.len());
        if self.at - start > MAX_NAME {
            return Err(self.error(LexErrorKind::LongIdentifier, start));
        }
        Ok(TokenKind::Word)
    }

    fn quoted_identifier(&mut self, kind: TokenKind) -> Result<TokenKind, LexError> {
        let start = self.at;
        self.at += 1;
        let mut length = 0usize;
        loop {
            match self.bytes.get(self.at) {
                None | Some(0) => return Err(self.error(LexErrorKind::UnterminatedIdentifier, start)),
                Some(b'"') if self.peek(1) == b'"' => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
            }
            length += 1;
        }
        self.at += 1;
        match length {
            0 => Err(self.error(LexErrorKind::EmptyIdentifier, start)),
            1..=MAX_NAME => Ok(kind),
            _ => Err(self.error(LexErrorKind::LongIdentifier, start)),
        }
    }

    fn prefixed_string(&mut self, prefix: usize, kind: TokenKind) -> Result<TokenKind, LexError> {
        self.at += prefix;
        self.string(kind)
    }

    /// From the opening quote to the closing one, over every continuation.
    fn string(&mut self, kind: TokenKind) -> Result<TokenKind, LexError> {
        let start = self.at;
        let backslash_escapes = kind == TokenKind::EscapeString;
        // `xbinside` and `xhinside` end at the first quote.
        let doubled_quotes = !matches!(kind, TokenKind::BitString | TokenKind::HexString);
        let mut found = kind;
        loop {
            self.at += 1;
            self.string_body(start, backslash_escapes, doubled_quotes)?;
            if !self.continuation() {
                return Ok(found);
            }
            found = TokenKind::ContinuedString;
        }
    }

    fn string_body(&mut self, start: usize, backslash_escapes: bool, doubled_quotes: bool) -> Result<(), LexError> {
        loop {
            match self.bytes.get(self.at) {
                None | Some(0) => return Err(self.error(LexErrorKind::UnterminatedString, start)),
                Some(b'\'') if doubled_quotes && self.peek(1) == b'\'' => self.at += 2,
                Some(b'\'') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') if backslash_escapes => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    /// `quotecontinue`: blanks and line comments with a newline in them, then a quote. Stays put if there is none.
    fn continuation(&mut self) -> bool {
        let mut ahead = self.at;
        let mut newline = false;
        let mut comment = false;
        loop {
            match self.bytes.get(ahead) {
                Some(b' ' | b'\t' | 0x0c) => ahead += 1,
                Some(b'\n' | b'\r') => {
                    newline = true;
                    ahead += 1;
                }
                Some(b'-') if self.bytes.get(ahead + 1) == Some(&b'-') => {
                    comment = true;
                    while !matches!(self.bytes.get(ahead), None | Some(b'\n' | b'\r')) {
                        ahead += 1;
                    }
                }
                Some(b'\'') if newline => {
                    self.at = ahead;
                    self.saw_comment |= comment;
                    return true;
                }
                _ => return false,
            }
        }
    }

    /// `decinteger`, `numeric`, `real` of scan.l; what 15 calls junk after a number is refused on every version.
    fn number(&mut self) -> Result<TokenKind, LexError> {
        let start = self.at;
        let mut kind = TokenKind::Integer;
        self.digits();
        let whole = self.at - start;
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            self.at += 1;
            let fraction = self.digits();
            kind = if whole > 0 && fraction > 0 { TokenKind::Decimal } else { TokenKind::OtherNumber };
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.digits();
                kind = TokenKind::OtherNumber;
            }
        }
        if is_word_part(self.peek(0)) {
            return Err(self.error(LexErrorKind::UnusualNumber, start));
        }
        Ok(kind)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    fn dollar(&mut self) -> Result<TokenKind, LexError> {
        if self.peek(1).is_ascii_digit() {
            return self.param();
        }
        let start = self.at;
        let mut end = start + 1;
        while self.bytes.get(end).is_some_and(|&byte| is_word_part(byte) && byte != b'$') {
            end += 1;
        }
        if self.bytes.get(end) != Some(&b'$') {
            return Err(self.error(LexErrorKind::UnexpectedByte, start));
        }
        let delimiter = &self.bytes[start..=end];
        let body = end + 1;
        match find(&self.bytes[body..], delimiter) {
            Some(length) => {
                self.at = body + length + delimiter.len();
                Ok(TokenKind::DollarString)
            }
            None => Err(self.error(LexErrorKind::UnterminatedDollarString, start)),
        }
    }

    fn param(&mut self) -> Result<TokenKind, LexError> {
        let start = self.at;
        self.at += 1;
        // The protocol counts parameters in 16 bits; atol of a longer number would wrap.
        if self.digits() > 5 || is_word_part(self.peek(0)) {
            return Err(self.error(LexErrorKind::BadParam, start));
        }
        Ok(TokenKind::Param)
    }

    /// The `operator` rule: cut at the start of a comment, then drop trailing `+`/`-` unless a character earlier in the
    /// operator can't occur in a standard one.
    fn operator(&mut self) -> Result<TokenKind, LexError> {
        let start = self.at;
        let mut end = start;
        while self.bytes.get(end).copied().is_some_and(is_operator) {
            let next = self.bytes.get(end + 1);
            let comment = matches!((self.bytes[end], next), (b'/', Some(b'*')) | (b'-', Some(b'-')));
            if comment && end > start {
                break;
            }
            end += 1;
            // A run of `+` is as many operators, and every one of them would look at the whole rest of the run.
            if end - start > MAX_OPERATOR_RUN {
                return Err(self.error(LexErrorKind::LongOperator, start));
            }
        }
        let special = |b: &u8| matches!(b, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%');
        if !self.bytes[start..end].iter().any(special) {
            while end - start > 1 && matches!(self.bytes[end - 1], b'+' | b'-') {
                end -= 1;
            }
        }
        if end - start > MAX_NAME {
            return Err(self.error(LexErrorKind::LongOperator, start));
        }
        self.at = end;
        Ok(if &self.bytes[start..end] == b"=>" { TokenKind::EqualsGreater } else { TokenKind::Operator })
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, LexError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let blank = self.skip_blank();
        if blank.is_ok() && self.at >= self.bytes.len() {
            return None;
        }
        let token = blank.and_then(|()| self.token());
        self.failed = token.is_err();
        Some(token)
    }
}

const OPERATOR: u8 = 1;
const WORD: u8 = 2;

/// The two classes of bytes that tokens are run together from.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let operators = b"~!@#^&|`?+-*/%<>=";
    let mut at = 0;
    while at < operators.len() {
        class[operators[at] as usize] = OPERATOR;
        at += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        if byte >= 0x80 || (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize || byte == b'$' as usize {
            class[byte] = WORD;
        }
        byte += 1;
    }
    class
};

/// `op_chars`.
fn is_operator(byte: u8) -> bool {
    CLASS[usize::from(byte)] == OPERATOR
}

/// `ident_cont`: letters, digits, `_`, `$` and every byte above ASCII, Unicode spaces included.
pub(super) fn is_word_part(byte: u8) -> bool {
    CLASS[usize::from(byte)] == WORD
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    (0..haystack.len()).find(|&at| haystack[at] == first && haystack[at..].starts_with(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Result<Vec<(TokenKind, &str)>, LexErrorKind> {
        let tokens = Lexer::new(text, 4).map(|token| token.map(|token| (token.kind, token.text(text))));
        tokens.collect::<Result<_, _>>().map_err(|error: LexError| error.kind)
    }

    #[test]
    fn kinds_are_told_by_the_way_they_are_written() {
        use TokenKind::*;
        let cases: &[(&str, &[TokenKind])] = &[
            ("a A$1 _é", &[Word, Word, Word]),
            ("\"a\" U&\"a\" u & a", &[QuotedWord, UnicodeWord, Word, Operator, Word]),
            ("'a' e'\\'' B'1' X'1' n'a' U&'a'", &[String, EscapeString, BitString, HexString, NationalString, UnicodeString]),
            ("'a'\n'b' E'a'--\n'b' 'a' 'b'", &[ContinuedString, ContinuedString, String, String]),
            ("$$a$$ $a$ $$ $a$ $1", &[DollarString, DollarString, Param]),
            ("1 1.5 .5 5. 1e3 1..2", &[Integer, Decimal, OtherNumber, OtherNumber, OtherNumber, Integer, DotDot, Integer]),
            ("a::b :=c : => =", &[Word, DoubleColon, Word, ColonEquals, Word, Colon, EqualsGreater, Operator]),
        ];
        for (text, kinds) in cases {
            let found: Vec<TokenKind> = lex(text).expect(text).into_iter().map(|(kind, _)| kind).collect();
            assert_eq!(found, *kinds, "{text}");
        }
    }

    #[test]
    fn a_long_run_of_operators_is_refused_at_once() {
        for run in ["+", "-+", "@", "<"] {
            let text = run.repeat(1 << 20);
            assert_eq!(lex(&text).unwrap_err(), LexErrorKind::LongOperator, "{run}");
        }
        assert_eq!(lex(&"+".repeat(200)).unwrap().len(), 200);
    }

    #[test]
    fn an_operator_ends_where_postgres_ends_it() {
        let operators = |text| lex(text).expect(text).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(operators("=-"), ["=", "-"]);
        assert_eq!(operators("@-"), ["@-"]);
        assert_eq!(operators("<--x\n>"), ["<", ">"]);
        assert_eq!(operators("+/*x*/-"), ["+", "-"]);
        assert_eq!(operators("||-+"), ["||-+"]);
        assert_eq!(operators("*-+"), ["*", "-", "+"]);
    }

    #[test]
    fn what_versions_read_differently_is_refused() {
        let cases = [
            ("1_000", LexErrorKind::UnusualNumber),
            ("0x1F", LexErrorKind::UnusualNumber),
            ("1a", LexErrorKind::UnusualNumber),
            ("1e", LexErrorKind::UnusualNumber),
            ("$1a", LexErrorKind::BadParam),
            ("$123456", LexErrorKind::BadParam),
            ("a\u{b}b", LexErrorKind::UnexpectedByte),
            ("a\0", LexErrorKind::UnexpectedByte),
            ("'a\0'", LexErrorKind::UnterminatedString),
            ("\"\"", LexErrorKind::EmptyIdentifier),
            ("/*/*/*/*/**/*/*/*/*/", LexErrorKind::CommentTooDeep),
            ("/* a", LexErrorKind::UnterminatedComment),
            ("$a$ $b$", LexErrorKind::UnterminatedDollarString),
            ("E'\\'", LexErrorKind::UnterminatedString),
        ];
        for (text, kind) in cases {
            assert_eq!(lex(text), Err(kind), "{text:?}");
        }
        assert_eq!(lex(&"a".repeat(64)), Err(LexErrorKind::LongIdentifier));
        assert!(lex(&"a".repeat(63)).is_ok());
        assert_eq!(lex(&format!("\"{}\"", "\"\"".repeat(64))), Err(LexErrorKind::LongIdentifier));
    }

    /// `tokens.jsonl` comes from Postgres 18's own lexer (`tests/statement/tokens.py`).
    #[test]
    fn boundaries_are_those_of_postgres_s_lexer() {
        type Row = (String, Option<Vec<(u32, u32)>>);
        let mut compared = 0;
        for line in include_str!("../../tests/statement/tokens.jsonl").lines() {
            let (text, theirs): Row = serde_json::from_str(line).expect("the fixture is JSON");
            let ours: Result<Vec<Token>, LexError> = Lexer::new(&text, 32).collect();
            match (ours, theirs) {
                (Ok(ours), Some(theirs)) => {
                    compared += 1;
                    // scan.l returns the N of N'…' as the type name `nchar` before the string.
                    let national = |token: &Token| token.text(&text).to_ascii_lowercase().starts_with("n'");
                    let split = |token: &Token| match (token.start, token.end) {
                        (start, end) if national(token) => vec![(start, start + 1), (start + 1, end)],
                        whole => vec![whole],
                    };
                    let ours: Vec<(u32, u32)> = ours.iter().flat_map(split).collect();
                    assert_eq!(ours, theirs, "{text:?}");
                }
                (Err(_), None) => {}
                (Err(error), Some(_)) => {
                    let stricter =
                        matches!(error.kind, LexErrorKind::UnusualNumber | LexErrorKind::BadParam | LexErrorKind::UnexpectedByte);
                    assert!(stricter, "{text:?}: {error}");
                }
                // Values that Postgres can't decode; their boundaries are no matter.
                (Ok(ours), None) => {
                    let undecodable = |token: &Token| {
                        matches!(
                            token.kind,
                            TokenKind::EscapeString
                                | TokenKind::UnicodeString
                                | TokenKind::UnicodeWord
                                | TokenKind::ContinuedString
                        )
                    };
                    assert!(ours.iter().any(undecodable), "{text:?}");
                }
            }
        }
        assert!(compared > 1_000, "only {compared} texts were compared");
    }
}
