//! Tree → levels, sources and scopes.
//!
//! Walks the join tree, not the range table (which holds placeholders and views' leftovers). Work is queued, so that
//! nesting of queries costs no stack; every source made counts against a cap.

use super::model::{Column, Fact, Kind, Level, LevelId, Link, Place, Role, Scope, ScopeId, Shape, Source, SourceId, Term};
use super::resolve::Resolved;
use super::{facts, functions, visit};
use crate::catalogue::snapshot::Catalogue;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{
    CommonTableExpr, CteMaterialize, Expr, FromExpr, JoinExpr, JoinNode, JoinType, Query, RangeTblEntry, RteKind, SetOpNode,
    SetOperation, Var,
};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// More sources of rows than this in one statement are refused.
const MAX_SOURCES: usize = 400;

pub(super) struct Builder<'t> {
    pub shape: Shape<'t>,
    queue: VecDeque<Task<'t>>,
}

/// A query still to be read.
struct Task<'t> {
    query: &'t Query,
    level: LevelId,
    /// Rows map one to one from outside in: facts about the owner's columns hold for what they name.
    linked: bool,
}

pub fn build<'t>(query: &'t Query, catalogue: &'t Catalogue) -> Result<Shape<'t>, Deny> {
    let shape = Shape {
        catalogue,
        levels: Vec::new(),
        sources: Vec::new(),
        scopes: Vec::new(),
        sites: Vec::new(),
        writes: Vec::new(),
        zipped: Vec::new(),
        locks: Vec::new(),
        sublinks: HashMap::new(),
    };
    let mut b = Builder { shape, queue: VecDeque::new() };
    let context = b.scope(true);
    b.enqueue(query, None, None, context, false)?;
    while let Some(task) = b.queue.pop_front() {
        b.read(&task)?;
    }
    Ok(b.shape)
}

impl<'t> Builder<'t> {
    pub(super) fn scope(&mut self, border: bool) -> ScopeId {
        self.shape.scopes.push(Scope { border, ..Scope::default() });
        self.shape.scopes.len() - 1
    }

    pub(super) fn include(&mut self, scope: ScopeId, other: ScopeId) {
        self.shape.scopes[scope].includes.push(other);
    }

    pub(super) fn enqueue(
        &mut self,
        query: &'t Query,
        parent: Option<LevelId>,
        owner: Option<SourceId>,
        context: ScopeId,
        linked: bool,
    ) -> Result<LevelId, Deny> {
        let level = self.shape.levels.len();
        if level > MAX_SOURCES {
            return Err(too_many());
        }
        let (site, out) = (self.scope(false), self.scope(false));
        let bindings = vec![None; query.range_table.len()];
        self.shape.levels.push(Level { parent, query, bindings, owner, from: Vec::new(), context, site, out });
        self.queue.push_back(Task { query, level, linked });
        Ok(level)
    }

    pub(super) fn source(&mut self, level: LevelId, name: &'t str, kind: Kind<'t>, lateral: bool) -> Result<SourceId, Deny> {
        if self.shape.sources.len() >= MAX_SOURCES {
            return Err(too_many());
        }
        let scope = self.scope(false);
        self.shape.sources.push(Source {
            level,
            name,
            kind,
            scope,
            depends: BTreeSet::new(),
            arguments: BTreeSet::new(),
            lateral,
            link: Link::None,
            place: Place::From,
        });
        Ok(self.shape.sources.len() - 1)
    }

    fn read(&mut self, task: &Task<'t>) -> Result<(), Deny> {
        let (query, level) = (task.query, task.level);
        if query.is_write() {
            self.write(level)?;
        } else if let Some(op) = &query.set_operations {
            self.arms(level, op, task.linked)?;
        } else {
            let from = query.join_tree.as_ref().ok_or_else(|| node("a query without a join tree"))?;
            let context = self.shape.levels[level].context;
            self.bind_from(level, from)?;
            let out = self.from(level, from, context, true)?;
            let site = self.shape.levels[level].site;
            self.include(site, context);
            self.include(site, out);
            self.outputs(level)?;
            self.row_marks(level)?;
            self.publish(level, out, task.linked);
        }
        self.own_expressions(level)?;
        self.arguments(level);
        self.depends(level);
        Ok(())
    }

