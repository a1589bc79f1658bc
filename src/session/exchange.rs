//! One round trip with an upstream connection: what is sent in one piece, and what comes back until ReadyForQuery.

use bytes::Bytes;

use super::cache::Digest;
use super::hold::{End, Hold};
use super::room::Share;
use super::trees::ShownAgain;
use crate::upstream::{Connection, TreeNotice, UpstreamError};
use crate::wire::backend::{self, tag};
use crate::wire::frontend::{Format, Formats};
use crate::wire::request;

/// One Bind and Execute of a statement that the connection has certified.
#[derive(Debug)]
pub struct Run<'a> {
    pub statement: &'a str,
    pub formats: &'a Formats,
    pub parameters: &'a [Option<Bytes>],
    pub result_formats: &'a [u8],
    /// 0 is all.
    pub max_rows: i32,
    /// Of the proven trees.
    pub digest: Digest,
}

/// What became of one of them.
#[derive(Debug)]
pub struct Ran {
    pub hold: Hold,
    pub end: End,
    /// No other tree than the proven one was shown before the portal was bound.
    pub confirmed: bool,
    /// The server got past Bind, where it plans and evaluates constants.
    pub bound: bool,
}

/// Why a round trip gave nothing that could be used. The connection is given up.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the results are larger than a session may hold")]
    Overflow,
    #[error("the results of all sessions are larger than the proxy may hold")]
    Crowded,
    #[error("the server refused a statement of the proxy's own: {0}")]
    Control(String),
}

impl From<crate::wire::FrameError> for ExchangeError {
    fn from(error: crate::wire::FrameError) -> Self {
        ExchangeError::Upstream(error.into())
    }
}

/// Runs statements in one round trip, until one fails. `before` is a statement of our own that goes first, such as BEGIN.
/// On an error the connection is discarded.
pub async fn run(
    connection: &mut Connection,
    before: Option<&str>,
    runs: &[Run<'_>],
    holding: Holding<'_>,
) -> Result<Vec<Ran>, ExchangeError> {
    let result = attempt(connection, before, runs, holding).await;
    if result.is_err() {
        connection.discard();
    }
    result
}

async fn attempt(
    connection: &mut Connection,
    before: Option<&str>,
    runs: &[Run<'_>],
    holding: Holding<'_>,
) -> Result<Vec<Ran>, ExchangeError> {
    send(connection, before, runs).map_err(UpstreamError::from)?;
    connection.flush().await?;
    let mut reader = Reader::new(holding);
    if before.is_some()
        && let End::Error { text, .. } = reader.one(connection, None).await?.end
    {
        return Err(ExchangeError::Control(text));
    }
    let mut done = Vec::with_capacity(runs.len());
    for run in runs {
        let ran = reader.one(connection, Some(&run.digest)).await?;
        let failed = matches!(ran.end, End::Error { .. });
        done.push(ran);
        if failed {
            break;
        }
    }
    ready(connection).await?;
    Ok(done)
}

/// Runs one text without parameters, such as an EXPLAIN whose inner statement is proven.
pub async fn run_text(connection: &mut Connection, text: &str, holding: Holding<'_>) -> Result<Ran, ExchangeError> {
    let result = attempt_text(connection, text, holding).await;
    if result.is_err() {
        connection.discard();
    }
    result
}

async fn attempt_text(connection: &mut Connection, text: &str, holding: Holding<'_>) -> Result<Ran, ExchangeError> {
    send(connection, Some(text), &[]).map_err(UpstreamError::from)?;
    connection.flush().await?;
    let ran = Reader::new(holding).one(connection, None).await?;
    ready(connection).await?;
    Ok(ran)
}

fn send(connection: &mut Connection, before: Option<&str>, runs: &[Run<'_>]) -> Result<(), request::Unencodable> {
    let out = connection.write_buf();
    if let Some(text) = before {
        request::parse(out, "", text, &[])?;
        request::bind(out, "", "", &Formats::All(Format::Text), &[], request::ALL_TEXT)?;
        request::execute(out, "", 0)?;
    }
    for run in runs {
        request::bind(out, "", run.statement, run.formats, run.parameters, run.result_formats)?;
        request::execute(out, "", run.max_rows)?;
    }
    connection.sync();
    Ok(())
}

async fn ready(connection: &mut Connection) -> Result<(), UpstreamError> {
    loop {
        match connection.next_frame().await?.tag {
            tag::READY_FOR_QUERY => return Ok(()),
            tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
            other => return Err(UpstreamError::Unexpected(other)),
        }
    }
}

/// What one round trip may hold of its results.
#[derive(Debug)]
pub struct Holding<'a> {
    pub limit: u64,
    /// Keeps account of it towards the other sessions.
    pub share: &'a mut Share,
}

struct Reader<'a> {
    held: u64,
    limit: u64,
    /// What earlier round trips still hold.
    before: u64,
    share: &'a mut Share,
}

impl<'a> Reader<'a> {
    fn new(holding: Holding<'a>) -> Reader<'a> {
        let Holding { limit, share } = holding;
        Reader { held: 0, limit, before: share.taken(), share }
    }

    fn check(&mut self, size: u64) -> Result<(), ExchangeError> {
        let held = self.held + size;
        if held > self.limit {
            return Err(ExchangeError::Overflow);
        }
        if self.share.grow_to(self.before + held) { Ok(()) } else { Err(ExchangeError::Crowded) }
    }

    /// Reads up to the end of one Execute. Without a digest any tree confirms.
    async fn one(&mut self, connection: &mut Connection, digest: Option<&Digest>) -> Result<Ran, ExchangeError> {
        let mut hold = Hold::default();
        let mut trees = ShownAgain::default();
        let mut bound = false;
        let end = loop {
            self.check(hold.size())?;
            if bound && let Some(run) = connection.buffered_rows() {
                hold.push_rows(run.rows, run.bytes);
                continue;
            }
            let frame = connection.next_frame().await?;
            match frame.tag {
                tag::PARSE_COMPLETE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
                tag::BIND_COMPLETE => bound = true,
                tag::DATA_ROW if bound => hold.push_rows(1, frame.raw),
                tag::NOTICE_RESPONSE => {
                    let body = frame.body();
                    let report = backend::report(&body)?;
                    match TreeNotice::read(&report) {
                        Some(tree) if !bound => trees.push(tree),
                        // Behind BindComplete they are those of functions that the statement calls.
                        Some(_) => {}
                        // Other LOG messages are the connection's own, which asked for `log`.
                        None if report.severity() == Some(b"LOG") => {}
                        None => hold.push_notice(frame.raw),
                    }
                }
                tag::COMMAND_COMPLETE => {
                    let tag = backend::command_complete(&frame.body())?.to_owned();
                    break End::Complete { message: frame.raw, tag };
                }
                tag::PORTAL_SUSPENDED => break End::Suspended,
                tag::ERROR_RESPONSE => break error(frame.raw)?,
                other => return Err(UpstreamError::Unexpected(other).into()),
            }
        };
        self.held += hold.size();
        let confirmed = digest.is_none_or(|digest| trees.confirms(digest));
        Ok(Ran { hold, end, confirmed, bound })
    }
}

fn error(message: Bytes) -> Result<End, ExchangeError> {
    let body = message.slice(5..);
    let report = backend::report(&body)?;
    let text = report.get(b'M').map(|t| String::from_utf8_lossy(t).into_owned()).unwrap_or_default();
    Ok(End::Error { sqlstate: report.sqlstate().unwrap_or(*b"XX000"), text, message })
}
