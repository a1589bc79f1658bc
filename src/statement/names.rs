//! The names in a statement, as Postgres folds them.

/// What a statement names. It is collected before resolution, so it says what is *written*; what it means is told by
/// Postgres's own tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Relations read, at whatever depth, in the order of the text; references to a CTE in scope are not among them.
    pub relations: Vec<RelationName>,
    /// Where the targets of writes stand; each is among `relations` too.
    pub targets: Vec<u32>,
    /// References that a CTE in scope answers.
    pub cte_references: Vec<RelationName>,
    /// Functions called, by name; not the ones with a syntax of their own (`extract`, `coalesce`, `current_date`, …).
    pub functions: Vec<FunctionName>,
    /// Casts to types that the grammar has no words for, and typed strings of them.
    pub casts: Vec<CastName>,
    /// Operators other than the arithmetic and comparison ones, and everything written as OPERATOR(…).
    pub operators: Vec<OperatorName>,
    /// The first FOR UPDATE, FOR SHARE or the like.
    pub locking: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationName {
    pub schema: Option<String>,
    pub name: String,
    /// Byte offset of the name's first part in the whole text.
    pub position: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionName {
    pub schema: Option<String>,
    pub name: String,
    pub position: u32,
    /// The argument, where it is one plain string and nothing else: `regclass('orders')` reads it as a cast would.
    pub literal: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastName {
    pub schema: Option<String>,
    pub name: String,
    /// The target is an array of the type.
    pub array: bool,
    /// The string that is cast, where it stands there directly and is plain.
    pub literal: Option<String>,
    /// Byte offset of the type's name, or of the expression's start where the grammar keeps none.
    pub position: u32,
}

impl CastName {
    /// The target's name if its values are the names of catalogue objects: Parse itself looks the object up.
    pub fn registered(&self) -> Option<&str> {
        const REGISTERED: [&str; 11] = [
            "regclass",
            "regcollation",
            "regconfig",
            "regdictionary",
            "regnamespace",
            "regoper",
            "regoperator",
            "regproc",
            "regprocedure",
            "regrole",
            "regtype",
        ];
        let of_catalogue = self.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        (of_catalogue && REGISTERED.contains(&self.name.as_str())).then_some(self.name.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorName {
    /// Given only in OPERATOR(schema.name).
    pub schema: Option<String>,
    pub name: String,
    pub position: u32,
}
