//! Servers and databases for these tests: one cluster of each installed major, started once a process.
//!
//! `PGWARRANT_TEST_SERVERS` names running ones instead: connection strings of superusers, separated by `;`.

use super::support::{Cluster, versions};
use std::sync::LazyLock;
use tokio_postgres::{Client, Config, NoTls};

static CLUSTERS: LazyLock<Vec<Cluster>> = LazyLock::new(|| {
    let start = |major: u32| Cluster::builder().major(major).start().expect("the cluster starts");
    versions().into_keys().map(start).collect()
});

pub fn servers() -> Vec<Config> {
    let read = |s: &str| s.parse::<Config>().expect("a connection string");
    let servers: Vec<Config> = match std::env::var("PGWARRANT_TEST_SERVERS") {
        Ok(listed) => listed.split(';').filter(|s| !s.trim().is_empty()).map(read).collect(),
        Err(_) => CLUSTERS.iter().map(|cluster| read(&cluster.admin_url("postgres"))).collect(),
    };
    assert!(!servers.is_empty(), "no Postgres at all: run scripts/setup.sh");
    servers
}

pub async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

pub async fn major(client: &Client) -> u32 {
    let row = client.query_one("SELECT current_setting('server_version_num')::int4 / 10000", &[]).await.expect("a version");
    u32::try_from(row.get::<_, i32>(0)).expect("a positive version")
}

/// A name that no other test of the cluster has.
pub fn unique(what: &str) -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("catalogue_{what}_{}_{number}", std::process::id())
}

/// A database of its own. `drop` takes it away; a test that fails leaves it to the end of the cluster.
pub struct Database {
    admin: Config,
    pub config: Config,
    name: String,
}

impl Database {
    pub async fn create(server: &Config, schema: &str) -> Database {
        let name = unique("db");
        let admin = connect(server).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.expect("a database");
        let mut config = server.clone();
        config.dbname(&name);
        connect(&config).await.batch_execute(schema).await.expect("the schema loads");
        Database { admin: server.clone(), config, name }
    }

    /// For the command line.
    pub fn url(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.as_str(),
            other => panic!("a server over TCP, not {other:?}"),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("postgres://{}@{host}:{port}/{}", self.config.get_user().unwrap_or("postgres"), self.name)
    }

    pub async fn drop(self) {
        let admin = connect(&self.admin).await;
        admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.expect("the database goes");
    }
}
