//! Our own control statements, run to the end and read whole. Never an agent's text.

use bytes::{Bytes, BytesMut};

use super::connection::Connection;
use super::error::{ServerError, UpstreamError};
use crate::wire::backend::{self, tag};
use crate::wire::frontend::{Format, Formats};
use crate::wire::request;

/// All rows of one answer together.
const MAX_ROWS: usize = 16 * 1024 * 1024;

/// Rows in text format, and the command tags in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    pub rows: Vec<Vec<Option<Bytes>>>,
    pub tags: Vec<String>,
}

impl Connection {
    /// Runs one or several statements (BEGIN, ROLLBACK, SET …) as a simple Query.
    pub async fn simple(&mut self, sql: &str) -> Result<Rows, UpstreamError> {
        if !self.is_quiet() {
            return Err(UpstreamError::Busy);
        }
        self.query(sql)?;
        self.run().await
    }

    /// Runs one statement with parameters in text format.
    pub async fn query_raw(&mut self, sql: &str, parameters: &[Option<Bytes>]) -> Result<Rows, UpstreamError> {
        if !self.is_quiet() {
            return Err(UpstreamError::Busy);
        }
        let mut messages = BytesMut::new();
        request::parse(&mut messages, "", sql, &[])?;
        request::bind(&mut messages, "", "", &Formats::All(Format::Text), parameters, request::ALL_TEXT)?;
        request::execute(&mut messages, "", 0)?;
        self.write_buf().extend_from_slice(&messages);
        self.sync();
        self.run().await
    }

    /// Appends a BEGIN, which must be the first statement of its batch: nothing can make the server skip its Parse there.
    /// It is prepared, since whatever is parsed is shown with its trees.
    pub fn append_begin(&mut self, text: &str) -> Result<(), UpstreamError> {
        let known = self.begins.iter().position(|begin| begin == text);
        let name = format!("pgwarrant_begin_{}", known.unwrap_or(self.begins.len()));
        let out = self.write_buf();
        if known.is_none() {
            request::parse(out, &name, text, &[])?;
        }
        request::bind(out, "", &name, &Formats::All(Format::Text), &[], request::ALL_TEXT)?;
        request::execute(out, "", 0)?;
        if known.is_none() {
            self.begins.push(text.to_owned());
        }
        Ok(())
    }

    pub(super) async fn run(&mut self) -> Result<Rows, UpstreamError> {
        self.flush().await?;
        self.answer().await
    }

    /// The answer to what was sent, to the end.
    pub async fn answer(&mut self) -> Result<Rows, UpstreamError> {
        match self.read_rows().await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(UpstreamError::Server(error)),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }

    /// The inner result is the server's verdict, with the connection quiet again; the outer error ends the connection.
    async fn read_rows(&mut self) -> Result<Result<Rows, ServerError>, UpstreamError> {
        let (mut found, mut error, mut bytes) = (Rows::default(), None, 0usize);
        loop {
            let frame = self.next_frame().await?;
            match frame.tag {
                tag::DATA_ROW => {
                    bytes += frame.raw.len();
                    if bytes > MAX_ROWS {
                        return Err(UpstreamError::TooLarge);
                    }
                    found.rows.push(backend::data_row(&frame.body())?);
                }
                tag::COMMAND_COMPLETE => found.tags.push(backend::command_complete(&frame.body())?.to_owned()),
                tag::ERROR_RESPONSE => error = Some(ServerError::read(frame.raw)?),
                tag::PARSE_COMPLETE | tag::BIND_COMPLETE | tag::ROW_DESCRIPTION | tag::NO_DATA => {}
                tag::EMPTY_QUERY_RESPONSE | tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS => {}
                tag::READY_FOR_QUERY => return Ok(error.map_or(Ok(found), Err)),
                other => return Err(UpstreamError::Unexpected(other)),
            }
        }
    }
}
