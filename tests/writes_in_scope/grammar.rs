//! Random writes over the sample schema, biased to plausible ones that a persona's token permits.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    Writer,
    Support,
}

impl Persona {
    pub fn name(self) -> &'static str {
        match self {
            Persona::Writer => "writer",
            Persona::Support => "support",
        }
    }
}

/// One statement; the same for the same seed and persona.
pub fn generate(seed: u64, persona: Persona) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let careful = rng.gen_bool(0.5);
    let mut author = Author { rng, careful };
    match persona {
        Persona::Writer => author.writer(),
        Persona::Support => author.support(),
    }
}

struct Author {
    rng: StdRng,
    /// Knows the token and makes no slips.
    careful: bool,
}

impl Author {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.gen_range(0..100) < percent
    }

    fn slip(&mut self, percent: u32) -> bool {
        !self.careful && self.chance(percent)
    }

    fn pick(&mut self, items: &[&str]) -> String {
        items[self.rng.gen_range(0..items.len())].to_owned()
    }

    /// Of an order or a ticket: tenant 7 has those that leave 5 over 20.
    fn key(&mut self) -> u32 {
        let own = self.rng.gen_range(0..9) * 20 + 5;
        if self.slip(15) { own + self.rng.gen_range(1..20) } else { own }
    }

    /// Values that a new row gets as its tenant.
    fn tenant(&mut self) -> String {
        if self.slip(20) {
            self.pick(&["8", "NULL", "DEFAULT", "7.4", "'7'", "6 + 2", "(SELECT 8)", "-7"])
        } else {
            "7".to_owned()
        }
    }

    /// A condition that holds for the rows of tenant 7, or looks as if it did.
    fn pin(&mut self, column: &str) -> String {
        if self.slip(25) {
            let form = self.pick(&[
                "# = 8",
                "# IN (7, 8)",
                "# >= 7",
                "# BETWEEN 6 AND 8",
                "(# = 7 OR # = 8)",
                "# <> 8",
                "NOT (# = 8)",
                "true",
                "# IS NOT NULL",
                "# + 0 = 7",
                "coalesce(#, 7) = 7",
                "(# = 7 OR 1 = 1)",
                "# = ANY (ARRAY[7, 8])",
                "# % 20 = 7",
            ]);
            return form.replace('#', column);
        }
        let form = self.pick(&["# = 7", "# = 7", "# = 7", "# IN (7)", "# BETWEEN 7 AND 7", "7 = #", "# = ANY (ARRAY[7])"]);
        form.replace('#', column)
    }

    fn bound(&mut self, column: &str) -> String {
        let (one, other) = (self.key(), self.key());
        match self.rng.gen_range(0..5) {
            0 => format!("{column} IN ({one}, {other})"),
            1 => format!("({column} = {one} OR {column} = {other})"),
            2 => format!("{column} = ANY (ARRAY[{one}, {other}])"),
            _ => format!("{column} = {one}"),
        }
    }

    fn and(&mut self, alias: &str, bound: &str) -> String {
        let mut parts = vec![self.bound(&format!("{alias}{bound}")), self.pin(&format!("{alias}tenant_id"))];
        if self.chance(25) {
            parts.push(match bound {
                "order_id" => format!("{alias}line_no {}", self.pick(&["= 1", "IN (1, 2)", "< 3", ">= 2"])),
                _ => format!("{alias}status {}", self.pick(&["<> 'new'", "= 'open'", "IS NOT NULL"])),
            });
        }
        if self.slip(15) {
            parts.remove(self.rng.gen_range(0..parts.len()));
        }
        if self.slip(5) { parts.join(" OR ") } else { parts.join(" AND ") }
    }

    fn returning(&mut self, columns: &[&str]) -> String {
        match self.rng.gen_range(0..4) {
            0 => format!(" RETURNING {}", self.pick(columns)),
            1 if self.chance(40) => " RETURNING *".to_owned(),
            _ => String::new(),
        }
    }

    fn writer(&mut self) -> String {
        match self.rng.gen_range(0..12) {
            0 => self.insert_orders(),
            1 => self.insert_items(),
            2 | 3 => self.upsert(),
            4 | 5 => self.update_orders(),
            6 | 7 => self.update_items(),
            8 => self.delete(),
            9 => self.merge_items(),
            10 => self.merge_orders(),
            _ => self.writing_cte(),
        }
    }

    fn insert_orders(&mut self) -> String {
        let rows: Vec<String> = (0..self.rng.gen_range(1..4))
            .map(|_| {
                let status = self.pick(&["'new'", "'paid'", "DEFAULT", "'shipped'"]);
                let note = self.pick(&["NULL", "'by hand'", "upper('x')", "DEFAULT", "'it''s'"]);
                format!("({}, 6, {status}, {}, {note})", self.tenant(), self.rng.gen_range(0..5000))
            })
            .collect();
        let returning = self.returning(&["id", "id, note", "tenant_id, created_at"]);
        format!("INSERT INTO orders (tenant_id, customer_id, status, total_cents, note) VALUES {}{returning}", rows.join(", "))
    }

    fn insert_items(&mut self) -> String {
        let (order, line) = (self.key(), self.rng.gen_range(3..9));
        if self.chance(50) {
            let tenant = self.tenant();
            return format!(
                "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
                 VALUES ({order}, {line}, {tenant}, 3, {}, 100)",
                self.rng.gen_range(0..4)
            );
        }
        let (source, condition) = if self.chance(50) {
            ("products p".to_owned(), "p.id = 20".to_owned())
        } else {
            ("orders p".to_owned(), self.and("p.", "id"))
        };
        let tenant = match self.rng.gen_range(0..3) {
            0 if source.starts_with("orders") => "p.tenant_id".to_owned(),
            _ => self.tenant().replace("DEFAULT", "7"),
        };
        format!(
            "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
             SELECT {order}, {line}, {tenant}, 4, 1, 100 FROM {source} WHERE {condition}"
        )
    }

    fn upsert(&mut self) -> String {
        let (key, line, tenant) = (self.key(), self.rng.gen_range(1..6), self.tenant());
        if self.chance(60) {
            let set = if self.slip(15) {
                self.pick(&["tenant_id = EXCLUDED.tenant_id", "product_id = 1", "tenant_id = 8", "order_id = 26"])
            } else {
                self.pick(&[
                    "quantity = EXCLUDED.quantity",
                    "quantity = order_items.quantity + 1",
                    "price_cents = 5, quantity = 2",
                ])
            };
            let filter = if self.slip(30) { String::new() } else { format!(" WHERE {}", self.pin("order_items.tenant_id")) };
            let action = if self.chance(20) { "DO NOTHING".to_owned() } else { format!("DO UPDATE SET {set}{filter}") };
            return format!(
                "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
                 VALUES ({key}, {line}, {tenant}, 3, 2, 121) ON CONFLICT (order_id, line_no) {action}"
            );
        }
        let set = if self.slip(15) {
            self.pick(&["tenant_id = 8", "customer_id = 1", "id = 26"])
        } else {
            self.pick(&["note = EXCLUDED.note", "total_cents = 0", "note = 'again', status = 'paid'"])
        };
        let filter = if self.slip(30) { String::new() } else { format!(" WHERE {}", self.pin("orders.tenant_id")) };
        let returning = self.returning(&["id", "note"]);
        format!(
            "INSERT INTO orders (id, tenant_id, customer_id, note) VALUES ({key}, {tenant}, 6, 'up') \
             ON CONFLICT (id) DO UPDATE SET {set}{filter}{returning}"
        )
    }

    fn set_of_orders(&mut self) -> String {
        if self.slip(15) {
            return self.pick(&["tenant_id = 8", "customer_id = 1", "note = 'x', tenant_id = tenant_id", "id = 26"]);
        }
        self.pick(&[
            "note = 'x'",
            "status = 'packed'",
            "total_cents = 100",
            "note = upper(note)",
            "status = 'paid', note = NULL",
            "(note, total_cents) = ROW ('y', 7)",
            "note = DEFAULT",
            "note = (SELECT p.name FROM products p WHERE p.id = 3)",
        ])
    }

    fn update_orders(&mut self) -> String {
        let set = self.set_of_orders();
        let returning = self.returning(&["o.id", "o.note, o.status"]);
        let condition = self.and("o.", "id");
        match self.rng.gen_range(0..4) {
            0 => {
                let joined = self.and("i.", "order_id");
                format!(
                    "UPDATE orders o SET {set} FROM order_items i WHERE i.order_id = o.id AND {condition} AND {joined}{returning}"
                )
            }
            1 => {
                let inner = self.and("i.", "order_id");
                format!(
                    "UPDATE orders o SET {set} WHERE {condition} AND EXISTS (SELECT 1 FROM order_items i WHERE {inner}){returning}"
                )
            }
            _ => format!("UPDATE orders o SET {set} WHERE {condition}{returning}"),
        }
    }

    fn update_items(&mut self) -> String {
        let set = if self.slip(15) {
            self.pick(&["tenant_id = 8", "order_id = 26", "product_id = 2", "line_no = 9"])
        } else {
            self.pick(&["quantity = 3", "quantity = quantity + 1", "price_cents = 50", "quantity = 2, price_cents = 9"])
        };
        let condition = self.and("", "order_id");
        let returning = self.returning(&["order_id, line_no", "quantity"]);
        format!("UPDATE order_items SET {set} WHERE {condition}{returning}")
    }

    fn delete(&mut self) -> String {
        let condition = self.and("i.", "order_id");
        let returning = self.returning(&["i.line_no", "i.order_id, i.price_cents"]);
        match self.rng.gen_range(0..5) {
            0 => {
                let other = self.and("o.", "id");
                format!("DELETE FROM order_items i USING orders o WHERE o.id = i.order_id AND {condition} AND {other}{returning}")
            }
            1 if !self.careful => format!("DELETE FROM orders i WHERE i.id = {} AND i.tenant_id = 7", self.key()),
            _ => format!("DELETE FROM order_items i WHERE {condition}{returning}"),
        }
    }

    fn merge_items(&mut self) -> String {
        let (key, pin) = (self.key(), self.pin("i.tenant_id"));
        let action = if self.slip(15) {
            self.pick(&["UPDATE SET tenant_id = 8", "UPDATE SET order_id = v.q", "UPDATE SET product_id = v.q"])
        } else {
            self.pick(&["UPDATE SET quantity = v.q", "DELETE", "DO NOTHING", "UPDATE SET quantity = i.quantity + v.q"])
        };
        let tenant = self.tenant();
        let missing = match self.rng.gen_range(0..3) {
            0 => format!(
                " WHEN NOT MATCHED THEN INSERT (order_id, line_no, tenant_id, product_id, quantity, price_cents) \
                 VALUES ({key}, v.l, {tenant}, 3, v.q, 10)"
            ),
            1 => " WHEN NOT MATCHED THEN DO NOTHING".to_owned(),
            _ => String::new(),
        };
        let and = if self.chance(25) { " AND i.quantity > 1" } else { "" };
        format!(
            "MERGE INTO order_items i USING (VALUES (1, 2), (7, 3)) v(l, q) ON i.order_id = {key} AND {pin} AND i.line_no = v.l \
             WHEN MATCHED{and} THEN {action}{missing}"
        )
    }

    fn merge_orders(&mut self) -> String {
        let (key, pin, set) = (self.key(), self.pin("o.tenant_id"), self.set_of_orders());
        let missing = self.pick(&["", " WHEN NOT MATCHED THEN DO NOTHING"]);
        let set = set.replace("note = upper(note)", "note = upper(o.note)").replace("tenant_id = tenant_id", "tenant_id = 7");
        format!(
            "MERGE INTO orders o USING (SELECT {key}::bigint AS id) s ON o.id = s.id AND {pin} WHEN MATCHED THEN UPDATE SET {set}{missing}"
        )
    }

    fn writing_cte(&mut self) -> String {
        let condition = self.and("", "order_id");
        let write = match self.rng.gen_range(0..3) {
            0 => format!("DELETE FROM order_items WHERE {condition} RETURNING *"),
            1 => format!("UPDATE order_items SET quantity = 4 WHERE {condition} RETURNING *"),
            _ => format!(
                "INSERT INTO orders (tenant_id, customer_id) VALUES ({}, 6) RETURNING id AS line_no, tenant_id",
                self.tenant()
            ),
        };
        match self.rng.gen_range(0..3) {
            0 => {
                let other = self.and("o.", "id");
                format!("WITH x AS ({write}) UPDATE orders o SET note = 'cte' WHERE {other}")
            }
            1 => format!("WITH x AS ({write}) SELECT line_no FROM x"),
            _ => format!("WITH x AS ({write}) SELECT count(*) FROM x"),
        }
    }

    fn support(&mut self) -> String {
        match self.rng.gen_range(0..8) {
            0 | 1 => self.insert_messages(),
            2 => {
                let (key, pin, set) = (self.key(), self.pin("t.tenant_id"), self.set_of_tickets());
                format!(
                    "MERGE INTO tickets t USING (VALUES ({key}, 'x')) v(id, w) ON t.id = v.id AND {pin} WHEN MATCHED THEN UPDATE SET {set}"
                )
            }
            3 => {
                let (condition, set) = (self.and("", "id"), self.set_of_tickets());
                format!("WITH x AS (UPDATE tickets SET {set} WHERE {condition} RETURNING id, status) SELECT * FROM x")
            }
            4 => {
                let (condition, set, other) = (self.and("t.", "id"), self.set_of_tickets(), self.pin("c.tenant_id"));
                format!("UPDATE tickets t SET {set} FROM customers c WHERE c.id = t.customer_id AND {other} AND {condition}")
            }
            _ => {
                let (condition, set) = (self.and("", "id"), self.set_of_tickets());
                let returning = self.returning(&["id, status", "assignee"]);
                format!("UPDATE tickets SET {set} WHERE {condition}{returning}")
            }
        }
    }

    fn set_of_tickets(&mut self) -> String {
        if self.slip(15) {
            return self.pick(&["tenant_id = 8", "body = 'x'", "customer_id = 1", "subject = 'x', status = 'open'"]);
        }
        self.pick(&[
            "status = 'closed'",
            "priority = 1",
            "assignee = 'me'",
            "status = 'closed', closed_at = now()",
            "closed_at = NULL",
        ])
    }

    fn insert_messages(&mut self) -> String {
        let (key, tenant) = (self.key(), self.tenant());
        let columns =
            if self.slip(10) { "ticket_id, tenant_id, author, body, sent_at" } else { "ticket_id, tenant_id, author, body" };
        let more = if columns.ends_with("sent_at") { ", now()" } else { "" };
        if self.chance(30) {
            let condition = self.and("t.", "id");
            let tenant = if self.chance(50) { "t.tenant_id".to_owned() } else { tenant.replace("DEFAULT", "7") };
            return format!(
                "INSERT INTO messages ({columns}) SELECT t.id, {tenant}, 'me', 'text'{more} FROM tickets t WHERE {condition}"
            );
        }
        let returning = self.returning(&["body", "ticket_id, author", "id"]);
        format!("INSERT INTO messages ({columns}) VALUES ({key}, {tenant}, 'me', 'text'{more}){returning}")
    }
}
