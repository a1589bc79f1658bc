"""Writes and the verdict that each must get; written to writes.jsonl by running this file.

Tenant 7 of the shop: customers 6, 26, 46, …; orders 5, 25, 45, … (tenant 1 + (1 + id) % 20); order 46 is of tenant 8.
"""

rows = []


def row(cls, persona, want, sql, why, params=None, types=None, grants=None):
    r = {"id": "", "class": cls, "want": want, "persona": persona, "sql": sql, "why": why}
    if params is not None:
        r["params"] = params
    if types is not None:
        r["types"] = types
    if grants is not None:
        r["grants"] = grants
    rows.append(r)


ok, outside, scan = "permit", "predicate_not_implied", "unbounded_scan"
node, column, relation, hidden = "node_not_allowed", "column_not_granted", "relation_not_granted", "column_hidden"

# insert
for want, values, why in [
    (ok, "(tenant_id, customer_id) VALUES (7, 6)", "a constant"),
    (ok, "(customer_id, tenant_id) VALUES (6, 7)", "columns in any order"),
    (ok, "(tenant_id, customer_id, status, total_cents, note) VALUES (7, 6, 'paid', 100, NULL)", "NULL in a free column"),
    (ok, "(tenant_id, customer_id, status) VALUES (7, 6, DEFAULT), (7, 26, 'paid')", "DEFAULT in a free column"),
    (ok, "VALUES (900001, 7, 6, 'new', 0, 'x', '2026-01-01', now())", "no column list"),
    (ok, "(id, tenant_id, customer_id) VALUES (DEFAULT, 7, 6), (DEFAULT, 7, 26)", "identity"),
    (ok, "(id, tenant_id, customer_id) VALUES (DEFAULT, 7, 6), (900002, 7, 26)", "identity mixed"),
    (ok, "(tenant_id, customer_id) SELECT 7, 6", "a SELECT of constants"),
    (ok, "(tenant_id, customer_id) SELECT 7, o.customer_id FROM orders o WHERE o.id = 5 AND o.tenant_id = 7", "own rows"),
    (ok, "(tenant_id, customer_id) SELECT o.tenant_id, o.customer_id FROM orders o WHERE o.id = 5 AND o.tenant_id = 7", "a column that is pinned"),
    (ok, "(tenant_id, customer_id) SELECT v.t, v.c FROM (VALUES (7, 6::bigint), (7, 26)) v(t, c)", "VALUES in FROM"),
    (ok, "(tenant_id, customer_id) SELECT 7, g * 20 + 6 FROM generate_series(1, 3) g", "a short series"),
    (ok, "(tenant_id, customer_id) WITH x AS (SELECT 7 AS t) SELECT x.t, 6 FROM x", "a CTE"),
    (ok, "(tenant_id, customer_id) VALUES (3 + 4, 6)", "a constant expression"),
    (ok, "(tenant_id, customer_id) VALUES ('7', 6)", "a literal of the column's type"),
    (ok, "(tenant_id, customer_id) VALUES (7::smallint, 6)", "a cast"),
    (outside, "(tenant_id, customer_id) VALUES ((SELECT 7 WHERE false), 6)", "a subquery without a row is NULL"),
    (outside, "(tenant_id, customer_id) VALUES ((SELECT 7), 6)", "a subquery: whether it has a row is not looked at"),
    (ok, "(tenant_id, customer_id, total_cents) VALUES (7, 6, 100) RETURNING id, tenant_id, created_at", "RETURNING the own row"),
    (ok, "(tenant_id, customer_id) VALUES (7, 6) RETURNING *", "RETURNING all of it"),
    (outside, "(tenant_id, customer_id) VALUES (8, 6)", "another tenant"),
    (outside, "(tenant_id, customer_id) VALUES (7, 6), (8, 7)", "one bad row"),
    (outside, "(tenant_id, customer_id) VALUES (7, 6), (7, 26), (7, 46), (7, 66), (8, 7)", "the last row is bad"),
    (outside, "(tenant_id, customer_id) VALUES (7, 6), (NULL, 7)", "NULL is no tenant"),
    (outside, "(tenant_id, customer_id) VALUES (7, 6), (DEFAULT, 7)", "the default is no tenant"),
    (outside, "(tenant_id, customer_id) VALUES (NULL, 6)", "NULL"),
    (outside, "(tenant_id, customer_id) VALUES (DEFAULT, 6)", "DEFAULT"),
    (outside, "(customer_id) VALUES (6)", "the column left out"),
    (outside, "DEFAULT VALUES", "all columns left out"),
    (outside, "VALUES (900001, 8, 6)", "no column list"),
    (outside, "(tenant_id, customer_id) SELECT 8, 6", "a SELECT of constants"),
    (outside, "(tenant_id, customer_id) SELECT id, 6 FROM products WHERE id = 7 OR id = 8", "may be another"),
    (outside, "(tenant_id, customer_id) SELECT id, 6 FROM products", "any product's number"),
    (outside, "(tenant_id, customer_id) SELECT o.customer_id::int, 6 FROM orders o WHERE o.id = 5 AND o.tenant_id = 7", "another column"),
    (outside, "(tenant_id, customer_id) SELECT v.t, 6 FROM (VALUES (7), (8)) v(t)", "VALUES in FROM with a bad row"),
    (outside, "(tenant_id, customer_id) SELECT v.t, 6 FROM (VALUES (7), (NULL)) v(t)", "VALUES in FROM with a NULL"),
    (outside, "(tenant_id, customer_id) SELECT v.t, 6 FROM (SELECT 1) a LEFT JOIN (VALUES (7)) v(t) ON random() > 0.5", "an outer join makes NULL of it"),
    (outside, "(tenant_id, customer_id) SELECT p.id, 6 FROM (SELECT 1 AS x) a LEFT JOIN products p ON p.id = 7", "an outer join makes NULL of it"),
    (outside, "(tenant_id, customer_id) SELECT g, 6 FROM generate_series(7, 8) g", "a series"),
    (outside, "(tenant_id, customer_id) VALUES (7 + (random() * 2)::int, 6)", "random"),
    (outside, "(tenant_id, customer_id) VALUES (CASE WHEN now() > '2020-01-01' THEN 8 ELSE 7 END, 6)", "computed"),
    (outside, "(tenant_id, customer_id) VALUES (coalesce(NULL, 8), 6)", "computed"),
    (outside, "(tenant_id, customer_id) SELECT sum(x), 6 FROM (VALUES (7), (1)) v(x) WHERE x = 7 OR x = 1", "an aggregate"),
    (outside, "(tenant_id, customer_id) SELECT max(x), 6 FROM (VALUES (7)) v(x) WHERE false", "an aggregate over nothing is NULL"),
    (outside, "(tenant_id, customer_id) SELECT o.tenant_id + 1, 6 FROM orders o WHERE o.id = 5 AND o.tenant_id = 7", "arithmetic on the pinned column"),
    (outside, "(tenant_id, customer_id) SELECT 7, 6 UNION ALL SELECT 8, 6", "an arm of a union"),
    (outside, "(tenant_id, customer_id) SELECT o.tenant_id, 1 FROM orders o WHERE o.id = 46", "copies another tenant's order"),
    (outside, "(tenant_id, customer_id, note) SELECT 7, 6, o.note FROM orders o WHERE o.id = 46", "copies another tenant's note"),
    (scan, "(tenant_id, customer_id) SELECT 7, o.customer_id FROM orders o WHERE o.tenant_id = 7", "an unbounded source"),
    (relation, "(tenant_id, customer_id, note) SELECT 7, 6, secret FROM api_keys WHERE id = 1", "a table never granted"),
    (relation, "(tenant_id, customer_id, note) VALUES (7, 6, (SELECT secret FROM api_keys WHERE id = 1))", "in a subquery"),
    (relation, "(tenant_id, customer_id) VALUES (7, 6) RETURNING (SELECT secret FROM api_keys WHERE id = 1)", "in RETURNING"),
    ("function_not_allowed", "(tenant_id, customer_id, note) VALUES (7, 6, leaky_eq('a', 'b')::text)", "a function that is not allowed"),
    ("function_not_allowed", "(tenant_id, customer_id, id) VALUES (7, 6, nextval('invoice_no'))", "another sequence"),
    (node, "(id, tenant_id, customer_id) OVERRIDING USER VALUE VALUES (1, 7, 6)", "the identity is not what is written"),
    (ok, "(id, tenant_id, customer_id) OVERRIDING SYSTEM VALUE VALUES (900003, 7, 6)", "harmless"),
]:
    row("write_scope" if want != ok else "insert", "writer", want, f"INSERT INTO orders {values}", why)
