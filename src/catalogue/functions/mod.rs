//! The vetted table: what may be called, by OID. `table.tsv` is made by a documented rule (`docs/functions.md`) and read as data.
//!
//! An entry counts only if OID, name and argument types agree with the server's, so that a number that another
//! version gave to another function proves nothing.

use super::constant::ConstantCheck;
use super::snapshot::{Oid, Vetting};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Lines of `oid TAB signature TAB versions TAB class`, sorted by OID and signature; `#` starts a comment.
pub const TABLE: &str = include_str!("table.tsv");

/// OIDs below are written in the server's source (`access/transam.h`). Above, `initdb` counts, and the same function has
/// another number in another cluster: the table writes 0, and the signature alone says which one is meant.
pub const FIRST_GENBKI_OBJECT_ID: Oid = 10_000;

type Entries = HashMap<Oid, Vec<(&'static str, Vetting)>>;

static ENTRIES: LazyLock<Entries> = LazyLock::new(|| {
    let mut entries = Entries::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        if let Some((oid, signature, vetting)) = read_line(line) {
            entries.entry(oid).or_default().push((signature, vetting));
        }
    }
    entries
});

/// Of a function that came with the server (the caller's to know). `signature` is `lower(text)`, schema-qualified outside `pg_catalog`, argument types as `format_type` prints them.
pub fn vetting(oid: Oid, signature: &str) -> Vetting {
    let pinned = if oid < FIRST_GENBKI_OBJECT_ID { oid } else { 0 };
    let of_oid = ENTRIES.get(&pinned).map(Vec::as_slice).unwrap_or_default();
    of_oid.iter().find(|(known, _)| *known == signature).map_or(Vetting::Unknown, |(_, vetting)| *vetting)
}

fn read_line(line: &'static str) -> Option<(Oid, &'static str, Vetting)> {
    let mut fields = line.split('\t');
    let (oid, signature, _versions, class) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some((oid.parse().ok()?, signature, read_class(class)?))
}

fn read_class(class: &'static str) -> Option<Vetting> {
    let (word, rest) = class.split_once(':').unwrap_or((class, ""));
    Some(match word {
        "total" => Vetting::Vetted { total: true },
        "partial" => Vetting::Vetted { total: false },
        "introspection" => Vetting::Introspection,
        "cap" => Vetting::CappedArgument { index: rest.parse().ok()?, total: false },
        "constant" => {
            let (index, check) = rest.split_once(':')?;
            Vetting::TotalIfConstant { index: index.parse().ok()?, constant: ConstantCheck::from_word(check)? }
        }
        "refused" => Vetting::Refused { why: rest },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_reads() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            assert!(read_line(line).is_some(), "{line}");
        }
    }

    #[test]
    fn an_entry_counts_only_under_its_own_number_and_types() {
        const LOWER: Oid = 870;
        assert_eq!(vetting(LOWER, "lower(text)"), Vetting::Vetted { total: true });
        assert_eq!(vetting(LOWER, "lower(integer)"), Vetting::Unknown);
        assert_eq!(vetting(LOWER + 1, "lower(text)"), Vetting::Unknown);
    }

    #[test]
    fn no_number_and_signature_stand_twice() {
        let mut seen = std::collections::HashSet::new();
        for (oid, signature, _) in TABLE.lines().filter_map(read_line) {
            assert!(seen.insert((oid, signature)), "{oid} {signature}");
        }
    }
}
