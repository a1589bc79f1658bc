//! Databases for these tests.

use tokio_postgres::{Client, Config, NoTls};

pub fn servers() -> Vec<Config> {
    let listed = std::env::var("PGWARRANT_TEST_SERVERS").unwrap_or_else(|_| default_servers());
    listed.split(';').filter(|s| !s.trim().is_empty()).map(|s| s.parse().expect("a connection string")).collect()
}

fn default_servers() -> String {
    (15..=18).map(|major| format!("host=127.0.0.1 port=55{major} user=postgres dbname=postgres;")).collect()
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

/// A database of its own, dropped with the value's `drop`.
pub struct Database {
    admin: Config,
    pub config: Config,
    name: String,
}

impl Database {
    pub async fn create(server: &Config, schema: &str) -> Database {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("catalogue_{}_{number}", std::process::id());
        let admin = connect(server).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.expect("a database");
        let mut config = server.clone();
        config.dbname(&name);
        connect(&config).await.batch_execute(schema).await.expect("the schema loads");
        Database { admin: server.clone(), config, name }
    }

    pub async fn drop(self) {
        let admin = connect(&self.admin).await;
        admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.expect("the database goes");
    }
}
