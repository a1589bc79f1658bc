//! Refusals that teach: the smallest change that would pass, written for a language model to act on.
//! Only the statement, the token's own grants and the rules' bounds speak here; never data, never a hidden name.

use super::deny::Deny;
use super::reason::Reason;
use super::solve::Shortfall;
use crate::catalogue::snapshot::Relation;
use crate::rules::ruleset::TableRule;
use crate::token::grant::{Action, Columns, Comparison, Condition, Literal, QualifiedName, RelationGrant, Test};

pub fn not_granted(name: &QualifiedName) -> Deny {
    // One message whether the table exists or not.
    Deny::new(Reason::RelationNotGranted, format!("{}.{} is not granted for reading", name.schema, name.name))
        .table(name)
        .hint("SHOW pgwarrant.scope lists the tables and columns that this token may read.")
}

pub fn not_writable(name: &QualifiedName) -> Deny {
    Deny::new(Reason::RelationNotGranted, format!("{}.{} is not granted for writing", name.schema, name.name))
        .table(name)
        .hint("SHOW pgwarrant.scope lists the tables and columns that this token may write.")
}

pub fn action_not_granted(name: &QualifiedName, action: Action) -> Deny {
    let action = action.as_str();
    Deny::new(Reason::RelationNotGranted, format!("{}.{} is not granted for {action}", name.schema, name.name)).table(name).hint(
        format!("The token needs a grant of {action} on {}.{}; SHOW pgwarrant.scope lists what it has.", name.schema, name.name),
    )
}

pub fn lock_not_granted(name: &QualifiedName) -> Deny {
    Deny::new(
        Reason::StatementNotAllowed,
        format!("FOR UPDATE and FOR SHARE lock rows, which needs an UPDATE grant on {}.{}", name.schema, name.name),
    )
    .table(name)
    .hint("Remove the FOR UPDATE or FOR SHARE clause.")
}

pub fn column_not_writable(relation: &Relation, column: &str, action: Action, grants: &[&RelationGrant]) -> Deny {
    let listed = grants.iter().find_map(|g| match &g.columns {
        Columns::List(names) => Some(names.join(", ")),
        Columns::All => None,
    });
    let verb = action.as_str();
    Deny::new(Reason::ColumnNotGranted, format!("{}.{column} is not granted for {verb}", relation.name.name))
        .table(&relation.name)
        .column(column)
        .hint(format!("{verb} may write only these columns: {}.", listed.unwrap_or_default()))
}

/// The row as it is written is not shown to be inside the grant.
pub fn new_row_outside(relation: &Relation, grant: &RelationGrant) -> Deny {
    let wanted: Vec<String> = grant.predicate.iter().map(assignment).collect();
    Deny::new(
        Reason::PredicateNotImplied,
        format!("the row written is not shown to stay inside the rows granted of {}", relation.name.name),
    )
    .table(&relation.name)
    .hint(format!("Write a constant or parameter that the grant allows: {}.", wanted.join(", ")))
}

fn assignment(c: &Condition) -> String {
    condition("", c)
}

pub fn outside_the_grants() -> Deny {
    Deny::new(Reason::PredicateNotImplied, "the statement is not shown to stay inside the rows granted")
        .hint("SHOW pgwarrant.scope lists the rows that this token may read and write.")
}

pub fn no_rule(name: &QualifiedName) -> Deny {
    Deny::new(Reason::NoRule, format!("no rule file covers {}.{}, so it cannot be read", name.schema, name.name))
        .table(name)
        .hint("Ask the DBA to add a rule for the table.")
}

pub fn column_not_granted(relation: &Relation, column: &str, grants: &[&RelationGrant]) -> Deny {
    let listed = grants.iter().find_map(|g| match &g.columns {
        Columns::List(names) => Some(names.join(", ")),
        Columns::All => None,
    });
    let deny = Deny::new(
        Reason::ColumnNotGranted,
        format!("the statement reads columns of {} that are not granted", relation.name.name),
    )
    .table(&relation.name)
    .column(column);
    match listed {
        Some(list) => deny.hint(format!(
            "Read only these columns of {}: {list}. They also count in WHERE, ON and ORDER BY.",
            relation.name.name
        )),
        None => deny,
    }
}

