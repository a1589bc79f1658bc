//! The answers of one round trip, as far as they were read: up to a result that is larger than what may be held, and on from
//! there once that was released.

use std::collections::VecDeque;

use super::cache::Digest;
use super::exchange::{ExchangeError, Ran, Reader, Run, failed, own_statements, ready};
use super::hold::{Bound, End, Hold};
use super::trees::{Pair, ShownAgain};
use crate::upstream::Connection;

/// What was read of one Execute.
#[derive(Debug, Default)]
pub struct Part {
    pub hold: Hold,
    pub trees: ShownAgain,
    /// The server got past Bind.
    pub is_bound: bool,
}

impl Part {
    /// Without a digest any tree confirms.
    pub fn ended(self, end: End, digest: Option<&Digest>) -> Ran {
        let others = digest.map_or(Some(Vec::new()), |digest| self.trees.others(digest));
        Ran { hold: self.hold, end, others, bound: self.is_bound }
    }
}

#[derive(Debug)]
struct Expected {
    digest: Digest,
    in_chunks: bool,
}

/// What a connection still owes.
#[derive(Debug)]
pub struct Answers {
    expected: VecDeque<Expected>,
    /// Of statements of our own behind them.
    after: usize,
    /// Of the first that is expected, when it was read in part.
    part: Part,
    are_read: bool,
}

impl Answers {
    /// Nothing is released in chunks where statements of our own must still work behind it.
    pub fn new(runs: &[Run<'_>], after: usize) -> Answers {
        let expect = |run: &Run<'_>| Expected { digest: run.digest, in_chunks: run.in_chunks && after == 0 };
        Answers { expected: runs.iter().map(expect).collect(), after, part: Part::default(), are_read: false }
    }

    /// ReadyForQuery was read: the connection owes nothing.
    pub fn are_read(&self) -> bool {
        self.are_read
    }

    /// Reads whole results, up to one that may be released in chunks and must be.
    pub async fn read(&mut self, connection: &mut Connection, bound: &Bound) -> Result<Vec<Ran>, ExchangeError> {
        let mut reader = Reader::new(bound);
        let mut done = Vec::with_capacity(self.expected.len());
        while !self.are_read {
            match self.next(connection, &mut reader).await? {
                Some(ran) => done.push(ran),
                None => break,
            }
        }
        Ok(done)
    }

    /// Reads on in the result that is released in chunks; `None` when no more may be held again.
    pub async fn read_part(&mut self, connection: &mut Connection, bound: &Bound) -> Result<Option<Ran>, ExchangeError> {
        self.next(connection, &mut Reader::new(bound)).await
    }

    async fn next(&mut self, connection: &mut Connection, reader: &mut Reader<'_>) -> Result<Option<Ran>, ExchangeError> {
        let Some(Expected { digest, in_chunks }) = self.expected.front() else {
            // Nobody asks for more than there is.
            return Err(ExchangeError::Overflow);
        };
        let Some(end) = reader.more(connection, &mut self.part).await? else {
            return if *in_chunks && self.part.is_bound { Ok(None) } else { Err(ExchangeError::Overflow) };
        };
        let ran = std::mem::take(&mut self.part).ended(end, Some(digest));
        self.expected.pop_front();
        if failed(&ran.end) {
            // The server skips the rest up to Sync.
            self.expected.clear();
        } else if self.expected.is_empty() {
            own_statements(connection, reader, self.after).await?;
        }
        if self.expected.is_empty() {
            ready(connection).await?;
            self.are_read = true;
        }
        Ok(Some(ran))
    }

    /// Takes what is held of the result that was read in part.
    pub fn take(&mut self) -> Hold {
        std::mem::take(&mut self.part.hold)
    }

    /// As [`Ran::others`], of the result that was read in part: no tree is shown any more once it is bound.
    pub fn others(&self) -> Option<Vec<Pair>> {
        self.expected.front().and_then(|expected| self.part.trees.clone().others(&expected.digest))
    }
}
