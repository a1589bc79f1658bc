//! Templates: a statement with its plain literals taken out and `$n` in their places.
//!
//! One pass over the tokens, since it runs for every statement. It decides by the text alone and only guesses which
//! literals may be taken out: a template is used only after Postgres's tree of it was found equal to the original's
//! (`reading::template`), so that a wrong guess costs the slow path and nothing else. What must be exact is the
//! extraction: the template with its literals put back is the original, byte for byte.

use super::lexer::{Lexer, Token, TokenKind, is_word_part};

/// Where a literal stands in the original text and where its `$n` stands in the template; bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site {
    pub position: u32,
    pub length: u32,
    pub template_position: u32,
    pub template_length: u32,
}

/// How a literal is written, as far as that decides the type of its constant (`make_const` in parse_node.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// Digits up to 2147483647, with a minus up to 2147483648: int4.
    Integer,
    /// Digits up to 9223372036854775807, with a minus one more: int8.
    BigInteger,
    /// Digits with a point, or digits beyond int8: numeric.
    Decimal,
    /// `'…'`: unknown until it meets a type.
    String,
}

/// A literal that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateLiteral {
    pub site: Site,
    pub kind: LiteralKind,
    /// The digits, behind their minus if there is one, or what the quotes enclose: the string itself, which holds no
    /// backslash.
    pub value: String,
}

/// A statement without its plain literals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The original bytes with `$n` for each literal.
    pub text: String,
    /// In the order of the text, so the first is `$first_param`.
    pub literals: Vec<TemplateLiteral>,
}

impl Template {
    /// What one proof and one prepared statement hold for: the text and each literal's kind. `id = 5` and
    /// `id = 5000000000` have the same text, but int4 and int8 constants.
    pub fn key(&self) -> String {
        let mut key = String::with_capacity(self.text.len() + 1 + self.literals.len());
        key.push_str(&self.text);
        key.push('\0');
        key.extend(self.literals.iter().map(|literal| match literal.kind {
            LiteralKind::Integer => 'i',
            LiteralKind::BigInteger => 'I',
            LiteralKind::Decimal => 'd',
            LiteralKind::String => 's',
        }));
        key
    }
}

/// Longer texts go the slow path: what makes them long are lists, which are better sent as parameters.
const MAX_BYTES: usize = 64 * 1024;
/// Deep nesting goes the slow path, where `limits` answers for it.
const MAX_DEPTH: usize = 64;
/// A statement with more literals than this is read whole; the protocol counts parameters in 16 bits.
const MAX_LITERALS: usize = 2_000;
/// Literals in GROUP BY, ORDER BY, …; each is compared with every other literal.
const MAX_KEPT: usize = 64;

/// The template of a text, its literals numbered from `first_param`; `None` where anything in the text is unusual. A text
/// without plain literals, as drivers send it with parameters, is its own template.
pub fn template(text: &str, first_param: u32) -> Option<Template> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut scan = Scan::new(text);
    let mut lexer = Lexer::new(text, 0);
    while let Some(token) = lexer.next() {
        if lexer.saw_comment() {
            return None;
        }
        scan.take(token.ok()?)?;
    }
    if lexer.saw_comment() {
        return None;
    }
    Some(scan.finish(first_param))
}

/// A literal that may be taken out, unless an equal one must stay.
#[derive(Clone, Copy)]
struct Candidate {
    start: u32,
    end: u32,
    kind: LiteralKind,
    /// It starts with a minus.
    signed: bool,
}

/// A clause whose literals name positions or are matched as expressions (`GROUP BY date_trunc('month', at)`): they stay,
/// and so do their equals in the rest of the text. It reaches to the end of its parenthesis or to the next clause.
#[derive(Clone, Copy)]
struct Sorting {
    depth: usize,
}

