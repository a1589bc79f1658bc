//! One TOML file under reading: keys are strict, and whatever is wrong is noted with its place.

use super::error::RuleError;
use super::ruleset::Source;
use std::ops::Range;
use toml_edit::{Item, Key, TableLike, Value};

pub struct Reader<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub errors: Vec<RuleError>,
}

type Span = Option<Range<usize>>;

impl Reader<'_> {
    pub fn source(&self, span: Span) -> Source {
        let Some(offset) = span.map(|s| s.start.min(self.text.len())) else {
            return Source { file: self.file.to_owned(), line: 0, column: 0 };
        };
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Source {
            file: self.file.to_owned(),
            line: count(before.matches('\n').count() + 1),
            column: count(before[line_start..].chars().count() + 1),
        }
    }

    pub fn note(&mut self, span: Span, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let source = self.source(span);
        let line_text = self.text.lines().nth((source.line as usize).wrapping_sub(1)).unwrap_or_default().to_owned();
        self.errors.push(RuleError { source, message: message.into(), hint: hint.into(), line_text });
    }

    /// The entries of a table, with every key that is not known noted.
    pub fn entries<'t>(&mut self, table: &'t dyn TableLike, place: &str, known: &[&str]) -> Vec<(&'t Key, &'t Item)> {
        let mut entries = Vec::new();
        for (name, _) in table.iter() {
            let Some((key, item)) = table.get_key_value(name) else { continue };
            if known.contains(&name) {
                entries.push((key, item));
            } else {
                self.note(key.span(), format!("unknown key `{name}` in {place}"), expected(name, known));
            }
        }
        entries
    }

    pub fn table<'t>(&mut self, key: &Key, item: &'t Item) -> Option<&'t dyn TableLike> {
        let table = item.as_table_like();
        if table.is_none() {
            self.note(key.span(), format!("`{}` must be a table, not {}", key.get(), item.type_name()), None);
        }
        table
    }

    pub fn boolean(&mut self, key: &Key, item: &Item) -> Option<bool> {
        self.typed(key, item, item.as_bool(), "true or false")
    }

    pub fn string<'t>(&mut self, key: &Key, item: &'t Item) -> Option<&'t str> {
        self.typed(key, item, item.as_str(), "a string")
    }

    /// At least 1: no limit of this file means "none".
    pub fn positive(&mut self, key: &Key, item: &Item) -> Option<u64> {
        let number = item.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        self.typed(key, item, number, "an integer of at least 1")
    }

    /// Values of an array with their spans; not empty.
    pub fn array<'t>(&mut self, key: &Key, item: &'t Item, what: &str) -> Vec<&'t Value> {
        match self.typed(key, item, item.as_array(), what) {
            Some(array) if array.is_empty() => {
                self.note(
                    item.span(),
                    format!("`{}` is empty", key.get()),
                    Some(format!("expected {what}; or leave the key out")),
                );
                Vec::new()
            }
            Some(array) => array.iter().collect(),
            None => Vec::new(),
        }
    }

    pub fn strings<'t>(&mut self, key: &Key, item: &'t Item, what: &str) -> Vec<(&'t str, Span)> {
        let mut strings = Vec::new();
        for value in self.array(key, item, what) {
            match value.as_str() {
                Some(text) => strings.push((text, value.span())),
                None => self.note(
                    value.span(),
                    format!("`{}` holds {}", key.get(), value.type_name()),
                    Some(format!("expected {what}")),
                ),
            }
        }
        strings
    }

    /// The value, or a note that says what was expected.
    pub fn typed<T>(&mut self, key: &Key, item: &Item, value: Option<T>, what: &str) -> Option<T> {
        if value.is_none() {
            let (name, found) = (key.get(), shown(item));
            self.note(item.span().or(key.span()), format!("`{name}` must be {what}, not {found}"), None);
        }
        value
    }

    /// A name that `read` takes, or a note.
    pub fn named<T>(&mut self, text: &str, span: Span, read: fn(&str) -> Result<T, String>) -> Option<T> {
        read(text).map_err(|why| self.note(span, format!("`{text}` is not a name here"), why)).ok()
    }
}

fn shown(item: &Item) -> String {
    match item.as_integer() {
        Some(number) => number.to_string(),
        None => item.type_name().to_owned(),
    }
}

/// The nearest known key if one is near, else all of them.
fn expected(name: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|k| distance(name, k)).filter(|k| distance(name, k) <= 2);
    match nearest {
        Some(key) => format!("did you mean `{key}`?"),
        None => format!("expected one of: {}", known.join(", ")),
    }
}

/// Levenshtein's, over bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}
