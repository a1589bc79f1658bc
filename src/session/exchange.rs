//! One round trip with an upstream connection: what is sent in one piece, and what comes back until ReadyForQuery.
//!
//! A failed round trip leaves the connection in an unknown state: its owner discards it.

use bytes::Bytes;

use super::cache::Digest;
use super::hold::{End, Hold};
use super::link::{Link, LinkError};
use super::trees::{self, Collected, Notice};
use crate::wire::Oid;
use crate::wire::backend::{self, TransactionStatus, tag};
use crate::wire::frontend::{Formats, Target};
use crate::wire::request;

/// An ErrorResponse of the upstream, as received.
#[derive(Debug, Clone)]
pub struct ServerError {
    pub message: Bytes,
    pub sqlstate: [u8; 5],
    pub text: String,
    /// 1-based, in characters.
    pub position: Option<u32>,
}

/// What a Parse and a Describe showed.
#[derive(Debug)]
pub struct Shown {
    pub trees: Collected,
    pub parameter_types: Vec<Oid>,
    /// The body of RowDescription; `None` for NoData.
    pub row_description: Option<Bytes>,
}

/// One Bind and Execute.
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
}

/// Prepares `text` under `name` and collects how the server reads it.
pub async fn prepare(link: &mut Link, name: &str, text: &str, types: &[Oid]) -> Result<Result<Shown, ServerError>, LinkError> {
    let out = link.request();
    request::parse(out, name, text, types)?;
    request::describe(out, Target::Statement(name))?;
    request::sync(out);
    link.send().await?;
    let mut shown = Shown { trees: Collected::default(), parameter_types: Vec::new(), row_description: None };
    let mut error = None;
    loop {
        let frame = link.next().await?;
        match frame.tag {
            tag::PARSE_COMPLETE | tag::NO_DATA | tag::PARAMETER_STATUS => {}
            tag::PARAMETER_DESCRIPTION => shown.parameter_types = backend::parameter_description(&frame.body())?,
            tag::ROW_DESCRIPTION => shown.row_description = Some(frame.body()),
            tag::NOTICE_RESPONSE => {
                let body = frame.body();
                if let Notice::Tree(dump) = trees::classify(&backend::report(&body)?) {
                    shown.trees.push(dump);
                }
            }
            tag::ERROR_RESPONSE => error = Some(server_error(frame.raw)?),
            tag::READY_FOR_QUERY => {
                link.status = backend::ready_for_query(&frame.body())?;
                return Ok(error.map_or(Ok(shown), Err));
            }
            other => return Err(LinkError::Unexpected(other)),
        }
    }
}

