//! What of the database's own catalogue one token may see: the relations, columns and functions that every block of its
//! chain grants, without what the rules hide.

// A refusal is the end of a statement, never a hot path, and is passed by value everywhere.
#![allow(clippy::result_large_err)]

use super::snapshot::{Catalogue, Column, FIRST_NORMAL_OBJECT_ID, Function, Oid, Relation};
use super::views;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::rules::ruleset::{Ruleset, TableRule};
use crate::statement::names::Names;
use crate::token::grant::{Action, Columns, Grant, QualifiedName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The scope of a token over the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visible {
    /// Column numbers by relation. A relation that is granted for DELETE only has none.
    pub relations: BTreeMap<Oid, BTreeSet<i16>>,
    pub functions: BTreeSet<Oid>,
}

impl Visible {
    /// `chain`: the grants of each block, root first. An empty chain sees nothing.
    pub fn new(catalogue: &Catalogue, rules: &Ruleset, chain: &[&[Grant]]) -> Visible {
        let blocks: Vec<Visible> = chain.iter().map(|grants| of_block(catalogue, rules, grants)).collect();
        blocks.into_iter().reduce(|a, b| a.and(&b)).unwrap_or_default()
    }

    fn and(&self, other: &Visible) -> Visible {
        let both = |(oid, columns): (&Oid, &BTreeSet<i16>)| {
            other.relations.get(oid).map(|theirs| (*oid, columns.intersection(theirs).copied().collect()))
        };
        Visible {
            relations: self.relations.iter().filter_map(both).collect(),
            functions: self.functions.intersection(&other.functions).copied().collect(),
        }
    }

    /// The value of [`views::VISIBLE_SETTING`]: digits, `:`, `,`, `;` and `|` only. `views.sql` reads it.
    pub fn setting(&self) -> String {
        let mut text = String::new();
        for (i, (oid, columns)) in self.relations.iter().enumerate() {
            let separator = if i == 0 { "" } else { ";" };
            let _ = write!(text, "{separator}{oid}:");
            list(&mut text, columns);
        }
        text.push('|');
        list(&mut text, &self.functions);
        text
    }

    pub fn relation(&self, oid: Oid) -> bool {
        self.relations.contains_key(&oid)
    }

    /// Whether a type stands in a visible column or function, or belongs to a visible relation, itself or through what
    /// these are made of.
    pub fn type_is_visible(&self, catalogue: &Catalogue, wanted: Oid) -> bool {
        let mut queue: Vec<Oid> = Vec::new();
        for (oid, columns) in &self.relations {
            let Some(relation) = catalogue.relation(*oid) else { continue };
            queue.extend(columns.iter().filter_map(|n| relation.column(*n)).map(|c| c.type_oid));
        }
        for function in self.functions.iter().filter_map(|oid| catalogue.functions.get(oid)) {
            queue.extend(function.argument_types.iter().chain([&function.result_type]));
        }
        let mut seen = BTreeSet::new();
        while let Some(oid) = queue.pop() {
            let Some(t) = catalogue.types.get(&oid).filter(|_| seen.insert(oid)) else { continue };
            queue.extend([t.element, t.array, t.base, t.subtype].into_iter().filter(|part| *part != 0));
            queue.extend(&t.attributes);
        }
        seen.contains(&wanted)
    }

    /// Refuses, before the database sees the statement, each name in it that Parse itself would look up (`'x'::regclass`)
    /// and that the token may not see: whether such a name exists is nobody's business. In a statement that names a table
    /// no such name may stand at all. `names`: of the rewritten statement.
    pub fn check_names(&self, catalogue: &Catalogue, names: &Names) -> Result<(), Deny> {
        let introspection = names.relations.iter().all(|r| r.schema.as_deref().is_some_and(views::is_filtered_schema));
        for cast in &names.casts {
            if let Some(kind) = cast.registered() {
                // What is cast at run time is not looked up by Parse: the proof judges it.
                let Some(literal) = &cast.literal else { continue };
                if cast.array || !introspection || !self.knows(catalogue, kind, literal) {
                    return Err(unknown_object());
                }
            }
        }
        for call in &names.functions {
            // `regclass('x')` is read as the cast.
            let registered = call.name.starts_with("reg") && !call.name.starts_with("regexp_");
            let Some(literal) = call.literal.as_ref().filter(|_| registered) else { continue };
            if !introspection || !self.knows(catalogue, &call.name, literal) {
                return Err(unknown_object());
            }
        }
        Ok(())
    }

    fn knows(&self, catalogue: &Catalogue, kind: &str, literal: &str) -> bool {
        match kind {
            "regclass" => self.knows_relation(catalogue, literal),
            "regtype" => self.knows_type(catalogue, literal),
            "regnamespace" => match parts(literal).as_deref() {
                Some([schema]) => {
                    is_system_schema(schema) || schema == "public" || self.schemas(catalogue).contains(schema.as_str())
                }
                _ => false,
            },
            // The server's own functions are no secret.
            "regproc" | "regprocedure" => {
                let name = literal.split('(').next().unwrap_or_default();
                let mut shown =
                    catalogue.functions.values().filter(|f: &&Function| f.built_in || self.functions.contains(&f.oid));
                match parts(name).as_deref() {
                    Some([name]) => shown.any(|f| f.name.name == *name),
                    Some([schema, name]) => shown.any(|f| f.name.schema == *schema && f.name.name == *name),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn knows_relation(&self, catalogue: &Catalogue, literal: &str) -> bool {
        // A number is no look-up; whether it is visible the proof says as well.
        if let Ok(oid) = literal.parse::<Oid>() {
            return oid < FIRST_NORMAL_OBJECT_ID || self.relation(oid);
        }
        let named = |schema: &str, name: &str| {
            let name = QualifiedName { schema: schema.to_owned(), name: name.to_owned() };
            catalogue.relation_named(&name).is_some_and(|r| self.relation(r.oid))
        };
        let system = |schema: &str, name: &str| {
            let name = QualifiedName { schema: schema.to_owned(), name: name.to_owned() };
            catalogue.relation_named(&name).is_some()
        };
        match parts(literal).as_deref() {
            Some([name]) => system("pg_catalog", name) || named("public", name),
            Some([schema, name]) if is_system_schema(schema) => system(schema, name),
            Some([schema, name]) => named(schema, name),
            _ => false,
        }
    }

    fn knows_type(&self, catalogue: &Catalogue, literal: &str) -> bool {
        let literal = literal.trim().trim_end_matches("[]");
        if SQL_TYPES.contains(&literal.to_ascii_lowercase().as_str()) {
            return true;
        }
        let (schema, name) = match parts(literal).as_deref() {
            Some([name]) => (None, name.clone()),
            Some([schema, name]) => (Some(schema.clone()), name.clone()),
            _ => return false,
        };
        let mut named =
            catalogue.types.values().filter(|t| t.name.name == name && schema.as_ref().is_none_or(|s| *s == t.name.schema));
        named.any(|t| is_system_schema(&t.name.schema) || self.type_is_visible(catalogue, t.oid))
    }

    fn schemas<'c>(&self, catalogue: &'c Catalogue) -> BTreeSet<&'c str> {
        self.relations.keys().filter_map(|oid| catalogue.relation(*oid)).map(|r| r.name.schema.as_str()).collect()
    }
}

/// The relations that a value of type regclass may name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownRelations {
    names: BTreeSet<QualifiedName>,
    oids: BTreeSet<Oid>,
}

impl KnownRelations {
    pub fn new(catalogue: &Catalogue, visible: &Visible) -> KnownRelations {
        let shown = |r: &&Relation| is_system_schema(&r.name.schema) || visible.relation(r.oid);
        let mut known = KnownRelations::default();
        for relation in catalogue.relations.values().filter(shown) {
            known.names.insert(relation.name.clone());
            known.oids.insert(relation.oid);
        }
        known
    }

    /// A value in text: a name, or a number. NULL names nothing.
    pub fn knows_text(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        if let Ok(oid) = text.parse::<Oid>() {
            return self.oids.contains(&oid);
        }
        let named =
            |schema: &str, name: &str| self.names.contains(&QualifiedName { schema: schema.to_owned(), name: name.to_owned() });
        match parts(text).as_deref() {
            Some([name]) => named("pg_catalog", name) || named("public", name),
            Some([schema, name]) => named(schema, name),
            _ => false,
        }
    }

    /// A value in binary: its number.
    pub fn knows_binary(&self, bytes: &[u8]) -> bool {
        bytes.try_into().is_ok_and(|bytes| self.oids.contains(&Oid::from_be_bytes(bytes)))
    }
}

/// The one answer to a name that is not there and to a name that is not to be seen.
pub fn unknown_object() -> Deny {
    Deny::new(Reason::UndefinedObject, "the statement names an object that does not exist or that this token may not see")
        .hint("SHOW pgwarrant.scope lists the tables and columns that this token may see; write object names as plain strings.")
}

/// Names of types that are words of the grammar.
const SQL_TYPES: [&str; 24] = [
    "bigint",
    "bit",
    "bit varying",
    "boolean",
    "char",
    "character",
    "character varying",
    "dec",
    "decimal",
    "double precision",
    "float",
    "int",
    "integer",
    "interval",
    "numeric",
    "real",
    "smallint",
    "time",
    "time with time zone",
    "time without time zone",
    "timestamp",
    "timestamp with time zone",
    "timestamp without time zone",
    "varchar",
];

fn is_system_schema(schema: &str) -> bool {
    matches!(schema, "pg_catalog" | "information_schema")
}

/// An identifier list as `stringToQualifiedNameList` reads it: one or two names, folded or quoted. Numbers, which Postgres
/// takes for OIDs, and anything unusual are no names.
fn parts(literal: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = literal;
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (quoted[..end].to_owned(), &quoted[end + 1..])
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_ascii_lowercase(), &rest[end..])
            }
        };
        let quoted = rest.starts_with('"');
        let plain = |name: &str| {
            !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if name.is_empty() || !(quoted || plain(&name)) {
            return None;
        }
        names.push(name);
        match after.strip_prefix('.') {
            Some(more) if names.len() < 2 => rest = more,
            Some(_) => return None,
            None => return after.is_empty().then_some(names),
        }
    }
}

