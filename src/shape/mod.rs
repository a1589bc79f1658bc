//! What a statement does: its sources of rows, the facts that hold for each, and what may stand in it.
//!
//! Owns: Postgres's tree → [`model::Shape`]; admission of nodes, functions, operators and types; totality.
//! Never: grants, rules about rows (`decision`), sockets, clocks.

pub mod admit;
pub mod build;
pub mod constant;
mod depends;
mod escape;
pub mod expansion;
mod facts;
pub mod functions;
pub mod introspect;
mod magnitude;
pub mod model;
mod resolve;
pub mod rewritten;
mod sites;
pub mod total;
pub mod value;
pub mod visit;
mod write;

pub use escape::reaches_outside;

/// The expression as a constant, if nothing in it depends on a row.
pub fn constant_of(
    catalogue: &crate::catalogue::snapshot::Catalogue,
    expr: &crate::reading::tree::Expr,
) -> Option<constant::Constant> {
    facts::constant(catalogue, expr)
}

/// What is written, below the checks of its domains, if nothing in it depends on a row.
pub fn written_constant(
    catalogue: &crate::catalogue::snapshot::Catalogue,
    expr: &crate::reading::tree::Expr,
) -> Option<constant::Constant> {
    facts::constant(catalogue, write::value_of(expr))
}

/// Through domains to the base type.
pub fn base_type(catalogue: &crate::catalogue::snapshot::Catalogue, type_oid: u32) -> u32 {
    facts::base_type(catalogue, type_oid)
}
