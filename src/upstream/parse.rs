//! Parsing a statement and receiving how Postgres reads it.

use bytes::Bytes;

use super::connection::Connection;
use super::error::{ServerError, UpstreamError};
use super::trees::{TreeNotice, TreePair, tree_digest};
use crate::wire::backend::{self, tag};
use crate::wire::frontend::Target;
use crate::wire::{FrameError, Oid, request};

/// All notices of one Parse together. 120 joins with USING give 25 MB of tree: such a statement is refused.
const MAX_NOTICES: usize = 8 * 1024 * 1024;

/// A prepared statement, as the server read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Text of the analysed tree.
    pub analysed: Bytes,
    /// Text of the rewritten tree: rules fired, views expanded, policies added.
    pub rewritten: Bytes,
    pub parameter_types: Vec<Oid>,
    /// The whole ParameterDescription message.
    pub parameter_description: Bytes,
    /// The whole RowDescription message; `None` for a statement that returns no rows.
    pub row_description: Option<Bytes>,
    pub tree_digest: [u8; 32],
    /// Notices that were not trees. Parse itself runs domain checks and input functions:
    /// code that speaks may have done more, so such a connection deserves no trust.
    pub other_notices: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum ParseFailure {
    /// The server refuses the statement. Its message can name hidden columns.
    #[error("{0}")]
    Server(ServerError),
    /// Not exactly one analysed and one rewritten tree arrived.
    #[error("the database did not show exactly one reading of the statement")]
    TreesMissing,
    /// The trees are larger than we accept. The connection is given up.
    #[error("the database's reading of the statement is too large")]
    TooLarge,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// What has arrived of an answer.
#[derive(Default)]
struct Answer {
    trees: TreePair,
    notice_bytes: usize,
    other_notices: u32,
    parsed: bool,
    parameter_description: Option<Bytes>,
    row_description: Option<Option<Bytes>>,
    error: Option<ServerError>,
}

impl Connection {
    /// Sends Parse, Describe and Sync; waits for the whole answer. The connection must be quiet, inside or outside of a
    /// transaction. Except after `TooLarge` and `Upstream` it is quiet again; after `Server` no statement of this name exists.
    pub async fn parse_and_read(&mut self, name: &str, sql: &str, types: &[Oid]) -> Result<Parsed, ParseFailure> {
        if !self.is_quiet() {
            return Err(UpstreamError::Busy.into());
        }
        // Judged before a batch is begun, so that a text with a NUL costs no connection.
        let mut messages = bytes::BytesMut::with_capacity(sql.len() + 64);
        request::parse(&mut messages, name, sql, types).map_err(UpstreamError::from)?;
        request::describe(&mut messages, Target::Statement(name)).map_err(UpstreamError::from)?;
        self.write_buf().extend_from_slice(&messages);
        self.sync();
        self.flush().await?;
        let answer = self.read_answer().await;
        if matches!(answer, Err(ParseFailure::TooLarge | ParseFailure::Upstream(_))) {
            self.discard();
        }
        answer?.into_parsed()
    }

    async fn read_answer(&mut self) -> Result<Answer, ParseFailure> {
        let mut answer = Answer::default();
        loop {
            let frame = match self.next_frame().await {
                Err(UpstreamError::Frame(FrameError::TooLong { tag: tag::NOTICE_RESPONSE, .. })) => {
                    return Err(ParseFailure::TooLarge);
                }
                other => other?,
            };
            match frame.tag {
                tag::NOTICE_RESPONSE => answer.notice(&frame.body())?,
                tag::PARSE_COMPLETE => answer.parsed = true,
                // Copied: a description outlives the answer, and would keep the trees' memory.
                tag::PARAMETER_DESCRIPTION => answer.parameter_description = Some(Bytes::copy_from_slice(&frame.raw)),
                tag::ROW_DESCRIPTION => answer.row_description = Some(Some(Bytes::copy_from_slice(&frame.raw))),
                tag::NO_DATA => answer.row_description = Some(None),
                tag::ERROR_RESPONSE => {
                    answer.error = Some(ServerError::read(frame.raw).map_err(UpstreamError::from)?);
                }
                tag::PARAMETER_STATUS => {}
                tag::READY_FOR_QUERY => return Ok(answer),
                other => return Err(UpstreamError::Unexpected(other).into()),
            }
        }
    }
}

impl Answer {
    fn notice(&mut self, body: &Bytes) -> Result<(), ParseFailure> {
        self.notice_bytes += body.len();
        if self.notice_bytes > MAX_NOTICES {
            return Err(ParseFailure::TooLarge);
        }
        match TreeNotice::read(&backend::report(body).map_err(UpstreamError::from)?) {
            Some(tree) => self.trees.add(tree),
            None => self.other_notices = self.other_notices.saturating_add(1),
        }
        Ok(())
    }

    fn into_parsed(self) -> Result<Parsed, ParseFailure> {
        if let Some(error) = self.error {
            return Err(ParseFailure::Server(error));
        }
        let (true, Some(parameter_description), Some(row_description)) =
            (self.parsed, self.parameter_description, self.row_description)
        else {
            return Err(UpstreamError::Unexpected(tag::READY_FOR_QUERY).into());
        };
        let (analysed, rewritten) = self.trees.exactly_one_each().ok_or(ParseFailure::TreesMissing)?;
        let body = parameter_description.slice(5..);
        Ok(Parsed {
            tree_digest: tree_digest(&analysed, &rewritten),
            analysed,
            rewritten,
            parameter_types: backend::parameter_description(&body).map_err(UpstreamError::from)?,
            parameter_description,
            row_description,
            other_notices: self.other_notices,
        })
    }
}
