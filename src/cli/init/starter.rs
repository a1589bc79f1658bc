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
        let _ = writeln!(body, "# the column of row security, see setup.sql:\n# tenant_column = {}", string(column));
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
    if set.len() == 1 { string(&set[0]) } else { list(set) }
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| string(name)).collect::<Vec<_>>().join(", "))
}

fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn bare(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { string(name) }
}
