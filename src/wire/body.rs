//! A reader that cannot run past the body it was given.

use bytes::Bytes;

use super::FrameError;

/// Reads one message body front to back. Invariant: `at <= bytes.len()`.
/// Every typed reader ends with [`Body::finish`], so a body is consumed wholly or refused.
#[derive(Debug)]
pub(super) struct Body<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl<'a> Body<'a> {
    pub(super) fn new(bytes: &'a Bytes) -> Self {
        Body { bytes, at: 0 }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let rest = self.bytes.get(self.at..).ok_or(FrameError::Truncated)?;
        let found = rest.first_chunk::<N>().ok_or(FrameError::Truncated)?;
        self.at += N;
        Ok(*found)
    }

    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn i16(&mut self) -> Result<i16, FrameError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, FrameError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 16-bit count of items of at least `item` bytes each, checked against what is left before anything is allocated.
    /// Unsigned, as Postgres reads it (`pq_getmsgint(…, 2)`): no count is negative, and drivers do send 65,535 parameters.
    pub(super) fn count(&mut self, item: usize) -> Result<usize, FrameError> {
        let count = usize::from(self.array().map(u16::from_be_bytes)?);
        if count * item <= self.remaining() { Ok(count) } else { Err(FrameError::Truncated) }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, FrameError> {
        if length > self.remaining() {
            return Err(FrameError::Truncated);
        }
        let start = self.at;
        self.at += length;
        Ok(self.bytes.slice(start..self.at))
    }

    pub(super) fn rest(&mut self) -> Bytes {
        let start = self.at;
        self.at = self.bytes.len();
        self.bytes.slice(start..)
    }

    /// An Int32 length, `-1` for NULL, and so many bytes.
    pub(super) fn nullable(&mut self) -> Result<Option<Bytes>, FrameError> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| FrameError::InvalidLength)?;
                self.take(length).map(Some)
            }
        }
    }

    /// A NUL-terminated string, without its NUL.
    pub(super) fn raw_string(&mut self) -> Result<&'a [u8], FrameError> {
        let rest = self.bytes.get(self.at..).ok_or(FrameError::Truncated)?;
        let end = rest.iter().position(|&byte| byte == 0).ok_or(FrameError::MissingNul)?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// A NUL-terminated string that is UTF-8.
    pub(super) fn string(&mut self) -> Result<&'a str, FrameError> {
        std::str::from_utf8(self.raw_string()?).map_err(|_| FrameError::InvalidUtf8)
    }

    pub(super) fn finish(self) -> Result<(), FrameError> {
        if self.remaining() == 0 { Ok(()) } else { Err(FrameError::Leftover) }
    }
}
