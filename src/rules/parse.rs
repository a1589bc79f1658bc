//! Files → `Ruleset` and cases, or every error in them.

use super::case::{Case, Expect};
use super::duration::microseconds;
use super::error::{RuleError, RuleErrors};
use super::name;
use super::reader::Reader;
use super::ruleset::{MaxRange, Mode, Ruleset, Source, TableRule};
use crate::token::grant::Grant;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{Document, Item, Key, Table, TableLike, Value};

/// Keys, as `rules/schema.json` lists them too.
pub const TOP_KEYS: [&str; 7] = ["mode", "table", "view", "functions", "triggers", "constraints", "case"];
pub const TABLE_KEYS: [&str; 7] = ["bounded_by", "unbounded", "hidden", "max_rows", "max_in_list", "max_range", "tenant_column"];
pub const VIEW_KEYS: [&str; 5] = ["bounded_by", "hidden", "max_rows", "max_in_list", "max_range"];
pub const FUNCTION_KEYS: [&str; 1] = ["allow"];
/// Of `[triggers]` and `[constraints]`.
pub const OBJECT_KEYS: [&str; 1] = ["allow"];
pub const CASE_KEYS: [&str; 5] = ["name", "grants", "sql", "params", "expect"];

const MAX_FILE: usize = 1 << 20;

/// `(file name, text)` pairs in any order; they are read, and hashed, in the order of their names.
pub fn parse(files: &[(String, String)]) -> Result<(Ruleset, Vec<Case>), RuleErrors> {
    let mut sorted: Vec<&(String, String)> = files.iter().collect();
    sorted.sort();
    let mut all = All { ruleset: Ruleset { hash: hash(&sorted), ..Ruleset::default() }, ..All::default() };
    for (file, text) in sorted {
        all.read_file(file, text);
    }
    if all.errors.is_empty() { Ok((all.ruleset, all.cases)) } else { Err(RuleErrors(all.errors)) }
}

