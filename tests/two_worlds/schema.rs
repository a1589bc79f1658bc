//! The sample schema as the generator needs it: columns with their kinds, what a persona may see, how tables join.

/// Whose token the statements are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    Support,
    Analyst,
    Writer,
}

impl Persona {
    /// As the corpus's policy names it.
    pub fn name(self) -> &'static str {
        match self {
            Persona::Support => "support",
            Persona::Analyst => "analyst",
            Persona::Writer => "writer",
        }
    }
}

/// What can be done with a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A unique or foreign key.
    Key,
    Number,
    Text,
    CiText,
    Flag,
    Date,
    Time,
    Uuid,
    Json,
    Tags,
    Status,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// A table, its visible columns and its traps.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// The personas that may read it.
    pub readers: &'static [Persona],
    pub columns: &'static [Column],
    /// Columns that nobody may read, and those that the analyst may not.
    pub hidden: &'static [&'static str],
    pub not_for_analyst: &'static [&'static str],
    /// The column that says whose a row is.
    pub tenant: Option<&'static str>,
    /// A column whose values bound the table, and the remainder modulo 20 of those in tenant 7.
    pub bound: Option<(&'static str, u32)>,
    /// Columns that order the rows totally.
    pub unique: &'static [&'static str],
}

use Kind::*;
use Persona::*;

pub const TABLES: [Table; 8] = [
    Table {
        name: "customers",
        readers: &[Support],
        columns: &[
            column("id", Key),
            column("tenant_id", Number),
            column("name", Text),
            column("email", Text),
            column("phone", Text),
            column("plan", Text),
            column("tags", Tags),
            column("profile", Json),
            column("created_at", Time),
            column("external_id", Uuid),
        ],
        hidden: &["ssn", "password_hash"],
        not_for_analyst: &[],
        tenant: Some("tenant_id"),
        bound: Some(("id", 6)),
        unique: &["id"],
    },
    Table {
        name: "orders",
        readers: &[Support, Analyst, Writer],
        columns: &[
            column("id", Key),
            column("tenant_id", Number),
            column("customer_id", Key),
            column("status", Status),
            column("total_cents", Number),
            column("placed_on", Date),
            column("created_at", Time),
            column("note", Text),
        ],
        hidden: &[],
        not_for_analyst: &["note"],
        tenant: Some("tenant_id"),
        bound: Some(("id", 5)),
        unique: &["id"],
    },
    Table {
        name: "order_items",
        readers: &[Support, Analyst, Writer],
        columns: &[
            column("order_id", Key),
            column("line_no", Number),
            column("product_id", Key),
            column("quantity", Number),
            column("price_cents", Number),
            column("tenant_id", Number),
        ],
        hidden: &[],
        not_for_analyst: &["tenant_id"],
        tenant: Some("tenant_id"),
        bound: Some(("order_id", 5)),
        unique: &["order_id", "line_no"],
    },
    Table {
        name: "products",
        readers: &[Support, Analyst, Writer],
        columns: &[
            column("id", Key),
            column("sku", Text),
            column("name", Text),
            column("category", Text),
            column("price_cents", Number),
            column("attributes", Json),
            column("active", Flag),
        ],
        hidden: &[],
        not_for_analyst: &[],
        tenant: None,
        bound: None,
        unique: &["id"],
    },
    Table {
        name: "tenants",
        readers: &[Support, Analyst],
        columns: &[column("id", Key), column("name", Text), column("plan", Text), column("region", Text)],
        hidden: &["billing_key"],
        not_for_analyst: &[],
        tenant: Some("id"),
        bound: None,
        unique: &["id"],
    },
    Table {
        name: "tickets",
        readers: &[Support],
        columns: &[
            column("id", Key),
            column("tenant_id", Number),
            column("customer_id", Key),
            column("subject", Text),
            column("body", Text),
            column("status", Text),
            column("priority", Number),
            column("assignee", CiText),
            column("created_at", Time),
            column("closed_at", Time),
        ],
        hidden: &[],
        not_for_analyst: &[],
        tenant: Some("tenant_id"),
        bound: Some(("id", 5)),
        unique: &["id"],
    },
    Table {
        name: "messages",
        readers: &[Support],
        columns: &[
            column("id", Uuid),
            column("ticket_id", Key),
            column("tenant_id", Number),
            column("author", Text),
            column("body", Text),
            column("sent_at", Time),
        ],
        hidden: &[],
        not_for_analyst: &[],
        tenant: Some("tenant_id"),
        bound: Some(("ticket_id", 5)),
        unique: &["id"],
    },
    Table {
        name: "events",
        readers: &[Analyst],
        columns: &[column("tenant_id", Number), column("at", Time), column("kind", Text), column("payload", Json)],
        hidden: &[],
        not_for_analyst: &[],
        tenant: Some("tenant_id"),
        bound: None,
        unique: &["tenant_id", "at", "kind", "payload"],
    },
];

/// Tables that no persona reads.
pub const FORBIDDEN: [(&str, &str); 4] =
    [("employees", "name"), ("api_keys", "secret"), ("archive.customers", "email"), ("customer_directory", "reference")];

/// Left table, left column, right table, right column: an equality that bounds one by the other.
pub const EDGES: [(&str, &str, &str, &str); 7] = [
    ("customers", "id", "orders", "customer_id"),
    ("orders", "id", "order_items", "order_id"),
    ("order_items", "product_id", "products", "id"),
    ("customers", "id", "tickets", "customer_id"),
    ("tickets", "id", "messages", "ticket_id"),
    ("orders", "tenant_id", "tenants", "id"),
    ("customers", "tenant_id", "tenants", "id"),
];

impl Table {
    pub fn readable_by(&self, persona: Persona) -> bool {
        self.readers.contains(&persona)
    }

    pub fn visible(&self, persona: Persona) -> impl Iterator<Item = &'static Column> {
        let without = if persona == Analyst { self.not_for_analyst } else { &[] };
        self.columns.iter().filter(move |column| !without.contains(&column.name))
    }

    /// Only tokens with a predicate need the tenant pinned.
    pub fn pinned(&self, persona: Persona) -> Option<&'static str> {
        match persona {
            Support | Writer => self.tenant,
            Analyst => None,
        }
    }
}

pub fn table(name: &str) -> &'static Table {
    static ALL: [Table; 8] = TABLES;
    ALL.iter().find(|table| table.name == name).expect("an edge names a table of the schema")
}
