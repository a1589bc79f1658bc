//! The command line without a database: what a person who made a mistake is told.

mod support;

use std::fs;
use std::process::Command;
use support::proxy::binary;

/// Exit status and standard error of `pgwarrant serve` under this configuration.
fn serve(config: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pgwarrant.toml");
    fs::write(&file, config).expect("written");
    let output = Command::new(binary().expect("built")).arg("serve").arg("--config").arg(&file).output().expect("runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).replace(&dir.path().display().to_string(), ""))
}

#[test]
fn a_missing_or_wrong_setting_is_one_line_that_names_file_and_key() {
    let rest = "[[root]]\nkey = \"r\"\n[ledger]\ndir = \"l\"\norigin = \"o\"\nkey = \"k\"\n";
    for (config, expected) in [
        ("database = \"shop\"\n", "pgwarrant: /pgwarrant.toml:1: audience: is missing\n"),
        ("audience = 7\n", "pgwarrant: /pgwarrant.toml:1: audience: invalid type: integer `7`, expected a string\n"),
        ("audience = \"a\"\ncolour = \"red\"\n", "pgwarrant: /pgwarrant.toml:2: colour: unknown field `colour`"),
        ("[limits]\nhold = \"1 league\"\n", "pgwarrant: /pgwarrant.toml:2: limits.hold: invalid value: string \"1 league\""),
    ] {
        let (good, error) = serve(config);
        assert!(!good && error.starts_with(expected) && error.lines().count() == 1, "{error}\nexpected {expected}");
    }
    let upstream = "[upstream]\nreader = \"postgres://r@127.0.0.1/shop\"\n";
    let (_, error) = serve(&format!("audience = \"a\"\ndatabase = \"other\"\n{upstream}{rest}"));
    assert!(error.contains("upstream.reader: names the database \"shop\""), "{error}");
}

#[test]
fn without_a_configuration_the_way_to_one_is_named() {
    let output =
        Command::new(binary().expect("built")).args(["serve", "--config", "/nonexistent/pgwarrant.toml"]).output().expect("runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("/nonexistent/pgwarrant.toml") && error.contains("pgwarrant init"), "{error}");
}
