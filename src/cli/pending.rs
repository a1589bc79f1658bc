//! Stands in for `rules::parse` and `rules::load_dir` until they are there: reads only what `init` and `doctor` need.

use crate::rules::ruleset::{Ruleset, TableRule};
use crate::token::grant::QualifiedName;
use std::path::Path;

pub fn parse(files: &[(String, String)]) -> anyhow::Result<Ruleset> {
    let mut rules = Ruleset::default();
    for (file, text) in files {
        let value: toml::Table = toml::from_str(text).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
        for kind in ["table", "view"] {
            for (name, rule) in value.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let (schema, name) = name.split_once('.').ok_or_else(|| anyhow::anyhow!("{file}: {name} has no schema"))?;
                let hidden = rule.get("hidden").and_then(toml::Value::as_array).into_iter().flatten();
                let hidden = hidden.filter_map(|column| column.as_str().map(str::to_owned)).collect();
                let name = QualifiedName { schema: schema.to_owned(), name: name.to_owned() };
                rules.relations.insert(name, TableRule { hidden, ..TableRule::default() });
            }
        }
    }
    Ok(rules)
}

pub fn load_dir(dir: &Path) -> anyhow::Result<Ruleset> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| anyhow::anyhow!("{}: {error}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    parse(&files)
}
