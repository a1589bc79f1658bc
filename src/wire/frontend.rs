//! What a client sends after it is authenticated, and its password.
//!
//! Names and texts borrow from the frame's body; parameters share its memory. Nothing is copied.

use bytes::Bytes;

use super::body::Body;
use super::{FrameError, Oid};

/// One message of a client, read to its last byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    Query(&'a str),
    Parse(Parse<'a>),
    Bind(Bind<'a>),
    Describe(Target<'a>),
    Execute(Execute<'a>),
    Close(Target<'a>),
    Sync,
    Flush,
    Terminate,
    CopyData(Bytes),
    CopyDone,
    CopyFail(&'a str),
    /// The fast path. Only its function is read: nothing of the kind is ever forwarded.
    FunctionCall(Oid),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse<'a> {
    pub name: &'a str,
    pub query: &'a str,
    /// Declared parameter types; 0 leaves one to the server.
    pub types: Vec<Oid>,
}

/// A prepared statement or a portal, as Describe and Close name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    Statement(&'a str),
    Portal(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    pub portal: &'a str,
    /// As sent. Zero and below mean all rows, see [`Execute::row_limit`].
    pub max_rows: i32,
}

impl Execute<'_> {
    /// `exec_execute_message`: "If max_rows <= 0, it means fetch all rows".
    pub fn row_limit(&self) -> Option<u32> {
        u32::try_from(self.max_rows).ok().filter(|&rows| rows > 0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    pub portal: &'a str,
    pub statement: &'a str,
    pub parameter_formats: Formats,
    pub parameters: Vec<Option<Bytes>>,
    /// The count and the codes as sent, to be forwarded as they are.
    pub result_formats: Bytes,
}

/// How a value is represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

impl Format {
    fn read(code: i16) -> Result<Self, FrameError> {
        match code {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => Err(FrameError::InvalidFormat(other)),
        }
    }
}

/// Format codes: none (all text), one for all, or one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formats {
    All(Format),
    Each(Vec<Format>),
}

impl Formats {
    fn read(body: &mut Body<'_>) -> Result<Self, FrameError> {
        let count = body.count(2)?;
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            codes.push(Format::read(body.i16()?)?);
        }
        Ok(match codes[..] {
            [] => Formats::All(Format::Text),
            [one] => Formats::All(one),
            _ => Formats::Each(codes),
        })
    }

    /// The format of the value at `index`; `None` past the end of a list of one each.
    pub fn get(&self, index: usize) -> Option<Format> {
        match self {
            Formats::All(format) => Some(*format),
            Formats::Each(formats) => formats.get(index).copied(),
        }
    }

    fn fit(&self, values: usize) -> bool {
        match self {
            Formats::All(_) => true,
            Formats::Each(formats) => formats.len() == values,
        }
    }
}

impl Bind<'_> {
    /// The result formats, read from the slice that is forwarded.
    pub fn read_result_formats(&self) -> Result<Formats, FrameError> {
        let mut body = Body::new(&self.result_formats);
        let formats = Formats::read(&mut body)?;
        body.finish()?;
        Ok(formats)
    }
}

/// Reads the body of a message with this tag, as [`super::frame::split_frontend`] gave it in [`super::frame::Phase::Session`].
pub fn read(tag: u8, body: &Bytes) -> Result<Message<'_>, FrameError> {
    let mut reader = Body::new(body);
    let message = match tag {
        b'Q' => Message::Query(reader.string()?),
        b'P' => Message::Parse(parse(&mut reader)?),
        b'B' => Message::Bind(bind(&mut reader)?),
        b'D' => Message::Describe(target(&mut reader)?),
        b'E' => Message::Execute(Execute { portal: reader.string()?, max_rows: reader.i32()? }),
        b'C' => Message::Close(target(&mut reader)?),
        b'S' => Message::Sync,
        b'H' => Message::Flush,
        b'X' => Message::Terminate,
        b'd' => Message::CopyData(reader.rest()),
        b'c' => Message::CopyDone,
        b'f' => Message::CopyFail(reader.string()?),
        b'F' => Message::FunctionCall(function_call(&mut reader)?),
        other => return Err(FrameError::UnknownFrontendTag(other)),
    };
    reader.finish()?;
    Ok(message)
}

/// The password of a PasswordMessage (`p` during authentication).
pub fn read_password(body: &Bytes) -> Result<&str, FrameError> {
    let mut reader = Body::new(body);
    let password = reader.string()?;
    reader.finish()?;
    Ok(password)
}

fn parse<'a>(reader: &mut Body<'a>) -> Result<Parse<'a>, FrameError> {
    let name = reader.string()?;
    let query = reader.string()?;
    let count = reader.count(4)?;
    let mut types = Vec::with_capacity(count);
    for _ in 0..count {
        types.push(reader.u32()?);
    }
    Ok(Parse { name, query, types })
}

fn bind<'a>(reader: &mut Body<'a>) -> Result<Bind<'a>, FrameError> {
    let portal = reader.string()?;
    let statement = reader.string()?;
    let parameter_formats = Formats::read(reader)?;
    let count = reader.count(4)?;
    if !parameter_formats.fit(count) {
        return Err(FrameError::InvalidCount);
    }
    let mut parameters = Vec::with_capacity(count);
    for _ in 0..count {
        parameters.push(reader.nullable()?);
    }
    let bind = Bind { portal, statement, parameter_formats, parameters, result_formats: reader.rest() };
    bind.read_result_formats()?;
    Ok(bind)
}

fn target<'a>(reader: &mut Body<'a>) -> Result<Target<'a>, FrameError> {
    let kind = reader.u8()?;
    let name = reader.string()?;
    match kind {
        b'S' => Ok(Target::Statement(name)),
        b'P' => Ok(Target::Portal(name)),
        other => Err(FrameError::InvalidSubtype(other)),
    }
}

fn function_call(reader: &mut Body<'_>) -> Result<Oid, FrameError> {
    let function = reader.u32()?;
    let formats = Formats::read(reader)?;
    let count = reader.count(4)?;
    if !formats.fit(count) {
        return Err(FrameError::InvalidCount);
    }
    for _ in 0..count {
        reader.nullable()?;
    }
    Format::read(reader.i16()?)?;
    Ok(function)
}

#[cfg(test)]
#[path = "frontend_tests.rs"]
mod tests;
