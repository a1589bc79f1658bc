//! What we originate towards a server, appended to a buffer. The extended protocol, and Query for our own control statements.
//!
//! `postgres-protocol` encodes; only what it cannot say is written out here. A text with a NUL byte, or one too long
//! for its length field, is an error and leaves the buffer as it was.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use postgres_protocol::message::frontend as encode;

use super::Oid;
use super::frontend::{Formats, Target};

/// A text that no message can carry: it holds a NUL byte or is longer than a length field can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message to the server cannot carry this text")]
pub struct Unencodable;

/// Runs `write`; takes back what it wrote if it fails.
fn whole(buffer: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<(), Unencodable> {
    let start = buffer.len();
    write(buffer).map_err(|_| {
        buffer.truncate(start);
        Unencodable
    })
}

pub fn parse(buffer: &mut BytesMut, name: &str, query: &str, types: &[Oid]) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::parse(name, query, types.iter().copied(), buffer))
}

/// `result_formats` is the count and the codes as a client sent them ([`super::frontend::Bind::result_formats`]),
/// or [`ALL_TEXT`].
pub fn bind(
    buffer: &mut BytesMut,
    portal: &str,
    statement: &str,
    formats: &Formats,
    parameters: &[Option<Bytes>],
    result_formats: &[u8],
) -> Result<(), Unencodable> {
    whole(buffer, |buffer| {
        let start = buffer.len();
        let codes = match formats {
            Formats::All(format) => std::slice::from_ref(format),
            Formats::Each(each) => each,
        };
        let failed = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let values = parameters.iter().map(Option::as_ref);
        encode::bind(portal, statement, codes.iter().map(|&format| format as i16), values, value, [], buffer).map_err(failed)?;
        // The encoder closed the message with a count of zero result formats; the client's own stand there instead.
        buffer.truncate(buffer.len() - ALL_TEXT.len());
        buffer.put_slice(result_formats);
        let length = i32::try_from(buffer.len() - start - 1).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        buffer[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
        Ok(())
    })
}

/// Result formats of a Bind: none, so all columns are text.
pub const ALL_TEXT: &[u8] = &[0, 0];
/// Result format codes that ask for binary throughout.
pub const ALL_BINARY: &[u8] = &[0, 1, 0, 1];

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn value(value: Option<&Bytes>, buffer: &mut BytesMut) -> Result<postgres_protocol::IsNull, Failure> {
    let Some(bytes) = value else { return Ok(postgres_protocol::IsNull::Yes) };
    buffer.put_slice(bytes);
    Ok(postgres_protocol::IsNull::No)
}

pub fn describe(buffer: &mut BytesMut, target: Target<'_>) -> Result<(), Unencodable> {
    let (kind, name) = kind_and_name(target);
    whole(buffer, |buffer| encode::describe(kind, name, buffer))
}

pub fn close(buffer: &mut BytesMut, target: Target<'_>) -> Result<(), Unencodable> {
    let (kind, name) = kind_and_name(target);
    whole(buffer, |buffer| encode::close(kind, name, buffer))
}

fn kind_and_name(target: Target<'_>) -> (u8, &str) {
    match target {
        Target::Statement(name) => (b'S', name),
        Target::Portal(name) => (b'P', name),
    }
}

/// `max_rows` 0 fetches all.
pub fn execute(buffer: &mut BytesMut, portal: &str, max_rows: i32) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::execute(portal, max_rows, buffer))
}

pub fn query(buffer: &mut BytesMut, text: &str) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::query(text, buffer))
}

pub fn sync(buffer: &mut BytesMut) {
    buffer.put_slice(b"S\0\0\0\x04");
}

pub fn flush(buffer: &mut BytesMut) {
    buffer.put_slice(b"H\0\0\0\x04");
}

pub fn terminate(buffer: &mut BytesMut) {
    buffer.put_slice(b"X\0\0\0\x04");
}

/// Version 3.0 with these parameters.
pub fn startup<'a>(buffer: &mut BytesMut, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::startup_message(parameters, buffer))
}

