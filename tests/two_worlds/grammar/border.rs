//! Statements at the border of what can be proven: a pin that stands outside of a subselect comes in time or too late,
//! depending on what stands between; a pin in a join filters one side of it or the other or neither.

use super::super::schema::{Kind, Persona};
use super::{Generator, Occurrence};
use rand::Rng;

impl Generator {
    /// A table whose rows belong to tenants.
    fn of_tenants(&mut self) -> Occurrence {
        let tables: Vec<_> = self.tables().into_iter().filter(|table| table.tenant.is_some() && table.bound.is_some()).collect();
        Occurrence { alias: self.alias(), table: self.pick(&tables) }
    }

    /// The analyst does not see every `tenant_id`; the key stands in for it.
    fn tenant(&self, occurrence: &Occurrence) -> String {
        let tenant =
            occurrence.table.tenant.filter(|tenant| occurrence.table.visible(self.persona).any(|column| column.name == *tenant));
        occurrence.column(tenant.unwrap_or(occurrence.table.unique[0]))
    }

    fn keys(&self, occurrence: &Occurrence) -> String {
        occurrence.table.unique.iter().map(|name| occurrence.column(name)).collect::<Vec<_>>().join(", ")
    }

    fn some_column(&mut self, occurrence: &Occurrence) -> (String, Kind) {
        let columns = self.columns(occurrence);
        let column = self.pick(&columns);
        (occurrence.column(column.name), column.kind)
    }

    /// `keys` order the rows of the whole FROM.
    fn some_item(&mut self, occurrence: &Occurrence, keys: &str) -> String {
        let (column, kind) = self.some_column(occurrence);
        match self.rng.gen_range(0..12) {
            0 | 1 if self.persona != Persona::Analyst => self.failing(&column, kind),
            2 => format!("row_number() OVER (ORDER BY {keys})"),
            3 => "count(*) OVER ()".to_owned(),
            4 => format!("lag({column}) OVER (ORDER BY {keys})"),
            5 => format!("count(*) OVER (PARTITION BY {})", self.tenant(occurrence)),
            6 => format!("first_value({column}) OVER (PARTITION BY {} ORDER BY {keys})", self.tenant(occurrence)),
            7 => format!("{}::text", occurrence.alias),
            8 => format!("(SELECT count(*) FROM products p WHERE p.id < 3 AND {column} IS NOT NULL)"),
            _ => column,
        }
    }

    /// A query of `(tenant, v)` over one table that is bounded, but not always pinned.
    fn tenants_and_values(&mut self) -> String {
        let one = self.of_tenants();
        let (tenant, keys) = (self.tenant(&one), self.keys(&one));
        let mut terms: Vec<String> = self.bound(&one).into_iter().collect();
        if self.chance(25) {
            terms.push(self.pin(&tenant));
        }
        if terms.is_empty() {
            terms.push("true".to_owned());
        }
        let from = format!("FROM {} {} WHERE {}", one.table.name, one.alias, terms.join(" AND "));
        let item = self.some_item(&one, &keys);
        // Where rows are cut, whether an expression is reached is up to the plan.
        let forms = if self.can_fail { 5..14 } else { 0..14 };
        let limit = self.rng.gen_range(1..5);
        match self.rng.gen_range(forms) {
            0 => format!("SELECT DISTINCT {tenant} AS tenant, {item} AS v {from}"),
            1 => format!("SELECT {tenant} AS tenant, {item} AS v {from} ORDER BY {keys} LIMIT {limit}"),
            2 => format!("SELECT {tenant} AS tenant, {item} AS v {from} ORDER BY {keys} OFFSET {limit}"),
            3 => format!("SELECT {tenant} AS tenant, {item} AS v {from} OFFSET 0"),
            4 => format!("SELECT DISTINCT ON ({tenant}) {tenant} AS tenant, {item} AS v {from} ORDER BY {tenant}, {keys}"),
            5 => format!("SELECT {tenant} AS tenant, count(*)::text AS v {from} GROUP BY {tenant}"),
            7 => format!("SELECT {tenant} AS tenant, count(*) AS v {from} GROUP BY ROLLUP ({tenant})"),
            8 => format!("SELECT max({tenant}) AS tenant, count(*) AS v {from}"),
            9 => {
                let word = self.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"]);
                let again = from.replace(&format!("{}.", one.alias), "again.").replace(&format!(" {} ", one.alias), " again ");
                let other = tenant.replace(&format!("{}.", one.alias), "again.");
                format!("SELECT {tenant} AS tenant, {tenant}::text AS v {from} {word} SELECT {other}, {other}::text {again}")
            }
            _ => format!("SELECT {tenant} AS tenant, {item} AS v {from}"),
        }
    }

