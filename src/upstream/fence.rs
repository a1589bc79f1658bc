//! The objects of `fence.sql` as a connection calls them: what binds a commit to its record.
//!
//! A transaction is announced in the ledger under a number, and inserts a row with that number before it commits. Whoever
//! later wants to know what became of it asks [`settle`], which waits for it if it is still under way.

use bytes::{Bytes, BytesMut};

use super::connection::Connection;
use super::error::{ServerError, UpstreamError};
use crate::wire::backend::{self, tag};
use crate::wire::frontend::{Format, Formats};
use crate::wire::{Oid, request};

/// The schema `pgwarrant`. May be run again at any time.
pub const SQL: &str = include_str!("fence.sql");
/// The schema that they are in.
pub const SCHEMA: &str = "pgwarrant";

/// Rows of one relation that a transaction changed, as the server counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub relation: Oid,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
}

/// What became of a transaction, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub committed: bool,
    /// Of the entry that announced it; `None` in the row that recovery itself inserted.
    pub leaf: Option<Vec<u8>>,
    /// As `pgwarrant.txn` has them.
    pub changes: Option<String>,
    pub xid: String,
}

/// The statements that every transaction which writes calls, prepared once a connection.
const CONTROLS: [(&str, &str, &[Oid]); 4] = [
    ("pgwarrant_begin", "SELECT pgwarrant.begin($1)", &[OID_ARRAY]),
    ("pgwarrant_changes", "SELECT * FROM pgwarrant.changes($1)", &[OID_ARRAY]),
    ("pgwarrant_immediate", "SET CONSTRAINTS ALL IMMEDIATE", &[]),
    ("pgwarrant_record", "SELECT * FROM pgwarrant.record($1, $2, $3, $4)", &[TEXT, INT8, BYTEA, OID_ARRAY]),
];
const TEXT: Oid = 25;
const INT8: Oid = 20;
const BYTEA: Oid = 17;
const OID_ARRAY: Oid = 1028;

/// What `pgwarrant.record` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub changes: Vec<Changes>,
    /// Counts the changes of the schema up to now; `None` where nobody counts them.
    pub ddl: Option<u64>,
}

impl From<Vec<Changes>> for Record {
    fn from(mut rows: Vec<Changes>) -> Self {
        let mark = rows.iter().position(|row| row.relation == 0).map(|at| rows.remove(at));
        Record { changes: rows, ddl: mark.map(|mark| mark.inserted) }
    }
}

