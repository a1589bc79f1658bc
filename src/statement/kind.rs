//! What the local reading says of one statement.

use std::ops::Range;

use super::names::Names;

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStatement {
    /// Its bytes in the text, from its first token to its last, without the semicolon.
    pub range: Range<usize>,
    pub kind: StatementKind,
    /// The names in it, positions counted from the start of the whole text. Empty for what is no query.
    pub names: Names,
}

/// The kinds of statement that are told apart before the database sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// SELECT, VALUES, TABLE or WITH, without data-modifying parts.
    Select,
    /// EXPLAIN with options of the allow-list, over a statement that has its own range, kind and names.
    Explain {
        inner: Box<LocalStatement>,
        options: Vec<ExplainOption>,
    },
    /// INSERT, UPDATE, DELETE, MERGE, or a WITH that holds one.
    Write {
        verb: &'static str,
    },
    Begin(TransactionModes),
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint {
        name: String,
    },
    Release {
        name: String,
    },
    RollbackTo {
        name: String,
    },
    /// SET TRANSACTION.
    SetTransaction(TransactionModes),
    /// SET SESSION CHARACTERISTICS AS TRANSACTION.
    SetSessionCharacteristics(TransactionModes),
    Set(SetVariable),
    /// SHOW: the name folded as Postgres folds it, `all` for SHOW ALL.
    Show {
        name: String,
    },
    Reset {
        name: String,
    },
    ResetAll,
    DiscardAll,
    UnlistenAll,
    /// CLOSE ALL.
    CloseAll,
    /// `SELECT current_setting(…), set_config(…)`: nothing but such calls, answered in one row.
    SettingCalls(Vec<SettingCall>),
    /// `SELECT pg_advisory_unlock_all()` alone; the column's name for the answer.
    AdvisoryUnlockAll {
        column: String,
    },
    /// PREPARE: `inner` is where its statement stands.
    Prepare {
        name: String,
        types: Vec<ParameterType>,
        inner: Range<usize>,
    },
    Execute {
        name: String,
        arguments: Vec<Argument>,
    },
    /// DEALLOCATE; without a name ALL.
    Deallocate {
        name: Option<String>,
    },
    /// DECLARE … CURSOR FOR a query.
    Declare {
        name: String,
        inner: Range<usize>,
        /// SCROLL: it goes backward too.
        scroll: bool,
    },
    /// FETCH and MOVE.
    Fetch {
        name: String,
        motion: Motion,
        moves: bool,
    },
    /// CLOSE of one cursor.
    CloseCursor {
        name: String,
    },
    /// COPY (query) TO STDOUT.
    Copy {
        inner: Range<usize>,
        /// What COPY of a table stands for, whose name and columns are at `inner`.
        table: Option<CopiedTable>,
        layout: CopyLayout,
    },
    /// A statement that is known and not run; the words that name it.
    Unsupported {
        word: String,
    },
}

/// Where FETCH and MOVE go; without a count to the end. FIRST, LAST and their like are spelled in these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Forward(Option<u64>),
    Backward(Option<u64>),
    /// From the end where it is negative.
    Absolute(i64),
    Relative(i64),
}

impl Motion {
    /// Rows that come next; `None` is all of them. Anything else takes a cursor that scrolls.
    pub fn onward(self) -> Option<Option<u64>> {
        match self {
            Motion::Forward(Some(0)) | Motion::Backward(_) | Motion::Absolute(_) | Motion::Relative(_) => None,
            Motion::Forward(count) => Some(count),
        }
    }
}

/// A table that COPY names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// The query that gives the same rows.
    pub query: String,
    /// Without a list of columns COPY leaves out generated ones, which the query does not.
    pub all_columns: bool,
}

/// The modes of BEGIN, START TRANSACTION, SET TRANSACTION; `None` where the statement doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionModes {
    pub isolation: Option<Isolation>,
    pub read_only: Option<bool>,
    pub deferrable: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

/// SET, however it is spelled: `SET TIME ZONE`, `SET NAMES`, `SET SCHEMA` and `SET ROLE` come as the variables they set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVariable {
    /// The variable in lower case, dots kept: `datestyle`, `pgwarrant.scope`.
    pub name: String,
    /// One string a value of the list.
    pub values: SetValue,
    /// SET LOCAL, or `set_config(…, true)`.
    pub local: bool,
    /// `SELECT set_config('name', 'value', local)` alone: the name of the column that the answer has.
    pub call: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue {
    Default,
    List(Vec<String>),
}

/// One of [`StatementKind::SettingCalls`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingCall {
    /// The name of its column.
    pub column: String,
    /// The variable in lower case.
    pub name: String,
    /// What `set_config` sets it to, and whether for the transaction only; `None` for `current_setting`.
    pub set: Option<(SettingValue, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    Constant(String),
    /// `$1`.
    Parameter,
}

/// An option of EXPLAIN as given: `COSTS off` is `Costs` with `"off"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainOption {
    pub name: ExplainOptionName,
    pub value: Option<String>,
}

/// What EXPLAIN may be told; everything else (ANALYZE, BUFFERS, SETTINGS, …) is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainOptionName {
    Costs,
    Verbose,
    Format,
    Summary,
}

/// The type of a parameter, as PREPARE names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterType {
    /// The OID of a built-in type; 0 leaves it to the server.
    BuiltIn(u32),
    /// Perhaps with its schema. It is left to the server, which must come to the same type.
    Named(Vec<String>),
}

impl ParameterType {
    /// What Parse is told.
    pub fn oid(&self) -> u32 {
        match self {
            ParameterType::BuiltIn(oid) => *oid,
            ParameterType::Named(_) => 0,
        }
    }
}

/// An argument of EXECUTE: a literal, perhaps cast to a built-in type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub value: ArgumentValue,
    pub cast: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentValue {
    Null,
    Boolean(bool),
    /// Digits with their sign.
    Integer(String),
    /// A number with a point or an exponent, with its sign.
    Decimal(String),
    Text(String),
    /// `ARRAY[…]` of literals.
    Array(Vec<ArgumentValue>),
}

/// The options of COPY … TO STDOUT, defaults filled in (`ProcessCopyOptions`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyLayout {
    pub format: CopyFormat,
    pub header: bool,
    pub delimiter: u8,
    pub null: String,
    pub quote: u8,
    pub escape: u8,
    pub force_quote: ForceQuote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    Text,
    Csv,
    Binary,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForceQuote {
    Columns(Vec<String>),
    All,
}
