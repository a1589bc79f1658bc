//! What a statement over the filtered catalogue may do with object identifiers.
//!
//! The views show rows of visible objects only, but a function such as `pg_get_constraintdef(oid)`, or the text of a
//! `regclass`, tells about any object whose number it is given. So such a number must come from a column of the views,
//! unchanged, or be written as a constant that names something visible. A number that is computed, guessed or a
//! parameter is refused.

// A refusal is the end of a statement, never a hot path, and is passed by value everywhere.
#![allow(clippy::result_large_err)]

use super::admit::Requirement;
use super::model::{Column, Kind, LevelId, Shape, SourceId};
use super::visit;
use crate::catalogue::snapshot::{Catalogue, FIRST_NORMAL_OBJECT_ID, Function, TypeKind, Vetting};
use crate::catalogue::views::{CATALOGUE_SCHEMA, is_filtered_schema};
use crate::catalogue::visible::{KnownRelations, Visible, unknown_object};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading::tree::{Const, Expr, Oid, OpKind, ParamKind, RteKind, Var};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Types whose values name objects: regproc, regclass, regtype, …
const NAMING: [Oid; 11] = [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];
const REGCLASS: Oid = 2205;
const REGPROC: Oid = 24;
const REGPROCEDURE: Oid = 2202;
const REGTYPE: Oid = 2206;
const OID: Oid = 26;
const OID_ARRAY: Oid = 1028;
const OIDVECTOR: Oid = 30;

/// Functions of numbers, texts and arrays that are given to them, and of nothing else: `pg_char_to_encoding`,
/// `pg_encoding_to_char`, `pg_options_to_table`.
const PURE: [Oid; 3] = [1264, 1597, 2289];
/// `pg_get_expr`: names the columns of the relation that it is given in the tree that it is given.
const PG_GET_EXPR: [Oid; 2] = [1716, 2509];
/// `pg_get_userbyid`: roles have small numbers too.
const PG_GET_USERBYID: Oid = 1642;
/// `regclass(text)`: may only read what `pg_get_serial_sequence` says.
pub const REGCLASS_OF_TEXT: Oid = 1079;
/// `unnest(anyarray)`.
const UNNEST: Oid = 2331;
/// More steps than this to find where a number comes from are refused.
const MAX_STEPS: u32 = 2_000;

/// Whether values of a type name objects, themselves or in any part.
pub fn names_objects(catalogue: &Catalogue, type_oid: Oid) -> bool {
    let (mut queue, mut seen) = (vec![type_oid], std::collections::HashSet::new());
    while let Some(oid) = queue.pop() {
        if NAMING.contains(&oid) {
            return true;
        }
        let Some(t) = catalogue.types.get(&oid).filter(|_| seen.insert(oid)) else { continue };
        queue.extend([t.element, t.base, t.subtype].into_iter().filter(|part| *part != 0));
        // The row types of catalogues hold such columns, and are values of the views only.
        if t.kind == TypeKind::Composite && oid >= FIRST_NORMAL_OBJECT_ID {
            queue.extend(&t.attributes);
        }
    }
    false
}

/// Whether a statement that reads no relation asks about the catalogue all the same: by a function, or by naming an object.
pub fn asks_about_objects(shape: &Shape<'_>) -> bool {
    let asks = |e: &Expr| match e {
        Expr::Func { func, .. } => {
            shape.catalogue.functions.get(func).is_some_and(|f| is_filtered(f) || f.vetting == Vetting::Introspection)
        }
        Expr::Const(Const { type_oid, .. }) | Expr::Param { type_oid, .. } => names_objects(shape.catalogue, *type_oid),
        _ => false,
    };
    shape.sites.iter().any(|site| visit::any(site.expr, &mut |e| asks(e)))
}

fn is_filtered(f: &Function) -> bool {
    f.name.schema == CATALOGUE_SCHEMA
}

/// Checks every expression of a statement that reads the filtered catalogue only.
/// Gives what is left to the values at Bind.
pub fn check(shape: &Shape<'_>, visible: &Visible) -> Result<Vec<Requirement>, Deny> {
    let tracer = Tracer { shape, visible };
    let mut parameters = BTreeSet::new();
    for site in &shape.sites {
        tracer.site(site.level, site.expr)?;
        visit::walk(site.expr, &mut |e| {
            if let Expr::Param { kind: ParamKind::Extern, id, type_oid: REGCLASS, .. } = e {
                parameters.insert(*id);
            }
        });
    }
    if parameters.is_empty() {
        return Ok(Vec::new());
    }
    let known = Arc::new(KnownRelations::new(shape.catalogue, visible));
    Ok(parameters.into_iter().map(|id| Requirement::Names(id, known.clone())).collect())
}

