//! The disposable clusters that other tests stand on.

mod support;

use support::{Cluster, versions};

#[test]
fn every_installed_major_starts_with_the_shop() {
    let found = versions();
    assert!(!found.is_empty(), "no Postgres at all: run scripts/setup.sh");
    for major in found.keys() {
        let cluster = Cluster::builder().major(*major).shop().start().expect("starts");
        let rows = support::postgres::block_on(async {
            let client = cluster.connect("postgres", "shop").await.expect("connects");
            client.query_one("SELECT count(*) FROM customers", &[]).await.expect("reads").get::<_, i64>(0)
        });
        assert_eq!(rows, 5000, "Postgres {major}");
    }
}

#[test]
fn a_dropped_cluster_leaves_neither_process_nor_file() {
    let cluster = Cluster::builder().start().expect("starts");
    let (dir, pid) = (cluster.dir().to_owned(), cluster.pid().expect("runs"));
    drop(cluster);
    assert!(!dir.exists());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_cluster_that_crashed_comes_back_with_its_data() {
    let builder = Cluster::builder().fsync(true);
    let mut cluster = builder.clone().start().expect("starts");
    cluster.sql("postgres", "CREATE TABLE kept AS SELECT 1 AS one").expect("writes");
    cluster.crash_and_restart(&builder).expect("restarts");
    cluster.sql("postgres", "SELECT one FROM kept").expect("reads");
}