/// Runs statements that the connection has prepared, in one round trip, until one fails.
/// `before` is our own statement that comes first in the same flush, such as BEGIN.
pub async fn run(
    link: &mut Link,
    before: Option<&str>,
    runs: &[Run<'_>],
    hold_limit: u64,
) -> Result<Result<Vec<Ran>, Overflow>, LinkError> {
    let out = link.request();
    if let Some(text) = before {
        request::parse(out, "", text, &[])?;
        request::bind(out, "", "", &Formats::All(crate::wire::frontend::Format::Text), &[], request::ALL_TEXT)?;
        request::execute(out, "", 0)?;
    }
    for run in runs {
        request::bind(out, "", run.statement, run.formats, run.parameters, run.result_formats)?;
        request::execute(out, "", run.max_rows)?;
    }
    request::sync(out);
    link.send().await?;
    let mut reader = Reader { held: 0, limit: hold_limit };
    let mut done = Vec::with_capacity(runs.len());
    let mut failed = false;
    if before.is_some()
        && let Read::Ended(Ran { end: End::Error { message, .. }, .. }) = reader.one(link, None).await?
    {
        // Our own BEGIN failed: the connection is of no use.
        return Err(LinkError::Control(message));
    }
    for run in runs {
        match reader.one(link, Some(&run.digest)).await? {
            Read::Ended(ran) => {
                failed = matches!(ran.end, End::Error { .. });
                done.push(ran);
            }
            Read::Overflow => return Ok(Err(Overflow)),
        }
        if failed {
            break;
        }
    }
    ready(link).await?;
    Ok(Ok(done))
}

/// The results are larger than a session may hold. The connection is in the middle of them.
#[derive(Debug)]
pub struct Overflow;

/// Runs one statement of our own that gives no rows of interest, such as SAVEPOINT: its tag, or the server's error.
pub async fn control(link: &mut Link, text: &str) -> Result<Result<String, ServerError>, LinkError> {
    match query(link, text, &[]).await? {
        Ok((_, tag)) => Ok(Ok(tag)),
        Err(error) => Ok(Err(error)),
    }
}

/// Rows of text values, and the tag.
pub type Answer = (Vec<Vec<Option<Bytes>>>, String);

/// Runs one statement of our own with text parameters and reads its rows.
pub async fn query(link: &mut Link, text: &str, parameters: &[Option<Bytes>]) -> Result<Result<Answer, ServerError>, LinkError> {
    let out = link.request();
    request::parse(out, "", text, &[])?;
    request::bind(out, "", "", &Formats::All(crate::wire::frontend::Format::Text), parameters, request::ALL_TEXT)?;
    request::execute(out, "", 0)?;
    request::sync(out);
    link.send().await?;
    let (mut rows, mut tag_text, mut error) = (Vec::new(), String::new(), None);
    loop {
        let frame = link.next().await?;
        match frame.tag {
            tag::PARSE_COMPLETE | tag::BIND_COMPLETE | tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS => {}
            tag::DATA_ROW => rows.push(backend::data_row(&frame.body())?),
            tag::COMMAND_COMPLETE => tag_text = backend::command_complete(&frame.body())?.to_owned(),
            tag::ERROR_RESPONSE => error = Some(server_error(frame.raw)?),
            tag::READY_FOR_QUERY => {
                link.status = backend::ready_for_query(&frame.body())?;
                return Ok(error.map_or(Ok((rows, tag_text)), Err));
            }
            other => return Err(LinkError::Unexpected(other)),
        }
    }
}

async fn ready(link: &mut Link) -> Result<(), LinkError> {
    loop {
        let frame = link.next().await?;
        match frame.tag {
            tag::READY_FOR_QUERY => {
                link.status = backend::ready_for_query(&frame.body())?;
                return Ok(());
            }
            tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS => {}
            // A commit at Sync can fail, but that of a read cannot fail in a way that leaves the connection good.
            other => return Err(LinkError::Unexpected(other)),
        }
    }
}

struct Reader {
    held: u64,
    limit: u64,
}

enum Read {
    Ended(Ran),
    Overflow,
}

impl Reader {
    /// Reads up to the end of one Execute. Without a digest no tree is looked for.
    async fn one(&mut self, link: &mut Link, digest: Option<&Digest>) -> Result<Read, LinkError> {
        let mut hold = Hold::default();
        let mut trees = Collected::default();
        let mut bound = false;
        let end = loop {
            if bound && let Some((rows, bytes)) = link.rows() {
                hold.push_rows(rows, bytes);
                if self.held + hold.size() > self.limit {
                    return Ok(Read::Overflow);
                }
                continue;
            }
            let frame = link.next().await?;
            match frame.tag {
                tag::PARSE_COMPLETE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
                tag::BIND_COMPLETE => bound = true,
                tag::DATA_ROW if bound => hold.push_rows(1, frame.raw),
                tag::NOTICE_RESPONSE => {
                    let body = frame.body();
                    match trees::classify(&backend::report(&body)?) {
                        // Behind BindComplete they are those of functions that the statement calls.
                        Notice::Tree(dump) if !bound => trees.push(dump),
                        Notice::Tree(_) | Notice::Log => {}
                        Notice::Other => hold.push_notice(frame.raw),
                    }
                }
                tag::COMMAND_COMPLETE => {
                    let tag = backend::command_complete(&frame.body())?.to_owned();
                    break End::Complete { message: frame.raw, tag };
                }
                tag::PORTAL_SUSPENDED => break End::Suspended,
                tag::ERROR_RESPONSE => {
                    let error = server_error(frame.raw)?;
                    break End::Error { message: error.message, sqlstate: error.sqlstate, text: error.text };
                }
                other => return Err(LinkError::Unexpected(other)),
            }
            if self.held + hold.size() > self.limit {
                return Ok(Read::Overflow);
            }
        };
        self.held += hold.size();
        let confirmed = digest.is_none_or(|digest| trees.confirm(digest));
        Ok(Read::Ended(Ran { hold, end, confirmed }))
    }
}

fn server_error(message: Bytes) -> Result<ServerError, LinkError> {
    let body = message.slice(5..);
    let report = backend::report(&body)?;
    let lossy = |code| report.get(code).map(|t| String::from_utf8_lossy(t).into_owned());
    Ok(ServerError {
        sqlstate: report.sqlstate().unwrap_or(*b"XX000"),
        text: lossy(b'M').unwrap_or_default(),
        position: lossy(b'P').and_then(|p| p.parse().ok()),
        message,
    })
}

impl Link {
    pub fn is_idle(&self) -> bool {
        self.status == TransactionStatus::Idle
    }
}
