//! The result of one statement, held back until it is recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

/// Bytes of a statement's result as the upstream sent them, none of which the agent has seen.
#[derive(Debug, Default)]
pub struct Hold {
    reserved: Option<Reserved>,
    rows: u64,
    row_bytes: u64,
    /// Whole DataRow messages.
    chunks: Vec<Bytes>,
    /// Whole NoticeResponse messages that the agent may see.
    notices: Vec<Bytes>,
    notice_bytes: u64,
}

/// How a statement ended upstream.
#[derive(Debug, Clone)]
pub enum End {
    /// The whole CommandComplete message.
    Complete { message: Bytes, tag: String },
    /// More rows than the limit of the Execute.
    Suspended,
    /// The whole ErrorResponse message: errors are results.
    Error { message: Bytes, sqlstate: [u8; 5], text: String },
}

/// What is on record of a result, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    pub rows: u64,
    pub bytes: u64,
    /// SHA-256 over notices, rows and the end, message by message as received.
    pub digest: [u8; 32],
}

/// The same over a result that comes in chunks: the notices and rows of one behind those of the other.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    hash: Sha256,
    rows: u64,
    bytes: u64,
}

impl Sum {
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn add(&mut self, hold: &Hold) {
        hold.notices.iter().chain(&hold.chunks).for_each(|part| self.push(part));
        self.rows += hold.rows;
    }

    /// The last of it. Of a statement that failed the rows that are still held are not released.
    pub fn end(&mut self, hold: &Hold, end: &End) {
        match end {
            End::Complete { message, .. } => {
                self.add(hold);
                self.push(message);
            }
            End::Suspended => self.add(hold),
            End::Error { message, .. } => {
                hold.notices.iter().for_each(|notice| self.push(notice));
                self.push(message);
            }
        }
    }

    fn push(&mut self, message: &Bytes) {
        self.hash.update(message);
        self.bytes += message.len() as u64;
    }

    pub fn given(&self) -> Given {
        Given { rows: self.rows, bytes: self.bytes, digest: self.hash.clone().finalize().into() }
    }
}

/// The bounds of what is held: of one session, and of all.
#[derive(Debug, Clone)]
pub struct Bound {
    session: u64,
    total: u64,
    used: Arc<AtomicU64>,
}

/// A part of the total, until it is dropped.
#[derive(Debug)]
pub struct Reserved {
    bytes: u64,
    used: Arc<AtomicU64>,
}

/// Small results are not counted: there are at most as many as connections of the pool.
const FREE: u64 = 64 * 1024;

impl Bound {
    pub fn new(session: u64, total: u64) -> Bound {
        Bound { session, total, used: Arc::default() }
    }

    /// Bytes that all sessions together have reserved.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether each of these whole messages by itself is small enough to be held.
    pub fn admits(&self, rows: &Bytes) -> bool {
        if rows.len() as u64 <= self.session {
            return true;
        }
        let mut rest = rows.clone();
        while !rest.is_empty() {
            let row = rest.split_to(end_of_rows(&rest, &mut 1));
            if row.len() as u64 > self.session {
                return false;
            }
        }
        true
    }