struct Tracer<'s, 't> {
    shape: &'s Shape<'t>,
    visible: &'s Visible,
}

impl Tracer<'_, '_> {
    fn site(&self, level: LevelId, expr: &Expr) -> Result<(), Deny> {
        self.one(level, expr)?;
        // The element expression of an array cast is the cast of one element: its array was judged.
        if let Expr::ArrayCoerce { arg, result_type, .. } = expr
            && self.naming(*result_type)
        {
            return self.site(level, arg);
        }
        let mut result = Ok(());
        visit::children(expr, &mut |child| {
            if result.is_ok() {
                result = self.site(level, child);
            }
        });
        result
    }

    fn naming(&self, type_oid: Oid) -> bool {
        names_objects(self.shape.catalogue, type_oid)
    }

    fn one(&self, level: LevelId, expr: &Expr) -> Result<(), Deny> {
        let at = visit::location(expr);
        match expr {
            Expr::Const(c) if self.naming(c.type_oid) => self.constant(c),
            Expr::Param { kind: ParamKind::Extern, type_oid, .. } if *type_oid != REGCLASS && self.naming(*type_oid) => {
                Err(unknown_object())
            }
            Expr::Relabel { result_type, .. } | Expr::ArrayCoerce { result_type, .. } if self.naming(*result_type) => {
                if self.is_shown(level, expr) { Ok(()) } else { Err(computed("a cast to a type that names objects").at(at)) }
            }
            Expr::CoerceViaIo { result_type, .. } | Expr::CoerceToDomain { result_type, .. } if self.naming(*result_type) => {
                Err(computed("a cast to a type that names objects").at(at))
            }
            Expr::Func { func, args, result_type, .. } => self.call(level, *func, args, *result_type).map_err(|d| d.at(at)),
            Expr::Aggref { func, .. }
            | Expr::WindowFunc { func, .. }
            | Expr::Op { func, .. }
            | Expr::ScalarArrayOp { func, .. } => match self.shape.catalogue.functions.get(func) {
                Some(f) if f.built_in && f.vetting != Vetting::Introspection => Ok(()),
                _ => Err(computed("a function of the catalogue in this place").at(at)),
            },
            _ => Ok(()),
        }
    }

    /// Numbers of the server's own objects are no secret.
    fn constant(&self, c: &Const) -> Result<(), Deny> {
        let Some(datum) = &c.datum else { return Ok(()) };
        let Some(oid) = as_oid(c.type_oid, datum) else { return Err(unknown_object()) };
        let known = match c.type_oid {
            REGCLASS => oid < FIRST_NORMAL_OBJECT_ID || self.visible.relation(oid),
            REGTYPE => oid < FIRST_NORMAL_OBJECT_ID || self.visible.type_is_visible(self.shape.catalogue, oid),
            REGPROC | REGPROCEDURE => oid < FIRST_NORMAL_OBJECT_ID || self.visible.functions.contains(&oid),
            // regrole: every number may be a role's.
            4096 => false,
            _ => oid < FIRST_NORMAL_OBJECT_ID,
        };
        if known { Ok(()) } else { Err(unknown_object()) }
    }

    fn call(&self, level: LevelId, func: Oid, args: &[Expr], result_type: Oid) -> Result<(), Deny> {
        // Admission refuses what is unknown.
        let Some(f) = self.shape.catalogue.functions.get(&func) else { return Ok(()) };
        if is_filtered(f) {
            return Ok(());
        }
        if func == REGCLASS_OF_TEXT {
            let of_sequence = args.first().is_some_and(|arg| self.is_call_of(arg, "pg_get_serial_sequence"));
            return if of_sequence { Ok(()) } else { Err(unknown_object()) };
        }
        if f.vetting != Vetting::Introspection {
            // `unnest(regclass[])` gives what it is given; others (`regclass(text)`) look names up.
            let passes_on = f.built_in && func == UNNEST;
            return if self.naming(result_type) && !passes_on { Err(unknown_object()) } else { Ok(()) };
        }
        let refuse = || Err(computed(&format!("{}() of anything but a column of the catalogue", f.name.name)));
        if PURE.contains(&func) {
            return Ok(());
        }
        if f.name.schema == "information_schema" {
            let pure = f.name.name.starts_with("_pg_")
                && !matches!(f.name.name.as_str(), "_pg_index_position" | "_pg_truetypid" | "_pg_truetypmod");
            return if pure { Ok(()) } else { refuse() };
        }
        match args {
            [tree, relation, ..] if PG_GET_EXPR.contains(&func) => {
                let (tree, relation) = (self.column(level, tree), self.column(level, relation));
                match (tree, relation) {
                    (Some(a), Some(b)) if a.source == b.source && self.is_catalogue(a.source) => Ok(()),
                    // psql: `pg_get_expr(pr.prqual, c.oid)`. The view never has a row.
                    (Some(a), Some(b)) if self.is_view(a.source, "pg_publication_rel") && self.is_catalogue(b.source) => Ok(()),
                    _ => refuse(),
                }
            }
            [object, ..] => {
                let harmless = func != PG_GET_USERBYID && small_constant(object);
                if harmless || self.is_shown(level, object) { Ok(()) } else { refuse() }
            }
            [] => Ok(()),
        }
    }

