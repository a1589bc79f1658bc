//! What a server sends: cheap readers over a message's body. DataRow has none, its bytes pass untouched.

use bytes::Bytes;

use super::body::Body;
use super::{FrameError, Oid};

/// The tags of a server's messages.
pub mod tag {
    pub const AUTHENTICATION: u8 = b'R';
    pub const BACKEND_KEY_DATA: u8 = b'K';
    pub const BIND_COMPLETE: u8 = b'2';
    pub const CLOSE_COMPLETE: u8 = b'3';
    pub const COMMAND_COMPLETE: u8 = b'C';
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_IN_RESPONSE: u8 = b'G';
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    pub const DATA_ROW: u8 = b'D';
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    pub const ERROR_RESPONSE: u8 = b'E';
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    pub const NOTICE_RESPONSE: u8 = b'N';
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    pub const NO_DATA: u8 = b'n';
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    pub const PARAMETER_STATUS: u8 = b'S';
    pub const PARSE_COMPLETE: u8 = b'1';
    pub const PORTAL_SUSPENDED: u8 = b's';
    pub const READY_FOR_QUERY: u8 = b'Z';
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// Where a server stands between statements, as ReadyForQuery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InTransaction,
    Failed,
}

impl TransactionStatus {
    pub fn byte(self) -> u8 {
        match self {
            TransactionStatus::Idle => b'I',
            TransactionStatus::InTransaction => b'T',
            TransactionStatus::Failed => b'E',
        }
    }
}

pub fn ready_for_query(body: &Bytes) -> Result<TransactionStatus, FrameError> {
    let mut reader = Body::new(body);
    let status = match reader.u8()? {
        b'I' => TransactionStatus::Idle,
        b'T' => TransactionStatus::InTransaction,
        b'E' => TransactionStatus::Failed,
        other => return Err(FrameError::InvalidSubtype(other)),
    };
    reader.finish()?;
    Ok(status)
}

/// The fields of an ErrorResponse or NoticeResponse. A server's texts are not always UTF-8
/// (before a connection has an encoding, and where a tree dump is cut inside a character), so they are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportFields<'a> {
    body: &'a Bytes,
}

/// Checks the layout of an ErrorResponse or NoticeResponse and gives its fields.
pub fn report(body: &Bytes) -> Result<ReportFields<'_>, FrameError> {
    let mut reader = Body::new(body);
    while reader.u8()? != 0 {
        reader.raw_string()?;
    }
    reader.finish()?;
    Ok(ReportFields { body })
}

impl<'a> ReportFields<'a> {
    /// Each field's code and text, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest: &'a [u8] = self.body;
        std::iter::from_fn(move || {
            // The layout was checked by `report`; anything unexpected ends the iteration.
            let (&code, after) = rest.split_first().filter(|(code, _)| **code != 0)?;
            let end = after.iter().position(|&byte| byte == 0)?;
            rest = &after[end + 1..];
            Some((code, &after[..end]))
        })
    }

    pub fn get(&self, code: u8) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == code).map(|(_, text)| text)
    }

    /// The same text, sharing the message's memory.
    pub fn get_bytes(&self, code: u8) -> Option<Bytes> {
        self.get(code).map(|text| self.body.slice_ref(text))
    }

    /// Field `C`, if it is five ASCII letters and digits.
    pub fn sqlstate(&self) -> Option<[u8; 5]> {
        let code: [u8; 5] = self.get(b'C')?.try_into().ok()?;
        code.iter().all(u8::is_ascii_alphanumeric).then_some(code)
    }

    /// Field `V`: the severity that is never translated (servers from 9.6 on).
    pub fn severity(&self) -> Option<&'a [u8]> {
        self.get(b'V')
    }
}

/// A setting that the server reports: its name and value.
pub fn parameter_status(body: &Bytes) -> Result<(&str, &str), FrameError> {
    let mut reader = Body::new(body);
    let found = (reader.string()?, reader.string()?);
    reader.finish()?;
    Ok(found)
}

