//! What rules say about a database that the database does not bear out, or that is unwise.

use super::ruleset::{MaxRange, Ruleset, Source, TableRule};
use crate::catalogue::snapshot::{Catalogue, Column, Indexes, Relation, Type, Vetting};
use crate::token::grant::{FunctionSignature, QualifiedName};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rule cannot mean what it says.
    Error,
    /// It works, and somebody should look at it.
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub source: Source,
    pub severity: Severity,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Source { file, line, column } = &self.source;
        match line {
            0 => write!(f, "{word}: {}", self.message)?,
            _ => write!(f, "{file}:{line}:{column}: {word}: {}", self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// Findings in the order of the files; `indexes` are those that a bound can use.
pub fn lint(rules: &Ruleset, catalogue: &Catalogue, indexes: &Indexes) -> Vec<Finding> {
    let mut lint = Lint { catalogue, indexes, findings: Vec::new() };
    for (name, rule) in &rules.relations {
        lint.relation(name, rule);
    }
    for signature in &rules.functions {
        lint.function(signature);
    }
    lint.findings.sort_by(|a, b| (&a.source.file, a.source.line, a.severity).cmp(&(&b.source.file, b.source.line, b.severity)));
    lint.findings
}

struct Lint<'a> {
    catalogue: &'a Catalogue,
    indexes: &'a Indexes,
    findings: Vec<Finding>,
}

/// One relation's rule with what it is about.
struct About<'a> {
    name: &'a QualifiedName,
    rule: &'a TableRule,
    relation: &'a Relation,
}

