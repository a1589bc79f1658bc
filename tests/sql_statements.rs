//! PREPARE, DECLARE and COPY of SQL through the whole proxy: what they give is what Postgres gives, and no more than a
//! plain SELECT would.

mod support;

use std::process::Command;

use pgwarrant::ledger::{Entry, Item, Kind, Reader};
use support::stage::{Setting, Stage};

/// What `script.py` asks: a connection string, then steps, each a text of the simple protocol or a list for the extended
/// one; an answer a step, as JSON.
const SCRIPT: &str = r#"
import json, sys, psycopg
from psycopg import pq
def field(r, f): return (r.error_field(f) or b"").decode()
def collect(c):
    out = dict(rows=[], copy=b"", tags=[], error=None)
    while r := c.get_result():
        if r.status == pq.ExecStatus.COPY_OUT:
            while True:
                n, data = c.get_copy_data(0)
                if n <= 0: break
                out["copy"] += bytes(data)
        elif r.status == pq.ExecStatus.TUPLES_OK:
            out["rows"] += [[None if (v := r.get_value(i, j)) is None else v.decode() for j in range(r.nfields)] for i in range(r.ntuples)]
            out["tags"].append(r.command_status.decode())
        elif r.status == pq.ExecStatus.FATAL_ERROR:
            D = pq.DiagnosticField
            out["error"] = [field(r, D.SQLSTATE), field(r, D.CONSTRAINT_NAME), field(r, D.MESSAGE_PRIMARY)]
        else: out["tags"].append((r.command_status or b"").decode())
    out["copy"] = out["copy"].hex()
    return out
answers = []
for session in json.load(sys.stdin):
    c = psycopg.connect(session["url"], autocommit=True).pgconn
    for step in session["steps"]:
        if isinstance(step, str): c.send_query(step.encode())
        elif step[0] == "parse": c.send_prepare(step[1].encode(), step[2].encode())
        elif step[0] == "bind": c.send_query_prepared(step[1].encode(), [v.encode() for v in step[2]])
        else: c.send_query_params(step[1].encode(), [v.encode() for v in step[2]], result_format=step[3] if len(step) > 3 else 0)
        answers.append(collect(c))
print(json.dumps(answers))
"#;

type Json = serde_json::Value;

fn ask(url: &str, steps: &Json) -> Vec<Json> {
    use std::io::Write;
    let mut command = Command::new(support::python());
    command.args(["-c", SCRIPT]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("python with psycopg runs: scripts/setup.sh test");
    let input = serde_json::json!([{ "url": url, "steps": steps }]).to_string();
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("it answers")
}

/// SQLSTATE and reason code; empty without an error.
fn refusal(answer: &Json) -> (&str, &str) {
    let part = |index: usize| answer["error"][index].as_str().unwrap_or_default();
    (part(0), part(1))
}

fn outcomes(stage: &Stage) -> Vec<Entry> {
    let mut reader = Reader::open(&stage.home().join("ledger"), 0).expect("the ledger opens");
    let mut found = Vec::new();
    loop {
        match reader.read().expect("the ledger reads") {
            Item::Entry { bytes, .. } => found.push(serde_json::from_slice(bytes).expect("an entry")),
            Item::Checkpoint { .. } => {}
            Item::End => break,
        }
    }
    found.retain(|entry: &Entry| entry.kind == Kind::Outcome);
    found
}

#[test]
fn what_runs_gives_what_postgres_gives() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let steps = serde_json::json!([
        "PREPARE t (bigint, int) AS SELECT subject, status FROM tickets WHERE id = $1 AND tenant_id = $2",
        "EXECUTE t(45, 7)",
        "EXECUTE t('45', 7::bigint)",
        "PREPARE t AS SELECT 1",
        "EXECUTE t(45)",
        "EXECUTE nothing(1)",
        ["bind", "t", ["45", "7"]],
        ["query", "EXECUTE t(45, 7)", []],
        ["parse", "own", "SELECT subject FROM tickets WHERE id = $1 AND tenant_id = 7"],
        "EXECUTE own(45)",
        "PREPARE own AS SELECT 1",
        "DEALLOCATE PREPARE own",
        "EXECUTE own(45)",
        "DEALLOCATE ALL",
        "EXECUTE t(45, 7)",
        "DECLARE c CURSOR FOR SELECT 1",
        "BEGIN",
        "DECLARE c NO SCROLL CURSOR FOR SELECT id, subject FROM tickets WHERE tenant_id = 7 AND id IN (45, 50, 1) ORDER BY id",
        "FETCH c",
        ["query", "FETCH ALL FROM c", []],
        "FETCH 1 FROM c",
        "SAVEPOINT s",
        ["query", "DECLARE d CURSOR FOR SELECT id FROM tickets WHERE tenant_id = 7 AND id = $1::bigint", ["45"]],
        "FETCH FORWARD 5 IN d",
        "FETCH 1 FROM nothing",
        "FETCH 1 FROM c",
        "ROLLBACK TO s",
        "FETCH 1 FROM c",
        "CLOSE c",
        "DECLARE d CURSOR FOR SELECT 1 AS one",
        "MOVE 1 IN d",
        "FETCH ALL d",
        "DECLARE d CURSOR FOR SELECT 1 AS one",
        "ROLLBACK",
        "FETCH ALL d",
        "SELECT 1",
    ]);
    let ours = ask(&stage.persona_url("support", 3600).expect("a token"), &steps);
    let theirs = ask(&stage.cluster.admin_url("shop"), &steps);
    for ((step, ours), theirs) in steps.as_array().expect("steps").iter().zip(&ours).zip(&theirs) {
        for part in ["rows", "copy", "tags"] {
            assert_eq!(ours[part], theirs[part], "{part} of {step}: {ours} and not {theirs}");
        }
        assert_eq!(refusal(ours).0, refusal(theirs).0, "{step}: {ours} and not {theirs}");
    }
}

