//! The one place where the session asks for a proof.

use super::identity::Identity;
use super::world::World;
use crate::catalogue::visible::Visible;
use crate::decision::deny::Deny;
pub use crate::decision::{BoundValue, Permit, Proof};
use crate::decision::{Question, before_reading, prove as prove_question};
use crate::reading::template::{self, LiteralSite};
use crate::reading::tree::Trees;
use crate::statement::names::Names;
use crate::statement::scan::{Template, TemplateLiteral};
use crate::token::grant::Grant;
use crate::wire::Oid;

pub fn prove(trees: &Trees, world: &World, identity: &Identity, named: &[String]) -> Result<Proof, Deny> {
    let chain: Vec<&[Grant]> = identity.verified.chain.iter().map(|block| block.grants.as_slice()).collect();
    prove_question(&Question { trees, catalogue: &world.catalogue, rules: &world.rules, chain: &chain, named })
}

/// What the filtered catalogue shows this session, as the setting that its views read.
pub fn visible(world: &World, identity: &Identity) -> String {
    let chain: Vec<&[Grant]> = identity.verified.chain.iter().map(|block| block.grants.as_slice()).collect();
    Visible::new(&world.catalogue, &world.rules, &chain).setting()
}

/// The relations' names as the local reading found them, once its words alone give no reason to refuse.
pub fn named(names: &Names, world: &World, identity: &Identity) -> Result<Vec<String>, Deny> {
    let chain: Vec<&[Grant]> = identity.verified.chain.iter().map(|block| block.grants.as_slice()).collect();
    before_reading(names, &world.catalogue, &world.rules, &chain)?;
    Ok(names.relations.iter().chain(&names.cte_references).map(|relation| relation.name.clone()).collect())
}

/// The types of the template's literals, if each stands as one constant in the tree.
pub fn literal_types(trees: &Trees, template: &Template) -> Option<Vec<Oid>> {
    template::literal_types(trees, &sites(template))
}

/// Whether the template's trees are the original's with a parameter in place of each literal.
pub fn same_but_parameters(original: &Trees, templated: &Trees, client_parameters: usize, template: &Template) -> bool {
    let first = u32::try_from(client_parameters).unwrap_or(u32::MAX).saturating_add(1);
    template::same_but_parameters(original, templated, first, &sites(template))
}

fn sites(template: &Template) -> Vec<LiteralSite> {
    let site = |literal: &TemplateLiteral| LiteralSite {
        position: literal.site.position,
        length: literal.site.length,
        template_position: literal.site.template_position,
        template_length: literal.site.template_length,
    };
    template.literals.iter().map(site).collect()
}
