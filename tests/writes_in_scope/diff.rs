//! Runs what is permitted and compares the whole database with what it was.

use std::collections::BTreeMap;

use pgwarrant::decision::Permit;
use tokio_postgres::{Client, NoTls};

use crate::Tally;
use crate::grammar::{Persona, generate};
use crate::support::lab::Lab;

/// A table that a persona may change.
struct Table {
    name: &'static str,
    key: &'static str,
    /// Columns that may be updated.
    updated: &'static str,
    may: &'static [(Persona, &'static str)],
}

const TABLES: [Table; 4] = [
    Table { name: "orders", key: "id", updated: "{status,note,total_cents}", may: &[(Persona::Writer, "iu")] },
    Table { name: "order_items", key: "order_id, line_no", updated: "{quantity,price_cents}", may: &[(Persona::Writer, "iud")] },
    Table { name: "tickets", key: "id", updated: "{status,priority,assignee,closed_at}", may: &[(Persona::Support, "u")] },
    Table { name: "messages", key: "id", updated: "{}", may: &[(Persona::Support, "i")] },
];

/// What changed in one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changed {
    inserted: i64,
    updated: i64,
    deleted: i64,
    /// Of another tenant, before or after.
    foreign: i64,
    /// In a column that is not granted.
    beyond: i64,
}

pub struct Judge {
    lab: Lab,
    client: Client,
    outside: String,
    diff: String,
}

impl Judge {
    pub async fn open(url: &str) -> Judge {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("the cluster answers");
        tokio::spawn(driver);
        client.batch_execute("SET search_path = public, pg_temp; SET jit = off").await.expect("settings");
        let outside = outside(&client).await;
        let diff = TABLES.iter().map(diff).collect::<Vec<_>>().join(" UNION ALL ");
        Judge { lab: Lab::open(url).await, client, outside, diff }
    }

    pub async fn statement(&mut self, seed: u64, persona: Persona, tally: &mut Tally) {
        let text = generate(seed, persona);
        let permit = match self.lab.decide(persona.name(), &text, &[], &[]).await {
            Ok(permit) => permit,
            Err(deny) => {
                *tally.refused.entry(deny.reason.code().to_owned()).or_default() += 1;
                if std::env::var_os("PGWARRANT_SHOW_REFUSED").is_some() {
                    println!("{} {text}\n   {}", deny.reason.code(), deny.message);
                }
                return;
            }
        };
        tally.permitted += 1;
        let mut hole = |what: String| tally.holes.push(format!("seed {seed} {persona:?}: {what}\n{text}"));
        self.client.batch_execute("BEGIN").await.expect("BEGIN");
        let relations: Vec<u32> = permit.written().iter().map(|written| written.oid).collect();
        let before = self.counters(&relations).await;
        match self.client.simple_query(&text).await {
            Err(error) => {
                let code = error.code().map_or_else(|| panic!("{text}: {error}"), |code| code.code().to_owned());
                *tally.errors.entry(code).or_default() += 1;
            }
            Ok(_) => {
                let counted = self.counted(&permit, &relations, &before).await;
                let changed = self.changed().await;
                for what in faults(persona, &changed, &counted) {
                    hole(what);
                }
                if outside(&self.client).await != self.outside {
                    hole("rows outside of the grants changed".to_owned());
                }
                tally.changed += usize::from(changed.values().any(|c| *c != Changed::default()));
                let over = permit.written().iter().any(|written| {
                    let sum = changed.get(&*written.name.to_string()).map_or(0, |c| c.inserted + c.updated + c.deleted);
                    written.limit.is_some_and(|limit| i64::try_from(limit).is_ok_and(|limit| sum > limit))
                });
                tally.over_the_limit += usize::from(over);
            }
        }
        self.client.batch_execute("ROLLBACK").await.expect("ROLLBACK");
    }

    /// By the server's counters.
    async fn counted(&self, permit: &Permit, relations: &[u32], before: &[[i64; 3]]) -> BTreeMap<String, (i64, i64, i64)> {
        let name = |oid: u32| permit.written().iter().find(|w| w.oid == oid).expect("it was asked for").name.to_string();
        let now = self.counters(relations).await;
        let since = |now: &[i64; 3], then: &[i64; 3]| (now[0] - then[0], now[1] - then[1], now[2] - then[2]);
        relations.iter().zip(now.iter().zip(before)).map(|(oid, (now, then))| (name(*oid), since(now, then))).collect()
    }