#[test]
fn a_copy_gives_the_bytes_that_postgres_gives() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let query = "SELECT id, sku, name, nullif(category, 'toys') AS category, price_cents FROM products WHERE id < 40 ORDER BY id";
    let odd =
        "SELECT E'a\\tb\\\\c\\nd\\re;\\x01' AS \"A;\"\"b\", '\"x\",y' AS y, '' AS z, NULL AS n, '\\.' AS dot, '\\N' AS null";
    let mut steps = Vec::new();
    for options in [
        "",
        "WITH (FORMAT csv, HEADER)",
        "(FORMAT csv, HEADER true, DELIMITER ';', NULL '-', QUOTE '''', FORCE_QUOTE *)",
        "(FORMAT csv, ESCAPE '\\', FORCE_QUOTE (y))",
        "WITH CSV HEADER",
        "(HEADER, DELIMITER '|', NULL 'none')",
        "(FORMAT binary)",
    ] {
        let all = options.replace("(y)", "(name)");
        steps.push(serde_json::json!(format!("COPY ({query}) TO STDOUT {all}")));
        steps.push(serde_json::json!(format!("COPY ({odd}) TO STDOUT {options}")));
        steps.push(serde_json::json!(["query", format!("COPY (SELECT '\\.'::text AS y WHERE true) TO STDOUT {options}"), []]));
    }
    steps.push(serde_json::json!("COPY (SELECT 1 AS one WHERE false) TO STDOUT (FORMAT binary)"));
    steps.push(serde_json::json!("SELECT 1; COPY (SELECT 2) TO STDOUT; SELECT 3"));
    let steps = Json::Array(steps);
    let ours = ask(&stage.persona_url("analyst", 3600).expect("a token"), &steps);
    let theirs = ask(&stage.cluster.admin_url("shop"), &steps);
    for ((step, ours), theirs) in steps.as_array().expect("steps").iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "{step}");
    }
    let entry = outcomes(&stage).into_iter().find(|entry| entry.command_tag.as_deref() == Some("COPY 39"));
    assert_eq!(entry.expect("a copy is recorded").rows, Some(39));
}

