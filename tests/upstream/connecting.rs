//! Reaching a server: hosts, passwords, TLS, settings.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pgwarrant::upstream::{Settings, UpstreamError};

use super::reading::pipeline_without_stalling;
use super::support::postgres::free_port;
use super::support::{Cluster, versions};
use super::{connect_to, connect_with, value};

#[tokio::test]
async fn the_settings_hold_whatever_the_role_and_database_say() {
    let cluster = Cluster::builder().start().expect("starts");
    let setup = "CREATE ROLE twisted LOGIN;
                 ALTER ROLE twisted SET debug_print_parse = off;
                 ALTER ROLE twisted SET search_path = pg_temp, evil;
                 ALTER DATABASE postgres SET client_min_messages = error";
    cluster.sql("postgres", setup).expect("sets up");
    let mut connection = connect_to(&cluster.url("twisted", "postgres")).await.expect("connects");
    assert_eq!(value(&mut connection, "SHOW search_path").await, "public, pg_temp");
    assert_eq!(value(&mut connection, "SHOW statement_timeout").await, "30s");
    assert_eq!(value(&mut connection, "SHOW default_transaction_read_only").await, "on");
    connection.parse_and_read("s", "SELECT 1", &[]).await.expect("shows its reading");
}

#[tokio::test]
async fn a_role_whose_triggers_are_silenced_is_refused() {
    let cluster = Cluster::builder().start().expect("starts");
    cluster
        .sql("postgres", "CREATE ROLE silenced LOGIN; ALTER ROLE silenced SET session_replication_role = replica")
        .expect("sets up");
    let error = connect_to(&cluster.url("silenced", "postgres")).await.expect_err("must be refused");
    assert!(matches!(error, UpstreamError::Setting { ref name, .. } if name == "session_replication_role"), "{error}");
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let cluster = Cluster::builder().start().expect("starts");
    cluster
        .sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        .expect("creates");
    let error = connect_to(&cluster.admin_url("latin")).await.expect_err("must be refused");
    assert!(matches!(error, UpstreamError::Setting { ref name, .. } if name == "server_encoding"), "{error}");
}

#[tokio::test]
async fn a_setting_that_the_server_does_not_know_is_an_error_and_not_ignored() {
    let cluster = Cluster::builder().start().expect("starts");
    let settings = Settings { search_path: "a b".to_owned(), ..Settings::default() };
    let error = connect_with(&cluster.admin_url("postgres"), &settings).await.expect_err("must be refused");
    assert!(matches!(error, UpstreamError::Server(ref error) if error.sqlstate() == "22023"), "{error}");
}

