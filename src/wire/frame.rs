//! Cutting a byte stream into messages: a tag, an Int32 length that counts itself, and a body of just that length.
//!
//! A length is judged as soon as its header is there, so a peer cannot make us buffer what we would refuse.

use bytes::{Bytes, BytesMut};

use super::FrameError;

const HEADER: usize = 5;

/// One whole message. The bytes are those received, so that what is forwarded is what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub tag: u8,
    /// The whole message, header included.
    pub raw: Bytes,
}

impl Frame {
    /// What stands after the header. Shares the frame's memory.
    pub fn body(&self) -> Bytes {
        self.raw.slice(HEADER..)
    }
}

/// The largest body of each kind of message that we accept from a client, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontendLimits {
    /// Query and Parse.
    pub statement: u32,
    pub bind: u32,
    pub copy_data: u32,
    pub password: u32,
    /// Every other message: names and numbers only.
    pub small: u32,
}

impl Default for FrontendLimits {
    fn default() -> Self {
        FrontendLimits {
            statement: 1024 * 1024,
            bind: 16 * 1024 * 1024,
            copy_data: 1024 * 1024,
            password: 10 * 1024,
            // Postgres's PQ_SMALL_MESSAGE_LIMIT.
            small: 10_000,
        }
    }
}

/// The largest body that we accept from a server, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendLimits {
    /// DataRow, CopyData, RowDescription, ParameterDescription.
    pub data: u32,
    /// ErrorResponse, NoticeResponse, NotificationResponse.
    pub report: u32,
    /// libpq expects everything else within 30,000 bytes (`VALID_LONG_MESSAGE_TYPE` in `fe-protocol3.c`).
    pub small: u32,
}

impl Default for BackendLimits {
    fn default() -> Self {
        BackendLimits { data: 64 * 1024 * 1024, report: 8 * 1024 * 1024, small: 30_000 }
    }
}

/// How far a client has come. Before it is authenticated only a password may arrive, and only a small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Authentication,
    Session,
}

/// The next whole message of a client, `None` if more bytes are needed.
pub fn split_frontend(buffer: &mut BytesMut, phase: Phase, limits: &FrontendLimits) -> Result<Option<Frame>, FrameError> {
    split(buffer, |tag| frontend_limit(tag, phase, limits))
}

/// The next whole message of a server, `None` if more bytes are needed.
pub fn split_backend(buffer: &mut BytesMut, limits: &BackendLimits) -> Result<Option<Frame>, FrameError> {
    split(buffer, |tag| backend_limit(tag, limits))
}

fn split(buffer: &mut BytesMut, limit: impl FnOnce(u8) -> Result<u32, FrameError>) -> Result<Option<Frame>, FrameError> {
    let Some(&tag) = buffer.first() else { return Ok(None) };
    let limit = limit(tag)?;
    let Some(header) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
    let declared = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    let body = u32::try_from(declared).ok().and_then(|length| length.checked_sub(4)).ok_or(FrameError::InvalidLength)?;
    if body > limit {
        return Err(FrameError::TooLong { tag, length: body, limit });
    }
    let whole = HEADER + body as usize;
    if buffer.len() < whole {
        return Ok(None);
    }
    Ok(Some(Frame { tag, raw: buffer.split_to(whole).freeze() }))
}

fn frontend_limit(tag: u8, phase: Phase, limits: &FrontendLimits) -> Result<u32, FrameError> {
    match (phase, tag) {
        (Phase::Authentication, b'p') => Ok(limits.password),
        (Phase::Authentication, other) => Err(FrameError::ExpectedPassword(other)),
        (Phase::Session, b'p') => Err(FrameError::UnexpectedPassword),
        (Phase::Session, b'Q' | b'P') => Ok(limits.statement),
        (Phase::Session, b'B') => Ok(limits.bind),
        (Phase::Session, b'd') => Ok(limits.copy_data),
        (Phase::Session, b'C' | b'D' | b'E' | b'F' | b'H' | b'S' | b'X' | b'c' | b'f') => Ok(limits.small),
        (Phase::Session, other) => Err(FrameError::UnknownFrontendTag(other)),
    }
}

fn backend_limit(tag: u8, limits: &BackendLimits) -> Result<u32, FrameError> {
    match tag {
        b'D' | b'd' | b'T' | b't' => Ok(limits.data),
        b'E' | b'N' | b'A' => Ok(limits.report),
        b'1' | b'2' | b'3' | b'C' | b'G' | b'H' | b'I' | b'K' | b'R' | b'S' | b'V' | b'W' | b'Z' | b'c' | b'n' | b's' | b'v' => {
            Ok(limits.small)
        }
        other => Err(FrameError::UnknownBackendTag(other)),
    }
}

/// Where a run of whole DataRow messages at the start of `bytes` ends, and how many they are. Copies nothing.
/// Stops before the first message of another kind, before a partial one and before one whose length is impossible.
pub fn data_rows(bytes: &[u8]) -> DataRows {
    let mut found = DataRows { rows: 0, end: 0 };
    while let Some(rest) = bytes.get(found.end..)
        && let Some([b'D', length @ ..]) = rest.first_chunk::<HEADER>()
        && let Ok(length) = usize::try_from(i32::from_be_bytes(*length))
        && length >= 4
        && length < rest.len()
    {
        found.rows += 1;
        found.end += 1 + length;
    }
    found
}

