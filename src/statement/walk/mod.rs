//! Collects the names of a query from `sqlparser`'s tree, without recursion: what is found is put on a work list, so the
//! depth of a tree costs no stack. Every node is matched; one that Postgres doesn't have, or that we never met, is refused.

mod expr;
mod query;
mod table;
mod write;

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, OrderByExpr, Query, SetExpr, TableFactor};
use sqlparser::tokenizer::Span;

use super::bridge;
use super::lexer::{Token, TokenKind};
use super::names::{Names, RelationName};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// Relations that one statement may name; joins by comma count here.
const MAX_RELATIONS: usize = 100;
/// CTEs in one statement.
const MAX_CTES: usize = 100;

/// What the walk found beside names.
#[derive(Debug, Default)]
pub struct Found {
    pub names: Names,
    /// The verb of the statement, or of the first INSERT, UPDATE, DELETE or MERGE in its WITH.
    pub write: Option<&'static str>,
    /// SELECT … INTO.
    pub into: Option<u32>,
}

/// Walks a whole query. `tokens` are those that the query was parsed from.
pub fn walk(text: &str, tokens: &[Token], query: &Query) -> Result<Found, Deny> {
    let mut walk = Walk {
        text,
        tokens,
        found: Found::default(),
        scopes: vec![Scope { parent: None, names: Vec::new() }],
        scope: 0,
        work: Vec::new(),
    };
    walk.push_query(query);
    while let Some((work, scope)) = walk.work.pop() {
        walk.scope = scope;
        match work {
            Work::Query(query) => walk.query(query)?,
            Work::Set(set) => walk.set_expr(set)?,
            Work::Expr(expr) => walk.expr(expr)?,
            Work::Table(table) => walk.table_factor(table)?,
        }
    }
    let mut found = walk.found;
    found.names.relations.sort_by_key(|relation| relation.position);
    found.names.targets.sort_unstable();
    found.names.cte_references.sort_by_key(|relation| relation.position);
    found.names.functions.sort_by_key(|function| function.position);
    found.names.casts.sort_by_key(|cast| cast.position);
    Ok(found)
}

