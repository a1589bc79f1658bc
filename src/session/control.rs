//! Transaction control: the proxy keeps the state, the upstream gets what it must.

use super::connection_settings;
use super::core::Session;
use super::decide::upstream_failed;
use super::failure::{self, Failure};
use super::local::Done;
use super::prepared::Kind;
use super::transaction::{Transaction, modes_text, quote_identifier};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{StatementKind, TransactionModes};
use crate::upstream::UpstreamError;
use crate::wire::reply::Severity;

impl Session {
    pub fn begin(&mut self, text: &str, modes: &TransactionModes) -> Result<(), Failure> {
        self.check_read_write(modes)?;
        if self.transaction.is_block() {
            self.warn("25001", "there is already a transaction in progress");
        } else {
            self.begin_block(merged(self.default_modes, modes));
        }
        let start = text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("start"));
        self.complete(if start { "START TRANSACTION" } else { "BEGIN" })
    }

    pub async fn commit(&mut self, chain: bool) -> Done {
        let next = match self.chained("COMMIT", chain) {
            Ok(next) => next,
            Err(failure) => return Ok(Err(failure)),
        };
        let done = self.commit_alone().await;
        self.begin_next(next, &done);
        done
    }

    async fn commit_alone(&mut self) -> Done {
        match std::mem::take(&mut self.transaction) {
            Transaction::None => {
                self.warn("25P01", "there is no transaction in progress");
                // It ends the implicit transaction of a pipeline.
                self.settings.commit();
                self.portals.clear();
                Ok(self.complete("COMMIT"))
            }
            Transaction::Announced(_) => {
                self.settings.commit();
                self.portals.clear();
                Ok(self.complete("COMMIT"))
            }
            Transaction::Open => {
                // From here on no cancel is forwarded: `running` was not told of this connection.
                self.portals.clear();
                let ended = match self.upstream.take() {
                    Some(connection) => self.commit_block(connection).await,
                    None => {
                        self.settle_block_as_aborted();
                        Err(Deny::new(Reason::UpstreamUnavailable, "the connection of this transaction was lost").into())
                    }
                };
                if ended.is_ok() {
                    self.settings.commit();
                } else {
                    self.settings.rollback();
                }
                Ok(ended.and_then(|()| self.complete("COMMIT")))
            }
            Transaction::Failed { upstream } => self.rolled_back(upstream).await,
        }
    }

    pub async fn rollback(&mut self, chain: bool) -> Done {
        let next = match self.chained("ROLLBACK", chain) {
            Ok(next) => next,
            Err(failure) => return Ok(Err(failure)),
        };
        let done = self.rollback_alone().await;
        self.begin_next(next, &done);
        done
    }

    /// AND CHAIN: the modes of the block that ends, for the one that begins at once.
    fn chained(&self, word: &str, chain: bool) -> Result<Option<TransactionModes>, Failure> {
        if chain && !self.transaction.is_block() {
            return Err(Failure::new("25P01", format!("{word} AND CHAIN can only be used in transaction blocks")));
        }
        Ok(chain.then_some(self.block_modes))
    }

    fn begin_next(&mut self, modes: Option<TransactionModes>, ended: &Done) {
        if let (Some(modes), Ok(Ok(()))) = (modes, ended) {
            self.begin_block(modes);
        }
    }

    fn begin_block(&mut self, modes: TransactionModes) {
        self.block_modes = modes;
        self.transaction = Transaction::Announced(modes);
        self.settings.begin();
        self.block = Default::default();
        self.subtransactions.clear();
    }

    async fn rollback_alone(&mut self) -> Done {
        match std::mem::take(&mut self.transaction) {
            Transaction::None => {
                self.warn("25P01", "there is no transaction in progress");
                self.rolled_back(false).await
            }
            Transaction::Announced(_) => self.rolled_back(false).await,
            Transaction::Open => self.rolled_back(true).await,
            Transaction::Failed { upstream } => self.rolled_back(upstream).await,
        }
    }

    async fn rolled_back(&mut self, upstream: bool) -> Done {
        if upstream {
            // A connection that cannot roll back is closed, which rolls back too.
            let _ = self.end_block("ROLLBACK").await;
        }
        self.settle_block_as_aborted();
        self.settings.rollback();
        self.portals.clear();
        Ok(self.complete("ROLLBACK"))
    }

    /// Ends the upstream's block and gives the connection back.
    async fn end_block(&mut self, text: &str) -> Result<(), Failure> {
        self.portals.clear();
        let Some(mut connection) = self.upstream.take() else {
            return Err(Deny::new(Reason::UpstreamUnavailable, "the connection of this transaction was lost").into());
        };
        let ended = connection.simple(text).await;
        connection.release();
        ended.map(|_| ()).map_err(|error| upstream_failed(&error))
    }

    pub async fn savepoint(&mut self, name: &str) -> Done {
        if !self.transaction.is_block() {
            return Ok(Err(Failure::new("25P01", "SAVEPOINT can only be used in transaction blocks")));
        }
        if !self.settings.savepoint(name) {
            return Ok(Err(Failure::new("53400", "too many savepoints in one transaction")));
        }
        let done = self.in_block(&format!("SAVEPOINT {}", quote_identifier(name))).await;
        if done.is_ok() {
            self.block.savepoint(name);
            self.subtransactions.savepoint(name);
        }
        Ok(done.and_then(|()| self.complete("SAVEPOINT")))
    }

    pub async fn release_savepoint(&mut self, name: &str) -> Done {
        if !self.transaction.is_block() {
            return Ok(Err(Failure::new("25P01", "RELEASE SAVEPOINT can only be used in transaction blocks")));
        }
        let done = self.in_block(&format!("RELEASE {}", quote_identifier(name))).await;
        if done.is_ok() {
            self.settings.release(name);
            self.block.release(name);
            self.subtransactions.release(name);
        }
        Ok(done.and_then(|()| self.complete("RELEASE")))
    }

    pub async fn rollback_to(&mut self, name: &str) -> Done {
        match self.transaction {
            Transaction::None => {
                return Ok(Err(Failure::new("25P01", "ROLLBACK TO SAVEPOINT can only be used in transaction blocks")));
            }
            Transaction::Failed { upstream: false } => {
                return Ok(Err(Failure::new("3B001", format!("savepoint \"{name}\" does not exist"))));
            }
            Transaction::Announced(_) | Transaction::Open | Transaction::Failed { upstream: true } => {}
        }
        let mut done = self.in_block(&format!("ROLLBACK TO {}", quote_identifier(name))).await;
        if done.is_ok()
            && let Some(mut connection) = self.upstream.take()
        {
            match self.look_again(&mut connection, name).await {
                Ok(()) => self.upstream = Some(connection),
                Err(error) => {
                    self.give_up_block(&mut connection);
                    done = Err(upstream_failed(&error));
                }
            }
        }
        if done.is_ok() {
            self.settings.rollback_to(name);
            self.transaction.recover();
            if let Some(last) = self.subtransactions.rollback_to(name) {
                self.portals.close_after(last);
            }
        }
        Ok(done.and_then(|()| self.complete("ROLLBACK")))
    }

    pub async fn set_transaction(&mut self, modes: &TransactionModes) -> Done {
        if let Err(failure) = self.check_read_write(modes) {
            return Ok(Err(failure));
        }
        let done = match &mut self.transaction {
            Transaction::None => {
                self.warn("25P01", "SET TRANSACTION can only be used in transaction blocks");
                Ok(())
            }
            Transaction::Announced(announced) => {
                *announced = merged(*announced, modes);
                Ok(())
            }
            Transaction::Open => {
                let read_only = modes.read_only == Some(true) || !self.may_write();
                self.in_block(&format!("SET TRANSACTION{}", modes_text(modes, read_only))).await
            }
            Transaction::Failed { .. } => Err(Failure::transaction_failed()),
        };
        if done.is_ok() {
            self.block_modes = merged(self.block_modes, modes);
        }
        Ok(done.and_then(|()| self.complete("SET")))
    }

    pub fn set_session_characteristics(&mut self, modes: &TransactionModes) -> Result<(), Failure> {
        self.check_read_write(modes)?;
        self.default_modes = merged(self.default_modes, modes);
        self.complete("SET")
    }

    /// Runs a control statement of ours in the agent's block, which begins upstream if it has not yet.
    async fn in_block(&mut self, text: &str) -> Result<(), Failure> {
        let mut connection = self.statement_connection(false).await?;
        let begin = self.transaction.begin_text(!self.block.read_write);
        let done = async {
            if let Some(begin) = begin {
                self.pin_tenants();
                connection_settings::apply(&mut connection, &self.settings).await?;
                connection.simple(&begin).await?;
            }
            connection.simple(text).await
        }
        .await;
        self.transaction.begun();
        if done.is_err() {
            self.transaction.fail();
        }
        if !connection.is_idle() && connection.status() != crate::wire::backend::TransactionStatus::Idle {
            self.upstream = Some(connection);
        } else {
            self.transaction.lose_upstream();
        }
        match done {
            Ok(_) => Ok(()),
            Err(UpstreamError::Server(error)) => Err(own_words(&error)),
            Err(error) => Err(upstream_failed(&error)),
        }
    }

    /// READ WRITE is for who may write, and not for a block that began as READ ONLY.
    pub fn check_read_write(&self, modes: &TransactionModes) -> Result<(), Failure> {
        if modes.read_only != Some(false) {
            return Ok(());
        }
        if self.transaction.is_upstream() && !self.may_write() {
            return Err(Failure::new("25001", "transaction read-write mode must be set before any query"));
        }
        if self.proxy.writers.is_none() || !self.identity.may_write {
            return Err(Deny::new(Reason::SettingNotAllowed, "a transaction cannot be set READ WRITE")
                .hint("Every transaction is READ ONLY.")
                .into());
        }
        Ok(())
    }

    pub fn warn(&mut self, sqlstate: &str, message: &str) {
        failure::notice(Severity::Warning, sqlstate, message, self.client.reply());
    }
}

/// Errors of control statements name nothing but what the agent sent.
fn own_words(error: &crate::upstream::ServerError) -> Failure {
    let message = error.field(b'M').unwrap_or_else(|| "the database refused".to_owned());
    Failure { sqlstate: error.sqlstate().to_owned().into(), ..Failure::new("XX000", message) }
}

fn merged(base: TransactionModes, over: &TransactionModes) -> TransactionModes {
    TransactionModes {
        isolation: over.isolation.or(base.isolation),
        read_only: over.read_only.or(base.read_only),
        deferrable: over.deferrable.or(base.deferrable),
    }
}

pub fn leaves_block(kind: &StatementKind) -> bool {
    matches!(kind, StatementKind::Commit { .. } | StatementKind::Rollback { .. } | StatementKind::RollbackTo { .. })
}

pub fn leaves_block_kind(kind: &Kind) -> bool {
    matches!(kind, Kind::Local(statement) if leaves_block(&statement.kind))
}
