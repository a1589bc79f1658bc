//! Random writes under grants of tenant 7. Each one that is proven is run twice, in two worlds that differ only in rows of
//! other tenants: what it returns, its errors and what it leaves of tenant 7 must be the same in both, and it must leave the
//! rows of the others as they were.
//!
//! `PGWARRANT_WRITES=20000` runs as many statements on each version, `PGWARRANT_SEED` begins elsewhere.

mod support;

use pgwarrant::token::grant::Grant;
use support::lab::{self, Lab};
use support::{Cluster, postgres::block_on};
use tokio_postgres::{Client, SimpleQueryMessage};

const GROUND: &str = "
CREATE SCHEMA f;
CREATE TABLE f.p (id int PRIMARY KEY, tenant int DEFAULT 7, a int, b int, n text, UNIQUE (tenant, a));
CREATE TABLE f.c (id int PRIMARY KEY, pid int REFERENCES f.p, tenant int, x int UNIQUE, n text);
CREATE TABLE f.q (id int PRIMARY KEY, k int);
INSERT INTO f.p SELECT i, CASE WHEN i % 5 = 4 THEN NULL WHEN i % 2 = 1 THEN 7 ELSE 8 END, i, i, 'n' || i FROM generate_series(1, 12) i;
INSERT INTO f.c SELECT i, 1 + i % 12, CASE WHEN i % 5 = 3 THEN NULL WHEN i % 3 = 0 THEN 8 ELSE 7 END, i, 'c' || i FROM generate_series(1, 15) i;
INSERT INTO f.q SELECT i, 6 + i % 3 FROM generate_series(1, 6) i;";

/// The other world: keys stay, so that unique and foreign keys answer as before.
const OTHERS: &str = "
UPDATE f.p SET b = coalesce(b, 0) + 50, n = n || '!' WHERE tenant IS DISTINCT FROM 7;
UPDATE f.c SET n = n || '!' WHERE tenant IS DISTINCT FROM 7;";

const RULES: &str = "[table.\"f.p\"]\nunbounded = true\n[table.\"f.c\"]\nunbounded = true\n[table.\"f.q\"]\nunbounded = true\n";

fn grants() -> Vec<Grant> {
    let mut grants = vec!["SELECT (*) ON f.q".to_owned()];
    for table in ["p", "c"] {
        for action in ["SELECT (*)", "INSERT (*)", "UPDATE (*)", "DELETE"] {
            grants.push(format!("{action} ON f.{table} WHERE tenant = 7"));
        }
    }
    grants.iter().map(|g| g.parse().expect(g)).collect()
}

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.roll(list.len())]
    }
}

/// An alias and the integer columns that it has.
#[derive(Clone, Copy)]
struct Name {
    alias: &'static str,
    columns: &'static [&'static str],
}

const P: &[&str] = &["tenant", "tenant", "id", "a", "b"];
const C: &[&str] = &["tenant", "tenant", "id", "pid", "x"];

impl Dice {
    fn literal(&mut self) -> String {
        self.pick(&["7", "7", "7", "7", "8", "NULL", "1", "3", "5", "101"]).to_owned()
    }

    fn column(&mut self, names: &[Name]) -> String {
        let name = names[self.roll(names.len())];
        format!("{}.{}", name.alias, self.pick(name.columns))
    }

    fn value(&mut self, names: &[Name], depth: u32) -> String {
        if names.is_empty() || self.one_in(3) {
            return self.literal();
        }
        match self.roll(if depth == 0 { 5 } else { 9 }) {
            0..=3 => self.column(names),
            4 => format!("{} + 0", self.column(names)),
            5 => format!("coalesce({}, 7)", self.column(names)),
            6 => {
                let (test, yes, no) =
                    (self.condition(names, depth - 1), self.value(names, depth - 1), self.value(names, depth - 1));
                format!("CASE WHEN {test} THEN {yes} ELSE {no} END")
            }
            _ => self.scalar(names, depth - 1),
        }
    }

