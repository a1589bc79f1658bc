//! The proof: a statement's shape inside every block of the chain and the rules, for any values; what depends on the
//! values is left as conditions for [`Proof::check`].

use super::condition::Condition;
use super::cost;
use super::cover::{self, Alternative};
use super::deny::Deny;
use super::hint;
use super::permit::{Change, Obligation, Observe, Proof, ProvenRelation, observable};
use super::reason::Reason;
use super::size;
use super::solve::Solver;
use super::write;
use crate::catalogue::snapshot::{Catalogue, Relation, Volatility};
use crate::catalogue::views;
use crate::catalogue::visible::Visible;
use crate::reading::tree::{CommonTableExpr, JoinNode, Query, RteKind, SetOpNode, Trees};
use crate::rules::ruleset::{Mode, Ruleset, TableRule};
use crate::shape::admit::{Admission, Requirement};
use crate::shape::expansion::Pairs;
use crate::shape::functions;
use crate::shape::model::{Kind, Shape, SourceId};
use crate::shape::rewritten::Expansion;
use crate::shape::{build, introspect, total, visit};
use crate::token::grant::{Action, Grant, QualifiedName};
use std::collections::BTreeSet;

/// What is asked: may this statement, as Postgres reads it, run under these grants and rules?
pub struct Question<'q> {
    pub trees: &'q Trees,
    pub catalogue: &'q Catalogue,
    pub rules: &'q Ruleset,
    /// The grants of each block of the chain, root first; every block must cover the statement.
    pub chain: &'q [&'q [Grant]],
    /// Relation names that the local reading found, lower-cased as Postgres folds them.
    pub named: &'q [String],
}

pub fn prove(q: &Question<'_>) -> Result<Proof, Deny> {
    // What acts is never let through unproven.
    if q.trees.write() {
        return proven_inside(q);
    }
    match (proven_inside(q), q.rules.mode) {
        (Ok(proof), Mode::Observe) => Ok(Proof { observe: Observe::Values, ..proof }),
        (Err(deny), Mode::Observe) if observable(deny.reason) => observed(q, deny),
        (decided, Mode::Enforce | Mode::Observe) => decided,
    }
}

/// The body of a built-in that is written in SQL: a `RETURN`, which no statement is, over no relation, in which only
/// vetted built-ins are called.
pub fn is_built_in_body(trees: &Trees, catalogue: &Catalogue) -> bool {
    let [rewritten] = trees.rewritten.as_slice() else { return false };
    if !trees.analysed.is_return || *rewritten != trees.analysed {
        return false;
    }
    let body = Query { is_return: false, ..trees.analysed.clone() };
    let Ok(shape) = build::build(&body, catalogue) else { return false };
    let reads = shape.sources.iter().any(|s| matches!(s.kind, Kind::Relation { .. }));
    !reads && Admission { catalogue, allowed: &[], introspection: false }.shape(&shape).is_ok()
}