/// One of them, to be appended to a batch.
#[derive(Debug, Clone, Copy)]
pub enum Control<'a> {
    /// Before the first change of these relations.
    Begin(&'a [Oid]),
    /// What changed since.
    Changes(&'a [Oid]),
    /// Deferred constraints are checked now.
    Immediate,
    Record {
        log: &'a str,
        seq: u64,
        leaf: &'a [u8; 32],
        relations: &'a [Oid],
    },
}

impl Connection {
    /// Prepares what a transaction that writes needs, once. An error of the server's says that the objects are not there.
    pub async fn prepare_fence(&mut self) -> Result<(), UpstreamError> {
        if self.has_fence() {
            return Ok(());
        }
        let mut messages = BytesMut::new();
        for (name, sql, types) in CONTROLS {
            request::parse(&mut messages, name, sql, types)?;
        }
        self.write_buf().extend_from_slice(&messages);
        self.sync();
        self.run().await?;
        self.set_fence();
        Ok(())
    }

    /// Appends a call to the open batch.
    pub fn append_control(&mut self, control: Control<'_>) -> Result<(), UpstreamError> {
        let (name, parameters) = match control {
            Control::Begin(relations) => ("pgwarrant_begin", vec![array(relations)]),
            Control::Changes(relations) => ("pgwarrant_changes", vec![array(relations)]),
            Control::Immediate => ("pgwarrant_immediate", Vec::new()),
            Control::Record { log, seq, leaf, relations } => {
                let leaf = format!("\\x{}", leaf.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
                ("pgwarrant_record", vec![text(log.to_owned()), text(seq.to_string()), text(leaf), array(relations)])
            }
        };
        let out = self.write_buf();
        request::bind(out, "", name, &Formats::All(Format::Text), &parameters, request::ALL_TEXT)?;
        request::execute(out, "", 0)?;
        Ok(())
    }

    /// Reads the answer to one call: its rows, or the error after which the rest of the batch is skipped.
    pub async fn control_answer(&mut self) -> Result<Result<Vec<Changes>, ServerError>, UpstreamError> {
        let mut rows = Vec::new();
        loop {
            let frame = self.next_frame().await?;
            match frame.tag {
                tag::DATA_ROW => rows.extend(changes(&backend::data_row(&frame.body())?)),
                tag::COMMAND_COMPLETE => return Ok(Ok(rows)),
                tag::ERROR_RESPONSE => return Ok(Err(ServerError::read(frame.raw)?)),
                tag::BIND_COMPLETE | tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS | tag::NOTIFICATION_RESPONSE => {}
                other => return Err(UpstreamError::Unexpected(other)),
            }
        }
    }

    /// What became of the transaction that entry `seq` of `log` announced. Outside of any transaction.
    pub async fn settle(&mut self, log: &str, seq: u64) -> Result<Settled, UpstreamError> {
        let parameters = [text(log.to_owned()), text(seq.to_string())];
        let rows = self.query_raw("SELECT state, leaf, changes, xid FROM pgwarrant.settle($1, $2::bigint)", &parameters).await?;
        let row = rows.rows.first().ok_or(UpstreamError::Unexpected(tag::COMMAND_COMPLETE))?;
        let word = |at: usize| row.get(at).cloned().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Settled {
            committed: word(0).as_deref() == Some("committed"),
            leaf: word(1).and_then(|hex| unhex(hex.strip_prefix("\\x")?)),
            changes: word(2),
            xid: word(3).unwrap_or_default(),
        })
    }

    /// Which of these committed transactions the server does not know.
    pub async fn missing(&mut self, log: &str, seqs: &[u64]) -> Result<Vec<u64>, UpstreamError> {
        let list = seqs.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let parameters = [text(log.to_owned()), text(format!("{{{list}}}"))];
        let rows = self.query_raw("SELECT * FROM pgwarrant.missing($1, $2::bigint[])", &parameters).await?;
        let number = |row: &Vec<Option<Bytes>>| std::str::from_utf8(row.first()?.as_ref()?).ok()?.parse().ok();
        Ok(rows.rows.iter().filter_map(number).collect())
    }

    /// The first transaction from entry `seq` on that the database knows of this log.
    pub async fn first_recorded(&mut self, log: &str, seq: u64) -> Result<Option<u64>, UpstreamError> {
        let after = i64::try_from(seq).unwrap_or(i64::MAX) - 1;
        let parameters = [text(log.to_owned()), text(after.to_string())];
        let rows = self.query_raw("SELECT seq FROM pgwarrant.recorded($1, $2::bigint, 1)", &parameters).await?;
        let number = |row: &Vec<Option<Bytes>>| std::str::from_utf8(row.first()?.as_ref()?).ok()?.parse().ok();
        Ok(rows.rows.first().and_then(number))
    }

    /// The system identifier and the timeline.
    pub async fn server_identity(&mut self) -> Result<(String, u32), UpstreamError> {
        let rows = self.query_raw("SELECT * FROM pgwarrant.server()", &[]).await?;
        let row = rows.rows.first().ok_or(UpstreamError::Unexpected(tag::COMMAND_COMPLETE))?;
        let word = |at: usize| row.get(at).cloned().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let timeline = word(1).and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok((word(0).unwrap_or_default(), timeline))
    }
}

fn text(text: String) -> Option<Bytes> {
    Some(Bytes::from(text))
}

fn array(relations: &[Oid]) -> Option<Bytes> {
    text(format!("{{{}}}", relations.iter().map(Oid::to_string).collect::<Vec<_>>().join(",")))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// `None` for the one void of `pgwarrant.begin`.
fn changes(row: &[Option<Bytes>]) -> Option<Changes> {
    let number = |at: usize| std::str::from_utf8(row.get(at)?.as_ref()?).ok()?.parse::<u64>().ok();
    let relation = Oid::try_from(number(0)?).ok()?;
    Some(Changes { relation, inserted: number(1)?, updated: number(2)?, deleted: number(3)? })
}
