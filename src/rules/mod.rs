//! Rule files → Ruleset. Rules only ever narrow what a token grants; a table without one is not readable.

pub mod case;
mod duration;
pub mod error;
pub mod lint;
pub mod name;
mod parse;
mod reader;
pub mod ruleset;
pub mod sql;

pub use case::{Case, Expect};
pub use error::{RuleError, RuleErrors};
pub use parse::{CASE_KEYS, FUNCTION_KEYS, OBJECT_KEYS, TABLE_KEYS, TOP_KEYS, VIEW_KEYS, parse};

use ruleset::{Ruleset, Source};
use std::path::Path;

/// The rules in a directory's `*.toml` files.
pub fn load_dir(dir: &Path) -> Result<Ruleset, RuleErrors> {
    parse(&read_dir(dir)?).map(|(ruleset, _)| ruleset)
}

/// `(file name, text)` of a directory's `*.toml` files. No file at all is an error: it is far more often a wrong path
/// than a wish to let nothing through.
pub fn read_dir(dir: &Path) -> Result<Vec<(String, String)>, RuleErrors> {
    let failed = |path: &Path, what: String| {
        let source = Source { file: path.display().to_string(), line: 0, column: 0 };
        RuleErrors(vec![RuleError { source, message: what, hint: None, line_text: String::new() }])
    };
    let entries = std::fs::read_dir(dir).map_err(|e| failed(dir, format!("cannot be read: {e}")))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| failed(dir, format!("cannot be read: {e}")))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Editors leave `.rules.toml.swp` and the like beside the files.
        if path.extension().is_some_and(|e| e == "toml") && !name.starts_with('.') {
            let text = std::fs::read_to_string(&path).map_err(|e| failed(&path, format!("cannot be read: {e}")))?;
            files.push((name, text));
        }
    }
    if files.is_empty() {
        return Err(failed(dir, "holds no *.toml file".into()));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
