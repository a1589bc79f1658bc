//! What stands in a tree's text, found by crude search: a label, a space and a number.

use std::collections::{BTreeMap, BTreeSet};

/// Relations with the columns selected of them, and functions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mentions {
    pub relations: BTreeMap<u32, BTreeSet<i16>>,
    pub functions: BTreeSet<u32>,
}

impl Mentions {
    /// What is here and not there, in words.
    pub fn lacking_in(&self, other: &Mentions) -> Vec<String> {
        let functions = self.functions.difference(&other.functions).map(|oid| format!("function {oid}"));
        let relations = self.relations.iter().flat_map(|(relid, columns)| match other.relations.get(relid) {
            None => vec![format!("relation {relid}")],
            Some(theirs) => columns.difference(theirs).map(|column| format!("column {column} of relation {relid}")).collect(),
        });
        functions.chain(relations).collect()
    }
}

/// In `outfuncs.c`'s words. A bitmap of columns belongs to the relation named last before it, on every version;
/// its members are attribute numbers less `FirstLowInvalidHeapAttributeNumber`, which is -7.
pub fn dump(text: &str) -> Mentions {
    let mut found = Mentions::default();
    let mut relid = 0;
    for (place, _) in text.match_indices(':') {
        // Lines are broken where a space was.
        let Some((label, rest)) = text[place + 1..].split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        match label {
            "relid" => {
                relid = number(rest);
                if relid != 0 {
                    found.relations.entry(relid).or_default();
                }
            }
            "selectedCols" => {
                let members = rest.strip_prefix("(b").and_then(|rest| rest.split_once(')')).map_or("", |(members, _)| members);
                for member in members.split_whitespace() {
                    let member: i16 = member.parse().expect("a member of a bitmap is a number");
                    found.relations.entry(relid).or_default().insert(member - 7);
                }
            }
            "funcid" | "opfuncid" | "aggfnoid" | "winfnoid" | "startInRangeFunc" | "endInRangeFunc" => {
                found.functions.extend(Some(number(rest)).filter(|oid| *oid != 0));
            }
            _ => {}
        }
    }
    found
}

/// In the words of `derive(Debug)` of the typed tree, which leaves nothing out. An entry's permissions come after its kind, and
/// a view's identity after the query that it became, so here too columns belong to the relation named last.
pub fn typed(text: &str) -> Mentions {
    let mut found = Mentions::default();
    let mut relid = 0;
    for (place, _) in text.match_indices(": ") {
        let (before, rest) = (&text[..place], &text[place + 2..]);
        if before.ends_with("relid") {
            relid = number(rest);
            if relid != 0 {
                found.relations.entry(relid).or_default();
            }
        } else if before.ends_with(" selected") {
            let members = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(members, _)| members);
            let members = members.split(", ").filter_map(|member| member.parse::<i16>().ok());
            found.relations.entry(relid).or_default().extend(members);
        } else if before.ends_with(" func") || before.ends_with("_in_range_func") {
            found.functions.extend(Some(number(rest)).filter(|oid| *oid != 0));
        }
    }
    found
}

fn number(text: &str) -> u32 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}