struct Scan<'a> {
    text: &'a str,
    candidates: Vec<Candidate>,
    kept: Vec<(u32, u32)>,
    depth: usize,
    sorting: Option<Sorting>,
    /// The depth of a parenthesis that holds type modifiers, and whether one is open.
    modifiers: Option<usize>,
    last: Option<Token>,
    before: Option<Token>,
    ended: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Scan {
            text,
            candidates: Vec::with_capacity(8),
            kept: Vec::new(),
            depth: 0,
            sorting: None,
            modifiers: None,
            last: None,
            before: None,
            ended: false,
        }
    }

    fn take(&mut self, token: Token) -> Option<()> {
        if self.ended {
            // Several statements are read one by one.
            return None;
        }
        if matches!(token.kind, TokenKind::DoubleColon | TokenKind::LeftBracket | TokenKind::Dot) {
            self.leave_signed();
        }
        match token.kind {
            TokenKind::Word => self.word(token)?,
            TokenKind::QuotedWord => self.text_of(token).is_ascii().then_some(())?,
            TokenKind::String => self.string(token)?,
            TokenKind::Integer | TokenKind::Decimal => self.number(token)?,
            TokenKind::LeftParen | TokenKind::LeftBracket => self.open(token)?,
            TokenKind::RightParen | TokenKind::RightBracket => self.close()?,
            TokenKind::Semicolon => self.ended = true,
            TokenKind::OtherNumber
            | TokenKind::Param
            | TokenKind::Operator
            | TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::DoubleColon
            | TokenKind::ColonEquals
            | TokenKind::Dot
            | TokenKind::DotDot
            | TokenKind::EqualsGreater => {}
            TokenKind::UnicodeWord
            | TokenKind::ContinuedString
            | TokenKind::EscapeString
            | TokenKind::BitString
            | TokenKind::HexString
            | TokenKind::NationalString
            | TokenKind::UnicodeString
            | TokenKind::DollarString => return None,
        }
        self.before = self.last.replace(token);
        Some(())
    }

    fn text_of(&self, token: Token) -> &'a str {
        token.text(self.text)
    }

    fn last_word(&self, token: Option<Token>) -> Option<&'a str> {
        token.filter(|token| token.kind == TokenKind::Word).map(|token| token.text(self.text))
    }

    fn word(&mut self, token: Token) -> Option<()> {
        let word = self.text_of(token);
        if !word.is_ascii() {
            return None;
        }
        match word.len() {
            2 if is(word, "by") => self.start_sorting(self.depth),
            2 if is(word, "on") && self.last_word(self.last).is_some_and(|last| is(last, "distinct")) => {
                self.start_sorting(self.depth + 1);
            }
            // A name in a reg* constant is a name of the statement, not a value.
            7..=13 if word.as_bytes()[..3].eq_ignore_ascii_case(b"reg") => return None,
            11 if is(word, "tablesample") => return None,
            // A frame's offset stays: `ROWS 5 PRECEDING`.
            9 if is(word, "preceding") || is(word, "following") => self.keep_previous(),
            _ => {}
        }
        if self.sorting.is_some_and(|sorting| sorting.depth == self.depth) && ends_sorting(word) {
            self.sorting = None;
        }
        Some(())
    }

    fn start_sorting(&mut self, depth: usize) {
        if self.sorting.is_none() {
            self.sorting = Some(Sorting { depth });
        }
    }

    fn keep_previous(&mut self) {
        if self.last.is_some_and(|last| self.candidates.last().is_some_and(|candidate| candidate.start == last.start)) {
            self.candidates.pop();
        }
    }

    fn open(&mut self, token: Token) -> Option<()> {
        self.depth += 1;
        if token.kind == TokenKind::LeftParen && self.modifiers.is_none() && self.after_type() {
            self.modifiers = Some(self.depth);
        }
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        if self.modifiers == Some(self.depth) {
            self.modifiers = None;
        }
        if self.sorting.is_some_and(|sorting| sorting.depth == self.depth) {
            self.sorting = None;
        }
        self.depth = self.depth.checked_sub(1)?;
        Some(())
    }

    /// Whether a parenthesis here holds type modifiers, or the field of EXTRACT: `numeric(10, 2)`, `x::geometry(…)`.
    fn after_type(&self) -> bool {
        const TYPED: [&str; 19] = [
            "numeric",
            "decimal",
            "dec",
            "varchar",
            "varying",
            "char",
            "character",
            "nchar",
            "bpchar",
            "bit",
            "varbit",
            "float",
            "time",
            "timetz",
            "timestamp",
            "timestamptz",
            "interval",
            "second",
            "extract",
        ];
        const CLOCKS: [&str; 4] = ["current_time", "current_timestamp", "localtime", "localtimestamp"];
        if self.before.is_some_and(|before| before.kind == TokenKind::DoubleColon) {
            return true;
        }
        self.last_word(self.last).is_some_and(|word| TYPED.iter().chain(&CLOCKS).any(|typed| is(word, typed)))
    }

    fn string(&mut self, token: Token) -> Option<()> {
        // A backslash means one thing or another by a setting; where quotes stand for one, they are doubled.
        let plain = memchr::memchr(b'\\', &self.text.as_bytes()[token.start as usize..token.end as usize]).is_none();
        // After `)`, `]`, a quoted name or an unlisted word it is the string of a typed literal: `date '…'`.
        let value = match self.last.map(|last| last.kind) {
            None
            | Some(
                TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::QuotedWord
                | TokenKind::String
                | TokenKind::Integer
                | TokenKind::Decimal
                | TokenKind::OtherNumber
                | TokenKind::Param
                | TokenKind::Dot,
            ) => false,
            Some(TokenKind::Word) => self.after_expression_word(),
            Some(TokenKind::Operator) => !self.after_arrow(),
            Some(_) => true,
        };
        self.literal(self.candidate(token, token, LiteralKind::String), plain && value)
    }

    /// The keys of a JSON document are names, few and chosen by the programmer.
    fn after_arrow(&self) -> bool {
        self.last.is_some_and(|last| matches!(self.text_of(last), "->" | "->>" | "#>" | "#>>"))
    }

    fn number(&mut self, token: Token) -> Option<()> {
        if let Some(sign) = self.sign(token) {
            return self.literal(Candidate { signed: true, ..self.candidate(sign, token, self.number_kind(token, 1)) }, true);
        }
        let value = match self.last.map(|last| last.kind) {
            Some(TokenKind::Word) => self.after_expression_word(),
            Some(TokenKind::Operator) => !self.after_sign(),
            Some(TokenKind::LeftParen | TokenKind::LeftBracket | TokenKind::Comma | TokenKind::Colon) => true,
            Some(TokenKind::ColonEquals | TokenKind::EqualsGreater) => true,
            _ => false,
        };
        if self.is_position() {
            return Some(());
        }
        self.literal(self.candidate(token, token, self.number_kind(token, 0)), value)
    }

    /// The constant's type as `make_const` finds it behind `doNegate`: a minus reaches one further than int4 and int8 do
    /// without it.
    fn number_kind(&self, token: Token, further: u64) -> LiteralKind {
        if token.kind == TokenKind::Decimal {
            return LiteralKind::Decimal;
        }
        match self.text_of(token).parse::<u64>() {
            Ok(value) if value <= i32::MAX as u64 + further => LiteralKind::Integer,
            Ok(value) if value <= i64::MAX as u64 + further => LiteralKind::BigInteger,
            Ok(_) | Err(_) => LiteralKind::Decimal,
        }
    }

    /// The minus that Postgres folds into this number: right before it, where no operand precedes that it could be taken from.
    fn sign(&self, number: Token) -> Option<Token> {
        let minus = self.last.filter(|last| self.text_of(*last) == "-" && last.end == number.start)?;
        let before = self.before?;
        let folds = match before.kind {
            TokenKind::Operator | TokenKind::LeftParen | TokenKind::Comma => true,
            TokenKind::Word => self.is_before_expression(before),
            _ => false,
        };
        folds.then_some(minus)
    }

    /// `-5::text` is `-(5::text)`: what binds more tightly than the minus takes the number alone.
    fn leave_signed(&mut self) {
        let last = self.last.map(|last| last.end);
        if self.candidates.last().is_some_and(|literal| literal.signed && Some(literal.end) == last) {
            self.candidates.pop();
        }
    }

    fn candidate(&self, first: Token, last: Token, kind: LiteralKind) -> Candidate {
        Candidate { start: first.start, end: last.end, kind, signed: false }
    }

    /// A bare number that starts an element of ORDER BY, GROUP BY or DISTINCT ON stays, but its equals elsewhere need not.
    fn is_position(&self) -> bool {
        let starts = match self.last {
            Some(last) => matches!(last.kind, TokenKind::Comma | TokenKind::LeftParen) || last.is_word(self.text, "by"),
            None => false,
        };
        starts && self.sorting.is_some_and(|sorting| sorting.depth == self.depth)
    }

    /// Postgres folds a minus into the constant that follows (`doNegate` in gram.y), and only a minus. So a number after a
    /// minus that [`Self::sign`] does not take with it stays, unless an operand precedes, from which it can only be subtracted:
    /// `stock - 5`, `) - 5`.
    fn after_sign(&self) -> bool {
        let signed = self.last.is_some_and(|last| self.text_of(last).ends_with('-'));
        let after_operand = self.before.is_some_and(|before| match before.kind {
            TokenKind::Word => !self.is_before_expression(before) && !before.is_word(self.text, "limit"),
            TokenKind::RightParen
            | TokenKind::RightBracket
            | TokenKind::QuotedWord
            | TokenKind::Param
            | TokenKind::String
            | TokenKind::Integer
            | TokenKind::Decimal => true,
            _ => false,
        });
        signed && !after_operand
    }

    /// Whether the last word can only be followed by an expression, so that the literal is one of its own.
    fn after_expression_word(&self) -> bool {
        self.last.is_some_and(|last| self.is_before_expression(last))
    }

    fn is_before_expression(&self, token: Token) -> bool {
        const BEFORE_EXPRESSION: [&str; 23] = [
            "select",
            "where",
            "and",
            "or",
            "not",
            "like",
            "ilike",
            "between",
            "symmetric",
            "when",
            "then",
            "else",
            "case",
            "having",
            "from",
            "distinct",
            "all",
            "escape",
            "on",
            "in",
            "by",
            "returning",
            "offset",
        ];
        self.last_word(Some(token)).is_some_and(|word| BEFORE_EXPRESSION.iter().any(|before| is(word, before)))
    }

    fn literal(&mut self, literal: Candidate, value: bool) -> Option<()> {
        if self.sorting.is_some() {
            self.kept.push((literal.start, literal.end));
        } else if value && self.modifiers.is_none() && self.stands_apart(literal) {
            self.candidates.push(literal);
        }
        (self.kept.len() <= MAX_KEPT && self.candidates.len() <= MAX_LITERALS).then_some(())
    }

    /// `SELECT'x'` would become `SELECT$1`, which is a name, and `'x'and` a parameter with junk behind it.
    fn stands_apart(&self, literal: Candidate) -> bool {
        let bytes = self.text.as_bytes();
        let before = (literal.start as usize).checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(literal.end as usize);
        [before, after].into_iter().flatten().all(|&byte| !is_word_part(byte))
    }

    fn finish(mut self, first_param: u32) -> Template {
        if !self.kept.is_empty() {
            let bytes = |start: u32, end: u32| &self.text.as_bytes()[start as usize..end as usize];
            let kept = &self.kept;
            self.candidates
                .retain(|literal| !kept.iter().any(|&(start, end)| bytes(start, end) == bytes(literal.start, literal.end)));
        }
        build(self.text, &self.candidates, first_param)
    }
}

