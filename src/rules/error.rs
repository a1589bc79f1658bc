//! What is wrong with a rule file, and where.

use super::ruleset::Source;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    pub source: Source,
    pub message: String,
    /// What was expected, or the smallest change that would pass.
    pub hint: Option<String>,
    /// The line that the source points at.
    pub line_text: String,
}

/// Every error of every file, in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RuleErrors(pub Vec<RuleError>);

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

/// `rules.toml:3:1: unknown key …`, the line, a caret under the offence, and the hint.
impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source { file, line, column } = &self.source;
        if *line == 0 {
            write!(f, "{file}: {}", self.message)?;
        } else {
            let (number, blank) = (line.to_string(), " ".repeat((*column as usize).saturating_sub(1)));
            write!(f, "{file}:{line}:{column}: {}\n  {number} | {}\n", self.message, self.line_text)?;
            write!(f, "  {} | {blank}^", " ".repeat(number.len()))?;
        }
        match &self.hint {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}