/// See [`data_rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRows {
    pub rows: u64,
    pub end: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(tag: u8, declared: i32, body: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(&[tag][..]);
        bytes.extend_from_slice(&declared.to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn session(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        split_frontend(buffer, Phase::Session, &FrontendLimits::default())
    }

    #[test]
    fn a_frame_ends_where_its_length_says_and_leaves_the_next_alone() {
        let mut buffer = message(b'Q', 6, b"x\0");
        buffer.extend_from_slice(b"S\0\0\0\x04");
        let frame = session(&mut buffer).unwrap().unwrap();
        assert_eq!((frame.tag, &frame.body()[..]), (b'Q', &b"x\0"[..]));
        assert_eq!(session(&mut buffer).unwrap().unwrap().tag, b'S');
        assert_eq!(session(&mut buffer).unwrap(), None);
    }

    #[test]
    fn a_partial_frame_waits_and_loses_nothing() {
        let whole = message(b'Q', 6, b"x\0");
        for cut in 0..whole.len() {
            let mut buffer = BytesMut::from(&whole[..cut]);
            assert_eq!(session(&mut buffer).unwrap(), None, "{cut}");
            buffer.extend_from_slice(&whole[cut..]);
            assert!(session(&mut buffer).unwrap().is_some(), "{cut}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused_from_the_header_alone() {
        for declared in [i32::MIN, -1, 0, 3] {
            assert_eq!(session(&mut message(b'Q', declared, b"")), Err(FrameError::InvalidLength), "{declared}");
        }
    }

    #[test]
    fn a_long_message_is_refused_before_its_body_arrives() {
        let limits = FrontendLimits::default();
        for (tag, limit) in [(b'Q', limits.statement), (b'P', limits.statement), (b'B', limits.bind), (b'S', limits.small)] {
            let length = i32::try_from(limit).unwrap() + 4;
            assert_eq!(session(&mut message(tag, length, b"")), Ok(None));
            assert!(matches!(session(&mut message(tag, length + 1, b"")), Err(FrameError::TooLong { .. })), "{tag}");
        }
    }

    #[test]
    fn before_authentication_only_a_small_password_is_read() {
        let limits = FrontendLimits::default();
        let read = |mut buffer: BytesMut| split_frontend(&mut buffer, Phase::Authentication, &limits);
        assert_eq!(read(message(b'Q', 6, b"x\0")), Err(FrameError::ExpectedPassword(b'Q')));
        assert_eq!(read(BytesMut::from(&b"Q"[..])), Err(FrameError::ExpectedPassword(b'Q')));
        assert!(read(message(b'p', 6, b"x\0")).unwrap().is_some());
        assert!(matches!(read(message(b'p', 10 * 1024 + 5, b"")), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn after_authentication_a_password_and_unknown_tags_are_refused() {
        assert_eq!(session(&mut message(b'p', 6, b"x\0")), Err(FrameError::UnexpectedPassword));
        for tag in [0, b'a', b'Z', 0x16, 0xff] {
            assert_eq!(session(&mut message(tag, 4, b"")), Err(FrameError::UnknownFrontendTag(tag)));
        }
    }

    #[test]
    fn data_rows_are_counted_up_to_the_first_other_or_partial_message() {
        let row = message(b'D', 6, b"\0\0");
        let mut bytes = row.to_vec();
        bytes.extend_from_slice(&row);
        assert_eq!(data_rows(&bytes), DataRows { rows: 2, end: 14 });
        assert_eq!(data_rows(&bytes[..13]), DataRows { rows: 1, end: 7 });
        bytes.extend_from_slice(b"C\0\0\0\x04");
        assert_eq!(data_rows(&bytes), DataRows { rows: 2, end: 14 });
        assert_eq!(data_rows(&message(b'D', 3, b"\0\0")), DataRows { rows: 0, end: 0 });
        assert_eq!(data_rows(&message(b'D', -1, b"\0\0")), DataRows { rows: 0, end: 0 });
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_and_never_grow(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for phase in [Phase::Authentication, Phase::Session] {
                let mut buffer = BytesMut::from(&bytes[..]);
                while let Ok(Some(frame)) = split_frontend(&mut buffer, phase, &FrontendLimits::default()) {
                    prop_assert!(frame.raw.len() >= HEADER);
                }
            }
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = split_backend(&mut buffer, &BackendLimits::default()) {}
            prop_assert!(data_rows(&bytes).end <= bytes.len());
        }

        #[test]
        fn counting_rows_agrees_with_splitting(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9), extra in 0usize..6) {
            let mut buffer = BytesMut::new();
            for body in &bodies {
                buffer.extend_from_slice(&message(b'D', i32::try_from(body.len()).unwrap() + 4, body));
            }
            let end = buffer.len();
            buffer.extend_from_slice(&message(b'D', 100, b"")[..extra.min(5)]);
            prop_assert_eq!(data_rows(&buffer), DataRows { rows: bodies.len() as u64, end });
        }
    }
}