/// A statement that is let through for its rows must still do nothing but read: what it calls, what it costs and the
/// hidden columns are judged as ever.
fn observed(q: &Question<'_>, deny: Deny) -> Result<Proof, Deny> {
    let shape = build::build(&q.trees.analysed, q.catalogue)?;
    let admitted = Admission { catalogue: q.catalogue, allowed: &q.rules.functions, introspection: false }.shape(&shape)?;
    if !(shape.locks.is_empty() && shape.writes.is_empty()) {
        return Err(deny);
    }
    execute_grants(q, &admitted.functions)?;
    recursion(&shape, false)?;
    for rewritten in &q.trees.rewritten {
        Expansion { catalogue: q.catalogue, allowed: &q.rules.functions, introspection: false }.check(rewritten)?;
    }
    let mut relations = Vec::new();
    let mut row_limit = None;
    for source in &shape.sources {
        let Kind::Relation { relid, permissions, .. } = &source.kind else { continue };
        let relation = q.catalogue.relation(*relid).ok_or_else(|| deny.clone())?;
        if is_system(relation) || views::is_filtered_schema(&relation.name.schema) {
            return Err(deny);
        }
        check_name(q, relation)?;
        kind_is_readable(relation)?;
        let read = cover::columns_read(relation, &permissions.selected)?;
        if let Some(rule) = q.rules.relation(&relation.name) {
            cover::check_hidden(relation, rule, &read, permissions.selected.contains(&0))?;
            row_limit = row_limit.into_iter().chain(rule.max_rows).min();
        }
        relations.push(proven(relation));
    }
    let mut conditions: Vec<Condition> = admitted.requirements.into_iter().map(Condition::Required).collect();
    require_series(&shape, &mut conditions);
    static_conditions(&mut conditions)?;
    let solver = Solver::solve(&shape, q.rules);
    cost::check(&solver)?;
    size::check(&solver)?;
    // Conditions that stay are of cost, and hold at Bind as ever: `observable` never lets them through.
    let proof = Proof {
        conditions,
        obligations: Vec::new(),
        row_limit,
        relations: relations.into(),
        written: Vec::new(),
        locks: false,
        introspection: false,
        observe: Observe::Statement(deny),
    };
    Ok(proof)
}

fn proven_inside(q: &Question<'_>) -> Result<Proof, Deny> {
    let [rewritten] = q.trees.rewritten.as_slice() else {
        return Err(Deny::new(Reason::ImpliedCode, "a rule on a table turns this statement into several, which is not allowed"));
    };
    let shape = build::build(&q.trees.analysed, q.catalogue)?;
    let introspection = reads_catalogue_only(&shape)?;
    if introspection && !(shape.writes.is_empty() && shape.locks.is_empty()) {
        return Err(Deny::new(Reason::StatementNotAllowed, "the catalogue is only read"));
    }
    let relations = relations(q, &shape, introspection)?;
    for written in &shape.writes {
        write::is_granted(q, &shape, written)?;
    }
    let admission = Admission { catalogue: q.catalogue, allowed: &q.rules.functions, introspection };
    let admitted = admission.shape(&shape)?;
    let named = match introspection {
        true => introspect::check(&shape, &Visible::new(q.catalogue, q.rules, q.chain))?,
        false => Vec::new(),
    };
    execute_grants(q, &admitted.functions)?;
    if !shape.writes.is_empty() || !shape.locks.is_empty() {
        only_reading_functions(q, &admitted.functions)?;
    }
    recursion(&shape, introspection)?;
    let expansion = Expansion { catalogue: q.catalogue, allowed: &q.rules.functions, introspection };
    let mut pairs = Pairs::new();
    if !shape.writes.is_empty() || q.trees.write() {
        pairs = expansion.statement(&q.trees.analysed, rewritten)?;
    } else if *rewritten != q.trees.analysed {
        expansion.check(rewritten)?;
    }
    let mut conditions: Vec<Condition> = admitted.requirements.into_iter().chain(named).map(Condition::Required).collect();
    require_series(&shape, &mut conditions);
    static_conditions(&mut conditions)?;
    if introspection {
        let relations = relations.iter().map(|o| proven(o.relation)).collect();
        return Ok(Proof {
            conditions,
            obligations: Vec::new(),
            row_limit: None,
            relations,
            written: Vec::new(),
            locks: false,
            introspection: true,
            observe: Observe::Off,
        });
    }
    let solver = Solver::solve(&shape, q.rules);
    let mut obligations = Vec::new();
    let mut row_limit: Option<u64> = None;
    let mut watched = total::Watched::default();
    for o in &relations {
        let found = occurrence(q, &solver, o, &mut conditions)?;
        for alternatives in found {
            watch(&mut watched, o.id, &alternatives);
            let refusal = refusal(&solver, q, o);
            obligations.push(Obligation { alternatives, refusal });
        }
        if let Some(max) = o.rule.max_rows {
            row_limit = Some(row_limit.map_or(max, |l| l.min(max)));
        }
    }
    for id in &shape.locks {
        for alternatives in locked(q, &solver, *id)? {
            let refusal = target_refusal(&solver, q, *id, *id);
            obligations.push(Obligation { alternatives, refusal });
        }
    }
    let mut written: Vec<Change> = Vec::new();
    let mut seen = BTreeSet::new();
    for write in &shape.writes {
        // A WITH query that several read is proven for each of them, but writes once.
        let first = seen.insert(std::ptr::from_ref(shape.levels[write.level].query));
        let found = write::writing(q, &solver, write, &pairs)?;
        conditions.extend(found.conditions);
        for (id, alternatives) in found.read {
            watch(&mut watched, id, &alternatives);
            let refusal = target_refusal(&solver, q, id, write.target);
            obligations.push(Obligation { alternatives, refusal });
        }
        obligations.extend(found.new_rows);
        if first {
            found.written.into_iter().for_each(|change| add_change(&mut written, change));
        }
    }
    let mut needed = Vec::new();
    if let Some(expr) = total::leak(&shape, &watched, &mut needed) {
        return Err(Deny::new(
            Reason::ErrorLeak,
            "an expression that can fail stands where it may run on rows outside the grant, and its error would tell of them",
        )
        .hint("Move casts, arithmetic and other expressions that can fail from WHERE, ON or HAVING to the SELECT list, or compare the plain column.")
        .at(visit::location(expr)));
    }
    conditions.extend(needed.into_iter().map(Condition::Required));
    static_conditions(&mut conditions)?;
    cost::check(&solver)?;
    size::check(&solver)?;
    conditions.dedup();
    let mut named: Vec<ProvenRelation> = relations.iter().map(|o| proven(o.relation)).collect();
    for change in &written {
        let table = ProvenRelation { oid: change.table.oid, name: change.table.name.clone() };
        if !named.contains(&table) {
            named.push(table);
        }
    }
    let relations = named.into();
    let locks = !shape.locks.is_empty();
    Ok(Proof { conditions, obligations, row_limit, relations, written, locks, introspection: false, observe: Observe::Off })
}