pub fn predicate_not_implied(relation: &Relation, alias: &str, grant: &RelationGrant) -> Deny {
    let wanted: Vec<String> = grant.predicate.iter().map(|c| condition(alias, c)).collect();
    let wanted = wanted.join(" AND ");
    Deny::new(
        Reason::PredicateNotImplied,
        format!("the statement is not shown to stay inside the rows granted of {}", relation.name.name),
    )
    .table(&relation.name)
    .hint(format!(
        "Add `AND {wanted}` to the WHERE clause, or to the ON clause of an outer join, at the place where {alias} is read."
    ))
}

fn condition(alias: &str, c: &Condition) -> String {
    let column = match alias {
        "" => quoted(&c.column),
        alias => format!("{}.{}", quoted(alias), quoted(&c.column)),
    };
    match &c.test {
        Test::Equals(l) => format!("{column} = {}", literal(l)),
        Test::In(list) => format!("{column} IN ({})", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Test::Between(a, b) => format!("{column} BETWEEN {} AND {}", literal(a), literal(b)),
        Test::Compare(op, l) => {
            let sign = match op {
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            };
            format!("{column} {sign} {}", literal(l))
        }
    }
}

fn literal(l: &Literal) -> String {
    match l {
        Literal::Integer(n) => n.to_string(),
        Literal::Text(t) => format!("'{}'", t.replace('\'', "''")),
        Literal::Boolean(b) => if *b { "TRUE" } else { "FALSE" }.to_owned(),
    }
}

fn quoted(name: &str) -> String {
    let plain = name.bytes().enumerate().all(|(i, b)| b == b'_' || b.is_ascii_lowercase() || (i > 0 && b.is_ascii_digit()));
    if plain && !name.is_empty() { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

pub fn unbounded(relation: &Relation, alias: &str, rule: &TableRule, why: Shortfall, at: Option<u32>) -> Deny {
    let visible = |set: &&Vec<String>| !set.iter().any(|c| rule.hidden.contains(c));
    let sets: Vec<String> = rule
        .bounded_by
        .iter()
        .filter(visible)
        .map(|set| {
            let parts: Vec<String> = set.iter().map(|c| pin(alias, c, rule)).collect();
            parts.join(" AND ")
        })
        .collect();
    let (reason, message) = match why {
        Shortfall::Unpinned => {
            (Reason::UnboundedScan, format!("the statement would read {} without a bound", relation.name.name))
        }
        Shortfall::ListTooLong(n) => (
            Reason::InListTooLong,
            format!("the list over {} has {n} values; {} are allowed", relation.name.name, rule.max_in_list()),
        ),
        Shortfall::RangeTooWide => {
            (Reason::RangeTooWide, format!("the range over {} is wider than the rules allow", relation.name.name))
        }
    };
    let hint = if sets.is_empty() {
        "Ask the DBA which columns bound this table.".to_owned()
    } else {
        format!("Pin one of these by a constant or parameter: {}. LIMIT alone is no bound.", sets.join("; or "))
    };
    Deny::new(reason, message).table(&relation.name).hint(hint).at(at)
}

fn pin(alias: &str, column: &str, rule: &TableRule) -> String {
    let name = format!("{}.{}", quoted(alias), quoted(column));
    match rule.max_range.get(column) {
        None => format!("{name} = …"),
        Some(crate::rules::ruleset::MaxRange::Integer(n)) => format!("{name} = … (or a closed range of at most {n})"),
        Some(crate::rules::ruleset::MaxRange::Microseconds(us)) => {
            let hours = us / 3_600_000_000;
            let width = if hours % 24 == 0 { format!("{} days", hours / 24) } else { format!("{hours} hours") };
            format!("{name} = … (or a closed range of at most {width})")
        }
    }
}

pub fn execute_not_granted(signature: &str) -> Deny {
    Deny::new(Reason::FunctionNotAllowed, format!("the function {signature} is not granted"))
        .hint(format!("The token needs the grant EXECUTE ON FUNCTION {signature}."))
}