    /// What FOR UPDATE locks. A subquery that it names has marks of its own for what stands in it (`transformLockingClause`).
    fn row_marks(&mut self, level: LevelId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        for mark in &query.row_marks {
            rte(query, mark.rt_index)?;
            let bound = self.shape.levels[level].bindings[mark.rt_index as usize - 1];
            match bound.map(|source| (source, &self.shape.sources[source].kind)) {
                Some((source, Kind::Relation { .. })) => self.shape.locks.push(source),
                Some((_, Kind::Derived { .. })) => {}
                _ => return Err(node("a lock on something that is no table")),
            }
        }
        Ok(())
    }

    /// What each output row of a level proves, and the names its columns go by outside.
    fn publish(&mut self, level: LevelId, from_out: ScopeId, linked: bool) {
        let query = self.shape.levels[level].query;
        let grouped = !query.group_clause.is_empty() && query.grouping_sets.is_empty();
        let plain = !query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty() && query.having.is_none();
        // An aggregate over everything gives its row even of nothing: that row proves no facts, but a constant in it is one.
        let whole = query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty();
        if !(plain || grouped || whole) {
            return;
        }
        let (out, context) = (self.shape.levels[level].out, self.shape.levels[level].context);
        if plain || grouped {
            self.include(out, from_out);
        }
        let Some(owner) = self.shape.levels[level].owner else { return };
        let mut links = Vec::new();
        for (i, entry) in query.outputs().enumerate() {
            let is_key = entry.sort_group_ref != 0 && query.group_clause.iter().any(|g| g.sort_group_ref == entry.sort_group_ref);
            let Ok(number) = i16::try_from(i + 1) else { return };
            let name = Column { source: owner, number };
            match self.term(level, &entry.expr) {
                Term::Column(inner) if plain || is_key => links.push(Fact::Alias(name, inner)),
                Term::Column(_) => {}
                Term::Constant(c) => links.push(Fact::Equal(Term::Column(name), Term::Constant(c))),
                Term::Dependent(_) | Term::Unknown => {}
            }
        }
        if linked {
            let renamed = links.iter().filter(|f| matches!(f, Fact::Alias(..))).cloned();
            let renamed: Vec<Fact> = renamed.collect();
            self.shape.scopes[context].facts.extend(renamed);
        }
        self.shape.scopes[out].facts.extend(links);
    }

    /// The arms of a set operation: each a derived source of its own, proven on its own.
    fn arms(&mut self, level: LevelId, op: &'t SetOperation, linked: bool) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let context = self.shape.levels[level].context;
        let mut pending = vec![&op.left, &op.right];
        while let Some(arm) = pending.pop() {
            let index = match arm {
                SetOpNode::Op(inner) => {
                    pending.push(&inner.left);
                    pending.push(&inner.right);
                    continue;
                }
                SetOpNode::Ref(index) => *index,
            };
            let entry = rte(query, index)?;
            let RteKind::Subquery { query: arm_query, .. } = &entry.kind else {
                return Err(node("a set operation over something that is not a query"));
            };
            let arm_context = self.scope(true);
            self.include(arm_context, context);
            let source = self.derived(level, entry, arm_query, arm_context, Some(level), linked && pushes_down(arm_query))?;
            self.bind(level, index, source)?;
            let owner = self.shape.levels[level].owner;
            if let (true, Some(owner)) = (linked, owner) {
                let width = arm_query.target_list.iter().filter(|t| !t.junk).count();
                for n in 1..=i16::try_from(width).unwrap_or(0) {
                    let (outer, inner) = (Column { source: owner, number: n }, Column { source, number: n });
                    self.shape.scopes[arm_context].facts.push(Fact::Alias(outer, inner));
                }
            }
        }
        // Output expressions of a set operation are columns of its first arm.
        let site = self.shape.levels[level].site;
        self.include(site, context);
        Ok(())
    }