pub fn ssl_request(buffer: &mut BytesMut) {
    encode::ssl_request(buffer);
}

/// The key is bytes, since 3.2 servers give keys of up to 256.
pub fn cancel_request(buffer: &mut BytesMut, process_id: i32, key: &[u8]) -> Result<(), Unencodable> {
    let length = i32::try_from(key.len()).ok().and_then(|key| key.checked_add(12)).ok_or(Unencodable)?;
    buffer.put_i32(length);
    buffer.put_i32(80_877_102);
    buffer.put_i32(process_id);
    buffer.put_slice(key);
    Ok(())
}

pub fn password(buffer: &mut BytesMut, password: &str) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::password_message(password.as_bytes(), buffer))
}

pub fn sasl_initial_response(buffer: &mut BytesMut, mechanism: &str, data: &[u8]) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::sasl_initial_response(mechanism, data, buffer))
}

pub fn sasl_response(buffer: &mut BytesMut, data: &[u8]) -> Result<(), Unencodable> {
    whole(buffer, |buffer| encode::sasl_response(data, buffer))
}

#[cfg(test)]
mod tests {
    use pgwire::messages::cancel::CancelRequest;
    use pgwire::messages::extendedquery as peer;
    use pgwire::messages::startup::SecretKey;

    use super::*;
    use crate::wire::frontend::Format;

    fn ours(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
        let mut buffer = BytesMut::new();
        write(&mut buffer);
        buffer
    }

    fn theirs(message: impl pgwire::messages::Message) -> BytesMut {
        let mut buffer = BytesMut::new();
        message.encode(&mut buffer).unwrap();
        buffer
    }

    #[test]
    fn requests_are_the_bytes_that_pgwire_writes() {
        let s = |text: &str| Some(text.to_owned());
        let pairs = [
            (
                ours(|b| parse(b, "s1", "SELECT $1", &[23, 0]).unwrap()),
                theirs(peer::Parse::new(s("s1"), "SELECT $1".into(), vec![23, 0])),
            ),
            (ours(|b| execute(b, "p", 5).unwrap()), theirs(peer::Execute::new(s("p"), 5))),
            (ours(|b| describe(b, Target::Statement("s1")).unwrap()), theirs(peer::Describe::new(b'S', s("s1")))),
            (ours(|b| close(b, Target::Portal("")).unwrap()), theirs(peer::Close::new(b'P', None))),
            (ours(sync), theirs(peer::Sync::new())),
            (ours(flush), theirs(peer::Flush::new())),
            (ours(terminate), theirs(pgwire::messages::terminate::Terminate::new())),
            (ours(ssl_request), theirs(pgwire::messages::startup::SslRequest::new())),
            (
                ours(|b| cancel_request(b, 7, b"0123456789").unwrap()),
                theirs(CancelRequest::new(7, SecretKey::Bytes(Bytes::from_static(b"0123456789")))),
            ),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn bind_forwards_the_result_formats_that_it_is_given() {
        let parameters = [Some(Bytes::from_static(b"x")), None];
        for (formats, codes) in
            [(Formats::All(Format::Binary), vec![1]), (Formats::Each(vec![Format::Text, Format::Binary]), vec![0, 1])]
        {
            let buffer = ours(|b| bind(b, "p", "s", &formats, &parameters, &[0, 2, 0, 1, 0, 0]).unwrap());
            let peer = peer::Bind::new(Some("p".into()), Some("s".into()), codes, parameters.to_vec(), vec![1, 0]);
            assert_eq!(buffer, theirs(peer));
        }
    }

    #[test]
    fn a_text_with_a_nul_byte_is_refused_and_leaves_no_bytes_behind() {
        let mut buffer = BytesMut::from(&b"before"[..]);
        assert_eq!(parse(&mut buffer, "s", "a\0b", &[]), Err(Unencodable));
        assert_eq!(bind(&mut buffer, "\0", "s", &Formats::All(Format::Text), &[], ALL_TEXT), Err(Unencodable));
        assert_eq!(query(&mut buffer, "\0"), Err(Unencodable));
        assert_eq!(&buffer[..], b"before");
    }
}
