//! The mirror in Postgres: what auditors see, how it keeps up, and every way to tamper with it.

mod support;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use pgwarrant::audit::mirror::{Connect, Mirror};
use pgwarrant::audit::schema;
use pgwarrant::audit::verify::{Expected, Fault, Summary, VerifyError, verify_mirror};
use pgwarrant::ledger::{
    BY_RECOVERY, Change, Checkpoint, Decision, DelegatedBlock, Entry, Kind, Ledger, LedgerConfig, LedgerError, TransactionState,
    VerifyingName,
};
use support::Cluster;

const ORIGIN: &str = "example.com/log";
const WRITER: &str = "mirror_login";
const READER: &str = "auditor_login";

fn open(dir: &Path) -> Ledger {
    let config = LedgerConfig::new(dir, ORIGIN, SigningKey::from_bytes(&[1; 32]));
    Ledger::open(LedgerConfig { low_water: 0, ..config }).unwrap()
}

fn key() -> VerifyingName {
    VerifyingName::new(ORIGIN, SigningKey::from_bytes(&[1; 32]).verifying_key()).unwrap()
}

fn outcome(n: u64) -> Entry {
    let mut entry = Entry::new(Kind::Outcome);
    entry.session = Some("s1".into());
    entry.agent = Some("support-bot".into());
    entry.decision = Some(Decision::Permit);
    entry.template = Some("SELECT name FROM customers WHERE tenant_id = $1 AND note = $2".into());
    entry.values = vec![Some(n.to_string()), None];
    entry.relations = vec!["public.customers".into()];
    entry.rows = Some(n);
    entry.duration_us = Some(1500);
    entry
}

fn session_open() -> Entry {
    let block = |id: &str, subject: &str, grant: &str| DelegatedBlock {
        expires: 1_800_000_000,
        grants: vec![grant.into()],
        id: id.into(),
        subject: subject.into(),
    };
    let mut entry = Entry::new(Kind::SessionOpen);
    entry.session = Some("s1".into());
    entry.agent = Some("support-bot".into());
    entry.peer = Some("127.0.0.1:5000".into());
    entry.chain = vec!["aa".into(), "bb".into()];
    entry.delegation = vec![
        block("aa", "orchestrator", "SELECT (*) ON public.customers"),
        block("bb", "support-bot", "SELECT (name) ON public.customers WHERE tenant_id = 7"),
    ];
    entry
}

fn denial() -> Entry {
    let mut entry = Entry::new(Kind::Denial);
    entry.session = Some("s1".into());
    entry.decision = Some(Decision::Deny);
    entry.reason = Some("unbounded_scan".into());
    entry.sqlstate = Some("42501".into());
    entry.template = Some("SELECT name FROM customers -- \0".into());
    entry
}

/// The schema in a database of its own, with logins of both roles.
fn audit_database(cluster: &Cluster, name: &str) {
    cluster.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    cluster.sql(name, schema::SQL).unwrap();
    let login = |login: &str, role: &str| {
        format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{login}') THEN
             CREATE ROLE {login} LOGIN IN ROLE {role}; END IF; END $$"
        )
    };
    cluster.sql("postgres", &login(WRITER, schema::WRITER_ROLE)).unwrap();
    cluster.sql("postgres", &login(READER, schema::AUDITOR_ROLE)).unwrap();
}

/// Connects as the writer; fails while `down`.
fn connect(cluster: &Cluster, database: &str, down: Arc<AtomicBool>) -> Connect {
    let url = cluster.url(WRITER, database);
    Arc::new(move || -> Pin<Box<dyn Future<Output = _> + Send>> {
        let (url, down) = (url.clone(), down.clone());
        Box::pin(async move {
            anyhow::ensure!(!down.load(Ordering::SeqCst), "down");
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })
    })
}

fn up(cluster: &Cluster, database: &str) -> Connect {
    connect(cluster, database, Arc::new(AtomicBool::new(false)))
}

async fn append(ledger: &Ledger, entry: Entry) {
    ledger.append(entry).await.unwrap();
}