for want, sql, why in [
    (relation, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6)", "no grant of INSERT"),
    (relation, "INSERT INTO customers (tenant_id, name, email, ssn, password_hash) VALUES (7, 'x', 'y', 'z', 'h')", "no grant of INSERT"),
    (relation, "INSERT INTO archive.customers (tenant_id) VALUES (7)", "another schema"),
    (relation, "INSERT INTO archive.messages (tenant_id) VALUES (7)", "another schema"),
    (relation, "INSERT INTO api_keys VALUES (1, 7, 'x')", "never granted"),
    (relation, "INSERT INTO pg_catalog.pg_class DEFAULT VALUES", "a catalogue"),
    (ok, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (7085, 7, 'agent', 'x')", "granted columns"),
    (ok, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (7085, 7, 'agent', 'x') RETURNING id, sent_at", "defaults may be read back"),
    (column, "INSERT INTO messages (id, ticket_id, tenant_id, author, body) VALUES (gen_random_uuid(), 7085, 7, 'a', 'x')", "id is not in the list"),
    (column, "INSERT INTO messages (ticket_id, tenant_id, author, body, sent_at) VALUES (7085, 7, 'a', 'x', now())", "sent_at is not in the list"),
    (column, "INSERT INTO messages VALUES (gen_random_uuid(), 7085, 7, 'a', 'x')", "no column list"),
    (outside, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (7085, 8, 'agent', 'x')", "another tenant"),
    (ok, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT t.id, t.tenant_id, 'a', 'b' FROM tickets t WHERE t.id = 25 AND t.tenant_id = 7", "through the ticket"),
    (outside, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT t.id, t.tenant_id, 'a', 'b' FROM tickets t WHERE t.id = 25", "the ticket's tenant is not said"),
    (outside, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 25, 7, 'a', c.email FROM customers c WHERE c.id = 27 AND c.tenant_id = 8", "copies another tenant's address"),
    (hidden, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 25, 7, 'a', c.ssn FROM customers c WHERE c.id = 26 AND c.tenant_id = 7", "copies a hidden column"),
    (hidden, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 25, 7, 'a', c::text FROM customers c WHERE c.id = 26 AND c.tenant_id = 7", "copies a whole row"),
    ("row_limit", "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES " + ", ".join(["(25, 7, 'a', 'b')"] * 11), "eleven rows; the grant allows ten"),
    (ok, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES " + ", ".join(["(25, 7, 'a', 'b')"] * 10), "ten rows"),
    (ok, "INSERT INTO messages AS m (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') RETURNING m.id, (SELECT t.subject FROM tickets t WHERE t.id = 25 AND t.tenant_id = 7)", "a subquery in RETURNING"),
    (outside, "INSERT INTO messages AS m (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') RETURNING (SELECT t.subject FROM tickets t WHERE t.id = 26)", "a subquery in RETURNING"),
    (ok, "INSERT INTO messages AS m (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') RETURNING (SELECT t.subject FROM tickets t WHERE t.id = 25 AND t.tenant_id = m.tenant_id)", "the new row's own tenant"),
]:
    row("write_scope" if want != ok else "insert", "support", want, sql, why)

# update
for want, sql, why in [
    (ok, "UPDATE orders SET status = 'packed' WHERE id = 5 AND tenant_id = 7", "pinned and implied"),
    (ok, "UPDATE orders o SET note = o.note || '!' WHERE o.id IN (5, 25) AND o.tenant_id = 7", "reads its own column"),
    (ok, "UPDATE orders SET (status, note) = ('packed', 'x') WHERE id = 5 AND tenant_id = 7", "a list"),
    (ok, "UPDATE orders SET (status, note) = ROW ('packed', 'x') WHERE id = 5 AND tenant_id = 7", "a row"),
    (ok, "UPDATE orders SET total_cents = total_cents + 100 WHERE id = 5 AND tenant_id = 7", "arithmetic in SET"),
    (ok, "UPDATE orders SET total_cents = (SELECT sum(quantity * price_cents) FROM order_items i WHERE i.order_id = orders.id AND i.tenant_id = 7) WHERE id = 5 AND tenant_id = 7", "a subquery in SET"),
    (ok, "UPDATE orders SET note = DEFAULT WHERE id = 5 AND tenant_id = 7", "DEFAULT"),
    (ok, "UPDATE orders SET note = 'x' WHERE tenant_id = 7 AND customer_id = 6", "bounded by customer"),
    (ok, "UPDATE orders SET note = p.name FROM products p WHERE p.id = 3 AND orders.id = 5 AND orders.tenant_id = 7", "FROM"),
    (ok, "UPDATE orders o SET note = i.n FROM (SELECT order_id, count(*)::text AS n FROM order_items WHERE tenant_id = 7 AND order_id = 5 GROUP BY order_id) i WHERE o.id = i.order_id AND o.tenant_id = 7", "FROM a subquery"),
    (ok, "WITH x AS (SELECT 5::bigint AS id) UPDATE orders o SET note = 'x' FROM x WHERE o.id = x.id AND o.tenant_id = 7", "FROM a CTE"),
    (ok, "UPDATE ONLY orders SET note = 'x' WHERE id = 5 AND tenant_id = 7", "ONLY"),
    (ok, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING *", "RETURNING"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46", "another tenant's order"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 5", "the tenant is not said"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id = 8", "another tenant"),
    (outside, "UPDATE orders SET note = 'x' WHERE id IN (5, 46) AND tenant_id IN (7, 8)", "two tenants"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46 AND (tenant_id = 7 OR total_cents >= 0)", "an OR"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id IS NOT NULL", "no equality"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46 AND NOT tenant_id = 9", "a negation"),
    (scan, "UPDATE orders SET note = 'x' WHERE tenant_id = 7", "every order of the tenant"),
    (scan, "UPDATE orders SET note = 'x' WHERE tenant_id = 7 AND id = id", "a tautology"),
    (scan, "UPDATE orders SET note = 'x' WHERE tenant_id = 7 AND id > 0", "open"),
    (scan, "UPDATE orders SET note = 'x' WHERE tenant_id = 7 AND id IN (SELECT o.id FROM orders o WHERE o.tenant_id = 7)", "a subquery that is not bounded"),
    (scan, "UPDATE orders SET note = 'x' FROM products p WHERE orders.tenant_id = 7 AND orders.total_cents > p.price_cents", "a product"),
    (scan, "UPDATE orders o SET note = 'x' FROM orders p WHERE o.id = p.id AND o.tenant_id = 7 AND p.tenant_id = 7", "bounded by itself"),
    (outside, "UPDATE orders o SET note = p.note FROM orders p WHERE o.id = 5 AND o.tenant_id = 7 AND p.id = 46", "copies from another tenant"),
    (outside, "UPDATE orders o SET note = (SELECT p.note FROM orders p WHERE p.id = 46) WHERE o.id = 5 AND o.tenant_id = 7", "copies from another tenant"),
    (scan, "UPDATE orders SET note = 'x'", "no WHERE"),
    (scan, "UPDATE orders SET note = 'x' WHERE true", "no WHERE"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 46 AND EXISTS (SELECT FROM orders o WHERE o.id = 5 AND o.tenant_id = 7)", "the tenant of another row"),
    (outside, "UPDATE orders o SET note = 'x' FROM orders p WHERE p.id = 5 AND p.tenant_id = 7 AND o.id = 46", "the tenant of another row"),
    (outside, "UPDATE orders o SET note = 'x' FROM orders p LEFT JOIN order_items i ON i.tenant_id = 7 AND i.order_id = 5 WHERE p.id = 5 AND p.tenant_id = 7 AND o.id = 46 AND o.tenant_id = coalesce(i.tenant_id, 8)", "computed tenant"),
    (column, "UPDATE orders SET tenant_id = 8 WHERE id = 5 AND tenant_id = 7", "moves the row; tenant_id is not in the list"),
    (column, "UPDATE orders SET tenant_id = 7 WHERE id = 5 AND tenant_id = 7", "tenant_id is not in the list"),
    (column, "UPDATE orders SET customer_id = 7 WHERE id = 5 AND tenant_id = 7", "customer_id is not in the list"),
    (column, "UPDATE orders SET status = 'paid', id = 6 WHERE id = 5 AND tenant_id = 7", "id is not in the list"),
    (column, "UPDATE orders SET (status, tenant_id) = ('paid', 8) WHERE id = 5 AND tenant_id = 7", "tenant_id in a row"),
    (ok, "UPDATE orders SET (status, note) = (SELECT 'paid'::order_status, 'x') WHERE id = 5 AND tenant_id = 7", "SET from a subquery"),
    (column, "UPDATE orders SET note = 'x' WHERE ctid = '(0,1)' AND tenant_id = 7 AND id = 5", "a system column"),
    ("error_leak", "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id = 7 AND 1 / (total_cents - 1045) > 0", "an error tells of other rows"),
    ("error_leak", "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id = 7 AND note::int = 0", "an error tells of other rows"),
    (ok, "UPDATE orders SET total_cents = 1 / (total_cents - 1045) WHERE id = 5 AND tenant_id = 7", "an error in SET tells of the own row"),
    ("syntax", "UPDATE orders SET note = 'x' WHERE CURRENT OF c", "a cursor"),
    (relation, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING (SELECT secret FROM api_keys WHERE id = 1)", "RETURNING"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING (SELECT o.note FROM orders o WHERE o.id = 46)", "RETURNING"),
    (relation, "UPDATE products SET name = 'x' WHERE id = 1", "no grant of UPDATE"),
    (relation, "UPDATE order_items SET quantity = 1 FROM employees WHERE order_id = 5 AND tenant_id = 7", "FROM a table never granted"),
    ("cost_bomb", "UPDATE orders SET note = repeat('x', 100000000) WHERE id = 5 AND tenant_id = 7", "a bomb"),
    ("function_not_allowed", "UPDATE orders SET note = pg_read_file('/etc/passwd') WHERE id = 5 AND tenant_id = 7", "a file"),
    (ok, "UPDATE order_items SET quantity = quantity + 1 WHERE (order_id, line_no) IN ((5, 1), (5, 2)) AND tenant_id = 7", "row values"),
    (relation, "UPDATE events_2026_09 SET kind = 'x' WHERE tenant_id = 7", "a partition"),
    (ok, "SELECT id FROM orders WHERE id = 5 AND tenant_id = 7 FOR UPDATE", "locks its own row"),
    (ok, "SELECT id FROM orders WHERE id = 5 AND tenant_id = 7 FOR NO KEY UPDATE SKIP LOCKED", "locks its own row"),
    (ok, "SELECT o.id FROM orders o JOIN products p ON p.id = 3 WHERE o.id = 5 AND o.tenant_id = 7 FOR UPDATE OF o", "locks its own row alone"),
    ("statement_not_allowed", "SELECT o.id FROM orders o JOIN products p ON p.id = 3 WHERE o.id = 5 AND o.tenant_id = 7 FOR SHARE", "locks a product too"),
    ("statement_not_allowed", "SELECT id FROM products WHERE id = 3 FOR KEY SHARE", "no grant of UPDATE"),
    (ok, "UPDATE orders SET note = 'next' WHERE id = (SELECT id FROM orders WHERE tenant_id = 7 AND customer_id = 6 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) AND tenant_id = 7 RETURNING id", "a queue"),
    (outside, "SELECT x.id FROM (SELECT id, tenant_id FROM orders WHERE id IN (5, 46) FOR UPDATE) x WHERE x.tenant_id = 7", "locks before the filter"),
    (outside, "SELECT o.id FROM orders o WHERE o.id = 46 FOR UPDATE", "another tenant's order"),
    (outside, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 AND EXISTS (SELECT FROM orders o WHERE o.id = 46 FOR UPDATE)", "another tenant's order, in a subquery"),
]:
    row("write_scope" if want != ok else "update", "writer", want, sql, why)
for want, sql, why in [
    (ok, "UPDATE tickets SET status = 'closed', closed_at = now() WHERE id = 25 AND tenant_id = 7", "granted columns"),
    (ok, "UPDATE tickets SET assignee = 'Agent1' WHERE id = 25 AND tenant_id = 7", "a value of an extension's type"),
    (ok, "UPDATE tickets SET assignee = NULL WHERE id = 25 AND tenant_id = 7", "NULL"),
    ("operator_not_allowed", "UPDATE tickets SET status = 'x' WHERE id = 25 AND tenant_id = 7 AND assignee = 'Agent1'", "an extension's operator"),
    (column, "UPDATE tickets SET subject = 'x' WHERE id = 25 AND tenant_id = 7", "subject is not in the list"),
    (hidden, "UPDATE tickets t SET status = c.ssn FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7", "copies a hidden column"),
    (hidden, "UPDATE tickets t SET status = 'x' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 AND c.ssn LIKE '1%'", "asks a hidden column"),
    (hidden, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 RETURNING c.password_hash", "returns a hidden column"),
    (relation, "UPDATE customers SET ssn = '1' WHERE id = 26 AND tenant_id = 7", "no grant of UPDATE"),
    (relation, "UPDATE customer_directory SET name = 'x' WHERE id = 26", "a view"),
    (relation, "UPDATE product_catalogue SET name = 'x' WHERE id = 1", "a view"),
    (ok, "UPDATE tickets SET status = 'closed' WHERE id = 25 AND tenant_id = 7 RETURNING id, status, (SELECT name FROM customers c WHERE c.id = tickets.customer_id AND c.tenant_id = 7)", "a subquery over a column that stays"),
    (node, "UPDATE tickets SET status = 'closed' WHERE id = 25 AND tenant_id = 7 RETURNING (SELECT x.id FROM products x WHERE x.name = tickets.status)", "a subquery over a column that is written"),
    ("unreadable", "UPDATE tickets SET status = 'closed' WHERE id = 25 AND tenant_id = 7 AND lower(tickets.*) = 'x'", "an overloaded name"),
]:
    row("write_scope" if want != ok else "update", "support", "function_not_allowed" if "lower(tickets" in sql else want, sql, why)

# delete
for want, sql, why in [
    (ok, "DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7", "pinned"),
    (ok, "DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 RETURNING order_id, line_no", "RETURNING"),
    (ok, "DELETE FROM order_items i USING orders o WHERE o.id = i.order_id AND o.id = 5 AND o.tenant_id = 7 AND i.tenant_id = o.tenant_id", "the tenant through the order"),
    (ok, "DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE customer_id = 6 AND tenant_id = 7) AND tenant_id = 7", "a bounded subquery"),
    (outside, "DELETE FROM order_items WHERE order_id = 46", "another tenant"),
    (outside, "DELETE FROM order_items WHERE order_id = 5", "the tenant is not said"),
    (outside, "DELETE FROM order_items i USING orders o WHERE o.id = i.order_id AND o.id = 5 AND o.tenant_id = 7", "the order's tenant is not the line's"),
    (scan, "DELETE FROM order_items WHERE tenant_id = 7", "unbounded"),
    (scan, "DELETE FROM order_items", "no WHERE"),
    (scan, "DELETE FROM order_items WHERE tenant_id = 7 AND order_id = order_id", "a tautology"),
    (scan, "DELETE FROM order_items i USING orders o WHERE o.id = i.order_id AND i.tenant_id = 7 AND o.tenant_id = 7", "an unbounded join"),
    ("in_list_too_long", "DELETE FROM order_items WHERE tenant_id = 7 AND order_id IN (" + ", ".join(str(i) for i in range(101)) + ")", "a list too long"),
    (relation, "DELETE FROM orders WHERE id = 5 AND tenant_id = 7", "no grant of DELETE; it would cascade"),
    (relation, "DELETE FROM products WHERE id = 1", "no grant of DELETE"),
    (relation, "DELETE FROM events_2026_09", "a partition"),
    (relation, "DELETE FROM order_items USING employees e WHERE order_id = 5 AND tenant_id = 7", "USING a table never granted"),
    (relation, "DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 AND EXISTS (SELECT FROM employees WHERE salary > 1)", "asks a table never granted"),
    ("error_leak", "DELETE FROM order_items WHERE order_id = 46 AND tenant_id = 7 AND 1 / (quantity - 1) > 0", "an error tells of other rows"),
    (outside, "DELETE FROM order_items WHERE order_id = 46 AND (tenant_id = 7) IS NOT FALSE AND line_no = 1", "three-valued logic"),
    (outside, "DELETE FROM order_items WHERE order_id = 46 AND coalesce(tenant_id = 7, true) AND line_no = 1", "three-valued logic"),
]:
    row("write_scope" if want != ok else "delete", "writer", want, sql, why)

# upsert
head = "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) VALUES (5, 1, 7, 3, 2, 121)"
for want, sql, why in [
    (ok, f"{head} ON CONFLICT (order_id, line_no) DO NOTHING", "nothing changes on conflict"),
    (ok, f"{head} ON CONFLICT DO NOTHING", "every key may be read"),
    (ok, f"{head} ON CONFLICT ON CONSTRAINT order_items_pkey DO NOTHING", "by the constraint's name"),
    (ok, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE order_items.tenant_id = 7", "the old row is bound"),
    (ok, f"{head} ON CONFLICT ON CONSTRAINT order_items_pkey DO UPDATE SET quantity = 3 WHERE order_items.tenant_id = 7", "by the constraint's name"),
    (ok, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = order_items.quantity + excluded.quantity WHERE order_items.tenant_id = excluded.tenant_id", "the old row's tenant is the new one's"),
    (ok, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE order_items.tenant_id = 7 RETURNING *", "RETURNING"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity", "the old row is anybody's"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE excluded.tenant_id = 7", "EXCLUDED is the new row"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE order_items.tenant_id = 8", "another tenant"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE order_items.quantity > 0", "no tenant"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE order_items.tenant_id = 7 OR true", "an OR"),
    (outside, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = excluded.quantity WHERE EXISTS (SELECT FROM orders o WHERE o.id = 5 AND o.tenant_id = 7)", "the tenant of another row"),
    (column, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET tenant_id = 8 WHERE order_items.tenant_id = 7", "moves the row"),
    (column, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET tenant_id = excluded.tenant_id WHERE order_items.tenant_id = 7", "tenant_id is not in the list"),
    (column, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET product_id = 4 WHERE order_items.tenant_id = 7", "product_id is not in the list"),
    ("error_leak", f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 3 WHERE order_items.tenant_id = 7 AND 1 / (order_items.quantity - 1) > 0", "an error tells of the other's row"),
    (ok, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 1 / (order_items.quantity - 1) WHERE order_items.tenant_id = 7", "an error in SET tells of the own row"),
    (relation, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = (SELECT id FROM employees LIMIT 1) WHERE order_items.tenant_id = 7", "a table never granted"),
    (node, f"{head} ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 3 WHERE order_items.tenant_id = 7 RETURNING (SELECT p.name FROM products p WHERE p.id = order_items.product_id)", "a subquery over a row of two kinds"),
    (outside, head.replace("(5, 1, 7,", "(5, 1, 8,") + " ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 3 WHERE order_items.tenant_id = 7", "the new row is of another tenant"),
    (outside, head.replace("(5, 1, 7,", "(5, 1, 8,") + " ON CONFLICT (order_id, line_no) DO NOTHING", "the new row is of another tenant"),
    (outside, head + ", (5, 2, 8, 3, 2, 121) ON CONFLICT (order_id, line_no) DO NOTHING", "one bad row"),
    (outside, "INSERT INTO orders (id, tenant_id, customer_id) VALUES (46, 7, 6) ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE orders.status <> 'paid'", "order 46 is of tenant 8"),
    (ok, "INSERT INTO orders (id, tenant_id, customer_id) VALUES (45, 7, 6) ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE orders.tenant_id = 7", "bound"),
    (relation, "INSERT INTO products (id, sku, name, category, price_cents) VALUES (1, 'x', 'y', 'z', 1) ON CONFLICT (id) DO UPDATE SET name = 'x'", "no grant"),
]:
    row("upsert_escape" if want != ok else "upsert", "writer", want, sql, why)
row("upsert_escape", "support", relation, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE messages.tenant_id = 7", "no grant of UPDATE")
row("upsert_escape", "support", column, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') ON CONFLICT DO NOTHING", "asks keys that it may not read",
    grants=["INSERT (*) ON public.messages WHERE tenant_id = 7", "SELECT (body, tenant_id) ON public.messages WHERE tenant_id = 7"])
row("upsert_escape", "support", relation, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') ON CONFLICT DO NOTHING", "asks a table that it may not read",
    grants=["INSERT (*) ON public.messages WHERE tenant_id = 7"])
row("insert", "support", ok, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b')", "reads nothing", grants=["INSERT (*) ON public.messages WHERE tenant_id = 7"])
row("returning_leak", "support", relation, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b') RETURNING id", "reads what it may not", grants=["INSERT (*) ON public.messages WHERE tenant_id = 7"])
row("returning_leak", "support", outside, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 8, 'a', 'b') RETURNING id", "the row that it may write it may not read",
    grants=["INSERT (*) ON public.messages", "SELECT (*) ON public.messages WHERE tenant_id = 7"])
row("upsert_escape", "support", outside, "INSERT INTO orders (id, tenant_id, customer_id) VALUES (5, 8, 6) ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE orders.tenant_id = 7 RETURNING *", "RETURNING may show either row",
    grants=["INSERT (*) ON public.orders", "UPDATE (*) ON public.orders WHERE tenant_id = 7", "SELECT (*) ON public.orders WHERE tenant_id = 7"])
mail = ["INSERT (*) ON public.customers WHERE tenant_id = 7", "UPDATE (*) ON public.customers WHERE tenant_id = 7", "SELECT (*) ON public.customers WHERE tenant_id = 7"]
row("hidden_column", "support", hidden, "INSERT INTO customers (tenant_id, name, email, ssn, password_hash) VALUES (7, 'a', 'b', 'c', 'd') ON CONFLICT (tenant_id, email) DO UPDATE SET name = excluded.name", "writes hidden columns", grants=mail)
row("hidden_column", "support", hidden, "UPDATE customers SET ssn = '1' WHERE id = 26 AND tenant_id = 7", "writes a hidden column", grants=mail)
row("hidden_column", "support", hidden, "UPDATE customers SET name = ssn WHERE id = 26 AND tenant_id = 7", "reads a hidden column", grants=mail)
row("hidden_column", "support", hidden, "UPDATE customers SET name = 'x' WHERE id = 26 AND tenant_id = 7 RETURNING *", "returns hidden columns", grants=mail)
row("upsert", "support", ok, "INSERT INTO customers (tenant_id, name, email) VALUES (7, 'a', 'b') ON CONFLICT (tenant_id, email) DO UPDATE SET name = excluded.name", "the key holds the tenant", grants=mail)
row("upsert_escape", "support", outside, "INSERT INTO customers (tenant_id, name, email) VALUES (8, 'a', 'b') ON CONFLICT (tenant_id, email) DO UPDATE SET name = excluded.name", "the key holds another tenant", grants=mail)
row("upsert_escape", "support", outside, "INSERT INTO customers (id, tenant_id, name, email) VALUES (27, 7, 'a', 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name", "the key says nothing of the tenant", grants=mail)
row("update", "support", ok, "UPDATE customers SET name = 'x', email = 'y' WHERE id = 26 AND tenant_id = 7 RETURNING id, name, search", "a generated column of granted ones", grants=mail)
row("write_scope", "support", "syntax", "UPDATE customers SET tags[1] = 'x' WHERE id = 26 AND tenant_id = 7", "an element", grants=mail)
row("update", "support", ok, "UPDATE customers SET profile = jsonb_set(profile, '{lang}', '\"de\"'), tags = tags || ARRAY['x'] WHERE id = 26 AND tenant_id = 7", "functions of the old value", grants=mail)
row("write_scope", "support", column, "UPDATE customers SET plan = 'gold' WHERE id = 26 AND tenant_id = 7 RETURNING name", "reads a column that is not granted",
    grants=["UPDATE (plan) ON public.customers WHERE tenant_id = 7", "SELECT (id, tenant_id) ON public.customers WHERE tenant_id = 7"])
row("write_scope", "support", column, "UPDATE customers SET plan = 'gold' WHERE id = 26 AND tenant_id = 7 AND name LIKE 'A%'", "asks a column that is not granted",
    grants=["UPDATE (plan) ON public.customers WHERE tenant_id = 7", "SELECT (id, tenant_id) ON public.customers WHERE tenant_id = 7"])
row("write_scope", "support", column, "UPDATE customers SET plan = plan || 'x' WHERE id = 26 AND tenant_id = 7", "UPDATE does not give SELECT",
    grants=["UPDATE (plan) ON public.customers WHERE tenant_id = 7", "SELECT (id, tenant_id) ON public.customers WHERE tenant_id = 7"])
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = 8 WHERE id = 26 AND tenant_id = 7", "moves the row out", grants=mail)
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = tenant_id + 1 WHERE id = 26 AND tenant_id = 7", "moves the row out", grants=mail)
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = NULL WHERE id = 26 AND tenant_id = 7", "moves the row out", grants=mail)
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = DEFAULT WHERE id = 26 AND tenant_id = 7", "moves the row out", grants=mail)
row("write_scope", "support", outside, "UPDATE customers c SET tenant_id = v.t FROM (VALUES (7), (8)) v(t) WHERE c.id = 26 AND c.tenant_id = 7", "moves the row out", grants=mail)
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = 7 WHERE id = 27 AND tenant_id = 8", "takes a row in", grants=mail)
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = 7 WHERE id = 27", "takes a row in", grants=mail)
row("update", "support", ok, "UPDATE customers SET tenant_id = 7, name = 'x' WHERE id = 26 AND tenant_id = 7", "stays where it is", grants=mail)
row("update", "support", ok, "UPDATE customers SET tenant_id = tenant_id, name = 'x' WHERE id = 26 AND tenant_id = 7", "stays where it is", grants=mail)
row("update", "support", ok, "UPDATE customers c SET tenant_id = o.tenant_id FROM orders o WHERE o.id = 5 AND o.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7", "a pinned column", grants=mail + ["SELECT (*) ON public.orders WHERE tenant_id = 7"])
row("write_scope", "support", node, "UPDATE customers c SET tenant_id = 7 WHERE c.id = 26 AND c.tenant_id = 7 RETURNING (SELECT o.note FROM orders o WHERE o.id = 5 AND o.tenant_id = c.tenant_id)", "a subquery over a column that is written", grants=mail + ["SELECT (*) ON public.orders WHERE tenant_id = 7"])
two = ["UPDATE (tenant_id, name) ON public.customers WHERE tenant_id = 7", "UPDATE (tenant_id, name) ON public.customers WHERE tenant_id = 8", "SELECT (id, tenant_id) ON public.customers"]
row("write_scope", "support", outside, "UPDATE customers SET tenant_id = 8 WHERE id = 26 AND tenant_id = 7", "one grant covers old and new row", grants=two)
row("update", "support", ok, "UPDATE customers SET name = 'x' WHERE id = 27 AND tenant_id = 8", "the other grant", grants=two)
mixed = ["UPDATE (name) ON public.customers", "UPDATE (tenant_id) ON public.customers WHERE tenant_id = 7", "SELECT (id, tenant_id) ON public.customers"]
row("write_scope", "support", column, "UPDATE customers SET name = 'x', tenant_id = 7 WHERE id = 27", "columns of one grant, rows of another", grants=mixed)

# merge
for want, sql, why in [
    (ok, "MERGE INTO order_items i USING (VALUES (1, 2)) v(line_no, q) ON i.order_id = 5 AND i.tenant_id = 7 AND i.line_no = v.line_no WHEN MATCHED THEN UPDATE SET quantity = v.q", "pinned in ON"),
    (ok, "MERGE INTO order_items i USING (VALUES (1, 2)) v(line_no, q) ON i.order_id = 5 AND i.tenant_id = 7 AND i.line_no = v.line_no WHEN MATCHED THEN DELETE", "DELETE"),
    (ok, "MERGE INTO order_items i USING (VALUES (1, 2)) v(line_no, q) ON i.order_id = 5 AND i.tenant_id = 7 AND i.line_no = v.line_no WHEN MATCHED AND v.q = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET quantity = v.q WHEN NOT MATCHED THEN INSERT (order_id, line_no, tenant_id, product_id, quantity, price_cents) VALUES (5, v.line_no, 7, 3, v.q, 121)", "three actions"),
    (ok, "MERGE INTO orders o USING (SELECT 5::bigint AS id) s ON o.id = s.id AND o.tenant_id = 7 WHEN MATCHED AND o.note IS NULL THEN UPDATE SET note = 'x' WHEN MATCHED THEN DO NOTHING", "a condition"),
    (ok, "MERGE INTO orders o USING products p ON o.id = 5 AND o.tenant_id = 7 AND p.id = 3 WHEN MATCHED THEN UPDATE SET note = p.name", "USING a table"),
    (ok, "WITH s AS (SELECT 5::bigint AS id) MERGE INTO orders o USING s ON o.id = s.id AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = 'x'", "USING a CTE"),
    (outside, "MERGE INTO orders o USING (VALUES (46)) v(id) ON o.id = v.id WHEN MATCHED THEN UPDATE SET note = 'x'", "the tenant is not said"),
    (outside, "MERGE INTO orders o USING (VALUES (46)) v(id) ON o.id = v.id WHEN MATCHED AND o.tenant_id = 7 THEN UPDATE SET note = 'x'", "ON reads another tenant's row"),
    (outside, "MERGE INTO orders o USING (VALUES (46)) v(id) ON o.id = v.id AND o.tenant_id = 7 OR o.id = 46 WHEN MATCHED THEN UPDATE SET note = 'x'", "an OR"),
    (scan, "MERGE INTO orders o USING (VALUES ('x')) v(note) ON o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = v.note", "unbounded"),
    (scan, "MERGE INTO orders o USING (SELECT id FROM orders WHERE tenant_id = 7) s ON o.id = s.id AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = 'x'", "an unbounded source"),
    (outside, "MERGE INTO orders o USING (SELECT id, note FROM orders WHERE id = 46) s ON o.id = 5 AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = s.note", "copies from another tenant"),
    (outside, "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (8, 6)", "inserts another tenant"),
    (outside, "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (customer_id) VALUES (6)", "inserts no tenant"),
    ("syntax", "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT DEFAULT VALUES", "inserts no tenant"),
    (outside, "MERGE INTO orders o USING (VALUES (5, 7), (5, 8)) v(id, t) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (v.t, 6)", "the source's other row"),
    (outside, "MERGE INTO orders o USING (VALUES (5, 7), (5, 8)) v(id, t) ON o.id = v.id AND o.tenant_id = 7 AND v.t = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (v.t, 6)", "ON says nothing of what is not matched"),
    (ok, "MERGE INTO orders o USING (VALUES (5, 7), (5, 8)) v(id, t) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED AND v.t = 7 THEN INSERT (tenant_id, customer_id) VALUES (v.t, 6)", "the action's own condition"),
    (column, "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET tenant_id = 8", "tenant_id is not in the list"),
    (relation, "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN MATCHED THEN DELETE", "no grant of DELETE"),
    (relation, "MERGE INTO orders o USING employees e ON o.id = 5 AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = e.iban", "a table never granted"),
    (relation, "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id AND o.tenant_id = 7 WHEN MATCHED AND EXISTS (SELECT FROM employees WHERE salary > 1) THEN UPDATE SET note = 'x'", "a table never granted, in a condition"),
    (outside, "MERGE INTO orders o USING (SELECT 1) v(id) ON true WHEN MATCHED AND o.id = 5 AND o.tenant_id = 7 THEN UPDATE SET note = 'x'", "ON true"),
    ("error_leak", "MERGE INTO orders o USING (VALUES (46)) v(id) ON o.id = v.id AND o.tenant_id = 7 AND 1 / (o.total_cents - 1046) > 0 WHEN MATCHED THEN UPDATE SET note = 'x'", "an error tells of other rows"),
    (outside, "MERGE INTO orders o USING orders s ON o.id = s.id AND o.tenant_id = 7 AND s.id = 5 AND s.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (7, 6)", "the source is kept whole"),
]:
    row("merge_escape" if want != ok else "merge", "writer", want, sql, why)
row("merge_escape", "support", outside, "MERGE INTO tickets t USING (VALUES (46)) v(id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET status = 'closed'", "the tenant is not said")
row("merge", "support", ok, "MERGE INTO tickets t USING (VALUES (25)) v(id) ON t.id = v.id AND t.tenant_id = 7 WHEN MATCHED THEN UPDATE SET status = 'closed'", "pinned")

# WITH
for want, sql, why in [
    (ok, "WITH x AS (DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 RETURNING *) SELECT count(*) FROM x", "a DELETE"),
    (ok, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING id, tenant_id) INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) SELECT x.id, 9, x.tenant_id, 3, 1, 100 FROM x", "what it returns is inserted"),
    (ok, "WITH x AS (INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6) RETURNING id, tenant_id) INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) SELECT x.id, 1, x.tenant_id, 3, 1, 100 FROM x", "order and line"),
    (ok, "WITH x AS (DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 RETURNING *) SELECT a.line_no FROM x a JOIN x b USING (line_no)", "read twice"),
    (ok, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7) SELECT 1", "read by nobody"),
    (scan, "WITH x AS (DELETE FROM order_items WHERE tenant_id = 7 RETURNING *) SELECT count(*) FROM x", "unbounded"),
    (outside, "WITH x AS (DELETE FROM order_items WHERE order_id = 46 RETURNING *) SELECT count(*) FROM x", "another tenant"),
    (scan, "WITH x AS (DELETE FROM order_items WHERE tenant_id = 7 RETURNING *) SELECT count(*) FROM x WHERE order_id = 5", "the reader's filter comes too late"),
    (outside, "WITH x AS (DELETE FROM order_items WHERE order_id = 46 RETURNING *) SELECT count(*) FROM x WHERE tenant_id = 7", "the reader's filter comes too late"),
    (outside, "WITH x AS (DELETE FROM order_items WHERE order_id = 46) SELECT 1", "read by nobody"),
    (outside, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 46 RETURNING 1) UPDATE orders SET note = 'y' WHERE id = 5 AND tenant_id = 7", "the first of two"),
    (outside, "WITH x AS (SELECT 46 AS id) UPDATE orders o SET note = 'x' FROM x WHERE o.id = x.id", "through a CTE"),
    (relation, "WITH x AS (DELETE FROM employees RETURNING *) SELECT * FROM x", "never granted"),
    (relation, "WITH x AS (INSERT INTO api_keys VALUES (1, 7, 'x')) SELECT 1", "never granted"),
    (outside, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING customer_id) INSERT INTO orders (tenant_id, customer_id) SELECT x.customer_id, 6 FROM x", "another column"),
]:
    row("cte_escape" if want != ok else "returning", "writer", want, sql, why)
row("cte_escape", "support", outside, "WITH x AS (UPDATE customers SET tenant_id = 7 WHERE id = 26 AND tenant_id = 7 RETURNING tenant_id) INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 25, x.tenant_id, 'a', 'b' FROM x", "the returned column was written", grants=mail + ["INSERT (*) ON public.messages WHERE tenant_id = 7"])

# parameters
p = "parameter_escape"
for want, sql, params, types, why in [
    (ok, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2)", [7, 6], ["int4", "int8"], "inside"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2)", [8, 6], ["int4", "int8"], "another tenant"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2)", [None, 6], ["int4", "int8"], "NULL"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, $1), ($2, 6)", [6, 8], ["int8", "int4"], "the second row"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, $1), ($2, 6)", [6, None], ["int8", "int4"], "the second row is NULL"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, $1), ($2, 6)", [6, 7], ["int8", "int4"], "inside"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT $1, 6", [8], ["int4"], "in a SELECT"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT $1, 6", [7], ["int4"], "in a SELECT"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1 + 1, 6)", [7], ["int4"], "computed"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1 + 1, 6)", [6], ["int4"], "computed"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT t, 6 FROM unnest($1::int[]) t", ["{7,8}"], None, "an array with another tenant"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT t, 6 FROM unnest($1::int[]) t", ["{7,NULL}"], None, "an array with a NULL"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT t, 6 FROM unnest($1::int[]) t", ["{7,7}"], None, "an array of one tenant"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT 7, c FROM unnest($1::bigint[]) c", ["{6,26}"], None, "a bulk insert"),
    (outside, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = $3", ["x", 46, 8], ["text", "int8", "int4"], "another tenant"),
    (outside, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = $3", ["x", 46, None], ["text", "int8", "int4"], "NULL"),
    (ok, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = $3", ["x", 5, 7], ["text", "int8", "int4"], "inside"),
    (outside, "UPDATE orders SET note = $1 WHERE id = $2 AND (tenant_id = $3 OR $3 IS NULL)", ["x", 46, None], ["text", "int8", "int4"], "an optional condition"),
    ("in_list_too_long", "DELETE FROM order_items WHERE tenant_id = 7 AND order_id = ANY($1)", ["{" + ",".join(str(i) for i in range(101)) + "}"], ["int8_array"], "a list too long"),
    (ok, "DELETE FROM order_items WHERE tenant_id = 7 AND order_id = ANY($1)", ["{5,25}"], ["int8_array"], "a list"),
    (outside, "DELETE FROM order_items WHERE tenant_id = ANY($2) AND order_id = ANY($1)", ["{5,25}", "{7,8}"], ["int8_array", "int4_array"], "two tenants"),
]:
    row(p if want != ok else "types_params", "writer", want, sql, why, params, types)

# unions and what drivers print
for want, sql, params, types, why in [
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT 7, 6 UNION ALL SELECT 7, 26", None, None, "both arms"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT 7, 6 UNION SELECT o.tenant_id, o.customer_id FROM orders o WHERE o.id = 5 AND o.tenant_id = 7 UNION ALL SELECT 7, 46", None, None, "three arms"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT 7, 6 UNION ALL SELECT 7, 26 UNION ALL SELECT 8, 6", None, None, "the third arm"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) (SELECT 7, 6 UNION ALL SELECT NULL, 26)", None, None, "an arm of NULL"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT x.t, 6 FROM (SELECT 7 AS t UNION ALL SELECT 8) x", None, None, "inside of a subquery"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT x.t, 6 FROM (SELECT 7 AS t UNION ALL SELECT 7) x", None, None, "inside of a subquery"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT x.t, 6 FROM (SELECT 7 AS t UNION ALL SELECT 8) x WHERE x.t = 7", None, None, "a filter outside"),
    (ok, "INSERT INTO orders (tenant_id, customer_id) SELECT p0::INTEGER, p1::BIGINT FROM (VALUES ($1, $2, 0), ($3, $4, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING orders.id, orders.id AS id__1", [7, 6, 7, 26], ["int4", "int8", "int4", "int8"], "SQLAlchemy: insertmanyvalues"),
    (outside, "INSERT INTO orders (tenant_id, customer_id) SELECT p0::INTEGER, p1::BIGINT FROM (VALUES ($1, $2, 0), ($3, $4, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING orders.id, orders.id AS id__1", [7, 6, 8, 26], ["int4", "int8", "int4", "int8"], "SQLAlchemy, the second row"),
    (ok, 'INSERT INTO "orders" ("id", "tenant_id", "customer_id", "status") VALUES (default, $1, $2, default) RETURNING "id", "created_at"', [7, 6], ["int4", "int8"], "Drizzle, TypeORM"),
    (ok, 'INSERT INTO "public"."orders" ("tenant_id","customer_id","status") VALUES ($1,$2,CAST($3::text AS "public"."order_status")) RETURNING "public"."orders"."id", "public"."orders"."tenant_id"', [7, 6, "paid"], ["int4", "int8", "text"], "Prisma"),
    (ok, 'UPDATE "public"."orders" SET "status" = CAST($1::text AS "public"."order_status") WHERE ("public"."orders"."id" = $2 AND "public"."orders"."tenant_id" = $3 AND 1=1) RETURNING "public"."orders"."id"', ["paid", 5, 7], ["text", "int8", "int4"], "Prisma"),
    (ok, 'UPDATE "orders" SET "status" = (CASE WHEN ("orders"."id" = 5) THEN \'paid\' WHEN ("orders"."id" = 25) THEN \'new\' ELSE NULL END)::"order_status" WHERE ("orders"."tenant_id" = 7 AND "orders"."id" IN (5, 25))', None, None, "Django: bulk_update"),
    (ok, 'UPDATE "orders" SET "total_cents" = ("orders"."total_cents" + 100) WHERE ("orders"."id" = 5 AND "orders"."tenant_id" = 7)', None, None, "Django: F()"),
    (ok, 'UPDATE "orders" SET "status" = $1, "note" = $2 WHERE "orders"."id" = $3 AND "orders"."tenant_id" = $4', ["paid", "x", 5, 7], None, "Rails"),
    (ok, 'INSERT INTO "order_items" ("order_id","line_no","tenant_id","product_id","quantity","price_cents") VALUES (5, 1, 7, 3, 2, 121), (5, 2, 7, 3, 2, 121) ON CONFLICT DO NOTHING RETURNING "order_id","line_no"', None, None, "Rails: insert_all"),
    (ok, "update order_items set quantity=$1 where order_id=$2 and line_no=$3 and tenant_id=$4", [3, 5, 1, 7], ["int4", "int8", "int4", "int4"], "Hibernate"),
    (ok, "UPDATE orders SET status = 'paid', note = concat_ws(' ', note, 'paid on', to_char(now(), 'YYYY-MM-DD')) WHERE id = 5 AND tenant_id = 7 RETURNING id, status", None, None, "a language model"),
    (ok, "WITH o AS (SELECT id FROM orders WHERE tenant_id = 7 AND customer_id = 6 ORDER BY created_at DESC LIMIT 1) UPDATE orders SET note = 'last' FROM o WHERE orders.id = o.id AND orders.tenant_id = 7 RETURNING orders.id", None, None, "a language model"),
    (ok, "DELETE FROM order_items WHERE tenant_id = 7 AND order_id = 5 AND line_no NOT IN (1, 2)", None, None, "a language model"),
]:
    row("orm" if want == ok else "write_scope", "writer", want, sql, why, params, types)
row("returning_leak", "support", outside, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (25, 7, 'a', 'b'), (25, NULL, 'a', 'b') RETURNING id", "one of the rows that it may write it may not read",
    grants=["INSERT (*) ON public.messages", "SELECT (*) ON public.messages WHERE tenant_id = 7"])
row("unbounded_join", "writer", scan, "INSERT INTO products (id, sku, name, category, price_cents) SELECT p.id, p.sku, p.name, p.category, p.price_cents FROM products p ON CONFLICT (id) DO UPDATE SET name = (SELECT max(i.line_no)::text FROM order_items i WHERE i.order_id = excluded.id)", "EXCLUDED is as unbounded as its source",
    grants=["INSERT (*) ON public.products", "UPDATE (*) ON public.products", "SELECT (*) ON public.products", "SELECT (*) ON public.order_items"])
row("upsert", "writer", ok, "INSERT INTO products (id, sku, name, category, price_cents) VALUES (1, 'a', 'b', 'c', 1) ON CONFLICT (id) DO UPDATE SET name = (SELECT max(i.line_no)::text FROM order_items i WHERE i.order_id = excluded.id)", "EXCLUDED is one row",
    grants=["INSERT (*) ON public.products", "UPDATE (*) ON public.products", "SELECT (*) ON public.products", "SELECT (*) ON public.order_items"])
called = ["UPDATE (note) ON public.orders WHERE tenant_id = 7", "SELECT (*) ON public.orders WHERE tenant_id = 7", "EXECUTE ON FUNCTION public.order_total(integer)"]
row("update", "writer", ok, "UPDATE orders SET note = order_total(5)::text WHERE id = 5 AND tenant_id = 7", "an allowed function that is stable", grants=called)

# persona without writes
for sql in [
    "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6)", "UPDATE orders SET note = 'x' WHERE id = 5", "DELETE FROM order_items WHERE order_id = 5",
    "MERGE INTO orders o USING (VALUES (5)) v(id) ON o.id = v.id WHEN MATCHED THEN DELETE", "WITH x AS (DELETE FROM events RETURNING *) SELECT * FROM x",
]:
    row("write_scope", "analyst", relation, sql, "no write is granted")

counts = {}
for r in rows:
    counts[r["class"]] = counts.get(r["class"], 0) + 1
    r["id"] = f"w-{r['class']}-{counts[r['class']]:03}"


def main():
    import json
    import pathlib
    target = pathlib.Path(__file__).with_name("writes.jsonl")
    target.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))


if __name__ == "__main__":
    main()
