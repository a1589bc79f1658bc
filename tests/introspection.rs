//! What tools ask of the catalogue is answered and shows nothing that the token may not see; what attacks ask is refused
//! or shows nothing. The rows in `introspection/` are the statements of psql, ORMs and drivers, and attacks on them.

mod support;

use pgwarrant::catalogue::{views, visible::Visible};
use pgwarrant::decision::{BoundValue, Deny, Question, Reason, prove};
use pgwarrant::reading::{self, Version};
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::{catalogue, kind::StatementKind, local, words};
use pgwarrant::upstream::ParseFailure;
use serde_json::Value;
use std::collections::BTreeMap;
use support::lab::{self, Lab};
use support::{Cluster, postgres::block_on};
use tokio_postgres::SimpleQueryMessage;

/// Names that no persona may see anywhere. `tenants.name` and the like are theirs.
const FORBIDDEN: [&str; 14] = [
    "ssn",
    "password_hash",
    "employees",
    "salary",
    "iban",
    "api_keys",
    "secret",
    "billing_key",
    "archive",
    "revenue_by_tenant",
    "customer_directory",
    "invoice_no",
    "purge",
    "leaky_eq",
];

struct Setup {
    cluster: Cluster,
    lab: Lab,
    reader: tokio_postgres::Client,
    oids: BTreeMap<String, u32>,
}

impl Setup {
    async fn new(major: u32) -> Setup {
        let cluster = Cluster::builder().major(major).shop().start().expect("a cluster");
        let admin = cluster.connect("postgres", "shop").await.expect("connects");
        let marks = "
            COMMENT ON COLUMN customers.ssn IS 'secret ssn comment'; COMMENT ON TABLE employees IS 'secret employees comment';
            COMMENT ON TABLE orders IS 'what was bought'; COMMENT ON COLUMN orders.note IS 'free text';
            CREATE INDEX customers_by_ssn ON customers (lower(ssn)); CREATE INDEX hidden_predicate ON customers (plan) WHERE password_hash <> '';
            ALTER TABLE customers ADD CONSTRAINT ssn_or_email CHECK (ssn <> email);
            ALTER TABLE orders ADD COLUMN sold_by integer REFERENCES employees;
            CREATE ROLE other_secret_role; CREATE ROLE intro_reader LOGIN; GRANT USAGE ON SCHEMA public TO intro_reader;
            CREATE TYPE secret_enum AS ENUM ('secret_label'); CREATE TYPE secret_pair AS (employees_id int, salary numeric);";
        admin.batch_execute(marks).await.expect("marks");
        admin.batch_execute(&views::sql(&["intro_reader"])).await.expect("the views install");
        // A second time: the script may be run again.
        admin.batch_execute(&views::sql(&["intro_reader"])).await.expect("the views install again");
        let rows = admin
            .query("SELECT relname::text, oid FROM pg_class WHERE oid >= 16384 AND relnamespace = 'public'::regnamespace", &[]);
        let oids = rows.await.expect("oids").iter().map(|r| (r.get(0), r.get(1))).collect();
        let reader = cluster.connect("intro_reader", "shop").await.expect("connects");
        let lab = Lab::shop(&cluster).await;
        Setup { cluster, lab, reader, oids }
    }

    fn fill(&self, text: &str) -> String {
        self.oids.iter().fold(text.to_owned(), |text, (name, oid)| text.replace(&format!("{{oid:{name}}}"), &oid.to_string()))
    }

    /// What a session does: rewritten, names checked, read, proven, run with the token's scope set. The rows, in text.
    async fn ask(
        &mut self,
        persona: &str,
        sql: &str,
        types: &[String],
        values: &[Option<String>],
    ) -> Result<Vec<Vec<Option<String>>>, Deny> {
        let grants = self.lab.personas[persona].clone();
        let chain: [&[pgwarrant::token::grant::Grant]; 2] = [&grants, &grants];
        let visible = Visible::new(&self.lab.catalogue, &self.lab.rules, &chain);
        let limits = Limits::default();
        let statements = local::read(sql, &limits)?;
        let [statement] = statements.as_slice() else { return Err(Deny::new(Reason::StatementNotAllowed, "several")) };
        if statement.kind != StatementKind::Select {
            return Err(Deny::new(Reason::StatementNotAllowed, "no SELECT"));
        }
        let rewritten = catalogue::rewrite(sql, statement, &limits);
        let (text, names) = match &rewritten {
            Some(r) => (r.text.as_str(), &r.names),
            None => (&sql[statement.range.clone()], &statement.names),
        };
        words::check(names)?;
        visible.check_names(&self.lab.catalogue, names)?;
        let oids: Vec<u32> = types.iter().map(|t| type_oid(t)).collect();
        let parsed = match self.lab.connection.parse_and_read("", text, &oids).await {
            Ok(parsed) => parsed,
            Err(ParseFailure::Server(report)) => return Err(Deny::new(Reason::UndefinedObject, format!("Postgres: {report}"))),
            Err(other) => return Err(Deny::new(Reason::Unreadable, other.to_string())),
        };
        let version = Version::from_num(self.lab.catalogue.server_version).expect("a version that we read");
        let trees = reading::read(version, &parsed.analysed, &parsed.rewritten)
            .map_err(|e| Deny::new(Reason::Unreadable, e.to_string()))?;
        let named: Vec<String> = names.relations.iter().map(|r| r.name.clone()).collect();
        let question =
            Question { trees: &trees, catalogue: &self.lab.catalogue, rules: &self.lab.rules, chain: &chain, named: &named };
        let bound: Vec<BoundValue<'_>> =
            values.iter().map(|v| v.as_deref().map_or(BoundValue::Null, |v| BoundValue::Text(v.as_bytes()))).collect();
        let permit = prove(&question)?.check(&bound, lab::now())?;
        if !permit.introspection() {
            return Ok(Vec::new());
        }
        let scope = visible.setting();
        self.reader.batch_execute("ROLLBACK").await.expect("ends");
        let set = format!(
            "BEGIN READ ONLY; SET LOCAL pgwarrant.visible = '{scope}'; SET LOCAL jit = off; SET LOCAL search_path = public, pg_temp"
        );
        self.reader.batch_execute(&set).await.expect("sets");
        let run = if values.is_empty() {
            text.to_owned()
        } else {
            let types = if types.is_empty() { String::new() } else { format!("({})", types.join(",")) };
            let literal = |v: &Option<String>| v.as_ref().map_or("NULL".to_owned(), |v| format!("'{}'", v.replace('\'', "''")));
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("DEALLOCATE ALL; PREPARE asked {types} AS {text}; EXECUTE asked ({})", values.join(","))
        };
        let result = self.reader.simple_query(&run).await;
        let messages = result.map_err(|e| {
            let message = e.as_db_error().map_or_else(|| e.to_string(), |d| format!("{} {:?}", d.message(), d.where_()));
            Deny::new(Reason::StatementFailed, format!("ran and failed: {message}"))
        })?;
        let rows = messages.into_iter().filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }
}

