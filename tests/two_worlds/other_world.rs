//! The other world: a copy of the database where everything that a persona's grants do not show is something else.
//!
//! Rows inside the grants stay as they are in the granted columns, and in their order on disk. All others are changed in
//! every column, taken out, given another key, or doubled, wherever a constraint allows it.

use super::grammar::Persona;
use std::fmt::Write as _;

/// A table and what its hidden rows become.
struct Change {
    table: &'static str,
    /// Column, and what a row outside the grants has there.
    columns: &'static [(&'static str, &'static str)],
    /// Hidden rows that are taken out.
    removed: &'static str,
    /// Hidden rows that come a second time, and the columns by which they then differ.
    twice: (&'static str, &'static [(&'static str, &'static str)]),
}

/// How much of a table a persona sees.
#[derive(Clone, Copy)]
enum Seen {
    Nothing,
    Rows(&'static str),
    All,
}

/// What a text of a hidden row becomes: sometimes a number, a date or nothing, so that a cast that failed does not now, and the reverse.
const TEXT: &str = "(ARRAY['0', 'hidden', '2026-01-01', '', '7', 'c81e728d-9d4c-2f63-6f06-7f89cc14862c', 'zz'])[1 + id % 7]";
const OTHER_TENANT: &str = "CASE (tenant_id * 3) % 20 + 1 WHEN 7 THEN 9 ELSE (tenant_id * 3) % 20 + 1 END";

const CHANGES: &[Change] = &[
    Change {
        table: "public.tenants",
        columns: &[
            ("id", "id"),
            ("name", "'hidden ' || id"),
            ("plan", TEXT),
            ("region", "'nowhere'"),
            ("billing_key", "'other ' || id"),
        ],
        removed: "id IN (3, 4, 8)",
        twice: ("id > 10", &[("id", "id + 20"), ("name", "'more ' || id")]),
    },
    Change {
        table: "public.customers",
        columns: &[
            ("id", "CASE WHEN id % 5 = 1 THEN id + 200000 ELSE id END"),
            ("tenant_id", OTHER_TENANT),
            ("name", TEXT),
            ("email", "id || '@hidden.example'"),
            ("phone", "NULLIF(left(phone, -2) || 9, '')"),
            ("plan", TEXT),
            ("tags", "CASE WHEN id % 2 = 0 THEN '{7}'::text[] ELSE '{}' END"),
            ("profile", r#"(ARRAY['{"lang": "7"}', '[]', 'null', '{"lang": null}']::jsonb[])[1 + id % 4]"#),
            ("ssn", "'1'"),
            ("password_hash", "md5(id::text)"),
            ("created_at", "created_at + interval '77 days'"),
            ("external_id", "md5('other' || id)::uuid"),
        ],
        removed: "id % 5 = 0",
        twice: (
            "id % 3 = 0",
            &[("id", "id + 300000"), ("email", "id || '@twice.example'"), ("external_id", "md5('twice' || id)::uuid")],
        ),
    },
    Change {
        table: "public.orders",
        columns: &[
            ("id", "CASE WHEN id % 5 = 1 THEN id + 200000 ELSE id END"),
            ("tenant_id", OTHER_TENANT),
            ("customer_id", "1 + (customer_id * 7) % 5000"),
            ("status", "(enum_range(NULL::public.order_status))[1 + (id + 1) % 6]"),
            ("total_cents", "id % 60"),
            ("note", TEXT),
            ("placed_on", "placed_on + (id % 9)::int"),
            ("created_at", "created_at - interval '3 hours'"),
        ],
        removed: "id % 5 = 0",
        twice: ("id % 3 = 0", &[("id", "id + 300000")]),
    },
    Change {
        table: "public.order_items",
        columns: &[
            ("order_id", "CASE WHEN order_id % 5 = 1 THEN order_id + 200000 ELSE order_id END"),
            ("line_no", "line_no + 10"),
            ("tenant_id", OTHER_TENANT),
            ("product_id", "1 + (product_id * 3) % 500"),
            ("quantity", "1 + (quantity * 7) % 60"),
            ("price_cents", "(order_id + line_no) % 60"),
        ],
        removed: "order_id % 5 = 0",
        twice: ("order_id % 3 = 0", &[("line_no", "line_no + 20")]),
    },
    Change {
        table: "public.tickets",
        columns: &[
            ("id", "CASE WHEN id % 5 = 1 THEN id + 200000 ELSE id END"),
            ("tenant_id", OTHER_TENANT),
            ("customer_id", "1 + (customer_id * 7) % 5000"),
            ("subject", TEXT),
            ("body", TEXT),
            ("status", "(ARRAY['7', 'open', 'closed'])[1 + id % 3]"),
            ("priority", "(id % 60)::smallint"),
            ("assignee", "'7'"),
            ("created_at", "created_at - interval '3 hours'"),
            ("closed_at", "CASE WHEN closed_at IS NULL THEN created_at END"),
        ],
        removed: "id % 5 = 0",
        twice: ("id % 3 = 0", &[("id", "id + 300000")]),
    },
    Change {
        table: "public.messages",
        columns: &[
            ("id", "md5('other' || id)::uuid"),
            ("ticket_id", "CASE WHEN ticket_id % 5 = 1 THEN ticket_id + 200000 ELSE ticket_id END"),
            ("tenant_id", OTHER_TENANT),
            ("author", "(ARRAY['7', 'nobody'])[1 + ticket_id % 2]"),
            ("body", "(ARRAY['0', 'hidden'])[1 + ticket_id % 2]"),
            ("sent_at", "sent_at - interval '3 hours'"),
        ],
        removed: "ticket_id % 5 = 0",
        twice: ("ticket_id % 3 = 0", &[("id", "md5('twice' || id)::uuid")]),
    },
    Change {
        table: "public.events",
        columns: &[("tenant_id", OTHER_TENANT), ("at", "at"), ("kind", "'hidden'"), ("payload", r#"'{"lang": "7"}'"#)],
        removed: "tenant_id % 5 = 0",
        twice: ("tenant_id % 3 = 0", &[]),
    },
    Change {
        table: "public.employees",
        columns: &[("id", "id + 7"), ("name", "'hidden'"), ("salary", "0"), ("iban", "'7'")],
        removed: "id % 5 = 0",
        twice: ("id % 3 = 0", &[("id", "id + 500")]),
    },
    Change {
        table: "public.api_keys",
        columns: &[("id", "id + 7"), ("tenant_id", "7"), ("secret", "'7'")],
        removed: "id % 5 = 0",
        twice: ("id % 3 = 0", &[("id", "id + 500")]),
    },
    Change {
        table: "archive.customers",
        columns: &[("id", "id"), ("tenant_id", "7"), ("name", "'7'"), ("email", "'7'"), ("ssn", "'7'"), ("password_hash", "'7'")],
        removed: "id % 5 = 0",
        twice: ("id % 3 = 0", &[]),
    },
];

/// Columns of granted rows that the persona does not see, with what they become.
fn hidden_columns(persona: Persona, table: &str) -> &'static [(&'static str, &'static str)] {
    match (persona, table) {
        (Persona::Support, "public.customers") => &[("ssn", "'1'"), ("password_hash", "md5('other' || id)")],
        (Persona::Support | Persona::Analyst, "public.tenants") => &[("billing_key", "'other ' || id")],
        (Persona::Analyst, "public.orders") => &[("note", TEXT)],
        (Persona::Analyst, "public.order_items") => &[("tenant_id", OTHER_TENANT)],
        _ => &[],
    }
}

fn seen(persona: Persona, table: &str) -> Seen {
    let tenant_7 = Seen::Rows("tenant_id = 7");
    match (persona, table) {
        (Persona::Support | Persona::Writer, "public.orders" | "public.order_items") => tenant_7,
        (Persona::Support, "public.customers" | "public.tickets" | "public.messages") => tenant_7,
        (Persona::Support, "public.tenants") => Seen::Rows("id = 7"),
        (Persona::Analyst, "public.orders" | "public.order_items" | "public.tenants" | "public.events") => Seen::All,
        _ => Seen::Nothing,
    }
}

/// The statements that make a copy of the base world the persona's other world.
pub fn script(persona: Persona) -> String {
    let mut script = "SET session_replication_role = replica;\n".to_owned();
    for change in CHANGES {
        let (kept, others) = match seen(persona, change.table) {
            Seen::Nothing => ("false", "true".to_owned()),
            Seen::Rows(rows) => (rows, format!("({rows}) IS NOT TRUE")),
            Seen::All => ("true", "false".to_owned()),
        };
        let hidden = hidden_columns(persona, change.table);
        if kept == "true" && hidden.is_empty() {
            continue;
        }
        rewrite(&mut script, change, kept, &others, hidden);
    }
    script + "RESET session_replication_role;\nREFRESH MATERIALIZED VIEW public.revenue_by_tenant;\nANALYZE;\n"
}

fn rewrite(script: &mut String, change: &Change, kept: &str, others: &str, hidden: &[(&str, &str)]) {
    let Change { table, columns, removed, twice: (again, differences) } = change;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let replaced = |by: &[(&str, &str)], default: &dyn Fn(&str, &str) -> String| -> String {
        let of = |(name, other): &(&str, &str)| {
            by.iter().find(|(column, _)| column == name).map_or_else(|| default(name, other), |(_, value)| (*value).to_owned())
        };
        columns.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let as_was = replaced(hidden, &|name, _| name.to_owned());
    let other = replaced(&[], &|_, other| other.to_owned());
    let once_more = replaced(differences, &|_, other| other.to_owned());
    let names = names.join(", ");
    write!(
        script,
        "CREATE TEMP TABLE was AS SELECT tableoid AS part, ctid AS place, * FROM {table};
         DELETE FROM {table};
         INSERT INTO {table} ({names}) SELECT {names} FROM (
             SELECT part, place, {as_was} FROM was WHERE {kept}
             UNION ALL SELECT part, place, {other} FROM was WHERE {others} AND NOT ({removed})
             UNION ALL SELECT part, place, {once_more} FROM was WHERE {others} AND {again}
         ) AS rows (part, place, {names}) ORDER BY part, place;
         DROP TABLE was;\n"
    )
    .expect("a String takes everything");
}
