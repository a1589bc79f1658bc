//! Random SELECTs over the sample schema, biased to plausible ones that a persona's token permits.
//!
//! The answer of a statement never depends on the plan: whatever is cut or numbered is ordered totally, aggregates that
//! keep an order give one, and nothing asks for the time. So a difference between two worlds is a difference in data.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use super::schema::Persona;
use super::schema::{Column, EDGES, FORBIDDEN, Kind, TABLES, Table, table};

/// One statement; the same for the same seed and persona.
pub fn generate(seed: u64, persona: Persona) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let care = match rng.gen_range(0..10) {
        0..=5 => Care::Proper,
        6..=8 => Care::Loose,
        _ => Care::Wild,
    };
    let mut generator = Generator { rng, persona, care, aliases: 0 };
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
        match self.rng.gen_range(0..12) {
            0 => self.with_ctes(),
            1 => self.set_operation(),
            2 | 3 => self.aggregate(),
            4 => self.windowed(),
            5 => self.derived(),
            6 => self.lateral(),
            7 => self.existence(),
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
            let tenant = occurrence.column(tenant);
            let other = if self.slip(20) { "8" } else { "7" };
            pins.push(match self.rng.gen_range(0..8) {
                0 => format!("{other} = {tenant}"),
                1 => format!("{tenant} IN ({other})"),
                2 if self.care != Care::Proper => format!("({tenant} = {other}) IS NOT FALSE"),
                3 if self.care != Care::Proper => format!("({tenant} = {other} OR {tenant} IS NULL)"),
                _ => format!("{tenant} = {other}"),
            });
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

    fn literal(&mut self, kind: Kind) -> String {
        let number: u32 = self.rng.gen_range(0..60);
        match kind {
            Kind::Key => self.key(5).to_string(),
            Kind::Number => number.to_string(),
            Kind::Text => format!("'{}'", self.pick(&["open", "closed", "basic", "toys", "eu", "Customer 6", "note 7", ""])),
            Kind::CiText => format!("'agent{}'", number % 9),
            Kind::Flag => self.pick(&["true", "false"]).to_string(),
            Kind::Date => format!("date '2026-{:02}-11'", 1 + number % 10),
            Kind::Time => format!("timestamptz '2026-{:02}-11 00:00Z'", 1 + number % 10),
            Kind::Uuid => "'c81e728d-9d4c-2f63-6f06-7f89cc14862c'".to_owned(),
            Kind::Json => "'{\"lang\": \"en\"}'".to_owned(),
            Kind::Tags => "ARRAY['t1', 'v2']".to_owned(),
            Kind::Status => format!("'{}'", self.pick(&["new", "paid", "shipped", "returned"])),
        }
    }

    fn where_clause(&mut self, from: &From) -> String {
        let mut terms = from.pins.clone();
        for _ in 0..self.rng.gen_range(0..3) {
            terms.push(self.condition(from, 2));
        }
        if terms.is_empty() {
            return String::new();
        }
        if self.slip(20) {
            terms.push(self.pick(&["1 = 1", "NOT false", "true IS NOT NULL"]).to_string());
        }
        let position = self.rng.gen_range(0..terms.len());
        let text = if self.slip(15) {
            let (left, right) = terms.split_at(position);
            let sides: Vec<String> =
                [left, right].iter().filter(|side| !side.is_empty()).map(|side| side.join(" AND ")).collect();
            sides.join(" OR ")
        } else {
            terms.rotate_left(position);
            terms.join(" AND ")
        };
        format!(" WHERE {text}")
    }

    /// A condition of three-valued logic.
    fn condition(&mut self, from: &From, depth: u32) -> String {
        if depth > 0 && self.chance(40) {
            let left = self.condition(from, depth - 1);
            let right = self.condition(from, depth - 1);
            return match self.rng.gen_range(0..8) {
                0 | 1 => format!("({left} OR {right})"),
                2 => format!("({left} AND {right})"),
                3 => format!("NOT ({left})"),
                4 => format!("({left}) IS NOT TRUE"),
                5 => format!("({left}) IS UNKNOWN"),
                6 => format!("CASE WHEN {left} THEN {right} ELSE {} END", self.pick(&["true", "false", "NULL"])),
                _ => format!("coalesce({left}, {right})"),
            };
        }
        if depth > 0 && self.chance(12) {
            return self.subquery_condition(from);
        }
        let (column, kind) = self.column(from);
        let literal = self.literal(kind);
        match self.rng.gen_range(0..9) {
            0 => format!("{column} IS NULL"),
            1 => format!("{column} IS NOT NULL"),
            2 => format!("{column} IS DISTINCT FROM {literal}"),
            3 => format!("{column} IS NOT DISTINCT FROM {literal}"),
            4 => format!("{column} IN ({literal}, {})", self.literal(kind)),
            5 => format!("{column} NOT IN ({literal}, NULL)"),
            6 if self.care != Care::Proper => self.failing(&column, kind),
            _ => self.comparison(&column, kind, &literal),
        }
    }

    fn comparison(&mut self, column: &str, kind: Kind, literal: &str) -> String {
        match kind {
            Kind::Text if self.chance(40) => {
                let operator = self.pick(&["LIKE", "NOT LIKE", "ILIKE", "~", "!~*"]);
                let pattern = self.pick(&["'%1%'", "'a'", "'Customer%'", "'_'"]);
                format!("{column} {operator} {pattern}")
            }
            Kind::Text | Kind::Status | Kind::CiText | Kind::Uuid => format!("{column} {} {literal}", self.pick(&["=", "<>"])),
            Kind::Flag => self.pick(&[column.to_owned(), format!("NOT {column}"), format!("{column} IS TRUE")]),
            Kind::Json => {
                let containment = format!("{column} @> {literal}");
                self.pick(&[containment, format!("{column} ->> 'lang' = 'en'"), format!("{column} ? 'lang'")])
            }
            Kind::Tags => self.pick(&[format!("'t1' = ANY ({column})"), format!("{column} && {literal}")]),
            Kind::Key | Kind::Number | Kind::Date | Kind::Time => {
                format!("{column} {} {literal}", self.pick(&["=", "<>", "<", ">", "<=", ">="]))
            }
        }
    }

    /// Expressions that raise on some rows: whose rows, the error would tell.
    fn failing(&mut self, column: &str, kind: Kind) -> String {
        match kind {
            Kind::Text | Kind::CiText => {
                let casts = [
                    format!("{column}::int = 0"),
                    format!("{column}::text::date > '2026-01-01'"),
                    format!("{column}::text::uuid IS NULL"),
                ];
                self.pick(&casts)
            }
            Kind::Key | Kind::Number => {
                let divisor = self.rng.gen_range(1..50);
                let divisions = [
                    format!("1 / ({column} - {divisor}) >= 0"),
                    format!("{column}::smallint > 3"),
                    format!("sqrt({column} - {divisor}) > 1"),
                    format!("{column} % ({column} - {divisor}) = 0"),
                ];
                self.pick(&divisions)
            }
            Kind::Json => format!("({column} ->> 'lang')::int = 1"),
            Kind::Tags => format!("{column}[1]::int = 1"),
            Kind::Status => format!("{column}::text::int = 1"),
            Kind::Flag | Kind::Date | Kind::Time | Kind::Uuid => format!("{column}::text::int = 1"),
        }
    }

    fn subquery_condition(&mut self, outer: &From) -> String {
        let inner = self.from();
        let mut body = self.where_clause(&inner);
        let key = inner.occurrences[0].column(inner.occurrences[0].table.unique[0]);
        // A correlated condition, where both sides have a tenant.
        let mine = outer.occurrences[0].table.tenant.map(|tenant| outer.occurrences[0].column(tenant));
        let theirs = inner.occurrences[0].table.tenant.map(|tenant| inner.occurrences[0].column(tenant));
        if let (Some(mine), Some(theirs)) = (mine, theirs)
            && self.persona != Persona::Analyst
            && self.chance(50)
        {
            let start = if body.is_empty() { " WHERE" } else { " AND" };
            body.push_str(&format!("{start} {theirs} = {mine}"));
        }
        match self.rng.gen_range(0..4) {
            0 => format!("EXISTS (SELECT 1 FROM {}{body})", inner.text),
            1 => format!("NOT EXISTS (SELECT FROM {}{body})", inner.text),
            2 => format!("(SELECT count(*) FROM {}{body}) > {}", inner.text, self.rng.gen_range(0..4)),
            _ => match outer.occurrences[0].table.unique[0] {
                "id" if outer.occurrences[0].table.name != "messages" && inner.occurrences[0].table.name != "messages" => {
                    let not = if self.chance(30) { "NOT " } else { "" };
                    format!("{} {not}IN (SELECT {key} FROM {}{body})", outer.occurrences[0].column("id"), inner.text)
                }
                _ => format!("(SELECT max({key}::text) FROM {}{body}) IS NULL", inner.text),
            },
        }
    }

    /// A scalar of the select list.
    fn item(&mut self, from: &From) -> String {
        let (column, kind) = self.column(from);
        let literal = self.literal(kind);
        if self.slip(8) || self.chance(2) {
            return self.failing(&column, kind);
        }
        match (self.rng.gen_range(0..10), kind) {
            (0, _) => format!("coalesce({column}, {literal})"),
            (1, _) => format!("CASE WHEN {} THEN {column} END", self.condition(from, 1)),
            (2, _) => format!("{column} IS NULL"),
            (3, Kind::Text) => format!("upper({column}) || '!'"),
            (3, Kind::Number | Kind::Key) => format!("{column} * 2 + 1"),
            (3, Kind::Json) => format!("{column} ->> 'lang'"),
            (3, Kind::Time) => format!("date_trunc('month', {column} AT TIME ZONE 'UTC')"),
            (4, _) => format!("{column}::text"),
            (5, _) if self.chance(30) => {
                let inner = self.from();
                let body = self.where_clause(&inner);
                format!("(SELECT count(*) FROM {}{body})", inner.text)
            }
            _ => column,
        }
    }

    fn items(&mut self, from: &From) -> Vec<String> {
        (0..self.rng.gen_range(1..5)).map(|_| self.item(from)).collect()
    }

    fn order_all(&self, items: usize) -> String {
        let positions: Vec<String> = (1..=items).map(|position| position.to_string()).collect();
        format!(" ORDER BY {}", positions.join(", "))
    }

    fn tail(&mut self, items: usize) -> String {
        let mut tail = if self.chance(70) { self.order_all(items) } else { String::new() };
        if !tail.is_empty() && self.chance(60) {
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

    fn aggregate_item(&mut self, from: &From) -> String {
        let (column, kind) = self.column(from);
        let filter = if self.chance(20) { format!(" FILTER (WHERE {})", self.condition(from, 1)) } else { String::new() };
        let call = match (self.rng.gen_range(0..5), kind) {
            (0, _) => "count(*)".to_owned(),
            (1, _) => format!("count(DISTINCT {column}::text)"),
            (2, Kind::Key | Kind::Number) => format!("sum({column})"),
            (2, Kind::Flag) => format!("bool_or({column})"),
            (3, Kind::Key | Kind::Number | Kind::Date | Kind::Time | Kind::Text) => format!("max({column})"),
            (4, _) => format!("string_agg({column}::text, ',' ORDER BY {column}::text)"),
            _ => format!("count({column})"),
        };
        format!("{call}{filter}")
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
