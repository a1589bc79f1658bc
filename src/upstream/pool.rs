//! A bounded pool. The connection used last is given out first, so that its certified statements are hot.
//!
//! Fail-closed: a connection comes back only by [`Pooled::release`] and only if it is known to be idle;
//! dropped in any other way it is closed.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::connect::Connector;
use super::connection::Connection;
use super::error::UpstreamError;

/// A connection that was idle for less is taken without asking whether the server closed it meanwhile: if it did, the
/// statement finds out.
const REST: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Connections at most, idle and in use together.
    pub max_size: usize,
    /// Tasks that may wait for one at most.
    pub max_waiting: usize,
    pub wait_timeout: Duration,
    /// A connection unused for so long is not reused.
    pub idle_lifetime: Duration,
    /// A connection so old is not reused, so that a failover or a changed role is noticed.
    pub max_lifetime: Duration,
    /// Certified statements kept on each connection.
    pub statements: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            max_size: 20,
            max_waiting: 200,
            wait_timeout: Duration::from_secs(5),
            idle_lifetime: Duration::from_secs(300),
            max_lifetime: Duration::from_secs(3600),
            statements: 500,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error("no database connection became free in time")]
    Timeout,
    #[error("too many statements wait for a database connection")]
    QueueFull,
    #[error(transparent)]
    Connect(UpstreamError),
    #[error("the pool is closed")]
    Closed,
}

/// For metrics: a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    pub in_use: usize,
    pub idle: usize,
    pub waiting: usize,
}

#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    settings: Vec<(String, String)>,
    config: PoolConfig,
    /// One permit a connection in use. Idle connections hold none: whoever takes a permit may take one of them,
    /// and only if there is none makes another, so the two together never exceed `max_size`.
    permits: Arc<Semaphore>,
    /// Back: used last. Never held across an await.
    idle: Mutex<VecDeque<Idle>>,
    waiting: AtomicUsize,
    generation: AtomicU64,
    closed: AtomicBool,
}

struct Idle {
    connection: Connection,
    born: Instant,
    since: Instant,
}

impl Pool {
    /// Connects nothing yet. `settings` are the startup parameters of every connection, see [`super::Settings`].
    pub fn new(connector: Connector, settings: Vec<(String, String)>, config: PoolConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.max_size.min(Semaphore::MAX_PERMITS)));
        let shared = Shared {
            connector,
            settings,
            config,
            permits,
            idle: Mutex::default(),
            waiting: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        };
        Pool { shared: Arc::new(shared) }
    }

    /// An idle connection, or a new one, or waits for one in turn.
    pub async fn acquire(&self) -> Result<Pooled, PoolError> {
        let permit = self.permit().await?;
        let (mut connection, born) = match self.take_idle() {
            Some(idle) => (idle.connection, idle.born),
            None => (self.connect().await?, Instant::now()),
        };
        // A connection that was being made while the pool closed must not outlive it.
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(PoolError::Closed);
        }
        let statements = connection.certified();
        statements.set_capacity(self.shared.config.statements);
        statements.enter_generation(self.shared.generation.load(Ordering::Acquire));
        Ok(Pooled { connection, born, shared: self.shared.clone(), _permit: permit })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PoolError> {
        if let Ok(permit) = self.shared.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        if self.shared.permits.is_closed() {
            return Err(PoolError::Closed);
        }
        let _place = Place::take(&self.shared)?;
        match timeout(self.shared.config.wait_timeout, self.shared.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(PoolError::Closed),
            Err(_) => Err(PoolError::Timeout),
        }
    }

    /// The connection used last that is still good. Those found closed or too old are dropped on the way.
    fn take_idle(&self) -> Option<Idle> {
        loop {
            let mut idle = self.shared.idle().pop_back()?;
            let rested = idle.since.elapsed() >= REST;
            if self.shared.is_fresh(idle.born, idle.since) && (!rested || idle.connection.still_idle()) {
                return Some(idle);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, PoolError> {
        let settings: Vec<(&str, &str)> =
            self.shared.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.shared.connector.connect(&settings).await.map_err(PoolError::Connect)
    }

    /// From now on no statement that was certified before is used: each connection forgets its own when next acquired.
    pub fn invalidate(&self) {
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Drops idle connections that are too old. Call it now and then; `release` does the same.
    pub fn reap(&self) {
        self.shared.reap();
    }

    /// Closes idle connections, lets nobody acquire another; those in use are closed when they come back.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.permits.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        drop(idle);
    }

    pub fn counts(&self) -> PoolCounts {
        let free = self.shared.permits.available_permits();
        PoolCounts {
            in_use: self.shared.config.max_size.saturating_sub(free),
            idle: self.shared.idle().len(),
            waiting: self.shared.waiting.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        // Nothing panics while it is held, and a list of connections has no half-way state.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, born: Instant, since: Instant) -> bool {
        born.elapsed() < self.config.max_lifetime && since.elapsed() < self.config.idle_lifetime
    }

    fn reap(&self) {
        let mut old = Vec::new();
        let mut idle = self.idle();
        while let Some(front) = idle.front()
            && !self.is_fresh(front.born, front.since)
        {
            old.extend(idle.pop_front());
        }
        drop(idle);
    }

    fn put_back(&self, connection: Connection, born: Instant) {
        self.reap();
        if !connection.is_idle() || born.elapsed() >= self.config.max_lifetime {
            return;
        }
        let mut idle = self.idle();
        // Asked while the list is held: `close` empties it after it set the flag.
        if !self.closed.load(Ordering::Acquire) {
            idle.push_back(Idle { connection, born, since: Instant::now() });
        }
    }
}

/// A place in the queue, given back when the wait ends in any way.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Result<Self, PoolError> {
        let place = Place(&shared.waiting);
        if shared.waiting.fetch_add(1, Ordering::AcqRel) >= shared.config.max_waiting {
            return Err(PoolError::QueueFull);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection on loan. Dropping it closes it; [`Pooled::release`] gives it back.
pub struct Pooled {
    connection: Connection,
    born: Instant,
    shared: Arc<Shared>,
    /// Declared last, dropped last: the place is free only once the connection is closed or back.
    _permit: OwnedSemaphorePermit,
}

impl Pooled {
    /// Gives the connection back if it is known to be idle, and closes it otherwise.
    pub fn release(self) {
        let Pooled { connection, born, shared, _permit } = self;
        shared.put_back(connection, born);
    }
}

impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
