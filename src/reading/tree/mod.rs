//! The typed form of Postgres's analysed and rewritten query tree.
//!
//! Names follow `src/include/nodes/parsenodes.h` and `primnodes.h`. Only what a proof needs is kept;
//! the reader still consumes every field, so that nothing is skipped unseen.
//! Version differences end in the reader: permissions stand on the range table entry on every version,
//! a join without merged columns looks alike on 15 and 18.

mod expr;

pub use expr::{BoolOp, BoolTest, Const, Expr, OpKind, ParamKind, SubLinkType, Var};

/// An object identifier as Postgres prints it.
pub type Oid = u32;

/// Byte offset in the statement text, in the server's encoding; `None` where Postgres prints -1.
pub type Location = Option<u32>;

/// Both trees that one `Parse` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    pub analysed: Query,
    /// `DO INSTEAD NOTHING` leaves none, conditional rules several.
    pub rewritten: Vec<Query>,
}

impl Trees {
    /// The statement writes, itself or in a WITH.
    pub fn write(&self) -> bool {
        self.analysed.is_write() || self.analysed.ctes.iter().any(|cte| cte.query.is_write())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Select,
    Update,
    Insert,
    Delete,
    Merge,
    Utility,
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub command: Command,
    pub can_set_tag: bool,
    /// `true` when `utilityStmt` is anything but `<>`; what it holds is never interpreted.
    pub is_utility: bool,
    /// 1-based index into `range_table`, 0 for SELECT.
    pub result_relation: u32,
    pub has_aggs: bool,
    pub has_window_funcs: bool,
    pub has_target_srfs: bool,
    pub has_sub_links: bool,
    pub has_distinct_on: bool,
    pub has_recursive: bool,
    pub has_modifying_cte: bool,
    pub has_for_update: bool,
    pub has_row_security: bool,
    /// `RETURN …`: the body of a function in SQL, never a statement.
    pub is_return: bool,
    pub ctes: Vec<CommonTableExpr>,
    pub range_table: Vec<RangeTblEntry>,
    pub join_tree: Option<FromExpr>,
    pub merge_actions: Vec<MergeAction>,
    /// MERGE's ON on 17+, where it left the join tree.
    pub merge_join_condition: Option<Expr>,
    pub merge_target_relation: u32,
    pub target_list: Vec<TargetEntry>,
    pub overriding: u32,
    pub on_conflict: Option<OnConflictExpr>,
    pub returning_list: Vec<TargetEntry>,
    pub group_clause: Vec<SortGroupClause>,
    pub group_distinct: bool,
    pub grouping_sets: Vec<GroupingSet>,
    pub having: Option<Expr>,
    pub window_clause: Vec<WindowClause>,
    pub distinct_clause: Vec<SortGroupClause>,
    pub sort_clause: Vec<SortGroupClause>,
    pub limit_offset: Option<Expr>,
    pub limit_count: Option<Expr>,
    pub limit_with_ties: bool,
    pub row_marks: Vec<RowMarkClause>,
    pub set_operations: Option<SetOperation>,
    pub with_check_options: Vec<WithCheckOption>,
}

impl Query {
    pub fn is_write(&self) -> bool {
        matches!(self.command, Command::Insert | Command::Update | Command::Delete | Command::Merge)
    }

