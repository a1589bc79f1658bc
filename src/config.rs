//! `pgwarrant.toml`: every setting, its default, and one clear line when it is wrong.
//!
//! Unknown keys are errors. Relative paths are relative to the file. Durations are written `"500ms"`, `"30s"`, `"5m"`, `"1h"`,
//! sizes `"64KiB"`, `"16MiB"`, `"1GiB"` or a number of bytes.

mod database_url;
mod error;
mod log;
mod retention;
mod roots;
mod units;

pub use database_url::{DatabaseUrl, Host, TlsMode};
pub use error::ConfigError;
pub use log::{Log, LogFormat};
pub use retention::Retention;
pub use roots::Root;
pub use units::{ByteSize, Span};

use crate::token::RootKey;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What a token's `audience` must be: this database of this proxy, e.g. `"shop@pgwarrant"`.
    pub audience: String,
    /// The database name that agents connect to; must be the one in `upstream.reader`.
    pub database: String,
    #[serde(default)]
    pub listen: Listen,
    /// Without it, only loopback and the Unix socket accept a token.
    pub tls: Option<Tls>,
    /// Keys that may sign block 0 of a token.
    #[serde(rename = "root")]
    pub roots: Vec<Root>,
    pub upstream: Upstream,
    #[serde(default)]
    pub rules: Rules,
    pub ledger: Ledger,
    /// The mirror for SQL; without it the ledger is on local disk only.
    pub audit: Option<Audit>,
    #[serde(default)]
    pub limits: Limits,
    /// Prometheus metrics and health; not served when absent.
    pub metrics: Option<Metrics>,
    #[serde(default)]
    pub log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Default `["127.0.0.1:6432"]`; may be empty when `unix_socket_dir` is set.
    pub addresses: Vec<SocketAddr>,
    /// A socket `.s.PGSQL.<port>` is made there, as libpq looks for it.
    pub unix_socket_dir: Option<PathBuf>,
    /// The `<port>` of the Unix socket's name; the first address's port, else 6432.
    pub unix_socket_port: Option<u16>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM: the server's certificate, then its intermediates.
    pub certificate: PathBuf,
    /// PEM, mode 0600.
    pub key: PathBuf,
    /// PEM: certificates that sign client certificates; then tokens may be bound to one (`cnf`).
    pub client_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `postgres://pgwarrant_reader:…@host/database?sslmode=verify-full`, the role of `setup.sql`.
    pub reader: DatabaseUrl,
    /// A file with the reader's password, for those who keep it out of the URL.
    pub reader_password_file: Option<PathBuf>,
    /// `postgres://pgwarrant_writer:…@host/database`, the other role of `setup.sql`. Without it every write is refused.
    pub writer: Option<DatabaseUrl>,
    /// A file with the writer's password, for those who keep it out of the URL.
    pub writer_password_file: Option<PathBuf>,
    /// Server connections that run transactions which may write. Default 10.
    #[serde(default = "defaults::writer_pool_size")]
    pub writer_pool_size: u32,
    /// Server connections that run reads. Default 20.
    #[serde(default = "defaults::pool_size")]
    pub pool_size: u32,
    /// How long a transaction waits for a free connection. Default 5s.
    #[serde(default = "defaults::wait_timeout")]
    pub wait_timeout: Span,
    /// Transactions that may wait at once; one more is refused at once. Default 1000.
    #[serde(default = "defaults::wait_queue")]
    pub wait_queue: u32,
    /// Default 10s.
    #[serde(default = "defaults::connect_timeout")]
    pub connect_timeout: Span,
    /// Upper bound of a statement; an agent may set a lower one. Default 30s.
    #[serde(default = "defaults::statement_timeout")]
    pub statement_timeout: Span,
    /// Default 5s.
    #[serde(default = "defaults::lock_timeout")]
    pub lock_timeout: Span,
    /// A connection is replaced after this time. Default 1h.
    #[serde(default = "defaults::max_lifetime")]
    pub max_lifetime: Span,
    /// Schemas that unqualified names are looked up in; `pg_temp` is always appended as the last. Default `["public"]`.
    #[serde(default = "defaults::search_path")]
    pub search_path: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Every `*.toml` in it. Default `rules`.
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// A result is released after `fdatasync`.
    Fdatasync,
    /// A power cut may lose the newest entries. For benchmarks.
    Off,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// One proxy, one directory.
    pub dir: PathBuf,
    /// The log's name for the world, e.g. `"shop.example.com/pgwarrant"`; it never changes.
    pub origin: String,
    /// The key that signs checkpoints, mode 0600.
    pub key: PathBuf,
    /// Default 64MiB.
    #[serde(default = "defaults::segment")]
    pub segment: ByteSize,
    /// Free space of the disk under which statements are refused. Default 256MiB.
    #[serde(default = "defaults::low_water")]
    pub low_water: ByteSize,
    /// Free space under which writes are refused, reads not yet. Default twice `low_water`.
    pub low_water_writes: Option<ByteSize>,
    /// Segments whose entries are all older than this are removed, once the mirror holds them; `"forever"` keeps all.
    /// Default 200 days.
    #[serde(default)]
    pub retention: Retention,
    #[serde(default = "defaults::sync")]
    pub sync: Sync,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// `postgres://pgwarrant_audit_writer:…@host/database`; any Postgres, also another than the target.
    pub url: DatabaseUrl,
    /// A file with the writer's password, for those who keep it out of the URL.
    pub password_file: Option<PathBuf>,
    /// Entries that the mirror may be behind before statements are refused. Default 100000.
    #[serde(default = "defaults::max_lag")]
    pub max_lag: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Client connections. Default 10000.
    pub sessions: u32,
    /// Bytes of one statement's text. Default 1MiB.
    pub statement: ByteSize,
    /// Bytes of one message of a client that is logged in. Default 16MiB.
    pub message: ByteSize,
    /// Bytes of a result that a session may hold before they are recorded and released; a larger one goes in chunks of this
    /// size. Default 16MiB.
    pub hold: ByteSize,
    /// The same over all sessions. Default 512MiB.
    pub hold_total: ByteSize,
    /// From the first byte to the end of log-in. Default 10s.
    pub handshake_timeout: Span,
    /// An open transaction without a statement, and a client that takes nothing of its result. Default 60s.
    pub idle_in_transaction_timeout: Span,
    /// A client that takes next to nothing of a large result for so long is let go: a connection to the database waits for it.
    /// Default 30s.
    pub stall_timeout: Span,
    /// How long open transactions may go on after SIGTERM. Default 30s.
    pub drain_timeout: Span,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// `/metrics`, `/health/live` and `/health/ready`.
    pub listen: SocketAddr,
}

