//! The starter rule file of one table.

use super::inspect::Table;
use super::propose::Proposal;
use std::fmt::Write as _;

/// `rules/<schema>.<table>.toml`; a name that no file can have is written with `_`.
pub fn file_name(table: &Table) -> String {
    let safe = |name: &str| name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect::<String>();
    format!("{}.{}.toml", safe(&table.schema), safe(&table.name))
}

/// A table that nothing bounds, and every view, is proposed as comments only: readable is what a person made readable.
pub fn text(table: &Table, proposal: &Proposal) -> String {
    let readable = !table.is_view && !proposal.bounded_by.is_empty();
    let mut body = String::new();
    let kind = if table.is_view { "view" } else { "table" };
    let _ = writeln!(body, "[{kind}.{}]", key(table));
    if !table.is_view {
        let sets: Vec<String> = proposal.bounded_by.iter().map(|set| bound(set)).collect();
        let _ = writeln!(body, "bounded_by  = [{}]", sets.join(", "));
    }
    if !proposal.hidden.is_empty() {
        let _ = writeln!(body, "hidden      = {}", list(&proposal.hidden));
    }
    body.push_str("max_rows    = 1000\n");
    if !table.is_view {
        body.push_str("max_in_list = 100\n");
    }
    if !proposal.max_range.is_empty() {
        let ranges: Vec<String> =
            proposal.max_range.iter().map(|(column, widest)| format!("{} = {widest}", bare(column))).collect();
        let _ = writeln!(body, "max_range   = {{ {} }}", ranges.join(", "));
    }
    if let Some(column) = proposal.tenant_column.as_ref().filter(|_| !table.is_view) {
        let _ =
            writeln!(body, "# for row security, by `pgwarrant rules sql`:\n# tenant_column = {}", string(&identifier(column)));
    }
    header(table, readable) + &if readable { body } else { commented(&body) }
}

fn header(table: &Table, readable: bool) -> String {
    let mut text = format!("# {}.{}, {}.\n", table.schema, table.name, size(table));
    text.push_str("# Proposed by `pgwarrant init`: correct it, then run `pgwarrant rules lint`.\n");
    if table.is_view {
        text.push_str("# A view shows what its owner may see. Read its definition before you take the comment signs away.\n");
    } else if !readable {
        text.push_str(
            "# Nothing here says which rows belong together, so it is not readable yet: name columns in `bounded_by`,\n",
        );
        text.push_str("# or write `unbounded = true` if any agent with a grant may read the whole table.\n");
    } else if table.rows <= 1000.0 {
        text.push_str("# Small enough to be read whole? Then `unbounded = true` instead of `bounded_by`.\n");
    }
    text
}

fn size(table: &Table) -> String {
    if table.is_view { "a view".to_owned() } else { format!("about {} rows", table.rows.round()) }
}

fn commented(text: &str) -> String {
    text.lines().map(|line| if line.starts_with('#') { format!("{line}\n") } else { format!("# {line}\n") }).collect()
}

fn key(table: &Table) -> String {
    string(&format!("{}.{}", identifier(&table.schema), identifier(&table.name)))
}

/// As SQL writes it: quotes only where folding would change the name.
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn bound(set: &[String]) -> String {
    if set.len() == 1 { string(&identifier(&set[0])) } else { list(set) }
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| string(&identifier(name))).collect::<Vec<_>>().join(", "))
}

fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn bare(name: &str) -> String {
    let identifier = identifier(name);
    if identifier == name { identifier } else { string(&identifier) }
}

#[cfg(test)]
mod tests {
    use super::super::inspect::Column;
    use super::*;
    use crate::token::grant::QualifiedName;

    fn table(name: &str) -> Table {
        let column = |name: &str, kind: &str| Column { name: name.into(), type_name: kind.into() };
        Table {
            schema: "public".into(),
            name: name.into(),
            is_view: false,
            rows: 10.0,
            columns: vec![column("id", "integer"), column("Api Key", "text"), column("tenant_id", "integer")],
            unique_keys: vec![vec!["id".into()]],
            indexes: vec![vec!["id".into()]],
            foreign_keys: vec![],
        }
    }

    #[test]
    fn a_starter_is_a_rule_file_whatever_the_names() {
        for name in ["orders", "Orders", "order", "a.b", "quo\"te"] {
            let table = table(name);
            let starter = text(&table, &Proposal::of(&table));
            let parsed = crate::rules::parse(&[(file_name(&table), starter.clone())]);
            let (rules, _) = parsed.unwrap_or_else(|error| panic!("{error}\n{starter}"));
            let rule = rules.relation(&QualifiedName { schema: "public".into(), name: name.into() }).expect(&starter);
            assert_eq!(rule.bounded_by, [vec!["id"], vec!["tenant_id"]]);
            assert!(rule.hidden.contains("Api Key"));
        }
    }

    #[test]
    fn what_nothing_bounds_and_every_view_is_only_a_comment() {
        let mut bare = table("log");
        bare.unique_keys.clear();
        bare.columns.truncate(2);
        let mut view = table("view");
        view.is_view = true;
        for table in [bare, view] {
            let starter = text(&table, &Proposal::of(&table));
            assert!(starter.lines().all(|line| line.starts_with('#')), "{starter}");
            let bare: String =
                starter.lines().skip_while(|line| !line.starts_with("# [")).map(|line| format!("{}\n", &line[2..])).collect();
            assert!(bare.contains("max_rows"), "{bare}");
        }
    }
}
