//! What is refused by its words alone, before the database sees the statement: reading it already costs, and can
//! already run code (`Parse` runs a domain's checks inside a composite literal) or tell what exists (`'x'::regclass`).

use super::deny::Deny;
use super::hint;
use super::reason::Reason;
use crate::catalogue::snapshot::{Catalogue, FIRST_NORMAL_OBJECT_ID, Relation, Type};
use crate::catalogue::views::is_filtered_schema;
use crate::catalogue::visible::Visible;
use crate::rules::ruleset::{Mode, Ruleset};
use crate::statement::names::{CastName, FunctionName, Names, RelationName};
use crate::statement::words;
use crate::token::grant::{Action, Grant, QualifiedName};

/// Checks the names of a statement against every block's grants and the catalogue's types.
pub fn before_reading(names: &Names, catalogue: &Catalogue, rules: &Ruleset, chain: &[&[Grant]]) -> Result<(), Deny> {
    words::check(names)?;
    if reads_filtered_catalogue(names) {
        Visible::new(catalogue, rules, chain).check_names(catalogue, names)?;
        let mut plain = names.casts.iter().filter(|cast| cast.registered().is_none());
        plain.try_for_each(|cast| cast_is_harmless(cast, catalogue))?;
        let mut calls = names.functions.iter();
        return calls.try_for_each(|c| is_harmless_type(c.schema.as_deref(), &c.name, c.position, catalogue).map(drop));
    }
    for relation in &names.relations {
        // What acts is never only observed.
        if names.targets.contains(&relation.position) {
            if !chain.iter().all(|grants| is_granted(relation, grants, |action| action != Action::Select)) {
                return Err(not_writable(relation));
            }
        } else if rules.mode == Mode::Enforce
            && !chain.iter().all(|grants| is_granted(relation, grants, |action| action == Action::Select))
        {
            return Err(not_granted(relation));
        }
        reads_harmless_literals(relation, catalogue)?;
    }
    names.casts.iter().try_for_each(|cast| cast_is_harmless(cast, catalogue))?;
    names.functions.iter().try_for_each(|call| call_is_harmless(call, catalogue))
}

/// Whether the statement reads the filtered catalogue and nothing else.
fn reads_filtered_catalogue(names: &Names) -> bool {
    let ours = |r: &RelationName| r.schema.as_deref().is_some_and(is_filtered_schema);
    let called = names.functions.iter().any(|f| f.schema.as_deref().is_some_and(is_filtered_schema));
    names.targets.is_empty() && names.relations.iter().all(ours) && (!names.relations.is_empty() || called)
}

fn is_granted(relation: &RelationName, grants: &[Grant], wanted: fn(Action) -> bool) -> bool {
    grants.iter().any(|g| match g {
        Grant::Relation(r) => {
            wanted(r.action)
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

fn not_writable(relation: &RelationName) -> Deny {
    match &relation.schema {
        Some(schema) => hint::not_writable(&QualifiedName { schema: schema.clone(), name: relation.name.clone() }),
        None => Deny::new(Reason::RelationNotGranted, format!("{} is not granted for writing", relation.name))
            .hint("SHOW pgwarrant.scope lists the tables and columns that this token may write."),
    }
    .at(Some(relation.position))
}

fn cast_is_harmless(cast: &CastName, catalogue: &Catalogue) -> Result<(), Deny> {
    if cast.registered().is_some() {
        return Err(names_an_object(cast.position));
    }
    if !is_harmless_type(cast.schema.as_deref(), &cast.name, cast.position, catalogue)? {
        // It may be newer than what is known of the catalogue, and then reading it may run anything.
        return Err(Deny::new(Reason::UndefinedObject, format!("type {} does not exist", cast.name))
            .hint("Use a built-in type instead.")
            .at(Some(cast.position)));
    }
    Ok(())
}

/// `a_type('x')` is read as a cast, and so is `regclass('x')`.
fn call_is_harmless(call: &FunctionName, catalogue: &Catalogue) -> Result<(), Deny> {
    let registered = call.name.starts_with("reg") && !call.name.starts_with("regexp_") && !call.name.starts_with("regr_");
    if registered && call.literal.is_some() {
        return Err(names_an_object(call.position));
    }
    is_harmless_type(call.schema.as_deref(), &call.name, call.position, catalogue).map(drop)
}

fn names_an_object(position: u32) -> Deny {
    Deny::new(Reason::TypeNotAllowed, "casts to types that name database objects (regclass and its like) are not allowed")
        .hint("Write the value as text, without the cast.")
        .at(Some(position))
}

/// Whether there is such a type; an error if values of it run code of a user.
fn is_harmless_type(schema: Option<&str>, name: &str, position: u32, catalogue: &Catalogue) -> Result<bool, Deny> {
    let named = |t: &&Type| t.name.name == name && schema.is_none_or(|schema| schema == t.name.schema);
    let mut is_known = false;
    for found in catalogue.types.values().filter(named) {
        is_known = true;
        // Arrays of it run what its own values run.
        if found.oid >= FIRST_NORMAL_OBJECT_ID
            && let Err((_, name)) = catalogue.closure_is_built_in(found.oid)
        {
            return Err(runs_code(&name, Some(position)));
        }
    }
    Ok(is_known)
}

fn runs_code(type_name: &str, position: Option<u32>) -> Deny {
    Deny::new(Reason::TypeNotAllowed, format!("values of type {type_name} run code that is not built in"))
        .hint("Use a built-in type instead.")
        .at(position)
}

/// `column = '(x)'` makes Parse read the literal as the column's type. What a column's checks are is known, but not which
/// literals stand beside it.
fn reads_harmless_literals(relation: &RelationName, catalogue: &Catalogue) -> Result<(), Deny> {
    let named =
        |r: &&Relation| r.name.name == relation.name && relation.schema.as_ref().is_none_or(|schema| *schema == r.name.schema);
    for column in catalogue.relations.values().filter(named).flat_map(|r| r.columns.iter().flatten()) {
        if let Some(foreign) = catalogue.code_of_literals(column.type_oid) {
            return Err(
                runs_code(&foreign.type_name, Some(relation.position)).detail(format!("A column of {} has it.", relation.name))
            );
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
        assert_eq!(verdict("SELECT regclass('employees')"), Err("type_not_allowed"));
        assert_eq!(verdict("SELECT regexp_replace('a', 'b', 'c'), regr_count(1, 2)"), Ok(()));
        assert_eq!(verdict("SELECT pg_sleep(1)"), Err("function_not_allowed"));
    }

    #[test]
    fn a_type_that_nobody_knows_may_run_anything() {
        assert_eq!(verdict("SELECT '(x)'::made_since"), Err("undefined_object"));
        assert_eq!(verdict("SELECT '1'::int, 'x'::varchar(3), '1'::numeric(3, 2)[], timestamp '2026-01-01'"), Ok(()));
    }
}
