//! Wiring: from a configuration to a proxy that serves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::cache::{Proofs, Readings};
use super::cancel::Registry;
use super::connection_settings;
use super::handshake::Negotiation;
use super::hold::Bound;
use super::listener::{self, Listeners, Running};
use super::metrics::Metrics;
use super::proxy::{Ask, Proxy};
use super::recovery::{self, Unsettled};
use super::reload::Reload;
use super::settings::{TimeoutCaps, Values};
use super::turns::Turns;
use super::world::Worlds;
use super::{failover, greet, ops, prune, refused, tls, watch as watching};
use crate::audit::mirror::Mirror;
use crate::catalogue::load;
use crate::cli::connect::connect;
use crate::config::{Config, DatabaseUrl, Host, Retention, Sync, TlsMode};
use crate::ledger::{Health, Ledger, LedgerConfig};
use crate::reading::Version;
use crate::rules;
use crate::token::key;
use crate::upstream::{Connector, Pool, PoolConfig, Settings, SslMode, Target};
use crate::wire::frame::FrontendLimits;

/// What a statement may take beyond the server's own timeout before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that kept proofs may weigh, over all chains.
const PROOFS: u64 = 256 << 20;
/// Bytes that kept readings may weigh, each with its trees.
const READINGS: u64 = 128 << 20;

/// Serves until SIGINT or SIGTERM, then lets sessions finish.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let (stop, running) = watch::channel(Running::Serving);
    let served = serve_until(config, stop.clone(), running, |_| {});
    tokio::select! {
        result = served => result,
        never = signals(stop) => match never {},
    }
}

/// Tells every signal that asks for the end; the second one ends at once.
async fn signals(stop: watch::Sender<Running>) -> std::convert::Infallible {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be watched");
        return std::future::pending().await;
    };
    let mut next = Running::Draining;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _ = stop.send(next);
        next = Running::Stopping;
    }
}

/// Where a proxy that was started listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub tcp: Vec<std::net::SocketAddr>,
    pub metrics: Option<std::net::SocketAddr>,
}

/// Serves until `running` says otherwise; `ready` hears the addresses once connections are accepted.
pub async fn serve_until(
    config: Config,
    stop: watch::Sender<Running>,
    running: watch::Receiver<Running>,
    ready: impl FnOnce(&Addresses),
) -> anyhow::Result<()> {
    let metrics = ops::install();
    let ledger = tokio::task::spawn_blocking({
        let settings = ledger_config(&config)?;
        move || Ledger::open(settings)
    })
    .await?
    .context("the ledger cannot be opened")?;
    let mirror = mirror(&config, &ledger);
    let (unsettled, left) = Unsettled::new();
    let (proxy, asked) = proxy(&config, ledger.clone(), running.clone(), unsettled).await?;
    // Where writes are not set up in the database there is nothing to compare.
    if let Some(writers) = &proxy.writers
        && let Ok(Some(seq)) = failover::check_end(&proxy.ledger, writers).await
    {
        let size = proxy.ledger.head().size();
        anyhow::bail!(
            "the ledger lost its end: it has {size} entries, and the database knows of a transaction that entry {seq} announced; \
             bring the ledger back with `pgwarrant ledger rehydrate` or `restore`"
        );
    }
    settle_open(&proxy.ledger, proxy.writers.as_ref()).await?;
    let server = which_server(&config, &proxy).await;
    let listeners = Listeners::bind(&config.listen.addresses, config.unix_socket()).await?;
    let ops = match &config.metrics {
        Some(settings) => Some(ops::bind(settings.listen).await?),
        None => None,
    };
    let addresses = Addresses { tcp: listeners.addresses(), metrics: ops.as_ref().and_then(|l| l.local_addr().ok()) };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(watching::watch(proxy.clone(), config.upstream.reader.clone(), asked));
    tasks.spawn(failover::watch(proxy.clone(), config.ledger.dir.clone(), server));
    tasks.spawn(recovery::run(proxy.clone(), left));
    tasks.spawn(refused::summarise(proxy.clone()));
    tasks.spawn(ops::upkeep(metrics.clone()));
    tasks.spawn(stop_with_the_ledger(ledger.clone(), stop.clone()));
    if let Retention::For(retention) = config.ledger.retention {
        tasks.spawn(prune::daily(ledger.clone(), ledger_config(&config)?, *retention));
    }
    let reload = Reload::new(config.rules.dir.clone(), &proxy.worlds.load().rules)?;
    tasks.spawn(reload.run({
        let proxy = proxy.clone();
        move |rules| {
            proxy.worlds.set_rules(rules);
            proxy.forget();
        }
    }));
    if let Some(listener) = ops {
        tasks.spawn(ops::serve(listener, metrics, proxy.clone()));
    }
    for address in &addresses.tcp {
        tracing::info!(%address, "listening");
    }
    ready(&addresses);
    let session = {
        let proxy = proxy.clone();
        move |accepted, place: Option<_>| {
            let proxy = proxy.clone();
            async move {
                greet::serve(proxy, accepted, place.is_some()).await;
                drop(place);
            }
        }
    };
    let drain = config.limits.drain_timeout.0;
    listener::serve(listeners, config.limits.sessions as usize, running, stop, drain, session).await;
    tasks.shutdown().await;
    refused::record(&proxy).await;
    let failed = matches!(ledger.health(), Health::Stopped(_));
    proxy.pool.close();
    proxy.readers.close();
    if let Some(writers) = &proxy.writers {
        writers.close();
    }
    ledger.shutdown().await;
    if let Some(mirror) = mirror {
        mirror.stop(Duration::from_secs(10)).await;
    }
    tracing::info!("stopped");
    if failed {
        anyhow::bail!("the ledger failed: see the log");
    }
    Ok(())
}

