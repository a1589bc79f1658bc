//! The rule by which `src/catalogue/functions/table.tsv` is made: what may stand in an agent's statement, and how.
//!
//! 1. Support code (arguments or result `internal`, `cstring`, a trigger or handler type) is refused.
//! 2. A function that implements `=`, `<>`, `<`, `<=`, `>`, `>=` between built-in scalar types is total.
//! 3. A function whose signature, or else name, stands in a list below has that list's class.
//! 4. Everything else is refused, with the first reason whose pattern fits.
//!
//! The lists are read by people, so a function that a new server version adds is refused until somebody adds it.

use super::lists::{CAPPED, CONSTANT, INTROSPECTION, PARTIAL, REFUSED, TOTAL, VOLATILE};
use std::collections::HashMap;

/// One row of `pg_proc`, as the rule needs it.
#[derive(Debug, Clone)]
pub struct Row {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// `format_type` of the input arguments, joined by ", ".
    pub arguments: String,
    pub result: String,
    /// `provolatile`
    pub volatility: char,
    /// Implements a comparison operator of `pg_catalog` by name; the operands' types.
    pub compares: bool,
}

impl Row {
    /// `lower(text)`, or `information_schema._pg_truetypid(…)` outside `pg_catalog`.
    pub fn signature(&self) -> String {
        let Row { schema, name, arguments, .. } = self;
        if schema == "pg_catalog" { format!("{name}({arguments})") } else { format!("{schema}.{name}({arguments})") }
    }
}

pub struct Rule {
    classes: HashMap<String, String>,
}

impl Rule {
    /// Panics when two lists name the same function: each has exactly one class.
    pub fn new() -> Self {
        let mut rule = Rule { classes: HashMap::new() };
        rule.add_list(TOTAL, "total");
        rule.add_list(PARTIAL, "partial");
        rule.add_list(INTROSPECTION, "introspection");
        for (names, index) in CAPPED {
            rule.add_list(names, &format!("cap:{index}"));
        }
        for (names, class) in CONSTANT {
            rule.add_list(names, &format!("constant:{class}"));
        }
        rule
    }

    fn add_list(&mut self, names: &str, class: &str) {
        for name in names.lines().flat_map(entries) {
            assert!(self.classes.insert(name.clone(), class.to_owned()).is_none(), "{name} stands in two lists");
        }
    }

    /// The class as it stands in the table's last column.
    pub fn class(&self, row: &Row) -> String {
        if is_support(row) {
            return "refused:support function of the server".into();
        }
        if row.compares && !NOT_TOTAL_TO_COMPARE.iter().any(|t| row.arguments.split(", ").any(|a| a == *t)) {
            return "total".into();
        }
        let signature = row.signature();
        let name = signature.split('(').next().unwrap_or_default();
        match self.classes.get(&signature).or_else(|| self.classes.get(name)) {
            Some(class) if row.volatility != 'v' || VOLATILE.contains(&name) => class.clone(),
            Some(_) => "refused:volatile".into(),
            None => format!("refused:{}", reason(row)),
        }
    }

    /// Names in the lists that fit no row: a misspelling, or a function that is gone.
    pub fn unused<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
        let mut left: std::collections::BTreeSet<&str> = self.classes.keys().map(String::as_str).collect();
        for row in rows {
            let signature = row.signature();
            left.remove(signature.as_str());
            left.remove(signature.split('(').next().unwrap_or_default());
        }
        left.into_iter().map(str::to_owned).collect()
    }
}

/// Entries of a line: words, but a `name(a, b)` keeps its blanks.
fn entries(line: &str) -> Vec<String> {
    let line = line.split('#').next().unwrap_or_default();
    let (mut all, mut word, mut depth) = (Vec::new(), String::new(), 0);
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            all.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    all.push(word);
    all.retain(|w| !w.is_empty());
    all
}

/// Geometric comparison computes areas and lengths, which can overflow; a row's columns decide at run time.
const NOT_TOTAL_TO_COMPARE: [&str; 8] = ["box", "circle", "path", "lseg", "line", "point", "polygon", "record"];

fn is_support(row: &Row) -> bool {
    const TYPES: [&str; 11] = [
        "internal",
        "cstring",
        "cstring[]",
        "trigger",
        "event_trigger",
        "language_handler",
        "fdw_handler",
        "index_am_handler",
        "table_am_handler",
        "tsm_handler",
        "pg_ddl_command",
    ];
    row.arguments.split(", ").chain([row.result.as_str()]).any(|t| TYPES.contains(&t))
}

fn reason(row: &Row) -> &'static str {
    let fits = |pattern: &str| matches(pattern, &row.name);
    let found = REFUSED.iter().find(|(_, patterns)| patterns.split_whitespace().any(fits));
    match found {
        Some((why, _)) => why,
        None if row.volatility == 'v' => "volatile",
        None => "not vetted",
    }
}

/// `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => match name.strip_prefix(start) {
            Some(tail) => (0..=tail.len()).any(|i| tail.get(i..).is_some_and(|t| matches(rest, t))),
            None => false,
        },
    }
}
