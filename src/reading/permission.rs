//! What Postgres itself checks before it runs a query: `RTEPERMISSIONINFO` (16 and later) or the same fields of `RANGETBLENTRY` (15).

use super::range_table::ReadEntry;
use super::reader::{Read, Reader};
use super::tree::{ColumnSet, Oid, Permissions, RteKind};
use super::unreadable::Unreadable;

/// `FirstLowInvalidHeapAttributeNumber`: bitmaps hold no negative numbers, so columns are shifted by this.
const FIRST_LOW_INVALID: i32 = -7;

pub(super) struct PermissionInfo {
    relid: Oid,
    permissions: Permissions,
}

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn permission_info(&mut self) -> Read<PermissionInfo> {
        let outer = self.open("RTEPERMISSIONINFO")?;
        let relid = self.oid_field("relid")?;
        self.bool_field("inh")?;
        let permissions = self.permission_fields()?;
        self.end(outer)?;
        Ok(PermissionInfo { relid, permissions })
    }

    #[inline(never)]
    pub(super) fn permission_fields(&mut self) -> Read<Permissions> {
        Ok(Permissions {
            required: self.unsigned_field("requiredPerms")?,
            check_as_user: self.oid_field("checkAsUser")?,
            selected: self.column_set_field("selectedCols")?,
            inserted: self.column_set_field("insertedCols")?,
            updated: self.column_set_field("updatedCols")?,
        })
    }

    fn column_set_field(&mut self, name: &'static str) -> Read<ColumnSet> {
        self.field(name)?;
        let mut columns = ColumnSet::new();
        for member in self.bitmapset()? {
            match i32::try_from(member).ok().and_then(|member| i16::try_from(member + FIRST_LOW_INVALID).ok()) {
                Some(column) => columns.insert(column),
                None => return self.bad_value("column numbers"),
            };
        }
        Ok(columns)
    }
}

/// Puts each permission entry of a query on the range table entry that names it.
///
/// The executor checks every entry of the list, so one that no range table entry names would be a relation that nobody judges.
pub(super) fn assign_permissions(entries: &mut [Box<ReadEntry>], infos: Vec<PermissionInfo>) -> Read<()> {
    let mut used = vec![false; infos.len()];
    for entry in entries {
        let index = entry.permission_index;
        if index == 0 {
            continue;
        }
        let at = index as usize - 1;
        match infos.get(at) {
            Some(info) if Some(info.relid) == relid_of(&entry.entry.kind) => {
                entry.entry.permissions = Some(info.permissions.clone());
                used[at] = true;
            }
            _ => return Err(Box::new(Unreadable::Permissions { index })),
        }
    }
    match used.iter().position(|used| !used) {
        Some(at) => Err(Box::new(Unreadable::Permissions { index: at as u32 + 1 })),
        None => Ok(()),
    }
}

fn relid_of(kind: &RteKind) -> Option<Oid> {
    match kind {
        RteKind::Relation { relid, .. } => Some(*relid),
        RteKind::Subquery { view_relid, .. } => Some(*view_relid),
        RteKind::Join { .. }
        | RteKind::Function { .. }
        | RteKind::TableFunction
        | RteKind::Values { .. }
        | RteKind::Cte { .. }
        | RteKind::NamedTuplestore
        | RteKind::Result
        | RteKind::Group { .. } => None,
    }
}
