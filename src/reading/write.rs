//! What only writing statements have: MERGE's actions, ON CONFLICT, WITH CHECK OPTION.

use super::reader::{Read, Reader};
use super::tree::{MergeAction, MergeMatch, OnConflictExpr, WithCheckOption};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn merge_action(&mut self) -> Read<MergeAction> {
        let outer = self.open("MERGEACTION")?;
        let match_kind = self.merge_match()?;
        let command = self.command_field("commandType")?;
        let overriding = self.unsigned_field("override")?;
        let qual = self.optional_field("qual", Self::expr)?;
        let target_list = self.list_field("targetList", Self::target_entry)?;
        let update_columns = self.int_list_field("updateColnos")?;
        self.end(outer)?;
        Ok(MergeAction { match_kind, command, overriding, qual, target_list, update_columns })
    }

    fn merge_match(&mut self) -> Read<MergeMatch> {
        if !self.version.has_merge_join_condition() {
            let matched = self.bool_field("matched")?;
            return Ok(if matched { MergeMatch::Matched } else { MergeMatch::NotMatchedByTarget });
        }
        match self.int_field("matchKind")? {
            0 => Ok(MergeMatch::Matched),
            1 => Ok(MergeMatch::NotMatchedBySource),
            2 => Ok(MergeMatch::NotMatchedByTarget),
            _ => self.bad_value("a kind of match"),
        }
    }

    #[inline(never)]
    pub(super) fn on_conflict(&mut self) -> Read<OnConflictExpr> {
        let outer = self.open("ONCONFLICTEXPR")?;
        let action = self.unsigned_field("action")?;
        if !matches!(action, 1 | 2) {
            return self.bad_value("an action on conflict");
        }
        let arbiter_elements = self.list_field("arbiterElems", Self::expr)?;
        let arbiter_where = self.optional_field("arbiterWhere", Self::expr)?;
        let constraint = self.oid_field("constraint")?;
        let set = self.list_field("onConflictSet", Self::target_entry)?;
        let where_ = self.optional_field("onConflictWhere", Self::expr)?;
        let excluded_rel_index = self.unsigned_field("exclRelIndex")?;
        let excluded_target_list = self.list_field("exclRelTlist", Self::target_entry)?;
        self.end(outer)?;
        Ok(OnConflictExpr {
            action,
            arbiter_elements,
            arbiter_where,
            constraint,
            set,
            where_,
            excluded_rel_index,
            excluded_target_list,
        })
    }

    #[inline(never)]
    pub(super) fn with_check_option(&mut self) -> Read<WithCheckOption> {
        let outer = self.open("WITHCHECKOPTION")?;
        let kind = self.unsigned_field("kind")?;
        let relation_name = self.name_field("relname")?;
        self.string_field("polname")?;
        let qual = self.optional_field("qual", Self::expr)?;
        let cascaded = self.bool_field("cascaded")?;
        self.end(outer)?;
        Ok(WithCheckOption { kind, relation_name, qual, cascaded })
    }
}
