//! What a write sets off beyond its own text, on the oldest and the newest Postgres: each is refused by its name.

mod support;

use pgwarrant::token::grant::Grant;
use std::sync::LazyLock;
use support::lab::{self, Lab};
use support::{Cluster, postgres::block_on};

const GROUND: &str = r#"
CREATE SCHEMA w;
CREATE FUNCTION w.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION w.is_fine(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN true; END $$;
CREATE FUNCTION w.shout(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN upper($1); END $$;
CREATE FUNCTION w.who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;

CREATE TABLE w.triggered (id int PRIMARY KEY, tenant_id int, x text);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON w.triggered FOR EACH ROW EXECUTE FUNCTION w.spy();
CREATE TABLE w.untriggered (id int PRIMARY KEY, tenant_id int, x text);
CREATE TRIGGER audit AFTER INSERT ON w.untriggered FOR EACH ROW EXECUTE FUNCTION w.spy();
ALTER TABLE w.untriggered DISABLE TRIGGER audit;
CREATE TABLE w.ruled (id int PRIMARY KEY, tenant_id int, x text);
CREATE RULE elsewhere AS ON UPDATE TO w.ruled DO INSTEAD UPDATE public.employees SET name = NEW.x WHERE id = NEW.id;
CREATE TABLE w.also (id int PRIMARY KEY, tenant_id int, x text);
CREATE RULE too AS ON DELETE TO w.also DO ALSO DELETE FROM public.messages;
CREATE TABLE w.nothing (id int PRIMARY KEY, tenant_id int, x text);
CREATE RULE never AS ON INSERT TO w.nothing DO INSTEAD NOTHING;
CREATE TABLE w.checked (id int PRIMARY KEY, tenant_id int, x text CONSTRAINT fine CHECK (w.is_fine(x)));
CREATE TABLE w.plain (id int PRIMARY KEY, tenant_id int DEFAULT 7, x text CHECK (length(x) < 10 AND x <> ''), UNIQUE (tenant_id, x));
CREATE TABLE w.generated (id int PRIMARY KEY, tenant_id int, x text, g text GENERATED ALWAYS AS (w.shout(x)) STORED);
CREATE TABLE w.derived (id int PRIMARY KEY, a int NOT NULL, x text, tenant_id int GENERATED ALWAYS AS (a * 1) STORED);
CREATE TABLE w.indexed (id int PRIMARY KEY, tenant_id int, x text);
CREATE INDEX loud ON w.indexed (w.shout(x));
CREATE TABLE w.citexted (id int PRIMARY KEY, tenant_id int, x public.citext UNIQUE);
CREATE TABLE w.excluded (id int PRIMARY KEY, tenant_id int, x int4range, EXCLUDE USING gist (x WITH &&));
CREATE TABLE w.defaulted (id int PRIMARY KEY, tenant_id int, x text DEFAULT w.who());
CREATE TABLE w.numbered (id serial PRIMARY KEY, tenant_id int, x text, invoice bigint DEFAULT nextval('public.invoice_no'));
CREATE TABLE w.serial (id serial PRIMARY KEY, tenant_id int, x text);
CREATE TABLE w.always (id int PRIMARY KEY, tenant_id int GENERATED ALWAYS AS IDENTITY, x text);
CREATE TABLE w.queried (id int PRIMARY KEY, tenant_id int, x text DEFAULT current_setting('server_version'));
CREATE TABLE w.parent (id int PRIMARY KEY, tenant_id int, x text);
CREATE TABLE w.child () INHERITS (w.parent);

CREATE TABLE w.parts (id int, tenant_id int, x text, region text) PARTITION BY LIST (region);
CREATE TABLE w.parts_a PARTITION OF w.parts FOR VALUES IN ('a');
CREATE TABLE w.parts_b PARTITION OF w.parts FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE w.parts_b1 PARTITION OF w.parts_b FOR VALUES FROM (0) TO (1000);
CREATE TABLE w.spied (id int, tenant_id int, x text) PARTITION BY RANGE (id);
CREATE TABLE w.spied_1 PARTITION OF w.spied FOR VALUES FROM (0) TO (1000);
CREATE TRIGGER own AFTER INSERT ON w.spied_1 FOR EACH ROW EXECUTE FUNCTION w.spy();

CREATE TABLE w.cascading (id int PRIMARY KEY, tenant_id int, x text, UNIQUE (tenant_id, id));
CREATE TABLE w.lines (id int PRIMARY KEY, parent int, tenant_id int, FOREIGN KEY (parent) REFERENCES w.cascading (id) ON DELETE CASCADE);
CREATE TABLE w.composite (id int PRIMARY KEY, tenant_id int, x text, UNIQUE (tenant_id, id));
CREATE TABLE w.parts_of (id int PRIMARY KEY, parent int, tenant_id int,
    FOREIGN KEY (tenant_id, parent) REFERENCES w.composite (tenant_id, id) ON DELETE CASCADE);
CREATE TABLE w.notes (id int PRIMARY KEY, part int REFERENCES w.parts_of ON DELETE CASCADE);
CREATE TABLE w.nulling (id int PRIMARY KEY, tenant_id int, x text);
CREATE TABLE w.nulled (id int PRIMARY KEY, parent int REFERENCES w.nulling ON DELETE SET NULL);
CREATE TABLE w.renaming (id int PRIMARY KEY, tenant_id int, x text UNIQUE);
CREATE TABLE w.renamed (id int PRIMARY KEY, x text REFERENCES w.renaming (x) ON UPDATE CASCADE);
CREATE TABLE w.refused (id int PRIMARY KEY, tenant_id int, x text);
CREATE TABLE w.refusing (id int PRIMARY KEY, parent int REFERENCES w.refused);
CREATE TABLE w.twice (id int PRIMARY KEY, tenant_id int, x text);
CREATE TABLE w.watched (id int PRIMARY KEY, parent int REFERENCES w.twice ON DELETE CASCADE);
CREATE TRIGGER audit AFTER DELETE ON w.watched FOR EACH ROW EXECUTE FUNCTION w.spy();
CREATE VIEW w.window_on AS SELECT * FROM w.plain;
CREATE DOMAIN w.tenant AS int CHECK (VALUE > 0);
CREATE TABLE w.domained (id int PRIMARY KEY, tenant_id w.tenant, x varchar(10));
CREATE DOMAIN w.spying AS text CHECK (w.is_fine(VALUE));
CREATE TABLE w.spying_default (id int PRIMARY KEY, tenant_id int, x w.spying DEFAULT 'x');
CREATE TABLE w.two_keys (id int PRIMARY KEY, tenant_id int, x text, UNIQUE (tenant_id, x));
CREATE UNIQUE INDEX two_keys_loose ON w.two_keys (tenant_id, x text_pattern_ops);
CREATE TABLE w.deferred (id int PRIMARY KEY, tenant_id int, x text, UNIQUE (tenant_id, x) DEFERRABLE);
CREATE TABLE w.policed (id int PRIMARY KEY, tenant_id int, x text);
ALTER TABLE w.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON w.policed USING (tenant_id = 7) WITH CHECK (tenant_id = 7);
CREATE TABLE w.tagged (id int PRIMARY KEY, tenant_id int, x public.citext[] UNIQUE);
CREATE TABLE w.parted (id int, tenant_id int, x text) PARTITION BY RANGE (id);
CREATE TABLE w.parted_1 (tenant_id int, x text, id int PRIMARY KEY);
ALTER TABLE w.parted ATTACH PARTITION w.parted_1 FOR VALUES FROM (0) TO (1000);
CREATE TABLE w.of_partition (id int PRIMARY KEY, parent int REFERENCES w.parted_1 ON DELETE CASCADE ON UPDATE CASCADE);
CREATE FUNCTION w.writes(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.messages; RETURN 1; END $$;
CREATE TYPE w.pair AS (a int, b int);
CREATE TABLE w.paired (id int PRIMARY KEY, tenant_id int, p w.pair);
"#;

const TABLES: &[&str] = &[
    "triggered",
    "untriggered",
    "ruled",
    "also",
    "nothing",
    "checked",
    "plain",
    "generated",
    "derived",
    "indexed",
    "citexted",
    "excluded",
    "defaulted",
    "numbered",
    "serial",
    "always",
    "queried",
    "parent",
    "parts",
    "spied",
    "cascading",
    "lines",
    "composite",
    "parts_of",
    "notes",
    "nulling",
    "nulled",
    "renaming",
    "renamed",
    "refused",
    "refusing",
    "twice",
    "watched",
    "domained",
    "spying_default",
    "two_keys",
    "deferred",
    "policed",
    "paired",
    "tagged",
    "parted",
];

/// Every action on every table within tenant 7, or within the table where it has no tenant.
fn grants() -> Vec<Grant> {
    let without = ["notes", "nulled", "renamed", "refusing", "watched"];
    let mut grants: Vec<String> = Vec::new();
    for table in TABLES.iter().copied().chain(["window_on"]) {
        let within = if without.contains(&table) { "" } else { " WHERE tenant_id = 7" };
        for action in ["SELECT (*)", "INSERT (*)", "UPDATE (*)"] {
            grants.push(format!("{action} ON w.{table}{within}"));
        }
        if !["lines", "nulled"].contains(&table) {
            grants.push(format!("DELETE ON w.{table}{within} LIMIT 5"));
        }
    }
    grants.push("EXECUTE ON FUNCTION w.writes(integer)".to_owned());
    grants.push("DELETE ON w.lines WHERE tenant_id = 7".to_owned());
    grants.iter().map(|g| g.parse().expect(g)).collect()
}

fn rules(more: &str) -> String {
    let table = |t: &str| format!("[table.\"w.{t}\"]\nbounded_by = [\"id\"]\n");
    let tables: String = TABLES.iter().map(|t| table(t)).collect();
    format!("{tables}[view.\"w.window_on\"]\n{more}")
}

/// Started once a process, with the ground laid.
static CLUSTERS: LazyLock<Vec<(u32, Cluster)>> = LazyLock::new(|| {
    let start = |major: u32| {
        let cluster = Cluster::builder().major(major).shop().start().expect("a cluster");
        cluster.sql("shop", GROUND).expect("the ground is laid");
        (major, cluster)
    };
    [15, 18].map(start).into()
});

/// A verdict is `permit` or a reason's code; a refusal must name every word after it.
fn verdicts(more_rules: &str, cases: &[(&str, &str, &[&str])]) {
    for (major, cluster) in &*CLUSTERS {
        block_on(async {
            let mut lab = Lab::shop(cluster).await;
            lab.rules = pgwarrant::rules::parse(&[("w.toml".to_owned(), rules(more_rules))]).expect("rules").0;
            let grants = grants();
            let mut wrong = Vec::new();
            for (sql, wanted, words) in cases {
                let decided = lab.prove_under(&[&grants], sql, &[]).await.and_then(|proof| proof.check(&[], lab::now()));
                let (code, said) = match &decided {
                    Ok(permit) => ("permit", format!("{:?}", permit.written())),
                    Err(deny) => (deny.reason.code(), format!("{} {:?}", deny.message, deny.hint)),
                };
                if code != *wanted || !words.iter().all(|word| said.contains(word)) {
                    wrong.push(format!("{major}: wanted {wanted} {words:?}, got {code}: {said}\n    {sql}"));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        });
    }
}

fn three(table: &str) -> [String; 3] {
    [
        format!("INSERT INTO w.{table} (id, tenant_id, x) VALUES (1, 7, 'x')"),
        format!("UPDATE w.{table} SET x = 'x' WHERE id = 1 AND tenant_id = 7"),
        format!("DELETE FROM w.{table} WHERE id = 1 AND tenant_id = 7"),
    ]
}

type Cases = Vec<(String, &'static str, &'static [&'static str])>;

fn all_three(table: &str, wanted: [&'static str; 3], words: &'static [&'static str]) -> Cases {
    let statements = three(table).into_iter().zip(wanted);
    statements.map(|(sql, want)| (sql, want, if want == "permit" { &[][..] } else { words })).collect()
}

fn run(more_rules: &str, cases: &[Cases]) {
    let cases: Vec<(&str, &str, &[&str])> =
        cases.iter().flatten().map(|(sql, want, words)| (sql.as_str(), *want, *words)).collect();
    verdicts(more_rules, &cases);
}

const IMPLIED: &str = "implied_code";
const OK: &str = "permit";

#[test]
fn a_trigger_is_refused_by_its_name_and_allowed_by_a_rule() {
    let named: &[&str] = &["audit", "w.triggered.audit", "[triggers] allow"];
    run("", &[all_three("triggered", [IMPLIED; 3], named), all_three("untriggered", [OK; 3], &[])]);
    run("[triggers]\nallow = [\"w.triggered.audit\"]\n", &[all_three("triggered", [OK; 3], &[])]);
}

#[test]
fn a_rule_of_the_rewriter_is_refused() {
    run("", &["ruled", "also", "nothing"].map(|table| all_three(table, [IMPLIED; 3], &[])));
}

#[test]
fn checks_generated_columns_and_indexes_must_be_vetted() {
    let sql = "INSERT INTO w.excluded (id, tenant_id, x) VALUES (1, 7, '[1,2)')";
    let some = [IMPLIED, IMPLIED, OK];
    run(
        "",
        &[
            all_three("plain", [OK; 3], &[]),
            all_three("checked", some, &["fine", "[constraints] allow"]),
            all_three("generated", some, &["generated column g", "w.generated.g"]),
            all_three("indexed", some, &["loud"]),
            all_three("citexted", some, &["citexted_x_key"]),
            vec![
                (sql.to_owned(), "error_leak", &["excluded_x_excl"]),
                ("DELETE FROM w.excluded WHERE id = 1 AND tenant_id = 7".to_owned(), OK, &[]),
            ],
        ],
    );
    let insert = three("checked")[0].clone();
    verdicts(
        "[constraints]\nallow = [\"w.checked.fine\", \"w.excluded.excluded_x_excl\"]\n",
        &[(&insert, OK, &[]), (sql, OK, &[])],
    );
    verdicts("[functions]\nallow = [\"w.is_fine(text)\"]\n", &[(&insert, OK, &[])]);
}

#[test]
fn defaults_run_vetted_code_or_their_own_sequence() {
    verdicts(
        "",
        &[
            ("INSERT INTO w.defaulted (id, tenant_id) VALUES (1, 7)", IMPLIED, &["defaulted.x", "w.who"]),
            ("INSERT INTO w.defaulted (id, tenant_id, x) VALUES (1, 7, DEFAULT)", IMPLIED, &["w.who"]),
            ("INSERT INTO w.defaulted (id, tenant_id, x) VALUES (1, 7, 'x'), (2, 7, DEFAULT)", IMPLIED, &["w.who"]),
            ("INSERT INTO w.defaulted (id, tenant_id, x) VALUES (1, 7, 'x')", OK, &[]),
            ("UPDATE w.defaulted SET x = DEFAULT WHERE id = 1 AND tenant_id = 7", IMPLIED, &["w.who"]),
            (
                "INSERT INTO w.defaulted (id, tenant_id, x) VALUES (1, 7, 'x') ON CONFLICT (id) DO UPDATE SET x = DEFAULT WHERE w.defaulted.tenant_id = 7",
                IMPLIED,
                &["w.who"],
            ),
            (
                "MERGE INTO w.defaulted d USING (VALUES (1)) v(id) ON d.id = v.id AND d.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (id, tenant_id) VALUES (v.id, 7)",
                IMPLIED,
                &["w.who"],
            ),
            ("INSERT INTO w.numbered (tenant_id, x) VALUES (7, 'x')", IMPLIED, &["numbered.invoice", "does not own"]),
            ("INSERT INTO w.numbered (tenant_id, x, invoice) VALUES (7, 'x', 5)", OK, &[]),
            ("INSERT INTO w.serial (tenant_id, x) VALUES (7, 'x'), (7, 'y')", OK, &[]),
            ("INSERT INTO w.serial (id, tenant_id, x) VALUES (DEFAULT, 7, 'x'), (5, 7, 'y')", OK, &[]),
            ("INSERT INTO w.queried (id, tenant_id) VALUES (1, 7)", IMPLIED, &["queried.x"]),
            ("INSERT INTO w.spying_default (id, tenant_id) VALUES (1, 7)", IMPLIED, &[]),
        ],
    );
}

#[test]
fn a_default_counts_as_the_value_and_a_computed_tenant_is_none() {
    let outside = "predicate_not_implied";
    verdicts(
        "",
        &[
            ("INSERT INTO w.plain (id, x) VALUES (1, 'x')", OK, &[]),
            ("INSERT INTO w.plain (id, tenant_id, x) VALUES (1, DEFAULT, 'x'), (2, 7, 'y')", OK, &[]),
            ("INSERT INTO w.plain (id, tenant_id, x) VALUES (1, DEFAULT, 'x'), (2, DEFAULT, 'y')", OK, &[]),
            ("INSERT INTO w.plain (id, tenant_id, x) VALUES (1, DEFAULT, 'x'), (2, 8, 'y')", outside, &["tenant_id = 7"]),
            ("UPDATE w.plain SET tenant_id = DEFAULT WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("INSERT INTO w.always (id, x) VALUES (1, 'x')", outside, &[]),
            ("INSERT INTO w.derived (id, a, x) VALUES (1, 7, 'x')", outside, &[]),
            ("UPDATE w.derived SET a = 8 WHERE id = 1 AND tenant_id = 7", outside, &[]),
            ("UPDATE w.derived SET x = 'x' WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("DELETE FROM w.derived WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("INSERT INTO w.domained (id, tenant_id, x) VALUES (1, 7, 'x')", OK, &[]),
            ("INSERT INTO w.domained (id, tenant_id, x) VALUES (1, 8, 'x')", outside, &[]),
            ("INSERT INTO w.domained (id, tenant_id, x) VALUES (1, 7, 'x'), (2, 7, 'y')", OK, &[]),
            ("INSERT INTO w.domained (id, tenant_id, x) VALUES (1, 7, 'x'), (2, 8, 'y')", outside, &[]),
        ],
    );
}

#[test]
fn a_cascade_is_permitted_only_where_the_foreign_key_puts_its_rows_inside_a_grant() {
    verdicts(
        "",
        &[
            ("DELETE FROM w.cascading WHERE id = 1 AND tenant_id = 7", IMPLIED, &["lines_parent_fkey", "ON DELETE"]),
            (
                "DELETE FROM w.composite WHERE id = 1 AND tenant_id = 7",
                OK,
                &["\"composite\"", "\"parts_of\"", "\"notes\"", "limit: Some(5)"],
            ),
            ("DELETE FROM w.nulling WHERE id = 1 AND tenant_id = 7", IMPLIED, &["nulled_parent_fkey"]),
            ("DELETE FROM w.refused WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("DELETE FROM w.twice WHERE id = 1 AND tenant_id = 7", IMPLIED, &["audit", "w.watched.audit"]),
            ("UPDATE w.renaming SET x = 'y' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["renamed_x_fkey", "ON UPDATE"]),
            ("UPDATE w.cascading SET id = 2 WHERE id = 1 AND tenant_id = 7", OK, &[]),
            (
                "MERGE INTO w.cascading c USING (VALUES (1)) v(id) ON c.id = v.id AND c.tenant_id = 7 WHEN MATCHED THEN DELETE",
                IMPLIED,
                &["lines_parent_fkey"],
            ),
            (
                "WITH d AS (DELETE FROM w.cascading WHERE id = 1 AND tenant_id = 7 RETURNING id) SELECT id FROM d",
                IMPLIED,
                &["lines_parent_fkey"],
            ),
        ],
    );
}

#[test]
fn a_key_on_a_partition_alone_acts_too() {
    verdicts(
        "",
        &[
            ("DELETE FROM w.parted WHERE id = 1 AND tenant_id = 7", IMPLIED, &["of_partition_parent_fkey"]),
            ("UPDATE w.parted SET x = 'y' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["of_partition_parent_fkey"]),
            ("INSERT INTO w.parted (id, tenant_id, x) VALUES (1, 7, 'x')", OK, &[]),
        ],
    );
}

#[test]
fn a_built_in_index_over_values_of_an_extension_is_not_built_in() {
    verdicts(
        "",
        &[
            ("UPDATE w.tagged SET tenant_id = 7 WHERE id = 1 AND tenant_id = 7", IMPLIED, &["tagged_x_key"]),
            ("DELETE FROM w.tagged WHERE id = 1 AND tenant_id = 7", OK, &[]),
        ],
    );
}

#[test]
fn a_volatile_function_is_not_called_where_it_could_write() {
    verdicts(
        "[functions]\nallow = [\"w.writes(integer)\"]\n",
        &[
            ("UPDATE w.plain SET id = w.writes(1) WHERE id = 1 AND tenant_id = 7", "function_not_allowed", &["volatile"]),
            ("INSERT INTO w.plain (id, tenant_id, x) VALUES (w.writes(1), 7, 'x')", "function_not_allowed", &["volatile"]),
            (
                "WITH d AS (DELETE FROM w.plain WHERE id = 1 AND tenant_id = 7) SELECT w.writes(1)",
                "function_not_allowed",
                &["volatile"],
            ),
            ("SELECT w.writes(1)", OK, &[]),
        ],
    );
}

#[test]
fn views_children_and_partitions_are_written_through_their_own_table() {
    let insert = "INSERT INTO w.parts (id, tenant_id, x, region) VALUES (1, 7, 'x', 'a')";
    verdicts(
        "",
        &[
            ("UPDATE w.window_on SET x = 'y' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["view"]),
            ("INSERT INTO w.window_on (id, tenant_id) VALUES (1, 7)", IMPLIED, &["view"]),
            ("UPDATE w.parent SET x = 'y' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["inheritance children"]),
            ("UPDATE ONLY w.parent SET x = 'y' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["inheritance children"]),
            (insert, OK, &[]),
            ("UPDATE w.parts SET x = 'y' WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("UPDATE w.parts SET region = 'b' WHERE id = 1 AND tenant_id = 7", IMPLIED, &["region"]),
            ("UPDATE w.parts SET id = 2 WHERE id = 1 AND tenant_id = 7", IMPLIED, &["id decides"]),
            ("DELETE FROM w.parts WHERE id = 1 AND tenant_id = 7", OK, &[]),
            ("INSERT INTO w.spied (id, tenant_id, x) VALUES (1, 7, 'x')", IMPLIED, &["own", "w.spied_1.own"]),
            ("INSERT INTO w.parts_a (id, tenant_id, x, region) VALUES (1, 7, 'x', 'a')", "relation_not_granted", &[]),
        ],
    );
}

#[test]
fn the_key_of_a_conflict_pins_the_old_row_only_where_every_index_that_may_find_it_does() {
    let upsert = |table: &str| {
        format!(
            "INSERT INTO w.{table} (id, tenant_id, x) VALUES (1, 7, 'x') ON CONFLICT (tenant_id, x) DO UPDATE SET id = excluded.id"
        )
    };
    let (plain, two) = (upsert("plain"), upsert("two_keys"));
    let named = "INSERT INTO w.plain (id, tenant_id, x) VALUES (1, 7, 'x') ON CONFLICT ON CONSTRAINT plain_tenant_id_x_key DO UPDATE SET id = excluded.id";
    let by_id = "INSERT INTO w.plain (id, tenant_id, x) VALUES (1, 7, 'x') ON CONFLICT ON CONSTRAINT plain_pkey DO UPDATE SET id = excluded.id";
    let constrained = "INSERT INTO w.two_keys (id, tenant_id, x) VALUES (1, 7, 'x') ON CONFLICT ON CONSTRAINT two_keys_tenant_id_x_key DO UPDATE SET id = excluded.id";
    verdicts(
        "",
        &[
            (&plain, OK, &[]),
            (&two, "predicate_not_implied", &[]),
            (named, OK, &[]),
            (by_id, "predicate_not_implied", &[]),
            (constrained, OK, &[]),
        ],
    );
}

#[test]
fn row_security_and_its_checks_may_stand_behind_a_write() {
    run("", &[all_three("policed", [OK; 3], &[])]);
}

#[test]
fn a_field_of_a_composite_is_not_assigned() {
    verdicts(
        "",
        &[
            ("UPDATE w.paired SET p.a = 1 WHERE id = 1 AND tenant_id = 7", "node_not_allowed", &[]),
            ("INSERT INTO w.paired (id, tenant_id, p.a) VALUES (1, 7, 5)", "node_not_allowed", &[]),
            ("UPDATE w.paired SET p = ROW (1, 2) WHERE id = 1 AND tenant_id = 7", OK, &[]),
        ],
    );
}
