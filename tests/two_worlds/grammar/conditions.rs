//! Conditions of three-valued logic, and those that fail on some rows.

use super::super::schema::{Kind, Persona};
use super::{Care, From, Generator, Occurrence};
use rand::Rng;

impl Generator {
    pub(super) fn literal(&mut self, kind: Kind) -> String {
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

    pub(super) fn where_clause(&mut self, from: &From) -> String {
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
    pub(super) fn condition(&mut self, from: &From, depth: u32) -> String {
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
            6 if self.care != Care::Proper && self.is_guarded(from, &column) => self.failing(&column, kind),
            _ => self.comparison(&column, kind, &literal),
        }
    }

    pub(super) fn comparison(&mut self, column: &str, kind: Kind, literal: &str) -> String {
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

    /// Whether the token shows only some rows of the column's table. Of the others an error tells nothing that is not granted,
    /// but whether Postgres comes to it is up to the plan.
    pub(super) fn is_guarded(&self, from: &From, column: &str) -> bool {
        let of = |occurrence: &&Occurrence| column.split_once('.').is_some_and(|(alias, _)| alias == occurrence.alias);
        from.occurrences.iter().find(of).is_some_and(|occurrence| occurrence.table.pinned(self.persona).is_some())
    }

    /// Expressions that raise on some rows: whose rows, the error would tell.
    pub(super) fn failing(&mut self, column: &str, kind: Kind) -> String {
        self.can_fail = true;
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

    pub(super) fn subquery_condition(&mut self, outer: &From) -> String {
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
}
