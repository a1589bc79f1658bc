//! One round trip with an upstream connection: what is sent in one piece, and what comes back until ReadyForQuery.

use bytes::{Bytes, BytesMut};

use super::answers::{Answers, Part};
use super::cache::Digest;
use super::hold::{Bound, End, Hold};
use super::prover::Permit;
use super::trees::Pair;
use crate::upstream::{Connection, TreeNotice, UpstreamError};
use crate::wire::backend::{self, tag};
use crate::wire::frontend::{Format, Formats};
use crate::wire::reply::{Report, Severity};
use crate::wire::request;

/// One Bind and Execute of a statement that the connection has certified.
#[derive(Debug)]
pub struct Run<'a> {
    /// Nothing is forwarded without one.
    pub permit: &'a Permit,
    pub statement: &'a str,
    pub formats: &'a Formats,
    pub parameters: &'a [Option<Bytes>],
    pub result_formats: &'a [u8],
    /// Of the agent's Execute; 0 is all.
    pub own_rows: u32,
    /// In a block a portal outlives the round trip.
    pub in_block: bool,
    /// What does not fit may be released before the rest of it is here.
    pub in_chunks: bool,
    /// Of the proven trees.
    pub digest: Digest,
}

/// How many rows the upstream is asked for, and whether that is the agent's own wish rather than the permit's limit:
/// outside a block the portal ends with the round trip, so more would be read for nothing. One row above the limit
/// shows that there are more.
pub fn upstream_rows(permit: &Permit, own: u32, in_block: bool) -> (i32, bool) {
    if !permit.written().is_empty() {
        // Cut short, it would not say how it ended; what it returns is bounded by what it may change.
        return (0, false);
    }
    let limit = permit.row_limit();
    if own > 0 && !in_block && limit.is_none_or(|limit| u64::from(own) <= limit) {
        return (i32::try_from(own).unwrap_or(i32::MAX), true);
    }
    // 0 is all; a limit beyond what the protocol can say cannot be reached.
    let asked = limit.map_or(0, |limit| limit.saturating_add(1));
    (i32::try_from(asked).unwrap_or(0), false)
}

/// What became of one of them.
#[derive(Debug)]
pub struct Ran {
    pub hold: Hold,
    pub end: End,
    /// Trees other than the proven one that were shown before the portal was bound; `None`: something that is no reading.
    pub others: Option<Vec<Pair>>,
    /// The server got past Bind, where it plans and evaluates constants.
    pub bound: bool,
}

impl Ran {
    /// An error ahead of BindComplete that is about the statement itself (syntax, access, features), not about a value.
    pub fn failed_to_be_read(&self) -> bool {
        match &self.end {
            End::Error { sqlstate, .. } => !self.bound && matches!(&sqlstate[..2], b"42" | b"0A" | b"26" | b"3F"),
            End::Complete { .. } | End::Suspended => false,
        }
    }
}

/// Why a round trip gave nothing that could be used. The connection is given up.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the results are larger than a session may hold")]
    Overflow,
    #[error("the server refused a statement of the proxy's own: {0}")]
    Control(String),
}

impl ExchangeError {
    /// The server is gone, as after a restart: it may answer on another connection.
    pub fn is_lost(&self) -> bool {
        matches!(self, ExchangeError::Upstream(UpstreamError::Closed | UpstreamError::Io(_)))
    }
}

impl From<crate::wire::FrameError> for ExchangeError {
    fn from(error: crate::wire::FrameError) -> Self {
        ExchangeError::Upstream(error.into())
    }
}

/// Statements of our own around those of an agent.
#[derive(Debug, Default)]
pub struct Frame {
    pub begin: Option<String>,
    /// Such as SAVEPOINT.
    pub before: Vec<String>,
    /// Not reached if a statement fails.
    pub after: Vec<String>,
}

