//! `pgwarrant.toml` as `init` writes it: what must be set, and the rest as comments with its defaults.

use std::net::SocketAddr;

#[derive(Debug, Clone)]
pub struct ConfigText {
    pub audience: String,
    pub database: String,
    pub listen: SocketAddr,
    pub metrics: SocketAddr,
    /// URLs with passwords.
    pub reader: String,
    pub writer: Option<String>,
    pub audit: String,
    pub origin: String,
}

impl ConfigText {
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        TEMPLATE
            .replace("{audience}", &quoted(&self.audience))
            .replace("{database}", &quoted(&self.database))
            .replace("{listen}", &self.listen.to_string())
            .replace("{metrics}", &self.metrics.to_string())
            .replace("{reader}", &quoted(&self.reader))
            .replace(
                "{writer}",
                &self.writer.as_deref().map_or_else(|| NO_WRITER.to_owned(), |url| format!("writer = {}", quoted(url))),
            )
            .replace("{audit}", &quoted(&self.audit))
            .replace("{origin}", &quoted(&self.origin))
    }
}

const NO_WRITER: &str = "# writer: none; `pgwarrant init` without --read-only writes one";

const TEMPLATE: &str = r#"# pgwarrant's configuration; docs/operator.md explains it. Relative paths are relative to this file.
# Lines with a comment sign show defaults.

# What a token's audience must be: exactly this database of this proxy.
audience = {audience}
# The database name that agents connect to.
database = {database}

[listen]
addresses = ["{listen}"]
# unix_socket_dir = "/run/pgwarrant"

# Other machines may not send a token in clear: they need TLS.
# [tls]
# certificate = "tls/server.pem"
# key = "tls/server.key"

# Who may sign the first block of a token. Rotate by adding a second one and giving the first a not_after.
[[root]]
key = "keys/root.pub"
# not_before = 2026-01-01T00:00:00Z
# not_after = 2027-01-01T00:00:00Z

[upstream]
reader = {reader}
# Without it every write is refused.
{writer}
# writer_pool_size = 10
# pool_size = 20
# wait_timeout = "5s"
# wait_queue = 1000
# connect_timeout = "10s"
# statement_timeout = "30s"
# lock_timeout = "5s"
# max_lifetime = "1h"
# search_path = ["public"]

[rules]
dir = "rules"

[ledger]
dir = "ledger"
# The log's name for the world. It never changes.
origin = {origin}
key = "keys/ledger.key"
# segment = "64MiB"
# low_water = "256MiB"
# retention = "200 days"

# The mirror that auditors query; any Postgres.
[audit]
url = {audit}
# max_lag = 100000

# [limits]
# sessions = 10000
# statement = "1MiB"
# message = "16MiB"
# hold = "16MiB"
# hold_total = "512MiB"
# handshake_timeout = "10s"
# idle_in_transaction_timeout = "60s"
# stall_timeout = "30s"
# drain_timeout = "30s"

[metrics]
listen = "{metrics}"

[log]
# format = "text"   # or "json"
# filter = "info"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn text() -> String {
        let config = ConfigText {
            audience: "shop@host".into(),
            database: "shop".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 6432)),
            metrics: SocketAddr::from(([127, 0, 0, 1], 9187)),
            reader: "postgres://r:p@127.0.0.1:5432/shop?sslmode=disable".into(),
            writer: Some("postgres://w:p@127.0.0.1:5432/shop?sslmode=disable".into()),
            audit: "postgres://w:p@127.0.0.1:5432/shop?sslmode=disable".into(),
            origin: "host/pgwarrant/shop".into(),
        };
        config.to_toml()
    }

    #[test]
    fn what_init_writes_is_what_serve_reads() {
        let config = Config::parse(Path::new("pgwarrant.toml"), &text()).expect("valid");
        assert_eq!(config.audience, "shop@host");
    }

    /// The comments claim defaults; taking the comment signs away must change nothing and be valid.
    #[test]
    fn the_defaults_in_the_comments_are_the_defaults() {
        let on: String = text().lines().map(uncommented).collect();
        let on = Config::parse(Path::new("x"), &on).expect("valid");
        let off = Config::parse(Path::new("x"), &text()).expect("valid");
        assert_eq!(format!("{:?}", on.limits), format!("{:?}", off.limits));
        assert_eq!(format!("{:?}", on.upstream), format!("{:?}", off.upstream));
        assert_eq!(format!("{:?}", on.ledger), format!("{:?}", off.ledger));
        assert_eq!(format!("{:?}{:?}", on.log, on.audit), format!("{:?}{:?}", off.log, off.audit));
    }

    fn uncommented(line: &str) -> String {
        let is_setting = |rest: &str| rest.starts_with("[limits]") || (rest.contains(" = ") && !rest.contains(" must"));
        // What depends on another setting is no default of its own.
        let examples = ["certificate", "key", "unix_socket_dir", "not_", "low_water_writes"];
        match line.strip_prefix("# ") {
            Some(rest) if is_setting(rest) && !examples.iter().any(|name| rest.starts_with(name)) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        }
    }
}