    /// A filter around a subselect.
    pub(super) fn late(&mut self) -> String {
        let inner = self.tenants_and_values();
        let pin = self.pin("s.tenant");
        let materialized = self.pick(&["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
        match self.rng.gen_range(0..12) {
            0 => format!("WITH s AS {materialized}({inner}) SELECT v FROM s WHERE {pin}"),
            1 => format!("WITH s AS {materialized}({inner}) SELECT s.v FROM s JOIN s b ON b.tenant = s.tenant WHERE {pin}"),
            2 => format!("WITH s AS {materialized}({inner}) SELECT s.v, b.v FROM s, s b WHERE {pin} AND b.tenant = s.tenant"),
            3 => format!("SELECT s.v FROM (VALUES (7)) AS x (id) JOIN LATERAL ({inner}) s ON s.tenant = x.id"),
            4 => format!("SELECT s.v FROM ({inner}) s JOIN (VALUES (7), (7)) AS x (id) ON s.tenant = x.id"),
            5 => format!("SELECT s.v FROM ({inner}) s LEFT JOIN (VALUES (7)) AS x (id) ON s.tenant = x.id WHERE x.id = 7"),
            6 => format!("SELECT s.v FROM (VALUES (7)) AS x (id) LEFT JOIN ({inner}) s ON s.tenant = x.id"),
            7 => format!("SELECT count(*) FROM ({inner}) s WHERE {pin}"),
            8 => format!("SELECT (SELECT max(s.v::text) FROM ({inner}) s WHERE {pin})"),
            9 => format!("SELECT o.v FROM (SELECT s.tenant AS t, s.v FROM ({inner}) s WHERE {pin}) o WHERE o.t IS NOT NULL"),
            10 => format!("SELECT count(*) FILTER (WHERE {pin}) FROM ({inner}) s"),
            _ => format!("SELECT s.v FROM ({inner}) s WHERE {pin}"),
        }
    }

    /// Two tables, pinned in the places where it may not help.
    pub(super) fn joined_on_tenants(&mut self) -> String {
        let (left, right) = (self.of_tenants(), self.of_tenants());
        let (mine, theirs) = (self.tenant(&left), self.tenant(&right));
        let bounds = [self.bound(&left), self.bound(&right)].map(|bound| bound.unwrap_or_else(|| "true".to_owned()));
        let pins = [self.pin(&mine), self.pin(&theirs)];
        let equal = format!("{mine} = {theirs}");
        let all = [pins.to_vec(), bounds.to_vec(), vec![equal]].concat();
        // Each condition goes to ON, to WHERE or, now and then, nowhere.
        let (mut on, mut filter) = (vec!["true".to_owned()], vec!["true".to_owned()]);
        for (number, condition) in all.into_iter().enumerate() {
            match self.rng.gen_range(0..10) {
                0 if number != 2 && number != 3 => {}
                1..=4 => on.push(condition),
                _ => filter.push(condition),
            }
        }
        let join = self.pick(&["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let keys = [self.keys(&left), self.keys(&right)].join(", ");
        let (item, other) = (self.some_item(&left, &keys), self.some_item(&right, &keys));
        let anti = if self.chance(15) { format!(" AND {} IS NULL", right.column(right.table.unique[0])) } else { String::new() };
        // FULL JOIN needs a condition that can be merged or hashed.
        let on = if join == "FULL JOIN" { format!("{mine} = {theirs}") } else { on.join(" AND ") };
        format!(
            "SELECT {item}, {other} FROM {} {} {join} {} {} ON {on} WHERE {}{anti}",
            left.table.name,
            left.alias,
            right.table.name,
            right.alias,
            filter.join(" AND ")
        )
    }

    /// HAVING on the tenant: in time for a plain GROUP BY, too late for what else is computed of the group.
    pub(super) fn grouped_by_tenant(&mut self) -> String {
        let one = self.of_tenants();
        let tenant = self.tenant(&one);
        let bound = self.bound(&one).unwrap_or_else(|| "true".to_owned());
        let pin = self.pin(&tenant);
        let (column, kind) = self.some_column(&one);
        let value = match self.rng.gen_range(0..5) {
            0 if self.persona != Persona::Analyst => format!("max({}::text)", self.failing(&column, kind)),
            1 => format!("count(*) FILTER (WHERE {pin})"),
            2 => "sum(count(*)) OVER ()".to_owned(),
            3 => format!("string_agg({column}::text, ',' ORDER BY {column}::text)"),
            _ => "count(*)".to_owned(),
        };
        let group = match self.rng.gen_range(0..6) {
            0 => format!("ROLLUP ({tenant})"),
            1 => format!("GROUPING SETS (({tenant}), ())"),
            2 => format!("GROUPING SETS (({tenant}), ({tenant}, {column}))"),
            3 => format!("CUBE ({tenant}, {column})"),
            _ => tenant.clone(),
        };
        let having = match self.rng.gen_range(0..4) {
            0 => format!("count(*) > 0 AND {pin}"),
            1 => format!("{tenant} IS NULL"),
            _ => pin.clone(),
        };
        format!("SELECT {tenant}, {value} FROM {} {} WHERE {bound} GROUP BY {group} HAVING {having}", one.table.name, one.alias)
    }

    pub(super) fn recursive(&mut self) -> String {
        let (first, next) = (self.of_tenants(), self.of_tenants());
        let first_pins = self.pins(&first, false).join(" AND ");
        let next_pins = self.pins(&next, true).join(" AND ");
        let first_pins = if first_pins.is_empty() { "true".to_owned() } else { first_pins };
        let next_pins = if next_pins.is_empty() { "true".to_owned() } else { next_pins };
        let (name, key) = next.table.bound.map(|(bound, _)| (next.table.name, next.column(bound))).expect("it has a bound");
        let (start, _) = first.table.bound.expect("it has a bound");
        let step = self.pick(&["+ 20", "+ 1", ""]);
        let union = self.pick(&["UNION", "UNION ALL"]);
        format!(
            "WITH RECURSIVE r AS (SELECT {}::bigint AS k, 1 AS n FROM {} {} WHERE {first_pins} \
             {union} SELECT {key}::bigint, r.n + 1 FROM {name} {} JOIN r ON {key} = r.k {step} WHERE r.n < 3 AND {next_pins}) \
             SELECT k, n FROM r{}",
            first.column(start),
            first.table.name,
            first.alias,
            next.alias,
            self.tail(2)
        )
    }
}