/// A ledger that failed never records again, so nothing may run again.
async fn stop_with_the_ledger(ledger: Ledger, stop: watch::Sender<Running>) {
    let error = ledger.stopped().await;
    tracing::error!(%error, "the ledger stopped, and so does the proxy");
    let _ = stop.send(Running::Stopping);
}

async fn proxy(
    config: &Config,
    ledger: Ledger,
    running: watch::Receiver<Running>,
    unsettled: Unsettled,
) -> anyhow::Result<(Arc<Proxy>, mpsc::Receiver<Ask>)> {
    let rules = rules::load_dir(&config.rules.dir).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let upstream = &config.upstream;
    let pool = pool(config, &upstream.reader, upstream.pool_size as usize, true)?;
    let readers = self::pool(config, &upstream.reader, 2, true)?;
    let writers = match &upstream.writer {
        Some(writer) => Some(self::pool(config, writer, upstream.writer_pool_size as usize, false)?),
        None => None,
    };
    let (base, reported, version) = first_look(&pool).await?;
    let client = connect(&config.upstream.reader).await?;
    let catalogue = load::load(&client).await?;
    let (watcher, asked) = mpsc::channel(64);
    let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let statement = config.limits.statement.as_usize();
    let proxy = Proxy {
        database: config.database.clone(),
        audience: config.audience.clone(),
        roots: config.root_keys()?,
        negotiation: Negotiation {
            tls: config.tls.as_ref().map(tls::acceptor).transpose()?,
            limits: FrontendLimits {
                statement: statement.try_into().unwrap_or(u32::MAX),
                bind: config.limits.message.as_usize().try_into().unwrap_or(u32::MAX),
                ..FrontendLimits::default()
            },
            patience: config.limits.idle_in_transaction_timeout.0,
        },
        handshake_timeout: config.limits.handshake_timeout.0,
        pool,
        readers,
        writers,
        unsettled,
        worlds: Worlds::new(catalogue, rules),
        proofs: Proofs::new(PROOFS),
        readings: Readings::new(READINGS),
        ledger,
        cancels: Arc::new(Registry::new()),
        base: Arc::new(base),
        reported,
        version,
        caps: TimeoutCaps {
            statement: milliseconds(config.upstream.statement_timeout.0),
            lock: milliseconds(config.upstream.lock_timeout.0),
            idle_in_transaction: milliseconds(config.limits.idle_in_transaction_timeout.0),
        },
        limits: crate::statement::limits::Limits::default(),
        hold: Bound::new(config.limits.hold.0, config.limits.hold_total.0),
        turns: Turns::new(upstream.pool_size as usize, upstream.writer_pool_size as usize, upstream.wait_timeout.0),
        stall_timeout: config.limits.stall_timeout.0,
        patience: config.upstream.statement_timeout.0 + PATIENCE,
        metrics: Metrics::new(),
        running,
        statements: AtomicU64::new(0),
        next_reading: AtomicU64::new(1),
        time_zones: Default::default(),
        replay: Default::default(),
        refused: Default::default(),
        looked: AtomicU64::new(0),
        clock: Instant::now(),
        marks: Default::default(),
        watcher,
    };
    Ok((Arc::new(proxy), asked))
}

/// The server behind, after the ledger heard what it lacks. A database in which writes are not set up cannot say.
async fn which_server(config: &Config, proxy: &Proxy) -> Option<String> {
    let writers = proxy.writers.as_ref()?;
    let mut known = proxy.ledger.left().server().map(str::to_owned);
    match failover::check(&proxy.ledger, &config.ledger.dir, writers, &mut known).await {
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "writes are refused until setup.sql was run for them"),
    }
    known
}

