//! Which Postgres printed a tree, and what that changes in its text. Nothing else knows a version by its number.

/// A major version whose node text is known field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    V15,
    V16,
    V17,
    V18,
}

impl Version {
    /// From `server_version_num`, such as 150018 or 180004.
    pub fn from_num(server_version_num: u32) -> Option<Version> {
        match server_version_num / 10_000 {
            15 => Some(Version::V15),
            16 => Some(Version::V16),
            17 => Some(Version::V17),
            18 => Some(Version::V18),
            _ => None,
        }
    }

    /// 16: permissions left `RANGETBLENTRY` for `RTEPERMISSIONINFO`; a view's entry keeps its OID when it becomes a subquery.
    pub(super) fn has_permission_infos(self) -> bool {
        self >= Version::V16
    }

    /// 16: `VAR.varnullingrels`.
    pub(super) fn has_nulling_rels(self) -> bool {
        self >= Version::V16
    }

    /// 16: `AGGREF.aggpresorted`.
    pub(super) fn has_presorted(self) -> bool {
        self >= Version::V16
    }

    /// 16: the MERGE fields of `QUERY` moved up behind `jointree`.
    pub(super) fn has_merge_fields_first(self) -> bool {
        self >= Version::V16
    }

    /// 16: an empty string is `""`; before, it is `<>` like a null one.
    pub(super) fn has_empty_strings(self) -> bool {
        self >= Version::V16
    }

    /// 17: MERGE's ON stands in `mergeJoinCondition`, its target in `mergeTargetRelation`; actions have a `matchKind`.
    pub(super) fn has_merge_join_condition(self) -> bool {
        self >= Version::V17
    }

    /// 17: `inh` stands among the fields of relations and subqueries only.
    pub(super) fn has_inherits_beside_relid(self) -> bool {
        self >= Version::V17
    }

    /// 17: `runCondition` moved from `WINDOWCLAUSE` to `WINDOWFUNC`.
    pub(super) fn has_run_condition_in_function(self) -> bool {
        self >= Version::V17
    }

    /// 17: `MERGE_ACTION()`.
    pub(super) fn has_merge_support(self) -> bool {
        self >= Version::V17
    }

    /// 18: GROUP entries in the range table.
    pub(super) fn has_group_entry(self) -> bool {
        self >= Version::V18
    }

    /// 18: OLD and NEW in RETURNING.
    pub(super) fn has_returning_old_new(self) -> bool {
        self >= Version::V18
    }

    /// 18: `SORTGROUPCLAUSE.reverse_sort`.
    pub(super) fn has_reverse_sort(self) -> bool {
        self >= Version::V18
    }

    /// 18: `ARRAYEXPR` says where its list starts and ends.
    pub(super) fn has_list_bounds(self) -> bool {
        self >= Version::V18
    }

    /// 18: `ROWCOMPAREEXPR.rctype` became `cmptype`.
    pub(super) fn has_compare_type(self) -> bool {
        self >= Version::V18
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_whose_text_is_known_are_accepted() {
        assert_eq!(Version::from_num(150018), Some(Version::V15));
        assert_eq!(Version::from_num(180004), Some(Version::V18));
        assert_eq!(Version::from_num(140020), None);
        assert_eq!(Version::from_num(190000), None);
        assert_eq!(Version::from_num(90624), None);
    }
}
