//! What runs when rows of a relation are written, as the catalogue tells: no query tree shows any of it.

use super::snapshot::Oid;

/// Beside what stands in [`super::snapshot::Relation`] itself.
#[derive(Debug, Clone, Default)]
pub struct WriteFacts {
    /// Partitions and inheritance children directly below.
    pub children: Vec<Oid>,
    /// Columns that decide a row's partition, those in expressions included.
    pub partition_columns: Vec<i16>,
    /// Expressions that a write evaluates.
    pub expressions: Vec<Expression>,
    pub indexes: Vec<Index>,
    /// Foreign keys of other tables that reference this one.
    pub referenced_by: Vec<ForeignKey>,
    /// Foreign keys of its own whose comparison is not built in.
    pub foreign_operators: Vec<String>,
    /// Sequences by the column that owns them (serial, identity).
    pub sequences: Vec<(i16, Oid)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpressionKind {
    Check,
    Generated,
    Index,
    Partition,
}

/// An expression of the DBA's, and the functions that it calls; OID 0 stands for what cannot be judged.
#[derive(Debug, Clone)]
pub struct Expression {
    pub kind: ExpressionKind,
    /// Of the constraint, column or index.
    pub name: String,
    pub functions: Vec<Oid>,
}

#[derive(Debug, Clone)]
pub struct Index {
    pub oid: Oid,
    pub name: String,
    /// The constraint that it stands for, 0 if none.
    pub constraint: Oid,
    pub unique: bool,
    /// Of an exclusion constraint, or a key WITHOUT OVERLAPS: its error shows the other row.
    pub exclusion: bool,
    /// Whole, immediate, not partial, without expressions.
    pub plain: bool,
    /// Key columns of a plain index; otherwise every column that it names anywhere.
    pub columns: Vec<i16>,
    /// Every operator class came with the server.
    pub built_in: bool,
}

/// What happens to the rows that reference a row, `pg_constraint.confdeltype` and `confupdtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferentialAction {
    /// NO ACTION, RESTRICT: an error.
    Refuse,
    Cascade,
    SetNull,
    SetDefault,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub name: String,
    /// The table whose rows reference.
    pub child: Oid,
    /// Its columns, in step with `columns`.
    pub child_columns: Vec<i16>,
    /// Those of the table referenced.
    pub columns: Vec<i16>,
    /// SET NULL (column, …) and SET DEFAULT (column, …): only these.
    pub set_columns: Vec<i16>,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
}
