//! `RANGETBLENTRY`: what a FROM item, a target or a grouping step refers to.

use super::reader::{Read, Reader, unknown_node};
use super::tree::{Permissions, RangeTblEntry, RangeTblFunction, RteKind, TableSample};

/// An entry with the index of its permissions, 0 if none (always on 15).
pub(super) struct ReadEntry {
    pub(super) entry: RangeTblEntry,
    pub(super) permission_index: u32,
}

impl Reader<'_> {
    /// Filled in place: entries hold queries, so what stands on the stack here stands there once a level.
    #[inline(never)]
    pub(super) fn range_table_entry(&mut self) -> Read<Box<ReadEntry>> {
        let mut read = empty_entry();
        let outer = self.open("RANGETBLENTRY")?;
        self.entry_names(&mut read.entry)?;
        self.entry_kind(&mut read)?;
        self.entry_tail(&mut read.entry)?;
        self.end(outer)?;
        Ok(read)
    }

    #[inline(never)]
    fn entry_names(&mut self, entry: &mut RangeTblEntry) -> Read<()> {
        self.optional_field("alias", Self::alias)?;
        self.field("eref")?;
        (entry.name, entry.column_names) = self.alias()?;
        Ok(())
    }

    #[inline(never)]
    fn entry_tail(&mut self, entry: &mut RangeTblEntry) -> Read<()> {
        entry.lateral = self.bool_field("lateral")?;
        self.inherits_after_kind(&mut entry.kind)?;
        entry.in_from_clause = self.bool_field("inFromCl")?;
        entry.permissions = self.entry_permissions(&entry.kind)?;
        entry.security_quals = self.list_field("securityQuals", Self::expr)?;
        Ok(())
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
    fn entry_kind(&mut self, read: &mut ReadEntry) -> Read<()> {
        match self.int_field("rtekind")? {
            0 => self.relation_entry(read),
            1 => self.subquery_entry(read),
            2 => self.join_entry(read),
            3 => self.function_entry(read),
            4 => unknown_node(b"TABLEFUNC"),
            5 => self.values_entry(read),
            6 => self.cte_entry(read),
            // 7 (a trigger's transition table) and 8 (made by the planner) do not come from a statement of a client.
            9 if self.version.has_group_entry() => self.group_entry(read),
            _ => self.bad_value("a kind of range table entry"),
        }
    }

    #[inline(never)]
    fn relation_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let relid = self.oid_field("relid")?;
        let inherits = if self.version.has_inherits_beside_relid() { self.bool_field("inh")? } else { false };
        let relkind = self.character_field("relkind")?;
        let lock_mode = self.unsigned_field("rellockmode")?;
        // 17 moved the sample behind the permissions.
        if self.version.has_inherits_beside_relid() {
            read.permission_index = self.unsigned_field("perminfoindex")?;
        }
        let table_sample = self.optional_field("tablesample", Self::table_sample)?.map(Box::new);
        if self.version.has_permission_infos() && !self.version.has_inherits_beside_relid() {
            read.permission_index = self.unsigned_field("perminfoindex")?;
        }
        read.entry.kind = RteKind::Relation { relid, relkind, inherits, lock_mode, table_sample };
        Ok(())
    }

    #[inline(never)]
    fn subquery_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        self.field("subquery")?;
        let query = self.boxed_query()?;
        let security_barrier = self.bool_field("security_barrier")?;
        let (mut view_relid, mut view_relkind) = (0, 0);
        if self.version.has_permission_infos() {
            view_relid = self.oid_field("relid")?;
            if self.version.has_inherits_beside_relid() {
                self.bool_field("inh")?;
            }
            view_relkind = self.character_field("relkind")?;
            self.unsigned_field("rellockmode")?;
            read.permission_index = self.unsigned_field("perminfoindex")?;
        }
        read.entry.kind = RteKind::Subquery { query, security_barrier, view_relid, view_relkind };
        Ok(())
    }

    #[inline(never)]
    fn join_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let join_type = self.join_type_field("jointype")?;
        let merged_columns = self.unsigned_field("joinmergedcols")?;
        let alias_vars = self.list_field("joinaliasvars", Self::expr_or_dropped)?;
        let left_columns = self.unsigned_list_field("joinleftcols")?;
        let right_columns = self.unsigned_list_field("joinrightcols")?;
        self.optional_field("join_using_alias", Self::alias)?;
        read.entry.kind = RteKind::Join { join_type, merged_columns, alias_vars, left_columns, right_columns };
        Ok(())
    }

    #[inline(never)]
    fn function_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let functions = self.list_field("functions", Self::range_table_function)?;
        let with_ordinality = self.bool_field("funcordinality")?;
        read.entry.kind = RteKind::Function { functions, with_ordinality };
        Ok(())
    }

    #[inline(never)]
    fn values_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let rows = self.list_field("values_lists", |r| r.list(Self::expr))?;
        let column_types = self.entry_column_types()?;
        read.entry.kind = RteKind::Values { rows, column_types };
        Ok(())
    }

    #[inline(never)]
    fn cte_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let name = self.name_field("ctename")?;
        let levels_up = self.unsigned_field("ctelevelsup")?;
        let self_reference = self.bool_field("self_reference")?;
        let column_types = self.entry_column_types()?;
        read.entry.kind = RteKind::Cte { name, levels_up, self_reference, column_types };
        Ok(())
    }

    #[inline(never)]
    fn group_entry(&mut self, read: &mut ReadEntry) -> Read<()> {
        let expressions = self.list_field("groupexprs", Self::expr)?;
        read.entry.kind = RteKind::Group { expressions };
        Ok(())
    }

    fn entry_column_types(&mut self) -> Read<Vec<u32>> {
        let types = self.oid_list_field("coltypes")?;
        self.int_list_field("coltypmods")?;
        self.oid_list_field("colcollations")?;
        Ok(types)
    }

    /// Up to 16, `inh` stands behind `lateral` on every kind.
    fn inherits_after_kind(&mut self, kind: &mut RteKind) -> Read<()> {
        if !self.version.has_inherits_beside_relid() {
            let inh = self.bool_field("inh")?;
            if let RteKind::Relation { inherits, .. } = kind {
                *inherits = inh;
            }
        }
        Ok(())
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

#[inline(never)]
fn empty_entry() -> Box<ReadEntry> {
    let entry = RangeTblEntry {
        name: String::new(),
        column_names: Vec::new(),
        kind: RteKind::Result,
        lateral: false,
        in_from_clause: false,
        security_quals: Vec::new(),
        permissions: None,
    };
    Box::new(ReadEntry { entry, permission_index: 0 })
}
