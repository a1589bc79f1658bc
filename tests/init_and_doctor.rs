//! `pgwarrant init`, what it wrote run by the DBA, and `pgwarrant doctor` afterwards.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use support::proxy::binary as pgwarrant;
use support::stage::psql;
use support::{Cluster, Setting, Stage};

fn init(cluster: &Cluster, dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(pgwarrant().expect("built"));
    command.args(["init", "--database", &cluster.admin_url("shop"), "--dir"]).arg(dir).args(more);
    command.output().expect("runs")
}

fn doctor(stage: &Stage) -> (bool, String) {
    let output =
        Command::new(pgwarrant().expect("built")).arg("doctor").arg("--config").arg(stage.config()).output().expect("runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

fn stage() -> Stage {
    Stage::without_proxy(Setting::default()).expect("the stage is set")
}

#[test]
fn init_writes_rules_keys_and_sql_and_never_over_what_is_there() {
    let cluster = Cluster::shop().expect("starts");
    let dir = tempfile::tempdir().expect("a directory");
    let first = init(&cluster, dir.path(), &[]);
    assert!(first.status.success(), "{first:?}");
    let customers = fs::read_to_string(dir.path().join("rules/public.customers.toml")).expect("written");
    assert!(customers.contains(r#"bounded_by  = ["id", "tenant_id"]"#), "{customers}");
    assert!(customers.contains(r#"hidden      = ["ssn", "password_hash"]"#), "{customers}");
    for secret in ["pgwarrant.toml", "keys/root.key", "keys/ledger.key"] {
        let mode = fs::metadata(dir.path().join(secret)).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let again = init(&cluster, dir.path(), &[]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("pgwarrant.toml"), "{again:?}");
    let key = fs::read(dir.path().join("keys/root.key")).expect("written");
    assert!(init(&cluster, dir.path(), &["--force"]).status.success());
    assert_eq!(fs::read(dir.path().join("keys/root.key")).expect("kept"), key, "--force made another key");
}

#[test]
fn setup_sql_may_be_run_again_and_gives_no_hidden_column() {
    let stage = stage();
    stage.psql_file("shop", &stage.home().join("setup.sql")).expect("again");
    let read = |columns: &str| {
        let mut command = Command::new(psql().expect("there"));
        command.args(["-X", "-A", "-t", "-q", "-d", &stage.cluster.admin_url("shop"), "-c", "SET ROLE pgwarrant_reader"]);
        let output = command.args(["-c", &format!("SELECT {columns} FROM customers WHERE id = 6")]).output().expect("runs");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    assert_eq!(read("name, tenant_id"), "Customer 6|7\n");
    assert!(read("ssn").contains("permission denied"), "{}", read("ssn"));
}

#[test]
fn row_security_of_a_tenant_column_leaves_other_roles_alone() {
    let cluster = Cluster::shop().expect("starts");
    let dir = tempfile::tempdir().expect("a directory");
    let rules = dir.path().join("rules.toml");
    fs::write(&rules, "[table.\"public.customers\"]\nbounded_by = [\"id\"]\ntenant_column = \"tenant_id\"\n").expect("written");
    let made = init(&cluster, dir.path(), &["--rules", rules.to_str().expect("UTF-8"), "--force"]);
    assert!(made.status.success(), "{made:?}");
    let psql = |arguments: &[&str]| {
        let mut command = Command::new(psql().expect("there"));
        let output =
            command.args(["-X", "-A", "-t", "-q", "-d", &cluster.admin_url("shop")]).args(arguments).output().expect("runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let setup = dir.path().join("setup.sql");
    for _ in 0..2 {
        psql(&["-f", setup.to_str().expect("UTF-8")]);
    }
    psql(&["-c", "CREATE ROLE shop_app; GRANT SELECT ON customers TO shop_app"]);
    let count = ["-c", "SELECT count(*) FROM customers"];
    assert_eq!(psql(&[["-c", "SET ROLE shop_app"], count].concat()), "5000");
    let tenant = ["-c", "SET ROLE pgwarrant_reader", "-c", "SET pgwarrant.tenant = '7'"];
    assert_eq!(psql(&[&tenant[..], &count[..]].concat()), "250");
}

#[test]
fn doctor_is_content_with_what_setup_sql_made() {
    let (good, text) = doctor(&stage());
    assert!(good, "{text}");
    assert!(text.contains("ok    columns: no hidden one is readable"), "{text}");
}

#[test]
fn doctor_fails_a_role_that_is_not_safe_and_says_how_to_mend_it() {
    let stage = stage();
    for (harm, complaint) in [
        ("ALTER ROLE pgwarrant_reader BYPASSRLS", "role: it has BYPASSRLS"),
        ("GRANT pg_read_server_files TO pgwarrant_reader", "role: member of pg_read_server_files"),
        ("GRANT SELECT (ssn) ON customers TO pgwarrant_reader", "hidden but readable: public.customers.ssn"),
        ("GRANT UPDATE (name) ON customers TO pgwarrant_reader", "role: may write to customers"),
        ("GRANT TEMPORARY ON DATABASE shop TO pgwarrant_reader", "role: it has TEMPORARY on the database"),
        ("ALTER TABLE archive.customers OWNER TO pgwarrant_reader", "role: it owns 1 objects"),
        ("ALTER ROLE pgwarrant_reader SET standard_conforming_strings = off", "standard_conforming_strings = off, must be on"),
    ] {
        stage.cluster.sql("shop", harm).expect(harm);
        let (good, text) = doctor(&stage);
        assert!(!good, "{harm}\n{text}");
        let line = text.lines().find(|line| line.starts_with("FAIL") && line.contains(complaint));
        assert!(line.is_some(), "{harm}: {complaint}\n{text}");
    }
}

#[test]
fn doctor_fails_open_keys_and_an_unreachable_database() {
    let stage = stage();
    fs::set_permissions(stage.home().join("keys/ledger.key"), fs::Permissions::from_mode(0o644)).expect("changed");
    stage.cluster.sql("shop", "ALTER ROLE pgwarrant_reader NOLOGIN").expect("altered");
    let (good, text) = doctor(&stage);
    assert!(!good && text.contains("keys/ledger.key is readable by others"), "{text}");
    assert!(text.contains("FAIL  upstream: cannot connect to postgres://pgwarrant_reader:…@"), "{text}");
}