    fn derived(
        &mut self,
        level: LevelId,
        entry: &'t RangeTblEntry,
        query: &'t Query,
        context: ScopeId,
        parent: Option<LevelId>,
        linked: bool,
    ) -> Result<SourceId, Deny> {
        let source =
            self.source(level, &entry.name, Kind::Derived { level: 0, single_row: single_row(query, false) }, entry.lateral)?;
        let inner = self.enqueue(query, parent, Some(source), context, linked)?;
        if let Kind::Derived { level, .. } = &mut self.shape.sources[source].kind {
            *level = inner;
        }
        Ok(source)
    }

    pub(super) fn bind(&mut self, level: LevelId, index: u32, source: SourceId) -> Result<(), Deny> {
        let slot = self.shape.levels[level].bindings.get_mut(index as usize - 1).ok_or_else(|| node("a range table index"))?;
        if slot.replace(source).is_some() {
            return Err(node("a range table entry that stands twice in the join tree"));
        }
        self.shape.levels[level].from.push(source);
        Ok(())
    }

    /// First every source of the join tree gets its name, so that quals can speak of all of them.
    pub(super) fn bind_from(&mut self, level: LevelId, from: &'t FromExpr) -> Result<(), Deny> {
        let mut pending: Vec<&'t JoinNode> = from.from.iter().rev().collect();
        while let Some(n) = pending.pop() {
            match n {
                JoinNode::Ref(index) => {
                    let source = self.leaf(level, *index)?;
                    self.bind(level, *index, source)?;
                }
                JoinNode::Join(j) => {
                    pending.push(&j.right);
                    pending.push(&j.left);
                }
                JoinNode::From(f) => pending.extend(f.from.iter().rev()),
            }
        }
        Ok(())
    }

    fn leaf(&mut self, level: LevelId, index: u32) -> Result<SourceId, Deny> {
        let query = self.shape.levels[level].query;
        let entry = rte(query, index)?;
        let name = entry.name.as_str();
        if !entry.security_quals.is_empty() {
            return Err(node("a security qual in the analysed tree"));
        }
        match &entry.kind {
            RteKind::Relation { relid, table_sample, .. } => {
                if table_sample.is_some() {
                    return Err(
                        Deny::new(Reason::NodeNotAllowed, "TABLESAMPLE is not allowed").hint("Remove the TABLESAMPLE clause.")
                    );
                }
                let permissions = entry.permissions.as_ref().ok_or_else(|| node("a relation without permissions"))?;
                let location = first_location(query, index);
                self.source(level, name, Kind::Relation { relid: *relid, permissions, location }, entry.lateral)
            }
            RteKind::Subquery { query: inner, .. } => {
                let linked = pushes_down(inner);
                let context = self.scope(true);
                let source = self.derived(level, entry, inner, context, Some(level), linked)?;
                self.shape.sources[source].link = if linked { Link::Columns } else { Link::Surroundings };
                Ok(source)
            }
            RteKind::Cte { name: cte_name, levels_up, self_reference, .. } => {
                self.cte(level, entry, cte_name, *levels_up, *self_reference)
            }
            RteKind::Values { rows, .. } => self.source(level, name, Kind::Values { rows: rows.len() }, entry.lateral),
            RteKind::Function { functions, .. } => {
                let kind = match functions.as_slice() {
                    [only] => functions::classify(self, &only.expr)?,
                    several => functions::zipped(self, several),
                };
                self.source(level, name, kind, entry.lateral)
            }
            // FROM-less parts and an empty result.
            RteKind::Result => self.source(level, name, Kind::Values { rows: 1 }, false),
            RteKind::Join { .. } | RteKind::Group { .. } => Err(node("a join where a relation belongs")),
            RteKind::TableFunction => Err(node("XMLTABLE or JSON_TABLE")),
            RteKind::NamedTuplestore => Err(node("a transition table")),
        }
    }

