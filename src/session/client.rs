//! The agent's side: frames in, released bytes out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::hold::Reserved;
use super::stream::Stream;
use crate::wire::FrameError;
use crate::wire::frame::{Frame, FrontendLimits, Phase, split_frontend};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The stream ended inside a message.
    #[error("unexpected end of the client's stream")]
    Truncated,
}

/// Least room for one read; also what an idle session keeps.
const READ: usize = 4 * 1024;
/// A read buffer larger than this is given back when it is empty.
const KEEP: usize = 16 * 1024;
/// What a client takes at the least in the time that it may stall.
const LEAST: usize = 64 * 1024;
/// A held result smaller than this is copied behind the messages of our own; a larger one is sent from where it lies.
const COPY: usize = 8 * 1024;

pub struct Client {
    stream: Stream,
    buffer: BytesMut,
    limits: FrontendLimits,
    out: Out,
    /// What is counted of the results that wait to be sent.
    reserved: Vec<Arc<Reserved>>,
    /// How long a client may take nothing of what is sent to it.
    patience: Duration,
}

impl Client {
    /// `buffer` holds what was read behind the startup packet.
    pub fn new(stream: Stream, buffer: BytesMut, limits: FrontendLimits, patience: Duration) -> Client {
        Client { stream, buffer, limits, out: Out::default(), reserved: Vec::new(), patience }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// A message that is already here.
    pub fn buffered(&mut self, phase: Phase) -> Result<Option<Frame>, FrameError> {
        split_frontend(&mut self.buffer, phase, &self.limits)
    }

    /// The next message; `None` when the client has closed. Loses nothing if dropped.
    pub async fn next(&mut self, phase: Phase) -> Result<Option<Frame>, ClientError> {
        loop {
            if let Some(frame) = self.buffered(phase)? {
                return Ok(Some(frame));
            }
            if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
                self.buffer = BytesMut::new();
            }
            self.buffer.reserve(READ);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ClientError::Truncated) };
            }
        }
    }

    /// Where messages of our own are written to. Nothing is sent before [`Client::flush`].
    pub fn reply(&mut self) -> &mut BytesMut {
        &mut self.out.tail
    }

    /// Queues bytes of the upstream.
    pub fn release(&mut self, bytes: Bytes) {
        self.out.push(bytes);
    }

    /// What waits to be sent.
    pub fn queued(&self) -> usize {
        self.out.remaining() + self.out.tail.len()
    }

    /// Fails with `TimedOut` when the client has taken nothing for too long: what it does not read is held in memory.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.out.seal();
        if !self.out.has_remaining() {
            return Ok(());
        }
        while self.out.has_remaining() {
            let written = tokio::time::timeout(self.patience, self.stream.write_buf(&mut self.out)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.reserved.clear();
        tokio::time::timeout(self.patience, self.stream.flush()).await?
    }

    /// As [`Client::flush`] while a connection to the database waits: so slow a client may not be that it takes less than
    /// [`LEAST`] in this time.
    pub async fn drain(&mut self, stall: Duration) -> io::Result<()> {
        self.out.seal();
        let (mut taken, mut deadline) = (0, Instant::now() + stall);
        while self.out.has_remaining() {
            let written = tokio::time::timeout_at(deadline, self.stream.write_buf(&mut self.out)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            taken += written;
            if taken >= LEAST {
                (taken, deadline) = (0, Instant::now() + stall);
            }
        }
        self.reserved.clear();
        tokio::time::timeout_at(deadline, self.stream.flush()).await?
    }

    /// Keeps a reservation until everything that is queued was sent.
    pub fn keep(&mut self, reserved: Option<Arc<Reserved>>) {
        self.reserved.extend(reserved);
    }

    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }
}

/// Bytes in the order they are to be sent.
#[derive(Default)]
struct Out {
    sealed: VecDeque<Bytes>,
    tail: BytesMut,
}

impl Out {
    fn push(&mut self, bytes: Bytes) {
        if bytes.len() <= COPY {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.seal();
            self.sealed.push_back(bytes);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.sealed.push_back(self.tail.split().freeze());
        }
    }
}

/// Of the sealed part only.
impl Buf for Out {
    fn remaining(&self) -> usize {
        self.sealed.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.sealed.front().map_or(&[], |b| b)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, bytes) in slices.iter_mut().zip(&self.sealed) {
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.sealed.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.sealed.pop_front();
        }
        assert_eq!(count, 0, "advanced past the end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_they_were_queued() {
        let mut out = Out::default();
        out.tail.extend_from_slice(b"a");
        out.push(Bytes::from(vec![b'b'; COPY + 1]));
        out.tail.extend_from_slice(b"c");
        out.push(Bytes::from_static(b"d"));
        out.seal();
        assert_eq!(out.remaining(), COPY + 4);
        let all = out.copy_to_bytes(out.remaining());
        assert_eq!(all[0], b'a');
        assert_eq!(&all[all.len() - 2..], b"cd");
        assert!(!out.has_remaining());
    }
    /// What became of a large result whose client takes `bytes` every 10 ms and may stall for 300 ms.
    async fn drained(bytes: usize) -> io::Result<()> {
        let (near, mut far) = tokio::net::UnixStream::pair().unwrap();
        let limits = FrontendLimits::default();
        let mut client = Client::new(Stream::Unix(near), BytesMut::new(), limits, Duration::from_secs(60));
        client.release(Bytes::from(vec![b'd'; 4 << 20]));
        let reader = tokio::spawn(async move {
            let mut taken = vec![0; bytes];
            while far.read_exact(&mut taken).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let drained = client.drain(Duration::from_millis(300)).await;
        reader.abort();
        drained
    }

    #[tokio::test]
    async fn a_slow_client_is_waited_for_and_one_that_takes_next_to_nothing_is_not() {
        drained(64 * 1024).await.unwrap();
        assert_eq!(drained(100).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
