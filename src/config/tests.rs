use super::*;

const MINIMAL: &str = r#"
audience = "shop@proxy"
database = "shop"

[[root]]
key = "keys/root.pub"

[upstream]
reader = "postgres://reader@127.0.0.1/shop"

[ledger]
dir = "ledger"
origin = "example.com/shop"
key = "keys/ledger.key"
"#;

fn error(text: &str) -> String {
    let path = Path::new("pgwarrant.toml");
    match Config::parse(path, text).and_then(|config| config.check(path)) {
        Ok(()) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_minimal_file_is_enough() {
    assert_eq!(error(MINIMAL), "no error");
    let mut config = Config::parse(Path::new("/etc/pgwarrant.toml"), MINIMAL).expect("valid");
    config.resolve(Path::new("/etc"));
    assert_eq!(config.ledger.key, Path::new("/etc/keys/ledger.key"));
    assert_eq!(config.rules.dir, Path::new("/etc/rules"));
    assert_eq!(config.roots[0].key, Path::new("/etc/keys/root.pub"));
    assert_eq!(config.upstream.wait_timeout.as_secs(), 5);
}

#[test]
fn every_error_is_one_line_that_names_file_and_key() {
    let cases = [
        (MINIMAL.replace("audience = \"shop@proxy\"", ""), "pgwarrant.toml:1: audience: is missing"),
        (MINIMAL.replace("reader =", "raeder ="), "pgwarrant.toml:9: upstream.raeder: unknown field `raeder`"),
        (
            MINIMAL.replace("[upstream]", "[upstream]\npool_size = \"many\""),
            "pgwarrant.toml:9: upstream.pool_size: invalid type: string \"many\"",
        ),
        (
            MINIMAL.replace("[upstream]", "[upstream]\nwait_timeout = \"5 parsecs\""),
            "pgwarrant.toml:9: upstream.wait_timeout: invalid value",
        ),
        (MINIMAL.replace("[ledger]", "[ledger]\nsegment = -1"), "pgwarrant.toml:12: ledger.segment: invalid value"),
        (
            MINIMAL.replace("[ledger]", "[ledger]\nretention = \"a while\""),
            "pgwarrant.toml:12: ledger.retention: invalid value: string \"a while\", expected a duration such as \"200 days\", or",
        ),
        (
            MINIMAL.replace("[ledger]", "[ledger]\nlow_water_writes = \"1MiB\""),
            "pgwarrant.toml: ledger.low_water_writes: must not be below ledger.low_water",
        ),
        (MINIMAL.replace("postgres://", "mysql://"), "pgwarrant.toml:9: upstream.reader: the URL must begin with postgres://"),
        (MINIMAL.replace("dir = \"ledger\"", ""), "pgwarrant.toml:11: ledger.dir: is missing"),
        (MINIMAL.replace("\"shop\"", "\"shop"), "pgwarrant.toml:3: "),
        (
            MINIMAL.replace("database = \"shop\"", "database = \"x\""),
            "pgwarrant.toml: upstream.reader: names the database \"shop\"",
        ),
        (
            MINIMAL.replace("key = \"keys/root.pub\"", "key = \"k\"\nnot_after = 2026-01-01"),
            "pgwarrant.toml:7: root[0].not_after: needs a date-time",
        ),
    ];
    for (text, expected) in cases {
        let message = error(&text);
        assert!(message.starts_with(expected), "{message}\nexpected {expected}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn an_error_never_shows_the_password() {
    let text = MINIMAL.replace("reader@127.0.0.1/shop", "reader:hunter2@127.0.0.1/shop?options=x");
    assert!(!error(&text).contains("hunter2"), "{}", error(&text));
}

#[test]
fn the_ledger_is_kept_for_200_days_and_writes_stop_at_twice_the_low_water() {
    let parse = |line: &str| {
        let text = MINIMAL.replace("[ledger]", &format!("[ledger]\n{line}"));
        Config::parse(Path::new("pgwarrant.toml"), &text).expect("valid").ledger
    };
    assert_eq!(parse("").retention, Retention::For(Span(Duration::from_secs(200 * 86_400))));
    assert_eq!(parse("retention = \"30 days\"").retention, Retention::For(Span(Duration::from_secs(30 * 86_400))));
    assert_eq!(parse("retention = \"forever\"").retention, Retention::Forever);
    assert_eq!(parse("low_water = \"1GiB\"").low_water_writes(), ByteSize(2 << 30));
}

#[test]
fn units_are_read_as_written() {
    assert_eq!(Span::parse("500ms"), Some(Span(Duration::from_millis(500))));
    assert_eq!(Span::parse("1h"), Some(Span(Duration::from_secs(3600))));
    assert_eq!(Span::parse("5"), None);
    assert_eq!(ByteSize::parse("64KiB"), Some(ByteSize(65536)));
    assert_eq!(ByteSize::parse("1MB"), None);
    assert_eq!(ByteSize::parse("99999999999GiB"), None);
}

#[test]
fn the_unix_socket_is_named_as_libpq_looks_for_it() {
    let text = MINIMAL.replace("[upstream]", "[listen]\naddresses = []\nunix_socket_dir = \"/run/pgw\"\n[upstream]");
    let config = Config::parse(Path::new("x"), &text).expect("valid");
    assert_eq!(config.unix_socket(), Some("/run/pgw/.s.PGSQL.6432".into()));
}
