//! One connection: its stream, what is to be written, what was read, and what is still owed.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::cancel::CancelHandle;
use super::certified::CertifiedStatements;
use super::connect::Endpoint;
use super::error::UpstreamError;
use super::stream::Stream;
use crate::wire::backend::{self, BackendKey, TransactionStatus, tag};
use crate::wire::frame::{self, BackendLimits, Frame};
use crate::wire::frontend::Target;
use crate::wire::request;

/// One message of the server: its tag and all its bytes.
pub type BackendFrame = Frame;

/// How much is read ahead while a write waits. A server that cannot send its results stops reading our requests.
const READ_AHEAD: usize = 16 * 1024 * 1024;
/// How much room a read is offered.
const READ_ROOM: usize = 64 * 1024;
/// Before authentication the other end is a stranger: libpq's own limit, for every message.
const HANDSHAKE_LIMITS: BackendLimits = BackendLimits { data: 0, report: 30_000, small: 30_000 };

/// A run of whole DataRow messages, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRun {
    pub bytes: Bytes,
    pub rows: u64,
}

/// A connection to the database.
///
/// Requests go in *batches*, each closed by a Sync (or a Query) and answered by one ReadyForQuery. Invariant: `batches`
/// has one entry for each batch begun and not yet answered; `open` says whether the last of them still lacks its Sync.
/// Every method is cancel-safe in that no byte is lost; a connection dropped in the middle is simply not idle.
pub struct Connection {
    stream: Stream,
    endpoint: Endpoint,
    read: BytesMut,
    write: BytesMut,
    limits: BackendLimits,
    /// For each unanswered batch, the CloseCompletes that our own Closes at its start are owed.
    batches: VecDeque<usize>,
    open: bool,
    broken: bool,
    status: TransactionStatus,
    parameters: BTreeMap<String, String>,
    backend_key: Option<BackendKey>,
    cancel: Option<CancelHandle>,
    server_version_num: u32,
    certified: CertifiedStatements,
    /// The statements of [`super::fence`] are prepared.
    fence: bool,
    /// The texts of BEGIN that are prepared, in the order of their names.
    pub(super) begins: Vec<String>,
}

impl Connection {
    pub(super) fn new(stream: Stream, endpoint: Endpoint) -> Self {
        Connection {
            stream,
            endpoint,
            read: BytesMut::new(),
            write: BytesMut::new(),
            limits: HANDSHAKE_LIMITS,
            batches: VecDeque::new(),
            open: false,
            broken: false,
            status: TransactionStatus::Idle,
            parameters: BTreeMap::new(),
            backend_key: None,
            cancel: None,
            server_version_num: 0,
            certified: CertifiedStatements::default(),
            fence: false,
            begins: Vec::new(),
        }
    }

    /// The startup packet is answered by a ReadyForQuery like any batch.
    pub(super) fn begin_handshake(&mut self) {
        self.batches.push_back(0);
    }

    pub(super) fn end_handshake(&mut self) {
        self.limits = BackendLimits::default();
    }

    /// The write buffer, outside of any batch.
    pub(super) fn handshake_buf(&mut self) -> &mut BytesMut {
        &mut self.write
    }

    pub(super) fn set_backend_key(&mut self, key: BackendKey) {
        self.cancel = Some(CancelHandle::new(self.endpoint.clone(), key.clone()));
        self.backend_key = Some(key);
    }

    pub(super) fn set_server_version_num(&mut self, number: u32) {
        self.server_version_num = number;
    }

    /// Where encoded requests are appended; begins a batch if none is open. End it with [`Connection::sync`].
    ///
    /// Closes of evicted statements go first in a batch, where no error can have made the server skip them.
    pub fn write_buf(&mut self) -> &mut BytesMut {
        if !self.open {
            self.open = true;
            let names = self.certified.take_closing();
            self.batches.push_back(names.len());
            for name in names {
                request::close(&mut self.write, Target::Statement(name.as_str()))
                    .expect("our own names are short and hold no NUL");
            }
        }
        &mut self.write
    }

    /// Appends Sync and so ends the batch.
    pub fn sync(&mut self) {
        request::sync(self.write_buf());
        self.open = false;
    }

    /// Appends a Query, which is a batch of its own.
    pub fn query(&mut self, sql: &str) -> Result<(), UpstreamError> {
        if let Err(error) = request::query(self.write_buf(), sql) {
            self.broken = true;
            return Err(error.into());
        }
        self.open = false;
        Ok(())
    }