    /// Each reference to a CTE is read as a copy of its query: two references are two sets of rows.
    fn cte(
        &mut self,
        level: LevelId,
        entry: &'t RangeTblEntry,
        name: &str,
        levels_up: u32,
        self_reference: bool,
    ) -> Result<SourceId, Deny> {
        let mut home = level;
        for _ in 0..levels_up {
            home = self.shape.levels[home].parent.ok_or_else(|| node("a CTE of no level"))?;
        }
        let query = self.shape.levels[home].query;
        let cte = query.ctes.iter().find(|c| c.name == name).ok_or_else(|| node("a CTE without its query"))?;
        if self_reference {
            let bounded_depth = functions::counts_up_to_a_constant(cte);
            let mut home = level;
            while !std::ptr::eq(self.shape.levels[home].query, &*cte.query) {
                home = self.shape.levels[home].parent.ok_or_else(|| node("a recursive reference outside its query"))?;
            }
            return self.source(level, &entry.name, Kind::SelfReference { bounded_depth, home }, false);
        }
        refuse_cte(cte)?;
        // A write is done once and whole, whoever reads what it returns; proving it once for each reader does no harm.
        // `inline_cte`: a volatile query is computed whole, whatever its reader filters.
        let inlined = cte.ref_count == 1
            && !cte.recursive
            && !cte.query.is_write()
            && cte.materialized != CteMaterialize::Always
            && !super::escape::is_volatile(self.shape.catalogue, &cte.query);
        let context = self.scope(true);
        let linked = inlined && pushes_down(&cte.query);
        let source = self.derived(level, entry, &cte.query, context, Some(home), linked)?;
        self.shape.sources[source].link = match (inlined, linked) {
            (true, true) => Link::Columns,
            (true, false) => Link::Surroundings,
            (false, _) => Link::None,
        };
        Ok(source)
    }

    /// A list of FROM with its WHERE. Gives the scope of its output rows.
    pub(super) fn from(&mut self, level: LevelId, from: &'t FromExpr, context: ScopeId, top: bool) -> Result<ScopeId, Deny> {
        let (quals, out) = (self.scope(false), self.scope(false));
        self.include(out, quals);
        let site = self.scope(false);
        self.include(site, context);
        self.include(site, out);
        self.quals(level, from.quals.as_ref(), quals, site)?;
        if top {
            self.having(level, quals, site)?;
        }
        let mut contexts = Vec::new();
        for child in &from.from {
            let inside = self.scope(false);
            self.include(inside, context);
            self.include(inside, quals);
            let child_out = self.join_node(level, child, inside)?;
            self.include(out, child_out);
            contexts.push((inside, child_out));
        }
        for (i, (inside, _)) in contexts.iter().enumerate() {
            for (j, (_, sibling_out)) in contexts.iter().enumerate() {
                if i != j {
                    self.include(*inside, *sibling_out);
                }
            }
        }
        Ok(out)
    }

    pub(super) fn join_node(&mut self, level: LevelId, node: &'t JoinNode, context: ScopeId) -> Result<ScopeId, Deny> {
        match node {
            JoinNode::Ref(index) => Ok(self.leaf_scopes(level, *index, context)),
            JoinNode::Join(join) => self.join(level, join, context),
            JoinNode::From(from) => self.from(level, from, context, false),
        }
    }

