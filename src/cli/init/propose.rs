//! From a table's columns and keys to a first rule. The DBA has the last word, so every guess is a readable one.

use super::inspect::{Column, Table};

/// What a starter rule file will say of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proposal {
    pub bounded_by: Vec<Vec<String>>,
    pub hidden: Vec<String>,
    pub tenant_column: Option<String>,
    /// Column and the widest range of it, as TOML.
    pub max_range: Vec<(String, String)>,
}

/// Up to so many rows a tenant's whole share is taken for a fair read.
const SMALL: f64 = 10_000.0;

/// Whole words of a column's name, and a name's end, that smell of a secret.
const SECRET_WORDS: &[&str] = &[
    "ssn",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "hash",
    "salt",
    "iban",
    "cvv",
    "cvc",
    "pin",
    "otp",
    "totp",
    "mfa",
    "passport",
    "credential",
    "credentials",
    "privatekey",
    "apikey",
    "bic",
    "taxid",
    "pan",
];
const SECRET_PAIRS: &[&[&str]] = &[
    &["billing", "key"],
    &["api", "key"],
    &["private", "key"],
    &["access", "key"],
    &["signing", "key"],
    &["encryption", "key"],
    &["license", "key"],
    &["social", "security"],
    &["credit", "card"],
    &["card", "number"],
    &["account", "number"],
    &["tax", "id"],
    &["recovery", "code"],
    &["national", "id"],
];

const TENANT_COLUMNS: &[&str] = &[
    "tenant_id",
    "tenant",
    "org_id",
    "organization_id",
    "organisation_id",
    "workspace_id",
    "company_id",
    "account_id",
    "team_id",
    "merchant_id",
];

impl Proposal {
    pub fn of(table: &Table) -> Proposal {
        let hidden: Vec<String> =
            table.columns.iter().filter(|column| is_secret(&column.name)).map(|column| column.name.clone()).collect();
        let tenant_column = TENANT_COLUMNS.iter().find(|name| table.column(name).is_some()).map(|name| (*name).to_owned());
        let mut proposal = Proposal { hidden, tenant_column, ..Proposal::default() };
        proposal.add_keys(table);
        proposal.add_tenant(table);
        proposal.keep_smallest();
        proposal.add_ranges(table);
        proposal
    }

    fn add_keys(&mut self, table: &Table) {
        let of_index = |columns: &&Vec<String>| table.indexes.iter().any(|index| index.starts_with(columns));
        let keys = table.unique_keys.iter().chain(table.foreign_keys.iter().filter(of_index));
        let keys: Vec<_> = keys.filter(|key| !self.is_tenant(key)).cloned().collect();
        self.bounded_by.extend(keys);
    }

    /// A tenant alone bounds a small table; of a large one it takes the rest of an index too.
    fn add_tenant(&mut self, table: &Table) {
        let Some(tenant) = self.tenant_column.clone() else { return };
        if table.rows <= SMALL {
            self.bounded_by.push(vec![tenant]);
            return;
        }
        let wider = table.indexes.iter().filter(|index| index.len() >= 2 && index[0] == tenant);
        self.bounded_by.extend(wider.map(|index| index[..2].to_vec()));
    }

    /// A set with another as its part adds nothing, and a hidden column cannot be pinned.
    fn keep_smallest(&mut self) {
        let all = std::mem::take(&mut self.bounded_by);
        let usable: Vec<_> = all.into_iter().filter(|set| !set.iter().any(|column| self.hidden.contains(column))).collect();
        for (place, set) in usable.iter().enumerate() {
            let covered = usable.iter().enumerate().any(|(other, smaller)| {
                let part = smaller.iter().all(|column| set.contains(column));
                part && (smaller.len() < set.len() || other < place)
            });
            if !covered {
                self.bounded_by.push(set.clone());
            }
        }
    }