impl Lint<'_> {
    fn note(&mut self, source: &Source, severity: Severity, message: String, hint: impl Into<Option<String>>) {
        self.findings.push(Finding { source: source.clone(), severity, message, hint: hint.into() });
    }

    fn relation(&mut self, name: &QualifiedName, rule: &TableRule) {
        let Some(relation) = self.catalogue.relation_named(name) else {
            return self.note(&rule.source, Severity::Error, format!("{name} does not exist"), None);
        };
        let about = About { name, rule, relation };
        self.kind(&about);
        self.columns_exist(&about);
        self.bounds(&about);
        self.ranges(&about);
        self.reveals_hidden(&about);
        self.domains(&about);
    }

    fn kind(&mut self, About { name, rule, relation }: &About<'_>) {
        let expected: &[u8] = if rule.is_view { b"v" } else { b"rp" };
        if !expected.contains(&relation.kind) {
            let written = if rule.is_view { "[view]" } else { "[table]" };
            let hint = match relation.kind {
                b'v' => "write it as [view.\"…\"]".to_owned(),
                b'r' | b'p' => "write it as [table.\"…\"]".to_owned(),
                _ => "only tables, partitioned tables and views are readable".to_owned(),
            };
            self.note(&rule.source, Severity::Error, format!("{name} is a {}, not a {written}", kind_name(relation.kind)), hint);
        }
        if relation.is_partition {
            let hint = "give its partitioned table the rule".to_owned();
            self.note(
                &rule.source,
                Severity::Warning,
                format!("{name} is a partition: it is read only through its parent"),
                hint,
            );
        }
        if relation.has_inheritance_children {
            let hint = "unique keys of the parent do not hold over its children".to_owned();
            self.note(&rule.source, Severity::Warning, format!("{name} has inheritance children"), hint);
        }
    }

    fn columns_exist(&mut self, About { name, rule, relation }: &About<'_>) {
        let bounding = rule.bounded_by.iter().flatten().map(|c| ("bounded_by", c));
        let hidden = rule.hidden.iter().map(|c| ("hidden", c));
        let ranges = rule.max_range.keys().map(|c| ("max_range", c));
        let tenant = rule.tenant_column.iter().map(|c| ("tenant_column", c));
        let mut seen = Vec::new();
        for (key, column) in bounding.chain(hidden).chain(ranges).chain(tenant) {
            if relation.column_named(column).is_none() && !seen.contains(&(key, column)) {
                self.note(&rule.source, Severity::Error, format!("{name} has no column {column}, which {key} names"), None);
                seen.push((key, column));
            }
        }
    }

    fn bounds(&mut self, About { name, rule, relation }: &About<'_>) {
        if !rule.is_view && !rule.unbounded && rule.bounded_by.is_empty() {
            let hint = "add `bounded_by`, or `unbounded = true` for a small table";
            self.note(
                &rule.source,
                Severity::Warning,
                format!("{name} is bounded by its unique keys alone"),
                (!relation.unique_keys.is_empty()).then(|| hint.to_owned()),
            );
            if relation.unique_keys.is_empty() {
                self.note(
                    &rule.source,
                    Severity::Error,
                    format!("nothing bounds {name}: no statement can read it"),
                    hint.to_owned(),
                );
            }
        }
        for set in &rule.bounded_by {
            for column in set.iter().filter(|c| rule.hidden.contains(*c)) {
                let message = format!("{name} is bounded by {column}, which is hidden: no statement may name it");
                self.note(&rule.source, Severity::Error, message, None);
            }
            self.index_for(&About { name, rule, relation }, set);
            self.equality_for(&About { name, rule, relation }, set);
        }
    }

    /// A bound is cheap only where an index begins with its columns, in whatever order.
    fn index_for(&mut self, About { name, rule, relation }: &About<'_>, set: &[String]) {
        let numbers: Option<Vec<i16>> = set.iter().map(|c| relation.column_named(c).map(|c| c.number)).collect();
        let Some(numbers) = numbers.filter(|_| !rule.is_view) else { return };
        let serves =
            |index: &Vec<i16>| index.len() >= numbers.len() && numbers.iter().all(|n| index[..numbers.len()].contains(n));
        if !self.indexes.get(&relation.oid).is_some_and(|all| all.iter().any(serves)) {
            let columns = set.join(", ");
            let hint = format!("CREATE INDEX ON {name} ({columns}), or accept that such a statement scans the table");
            self.note(&rule.source, Severity::Warning, format!("no index of {name} starts with ({columns})"), hint);
        }
    }

    /// Only the built-in equality of one built-in type pins a column.
    fn equality_for(&mut self, About { name, rule, relation }: &About<'_>, set: &[String]) {
        for column in set.iter().filter_map(|c| relation.column_named(c)) {
            if let Some(found) = self.catalogue.foreign_code(column.type_oid) {
                let message = format!("{name}.{} cannot bound: type {} {}", column.name, found.type_name, found.why);
                self.note(&rule.source, Severity::Error, message, None);
            }
        }
    }

    fn ranges(&mut self, About { name, rule, relation }: &About<'_>) {
        for (text, range) in &rule.max_range {
            let Some(column) = relation.column_named(text) else { continue };
            let fits = match (self.range_kind(column), range) {
                (Some(RangeKind::Integer), MaxRange::Integer(_)) | (Some(RangeKind::Time), MaxRange::Microseconds(_)) => true,
                (Some(_) | None, MaxRange::Integer(_) | MaxRange::Microseconds(_)) => false,
            };
            if !fits {
                let hint = "integers take a number, dates and timestamps a width such as \"31 days\"; other types have no range";
                let of = self.catalogue.types.get(&column.type_oid).map_or("unknown", |t| t.name.name.as_str());
                let message = format!("max_range of {name}.{text} does not fit its type, {of}");
                self.note(&rule.source, Severity::Error, message, hint.to_owned());
            }
            if !rule.bounded_by.iter().flatten().any(|c| c == text) {
                let message = format!("max_range of {name}.{text} has no effect: no bounded_by set holds it");
                self.note(&rule.source, Severity::Warning, message, None);
            }
        }
    }

    fn range_kind(&self, column: &Column) -> Option<RangeKind> {
        let mut of = self.catalogue.types.get(&column.type_oid)?;
        // Domains over domains end: a domain's base is older than the domain.
        while let Some(base) = self.catalogue.types.get(&of.base) {
            of = base;
        }
        range_kind(of)
    }

    fn reveals_hidden(&mut self, About { name, rule, relation }: &About<'_>) {
        for column in relation.columns.iter().flatten().filter(|c| !rule.hidden.contains(&*c.name)) {
            let sources = column.generated_from.iter().filter_map(|n| relation.column(*n));
            for source in sources.filter(|s| rule.hidden.contains(&*s.name)) {
                let message = format!("{name}.{} is generated from {}, which is hidden", column.name, source.name);
                let hint = format!("it counts as hidden too; say so by adding \"{}\" to `hidden`", column.name);
                self.note(&rule.source, Severity::Warning, message, hint);
            }
        }
    }

    fn domains(&mut self, About { name, rule, relation }: &About<'_>) {
        let readable = relation.columns.iter().flatten().filter(|c| !rule.hidden.contains(&*c.name));
        for column in readable {
            if let Some(found) = self.catalogue.foreign_code(column.type_oid) {
                let what = format!("{name}.{} can be shown, but not compared, sorted or grouped", column.name);
                let message = format!("{what}: type {} {}", found.type_name, found.why);
                self.note(&rule.source, Severity::Warning, message, None);
            }
        }
    }

    fn function(&mut self, signature: &FunctionSignature) {
        let found =
            self.catalogue.functions.values().find(|f| f.name == signature.function && f.arguments == signature.arguments);
        let nowhere = Source::default();
        let Some(function) = found else {
            let same_name = self.catalogue.functions.values().filter(|f| f.name == signature.function);
            let others: Vec<String> = same_name.map(|f| format!("{}({})", f.name, f.arguments.join(", "))).collect();
            let hint = (!others.is_empty()).then(|| format!("there is {}", others.join(" and ")));
            return self.note(&nowhere, Severity::Error, format!("[functions] allow: {signature} does not exist"), hint);
        };
        match function.vetting {
            Vetting::Unknown => {}
            Vetting::Refused { why } => {
                self.note(
                    &nowhere,
                    Severity::Warning,
                    format!("[functions] allow: {signature} is refused by default: {why}"),
                    None,
                );
            }
            Vetting::Vetted { .. }
            | Vetting::CappedArgument { .. }
            | Vetting::TotalIfConstant { .. }
            | Vetting::Introspection => {
                self.note(
                    &nowhere,
                    Severity::Warning,
                    format!("[functions] allow: {signature} is vetted and needs no rule"),
                    None,
                );
            }
        }
    }
}

#[derive(Clone, Copy)]
enum RangeKind {
    Integer,
    Time,
}

/// int2, int4, int8; date, timestamp, timestamptz (`pg_type.dat`).
fn range_kind(of: &Type) -> Option<RangeKind> {
    match of.oid {
        21 | 23 | 20 => Some(RangeKind::Integer),
        1082 | 1114 | 1184 => Some(RangeKind::Time),
        _ => None,
    }
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'r' => "table",
        b'p' => "partitioned table",
        b'v' => "view",
        b'm' => "materialized view",
        b'f' => "foreign table",
        b'S' => "sequence",
        b'c' => "composite type",
        _ => "relation of another kind",
    }
}
