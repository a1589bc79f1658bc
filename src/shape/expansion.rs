//! The rewritten tree of a statement that writes: defaults filled in, policies added. What the rewriter did is followed
//! step by step; a rule that made another statement of it is refused.

use super::rewritten::Expansion;
use super::visit;
use super::write::value_of;
use crate::catalogue::snapshot::Relation;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{Command, Expr, Oid, Query, RteKind, TargetEntry};
use std::collections::HashMap;

/// `nextval(regclass)`.
const NEXTVAL: Oid = 1574;

/// The rewritten form of each writing query of the analysed tree, by the address of the query.
pub type Pairs<'t> = HashMap<*const Query, &'t Query>;

impl Expansion<'_> {
    /// Judges what the rewriter made of the statement, and pairs its writing queries.
    pub fn statement<'t>(&self, analysed: &Query, rewritten: &'t Query) -> Result<Pairs<'t>, Deny> {
        let mut pairs = Pairs::new();
        if analysed.ctes.len() != rewritten.ctes.len() {
            return Err(another());
        }
        for (a, r) in analysed.ctes.iter().zip(&rewritten.ctes) {
            if a.name != r.name || a.query.is_write() != r.query.is_write() {
                return Err(another());
            }
            match a.query.is_write() {
                true => self.write(&a.query, &r.query, &mut pairs)?,
                false => self.check(&r.query)?,
            }
        }
        match analysed.is_write() {
            true => self.one_write(analysed, rewritten, &mut pairs)?,
            false if rewritten.command != Command::Select => return Err(another()),
            false => self.body(rewritten, 0)?,
        }
        Ok(pairs)
    }

    fn write<'t>(&self, analysed: &Query, rewritten: &'t Query, pairs: &mut Pairs<'t>) -> Result<(), Deny> {
        if analysed.ctes.len() != rewritten.ctes.len() || rewritten.has_modifying_cte {
            return Err(another());
        }
        for cte in &rewritten.ctes {
            self.check(&cte.query)?;
        }
        self.one_write(analysed, rewritten, pairs)
    }

    fn one_write<'t>(&self, analysed: &Query, rewritten: &'t Query, pairs: &mut Pairs<'t>) -> Result<(), Deny> {
        let same = analysed.command == rewritten.command
            && analysed.result_relation == rewritten.result_relation
            && target_of(analysed).is_some()
            && target_of(analysed) == target_of(rewritten)
            && analysed.merge_actions.len() == rewritten.merge_actions.len()
            && analysed.on_conflict.is_some() == rewritten.on_conflict.is_some();
        let relation = target_of(analysed).and_then(|oid| self.catalogue.relation(oid));
        let (true, Some(relation)) = (same, relation) else { return Err(another()) };
        if relation.name.schema.is_empty() || rewritten.is_utility || rewritten.is_return {
            return Err(another());
        }
        self.body(rewritten, rewritten.result_relation)?;
        self.values(relation, analysed, rewritten)?;
        self.assignments(relation, analysed, &analysed.target_list, &rewritten.target_list)?;
        if let (Some(a), Some(r)) = (&analysed.on_conflict, &rewritten.on_conflict) {
            if a.action != r.action || a.arbiter_elements != r.arbiter_elements || a.constraint != r.constraint {
                return Err(another());
            }
            self.assignments(relation, analysed, &a.set, &r.set)?;
            r.where_.iter().try_for_each(|e| self.expr(e, false))?;
        }
        for (a, r) in analysed.merge_actions.iter().zip(&rewritten.merge_actions) {
            if a.match_kind != r.match_kind || a.command != r.command {
                return Err(another());
            }
            self.assignments(relation, analysed, &a.target_list, &r.target_list)?;
            r.qual.iter().try_for_each(|e| self.expr(e, false))?;
        }
        rewritten.merge_join_condition.iter().try_for_each(|e| self.expr(e, false))?;
        for check in &rewritten.with_check_options {
            check.qual.iter().try_for_each(|e| self.expr(e, true))?;
        }
        pairs.insert(std::ptr::from_ref(analysed), rewritten);
        Ok(())
    }

    /// Rows of VALUES: DEFAULT in an INSERT's own stands for the default of the column that it goes to.
    fn values(&self, relation: &Relation, analysed: &Query, rewritten: &Query) -> Result<(), Deny> {
        for (i, (a, r)) in analysed.range_table.iter().zip(&rewritten.range_table).enumerate() {
            let RteKind::Values { rows: written, .. } = &r.kind else { continue };
            let RteKind::Values { rows: said, .. } = &a.kind else { return Err(another()) };
            if said.len() != written.len() {
                return Err(another());
            }
            for (said, written) in said.iter().zip(written) {
                for (j, (said, written)) in said.iter().zip(written).enumerate() {
                    if !matches!(said, Expr::SetToDefault { .. }) {
                        self.expr(written, false)?;
                        continue;
                    }
                    let goes_to = |t: &&TargetEntry| match value_of(&t.expr) {
                        Expr::Var(v) => v.rel as usize == i + 1 && usize::try_from(v.column).is_ok_and(|c| c == j + 1),
                        _ => false,
                    };
                    let target = analysed.target_list.iter().find(goes_to).ok_or_else(another)?;
                    self.default(relation, target.res_no, written)?;
                }
            }
        }
        Ok(())
    }

    /// What the statement assigns stands unchanged; the rest are defaults.
    fn assignments(
        &self,
        relation: &Relation,
        query: &Query,
        analysed: &[TargetEntry],
        rewritten: &[TargetEntry],
    ) -> Result<(), Deny> {
        for r in rewritten {
            let said = analysed.iter().find(|a| a.res_no == r.res_no).map(|a| &a.expr);
            match said {
                Some(Expr::SetToDefault { .. }) | None => self.default(relation, r.res_no, &r.expr)?,
                // A view inside a subquery is expanded.
                Some(said) if *said == r.expr || visit::any(said, &mut |e| matches!(e, Expr::SubLink { .. })) => {
                    self.expr(&r.expr, false)?;
                }
                Some(said) if is_default_column(query, said) => self.default(relation, r.res_no, &r.expr)?,
                Some(_) => return Err(another()),
            }
        }
        let kept = |a: &TargetEntry| rewritten.iter().any(|r| r.res_no == a.res_no);
        // A default of NULL is left out.
        let plain = |a: &&TargetEntry| !matches!(a.expr, Expr::SetToDefault { .. }) && !is_default_column(query, &a.expr);
        if analysed.iter().filter(plain).all(kept) { Ok(()) } else { Err(another()) }
    }

    /// A column's default: vetted code, or the next number of the sequence that this very column owns.
    fn default(&self, relation: &Relation, number: i32, expr: &Expr) -> Result<(), Deny> {
        let column = i16::try_from(number).ok().and_then(|n| relation.column(n)).ok_or_else(another)?;
        let mut result = Ok(());
        visit::walk(expr, &mut |e| {
            if result.is_err() {
                return;
            }
            result = match e {
                Expr::NextValue { sequence, .. } => self.owned(relation, column.number, *sequence),
                Expr::Func { func: NEXTVAL, args, .. } => match args.as_slice() {
                    [Expr::Const(c)] => self.owned(relation, column.number, oid_of(c.datum.as_deref()).unwrap_or(0)),
                    _ => Err(not_owned(relation, &column.name)),
                },
                Expr::CoerceToDomain { result_type, .. } => match self.catalogue.closure_is_built_in(*result_type) {
                    Ok(()) => Ok(()),
                    Err((_, name)) => Err(default_runs(relation, &column.name, &format!("the checks of {name}"))),
                },
                Expr::SubLink { .. } | Expr::Var(_) | Expr::Param { .. } => Err(default_runs(relation, &column.name, "a query")),
                other => self.one(other, false).map_err(|deny| default_runs(relation, &column.name, &what(&deny))),
            };
        });
        result
    }

    fn owned(&self, relation: &Relation, column: i16, sequence: Oid) -> Result<(), Deny> {
        match relation.write.sequences.contains(&(column, sequence)) {
            true => Ok(()),
            false => Err(not_owned(relation, relation.column(column).map_or("", |c| &c.name))),
        }
    }
}