enum Work<'q> {
    Query(&'q Query),
    Set(&'q SetExpr),
    Expr(&'q Expr),
    Table(&'q TableFactor),
}

/// The CTE names that a place sees: its own and its parent's.
struct Scope {
    parent: Option<usize>,
    names: Vec<String>,
}

struct Walk<'q, 't> {
    text: &'t str,
    tokens: &'t [Token],
    found: Found,
    scopes: Vec<Scope>,
    /// The scope of what is being walked.
    scope: usize,
    work: Vec<(Work<'q>, usize)>,
}

impl<'q> Walk<'q, '_> {
    fn push_query(&mut self, query: &'q Query) {
        self.work.push((Work::Query(query), self.scope));
    }

    fn push_set(&mut self, set: &'q SetExpr) {
        self.work.push((Work::Set(set), self.scope));
    }

    fn push_expr(&mut self, expr: &'q Expr) {
        self.work.push((Work::Expr(expr), self.scope));
    }

    fn push_table(&mut self, table: &'q TableFactor) {
        self.work.push((Work::Table(table), self.scope));
    }

    fn push_exprs(&mut self, exprs: impl IntoIterator<Item = &'q Expr>) {
        for expr in exprs {
            self.push_expr(expr);
        }
    }

    fn push_boxed(&mut self, expr: &'q Option<Box<Expr>>) {
        self.push_exprs(expr.as_deref());
    }

    fn push_order(&mut self, order: &'q [OrderByExpr]) -> Result<(), Deny> {
        for OrderByExpr { expr, options: _, with_fill } in order {
            refuse_if(with_fill.is_some(), "WITH FILL")?;
            self.push_expr(expr);
        }
        Ok(())
    }

    /// A scope inside the current one.
    fn enter(&mut self, names: Vec<String>) -> Result<(), Deny> {
        let ctes: usize = self.scopes.iter().map(|scope| scope.names.len()).sum();
        if ctes + names.len() > MAX_CTES {
            return Err(Deny::new(Reason::TooComplex, format!("the statement has more than {MAX_CTES} WITH queries")));
        }
        self.scopes.push(Scope { parent: Some(self.scope), names });
        self.scope = self.scopes.len() - 1;
        Ok(())
    }

    fn is_cte(&self, name: &str) -> bool {
        let mut at = Some(self.scope);
        while let Some(scope) = at {
            let scope = &self.scopes[scope];
            if scope.names.iter().any(|cte| cte == name) {
                return true;
            }
            at = scope.parent;
        }
        false
    }

    fn relation(&mut self, name: &ObjectName) -> Result<(), Deny> {
        let QualifiedParts { schema, name, position } = self.qualified(name)?;
        self.add_relation(schema, name, position)
    }

    fn add_relation(&mut self, schema: Option<String>, name: String, position: u32) -> Result<(), Deny> {
        let names = &self.found.names;
        if names.relations.len() + names.cte_references.len() >= MAX_RELATIONS {
            let message = format!("the statement names more than {MAX_RELATIONS} relations");
            return Err(Deny::new(Reason::TooComplex, message)
                .at(Some(position))
                .hint("Split the work into several statements."));
        }
        let of_cte = schema.is_none() && self.is_cte(&name);
        let list = if of_cte { &mut self.found.names.cte_references } else { &mut self.found.names.relations };
        list.push(RelationName { schema, name, position });
        Ok(())
    }

    /// A name of one or two parts.
    fn qualified(&self, name: &ObjectName) -> Result<QualifiedParts, Deny> {
        let parts = name.0.iter().map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => Err(unknown_node("a name that is computed")),
        });
        let parts: Vec<&Ident> = parts.collect::<Result<_, _>>()?;
        match parts.as_slice() {
            [name] => Ok(QualifiedParts { schema: None, name: name.value.clone(), position: self.position(name.span) }),
            [schema, name] => Ok(QualifiedParts {
                schema: Some(schema.value.clone()),
                name: name.value.clone(),
                position: self.position(schema.span),
            }),
            [] => Err(unknown_node("an empty name")),
            [first, ..] => {
                let deny = Deny::new(Reason::Syntax, "a name here has more than two parts").at(bridge::position(first.span));
                Err(deny.hint("Write schema.name without the database."))
            }
        }
    }

    fn position(&self, span: Span) -> u32 {
        // Spans without a location stand only on nodes that the parser made up; the statement's start is blamed then.
        bridge::position(span).unwrap_or_else(|| self.start())
    }

    fn start(&self) -> u32 {
        self.tokens.first().map_or(0, |token| token.start)
    }

    /// The string that stands at a position, if it is plain.
    fn plain_string_at(&self, span: Span) -> Option<String> {
        let position = bridge::position(span)?;
        let at = self.tokens.binary_search_by_key(&position, |token| token.start).ok()?;
        bridge::plain_string(self.text, &self.tokens[at])
    }

    /// Whether an unquoted word stands at a position.
    fn is_plain_word_at(&self, position: u32) -> bool {
        let at = self.tokens.binary_search_by_key(&position, |token| token.start);
        at.is_ok_and(|at| self.tokens[at].kind == TokenKind::Word)
    }
}

struct QualifiedParts {
    schema: Option<String>,
    name: String,
    position: u32,
}

fn unknown_node(what: &str) -> Deny {
    Deny::new(Reason::StatementNotAllowed, format!("the statement holds {what}, which is not read"))
        .hint("Write it with the plain forms of SELECT.")
}

fn refuse_if(unknown: bool, what: &str) -> Result<(), Deny> {
    if unknown { Err(unknown_node(what)) } else { Ok(()) }
}
