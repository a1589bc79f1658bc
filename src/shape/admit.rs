//! Which nodes, functions, operators and types may stand in a statement at all.
//! Exhaustive: what is not named here as harmless is refused by its name.

use super::build::node;
use super::constant::Constant;
use super::facts::{base_type, constant, type_of};
use super::functions::MAX_STEPS;
use super::model::{Elements, Kind, LevelId, Series, Shape};
use super::value::Oid;
use super::write::only_writes;
use super::{introspect, visit};
use crate::catalogue::constant::ConstantCheck;
use crate::catalogue::snapshot::{Catalogue, FIRST_NORMAL_OBJECT_ID, Function, Vetting};
use crate::catalogue::views::CATALOGUE_SCHEMA;
use crate::catalogue::visible::KnownRelations;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{Command, Const, Expr, Query, SortGroupClause, SubLinkType};
use crate::token::grant::FunctionSignature;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What admission leaves to the values at Bind, and to the token.
#[derive(Debug, Default)]
pub struct Admitted {
    pub requirements: Vec<Requirement>,
    /// User functions that rules allow: the token must grant them too.
    pub functions: BTreeSet<Oid>,
    /// Only functions about the catalogue stood in it.
    pub introspection: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Requirement {
    /// An integer no larger than this (negative is harmless).
    AtMost(Constant, i64),
    /// A value that a function takes without raising.
    Admits(Constant, ConstantCheck),
    /// A regular expression without nested quantifiers.
    PlainRegex(Constant),
    /// `generate_series` makes at most `MAX_STEPS` rows.
    ShortSeries(Series),
    /// The parameter names a relation that the token may see.
    Names(u32, Arc<KnownRelations>),
    /// Arrays with one number of elements.
    EquallyLong(Vec<Elements>),
}

/// `count("any")`: looks at NULL only.
const COUNT_ANY: Oid = 2147;
const FORMAT: [Oid; 2] = [3539, 3540];
/// Functions whose second argument is a POSIX or SQL regular expression.
fn takes_regex(func: Oid) -> bool {
    matches!(func, 79 | 1238..=1241 | 1252 | 1254 | 1256 | 1656..=1659 | 2073 | 2074 | 2284 | 2285 | 2763..=2768 | 3396 | 3397 | 6251..=6269)
}
const SERIES: [Oid; 7] = [1066, 1067, 1068, 1069, 938, 939, 6274];

const REGCONFIG: Oid = 3734;

fn is_built_in_object(datum: &[u8]) -> bool {
    datum.try_into().is_ok_and(|word| u64::from_le_bytes(word) < u64::from(FIRST_NORMAL_OBJECT_ID))
}

pub struct Admission<'a> {
    pub catalogue: &'a Catalogue,
    pub allowed: &'a [FunctionSignature],
    /// Functions about the catalogue may be called: the statement reads the filtered catalogue alone.
    pub introspection: bool,
}

