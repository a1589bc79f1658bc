//! `COMMONTABLEEXPR` with its SEARCH and CYCLE clauses.

use super::reader::{Read, Reader};
use super::tree::{CommonTableExpr, CteMaterialize, Oid};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn common_table_expr(&mut self) -> Read<CommonTableExpr> {
        let outer = self.open("COMMONTABLEEXPR")?;
        let name = self.name_field("ctename")?;
        self.string_list_field("aliascolnames")?;
        let materialized = match self.int_field("ctematerialized")? {
            0 => CteMaterialize::Default,
            1 => CteMaterialize::Always,
            2 => CteMaterialize::Never,
            _ => return self.bad_value("a materialization"),
        };
        self.field("ctequery")?;
        let query = self.boxed_query()?;
        let search = self.optional_field("search_clause", Self::search_clause)?;
        let cycle = self.optional_field("cycle_clause", Self::cycle_clause)?;
        self.location_field("location")?;
        let recursive = self.bool_field("cterecursive")?;
        let ref_count = self.unsigned_field("cterefcount")?;
        let column_names = self.string_list_field("ctecolnames")?;
        let column_types = self.oid_list_field("ctecoltypes")?;
        self.int_list_field("ctecoltypmods")?;
        self.oid_list_field("ctecolcollations")?;
        self.end(outer)?;
        Ok(CommonTableExpr {
            name,
            materialized,
            query,
            has_search: search.is_some(),
            has_cycle: cycle.is_some(),
            cycle_operator: cycle.unwrap_or(0),
            recursive,
            ref_count,
            column_names,
            column_types,
        })
    }

    #[inline(never)]
    fn search_clause(&mut self) -> Read<()> {
        let outer = self.open("CTESEARCHCLAUSE")?;
        self.string_list_field("search_col_list")?;
        self.bool_field("search_breadth_first")?;
        self.string_field("search_seq_column")?;
        self.location_field("location")?;
        self.end(outer)
    }

    /// The operator that compares the cycle mark. What the clause does stands in the rewritten tree.
    #[inline(never)]
    fn cycle_clause(&mut self) -> Read<Oid> {
        let outer = self.open("CTECYCLECLAUSE")?;
        self.string_list_field("cycle_col_list")?;
        self.string_field("cycle_mark_column")?;
        self.field("cycle_mark_value")?;
        self.expr()?;
        self.field("cycle_mark_default")?;
        self.expr()?;
        self.string_field("cycle_path_column")?;
        self.location_field("location")?;
        self.oid_field("cycle_mark_type")?;
        self.int_field("cycle_mark_typmod")?;
        self.oid_field("cycle_mark_collation")?;
        let operator = self.oid_field("cycle_mark_neop")?;
        self.end(outer)?;
        Ok(operator)
    }
}
