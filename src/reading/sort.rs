//! Target list, sort and group clauses, grouping sets, row marks.

use super::reader::{Read, Reader};
use super::tree::{GroupingSet, GroupingSetKind, RowMarkClause, SortGroupClause, TargetEntry};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn target_entry(&mut self) -> Read<TargetEntry> {
        let outer = self.open("TARGETENTRY")?;
        self.field("expr")?;
        let expr = self.expr()?;
        let res_no = self.int_field("resno")?;
        let name = self.string_field("resname")?;
        let sort_group_ref = self.unsigned_field("ressortgroupref")?;
        let orig_table = self.oid_field("resorigtbl")?;
        let orig_column = self.int_field("resorigcol")?;
        let junk = self.bool_field("resjunk")?;
        self.end(outer)?;
        Ok(TargetEntry { expr, res_no, name, sort_group_ref, orig_table, orig_column, junk })
    }

    pub(super) fn sort_group_clause(&mut self) -> Read<SortGroupClause> {
        let outer = self.open("SORTGROUPCLAUSE")?;
        let sort_group_ref = self.unsigned_field("tleSortGroupRef")?;
        let equality_operator = self.oid_field("eqop")?;
        let sort_operator = self.oid_field("sortop")?;
        if self.version.has_reverse_sort() {
            self.bool_field("reverse_sort")?;
        }
        let nulls_first = self.bool_field("nulls_first")?;
        let hashable = self.bool_field("hashable")?;
        self.end(outer)?;
        Ok(SortGroupClause { sort_group_ref, equality_operator, sort_operator, nulls_first, hashable })
    }

    #[inline(never)]
    pub(super) fn grouping_set(&mut self) -> Read<GroupingSet> {
        let outer = self.open("GROUPINGSET")?;
        let kind = match self.int_field("kind")? {
            0 => GroupingSetKind::Empty,
            1 => GroupingSetKind::Simple,
            2 => GroupingSetKind::Rollup,
            3 => GroupingSetKind::Cube,
            4 => GroupingSetKind::Sets,
            _ => return self.bad_value("a kind of grouping set"),
        };
        self.field("content")?;
        let (mut refs, mut sets) = (Vec::new(), Vec::new());
        match kind {
            GroupingSetKind::Empty if self.null() => {}
            GroupingSetKind::Empty => return self.not_empty(),
            GroupingSetKind::Simple => refs = self.unsigned_list()?,
            GroupingSetKind::Rollup | GroupingSetKind::Cube | GroupingSetKind::Sets => sets = self.list(Self::grouping_set)?,
        }
        self.location_field("location")?;
        self.end(outer)?;
        Ok(GroupingSet { kind, refs, sets })
    }

    pub(super) fn row_mark_clause(&mut self) -> Read<RowMarkClause> {
        let outer = self.open("ROWMARKCLAUSE")?;
        let rt_index = self.unsigned_field("rti")?;
        let strength = self.unsigned_field("strength")?;
        let wait_policy = self.unsigned_field("waitPolicy")?;
        let pushed_down = self.bool_field("pushedDown")?;
        self.end(outer)?;
        Ok(RowMarkClause { rt_index, strength, wait_policy, pushed_down })
    }
}
