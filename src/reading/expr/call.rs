//! Calls: functions, aggregates, window functions.

use super::super::reader::{Read, Reader};
use super::super::tree::Expr;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn func_expr(&mut self) -> Read<Expr> {
        let outer = self.begin("FUNCEXPR")?;
        let func = self.oid_field("funcid")?;
        let result_type = self.oid_field("funcresulttype")?;
        let returns_set = self.bool_field("funcretset")?;
        let variadic = self.bool_field("funcvariadic")?;
        let form = self.coercion_form_field("funcformat")?;
        let collation = self.oid_field("funccollid")?;
        let input_collation = self.oid_field("inputcollid")?;
        let args = self.expr_list_field("args")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Func { func, result_type, returns_set, variadic, form, collation, input_collation, args, location })
    }

    #[inline(never)]
    pub(super) fn named_arg(&mut self) -> Read<Expr> {
        let outer = self.begin("NAMEDARGEXPR")?;
        let arg = self.boxed_field("arg")?;
        let name = self.string_field("name")?;
        let number = self.int_field("argnumber")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::NamedArg { arg, name, number, location })
    }

    #[inline(never)]
    pub(super) fn aggref(&mut self) -> Read<Expr> {
        let outer = self.begin("AGGREF")?;
        let func = self.oid_field("aggfnoid")?;
        let result_type = self.oid_field("aggtype")?;
        let collation = self.oid_field("aggcollid")?;
        let input_collation = self.oid_field("inputcollid")?;
        self.constant_int_field("aggtranstype", 0)?;
        let arg_types = self.oid_list_field("aggargtypes")?;
        let direct_args = self.expr_list_field("aggdirectargs")?;
        let args = self.list_field("args", Self::target_entry)?;
        let order = self.list_field("aggorder", Self::sort_group_clause)?;
        let distinct = self.list_field("aggdistinct", Self::sort_group_clause)?;
        let filter = self.optional_boxed_field("aggfilter")?;
        let star = self.bool_field("aggstar")?;
        self.bool_field("aggvariadic")?;
        if !matches!(self.character_field("aggkind")?, b'n' | b'o' | b'h') {
            return self.bad_value("a kind of aggregate");
        }
        let levels_up = self.aggref_tail()?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Aggref {
            func,
            result_type,
            collation,
            input_collation,
            arg_types,
            direct_args,
            args,
            order,
            distinct,
            filter,
            star,
            levels_up,
            location,
        })
    }

    /// All but the level is the planner's.
    fn aggref_tail(&mut self) -> Read<u32> {
        if self.version.has_presorted() {
            self.false_field("aggpresorted")?;
        }
        let levels_up = self.unsigned_field("agglevelsup")?;
        self.constant_int_field("aggsplit", 0)?;
        self.constant_int_field("aggno", -1)?;
        self.constant_int_field("aggtransno", -1)?;
        Ok(levels_up)
    }

    #[inline(never)]
    pub(super) fn window_func(&mut self) -> Read<Expr> {
        let outer = self.begin("WINDOWFUNC")?;
        let func = self.oid_field("winfnoid")?;
        let result_type = self.oid_field("wintype")?;
        let collation = self.oid_field("wincollid")?;
        let input_collation = self.oid_field("inputcollid")?;
        let args = self.expr_list_field("args")?;
        let filter = self.optional_boxed_field("aggfilter")?;
        if self.version.has_run_condition_in_function() {
            self.empty_field("runCondition")?;
        }
        let win_ref = self.unsigned_field("winref")?;
        let star = self.bool_field("winstar")?;
        let is_aggregate = self.bool_field("winagg")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::WindowFunc {
            func,
            result_type,
            collation,
            input_collation,
            args,
            filter,
            run_condition: Vec::new(),
            win_ref,
            star,
            is_aggregate,
            location,
        })
    }

    #[inline(never)]
    pub(super) fn grouping_func(&mut self) -> Read<Expr> {
        let outer = self.begin("GROUPINGFUNC")?;
        let args = self.expr_list_field("args")?;
        self.unsigned_list_field("refs")?;
        self.empty_field("cols")?;
        let levels_up = self.unsigned_field("agglevelsup")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::GroupingFunc { args, levels_up, location })
    }

    /// `MERGE_ACTION()`.
    #[inline(never)]
    pub(super) fn merge_support_func(&mut self) -> Read<Expr> {
        let outer = self.begin("MERGESUPPORTFUNC")?;
        let type_oid = self.oid_field("msftype")?;
        self.oid_field("msfcollid")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::MergeSupportFunc { type_oid, location })
    }

    /// `CoercionForm` of `primnodes.h`.
    pub(super) fn coercion_form_field(&mut self, name: &'static str) -> Read<u32> {
        match self.unsigned_field(name)? {
            form @ 0..=3 => Ok(form),
            _ => self.bad_value("a form of call"),
        }
    }
}
