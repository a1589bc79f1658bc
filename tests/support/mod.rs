//! What the tests, the sandbox, the demo and the benchmark share: disposable Postgres clusters.
//!
//! Include it from a test with `mod support;`, from an example with `#[path = "../tests/support/mod.rs"] mod support;`.
// Each test binary compiles its own copy and uses a part of it.
#![allow(dead_code, unused_imports)]

pub mod binaries;
pub mod disk;
pub mod guardian;
pub mod lab;
pub mod personas;
pub mod postgres;
pub mod proxy;
pub mod stage;
pub mod standby;
pub mod template;
pub mod user;

pub use binaries::{Binaries, versions};
pub use postgres::{Builder, Cluster};
pub use stage::{Setting, Stage};

/// The corpus in the repository: schema, policy, sample.
pub fn corpus_dir() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The text of the sample shop's schema.
pub fn shop_schema() -> String {
    std::fs::read_to_string(corpus_dir().join("schema.sql")).expect("tests/corpus/schema.sql is in the repository")
}

/// A Python with the drivers: `$PGWARRANT_PYTHON`, what `scripts/setup.sh test` made, or the system's.
pub fn python() -> std::path::PathBuf {
    let made = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/bin/python");
    match std::env::var_os("PGWARRANT_PYTHON") {
        Some(python) => python.into(),
        None if made.is_file() => made,
        None => "python3".into(),
    }
}