    /// The scope of a leaf is what holds around it; its output facts are what it says of itself.
    fn leaf_scopes(&mut self, level: LevelId, index: u32, context: ScopeId) -> ScopeId {
        let out = self.scope(false);
        let Some(source) = self.shape.levels[level].bindings[index as usize - 1] else { return out };
        let scope = self.shape.sources[source].scope;
        self.include(scope, context);
        self.include(scope, out);
        if let Kind::Derived { level: inner, .. } = self.shape.sources[source].kind {
            let inner_out = self.shape.levels[inner].out;
            self.include(out, inner_out);
            let inner_context = self.shape.levels[inner].context;
            // Never this leaf's own output facts: through the level around it they would lead a filter from further
            // outside past a LIMIT or a window. The names that a linked level needs stand in its context already.
            match self.shape.sources[source].link {
                Link::Columns | Link::Surroundings => self.include(inner_context, context),
                Link::None => {}
            }
        }
        let entry = &self.shape.levels[level].query.range_table[index as usize - 1];
        let facts = functions::leaf_facts(self, level, source, entry);
        self.shape.scopes[out].facts.extend(facts);
        out
    }

    fn join(&mut self, level: LevelId, join: &'t JoinExpr, context: ScopeId) -> Result<ScopeId, Deny> {
        let (quals, out) = (self.scope(false), self.scope(false));
        let site = self.scope(false);
        self.include(site, context);
        self.include(site, quals);
        self.quals(level, join.quals.as_ref(), quals, site)?;
        let (inside_left, inside_right) = (self.scope(false), self.scope(false));
        self.include(inside_left, context);
        self.include(inside_right, context);
        // What is rejected as NULL outside makes an outer join inner, as the planner's `reduce_outer_joins` does.
        let rejects_right = self.rejects_nulls(level, &join.right, context);
        let rejects_left = self.rejects_nulls(level, &join.left, context);
        let (left_kept, right_kept) = match join.join_type {
            JoinType::Inner => (false, false),
            JoinType::Left => (!rejects_right, false),
            JoinType::Right => (false, !rejects_left),
            JoinType::Full => (!rejects_right, !rejects_left),
            JoinType::Semi | JoinType::Anti | JoinType::RightAnti | JoinType::UniqueOuter | JoinType::UniqueInner => {
                return Err(node("a join that only the planner makes"));
            }
        };
        let left_out = self.join_node(level, &join.left, inside_left)?;
        let right_out = self.join_node(level, &join.right, inside_right)?;
        self.include(site, left_out);
        self.include(site, right_out);
        // A side whose rows are kept without a partner learns nothing from the quals or from the other side.
        if !left_kept {
            self.include(inside_left, quals);
            self.include(inside_left, right_out);
        }
        if !right_kept {
            self.include(inside_right, quals);
            self.include(inside_right, left_out);
        }
        // An output row has a real left row unless right rows are kept without one, and so on.
        if !right_kept {
            self.include(out, left_out);
        }
        if !left_kept {
            self.include(out, right_out);
        }
        if !left_kept && !right_kept {
            self.include(out, quals);
        }
        Ok(out)
    }

    /// Whether a fact already known outside is false for a row of NULLs on this side.
    fn rejects_nulls(&self, level: LevelId, side: &JoinNode, context: ScopeId) -> bool {
        let mut inside = BTreeSet::new();
        collect(side, &mut |index| {
            if let Some(source) = self.shape.levels[level].bindings[index as usize - 1] {
                inside.insert(source);
            }
        });
        let is = |t: &Term| matches!(t, Term::Column(c) if inside.contains(&c.source));
        self.shape.facts(context, true).iter().any(|fact| match fact {
            Fact::Equal(a, b) => is(a) || is(b),
            Fact::In(c, _) | Fact::InArray(c, _) | Fact::Compare { column: c, .. } => inside.contains(&c.source),
            Fact::Alias(..) | Fact::NotDistinct(..) | Fact::ParamIsNull(_) | Fact::Never | Fact::Or(_) => false,
        })
    }

    pub(super) fn quals(&mut self, level: LevelId, quals: Option<&'t Expr>, scope: ScopeId, site: ScopeId) -> Result<(), Deny> {
        let Some(expr) = quals else { return Ok(()) };
        self.site(level, expr, Role::Qual, site)?;
        let facts = self.conjuncts(level, expr, scope);
        self.shape.scopes[scope].facts.extend(facts);
        Ok(())
    }