    /// Of each relation, with its partitions: rows inserted, updated and deleted.
    async fn counters(&self, relations: &[u32]) -> Vec<[i64; 3]> {
        let sql = "SELECT (sum(pg_stat_get_xact_tuples_inserted(t.r)))::int8, (sum(pg_stat_get_xact_tuples_updated(t.r)))::int8,
                          (sum(pg_stat_get_xact_tuples_deleted(t.r)))::int8
                   FROM unnest($1::oid[]) WITH ORDINALITY u(r, at),
                        LATERAL (SELECT u.r UNION SELECT relid::oid FROM pg_partition_tree(u.r)) t(r)
                   GROUP BY u.at ORDER BY u.at";
        let rows = self.client.query(sql, &[&relations]).await.expect("the server's counters");
        rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect()
    }

    async fn changed(&self) -> BTreeMap<String, Changed> {
        let rows = self.client.query(&self.diff, &[]).await.expect("the comparison");
        let changed = |row: &tokio_postgres::Row| Changed {
            inserted: row.get(1),
            updated: row.get(2),
            deleted: row.get(3),
            foreign: row.get(4),
            beyond: row.get(5),
        };
        rows.iter().map(|row| (row.get(0), changed(row))).collect()
    }
}

async fn outside(client: &Client) -> String {
    client.query_one("SELECT before.outside()", &[]).await.expect("a digest").get(0)
}

fn faults(persona: Persona, changed: &BTreeMap<String, Changed>, counted: &BTreeMap<String, (i64, i64, i64)>) -> Vec<String> {
    let mut faults = Vec::new();
    for table in &TABLES {
        let name = format!("public.{}", table.name);
        let c = changed[&name];
        let may = table.may.iter().find(|(who, _)| *who == persona).map_or("", |(_, may)| may);
        if c.foreign > 0 {
            faults.push(format!("{} rows of another tenant in {name}: {c:?}", c.foreign));
        }
        if c.beyond > 0 {
            faults.push(format!("{} rows of {name} changed in columns that are not granted: {c:?}", c.beyond));
        }
        for (kind, count) in [('i', c.inserted), ('u', c.updated), ('d', c.deleted)] {
            if count > 0 && !may.contains(kind) {
                faults.push(format!("{name} is not granted for {kind}: {c:?}"));
            }
        }
        let told = counted.get(&name).copied().unwrap_or_default();
        if told != (c.inserted, c.updated, c.deleted) {
            faults.push(format!("the counters of {name} say {told:?}, the comparison {c:?}"));
        }
    }
    faults
}

/// Rows by their key, before and after. An update that changes nothing shows by the row's `xmin`.
fn diff(table: &Table) -> String {
    let Table { name, key, updated, .. } = table;
    let mine = "n.xmin::text = (pg_current_xact_id()::text::numeric % 4294967296)::text";
    let first = key.split(", ").next().unwrap_or(key);
    format!(
        "SELECT 'public.{name}', count(*) FILTER (WHERE o.{first} IS NULL),
                count(*) FILTER (WHERE o.{first} IS NOT NULL AND n.{first} IS NOT NULL AND ({mine} OR to_jsonb(o) <> to_jsonb(n) - 'xmin')),
                count(*) FILTER (WHERE n.{first} IS NULL),
                count(*) FILTER (WHERE (n.{first} IS NULL AND o.tenant_id <> 7) OR (o.{first} IS NULL AND n.tenant_id <> 7)
                                    OR ({mine} AND (o.tenant_id <> 7 OR n.tenant_id <> 7))),
                count(*) FILTER (WHERE o.{first} IS NOT NULL AND n.{first} IS NOT NULL
                                   AND to_jsonb(o) - '{updated}'::text[] <> (to_jsonb(n) - 'xmin') - '{updated}'::text[])
         FROM before.{name} o FULL JOIN (SELECT xmin, * FROM public.{name}) n USING ({key})"
    )
}