    fn is_call_of(&self, expr: &Expr, name: &str) -> bool {
        match expr {
            Expr::Func { func, .. } => {
                self.shape.catalogue.functions.get(func).is_some_and(|f| is_filtered(f) && f.name.name == name)
            }
            _ => false,
        }
    }

    fn is_shown(&self, level: LevelId, expr: &Expr) -> bool {
        self.comes_from_views(level, expr, &mut MAX_STEPS.clone())
    }

    /// Whether an expression's value is one that the views show, unchanged.
    fn comes_from_views(&self, level: LevelId, expr: &Expr, steps: &mut u32) -> bool {
        *steps = steps.saturating_sub(1);
        if *steps == 0 {
            return false;
        }
        match expr {
            Expr::Const(c) => match &c.datum {
                None => true,
                Some(_) => self.naming(c.type_oid) && self.constant(c).is_ok(),
            },
            Expr::Param { kind: ParamKind::Extern, type_oid: REGCLASS, .. } => true,
            Expr::Var(v) => holds_oids(v.type_oid) && self.var(level, v, steps),
            Expr::Relabel { arg, .. } | Expr::NamedArg { arg, .. } => {
                super::facts::type_of(arg).is_some_and(holds_oids) && self.comes_from_views(level, arg, steps)
            }
            Expr::ArrayCoerce { arg, element, .. } => {
                let relabels = matches!(&**element, Expr::Relabel { arg, .. } if matches!(&**arg, Expr::CaseTest { .. }));
                relabels && self.comes_from_views(level, arg, steps)
            }
            Expr::Subscripting { container, assignment: None, .. } => self.comes_from_views(level, container, steps),
            Expr::Func { func, args, .. } => match self.shape.catalogue.functions.get(func) {
                Some(f) if is_filtered(f) || *func == REGCLASS_OF_TEXT => true,
                Some(f) if f.built_in && *func == UNNEST => args.iter().all(|a| self.comes_from_views(level, a, steps)),
                _ => false,
            },
            Expr::Aggref { func, args, .. } => {
                let passes_on = self
                    .shape
                    .catalogue
                    .functions
                    .get(func)
                    .is_some_and(|f| f.built_in && matches!(f.name.name.as_str(), "array_agg" | "min" | "max" | "any_value"));
                passes_on && args.iter().filter(|a| !a.junk).all(|a| self.comes_from_views(level, &a.expr, steps))
            }
            Expr::Case { whens, default, .. } => {
                let mut arms = whens.iter().map(|(_, then)| then).chain(default.as_deref());
                arms.all(|arm| self.comes_from_views(level, arm, steps))
            }
            Expr::Coalesce { args, .. } | Expr::MinMax { args, .. } => {
                args.iter().all(|a| self.comes_from_views(level, a, steps))
            }
            Expr::Op { kind: OpKind::NullIf, args, .. } => args.first().is_some_and(|a| self.comes_from_views(level, a, steps)),
            Expr::SubLink { query, .. } => {
                let source = self.shape.sublinks.get(&(level, std::ptr::from_ref(&**query)));
                source.is_some_and(|source| self.source(Column { source: *source, number: 1 }, steps))
            }
            _ => false,
        }
    }

    fn var(&self, level: LevelId, var: &Var, steps: &mut u32) -> bool {
        match self.shape.resolve(level, var) {
            super::resolve::Resolved::Column(column) => self.source(column, steps),
            super::resolve::Resolved::Expr(at, inner) => self.comes_from_views(at, inner, steps),
            super::resolve::Resolved::Nothing => false,
        }
    }

    fn source(&self, column: Column, steps: &mut u32) -> bool {
        *steps = steps.saturating_sub(1);
        if *steps == 0 || column.number <= 0 {
            return false;
        }
        match &self.shape.sources[column.source].kind {
            Kind::Relation { .. } => self.is_catalogue(column.source),
            Kind::Derived { level, .. } => self.output(*level, column.number, steps),
            Kind::Function { .. } => self.function_source(column, steps),
            Kind::Values { .. } | Kind::Series(_) | Kind::Elements(_) | Kind::SelfReference { .. } => false,
        }
    }