    /// Doubles the reservation, so that few steps are counted.
    fn grow(&self, reserved: &mut Option<Reserved>, size: u64) -> bool {
        let now = reserved.as_ref().map_or(0, |reserved| reserved.bytes);
        let more = size.saturating_mul(2).min(self.session.max(size)) - now;
        if self.used.fetch_add(more, Ordering::Relaxed).saturating_add(more) > self.total {
            self.used.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        reserved.get_or_insert_with(|| Reserved { bytes: 0, used: self.used.clone() }).bytes += more;
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Hold {
    pub fn push_rows(&mut self, rows: u64, bytes: Bytes) {
        self.rows += rows;
        self.row_bytes += bytes.len() as u64;
        self.chunks.push(bytes);
    }

    pub fn push_notice(&mut self, message: Bytes) {
        self.notice_bytes += message.len() as u64;
        self.notices.push(message);
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whole messages of rows, as received.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// What the buffer takes.
    pub fn size(&self) -> u64 {
        self.row_bytes + self.notice_bytes
    }

    /// False if this is more than one session, or all together, may hold. `others` is what the session holds besides.
    pub fn fits(&mut self, others: u64, bound: &Bound) -> bool {
        let size = self.size();
        if others + size > bound.session {
            return false;
        }
        let reserved = self.reserved.as_ref().map_or(FREE, |reserved| reserved.bytes);
        size <= reserved || bound.grow(&mut self.reserved, size)
    }

    /// All of it, with how it ended.
    pub fn given(&self, end: &End) -> Given {
        let mut running = Sum::default();
        running.end(self, end);
        running.given()
    }

    /// Gives up the rows, in order.
    pub fn into_rows(self) -> Rows {
        Rows { chunks: self.chunks.into(), left: self.rows, reserved: self.reserved.map(Arc::new) }
    }

    pub fn take_notices(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.notices)
    }
}

/// Recorded rows of a portal that have not all been asked for yet.
#[derive(Debug)]
pub struct Rows {
    chunks: std::collections::VecDeque<Bytes>,
    left: u64,
    reserved: Option<Arc<Reserved>>,
}

impl Rows {
    pub fn left(&self) -> u64 {
        self.left
    }

    /// For whoever holds what was taken until the client has it.
    pub fn reserved(&self) -> Option<Arc<Reserved>> {
        self.reserved.clone()
    }

    /// The next `count` rows as whole messages.
    pub fn take(&mut self, count: u64) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut wanted = count.min(self.left);
        self.left -= wanted;
        while wanted > 0
            && let Some(chunk) = self.chunks.front_mut()
        {
            let end = end_of_rows(chunk, &mut wanted);
            taken.push(chunk.split_to(end));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
        taken
    }

    pub fn take_all(&mut self) -> Vec<Bytes> {
        self.left = 0;
        std::mem::take(&mut self.chunks).into()
    }
}

/// Where the first `wanted` messages of `chunk` end; counts down what it found.
fn end_of_rows(chunk: &Bytes, wanted: &mut u64) -> usize {
    let mut end = 0;
    while *wanted > 0 && end < chunk.len() {
        // The chunk was cut at message boundaries when it was received: tag, then a length that counts itself.
        let mut header = &chunk[end + 1..];
        end += 1 + header.get_u32() as usize;
        *wanted -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend_from_slice(&(4 + text.len() as u32).to_be_bytes());
        bytes.extend_from_slice(text);
        bytes
    }

    fn hold() -> Hold {
        let mut hold = Hold::default();
        hold.push_rows(2, [row(b"a"), row(b"bb")].concat().into());
        hold.push_rows(1, row(b"").into());
        hold
    }

    #[test]
    fn rows_are_given_out_one_slice_after_the_other() {
        let mut rows = hold().into_rows();
        assert_eq!(rows.take(1).concat(), row(b"a"));
        assert_eq!(rows.left(), 2);
        assert_eq!(rows.take(5).concat(), [row(b"bb"), row(b"")].concat());
        assert_eq!(rows.left(), 0);
        assert!(rows.take(1).is_empty());
    }

    #[test]
    fn all_sessions_together_hold_no_more_than_the_total() {
        let bound = Bound::new(1_000_000, 600_000);
        let large = |bytes: usize| {
            let mut hold = Hold::default();
            hold.push_rows(1, vec![0; bytes].into());
            hold
        };
        let mut one = large(200_000);
        assert!(one.fits(0, &bound), "a reservation of twice its size");
        let mut other = large(150_000);
        assert!(!other.fits(0, &bound));
        let rows = one.into_rows();
        assert!(!other.fits(0, &bound), "a portal holds on");
        let queued = rows.reserved();
        drop(rows);
        assert!(!other.fits(0, &bound), "what the client has not taken is held");
        drop(queued);
        assert!(other.fits(0, &bound));
        assert!(!other.fits(900_000, &bound), "the session's own bound");
        drop(other);
        assert_eq!(bound.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_row_that_no_session_may_hold_is_told_from_many_that_fit_one_by_one() {
        let bound = Bound::new(10, 1_000);
        assert!(bound.admits(&row(b"12345").into()));
        assert!(!bound.admits(&row(b"123456").into()));
        assert!(bound.admits(&[row(b"12345"), row(b"12345")].concat().into()));
        assert!(!bound.admits(&[row(b"1"), row(b"123456"), row(b"1")].concat().into()));
    }

    #[test]
    fn the_digest_covers_rows_notices_and_the_end() {
        let end = |tag: &'static str| End::Complete { message: Bytes::from(tag), tag: tag.to_owned() };
        let base = hold().given(&end("C1")).digest;
        assert_ne!(base, hold().given(&end("C2")).digest);
        let mut more = hold();
        more.push_notice(Bytes::from_static(b"N"));
        assert_ne!(base, more.given(&end("C1")).digest);
        let mut other = hold();
        other.push_rows(1, row(b"x").into());
        assert_ne!(base, other.given(&end("C1")).digest);
    }

    #[test]
    fn rows_before_an_error_are_neither_released_nor_counted() {
        let message = Bytes::from_static(b"E");
        let error = End::Error { message: message.clone(), sqlstate: *b"22012", text: String::new() };
        let given = hold().given(&error);
        assert_eq!((given.rows, given.bytes), (0, 1));
        assert_eq!(given, Hold::default().given(&error));
    }

    #[test]
    fn a_result_in_chunks_adds_up_to_the_whole() {
        let end = End::Complete { message: Bytes::from_static(b"C"), tag: "SELECT 3".to_owned() };
        let mut running = Sum::default();
        let mut first = Hold::default();
        first.push_rows(2, [row(b"a"), row(b"bb")].concat().into());
        running.add(&first);
        let so_far = running.given();
        assert_eq!((so_far.rows, so_far.bytes), (2, first.size()));
        let mut second = Hold::default();
        second.push_rows(1, row(b"").into());
        running.end(&second, &end);
        assert_eq!(running.given(), hold().given(&end));
        assert_ne!(so_far.digest, running.given().digest);
    }
}
