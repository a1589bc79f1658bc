//! Expressions: what `primnodes.h` calls `Expr`.

use super::{Location, Oid, Query, SortGroupClause, TargetEntry};

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
