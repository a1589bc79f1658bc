//! The session: its state, its loop, and how errors leave it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::cancel::Registration;
use super::client::{Client, ClientError};
use super::cursor::Subtransactions;
use super::failure::Failure;
use super::identity::Identity;
use super::listener::Running;
use super::metrics::Metrics;
use super::prepared::{Permitted, Portals, Statements, Values};
use super::proxy::{Proxy, unix_now};
use super::record;
use super::settings::{Setting, Settings, Values as SettingValues};
use super::transaction::Transaction;
use super::wrap::Delivery;
use super::writes::BlockWrites;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::ledger::Health;
use crate::statement::kind::TransactionModes;
use crate::upstream::{CancelHandle, Pooled};
use crate::wire::frame::{Frame, Phase};
use crate::wire::frontend::{self, Message};
use crate::wire::{Oid, reply};

pub struct Session {
    pub proxy: Arc<Proxy>,
    pub client: Client,
    pub identity: Arc<Identity>,
    pub registration: Registration<CancelHandle>,
    pub settings: Settings,
    pub statements: Statements,
    pub portals: Portals,
    pub transaction: Transaction,
    /// Savepoints, as far as portals go.
    pub subtransactions: Subtransactions,
    /// What SET SESSION CHARACTERISTICS says of the blocks to come.
    pub default_modes: TransactionModes,
    /// Of the open block.
    pub block_modes: TransactionModes,
    /// Held for the length of a transaction block, or for one round trip.
    pub upstream: Option<Pooled>,
    /// What the open block has written.
    pub block: BlockWrites,
    /// Executes that go upstream together at the next Sync or Flush, each behind the replies that precede it.
    pub pending: Vec<Pending>,
    /// After an error in the extended protocol everything up to Sync is ignored.
    pub skipping: bool,
    /// What the client was told by ParameterStatus.
    pub told: Arc<SettingValues>,
    /// For `SHOW pgwarrant.receipt`.
    pub receipt: Option<String>,
    pub running: watch::Receiver<Running>,
}

/// A permitted Execute that waits for its round trip.
pub struct Pending {
    /// Replies of our own that stand before its result.
    pub before: Bytes,
    /// Replies from its Bind on, which an error of the server's at Bind makes void.
    pub from_bind: Bytes,
    /// Where the rest of its rows goes; `None` for a simple Query.
    pub portal: Option<Box<str>>,
    pub text: Arc<str>,
    pub declared: Box<[Oid]>,
    pub permitted: Permitted,
    pub values: Arc<Values>,
    /// Of the agent's Execute; 0 is all.
    pub max_rows: u32,
    pub delivery: Delivery,
}

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
pub enum End {
    #[error("the client closed")]
    Closed,
    #[error(transparent)]
    Client(ClientError),
    #[error("ended with an error that the client was told")]
    Fatal,
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> End {
        End::Client(error)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> End {
        End::Client(ClientError::Io(error))
    }
}

/// Longer pipelines are run in pieces.
pub const MAX_PENDING: usize = 256;

/// Bytes of replies and values that a pipeline may pile up before it is run and answered without being asked to.
const MAX_QUEUED: usize = 1024 * 1024;

impl Pending {
    /// What it holds besides what is shared.
    fn size(&self) -> usize {
        self.before.len() + self.from_bind.len() + self.values.size()
    }
}

impl Session {
    /// To be called before the session's settings are applied to a connection.
    pub fn pin_tenants(&mut self) {
        let world = self.proxy.worlds.load();
        self.settings.pin_tenants(world.generation, || super::tenants::setting(&self.identity.verified.chain, &world.rules));
    }

    pub async fn run(mut self) -> End {
        let end = loop {
            let frame = match self.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => break End::Closed,
                Err(end) => break end,
            };
            if let Err(end) = self.handle(frame).await {
                break end;
            }
            if let Err(end) = self.relieve().await {
                break end;
            }
        };
        self.end_upstream();
        end
    }

