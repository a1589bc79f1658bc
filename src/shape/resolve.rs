//! Names looked through joins and groups to what they stand for.

use super::model::{Column, LevelId, Shape};
use crate::reading::tree::{Expr, RteKind, Var};

/// What a column name stands for, once joins and groups are looked through.
pub(super) enum Resolved<'t> {
    Column(Column),
    /// An expression of the given level (a merged column, a grouping expression).
    Expr(LevelId, &'t Expr),
    Nothing,
}

impl<'t> Shape<'t> {
    /// The column that a name stands for, if it is one of a source.
    pub fn resolve_column(&self, level: LevelId, var: &Var) -> Option<Column> {
        match self.resolve(level, var) {
            Resolved::Column(c) => Some(c),
            Resolved::Expr(..) | Resolved::Nothing => None,
        }
    }

    pub(super) fn resolve(&self, level: LevelId, var: &Var) -> Resolved<'t> {
        let mut at = level;
        for _ in 0..var.levels_up {
            match self.levels[at].parent {
                Some(p) => at = p,
                None => return Resolved::Nothing,
            }
        }
        let Some(index) = (var.rel as usize).checked_sub(1) else { return Resolved::Nothing };
        let Some(entry) = self.levels[at].query.range_table.get(index) else { return Resolved::Nothing };
        let nth = |list: &'t [Expr]| {
            usize::try_from(var.column).ok().and_then(|n| n.checked_sub(1)).and_then(|n| list.get(n)).map_or(
                Resolved::Nothing,
                |e| match e {
                    Expr::Var(inner) => self.resolve(at, inner),
                    other => Resolved::Expr(at, other),
                },
            )
        };
        match &entry.kind {
            RteKind::Join { alias_vars, .. } => nth(alias_vars),
            RteKind::Group { expressions } => nth(expressions),
            _ => match self.levels[at].bindings.get(index).copied().flatten() {
                Some(source) => Resolved::Column(Column { source, number: var.column }),
                None => Resolved::Nothing,
            },
        }
    }
}