#[test]
fn what_a_select_may_not_none_of_them_may() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let steps = serde_json::json!([
        "COPY (SELECT secret FROM api_keys) TO STDOUT",
        "COPY (SELECT * FROM tickets) TO STDOUT",
        "COPY (SELECT id, subject FROM tickets WHERE tenant_id = 8) TO STDOUT (FORMAT csv)",
        "COPY tickets TO STDOUT",
        "COPY (DELETE FROM tickets WHERE id = 45 RETURNING id) TO STDOUT",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "PREPARE a AS SELECT secret FROM api_keys",
        "PREPARE a AS DECLARE c CURSOR FOR SELECT 1",
        "PREPARE a AS PREPARE b AS SELECT 1",
        "PREPARE t (int) AS SELECT id, subject FROM tickets WHERE id = 45 AND tenant_id = $1",
        "EXECUTE t(8)",
        "EXECUTE t(NULL)",
        "EXECUTE t('8')",
        "EXECUTE t((7))",
        "EXECUTE t(7 + 1)",
        ["query", "EXECUTE t(8)", []],
        "EXPLAIN EXECUTE t(7)",
        ["parse", "s", "BEGIN"],
        "EXECUTE s",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT secret FROM api_keys",
        "FETCH ALL FROM c",
        "ROLLBACK",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT id FROM tickets",
        "ROLLBACK",
        "BEGIN",
        ["query", "DECLARE c CURSOR FOR SELECT id FROM tickets WHERE id = 45 AND tenant_id = $1::int", ["8"]],
        "FETCH ALL FROM c",
        "ROLLBACK",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT 1 AS one",
        ["query", "FETCH ALL FROM c", [], 1],
    ]);
    let answers = ask(&stage.persona_url("support", 3600).expect("a token"), &steps);
    let runs = ["BEGIN", "ROLLBACK"];
    for (step, answer) in steps.as_array().expect("steps").iter().zip(&answers) {
        assert_eq!(answer["rows"], serde_json::json!([]), "{step}");
        assert_eq!(answer["copy"], "", "{step}");
        let text = step.as_str().unwrap_or_default();
        let harmless = runs.contains(&text)
            || text.starts_with("PREPARE t")
            || text == "DECLARE c CURSOR FOR SELECT 1 AS one"
            || step[0] == "parse";
        let (sqlstate, reason) = refusal(answer);
        let refused = !reason.is_empty() || sqlstate == "25P02";
        assert_eq!(refused, !harmless, "{step}: {answer}");
    }
}

#[test]
fn a_cursor_is_recorded_before_it_is_fetched() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let steps = serde_json::json!([
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT id FROM tickets WHERE tenant_id = 7 AND id IN (45, 50)",
        "ROLLBACK"
    ]);
    ask(&stage.persona_url("support", 3600).expect("a token"), &steps);
    let entry = outcomes(&stage).into_iter().find(|entry| entry.command_tag.as_deref() == Some("DECLARE CURSOR"));
    let entry = entry.expect("nothing was fetched, and it is recorded");
    assert!(entry.rows.is_some_and(|rows| rows > 0) && entry.relations == ["public.tickets"], "{entry:?}");
}

/// psycopg's cursors with a name, which are DECLARE, Describe of the portal, FETCH and CLOSE.
const NAMED: &str = r#"
import sys, psycopg
with psycopg.connect(sys.argv[1]) as c:
    with c.cursor("named") as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT sku FROM products WHERE id < %s ORDER BY id", (6,))
        print([column.name for column in cursor.description], [sku for sku, in cursor])
    with c.cursor("again") as cursor:
        cursor.execute("SELECT sku FROM products WHERE id = 3")
        print(cursor.fetchone(), cursor.fetchone())
    with c.cursor() as cursor, cursor.copy("COPY (SELECT id, sku FROM products WHERE id = 3) TO STDOUT") as copy:
        copy.set_types(["int8", "text"])
        print(list(copy.rows()))
"#;

#[test]
fn named_cursors_of_psycopg_and_copy_of_psql_work() {
    let stage = Stage::start(Setting::default()).expect("a stage");
    let url = stage.persona_url("analyst", 3600).expect("a token");
    let mut python = Command::new(support::python());
    let said = support::stage::run(python.args(["-c", NAMED, &url])).expect("psycopg is content");
    let skus: Vec<String> = (1..6).map(|id| format!("'SKU-{id:05}'")).collect();
    let want = format!("['sku'] [{}]\n('SKU-00003',) None\n[(3, 'SKU-00003')]\n", skus.join(", "));
    assert_eq!(said, want);
    let mut psql = Command::new(support::stage::psql().expect("psql"));
    psql.args(["-X", "-q", &url, "-c", "\\copy (SELECT id, sku FROM products WHERE id = 3) to stdout csv header"]);
    assert_eq!(support::stage::run(&mut psql).expect("psql is content"), "id,sku\n3,SKU-00003\n");
}
