//! FROM: tables, subqueries, functions, joins.

use sqlparser::ast::{
    Expr, FunctionArg, Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableFunctionArgs,
    TableWithJoins,
};

use super::{Walk, refuse_if, unknown_node};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;

/// Reserved words that open a clause or join expressions: none of them is a column without quotes (`kwlist.h`).
const CLAUSE_WORDS: [&str; 26] = [
    "and",
    "as",
    "collate",
    "except",
    "fetch",
    "for",
    "from",
    "group",
    "having",
    "in",
    "intersect",
    "into",
    "limit",
    "not",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "returning",
    "select",
    "table",
    "union",
    "using",
    "where",
    "window",
];

impl<'q> Walk<'q, '_> {
    pub(super) fn table_with_joins(&mut self, table: &'q TableWithJoins) -> Result<(), Deny> {
        let TableWithJoins { relation, joins } = table;
        self.push_table(relation);
        joins.iter().try_for_each(|join| self.join(join))
    }

    fn join(&mut self, join: &'q Join) -> Result<(), Deny> {
        let Join { relation, global, join_operator } = join;
        refuse_if(*global, "GLOBAL JOIN")?;
        self.push_table(relation);
        match join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint) => self.constraint(constraint),
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => Err(unknown_node("a kind of join that Postgres doesn't have")),
        }
    }

    fn constraint(&mut self, constraint: &'q JoinConstraint) -> Result<(), Deny> {
        match constraint {
            JoinConstraint::On(expr) => self.push_expr(expr),
            JoinConstraint::Using(_) | JoinConstraint::UsingAlias(_, _) | JoinConstraint::Natural | JoinConstraint::None => {}
        }
        Ok(())
    }

    /// An alias may give the columns of a function's rows types: `AS t(a composite)`.
    pub(super) fn alias(&mut self, alias: Option<&'q TableAlias>) -> Result<(), Deny> {
        let Some(TableAlias { explicit: _, name, columns, at }) = alias else { return Ok(()) };
        refuse_if(at.is_some(), "AT after an alias")?;
        for column in columns {
            if let Some(data_type) = &column.data_type {
                let position = self.position(name.span);
                self.data_type(data_type, None, position)?;
            }
        }
        Ok(())
    }

    pub(super) fn table_factor(&mut self, table: &'q TableFactor) -> Result<(), Deny> {
        match table {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality: _,
                partitions,
                json_path,
                sample,
                index_directives,
                inheritance: _,
            } => {
                refuse_if(!with_hints.is_empty() || !index_directives.is_empty(), "a table hint")?;
                refuse_if(version.is_some(), "a version of a table")?;
                refuse_if(!partitions.is_empty(), "PARTITION")?;
                refuse_if(json_path.is_some(), "a path into a table")?;
                refuse_if(sample.is_some(), "TABLESAMPLE")?;
                self.alias(alias.as_ref())?;
                match args {
                    None => self.relation(name),
                    Some(TableFunctionArgs { args, settings }) => {
                        refuse_if(settings.is_some(), "SETTINGS")?;
                        self.table_function(name, args)
                    }
                }
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                refuse_if(sample.is_some(), "TABLESAMPLE")?;
                self.alias(alias.as_ref())?;
                self.push_query(subquery);
                Ok(())
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias } => {
                self.alias(alias.as_ref())?;
                self.table_function(name, args)
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias: _, with_ordinality: _ } => {
                refuse_if(*with_offset, "WITH OFFSET")?;
                self.alias(alias.as_ref())?;
                self.push_exprs(array_exprs);
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.alias(alias.as_ref())?;
                self.table_with_joins(table_with_joins)
            }
            TableFactor::TableFunction { .. } => Err(unknown_node("TABLE(…)")),
            TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => Err(unknown_node("JSON_TABLE")),
            TableFactor::XmlTable { .. } => Err(unknown_node("XMLTABLE")),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } | TableFactor::UnpivotExpr { .. } => {
                Err(unknown_node("PIVOT"))
            }
            TableFactor::MatchRecognize { .. } => Err(unknown_node("MATCH_RECOGNIZE")),
            TableFactor::SemanticView { .. } => Err(unknown_node("SEMANTIC_VIEW")),
        }
    }

    fn table_function(&mut self, name: &'q ObjectName, args: &'q [FunctionArg]) -> Result<(), Deny> {
        let literal = self.only_string(args);
        self.function_name(name, literal)?;
        args.iter().try_for_each(|arg| self.argument(arg))
    }

    /// The argument, where it is one plain string.
    pub(super) fn only_string(&self, args: &'q [FunctionArg]) -> Option<String> {
        use sqlparser::ast::FunctionArgExpr;
        match args {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => self.plain_string_at(value.span),
            _ => None,
        }
    }

    /// The parts of a column reference name no relation that FROM doesn't name. But a word that is no name for Postgres
    /// shows that it reads another statement: `SELECT a AND FROM secrets` is a column `a` under the name `and`.
    pub(super) fn column(&mut self, parts: &'q [Ident]) -> Result<(), Deny> {
        match parts {
            [word] if word.quote_style.is_none() && CLAUSE_WORDS.contains(&word.value.as_str()) => {
                let message = format!("syntax error at or near \"{}\"", word.value);
                let deny = Deny::new(Reason::Syntax, message).at(Some(self.position(word.span)));
                Err(deny.hint("Write AS before a column's name, and the name in double quotes if it is a word of SQL."))
            }
            _ => Ok(()),
        }
    }
}
