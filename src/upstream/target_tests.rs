use proptest::prelude::*;

use super::*;

fn tcp(host: &str, port: u16) -> Host {
    Host::Tcp { host: host.to_owned(), port }
}

#[test]
fn a_uri_gives_hosts_in_order_login_and_database() {
    let target = Target::parse("postgresql://an%40n:p%2Fw@db1:5433,[2001:db8::1]:6432,db3/shop?sslmode=require").unwrap();
    assert_eq!(target.hosts, [tcp("db1", 5433), tcp("2001:db8::1", 6432), tcp("db3", 5432)]);
    assert_eq!((target.user.as_str(), target.database.as_str()), ("an@n", "shop"));
    assert_eq!(target.password.as_ref().map(|password| password.as_str()), Some("p/w"));
    assert_eq!(target.ssl_mode, SslMode::Require);
}

#[test]
fn keywords_may_be_quoted_and_escaped() {
    let target = Target::parse(r"host = /run/pg port=5433 user='o\'neil' password='a b\\' ").unwrap();
    assert_eq!(target.hosts, [Host::Unix { directory: "/run/pg".into(), port: 5433 }]);
    assert_eq!((target.user.as_str(), target.database.as_str()), ("o'neil", "o'neil"));
    assert_eq!(target.password.as_ref().map(|password| password.as_str()), Some(r"a b\"));
}

#[test]
fn a_socket_directory_may_stand_in_either_part_of_a_uri() {
    let expected = [Host::Unix { directory: "/run/pg".into(), port: 5432 }];
    assert_eq!(Target::parse("postgres://ann@%2Frun%2Fpg/shop").unwrap().hosts, expected);
    assert_eq!(Target::parse("postgres://ann@/shop?host=/run/pg").unwrap().hosts, expected);
}

#[test]
fn without_sslmode_only_local_servers_are_reached_in_clear() {
    let mode = |hosts: &str| Target::parse(&format!("postgres://a@{hosts}/d")).unwrap().ssl_mode;
    for local in ["localhost", "127.0.0.1", "127.9.9.9:1", "[::1]", "%2Ftmp"] {
        assert_eq!(mode(local), SslMode::Disable, "{local}");
    }
    for remote in ["db", "10.0.0.1", "localhost,db", "localhost.example.com"] {
        assert_eq!(mode(remote), SslMode::VerifyFull, "{remote}");
    }
}

#[test]
fn modes_that_fall_back_to_less_are_refused() {
    for mode in ["allow", "prefer", "verify-ca", "", "REQUIRE"] {
        let error = Target::parse(&format!("postgres://a@db/d?sslmode={mode}")).unwrap_err();
        assert!(matches!(error, TargetError::Value { option: "sslmode", .. }), "{mode}");
    }
}

#[test]
fn malformed_strings_are_refused() {
    for text in [
        "",
        "postgres://",
        "postgres://db/d",
        "postgres://a@db/d?options=-csearch_path%3Dx",
        "postgres://a@db/d?sslmode",
        "postgres://a@db/d?user=b",
        "postgres://a@db:0/d",
        "postgres://a@db:+5/d",
        "postgres://a@db:65536/d",
        "postgres://a@[::1/d",
        "postgres://a@[::1]5/d",
        "postgres://a@db,/d",
        "postgres://a%00@db/d",
        "postgres://a%2@db/d",
        "postgres://a%ff@db/d",
        "postgres://a@db/d#x",
        "host=db",
        "host=db user='a",
        "host=db user='a'b",
        r"host=db user=a\",
        "host=a,b,c port=1,2 user=a",
        "host=db user=a connect_timeout=0",
    ] {
        assert!(Target::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_password_is_in_no_debug_output_and_no_error() {
    let target = Target::parse("postgres://a:hunter2@db/d").unwrap();
    assert!(!format!("{target:?}").contains("hunter2"));
    let error = Target::parse("postgres://a:hunter2@db/d?sslmode=allow").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "(postgres://)?[a-z:@/?&=,%\\[\\]'\\\\ 0-9é]{0,40}") {
        let _ = Target::parse(&text);
    }

    #[test]
    fn any_password_survives_percent_encoding(password in "[^\0]{1,12}") {
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = Target::parse(&format!("postgres://a:{encoded}@db/d")).unwrap();
        prop_assert_eq!(target.password.map(|found| found.to_string()), Some(password));
    }
}
