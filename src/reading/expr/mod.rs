//! Expressions: `primnodes.h`, as far as a statement can hold them after analysis and rewriting.
//!
//! Each node's fields stand in the order of its struct. XML and SQL/JSON constructors, and what only the planner makes
//! (`SUBPLAN`, `PARAM` of kind EXEC …), have no reader and are refused by name.

mod call;
mod cast;
mod choice;
mod column;
mod operator;
mod record;
mod special;
mod sublink;

use super::reader::{Read, Reader, unknown_node};
use super::tree::{Const, Expr};

impl Reader<'_> {
    /// Only a choice by name: what a node needs on the stack is taken in its own function.
    #[inline(never)]
    pub(super) fn expr(&mut self) -> Read<Expr> {
        match self.node_name()? {
            b"VAR" => self.var(),
            b"CONST" => self.constant(),
            b"PARAM" => self.param(),
            b"OPEXPR" => self.op_expr(),
            b"FUNCEXPR" => self.func_expr(),
            b"BOOLEXPR" => self.bool_expr(),
            b"RELABELTYPE" => self.relabel_type(),
            b"AGGREF" => self.aggref(),
            b"SCALARARRAYOPEXPR" => self.scalar_array_op(),
            b"ARRAYEXPR" => self.array_expr(),
            b"SUBLINK" => self.sub_link(),
            b"CASEEXPR" => self.case_expr(),
            b"CASETESTEXPR" => self.case_test(),
            b"COALESCEEXPR" => self.coalesce(),
            b"MINMAXEXPR" => self.min_max(),
            b"NULLTEST" => self.null_test(),
            b"BOOLEANTEST" => self.boolean_test(),
            b"COERCEVIAIO" => self.coerce_via_io(),
            b"ARRAYCOERCEEXPR" => self.array_coerce(),
            b"CONVERTROWTYPEEXPR" => self.convert_rowtype(),
            b"COERCETODOMAIN" => self.coerce_to_domain(),
            b"COERCETODOMAINVALUE" => self.coerce_to_domain_value(),
            b"COLLATEEXPR" => self.collate(),
            b"DISTINCTEXPR" => self.distinct_expr(),
            b"NULLIFEXPR" => self.nullif_expr(),
            b"WINDOWFUNC" => self.window_func(),
            b"GROUPINGFUNC" => self.grouping_func(),
            b"NAMEDARGEXPR" => self.named_arg(),
            b"SUBSCRIPTINGREF" => self.subscripting(),
            b"FIELDSELECT" => self.field_select(),
            b"FIELDSTORE" => self.field_store(),
            b"ROWEXPR" => self.row_expr(),
            b"ROWCOMPAREEXPR" => self.row_compare(),
            b"SQLVALUEFUNCTION" => self.sql_value_function(),
            b"SETTODEFAULT" => self.set_to_default(),
            b"CURRENTOFEXPR" => self.current_of(),
            b"NEXTVALUEEXPR" => self.next_value(),
            b"INFERENCEELEM" => self.inference_elem(),
            b"RETURNINGEXPR" if self.version.has_returning_old_new() => self.returning_expr(),
            b"MERGESUPPORTFUNC" if self.version.has_merge_support() => self.merge_support_func(),
            name => unknown_node(name),
        }
    }

    fn expr_field(&mut self, name: &'static str) -> Read<Expr> {
        self.field(name)?;
        self.expr()
    }

    fn boxed_field(&mut self, name: &'static str) -> Read<Box<Expr>> {
        self.field(name)?;
        self.boxed_expr()
    }

    #[inline(never)]
    fn boxed_expr(&mut self) -> Read<Box<Expr>> {
        self.expr().map(Box::new)
    }

    fn optional_boxed_field(&mut self, name: &'static str) -> Read<Option<Box<Expr>>> {
        self.optional_field(name, Self::boxed_expr)
    }

    fn expr_list_field(&mut self, name: &'static str) -> Read<Vec<Expr>> {
        self.list_field(name, Self::expr)
    }

    /// A column of a join whose table has dropped it stands as `<>` in the join entry of a view.
    /// It keeps its place as a null of no type, which nothing equals.
    #[inline(never)]
    pub(super) fn expr_or_dropped(&mut self) -> Read<Expr> {
        if !self.null() {
            return self.expr();
        }
        Ok(Expr::Const(Const {
            type_oid: 0,
            type_mod: -1,
            collation: 0,
            type_len: 0,
            by_value: true,
            datum: None,
            location: None,
        }))
    }
}
