use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::{EmptyQueryResponse, ReadyForQuery, TransactionStatus as PeerStatus};
use pgwire::messages::{data, startup};

use super::*;
use crate::wire::backend;

fn encoded(message: &impl Message) -> BytesMut {
    written(|buffer| put(buffer, message))
}

fn written(write: impl FnOnce(&mut BytesMut) -> Result<(), TooLong>) -> BytesMut {
    let mut buffer = BytesMut::new();
    write(&mut buffer).unwrap();
    buffer
}

fn body(message: BytesMut) -> Bytes {
    message.freeze().slice(5..)
}

#[test]
fn constants_are_what_pgwire_would_write() {
    assert_eq!(AUTHENTICATION_OK, encoded(&startup::Authentication::Ok));
    assert_eq!(AUTHENTICATION_CLEARTEXT_PASSWORD, encoded(&startup::Authentication::CleartextPassword));
    assert_eq!(PARSE_COMPLETE, encoded(&ParseComplete::new()));
    assert_eq!(BIND_COMPLETE, encoded(&BindComplete::new()));
    assert_eq!(CLOSE_COMPLETE, encoded(&CloseComplete::new()));
    assert_eq!(NO_DATA, encoded(&data::NoData::new()));
    assert_eq!(EMPTY_QUERY_RESPONSE, encoded(&EmptyQueryResponse::new()));
    assert_eq!(PORTAL_SUSPENDED, encoded(&PortalSuspended::new()));
    for (ours, theirs) in [
        (TransactionStatus::Idle, PeerStatus::Idle),
        (TransactionStatus::InTransaction, PeerStatus::Transaction),
        (TransactionStatus::Failed, PeerStatus::Error),
    ] {
        let mut buffer = BytesMut::new();
        ready_for_query(&mut buffer, ours);
        assert_eq!(buffer, encoded(&ReadyForQuery::new(theirs)));
    }
}

#[test]
fn a_report_holds_every_field_in_the_order_of_postgres() {
    let report = Report::new(Severity::Error, "42501", "refused")
        .detail("d")
        .hint("h")
        .position(8)
        .schema("public")
        .table("customers")
        .column("ssn")
        .constraint("hidden_column")
        .routine("pgwarrant");
    let bytes = body(written(|buffer| report.error_response(buffer)));
    let fields: Vec<_> = backend::report(&bytes).unwrap().iter().map(|(code, text)| (code as char, text)).collect();
    let expected: [(char, &[u8]); 12] = [
        ('S', b"ERROR"),
        ('V', b"ERROR"),
        ('C', b"42501"),
        ('M', b"refused"),
        ('D', b"d"),
        ('H', b"h"),
        ('P', b"8"),
        ('s', b"public"),
        ('t', b"customers"),
        ('c', b"ssn"),
        ('n', b"hidden_column"),
        ('R', b"pgwarrant"),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_nul_in_a_text_cannot_forge_a_field() {
    let report = Report::new(Severity::Notice, "00000", "a\0Cforged");
    let bytes = body(written(|buffer| report.notice_response(buffer)));
    let fields = backend::report(&bytes).unwrap();
    assert_eq!(fields.iter().count(), 4);
    assert_eq!(fields.get(b'M'), Some("a\u{fffd}Cforged".as_bytes()));
    let status = body(written(|buffer| parameter_status(buffer, "a\0b", "c")));
    assert_eq!(backend::parameter_status(&status), Ok(("a\u{fffd}b", "c")));
}

#[test]
fn a_protocol_error_is_fatal_and_says_nothing_of_the_client_bytes() {
    let bytes = body(written(|buffer| Report::from(FrameError::Leftover).error_response(buffer)));
    let fields = backend::report(&bytes).unwrap();
    assert_eq!((fields.severity(), fields.sqlstate()), (Some(&b"FATAL"[..]), Some(*b"08P01")));
    assert_eq!(fields.get(b'M'), Some(&b"invalid message format"[..]));
}

#[test]
fn our_own_rows_read_back_as_they_were_written() {
    let row = body(written(|buffer| data_row(buffer, &[Some(b"x"), None, Some(b"")])));
    let values = backend::data_row(&row).unwrap();
    assert_eq!(values, [Some(Bytes::from_static(b"x")), None, Some(Bytes::new())]);
    let description = body(written(|buffer| row_description(buffer, &[Column::text("scope")])));
    let fields = backend::row_description(&description).unwrap();
    assert_eq!((fields.len(), fields[0].name, fields[0].type_oid), (1, &b"scope"[..], 25));
}

#[test]
fn too_many_columns_are_refused_and_leave_no_bytes_behind() {
    let mut buffer = BytesMut::from(&b"before"[..]);
    assert_eq!(row_description(&mut buffer, &vec![Column::text("c"); 40_000]), Err(TooLong));
    assert_eq!(command_complete(&mut buffer, &"x".repeat(40_000)), Err(TooLong));
    assert_eq!(backend_key_data(&mut buffer, 1, &Bytes::from_static(b"abc")), Err(TooLong));
    assert_eq!(&buffer[..], b"before");
}

#[test]
fn negotiation_answers_with_the_full_version_number() {
    let bytes = body(written(|buffer| negotiate_protocol_version(buffer, &["_pq_.x".to_owned()])));
    assert_eq!(&bytes[..], b"\0\x03\0\0\0\0\0\x01_pq_.x\0");
}

#[test]
fn positions_count_characters_from_one() {
    assert_eq!(character_position("é x", 0), Some(1));
    assert_eq!(character_position("é x", 3), Some(3));
    assert_eq!(character_position("é x", 1), None);
    assert_eq!(character_position("é x", 4), Some(4));
    assert_eq!(character_position("é x", 5), None);
}
