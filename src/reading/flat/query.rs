//! Queries and what they are made of, without expressions.

use super::super::tree::*;
use super::Flat;

impl<'a> Flat<'a> {
    pub(super) fn query(&mut self, query: &'a Query) {
        let Query {
            command,
            can_set_tag,
            is_utility,
            result_relation,
            has_aggs,
            has_window_funcs,
            has_target_srfs,
            has_sub_links,
            has_distinct_on,
            has_recursive,
            has_modifying_cte,
            has_for_update,
            has_row_security,
            // Refused by the proof wherever it is set, so that no two trees differ by it.
            is_return: _,
            ctes,
            range_table,
            join_tree,
            merge_actions,
            merge_join_condition,
            merge_target_relation,
            target_list,
            overriding,
            on_conflict,
            returning_list,
            group_clause,
            group_distinct,
            grouping_sets,
            having,
            window_clause,
            distinct_clause,
            sort_clause,
            limit_offset,
            limit_count,
            limit_with_ties,
            row_marks,
            set_operations,
            with_check_options,
        } = query;
        self.node("QUERY").number(*command as i64).number(*can_set_tag).number(*is_utility).number(*result_relation);
        self.number(*has_aggs).number(*has_window_funcs).number(*has_target_srfs).number(*has_sub_links);
        self.number(*has_distinct_on).number(*has_recursive).number(*has_modifying_cte).number(*has_for_update);
        self.number(*has_row_security).number(*merge_target_relation).number(*overriding).number(*group_distinct);
        self.number(*limit_with_ties);
        self.each(ctes, Self::common_table_expr).each(range_table, Self::range_table_entry);
        self.option(join_tree.as_ref(), Self::join_tree).each(merge_actions, Self::merge_action);
        self.option(merge_join_condition.as_ref(), Self::expr).each(target_list, Self::target_entry);
        self.option(on_conflict.as_ref(), Self::on_conflict).each(returning_list, Self::target_entry);
        self.each(group_clause, Self::sort_group_clause).each(grouping_sets, Self::grouping_set);
        self.option(having.as_ref(), Self::expr).each(window_clause, Self::window_clause);
        self.each(distinct_clause, Self::sort_group_clause).each(sort_clause, Self::sort_group_clause);
        self.option(limit_offset.as_ref(), Self::expr).option(limit_count.as_ref(), Self::expr);
        self.each(row_marks, Self::row_mark_clause).option(set_operations.as_ref(), Self::set_operation);
        self.each(with_check_options, Self::with_check_option);
    }

    fn common_table_expr(&mut self, cte: &'a CommonTableExpr) {
        let CommonTableExpr {
            name,
            materialized,
            query,
            has_search,
            has_cycle,
            cycle_operator,
            recursive,
            ref_count,
            column_names,
            column_types,
        } = cte;
        self.node("COMMONTABLEEXPR").text(name).number(*materialized as i64).number(*has_search).number(*has_cycle);
        self.number(*cycle_operator).number(*recursive).number(*ref_count).texts(column_names).oids(column_types);
        self.query(query);
    }

    fn range_table_entry(&mut self, entry: &'a RangeTblEntry) {
        let RangeTblEntry { name, column_names, kind, lateral, in_from_clause, security_quals, permissions } = entry;
        self.node("RANGETBLENTRY").text(name).texts(column_names).number(*lateral).number(*in_from_clause);
        self.entry_kind(kind);
        self.option(permissions.as_ref(), Self::permissions).each(security_quals, Self::expr);
    }

    fn permissions(&mut self, permissions: &'a Permissions) {
        let Permissions { required, check_as_user, selected, inserted, updated } = permissions;
        self.node("RTEPERMISSIONINFO").number(*required).number(*check_as_user);
        self.columns(selected).columns(inserted).columns(updated);
    }

    /// The number is `RTEKind`.
    fn entry_kind(&mut self, kind: &'a RteKind) {
        match kind {
            RteKind::Relation { relid, relkind, inherits, lock_mode, table_sample } => {
                self.number(0).number(*relid).number(*relkind).number(*inherits).number(*lock_mode);
                self.option(table_sample.as_deref(), Self::table_sample);
            }
            RteKind::Subquery { query, security_barrier, view_relid, view_relkind } => {
                self.number(1).number(*security_barrier).number(*view_relid).number(*view_relkind);
                self.query(query);
            }
            RteKind::Join { join_type, merged_columns, alias_vars, left_columns, right_columns } => {
                self.number(2).number(*join_type as i64).number(*merged_columns).oids(left_columns).oids(right_columns);
                self.each(alias_vars, Self::expr);
            }
            RteKind::Function { functions, with_ordinality } => {
                self.number(3).number(*with_ordinality).each(functions, Self::range_table_function);
            }
            RteKind::TableFunction => {
                self.number(4);
            }
            RteKind::Values { rows, column_types } => {
                self.number(5).oids(column_types).each(rows, |flat, row| {
                    flat.each(row, Self::expr);
                });
            }
            RteKind::Cte { name, levels_up, self_reference, column_types } => {
                self.number(6).text(name).number(*levels_up).number(*self_reference).oids(column_types);
            }
            RteKind::NamedTuplestore => {
                self.number(7);
            }
            RteKind::Result => {
                self.number(8);
            }
            RteKind::Group { expressions } => {
                self.number(9).each(expressions, Self::expr);
            }
        }
    }

