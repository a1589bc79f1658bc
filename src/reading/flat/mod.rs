//! A tree as a sequence: every node, then every field that the tree keeps, in a fixed order.
//!
//! Lists say their length and options whether they are there, so two trees are equal exactly when their sequences are.
//! What compares, counts or collects over whole trees works on the sequence and needs no walk of its own; the walk here takes each
//! struct apart by name, so a field added to the tree does not compile until it stands here too.

mod expr;
mod query;

use super::tree::{ColumnSet, Const, Location, Oid, ParamKind, Query, Trees};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// A node begins, by Postgres's name for it.
    Node(&'static str),
    /// That many elements follow; 0 or 1 for an option.
    List(usize),
    Number(i64),
    Text(Option<&'a str>),
    Texts(&'a [String]),
    Oids(&'a [Oid]),
    Ints(&'a [i32]),
    Columns(&'a ColumnSet),
    /// Where in the statement's text; two trees of one statement with other literals differ here.
    Location(Location),
    Const(&'a Const),
    Param(Param),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    pub kind: ParamKind,
    pub id: u32,
    pub type_oid: Oid,
    pub type_mod: i32,
    pub collation: Oid,
    pub location: Location,
}

/// Both trees, the analysed one first.
pub fn trees(trees: &Trees) -> Vec<Item<'_>> {
    let Trees { analysed, rewritten } = trees;
    let mut flat = Flat::default();
    flat.query(analysed);
    flat.each(rewritten, Flat::query);
    flat.items
}

pub fn query(query: &Query) -> Vec<Item<'_>> {
    let mut flat = Flat::default();
    flat.query(query);
    flat.items
}

#[derive(Default)]
struct Flat<'a> {
    items: Vec<Item<'a>>,
}

impl<'a> Flat<'a> {
    fn node(&mut self, name: &'static str) -> &mut Self {
        self.items.push(Item::Node(name));
        self
    }

    fn number(&mut self, value: impl Into<i64>) -> &mut Self {
        self.items.push(Item::Number(value.into()));
        self
    }

    fn text(&mut self, value: &'a str) -> &mut Self {
        self.optional_text(Some(value))
    }

    fn optional_text(&mut self, value: Option<&'a str>) -> &mut Self {
        self.items.push(Item::Text(value));
        self
    }

    fn texts(&mut self, values: &'a [String]) -> &mut Self {
        self.items.push(Item::Texts(values));
        self
    }

    fn oids(&mut self, values: &'a [Oid]) -> &mut Self {
        self.items.push(Item::Oids(values));
        self
    }

    fn ints(&mut self, values: &'a [i32]) -> &mut Self {
        self.items.push(Item::Ints(values));
        self
    }

    fn columns(&mut self, values: &'a ColumnSet) -> &mut Self {
        self.items.push(Item::Columns(values));
        self
    }

    fn location(&mut self, value: Location) -> &mut Self {
        self.items.push(Item::Location(value));
        self
    }

    fn each<T>(&mut self, values: &'a [T], one: impl Fn(&mut Self, &'a T)) -> &mut Self {
        self.items.push(Item::List(values.len()));
        for value in values {
            one(self, value);
        }
        self
    }

    fn option<T>(&mut self, value: Option<&'a T>, one: impl FnOnce(&mut Self, &'a T)) -> &mut Self {
        self.items.push(Item::List(usize::from(value.is_some())));
        if let Some(value) = value {
            one(self, value);
        }
        self
    }
}
