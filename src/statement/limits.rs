//! Caps that hold before anything recursive sees the text: `sqlparser` would otherwise overflow the stack
//! (100,000 nested parentheses while parsing, 32,000 OR terms while dropping the tree).

use super::lexer::{LexError, LexErrorKind, Lexer, Token, TokenKind};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// The caps of one text. The defaults are far above what people and ORMs write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Tokens of the whole text.
    pub tokens: usize,
    /// Statements in one text.
    pub statements: usize,
    /// Open parentheses, brackets and CASEs at one place.
    pub nesting: usize,
    /// Elements of one comma-separated list.
    pub list: usize,
    /// JOIN keywords in one statement.
    pub joins: usize,
    /// Operators, casts, subscripts, AND, OR, NOT and set operations that can stand on one path of the syntax tree.
    pub terms: usize,
    /// Prefix operators in a row (`NOT NOT …`, `- - …`).
    pub prefix_run: usize,
    /// `/* /* … */ */`.
    pub comment_nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 256 * 1024,
            tokens: 60_000,
            statements: 100,
            nesting: 64,
            list: 2_000,
            joins: 40,
            terms: 2_000,
            prefix_run: 16,
            comment_nesting: 64,
        }
    }
}

/// The tokens of a text that keeps every cap.
pub fn tokens(text: &str, limits: &Limits) -> Result<Vec<Token>, Deny> {
    if text.len() > limits.bytes || u32::try_from(text.len()).is_err() {
        let message = format!("the statement has {} bytes; at most {} are read", text.len(), limits.bytes);
        return Err(Deny::new(Reason::TooComplex, message)
            .hint("Send the values as parameters, or split the work into several statements."));
    }
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    let mut gauge = Gauge::new(text, limits);
    for token in Lexer::new(text, limits.comment_nesting) {
        let token = token.map_err(lexical)?;
        if tokens.len() == limits.tokens {
            return Err(too_complex(format!("the statement has more than {} tokens", limits.tokens), token.start, SPLIT));
        }
        gauge.take(token)?;
        tokens.push(token);
    }
    Ok(tokens)
}

const SPLIT: &str = "Split the work into several statements.";
const FLATTEN: &str = "Write it flatter, with fewer parentheses or subqueries inside each other.";
const USE_ARRAY: &str = "Send the list as one array parameter: `column = ANY($1)`.";

fn too_complex(message: String, position: u32, hint: &str) -> Deny {
    Deny::new(Reason::TooComplex, message).at(Some(position)).hint(hint)
}

/// A lexer's error in words for the agent.
pub fn lexical(error: LexError) -> Deny {
    let deny = |reason, hint: &str| Deny::new(reason, error.kind.to_string()).at(Some(error.position)).hint(hint);
    match error.kind {
        LexErrorKind::CommentTooDeep => deny(Reason::TooComplex, "Leave the comment out."),
        LexErrorKind::UnterminatedString => deny(Reason::Syntax, "Close the string with '; a quote inside it is doubled."),
        LexErrorKind::UnterminatedIdentifier => deny(Reason::Syntax, "Close the identifier with \"."),
        LexErrorKind::UnterminatedDollarString => deny(Reason::Syntax, "Close the string with the same $tag$."),
        LexErrorKind::UnterminatedComment => deny(Reason::Syntax, "Close the comment with */."),
        LexErrorKind::EmptyIdentifier => deny(Reason::Syntax, "Name the identifier."),
        LexErrorKind::LongIdentifier => deny(Reason::Syntax, "Postgres cuts names at 63 bytes; write the name that is meant."),
        LexErrorKind::LongOperator => deny(Reason::Syntax, "No operator is that long."),
        LexErrorKind::UnusualNumber => deny(Reason::Syntax, "Write plain decimal digits and leave a space after the number."),
        LexErrorKind::BadParam => deny(Reason::Syntax, "Parameters are $1 to $65535, with a space after them."),
        LexErrorKind::UnexpectedByte => deny(Reason::Syntax, "Only space, tab, newline, return and form feed separate tokens."),
    }
}

/// One open parenthesis, bracket or CASE.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Commas so far.
    commas: usize,
    /// Terms of the list element that is being read, those inside closed parentheses included: a bound on its depth.
    terms: usize,
    /// The most terms of any finished element.
    deepest: usize,
}

impl Level {
    fn deepest(&self) -> usize {
        self.deepest.max(self.terms)
    }
}

/// Counts what a syntax tree over the tokens read so far could hold at most.
struct Gauge<'a> {
    text: &'a str,
    limits: &'a Limits,
    levels: Vec<Level>,
    statements: usize,
    joins: usize,
    prefix_run: usize,
}

