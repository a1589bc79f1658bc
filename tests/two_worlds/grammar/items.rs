//! What stands in a select list.

use super::super::schema::Kind;
use super::{From, Generator};
use rand::Rng;

impl Generator {
    /// A scalar of the select list.
    pub(super) fn item(&mut self, from: &From) -> String {
        let (column, kind) = self.column(from);
        let literal = self.literal(kind);
        if self.is_guarded(from, &column) && (self.slip(8) || self.chance(2)) {
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

    pub(super) fn items(&mut self, from: &From) -> Vec<String> {
        (0..self.rng.gen_range(1..5)).map(|_| self.item(from)).collect()
    }

    pub(super) fn aggregate_item(&mut self, from: &From) -> String {
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
}