    /// HAVING over grouping columns throws out whole groups, so it holds for the rows in them. But only what
    /// `subquery_planner` moves to WHERE, which is what has neither aggregates nor volatile functions nor subqueries, holds
    /// before the rows are aggregated: the error of an aggregate over rows of another group tells of them.
    fn having(&mut self, level: LevelId, scope: ScopeId, site: ScopeId) -> Result<(), Deny> {
        let query = self.shape.levels[level].query;
        let Some(having) = &query.having else { return Ok(()) };
        let by_groups = query.grouping_sets.is_empty() && !query.group_clause.is_empty();
        let mut conjuncts = Vec::new();
        functions::and_list(having, &mut conjuncts);
        for conjunct in conjuncts {
            // What has aggregates sees finished groups alone.
            let grouped = visit::any(conjunct, &mut |e| matches!(e, Expr::Aggref { .. }));
            self.site(level, conjunct, if grouped { Role::Output } else { Role::Qual }, site)?;
            if by_groups && facts::moves_below_groups(self.shape.catalogue, conjunct) {
                let scratch = self.scope(false);
                let facts = self.conjuncts(level, conjunct, scratch);
                self.shape.scopes[scope].facts.extend(facts);
            }
        }
        Ok(())
    }

    pub(super) fn resolve(&self, level: LevelId, var: &Var) -> Resolved<'t> {
        self.shape.resolve(level, var)
    }
}

fn collect(node: &JoinNode, f: &mut dyn FnMut(u32)) {
    match node {
        JoinNode::Ref(index) => f(*index),
        JoinNode::Join(j) => {
            collect(&j.left, f);
            collect(&j.right, f);
        }
        JoinNode::From(from) => from.from.iter().for_each(|n| collect(n, f)),
    }
}

pub(super) fn rte(query: &Query, index: u32) -> Result<&RangeTblEntry, Deny> {
    (index as usize).checked_sub(1).and_then(|i| query.range_table.get(i)).ok_or_else(|| node("a range table index"))
}

/// Facts from outside reach the rows of this query, and only drop rows that would be dropped outside as well.
pub(super) fn pushes_down(query: &Query) -> bool {
    !query.is_write()
        && query.limit_count.is_none()
        && query.limit_offset.is_none()
        && !query.has_window_funcs
        && !query.has_distinct_on
        && !query.has_recursive
        && query.grouping_sets.is_empty()
        && query.row_marks.is_empty()
        && (!query.has_aggs || !query.group_clause.is_empty())
}

/// At most one row, made from nothing outside.
pub(super) fn single_row(query: &Query, scalar: bool) -> bool {
    let aggregate = query.has_aggs && query.group_clause.is_empty() && query.grouping_sets.is_empty();
    (aggregate || scalar) && !super::escape::reaches_outside(query)
}

pub(super) fn refuse_cte(cte: &CommonTableExpr) -> Result<(), Deny> {
    if cte.has_cycle || cte.has_search {
        return Err(node("SEARCH or CYCLE of a CTE"));
    }
    Ok(())
}

fn first_location(query: &Query, index: u32) -> Option<u32> {
    let mut first = None;
    for entry in &query.target_list {
        visit::walk(&entry.expr, &mut |e| {
            if let (Expr::Var(v), None) = (e, first)
                && v.rel == index
                && v.levels_up == 0
            {
                first = v.location;
            }
        });
    }
    first
}

fn too_many() -> Deny {
    Deny::new(Reason::TooComplex, format!("the statement reads more than {MAX_SOURCES} sources of rows"))
        .hint("Split the statement into smaller ones.")
}

pub(super) fn node(what: &str) -> Deny {
    Deny::new(Reason::NodeNotAllowed, format!("{what} is not allowed"))
}
