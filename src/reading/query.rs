//! `QUERY`: one analysed statement or sub-select.

use super::permission::assign_permissions;
use super::reader::{Read, Reader};
use super::tree::{Command, Query};
use super::unreadable::Unreadable;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn query(&mut self) -> Read<Query> {
        self.boxed_query().map(|query| *query)
    }

    /// On the heap from the start: queries nest, and this is the largest node.
    #[inline(never)]
    pub(super) fn boxed_query(&mut self) -> Read<Box<Query>> {
        let mut query = empty_query();
        self.query_into(&mut query)?;
        Ok(query)
    }

    #[inline(never)]
    fn query_into(&mut self, query: &mut Query) -> Read<()> {
        let outer = self.open("QUERY")?;
        self.query_head(query)?;
        self.query_relations(query)?;
        self.query_targets(query)?;
        self.query_grouping(query)?;
        self.query_tail(query)?;
        self.end(outer)
    }

    #[inline(never)]
    fn query_head(&mut self, query: &mut Query) -> Read<()> {
        query.command = self.command_field("commandType")?;
        // 0 as written, 1 to 4 by which kind of rule.
        if !(0..=4).contains(&self.int_field("querySource")?) {
            return self.bad_value("a query source");
        }
        query.can_set_tag = self.bool_field("canSetTag")?;
        self.field("utilityStmt")?;
        if !self.null() || query.command == Command::Utility {
            return Err(Box::new(Unreadable::UtilityStatement));
        }
        query.result_relation = self.unsigned_field("resultRelation")?;
        query.has_aggs = self.bool_field("hasAggs")?;
        query.has_window_funcs = self.bool_field("hasWindowFuncs")?;
        query.has_target_srfs = self.bool_field("hasTargetSRFs")?;
        query.has_sub_links = self.bool_field("hasSubLinks")?;
        query.has_distinct_on = self.bool_field("hasDistinctOn")?;
        query.has_recursive = self.bool_field("hasRecursive")?;
        query.has_modifying_cte = self.bool_field("hasModifyingCTE")?;
        query.has_for_update = self.bool_field("hasForUpdate")?;
        query.has_row_security = self.bool_field("hasRowSecurity")?;
        if self.version.has_group_entry() {
            self.bool_field("hasGroupRTE")?;
        }
        query.is_return = self.bool_field("isReturn")?;
        Ok(())
    }

    #[inline(never)]
    fn query_relations(&mut self, query: &mut Query) -> Read<()> {
        query.ctes = self.list_field("cteList", Self::common_table_expr)?;
        let mut entries = self.list_field("rtable", Self::range_table_entry)?;
        if self.version.has_permission_infos() {
            let infos = self.list_field("rteperminfos", Self::permission_info)?;
            assign_permissions(&mut entries, infos)?;
        }
        query.range_table = entries.into_iter().map(|read| read.entry).collect();
        query.join_tree = self.optional_field("jointree", Self::join_tree)?;
        Ok(())
    }

    #[inline(never)]
    fn query_targets(&mut self, query: &mut Query) -> Read<()> {
        if self.version.has_merge_fields_first() {
            self.merge_fields(query)?;
        }
        query.target_list = self.list_field("targetList", Self::target_entry)?;
        query.overriding = self.unsigned_field("override")?;
        query.on_conflict = self.optional_field("onConflict", Self::on_conflict)?;
        if self.version.has_returning_old_new() {
            self.string_field("returningOldAlias")?;
            self.string_field("returningNewAlias")?;
        }
        query.returning_list = self.list_field("returningList", Self::target_entry)?;
        Ok(())
    }

    #[inline(never)]
    fn query_grouping(&mut self, query: &mut Query) -> Read<()> {
        query.group_clause = self.list_field("groupClause", Self::sort_group_clause)?;
        query.group_distinct = self.bool_field("groupDistinct")?;
        query.grouping_sets = self.list_field("groupingSets", Self::grouping_set)?;
        query.having = self.optional_field("havingQual", Self::expr)?;
        query.window_clause = self.list_field("windowClause", Self::window_clause)?;
        query.distinct_clause = self.list_field("distinctClause", Self::sort_group_clause)?;
        query.sort_clause = self.list_field("sortClause", Self::sort_group_clause)?;
        Ok(())
    }

    #[inline(never)]
    fn query_tail(&mut self, query: &mut Query) -> Read<()> {
        query.limit_offset = self.optional_field("limitOffset", Self::expr)?;
        query.limit_count = self.optional_field("limitCount", Self::expr)?;
        query.limit_with_ties = match self.int_field("limitOption")? {
            0 => false,
            1 => true,
            _ => return self.bad_value("a limit option"),
        };
        query.row_marks = self.list_field("rowMarks", Self::row_mark_clause)?;
        query.set_operations = self.optional_field("setOperations", Self::set_operation)?;
        self.oid_list_field("constraintDeps")?;
        query.with_check_options = self.list_field("withCheckOptions", Self::with_check_option)?;
        if !self.version.has_merge_fields_first() {
            self.merge_fields(query)?;
        }
        self.int_field("stmt_location")?;
        self.int_field("stmt_len")?;
        Ok(())
    }

    /// At a place that depends on the version.
    #[inline(never)]
    fn merge_fields(&mut self, query: &mut Query) -> Read<()> {
        query.merge_actions = self.list_field("mergeActionList", Self::merge_action)?;
        if !self.version.has_merge_join_condition() {
            // Whether an action inserts, which the actions say.
            return self.bool_field("mergeUseOuterJoin").map(drop);
        }
        query.merge_target_relation = self.unsigned_field("mergeTargetRelation")?;
        query.merge_join_condition = self.optional_field("mergeJoinCondition", Self::expr)?;
        Ok(())
    }

    /// `CmdType` of `nodes.h`.
    pub(super) fn command_field(&mut self, name: &'static str) -> Read<Command> {
        match self.int_field(name)? {
            1 => Ok(Command::Select),
            2 => Ok(Command::Update),
            3 => Ok(Command::Insert),
            4 => Ok(Command::Delete),
            5 => Ok(Command::Merge),
            6 => Ok(Command::Utility),
            7 => Ok(Command::Nothing),
            _ => self.bad_value("a command"),
        }
    }
}

/// Never inlined, so that the copy on the stack is gone before the fields are read.
#[inline(never)]
fn empty_query() -> Box<Query> {
    Box::new(Query {
        command: Command::Nothing,
        can_set_tag: false,
        is_utility: false,
        result_relation: 0,
        has_aggs: false,
        has_window_funcs: false,
        has_target_srfs: false,
        has_sub_links: false,
        has_distinct_on: false,
        has_recursive: false,
        has_modifying_cte: false,
        has_for_update: false,
        has_row_security: false,
        is_return: false,
        ctes: Vec::new(),
        range_table: Vec::new(),
        join_tree: None,
        merge_actions: Vec::new(),
        merge_join_condition: None,
        merge_target_relation: 0,
        target_list: Vec::new(),
        overriding: 0,
        on_conflict: None,
        returning_list: Vec::new(),
        group_clause: Vec::new(),
        group_distinct: false,
        grouping_sets: Vec::new(),
        having: None,
        window_clause: Vec::new(),
        distinct_clause: Vec::new(),
        sort_clause: Vec::new(),
        limit_offset: None,
        limit_count: None,
        limit_with_ties: false,
        row_marks: Vec::new(),
        set_operations: None,
        with_check_options: Vec::new(),
    })
}
