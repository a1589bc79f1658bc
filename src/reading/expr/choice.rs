//! CASE, COALESCE, GREATEST and LEAST.

use super::super::reader::{Read, Reader};
use super::super::tree::Expr;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn case_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("CASEEXPR")?;
        let result_type = self.oid_field("casetype")?;
        let collation = self.oid_field("casecollid")?;
        let arg = self.optional_boxed_field("arg")?;
        let whens = self.list_field("args", Self::case_when)?;
        let default = self.optional_boxed_field("defresult")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Case { result_type, collation, arg, whens, default, location })
    }

    #[inline(never)]
    fn case_when(&mut self) -> Read<(Expr, Expr)> {
        let outer = self.open("CASEWHEN")?;
        let condition = self.expr_field("expr")?;
        let result = self.expr_field("result")?;
        self.location_field("location")?;
        self.end(outer)?;
        Ok((condition, result))
    }

    /// The value that a simple CASE tests, or an element under `ARRAYCOERCEEXPR`.
    #[inline(never)]
    pub(super) fn case_test(&mut self) -> Read<Expr> {
        let outer = self.begin("CASETESTEXPR")?;
        let type_oid = self.oid_field("typeId")?;
        let type_mod = self.int_field("typeMod")?;
        let collation = self.oid_field("collation")?;
        self.end(outer)?;
        Ok(Expr::CaseTest { type_oid, type_mod, collation })
    }

    #[inline(never)]
    pub(super) fn coalesce(&mut self) -> Read<Expr> {
        let outer = self.begin("COALESCEEXPR")?;
        let result_type = self.oid_field("coalescetype")?;
        let collation = self.oid_field("coalescecollid")?;
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Coalesce { result_type, collation, args, location })
    }

    #[inline(never)]
    pub(super) fn min_max(&mut self) -> Read<Expr> {
        let outer = self.begin("MINMAXEXPR")?;
        let result_type = self.oid_field("minmaxtype")?;
        let collation = self.oid_field("minmaxcollid")?;
        let input_collation = self.oid_field("inputcollid")?;
        let greatest = match self.int_field("op")? {
            0 => true,
            1 => false,
            _ => return self.bad_value("greatest or least"),
        };
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::MinMax { result_type, collation, input_collation, greatest, args, location })
    }
}