    /// What its rows are made of: a writing query gives what it returns.
    pub fn outputs(&self) -> impl Iterator<Item = &TargetEntry> {
        let list = if self.is_write() { &self.returning_list } else { &self.target_list };
        list.iter().filter(|entry| !entry.junk)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CommonTableExpr {
    pub name: String,
    pub materialized: CteMaterialize,
    pub query: Box<Query>,
    pub has_search: bool,
    pub has_cycle: bool,
    /// CYCLE compares rows by these operators and types; filled when `has_cycle`.
    pub cycle_operator: Oid,
    pub recursive: bool,
    pub ref_count: u32,
    pub column_names: Vec<String>,
    pub column_types: Vec<Oid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CteMaterialize {
    Default,
    Always,
    Never,
}

/// Column numbers as Postgres checks permissions with: an attribute number as it is
/// (already without `FirstLowInvalidHeapAttributeNumber` = -7), 0 for the whole row, negative for system columns.
pub type ColumnSet = std::collections::BTreeSet<i16>;

/// `RTEPERMISSIONINFO` (16+) or the same fields of `RANGETBLENTRY` (15).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Permissions {
    /// `AclMode` bits: INSERT 1, SELECT 2, UPDATE 4, DELETE 8.
    pub required: u32,
    /// 0: the current user; otherwise the owner of a view.
    pub check_as_user: Oid,
    pub selected: ColumnSet,
    pub inserted: ColumnSet,
    pub updated: ColumnSet,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RangeTblEntry {
    /// `eref.aliasname`. For messages only: never decide by it.
    pub name: String,
    /// `eref.colnames`. For messages only.
    pub column_names: Vec<String>,
    pub kind: RteKind,
    pub lateral: bool,
    pub in_from_clause: bool,
    pub security_quals: Vec<Expr>,
    /// Present on relation entries (and on a subquery entry that stands for a view after rewriting).
    pub permissions: Option<Permissions>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RteKind {
    Relation {
        relid: Oid,
        /// `relkind`: 'r', 'p', 'v', 'm', 'f', 'S', 't', 'c'.
        relkind: u8,
        /// Includes inheritance children (no ONLY).
        inherits: bool,
        lock_mode: u32,
        table_sample: Option<Box<TableSample>>,
    },
    Subquery {
        query: Box<Query>,
        security_barrier: bool,
        /// 16+: the view that this subquery was; 0 otherwise.
        view_relid: Oid,
        /// Also 16+: relkind, 0 if none.
        view_relkind: u8,
    },
    Join {
        join_type: JoinType,
        /// The first so many `alias_vars` are USING columns.
        merged_columns: u32,
        /// In a view, a column that its table has dropped is a null `Const` of type 0, so that the others keep their numbers.
        alias_vars: Vec<Expr>,
        left_columns: Vec<u32>,
        right_columns: Vec<u32>,
    },
    Function {
        functions: Vec<RangeTblFunction>,
        with_ordinality: bool,
    },
    /// XMLTABLE, JSON_TABLE: never read further.
    TableFunction,
    Values {
        rows: Vec<Vec<Expr>>,
        column_types: Vec<Oid>,
    },
    Cte {
        name: String,
        levels_up: u32,
        self_reference: bool,
        column_types: Vec<Oid>,
    },
    NamedTuplestore,
    Result,
    /// 18: grouping expressions that target Vars point to.
    Group {
        expressions: Vec<Expr>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct TableSample {
    pub handler: Oid,
    pub args: Vec<Expr>,
    pub repeatable: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RangeTblFunction {
    pub expr: Expr,
    pub column_count: u32,
    /// Types of a column definition list, if any.
    pub column_types: Vec<Oid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinType {
    Inner,
    Left,
    Full,
    Right,
    Semi,
    Anti,
    RightAnti,
    UniqueOuter,
    UniqueInner,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FromExpr {
    pub from: Vec<JoinNode>,
    pub quals: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum JoinNode {
    /// 1-based index into the range table.
    Ref(u32),
    Join(Box<JoinExpr>),
    From(Box<FromExpr>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct JoinExpr {
    pub join_type: JoinType,
    pub natural: bool,
    pub left: JoinNode,
    pub right: JoinNode,
    pub using: Vec<String>,
    pub quals: Option<Expr>,
    /// Range table index of the join itself; 0 if none.
    pub rt_index: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetEntry {
    pub expr: Expr,
    pub res_no: i32,
    pub name: Option<String>,
    pub sort_group_ref: u32,
    pub orig_table: Oid,
    pub orig_column: i32,
    pub junk: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SortGroupClause {
    pub sort_group_ref: u32,
    pub equality_operator: Oid,
    pub sort_operator: Oid,
    pub nulls_first: bool,
    pub hashable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupingSetKind {
    Empty,
    Simple,
    Rollup,
    Cube,
    Sets,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GroupingSet {
    pub kind: GroupingSetKind,
    /// For `Simple`: the sort group refs.
    pub refs: Vec<u32>,
    /// For the others: nested sets.
    pub sets: Vec<GroupingSet>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WindowClause {
    pub partition: Vec<SortGroupClause>,
    pub order: Vec<SortGroupClause>,
    pub frame_options: u32,
    pub start_offset: Option<Expr>,
    pub end_offset: Option<Expr>,
    pub run_condition: Vec<Expr>,
    pub start_in_range_func: Oid,
    pub end_in_range_func: Oid,
    pub in_range_collation: Oid,
    pub win_ref: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RowMarkClause {
    pub rt_index: u32,
    pub strength: u32,
    pub wait_policy: u32,
    pub pushed_down: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOpKind {
    Union,
    Intersect,
    Except,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SetOperation {
    pub kind: SetOpKind,
    pub all: bool,
    pub left: SetOpNode,
    pub right: SetOpNode,
    pub column_types: Vec<Oid>,
    pub column_collations: Vec<Oid>,
    pub group_clauses: Vec<SortGroupClause>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SetOpNode {
    Ref(u32),
    Op(Box<SetOperation>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct WithCheckOption {
    pub kind: u32,
    pub relation_name: String,
    pub qual: Option<Expr>,
    pub cascaded: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MergeAction {
    /// 15/16: 1 matched, 0 not matched [by target]; 17+: `MergeMatchKind` (0 matched, 1 not matched by source, 2 not matched by target).
    pub match_kind: MergeMatch,
    pub command: Command,
    pub overriding: u32,
    pub qual: Option<Expr>,
    pub target_list: Vec<TargetEntry>,
    pub update_columns: Vec<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMatch {
    Matched,
    NotMatchedBySource,
    NotMatchedByTarget,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OnConflictExpr {
    /// 1 DO NOTHING, 2 DO UPDATE.
    pub action: u32,
    pub arbiter_elements: Vec<Expr>,
    pub arbiter_where: Option<Expr>,
    pub constraint: Oid,
    pub set: Vec<TargetEntry>,
    pub where_: Option<Expr>,
    pub excluded_rel_index: u32,
    pub excluded_target_list: Vec<TargetEntry>,
}
