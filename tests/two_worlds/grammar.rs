//! Random SELECTs over the sample schema, biased to plausible ones that a persona's token permits.
//!
//! The answer of a statement never depends on the plan: whatever is cut or numbered is ordered totally, aggregates that
//! keep an order give one, and nothing asks for the time. So a difference between two worlds is a difference in data.

mod border;
mod conditions;
mod items;
mod spelling;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use super::schema::Persona;
use super::schema::{Column, EDGES, FORBIDDEN, Kind, TABLES, Table, table};

/// One statement; the same for the same seed and persona.
pub fn generate(seed: u64, persona: Persona) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let care = match rng.gen_range(0..10) {
        0..=3 => Care::Proper,
        4..=8 => Care::Loose,
        _ => Care::Wild,
    };
    let mut generator = Generator { rng, persona, care, aliases: 0, can_fail: false };
    generator.statement()
}

/// How well the statement's author knows the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Every occurrence bounded and pinned, granted columns, expressions that can't fail in WHERE.
    Proper,
    /// A pin is sometimes left out, weakened by OR, or put where it doesn't filter.
    Loose,
    /// Hidden columns and forbidden tables too.
    Wild,
}

/// A table in FROM.
#[derive(Debug, Clone)]
struct Occurrence {
    alias: String,
    table: &'static Table,
}

impl Occurrence {
    fn column(&self, name: &str) -> String {
        format!("{}.{name}", self.alias)
    }
}

/// FROM with the conditions that belong into WHERE.
struct From {
    text: String,
    occurrences: Vec<Occurrence>,
    pins: Vec<String>,
}

struct Generator {
    rng: StdRng,
    persona: Persona,
    care: Care,
    aliases: usize,
    /// An expression that can fail stands in it: where rows are cut, whether it is reached is up to the plan.
    can_fail: bool,
}