    fn table_sample(&mut self, sample: &'a TableSample) {
        let TableSample { handler, args, repeatable } = sample;
        self.node("TABLESAMPLECLAUSE").number(*handler).each(args, Self::expr).option(repeatable.as_ref(), Self::expr);
    }

    fn range_table_function(&mut self, function: &'a RangeTblFunction) {
        let RangeTblFunction { expr, column_count, column_types } = function;
        self.node("RANGETBLFUNCTION").number(*column_count).oids(column_types).expr(expr);
    }

    fn join_tree(&mut self, from: &'a FromExpr) {
        let FromExpr { from, quals } = from;
        self.node("FROMEXPR").each(from, Self::join_node).option(quals.as_ref(), Self::expr);
    }

    fn join_node(&mut self, node: &'a JoinNode) {
        match node {
            JoinNode::Ref(index) => {
                self.node("RANGETBLREF").number(*index);
            }
            JoinNode::Join(join) => self.join_expr(join),
            JoinNode::From(from) => self.join_tree(from),
        }
    }

    fn join_expr(&mut self, join: &'a JoinExpr) {
        let JoinExpr { join_type, natural, left, right, using, quals, rt_index } = join;
        self.node("JOINEXPR").number(*join_type as i64).number(*natural).texts(using).number(*rt_index);
        self.join_node(left);
        self.join_node(right);
        self.option(quals.as_ref(), Self::expr);
    }

    pub(super) fn target_entry(&mut self, target: &'a TargetEntry) {
        let TargetEntry { expr, res_no, name, sort_group_ref, orig_table, orig_column, junk } = target;
        self.node("TARGETENTRY").number(*res_no).optional_text(name.as_deref()).number(*sort_group_ref);
        self.number(*orig_table).number(*orig_column).number(*junk).expr(expr);
    }

    pub(super) fn sort_group_clause(&mut self, clause: &'a SortGroupClause) {
        let SortGroupClause { sort_group_ref, equality_operator, sort_operator, nulls_first, hashable } = clause;
        self.node("SORTGROUPCLAUSE").number(*sort_group_ref).number(*equality_operator).number(*sort_operator);
        self.number(*nulls_first).number(*hashable);
    }

    fn grouping_set(&mut self, set: &'a GroupingSet) {
        let GroupingSet { kind, refs, sets } = set;
        self.node("GROUPINGSET").number(*kind as i64).oids(refs).each(sets, Self::grouping_set);
    }

    fn window_clause(&mut self, window: &'a WindowClause) {
        let WindowClause {
            partition,
            order,
            frame_options,
            start_offset,
            end_offset,
            run_condition,
            start_in_range_func,
            end_in_range_func,
            in_range_collation,
            win_ref,
        } = window;
        self.node("WINDOWCLAUSE").number(*frame_options).number(*start_in_range_func).number(*end_in_range_func);
        self.number(*in_range_collation).number(*win_ref);
        self.each(partition, Self::sort_group_clause).each(order, Self::sort_group_clause);
        self.option(start_offset.as_ref(), Self::expr).option(end_offset.as_ref(), Self::expr);
        self.each(run_condition, Self::expr);
    }

    fn row_mark_clause(&mut self, mark: &'a RowMarkClause) {
        let RowMarkClause { rt_index, strength, wait_policy, pushed_down } = mark;
        self.node("ROWMARKCLAUSE").number(*rt_index).number(*strength).number(*wait_policy).number(*pushed_down);
    }

    fn set_operation(&mut self, operation: &'a SetOperation) {
        let SetOperation { kind, all, left, right, column_types, column_collations, group_clauses } = operation;
        self.node("SETOPERATIONSTMT").number(*kind as i64).number(*all).oids(column_types).oids(column_collations);
        self.set_operation_node(left);
        self.set_operation_node(right);
        self.each(group_clauses, Self::sort_group_clause);
    }

    fn set_operation_node(&mut self, node: &'a SetOpNode) {
        match node {
            SetOpNode::Ref(index) => {
                self.node("RANGETBLREF").number(*index);
            }
            SetOpNode::Op(operation) => self.set_operation(operation),
        }
    }

    fn with_check_option(&mut self, check: &'a WithCheckOption) {
        let WithCheckOption { kind, relation_name, qual, cascaded } = check;
        self.node("WITHCHECKOPTION").number(*kind).text(relation_name).number(*cascaded);
        self.option(qual.as_ref(), Self::expr);
    }

    fn merge_action(&mut self, action: &'a MergeAction) {
        let MergeAction { match_kind, command, overriding, qual, target_list, update_columns } = action;
        self.node("MERGEACTION").number(*match_kind as i64).number(*command as i64).number(*overriding);
        self.ints(update_columns).option(qual.as_ref(), Self::expr).each(target_list, Self::target_entry);
    }

    fn on_conflict(&mut self, conflict: &'a OnConflictExpr) {
        let OnConflictExpr {
            action,
            arbiter_elements,
            arbiter_where,
            constraint,
            set,
            where_,
            excluded_rel_index,
            excluded_target_list,
        } = conflict;
        self.node("ONCONFLICTEXPR").number(*action).number(*constraint).number(*excluded_rel_index);
        self.each(arbiter_elements, Self::expr).option(arbiter_where.as_ref(), Self::expr);
        self.each(set, Self::target_entry).option(where_.as_ref(), Self::expr);
        self.each(excluded_target_list, Self::target_entry);
    }
}