impl Admission<'_> {
    pub fn shape(&self, shape: &Shape<'_>) -> Result<Admitted, Deny> {
        let mut admitted = Admitted { introspection: self.introspection, ..Admitted::default() };
        for (id, level) in shape.levels.iter().enumerate() {
            // `transformWithClause`: only the statement itself may hold a WITH query that writes.
            if id != 0 && level.query.has_modifying_cte {
                return Err(node("a WITH query that writes, inside of another query,"));
            }
            match level.query.is_write() {
                true => only_writes(level.query)?,
                false => self.query(level.query)?,
            }
        }
        for site in &shape.sites {
            self.expr((shape, site.level), site.expr, &mut admitted)?;
        }
        Ok(admitted)
    }

    /// Everything of a query that is not an expression or a source.
    fn query(&self, q: &Query) -> Result<(), Deny> {
        if q.command != Command::Select || q.is_utility || q.result_relation != 0 {
            return Err(Deny::new(Reason::StatementNotAllowed, "only reading statements are allowed here"));
        }
        if q.is_return {
            return Err(node("a RETURN"));
        }
        if !q.row_marks.is_empty() && q.set_operations.is_some() {
            return Err(node("FOR UPDATE of a set operation"));
        }
        let writes = !q.merge_actions.is_empty()
            || q.merge_join_condition.is_some()
            || q.on_conflict.is_some()
            || !q.returning_list.is_empty()
            || !q.with_check_options.is_empty();
        if writes {
            return Err(Deny::new(Reason::StatementNotAllowed, "only reading statements are allowed here"));
        }
        let entry = |c: &SortGroupClause| {
            let expr = q.target_list.iter().find(|t| t.sort_group_ref == c.sort_group_ref).map(|t| &t.expr);
            self.sorted(c, expr.and_then(sort_type))
        };
        q.group_clause.iter().chain(&q.distinct_clause).chain(&q.sort_clause).try_for_each(entry)?;
        for w in &q.window_clause {
            w.partition.iter().chain(&w.order).try_for_each(entry)?;
            for func in [w.start_in_range_func, w.end_in_range_func] {
                if func >= FIRST_NORMAL_OBJECT_ID {
                    return Err(node("a window frame over a user-defined type"));
                }
            }
            if !w.run_condition.is_empty() {
                return Err(node("a run condition"));
            }
        }
        let mut ops: Vec<_> = q.set_operations.iter().collect();
        while let Some(op) = ops.pop() {
            for (clause, type_oid) in op.group_clauses.iter().zip(&op.column_types) {
                self.sorted(clause, Some(*type_oid))?;
            }
            for arm in [&op.left, &op.right] {
                if let crate::reading::tree::SetOpNode::Op(inner) = arm {
                    ops.push(inner);
                }
            }
        }
        Ok(())
    }

    fn sorted(&self, c: &SortGroupClause, type_oid: Option<Oid>) -> Result<(), Deny> {
        for operator in [c.equality_operator, c.sort_operator] {
            if operator != 0 {
                self.operator(operator, None)?;
            }
        }
        match type_oid {
            Some(t) => self.type_is_built_in(t, None),
            None => Err(node("a sort key of unknown type")),
        }
    }

    fn expr(&self, here: Here<'_, '_>, expr: &Expr, out: &mut Admitted) -> Result<(), Deny> {
        self.one(here, expr, out)?;
        let mut result = Ok(());
        visit::children(expr, &mut |child| {
            if result.is_ok() {
                result = self.expr(here, child, out);
            }
        });
        result
    }

    fn one(&self, here: Here<'_, '_>, expr: &Expr, out: &mut Admitted) -> Result<(), Deny> {
        let at = visit::location(expr);
        match expr {
            Expr::Var(v) if v.column < 0 => {
                Err(Deny::new(Reason::ColumnNotGranted, "system columns such as ctid or xmin are not granted")
                    .hint("Use the table's own key columns.")
                    .at(at))
            }
            Expr::Var(_) | Expr::Bool { .. } | Expr::BooleanTest { .. } | Expr::NullTest { .. } | Expr::CaseTest { .. } => Ok(()),
            Expr::Const(c) => self.literal(c),
            Expr::Param { type_oid, .. } => {
                self.naming(*type_oid, at)?;
                self.type_is_built_in(*type_oid, at)
            }
            Expr::Aggref { func, args, direct_args, order, distinct, .. } => {
                let types = types(here, args.iter().map(|t| &t.expr).chain(direct_args));
                for c in order.iter().chain(distinct) {
                    let expr = args.iter().find(|t| t.sort_group_ref == c.sort_group_ref).map(|t| &t.expr);
                    self.sorted(c, expr.and_then(type_of))?;
                }
                self.call(*func, &types, &[], at, out)
            }
            Expr::WindowFunc { func, args, run_condition, .. } => {
                if !run_condition.is_empty() {
                    return Err(node("a run condition").at(at));
                }
                self.call(*func, &types(here, args.iter()), args, at, out)
            }
            Expr::Func { func, args, collation: _, input_collation, result_type, .. } => {
                self.collation(*input_collation, at)?;
                self.naming(*result_type, at)?;
                self.call(*func, &types(here, args.iter()), args, at, out)
            }
            Expr::Op { operator, func, args, input_collation, .. } => {
                self.collation(*input_collation, at)?;
                self.operator(*operator, at)?;
                self.call(*func, &types(here, args.iter()), args, at, out)
            }
            Expr::ScalarArrayOp { operator, func, args, input_collation, .. } => {
                self.collation(*input_collation, at)?;
                self.operator(*operator, at)?;
                self.call(*func, &types(here, args.iter()), args, at, out)
            }
            Expr::RowCompare { operators, input_collations, left, right, .. } => {
                operators.iter().try_for_each(|o| self.operator(*o, at))?;
                input_collations.iter().try_for_each(|c| self.collation(*c, at))?;
                left.iter().chain(right).try_for_each(|e| self.operand(here, e, at))
            }
            Expr::MinMax { args, input_collation, .. } => {
                self.collation(*input_collation, at)?;
                args.iter().try_for_each(|e| self.operand(here, e, at))
            }
            Expr::CoerceViaIo { arg, result_type, .. } => {
                self.naming(*result_type, at)?;
                self.type_is_built_in(*result_type, at)?;
                self.operand(here, arg, at)
            }
            Expr::Relabel { result_type, collation, .. } => {
                self.collation(*collation, at)?;
                self.naming(*result_type, at)
            }
            Expr::ArrayCoerce { arg, result_type, .. } => {
                self.naming(*result_type, at)?;
                self.type_is_built_in(*result_type, at)?;
                self.operand(here, arg, at)
            }
            Expr::CoerceToDomain { result_type, .. } => self.type_is_built_in(*result_type, at),
            Expr::Array { array_type, .. } => self.type_is_built_in(*array_type, at),
            Expr::Collate { collation, .. } => self.collation(*collation, at),
            Expr::Subscripting { container_type, assignment: None, .. } => self.type_is_built_in(*container_type, at),
            Expr::SubLink { kind, .. } => match kind {
                SubLinkType::Exists
                | SubLinkType::All
                | SubLinkType::Any
                | SubLinkType::RowCompare
                | SubLinkType::Expr
                | SubLinkType::Array
                | SubLinkType::MultiExpr => Ok(()),
                SubLinkType::Cte => Err(node("a sublink of this kind").at(at)),
            },
            // CURRENT_DATE … LOCALTIMESTAMP(n), the user, the catalogue, the schema.
            Expr::SqlValueFunction { op: 0..=14, .. } => Ok(()),
            Expr::SqlValueFunction { .. } => Err(node("an SQL value function").at(at)),
            Expr::FieldSelect { .. }
            | Expr::Row { .. }
            | Expr::Case { .. }
            | Expr::Coalesce { .. }
            | Expr::GroupingFunc { .. }
            | Expr::NamedArg { .. } => Ok(()),
            Expr::Subscripting { assignment: Some(_), .. } => Err(node("assignment to an element").at(at)),
            Expr::FieldStore { .. } => Err(node("assignment to a field").at(at)),
            Expr::ConvertRowtype { .. } => Err(node("a row type conversion").at(at)),
            Expr::CoerceToDomainValue { .. } => Err(node("a domain's VALUE").at(at)),
            Expr::SetToDefault { .. } => Err(node("DEFAULT").at(at)),
            Expr::CurrentOf { .. } => Err(node("WHERE CURRENT OF").at(at)),
            Expr::NextValue { .. } => Err(node("a sequence").at(at)),
            Expr::InferenceElem { .. } => Err(node("an inference element").at(at)),
            Expr::ReturningExpr { .. } => Err(node("RETURNING OLD or NEW").at(at)),
            Expr::MergeSupportFunc { .. } => Err(node("MERGE_ACTION()").at(at)),
        }
    }

    fn literal(&self, c: &Const) -> Result<(), Deny> {
        // to_tsvector('english', …): a configuration that came with the server runs the server's own dictionaries.
        if c.type_oid == REGCONFIG && c.datum.as_deref().is_some_and(is_built_in_object) {
            return Ok(());
        }
        self.naming(c.type_oid, c.location)?;
        self.type_is_built_in(c.type_oid, c.location)
    }

    fn operand(&self, here: Here<'_, '_>, e: &Expr, at: Option<u32>) -> Result<(), Deny> {
        types(here, std::iter::once(e)).into_iter().try_for_each(|t| match t {
            Some(t) => self.type_is_built_in(t, at),
            None => Err(node("an operand of unknown type").at(at)),
        })
    }

    /// In introspection, `introspect` judges where the value comes from.
    fn naming(&self, type_oid: Oid, at: Option<u32>) -> Result<(), Deny> {
        if !self.introspection && introspect::names_objects(self.catalogue, type_oid) {
            return Err(Deny::new(
                Reason::TypeNotAllowed,
                "types that name database objects (regclass and its like) are not allowed",
            )
            .hint("Write the value as text, without the cast.")
            .at(at));
        }
        Ok(())
    }

    /// The code that compares, casts, reads and prints a type must be the server's own, at every part of it.
    fn type_is_built_in(&self, type_oid: Oid, at: Option<u32>) -> Result<(), Deny> {
        self.catalogue.closure_is_built_in(type_oid).map_err(|(_, name)| {
            Deny::new(Reason::TypeNotAllowed, format!("values of type {name} run code that is not built in"))
                .hint("Cast the column to text or another built-in type before you compare, sort or convert it.")
                .at(at)
        })
    }

    fn collation(&self, oid: Oid, at: Option<u32>) -> Result<(), Deny> {
        match oid {
            0 => Ok(()),
            _ if self.catalogue.collations.get(&oid).is_some_and(|c| c.built_in) => Ok(()),
            _ => Err(Deny::new(Reason::TypeNotAllowed, "only built-in collations are allowed").at(at)),
        }
    }

    fn operator(&self, oid: Oid, at: Option<u32>) -> Result<(), Deny> {
        match self.catalogue.operators.get(&oid) {
            Some(o) if o.built_in => Ok(()),
            Some(o) => Err(Deny::new(
                Reason::OperatorNotAllowed,
                format!("the operator {}.{} is not a built-in operator", o.name.schema, o.name.name),
            )
            .hint("Cast both sides to a built-in type, for example col::text = 'x', so that the built-in operator applies.")
            .at(at)),
            None => Err(Deny::new(Reason::OperatorNotAllowed, "an unknown operator is not allowed").at(at)),
        }
    }

    fn call(&self, func: Oid, types: &[Option<Oid>], args: &[Expr], at: Option<u32>, out: &mut Admitted) -> Result<(), Deny> {
        let Some(f) = self.catalogue.functions.get(&func) else {
            return Err(Deny::new(Reason::FunctionNotAllowed, "an unknown function is not allowed").at(at));
        };
        if !f.built_in {
            return self.user_function(f, at, out);
        }
        match f.vetting {
            Vetting::Vetted { .. } | Vetting::TotalIfConstant { .. } => {}
            Vetting::CappedArgument { index, .. } => {
                let arg = args.get(usize::from(index)).and_then(|a| constant(self.catalogue, a));
                match arg {
                    Some(c) => out.requirements.push(Requirement::AtMost(c, MAX_STEPS)),
                    None => return Err(capped(f).at(at)),
                }
            }
            Vetting::Introspection if self.introspection => {}
            Vetting::Introspection => return Err(refused(f, "it reads the catalogue").at(at)),
            Vetting::Refused { .. } if self.introspection && func == introspect::REGCLASS_OF_TEXT => {}
            Vetting::Refused { why } => return Err(refused(f, why).at(at)),
            Vetting::Unknown => return Err(refused(f, "it is not in the vetted list").at(at)),
        }
        self.costs(func, f, args, at, out)?;
        if func == COUNT_ANY {
            return Ok(());
        }
        // Polymorphic built-ins run the code of what they are given.
        types.iter().try_for_each(|t| match t {
            Some(t) => self.type_is_built_in(base_type(self.catalogue, *t), at),
            None => Err(node("an operand of unknown type").at(at)),
        })
    }

    fn user_function(&self, f: &Function, at: Option<u32>, out: &mut Admitted) -> Result<(), Deny> {
        if self.introspection && f.name.schema == CATALOGUE_SCHEMA {
            return Ok(());
        }
        let allowed = self.allowed.iter().any(|s| s.function == f.name && s.arguments == f.arguments);
        if !allowed {
            let signature = format!("{}.{}({})", f.name.schema, f.name.name, f.arguments.join(", "));
            return Err(Deny::new(Reason::FunctionNotAllowed, format!("the function {signature} is not allowed by the rules"))
                .hint(format!("Leave it out, or ask the DBA to add \"{signature}\" to [functions] allow."))
                .at(at));
        }
        out.functions.insert(f.oid);
        Ok(())
    }

    fn costs(&self, func: Oid, f: &Function, args: &[Expr], at: Option<u32>, out: &mut Admitted) -> Result<(), Deny> {
        if takes_regex(func) {
            match args.get(1).map(pattern).and_then(|a| constant(self.catalogue, a)) {
                Some(c) => out.requirements.push(Requirement::PlainRegex(c)),
                None => {
                    return Err(Deny::new(Reason::CostBomb, format!("the pattern of {} must be a constant", f.name.name))
                        .hint("Write the regular expression as a constant or a parameter.")
                        .at(at));
                }
            }
        }
        if FORMAT.contains(&func) {
            match args.first().and_then(|a| constant(self.catalogue, a)) {
                Some(Constant::Known(super::value::Value::Text(t))) if !wide_format(&t) => {}
                _ => {
                    return Err(Deny::new(Reason::CostBomb, "format() needs a constant format without wide fields")
                        .hint("Use %s, %I or %L without a width, or the || operator.")
                        .at(at));
                }
            }
        }
        if SERIES.contains(&func) && !super::functions::over_a_vector(args) {
            let ends: Option<Vec<Constant>> = args.iter().take(3).map(|a| constant(self.catalogue, a)).collect();
            match ends.as_deref() {
                Some([start, stop, rest @ ..]) => out.requirements.push(Requirement::ShortSeries(Series {
                    start: start.clone(),
                    stop: stop.clone(),
                    step: rest.first().cloned(),
                })),
                _ => return Err(capped(f).at(at)),
            }
        }
        Ok(())
    }
}

