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

/// What a relation's rows changed, as the server counts them. `$1`: relations.
///
/// No more than this, so that Postgres takes one plan for all: it would plan anew each time what it believes to gain by it.
macro_rules! counted {
    () => {
        "(SELECT r, at, pg_catalog.pg_stat_get_xact_tuples_inserted(r), pg_catalog.pg_stat_get_xact_tuples_updated(r),
                 pg_catalog.pg_stat_get_xact_tuples_deleted(r)
          FROM pg_catalog.unnest($1) WITH ORDINALITY u(r, at)) c(r, at, i, u, d)"
    };
}

/// The same where some are partitioned: the sum over the partitions.
macro_rules! counted_in_partitions {
    () => {
        "(SELECT u.r, u.at, pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(p.r))::pg_catalog.int8,
                 pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_updated(p.r))::pg_catalog.int8,
                 pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_deleted(p.r))::pg_catalog.int8
          FROM pg_catalog.unnest($1) WITH ORDINALITY u(r, at) CROSS JOIN LATERAL (
            SELECT u.r UNION SELECT t.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(u.r::pg_catalog.regclass) t) p(r)
          GROUP BY u.r, u.at) c(r, at, i, u, d)"
    };
}

/// The state of the counters, kept in a setting of the transaction.
macro_rules! base {
    ($counted:expr) => {
        concat!(
            "SELECT pg_catalog.set_config('pgwarrant.base', ARRAY(SELECT v.n FROM ",
            $counted,
            ", LATERAL (VALUES (1, c.i), (2, c.u), (3, c.d)) v(k, n) ORDER BY c.at, v.k)::pg_catalog.text, true)"
        )
    };
}

macro_rules! count {
    ($counted:expr) => {
        concat!("SELECT c.r, c.i, c.u, c.d FROM ", $counted, " ORDER BY c.at")
    };
}

/// What changed since `$5`, or since the setting was written; and the mark of the schema, which is null where it is not
/// known: without the event trigger, and under a snapshot that is older than the locks.
macro_rules! record {
    ($counted:expr) => {
        concat!(
            "SELECT x.changes, pgwarrant.record($2, $3, $4, x.changes),
               CASE WHEN pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                     AND EXISTS (SELECT FROM pg_catalog.pg_event_trigger e WHERE e.evtname OPERATOR(pg_catalog.=) 'pgwarrant_ddl'
                                 AND e.evtenabled OPERATOR(pg_catalog.=) 'A')
                    THEN pgwarrant.ddl_mark() END
             FROM (SELECT ARRAY(SELECT v.n FROM ",
            $counted,
            ", LATERAL (VALUES (0, c.r::pg_catalog.int8),
                (1, c.i OPERATOR(pg_catalog.-) b.base[3 OPERATOR(pg_catalog.*) c.at::pg_catalog.int4 OPERATOR(pg_catalog.-) 2]),
                (2, c.u OPERATOR(pg_catalog.-) b.base[3 OPERATOR(pg_catalog.*) c.at::pg_catalog.int4 OPERATOR(pg_catalog.-) 1]),
                (3, c.d OPERATOR(pg_catalog.-) b.base[3 OPERATOR(pg_catalog.*) c.at::pg_catalog.int4])) v(k, n)
              ORDER BY c.at, v.k) AS changes
             FROM (SELECT coalesce($5, pg_catalog.current_setting('pgwarrant.base')::pg_catalog.int8[]) AS base OFFSET 0) b
             OFFSET 0) x"
        )
    };
}