    fn add_ranges(&mut self, table: &Table) {
        let widest = if table.rows > 1_000_000.0 { "\"7 days\"" } else { "\"31 days\"" };
        for column in self.bounded_by.iter().filter(|set| set.len() > 1).flatten().filter_map(|name| table.column(name)) {
            let entry = (column.name.clone(), widest.to_owned());
            if is_time(column) && !self.max_range.contains(&entry) {
                self.max_range.push(entry);
            }
        }
        let key = table.unique_keys.first().filter(|key| key.len() == 1).and_then(|key| table.column(&key[0]));
        if let Some(column) = key.filter(|column| is_integer(column) && !self.hidden.contains(&column.name)) {
            self.max_range.push((column.name.clone(), "1000".to_owned()));
        }
    }

    fn is_tenant(&self, key: &[String]) -> bool {
        key.len() == 1 && self.tenant_column.as_ref() == Some(&key[0])
    }
}

/// By its words: `password_hash`, `apiKey`, `IBAN`; but not `tokenizer` or `hashtag`.
fn is_secret(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
        || SECRET_PAIRS.iter().any(|pair| words.windows(2).any(|two| two.iter().map(String::as_str).eq(pair.iter().copied())))
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("starts with one").extend(letter.to_lowercase());
        }
        lower_before = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_time(column: &Column) -> bool {
    column.type_name == "date" || column.type_name.starts_with("timestamp")
}

fn is_integer(column: &Column) -> bool {
    matches!(column.type_name.as_str(), "smallint" | "integer" | "bigint")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &str)], unique: &[&[&str]], indexes: &[&[&str]], foreign: &[&[&str]], rows: f64) -> Table {
        let lists = |sets: &[&[&str]]| sets.iter().map(|set| set.iter().map(ToString::to_string).collect()).collect();
        let mut all = unique.to_vec();
        all.extend(indexes);
        Table {
            schema: "public".into(),
            name: "t".into(),
            is_view: false,
            rows,
            columns: columns.iter().map(|(name, kind)| Column { name: (*name).into(), type_name: (*kind).into() }).collect(),
            unique_keys: lists(unique),
            indexes: lists(&all),
            foreign_keys: lists(foreign),
        }
    }

    #[test]
    fn secrets_are_hidden_by_the_words_of_their_names() {
        for name in ["ssn", "password_hash", "apiKey", "IBAN", "reset_token", "billing_key", "tax_id", "secret"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["id", "key", "hashtags", "tokenizer", "pinned", "sku", "name", "external_id", "passed"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_large_tenant_table_is_bounded_by_keys_and_by_tenant_with_time() {
        let columns =
            [("id", "bigint"), ("tenant_id", "integer"), ("customer_id", "bigint"), ("created_at", "timestamp with time zone")];
        let orders = table(
            &columns,
            &[&["id"]],
            &[&["customer_id"], &["tenant_id", "created_at"]],
            &[&["tenant_id"], &["customer_id"]],
            5e4,
        );
        let proposal = Proposal::of(&orders);
        assert_eq!(proposal.bounded_by, [vec!["id"], vec!["customer_id"], vec!["tenant_id", "created_at"]]);
        assert_eq!(
            proposal.max_range,
            [("created_at".to_owned(), "\"31 days\"".to_owned()), ("id".to_owned(), "1000".to_owned())]
        );
        assert_eq!(proposal.tenant_column.as_deref(), Some("tenant_id"));
    }

    #[test]
    fn a_small_tenant_table_is_bounded_by_its_tenant_and_wider_keys_are_dropped() {
        let columns = [("id", "integer"), ("tenant_id", "integer"), ("email", "text"), ("ssn", "text")];
        let customers = table(&columns, &[&["id"], &["tenant_id", "email"], &["ssn"]], &[], &[], 5000.0);
        let proposal = Proposal::of(&customers);
        assert_eq!(proposal.bounded_by, [vec!["id"], vec!["tenant_id"]]);
        assert_eq!(proposal.hidden, ["ssn"]);
    }
}
