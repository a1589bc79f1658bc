//! A proof in words, occurrence by occurrence, for `pgwarrant explain`.

use super::cover;
use super::prove::Question;
use super::solve::Solver;
use crate::shape::build;
use crate::shape::model::{Kind, SourceId};
use crate::token::grant::{Action, Grant};
use std::fmt::Write as _;

/// One paragraph for each relation that the statement reads, with what is shown of it and what is missing.
pub fn narrate(q: &Question<'_>) -> Vec<String> {
    let shape = match build::build(&q.trees.analysed, q.catalogue) {
        Ok(shape) => shape,
        Err(deny) => return vec![format!("the statement has a part that is not admitted: {}", deny.message)],
    };
    let solver = Solver::solve(&shape, q.rules);
    (0..shape.sources.len()).filter_map(|id| occurrence(q, &solver, id)).collect()
}

fn occurrence(q: &Question<'_>, solver: &Solver<'_, '_>, id: SourceId) -> Option<String> {
    let source = &solver.shape.sources[id];
    let Kind::Relation { relid, permissions, .. } = &source.kind else { return None };
    let Some(relation) = q.catalogue.relation(*relid) else {
        return Some(format!("{}: a relation that the catalogue does not know", source.name));
    };
    let mut out = format!("{}.{} AS {}", relation.name.schema, relation.name.name, source.name);
    let columns = match cover::columns_read(relation, &permissions.selected) {
        Ok(read) => {
            let names: Vec<&str> = read.iter().filter_map(|n| relation.column(*n)).map(|c| &*c.name).collect();
            let _ = write!(out, "\n  reads      {}", if names.is_empty() { "no column".to_owned() } else { names.join(", ") });
            read
        }
        Err(deny) => {
            let _ = write!(out, "\n  reads      REFUSED: {}", deny.message);
            return Some(out);
        }
    };
    let Some(rule) = q.rules.relation(&relation.name) else {
        out.push_str("\n  rule       MISSING: no rule file covers it");
        return Some(out);
    };
    if let Err(deny) = cover::check_hidden(relation, rule, &columns, permissions.selected.contains(&0)) {
        let _ = write!(out, "\n  hidden     REFUSED: {}", deny.message);
    }
    let unbounded = rule.unbounded || (rule.is_view && rule.bounded_by.is_empty());
    let bound = match &solver.bounded[id] {
        Some(conditions) if conditions.is_empty() => "yes".to_owned(),
        Some(conditions) => format!("yes, if {} condition(s) on the values hold", conditions.len()),
        None if unbounded => "not needed".to_owned(),
        None => format!("MISSING: pin one of {}", rule.bounded_by.iter().map(|s| s.join("+")).collect::<Vec<_>>().join(", ")),
    };
    let _ = write!(out, "\n  bounded    {bound}");
    for (block, grants) in q.chain.iter().enumerate() {
        let on = cover::grants_on(grants, relation);
        match cover::alternatives(solver, id, relation, &on, &columns) {
            Ok(found) => {
                let chosen = grant_text(grants, relation, &found[0]);
                let _ = write!(out, "\n  block {block}    covered by {chosen}");
                if !found[0].conditions.is_empty() {
                    let _ = write!(out, "\n             if {} value(s) at Bind are inside its WHERE", found[0].conditions.len());
                }
            }
            Err(deny) => {
                let _ = write!(out, "\n  block {block}    MISSING: {}", deny.message);
                if let Some(hint) = deny.hint {
                    let _ = write!(out, "\n             {hint}");
                }
            }
        }
    }
    Some(out)
}

fn grant_text(grants: &[Grant], relation: &crate::catalogue::snapshot::Relation, chosen: &cover::Alternative) -> String {
    grants
        .iter()
        .find_map(|g| match g {
            Grant::Relation(r)
                if r.action == Action::Select
                    && r.relation == relation.name
                    && r.limit == chosen.limit
                    && r.predicate.is_empty() != chosen.guarded =>
            {
                Some(g.to_string())
            }
            Grant::Relation(_) | Grant::Execute(_) => None,
        })
        .unwrap_or_default()
}
