//! `RANGETBLENTRY`: what a FROM item, a target or a grouping step refers to.

use super::reader::{Read, Reader};
use super::tree::{Permissions, RangeTblEntry, RangeTblFunction, RteKind, TableSample};

/// An entry with the index of its permissions, 0 if none (always on 15).
pub(super) struct ReadEntry {
    pub(super) entry: RangeTblEntry,
    pub(super) permission_index: u32,
}

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn range_table_entry(&mut self) -> Read<ReadEntry> {
        let outer = self.open("RANGETBLENTRY")?;
        self.optional_field("alias", Self::alias)?;
        self.field("eref")?;
        let (name, column_names) = self.alias()?;
        let (kind, permission_index) = self.entry_kind()?;
        let lateral = self.bool_field("lateral")?;
        let kind = self.inherits_after_kind(kind)?;
        let in_from_clause = self.bool_field("inFromCl")?;
        let permissions = self.entry_permissions(&kind)?;
        let security_quals = self.list_field("securityQuals", Self::expr)?;
        self.end(outer)?;
        let entry = RangeTblEntry { name, column_names, kind, lateral, in_from_clause, security_quals, permissions };
        Ok(ReadEntry { entry, permission_index })
    }

    pub(super) fn alias(&mut self) -> Read<(String, Vec<String>)> {
        let outer = self.open("ALIAS")?;
        let name = self.name_field("aliasname")?;
        let columns = self.string_list_field("colnames")?;
        self.end(outer)?;
        Ok((name, columns))
    }

    /// `RTEKind` of `parsenodes.h`, and the fields that only this kind has.
    #[inline(never)]
    fn entry_kind(&mut self) -> Read<(RteKind, u32)> {
        match self.int_field("rtekind")? {
            0 => self.relation_entry(),
            1 => self.subquery_entry(),
            2 => Ok((self.join_entry()?, 0)),
            3 => Ok((self.function_entry()?, 0)),
            4 => super::reader::unknown_node(b"TABLEFUNC"),
            5 => Ok((self.values_entry()?, 0)),
            6 => Ok((self.cte_entry()?, 0)),
            // 7 (a trigger's transition table) and 8 (made by the planner) do not come from a statement of a client.
            9 if self.version.has_group_entry() => {
                Ok((RteKind::Group { expressions: self.list_field("groupexprs", Self::expr)? }, 0))
            }
            _ => self.bad_value("a kind of range table entry"),
        }
    }

    #[inline(never)]
    fn relation_entry(&mut self) -> Read<(RteKind, u32)> {
        let relid = self.oid_field("relid")?;
        let inherits = if self.version.has_inherits_beside_relid() { self.bool_field("inh")? } else { false };
        let relkind = self.character_field("relkind")?;
        let lock_mode = self.unsigned_field("rellockmode")?;
        let mut permission_index = 0;
        // 17 moved the sample behind the permissions.
        if self.version.has_inherits_beside_relid() {
            permission_index = self.unsigned_field("perminfoindex")?;
        }
        let table_sample = self.optional_field("tablesample", Self::table_sample)?.map(Box::new);
        if self.version.has_permission_infos() && !self.version.has_inherits_beside_relid() {
            permission_index = self.unsigned_field("perminfoindex")?;
        }
        Ok((RteKind::Relation { relid, relkind, inherits, lock_mode, table_sample }, permission_index))
    }

    #[inline(never)]
    fn subquery_entry(&mut self) -> Read<(RteKind, u32)> {
        self.field("subquery")?;
        let query = self.boxed_query()?;
        let security_barrier = self.bool_field("security_barrier")?;
        let (mut view_relid, mut view_relkind, mut permission_index) = (0, 0, 0);
        if self.version.has_permission_infos() {
            view_relid = self.oid_field("relid")?;
            if self.version.has_inherits_beside_relid() {
                self.bool_field("inh")?;
            }
            view_relkind = self.character_field("relkind")?;
            self.unsigned_field("rellockmode")?;
            permission_index = self.unsigned_field("perminfoindex")?;
        }
        Ok((RteKind::Subquery { query, security_barrier, view_relid, view_relkind }, permission_index))
    }

    #[inline(never)]
    fn join_entry(&mut self) -> Read<RteKind> {
        let join_type = self.join_type_field("jointype")?;
        let merged_columns = self.unsigned_field("joinmergedcols")?;
        let alias_vars = self.list_field("joinaliasvars", Self::expr_or_dropped)?;
        let left_columns = self.unsigned_list_field("joinleftcols")?;
        let right_columns = self.unsigned_list_field("joinrightcols")?;
        self.optional_field("join_using_alias", Self::alias)?;
        Ok(RteKind::Join { join_type, merged_columns, alias_vars, left_columns, right_columns })
    }

    #[inline(never)]
    fn function_entry(&mut self) -> Read<RteKind> {
        let functions = self.list_field("functions", Self::range_table_function)?;
        let with_ordinality = self.bool_field("funcordinality")?;
        Ok(RteKind::Function { functions, with_ordinality })
    }

    #[inline(never)]
    fn values_entry(&mut self) -> Read<RteKind> {
        let rows = self.list_field("values_lists", |r| r.list(Self::expr))?;
        let column_types = self.entry_column_types()?;
        Ok(RteKind::Values { rows, column_types })
    }

    #[inline(never)]
    fn cte_entry(&mut self) -> Read<RteKind> {
        let name = self.name_field("ctename")?;
        let levels_up = self.unsigned_field("ctelevelsup")?;
        let self_reference = self.bool_field("self_reference")?;
        let column_types = self.entry_column_types()?;
        Ok(RteKind::Cte { name, levels_up, self_reference, column_types })
    }

    fn entry_column_types(&mut self) -> Read<Vec<u32>> {
        let types = self.oid_list_field("coltypes")?;
        self.int_list_field("coltypmods")?;
        self.oid_list_field("colcollations")?;
        Ok(types)
    }

    /// Up to 16, `inh` stands behind `lateral` on every kind.
    fn inherits_after_kind(&mut self, mut kind: RteKind) -> Read<RteKind> {
        if !self.version.has_inherits_beside_relid() {
            let inh = self.bool_field("inh")?;
            if let RteKind::Relation { inherits, .. } = &mut kind {
                *inherits = inh;
            }
        }
        Ok(kind)
    }

    /// A relation has permissions on every version, if only empty ones; another kind only where something is demanded.
    #[inline(never)]
    fn entry_permissions(&mut self, kind: &RteKind) -> Read<Option<Permissions>> {
        let mut permissions = Permissions::default();
        if !self.version.has_permission_infos() {
            permissions = self.permission_fields()?;
            // Generated columns of an UPDATE; nobody's permission is asked for them.
            self.skip_bitmapset_field("extraUpdatedCols")?;
        }
        let shown = matches!(kind, RteKind::Relation { .. }) || permissions != Permissions::default();
        Ok(shown.then_some(permissions))
    }

    #[inline(never)]
    fn range_table_function(&mut self) -> Read<RangeTblFunction> {
        let outer = self.open("RANGETBLFUNCTION")?;
        self.field("funcexpr")?;
        let expr = self.expr()?;
        let column_count = self.unsigned_field("funccolcount")?;
        self.string_list_field("funccolnames")?;
        let column_types = self.oid_list_field("funccoltypes")?;
        self.int_list_field("funccoltypmods")?;
        self.oid_list_field("funccolcollations")?;
        self.empty_bitmapset_field("funcparams")?;
        self.end(outer)?;
        Ok(RangeTblFunction { expr, column_count, column_types })
    }

    #[inline(never)]
    fn table_sample(&mut self) -> Read<TableSample> {
        let outer = self.open("TABLESAMPLECLAUSE")?;
        let handler = self.oid_field("tsmhandler")?;
        let args = self.list_field("args", Self::expr)?;
        let repeatable = self.optional_field("repeatable", Self::expr)?;
        self.end(outer)?;
        Ok(TableSample { handler, args, repeatable })
    }
}
