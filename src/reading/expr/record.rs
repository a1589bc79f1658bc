//! Arrays, rows and their parts.

use super::super::reader::{Read, Reader};
use super::super::tree::Expr;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn array_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("ARRAYEXPR")?;
        let array_type = self.oid_field("array_typeid")?;
        let collation = self.oid_field("array_collid")?;
        let element_type = self.oid_field("element_typeid")?;
        let elements = self.expr_list_field("elements")?;
        let multidims = self.bool_field("multidims")?;
        if self.version.has_list_bounds() {
            self.location_field("list_start")?;
            self.location_field("list_end")?;
        }
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Array { array_type, element_type, collation, elements, multidims, location })
    }

    #[inline(never)]
    pub(super) fn subscripting(&mut self) -> Read<Expr> {
        let outer = self.begin("SUBSCRIPTINGREF")?;
        let container_type = self.oid_field("refcontainertype")?;
        let element_type = self.oid_field("refelemtype")?;
        let result_type = self.oid_field("refrestype")?;
        let type_mod = self.int_field("reftypmod")?;
        let collation = self.oid_field("refcollid")?;
        let upper = self.list_field("refupperindexpr", Self::bound)?;
        let lower = self.list_field("reflowerindexpr", Self::bound)?;
        let container = self.boxed_field("refexpr")?;
        let assignment = self.optional_boxed_field("refassgnexpr")?;
        self.end(outer)?;
        Ok(Expr::Subscripting {
            container_type,
            element_type,
            result_type,
            type_mod,
            collation,
            upper,
            lower,
            container,
            assignment,
        })
    }

    #[inline(never)]
    fn bound(&mut self) -> Read<Option<Expr>> {
        if self.null() { Ok(None) } else { self.expr().map(Some) }
    }

    #[inline(never)]
    pub(super) fn field_select(&mut self) -> Read<Expr> {
        let outer = self.begin("FIELDSELECT")?;
        let arg = self.boxed_field("arg")?;
        let field = self.short_field("fieldnum")?;
        let result_type = self.oid_field("resulttype")?;
        self.int_field("resulttypmod")?;
        let collation = self.oid_field("resultcollid")?;
        self.end(outer)?;
        Ok(Expr::FieldSelect { arg, field, result_type, collation })
    }

    #[inline(never)]
    pub(super) fn field_store(&mut self) -> Read<Expr> {
        let outer = self.begin("FIELDSTORE")?;
        let arg = self.optional_boxed_field("arg")?;
        let new_values = self.expr_list_field("newvals")?;
        let fields = self.int_list_field("fieldnums")?;
        let result_type = self.oid_field("resulttype")?;
        self.end(outer)?;
        Ok(Expr::FieldStore { arg, new_values, fields, result_type })
    }

    #[inline(never)]
    pub(super) fn row_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("ROWEXPR")?;
        let args = self.expr_list_field("args")?;
        let row_type = self.oid_field("row_typeid")?;
        let form = self.coercion_form_field("row_format")?;
        let column_names = self.string_list_field("colnames")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Row { args, row_type, form, column_names, location })
    }

    #[inline(never)]
    pub(super) fn row_compare(&mut self) -> Read<Expr> {
        let outer = self.begin("ROWCOMPAREEXPR")?;
        // The numbers 1 to 6 mean the same under both names.
        let kind = self.unsigned_field(if self.version.has_compare_type() { "cmptype" } else { "rctype" })?;
        if !(1..=6).contains(&kind) {
            return self.bad_value("a comparison");
        }
        let operators = self.oid_list_field("opnos")?;
        let families = self.oid_list_field("opfamilies")?;
        let input_collations = self.oid_list_field("inputcollids")?;
        let left = self.expr_list_field("largs")?;
        let right = self.expr_list_field("rargs")?;
        self.end(outer)?;
        Ok(Expr::RowCompare { kind, operators, families, input_collations, left, right })
    }
}