    /// A client that never asks for answers must not make us keep them all.
    async fn relieve(&mut self) -> Result<(), End> {
        let pending: usize = self.pending.iter().map(Pending::size).sum();
        if pending + self.client.queued() <= MAX_QUEUED {
            return Ok(());
        }
        self.run_early().await?;
        self.client.flush().await.map_err(End::from)
    }

    /// How long the open block may go on holding a connection without a statement.
    fn idle_in_transaction(&self) -> Option<Duration> {
        let cap = Some(self.proxy.caps.idle_in_transaction).filter(|cap| *cap > 0);
        self.upstream.as_ref().and(cap).map(Duration::from_millis)
    }

    /// What cannot be recorded is not run in vain. A write needs more room: what became of it is to be recorded too.
    pub fn check_ledger(&self, writes: bool) -> Result<(), Failure> {
        let health = if writes { self.proxy.ledger.health_for_writes() } else { self.proxy.ledger.health() };
        match health {
            Health::Ready => Ok(()),
            Health::Refusing(error) | Health::Stopped(error) => Err(unrecorded(&error)),
        }
    }

    async fn next(&mut self) -> Result<Option<Frame>, End> {
        loop {
            let idle = self.idle_in_transaction();
            let running = *self.running.borrow_and_update();
            let must_end = match running {
                Running::Serving => false,
                Running::Draining => !self.transaction.is_block() && self.pending.is_empty(),
                Running::Stopping => true,
            };
            if must_end {
                return self.shut_down().await;
            }
            tokio::select! {
                biased;
                frame = self.client.next(Phase::Session) => match frame {
                    Ok(frame) => return Ok(frame),
                    Err(ClientError::Frame(error)) => {
                        let failure = Failure::fatal("08P01", error.to_string()).reason(Reason::Protocol);
                        return Err(self.fatal(failure).await);
                    }
                    Err(error) => return Err(error.into()),
                },
                // The server ends it too, but we would only see that at the next statement, and the connection is
                // missing in the pool until then.
                () = tokio::time::sleep(idle.unwrap_or_default()), if idle.is_some() => {
                    let failure = Failure::fatal("25P03", "terminating connection due to idle-in-transaction timeout");
                    return Err(self.fatal(failure).await);
                }
                changed = self.running.changed() => if changed.is_err() {
                    return self.shut_down().await;
                }
            }
        }
    }

    async fn shut_down(&mut self) -> Result<Option<Frame>, End> {
        let failure = Failure::fatal("57P01", "terminating connection due to administrator command");
        Err(self.fatal(failure).await)
    }

    async fn handle(&mut self, frame: Frame) -> Result<(), End> {
        let skipped = self.skipping;
        self.handle_message(frame).await?;
        if self.skipping && !skipped {
            // An error is sent at once (`send_message_to_frontend` flushes): a client that sent Flush instead of Sync waits
            // for it, and its Flush may come late or be skipped.
            self.client.flush().await?;
        }
        Ok(())
    }

    async fn handle_message(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame.body();
        let message = match frontend::read(frame.tag, &body) {
            Ok(message) => message,
            Err(error) => {
                let failure = Failure::fatal("08P01", error.to_string()).reason(Reason::Protocol);
                return Err(self.fatal(failure).await);
            }
        };
        if self.skipping && !matches!(message, Message::Sync | Message::Terminate) {
            return Ok(());
        }
        match message {
            Message::Query(text) => self.simple_query(text).await,
            Message::Parse(parse) => self.parse(&parse).await,
            Message::Bind(bind) => self.bind(bind).await,
            Message::Describe(target) => self.describe(target).await,
            Message::Execute(execute) => self.execute(execute.portal, execute.row_limit().unwrap_or(0)).await,
            Message::Close(target) => self.close(target).await,
            Message::Sync => self.sync().await,
            Message::Flush => {
                self.run_early().await?;
                self.client.flush().await.map_err(End::from)
            }
            Message::Terminate => Err(End::Closed),
            // "Ignore … when not in COPY mode" (`PostgresMain`): they come late after a COPY that was refused.
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => Ok(()),
            Message::FunctionCall(_) => {
                let failure =
                    Failure::from(Deny::new(Reason::FeatureNotSupported, "function calls by the fast path are not supported"));
                self.fail(failure, None, None).await?;
                self.skipping = false;
                self.ready().await
            }
        }
    }

