//! What a statement does, as data: levels of query, sources of rows, and the facts that hold for them.
//!
//! A *scope* is a set of facts that hold together for some rows; it includes others. The scope of a source holds
//! whatever is true of every row of that source *that can contribute* to the statement's rows, aggregates or effects:
//! the quals above it in the join tree, the output facts of its inner-joined siblings, and, through a derived table
//! whose rows map one to one, the facts of the level outside.

use super::constant::Constant;
use crate::catalogue::snapshot::{BtreeRole, Catalogue};
use crate::reading::tree::{Command, Expr, Oid, Permissions, Query};
use std::collections::{BTreeSet, HashMap};

pub type SourceId = usize;
pub type ScopeId = usize;
pub type LevelId = usize;

/// A column of a source; attribute numbers as in the tree (1-based).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Column {
    pub source: SourceId,
    pub number: i16,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    Column(Column),
    Constant(Constant),
    /// A pure expression over rows of these sources: one value for each combination of their rows.
    Dependent(BTreeSet<SourceId>),
    /// Nothing can be said.
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The default equality of a built-in type holds between the two; neither is NULL.
    Equal(Term, Term),
    /// The same value under two names (NULL included).
    Alias(Column, Column),
    /// `IS NOT DISTINCT FROM`: equality where the constant is not NULL.
    NotDistinct(Column, Constant),
    In(Column, Vec<Constant>),
    /// `= ANY($n)`.
    InArray(Column, ArrayParam),
    Compare {
        column: Column,
        role: BtreeRole,
        constant: Constant,
        /// The comparison is on `column::date`.
        of_date: bool,
    },
    /// `$n IS NULL`: an arm of an OR that a value at Bind closes.
    ParamIsNull(u32),
    /// No row satisfies it.
    Never,
    Or(Vec<Vec<Fact>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayParam {
    pub id: u32,
    pub element: Oid,
}

#[derive(Debug, Default)]
pub struct Scope {
    pub includes: Vec<ScopeId>,
    pub facts: Vec<Fact>,
    /// A border: facts beyond it belong to the level outside. Local proofs stop here.
    pub border: bool,
    /// What a subquery lends outside and may not borrow back: a LIMIT or a second row stands between.
    pub hides: Option<ScopeId>,
}

#[derive(Debug)]
pub struct Level<'t> {
    pub parent: Option<LevelId>,
    pub query: &'t Query,
    /// By range table index - 1.
    pub bindings: Vec<Option<SourceId>>,
    /// The derived source that this level makes, `None` at the top.
    pub owner: Option<SourceId>,
    /// Sources of this level's join tree (or arms of its set operation).
    pub from: Vec<SourceId>,
    /// Facts from outside that hold for contributing rows.
    pub context: ScopeId,
    /// Facts that hold where this level's output expressions are evaluated.
    pub site: ScopeId,
    /// Facts that each output row proves.
    pub out: ScopeId,
}

#[derive(Debug)]
pub struct Source<'t> {
    pub level: LevelId,
    /// For messages.
    pub name: &'t str,
    pub kind: Kind<'t>,
    pub scope: ScopeId,
    /// Sources outside it that its values are made from.
    pub depends: BTreeSet<SourceId>,
    /// Sources that a function's or VALUES's expressions read.
    pub arguments: BTreeSet<SourceId>,
    pub lateral: bool,
    pub link: Link,
    pub place: Place,
}

/// Where a derived source stands: what decides whether it is evaluated at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In FROM: evaluated for rows that passed the scans beside it.
    From,
    /// A sublink in a qual: evaluated for rows that another qual may throw out later.
    Qual,
    /// A sublink of an output expression: evaluated for rows that were chosen.
    Output,
}

/// What the rows inside a derived source learn from around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Nothing: a CTE that is computed once for several readers.
    None,
    /// Facts about its neighbours, for LATERAL; not about its own columns, which a LIMIT or window stands before.
    Surroundings,
    /// All: a filter outside is as good as one inside.
    Columns,
}

#[derive(Debug)]
pub enum Kind<'t> {
    Relation {
        relid: Oid,
        permissions: &'t Permissions,
        location: Option<u32>,
    },
    Derived {
        level: LevelId,
        /// One row at the most, and nothing from outside in it.
        single_row: bool,
    },
    Values {
        rows: usize,
    },
    /// `generate_series` over constants.
    Series(Series),
    /// `unnest` of a constant array.
    Elements(Elements),
    /// Another function; `true` if its arguments alone bound it (a scalar function in FROM).
    Function {
        scalar: bool,
    },
    /// The reference to itself of a recursive CTE.
    SelfReference {
        bounded_depth: bool,
        /// The level of the recursive query itself, whose first arm the rows come from.
        home: LevelId,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub start: Constant,
    pub stop: Constant,
    pub step: Option<Constant>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    Constant(usize),
    Param(ArrayParam),
}

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// While rows are chosen: in any order, on rows that another qual may throw out later.
    Qual,
    /// A function or VALUES in FROM: on rows that passed the scans beside it.
    Lateral,
    /// After the rows of its level were chosen.
    Output,
}

