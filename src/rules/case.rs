//! Cases: statements that stand beside the rules with the verdict that they must get.

use super::ruleset::Source;

/// One `[[case]]`; `pgwarrant rules test` runs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub name: String,
    /// Each in a grant's own text form.
    pub grants: Vec<String>,
    pub sql: String,
    /// Parameters `$1`… in text form; `None` is null.
    pub params: Vec<Option<String>>,
    pub expect: Expect,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    Permit,
    /// With this reason code.
    Deny(String),
}

impl Expect {
    /// `permit`, or `deny` and a reason code.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "permit" => Some(Expect::Permit),
            Some(("deny", code)) if is_code(code) => Some(Expect::Deny(code.to_owned())),
            None | Some(_) => None,
        }
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expect::Permit => f.write_str("permit"),
            Expect::Deny(code) => write!(f, "deny {code}"),
        }
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