impl Ledger {
    pub fn low_water_writes(&self) -> ByteSize {
        self.low_water_writes.unwrap_or(ByteSize(self.low_water.bytes().saturating_mul(2)))
    }
}

impl Config {
    /// Reads, checks and resolves a file. The error is one line that names the file and the key.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::unreadable(path, source))?;
        let mut config = Config::parse(path, &text)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        config.read_passwords(path)?;
        config.check(path)?;
        Ok(config)
    }

    /// The text alone: no file is looked at, paths stay as written.
    pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let deserializer = toml::Deserializer::parse(text).map_err(|error| ConfigError::syntax(path, text, &error))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| ConfigError::key(path, text, error))
    }

    /// The keys of `[[root]]`, read from their files.
    pub fn root_keys(&self) -> Result<Vec<RootKey>, ConfigError> {
        self.roots.iter().map(Root::read).collect()
    }

    /// `.s.PGSQL.<port>` in `listen.unix_socket_dir`.
    pub fn unix_socket(&self) -> Option<PathBuf> {
        let dir = self.listen.unix_socket_dir.as_ref()?;
        let first = self.listen.addresses.first().map(SocketAddr::port).filter(|port| *port != 0);
        let port = self.listen.unix_socket_port.or(first).unwrap_or(6432);
        Some(dir.join(format!(".s.PGSQL.{port}")))
    }

    fn resolve(&mut self, base: &Path) {
        let mut paths = vec![&mut self.rules.dir, &mut self.ledger.dir, &mut self.ledger.key];
        paths.extend(self.roots.iter_mut().map(|root| &mut root.key));
        paths.extend(self.listen.unix_socket_dir.as_mut());
        paths.extend(self.upstream.reader_password_file.as_mut());
        paths.extend(self.upstream.writer_password_file.as_mut());
        paths.extend(self.upstream.writer.as_mut().and_then(|url| url.root_certificate.as_mut()));
        paths.extend(self.upstream.reader.root_certificate.as_mut());
        if let Some(tls) = &mut self.tls {
            paths.extend([&mut tls.certificate, &mut tls.key]);
            paths.extend(tls.client_ca.as_mut());
        }
        if let Some(audit) = &mut self.audit {
            paths.extend(audit.password_file.as_mut());
            paths.extend(audit.url.root_certificate.as_mut());
        }
        for path in paths {
            *path = base.join(&*path);
        }
    }

    fn read_passwords(&mut self, path: &Path) -> Result<(), ConfigError> {
        if let Some(file) = &self.upstream.reader_password_file {
            self.upstream.reader.password = Some(password(path, "upstream.reader_password_file", file)?);
        }
        if let (Some(writer), Some(file)) = (&mut self.upstream.writer, &self.upstream.writer_password_file) {
            writer.password = Some(password(path, "upstream.writer_password_file", file)?);
        }
        if let Some(Audit { url, password_file: Some(file), .. }) = &mut self.audit {
            url.password = Some(password(path, "audit.password_file", file)?);
        }
        Ok(())
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: String| Err(ConfigError::value(path, key, message));
        if self.audience.is_empty() {
            return wrong("audience", "must not be empty".to_owned());
        }
        if self.roots.is_empty() {
            return wrong("root", "at least one [[root]] is needed, or no token is valid".to_owned());
        }
        if self.listen.addresses.is_empty() && self.listen.unix_socket_dir.is_none() {
            return wrong("listen.addresses", "must not be empty without listen.unix_socket_dir".to_owned());
        }
        if self.upstream.reader.database != self.database {
            let other = &self.upstream.reader.database;
            return wrong("upstream.reader", format!("names the database {other:?}, but `database` is {:?}", self.database));
        }
        if let Some(writer) = self.upstream.writer.as_ref().filter(|writer| writer.database != self.database) {
            let other = &writer.database;
            return wrong("upstream.writer", format!("names the database {other:?}, but `database` is {:?}", self.database));
        }
        if self.upstream.writer_pool_size == 0 {
            return wrong("upstream.writer_pool_size", "must be at least 1".to_owned());
        }
        if self.upstream.pool_size == 0 {
            return wrong("upstream.pool_size", "must be at least 1".to_owned());
        }
        if self.upstream.search_path.iter().any(|schema| schema.starts_with("pg_") || schema.contains('$')) {
            return wrong(
                "upstream.search_path",
                "takes plain schemas only; pg_catalog and pg_temp are placed by pgwarrant".to_owned(),
            );
        }
        if self.ledger.origin.is_empty() || self.ledger.origin.contains([' ', '+', '\n']) {
            return wrong(
                "ledger.origin",
                "must be a name without space or `+`, such as \"shop.example.com/pgwarrant\"".to_owned(),
            );
        }
        if self.ledger.low_water_writes().bytes() < self.ledger.low_water.bytes() {
            return wrong("ledger.low_water_writes", "must not be below ledger.low_water: writes are refused first".to_owned());
        }
        if self.limits.stall_timeout.0.is_zero() {
            return wrong("limits.stall_timeout", "must be above 0: nobody takes a result at once".to_owned());
        }
        if self.limits.hold.bytes() > self.limits.hold_total.bytes() {
            return wrong("limits.hold", "must not be above limits.hold_total".to_owned());
        }
        Ok(())
    }
}

