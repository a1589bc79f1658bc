//! The tenants that a chain of grants can concern, for the row security that `pgwarrant rules sql` writes.
//!
//! A second wall behind the proof: what it lets through may be more than a statement is proven for, never less.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::rules::ruleset::Ruleset;
use crate::token::VerifiedBlock;
use crate::token::grant::{Condition, Grant, Literal, RelationGrant, Test};

#[derive(Debug, PartialEq, Eq)]
enum Tenants {
    All,
    Some(BTreeSet<String>),
}

/// The value of `pgwarrant.tenant`; `None` where no rule names a tenant column.
pub fn setting(chain: &[VerifiedBlock], rules: &Ruleset) -> Option<Arc<str>> {
    rules.relations.values().any(|rule| rule.tenant_column.is_some()).then_some(())?;
    let all = chain.iter().map(|block| of_block(&block.grants, rules)).fold(Tenants::All, Tenants::and);
    Some(match all {
        Tenants::All => "*".into(),
        Tenants::Some(tenants) => tenants.into_iter().collect::<Vec<_>>().join(",").into(),
    })
}

fn of_block(grants: &[Grant], rules: &Ruleset) -> Tenants {
    let mut all = BTreeSet::new();
    for grant in grants {
        let Grant::Relation(grant) = grant else { continue };
        match of_grant(grant, rules) {
            Tenants::All => return Tenants::All,
            Tenants::Some(tenants) => all.extend(tenants),
        }
    }
    Tenants::Some(all)
}

fn of_grant(grant: &RelationGrant, rules: &Ruleset) -> Tenants {
    let Some(rule) = rules.relations.get(&grant.relation) else { return Tenants::Some(BTreeSet::new()) };
    if rule.is_view {
        // What is below it cannot be told from here.
        return Tenants::All;
    }
    // A table that has no tenants has no row security of ours.
    let Some(column) = &rule.tenant_column else { return Tenants::Some(BTreeSet::new()) };
    let tests = grant.predicate.iter().filter(|condition| condition.column == *column);
    tests.map(of_condition).fold(Tenants::All, Tenants::and)
}

fn of_condition(condition: &Condition) -> Tenants {
    match &condition.test {
        Test::Equals(literal) => Tenants::Some(spelt(literal).into_iter().collect()),
        Test::In(literals) => Tenants::Some(literals.iter().filter_map(spelt).collect()),
        Test::Between(..) | Test::Compare(..) => Tenants::All,
    }
}

/// As the setting lists it. A comma would make two of one, and `*` all; rows of such tenants are not shown.
fn spelt(literal: &Literal) -> Option<String> {
    let text = match literal {
        Literal::Integer(number) => number.to_string(),
        Literal::Text(text) => text.clone(),
        Literal::Boolean(truth) => truth.to_string(),
    };
    (!text.contains(',') && text != "*").then_some(text)
}

impl Tenants {
    fn and(self, other: Tenants) -> Tenants {
        match (self, other) {
            (Tenants::All, other) => other,
            (some, Tenants::All) => some,
            (Tenants::Some(one), Tenants::Some(other)) => Tenants::Some(one.intersection(&other).cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ruleset::TableRule;
    use crate::token::grant::QualifiedName;

    fn rules() -> Ruleset {
        let name = |name: &str| QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
        let tenant = |column: &str| TableRule { tenant_column: Some(column.to_owned()), ..TableRule::default() };
        let view = TableRule { is_view: true, ..TableRule::default() };
        let relations = [
            (name("customers"), tenant("tenant_id")),
            (name("notes"), tenant("owner")),
            (name("products"), TableRule::default()),
            (name("summary"), view),
        ];
        Ruleset { relations: relations.into(), ..Ruleset::default() }
    }

    fn pinned(chain: &[&[&str]]) -> String {
        let block = |grants: &&[&str]| VerifiedBlock {
            id: [0; 32],
            subject_name: String::new(),
            grants: grants.iter().map(|text| text.parse().expect("a grant")).collect(),
            not_before: 0,
            expires: 0,
            depth_left: 0,
            statement_budget: None,
            row_budget: None,
        };
        let chain: Vec<VerifiedBlock> = chain.iter().map(block).collect();
        setting(&chain, &rules()).expect("there are tenant columns").to_string()
    }

    #[test]
    fn the_tenants_are_those_of_every_block_of_the_chain() {
        const SEVEN: &str = "SELECT (id) ON public.customers WHERE tenant_id = 7";
        const SOME: &str = "UPDATE (name) ON public.customers WHERE tenant_id IN (7, 9) AND id < 5";
        assert_eq!(pinned(&[&[SEVEN]]), "7");
        assert_eq!(pinned(&[&[SEVEN, SOME]]), "7,9");
        assert_eq!(pinned(&[&[SOME], &[SEVEN]]), "7");
        assert_eq!(pinned(&[&["SELECT (id) ON public.customers"], &[SEVEN]]), "7");
        assert_eq!(pinned(&[&["SELECT (id) ON public.customers"]]), "*");
        assert_eq!(pinned(&[&["SELECT (id) ON public.customers WHERE tenant_id > 5"]]), "*");
        assert_eq!(pinned(&[&["SELECT (id) ON public.customers WHERE tenant_id = 8"], &[SEVEN]]), "");
        assert_eq!(pinned(&[&[SEVEN, "SELECT (id) ON public.notes WHERE owner = 'acme'"]]), "7,acme");
        assert_eq!(pinned(&[&[SEVEN, "SELECT (id) ON public.products", "SELECT (id) ON public.unknown"]]), "7");
        assert_eq!(pinned(&[&[SEVEN, "SELECT (id) ON public.summary"]]), "*");
    }

    #[test]
    fn a_value_that_the_setting_cannot_list_is_left_out() {
        assert_eq!(pinned(&[&["SELECT (id) ON public.notes WHERE owner IN ('a,b', '*', 'c')"]]), "c");
    }

    #[test]
    fn without_tenant_columns_nothing_is_pinned() {
        assert_eq!(setting(&[], &Ruleset::default()), None);
    }
}
