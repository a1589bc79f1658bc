//! Findings and how they are printed.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Default)]
pub struct Report(Vec<(Level, String, String)>);

impl Report {
    pub fn ok(&mut self, what: impl Into<String>) {
        self.0.push((Level::Ok, what.into(), String::new()));
    }

    pub fn warn(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push((Level::Warn, what.into(), fix.into()));
    }

    pub fn fail(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push((Level::Fail, what.into(), fix.into()));
    }

    /// `ok` when the condition holds, else FAIL with its fix.
    pub fn must(&mut self, holds: bool, good: impl Into<String>, bad: impl Into<String>, fix: impl Into<String>) {
        if holds { self.ok(good) } else { self.fail(bad, fix) }
    }

    pub fn failed(&self) -> bool {
        self.0.iter().any(|(level, ..)| *level == Level::Fail)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (level, what, fix) in &self.0 {
            let word = match level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            writeln!(f, "{word}  {what}")?;
            if !fix.is_empty() {
                writeln!(f, "      fix: {fix}")?;
            }
        }
        let count = |wanted| self.0.iter().filter(|(level, ..)| *level == wanted).count();
        writeln!(f, "{} ok, {} to look at, {} failed", count(Level::Ok), count(Level::Warn), count(Level::Fail))
    }
}
