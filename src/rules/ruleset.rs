//! The rules in force: what the files say, already checked, keyed by qualified name.

use crate::token::grant::{FunctionSignature, QualifiedName};
use std::collections::{BTreeMap, BTreeSet};

/// The widest closed range that still bounds a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxRange {
    /// Difference of the two ends of an integer range.
    Integer(u64),
    /// Of a date or timestamp range, in microseconds ("31 days").
    Microseconds(u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableRule {
    /// Each inner list is one set of columns that bounds the table when all are pinned.
    pub bounded_by: Vec<Vec<String>>,
    /// Needs no bound.
    pub unbounded: bool,
    pub hidden: BTreeSet<String>,
    pub max_rows: Option<u64>,
    /// `None` is 100.
    pub max_in_list: Option<u64>,
    pub max_range: BTreeMap<String, MaxRange>,
    /// The column that says whose row it is; `rules sql` writes row security from it.
    pub tenant_column: Option<String>,
    /// True for `[view."…"]`: a view without `bounded_by` needs no bound.
    pub is_view: bool,
    /// Where the table's header stands, for messages.
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    pub file: String,
    /// 1-based; 0 when unknown.
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    /// Forward what would be denied and record the verdict.
    Observe,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruleset {
    pub mode: Mode,
    pub relations: BTreeMap<QualifiedName, TableRule>,
    pub functions: Vec<FunctionSignature>,
    /// `schema.table.trigger`, trusted with the rows that are written.
    pub triggers: BTreeSet<String>,
    /// `schema.table.name` of CHECK and exclusion constraints, generated columns and indexes whose code is not vetted.
    pub constraints: BTreeSet<String>,
    /// SHA-256 over the files, in name order: file name, NUL, length as u64 LE, bytes.
    pub hash: [u8; 32],
}

impl Ruleset {
    pub fn relation(&self, name: &QualifiedName) -> Option<&TableRule> {
        self.relations.get(name)
    }
}

impl TableRule {
    pub const DEFAULT_MAX_IN_LIST: u64 = 100;

    pub fn max_in_list(&self) -> u64 {
        self.max_in_list.unwrap_or(Self::DEFAULT_MAX_IN_LIST)
    }
}