/// What cancels a server's statement.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendKey {
    pub process_id: i32,
    pub key: Bytes,
}

impl std::fmt::Debug for BackendKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BackendKey").field("process_id", &self.process_id).finish_non_exhaustive()
    }
}

pub fn backend_key_data(body: &Bytes) -> Result<BackendKey, FrameError> {
    let mut reader = Body::new(body);
    let process_id = reader.i32()?;
    let key = reader.rest();
    reader.finish()?;
    if !(4..=256).contains(&key.len()) {
        return Err(FrameError::InvalidLength);
    }
    Ok(BackendKey { process_id, key })
}

/// The types of a statement's parameters.
pub fn parameter_description(body: &Bytes) -> Result<Vec<Oid>, FrameError> {
    let mut reader = Body::new(body);
    let count = reader.count(4)?;
    let mut types = Vec::with_capacity(count);
    for _ in 0..count {
        types.push(reader.u32()?);
    }
    reader.finish()?;
    Ok(types)
}

/// A result column, as RowDescription tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// In the client's encoding, which is UTF-8 for every connection of ours; still bytes, since nothing is decided by it.
    pub name: &'a [u8],
    /// 0 if the column is not simply a table's.
    pub table: Oid,
    pub attribute: i16,
    pub type_oid: Oid,
    pub type_size: i16,
    pub type_modifier: i32,
    pub format: i16,
}

pub fn row_description(body: &Bytes) -> Result<Vec<Field<'_>>, FrameError> {
    let mut reader = Body::new(body);
    let count = reader.count(19)?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        fields.push(Field {
            name: reader.raw_string()?,
            table: reader.u32()?,
            attribute: reader.i16()?,
            type_oid: reader.u32()?,
            type_size: reader.i16()?,
            type_modifier: reader.i32()?,
            format: reader.i16()?,
        });
    }
    reader.finish()?;
    Ok(fields)
}

/// The command tag, such as `SELECT 3`.
pub fn command_complete(body: &Bytes) -> Result<&str, FrameError> {
    let mut reader = Body::new(body);
    let tag = reader.string()?;
    reader.finish()?;
    Ok(tag)
}

/// The number of rows that a command tag states, if it states one.
pub fn affected_rows(tag: &str) -> Option<u64> {
    tag.rsplit(' ').next().and_then(|last| last.parse().ok())
}

/// The values of a DataRow. For our own control statements; what is released is never read.
pub fn data_row(body: &Bytes) -> Result<Vec<Option<Bytes>>, FrameError> {
    let mut reader = Body::new(body);
    let count = reader.count(4)?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(reader.nullable()?);
    }
    reader.finish()?;
    Ok(values)
}

/// What a server asks for, or says, while a connection is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication<'a> {
    Ok,
    CleartextPassword,
    Md5Password,
    /// The mechanisms that the server offers.
    Sasl(Vec<&'a str>),
    SaslContinue(Bytes),
    SaslFinal(Bytes),
    /// Kerberos, GSSAPI, SSPI and whatever else we have no part in.
    Other(i32),
}

pub fn authentication(body: &Bytes) -> Result<Authentication<'_>, FrameError> {
    let mut reader = Body::new(body);
    let found = match reader.i32()? {
        0 => Authentication::Ok,
        3 => Authentication::CleartextPassword,
        5 => {
            reader.take(4)?;
            Authentication::Md5Password
        }
        10 => Authentication::Sasl(mechanisms(&mut reader)?),
        11 => Authentication::SaslContinue(reader.rest()),
        12 => Authentication::SaslFinal(reader.rest()),
        other => {
            reader.rest();
            Authentication::Other(other)
        }
    };
    reader.finish()?;
    Ok(found)
}

fn mechanisms<'a>(reader: &mut Body<'a>) -> Result<Vec<&'a str>, FrameError> {
    let mut names = Vec::new();
    loop {
        match reader.string()? {
            "" => return Ok(names),
            name => names.push(name),
        }
    }
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