fn hash(files: &[&(String, String)]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

#[derive(Default)]
struct All {
    ruleset: Ruleset,
    cases: Vec<Case>,
    errors: Vec<RuleError>,
    mode_at: Option<Source>,
}

impl All {
    fn read_file(&mut self, file: &str, text: &str) {
        let mut reader = Reader { file, text, errors: Vec::new() };
        if text.len() > MAX_FILE {
            reader.note(None, format!("larger than {MAX_FILE} bytes"), None);
        } else {
            match Document::parse(text) {
                Ok(document) => self.read_document(&mut reader, document.as_table()),
                Err(error) => reader.note(error.span(), format!("not TOML: {}", error.message().replace('\n', ", ")), None),
            }
        }
        self.errors.append(&mut reader.errors);
    }

    fn read_document(&mut self, reader: &mut Reader<'_>, document: &Table) {
        for (key, item) in reader.entries(document, "a rule file", &TOP_KEYS) {
            match key.get() {
                "mode" => self.read_mode(reader, key, item),
                "table" => self.read_relations(reader, key, item, false),
                "view" => self.read_relations(reader, key, item, true),
                "functions" => self.read_functions(reader, key, item),
                "triggers" => read_objects(reader, key, item, &mut self.ruleset.triggers),
                "constraints" => read_objects(reader, key, item, &mut self.ruleset.constraints),
                "case" => self.read_cases(reader, key, item),
                _ => unreachable_key(reader, key),
            }
        }
    }

    fn read_mode(&mut self, reader: &mut Reader<'_>, key: &Key, item: &Item) {
        let mode = match item.as_str() {
            Some("enforce") => Some(Mode::Enforce),
            Some("observe") => Some(Mode::Observe),
            Some(_) | None => None,
        };
        let Some(mode) = reader.typed(key, item, mode, "\"enforce\" or \"observe\"") else { return };
        if let Some(at) = &self.mode_at {
            let first = format!("it stands at {}:{} already", at.file, at.line);
            return reader.note(key.span(), "the mode is said twice", first);
        }
        self.mode_at = Some(reader.source(key.span()));
        self.ruleset.mode = mode;
    }

    fn read_relations(&mut self, reader: &mut Reader<'_>, key: &Key, item: &Item, is_view: bool) {
        let Some(relations) = reader.table(key, item) else { return };
        for (text, _) in relations.iter() {
            let Some((key, item)) = relations.get_key_value(text) else { continue };
            let Some(table) = reader.table(key, item) else { continue };
            let hint = "a relation is written [table.\"schema.name\"]";
            let Ok(name) =
                name::qualified(text).map_err(|why| reader.note(key.span(), format!("`{text}`: {why}"), hint.to_owned()))
            else {
                continue;
            };
            let mut rule = read_relation(reader, text, table, is_view);
            rule.source = reader.source(key.span());
            match self.ruleset.relations.get(&name) {
                Some(TableRule { source: Source { file, line, .. }, .. }) => {
                    let first = format!("it stands at {file}:{line} already");
                    reader.note(key.span(), format!("{text} has two rules"), first);
                }
                None => drop(self.ruleset.relations.insert(name, rule)),
            }
        }
    }

    fn read_functions(&mut self, reader: &mut Reader<'_>, key: &Key, item: &Item) {
        let Some(table) = reader.table(key, item) else { return };
        for (key, item) in reader.entries(table, "[functions]", &FUNCTION_KEYS) {
            for (text, span) in reader.strings(key, item, "signatures like \"public.order_total(integer)\"") {
                match name::signature(text) {
                    Ok(signature) if self.ruleset.functions.contains(&signature) => {}
                    Ok(signature) => self.ruleset.functions.push(signature),
                    Err(why) => reader.note(span, format!("`{text}` is not a signature"), why),
                }
            }
        }
    }

    fn read_cases(&mut self, reader: &mut Reader<'_>, key: &Key, item: &Item) {
        let Some(cases) = item.as_array_of_tables() else {
            return reader.note(key.span(), "a case is written [[case]]", None);
        };
        for table in cases {
            self.cases.extend(read_case(reader, table));
        }
    }
}

/// `entries` returns known keys only; a key that this file forgets is an error of its own, never ignored.
fn unreachable_key(reader: &mut Reader<'_>, key: &Key) {
    reader.note(key.span(), format!("`{}` is not read", key.get()), None);
}

/// `allow = ["schema.table.name"]`.
fn read_objects(reader: &mut Reader<'_>, key: &Key, item: &Item, allowed: &mut BTreeSet<String>) {
    let Some(table) = reader.table(key, item) else { return };
    for (key, item) in reader.entries(table, &format!("[{}]", key.get()), &OBJECT_KEYS) {
        for (text, span) in reader.strings(key, item, "names like \"public.orders.audit\"") {
            let well_formed = text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty());
            match well_formed {
                true => drop(allowed.insert(text.to_owned())),
                false => reader.note(span, format!("`{text}` is not a name"), "expected \"schema.table.name\"".to_owned()),
            }
        }
    }
}

fn read_relation(reader: &mut Reader<'_>, name: &str, table: &dyn TableLike, is_view: bool) -> TableRule {
    let mut rule = TableRule { is_view, ..TableRule::default() };
    let (kind, known): (&str, &[&str]) = if is_view { ("view", &VIEW_KEYS) } else { ("table", &TABLE_KEYS) };
    let mut unbounded_at = None;
    for (key, item) in reader.entries(table, &format!("[{kind}.\"{name}\"]"), known) {
        match key.get() {
            "bounded_by" => rule.bounded_by = read_bounds(reader, key, item),
            "unbounded" => {
                rule.unbounded = reader.boolean(key, item).unwrap_or_default();
                unbounded_at = key.span();
            }
            "hidden" => {
                let columns = reader.strings(key, item, "column names");
                rule.hidden = columns.into_iter().filter_map(|(c, at)| reader.named(c, at, name::identifier)).collect();
            }
            "max_rows" => rule.max_rows = reader.positive(key, item),
            "max_in_list" => rule.max_in_list = reader.positive(key, item),
            "max_range" => rule.max_range = read_ranges(reader, key, item),
            "tenant_column" => {
                let text = reader.string(key, item);
                rule.tenant_column = text.and_then(|c| reader.named(c, item.span(), name::identifier));
            }
            _ => unreachable_key(reader, key),
        }
    }
    if rule.unbounded && !rule.bounded_by.is_empty() {
        reader.note(
            unbounded_at,
            format!("{name} is unbounded and bounded"),
            "leave one of `unbounded` and `bounded_by` out".to_owned(),
        );
    }
    rule
}

