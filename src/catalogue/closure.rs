//! Which code runs when values of a type are compared, sorted, hashed, cast or read: the type's closure.

use super::snapshot::{Catalogue, Oid, Type, TypeKind, Vetting};
use std::collections::HashSet;

/// `unknown` and `void` carry no code of a user; every other pseudo-type stands for a type known only when it runs.
const UNKNOWN: Oid = 705;
const VOID: Oid = 2278;

/// A type whose code is not the server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCode {
    pub type_oid: Oid,
    /// `schema.name`.
    pub type_name: String,
    /// As what follows the name: "belongs to extension citext".
    pub why: String,
}

impl Catalogue {
    /// Base, element, attributes and range subtype, recursively, are all the server's own. Otherwise OID and name of the
    /// type that is not.
    pub fn closure_is_built_in(&self, type_oid: Oid) -> Result<(), (Oid, String)> {
        match self.foreign_code(type_oid) {
            Some(found) => Err((found.type_oid, found.type_name)),
            None => Ok(()),
        }
    }

    /// The first type of the closure that brings its own code, and why. Domains count as the server's own only when
    /// everything that their checks call is vetted.
    pub fn foreign_code(&self, type_oid: Oid) -> Option<ForeignCode> {
        // A list of work instead of recursion: types can nest as deep as a user likes.
        let (mut seen, mut left) = (HashSet::from([type_oid]), vec![type_oid]);
        while let Some(type_oid) = left.pop() {
            let Some(of) = self.types.get(&type_oid) else {
                return Some(ForeignCode { type_oid, type_name: type_oid.to_string(), why: "is not known".into() });
            };
            if let Err(why) = self.judge(of) {
                return Some(ForeignCode { type_oid, type_name: format!("{}.{}", of.name.schema, of.name.name), why });
            }
            let parts = [of.base, of.element, of.subtype].into_iter().chain(of.attributes.iter().copied());
            left.extend(parts.filter(|part| *part != 0 && seen.insert(*part)));
        }
        None
    }

    /// The first type whose code runs when Postgres reads a literal of this type. A domain's checks run then only inside
    /// of a composite, an array or a range; by itself it is checked when the statement runs.
    pub fn code_of_literals(&self, type_oid: Oid) -> Option<ForeignCode> {
        let (mut seen, mut left) = (HashSet::from([(type_oid, false)]), vec![(type_oid, false)]);
        while let Some((type_oid, inside)) = left.pop() {
            // A type that is not known is refused by the proof; nothing is known of its parts.
            let Some(of) = self.types.get(&type_oid) else { continue };
            if inside
                && of.kind == TypeKind::Domain
                && let Err(why) = self.judge_checks(of)
            {
                return Some(ForeignCode { type_oid, type_name: format!("{}.{}", of.name.schema, of.name.name), why });
            }
            let parts = [of.element, of.subtype].into_iter().chain(of.attributes.iter().copied()).map(|part| (part, true));
            let parts = parts.chain([(of.base, inside)]);
            left.extend(parts.filter(|part| part.0 != 0 && seen.insert(*part)));
        }
        None
    }

    fn judge(&self, of: &Type) -> Result<(), String> {
        if !of.built_in {
            return Err(match &of.extension {
                Some(extension) => format!("belongs to extension {extension}"),
                None => "brings code of its own".into(),
            });
        }
        match of.kind {
            TypeKind::Base | TypeKind::Composite | TypeKind::Enum | TypeKind::Range | TypeKind::MultiRange => Ok(()),
            TypeKind::Domain => self.judge_checks(of),
            TypeKind::Pseudo if of.oid == UNKNOWN || of.oid == VOID => Ok(()),
            TypeKind::Pseudo => Err("stands for a type that is known only when it runs".into()),
        }
    }

    fn judge_checks(&self, domain: &Type) -> Result<(), String> {
        for oid in &domain.check_functions {
            let Some(function) = self.functions.get(oid) else {
                return Err("has a check that cannot be judged".into());
            };
            match function.vetting {
                Vetting::Vetted { .. } | Vetting::CappedArgument { .. } | Vetting::TotalIfConstant { .. } => {}
                Vetting::Introspection | Vetting::Refused { .. } | Vetting::Unknown => {
                    return Err(format!("has a check that calls {}.{}", function.name.schema, function.name.name));
                }
            }
        }
        Ok(())
    }
}