fn list<T: std::fmt::Display>(text: &mut String, items: &BTreeSet<T>) {
    for (i, item) in items.iter().enumerate() {
        let separator = if i == 0 { "" } else { "," };
        let _ = write!(text, "{separator}{item}");
    }
}

fn of_block(catalogue: &Catalogue, rules: &Ruleset, grants: &[Grant]) -> Visible {
    let mut visible = Visible::default();
    for grant in grants {
        match grant {
            Grant::Relation(grant) => {
                let Some(relation) = catalogue.relation_named(&grant.relation).filter(|r| is_shown(r)) else { continue };
                let Some(rule) = rules.relation(&relation.name) else { continue };
                let columns = visible.relations.entry(relation.oid).or_default();
                match grant.action {
                    Action::Select | Action::Insert | Action::Update => {
                        columns.extend(granted(relation, rule, &grant.columns));
                    }
                    // DELETE names no columns.
                    Action::Delete => {}
                }
            }
            Grant::Execute(signature) => {
                let is_it = |f: &&Function| f.name == signature.function && f.arguments == signature.arguments;
                if rules.functions.contains(signature) {
                    visible.functions.extend(catalogue.functions.values().filter(is_it).map(|f| f.oid));
                }
            }
        }
    }
    visible
}

/// The kinds that can be read at all, as the proof has it.
fn is_shown(relation: &Relation) -> bool {
    let schema = relation.name.schema.as_str();
    let own = schema.starts_with("pg_") || schema == "information_schema" || views::is_filtered_schema(schema);
    !own && matches!(relation.kind, b'r' | b'p' | b'v') && !relation.is_partition && relation.persistence != b't'
}

