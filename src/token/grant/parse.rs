//! Reading a grant. The grammar is closed:
//!
//! ```text
//! grant     = ( "SELECT" | "INSERT" | "UPDATE" ) columns "ON" name [ where ] [ limit ]
//!           | "DELETE" "ON" name [ where ] [ limit ]
//!           | "EXECUTE" "ON" "FUNCTION" name "(" [ type { "," type } ] ")"
//! columns   = "(" ( "*" | identifier { "," identifier } ) ")"
//! name      = identifier "." identifier
//! where     = "WHERE" condition { "AND" condition }
//! condition = identifier ( "=" literal | "IN" "(" literal { "," literal } ")" | "BETWEEN" literal "AND" literal
//!                        | ( "<" | "<=" | ">" | ">=" ) literal )
//! literal   = integer | string | "TRUE" | "FALSE"
//! limit     = "LIMIT" integer
//! ```

use super::display::{RESERVED, printable};
use super::lexer::{Kind, Lexeme, lex};
use super::{Action, Columns, Comparison, Condition, FunctionSignature, Grant, Literal, QualifiedName, RelationGrant, Test};
use super::{types, values};
use std::borrow::Cow;
use std::mem::discriminant;
use std::str::FromStr;

/// Postgres cuts names at NAMEDATALEN - 1 bytes; a longer one would silently become another name.
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// No grant is longer than a whole token may be.
pub const MAX_GRANT_BYTES: usize = 8192;

/// Where a grant's text leaves the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: expected {expected}, found {found}")]
pub struct GrantError {
    /// Byte offset in the text, 0-based.
    pub position: usize,
    pub expected: Cow<'static, str>,
    /// A short excerpt, with what does not print escaped.
    pub found: String,
}

impl GrantError {
    pub(super) fn new(text: &str, position: usize, expected: impl Into<Cow<'static, str>>) -> Self {
        const EXCERPT: usize = 24;
        let rest = text.get(position..).unwrap_or_default();
        let excerpt: String = rest.chars().take(EXCERPT).collect();
        let found = match (excerpt.is_empty(), rest.len() > excerpt.len()) {
            (true, _) => "the end".to_owned(),
            (false, true) => format!("`{}…`", printable(&excerpt)),
            (false, false) => format!("`{}`", printable(&excerpt)),
        };
        GrantError { position, expected: expected.into(), found }
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        whole(text, Parser::grant)
    }
}

impl FromStr for FunctionSignature {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        whole(text, Parser::signature)
    }
}

impl FromStr for QualifiedName {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        whole(text, Parser::qualified_name)
    }
}

