use bytes::BytesMut;
use pgwire::messages::Message;
use pgwire::messages::data::{FieldDescription, ParameterDescription, RowDescription};
use pgwire::messages::response::{CommandComplete, ErrorResponse};
use pgwire::messages::startup as peer;
use proptest::prelude::*;

use super::*;

/// The body of a message as pgwire writes it.
fn body(message: impl Message) -> Bytes {
    let mut buffer = BytesMut::new();
    message.encode(&mut buffer).unwrap();
    buffer.freeze().slice(5..)
}

fn raw(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[test]
fn error_fields_are_found_by_code_and_share_the_message() {
    let fields = vec![(b'S', "ERROR".into()), (b'V', "ERROR".into()), (b'C', "42501".into()), (b'M', "no".into())];
    let body = body(ErrorResponse::new(fields));
    let report = report(&body).unwrap();
    assert_eq!(report.sqlstate(), Some(*b"42501"));
    assert_eq!(report.severity(), Some(&b"ERROR"[..]));
    assert_eq!(report.iter().count(), 4);
    assert_eq!(report.get(b'D'), None);
    assert!(body.as_ptr_range().contains(&report.get_bytes(b'M').unwrap().as_ptr()));
}

#[test]
fn reports_without_their_last_nul_or_with_bytes_behind_it_are_refused() {
    for bytes in [&b""[..], b"Mx", b"Mx\0", b"Mx\0\0y"] {
        assert!(report(&raw(bytes)).is_err(), "{bytes:?}");
    }
    assert_eq!(report(&raw(b"\0")).unwrap().iter().count(), 0);
}

#[test]
fn a_report_may_hold_bytes_that_are_not_utf8() {
    assert_eq!(report(&raw(b"D\xe2\x82\0\0")).unwrap().get(b'D'), Some(&b"\xe2\x82"[..]));
}

#[test]
fn an_sqlstate_that_is_not_one_is_none() {
    for code in ["4250", "425011", "4250\u{7f}", "42-01"] {
        assert_eq!(report(&raw(format!("C{code}\0\0").as_bytes())).unwrap().sqlstate(), None, "{code}");
    }
}

#[test]
fn row_and_parameter_descriptions_are_read_as_pgwire_writes_them() {
    let types = body(ParameterDescription::new(vec![23, 25]));
    assert_eq!(parameter_description(&types), Ok(vec![23, 25]));
    let rows = body(RowDescription::new(vec![FieldDescription::new("name".into(), 16385, 2, 25, -1, -1, 1)]));
    let field = Field { name: b"name", table: 16385, attribute: 2, type_oid: 25, type_size: -1, type_modifier: -1, format: 1 };
    assert_eq!(row_description(&rows), Ok(vec![field]));
    for cut in 0..rows.len() {
        assert!(row_description(&rows.slice(..cut)).is_err(), "{cut}");
    }
}

#[test]
fn ready_for_query_knows_three_states() {
    for status in [TransactionStatus::Idle, TransactionStatus::InTransaction, TransactionStatus::Failed] {
        assert_eq!(ready_for_query(&raw(&[status.byte()])), Ok(status));
    }
    assert_eq!(ready_for_query(&raw(b"X")), Err(FrameError::InvalidSubtype(b'X')));
    assert_eq!(ready_for_query(&raw(b"II")), Err(FrameError::Leftover));
}

#[test]
fn authentication_requests_are_told_apart() {
    assert_eq!(authentication(&body(peer::Authentication::Ok)), Ok(Authentication::Ok));
    assert_eq!(authentication(&body(peer::Authentication::CleartextPassword)), Ok(Authentication::CleartextPassword));
    assert_eq!(authentication(&body(peer::Authentication::MD5Password(vec![1; 4]))), Ok(Authentication::Md5Password));
    let offer = body(peer::Authentication::SASL(vec!["SCRAM-SHA-256-PLUS".into(), "SCRAM-SHA-256".into()]));
    assert_eq!(authentication(&offer), Ok(Authentication::Sasl(vec!["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])));
    assert_eq!(authentication(&raw(b"\0\0\0\x07")), Ok(Authentication::Other(7)));
    assert_eq!(authentication(&raw(b"\0\0\0\0x")), Err(FrameError::Leftover));
}

#[test]
fn command_tags_tell_their_rows() {
    let complete = body(CommandComplete::new("INSERT 0 12".into()));
    assert_eq!(command_complete(&complete), Ok("INSERT 0 12"));
    assert_eq!(affected_rows("INSERT 0 12"), Some(12));
    assert_eq!(affected_rows("SELECT 0"), Some(0));
    assert_eq!(affected_rows("BEGIN"), None);
}

#[test]
fn backend_keys_are_four_to_256_bytes() {
    assert_eq!(backend_key_data(&raw(b"\0\0\0\x07abcd")).unwrap().process_id, 7);
    assert!(backend_key_data(&raw(b"\0\0\0\x07abc")).is_err());
    assert!(backend_key_data(&raw(&[0; 261])).is_err());
}

proptest! {
    #[test]
    fn random_bodies_never_panic(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..64)) {
        let bytes = raw(&bytes);
        if let Ok(report) = report(&bytes) {
            report.iter().count();
            report.sqlstate();
        }
        let _ = (row_description(&bytes), parameter_description(&bytes), data_row(&bytes), authentication(&bytes));
        let _ = (command_complete(&bytes), parameter_status(&bytes), backend_key_data(&bytes), ready_for_query(&bytes));
    }
}