/// Where an expression stands, to look its columns up.
type Here<'s, 't> = (&'s Shape<'t>, LevelId);

const RECORD: Oid = 2249;
/// No row of rows is deeper.
const MAX_ROWS_IN_ROWS: u32 = 8;

/// The types of some expressions; of a row without a name, those of its fields.
fn types<'e>(here: Here<'_, '_>, exprs: impl Iterator<Item = &'e Expr>) -> Vec<Option<Oid>> {
    let mut found = Vec::new();
    exprs.for_each(|e| add_types(here, e, 0, &mut found));
    found
}

fn add_types(here: Here<'_, '_>, expr: &Expr, depth: u32, found: &mut Vec<Option<Oid>>) {
    let (shape, level) = here;
    match expr {
        _ if depth > MAX_ROWS_IN_ROWS => found.push(Some(RECORD)),
        Expr::Row { args, row_type: RECORD, .. } => args.iter().for_each(|a| add_types(here, a, depth + 1, found)),
        // ARRAY(SELECT …): the array is as good as its elements.
        Expr::SubLink { kind: SubLinkType::Array, query, .. } => {
            found.push(query.target_list.first().and_then(|t| type_of(&t.expr)));
        }
        Expr::Var(v) if v.column == 0 && v.type_oid == RECORD => {
            let inner = shape.resolve_column(level, v).map(|c| &shape.sources[c.source].kind);
            match inner {
                Some(Kind::Derived { level: inner, .. }) => {
                    for entry in shape.levels[*inner].query.outputs() {
                        add_types((shape, *inner), &entry.expr, depth + 1, found);
                    }
                }
                _ => found.push(Some(RECORD)),
            }
        }
        other => found.push(type_of(other)),
    }
}