/// Retries while the ledger waits for its mirror.
async fn append_when_open(ledger: &Ledger, n: u64) {
    loop {
        match ledger.append(outcome(n)).await {
            Ok(_) => return,
            Err(LedgerError::MirrorUnseen | LedgerError::MirrorBehind { .. }) => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Five commits of one entry each.
async fn five_entries(ledger: &Ledger) -> Vec<Checkpoint> {
    let mut heads = Vec::new();
    for entry in
        [session_open(), outcome(1), denial(), outcome(3), Entry { session: Some("s1".into()), ..Entry::new(Kind::SessionClose) }]
    {
        append(ledger, entry).await;
        heads.push(ledger.head().as_ref().clone());
    }
    heads
}

async fn verify(cluster: &Cluster, database: &str, held: &[Checkpoint], ledger: Option<&Path>) -> Result<Summary, VerifyError> {
    let mut client = cluster.connect(READER, database).await.unwrap();
    verify_mirror(&mut client, Expected { key: key(), held: held.to_vec() }, ledger).await
}

fn fault(checked: Result<Summary, VerifyError>) -> Fault {
    match checked {
        Err(VerifyError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

async fn text(client: &tokio_postgres::Client, sql: &str) -> String {
    let rows = client.query(&format!("SELECT q::text FROM ({sql}) AS q"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

/// An entry of a transaction; `inserted` into `public.t` and, below zero, deleted from `public.u`.
fn told(kind: Kind, reference: Option<u64>, state: TransactionState, inserted: &[i64]) -> Entry {
    let change = |n: &i64| Change {
        deleted: u64::try_from(-n).unwrap_or(0),
        inserted: u64::try_from(*n).unwrap_or(0),
        relation: if *n < 0 { "public.u" } else { "public.t" }.to_owned(),
        updated: 0,
    };
    Entry {
        agent: Some("writer".into()),
        reference,
        transaction_state: Some(state),
        changes: inserted.iter().map(change).collect(),
        ..Entry::new(kind)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_auditor_sees_what_each_transaction_changed_and_what_became_of_it() {
    use TransactionState::{Aborted, Committed, Committing, Implicit, LostByFailover, Open};
    for (major, _) in support::versions() {
        let cluster = Cluster::builder().major(major).start().unwrap();
        audit_database(&cluster, "audit");
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let by_recovery = |anchor, state, changed: &[i64]| Entry {
            message: Some(BY_RECOVERY.into()),
            ..told(Kind::Final, Some(anchor), state, changed)
        };
        for entry in [
            told(Kind::Intent, None, Implicit, &[]),            // 0: two statements committed together
            told(Kind::Outcome, Some(0), Committing, &[2, -1]), // 1
            told(Kind::Outcome, Some(0), Committing, &[3]),     // 2
            told(Kind::Final, Some(0), Committed, &[]),         // 3
            told(Kind::Intent, None, Implicit, &[]),            // 4: failed
            told(Kind::Outcome, Some(4), Aborted, &[]),         // 5
            told(Kind::Outcome, None, Open, &[]),               // 6: a block that only read
            told(Kind::Outcome, None, Open, &[4]),              // 7: a block that wrote, and is open
            told(Kind::Outcome, Some(7), Open, &[5]),           // 8
            told(Kind::Intent, None, Implicit, &[]),            // 9: committed, as recovery found
            by_recovery(9, Committed, &[6]),                    // 10
            told(Kind::Intent, None, Implicit, &[]),            // 11: withheld
            told(Kind::Denial, Some(11), Aborted, &[]),         // 12
            told(Kind::Intent, None, Implicit, &[]),            // 13: lost after it was committed
            told(Kind::Outcome, Some(13), Committing, &[7]),    // 14
            told(Kind::Final, Some(13), Committed, &[]),        // 15
            told(Kind::Final, Some(13), LostByFailover, &[]),   // 16
            told(Kind::Intent, None, Implicit, &[]),            // 17: COMMIT was sent, and nobody knows
            told(Kind::Outcome, Some(17), Committing, &[8]),    // 18
        ] {
            append(&ledger, entry).await;
        }
        let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 100);
        mirror.caught_up().await.unwrap();
        let auditor = cluster.connect(READER, "audit").await.unwrap();
        let sql = "SELECT seq, state, settled_seq, by_recovery, \
                   (SELECT string_agg(c ->> 'relation' || ' +' || (c ->> 'inserted') || ' -' || (c ->> 'deleted'), ' ' ORDER BY n) \
                    FROM jsonb_array_elements(changes) WITH ORDINALITY AS c(c, n)) \
                   FROM audit.transactions WHERE agent = 'writer' AND \"time\" IS NOT NULL ORDER BY seq";
        let expected = [
            "(0,committed,3,f,\"public.t +5 -0 public.u +0 -1\")",
            "(4,aborted,5,f,)",
            "(7,unknown,,f,)",
            "(9,committed,10,t,\"public.t +6 -0\")",
            "(11,aborted,12,f,)",
            "(13,lost_by_failover,16,f,\"public.t +7 -0\")",
            "(17,unknown,,f,\"public.t +8 -0\")",
        ];
        assert_eq!(text(&auditor, sql).await, expected.join("\n"), "{major}");
        let states = pgwarrant::ledger::transactions(dir.path()).unwrap().into_iter().map(|one| one.seq).collect::<Vec<_>>();
        assert_eq!(states, [0, 4, 7, 9, 11, 13, 17], "what the ledger's own reader finds");
        let changes =
            "SELECT seq, changes -> 0 ->> 'inserted' FROM audit.statements WHERE changes IS NOT NULL ORDER BY seq LIMIT 1";
        assert_eq!(text(&auditor, changes).await, "(1,2)");
        mirror.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_views_show_the_record_and_sql_alone_verifies_it_on_every_server() {
    for (major, _) in support::versions() {
        let cluster = Cluster::builder().major(major).start().unwrap();
        audit_database(&cluster, "audit");
        cluster.sql("audit", schema::SQL).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        five_entries(&ledger).await;
        let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 100);
        mirror.caught_up().await.unwrap();

        let auditor = cluster.connect(READER, "audit").await.unwrap();
        for (sql, expected) in [
            (
                "SELECT seq, kind, agent, parameters, relations, rows, duration FROM audit.statements ORDER BY seq LIMIT 1",
                "(1,outcome,support-bot,\"{1,NULL}\",{public.customers},1,00:00:00.0015)",
            ),
            ("SELECT count(*) FROM audit.statements", "(2)"),
            (
                "SELECT seq, reason, sqlstate, template, count FROM audit.denials",
                "(2,unbounded_scan,42501,\"SELECT name FROM customers -- \u{2400}\",1)",
            ),
            (
                "SELECT session, agent, opened_seq, closed_seq, statements, denials, rows FROM audit.sessions",
                "(s1,support-bot,0,4,2,1,4)",
            ),
            (
                "SELECT depth, block_id, parent_id, subject, grants FROM audit.delegations ORDER BY depth",
                "(0,aa,,orchestrator,\"{\"\"SELECT (*) ON public.customers\"\"}\")\n\
              (1,bb,aa,support-bot,\"{\"\"SELECT (name) ON public.customers WHERE tenant_id = 7\"\"}\")",
            ),
            ("SELECT opened_at <= closed_at AND opened_at > now() - interval '1 hour' FROM audit.sessions", "(t)"),
            ("SELECT size, root = audit.root(log, size) FROM audit.checkpoints ORDER BY size DESC LIMIT 1", "(5,t)"),
            ("SELECT * FROM audit.check_leaves('example.com/log')", ""),
            ("SELECT * FROM audit.check_checkpoints('example.com/log')", ""),
            (
                "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'audit'::regnamespace \
              AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL",
                "(0)",
            ),
            (
                "SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL",
                "(0)",
            ),
        ] {
            assert_eq!(text(&auditor, sql).await, expected, "{major}: {sql}");
        }
        // Every size, against the ledger's own tree.
        let mut tree = pgwarrant::ledger::tree::Tree::new();
        let mut committed = ledger.subscribe(0);
        for entry in committed.next(usize::MAX).await.unwrap().unwrap().entries {
            tree.push(entry.leaf_hash);
            let sql = "SELECT audit.root($1, $2)";
            let root: Vec<u8> = auditor.query_one(sql, &[&ORIGIN, &(tree.size() as i64)]).await.unwrap().get(0);
            assert_eq!(root, tree.root(), "{major}: size {}", tree.size());
        }
        assert_eq!(verify(&cluster, "audit", &[], Some(dir.path())).await.unwrap().entries, 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_roots_equal_the_ledgers_at_many_sizes() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut roots = Vec::new();
    let mut tree = pgwarrant::ledger::tree::Tree::new();
    for n in 0..70 {
        let receipt = ledger.append(outcome(n)).await.unwrap();
        tree.push(*receipt.leaf_hash());
        roots.push(tree.root().to_vec());
    }
    let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 100);
    mirror.caught_up().await.unwrap();
    let auditor = cluster.connect(READER, "audit").await.unwrap();
    let sql = "SELECT root FROM audit.roots($1, ARRAY(SELECT generate_series(1, 70)::bigint)) ORDER BY size";
    let found: Vec<Vec<u8>> = auditor.query(sql, &[&ORIGIN]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(found, roots);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_can_only_append_and_the_auditor_only_read() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    five_entries(&ledger).await;
    Mirror::start(&ledger, up(&cluster, "audit"), 100).caught_up().await.unwrap();
    let changes = [
        "UPDATE audit.entry SET bytes = ''",
        "DELETE FROM audit.entry",
        "TRUNCATE audit.entry",
        "UPDATE audit.checkpoint SET note = ''",
        "DELETE FROM audit.checkpoint",
        "TRUNCATE audit.checkpoint",
        "CREATE TABLE audit.x ()",
        "ALTER TABLE audit.entry DISABLE TRIGGER ALL",
    ];
    let insert = "INSERT INTO audit.entry VALUES ('x', 0, '', sha256(''))";
    for (role, more) in [
        (WRITER, ["SELECT * FROM audit.entry", "SELECT * FROM audit.statements"]),
        (READER, [insert, "SELECT audit.mirrored('x')"]),
    ] {
        let client = cluster.connect(role, "audit").await.unwrap();
        for sql in changes.iter().chain(&more) {
            let error = client.batch_execute(sql).await.expect_err(sql);
            assert_eq!(error.code().map(|c| c.code()), Some("42501"), "{role}: {sql}: {error}");
        }
    }
    // The owner's mistakes are refused as well.
    for sql in &changes[..6] {
        assert!(cluster.sql("audit", sql).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_tamper_with_the_mirror_is_caught_and_named() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    // One mirrored transaction, and so one checkpoint, for each entry: every range is one entry long.
    let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 100);
    let mut heads = Vec::new();
    for n in 0..6 {
        append_when_open(&ledger, n).await;
        mirror.caught_up().await.unwrap();
        heads.push(ledger.head().as_ref().clone());
    }
    let held = heads[5].clone();
    mirror.stop(Duration::from_secs(5)).await;
    assert_eq!(verify(&cluster, "audit", &heads, Some(dir.path())).await.unwrap().checkpoints, 6);

    let forged = "UPDATE audit.entry SET bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1)";
    let less = "SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '\"rows\":2', '\"rows\":1'), 'UTF8') WHERE seq = 2";
    let hashes = "UPDATE audit.entry SET leaf_hash = audit.leaf_hash(bytes)";
    let both = format!("UPDATE audit.entry {less}; {hashes}");
    let swap = "UPDATE audit.entry a SET bytes = b.bytes, leaf_hash = b.leaf_hash FROM audit.entry b WHERE a.seq + b.seq = 5 AND a.seq IN (2, 3)";
    let shifted = "CREATE TABLE keep AS SELECT * FROM audit.entry WHERE seq >= 2; DELETE FROM audit.entry WHERE seq >= 2;
        INSERT INTO audit.entry SELECT log, seq + 1, bytes, leaf_hash, mirrored_at FROM keep;
        INSERT INTO audit.entry SELECT log, 2, bytes, leaf_hash, mirrored_at FROM keep WHERE seq = 3";
    let twice =
        "ALTER TABLE audit.entry DROP CONSTRAINT entry_pkey; INSERT INTO audit.entry SELECT * FROM audit.entry WHERE seq = 3";
    let negative = "ALTER TABLE audit.entry DROP CONSTRAINT entry_seq_check; INSERT INTO audit.entry SELECT log, -1, bytes, leaf_hash FROM audit.entry WHERE seq = 3";
    let appended = r#"INSERT INTO audit.entry SELECT log, 6, b, audit.leaf_hash(b) FROM audit.entry,
        convert_to('{"log":"example.com/log","seq":6,"v":1}', 'UTF8') AS b WHERE seq = 0"#;
    let foreign_root = "UPDATE audit.checkpoint SET root = sha256('') WHERE size = 4";
    type Named = fn(&Fault) -> bool;
    let cases: Vec<(&str, String, Named)> = vec![
        ("a byte changed", format!("{forged} WHERE seq = 2"), |f| *f == Fault::LeafDiffers { seq: 2 }),
        ("a leaf hash changed", "UPDATE audit.entry SET leaf_hash = sha256('') WHERE seq = 2".into(), |f| {
            *f == Fault::LeafDiffers { seq: 2 }
        }),
        ("bytes and leaf hash changed", both.clone(), |f| *f == Fault::RootDiffers { first: 2, last: 2, size: 3 }),
        ("an entry dropped", "DELETE FROM audit.entry WHERE seq = 2".into(), |f| *f == Fault::Missing { seq: 2, next: 3 }),
        ("entries swapped", swap.into(), |f| *f == Fault::Misplaced { seq: 2, said: 3 }),
        ("an entry inserted", shifted.into(), |f| *f == Fault::Misplaced { seq: 2, said: 3 }),
        ("an entry twice", twice.into(), |f| f.seq() == Some(3) || matches!(f, Fault::Stray { seq: 3 } | Fault::Surplus { .. })),
        ("an entry before the first", negative.into(), |f| *f == Fault::Stray { seq: -1 }),
        ("an entry appended", appended.into(), |f| *f == Fault::Uncovered { first: 6, last: 6 }),
        ("the end cut, checkpoints left", "DELETE FROM audit.entry WHERE seq >= 4".into(), |f| {
            *f == Fault::Truncated { seq: 4, size: 5 }
        }),
        ("the end cut", "DELETE FROM audit.entry WHERE seq >= 4; DELETE FROM audit.checkpoint WHERE size > 4".into(), |f| {
            *f == Fault::TruncatedBelowHeld { seq: 4, size: 6 }
        }),
        ("everything gone", "DELETE FROM audit.entry; DELETE FROM audit.checkpoint".into(), |f| {
            *f == Fault::TruncatedBelowHeld { seq: 0, size: 6 }
        }),
        ("a checkpoint's root changed", foreign_root.into(), |f| matches!(f, Fault::NoteDiffers { size: 4, .. })),
        (
            "a checkpoint's note changed",
            "UPDATE audit.checkpoint SET note = replace(note, E'\\n4\\n', E'\\n5\\n') WHERE size = 4".into(),
            |f| matches!(f, Fault::NoteDiffers { size: 4, said: 5 }),
        ),
        ("a checkpoint of nowhere", "UPDATE audit.checkpoint SET size = 9 WHERE size = 4".into(), |f| {
            matches!(f, Fault::NoteDiffers { size: 9, said: 4 })
        }),
        (
            "a checkpoint bent",
            "UPDATE audit.checkpoint SET note = left(note, -20) || 'AAAA' || right(note, 16) WHERE size = 4".into(),
            |f| matches!(f, Fault::BadNote { size: 4, .. }),
        ),
    ];
    for (n, (what, sql, is_named)) in cases.iter().enumerate() {
        let database = format!("case_{n}");
        cluster.sql("postgres", &format!("CREATE DATABASE {database} TEMPLATE audit")).unwrap();
        cluster.sql(&database, &format!("SET session_replication_role = replica; {sql}")).unwrap();
        let found = fault(verify(&cluster, &database, std::slice::from_ref(&held), None).await);
        assert!(is_named(&found), "{what}: {found}");
        // With the ledger at hand, nothing passes either.
        fault(verify(&cluster, &database, std::slice::from_ref(&held), Some(dir.path())).await);
    }

    // An insider rewrites entry 2 and every hash, and drops the checkpoints that tell: only the ledger names the entry.
    cluster.sql("postgres", "CREATE DATABASE insider TEMPLATE audit").unwrap();
    let rewrite = format!("{both}; DELETE FROM audit.checkpoint WHERE size < 6");
    cluster.sql("insider", &format!("SET session_replication_role = replica; {rewrite}")).unwrap();
    assert_eq!(fault(verify(&cluster, "insider", &[], None).await), Fault::RootDiffers { first: 0, last: 5, size: 6 });
    assert_eq!(fault(verify(&cluster, "insider", &[], Some(dir.path())).await), Fault::MirrorDiffers { seq: 2 });

    // In SQL, without any program of ours.
    let auditor = cluster.connect(READER, "case_0").await.unwrap();
    let leaves = text(&auditor, "SELECT seq FROM audit.check_leaves('example.com/log') LIMIT 1").await;
    assert_eq!(leaves, "(2)");
    let sizes = text(&auditor, "SELECT size FROM audit.check_checkpoints('example.com/log')").await;
    assert_eq!(sizes, "(3)\n(4)\n(5)\n(6)");

    // And the command, with a checkpoint as psql saves it.
    let kept = dir.path().join("kept.txt");
    std::fs::write(&kept, format!("{}\n", held.note())).unwrap();
    let run = |database: &str| {
        let url = format!("{}?sslmode=disable", cluster.url(READER, database));
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgwarrant"));
        command.args(["verify", "--audit", &url, "--key", &key().to_string(), "--checkpoint"]).arg(&kept);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = run("audit");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("verified: mirror example.com/log: 6 entries, 6 checkpoints, head 6 "), "{said}");
    assert!(said.ends_with(", contains what was held\n"), "{said}");
    for (database, named) in [("case_0", "entry 2: its bytes are not those"), ("case_11", "entry 0 is missing")] {
        let (code, said) = run(database);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.starts_with("NOT AS SIGNED") && said.contains(named), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mirror_resumes_where_it_was_through_broken_connections() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 1_000_000);
    for n in 0..300 {
        append_when_open(&ledger, n).await;
        if n % 100 == 50 {
            cluster
                .sql("postgres", &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{WRITER}'"))
                .unwrap();
        }
    }
    mirror.caught_up().await.unwrap();
    mirror.stop(Duration::ZERO).await;
    drop(ledger);
    let ledger = open(dir.path());
    let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 1_000_000);
    for n in 0..10 {
        append_when_open(&ledger, n).await;
    }
    ledger.shutdown().await;
    mirror.stop(Duration::from_secs(10)).await;
    assert_eq!(verify(&cluster, "audit", &[], Some(dir.path())).await.unwrap().entries, 310);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_bound_nothing_is_recorded_until_the_mirror_is_back() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let down = Arc::new(AtomicBool::new(true));
    let mirror = Mirror::start(&ledger, connect(&cluster, "audit", down.clone()), 3);
    assert!(matches!(ledger.append(outcome(0)).await, Err(LedgerError::MirrorUnseen)));
    down.store(false, Ordering::SeqCst);
    append_when_open(&ledger, 0).await;
    mirror.caught_up().await.unwrap();

    down.store(true, Ordering::SeqCst);
    cluster
        .sql("postgres", &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{WRITER}'"))
        .unwrap();
    let mut accepted = 0;
    while ledger.append(outcome(accepted)).await.is_ok() {
        accepted += 1;
        assert!(accepted < 10, "the gate does not close");
    }
    assert!(mirror.lag() > 3);
    assert!(!ledger.health().is_ready());

    down.store(false, Ordering::SeqCst);
    append_when_open(&ledger, 9).await;
    mirror.caught_up().await.unwrap();
    assert_eq!(verify(&cluster, "audit", &[], Some(dir.path())).await.unwrap().entries, accepted + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_lost_its_end_or_was_begun_anew_is_refused_by_its_mirror() {
    let cluster = Cluster::builder().start().unwrap();
    audit_database(&cluster, "audit");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    five_entries(&ledger).await;
    Mirror::start(&ledger, up(&cluster, "audit"), 100).caught_up().await.unwrap();

    let anew = tempfile::tempdir().unwrap();
    let ledger = open(anew.path());
    append(&ledger, outcome(0)).await;
    let mirror = Mirror::start(&ledger, up(&cluster, "audit"), 100);
    let refused = mirror.caught_up().await.unwrap_err();
    assert!(refused.to_string().contains("the ledger lost its end"), "{refused}");
    assert!(matches!(ledger.append(outcome(1)).await, Err(LedgerError::MirrorRefused(_))));

    let other = tempfile::tempdir().unwrap();
    let ledger = open(other.path());
    for n in 0..7 {
        append(&ledger, outcome(n)).await;
    }
    let refused = Mirror::start(&ledger, up(&cluster, "audit"), 100).caught_up().await.unwrap_err();
    assert!(refused.to_string().contains("entry 4 of the mirror is not the ledger's"), "{refused}");
}