    pub fn check_expiry(&self) -> Result<(), Failure> {
        if self.identity.is_expired(unix_now()) {
            let deny = Deny::new(Reason::TokenExpired, "the token has expired").hint("Connect again with a fresh token.");
            return Err(Failure { fatal: true, ..deny.into() });
        }
        self.proxy.statements.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Records a refusal and tells the agent. What was pending runs first: its results precede the error.
    pub async fn fail(&mut self, failure: Failure, text: Option<&str>, values: Option<&Values>) -> Result<(), End> {
        if self.has_implicit_writes() && !self.skipping {
            return self.drop_pending(failure, text, values).await;
        }
        self.run_pending().await?;
        if self.skipping {
            // An earlier statement failed, so this one was never reached.
            return Ok(());
        }
        self.report(failure, text, values).await
    }

    /// The same once nothing is pending.
    pub async fn report(&mut self, failure: Failure, text: Option<&str>, values: Option<&Values>) -> Result<(), End> {
        let failure = self.recorded(failure, text, values).await;
        self.skipping = true;
        self.transaction.fail();
        if failure.fatal {
            return Err(self.fatal_now(&failure).await);
        }
        failure.write(text, self.client.reply());
        Ok(())
    }

    async fn recorded(&mut self, failure: Failure, text: Option<&str>, values: Option<&Values>) -> Failure {
        let Some(reason) = failure.reason else { return failure };
        Metrics::denied(reason.code());
        let world = self.proxy.worlds.load().clone();
        let entry = record::denial(&self.identity, &world, &failure, text, values);
        match self.proxy.ledger.append(entry).await {
            Ok(receipt) => {
                self.receipt = Some(receipt.to_string());
                failure
            }
            Err(error) => unrecorded(&error),
        }
    }

    pub async fn fatal(&mut self, failure: Failure) -> End {
        let failure = self.recorded(failure, None, None).await;
        self.fatal_now(&failure).await
    }

    pub async fn fatal_now(&mut self, failure: &Failure) -> End {
        let failure = Failure { fatal: true, ..failure.clone() };
        failure.write(None, self.client.reply());
        let _ = self.client.shutdown().await;
        End::Fatal
    }

    /// Changed settings are told just before ReadyForQuery, as Postgres does (`ReportChangedGUCOptions`).
    fn tell_settings(&mut self) {
        let now = self.settings.effective().clone();
        if Arc::ptr_eq(&now, &self.told) {
            return;
        }
        for setting in Setting::ALL.into_iter().filter(|s| s.is_reported()) {
            if now.get(setting) != self.told.get(setting) {
                // Values are at most 256 bytes.
                let _ = reply::parameter_status(self.client.reply(), setting.name(), now.get(setting));
            }
        }
        self.told = now;
    }

    pub async fn ready(&mut self) -> Result<(), End> {
        if self.transaction.is_failed() {
            self.settings.abort();
        }
        self.tell_settings();
        reply::ready_for_query(self.client.reply(), self.transaction.status());
        self.client.flush().await.map_err(End::from)
    }
}

/// The ledger's own words are for the operator.
pub fn unrecorded(error: &crate::ledger::LedgerError) -> Failure {
    tracing::error!(%error, "an entry could not be recorded");
    Deny::new(Reason::LedgerUnavailable, "the ledger cannot record this statement now, so nothing is released")
        .hint("Try again later; tell the operator.")
        .into()
}
