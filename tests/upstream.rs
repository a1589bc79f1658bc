//! Connections to real servers of every installed version, and to servers that are up to no good.

mod support;

#[path = "upstream/connecting.rs"]
mod connecting;
#[path = "upstream/counting.rs"]
mod counting;
#[path = "upstream/impostors.rs"]
mod impostors;
#[path = "upstream/pooling.rs"]
mod pooling;
#[path = "upstream/reading.rs"]
mod reading;

use pgwarrant::upstream::{Connection, Connector, Settings, Target, UpstreamError};
use support::Cluster;

/// As the superuser, over loopback, with the settings of the read pool.
async fn connect(cluster: &Cluster, database: &str) -> Connection {
    connect_to(&cluster.admin_url(database)).await.expect("connects")
}

async fn connect_to(uri: &str) -> Result<Connection, UpstreamError> {
    connect_with(uri, &Settings::default()).await
}

async fn connect_with(uri: &str, settings: &Settings) -> Result<Connection, UpstreamError> {
    let parameters = settings.to_parameters();
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Connector::new(Target::parse(uri).expect("a good URI"))?.connect(&parameters).await
}

/// The first value of the first row, as text.
async fn value(connection: &mut Connection, sql: &str) -> String {
    let rows = connection.simple(sql).await.expect("runs").rows;
    String::from_utf8(rows[0][0].as_ref().expect("not null").to_vec()).expect("UTF-8")
}