fn type_oid(name: &str) -> u32 {
    match name {
        "text" => 25,
        "oid" => 26,
        "name" => 19,
        "int4" => 23,
        "regclass" => 2205,
        "" => 0,
        other => panic!("type {other}"),
    }
}

fn rows(file: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/introspection").join(file);
    let text = std::fs::read_to_string(path).expect("the rows are in the repository");
    text.lines().filter(|l| !l.is_empty()).map(|l| serde_json::from_str(l).expect("a row")).collect()
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(b.to_string()),
        Value::String(s) => Some(s.clone()),
        Value::Array(list) => Some(format!("{{{}}}", list.iter().filter_map(text_of).collect::<Vec<_>>().join(","))),
        other => Some(other.to_string()),
    }
}

async fn ask_row(setup: &mut Setup, row: &Value) -> Result<Vec<Vec<Option<String>>>, Deny> {
    let sql = setup.fill(row["sql"].as_str().expect("sql"));
    let values: Vec<Option<String>> =
        row["params"].as_array().map(|p| p.iter().map(|v| text_of(v).map(|v| setup.fill(&v))).collect()).unwrap_or_default();
    let types: Vec<String> =
        row["types"].as_array().map(|t| t.iter().map(|t| t.as_str().unwrap_or("").to_owned()).collect()).unwrap_or_default();
    setup.ask(row["persona"].as_str().expect("persona"), &sql, &types, &values).await
}

fn forbidden_in(rows: &[Vec<Option<String>>]) -> Option<String> {
    let mut cells = rows.iter().flatten().flatten();
    // Words of Postgres itself: built-in functions and types.
    cells
        .find(|cell| {
            FORBIDDEN.iter().any(|f| {
                cell.contains(f) && !cell.contains("security") && !cell.contains("archive_") && !cell.contains("_archive")
            })
        })
        .cloned()
}

/// Majors at the two ends of what is installed.
fn majors() -> Vec<u32> {
    let found = support::versions();
    let (first, last) = (*found.keys().next().expect("a Postgres"), *found.keys().next_back().expect("a Postgres"));
    if first == last { vec![first] } else { vec![first, last] }
}

#[test]
fn what_tools_ask_is_answered_without_what_the_token_may_not_see() {
    for major in majors() {
        block_on(async {
            let mut setup = Setup::new(major).await;
            let (mut wrong, mut answered) = (Vec::new(), 0);
            for file in ["psql.jsonl", "sqlalchemy.jsonl", "django.jsonl", "drivers.jsonl"] {
                for row in rows(file) {
                    let id = row["id"].as_str().expect("id");
                    if id.starts_with("psql") && id[4..6] != major.to_string() {
                        continue;
                    }
                    if row["from"].as_u64().is_some_and(|from| u64::from(major) < from) {
                        continue;
                    }
                    match ask_row(&mut setup, &row).await {
                        Err(d) => wrong.push(format!(
                            "{major} {id} {}: {} {}\n    {}",
                            row["why"],
                            d.reason.code(),
                            d.message,
                            row["sql"]
                        )),
                        Ok(rows) => {
                            answered += usize::from(!rows.is_empty());
                            if let Some(cell) = forbidden_in(&rows) {
                                wrong.push(format!("{major} {id} shows {cell}\n    {}", row["sql"]));
                            }
                        }
                    }
                }
            }
            assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
            assert!(answered > 60, "only {answered} had rows");
            drop(setup.cluster);
        });
    }
}

#[test]
fn attacks_on_the_catalogue_are_refused_or_show_nothing() {
    for major in majors() {
        block_on(async {
            let mut setup = Setup::new(major).await;
            let (mut wrong, mut refused) = (Vec::new(), 0);
            let attacks = rows("attacks.jsonl");
            for row in &attacks {
                match ask_row(&mut setup, row).await {
                    Err(d) if d.reason == Reason::StatementFailed => {
                        wrong.push(format!("{major} {} {}\n    {}", row["id"], d.message, row["sql"]));
                    }
                    Err(_) => refused += 1,
                    Ok(rows) => {
                        if let Some(cell) = rows.iter().flatten().flatten().next() {
                            wrong.push(format!("{major} {} shows {cell}\n    {}", row["id"], row["sql"]));
                        }
                    }
                }
            }
            assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
            assert!(attacks.len() >= 80 && refused > 20, "{} attacks, {refused} refused", attacks.len());
            drop(setup.cluster);
        });
    }
}