/// Runs statements in one round trip, until one fails or a result is larger than what may be held; then the answers go on.
/// On an error the connection is discarded.
pub async fn run(
    connection: &mut Connection,
    frame: &Frame,
    runs: &[Run<'_>],
    bound: &Bound,
) -> Result<(Vec<Ran>, Option<Answers>), ExchangeError> {
    let result = attempt(connection, frame, runs, bound).await;
    if result.is_err() {
        connection.discard();
    }
    result
}

async fn attempt(
    connection: &mut Connection,
    frame: &Frame,
    runs: &[Run<'_>],
    bound: &Bound,
) -> Result<(Vec<Ran>, Option<Answers>), ExchangeError> {
    if let Some(begin) = &frame.begin {
        connection.append_begin(begin)?;
    }
    for text in &frame.before {
        append_text(connection, text)?;
    }
    append_runs(connection, runs)?;
    for text in &frame.after {
        append_text(connection, text)?;
    }
    connection.sync();
    connection.flush().await?;
    let before = usize::from(frame.begin.is_some()) + frame.before.len();
    own_statements(connection, &mut Reader::new(bound), before).await?;
    let mut answers = Answers::new(runs, frame.after.len());
    let ran = answers.read(connection, bound).await?;
    Ok((ran, Some(answers).filter(|answers| !answers.are_read())))
}

pub async fn own_statements(connection: &mut Connection, reader: &mut Reader<'_>, count: usize) -> Result<(), ExchangeError> {
    for _ in 0..count {
        if let End::Error { text, .. } = reader.one(connection, None).await?.end {
            return Err(ExchangeError::Control(text));
        }
    }
    Ok(())
}

/// Runs one text without parameters, such as an EXPLAIN whose inner statement is proven.
pub async fn run_text(connection: &mut Connection, _permit: &Permit, text: &str, bound: &Bound) -> Result<Ran, ExchangeError> {
    let result = attempt_text(connection, text, bound).await;
    if result.is_err() {
        connection.discard();
    }
    result
}

async fn attempt_text(connection: &mut Connection, text: &str, bound: &Bound) -> Result<Ran, ExchangeError> {
    append_text(connection, text)?;
    connection.sync();
    connection.flush().await?;
    let ran = Reader::new(bound).one(connection, None).await?;
    ready(connection).await?;
    Ok(ran)
}

/// A statement of our own.
pub fn append_text(connection: &mut Connection, text: &str) -> Result<(), UpstreamError> {
    let out = connection.write_buf();
    request::parse(out, "", text, &[])?;
    request::bind(out, "", "", &Formats::All(Format::Text), &[], request::ALL_TEXT)?;
    request::execute(out, "", 0)?;
    Ok(())
}

pub fn append_runs(connection: &mut Connection, runs: &[Run<'_>]) -> Result<(), UpstreamError> {
    let out = connection.write_buf();
    for run in runs {
        request::bind(out, "", run.statement, run.formats, run.parameters, run.result_formats)?;
        request::execute(out, "", upstream_rows(run.permit, run.own_rows, run.in_block).0)?;
    }
    Ok(())
}

pub async fn ready(connection: &mut Connection) -> Result<(), UpstreamError> {
    loop {
        match connection.next_frame().await?.tag {
            tag::READY_FOR_QUERY => return Ok(()),
            tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
            other => return Err(UpstreamError::Unexpected(other)),
        }
    }
}

pub struct Reader<'a> {
    held: u64,
    bound: &'a Bound,
}

impl<'a> Reader<'a> {
    pub fn new(bound: &'a Bound) -> Self {
        Reader { held: 0, bound }
    }

    /// Reads up to the end of one Execute. Without a digest any tree confirms.
    pub async fn one(&mut self, connection: &mut Connection, digest: Option<&Digest>) -> Result<Ran, ExchangeError> {
        let mut part = Part::default();
        match self.more(connection, &mut part).await? {
            Some(end) => Ok(part.ended(end, digest)),
            None => Err(ExchangeError::Overflow),
        }
    }

    /// Reads on up to the end of an Execute; `None` when no more may be held.
    pub async fn more(&mut self, connection: &mut Connection, part: &mut Part) -> Result<Option<End>, ExchangeError> {
        let end = loop {
            if !part.hold.fits(self.held, self.bound) {
                return Ok(None);
            }
            if part.is_bound
                && let Some(run) = connection.buffered_rows()
            {
                if !self.bound.admits(&run.bytes) {
                    return Err(ExchangeError::Overflow);
                }
                part.hold.push_rows(run.rows, run.bytes);
                continue;
            }
            let frame = connection.next_frame().await?;
            match frame.tag {
                tag::PARSE_COMPLETE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
                tag::BIND_COMPLETE => part.is_bound = true,
                tag::DATA_ROW if part.is_bound => {
                    if !self.bound.admits(&frame.raw) {
                        return Err(ExchangeError::Overflow);
                    }
                    part.hold.push_rows(1, frame.raw);
                }
                tag::NOTICE_RESPONSE => {
                    let body = frame.body();
                    let report = backend::report(&body)?;
                    match TreeNotice::read(&report) {
                        Some(tree) if !part.is_bound => part.trees.push(tree),
                        // Behind BindComplete they are those of functions that the statement calls.
                        Some(_) => {}
                        // Other LOG messages are the connection's own, which asked for `log`.
                        None if report.severity() == Some(b"LOG") => {}
                        None => part.hold.push_notice(frame.raw),
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
        self.held += part.hold.size();
        Ok(Some(end))
    }
}

pub fn failed(end: &End) -> bool {
    match end {
        End::Error { .. } => true,
        End::Complete { .. } | End::Suspended => false,
    }
}

pub fn error(message: Bytes) -> Result<End, ExchangeError> {
    let body = message.slice(5..);
    let report = backend::report(&body)?;
    let sqlstate = report.sqlstate().unwrap_or(*b"XX000");
    if let Some(text) = integrity(&sqlstate) {
        let mut message = BytesMut::new();
        let code = String::from_utf8_lossy(&sqlstate);
        // A few words of our own are never too long.
        let _ = Report::new(Severity::Error, &code, text).error_response(&mut message);
        return Ok(End::Error { sqlstate, text: text.to_owned(), message: message.freeze() });
    }
    let text = report.get(b'M').map(|t| String::from_utf8_lossy(t).into_owned()).unwrap_or_default();
    Ok(End::Error { sqlstate, text, message })
}

/// The server's words for a violated constraint show the whole failing row, hidden columns and all (23502, 23514), or name
/// tables that are not granted (23503).
pub fn integrity(sqlstate: &[u8; 5]) -> Option<&'static str> {
    Some(match sqlstate {
        b"23502" => "a column that must not be null would be null",
        b"23503" => "a foreign key is violated: the row that it names is not there, or other rows still refer to this one",
        b"23505" => "a unique key is violated: a row with these values exists",
        b"23514" => "a check constraint is violated",
        b"23P01" => "an exclusion constraint is violated",
        code if code.starts_with(b"23") => "an integrity constraint is violated",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violated_constraint_shows_no_row_and_names_no_table() {
        let mut message = BytesMut::new();
        let detail = "Failing row contains (1, 7, secret).";
        let report = Report::new(Severity::Error, "23514", "new row for relation \"t\" violates check constraint \"c\"");
        report.detail(detail).error_response(&mut message).unwrap();
        let Ok(End::Error { message, text, sqlstate }) = error(message.freeze()) else { panic!("it is an error") };
        assert_eq!((&sqlstate, text.as_str()), (b"23514", "a check constraint is violated"));
        assert!(!String::from_utf8_lossy(&message).contains("secret"));
    }

    #[test]
    fn a_statement_that_is_no_longer_read_is_told_from_a_value_that_does_not_fit() {
        let ran = |sqlstate: &[u8; 5], bound| Ran {
            hold: Hold::default(),
            end: End::Error { message: Bytes::new(), sqlstate: *sqlstate, text: String::new() },
            others: Some(Vec::new()),
            bound,
        };
        // A column that is gone, with a hint at its neighbours.
        assert!(ran(b"42703", false).failed_to_be_read());
        assert!(ran(b"0A000", false).failed_to_be_read());
        // Not a number; a division by zero while planning.
        assert!(!ran(b"22P02", false).failed_to_be_read());
        assert!(!ran(b"22012", false).failed_to_be_read());
        // Raised by the statement as it runs.
        assert!(!ran(b"42501", true).failed_to_be_read());
    }
}
