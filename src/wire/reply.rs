//! What we originate towards a client, appended to a buffer. `pgwire` encodes.

use bytes::{BufMut, Bytes, BytesMut};
use pgwire::messages::Message;
use pgwire::messages::data::{DataRow, FieldDescription, ParameterDescription, RowDescription};
use pgwire::messages::response::{CommandComplete, ErrorResponse, NoticeResponse};
use pgwire::messages::startup::{BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey};

use super::backend::TransactionStatus;
use super::{FrameError, Oid};

/// Messages that are the same every time.
pub const AUTHENTICATION_OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
pub const AUTHENTICATION_CLEARTEXT_PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
pub const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";
pub const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
pub const CLOSE_COMPLETE: &[u8] = b"3\0\0\0\x04";
pub const NO_DATA: &[u8] = b"n\0\0\0\x04";
pub const EMPTY_QUERY_RESPONSE: &[u8] = b"I\0\0\0\x04";
pub const PORTAL_SUSPENDED: &[u8] = b"s\0\0\0\x04";
/// The one-byte answers to SSLRequest and GSSENCRequest.
pub const ENCRYPTION_ACCEPTED: u8 = b'S';
pub const ENCRYPTION_REFUSED: u8 = b'N';

/// A message that does not fit its length or count fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message to the client is too long to send")]
pub struct TooLong;

fn put(buffer: &mut BytesMut, message: &impl Message) -> Result<(), TooLong> {
    let start = buffer.len();
    message.encode(buffer).map_err(|_| {
        buffer.truncate(start);
        TooLong
    })
}

/// A text inside of a message ends at its first NUL, so none may hold one.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub fn ready_for_query(buffer: &mut BytesMut, status: TransactionStatus) {
    buffer.put_slice(&[b'Z', 0, 0, 0, 5, status.byte()]);
}

pub fn parameter_status(buffer: &mut BytesMut, name: &str, value: &str) -> Result<(), TooLong> {
    put(buffer, &ParameterStatus::new(clean(name), clean(value)))
}

pub fn backend_key_data(buffer: &mut BytesMut, process_id: i32, key: &Bytes) -> Result<(), TooLong> {
    put(buffer, &BackendKeyData::new(process_id, SecretKey::Bytes(key.clone())))
}

/// The answer to a client that asks for more than 3.0: the full version number that we speak, as servers from
/// Postgres 11 on send it (`SendNegotiateProtocolVersion`), and the options of its that we do not know.
pub fn negotiate_protocol_version(buffer: &mut BytesMut, options: &[String]) -> Result<(), TooLong> {
    let options = options.iter().map(|option| clean(option)).collect();
    put(buffer, &NegotiateProtocolVersion::new(super::startup::PROTOCOL_3_0, options))
}

pub fn command_complete(buffer: &mut BytesMut, tag: &str) -> Result<(), TooLong> {
    put(buffer, &CommandComplete::new(clean(tag)))
}

pub fn parameter_description(buffer: &mut BytesMut, types: &[Oid]) -> Result<(), TooLong> {
    u16::try_from(types.len()).map_err(|_| TooLong)?;
    put(buffer, &ParameterDescription::new(types.to_vec()))
}

/// A column of a result that is ours, such as `SHOW pgwarrant.scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    pub name: &'a str,
    pub type_oid: Oid,
    /// As `pg_type.typlen` says: negative for types of variable length.
    pub type_size: i16,
    /// 0 text, 1 binary.
    pub format: i16,
}

impl<'a> Column<'a> {
    /// A `text` column in text format.
    pub fn text(name: &'a str) -> Self {
        Column { name, type_oid: 25, type_size: -1, format: 0 }
    }
}

pub fn row_description(buffer: &mut BytesMut, columns: &[Column<'_>]) -> Result<(), TooLong> {
    i16::try_from(columns.len()).map_err(|_| TooLong)?;
    let field = |c: &Column<'_>| FieldDescription::new(clean(c.name), 0, 0, c.type_oid, c.type_size, -1, c.format);
    put(buffer, &RowDescription::new(columns.iter().map(field).collect()))
}

pub fn data_row(buffer: &mut BytesMut, values: &[Option<&[u8]>]) -> Result<(), TooLong> {
    let count = i16::try_from(values.len()).map_err(|_| TooLong)?;
    let mut data = BytesMut::new();
    for value in values {
        match value {
            None => data.put_i32(-1),
            Some(bytes) => {
                data.put_i32(i32::try_from(bytes.len()).map_err(|_| TooLong)?);
                data.put_slice(bytes);
            }
        }
    }
    put(buffer, &DataRow::new(data, count))
}

/// How bad it is, in the words that every client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    /// The connection ends.
    Fatal,
    Warning,
    Notice,
    Info,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
            Severity::Info => "INFO",
        }
    }
}

/// Builds an ErrorResponse or a NoticeResponse. Fields are sent in the order in which Postgres sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    severity: Severity,
    sqlstate: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<u32>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
    routine: Option<String>,
}

impl Report {
    pub fn new(severity: Severity, sqlstate: &str, message: impl Into<String>) -> Self {
        Report {
            severity,
            sqlstate: sqlstate.to_owned(),
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
            routine: None,
        }
    }

    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// The offending character, counted from 1 in characters, not bytes.
    pub fn position(mut self, character: u32) -> Self {
        self.position = Some(character);
        self
    }

    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
        self
    }

    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = Some(name.into());
        self
    }

    pub fn column(mut self, name: impl Into<String>) -> Self {
        self.column = Some(name.into());
        self
    }

    /// Field `n`, where a stable reason code can stand.
    pub fn constraint(mut self, name: impl Into<String>) -> Self {
        self.constraint = Some(name.into());
        self
    }

    pub fn routine(mut self, name: impl Into<String>) -> Self {
        self.routine = Some(name.into());
        self
    }

    fn fields(&self) -> Vec<(u8, String)> {
        let mut fields = vec![
            (b'S', self.severity.word().to_owned()),
            (b'V', self.severity.word().to_owned()),
            (b'C', clean(&self.sqlstate)),
            (b'M', clean(&self.message)),
        ];
        let position = self.position.map(|character| character.to_string());
        for (code, text) in [
            (b'D', &self.detail),
            (b'H', &self.hint),
            (b'P', &position),
            (b's', &self.schema),
            (b't', &self.table),
            (b'c', &self.column),
            (b'n', &self.constraint),
            (b'R', &self.routine),
        ] {
            if let Some(text) = text {
                fields.push((code, clean(text)));
            }
        }
        fields
    }

    pub fn error_response(&self, buffer: &mut BytesMut) -> Result<(), TooLong> {
        put(buffer, &ErrorResponse::new(self.fields()))
    }

    pub fn notice_response(&self, buffer: &mut BytesMut) -> Result<(), TooLong> {
        put(buffer, &NoticeResponse::new(self.fields()))
    }
}

impl From<FrameError> for Report {
    /// A client that broke the protocol is told so, and its connection ends.
    fn from(error: FrameError) -> Self {
        Report::new(Severity::Fatal, error.sqlstate(), error.to_string())
    }
}

/// A character position, counted from 1, of a byte offset in a text, as field `P` wants it.
/// An offset outside of the text, or inside of a character, has none.
pub fn character_position(text: &str, byte: u32) -> Option<u32> {
    let before = text.get(..usize::try_from(byte).ok()?)?;
    u32::try_from(before.chars().count() + 1).ok()
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