/// The statements that a transaction which writes calls, prepared once a connection.
const CONTROLS: [(&str, &str, &[Oid]); 5] = [
    ("pgwarrant_base", base!(counted!()), &[OID_ARRAY]),
    ("pgwarrant_count", count!(counted!()), &[OID_ARRAY]),
    ("pgwarrant_immediate", "SET CONSTRAINTS ALL IMMEDIATE", &[]),
    ("pgwarrant_commit", "COMMIT", &[]),
    ("pgwarrant_record", record!(counted!()), &[OID_ARRAY, TEXT, INT8, BYTEA, INT8_ARRAY]),
];
/// Those of a transaction that writes partitioned tables.
const CONTROLS_IN_PARTITIONS: [(&str, &str, &[Oid]); 3] = [
    ("pgwarrant_base_in_partitions", base!(counted_in_partitions!()), &[OID_ARRAY]),
    ("pgwarrant_count_in_partitions", count!(counted_in_partitions!()), &[OID_ARRAY]),
    ("pgwarrant_record_in_partitions", record!(counted_in_partitions!()), &[OID_ARRAY, TEXT, INT8, BYTEA, INT8_ARRAY]),
];
const BYTEA: Oid = 17;
const INT8: Oid = 20;
const TEXT: Oid = 25;
const INT8_ARRAY: Oid = 1016;
const OID_ARRAY: Oid = 1028;

/// Relations whose changes are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    relations: Vec<Oid>,
    /// Some are partitioned: the changes of their partitions are theirs.
    partitioned: bool,
}

impl Counted {
    /// `partitioned` says so of one relation. Each is counted once.
    pub fn add(&mut self, relation: Oid, partitioned: bool) {
        if !self.relations.contains(&relation) {
            self.relations.push(relation);
            self.partitioned |= partitioned;
        }
    }

    pub fn retain(&mut self, keep: impl Fn(Oid) -> bool) {
        self.relations.retain(|relation| keep(*relation));
    }

    pub fn extend(&mut self, other: &Counted) {
        other.relations.iter().for_each(|relation| self.add(*relation, other.partitioned));
    }

    pub fn relations(&self) -> &[Oid] {
        &self.relations
    }

    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    fn array(&self) -> Option<Bytes> {
        array(&self.relations)
    }

    fn one_of(&self, [plain, in_partitions]: [&'static str; 2]) -> &'static str {
        if self.partitioned { in_partitions } else { plain }
    }
}

/// What `pgwarrant.record` has written, and what else there is to know before COMMIT.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub changes: Vec<Changes>,
    /// Counts the changes of the schema up to now; `None` where nobody counts them.
    pub ddl: Option<u64>,
}

/// One of them, to be appended to a batch.
#[derive(Debug, Clone, Copy)]
pub enum Control<'a> {
    /// Keeps the state of the counters before the first change; answered by it.
    Base(&'a Counted),
    /// The counters as they are.
    Count(&'a Counted),
    /// Deferred constraints are checked now.
    Immediate,
    Commit,
    /// Without a base it is what [`Control::Base`] kept.
    Record {
        log: &'a str,
        seq: u64,
        leaf: &'a [u8; 32],
        counted: &'a Counted,
        base: Option<&'a [Changes]>,
    },
}

/// The answer to one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Nothing,
    Counters(Vec<Changes>),
    Record(Record),
}

impl Answer {
    /// Of a call that was answered by something else the server cannot be trusted.
    pub fn counters(self) -> Result<Vec<Changes>, UpstreamError> {
        match self {
            Answer::Counters(counters) => Ok(counters),
            Answer::Nothing | Answer::Record(_) => Err(UpstreamError::Unexpected(tag::COMMAND_COMPLETE)),
        }
    }

