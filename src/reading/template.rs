//! May the literals of a statement be taken out of it?
//!
//! A template is the statement's text with `$n` for its plain literals. It may stand for the statement only if Postgres reads it as
//! the same tree with a parameter where the literal's constant was, one to one. Literals that became something else (a position in
//! ORDER BY, a type modifier, a half of a merged GROUP BY expression, a negative number) leave no constant at their place: then there
//! is no template and the whole text is read each time.

use super::flat::{self, Item, Param};
use super::tree::{Const, Oid, ParamKind, Trees};

/// Where a literal stands in the statement and its parameter in the template, in bytes from the start of either text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiteralSite {
    pub position: u32,
    pub length: u32,
    pub template_position: u32,
    pub template_length: u32,
}

/// The type of each literal, in order; `None` when one of them cannot be a parameter.
///
/// A literal counts if the analysed tree has at least one constant exactly where it stands, all of them of one type and value
/// (BETWEEN SYMMETRIC shows each twice), not null, without a type modifier, of a type that does not name things of the catalogue.
pub fn literal_types(trees: &Trees, literals: &[LiteralSite]) -> Option<Vec<Oid>> {
    let sites = Sites::new(literals)?;
    let mut found: Vec<Option<&Const>> = vec![None; literals.len()];
    for item in flat::query(&trees.analysed) {
        let Item::Const(constant) = item else { continue };
        let Some(literal) = sites.at(constant.location) else { continue };
        match found[literal] {
            None => found[literal] = Some(constant),
            Some(first) if first == constant => {}
            Some(_) => return None,
        }
    }
    found.into_iter().map(|constant| constant.filter(|constant| is_plain(constant)).map(|constant| constant.type_oid)).collect()
}

/// Whether `templated`, the trees of the template, are those of the statement but for its literals.
///
/// Literal `i` became `$(first_param + i)` of the type that [`literal_types`] gave. Locations are not compared, since the texts
/// have different lengths; but a constant that stands where a literal stood must be that literal's parameter in the template.
pub fn same_but_parameters(original: &Trees, templated: &Trees, first_param: u32, literals: &[LiteralSite]) -> bool {
    let Some(sites) = Sites::new(literals) else { return false };
    if literal_types(original, literals).is_none() {
        return false;
    }
    let (original, templated) = (flat::trees(original), flat::trees(templated));
    original.len() == templated.len()
        && original.iter().zip(&templated).all(|(original, templated)| same_item(*original, *templated, first_param, &sites))
}

fn same_item(original: Item, templated: Item, first_param: u32, sites: &Sites) -> bool {
    match (original, templated) {
        (Item::Const(constant), templated) => match sites.at(constant.location) {
            Some(literal) => is_parameter_of(constant, templated, first_param, literal, sites),
            None => matches!(templated, Item::Const(other) if same_constant(constant, other)),
        },
        // A parameter of the statement's own that has a literal's number would be two things at once.
        (Item::Param(param), Item::Param(other)) => {
            let clash = param.kind == ParamKind::Extern && param.id >= first_param;
            !clash && Param { location: None, ..param } == Param { location: None, ..other }
        }
        (Item::Location(_), Item::Location(_)) => true,
        (Item::Param(_) | Item::Location(_), _) => false,
        (
            Item::Node(_)
            | Item::List(_)
            | Item::Number(_)
            | Item::Text(_)
            | Item::Texts(_)
            | Item::Oids(_)
            | Item::Ints(_)
            | Item::Columns(_),
            _,
        ) => original == templated,
    }
}

fn is_parameter_of(constant: &Const, templated: Item, first_param: u32, literal: usize, sites: &Sites) -> bool {
    let Item::Param(param) = templated else { return false };
    let id = u32::try_from(literal).ok().and_then(|literal| first_param.checked_add(literal));
    let expected = Param {
        kind: ParamKind::Extern,
        id: id.unwrap_or(0),
        type_oid: constant.type_oid,
        type_mod: constant.type_mod,
        collation: constant.collation,
        location: Some(sites.literals[literal].template_position),
    };
    id.is_some() && is_plain(constant) && param == expected
}

fn same_constant(one: &Const, other: &Const) -> bool {
    let Const { type_oid, type_mod, collation, type_len, by_value, datum, location: _ } = one;
    *type_oid == other.type_oid
        && *type_mod == other.type_mod
        && *collation == other.collation
        && *type_len == other.type_len
        && *by_value == other.by_value
        && *datum == other.datum
}

/// Whether a parameter can take the place of this constant.
fn is_plain(constant: &Const) -> bool {
    constant.datum.is_some() && constant.type_mod < 0 && !NAMING_TYPES.contains(&constant.type_oid)
}

/// Types of `pg_type.dat` whose text Postgres looks up in the catalogue or that are no type a parameter can be declared with:
/// `"char"`, unknown, records and pseudo-types, the reg* family, and arrays of them.
const NAMING_TYPES: &[Oid] = &[
    18, 1002, // "char"
    705,  // unknown
    24, 1008, // regproc
    2202, 2207, // regprocedure
    2203, 2208, // regoper
    2204, 2209, // regoperator
    2205, 2210, // regclass
    2206, 2211, // regtype
    4096, 4097, // regrole
    4089, 4090, // regnamespace
    4191, 4192, // regcollation
    3734, 3735, // regconfig
    3769, 3770, // regdictionary
    2249, 2287, // record
    2275, 1263, // cstring
    2276, 2277, 2278, 2283, 2776, 3500, 3831, // any, anyarray, void, anyelement, anynonarray, anyenum, anyrange
    1790, 2201, // refcursor
    0,
];

/// The literals by position, each position once.
struct Sites<'a> {
    literals: &'a [LiteralSite],
}

impl<'a> Sites<'a> {
    /// `None` unless the literals stand in the order of the text.
    fn new(literals: &'a [LiteralSite]) -> Option<Sites<'a>> {
        literals.windows(2).all(|pair| pair[0].position < pair[1].position).then_some(Sites { literals })
    }

    fn at(&self, location: Option<u32>) -> Option<usize> {
        self.literals.binary_search_by_key(&location?, |literal| literal.position).ok()
    }
}