    fn scalar(&mut self, names: &[Name], depth: u32) -> String {
        let (table, columns) = if self.one_in(2) { ("p", P) } else { ("c", C) };
        let inner = [names, &[Name { alias: "z", columns }]].concat();
        let column = self.pick(columns);
        let shown = if self.one_in(3) { format!("max(z.{column})") } else { format!("z.{column}") };
        format!("(SELECT {shown} FROM f.{table} z WHERE z.id = {} AND {})", self.literal(), self.condition(&inner, depth))
    }

    fn condition(&mut self, names: &[Name], depth: u32) -> String {
        let mut parts = Vec::new();
        for name in names.iter().rev().take(2) {
            if name.columns.contains(&"tenant") && !self.one_in(4) {
                parts.push(self.pinned(*name));
            }
        }
        for _ in 0..self.roll(3) {
            parts.push(self.atom(names, depth));
        }
        if parts.is_empty() {
            return self.atom(names, depth);
        }
        let last = parts.pop().expect("one part");
        if parts.is_empty() {
            return last;
        }
        let word = if self.one_in(8) { "OR" } else { "AND" };
        format!("({} {word} {last})", parts.join(" AND "))
    }

    fn pinned(&mut self, name: Name) -> String {
        let tenant = format!("{}.tenant", name.alias);
        match self.roll(9) {
            0 => format!("{tenant} IN (7, NULL)"),
            1 => format!("{tenant} = ANY (ARRAY[7, 7])"),
            2 => format!("({tenant}, {}.id) = (7, {})", name.alias, self.roll(12)),
            3 => format!("{tenant} BETWEEN 7 AND 7"),
            4 => format!("{tenant} IS NOT DISTINCT FROM 7"),
            _ => format!("{tenant} = 7"),
        }
    }

    fn atom(&mut self, names: &[Name], depth: u32) -> String {
        let column = self.column(names);
        match self.roll(if depth == 0 { 9 } else { 13 }) {
            0..=2 => format!("{column} = {}", self.literal()),
            3 | 4 => format!("{column} = {}", self.column(names)),
            5 => format!("{column} IS {}NULL", self.pick(&["", "NOT "])),
            6 => format!("{column} IN (7, {})", self.literal()),
            7 => format!("{column} IS NOT DISTINCT FROM {}", self.column(names)),
            8 => format!("{column} >= {}", self.literal()),
            9 => format!("NOT ({})", self.atom(names, depth - 1)),
            10 => format!("({} OR {})", self.atom(names, depth - 1), self.atom(names, depth - 1)),
            11 => format!("{column} = {}", self.scalar(names, depth - 1)),
            _ => {
                let inner = [names, &[Name { alias: "y", columns: C }]].concat();
                format!("EXISTS (SELECT FROM f.c y WHERE {})", self.condition(&inner, depth - 1))
            }
        }
    }

    /// A FROM item and what it names; `s` and `r` are the aliases.
    fn from(&mut self) -> (String, Vec<Name>) {
        let (s_p, r_c) = (Name { alias: "s", columns: P }, Name { alias: "r", columns: C });
        match self.roll(8) {
            0 | 1 => ("f.p s".to_owned(), vec![s_p]),
            2 => ("f.c r".to_owned(), vec![r_c]),
            3 => {
                let kind = self.pick(&["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN"]);
                (format!("f.p s {kind} f.c r ON {}", self.condition(&[s_p, r_c], 0)), vec![s_p, r_c])
            }
            4 => {
                let rows = [(); 2].map(|()| format!("({}, {})", self.literal(), self.literal()));
                let v = Name { alias: "v", columns: &["t", "u"] };
                (format!("(VALUES {}, (7, 7)) v(t, u)", rows.join(", ")), vec![v])
            }
            5 => ("f.q q".to_owned(), vec![Name { alias: "q", columns: &["id", "k"] }]),
            6 => {
                let (left, right) = (self.query(2), self.query(2));
                let union = self.pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
                (format!("({left} {union} {right}) u(t, w)"), vec![Name { alias: "u", columns: &["t", "w"] }])
            }
            _ => (format!("({}) d(t, w)", self.query(2)), vec![Name { alias: "d", columns: &["t", "w"] }]),
        }
    }