    pub fn record(self) -> Result<Record, UpstreamError> {
        match self {
            Answer::Record(record) => Ok(record),
            Answer::Nothing | Answer::Counters(_) => Err(UpstreamError::Unexpected(tag::COMMAND_COMPLETE)),
        }
    }
}

impl Connection {
    /// Prepares what a transaction that writes needs, once. An error of the server's says that the objects are not there.
    pub async fn prepare_fence(&mut self) -> Result<(), UpstreamError> {
        if self.has_fence() {
            return Ok(());
        }
        let mut messages = BytesMut::new();
        for (name, sql, types) in CONTROLS.iter().chain(&CONTROLS_IN_PARTITIONS) {
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
            Control::Base(counted) => (counted.one_of(["pgwarrant_base", "pgwarrant_base_in_partitions"]), vec![counted.array()]),
            Control::Count(counted) => {
                (counted.one_of(["pgwarrant_count", "pgwarrant_count_in_partitions"]), vec![counted.array()])
            }
            Control::Immediate => ("pgwarrant_immediate", Vec::new()),
            Control::Commit => ("pgwarrant_commit", Vec::new()),
            Control::Record { log, seq, leaf, counted, base } => {
                let leaf = format!("\\x{}", leaf.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
                let base = base.and_then(|base| array(base.iter().flat_map(|c| [c.inserted, c.updated, c.deleted])));
                let own = vec![counted.array(), text(log.to_owned()), text(seq.to_string()), text(leaf), base];
                (counted.one_of(["pgwarrant_record", "pgwarrant_record_in_partitions"]), own)
            }
        };
        let out = self.write_buf();
        request::bind(out, "", name, &Formats::All(Format::Text), &parameters, request::ALL_TEXT)?;
        request::execute(out, "", 0)?;
        Ok(())
    }

    /// Reads the answer to one call, or the error after which the rest of the batch is skipped.
    pub async fn control_answer(&mut self, control: Control<'_>) -> Result<Result<Answer, ServerError>, UpstreamError> {
        let mut answer = match control {
            Control::Base(_) | Control::Count(_) => Answer::Counters(Vec::new()),
            Control::Immediate | Control::Commit | Control::Record { .. } => Answer::Nothing,
        };
        loop {
            let frame = self.next_frame().await?;
            match frame.tag {
                tag::DATA_ROW => {
                    let row = backend::data_row(&frame.body())?;
                    control.read(&row, &mut answer).ok_or(UpstreamError::Unexpected(tag::DATA_ROW))?;
                }
                tag::COMMAND_COMPLETE => return Ok(Ok(answer)),
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

fn array<T: ToString>(numbers: impl IntoIterator<Item = T>) -> Option<Bytes> {
    text(format!("{{{}}}", numbers.into_iter().map(|n| n.to_string()).collect::<Vec<_>>().join(",")))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

impl Control<'_> {
    fn read(&self, row: &[Option<Bytes>], answer: &mut Answer) -> Option<()> {
        let word = |at: usize| row.get(at).and_then(Option::as_deref).and_then(|bytes| std::str::from_utf8(bytes).ok());
        match (self, answer) {
            (Control::Base(counted), Answer::Counters(counters)) => {
                let numbers = numbers(word(0)?)?;
                let (each, rest) = numbers.as_chunks::<3>();
                (rest.is_empty() && each.len() == counted.relations.len()).then_some(())?;
                counters.extend(counted.relations.iter().zip(each).map(|(r, [i, u, d])| Changes::new(*r, *i, *u, *d)));
            }
            (Control::Count(counted), Answer::Counters(counters)) => {
                let number = |at| word(at)?.parse().ok();
                let relation = *counted.relations.get(counters.len())?;
                (word(0)?.parse() == Ok(relation)).then_some(())?;
                counters.push(Changes::new(relation, number(1)?, number(2)?, number(3)?));
            }
            (Control::Record { counted, .. }, answer @ Answer::Nothing) => {
                let numbers = numbers(word(0)?)?;
                let (each, rest) = numbers.as_chunks::<4>();
                (rest.is_empty() && each.len() == counted.relations.len()).then_some(())?;
                let changes = each.iter().map(|[r, i, u, d]| Some(Changes::new(Oid::try_from(*r).ok()?, *i, *u, *d)));
                let ddl = match row.get(2)? {
                    Some(_) => Some(word(2)?.parse().ok()?),
                    None => None,
                };
                *answer = Answer::Record(Record { changes: changes.collect::<Option<_>>()?, ddl });
            }
            (Control::Base(_) | Control::Count(_) | Control::Immediate | Control::Commit | Control::Record { .. }, _) => {
                return None;
            }
        }
        Some(())
    }
}

impl Changes {
    pub fn new(relation: Oid, inserted: u64, updated: u64, deleted: u64) -> Changes {
        Changes { relation, inserted, updated, deleted }
    }

    /// These counters, and what came after them.
    pub fn and(&self, since: &Changes) -> Changes {
        Changes {
            relation: self.relation,
            inserted: self.inserted.saturating_add(since.inserted),
            updated: self.updated.saturating_add(since.updated),
            deleted: self.deleted.saturating_add(since.deleted),
        }
    }
}

/// `{1,2,3}`.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    inner.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}
