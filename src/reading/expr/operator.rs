//! Operators, boolean connectives and tests.

use super::super::reader::{Outer, Read, Reader};
use super::super::tree::{BoolOp, BoolTest, Expr, OpKind};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn op_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("OPEXPR")?;
        self.operator_fields(OpKind::Op, outer)
    }

    #[inline(never)]
    pub(super) fn distinct_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("DISTINCTEXPR")?;
        self.operator_fields(OpKind::Distinct, outer)
    }

    #[inline(never)]
    pub(super) fn nullif_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("NULLIFEXPR")?;
        self.operator_fields(OpKind::NullIf, outer)
    }

    fn operator_fields(&mut self, kind: OpKind, outer: Outer) -> Read<Expr> {
        let operator = self.oid_field("opno")?;
        let func = self.oid_field("opfuncid")?;
        let result_type = self.oid_field("opresulttype")?;
        let returns_set = self.bool_field("opretset")?;
        let collation = self.oid_field("opcollid")?;
        let input_collation = self.oid_field("inputcollid")?;
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Op { kind, operator, func, result_type, returns_set, collation, input_collation, args, location })
    }

    #[inline(never)]
    pub(super) fn scalar_array_op(&mut self) -> Read<Expr> {
        let outer = self.begin("SCALARARRAYOPEXPR")?;
        let operator = self.oid_field("opno")?;
        let func = self.oid_field("opfuncid")?;
        // The planner's choice to hash.
        self.constant_int_field("hashfuncid", 0)?;
        self.constant_int_field("negfuncid", 0)?;
        let use_or = self.bool_field("useOr")?;
        let input_collation = self.oid_field("inputcollid")?;
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::ScalarArrayOp { operator, func, use_or, input_collation, args, location })
    }

    #[inline(never)]
    pub(super) fn bool_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("BOOLEXPR")?;
        self.field("boolop")?;
        let op = self.bool_op()?;
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Bool { op, args, location })
    }

    fn bool_op(&mut self) -> Read<BoolOp> {
        match self.word()? {
            b"and" => Ok(BoolOp::And),
            b"or" => Ok(BoolOp::Or),
            b"not" => Ok(BoolOp::Not),
            _ => self.bad_value("and, or, not"),
        }
    }

    #[inline(never)]
    pub(super) fn null_test(&mut self) -> Read<Expr> {
        let outer = self.begin("NULLTEST")?;
        let arg = self.boxed_field("arg")?;
        let is_null = match self.int_field("nulltesttype")? {
            0 => true,
            1 => false,
            _ => return self.bad_value("a null test"),
        };
        let arg_is_row = self.bool_field("argisrow")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::NullTest { arg, is_null, arg_is_row, location })
    }

    #[inline(never)]
    pub(super) fn boolean_test(&mut self) -> Read<Expr> {
        let outer = self.begin("BOOLEANTEST")?;
        let arg = self.boxed_field("arg")?;
        let test = match self.int_field("booltesttype")? {
            0 => BoolTest::IsTrue,
            1 => BoolTest::IsNotTrue,
            2 => BoolTest::IsFalse,
            3 => BoolTest::IsNotFalse,
            4 => BoolTest::IsUnknown,
            5 => BoolTest::IsNotUnknown,
            _ => return self.bad_value("a boolean test"),
        };
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::BooleanTest { arg, test, location })
    }
}