    /// A query of so many integer columns.
    fn query(&mut self, columns: usize) -> String {
        let deep = self.one_in(3);
        let (from, names) = if deep { ("f.c r".to_owned(), vec![Name { alias: "r", columns: C }]) } else { self.shallow() };
        let mut list: Vec<String> = (0..columns).map(|_| format!("({})::int", self.value(&names, 1))).collect();
        let mut tail = String::new();
        match self.roll(8) {
            0 => list.iter_mut().for_each(|v| *v = format!("max({v})")),
            1 => tail = " ORDER BY 1 LIMIT 2".to_owned(),
            2 => {
                tail = format!(" GROUP BY {}", (1..=columns).map(|n| n.to_string()).collect::<Vec<_>>().join(", "));
            }
            _ => {}
        }
        format!("SELECT {} FROM {from} WHERE {}{tail}", list.join(", "), self.condition(&names, 1))
    }

    fn shallow(&mut self) -> (String, Vec<Name>) {
        match self.roll(3) {
            0 => ("f.p s".to_owned(), vec![Name { alias: "s", columns: P }]),
            1 => ("(VALUES (7, 7), (7, NULL)) v(t, u)".to_owned(), vec![Name { alias: "v", columns: &["t", "u"] }]),
            _ => ("f.q q".to_owned(), vec![Name { alias: "q", columns: &["id", "k"] }]),
        }
    }

    fn id(&mut self) -> String {
        if self.one_in(3) { (1 + self.roll(12)).to_string() } else { (100 + self.roll(50)).to_string() }
    }

    fn returning(&mut self, names: &[Name]) -> String {
        match self.roll(4) {
            0 => String::new(),
            1 => format!(" RETURNING t.id AS k, t.tenant AS m, {} AS o", self.scalar(names, 0)),
            _ => format!(" RETURNING t.id AS k, t.tenant AS m, {}::text AS o", self.pick(&["t.n", "t.id", "t.*"])),
        }
    }

    fn insert(&mut self) -> String {
        let t = Name { alias: "t", columns: P };
        let with_tenant = !self.one_in(8);
        let columns = if with_tenant { "id, tenant, a, b" } else { "id, a, b" };
        let body = if self.one_in(2) {
            let rows: Vec<String> = (0..1 + self.roll(3))
                .map(|_| {
                    let tenant = match self.roll(6) {
                        0 => "DEFAULT, ".to_owned(),
                        1 => format!("{}, ", self.literal()),
                        _ => "7, ".to_owned(),
                    };
                    let tenant = if with_tenant { tenant } else { String::new() };
                    format!("({}, {tenant}{}, {})", self.id(), self.literal(), self.value(&[], 0))
                })
                .collect();
            format!("VALUES {}", rows.join(", "))
        } else {
            let (from, names) = self.from();
            let tenant = if with_tenant { format!("({})::int, ", self.value(&names, 1)) } else { String::new() };
            let b = self.value(&names, 1);
            let limit = self.pick(&["", "", " LIMIT 1"]);
            let text = format!(
                "SELECT {}, {tenant}{}, ({b})::int FROM {from} WHERE {}{limit}",
                self.id(),
                self.literal(),
                self.condition(&names, 1)
            );
            match self.roll(4) {
                0 => format!("{text} UNION ALL SELECT {}, {}9, 9", self.id(), if with_tenant { "7, " } else { "" })
                    .replace(" LIMIT 1 UNION", " UNION"),
                _ => text,
            }
        };
        let excluded = Name { alias: "excluded", columns: P };
        let conflict = match self.roll(6) {
            0 => " ON CONFLICT DO NOTHING".to_owned(),
            1 | 2 => {
                let key = self.pick(&["(id)", "(tenant, a)", "(id)"]);
                let set = self.assignments(&[t, excluded]);
                let filter = if self.one_in(4) { String::new() } else { format!(" WHERE {}", self.condition(&[excluded, t], 1)) };
                format!(" ON CONFLICT {key} DO UPDATE SET {set}{filter}")
            }
            _ => String::new(),
        };
        format!("INSERT INTO f.p AS t ({columns}) {body}{conflict}{}", self.returning(&[t]))
    }

