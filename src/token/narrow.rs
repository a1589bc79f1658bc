//! Whether a block allows no more than its parent.

use super::block::Block;
use super::error::Widening;
use super::grant::{Grant, explain};

/// The grants are the effective ones: `"parent"` is already resolved.
pub(super) fn check(parent: &Block, parents: &[Grant], child: &Block, children: &[Grant]) -> Result<(), Widening> {
    if child.audience != parent.audience {
        return Err(Widening::Audience);
    }
    if child.not_before < parent.not_before {
        return Err(Widening::NotBefore);
    }
    if child.expires > parent.expires {
        return Err(Widening::Expiry);
    }
    if child.depth_left >= parent.depth_left {
        return Err(Widening::Depth);
    }
    if !within(child.statement_budget, parent.statement_budget) {
        return Err(Widening::StatementBudget);
    }
    if !within(child.row_budget, parent.row_budget) {
        return Err(Widening::RowBudget);
    }
    if parent.certificate.is_some() && child.certificate != parent.certificate {
        return Err(Widening::Certificate);
    }
    for (index, grant) in children.iter().enumerate() {
        explain(grant, parents).map_err(|why| Widening::Grant { index, why })?;
    }
    Ok(())
}

/// `None` is unlimited.
fn within(child: Option<u64>, parent: Option<u64>) -> bool {
    match (child, parent) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(child), Some(parent)) => child <= parent,
    }
}