    /// The nth output of a query, or of every arm of a set operation.
    fn output(&self, level: LevelId, number: i16, steps: &mut u32) -> bool {
        let l = &self.shape.levels[level];
        if l.query.set_operations.is_some() {
            return !l.from.is_empty() && l.from.iter().all(|arm| self.source(Column { source: *arm, number }, steps));
        }
        let Some(index) = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)) else { return false };
        let entry = l.query.target_list.iter().filter(|t| !t.junk).nth(index);
        entry.is_some_and(|entry| self.comes_from_views(level, &entry.expr, steps))
    }

    /// `unnest(p.proargtypes)` in FROM; its other columns are numbers of its own (WITH ORDINALITY).
    fn function_source(&self, column: Column, steps: &mut u32) -> bool {
        let level = self.shape.sources[column.source].level;
        let l = &self.shape.levels[level];
        let index = l.bindings.iter().position(|bound| *bound == Some(column.source));
        let Some(RteKind::Function { functions, .. }) = index.and_then(|i| l.query.range_table.get(i)).map(|e| &e.kind) else {
            return false;
        };
        match functions.as_slice() {
            [only] => column.number == 1 && self.comes_from_views(level, &only.expr, steps),
            _ => false,
        }
    }

    fn is_view(&self, source: SourceId, name: &str) -> bool {
        match &self.shape.sources[source].kind {
            Kind::Relation { relid, .. } => {
                self.shape.catalogue.relation(*relid).is_some_and(|r| r.name.schema == CATALOGUE_SCHEMA && r.name.name == name)
            }
            _ => false,
        }
    }

    fn is_catalogue(&self, source: SourceId) -> bool {
        match &self.shape.sources[source].kind {
            Kind::Relation { relid, .. } => {
                self.shape.catalogue.relation(*relid).is_some_and(|r| is_filtered_schema(&r.name.schema))
            }
            _ => false,
        }
    }

    /// The column of the views that an expression is, through derived tables that pass it on.
    fn column(&self, level: LevelId, expr: &Expr) -> Option<Column> {
        let (mut level, mut expr) = (level, expr);
        for _ in 0..50 {
            let Expr::Var(v) = expr else { return None };
            let column = match self.shape.resolve(level, v) {
                super::resolve::Resolved::Column(column) => column,
                super::resolve::Resolved::Expr(at, inner) => {
                    (level, expr) = (at, inner);
                    continue;
                }
                super::resolve::Resolved::Nothing => return None,
            };
            match &self.shape.sources[column.source].kind {
                Kind::Relation { .. } => return Some(column),
                Kind::Derived { level: inner, .. } if self.shape.levels[*inner].query.set_operations.is_none() => {
                    let index = usize::try_from(column.number).ok()?.checked_sub(1)?;
                    expr = &self.shape.levels[*inner].query.target_list.iter().filter(|t| !t.junk).nth(index)?.expr;
                    level = *inner;
                }
                _ => return None,
            }
        }
        None
    }
}

fn holds_oids(type_oid: Oid) -> bool {
    /// Arrays of the naming types.
    const ARRAYS: [Oid; 11] = [1008, 2207, 2208, 2209, 2210, 2211, 3735, 3770, 4090, 4097, 4192];
    matches!(type_oid, OID | OID_ARRAY | OIDVECTOR) || NAMING.contains(&type_oid) || ARRAYS.contains(&type_oid)
}

/// A by-value datum has the eight bytes of a machine word.
fn as_oid(type_oid: Oid, datum: &[u8]) -> Option<Oid> {
    if !NAMING.contains(&type_oid) {
        return None;
    }
    let word: [u8; 8] = datum.try_into().ok()?;
    u32::try_from(u64::from_le_bytes(word) & 0xffff_ffff).ok()
}

/// A number below those of users' objects, written out: `format_type(23, -1)`.
fn small_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Relabel { arg, .. } => small_constant(arg),
        Expr::Const(c) if matches!(c.type_oid, OID | 23 | REGCLASS | REGTYPE) => match c.datum.as_deref() {
            None => true,
            Some(datum) => <[u8; 8]>::try_from(datum)
                .is_ok_and(|word| (u64::from_le_bytes(word) & 0xffff_ffff) < u64::from(FIRST_NORMAL_OBJECT_ID)),
        },
        _ => false,
    }
}

fn computed(what: &str) -> Deny {
    Deny::new(Reason::FunctionNotAllowed, format!("{what} is not allowed: it could tell about objects that are not granted"))
        .hint("Give it an oid column of pg_class, pg_attribute or another catalogue as it is, from the same row.")
}
