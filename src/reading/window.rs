//! `WINDOWCLAUSE`.

use super::reader::{Read, Reader};
use super::tree::WindowClause;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn window_clause(&mut self) -> Read<WindowClause> {
        let outer = self.open("WINDOWCLAUSE")?;
        self.string_field("name")?;
        self.string_field("refname")?;
        let partition = self.list_field("partitionClause", Self::sort_group_clause)?;
        let order = self.list_field("orderClause", Self::sort_group_clause)?;
        let frame_options = self.unsigned_field("frameOptions")?;
        let start_offset = self.optional_field("startOffset", Self::expr)?;
        let end_offset = self.optional_field("endOffset", Self::expr)?;
        if !self.version.has_run_condition_in_function() {
            self.empty_field("runCondition")?;
        }
        let start_in_range_func = self.oid_field("startInRangeFunc")?;
        let end_in_range_func = self.oid_field("endInRangeFunc")?;
        let in_range_collation = self.oid_field("inRangeColl")?;
        self.bool_field("inRangeAsc")?;
        self.bool_field("inRangeNullsFirst")?;
        let win_ref = self.unsigned_field("winref")?;
        self.bool_field("copiedOrder")?;
        self.end(outer)?;
        Ok(WindowClause {
            partition,
            order,
            frame_options,
            start_offset,
            end_offset,
            run_condition: Vec::new(),
            start_in_range_func,
            end_in_range_func,
            in_range_collation,
            win_ref,
        })
    }
}