    fn assignments(&mut self, names: &[Name]) -> String {
        let mut parts = vec![format!("b = {}", self.value(names, 1))];
        if self.one_in(3) {
            let tenant = if self.one_in(5) { "DEFAULT".to_owned() } else { self.value(names, 1) };
            parts.push(format!("tenant = {tenant}"));
        }
        if self.one_in(3) {
            parts.push("n = n || '+'".to_owned());
        }
        parts.join(", ")
    }

    fn update(&mut self) -> String {
        let t = Name { alias: "t", columns: P };
        let (from, mut names) = if self.one_in(2) { self.from() } else { (String::new(), Vec::new()) };
        names.push(t);
        let set = self.assignments(&names).replace("n = n ||", "n = t.n ||");
        let from = if from.is_empty() { from } else { format!(" FROM {from}") };
        format!("UPDATE f.p t SET {set}{from} WHERE {}{}", self.condition(&names, 2), self.returning(&names))
    }

    fn delete(&mut self) -> String {
        let t = Name { alias: "t", columns: C };
        let (using, mut names) = if self.one_in(2) { self.from() } else { (String::new(), Vec::new()) };
        names.push(t);
        let using = if using.is_empty() { using } else { format!(" USING {using}") };
        format!("DELETE FROM f.c t{using} WHERE {}{}", self.condition(&names, 2), self.returning(&names))
    }

    fn merge(&mut self) -> String {
        let t = Name { alias: "t", columns: P };
        let (from, names) = self.from();
        let from = if from.contains(" JOIN ") { "f.q q".to_owned() } else { from };
        let names = if from == "f.q q" { vec![Name { alias: "q", columns: &["id", "k"] }] } else { names };
        let both = [&names[..], &[t]].concat();
        let mut text = format!("MERGE INTO f.p t USING {from} ON {}", self.condition(&both, 1));
        for _ in 0..1 + self.roll(2) {
            let and = if self.one_in(2) { format!(" AND {}", self.condition(&both, 1)) } else { String::new() };
            let action = match self.roll(4) {
                0 => "DELETE".to_owned(),
                1 => "DO NOTHING".to_owned(),
                _ => format!("UPDATE SET {}", self.assignments(&both).replace("n = n ||", "n = t.n ||")),
            };
            text += &format!(" WHEN MATCHED{and} THEN {action}");
        }
        if self.one_in(2) {
            let and = if self.one_in(2) { format!(" AND {}", self.condition(&names, 1)) } else { String::new() };
            let tenant = if self.one_in(2) { "7".to_owned() } else { self.value(&names, 1) };
            text += &format!(
                " WHEN NOT MATCHED{and} THEN INSERT (id, tenant, a, b) VALUES ({}, {tenant}, 50, {})",
                self.id(),
                self.value(&names, 0)
            );
        }
        text
    }

    fn statement(&mut self) -> String {
        let inner = match self.roll(8) {
            0..=2 => self.insert(),
            3..=5 => self.update(),
            6 => self.delete(),
            _ => return self.merge(),
        };
        if !self.one_in(4) || !inner.contains(" RETURNING ") {
            return inner;
        }
        let w = Name { alias: "w", columns: &["k", "m", "m"] };
        match self.roll(3) {
            0 => format!("WITH w AS ({inner}) SELECT w.k, w.m FROM w WHERE {}", self.condition(&[w], 0)),
            1 => format!(
                "WITH w AS ({inner}) INSERT INTO f.c (id, pid, tenant, x) SELECT 300 + w.k, 1, {}, 300 + w.k FROM w WHERE {}",
                self.value(&[w], 0),
                self.condition(&[w], 0)
            ),
            _ => {
                let t = Name { alias: "t", columns: C };
                format!("WITH w AS ({inner}) UPDATE f.c t SET x = w.k + 500 FROM w WHERE {}", self.condition(&[w, t], 0))
            }
        }
    }
}