#[tokio::test]
async fn the_first_host_that_answers_is_taken() {
    let cluster = Cluster::builder().start().expect("starts");
    let dead = free_port().expect("a port");
    let uri = format!("postgres://postgres@127.0.0.1:{dead},127.0.0.1:{}/postgres", cluster.port());
    let mut connection = connect_to(&uri).await.expect("connects to the second");
    assert_eq!(value(&mut connection, "SELECT 1").await, "1");
    let error = connect_to(&format!("postgres://postgres@127.0.0.1:{dead}/postgres")).await.expect_err("nobody is there");
    assert!(matches!(error, UpstreamError::Io(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let port = listener.local_addr().expect("has an address").port();
    let begun = tokio::time::Instant::now();
    let error = connect_to(&format!("postgres://a@127.0.0.1:{port}/d?connect_timeout=1")).await.expect_err("gives up");
    assert!(matches!(error, UpstreamError::Timeout), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn scram_needs_the_right_password() {
    let cluster = Cluster::builder().require_password().start().expect("starts");
    cluster.sql("postgres", "CREATE ROLE ann LOGIN PASSWORD 'se/cr@t'").expect("creates");
    let uri = |login: &str| format!("postgres://{login}@127.0.0.1:{}/postgres", cluster.port());
    connect_to(&uri("ann:se%2Fcr%40t")).await.expect("connects");
    let wrong = connect_to(&uri("ann:other")).await.expect_err("wrong password");
    assert!(matches!(wrong, UpstreamError::Server(ref error) if error.sqlstate() == "28P01"), "{wrong}");
    let none = connect_to(&uri("ann")).await.expect_err("no password");
    assert!(matches!(none, UpstreamError::Authentication(_)), "{none}");
    let bound = connect_to(&format!("{}?channel_binding=require", uri("ann:se%2Fcr%40t"))).await.expect_err("no TLS");
    assert!(matches!(bound, UpstreamError::Authentication(_)), "{bound}");
}

/// A certificate authority, and a server certificate of it for `localhost`; `ssl = on` on the running cluster.
fn switch_tls_on(cluster: &Cluster) -> PathBuf {
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("a root");
    let key = rcgen::KeyPair::generate().expect("a key");
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    give(cluster, "server.crt", &certificate.pem());
    give(cluster, "server.key", &key.serialize_pem());
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        cluster.sql("postgres", sql).expect("switches TLS on");
    }
    std::thread::sleep(Duration::from_millis(300));
    give(cluster, "root.crt", &ca_certificate.pem())
}

fn give(cluster: &Cluster, name: &str, text: &str) -> PathBuf {
    let directory = cluster.data_dir();
    let owner = fs::metadata(&directory).expect("the cluster's data");
    let path = directory.join(name);
    fs::write(&path, text).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closes it to others");
    chown(&path, Some(owner.uid()), Some(owner.gid())).expect("gives it away");
    path
}

async fn over_tls(cluster: &Cluster, host: &str, rest: &str) -> Result<pgwarrant::upstream::Connection, UpstreamError> {
    connect_to(&format!("postgres://ann:secret@{host}:{}/postgres?{rest}", cluster.port())).await
}

fn with_root(mode: &str, root: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", root.display())
}

#[tokio::test]
async fn tls_is_verified_and_bound_to_the_password() {
    let versions = versions();
    let (oldest, newest) = (versions.keys().next(), versions.keys().next_back());
    for &major in [oldest, newest].into_iter().flatten() {
        verified_and_bound(major).await;
    }
}

async fn verified_and_bound(major: u32) {
    let cluster = Cluster::builder().major(major).require_password().start().expect("starts");
    cluster.sql("postgres", "CREATE ROLE ann LOGIN PASSWORD 'secret'").expect("creates");
    let refused = over_tls(&cluster, "localhost", "sslmode=require").await.expect_err("the server has no TLS yet");
    assert!(matches!(refused, UpstreamError::TlsRefused), "{refused}");

    let root = switch_tls_on(&cluster);
    let bound = format!("{}&channel_binding=require", with_root("verify-full", &root));
    let mut connection = over_tls(&cluster, "localhost", &bound).await.expect("verified and bound");
    assert_eq!(value(&mut connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await, "t");
    connection.parse_and_read("s", "SELECT 1", &[]).await.expect("reads over TLS");

    let handle = connection.cancel_handle().expect("has a key");
    let canceller = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        handle.cancel(Duration::from_secs(5)).await
    });
    let cancelled = connection.simple("SELECT pg_sleep(20)").await.expect_err("is cancelled");
    assert!(matches!(cancelled, UpstreamError::Server(ref error) if error.sqlstate() == "57014"), "{cancelled}");
    canceller.await.expect("ends").expect("is heard over TLS");
    pipeline_without_stalling(&mut connection, 900).await;

    over_tls(&cluster, "127.0.0.1", "sslmode=require&channel_binding=require").await.expect("encrypted and bound, any name");
    for (host, rest) in [
        ("127.0.0.1", with_root("verify-full", &root)),
        ("127.0.0.1", with_root("require", &root)),
        ("localhost", "sslmode=verify-full".to_owned()),
    ] {
        let error = over_tls(&cluster, host, &rest).await.expect_err("must not be trusted");
        assert!(matches!(error, UpstreamError::Tls(_)), "{host} {rest}: {error}");
    }
}

#[tokio::test]
async fn the_server_sees_who_connects() {
    let cluster = Cluster::builder().start().expect("starts");
    let settings = Settings { application_name: "pgwarrant support/7".to_owned(), ..Settings::default() };
    let mut connection = connect_with(&cluster.admin_url("postgres"), &settings).await.expect("connects");
    let sql = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    assert_eq!(value(&mut connection, sql).await, "pgwarrant support/7");
}

#[tokio::test]
async fn a_setting_changed_behind_our_back_is_noticed_when_asked() {
    let cluster = Cluster::builder().start().expect("starts");
    let mut connection = connect_to(&cluster.admin_url("postgres")).await.expect("connects");
    let sent = Settings::default().to_parameters();
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    connection.confirm_settings(&sent).await.expect("as they were sent");
    connection.simple("SELECT set_config('search_path', 'evil', false)").await.expect("sets");
    let error = connection.confirm_settings(&sent).await.expect_err("must be noticed");
    assert!(matches!(error, UpstreamError::Setting { ref name, .. } if name == "search_path"), "{error}");
}
