//! Expressions, function calls, types.

use sqlparser::ast::{
    AccessExpr, Array, ArrayElemTypeDef, CaseWhen, CeilFloorKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, InTarget, Interval, ObjectName, Subscript, TypedString,
    WindowType,
};

use super::{QualifiedParts, Walk, refuse_if, unknown_node};
use crate::decision::deny::Deny;
use crate::statement::names::{CastName, FunctionName};

/// Functions that the grammar knows by a word; they can't be overloaded by a name in another schema.
const KEYWORD_FUNCTIONS: [&str; 19] = [
    "coalesce",
    "greatest",
    "least",
    "nullif",
    "grouping",
    "row",
    "exists",
    "array",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
    "normalize",
];

impl<'q> Walk<'q, '_> {
    pub(super) fn expr(&mut self, expr: &'q Expr) -> Result<(), Deny> {
        match expr {
            Expr::Identifier(ident) => self.column(std::slice::from_ref(ident))?,
            Expr::CompoundIdentifier(parts) => self.column(parts)?,
            Expr::CompoundFieldAccess { root, access_chain } => self.field_access(root, access_chain)?,
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Nested(inner) => self.push_expr(inner),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => self.push_exprs([&**left, &**right]),
            Expr::IsJson { expr, kind: _, unique_keys: _, negated: _ } => self.push_expr(expr),
            Expr::IsNormalized { expr, form: _, negated: _ } => self.push_expr(expr),
            Expr::In { expr, target, negated: _, global } => {
                refuse_if(*global, "GLOBAL IN")?;
                self.push_expr(expr);
                self.in_target(target)?;
            }
            Expr::Between { expr, negated: _, low, high } => self.push_exprs([&**expr, &**low, &**high]),
            Expr::BinaryOp { left, op: _, right } => self.push_exprs([&**left, &**right]),
            Expr::Like { negated: _, any: _, expr, pattern, escape_char }
            | Expr::ILike { negated: _, any: _, expr, pattern, escape_char }
            | Expr::SimilarTo { negated: _, expr, pattern, escape_char } => {
                self.push_exprs([&**expr, &**pattern]);
                self.push_boxed(escape_char);
            }
            Expr::AnyOp { left, compare_op: _, right, is_some: _ } | Expr::AllOp { left, compare_op: _, right } => {
                self.push_exprs([&**left, &**right]);
            }
            Expr::UnaryOp { op: _, expr } => self.push_expr(expr),
            Expr::Cast { kind: _, expr, data_type, format } => {
                refuse_if(format.is_some(), "CAST … FORMAT")?;
                self.cast(expr, data_type)?;
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.push_exprs([&**timestamp, &**time_zone]),
            Expr::Extract { field: _, syntax: _, expr } => self.push_expr(expr),
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => match field {
                CeilFloorKind::DateTimeField(_) => self.push_expr(expr),
                CeilFloorKind::Scale(_) => return Err(unknown_node("CEIL or FLOOR with a scale")),
            },
            Expr::Position { expr, r#in } => self.push_exprs([&**expr, &**r#in]),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.push_expr(expr);
                self.push_boxed(substring_from);
                self.push_boxed(substring_for);
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                self.push_expr(expr);
                self.push_boxed(trim_what);
                self.push_exprs(trim_characters.iter().flatten());
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.push_exprs([&**expr, &**overlay_what, &**overlay_from]);
                self.push_boxed(overlay_for);
            }
            Expr::Collate { expr, collation: _ } => self.push_expr(expr),
            Expr::Value(_) | Expr::Wildcard(_) | Expr::QualifiedWildcard(_, _) => {}
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax }) => {
                refuse_if(*uses_odbc_syntax, "{d '…'}")?;
                let literal = self.plain_string_at(value.span);
                let position = self.position(value.span);
                self.data_type(data_type, literal, position)?;
            }
            Expr::Function(function) => self.function(function)?,
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.push_boxed(operand);
                for CaseWhen { condition, result } in conditions {
                    self.push_exprs([condition, result]);
                }
                self.push_boxed(else_result);
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.push_query(subquery),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => self.push_exprs(sets.iter().flatten()),
            Expr::Tuple(exprs) => self.push_exprs(exprs),
            Expr::Array(Array { elem, named: _ }) => self.push_exprs(elem),
            Expr::Interval(interval) => {
                let Interval { value, leading_field: _, leading_precision: _, last_field: _, fractional_seconds_precision: _ } =
                    interval;
                self.push_expr(value);
            }
            Expr::JsonAccess { .. } => return Err(unknown_node("a path with ':'")),
            Expr::RLike { .. } => return Err(unknown_node("RLIKE")),
            Expr::Convert { .. } => return Err(unknown_node("CONVERT")),
            Expr::Prefixed { .. } => return Err(unknown_node("a character set before a string")),
            Expr::Struct { .. } | Expr::Named { .. } => return Err(unknown_node("STRUCT")),
            Expr::Dictionary(_) | Expr::Map(_) => return Err(unknown_node("a map literal")),
            Expr::MatchAgainst { .. } => return Err(unknown_node("MATCH … AGAINST")),
            Expr::OuterJoin(_) => return Err(unknown_node("(+)")),
            Expr::Prior(_) => return Err(unknown_node("PRIOR")),
            Expr::Lambda(_) => return Err(unknown_node("a lambda")),
            Expr::MemberOf(_) => return Err(unknown_node("MEMBER OF")),
        }
        Ok(())
    }

    fn in_target(&mut self, target: &'q InTarget) -> Result<(), Deny> {
        match target {
            InTarget::List(list) => self.push_exprs(list),
            InTarget::Subquery(query) => self.push_query(query),
            InTarget::Unnest(_) => return Err(unknown_node("IN UNNEST")),
            InTarget::Table { .. } => return Err(unknown_node("IN followed by a table")),
        }
        Ok(())
    }

    fn field_access(&mut self, root: &'q Expr, chain: &'q [AccessExpr]) -> Result<(), Deny> {
        self.push_expr(root);
        for access in chain {
            match access {
                AccessExpr::Dot(field) => self.push_expr(field),
                AccessExpr::Subscript(Subscript::Index { index }) => self.push_expr(index),
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    refuse_if(stride.is_some(), "a stride in a slice")?;
                    self.push_exprs(lower_bound);
                    self.push_exprs(upper_bound);
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, function: &'q Function) -> Result<(), Deny> {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } = function;
        refuse_if(*uses_odbc_syntax, "{fn …}")?;
        refuse_if(!matches!(parameters, FunctionArguments::None), "parameters before the arguments")?;
        refuse_if(null_treatment.is_some(), "IGNORE or RESPECT NULLS")?;
        let literal = match args {
            FunctionArguments::List(list) => self.only_string(&list.args),
            FunctionArguments::None | FunctionArguments::Subquery(_) => None,
        };
        self.function_name(name, literal)?;
        match args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => self.push_query(query),
            FunctionArguments::List(list) => self.arguments(list)?,
        }
        self.push_order(within_group)?;
        self.push_boxed(filter);
        match over {
            None | Some(WindowType::NamedWindow(_)) => Ok(()),
            Some(WindowType::WindowSpec(spec)) => self.window(spec),
        }
    }

    pub(super) fn function_name(&mut self, name: &'q ObjectName, literal: Option<String>) -> Result<(), Deny> {
        let QualifiedParts { schema, name, position } = self.qualified(name)?;
        let keyword = schema.is_none() && KEYWORD_FUNCTIONS.contains(&name.as_str()) && self.is_plain_word_at(position);
        if !keyword {
            self.found.names.functions.push(FunctionName { schema, name, position, literal });
        }
        Ok(())
    }

    fn arguments(&mut self, list: &'q FunctionArgumentList) -> Result<(), Deny> {
        let FunctionArgumentList { duplicate_treatment: _, args, clauses } = list;
        for arg in args {
            self.argument(arg)?;
        }
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(order) => self.push_order(order)?,
                FunctionArgumentClause::JsonNullClause(_) => {}
                FunctionArgumentClause::JsonReturningClause(returning) => {
                    self.data_type(&returning.data_type, None, self.start())?;
                }
                FunctionArgumentClause::IgnoreOrRespectNulls(_)
                | FunctionArgumentClause::Where(_)
                | FunctionArgumentClause::Limit(_)
                | FunctionArgumentClause::OnOverflow(_)
                | FunctionArgumentClause::Having(_)
                | FunctionArgumentClause::Separator(_) => return Err(unknown_node("a clause in a function's arguments")),
            }
        }
        Ok(())
    }

    pub(super) fn argument(&mut self, arg: &'q FunctionArg) -> Result<(), Deny> {
        let arg = match arg {
            FunctionArg::Named { name: _, arg, operator: _ } | FunctionArg::Unnamed(arg) => arg,
            FunctionArg::ExprNamed { name, arg, operator: _ } => {
                self.push_expr(name);
                arg
            }
        };
        match arg {
            FunctionArgExpr::Expr(expr) => self.push_expr(expr),
            FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard => {}
            FunctionArgExpr::WildcardWithOptions(options) => self.wildcard(options)?,
        }
        Ok(())
    }

    fn cast(&mut self, expr: &'q Expr, data_type: &'q DataType) -> Result<(), Deny> {
        use sqlparser::ast::Spanned;
        let mut operand = expr;
        while let Expr::Nested(inner) = operand {
            operand = inner;
        }
        let literal = match operand {
            Expr::Value(value) => self.plain_string_at(value.span),
            _ => None,
        };
        // `span` of an expression recurses into it, so only shallow ones are asked.
        let position = match operand {
            Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.position(operand.span()),
            _ => self.start(),
        };
        self.push_expr(expr);
        self.data_type(data_type, literal, position)
    }

    /// Reports a type that has a name of its own; `position` stands in where the name has none.
    pub(super) fn data_type(&mut self, data_type: &'q DataType, literal: Option<String>, position: u32) -> Result<(), Deny> {
        let mut array = false;
        let mut data_type = data_type;
        loop {
            match data_type {
                DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::Qualified(element, _)) => {
                    array = true;
                    data_type = element;
                }
                DataType::Custom(name, _) => {
                    let QualifiedParts { schema, name, position } = self.qualified(name)?;
                    self.found.names.casts.push(CastName { schema, name, array, literal, position });
                    return Ok(());
                }
                DataType::Regclass => {
                    self.found.names.casts.push(CastName { schema: None, name: "regclass".to_owned(), array, literal, position });
                    return Ok(());
                }
                other if is_grammar_type(other) => return Ok(()),
                _ => return Err(unknown_node("a type that Postgres doesn't have")),
            }
        }
    }
}

/// The types that Postgres's grammar names by keyword, and built-ins that `sqlparser` knows by name. All are in
/// `pg_catalog`, whose names no other schema can shadow while `pg_catalog` is searched first.
fn is_grammar_type(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Character(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Varchar(_)
            | DataType::Uuid
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Dec(_)
            | DataType::Float(_)
            | DataType::Int2(_)
            | DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Int8(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Float4
            | DataType::Real
            | DataType::Float8
            | DataType::DoublePrecision
            | DataType::Bool
            | DataType::Boolean
            | DataType::Date
            | DataType::Time(_, _)
            | DataType::Timestamp(_, _)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Text
            | DataType::Bytea
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::GeometricType(_)
            | DataType::TsVector
            | DataType::TsQuery
    )
}