/// `["id", ["tenant_id", "created_at"]]`: each entry is one set of columns.
fn read_bounds(reader: &mut Reader<'_>, key: &Key, item: &Item) -> Vec<Vec<String>> {
    const WHAT: &str = "columns, or lists of columns that bound together";
    let mut sets = Vec::new();
    for value in reader.array(key, item, WHAT) {
        let members: Vec<&Value> = match value {
            Value::Array(list) => list.iter().collect(),
            Value::String(_) => vec![value],
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::InlineTable(_) => {
                reader.note(value.span(), format!("`bounded_by` holds {}", value.type_name()), format!("expected {WHAT}"));
                continue;
            }
        };
        let mut set: Vec<String> = Vec::new();
        for member in &members {
            match member.as_str() {
                Some(text) => set.extend(reader.named(text, member.span(), name::identifier)),
                None => reader.note(member.span(), "a column must be a string", None),
            }
        }
        match members.len() {
            // An empty set would be a bound that nothing has to meet.
            0 => reader.note(value.span(), "a set of no columns bounds nothing", None),
            n if n == set.len() => sets.push(set),
            _ => {}
        }
    }
    sets
}

fn read_ranges(reader: &mut Reader<'_>, key: &Key, item: &Item) -> BTreeMap<String, MaxRange> {
    let mut ranges = BTreeMap::new();
    let Some(table) = reader.table(key, item) else { return ranges };
    for (text, _) in table.iter() {
        let Some((key, item)) = table.get_key_value(text) else { continue };
        let range = match item.as_str() {
            Some(text) => microseconds(text).map(MaxRange::Microseconds),
            None => item.as_integer().and_then(|n| u64::try_from(n).ok()).map(MaxRange::Integer),
        };
        let range = reader.typed(key, item, range, "an integer, or a width such as \"31 days\" or \"12 hours\"");
        let column = reader.named(text, key.span(), name::identifier);
        ranges.extend(column.zip(range));
    }
    ranges
}

fn read_case(reader: &mut Reader<'_>, table: &Table) -> Option<Case> {
    let (mut name, mut sql, mut expect, mut grants, mut params) = (None, None, None, None, Vec::new());
    for (key, item) in reader.entries(table, "[[case]]", &CASE_KEYS) {
        match key.get() {
            "name" => name = reader.string(key, item).map(str::to_owned),
            "sql" => sql = reader.string(key, item).map(str::to_owned),
            "grants" => grants = Some(read_grants(reader, key, item)),
            "params" => params = read_params(reader, key, item),
            "expect" => {
                let read = item.as_str().and_then(Expect::read);
                expect = reader.typed(key, item, read, "\"permit\" or \"deny <reason code>\"");
            }
            _ => unreachable_key(reader, key),
        }
    }
    for required in ["name", "grants", "sql", "expect"] {
        if !table.contains_key(required) {
            reader.note(table.span(), format!("a case needs `{required}`"), None);
        }
    }
    let source = reader.source(table.span());
    Some(Case { name: name?, grants: grants?, sql: sql?, params, expect: expect?, source })
}

fn read_grants(reader: &mut Reader<'_>, key: &Key, item: &Item) -> Vec<String> {
    let mut grants = Vec::new();
    for (text, span) in reader.strings(key, item, "grants") {
        match text.parse::<Grant>() {
            Ok(_) => grants.push(text.to_owned()),
            Err(error) => reader.note(span, format!("`{text}` is not a grant"), error.to_string()),
        }
    }
    grants
}

/// Text forms; TOML has no null, so `{ null = true }` stands for it.
fn read_params(reader: &mut Reader<'_>, key: &Key, item: &Item) -> Vec<Option<String>> {
    let Some(array) = reader.typed(key, item, item.as_array(), "an array") else { return Vec::new() };
    let mut params = Vec::new();
    for value in array {
        params.push(match value {
            Value::String(text) => Some(text.value().clone()),
            Value::Integer(number) => Some(number.value().to_string()),
            Value::Boolean(truth) => Some(truth.value().to_string()),
            Value::InlineTable(t) if t.len() == 1 && t.get("null").and_then(Value::as_bool) == Some(true) => None,
            Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => {
                let hint = "expected a string, an integer, true, false or { null = true }";
                reader.note(value.span(), format!("`params` holds {}", value.type_name()), hint.to_owned());
                None
            }
        });
    }
    params
}
