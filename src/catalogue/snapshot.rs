//! What the query tree does not show, as plain data: read once an epoch, then only looked at.

use super::constant::ConstantCheck;
use super::write::WriteFacts;
use crate::token::grant::QualifiedName;
use std::collections::HashMap;
use std::sync::Arc;

pub type Oid = u32;

/// First OID that is not assigned by `initdb`'s bootstrap (`FirstUnpinnedObjectId` is 12000, `FirstNormalObjectId` 16384).
/// Objects below 16384 come with the server.
pub const FIRST_NORMAL_OBJECT_ID: Oid = 16384;

#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// `server_version_num`, e.g. 150018.
    pub server_version: u32,
    pub epoch: Epoch,
    pub database: String,
    pub relations: HashMap<Oid, Relation>,
    pub by_name: HashMap<QualifiedName, Oid>,
    pub types: HashMap<Oid, Type>,
    /// Every function of the server and the users that a tree may name.
    pub functions: HashMap<Oid, Function>,
    pub operators: HashMap<Oid, Operator>,
    pub collations: HashMap<Oid, Collation>,
}

/// Key columns of the usable indexes of each relation, up to the first expression. Only advice rests on them, no proof.
pub type Indexes = HashMap<Oid, Vec<Vec<i16>>>;

/// Hash over the user rows of the catalogues; equal epochs mean equal catalogues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Epoch(pub [u8; 16]);

#[derive(Debug, Clone)]
pub struct Relation {
    pub oid: Oid,
    pub name: QualifiedName,
    /// `pg_class.relkind`.
    pub kind: u8,
    pub persistence: u8,
    pub owner: Oid,
    pub is_partition: bool,
    /// Has children through pg_inherits and is not partitioned.
    pub has_inheritance_children: bool,
    pub row_security: bool,
    pub force_row_security: bool,
    /// Planner's estimate, at least 0.
    pub row_estimate: f64,
    /// By attribute number - 1; dropped columns stand as `None`.
    pub columns: Vec<Option<Column>>,
    pub unique_keys: Vec<UniqueKey>,
    /// Policies that apply to reads: (name, expression's source text).
    pub policies: Vec<String>,
    pub rules: Vec<String>,
    /// The same facts for writes, kept as plain names for refusals.
    pub triggers: Vec<String>,
    /// What else a write sets off.
    pub write: WriteFacts,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: Arc<str>,
    pub number: i16,
    pub type_oid: Oid,
    pub type_mod: i32,
    pub collation: Oid,
    pub not_null: bool,
    /// `pg_attribute.attgenerated`: 0, 's' or 'v'.
    pub generated: u8,
    /// Columns that a generated column reads (attribute numbers); empty otherwise.
    pub generated_from: Vec<i16>,
    pub has_default: bool,
}

/// A unique index that proves at most one row: immediate, valid, ready, not partial, plain columns only,
/// default btree operator class and the column's own collation.
#[derive(Debug, Clone)]
pub struct UniqueKey {
    pub index: Oid,
    pub primary: bool,
    pub columns: Vec<i16>,
    pub nulls_not_distinct: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    Base,
    Composite,
    Domain,
    Enum,
    Pseudo,
    Range,
    MultiRange,
}

#[derive(Debug, Clone)]
pub struct Type {
    pub oid: Oid,
    pub name: QualifiedName,
    pub kind: TypeKind,
    pub category: u8,
    /// Element type of a true array, else 0.
    pub element: Oid,
    pub array: Oid,
    /// Base of a domain, else 0.
    pub base: Oid,
    /// Subtype of a range or multirange, else 0.
    pub subtype: Oid,
    /// Row type's relation, else 0.
    pub relation: Oid,
    /// Attribute types of a composite.
    pub attributes: Vec<Oid>,
    /// A domain's own NOT NULL or CHECK constraints: their functions (OIDs), for the closure.
    pub check_functions: Vec<Oid>,
    pub has_checks: bool,
    pub len: i16,
    pub by_value: bool,
    pub collation: Oid,
    /// The comparison, hash, input and output code of this type itself is the server's own
    /// (enums, domains, arrays and composites: of their parts, see `Catalogue::closure_is_built_in`).
    pub built_in: bool,
    pub extension: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    Function,
    Procedure,
    Aggregate,
    Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

/// What the vetted table says of a built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vetting {
    /// May stand in a statement; `total` never raises on any input of its types.
    Vetted { total: bool },
    /// Vetted, but the argument at `index` (0-based) must be a constant whose integer value is at most 10,000.
    CappedArgument { index: u8, total: bool },
    /// Total when the argument at `index` (0-based) is a constant that `constant` admits, partial otherwise.
    TotalIfConstant { index: u8, constant: ConstantCheck },
    /// Only over the filtered catalogue views: it tells about the object that its argument names.
    Introspection,
    /// Listed as forbidden, with why ("side effect", "reads files", "runs SQL in a string", …).
    Refused { why: &'static str },
    /// Not in the table: refused.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct Function {
    pub oid: Oid,
    pub name: QualifiedName,
    /// Argument types as `format_type` prints them.
    pub arguments: Vec<String>,
    pub argument_types: Vec<Oid>,
    pub result_type: Oid,
    pub kind: FunctionKind,
    pub returns_set: bool,
    pub strict: bool,
    pub volatility: Volatility,
    pub built_in: bool,
    /// Compiled code of the server or of an extension, and not SQL that somebody wrote.
    pub native: bool,
    pub vetting: Vetting,
}

#[derive(Debug, Clone)]
pub struct Operator {
    pub oid: Oid,
    pub name: QualifiedName,
    pub left: Oid,
    pub right: Oid,
    pub func: Oid,
    pub commutator: Oid,
    pub built_in: bool,
    /// This operator's place in the *default* btree operator family of its types, when left and right type are of that family.
    pub btree: Option<BtreeRole>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BtreeRole {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

#[derive(Debug, Clone)]
pub struct Collation {
    pub oid: Oid,
    pub name: QualifiedName,
    pub deterministic: bool,
    pub built_in: bool,
}

impl Catalogue {
    pub fn relation(&self, oid: Oid) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    pub fn relation_named(&self, name: &QualifiedName) -> Option<&Relation> {
        self.by_name.get(name).and_then(|oid| self.relations.get(oid))
    }
}

impl Relation {
    pub fn column(&self, number: i16) -> Option<&Column> {
        usize::try_from(number).ok()?.checked_sub(1).and_then(|i| self.columns.get(i)).and_then(Option::as_ref)
    }

    pub fn column_named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().flatten().find(|c| &*c.name == name)
    }
}
