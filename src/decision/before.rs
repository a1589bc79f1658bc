//! What is refused by its words alone, before the database sees the statement: reading it already costs, and can
//! already run code (`Parse` runs a domain's checks inside a composite literal) or tell what exists (`'x'::regclass`).

use super::deny::Deny;
use super::hint;
use super::reason::Reason;
use crate::catalogue::snapshot::{Catalogue, Type};
use crate::catalogue::views::is_filtered_schema;
use crate::catalogue::visible::Visible;
use crate::rules::ruleset::Ruleset;
use crate::statement::names::{CastName, Names, RelationName};
use crate::statement::words;
use crate::token::grant::{Action, Grant, QualifiedName};

/// Checks the names of a statement against every block's grants and the catalogue's types.
pub fn before_reading(names: &Names, catalogue: &Catalogue, rules: &Ruleset, chain: &[&[Grant]]) -> Result<(), Deny> {
    words::check(names)?;
    if reads_filtered_catalogue(names) {
        return Visible::new(catalogue, rules, chain).check_names(catalogue, names);
    }
    for relation in &names.relations {
        if !chain.iter().all(|grants| is_granted(relation, grants)) {
            return Err(not_granted(relation));
        }
    }
    names.casts.iter().try_for_each(|cast| cast_is_harmless(cast, catalogue))
}

/// Whether the statement reads the filtered catalogue and nothing else.
fn reads_filtered_catalogue(names: &Names) -> bool {
    let ours = |r: &RelationName| r.schema.as_deref().is_some_and(is_filtered_schema);
    let called = names.functions.iter().any(|f| f.schema.as_deref().is_some_and(is_filtered_schema));
    names.relations.iter().all(ours) && (!names.relations.is_empty() || called)
}

fn is_granted(relation: &RelationName, grants: &[Grant]) -> bool {
    grants.iter().any(|g| match g {
        Grant::Relation(r) => {
            r.action == Action::Select
                && r.relation.name == relation.name
                && relation.schema.as_ref().is_none_or(|schema| *schema == r.relation.schema)
        }
        Grant::Execute(_) => false,
    })
}

fn not_granted(relation: &RelationName) -> Deny {
    match &relation.schema {
        Some(schema) => hint::not_granted(&QualifiedName { schema: schema.clone(), name: relation.name.clone() }),
        None => Deny::new(Reason::RelationNotGranted, format!("{} is not granted for reading", relation.name))
            .hint("SHOW pgwarrant.scope lists the tables and columns that this token may read."),
    }
    .at(Some(relation.position))
}

fn cast_is_harmless(cast: &CastName, catalogue: &Catalogue) -> Result<(), Deny> {
    if cast.registered().is_some() {
        return Err(Deny::new(
            Reason::TypeNotAllowed,
            "casts to types that name database objects (regclass and its like) are not allowed",
        )
        .hint("Write the value as text, without the cast.")
        .at(Some(cast.position)));
    }
    let named = |t: &&Type| t.name.name == cast.name && cast.schema.as_ref().is_none_or(|s| *s == t.name.schema);
    for found in catalogue.types.values().filter(|t| !t.built_in).filter(named) {
        let oid = if cast.array && found.array != 0 { found.array } else { found.oid };
        // A domain by itself is checked when the statement runs, not when it is read; in anything larger, Parse does it.
        if let Err((_, name)) = catalogue.closure_is_built_in(oid) {
            return Err(Deny::new(Reason::TypeNotAllowed, format!("values of type {name} run code that is not built in"))
                .hint("Use a built-in type instead.")
                .at(Some(cast.position)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::kind::StatementKind;
    use crate::statement::limits::Limits;
    use crate::statement::local;

    fn names(sql: &str) -> Names {
        let statement = local::read(sql, &Limits::default()).unwrap().remove(0);
        assert_eq!(statement.kind, StatementKind::Select);
        statement.names
    }

    fn verdict(sql: &str) -> Result<(), &'static str> {
        let grants: Vec<Grant> = vec!["SELECT (*) ON public.customers".parse().unwrap()];
        before_reading(&names(sql), &Catalogue::default(), &Ruleset::default(), &[&grants]).map_err(|d| d.reason.code())
    }

    #[test]
    fn a_table_that_no_grant_names_never_reaches_the_database() {
        assert_eq!(verdict("SELECT 1 FROM customers"), Ok(()));
        assert_eq!(verdict("SELECT 1 FROM public.customers"), Ok(()));
        assert_eq!(verdict("SELECT 1 FROM archive.customers"), Err("relation_not_granted"));
        assert_eq!(verdict("SELECT 1 FROM customers WHERE id IN (SELECT id FROM employees)"), Err("relation_not_granted"));
        assert_eq!(verdict("WITH employees AS (SELECT 1) SELECT * FROM employees"), Ok(()));
    }

    #[test]
    fn a_cast_to_regclass_is_no_oracle_of_names() {
        assert_eq!(verdict("SELECT 'employees'::regclass"), Err("type_not_allowed"));
        assert_eq!(verdict("SELECT pg_sleep(1)"), Err("function_not_allowed"));
    }
}