    /// Sends what was appended. While the server does not take more, what it sends is read ahead, so that
    /// two full buffers do not wait for each other.
    pub async fn flush(&mut self) -> Result<(), UpstreamError> {
        let sent = poll_fn(|context| self.poll_flush(context)).await;
        self.broken |= sent.is_err();
        sent
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        loop {
            match self.poll_write(context) {
                // TLS takes bytes that its socket did not take yet, so both steps may have to wait.
                Poll::Pending if self.read.len() < READ_AHEAD => match self.poll_read(context) {
                    Poll::Ready(Ok(())) => {}
                    other => return other,
                },
                other => return other,
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        while !self.write.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.write))? {
                0 => return Poll::Ready(Err(UpstreamError::Io(io::ErrorKind::WriteZero.into()))),
                written => self.write.advance(written),
            }
        }
        Pin::new(&mut self.stream).poll_flush(context).map_err(UpstreamError::from)
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        if self.read.capacity() - self.read.len() < READ_ROOM / 4 {
            self.read.reserve(READ_ROOM);
        }
        // `read_buf` keeps nothing between polls, so a fresh future each time loses nothing.
        match pin!(self.stream.read_buf(&mut self.read)).poll(context) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(UpstreamError::Closed)),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The next message of the server. Nothing is lost if the future is dropped.
    pub async fn next_frame(&mut self) -> Result<BackendFrame, UpstreamError> {
        loop {
            match self.buffered_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
            if let Err(error) = poll_fn(|context| self.poll_read(context)).await {
                self.broken = true;
                return Err(error);
            }
        }
    }

    /// The next message, if it was read already.
    fn buffered_frame(&mut self) -> Result<Option<BackendFrame>, UpstreamError> {
        while let Some(frame) = frame::split_backend(&mut self.read, &self.limits)? {
            if self.observe(&frame)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// A run of DataRows that stands next and was read already, in one piece; `None` if something else stands next.
    pub fn buffered_rows(&mut self) -> Option<RowRun> {
        let found = frame::data_rows(&self.read);
        (found.rows > 0).then(|| RowRun { bytes: self.read.split_to(found.end).freeze(), rows: found.rows })
    }

    /// Keeps account of a message. False if it answers a Close of our own and concerns nobody else.
    fn observe(&mut self, frame: &BackendFrame) -> Result<bool, UpstreamError> {
        match frame.tag {
            tag::READY_FOR_QUERY => {
                let unanswered = self.batches.len() - usize::from(self.open);
                if unanswered == 0 {
                    return Err(UpstreamError::Unexpected(frame.tag));
                }
                self.batches.pop_front();
                self.status = backend::ready_for_query(&frame.body())?;
            }
            tag::PARAMETER_STATUS => {
                let body = frame.body();
                let (name, value) = backend::parameter_status(&body)?;
                self.parameters.insert(name.to_owned(), value.to_owned());
            }
            tag::CLOSE_COMPLETE => {
                if let Some(owed) = self.batches.front_mut().filter(|owed| **owed > 0) {
                    *owed -= 1;
                    return Ok(false);
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// Whether the server waits for us, outside of a transaction, and neither side has said anything that the other did not hear.
    pub fn is_idle(&self) -> bool {
        !self.broken
            && self.status == TransactionStatus::Idle
            && self.batches.is_empty()
            && self.read.is_empty()
            && self.write.is_empty()
    }

    /// Whether a request may be begun: every batch before it is answered and read.
    pub(super) fn is_quiet(&self) -> bool {
        !self.broken && self.batches.is_empty() && self.write.is_empty()
    }

    /// Looks, without waiting, at what an idle connection received meanwhile. False if it is closed, if the server said
    /// anything but a notice or a changed setting, or if what it said cannot be read at once.
    pub(super) fn still_idle(&mut self) -> bool {
        let silent = self.read_what_is_there() && self.stream.is_silent() && self.is_idle();
        self.broken |= !silent;
        silent
    }

    fn read_what_is_there(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        while self.read.len() < READ_ROOM {
            match self.poll_read(&mut context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return false,
                Poll::Pending => break,
            }
        }
        loop {
            match self.buffered_frame() {
                Ok(None) => return true,
                Ok(Some(frame)) if matches!(frame.tag, tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS) => {}
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    }

    /// Gives the connection up: it will not be reused.
    pub fn discard(&mut self) {
        self.broken = true;
    }

    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// What the server last reported of a setting.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Every setting that the server reports, by name.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As `SHOW server_version_num` would print it.
    pub fn server_version_num(&self) -> u32 {
        self.server_version_num
    }

    pub fn backend_key(&self) -> Option<&BackendKey> {
        self.backend_key.as_ref()
    }

    /// What cancels a statement of this connection, from any task. `None` if the server gave no key.
    pub fn cancel_handle(&self) -> Option<CancelHandle> {
        self.cancel.clone()
    }

    /// The prepared statements that have shown their tree on this very connection.
    pub fn certified(&mut self) -> &mut CertifiedStatements {
        &mut self.certified
    }

    pub(super) fn has_fence(&self) -> bool {
        self.fence
    }

    pub(super) fn set_fence(&mut self) {
        self.fence = true;
    }

    pub fn limits_mut(&mut self) -> &mut BackendLimits {
        &mut self.limits
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("backend_key", &self.backend_key)
            .field("status", &self.status)
            .field("unanswered", &self.batches.len())
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