fn build(text: &str, candidates: &[Candidate], first_param: u32) -> Template {
    let mut template = String::with_capacity(text.len() + 3 * candidates.len());
    let mut literals = Vec::with_capacity(candidates.len());
    let mut copied = 0usize;
    for (candidate, number) in candidates.iter().zip(first_param..) {
        let (start, end) = (candidate.start as usize, candidate.end as usize);
        template.push_str(&text[copied..start]);
        let template_position = template.len() as u32;
        template.push('$');
        push_number(&mut template, number);
        let template_length = template.len() as u32 - template_position;
        let value = match candidate.kind {
            LiteralKind::String => text[start + 1..end - 1].replace("''", "'"),
            LiteralKind::Integer | LiteralKind::BigInteger | LiteralKind::Decimal => text[start..end].to_owned(),
        };
        let site =
            Site { position: candidate.start, length: candidate.end - candidate.start, template_position, template_length };
        literals.push(TemplateLiteral { site, kind: candidate.kind, value });
        copied = end;
    }
    template.push_str(&text[copied..]);
    Template { text: template, literals }
}

/// Without the formatting machinery, which would cost more than the scan of a short statement.
fn push_number(text: &mut String, number: u32) {
    let mut digits = [0u8; 10];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

fn ends_sorting(word: &str) -> bool {
    const NEXT: [&str; 11] =
        ["limit", "offset", "fetch", "for", "having", "window", "union", "intersect", "except", "rows", "range"];
    NEXT.iter().any(|next| is(word, next))
}

#[cfg(test)]
mod tests;