/// A column of VALUES in which nothing but DEFAULT stands: the rewriter puts the default itself into the target list.
fn is_default_column(query: &Query, said: &Expr) -> bool {
    let Expr::Var(v) = value_of(said) else { return false };
    let entry = (v.rel as usize).checked_sub(1).and_then(|i| query.range_table.get(i));
    let index = usize::try_from(v.column).ok().and_then(|n| n.checked_sub(1));
    match (entry.map(|e| &e.kind), index) {
        (Some(RteKind::Values { rows, .. }), Some(index)) if v.levels_up == 0 => {
            rows.iter().all(|row| matches!(row.get(index), Some(Expr::SetToDefault { .. })))
        }
        _ => false,
    }
}

fn what(deny: &Deny) -> String {
    deny.message
        .trim_start_matches("a view or policy behind this statement runs ")
        .trim_end_matches(", which is not allowed")
        .to_owned()
}

fn oid_of(datum: Option<&[u8]>) -> Option<Oid> {
    Oid::try_from(u64::from_le_bytes(datum?.try_into().ok()?)).ok()
}

fn target_of(query: &Query) -> Option<Oid> {
    match &query.range_table.get((query.result_relation as usize).checked_sub(1)?)?.kind {
        RteKind::Relation { relid, .. } => Some(*relid),
        _ => None,
    }
}

fn another() -> Deny {
    Deny::new(Reason::ImpliedCode, "a rule on a table makes another statement of this one, which is not allowed")
        .hint("Write another table, or ask the DBA to replace the rule.")
}

fn not_owned(relation: &Relation, column: &str) -> Deny {
    Deny::new(
        Reason::ImpliedCode,
        format!("the default of {}.{column} advances a sequence that the column does not own", relation.name.name),
    )
    .table(&relation.name)
    .column(column)
    .hint(format!("Give {column} a value, or ask the DBA for ALTER SEQUENCE … OWNED BY."))
}

fn default_runs(relation: &Relation, column: &str, what: &str) -> Deny {
    let message = format!("the default of {}.{column} runs {what}, which is not allowed", relation.name.name);
    Deny::new(Reason::ImpliedCode, message)
        .table(&relation.name)
        .column(column)
        .hint(format!("Give {column} a value, or ask the DBA to allow the function in [functions] allow."))
}