impl<'a> Gauge<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        Gauge { text, limits, levels: vec![Level::default()], statements: 0, joins: 0, prefix_run: 0 }
    }

    fn take(&mut self, token: Token) -> Result<(), Deny> {
        let prefix_run = std::mem::take(&mut self.prefix_run);
        match token.kind {
            TokenKind::LeftParen => self.open(token),
            TokenKind::LeftBracket => self.open(token).and_then(|()| self.term(token)),
            TokenKind::RightParen | TokenKind::RightBracket => {
                self.close();
                Ok(())
            }
            TokenKind::Comma => self.comma(token),
            TokenKind::Semicolon => self.semicolon(token),
            TokenKind::Operator | TokenKind::ColonEquals | TokenKind::EqualsGreater => {
                self.run(prefix_run, token)?;
                self.term(token)
            }
            TokenKind::DoubleColon | TokenKind::Dot | TokenKind::Colon => self.term(token),
            TokenKind::Word => self.word(prefix_run, token),
            TokenKind::QuotedWord
            | TokenKind::UnicodeWord
            | TokenKind::String
            | TokenKind::ContinuedString
            | TokenKind::EscapeString
            | TokenKind::BitString
            | TokenKind::HexString
            | TokenKind::NationalString
            | TokenKind::UnicodeString
            | TokenKind::DollarString
            | TokenKind::Integer
            | TokenKind::Decimal
            | TokenKind::OtherNumber
            | TokenKind::Param
            | TokenKind::DotDot => Ok(()),
        }
    }

    fn word(&mut self, prefix_run: usize, token: Token) -> Result<(), Deny> {
        const TERMS: [&str; 16] = [
            "and",
            "or",
            "union",
            "intersect",
            "except",
            "is",
            "in",
            "like",
            "ilike",
            "similar",
            "between",
            "collate",
            "at",
            "isnull",
            "notnull",
            "overlaps",
        ];
        let is = |word: &str| token.is_word(self.text, word);
        if is("not") {
            self.run(prefix_run, token)?;
            self.term(token)
        } else if is("case") {
            self.open(token)
        } else if is("end") {
            self.close();
            Ok(())
        } else if is("join") {
            self.join(token)
        } else if TERMS.iter().any(|word| is(word)) {
            self.term(token)
        } else {
            Ok(())
        }
    }

    fn open(&mut self, token: Token) -> Result<(), Deny> {
        if self.levels.len() > self.limits.nesting {
            let message = format!("more than {} parentheses, brackets or CASEs are open here", self.limits.nesting);
            return Err(too_complex(message, token.start, FLATTEN));
        }
        self.levels.push(Level::default());
        Ok(())
    }

    /// An unbalanced close is left to the parser.
    fn close(&mut self) {
        if self.levels.len() > 1
            && let Some(inner) = self.levels.pop()
        {
            self.level().terms += inner.deepest();
        }
    }

    fn level(&mut self) -> &mut Level {
        // `close` keeps the outermost level, so there is always one.
        self.levels.last_mut().expect("the outermost level is never popped")
    }

    fn comma(&mut self, token: Token) -> Result<(), Deny> {
        let most = self.limits.list;
        let level = self.level();
        level.commas += 1;
        level.deepest = level.deepest();
        level.terms = 0;
        if level.commas >= most {
            return Err(too_complex(format!("a list here has more than {most} elements"), token.start, USE_ARRAY));
        }
        Ok(())
    }

    fn term(&mut self, token: Token) -> Result<(), Deny> {
        self.level().terms += 1;
        let on_path: usize = self.levels.iter().map(|level| level.terms).sum();
        if on_path > self.limits.terms {
            let message = format!("an expression here has more than {} operators", self.limits.terms);
            return Err(too_complex(
                message,
                token.start,
                "Replace chains of OR by IN or = ANY($1), and split long expressions.",
            ));
        }
        Ok(())
    }

    fn run(&mut self, before: usize, token: Token) -> Result<(), Deny> {
        self.prefix_run = before + 1;
        if self.prefix_run > self.limits.prefix_run {
            let message = format!("more than {} operators stand in a row", self.limits.prefix_run);
            return Err(too_complex(message, token.start, "Two of them cancel out; leave them out."));
        }
        Ok(())
    }

    fn join(&mut self, token: Token) -> Result<(), Deny> {
        self.joins += 1;
        if self.joins > self.limits.joins {
            return Err(too_complex(format!("the statement has more than {} joins", self.limits.joins), token.start, SPLIT));
        }
        Ok(())
    }

    fn semicolon(&mut self, token: Token) -> Result<(), Deny> {
        self.statements += 1;
        if self.statements > self.limits.statements {
            return Err(too_complex(format!("the text has more than {} statements", self.limits.statements), token.start, SPLIT));
        }
        self.joins = 0;
        self.levels.truncate(1);
        *self.level() = Level::default();
        Ok(())
    }
}