impl Generator {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.gen_range(0..100) < percent
    }

    /// A chance that only careless authors take.
    fn slip(&mut self, percent: u32) -> bool {
        self.care != Care::Proper && self.chance(percent)
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.rng.gen_range(0..items.len())].clone()
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    fn statement(&mut self) -> String {
        let forms = if self.care == Care::Proper { 12 } else { 20 };
        match self.rng.gen_range(0..forms) {
            0 => self.with_ctes(),
            1 => self.set_operation(),
            2 | 3 => self.aggregate(),
            4 => self.windowed(),
            5 => self.derived(),
            6 => self.lateral(),
            7 => self.existence(),
            12..=15 => self.late(),
            16 | 17 => self.joined_on_tenants(),
            18 => self.grouped_by_tenant(),
            19 => self.recursive(),
            _ => self.plain(),
        }
    }

    fn tables(&self) -> Vec<&'static Table> {
        let names = TABLES.iter().filter(|table| table.readable_by(self.persona)).map(|table| table.name);
        names.map(table).collect()
    }

    fn from(&mut self) -> From {
        let tables = self.tables();
        let first = Occurrence { alias: self.alias(), table: self.pick(&tables) };
        let mut from = From { text: format!("{} {}", first.table.name, first.alias), occurrences: vec![], pins: vec![] };
        from.pins = self.pins(&first, false);
        from.occurrences.push(first);
        for _ in 0..self.rng.gen_range(0..3) {
            self.join(&mut from);
        }
        if self.care == Care::Wild && self.chance(40) {
            let (name, _) = self.pick(&FORBIDDEN);
            let alias = self.alias();
            from.text.push_str(&format!(" CROSS JOIN {name} {alias}"));
        }
        from
    }

    /// Joins another table along a foreign key, so that what is bounded bounds it; the pins stand where they filter it.
    fn join(&mut self, from: &mut From) {
        let mut edges = vec![];
        for known in &from.occurrences {
            for (left, left_column, right, right_column) in EDGES {
                if known.table.name == left && table(right).readable_by(self.persona) {
                    edges.push((known.clone(), left_column, right, right_column));
                }
                if known.table.name == right && table(left).readable_by(self.persona) {
                    edges.push((known.clone(), right_column, left, left_column));
                }
            }
        }
        if edges.is_empty() {
            return;
        }
        let (known, known_column, name, column) = self.pick(&edges);
        let other = Occurrence { alias: self.alias(), table: table(name) };
        let condition = format!("{} = {}", other.column(column), known.column(known_column));
        // Only a key is a bound; `tenant_id = id` isn't one.
        let bounded =
            column != "tenant_id" && other.table.bound.is_none_or(|(bound, _)| bound == column || column == "customer_id");
        let pins = self.pins(&other, bounded);
        let (kind, outer) = self.pick(&[
            ("JOIN", false),
            ("JOIN", false),
            ("INNER JOIN", false),
            ("LEFT JOIN", true),
            ("LEFT OUTER JOIN", true),
            ("RIGHT JOIN", true),
            ("FULL JOIN", true),
            (",", false),
        ]);
        // Outside the proper style RIGHT and FULL joins keep rows that no pin of theirs filters.
        let kind = if self.care == Care::Proper && matches!(kind, "RIGHT JOIN" | "FULL JOIN") { "LEFT JOIN" } else { kind };
        if kind == "," || kind == "FULL JOIN" {
            let join = if kind == "," { "CROSS JOIN".to_owned() } else { kind.to_owned() };
            let on = if kind == "," { String::new() } else { format!(" ON {condition}") };
            from.text = format!("{} {join} {} {}{on}", from.text, other.table.name, other.alias);
            from.pins.push(condition);
            from.pins.extend(pins);
        } else {
            let in_on = outer || self.chance(30);
            let on = if in_on { [vec![condition], pins.clone()].concat() } else { vec![condition] };
            from.text = format!("{} {kind} {} {} ON {}", from.text, other.table.name, other.alias, on.join(" AND "));
            if !in_on {
                from.pins.extend(pins);
            }
        }
        from.occurrences.push(other);
    }

    /// The conditions that make an occurrence provable: its tenant, and a bound unless a join is one.
    fn pins(&mut self, occurrence: &Occurrence, bounded: bool) -> Vec<String> {
        let mut pins = vec![];
        if let Some(tenant) = occurrence.table.pinned(self.persona)
            && !self.slip(25)
        {
            pins.push(self.pin(&occurrence.column(tenant)));
        }
        if !bounded && !self.slip(20) {
            pins.extend(self.bound(occurrence));
        }
        pins
    }

    fn bound(&mut self, occurrence: &Occurrence) -> Option<String> {
        if occurrence.table.name == "events" {
            let (tenant, day) = (self.rng.gen_range(1..=20), self.rng.gen_range(1..=20));
            let (tenant_id, at) = (occurrence.column("tenant_id"), occurrence.column("at"));
            return Some(format!("{tenant_id} = {tenant} AND {at} BETWEEN '2026-09-{day:02}Z' AND '2026-09-{:02}Z'", day + 3));
        }
        let (bound, remainder) = occurrence.table.bound?;
        let column = occurrence.column(bound);
        let list: Vec<String> = (0..self.rng.gen_range(1..6)).map(|_| self.key(remainder).to_string()).collect();
        let start = self.rng.gen_range(1..2000);
        Some(match self.rng.gen_range(0..7) {
            0 | 1 => format!("{column} = {}", list[0]),
            2 => format!("{column} = ANY (ARRAY[{}])", list.join(", ")),
            3 if matches!(occurrence.table.name, "orders" | "tickets") => format!("{column} BETWEEN {start} AND {}", start + 300),
            4 if matches!(occurrence.table.name, "orders" | "tickets") => {
                format!("{column} >= {start} AND {column} < {}", start + 200)
            }
            5 => format!("({column} = {} OR {column} = {})", list[0], self.key(remainder)),
            _ => format!("{column} IN ({})", list.join(", ")),
        })
    }

    /// Mostly a key of tenant 7.
    fn key(&mut self, remainder: u32) -> u32 {
        let own = self.rng.gen_range(0..100) * 20 + remainder;
        if self.chance(15) { own + self.rng.gen_range(1..20) } else { own }
    }

    fn columns(&self, occurrence: &Occurrence) -> Vec<&'static Column> {
        occurrence.table.visible(self.persona).collect()
    }

    fn column(&mut self, from: &From) -> (String, Kind) {
        let occurrence = self.pick(&from.occurrences).clone();
        if self.care == Care::Wild && !occurrence.table.hidden.is_empty() && self.chance(15) {
            return (occurrence.column(self.pick(occurrence.table.hidden)), Kind::Text);
        }
        let columns = self.columns(&occurrence);
        let column = self.pick(&columns);
        (occurrence.column(column.name), column.kind)
    }

    fn order_all(&self, items: usize) -> String {
        let positions: Vec<String> = (1..=items).map(|position| position.to_string()).collect();
        format!(" ORDER BY {}", positions.join(", "))
    }

    fn tail(&mut self, items: usize) -> String {
        let mut tail = if self.chance(70) { self.order_all(items) } else { String::new() };
        if !tail.is_empty() && !self.can_fail && self.chance(60) {
            let limit = self.rng.gen_range(1..60);
            tail.push_str(&match self.rng.gen_range(0..3) {
                0 => format!(" LIMIT {limit} OFFSET {}", self.rng.gen_range(0..5)),
                1 => format!(" FETCH FIRST {limit} ROWS ONLY"),
                _ => format!(" LIMIT {limit}"),
            });
        }
        tail
    }

    fn plain(&mut self) -> String {
        let from = self.from();
        let items = self.items(&from);
        let body = self.where_clause(&from);
        let distinct = if self.chance(15) { "DISTINCT " } else { "" };
        if self.slip(10) {
            return format!("SELECT * FROM {}{body}", from.text);
        }
        format!("SELECT {distinct}{} FROM {}{body}{}", items.join(", "), from.text, self.tail(items.len()))
    }

    fn aggregate(&mut self) -> String {
        let from = self.from();
        let body = self.where_clause(&from);
        let groups: Vec<String> = (0..self.rng.gen_range(0..3)).map(|_| self.column(&from).0).collect();
        let mut items = groups.clone();
        for _ in 0..self.rng.gen_range(1..4) {
            items.push(self.aggregate_item(&from));
        }
        let group = match (groups.len(), self.rng.gen_range(0..6)) {
            (0, _) => String::new(),
            (_, 0) => format!(" GROUP BY ROLLUP ({})", groups.join(", ")),
            (_, 1) => format!(" GROUP BY GROUPING SETS (({}), ())", groups.join(", ")),
            _ => format!(" GROUP BY {}", groups.join(", ")),
        };
        let having = if self.chance(25) { format!(" HAVING count(*) > {}", self.rng.gen_range(0..3)) } else { String::new() };
        format!("SELECT {} FROM {}{body}{group}{having}{}", items.join(", "), from.text, self.tail(items.len()))
    }

    fn windowed(&mut self) -> String {
        let from = self.from();
        let body = self.where_clause(&from);
        let mut items = self.items(&from);
        let (partition, _) = self.column(&from);
        let key: Vec<String> =
            from.occurrences.iter().flat_map(|one| one.table.unique.iter().map(|name| one.column(name))).collect();
        let (column, _) = self.column(&from);
        items.push(match self.rng.gen_range(0..5) {
            0 => format!("row_number() OVER (PARTITION BY {partition} ORDER BY {})", key.join(", ")),
            1 => format!("rank() OVER (ORDER BY {column})"),
            2 => format!("lag({column}) OVER (ORDER BY {})", key.join(", ")),
            3 => format!("count(*) OVER (PARTITION BY {partition})"),
            _ => format!("count({column}) OVER (ORDER BY {} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", key.join(", ")),
        });
        format!("SELECT {} FROM {}{body}{}", items.join(", "), from.text, self.tail(items.len()))
    }

    fn set_operation(&mut self) -> String {
        let mut arms = vec![];
        for _ in 0..self.rng.gen_range(2..4) {
            let from = self.from();
            let body = self.where_clause(&from);
            let (column, _) = self.column(&from);
            arms.push(format!("SELECT {column}::text AS v FROM {}{body}", from.text));
        }
        let operator = self.pick(&[" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ", " EXCEPT ALL "]);
        format!("{}{}", arms.join(operator), self.tail(1))
    }

    /// A subselect with an alias for each column.
    fn named(&mut self) -> (String, usize) {
        let from = self.from();
        let body = self.where_clause(&from);
        let items = self.items(&from);
        let named: Vec<String> = items.iter().enumerate().map(|(at, item)| format!("{item} AS c{at}")).collect();
        (format!("SELECT {} FROM {}{body}", named.join(", "), from.text), items.len())
    }

    fn derived(&mut self) -> String {
        let (inner, columns) = self.named();
        let filter = if self.chance(50) { " WHERE s.c0 IS NOT NULL" } else { "" };
        format!("SELECT * FROM ({inner}) s{filter}{}", self.tail(columns))
    }

    fn with_ctes(&mut self) -> String {
        let (first, columns) = self.named();
        let (second, _) = self.named();
        let materialized = self.pick(&["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
        let body = match self.rng.gen_range(0..3) {
            0 => format!("SELECT * FROM a{}", self.tail(columns)),
            1 => format!("SELECT a.c0::text, b.c0::text FROM a LEFT JOIN b ON a.c0::text = b.c0::text{}", self.tail(2)),
            _ => format!("SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.c0::text = a.c0::text){}", self.tail(1)),
        };
        format!("WITH a AS {materialized}({first}), b AS ({second}) {body}")
    }

    fn lateral(&mut self) -> String {
        let mut from = self.from();
        let outer = from.occurrences[0].clone();
        let edges: Vec<_> =
            EDGES.iter().filter(|edge| edge.0 == outer.table.name && table(edge.2).readable_by(self.persona)).collect();
        let Some(&(_, outer_column, name, column)) = (!edges.is_empty()).then(|| self.pick(&edges)) else { return self.plain() };
        let inner = Occurrence { alias: self.alias(), table: table(name) };
        let mut terms = vec![format!("{} = {}", inner.column(column), outer.column(outer_column))];
        terms.extend(self.pins(&inner, column != "tenant_id"));
        let order: Vec<String> = inner.table.unique.iter().map(|name| inner.column(name)).collect();
        let columns = self.columns(&inner);
        let chosen = self.pick(&columns).name;
        let alias = self.alias();
        let lateral = format!(
            "(SELECT {} AS v FROM {} {} WHERE {} ORDER BY {} LIMIT {}) {alias}",
            inner.column(chosen),
            inner.table.name,
            inner.alias,
            terms.join(" AND "),
            order.join(", "),
            self.rng.gen_range(1..4),
        );
        let join = self.pick(&[" CROSS JOIN LATERAL ", " LEFT JOIN LATERAL "]);
        let on = if join.contains("LEFT") { " ON true" } else { "" };
        from.text.push_str(&format!("{join}{lateral}{on}"));
        let body = self.where_clause(&from);
        format!("SELECT {}, {alias}.v FROM {}{body}{}", outer.column(outer.table.unique[0]), from.text, self.tail(2))
    }

    fn existence(&mut self) -> String {
        let from = self.from();
        let body = self.where_clause(&from);
        let term = self.subquery_condition(&from);
        let start = if body.is_empty() { " WHERE" } else { " AND" };
        let (column, _) = self.column(&from);
        format!("SELECT {column} FROM {}{body}{start} {term}{}", from.text, self.tail(1))
    }
}