fn watch(watched: &mut total::Watched, id: SourceId, alternatives: &[Alternative]) {
    if alternatives.iter().any(|a| a.guarded) {
        watched.guarded.insert(id);
    }
    if alternatives.iter().any(|a| a.guarded && !a.scanned) {
        watched.unscanned.insert(id);
    }
    if alternatives.iter().any(|a| a.guarded && !a.local) {
        watched.outside.insert(id);
    }
}

/// A lock holds others up as a change would: it needs a grant of UPDATE on the rows.
fn locked(q: &Question<'_>, solver: &Solver<'_, '_>, id: SourceId) -> Result<Vec<Vec<Alternative>>, Deny> {
    let Kind::Relation { relid, .. } = &solver.shape.sources[id].kind else { return Err(hint::outside_the_grants()) };
    let relation = q.catalogue.relation(*relid).ok_or_else(hint::outside_the_grants)?;
    if relation.kind == b'v' {
        return Err(Deny::new(Reason::StatementNotAllowed, "rows are not locked through a view")
            .table(&relation.name)
            .hint("Lock the rows of the table behind the view."));
    }
    let mut found = Vec::new();
    for grants in q.chain {
        let on = write::grants_of(grants, relation, Action::Update);
        if on.is_empty() {
            return Err(hint::lock_not_granted(&relation.name));
        }
        // Which columns it may change does not matter, and neither does its LIMIT: nothing is changed.
        let mut alternatives = cover::inside(solver, id, relation, &on).ok_or_else(|| target_refusal(solver, q, id, id))?;
        alternatives.iter_mut().for_each(|a| a.limit = None);
        found.push(alternatives);
    }
    Ok(found)
}

/// Several queries of one statement may write one table.
fn add_change(written: &mut Vec<Change>, change: Change) {
    match written.iter_mut().find(|c| c.table.oid == change.table.oid) {
        None => written.push(change),
        Some(known) => {
            known.table.insert |= change.table.insert;
            known.table.update |= change.table.update;
            known.table.delete |= change.table.delete;
            known.table.limit = known.table.limit.into_iter().chain(change.table.limit).min();
            known.obligations.extend(change.obligations);
            known.rows += change.rows;
        }
    }
}

