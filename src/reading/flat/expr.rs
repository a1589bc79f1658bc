//! Expressions: scalar fields first, then arguments.

use super::super::tree::{Expr, OpKind, Var};
use super::{Flat, Item, Param};

impl<'a> Flat<'a> {
    /// One arm a node, long only by their number.
    pub(super) fn expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Var(var) => self.var(var),
            Expr::Const(constant) => self.items.push(Item::Const(constant)),
            Expr::Param { kind, id, type_oid, type_mod, collation, location } => self.items.push(Item::Param(Param {
                kind: *kind,
                id: *id,
                type_oid: *type_oid,
                type_mod: *type_mod,
                collation: *collation,
                location: *location,
            })),
            Expr::Aggref {
                func,
                result_type,
                collation,
                input_collation,
                star,
                levels_up,
                location,
                arg_types,
                direct_args,
                args,
                order,
                distinct,
                filter,
            } => {
                self.node("AGGREF")
                    .number(*func)
                    .number(*result_type)
                    .number(*collation)
                    .number(*input_collation)
                    .number(*star)
                    .number(*levels_up)
                    .location(*location)
                    .oids(arg_types)
                    .each(direct_args, Self::expr)
                    .each(args, Self::target_entry)
                    .each(order, Self::sort_group_clause)
                    .each(distinct, Self::sort_group_clause)
                    .option(filter.as_deref(), Self::expr);
            }
            Expr::GroupingFunc { levels_up, location, args } => {
                self.node("GROUPINGFUNC").number(*levels_up).location(*location).each(args, Self::expr);
            }
            Expr::WindowFunc {
                func,
                result_type,
                collation,
                input_collation,
                win_ref,
                star,
                is_aggregate,
                location,
                args,
                filter,
                run_condition,
            } => {
                self.node("WINDOWFUNC")
                    .number(*func)
                    .number(*result_type)
                    .number(*collation)
                    .number(*input_collation)
                    .number(*win_ref)
                    .number(*star)
                    .number(*is_aggregate)
                    .location(*location)
                    .each(args, Self::expr)
                    .option(filter.as_deref(), Self::expr)
                    .each(run_condition, Self::expr);
            }
            Expr::Func { func, result_type, returns_set, variadic, form, collation, input_collation, location, args } => {
                self.node("FUNCEXPR")
                    .number(*func)
                    .number(*result_type)
                    .number(*returns_set)
                    .number(*variadic)
                    .number(*form)
                    .number(*collation)
                    .number(*input_collation)
                    .location(*location)
                    .each(args, Self::expr);
            }
            Expr::NamedArg { name, number, location, arg } => {
                self.node("NAMEDARGEXPR").optional_text(name.as_deref()).number(*number).location(*location).child(arg);
            }
            Expr::Op { kind, operator, func, result_type, returns_set, collation, input_collation, location, args } => {
                self.node(op_name(*kind))
                    .number(*operator)
                    .number(*func)
                    .number(*result_type)
                    .number(*returns_set)
                    .number(*collation)
                    .number(*input_collation)
                    .location(*location)
                    .each(args, Self::expr);
            }
            Expr::ScalarArrayOp { operator, func, use_or, input_collation, location, args } => {
                self.node("SCALARARRAYOPEXPR")
                    .number(*operator)
                    .number(*func)
                    .number(*use_or)
                    .number(*input_collation)
                    .location(*location)
                    .each(args, Self::expr);
            }
            Expr::Bool { op, location, args } => {
                self.node("BOOLEXPR").number(*op as i64).location(*location).each(args, Self::expr);
            }
            Expr::NullTest { is_null, arg_is_row, location, arg } => {
                self.node("NULLTEST").number(*is_null).number(*arg_is_row).location(*location).child(arg);
            }
            Expr::BooleanTest { test, location, arg } => {
                self.node("BOOLEANTEST").number(*test as i64).location(*location).child(arg);
            }
            Expr::Relabel { result_type, type_mod, collation, form, location, arg } => {
                self.node("RELABELTYPE")
                    .number(*result_type)
                    .number(*type_mod)
                    .number(*collation)
                    .number(*form)
                    .location(*location)
                    .child(arg);
            }
            Expr::CoerceViaIo { result_type, collation, form, location, arg } => {
                self.node("COERCEVIAIO").number(*result_type).number(*collation).number(*form).location(*location).child(arg);
            }
            Expr::ArrayCoerce { result_type, type_mod, collation, location, arg, element } => {
                self.node("ARRAYCOERCEEXPR")
                    .number(*result_type)
                    .number(*type_mod)
                    .number(*collation)
                    .location(*location)
                    .child(arg)
                    .child(element);
            }
            Expr::ConvertRowtype { result_type, location, arg } => {
                self.node("CONVERTROWTYPEEXPR").number(*result_type).location(*location).child(arg);
            }
            Expr::Collate { collation, location, arg } => {
                self.node("COLLATEEXPR").number(*collation).location(*location).child(arg);
            }
            Expr::CoerceToDomain { result_type, type_mod, collation, form, location, arg } => {
                self.node("COERCETODOMAIN")
                    .number(*result_type)
                    .number(*type_mod)
                    .number(*collation)
                    .number(*form)
                    .location(*location)
                    .child(arg);
            }
            Expr::CoerceToDomainValue { type_oid, collation } => {
                self.node("COERCETODOMAINVALUE").number(*type_oid).number(*collation);
            }
            Expr::Subscripting {
                container_type,
                element_type,
                result_type,
                type_mod,
                collation,
                upper,
                lower,
                container,
                assignment,
            } => {
                self.node("SUBSCRIPTINGREF")
                    .number(*container_type)
                    .number(*element_type)
                    .number(*result_type)
                    .number(*type_mod)
                    .number(*collation)
                    .each(upper, Self::bound)
                    .each(lower, Self::bound)
                    .child(container)
                    .option(assignment.as_deref(), Self::expr);
            }
            Expr::FieldSelect { field, result_type, collation, arg } => {
                self.node("FIELDSELECT").number(*field).number(*result_type).number(*collation).child(arg);
            }
            Expr::FieldStore { result_type, fields, arg, new_values } => {
                self.node("FIELDSTORE")
                    .number(*result_type)
                    .ints(fields)
                    .option(arg.as_deref(), Self::expr)
                    .each(new_values, Self::expr);
            }
            Expr::Array { array_type, element_type, collation, multidims, location, elements } => {
                self.node("ARRAYEXPR")
                    .number(*array_type)
                    .number(*element_type)
                    .number(*collation)
                    .number(*multidims)
                    .location(*location)
                    .each(elements, Self::expr);
            }
            Expr::Row { row_type, form, column_names, location, args } => {
                self.node("ROWEXPR")
                    .number(*row_type)
                    .number(*form)
                    .texts(column_names)
                    .location(*location)
                    .each(args, Self::expr);
            }
            Expr::RowCompare { kind, operators, families, input_collations, left, right } => {
                self.node("ROWCOMPAREEXPR")
                    .number(*kind)
                    .oids(operators)
                    .oids(families)
                    .oids(input_collations)
                    .each(left, Self::expr)
                    .each(right, Self::expr);
            }
            Expr::Case { result_type, collation, location, arg, whens, default } => {
                self.node("CASEEXPR")
                    .number(*result_type)
                    .number(*collation)
                    .location(*location)
                    .option(arg.as_deref(), Self::expr)
                    .each(whens, Self::case_when)
                    .option(default.as_deref(), Self::expr);
            }
            Expr::CaseTest { type_oid, type_mod, collation } => {
                self.node("CASETESTEXPR").number(*type_oid).number(*type_mod).number(*collation);
            }
            Expr::Coalesce { result_type, collation, location, args } => {
                self.node("COALESCEEXPR").number(*result_type).number(*collation).location(*location).each(args, Self::expr);
            }
            Expr::MinMax { result_type, collation, input_collation, greatest, location, args } => {
                self.node("MINMAXEXPR")
                    .number(*result_type)
                    .number(*collation)
                    .number(*input_collation)
                    .number(*greatest)
                    .location(*location)
                    .each(args, Self::expr);
            }
            Expr::SqlValueFunction { op, type_oid, type_mod, location } => {
                self.node("SQLVALUEFUNCTION").number(*op).number(*type_oid).number(*type_mod).location(*location);
            }
            Expr::SetToDefault { type_oid, location } => {
                self.node("SETTODEFAULT").number(*type_oid).location(*location);
            }
            Expr::CurrentOf { rel, cursor, cursor_param } => {
                self.node("CURRENTOFEXPR").number(*rel).optional_text(cursor.as_deref()).number(*cursor_param);
            }
            Expr::NextValue { sequence, type_oid } => {
                self.node("NEXTVALUEEXPR").number(*sequence).number(*type_oid);
            }
            Expr::InferenceElem { collation, operator_class, expr } => {
                self.node("INFERENCEELEM").number(*collation).number(*operator_class).child(expr);
            }
            Expr::ReturningExpr { levels_up, old, expr } => {
                self.node("RETURNINGEXPR").number(*levels_up).number(*old).child(expr);
            }
            Expr::MergeSupportFunc { type_oid, location } => {
                self.node("MERGESUPPORTFUNC").number(*type_oid).location(*location);
            }
            Expr::SubLink { kind, test, query, location } => {
                self.node("SUBLINK").number(*kind as i64).location(*location);
                self.option(test.as_deref(), Self::expr).query(query);
            }
        }
    }

    fn var(&mut self, var: &'a Var) {
        let Var { rel, column, type_oid, type_mod, collation, levels_up, location } = var;
        self.node("VAR").number(*rel).number(*column).number(*type_oid).number(*type_mod).number(*collation);
        self.number(*levels_up).location(*location);
    }

    fn child(&mut self, expr: &'a Expr) -> &mut Self {
        self.expr(expr);
        self
    }

    fn bound(&mut self, bound: &'a Option<Expr>) {
        self.option(bound.as_ref(), Self::expr);
    }

    fn case_when(&mut self, (condition, result): &'a (Expr, Expr)) {
        self.node("CASEWHEN").child(condition).child(result);
    }
}

fn op_name(kind: OpKind) -> &'static str {
    match kind {
        OpKind::Op => "OPEXPR",
        OpKind::Distinct => "DISTINCTEXPR",
        OpKind::NullIf => "NULLIFEXPR",
    }
}