fn password(config: &Path, key: &str, file: &Path) -> Result<String, ConfigError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| ConfigError::value(config, key, format!("{}: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

impl Default for Listen {
    fn default() -> Self {
        Listen { addresses: vec![SocketAddr::from(([127, 0, 0, 1], 6432))], unix_socket_dir: None, unix_socket_port: None }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules { dir: PathBuf::from("rules") }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sessions: 10_000,
            statement: ByteSize(1 << 20),
            message: ByteSize(16 << 20),
            hold: ByteSize(16 << 20),
            hold_total: ByteSize(512 << 20),
            handshake_timeout: Span(Duration::from_secs(10)),
            idle_in_transaction_timeout: Span(Duration::from_secs(60)),
            stall_timeout: Span(Duration::from_secs(30)),
            drain_timeout: Span(Duration::from_secs(30)),
        }
    }
}

mod defaults {
    use super::{ByteSize, Span, Sync};
    use std::time::Duration;

    pub fn pool_size() -> u32 {
        20
    }
    pub fn writer_pool_size() -> u32 {
        10
    }
    pub fn wait_timeout() -> Span {
        Span(Duration::from_secs(5))
    }
    pub fn wait_queue() -> u32 {
        1000
    }
    pub fn connect_timeout() -> Span {
        Span(Duration::from_secs(10))
    }
    pub fn statement_timeout() -> Span {
        Span(Duration::from_secs(30))
    }
    pub fn lock_timeout() -> Span {
        Span(Duration::from_secs(5))
    }
    pub fn max_lifetime() -> Span {
        Span(Duration::from_secs(3600))
    }
    pub fn search_path() -> Vec<String> {
        vec!["public".to_owned()]
    }
    pub fn segment() -> ByteSize {
        ByteSize(64 << 20)
    }
    pub fn low_water() -> ByteSize {
        ByteSize(256 << 20)
    }
    pub fn sync() -> Sync {
        Sync::Fdatasync
    }
    pub fn max_lag() -> u64 {
        100_000
    }
}

#[cfg(test)]
mod tests;