fn target_refusal(solver: &Solver<'_, '_>, q: &Question<'_>, id: SourceId, target: SourceId) -> Deny {
    let Kind::Relation { relid, .. } = &solver.shape.sources[target].kind else { return hint::outside_the_grants() };
    let Some(relation) = q.catalogue.relation(*relid) else { return hint::outside_the_grants() };
    let first = q.chain.iter().flat_map(|g| cover::grants_on(g, relation)).find(|g| !g.predicate.is_empty());
    match first {
        Some(grant) => hint::predicate_not_implied(relation, solver.shape.sources[id].name, grant),
        None => hint::not_granted(&relation.name),
    }
}

fn proven(relation: &Relation) -> ProvenRelation {
    ProvenRelation { oid: relation.oid, name: relation.name.clone() }
}

/// One relation where it stands.
struct Occurrence<'q> {
    id: SourceId,
    relation: &'q Relation,
    rule: &'q TableRule,
    selected: &'q crate::reading::tree::ColumnSet,
    at: Option<u32>,
}

/// A statement over our catalogue views reads nothing else: the two worlds are never joined.
fn reads_catalogue_only(shape: &Shape<'_>) -> Result<bool, Deny> {
    let mut ours = 0;
    let mut others = 0;
    for source in &shape.sources {
        if let Kind::Relation { relid, .. } = &source.kind {
            match shape.catalogue.relation(*relid) {
                Some(r) if views::is_filtered_schema(&r.name.schema) => ours += 1,
                Some(_) | None => others += 1,
            }
        }
    }
    if ours > 0 && others > 0 {
        return Err(Deny::new(Reason::StatementNotAllowed, "catalogue views and tables cannot be read in one statement")
            .hint("Ask the catalogue in a statement of its own."));
    }
    Ok(ours > 0 || (others == 0 && introspect::asks_about_objects(shape)))
}

fn is_system(relation: &Relation) -> bool {
    relation.name.schema.starts_with("pg_") || relation.name.schema == "information_schema"
}

/// What the local reading saw by name is what Postgres resolved; otherwise somebody is being fooled.
pub(super) fn check_name(q: &Question<'_>, relation: &Relation) -> Result<(), Deny> {
    if q.named.contains(&relation.name.name) {
        return Ok(());
    }
    let message = "the statement names its tables in a way that is read differently by Postgres";
    Err(Deny::new(Reason::ReadingMismatch, message).hint("Spell table names plainly."))
}

fn relations<'q>(q: &Question<'q>, shape: &Shape<'q>, introspection: bool) -> Result<Vec<Occurrence<'q>>, Deny> {
    let mut found = Vec::new();
    for (id, source) in shape.sources.iter().enumerate() {
        let Kind::Relation { relid, permissions, location } = &source.kind else { continue };
        // Proven by its own rules.
        if shape.write_of(id).is_some() {
            continue;
        }
        let relation = q.catalogue.relation(*relid).ok_or_else(|| {
            Deny::new(Reason::CatalogueChanged, "the statement reads a relation that the catalogue does not know yet")
        })?;
        if introspection {
            const NOTHING: &TableRule = &EMPTY_RULE;
            found.push(Occurrence { id, relation, rule: NOTHING, selected: &permissions.selected, at: *location });
            continue;
        }
        if is_system(relation) {
            return Err(Deny::new(Reason::RelationNotGranted, "system catalogues are not granted")
                .hint("SHOW pgwarrant.scope lists the tables and columns that this token may read.")
                .at(*location));
        }
        check_name(q, relation)?;
        let granted = q.chain.iter().all(|grants| !cover::grants_on(grants, relation).is_empty());
        if !granted || q.chain.is_empty() {
            return Err(hint::not_granted(&relation.name).at(*location));
        }
        kind_is_readable(relation).map_err(|d| d.at(*location))?;
        let rule = q.rules.relation(&relation.name).ok_or_else(|| hint::no_rule(&relation.name).at(*location))?;
        // A rule of a table says nothing of a view that took its name.
        if rule.is_view != (relation.kind == b'v') {
            return Err(hint::no_rule(&relation.name).at(*location));
        }
        found.push(Occurrence { id, relation, rule, selected: &permissions.selected, at: *location });
    }
    Ok(found)
}