fn granted<'r>(relation: &'r Relation, rule: &'r TableRule, columns: &'r Columns) -> impl Iterator<Item = i16> + 'r {
    let is_granted = move |column: &&Column| match columns {
        Columns::All => true,
        Columns::List(names) => names.iter().any(|name| **name == *column.name),
    };
    relation
        .columns
        .iter()
        .flatten()
        .filter(is_granted)
        .filter(|column| !hidden(relation, rule, column.number, 0))
        .map(|column| column.number)
}

/// A column that is made from a hidden one is as hidden. `depth` guards against a catalogue that lies.
fn hidden(relation: &Relation, rule: &TableRule, number: i16, depth: u8) -> bool {
    let Some(column) = relation.column(number) else { return true };
    depth > 8
        || rule.hidden.contains(&*column.name)
        || column.generated_from.iter().any(|source| *source != number && hidden(relation, rule, *source, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn column(number: i16, name: &str, generated_from: &[i16]) -> Option<Column> {
        Some(Column {
            name: Arc::from(name),
            number,
            type_oid: 25,
            type_mod: -1,
            collation: 100,
            not_null: false,
            generated: 0,
            generated_from: generated_from.to_vec(),
            has_default: false,
        })
    }

    /// `public.t(id, secret, shadow made from secret)`, its partition, and a table without a rule.
    fn world() -> (Catalogue, Ruleset) {
        let mut catalogue = Catalogue::default();
        for (oid, name, is_partition) in [(20_000, "t", false), (20_001, "t_1", true), (20_002, "bare", false)] {
            let name = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
            catalogue.by_name.insert(name.clone(), oid);
            let relation = Relation {
                oid,
                name,
                kind: b'r',
                persistence: b'p',
                owner: 10,
                is_partition,
                has_inheritance_children: false,
                row_security: false,
                force_row_security: false,
                row_estimate: 0.0,
                columns: vec![column(1, "id", &[]), column(2, "secret", &[]), column(3, "shadow", &[2]), None],
                unique_keys: Vec::new(),
                policies: Vec::new(),
                rules: Vec::new(),
                triggers: Vec::new(),
                write: Default::default(),
            };
            catalogue.relations.insert(oid, relation);
        }
        let mut rules = Ruleset::default();
        for name in ["t", "t_1"] {
            let name = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
            let hidden = ["secret".to_owned()].into_iter().collect();
            rules.relations.insert(name, TableRule { hidden, ..TableRule::default() });
        }
        (catalogue, rules)
    }

    fn setting(chain: &[&[&str]]) -> String {
        let (catalogue, rules) = world();
        let blocks: Vec<Vec<Grant>> =
            chain.iter().map(|block| block.iter().map(|grant| grant.parse().expect("a grant")).collect()).collect();
        let blocks: Vec<&[Grant]> = blocks.iter().map(Vec::as_slice).collect();
        Visible::new(&catalogue, &rules, &blocks).setting()
    }

    #[test]
    fn the_scope_is_what_every_block_grants_without_what_is_hidden() {
        let all = "SELECT (*) ON public.t";
        for (chain, expected) in [
            (&[&[all][..]][..], "20000:1|"),
            (&[&[all], &["SELECT (id) ON public.t"]], "20000:1|"),
            (&[&[all], &["DELETE ON public.t"]], "20000:|"),
            (&[&[all], &["SELECT (secret) ON public.t"]], "20000:|"),
            (&[&["SELECT (shadow) ON public.t"]], "20000:|"),
            (&[&[all], &[]], "|"),
            (&[&["SELECT (*) ON public.t_1"]], "|"),
            (&[&["SELECT (*) ON public.bare"]], "|"),
            (&[&["SELECT (*) ON public.none"]], "|"),
            (&[], "|"),
        ] {
            assert_eq!(setting(chain), expected, "{chain:?}");
        }
    }

    #[test]
    fn a_relation_s_name_is_read_as_postgres_reads_it() {
        let (catalogue, rules) = world();
        let grants: Vec<Grant> = vec!["SELECT (*) ON public.t".parse().expect("a grant")];
        let visible = Visible::new(&catalogue, &rules, &[&grants]);
        for name in ["t", "T", "public.t", "\"t\"", "Public.\"t\"", "20000"] {
            assert!(visible.knows(&catalogue, "regclass", name), "{name}");
        }
        for name in ["\"T\"", "bare", "public.bare", "20002", "", "t.", ".t", "a.b.t", "t ", "\"t", "none", "0x1"] {
            assert!(!visible.knows(&catalogue, "regclass", name), "{name}");
        }
    }
}