/// What one world answers, and what it is afterwards; nothing of it stays.
async fn outcome(client: &Client, before: &str, sql: &str) -> (String, String, bool) {
    let others = "SELECT (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM f.p t WHERE tenant IS DISTINCT FROM 7),
                         (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM f.c t WHERE tenant IS DISTINCT FROM 7)";
    let own = others.replace("IS DISTINCT FROM", "=");
    client.batch_execute(&format!("BEGIN; {before}")).await.expect("a world");
    let untouched = rows(client, others).await.expect("the others");
    let answer = rows(client, sql).await;
    let (left, kept) = match &answer {
        Ok(_) => (rows(client, &own).await.expect("the own"), rows(client, others).await.expect("the others") == untouched),
        Err(_) => (String::new(), true),
    };
    client.batch_execute("ROLLBACK").await.expect("it is undone");
    (answer.unwrap_or_else(|error| error), left, kept)
}

async fn rows(client: &Client, sql: &str) -> Result<String, String> {
    let messages = client.simple_query(sql).await.map_err(|error| match error.as_db_error() {
        Some(db) => format!("{} {} {:?}", db.code().code(), db.message(), db.detail()),
        None => error.to_string(),
    })?;
    let mut lines: Vec<String> = Vec::new();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                lines.push((0..row.len()).map(|i| row.get(i).unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
            }
            SimpleQueryMessage::CommandComplete(n) => lines.push(format!("= {n}")),
            _ => {}
        }
    }
    lines.sort();
    Ok(lines.join("\n"))
}

fn worlds(major: u32) {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (count, seed) = (number("PGWARRANT_WRITES", 1500), number("PGWARRANT_SEED", 42));
    let cluster = Cluster::builder().major(major).shop().start().expect("a cluster");
    cluster.sql("shop", GROUND).expect("the ground is laid");
    block_on(async {
        let mut lab = Lab::shop(&cluster).await;
        lab.rules = pgwarrant::rules::parse(&[("f.toml".to_owned(), RULES.to_owned())]).expect("rules").0;
        let grants = grants();
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (mut proven, mut acted, mut holes) = (0, 0, Vec::new());
        for _ in 0..count {
            let sql = dice.statement();
            let decided = lab.prove_under(&[&grants], &sql, &[]).await.and_then(|proof| proof.check(&[], lab::now()));
            if decided.is_err() {
                continue;
            }
            proven += 1;
            let one = outcome(&lab.client, "", &sql).await;
            let other = outcome(&lab.client, OTHERS, &sql).await;
            acted += usize::from(!one.0.is_empty() && one.0 != "= 0");
            if !one.2 || !other.2 {
                holes.push(format!("touches the others: {sql}"));
            } else if (&one.0, &one.1) != (&other.0, &other.1) {
                holes.push(format!("tells of the others: {sql}\n  {}\n  {}", one.0, other.0));
            }
        }
        println!("{major}: {proven} of {count} proven, {acted} did something");
        assert!(holes.is_empty(), "{} holes\n{}", holes.len(), holes.join("\n"));
        assert!(proven * 20 > count as usize, "only {proven} of {count} were proven: the test tests nothing");
    });
}

#[test]
fn writes_stay_among_the_rows_granted_on_the_oldest_postgres() {
    worlds(15);
}

#[test]
fn writes_stay_among_the_rows_granted_on_the_newest_postgres() {
    worlds(18);
}
