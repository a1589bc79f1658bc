//! Values without arguments of their own, and what stands only in writing statements.

use super::super::reader::{Read, Reader};
use super::super::tree::Expr;

impl Reader<'_> {
    /// CURRENT_DATE, CURRENT_USER and their like.
    #[inline(never)]
    pub(super) fn sql_value_function(&mut self) -> Read<Expr> {
        let outer = self.begin("SQLVALUEFUNCTION")?;
        let op = self.unsigned_field("op")?;
        let type_oid = self.oid_field("type")?;
        let type_mod = self.int_field("typmod")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::SqlValueFunction { op, type_oid, type_mod, location })
    }

    #[inline(never)]
    pub(super) fn set_to_default(&mut self) -> Read<Expr> {
        let outer = self.begin("SETTODEFAULT")?;
        let type_oid = self.oid_field("typeId")?;
        self.int_field("typeMod")?;
        self.oid_field("collation")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::SetToDefault { type_oid, location })
    }

    #[inline(never)]
    pub(super) fn current_of(&mut self) -> Read<Expr> {
        let outer = self.begin("CURRENTOFEXPR")?;
        let rel = self.unsigned_field("cvarno")?;
        let cursor = self.string_field("cursor_name")?;
        let cursor_param = self.unsigned_field("cursor_param")?;
        self.end(outer)?;
        Ok(Expr::CurrentOf { rel, cursor, cursor_param })
    }

    #[inline(never)]
    pub(super) fn next_value(&mut self) -> Read<Expr> {
        let outer = self.begin("NEXTVALUEEXPR")?;
        let sequence = self.oid_field("seqid")?;
        let type_oid = self.oid_field("typeId")?;
        self.end(outer)?;
        Ok(Expr::NextValue { sequence, type_oid })
    }

    #[inline(never)]
    pub(super) fn inference_elem(&mut self) -> Read<Expr> {
        let outer = self.begin("INFERENCEELEM")?;
        let expr = self.boxed_field("expr")?;
        let collation = self.oid_field("infercollid")?;
        let operator_class = self.oid_field("inferopclass")?;
        self.end(outer)?;
        Ok(Expr::InferenceElem { expr, collation, operator_class })
    }

    #[inline(never)]
    pub(super) fn returning_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("RETURNINGEXPR")?;
        let levels_up = self.int_field("retlevelsup")?;
        let old = self.bool_field("retold")?;
        let expr = self.boxed_field("retexpr")?;
        self.end(outer)?;
        Ok(Expr::ReturningExpr { levels_up, old, expr })
    }
}
