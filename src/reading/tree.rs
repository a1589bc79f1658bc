//! The typed form of Postgres's analysed and rewritten query tree.
//!
//! Names follow `src/include/nodes/parsenodes.h` and `primnodes.h`. Only what a proof needs is kept;
//! the reader still consumes every field, so that nothing is skipped unseen.
//! Version differences end in the reader: permissions stand on the range table entry on every version,
//! a join without merged columns looks alike on 15 and 18.

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    Extern,
    Exec,
    Sublink,
    MultiExpr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoolOp {
    And,
    Or,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubLinkType {
    Exists,
    All,
    Any,
    RowCompare,
    Expr,
    MultiExpr,
    Array,
    Cte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoolTest {
    IsTrue,
    IsNotTrue,
    IsFalse,
    IsNotFalse,
    IsUnknown,
    IsNotUnknown,
}

/// The datum of a constant: `len` as printed (-1 varlena, -2 cstring), bytes as printed.
/// A by-value datum has the eight bytes of a machine word, little endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Const {
    pub type_oid: Oid,
    pub type_mod: i32,
    pub collation: Oid,
    pub type_len: i32,
    pub by_value: bool,
    /// `None` is NULL.
    pub datum: Option<Vec<u8>>,
    pub location: Location,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Var {
    /// Range table index (`varno`).
    pub rel: u32,
    /// Attribute number; 0 whole row; negative system.
    pub column: i16,
    pub type_oid: Oid,
    pub type_mod: i32,
    pub collation: Oid,
    pub levels_up: u32,
    pub location: Location,
}

/// `FuncCall`-like nodes keep the OIDs that Postgres resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Var(Var),
    Const(Const),
    Param {
        kind: ParamKind,
        id: u32,
        type_oid: Oid,
        type_mod: i32,
        collation: Oid,
        location: Location,
    },
    Aggref {
        func: Oid,
        result_type: Oid,
        collation: Oid,
        input_collation: Oid,
        arg_types: Vec<Oid>,
        direct_args: Vec<Expr>,
        args: Vec<TargetEntry>,
        order: Vec<SortGroupClause>,
        distinct: Vec<SortGroupClause>,
        filter: Option<Box<Expr>>,
        star: bool,
        levels_up: u32,
        location: Location,
    },
    GroupingFunc {
        args: Vec<Expr>,
        levels_up: u32,
        location: Location,
    },
    WindowFunc {
        func: Oid,
        result_type: Oid,
        collation: Oid,
        input_collation: Oid,
        args: Vec<Expr>,
        filter: Option<Box<Expr>>,
        run_condition: Vec<Expr>,
        win_ref: u32,
        star: bool,
        is_aggregate: bool,
        location: Location,
    },
    Subscripting {
        container_type: Oid,
        element_type: Oid,
        result_type: Oid,
        type_mod: i32,
        collation: Oid,
        /// `None` stands for an omitted bound of a slice.
        upper: Vec<Option<Expr>>,
        lower: Vec<Option<Expr>>,
        container: Box<Expr>,
        assignment: Option<Box<Expr>>,
    },
    Func {
        func: Oid,
        result_type: Oid,
        returns_set: bool,
        variadic: bool,
        /// `CoercionForm`: 0 call, 1 explicit cast, 2 implicit cast, 3 SQL syntax.
        form: u32,
        collation: Oid,
        input_collation: Oid,
        args: Vec<Expr>,
        location: Location,
    },
    NamedArg {
        arg: Box<Expr>,
        name: Option<String>,
        number: i32,
        location: Location,
    },
    /// `OpExpr`, `DistinctExpr` (IS DISTINCT FROM) and `NullIfExpr` share their fields.
    Op {
        kind: OpKind,
        operator: Oid,
        func: Oid,
        result_type: Oid,
        returns_set: bool,
        collation: Oid,
        input_collation: Oid,
        args: Vec<Expr>,
        location: Location,
    },
    ScalarArrayOp {
        operator: Oid,
        func: Oid,
        /// `true` ANY/IN, `false` ALL/NOT IN.
        use_or: bool,
        input_collation: Oid,
        args: Vec<Expr>,
        location: Location,
    },
    Bool {
        op: BoolOp,
        args: Vec<Expr>,
        location: Location,
    },
    SubLink {
        kind: SubLinkType,
        test: Option<Box<Expr>>,
        query: Box<Query>,
        location: Location,
    },
    FieldSelect {
        arg: Box<Expr>,
        field: i16,
        result_type: Oid,
        collation: Oid,
    },
    FieldStore {
        arg: Option<Box<Expr>>,
        new_values: Vec<Expr>,
        fields: Vec<i32>,
        result_type: Oid,
    },
    Relabel {
        arg: Box<Expr>,
        result_type: Oid,
        type_mod: i32,
        collation: Oid,
        form: u32,
        location: Location,
    },
    CoerceViaIo {
        arg: Box<Expr>,
        result_type: Oid,
        collation: Oid,
        form: u32,
        location: Location,
    },
    ArrayCoerce {
        arg: Box<Expr>,
        element: Box<Expr>,
        result_type: Oid,
        type_mod: i32,
        collation: Oid,
        location: Location,
    },
    ConvertRowtype {
        arg: Box<Expr>,
        result_type: Oid,
        location: Location,
    },
    Collate {
        arg: Box<Expr>,
        collation: Oid,
        location: Location,
    },
    Case {
        result_type: Oid,
        collation: Oid,
        arg: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        default: Option<Box<Expr>>,
        location: Location,
    },
    CaseTest {
        type_oid: Oid,
        type_mod: i32,
        collation: Oid,
    },
    Array {
        array_type: Oid,
        element_type: Oid,
        collation: Oid,
        elements: Vec<Expr>,
        multidims: bool,
        location: Location,
    },
    Row {
        args: Vec<Expr>,
        row_type: Oid,
        form: u32,
        column_names: Vec<String>,
        location: Location,
    },
    RowCompare {
        /// 1 <, 2 <=, 3 =, 4 >=, 5 >, 6 <>.
        kind: u32,
        operators: Vec<Oid>,
        families: Vec<Oid>,
        input_collations: Vec<Oid>,
        left: Vec<Expr>,
        right: Vec<Expr>,
    },
    Coalesce {
        result_type: Oid,
        collation: Oid,
        args: Vec<Expr>,
        location: Location,
    },
    MinMax {
        result_type: Oid,
        collation: Oid,
        input_collation: Oid,
        /// `true` GREATEST, `false` LEAST.
        greatest: bool,
        args: Vec<Expr>,
        location: Location,
    },
    /// CURRENT_DATE, CURRENT_USER, …: `op` is `SQLValueFunctionOp`.
    SqlValueFunction {
        op: u32,
        type_oid: Oid,
        type_mod: i32,
        location: Location,
    },
    NullTest {
        arg: Box<Expr>,
        is_null: bool,
        arg_is_row: bool,
        location: Location,
    },
    BooleanTest {
        arg: Box<Expr>,
        test: BoolTest,
        location: Location,
    },
    CoerceToDomain {
        arg: Box<Expr>,
        result_type: Oid,
        type_mod: i32,
        collation: Oid,
        form: u32,
        location: Location,
    },
    /// The value under test in a domain's CHECK.
    CoerceToDomainValue {
        type_oid: Oid,
        collation: Oid,
    },
    SetToDefault {
        type_oid: Oid,
        location: Location,
    },
    CurrentOf {
        rel: u32,
        cursor: Option<String>,
        cursor_param: u32,
    },
    NextValue {
        sequence: Oid,
        type_oid: Oid,
    },
    InferenceElem {
        expr: Box<Expr>,
        collation: Oid,
        operator_class: Oid,
    },
    /// 18: OLD/NEW in RETURNING of another table's row.
    ReturningExpr {
        levels_up: i32,
        old: bool,
        expr: Box<Expr>,
    },
    /// 17: MERGE_ACTION().
    MergeSupportFunc {
        type_oid: Oid,
        location: Location,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpKind {
    Op,
    Distinct,
    NullIf,
}