fn whole<'a, T>(text: &'a str, read: impl FnOnce(&mut Parser<'a>) -> Result<T, GrantError>) -> Result<T, GrantError> {
    if text.len() > MAX_GRANT_BYTES {
        return Err(GrantError { position: 0, expected: "at most 8192 bytes".into(), found: format!("{} bytes", text.len()) });
    }
    let mut parser = Parser { text, lexemes: lex(text)?, next: 0 };
    let value = read(&mut parser)?;
    match parser.peek() {
        Kind::End => Ok(value),
        _ => Err(parser.expected("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Closed by `End`, which is never passed.
    lexemes: Vec<Lexeme>,
    next: usize,
}

impl Parser<'_> {
    fn grant(&mut self) -> Result<Grant, GrantError> {
        let expected = "SELECT, INSERT, UPDATE, DELETE or EXECUTE";
        let Kind::Word(verb) = self.peek().clone() else { return Err(self.expected(expected)) };
        let action = match verb.as_str() {
            "select" => Action::Select,
            "insert" => Action::Insert,
            "update" => Action::Update,
            "delete" => Action::Delete,
            "execute" => return self.execute(),
            _ => return Err(self.expected(expected)),
        };
        self.advance();
        self.relation_grant(action).map(Grant::Relation)
    }

    fn execute(&mut self) -> Result<Grant, GrantError> {
        self.advance();
        self.keyword("on", "ON FUNCTION")?;
        self.keyword("function", "FUNCTION")?;
        self.signature().map(Grant::Execute)
    }

    fn relation_grant(&mut self, action: Action) -> Result<RelationGrant, GrantError> {
        let columns = match action {
            Action::Delete => Columns::All,
            Action::Select | Action::Insert | Action::Update => self.columns()?,
        };
        self.keyword("on", "ON")?;
        let relation = self.qualified_name()?;
        let predicate = self.predicate()?;
        let limit = self.limit()?;
        let expected = match (limit, predicate.is_empty()) {
            (Some(_), _) => "the end",
            (None, true) => "WHERE, LIMIT or the end",
            (None, false) => "AND, LIMIT or the end",
        };
        match self.peek() {
            Kind::End => Ok(RelationGrant { action, columns, relation, predicate, limit }),
            _ => Err(self.expected(expected)),
        }
    }

    fn columns(&mut self) -> Result<Columns, GrantError> {
        self.symbol("(", "`(` and a list of columns, or `(*)`")?;
        if self.take_symbol("*") {
            self.symbol(")", "`)`: `*` stands alone")?;
            return Ok(Columns::All);
        }
        let mut names: Vec<String> = Vec::new();
        loop {
            let start = self.next;
            let name = self.identifier("a column")?;
            if names.contains(&name) {
                return Err(self.expected_at(start, "a column not named before"));
            }
            names.push(name);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol(")", "`,` or `)`")?;
        Ok(Columns::List(names))
    }

    fn qualified_name(&mut self) -> Result<QualifiedName, GrantError> {
        let schema = self.identifier("a schema-qualified name")?;
        self.symbol(".", "`.`: a name is written with its schema")?;
        let name = self.identifier("a name")?;
        Ok(QualifiedName { schema, name })
    }

    fn predicate(&mut self) -> Result<Vec<Condition>, GrantError> {
        let mut conditions = Vec::new();
        if !self.take_keyword("where") {
            return Ok(conditions);
        }
        let start = self.next;
        loop {
            conditions.push(self.condition()?);
            if !self.take_keyword("and") {
                break;
            }
        }
        // A predicate that nothing can satisfy grants nothing: it is a slip, and it is said here rather than at run time.
        if values::contradictory(&conditions) {
            return Err(self.expected_at(start, "conditions that a row can satisfy"));
        }
        Ok(conditions)
    }

    fn condition(&mut self) -> Result<Condition, GrantError> {
        let column = self.identifier("a column")?;
        let test = match self.peek().clone() {
            Kind::Symbol("=") => {
                self.advance();
                Test::Equals(self.literal()?)
            }
            Kind::Symbol(symbol @ ("<" | "<=" | ">" | ">=")) => {
                let comparison = match symbol {
                    "<" => Comparison::Less,
                    "<=" => Comparison::LessOrEqual,
                    ">" => Comparison::Greater,
                    _ => Comparison::GreaterOrEqual,
                };
                self.advance();
                Test::Compare(comparison, self.ordered_literal(None)?)
            }
            Kind::Word(word) if word == "in" => {
                self.advance();
                Test::In(self.literals()?)
            }
            Kind::Word(word) if word == "between" => {
                self.advance();
                let low = self.ordered_literal(None)?;
                self.keyword("and", "AND")?;
                let high = self.ordered_literal(Some(&low))?;
                Test::Between(low, high)
            }
            _ => return Err(self.expected("=, <, <=, >, >=, IN or BETWEEN")),
        };
        Ok(Condition { column, test })
    }

    fn literals(&mut self) -> Result<Vec<Literal>, GrantError> {
        self.symbol("(", "`(`")?;
        let mut literals: Vec<Literal> = Vec::new();
        loop {
            let start = self.next;
            let literal = self.literal()?;
            if literals.first().is_some_and(|first| discriminant(first) != discriminant(&literal)) {
                return Err(self.expected_at(start, "a literal of the same kind as the first"));
            }
            if literals.contains(&literal) {
                return Err(self.expected_at(start, "a literal not listed before"));
            }
            literals.push(literal);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol(")", "`,` or `)`")?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal, GrantError> {
        let literal = match self.peek() {
            Kind::Integer(value) => Literal::Integer(*value),
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Word(word) if word == "true" => Literal::Boolean(true),
            Kind::Word(word) if word == "false" => Literal::Boolean(false),
            _ => return Err(self.expected("an integer, a string in '…', TRUE or FALSE")),
        };
        self.advance();
        Ok(literal)
    }

    /// A literal that has an order, of the same kind as `other`.
    fn ordered_literal(&mut self, other: Option<&Literal>) -> Result<Literal, GrantError> {
        let start = self.next;
        let literal = self.literal()?;
        if matches!(literal, Literal::Boolean(_)) {
            return Err(self.expected_at(start, "an integer or a string in '…'"));
        }
        if other.is_some_and(|other| discriminant(other) != discriminant(&literal)) {
            return Err(self.expected_at(start, "a literal of the same kind as the first"));
        }
        Ok(literal)
    }

    fn limit(&mut self) -> Result<Option<u64>, GrantError> {
        if !self.take_keyword("limit") {
            return Ok(None);
        }
        match self.peek() {
            &Kind::Integer(value) if value > 0 => {
                self.advance();
                Ok(Some(value.unsigned_abs()))
            }
            _ => Err(self.expected("a number of rows above 0")),
        }
    }

    fn signature(&mut self) -> Result<FunctionSignature, GrantError> {
        let function = self.qualified_name()?;
        self.symbol("(", "`(` and the argument types")?;
        let mut arguments = Vec::new();
        if !self.take_symbol(")") {
            loop {
                arguments.push(self.argument_type()?);
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.symbol(")", "`,` or `)`")?;
        }
        Ok(FunctionSignature { function, arguments })
    }

    fn argument_type(&mut self) -> Result<String, GrantError> {
        let start = self.next;
        let mut name = match self.peek().clone() {
            Kind::Word(word) => {
                self.advance();
                if self.take_symbol(".") { self.type_of_schema(&word)? } else { self.type_of_words(start, word)? }
            }
            Kind::Quoted(name) => {
                self.advance();
                if self.take_symbol(".") { self.type_of_schema(&name)? } else { types::from_catalogue_name(&name) }
            }
            _ => return Err(self.expected("a type")),
        };
        if self.take_symbol("[") {
            self.symbol("]", "`]`")?;
            name.push_str("[]");
        }
        Ok(name)
    }

    fn type_of_schema(&mut self, schema: &str) -> Result<String, GrantError> {
        let name = self.identifier("a type")?;
        if schema == "pg_catalog" {
            return Ok(types::from_catalogue_name(&name));
        }
        Ok(QualifiedName { schema: schema.to_owned(), name }.to_string())
    }

    fn type_of_words(&mut self, start: usize, first: String) -> Result<String, GrantError> {
        let mut words = first;
        while let Kind::Word(word) = self.peek() {
            words.push(' ');
            words.push_str(word);
            self.next += 1;
        }
        types::from_words(&words).ok_or_else(|| self.expected_at(start, "a type, without argument name, mode or default"))
    }

    fn identifier(&mut self, expected: &'static str) -> Result<String, GrantError> {
        let name = match self.peek() {
            Kind::Word(word) if !RESERVED.contains(&word.as_str()) => word.clone(),
            Kind::Quoted(name) => name.clone(),
            _ => return Err(self.expected(expected)),
        };
        self.advance();
        Ok(name)
    }

    fn peek(&self) -> &Kind {
        &self.lexemes[self.next].kind
    }

    fn advance(&mut self) {
        // `End` stays the last one seen, so `peek` never runs out.
        self.next = (self.next + 1).min(self.lexemes.len() - 1);
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Kind::Word(word) if word == keyword);
        if found {
            self.advance();
        }
        found
    }

    fn keyword(&mut self, keyword: &str, expected: &'static str) -> Result<(), GrantError> {
        if self.take_keyword(keyword) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Kind::Symbol(found) if *found == symbol);
        if found {
            self.advance();
        }
        found
    }

    fn symbol(&mut self, symbol: &str, expected: &'static str) -> Result<(), GrantError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expected(&self, expected: &'static str) -> GrantError {
        self.expected_at(self.next, expected)
    }

    fn expected_at(&self, lexeme: usize, expected: &'static str) -> GrantError {
        GrantError::new(self.text, self.lexemes[lexeme].start, expected)
    }
}