/// Settles what a crash left open, without serving. Fails while a proxy has the ledger.
pub async fn recover(config: &Config) -> anyhow::Result<usize> {
    let settings = ledger_config(config)?;
    let ledger = tokio::task::spawn_blocking(move || Ledger::open(settings)).await?.context("the ledger cannot be opened")?;
    let upstream = &config.upstream;
    let writers = match &upstream.writer {
        Some(writer) => Some(pool(config, writer, 1, false)?),
        None => None,
    };
    let settled = settle_open(&ledger, writers.as_ref()).await;
    ledger.shutdown().await;
    settled
}

/// Settles what a crash left open, before anybody is served.
async fn settle_open(ledger: &Ledger, writers: Option<&Pool>) -> anyhow::Result<usize> {
    let open = ledger.left().unsettled();
    if open.len() == 0 {
        return Ok(0);
    }
    let Some(writers) = writers else {
        anyhow::bail!(
            "{} transactions of the ledger are not settled, and upstream.writer is not configured: it is needed to settle them",
            open.len()
        );
    };
    let count = open.len();
    for anchor in open {
        recovery::settle(ledger, writers, anchor)
            .await
            .with_context(|| format!("the transaction that entry {anchor} announces cannot be settled"))?;
    }
    Ok(count)
}

/// What the server reports, and what a connection starts with.
async fn first_look(pool: &Pool) -> anyhow::Result<(Values, Vec<(String, String)>, Version)> {
    const REPORTED: [&str; 6] = [
        "server_version",
        "server_encoding",
        "integer_datetimes",
        "standard_conforming_strings",
        "in_hot_standby",
        "default_transaction_read_only",
    ];
    let mut connection = pool.acquire().await.context("the database cannot be reached")?;
    let base = connection_settings::start(&mut connection).await?;
    let reported =
        REPORTED.iter().filter_map(|name| Some(((*name).to_owned(), connection.parameter(name)?.to_owned()))).collect();
    let number = connection.server_version_num();
    let version = Version::from_num(number).with_context(|| format!("the server's version {number} is not supported"))?;
    connection.release();
    Ok((base, reported, version))
}

fn pool(config: &Config, url: &DatabaseUrl, size: usize, read_only: bool) -> anyhow::Result<Pool> {
    let upstream = &config.upstream;
    let connector = Connector::new(target(url, upstream.connect_timeout.0))?;
    let mut search_path = upstream.search_path.iter().map(|s| super::transaction::quote_identifier(s)).collect::<Vec<_>>();
    search_path.push("pg_temp".to_owned());
    let settings = Settings {
        search_path: search_path.join(", "),
        statement_timeout: upstream.statement_timeout.0,
        idle_in_transaction_timeout: config.limits.idle_in_transaction_timeout.0,
        application_name: super::settings::BASE_MARKER.to_owned(),
        read_only,
    };
    let pool = PoolConfig {
        max_size: size,
        max_waiting: upstream.wait_queue as usize,
        wait_timeout: upstream.wait_timeout.0,
        max_lifetime: upstream.max_lifetime.0,
        ..PoolConfig::default()
    };
    Ok(Pool::new(connector, settings.to_parameters(), pool))
}

pub(crate) fn target(url: &DatabaseUrl, connect_timeout: Duration) -> Target {
    Target {
        hosts: url
            .hosts
            .iter()
            .map(|(host, port)| match host {
                Host::Tcp(host) => crate::upstream::Host::Tcp { host: host.clone(), port: *port },
                Host::Unix(directory) => crate::upstream::Host::Unix { directory: directory.clone(), port: *port },
            })
            .collect(),
        user: url.user.clone(),
        password: url.password.clone().map(Zeroizing::new),
        database: url.database.clone(),
        ssl_mode: match url.tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Require => SslMode::Require,
            TlsMode::VerifyFull => SslMode::VerifyFull,
        },
        root_cert: url.root_certificate.clone(),
        connect_timeout,
        require_channel_binding: false,
        allow_cleartext: false,
    }
}

pub(crate) fn ledger_config(config: &Config) -> anyhow::Result<LedgerConfig> {
    let settings = &config.ledger;
    let text = Zeroizing::new(read(&settings.key)?);
    let key = key::private_from_pem(&text).with_context(|| settings.key.display().to_string())?;
    let mut ledger = LedgerConfig::new(&settings.dir, settings.origin.clone(), key);
    ledger.segment_size = settings.segment.0;
    ledger.low_water = settings.low_water.0;
    ledger.low_water_writes = settings.low_water_writes().0;
    ledger.sync = settings.sync == Sync::Fdatasync;
    Ok(ledger)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn mirror(config: &Config, ledger: &Ledger) -> Option<Mirror> {
    let audit = config.audit.as_ref()?;
    let url = Arc::new(audit.url.clone());
    let connect: crate::audit::mirror::Connect = Arc::new(move || {
        let url = url.clone();
        Box::pin(async move { connect(&url).await })
    });
    Some(Mirror::start(ledger, connect, audit.max_lag))
}
