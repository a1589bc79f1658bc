//! Who may not know whom: read from the sources themselves.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut left) = (Vec::new(), vec![root.clone()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).expect("src is there") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).expect("below src").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("readable")));
            }
        }
    }
    assert!(found.len() > 100, "only {} files", found.len());
    found
}

/// The code of a file without its comments and its tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn offenders(of: &[&str], forbidden: &[&str], except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources() {
        let ours = of.iter().any(|dir| name.starts_with(dir)) && !name.ends_with("tests.rs");
        if !ours || except.iter().any(|e| name.starts_with(e)) {
            continue;
        }
        for line in code(&text) {
            if let Some(word) = forbidden.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}: {word}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_pure_rooms_know_no_socket_runtime_clock_or_database() {
    let pure = ["statement/", "reading/", "shape/", "decision/", "rules/", "token/"];
    let forbidden =
        ["tokio", "std::net", "SystemTime", "Instant::now", "crate::wire", "crate::session", "crate::upstream", "crate::ledger"];
    assert_eq!(offenders(&pure, &forbidden, &[]), Vec::<String>::new());
}

#[test]
fn wire_knows_nothing_of_ours() {
    let ours = [
        "statement",
        "reading",
        "shape",
        "decision",
        "rules",
        "token",
        "ledger",
        "audit",
        "session",
        "catalogue",
        "upstream",
        "cli",
    ];
    let forbidden: Vec<String> = ours.iter().map(|o| format!("crate::{o}")).collect();
    let forbidden: Vec<&str> = forbidden.iter().map(String::as_str).collect();
    assert_eq!(offenders(&["wire/"], &forbidden, &[]), Vec::<String>::new());
}

#[test]
fn upstream_knows_neither_tokens_nor_decisions_and_the_ledger_no_sql() {
    assert_eq!(offenders(&["upstream/"], &["crate::token", "crate::decision", "crate::session"], &[]), Vec::<String>::new());
    assert_eq!(
        offenders(&["ledger/"], &["tokio_postgres", "crate::statement", "sqlparser", "crate::session"], &[]),
        Vec::<String>::new()
    );
}

#[test]
fn sqlparser_and_tokio_postgres_stay_where_they_belong() {
    assert_eq!(offenders(&[""], &["sqlparser::"], &["statement/"]), Vec::<String>::new());
    // `session/watch.rs` keeps the connection on which `catalogue::load` reads the epoch.
    let allowed = ["catalogue/load", "audit/", "cli/", "session/watch.rs"];
    assert_eq!(offenders(&[""], &["tokio_postgres"], &allowed), Vec::<String>::new());
}
