//! The packets that open a connection: a length and a code, no tag.

use bytes::{Bytes, BytesMut};

use super::FrameError;
use super::body::Body;

/// `MAX_STARTUP_PACKET_LENGTH` in `src/include/libpq/pqcomm.h`, without the length word.
pub const MAX_STARTUP_PACKET_LENGTH: usize = 10_000;
/// The one version that we speak, 3.0, as the protocol encodes it.
pub const PROTOCOL_3_0: i32 = 3 << 16;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
/// Longest cancel key that 3.2 allows (`MAX_CANCEL_KEY_LENGTH`).
const MAX_CANCEL_KEY: usize = 256;

/// Whether a connection opens with a TLS handshake record instead of a packet (`sslnegotiation=direct`).
/// A packet's first byte is the top of its length, which the cap above keeps zero.
pub fn is_direct_tls(first: u8) -> bool {
    first == 0x16
}

/// What a client may open a connection with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupPacket {
    SslRequest,
    GssEncRequest,
    Cancel(CancelRequest),
    Startup(StartupMessage),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRequest {
    pub process_id: i32,
    /// Four bytes in 3.0, up to 256 in 3.2. Compare it in constant time.
    pub key: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupMessage {
    pub minor: u16,
    /// In the order sent, each name once, without `_pq_.` options.
    pub parameters: Vec<(String, String)>,
    /// Protocol extensions that the client asks for (`_pq_.…`). We know none.
    pub protocol_options: Vec<String>,
}

impl StartupMessage {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether NegotiateProtocolVersion must be answered before authentication goes on.
    pub fn must_negotiate(&self) -> bool {
        self.minor > 0 || !self.protocol_options.is_empty()
    }
}

/// The next whole packet, `None` if more bytes are needed.
///
/// After an `SslRequest` the caller must find `buffer` empty before it starts the handshake:
/// bytes sent in clear ahead of it would otherwise be read as if they had come through TLS (CVE-2021-23214).
pub fn split_startup(buffer: &mut BytesMut) -> Result<Option<StartupPacket>, FrameError> {
    let Some(header) = buffer.first_chunk::<4>() else {
        // The top byte of an acceptable length is zero; anything else is not a packet at all.
        return if buffer.first().is_some_and(|&byte| byte != 0) { Err(FrameError::StartupLength) } else { Ok(None) };
    };
    let length = u32::from_be_bytes(*header) as usize;
    if !(8..=4 + MAX_STARTUP_PACKET_LENGTH).contains(&length) {
        return Err(FrameError::StartupLength);
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let packet = buffer.split_to(length).freeze().slice(4..);
    read(&packet).map(Some)
}

fn read(packet: &Bytes) -> Result<StartupPacket, FrameError> {
    let mut body = Body::new(packet);
    match body.u32()? {
        SSL_REQUEST => body.finish().map(|()| StartupPacket::SslRequest),
        GSSENC_REQUEST => body.finish().map(|()| StartupPacket::GssEncRequest),
        CANCEL_REQUEST => cancel(body).map(StartupPacket::Cancel),
        version => {
            let (major, minor) = ((version >> 16) as u16, (version & 0xffff) as u16);
            if major != 3 {
                return Err(FrameError::UnsupportedProtocol { major, minor });
            }
            parameters(minor, body).map(StartupPacket::Startup)
        }
    }
}

fn cancel(mut body: Body<'_>) -> Result<CancelRequest, FrameError> {
    let process_id = body.i32().map_err(|_| FrameError::CancelLength)?;
    let key = body.rest();
    if !(4..=MAX_CANCEL_KEY).contains(&key.len()) {
        return Err(FrameError::CancelLength);
    }
    body.finish()?;
    Ok(CancelRequest { process_id, key })
}

fn parameters(minor: u16, mut body: Body<'_>) -> Result<StartupMessage, FrameError> {
    let mut message = StartupMessage { minor, parameters: Vec::new(), protocol_options: Vec::new() };
    loop {
        if body.remaining() == 0 {
            return Err(FrameError::StartupTerminator);
        }
        let name = body.string()?;
        if name.is_empty() {
            break;
        }
        let value = body.string()?;
        if name.starts_with("_pq_.") {
            if message.protocol_options.iter().any(|found| found == name) {
                return Err(FrameError::StartupDuplicate);
            }
            message.protocol_options.push(name.to_owned());
        } else if message.parameter(name).is_some() {
            // Postgres lets the last one win for most names; whoever reads the first would read another user.
            return Err(FrameError::StartupDuplicate);
        } else {
            message.parameters.push((name.to_owned(), value.to_owned()));
        }
    }
    body.finish().map_err(|_| FrameError::StartupTerminator)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(code: u32, body: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..]);
        bytes.extend_from_slice(&code.to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn startup(body: &[u8]) -> Result<Option<StartupPacket>, FrameError> {
        split_startup(&mut packet(3 << 16, body))
    }

    #[test]
    fn a_startup_message_gives_its_parameters_in_order() {
        let Some(StartupPacket::Startup(message)) = startup(b"user\0ann\0database\0shop\0_pq_.x\x001\0\0").unwrap() else {
            panic!("not a startup message")
        };
        assert_eq!(message.parameter("user"), Some("ann"));
        assert_eq!(message.parameters.len(), 2);
        assert_eq!(message.protocol_options, ["_pq_.x"]);
        assert!(message.must_negotiate());
    }

    #[test]
    fn requests_are_told_apart_and_must_be_exactly_as_long_as_they_are() {
        assert_eq!(split_startup(&mut packet(SSL_REQUEST, b"")), Ok(Some(StartupPacket::SslRequest)));
        assert_eq!(split_startup(&mut packet(GSSENC_REQUEST, b"")), Ok(Some(StartupPacket::GssEncRequest)));
        assert_eq!(split_startup(&mut packet(SSL_REQUEST, b"x")), Err(FrameError::Leftover));
    }

    #[test]
    fn bytes_behind_an_ssl_request_stay_in_the_buffer_for_the_caller_to_refuse() {
        let mut buffer = packet(SSL_REQUEST, b"");
        buffer.extend_from_slice(b"smuggled");
        split_startup(&mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..], b"smuggled");
    }

    #[test]
    fn cancel_keys_may_be_four_to_256_bytes() {
        for (length, good) in [(0, false), (3, false), (4, true), (32, true), (256, true), (257, false)] {
            let mut body = vec![0, 0, 0, 7];
            body.resize(4 + length, 9);
            let read = split_startup(&mut packet(CANCEL_REQUEST, &body));
            assert_eq!(read.is_ok(), good, "{length}");
            if let Ok(Some(StartupPacket::Cancel(cancel))) = read {
                assert_eq!((cancel.process_id, cancel.key.len()), (7, length));
            }
        }
    }

    #[test]
    fn malformed_startup_packets_are_refused() {
        for (body, error) in [
            (&b""[..], FrameError::StartupTerminator),
            (b"user\0ann\0", FrameError::StartupTerminator),
            (b"user\0ann", FrameError::MissingNul),
            (b"user\0", FrameError::MissingNul),
            (b"user\0ann\0\0x", FrameError::StartupTerminator),
            (b"user\0ann\0user\0bob\0\0", FrameError::StartupDuplicate),
            (b"user\0\xff\0\0", FrameError::InvalidUtf8),
        ] {
            assert_eq!(startup(body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn other_major_versions_are_refused_and_newer_minors_negotiated() {
        let version = |code| split_startup(&mut packet(code, b"user\0a\0\0"));
        assert_eq!(version(2 << 16), Err(FrameError::UnsupportedProtocol { major: 2, minor: 0 }));
        assert_eq!(version(4 << 16), Err(FrameError::UnsupportedProtocol { major: 4, minor: 0 }));
        let Ok(Some(StartupPacket::Startup(message))) = version(3 << 16 | 2) else { panic!("3.2 is negotiated") };
        assert!(message.must_negotiate());
    }

    #[test]
    fn lengths_outside_of_postgres_limits_are_refused_from_the_first_bytes() {
        for length in [0u32, 7, 10_005, u32::MAX] {
            assert_eq!(split_startup(&mut BytesMut::from(&length.to_be_bytes()[..])), Err(FrameError::StartupLength), "{length}");
        }
        assert_eq!(split_startup(&mut BytesMut::from(&b"G"[..])), Err(FrameError::StartupLength));
        assert_eq!(split_startup(&mut BytesMut::from(&10_004u32.to_be_bytes()[..])), Ok(None));
    }

    proptest! {
        #[test]
        fn random_packets_never_panic(code in prop_oneof![Just(3u32 << 16), Just(CANCEL_REQUEST), any::<u32>()],
                                      body in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..40)) {
            let mut buffer = packet(code, &body);
            let _ = split_startup(&mut buffer);
        }

        #[test]
        fn parameters_survive_the_round_trip(pairs in proptest::collection::btree_map("[a-z]{1,8}", "[^\0]{0,8}", 0..6)) {
            let mut buffer = BytesMut::new();
            postgres_protocol::message::frontend::startup_message(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())), &mut buffer).unwrap();
            let Ok(Some(StartupPacket::Startup(message))) = split_startup(&mut buffer) else { panic!("refused") };
            prop_assert!(buffer.is_empty());
            prop_assert_eq!(message.parameters, pairs.into_iter().collect::<Vec<_>>());
        }
    }
}
