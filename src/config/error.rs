//! One line: the file, the line in it, the key, what is wrong.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: {source}{}", path.display(), remedy(source))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}{}: {key}: {message}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Key { path: PathBuf, line: Option<usize>, key: String, message: String },
    #[error("{}{}: {message}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Syntax { path: PathBuf, line: Option<usize>, message: String },
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        ConfigError::Unreadable { path: path.to_owned(), source }
    }

    pub(super) fn value(path: &Path, key: &str, message: String) -> Self {
        ConfigError::Key { path: path.to_owned(), line: None, key: key.to_owned(), message }
    }

    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = one_line(error.message());
        ConfigError::Syntax { path: path.to_owned(), line: line_of(text, error), message }
    }

    pub(super) fn key(path: &Path, text: &str, error: serde_path_to_error::Error<toml::de::Error>) -> Self {
        let parent = error.path().to_string();
        let message = one_line(error.inner().message());
        let line = line_of(text, error.inner());
        let parent = if parent == "." { String::new() } else { parent };
        // Serde says which field is missing only in words.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let (key, message) = match missing {
            Some(field) if parent.is_empty() => (field.to_owned(), "is missing".to_owned()),
            Some(field) => (format!("{parent}.{field}"), "is missing".to_owned()),
            None => (parent, message),
        };
        ConfigError::Key { path: path.to_owned(), line, key, message }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound { "; `pgwarrant init` writes one, --config names another" } else { "" }
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

fn line_of(text: &str, error: &toml::de::Error) -> Option<usize> {
    let span = error.span()?;
    text.get(..span.start).map(|before| before.matches('\n').count() + 1)
}