/// The comparison of arrays runs the code of their elements.
fn sort_type(expr: &Expr) -> Option<Oid> {
    match expr {
        Expr::SubLink { kind: SubLinkType::Array, query, .. } => query.target_list.first().and_then(|t| type_of(&t.expr)),
        other => type_of(other),
    }
}

/// SIMILAR TO translates its pattern first: look at what it translates.
fn pattern(arg: &Expr) -> &Expr {
    match arg {
        Expr::Func { func: 1986 | 1987 | 1623, args, .. } => args.first().unwrap_or(arg),
        Expr::Collate { arg, .. } => pattern(arg),
        other => other,
    }
}

/// A width of more than three digits, or one taken from an argument.
fn wide_format(text: &[u8]) -> bool {
    text.contains(&b'*') || text.split(|b| !b.is_ascii_digit()).any(|run| run.len() > 3)
}

fn refused(f: &Function, why: &str) -> Deny {
    Deny::new(Reason::FunctionNotAllowed, format!("the function {}() is not allowed: {why}", f.name.name))
        .hint("Leave it out, or use an ordinary built-in function instead.")
}

fn capped(f: &Function) -> Deny {
    Deny::new(Reason::CostBomb, format!("{}() needs a constant size of at most {MAX_STEPS}", f.name.name))
        .hint(format!("Use a constant or parameter of at most {MAX_STEPS}."))
}
