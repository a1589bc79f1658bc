//! INSERT, UPDATE, DELETE, MERGE: their targets and what they read.

use sqlparser::ast::{
    Assignment, ConflictTarget, Delete, DoUpdate, FromTable, Insert, Merge, MergeAction, MergeClause, MergeInsertExpr,
    MergeInsertKind, MergeUpdateExpr, MergeUpdateKind, ObjectName, OnConflict, OnConflictAction, OnInsert, OutputClause, Parens,
    SelectItem, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Values,
};

use super::{QualifiedParts, Walk, refuse_if, unknown_node};
use crate::decision::deny::Deny;

impl<'q> Walk<'q, '_> {
    /// A writing statement that stands as a query's body.
    pub(super) fn write(&mut self, statement: &'q Statement) -> Result<(), Deny> {
        let verb = match statement {
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) => "UPDATE",
            Statement::Delete(_) => "DELETE",
            Statement::Merge(_) => "MERGE",
            _ => return Err(unknown_node("a statement of this kind inside another")),
        };
        self.found.write.get_or_insert(verb);
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            _ => Ok(()),
        }
    }

    fn insert(&mut self, insert: &'q Insert) -> Result<(), Deny> {
        let Insert {
            insert_token: _,
            optimizer_hints: _,
            or,
            ignore,
            into,
            table,
            table_alias: _,
            columns: _,
            by_name,
            overwrite,
            source,
            assignments,
            partitioned,
            after_columns,
            overriding: _,
            has_table_keyword,
            on,
            returning,
            output,
            replace_into,
            priority,
            insert_alias,
            settings,
            format_clause,
            multi_table_insert_type,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause,
        } = insert;
        refuse_if(or.is_some() || *ignore || *replace_into || priority.is_some(), "a modifier of INSERT")?;
        refuse_if(!*into || *overwrite || *has_table_keyword, "INSERT without INTO")?;
        refuse_if(*by_name || partitioned.is_some() || !after_columns.is_empty(), "BY NAME or PARTITION")?;
        refuse_if(!assignments.is_empty(), "INSERT … SET")?;
        refuse_if(settings.is_some() || format_clause.is_some() || insert_alias.is_some(), "a clause of INSERT")?;
        let several = multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some();
        refuse_if(several, "an INSERT into several tables")?;
        match table {
            TableObject::TableName(name) => self.target(name)?,
            _ => return Err(unknown_node("an INSERT into something that is no table")),
        }
        if let Some(source) = source {
            self.push_query(source);
        }
        match on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => self.conflict(conflict)?,
            Some(_) => return Err(unknown_node("ON DUPLICATE KEY")),
        }
        self.output(output.as_ref())?;
        self.returning(returning.as_deref())
    }

    fn conflict(&mut self, conflict: &'q OnConflict) -> Result<(), Deny> {
        let OnConflict { conflict_target, action } = conflict;
        match conflict_target {
            None | Some(ConflictTarget::OnConstraint(_)) => {}
            Some(ConflictTarget::Columns { columns: _, predicate }) => self.push_exprs(predicate),
        }
        match action {
            OnConflictAction::DoNothing => Ok(()),
            OnConflictAction::DoUpdate(DoUpdate { assignments, selection }) => {
                self.assignments(assignments);
                self.push_exprs(selection);
                Ok(())
            }
        }
    }

    fn update(&mut self, update: &'q Update) -> Result<(), Deny> {
        let Update {
            update_token: _,
            optimizer_hints: _,
            table,
            on_cluster,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
            settings,
        } = update;
        refuse_if(on_cluster.is_some() || or.is_some() || settings.is_some(), "a clause of UPDATE")?;
        refuse_if(!order_by.is_empty() || limit.is_some(), "ORDER BY or LIMIT of an UPDATE")?;
        self.target_table(table)?;
        self.assignments(assignments);
        match from {
            None => {}
            Some(UpdateTableFromKind::AfterSet(tables)) => tables.iter().try_for_each(|table| self.table_with_joins(table))?,
            Some(UpdateTableFromKind::BeforeSet(_)) => return Err(unknown_node("FROM before SET")),
        }
        self.push_exprs(selection);
        self.output(output.as_ref())?;
        self.returning(returning.as_deref())
    }

    fn delete(&mut self, delete: &'q Delete) -> Result<(), Deny> {
        let Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from,
            on_cluster,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
            settings,
        } = delete;
        refuse_if(on_cluster.is_some() || settings.is_some() || !tables.is_empty(), "a clause of DELETE")?;
        refuse_if(!order_by.is_empty() || limit.is_some(), "ORDER BY or LIMIT of a DELETE")?;
        match from {
            FromTable::WithFromKeyword(tables) => match tables.as_slice() {
                [table] => self.target_table(table)?,
                _ => return Err(unknown_node("a DELETE from several tables")),
            },
            FromTable::WithoutKeyword(_) => return Err(unknown_node("DELETE without FROM")),
        }
        using.iter().flatten().try_for_each(|table| self.table_with_joins(table))?;
        self.push_exprs(selection);
        self.output(output.as_ref())?;
        self.returning(returning.as_deref())
    }

    fn merge(&mut self, merge: &'q Merge) -> Result<(), Deny> {
        let Merge { merge_token: _, optimizer_hints: _, into, table, source, on, clauses, output } = merge;
        refuse_if(!*into, "MERGE without INTO")?;
        self.target_factor(table)?;
        self.push_table(source);
        self.push_expr(on);
        for MergeClause { when_token: _, clause_kind: _, predicate, action } in clauses {
            self.push_exprs(predicate);
            match action {
                MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
                MergeAction::Update(MergeUpdateExpr { update_token: _, kind, update_predicate, delete_predicate }) => {
                    refuse_if(update_predicate.is_some() || delete_predicate.is_some(), "WHERE in a MERGE's UPDATE")?;
                    match kind {
                        MergeUpdateKind::Set(assignments) => self.assignments(assignments),
                        MergeUpdateKind::Wildcard => return Err(unknown_node("UPDATE SET *")),
                    }
                }
                MergeAction::Insert(MergeInsertExpr { insert_token: _, columns: _, kind_token: _, kind, insert_predicate }) => {
                    refuse_if(insert_predicate.is_some(), "WHERE in a MERGE's INSERT")?;
                    match kind {
                        MergeInsertKind::Values(Values { explicit_row, value_keyword, rows }) => {
                            refuse_if(*explicit_row || *value_keyword, "VALUE or VALUES ROW")?;
                            for Parens { opening_token: _, content, closing_token: _ } in rows {
                                self.push_exprs(content);
                            }
                        }
                        MergeInsertKind::Row | MergeInsertKind::Wildcard => return Err(unknown_node("INSERT ROW or INSERT *")),
                    }
                }
            }
        }
        self.output(output.as_ref())
    }

    fn assignments(&mut self, assignments: &'q [Assignment]) {
        self.push_exprs(assignments.iter().map(|assignment| &assignment.value));
    }

    fn returning(&mut self, items: Option<&'q [SelectItem]>) -> Result<(), Deny> {
        items.unwrap_or_default().iter().try_for_each(|item| self.select_item(item))
    }

    fn output(&mut self, output: Option<&'q OutputClause>) -> Result<(), Deny> {
        match output {
            None => Ok(()),
            Some(OutputClause::Returning { returning_token: _, select_items }) => self.returning(Some(select_items)),
            Some(OutputClause::Output { .. }) => Err(unknown_node("OUTPUT")),
        }
    }

    fn target_table(&mut self, table: &'q TableWithJoins) -> Result<(), Deny> {
        let TableWithJoins { relation, joins } = table;
        refuse_if(!joins.is_empty(), "a join where the target of a write belongs")?;
        self.target_factor(relation)
    }

    fn target_factor(&mut self, table: &'q TableFactor) -> Result<(), Deny> {
        match table {
            TableFactor::Table { name, args: None, .. } => {
                self.table_factor(table)?;
                self.mark_target(name)
            }
            _ => Err(unknown_node("something that is no table where the target of a write belongs")),
        }
    }

    fn target(&mut self, name: &ObjectName) -> Result<(), Deny> {
        self.relation(name)?;
        self.mark_target(name)
    }

    /// A CTE of the target's name is no target for Postgres: the table is.
    fn mark_target(&mut self, name: &ObjectName) -> Result<(), Deny> {
        let QualifiedParts { position, .. } = self.qualified(name)?;
        refuse_if(
            self.found.names.cte_references.iter().any(|r| r.position == position),
            "a target that is named like a WITH query",
        )?;
        self.found.names.targets.push(position);
        Ok(())
    }
}
