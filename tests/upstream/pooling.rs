//! The bounded pool.

use std::time::Duration;

use pgwarrant::upstream::{Certified, Connector, Pool, PoolConfig, PoolError, Pooled, Settings, Target};
use pgwarrant::wire::request;

use super::support::Cluster;
use super::value;

fn pool(cluster: &Cluster, config: PoolConfig) -> Pool {
    let target = Target::parse(&cluster.admin_url("postgres")).expect("a good URI");
    Pool::new(Connector::new(target).expect("no TLS"), Settings::default().to_parameters(), config)
}

fn small(max_size: usize, max_waiting: usize) -> PoolConfig {
    PoolConfig { max_size, max_waiting, wait_timeout: Duration::from_millis(200), ..PoolConfig::default() }
}

fn pid(connection: &Pooled) -> i32 {
    connection.backend_key().expect("has a key").process_id
}

#[tokio::test]
async fn the_connection_used_last_is_given_out_first() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(3, 0));
    let (first, second) = (pool.acquire().await.expect("one"), pool.acquire().await.expect("two"));
    let (first_pid, second_pid) = (pid(&first), pid(&second));
    first.release();
    second.release();
    assert_eq!(pool.counts().idle, 2);
    let again = pool.acquire().await.expect("one");
    assert_eq!(pid(&again), second_pid);
    assert_eq!(pid(&pool.acquire().await.expect("another")), first_pid);
    let counts = pool.counts();
    assert_eq!((counts.in_use, counts.idle, counts.waiting), (1, 0, 0));
}

#[tokio::test]
async fn what_is_not_known_to_be_idle_does_not_come_back() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(1, 0));
    drop(pool.acquire().await.expect("dropped, not released"));
    assert_eq!(pool.counts().idle, 0);

    let mut in_transaction = pool.acquire().await.expect("one");
    in_transaction.simple("BEGIN").await.expect("begins");
    in_transaction.release();
    assert_eq!(pool.counts().idle, 0);

    let mut unread = pool.acquire().await.expect("one");
    unread.sync();
    unread.flush().await.expect("sends");
    unread.release();
    assert_eq!(pool.counts().idle, 0);

    let mut unsent = pool.acquire().await.expect("one");
    request::flush(unsent.write_buf());
    unsent.release();
    assert_eq!(pool.counts().idle, 0);

    pool.acquire().await.expect("one").release();
    assert_eq!(pool.counts().idle, 1);
}

#[tokio::test]
async fn an_exchange_given_up_half_way_takes_its_connection_along() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(1, 0));
    let mut connection = pool.acquire().await.expect("one");
    let waited = tokio::time::timeout(Duration::from_millis(50), connection.simple("SELECT pg_sleep(5)")).await;
    assert!(waited.is_err());
    connection.release();
    assert_eq!((pool.counts().idle, pool.counts().in_use), (0, 0));
}

#[tokio::test]
async fn a_full_pool_lets_wait_only_so_many_for_so_long() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(1, 1));
    let held = pool.acquire().await.expect("one");
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(|connection| pid(&connection)) }
    });
    while pool.counts().waiting == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(pool.acquire().await, Err(PoolError::QueueFull)));
    assert!(matches!(waiting.await.expect("ends"), Err(PoolError::Timeout)));
    assert_eq!(pool.counts().waiting, 0);

    let held_pid = pid(&held);
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(|connection| pid(&connection)) }
    });
    while pool.counts().waiting == 0 {
        tokio::task::yield_now().await;
    }
    held.release();
    assert_eq!(waiting.await.expect("ends").expect("gets it"), held_pid);
}

#[tokio::test]
async fn never_more_connections_than_the_pool_may_have() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, PoolConfig { max_size: 3, ..PoolConfig::default() });
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut connection = pool.acquire().await.expect("one");
                let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwarrant' AND state IS NOT NULL";
                let open: usize = value(&mut connection, sql).await.parse().expect("a number");
                if number % 5 > 0 {
                    connection.release();
                }
                open
            })
        })
        .collect();
    for task in tasks {
        // A backend whose connection was dropped may take a moment to be gone.
        assert!(task.await.expect("ends") <= 3 + 8);
    }
    assert!(pool.counts().idle <= 3);
    assert_eq!(pool.counts().in_use, 0);
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(1, 0));
    let connection = pool.acquire().await.expect("one");
    let dead = pid(&connection);
    connection.release();
    cluster.sql("postgres", &format!("SELECT pg_terminate_backend({dead}, 5000)")).expect("terminates");
    let mut connection = pool.acquire().await.expect("another");
    assert_ne!(pid(&connection), dead);
    assert_eq!(value(&mut connection, "SELECT 1").await, "1");
}

#[tokio::test]
async fn an_invalidated_pool_forgets_its_certified_statements() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(1, 0));
    let mut connection = pool.acquire().await.expect("one");
    let name = connection.certified().new_name();
    let parsed = connection.parse_and_read(name.as_str(), "SELECT 1", &[]).await.expect("reads");
    connection.certified().insert(1, Certified { name, tree_digest: parsed.tree_digest });
    connection.release();

    let mut connection = pool.acquire().await.expect("the same");
    assert!(connection.certified().get(1).is_some());
    connection.release();

    pool.invalidate();
    let mut connection = pool.acquire().await.expect("the same");
    assert!(connection.certified().is_empty());
    assert_eq!(value(&mut connection, "SELECT count(*) FROM pg_prepared_statements").await, "0");
}

#[tokio::test]
async fn connections_grow_old() {
    let cluster = Cluster::builder().start().expect("starts");
    for config in [
        PoolConfig { idle_lifetime: Duration::from_millis(50), ..small(1, 0) },
        PoolConfig { max_lifetime: Duration::from_millis(50), ..small(1, 0) },
    ] {
        let pool = pool(&cluster, config);
        let connection = pool.acquire().await.expect("one");
        let first = pid(&connection);
        connection.release();
        tokio::time::sleep(Duration::from_millis(80)).await;
        pool.reap();
        assert_eq!(pool.counts().idle, 0);
        assert_ne!(pid(&pool.acquire().await.expect("another")), first);
    }
}

#[tokio::test]
async fn a_closed_pool_gives_nothing_and_takes_nothing_back() {
    let cluster = Cluster::builder().start().expect("starts");
    let pool = pool(&cluster, small(2, 0));
    let (kept, idle) = (pool.acquire().await.expect("one"), pool.acquire().await.expect("two"));
    idle.release();
    pool.close();
    assert_eq!(pool.counts().idle, 0);
    assert!(matches!(pool.acquire().await, Err(PoolError::Closed)));
    kept.release();
    assert_eq!(pool.counts().idle, 0);
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_takes_no_place() {
    let target = Target::parse("postgres://a@127.0.0.1:1/d").expect("a good URI");
    let pool = Pool::new(Connector::new(target).expect("no TLS"), Vec::new(), small(1, 0));
    for _ in 0..3 {
        assert!(matches!(pool.acquire().await, Err(PoolError::Connect(_))));
    }
    assert_eq!(pool.counts().in_use, 0);
}