static EMPTY_RULE: TableRule = TableRule {
    bounded_by: Vec::new(),
    unbounded: true,
    hidden: BTreeSet::new(),
    max_rows: None,
    max_in_list: None,
    max_range: std::collections::BTreeMap::new(),
    tenant_column: None,
    is_view: true,
    source: crate::rules::ruleset::Source { file: String::new(), line: 0, column: 0 },
};

pub(super) fn kind_is_readable(relation: &Relation) -> Result<(), Deny> {
    let why = match relation.kind {
        b'r' | b'p' if relation.is_partition => "a partition can only be read through its parent",
        b'r' | b'p' if relation.persistence == b't' => "temporary tables cannot be read",
        b'r' | b'p' | b'v' => return Ok(()),
        b'm' => "materialized views cannot be read",
        b'f' => "foreign tables cannot be read",
        b'S' => "sequences cannot be read",
        _ => "this kind of relation cannot be read",
    };
    Err(Deny::new(Reason::RelationNotGranted, why).table(&relation.name))
}

/// Everything that must hold for one occurrence, but for what is left to the values.
fn occurrence(
    q: &Question<'_>,
    solver: &Solver<'_, '_>,
    o: &Occurrence<'_>,
    conditions: &mut Vec<Condition>,
) -> Result<Vec<Vec<Alternative>>, Deny> {
    let read = cover::columns_read(o.relation, o.selected)?;
    cover::check_hidden(o.relation, o.rule, &read, o.selected.contains(&0)).map_err(|d| d.at(o.at))?;
    let mut found = Vec::new();
    for grants in q.chain {
        let on = cover::grants_on(grants, o.relation);
        found.push(cover::alternatives(solver, o.id, o.relation, &on, &read).map_err(|d| d.at(o.at))?);
    }
    let free = o.rule.unbounded || (o.rule.is_view && o.rule.bounded_by.is_empty());
    let needs_bound = !free;
    if needs_bound {
        match &solver.bounded[o.id] {
            Some(needed) => conditions.extend(needed.iter().cloned()),
            None => {
                let why = solver.shortfall(o.id, o.relation, o.rule);
                let alias = solver.shape.sources[o.id].name;
                return Err(hint::unbounded(o.relation, alias, o.rule, why, o.at));
            }
        }
    }
    Ok(found)
}

fn refusal(solver: &Solver<'_, '_>, q: &Question<'_>, o: &Occurrence<'_>) -> Deny {
    let alias = solver.shape.sources[o.id].name;
    let first = q.chain.iter().flat_map(|g| cover::grants_on(g, o.relation)).find(|g| !g.predicate.is_empty());
    match first {
        Some(grant) => hint::predicate_not_implied(o.relation, alias, grant).at(o.at),
        None => hint::not_granted(&o.relation.name).at(o.at),
    }
}

/// User functions that rules allow need a grant in every block.
fn execute_grants(q: &Question<'_>, functions: &BTreeSet<u32>) -> Result<(), Deny> {
    for oid in functions {
        let Some(f) = q.catalogue.functions.get(oid) else { continue };
        let granted = |grants: &&[Grant]| {
            grants.iter().any(|g| match g {
                Grant::Execute(s) => s.function == f.name && s.arguments == f.arguments,
                Grant::Relation(_) => false,
            })
        };
        if !q.chain.iter().all(granted) {
            return Err(hint::execute_not_granted(&format!("{}.{}({})", f.name.schema, f.name.name, f.arguments.join(", "))));
        }
    }
    Ok(())
}

