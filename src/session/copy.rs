//! Rows as COPY TO writes them (`src/backend/commands/copyto.c`): what leaves is made of the rows of the proven query, so
//! that no other statement runs upstream.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::failure::Failure;
use super::hold::{Bound, Hold};
use crate::statement::kind::{CopyFormat, CopyLayout, ForceQuote};
use crate::wire::backend;

/// Signature, flags and the length of an extension that is not there.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = b"\xff\xff";
/// How much is written before the bounds are looked at.
const CHUNK: usize = 256 * 1024;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    #[error("the server's rows are malformed")]
    Malformed,
    #[error("the copy is larger than a session may hold")]
    TooLarge,
}

/// FORCE_QUOTE names columns of the result.
pub fn check_columns(layout: &CopyLayout, description: Option<&Bytes>) -> Result<(), Failure> {
    let names = names(description);
    let ForceQuote::Columns(columns) = &layout.force_quote else { return Ok(()) };
    match columns.iter().find(|column| !names.iter().any(|name| name.as_ref() == column.as_bytes())) {
        Some(column) => Err(Failure::new("42703", format!("column \"{column}\" does not exist"))),
        None => Ok(()),
    }
}

fn names(description: Option<&Bytes>) -> Vec<Bytes> {
    let fields = description.and_then(|body| backend::row_description(body).ok()).unwrap_or_default();
    fields.iter().map(|field| Bytes::copy_from_slice(field.name)).collect()
}

/// CopyOutResponse, the rows as CopyData, CopyDone.
pub fn write(mut hold: Hold, layout: &CopyLayout, description: Option<&Bytes>, bound: &Bound) -> Result<Hold, CopyError> {
    let names = names(description);
    let mut writer = Writer::new(layout, &names);
    let mut written = Hold::default();
    hold.take_notices().into_iter().for_each(|notice| written.push_notice(notice));
    writer.begin();
    for chunk in hold.chunks() {
        let mut rest = chunk.clone();
        while !rest.is_empty() {
            let row = next_row(&mut rest)?;
            writer.row(row)?;
            if writer.out.len() >= CHUNK {
                written.push_rows(std::mem::take(&mut writer.rows), writer.out.split().freeze());
                if !written.fits(0, bound) {
                    return Err(CopyError::TooLarge);
                }
            }
        }
    }
    writer.end();
    written.push_rows(writer.rows, writer.out.freeze());
    if written.fits(0, bound) { Ok(written) } else { Err(CopyError::TooLarge) }
}

/// The body of the next DataRow.
fn next_row(rest: &mut Bytes) -> Result<Bytes, CopyError> {
    if rest.len() < 5 || rest[0] != b'D' {
        return Err(CopyError::Malformed);
    }
    let length = (&rest[1..5]).get_u32() as usize;
    if length < 4 || rest.len() < 1 + length {
        return Err(CopyError::Malformed);
    }
    Ok(rest.split_to(1 + length).slice(5..))
}

struct Writer<'a> {
    layout: &'a CopyLayout,
    names: &'a [Bytes],
    forced: Vec<bool>,
    out: BytesMut,
    rows: u64,
    /// The binary header goes out with the first message.
    header_due: bool,
}

impl<'a> Writer<'a> {
    fn new(layout: &'a CopyLayout, names: &'a [Bytes]) -> Self {
        let forced = |name: &Bytes| match &layout.force_quote {
            ForceQuote::All => true,
            ForceQuote::Columns(columns) => columns.iter().any(|column| column.as_bytes() == name.as_ref()),
        };
        let forced = names.iter().map(forced).collect();
        Writer { layout, names, forced, out: BytesMut::new(), rows: 0, header_due: layout.format == CopyFormat::Binary }
    }

