use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::wire::request;

fn body(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn refused(tag: u8, bytes: &[u8]) -> FrameError {
    read(tag, &body(bytes)).expect_err("must be refused")
}

#[test]
fn a_query_is_its_text_without_the_nul() {
    assert_eq!(read(b'Q', &body(b"SELECT 1\0")), Ok(Message::Query("SELECT 1")));
}

#[test]
fn a_nul_in_the_middle_of_a_query_leaves_a_rest_and_is_refused() {
    assert_eq!(refused(b'Q', b"SELECT 1\0; DROP TABLE t\0"), FrameError::Leftover);
}

#[test]
fn texts_must_end_in_nul_and_be_utf8() {
    assert_eq!(refused(b'Q', b"SELECT 1"), FrameError::MissingNul);
    assert_eq!(refused(b'Q', b""), FrameError::MissingNul);
    assert_eq!(refused(b'Q', b"\xc0\xaf\0"), FrameError::InvalidUtf8);
    assert_eq!(refused(b'P', b"\xff\0SELECT\0\0\0"), FrameError::InvalidUtf8);
    assert_eq!(refused(b'f', b"x"), FrameError::MissingNul);
}

#[test]
fn counts_that_promise_more_than_the_body_holds_are_refused_before_they_are_allocated() {
    assert_eq!(refused(b'P', b"s\0q\0\xff\xff"), FrameError::Truncated);
    assert_eq!(refused(b'P', b"s\0q\0\0\x02\0\0\0\x17"), FrameError::Truncated);
    assert_eq!(refused(b'B', b"\0\0\0\0\xff\xff"), FrameError::Truncated);
    assert_eq!(refused(b'B', b"\0\0\xff\xff"), FrameError::Truncated);
}

#[test]
fn every_cut_of_a_good_bind_is_refused() {
    let whole = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\0";
    for cut in 0..whole.len() {
        assert!(read(b'B', &body(&whole[..cut])).is_err(), "{cut}");
    }
    let bytes = body(whole);
    let Ok(Message::Bind(bind)) = read(b'B', &bytes) else { panic!("good Bind refused") };
    assert_eq!((bind.portal, bind.statement), ("p", "s"));
    assert_eq!(bind.parameters, [Some(body(b"x")), None]);
    assert_eq!(bind.parameter_formats.get(1), Some(Format::Binary));
    assert_eq!(&bind.result_formats[..], b"\0\x01\0\0");
    assert_eq!(bind.read_result_formats(), Ok(Formats::All(Format::Text)));
}

#[test]
fn bind_parameter_lengths_below_minus_one_are_refused() {
    assert_eq!(refused(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), FrameError::InvalidLength);
    assert_eq!(refused(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"), FrameError::Truncated);
}

#[test]
fn bind_formats_must_be_none_one_or_one_each() {
    assert_eq!(refused(b'B', b"\0\0\0\x02\0\0\0\0\0\x01\xff\xff\xff\xff\0\0"), FrameError::InvalidCount);
    assert_eq!(refused(b'B', b"\0\0\0\x01\0\x02\0\0\0\0"), FrameError::InvalidFormat(2));
    assert_eq!(refused(b'B', b"\0\0\0\0\0\0\0\x01\0\x07"), FrameError::InvalidFormat(7));
    assert_eq!(refused(b'B', b"\0\0\0\0\0\0\0\0x"), FrameError::Leftover);
}

#[test]
fn parameters_share_the_memory_of_the_message() {
    let bytes = body(b"\0\0\0\0\0\x01\0\0\0\x03abc\0\0");
    let Ok(Message::Bind(bind)) = read(b'B', &bytes) else { panic!("good Bind refused") };
    let value = bind.parameters[0].as_ref().unwrap();
    assert!(bytes.as_ptr_range().contains(&value.as_ptr()));
}

#[test]
fn describe_and_close_name_a_statement_or_a_portal_and_nothing_else() {
    assert_eq!(read(b'D', &body(b"Sx\0")), Ok(Message::Describe(Target::Statement("x"))));
    assert_eq!(read(b'C', &body(b"P\0")), Ok(Message::Close(Target::Portal(""))));
    assert_eq!(refused(b'D', b"Xx\0"), FrameError::InvalidSubtype(b'X'));
    assert_eq!(refused(b'C', b""), FrameError::Truncated);
}

#[test]
fn a_row_limit_of_zero_or_below_means_all_rows() {
    for (max_rows, limit) in [(0, None), (-1, None), (i32::MIN, None), (5, Some(5)), (i32::MAX, Some(i32::MAX as u32))] {
        assert_eq!(Execute { portal: "", max_rows }.row_limit(), limit);
    }
    assert_eq!(refused(b'E', b"\0\0\0"), FrameError::Truncated);
}

#[test]
fn messages_without_a_body_must_have_none() {
    for tag in [b'S', b'H', b'X', b'c'] {
        assert!(read(tag, &body(b"")).is_ok());
        assert_eq!(refused(tag, b"x"), FrameError::Leftover);
    }
}

#[test]
fn a_function_call_gives_only_its_function() {
    assert_eq!(read(b'F', &body(b"\0\0\0\x2a\0\0\0\x01\0\0\0\x01x\0\0")), Ok(Message::FunctionCall(42)));
    assert_eq!(refused(b'F', b"\0\0\0\x2a"), FrameError::Truncated);
}

#[test]
fn a_password_is_one_string() {
    assert_eq!(read_password(&body(b"pgw1.x\0")), Ok("pgw1.x"));
    assert_eq!(read_password(&body(b"pgw1\0x\0")), Err(FrameError::Leftover));
    assert_eq!(read_password(&body(b"pgw1")), Err(FrameError::MissingNul));
}

const TAGS: &[u8] = b"QPBDECSHXdcfF";

proptest! {
    #[test]
    fn random_bodies_never_panic(tag in proptest::sample::select(TAGS), bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(b'S'), any::<u8>()], 0..48)) {
        let bytes = body(&bytes);
        let _ = read(tag, &bytes);
        let _ = read_password(&bytes);
    }

    #[test]
    fn parse_survives_the_round_trip(name in "[^\0]{0,9}", query in "[^\0]{0,40}", types in proptest::collection::vec(any::<u32>(), 0..9)) {
        let mut buffer = BytesMut::new();
        request::parse(&mut buffer, &name, &query, &types).unwrap();
        let bytes = buffer.freeze().slice(5..);
        prop_assert_eq!(read(b'P', &bytes), Ok(Message::Parse(Parse { name: &name, query: &query, types })));
    }

    #[test]
    fn bind_survives_the_round_trip(values in proptest::collection::vec((any::<bool>(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9))), 0..9)) {
        let formats: Vec<Format> = values.iter().map(|(binary, _)| if *binary { Format::Binary } else { Format::Text }).collect();
        let parameters: Vec<Option<Bytes>> = values.into_iter().map(|(_, value)| value.map(Bytes::from)).collect();
        let mut buffer = BytesMut::new();
        let sent = if formats.is_empty() { Formats::All(Format::Text) } else { Formats::Each(formats.clone()) };
        request::bind(&mut buffer, "p", "s", &sent, &parameters, &[0, 1, 0, 1]).unwrap();
        let bytes = buffer.freeze().slice(5..);
        let Ok(Message::Bind(bind)) = read(b'B', &bytes) else { panic!("refused") };
        prop_assert_eq!(bind.parameters, parameters);
        for (index, format) in formats.iter().enumerate() {
            prop_assert_eq!(bind.parameter_formats.get(index), Some(*format));
        }
        prop_assert_eq!(&bind.result_formats[..], &[0, 1, 0, 1][..]);
    }
}