/// A volatile function can write, and where the statement writes no read-only transaction stops it. Others cannot:
/// Postgres runs what they do read-only (`SPI_execute`'s `read_only`).
fn only_reading_functions(q: &Question<'_>, functions: &BTreeSet<u32>) -> Result<(), Deny> {
    let volatile =
        functions.iter().filter_map(|oid| q.catalogue.functions.get(oid)).find(|f| f.volatility == Volatility::Volatile);
    match volatile {
        None => Ok(()),
        Some(f) => Err(Deny::new(
            Reason::FunctionNotAllowed,
            format!(
                "{}.{}() is volatile and could write by itself, so it is not called by a statement that writes",
                f.name.schema, f.name.name
            ),
        )
        .hint("Call it in a SELECT of its own and send what it gave as a parameter.")),
    }
}

/// Drivers follow types to their parts: each step of the recursion looks rows of the catalogue up by the step before.
fn follows_catalogue(cte: &CommonTableExpr) -> bool {
    let Some(SetOpNode::Ref(index)) = cte.query.set_operations.as_ref().map(|op| &op.right) else { return false };
    let arm = (*index as usize).checked_sub(1).and_then(|i| cte.query.range_table.get(i));
    let Some(RteKind::Subquery { query: arm, .. }) = arm.map(|entry| &entry.kind) else { return false };
    let reads = arm.range_table.iter().any(|e| matches!(e.kind, RteKind::Relation { .. } | RteKind::Subquery { .. }));
    reads
        && arm
            .join_tree
            .as_ref()
            .is_some_and(|from| from.quals.is_some() || from.from.iter().any(|n| matches!(n, JoinNode::Join(_))))
}

/// Every recursion needs a counter with a constant end. Every query of the statement is a level, wherever it stands.
fn recursion(shape: &Shape<'_>, introspection: bool) -> Result<(), Deny> {
    let unending =
        |cte: &&CommonTableExpr| cte.recursive && functions::steps(cte).is_none() && !(introspection && follows_catalogue(cte));
    match shape.levels.iter().flat_map(|level| &level.query.ctes).find(unending) {
        None => Ok(()),
        Some(_) => Err(Deny::new(Reason::CostBomb, "a recursive query needs a counter that ends at a constant")
            .hint("Add a column that starts at a number and grows by 1, and WHERE n < 100 in the recursive part.")),
    }
}

fn require_series(shape: &Shape<'_>, conditions: &mut Vec<Condition>) {
    for source in &shape.sources {
        if let Kind::Series(s) = &source.kind {
            conditions.push(Condition::Required(Requirement::ShortSeries(s.clone())));
        }
    }
    for arrays in &shape.zipped {
        conditions.push(Condition::Required(Requirement::EquallyLong(arrays.clone())));
    }
}

/// What is known already is judged now, and what can never hold is refused now.
fn static_conditions(conditions: &mut Vec<Condition>) -> Result<(), Deny> {
    let now = crate::shape::constant::Moment { values: &[], now: 0 };
    let mut failed = None;
    conditions.retain(|c| {
        if !super::permit::is_static(c) {
            return true;
        }
        if !c.evaluate(&now) {
            failed.get_or_insert_with(|| super::permit::explain(c));
        }
        false
    });
    failed.map_or(Ok(()), Err)
}

/// A relation's name in a chain's grants, for `SHOW pgwarrant.scope`.
pub fn granted_relations(chain: &[&[Grant]]) -> Vec<QualifiedName> {
    let names = |grants: &[Grant]| -> BTreeSet<QualifiedName> {
        grants
            .iter()
            .filter_map(|g| match g {
                Grant::Relation(r) => Some(r.relation.clone()),
                Grant::Execute(_) => None,
            })
            .collect()
    };
    let mut all: Option<BTreeSet<QualifiedName>> = None;
    for grants in chain {
        let these = names(grants);
        all = Some(match all {
            None => these,
            Some(before) => before.intersection(&these).cloned().collect(),
        });
    }
    all.unwrap_or_default().into_iter().collect()
}
