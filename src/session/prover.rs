//! The one place where the session asks for a proof.
//!
//! STAND-IN until `decision::prove` is there: it denies everything but one fixed statement.

use std::sync::Arc;

use super::identity::Identity;
use super::settings::Meaning;
use super::world::World;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::Trees;
use crate::token::grant::QualifiedName;
use crate::wire::Oid;

/// A bound value, as the protocol carries it.
#[derive(Debug, Clone, Copy)]
pub enum BoundValue<'a> {
    Null,
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

/// What is to be proven.
pub struct Question<'a> {
    pub trees: &'a Trees,
    pub world: &'a World,
    pub identity: &'a Identity,
    pub parameter_types: &'a [Oid],
    pub meaning: &'a Meaning,
    pub text: &'a str,
}

#[derive(Debug)]
pub struct Proof(());

#[derive(Debug)]
pub struct Permit {
    pub row_limit: Option<u64>,
    pub relations: Arc<[(Oid, QualifiedName)]>,
}

/// What the local reading's names must be for the text to go to the database at all.
pub fn admit(names: &crate::statement::names::Names, world: &World, identity: &Identity) -> Result<(), Deny> {
    let _ = (names, world, identity);
    Ok(())
}

pub fn prove(question: &Question<'_>) -> Result<Proof, Deny> {
    let _ = (question.trees, question.world, question.identity, question.parameter_types, question.meaning);
    if question.text.starts_with("SELECT 1") || question.text.starts_with("SELECT $1") {
        return Ok(Proof(()));
    }
    Err(Deny::new(Reason::StatementNotAllowed, "no proof can be made yet"))
}

impl Proof {
    pub fn check(&self, values: &[BoundValue<'_>]) -> Result<Permit, Deny> {
        let _ = values;
        Ok(Permit { row_limit: Some(100), relations: Arc::new([]) })
    }
}

/// The types of the template's literals, if each stands as one constant in the tree.
pub fn literal_types(trees: &Trees, template: &crate::statement::scan::Template) -> Option<Vec<Oid>> {
    let _ = (trees, template);
    None
}

/// Whether the template's trees are the original's with a parameter in place of each literal.
pub fn same_but_parameters(
    original: &Trees,
    templated: &Trees,
    client_parameters: usize,
    template: &crate::statement::scan::Template,
) -> bool {
    let _ = (original, templated, client_parameters, template);
    false
}