    fn begin(&mut self) {
        let binary = self.layout.format == CopyFormat::Binary;
        // A row has at most 1,664 columns.
        let columns = self.names.len() as u16;
        self.out.put_u8(b'H');
        self.out.put_u32(4 + 1 + 2 + 2 * u32::from(columns));
        self.out.put_u8(u8::from(binary));
        self.out.put_u16(columns);
        (0..columns).for_each(|_| self.out.put_u16(u16::from(binary)));
        if self.layout.header {
            let names = self.names;
            let start = self.open();
            for (index, name) in names.iter().enumerate() {
                self.separate(index);
                match self.layout.format {
                    CopyFormat::Csv => self.csv(name, false),
                    CopyFormat::Text | CopyFormat::Binary => self.text(name),
                }
            }
            self.out.put_u8(b'\n');
            self.close(start);
        }
    }

    fn end(&mut self) {
        if self.layout.format == CopyFormat::Binary {
            let start = self.open();
            self.out.extend_from_slice(BINARY_TRAILER);
            self.close(start);
        }
        self.out.extend_from_slice(b"c\0\0\0\x04");
    }

    fn row(&mut self, mut body: Bytes) -> Result<(), CopyError> {
        let start = self.open();
        self.rows += 1;
        if self.layout.format == CopyFormat::Binary {
            // The body of a DataRow with binary values is what COPY writes: a count, then lengths and values.
            self.out.extend_from_slice(&body);
            self.close(start);
            return Ok(());
        }
        if body.len() < 2 {
            return Err(CopyError::Malformed);
        }
        let columns = usize::from(body.get_u16());
        if columns != self.names.len() {
            return Err(CopyError::Malformed);
        }
        for index in 0..columns {
            self.separate(index);
            match value(&mut body)? {
                None => self.out.extend_from_slice(self.layout.null.as_bytes()),
                Some(value) => match self.layout.format {
                    CopyFormat::Csv => {
                        let forced = self.forced[index];
                        self.csv(&value, forced);
                    }
                    CopyFormat::Text | CopyFormat::Binary => self.text(&value),
                },
            }
        }
        self.out.put_u8(b'\n');
        self.close(start);
        if body.is_empty() { Ok(()) } else { Err(CopyError::Malformed) }
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.put_u8(self.layout.delimiter);
        }
    }

    /// Begins a CopyData, whose length is filled in by [`Writer::close`].
    fn open(&mut self) -> usize {
        let start = self.out.len();
        self.out.put_u8(b'd');
        self.out.put_u32(0);
        if std::mem::take(&mut self.header_due) {
            self.out.extend_from_slice(BINARY_HEADER);
        }
        start
    }

    fn close(&mut self, start: usize) {
        // At most twice as long as a row that came in one message, which is far below 2 GiB.
        let length = (self.out.len() - start - 1) as u32;
        self.out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
    }

    /// `CopyAttributeOutText`.
    fn text(&mut self, value: &[u8]) {
        for &byte in value {
            let escaped = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                byte if byte == b'\\' || byte == self.layout.delimiter => byte,
                byte => {
                    self.out.put_u8(byte);
                    continue;
                }
            };
            self.out.put_u8(b'\\');
            self.out.put_u8(escaped);
        }
    }

    /// `CopyAttributeOutCSV`.
    fn csv(&mut self, value: &[u8], forced: bool) {
        let CopyLayout { delimiter, quote, escape, .. } = *self.layout;
        let special = |byte: &u8| matches!(*byte, b'\n' | b'\r') || *byte == delimiter || *byte == quote;
        let alone = self.names.len() == 1 && value == b"\\.";
        let is_null = value == self.layout.null.as_bytes();
        if !forced && !alone && !is_null && !value.iter().any(special) {
            self.out.extend_from_slice(value);
            return;
        }
        self.out.put_u8(quote);
        for &byte in value {
            if byte == quote || byte == escape {
                self.out.put_u8(escape);
            }
            self.out.put_u8(byte);
        }
        self.out.put_u8(quote);
    }
}

fn value(body: &mut Bytes) -> Result<Option<Bytes>, CopyError> {
    if body.len() < 4 {
        return Err(CopyError::Malformed);
    }
    let length = body.get_i32();
    match usize::try_from(length) {
        Ok(length) if length <= body.len() => Ok(Some(body.split_to(length))),
        Err(_) if length == -1 => Ok(None),
        Ok(_) | Err(_) => Err(CopyError::Malformed),
    }
}