/// What a query does to the rows of its target.
#[derive(Debug)]
pub struct Write<'t> {
    pub level: LevelId,
    /// The target as names of it read: the old row; of a plain INSERT the row that it returns.
    pub target: SourceId,
    /// ON CONFLICT DO UPDATE: the row that was to be inserted, which EXCLUDED names.
    pub excluded: Option<SourceId>,
    pub changes: Vec<Change<'t>>,
}

/// One kind of change: an UPDATE has one, an upsert two, a MERGE one for each action that acts.
#[derive(Debug)]
pub struct Change<'t> {
    pub command: Command,
    pub list: List,
    pub assigned: Vec<Assigned<'t>>,
    /// What holds when it happens: of the old row, and of the rows beside it.
    pub scope: ScopeId,
    /// Rows that the statement spells out.
    pub rows: u64,
}

/// Where a change's assignments stand in its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Targets,
    OnConflict,
    /// The index of a MERGE's action.
    Action(usize),
}

#[derive(Debug)]
pub struct Assigned<'t> {
    pub column: i16,
    pub expr: &'t Expr,
    pub value: Assignment,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    Term(Term),
    /// A column of VALUES in which DEFAULT stands: what the other rows say.
    Cells(Vec<Option<Constant>>),
    Default,
}

#[derive(Debug)]
pub struct Site<'t> {
    pub level: LevelId,
    pub expr: &'t Expr,
    pub role: Role,
}

pub struct Shape<'t> {
    pub catalogue: &'t Catalogue,
    pub levels: Vec<Level<'t>>,
    pub sources: Vec<Source<'t>>,
    pub scopes: Vec<Scope>,
    pub sites: Vec<Site<'t>>,
    pub writes: Vec<Write<'t>>,
    /// Arrays that `unnest(a, b, …)` takes side by side: what is said of their columns holds where they are equally long,
    /// since the shorter ones are filled up with NULL.
    pub zipped: Vec<Vec<Elements>>,
    /// Sources whose rows FOR UPDATE, FOR SHARE and their like lock.
    pub locks: Vec<SourceId>,
    /// The derived source of each sublink, by the address of its query and the level that asks.
    pub sublinks: HashMap<(LevelId, *const Query), SourceId>,
}

impl Write<'_> {
    /// Nothing but new rows: no row that was there before is looked at.
    pub fn inserts_only(&self) -> bool {
        self.excluded.is_none() && self.changes.iter().all(|c| c.command == Command::Insert && c.list == List::Targets)
    }
}

impl Shape<'_> {
    /// The target of a write, which is proven by its own rules.
    pub fn write_of(&self, id: SourceId) -> Option<&Write<'_>> {
        self.writes.iter().find(|w| w.target == id)
    }

    /// All facts of a scope and what it includes; `local` stops at borders.
    pub fn facts(&self, scope: ScopeId, local: bool) -> Vec<&Fact> {
        let mut seen = vec![false; self.scopes.len()];
        let mut stack = vec![scope];
        let mut facts = Vec::new();
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id], true) {
                continue;
            }
            let s = &self.scopes[id];
            if local && s.border {
                continue;
            }
            if let Some(hidden) = s.hides {
                seen[hidden] = true;
            }
            facts.extend(&s.facts);
            stack.extend(&s.includes);
        }
        facts
    }

    /// The facts that the scan of a relation applies itself, before any join: its own columns against constants, and
    /// constants that reach it through equalities of relations beside it (the planner's equivalence classes).
    pub fn facts_at_scan(&self, id: SourceId) -> Vec<&Fact> {
        let level = self.sources[id].level;
        let beside =
            |c: &Column| self.sources[c.source].level == level && matches!(self.sources[c.source].kind, Kind::Relation { .. });
        let mut seen = vec![false; self.scopes.len()];
        // What a subquery lends is no condition of the scan.
        self.levels.iter().for_each(|l| seen[l.out] = true);
        let mut stack = vec![self.sources[id].scope];
        let mut facts = Vec::new();
        while let Some(scope) = stack.pop() {
            let s = &self.scopes[scope];
            if std::mem::replace(&mut seen[scope], true) || s.border {
                continue;
            }
            facts.extend(s.facts.iter().filter(|f| match f {
                Fact::Equal(Term::Column(a), Term::Column(b)) => beside(a) && beside(b),
                Fact::Equal(Term::Column(a), Term::Constant(_)) | Fact::Equal(Term::Constant(_), Term::Column(a)) => beside(a),
                Fact::Never => true,
                Fact::Or(arms) => arms.iter().flatten().all(|f| own(f, id)),
                other => own(other, id),
            }));
            stack.extend(&s.includes);
        }
        facts
    }
}

/// Speaks of this source's columns and constants alone.
fn own(fact: &Fact, id: SourceId) -> bool {
    match fact {
        Fact::Equal(Term::Column(a), Term::Constant(_)) | Fact::Equal(Term::Constant(_), Term::Column(a)) => a.source == id,
        Fact::NotDistinct(c, _) | Fact::In(c, _) | Fact::InArray(c, _) | Fact::Compare { column: c, .. } => c.source == id,
        Fact::Or(arms) => arms.iter().flatten().all(|f| own(f, id)),
        Fact::Never | Fact::ParamIsNull(_) => true,
        Fact::Equal(..) | Fact::Alias(..) => false,
    }
}
