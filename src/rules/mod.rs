//! Rule files → Ruleset.

pub mod ruleset;
