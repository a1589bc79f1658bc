//! The connections to the database that a session borrows.

use super::core::Session;
use super::decide::upstream_failed;
use super::failure::Failure;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::upstream::{Pool, PoolError, Pooled};

impl Session {
    /// The connection of the open block, or one of the pool.
    pub async fn statement_connection(&mut self, writes: bool) -> Result<Pooled, Failure> {
        match self.upstream.take() {
            Some(connection) => Ok(connection),
            None if self.transaction.is_upstream() => {
                self.transaction.lose_upstream();
                Err(Deny::new(Reason::UpstreamUnavailable, "the connection of this transaction was lost").into())
            }
            None if writes || (self.transaction.is_block() && self.may_write()) => match self.proxy.writers.clone() {
                Some(writers) => {
                    let connection = self.acquire(&writers).await?;
                    self.block.read_write = self.transaction.is_block();
                    Ok(connection)
                }
                None => Err(Deny::new(Reason::StatementNotAllowed, "this proxy only runs reads").into()),
            },
            None => self.acquire(&self.proxy.pool.clone()).await,
        }
    }

    /// Where a new statement is read: never in the agent's own block, where an error would fail it.
    pub async fn reading_connection(&mut self) -> Result<Pooled, Failure> {
        let pool = if self.transaction.is_upstream() { &self.proxy.readers } else { &self.proxy.pool };
        self.acquire(&pool.clone()).await
    }

    async fn acquire(&self, pool: &Pool) -> Result<Pooled, Failure> {
        let acquired = tokio::select! {
            biased;
            acquired = pool.acquire() => acquired,
            () = self.registration.cancelled_while_waiting() => {
                return Err(Failure::new("57014", "canceling statement due to user request"));
            }
        };
        acquired.map_err(|error| match error {
            PoolError::Timeout => Failure {
                sqlstate: "53300".into(),
                ..Deny::new(Reason::UpstreamUnavailable, "no database connection became free in time").hint("Try again.").into()
            },
            PoolError::QueueFull => Failure {
                sqlstate: "53300".into(),
                ..Deny::new(Reason::UpstreamUnavailable, "too many statements wait for the database").hint("Try again.").into()
            },
            PoolError::Connect(error) => upstream_failed(&error),
            PoolError::Closed => Failure::fatal("57P01", "terminating connection due to administrator command"),
        })
    }

    /// A block keeps its connection; otherwise it goes back at once.
    pub fn keep_or_release(&mut self, connection: Pooled) {
        if self.transaction.is_upstream() && self.upstream.is_none() && !connection.is_idle() {
            self.upstream = Some(connection);
        } else {
            connection.release();
        }
    }

    /// The session ends: a block's connection is closed, which rolls it back.
    pub fn end_upstream(&mut self) {
        self.upstream = None;
        self.settle_block_as_aborted();
    }
}
