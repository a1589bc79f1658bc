//! How a connection begins: greeting, refusals, the Unix socket.

use std::os::unix::net::UnixStream;

use crate::client::{Address, Client};
use crate::door::Doors;
use crate::support::personas;

#[test]
fn the_greeting_reports_what_the_server_reports() {
    let doors = Doors::open();
    let greeting = |url: &str, own: &[&str]| {
        let more = [("application_name", "greeted"), ("TimeZone", "UTC"), ("DateStyle", "ISO"), ("client_encoding", "UTF8")];
        let address = Address::parse(url);
        let mut lines = Client::over(address.tcp(), &address, &more).expect("logs in").greeting;
        lines.retain(|line| !own.iter().any(|name| line.contains(name)));
        lines.sort();
        lines
    };
    // The user is the agent's own, and no superuser, whose transactions are read-only.
    let own = ["session_authorization", "is_superuser", "default_transaction_read_only"];
    assert_eq!(greeting(&doors.url("analyst"), &own), greeting(&doors.bare(), &own));
}

#[test]
fn what_cannot_be_let_in_is_told_why() {
    let doors = Doors::open();
    let right = Address::parse(&doors.url("analyst"));
    let refused = |address: &Address, more: &[(&str, &str)]| Client::over(address.tcp(), address, more).err();
    let other_audience = {
        let root = personas::private_key(&doors.stage.home().join("keys/root.key"));
        personas::sealed_token(&root, "other@sandbox", "analyst", &personas::personas()["analyst"], 600)
    };
    let cut = |length: usize| right.password.repeat(3)[..length].to_owned();
    let with = |password: String| Address { password, ..right.clone() };
    for (what, address, more, sqlstate) in [
        ("no token", with(String::new()), &[][..], "28P01"),
        ("no token at all", with("secret".to_owned()), &[], "28000"),
        ("for another database of another proxy", with(other_audience), &[], "28000"),
        ("cut on the way", with(cut(1023)), &[], "28000"),
        ("another database", Address { database: "postgres".to_owned(), ..right.clone() }, &[], "3D000"),
        ("a setting that is not allowed", right.clone(), &[("search_path", "archive")], "42501"),
        ("a setting by options", right.clone(), &[("options", "-c role=postgres")], "42501"),
        ("a bad value", right.clone(), &[("TimeZone", "No/Where")], "22023"),
        ("replication", right.clone(), &[("replication", "database")], "0A000"),
    ] {
        let refusal = refused(&address, more).unwrap_or_else(|| panic!("{what} was let in"));
        assert_eq!(refusal, format!("error FATAL {sqlstate}"), "{what}");
    }
    assert_eq!(refused(&right, &[]), None);
}

#[test]
fn a_unix_socket_is_a_door_like_the_others() {
    let doors = Doors::open();
    let address = Address::parse(&doors.url("analyst"));
    let socket = doors.socket_dir().join(format!(".s.PGSQL.{}", doors.stage.port));
    // The stage waits for the TCP door; this one opens just behind it.
    let began = std::time::Instant::now();
    let stream = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(began.elapsed().as_secs() < 10, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let mut client = Client::over(stream, &address, &[]).expect("logs in");
    let mut out = bytes::BytesMut::new();
    pgwarrant::wire::request::query(&mut out, "SELECT 7").expect("no NUL in it");
    client.send(&out);
    assert_eq!(client.until("7").len(), 4);
}
