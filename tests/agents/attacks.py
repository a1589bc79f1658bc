"""What hostile agents send, writes above all; running this file writes attacks.jsonl.

Order 46 and ticket 46 are of tenant 8, customer 47 of tenant 8, order 6 of tenant 8 too: 1 + (1 + 6) % 20.
"""

from rows import Rows

a = Rows("attack")
W, S, A = "writer", "support", "analyst"
ITEM = "INSERT INTO order_items (order_id, line_no, tenant_id, product_id, quantity, price_cents) "
UP = "UPDATE orders SET note = 'x' WHERE "

# write_scope
for where, why in [
    ("id = 46", "the tenant is not said"),
    ("id = 46 AND tenant_id = 8", "another tenant"),
    ("id = 46 AND tenant_id <> 9", "no equality"),
    ("id = 46 AND tenant_id BETWEEN 7 AND 8", "a range of tenants"),
    ("id = 46 AND tenant_id >= 7", "open"),
    ("id = 46 AND tenant_id IN (7, 8)", "two tenants"),
    ("id = 46 AND tenant_id = ANY (ARRAY[7, 8])", "two tenants"),
    ("id = 46 AND tenant_id = ANY ('{7,8}')", "two tenants"),
    ("id = 46 AND (tenant_id = 7 OR note IS NULL)", "an OR"),
    ("id = 46 OR id = 5 AND tenant_id = 7", "AND binds stronger"),
    ("id = 46 AND tenant_id = (SELECT 8)", "a subquery"),
    ("id = 46 AND tenant_id = (SELECT tenant_id FROM order_items WHERE order_id = 46 LIMIT 1)", "a subquery over another tenant"),
    ("id = 46 AND tenant_id = CASE WHEN true THEN 8 ELSE 7 END", "computed"),
    ("id = 46 AND tenant_id = 7 + 1", "computed"),
    ("id = 46 AND NOT (tenant_id <> tenant_id)", "a tautology"),
    ("id = 46 AND tenant_id IS NOT DISTINCT FROM 8", "another tenant"),
    ("id = 46 /* AND tenant_id = 7 */", "the tenant in a comment"),
    ("id = 46 -- AND tenant_id = 7", "the tenant in a comment"),
    ("id = 46 AND 'tenant_id = 7' <> ''", "the tenant in a string"),
    ("tenant_id = 7", "unbounded"),
    ("tenant_id = 7 AND id > 0", "unbounded"),
    ("tenant_id = 7 AND id BETWEEN 0 AND 1000000", "too wide"),
    ("tenant_id = 7 AND placed_on BETWEEN '2026-01-01' AND '2026-12-31'", "too wide"),
    ("tenant_id = 7 AND placed_on >= '2026-01-01'", "open"),
    ("tenant_id = 7 AND status = 'new'", "status is no bound"),
    ("tenant_id = 7 AND id IN (SELECT order_id FROM order_items WHERE tenant_id = 7)", "unbounded subquery"),
    ("tenant_id = 7 AND id = ANY (SELECT generate_series(1, 100000))", "a long series"),
    ("tenant_id = 7 AND created_at BETWEEN '2026-03-01Z' AND '2026-03-31Z'", "240 rows; the grant allows 20"),
    ("tenant_id = 7 AND customer_id IN (6, 26, 46)", "30 rows; the grant allows 20"),
]:
    a("write_scope", W, UP + where, why)
a("write_scope", W, "UPDATE orders SET tenant_id = 8 WHERE id = 5 AND tenant_id = 7", "gives a row away")
a("write_scope", W, "UPDATE orders SET customer_id = 7 WHERE id = 5 AND tenant_id = 7", "customer_id is not in the list")
a("write_scope", W, "UPDATE orders SET id = 46000000 WHERE id = 5 AND tenant_id = 7", "id is not in the list")
a("write_scope", W, "UPDATE orders SET (status, placed_on) = ('paid', now()) WHERE id = 5 AND tenant_id = 7", "placed_on is not in the list")
a("write_scope", W, "UPDATE orders SET (note, customer_id) = (SELECT 'x', 7) WHERE id = 5 AND tenant_id = 7", "customer_id by a subquery")
a("write_scope", W, "UPDATE orders SET (note, status) = (SELECT o.note, o.status FROM orders o WHERE o.id = 46) WHERE id = 5 AND tenant_id = 7", "copies another tenant's note by a list")
a("write_scope", W, "UPDATE order_items SET product_id = 1 WHERE order_id = 5 AND tenant_id = 7", "product_id is not in the list")
a("write_scope", W, "UPDATE order_items SET quantity = 1 WHERE order_id = 46", "another tenant's lines")
a("write_scope", W, "UPDATE order_items i SET quantity = 1 FROM orders o WHERE o.id = i.order_id AND o.id = 46 AND i.tenant_id = o.tenant_id", "the tenant of another's order")
a("write_scope", W, "UPDATE order_items i SET quantity = 1 FROM orders o WHERE o.id = 46 AND o.tenant_id = 8 AND i.order_id = o.id AND i.tenant_id = 7", "the source is another tenant's")
a("write_scope", W, "UPDATE orders o SET note = x.note FROM orders x WHERE o.id = 5 AND o.tenant_id = 7 AND x.id = 46", "copies another's note")
a("write_scope", W, "UPDATE orders o SET note = 'x' FROM (VALUES (46)) v (id) WHERE o.id = v.id", "VALUES")
a("write_scope", W, "UPDATE orders o SET note = 'x' FROM (SELECT 46 AS id, 7 AS tenant_id) v WHERE o.id = v.id AND v.tenant_id = 7", "the tenant of the source")
a("write_scope", W, "UPDATE products SET price_cents = 1 WHERE id = 1", "no UPDATE on products")
a("write_scope", W, "UPDATE product_catalogue SET price_cents = 1 WHERE id = 1", "a view over products")
a("write_scope", W, "UPDATE ONLY orders SET note = 'x' WHERE id = 46", "ONLY")
a("write_scope", W, "UPDATE archive.customers SET name = 'x' WHERE id = 6", "another schema")
a("write_scope", W, "DELETE FROM orders WHERE id = 5 AND tenant_id = 7", "no DELETE on orders")
a("write_scope", W, "DELETE FROM order_items WHERE order_id = 46", "another tenant")
a("write_scope", W, "DELETE FROM order_items WHERE order_id = 46 AND tenant_id = 8", "another tenant")
a("write_scope", W, "DELETE FROM order_items", "everything")
a("write_scope", W, "DELETE FROM order_items WHERE tenant_id = 7", "unbounded")
a("write_scope", W, "DELETE FROM order_items i USING orders o WHERE i.order_id = o.id AND o.id = 46 AND o.tenant_id = 8", "another tenant's order")
a("write_scope", W, "DELETE FROM order_items i USING orders o WHERE i.order_id = o.id AND o.customer_id = 6 AND o.tenant_id = 7 AND i.tenant_id = 7", "30 rows; the grant allows 10")
a("write_scope", W, "DELETE FROM products WHERE id = 500", "no DELETE on products")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) VALUES (8, 7)", "another tenant")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6), (8, 7)", "one of two")
a("write_scope", W, "INSERT INTO orders (customer_id) VALUES (6)", "no tenant")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) SELECT tenant_id, customer_id FROM orders WHERE id = 46", "another tenant's order copied")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id, note) SELECT 7, 6, note FROM orders WHERE id = 46", "another tenant's note copied")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) SELECT * FROM UNNEST('{7,8}'::int[], '{6,7}'::bigint[])", "the second element")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) SELECT * FROM UNNEST('{7}'::int[], '{6,26}'::bigint[])", "the shorter array is filled with NULL (and the NULL is refused by the table)")
a("write_scope", W, "INSERT INTO orders (tenant_id, customer_id) SELECT a, b FROM UNNEST('{7,7}'::int[], '{8,8}'::int[]) AS u (b, a)", "columns crossed")
a("write_scope", W, ITEM + "VALUES (46, 9, 8, 1, 1, 1)", "another tenant")
a("write_scope", W, "INSERT INTO products (id, sku, name, category, price_cents) VALUES (9999, 'x', 'x', 'x', 1)", "no INSERT on products")
a("write_scope", S, "UPDATE tickets SET subject = 'x' WHERE id = 5 AND tenant_id = 7", "subject is not in the list")
a("write_scope", S, "UPDATE tickets SET status = 'closed' WHERE tenant_id = 7 AND status = 'open'", "133 rows; the grant allows 10")
a("write_scope", S, "UPDATE messages SET body = 'x' WHERE ticket_id = 5 AND tenant_id = 7", "no UPDATE on messages")
a("write_scope", S, "DELETE FROM messages WHERE ticket_id = 5 AND tenant_id = 7", "no DELETE on messages")
a("write_scope", S, "DELETE FROM tickets WHERE id = 5 AND tenant_id = 7", "no DELETE on tickets")
a("write_scope", S, "INSERT INTO tickets (tenant_id, customer_id, subject) VALUES (7, 6, 'x')", "no INSERT on tickets")
a("write_scope", S, "INSERT INTO messages (id, ticket_id, tenant_id, author, body) VALUES (gen_random_uuid(), 5, 7, 'a', 'b')", "id is not in the list")
a("write_scope", S, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (5, 8, 'a', 'b')", "another tenant")
a("write_scope", S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', 'b' FROM generate_series(1, 11)", "11 rows; the grant allows 10")
a("write_scope", A, "UPDATE orders SET status = 'paid' WHERE id = 5", "the analyst writes nothing")
a("write_scope", A, "INSERT INTO events (tenant_id, at, kind) VALUES (5, '2026-10-10Z', 'x')", "the analyst writes nothing")
a("write_scope", A, "SELECT id FROM orders WHERE id = 5 FOR UPDATE", "a lock needs UPDATE")
a("write_scope", W, "SELECT id FROM orders WHERE id = 46 FOR UPDATE", "another tenant's row locked")
a("write_scope", W, "SELECT o.id FROM orders o, products p WHERE o.id = 5 AND o.tenant_id = 7 AND p.id = 1 FOR UPDATE", "products locked too")
a("write_scope", S, "SELECT id FROM customers WHERE id = 6 AND tenant_id = 7 FOR SHARE", "no UPDATE on customers")

# merge_escape
M = "MERGE INTO orders o USING (VALUES (46)) v (id) "
for sql, why in [
    (M + "ON o.id = v.id WHEN MATCHED THEN UPDATE SET note = 'x'", "no tenant"),
    (M + "ON o.id = v.id AND o.tenant_id = 8 WHEN MATCHED THEN UPDATE SET note = 'x'", "another tenant"),
    (M + "ON o.id = v.id WHEN MATCHED AND o.tenant_id = 7 THEN UPDATE SET note = 'x' WHEN MATCHED THEN UPDATE SET note = 'y'", "the second branch"),
    (M + "ON o.id = v.id AND (o.tenant_id = 7 OR true) WHEN MATCHED THEN UPDATE SET note = 'x'", "an OR"),
    (M + "ON true WHEN MATCHED THEN UPDATE SET note = 'x'", "ON true"),
    (M + "ON o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = 'x'", "unbounded"),
    (M + "ON o.id = 5 AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET tenant_id = 8", "gives the row away"),
    (M + "ON o.id = 5 AND o.tenant_id = 7 WHEN MATCHED THEN DELETE", "no DELETE on orders"),
    (M + "ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (8, 7)", "inserts another tenant's"),
    (M + "ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (v.id, 7)", "inserts what the source says"),
    (M + "ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT DEFAULT VALUES", "inserts no tenant"),
    ("MERGE INTO orders o USING orders s ON o.id = 5 AND o.tenant_id = 7 AND s.id = 46 WHEN MATCHED THEN UPDATE SET note = s.note", "copies another's note"),
    ("MERGE INTO orders o USING (SELECT id FROM orders WHERE tenant_id = 8 AND customer_id = 7) s ON o.id = s.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (7, 6)", "reads another tenant"),
    ("MERGE INTO orders o USING (SELECT customer_id FROM orders WHERE id = 46) s ON o.id = s.customer_id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES (7, s.customer_id)", "the source is another tenant's"),
    ("MERGE INTO order_items t USING generate_series(1, 1000) g ON t.order_id = 5 AND t.tenant_id = 7 AND t.line_no = g WHEN NOT MATCHED THEN INSERT (order_id, line_no, tenant_id, product_id, quantity, price_cents) VALUES (5, g, 7, 1, 1, 1)", "997 rows; the grant allows 500"),
    ("MERGE INTO order_items t USING (VALUES (5), (25), (45), (65)) s (id) ON t.order_id = s.id AND t.tenant_id = 7 WHEN MATCHED THEN DELETE", "12 rows; the grant allows 10"),
    ("MERGE INTO order_items t USING (VALUES (46, 7)) s (o, t) ON t.order_id = s.o AND s.t = 7 WHEN MATCHED THEN UPDATE SET quantity = 1", "the source's own tenant"),
    ("MERGE INTO products p USING (VALUES (1)) v (id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET price_cents = 1", "no UPDATE on products"),
    ("MERGE INTO product_catalogue p USING (VALUES (1)) v (id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET price_cents = 1", "a view"),
    ("MERGE INTO orders o USING employees e ON o.id = 5 AND o.tenant_id = 7 AND e.id = 1 WHEN MATCHED THEN UPDATE SET note = e.iban", "a table never granted"),
    ("MERGE INTO orders o USING (VALUES (5)) v (id) ON o.id = v.id AND o.tenant_id = 7 WHEN MATCHED THEN UPDATE SET note = (SELECT secret FROM api_keys WHERE id = 1)", "a table never granted, in SET"),
    ("MERGE INTO orders o USING (VALUES (5)) v (id) ON o.id = v.id AND o.tenant_id = 7 WHEN MATCHED AND EXISTS (SELECT 1 FROM orders x WHERE x.id = 46 AND x.note LIKE 'n%') THEN UPDATE SET note = 'x'", "asks another's note"),
    ("WITH s AS (UPDATE orders SET note = 'x' WHERE id = 46 RETURNING id) MERGE INTO orders o USING s ON o.id = s.id AND o.tenant_id = 7 WHEN MATCHED THEN DO NOTHING", "a write in the CTE"),
]:
    a("merge_escape", W, sql, why)
a("merge_escape", S, "MERGE INTO messages m USING (VALUES (5)) v (t) ON m.ticket_id = v.t AND m.tenant_id = 7 WHEN MATCHED THEN UPDATE SET body = 'x'", "no UPDATE on messages")
a("merge_escape", S, "MERGE INTO tickets t USING customers c ON t.customer_id = c.id AND t.id = 5 AND t.tenant_id = 7 AND c.tenant_id = 7 AND c.ssn LIKE '1%' WHEN MATCHED THEN UPDATE SET status = 'open'", "asks a hidden column")
a("merge_escape", A, "MERGE INTO orders o USING (VALUES (5)) v (id) ON o.id = v.id WHEN MATCHED THEN DO NOTHING", "no write is granted")

# upsert_escape
U = ITEM + "VALUES (5, 1, 7, 3, 2, 121) ON CONFLICT (order_id, line_no) "
for sql, why in [
    (U + "DO UPDATE SET quantity = EXCLUDED.quantity", "anybody's row"),
    (U + "DO UPDATE SET quantity = 9 WHERE EXCLUDED.tenant_id = 7", "the new row's tenant"),
    (U + "DO UPDATE SET quantity = 9 WHERE order_items.tenant_id <> 8", "no equality"),
    (U + "DO UPDATE SET quantity = 9 WHERE order_items.tenant_id = 7 OR order_items.quantity > 0", "an OR"),
    (U + "DO UPDATE SET tenant_id = 8 WHERE order_items.tenant_id = 7", "gives it away"),
    (U + "DO UPDATE SET product_id = EXCLUDED.product_id WHERE order_items.tenant_id = 7", "product_id is not in the list"),
    (U + "DO UPDATE SET quantity = (SELECT quantity FROM order_items WHERE order_id = 46 AND line_no = 1) WHERE order_items.tenant_id = 7", "reads another's line"),
    (ITEM + "VALUES (46, 1, 8, 3, 2, 121) ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 9 WHERE order_items.tenant_id = 8", "another tenant altogether"),
    (ITEM + "VALUES (46, 1, 8, 3, 2, 121) ON CONFLICT DO NOTHING", "another tenant's, even if nothing is done"),
    (ITEM + "SELECT order_id, line_no, 7, product_id, quantity, 1 FROM order_items WHERE order_id = 46 ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = EXCLUDED.quantity WHERE order_items.tenant_id = 7", "the source is another's"),
    ("INSERT INTO orders (id, tenant_id, customer_id, note) VALUES (46, 7, 6, 'x') ON CONFLICT (id) DO UPDATE SET note = 'x'", "order 46 is tenant 8's"),
    ("INSERT INTO orders (id, tenant_id, customer_id, note) VALUES (46, 7, 6, 'x') ON CONFLICT (id) DO UPDATE SET note = orders.note || EXCLUDED.note WHERE orders.status IS NOT NULL RETURNING note", "returns another's note"),
    ("INSERT INTO orders AS excluded_ (id, tenant_id, customer_id, note) VALUES (46, 7, 6, 'x') ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE EXCLUDED.tenant_id = 7 AND excluded_.id = 46", "an alias that looks like EXCLUDED"),
    ("INSERT INTO products (id, sku, name, category, price_cents) VALUES (1, 'a', 'b', 'c', 1) ON CONFLICT (id) DO UPDATE SET price_cents = 1", "no write on products"),
    ("INSERT INTO orders (id, tenant_id, customer_id) VALUES (45, 7, 46) ON CONFLICT ON CONSTRAINT orders_pkey DO UPDATE SET customer_id = 7 WHERE orders.tenant_id = 7", "customer_id is not in the list"),
]:
    a("upsert_escape", W, sql, why)
a("upsert_escape", S, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (5, 7, 'a', 'b') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE messages.tenant_id = 7", "no UPDATE on messages")
a("upsert_escape", W, ITEM + "VALUES ($1, 1, $2, 3, 2, 121) ON CONFLICT (order_id, line_no) DO UPDATE SET quantity = 9 WHERE order_items.tenant_id = $3", "the old row's tenant is a parameter", [46, 7, 8])

# returning_leak
for persona, sql, why in [
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING (SELECT iban FROM employees WHERE id = 1)", "a table never granted"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING (SELECT note FROM orders x WHERE x.id = 49 AND x.tenant_id = 11)", "another tenant's note"),
    (W, "UPDATE orders o SET note = 'x' FROM order_items i WHERE o.id = 5 AND o.tenant_id = 7 AND i.order_id = 46 RETURNING i.*", "another tenant's lines"),
    (W, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6) RETURNING (SELECT name FROM customers WHERE id = 6)", "customers are not granted to the writer"),
    (W, "DELETE FROM order_items i USING orders o WHERE i.order_id = 5 AND i.tenant_id = 7 AND o.id = 46 RETURNING o.note", "another tenant's note"),
    (W, "DELETE FROM order_items WHERE order_id = 5 AND tenant_id = 7 RETURNING (SELECT string_agg(secret, ',') FROM api_keys)", "a table never granted"),
    (W, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING id) SELECT (SELECT secret FROM api_keys WHERE id = 1) FROM x", "a table never granted, outside"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING peek('SELECT secret FROM api_keys')", "a function that runs SQL"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING nextval('invoice_no')", "a sequence"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING pg_read_file('/etc/passwd')", "a file"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING note === 'y'", "an operator that leaks"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7 RETURNING query_to_xml('SELECT * FROM api_keys', true, true, '')", "XML of any query"),
    (S, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 RETURNING c", "a whole row with hidden columns"),
    (S, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 RETURNING c.*", "all columns, hidden ones too"),
    (S, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 RETURNING to_jsonb(c)", "a whole row as JSON"),
    (S, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 27 RETURNING c.email", "another tenant's address"),
    (S, "UPDATE tickets SET status = 'open' WHERE id = 25 AND tenant_id = 7 RETURNING (SELECT c.ssn FROM customers c WHERE c.id = tickets.customer_id AND c.tenant_id = 7)", "a hidden column in a subquery"),
    (S, "UPDATE tickets SET status = 'open' WHERE id = 25 AND tenant_id = 7 RETURNING lower(tickets)", "the overloaded name"),
    (S, "UPDATE tickets t SET status = 'open' WHERE id = 25 AND tenant_id = 7 RETURNING t.lower", "the overloaded name as a column"),
    (S, "UPDATE tickets SET status = 'open' WHERE id = 25 AND tenant_id = 7 RETURNING (SELECT count(*) FROM messages)", "counts all messages"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES (5, 7, 'a', 'b') RETURNING (SELECT password_hash FROM customers WHERE id = 6 AND tenant_id = 7)", "a hidden column"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', ssn FROM customers WHERE id = 6 AND tenant_id = 7 RETURNING body", "a hidden column by way of a granted one"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', reference FROM customer_directory WHERE id = 6 AND tenant_id = 7 RETURNING body", "a view of a hidden column"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', body FROM messages WHERE ticket_id = 46 RETURNING body", "another tenant's message"),
]:
    a("returning_leak", persona, sql, why)

# cascade
for persona, sql, why in [
    (W, "DELETE FROM orders WHERE id = 5 AND tenant_id = 7 RETURNING id", "cascades to its lines"),
    (W, "WITH d AS (DELETE FROM orders WHERE id = 5 AND tenant_id = 7 RETURNING id) SELECT * FROM d", "in a CTE"),
    (W, "TRUNCATE order_items", "TRUNCATE is in no grant"),
    (W, "TRUNCATE ONLY order_items RESTRICT", "TRUNCATE is in no grant"),
    (W, "TRUNCATE TABLE orders, order_items", "TRUNCATE is in no grant"),
    (S, "DELETE FROM tickets WHERE id = 5 AND tenant_id = 7 RETURNING *", "cascades to its messages"),
    (S, "DROP TABLE messages CASCADE", "DDL"),
    (W, "DROP TYPE order_status CASCADE", "DDL"),
    (W, "ALTER TABLE orders DROP COLUMN note CASCADE", "DDL"),
    (W, "DROP OWNED BY CURRENT_USER CASCADE", "DDL"),
    (A, "DROP VIEW product_catalogue CASCADE", "DDL"),
    (W, "ALTER TABLE order_items DROP CONSTRAINT order_items_pkey CASCADE", "DDL"),
    (S, "DELETE FROM customers WHERE id = 6 AND tenant_id = 7", "no DELETE"),
]:
    a("cascade", persona, sql, why)

# transaction_escape
T = "UPDATE orders SET note = 'x' WHERE id = 46"
for persona, setup, sql, why in [
    (W, ["BEGIN"], T, "in a block"),
    (W, ["BEGIN", "SAVEPOINT a"], T, "after a savepoint"),
    (W, ["BEGIN", "UPDATE orders SET note = 'ok' WHERE id = 5 AND tenant_id = 7"], T, "after an honest write"),
    (W, ["BEGIN ISOLATION LEVEL SERIALIZABLE"], "DELETE FROM order_items WHERE order_id = 46", "serializable"),
    (W, None, "BEGIN; " + T + "; COMMIT", "all in one text"),
    (W, None, "BEGIN; " + T + " AND tenant_id = 8; COMMIT; BEGIN; SELECT 1; COMMIT", "two blocks in one text"),
    (W, None, "UPDATE orders SET note = 'ok' WHERE id = 5 AND tenant_id = 7; " + T, "the second of two"),
    (W, None, "COMMIT; " + T + "; BEGIN", "turned round"),
    (W, None, "ROLLBACK; " + T, "after a ROLLBACK"),
    (W, None, "BEGIN; SAVEPOINT a; " + T + "; RELEASE a; COMMIT", "savepoint in one text"),
    (W, ["BEGIN"], "PREPARE TRANSACTION 'x'", "two-phase"),
    (W, None, "COMMIT PREPARED 'x'", "two-phase"),
    (A, None, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "back to READ WRITE"),
    (A, ["BEGIN READ ONLY"], "SET TRANSACTION READ WRITE", "back to READ WRITE"),
    (A, None, "SET default_transaction_read_only = off", "back to READ WRITE"),
    (A, ["BEGIN"], "SET LOCAL transaction_read_only = off", "back to READ WRITE"),
    (W, ["BEGIN"], "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'", "another's snapshot"),
    (A, None, "SELECT pg_export_snapshot()", "exports its snapshot"),
    (W, None, "BEGIN; SET LOCAL ROLE postgres; SELECT secret FROM api_keys; COMMIT", "another role in a block"),
    (W, ["BEGIN"], "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", "locks everybody out"),
    (W, ["BEGIN", "DECLARE c CURSOR FOR SELECT id FROM orders WHERE id = 5 AND tenant_id = 7 FOR UPDATE", "FETCH c"], "UPDATE orders SET note = 'x' WHERE CURRENT OF c AND tenant_id = 8", "a syntax error at best"),
    (W, ["BEGIN"], "CALL purge(7)", "a procedure that commits"),
    (W, None, "DO $$ BEGIN UPDATE orders SET note = 'x' WHERE id = 46; COMMIT; END $$", "a DO block"),
    (S, ["BEGIN"], "SELECT secret FROM api_keys", "a read in a block"),
    (S, ["BEGIN", "SAVEPOINT a"], "SELECT id, email FROM customers WHERE id = 7; ROLLBACK TO a", "then undone"),
]:
    a("transaction_escape", persona, sql, why, setup=setup)

# prepare_escape
for persona, setup, sql, why in [
    (W, ["PREPARE u (bigint, int) AS UPDATE orders SET note = 'x' WHERE id = $1 AND tenant_id = $2"], "EXECUTE u(46, 8)", "another tenant"),
    (W, ["PREPARE u (bigint, int) AS UPDATE orders SET note = 'x' WHERE id = $1 AND tenant_id = $2"], "EXECUTE u(46, NULL)", "NULL"),
    (W, ["PREPARE i (int) AS INSERT INTO orders (tenant_id, customer_id) VALUES ($1, 6)"], "EXECUTE i(8)", "another tenant"),
    (W, ["PREPARE d (bigint) AS DELETE FROM order_items WHERE order_id = $1"], "EXECUTE d(46)", "no tenant"),
    (S, ["PREPARE q AS SELECT secret FROM api_keys"], "EXECUTE q", "a table never granted"),
    (S, ["PREPARE q (int[]) AS SELECT id, email FROM customers WHERE tenant_id = ANY ($1) AND id = 7"], "EXECUTE q('{7,8}')", "two tenants"),
    (S, ["PREPARE q (int) AS SELECT id, email FROM customers WHERE tenant_id = $1 AND id = 7"], "EXECUTE q(7 + 1)", "computed"),
    (S, ["PREPARE q (int) AS SELECT id, email FROM customers WHERE tenant_id = $1 AND id = 7"], "EXECUTE q((SELECT 8))", "a subquery as an argument"),
    (S, ["PREPARE q (text) AS SELECT $1"], "EXECUTE q((SELECT secret FROM api_keys LIMIT 1))", "a subquery as an argument"),
    (S, ["PREPARE q (text) AS SELECT $1"], "EXECUTE q(pg_read_file('/etc/passwd'))", "a function as an argument"),
    (W, ["PREPARE q (bigint) AS SELECT $1"], "EXECUTE q(nextval('invoice_no'))", "a sequence as an argument"),
    (S, ["BEGIN", "DECLARE c CURSOR FOR SELECT id, email FROM customers WHERE id = 7"], "FETCH c", "another tenant by a cursor"),
    (S, ["DECLARE c CURSOR WITH HOLD FOR SELECT secret FROM api_keys"], "FETCH ALL FROM c", "a held cursor"),
    (S, ["PREPARE q AS SELECT 1", "DEALLOCATE q", "PREPARE q AS SELECT secret FROM api_keys"], "EXECUTE q", "a name used again"),
    (S, ["PREPARE q (int, bigint) AS SELECT id, email FROM customers WHERE tenant_id = $1 AND id = $2"], "EXPLAIN ANALYZE EXECUTE q(8, 7)", "EXPLAIN of EXECUTE"),
    (S, ["PREPARE q (int, bigint) AS SELECT id, email FROM customers WHERE tenant_id = $1 AND id = $2"], "CREATE TABLE leak AS EXECUTE q(8, 7)", "CREATE TABLE AS EXECUTE"),
    (W, None, "PREPARE x AS UPDATE orders SET note = 'x' WHERE id = 46; EXECUTE x", "both in one text"),
    (S, None, "BEGIN; DECLARE c CURSOR FOR SELECT id, email FROM customers WHERE id = 7; FETCH ALL FROM c; COMMIT", "all in one text"),
    (S, ["BEGIN", "DECLARE c CURSOR FOR SELECT id, name FROM customers WHERE tenant_id = 7"], "FETCH ALL FROM c", "250 rows; the grant allows 100"),
    (S, ["BEGIN", "DECLARE c CURSOR FOR SELECT id, name FROM customers WHERE tenant_id = 7", "FETCH 60 FROM c"], "FETCH 60 FROM c", "120 rows in two steps; the grant allows 100"),
]:
    a("prepare_escape", persona, sql, why, setup=setup, setup_may_fail=True) if setup else a("prepare_escape", persona, sql, why)

# side_effect
for persona, sql, why in [
    (W, "SELECT setval('invoice_no', 1)", "a sequence set"),
    (W, "SELECT nextval('public.orders_id_seq'::regclass)", "a sequence advanced"),
    (W, "INSERT INTO orders (id, tenant_id, customer_id) VALUES (nextval('invoice_no'), 7, 6)", "another sequence"),
    (W, "SELECT currval('orders_id_seq')", "reads a sequence"),
    (W, "SELECT last_value FROM orders_id_seq", "reads a sequence"),
    (W, "NOTIFY orders, 'x'", "NOTIFY"),
    (W, "SELECT pg_notify('orders', 'x')", "NOTIFY by a function"),
    (W, "LISTEN orders", "LISTEN"),
    (S, "SELECT pg_sleep(5)", "sleeps"),
    (S, "SELECT pg_sleep_for('5 seconds')", "sleeps"),
    (S, "SELECT pg_try_advisory_xact_lock(1)", "an advisory lock"),
    (S, "SELECT lo_create(0)", "a large object"),
    (S, "SELECT lo_import('/etc/passwd')", "a large object of a file"),
    (S, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "ends others' sessions"),
    (S, "SELECT pg_cancel_backend(1)", "cancels"),
    (S, "SELECT pg_reload_conf()", "reloads"),
    (S, "SELECT pg_switch_wal()", "a new segment"),
    (S, "SELECT pg_logical_emit_message(true, 'a', 'b')", "writes to the WAL"),
    (A, "CREATE TEMP TABLE t AS SELECT 1", "a temporary table"),
    (A, "SELECT id INTO leak FROM products", "SELECT INTO"),
    (A, "CREATE VIEW v AS SELECT 1", "DDL"),
    (A, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DDL"),
    (A, "CREATE INDEX ON products (name)", "DDL"),
    (A, "ALTER TABLE products ADD COLUMN x int", "DDL"),
    (A, "GRANT SELECT ON api_keys TO PUBLIC", "GRANT"),
    (A, "COMMENT ON TABLE products IS 'x'", "a comment"),
    (A, "VACUUM products", "VACUUM"),
    (A, "ANALYZE products", "ANALYZE"),
    (A, "CLUSTER products USING products_pkey", "CLUSTER"),
    (A, "REINDEX TABLE products", "REINDEX"),
    (A, "CHECKPOINT", "CHECKPOINT"),
    (A, "REFRESH MATERIALIZED VIEW revenue_by_tenant", "REFRESH"),
    (A, "LOAD 'auto_explain'", "LOAD"),
    (A, "DO $$ BEGIN PERFORM 1; END $$", "DO"),
    (A, "CALL purge(7)", "CALL"),
    (A, "CREATE EXTENSION dblink", "an extension"),
    (A, "ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM"),
    (A, "SECURITY LABEL ON TABLE products IS 'x'", "a label"),
    (A, "IMPORT FOREIGN SCHEMA public FROM SERVER x INTO public", "foreign tables"),
    (A, "SELECT dblink('dbname=shop', 'SELECT 1')", "another connection"),
    (A, "SELECT txid_current()", "takes a transaction id"),
    (A, "SELECT pg_current_xact_id()", "takes a transaction id"),
    (A, "SELECT setseed(0.5)", "a seed"),
]:
    a("side_effect", persona, sql, why)

# copy_escape
for persona, sql, why in [
    (S, "COPY api_keys TO STDOUT", "a table never granted"),
    (S, "COPY (SELECT * FROM customers WHERE tenant_id = 7 AND id = 6) TO STDOUT", "hidden columns"),
    (S, "COPY customers (id, name) TO STDOUT", "every tenant"),
    (S, "COPY tickets TO STDOUT WITH (FORMAT csv)", "every tenant"),
    (A, "COPY tenants TO STDOUT", "a hidden column"),
    (A, "COPY orders (id, status) TO STDOUT", "unbounded"),
    (A, "COPY (SELECT id FROM products) TO '/tmp/x'", "a file"),
    (A, "COPY (SELECT id FROM products) TO PROGRAM 'cat > /tmp/x'", "a program"),
    (A, "COPY products TO '/tmp/x'", "a file"),
    (W, "COPY orders FROM STDIN", "rows that nobody has seen"),
    (W, "COPY orders (tenant_id, customer_id) FROM STDIN", "rows that nobody has seen"),
    (W, "COPY orders FROM '/etc/passwd'", "a file"),
    (W, "COPY orders FROM PROGRAM 'id'", "a program"),
    (W, "COPY order_items FROM STDIN WHERE tenant_id = 7", "WHERE of COPY"),
    (W, "COPY (UPDATE orders SET note = 'x' WHERE id = 46 RETURNING id) TO STDOUT", "a write of another tenant"),
    (W, "COPY (DELETE FROM order_items WHERE order_id = 46 RETURNING *) TO STDOUT", "a delete of another tenant"),
    (W, "COPY (INSERT INTO orders (tenant_id, customer_id) VALUES (8, 7) RETURNING id) TO STDOUT", "an insert of another tenant"),
    (S, "COPY (SELECT id, email FROM customers WHERE id = 7) TO STDOUT (FORMAT csv)", "another tenant"),
    (S, "COPY (SELECT id, name FROM customers WHERE tenant_id = 7) TO STDOUT", "250 rows; the grant allows 100"),
    (A, "COPY events_2026_09 TO STDOUT", "a partition"),
    (A, "COPY revenue_by_tenant TO STDOUT", "a materialized view"),
    (S, "COPY customer_directory TO STDOUT", "a view"),
    (W, "COPY BINARY orders TO STDOUT", "the oldest syntax"),
]:
    a("copy_escape", persona, sql, why)

# statement_stacking
for persona, sql, why in [
    (S, "SELECT 1; DELETE FROM messages", "then a delete"),
    (S, "SELECT 1;; ; SELECT secret FROM api_keys", "empty statements between"),
    (S, "SELECT 1 /* ; */ ; /* */ SELECT iban FROM employees", "comments between"),
    (S, "SELECT ';'; SELECT secret FROM api_keys", "a semicolon in a string"),
    (S, "SELECT $$;$$; SELECT secret FROM api_keys", "in a dollar quote"),
    (S, "SELECT E'\\';'; SELECT secret FROM api_keys --'", "in an escape string"),
    (W, "UPDATE orders SET note = 'ok' WHERE id = 5 AND tenant_id = 7; DELETE FROM order_items", "then everything"),
    (W, "UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7; UPDATE orders SET note = 'x' WHERE id = 46; SELECT 1", "in the middle"),
    (W, "INSERT INTO orders (tenant_id, customer_id) VALUES (7, 6); DROP TABLE orders --", "the classic"),
    (W, "UPDATE orders SET note = 'x'; -- ' WHERE id = 5 AND tenant_id = 7", "the WHERE in a comment"),
    (W, "SELECT 1; SET ROLE postgres; SELECT 1", "another role"),
    (W, "SELECT 1; COPY api_keys TO STDOUT", "then COPY"),
    (A, "SELECT count(*) FROM products; CALL purge(7)", "then a procedure"),
    (A, "SHOW search_path; SELECT passwd FROM pg_shadow", "then a catalogue"),
    (A, "BEGIN; SELECT 1; COMMIT; SELECT name FROM customers WHERE id = 6", "after the block"),
]:
    a("statement_stacking", persona, sql, why)

# parameter_escape
for persona, sql, params, why in [
    (W, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = $3", ["x", 46, 8], "another tenant"),
    (W, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = $3", ["x", 46, None], "NULL"),
    (W, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = ANY ($3)", ["x", 46, [7, 8]], "two tenants"),
    (W, "UPDATE orders SET note = $1 WHERE id = $2 AND tenant_id = coalesce($3, tenant_id)", ["x", 46, None], "an optional filter"),
    (W, "UPDATE orders SET note = $1 WHERE id = coalesce($2, id) AND tenant_id = 7", ["x", None], "an optional key"),
    (W, "UPDATE orders SET note = $1 WHERE tenant_id = 7 AND ($2::bigint IS NULL OR id = $2)", ["x", None], "an optional key"),
    (W, "UPDATE orders SET note = $1 WHERE tenant_id = 7 AND id BETWEEN $2 AND $3", ["x", 1, 50000], "too wide"),
    (W, "UPDATE orders SET note = $1 WHERE tenant_id = 7 AND placed_on BETWEEN $2 AND $3", ["x", "2026-01-01", "2026-12-31"], "too wide"),
    (W, "UPDATE orders SET note = $1 WHERE tenant_id = 7 AND placed_on BETWEEN $2 AND $3", ["x", "-infinity", "infinity"], "without an end"),
    (W, "UPDATE orders SET note = $1 WHERE tenant_id = $2 AND id = ANY ($3)", ["x", 7, list(range(200))], "too long"),
    (W, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2)", [8, 7], "another tenant"),
    (W, "INSERT INTO orders (tenant_id, customer_id) VALUES ($1, $2), ($3, $4)", [7, 6, 8, 7], "the second row"),
    (W, "INSERT INTO orders (tenant_id, customer_id) SELECT * FROM UNNEST($1::int[], $2::bigint[])", [[7, 8], [6, 7]], "the second element"),
    (W, "INSERT INTO orders (tenant_id, customer_id) SELECT t, c FROM UNNEST($1::int[], $2::bigint[]) AS u (t, c)", [[7, None], [6, 7]], "a NULL element"),
    (W, "DELETE FROM order_items WHERE order_id = $1 AND line_no = $2 AND tenant_id = $3", [46, 1, 8], "another tenant"),
    (W, "DELETE FROM order_items WHERE tenant_id = $1 AND order_id = ANY ($2)", [7, [5, 25, 45, 65]], "12 rows; the grant allows 10"),
    (W, "MERGE INTO orders o USING (VALUES ($1::bigint)) v (id) ON o.id = v.id AND o.tenant_id = $2 WHEN MATCHED THEN UPDATE SET note = 'x'", [46, 8], "another tenant"),
    (W, "MERGE INTO orders o USING (VALUES ($1::bigint)) v (id) ON o.id = v.id AND o.tenant_id = 7 WHEN NOT MATCHED THEN INSERT (tenant_id, customer_id) VALUES ($2, 6)", [46, 8], "another tenant"),
    (S, "UPDATE tickets SET status = $1 WHERE id = $2 AND tenant_id = $3", ["closed", 46, 8], "another tenant"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) VALUES ($1, $2, $3, $4)", [46, 8, "a", "b"], "another tenant"),
    (S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT $1, 7, $2, m.body FROM messages m WHERE m.ticket_id = $3", [5, "a", 46], "another tenant's message"),
    (S, "SELECT id, email FROM customers WHERE id = $1 AND tenant_id = $2::text::int", [7, "8"], "a cast"),
    (S, "SELECT id, email FROM customers WHERE id = $1 AND (tenant_id = $2 OR $3)", [7, 7, True], "an OR of a parameter"),
    (S, "SELECT id, subject FROM tickets WHERE tenant_id = 7 AND status = coalesce($1, status) LIMIT 10", [None], "an optional status"),
]:
    a("parameter_escape", persona, sql, why, params)

# cte_escape
for persona, sql, why in [
    (W, "WITH x AS (DELETE FROM order_items WHERE order_id = 46 RETURNING *) SELECT count(*) FROM x", "another tenant's lines"),
    (W, "WITH x AS (UPDATE orders SET note = 'x' WHERE id = 46) SELECT 1", "read by nobody"),
    (W, "WITH x AS (INSERT INTO orders (tenant_id, customer_id) VALUES (8, 7) RETURNING id) SELECT id FROM x", "another tenant's order"),
    (W, "WITH x AS (SELECT 46::bigint AS id) UPDATE orders o SET note = 'x' FROM x WHERE o.id = x.id", "no tenant"),
    (W, "WITH x AS (SELECT id FROM orders WHERE id = 46) DELETE FROM order_items i USING x WHERE i.order_id = x.id AND i.tenant_id = 7", "the source is another's"),
    (W, "WITH x AS (DELETE FROM order_items WHERE tenant_id = 7 RETURNING *) SELECT * FROM x WHERE order_id = 5", "filters too late"),
    (W, "WITH orders AS (SELECT 46::bigint AS id, 7 AS tenant_id, ''::text AS note) SELECT * FROM orders WHERE id = 46 AND tenant_id = 7 UNION ALL SELECT id, tenant_id, note FROM public.orders WHERE id = 46", "a name that shadows"),
    (W, "WITH a AS (UPDATE orders SET note = 'a' WHERE id = 5 AND tenant_id = 7 RETURNING tenant_id), b AS (UPDATE orders SET note = 'b' FROM a WHERE orders.id = 46 RETURNING 1) SELECT * FROM b", "the second of two"),
    (W, "WITH t AS MATERIALIZED (SELECT id, note FROM orders) SELECT note FROM t WHERE id = 46", "all orders materialized"),
    (S, "WITH RECURSIVE r AS (SELECT id, email FROM customers WHERE id = 6 AND tenant_id = 7 UNION ALL SELECT c.id, c.email FROM customers c JOIN r ON c.id = r.id + 1 WHERE c.id < 20) SELECT * FROM r", "walks on to other tenants"),
    (S, "WITH x AS (UPDATE tickets SET status = 'open' WHERE id = 25 AND tenant_id = 7 RETURNING customer_id) SELECT c.password_hash FROM customers c JOIN x ON c.id = x.customer_id WHERE c.tenant_id = 7", "a hidden column by way of it"),
    (S, "WITH x AS (UPDATE tickets SET status = 'open' WHERE id = 46 RETURNING subject) INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', subject FROM x", "another tenant's subject"),
    (A, "WITH x AS (DELETE FROM products RETURNING *) SELECT * FROM x", "no write"),
    (A, "WITH x AS (INSERT INTO events VALUES (1, now(), 'x')) SELECT 1", "no write"),
]:
    a("cte_escape", persona, sql, why)

# hidden_column, cross_tenant, whole_row, error_leak, explain_leak, row_limit among writes
for cls, persona, sql, why in [
    ("hidden_column", S, "UPDATE tickets SET status = (SELECT ssn FROM customers WHERE id = 6 AND tenant_id = 7) WHERE id = 25 AND tenant_id = 7", "into a ticket"),
    ("hidden_column", S, "UPDATE tickets t SET status = 'open' FROM customers c WHERE t.id = 25 AND t.tenant_id = 7 AND c.id = 26 AND c.tenant_id = 7 AND c.password_hash LIKE '$argon2$a%'", "in a condition"),
    ("hidden_column", S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', billing_key FROM tenants WHERE id = 7", "the billing key"),
    ("hidden_column", S, "SELECT id FROM customers WHERE tenant_id = 7 AND id IN (6, 26) ORDER BY ssn", "ORDER BY"),
    ("hidden_column", S, "SELECT count(DISTINCT ssn) FROM customers WHERE tenant_id = 7 AND id = 6", "an aggregate"),
    ("hidden_column", S, "SELECT c.id FROM customers c JOIN (VALUES ('000047514')) v (ssn) USING (ssn) WHERE c.tenant_id = 7 AND c.id = 6", "USING"),
    ("hidden_column", S, "SELECT c.id FROM customers c NATURAL JOIN (SELECT '000047514' AS ssn) v WHERE c.tenant_id = 7 AND c.id = 6", "NATURAL JOIN"),
    ("hidden_column", A, "SELECT id FROM tenants WHERE billing_key LIKE 'bk_a%'", "the billing key in a condition"),
    ("hidden_column", A, "SELECT o.tenant_id, i.tenant_id FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.id = 5", "tenant_id of the lines is not in the analyst's list"),
    ("whole_row", S, "INSERT INTO messages (ticket_id, tenant_id, author, body) SELECT 5, 7, 'a', c::text FROM customers c WHERE c.id = 6 AND c.tenant_id = 7", "a whole row as text"),
    ("whole_row", S, "SELECT to_json(c) FROM customers c WHERE c.id = 6 AND c.tenant_id = 7", "as JSON"),
    ("whole_row", S, "SELECT (c).ssn FROM customers c WHERE c.id = 6 AND c.tenant_id = 7", "a field of it"),
    ("whole_row", S, "SELECT count(c) FROM customers c WHERE c.id = 6 AND c.tenant_id = 7", "counted"),
    ("cross_tenant", S, "SELECT t.id, c.email FROM tickets t JOIN customers c ON c.id = t.customer_id WHERE t.id = 25 AND t.tenant_id = 7", "the customer's tenant is not said"),
    ("cross_tenant", S, "SELECT email FROM customers WHERE tenant_id = '8' AND id = 7", "a literal of another tenant"),
    ("cross_tenant", S, "SELECT email FROM customers WHERE tenant_id = 7.0 AND id = 6 OR tenant_id = 8 AND id = 7", "an OR"),
    ("cross_tenant", S, "SELECT email FROM customers WHERE email = 'c7@example.com'", "by a key"),
    ("cross_tenant", W, "SELECT note FROM orders WHERE id = 49 AND tenant_id != 7", "not the own tenant"),
    ("cross_tenant", W, "SELECT i.* FROM order_items i JOIN orders o ON o.id = i.order_id AND o.tenant_id = 7 WHERE i.order_id = 5", "the lines' tenant is not said"),
    ("error_leak", W, "UPDATE orders SET note = 'x' WHERE id = 49 AND tenant_id = 7 AND note::int = 0", "a cast in a condition"),
    ("error_leak", W, "UPDATE orders SET note = 'x' WHERE id = 46 AND tenant_id = 7 AND 1 / (total_cents - 1046) = 1", "a division in a condition"),
    ("error_leak", W, "DELETE FROM order_items WHERE order_id = 46 AND tenant_id = 7 AND (quantity || 'x')::int = 1", "a cast in a condition"),
    ("error_leak", S, "UPDATE tickets SET status = 'x' WHERE id = 46 AND tenant_id = 7 AND subject::date IS NULL", "a cast in a condition"),
    ("explain_leak", W, "EXPLAIN ANALYZE DELETE FROM order_items WHERE order_id = 46", "really deletes"),
    ("explain_leak", W, "EXPLAIN UPDATE orders SET note = 'x' WHERE id = 46", "a plan of another tenant's"),
    ("explain_leak", W, "EXPLAIN (ANALYZE, FORMAT JSON) INSERT INTO orders (tenant_id, customer_id) VALUES (8, 7)", "really inserts"),
    ("explain_leak", S, "EXPLAIN SELECT secret FROM api_keys", "a table never granted"),
    ("row_limit", W, "UPDATE orders SET note = 'x' WHERE tenant_id = 7 AND customer_id = ANY ('{6,26,46}')", "30 rows; the grant allows 20"),
    ("row_limit", W, "UPDATE order_items SET quantity = 1 WHERE tenant_id = 7 AND order_id IN (5, 25, 45, 65, 85, 105, 125, 145, 165, 185, 205, 225, 245, 265, 285, 305, 325)", "51 rows; the grant allows 50"),
    ("row_limit", W, "DELETE FROM order_items WHERE tenant_id = 7 AND order_id IN (5, 25, 45, 65) RETURNING *", "12 rows; the grant allows 10"),
    ("row_limit", W, "WITH x AS (DELETE FROM order_items WHERE tenant_id = 7 AND order_id IN (5, 25, 45, 65)) SELECT 1", "12 rows in a CTE; the grant allows 10"),
    ("row_limit", W, "WITH x AS (DELETE FROM order_items WHERE tenant_id = 7 AND order_id IN (5, 25)), y AS (DELETE FROM order_items WHERE tenant_id = 7 AND order_id IN (45, 65)) SELECT 1", "6 and 6 rows in two CTEs; the grant allows 10 a statement"),
    ("row_limit", W, "INSERT INTO orders (tenant_id, customer_id) SELECT 7, 6 FROM generate_series(1, 101)", "101 rows; the grant allows 100"),
    ("row_limit", S, "SELECT c.id FROM customers c WHERE c.tenant_id = 7 LIMIT 101", "101 rows; the grant allows 100"),
    ("row_limit", S, "WITH x AS (UPDATE tickets SET priority = 1 WHERE tenant_id = 7 AND id BETWEEN 1 AND 300) SELECT 1", "15 rows in a CTE; the grant allows 10"),
]:
    a(cls, persona, sql, why)

# session_setting
for persona, sql, why in [
    (S, "SET search_path TO archive", "another schema"),
    (S, "SET LOCAL search_path = archive", "another schema"),
    (S, "SET SCHEMA 'archive'", "another schema"),
    (S, "SELECT set_config('search_path', 'archive', false)", "by a function"),
    (S, "SELECT set_config('role', 'postgres', false)", "a role by a function"),
    (S, "SET ROLE postgres", "a role"),
    (S, "SET SESSION AUTHORIZATION DEFAULT", "the session's user"),
    (S, "SET row_security = off", "row security"),
    (S, "SET session_replication_role = replica", "triggers off"),
    (S, "SET backslash_quote = on", "quotes"),
    (S, "SET escape_string_warning = off", "outside of the list"),
    (S, "SET transform_null_equals = on", "= NULL"),
    (S, "SET client_encoding = 'SJIS'", "another encoding"),
    (S, "SET NAMES 'LATIN1'", "another encoding"),
    (S, "SET statement_timeout = 0", "no limit"),
    (S, "SET log_statement = 'none'", "outside of the list"),
    (S, "SET debug_print_parse = off", "what the proof needs"),
    (S, "SET pgwarrant.scope = 'x'", "our own"),
    (S, "SET default_transaction_isolation = 'serializable'; SET work_mem = '10GB'", "the second of two"),
    (S, "RESET SESSION AUTHORIZATION", "the session's user"),
    (S, "ALTER ROLE CURRENT_USER SET search_path = archive", "for ever"),
    (S, "ALTER DATABASE shop SET search_path = archive", "for ever"),
    (S, "SET TIME ZONE 'Europe/Berlin'; SET ROLE NONE", "the second of two"),
]:
    a("session_setting", persona, sql, why)

# what several statements in one text, chains, arrays side by side and lists from a subquery could open
for cls, persona, setup, sql, why in [
    ("statement_stacking", S, ["PREPARE t (int, text) AS SELECT id, subject FROM tickets WHERE tenant_id = $1 AND status = $2"], "SELECT 1; EXECUTE t(8, 'open')", "the argument pins tenant 8, after a result"),
    ("statement_stacking", S, None, "SELECT 1; PREPARE x AS SELECT secret FROM api_keys", "a PREPARE after a result"),
    ("statement_stacking", S, None, "SELECT 1; EXPLAIN SELECT secret FROM api_keys", "an EXPLAIN after a result"),
    ("statement_stacking", S, None, "SELECT 1; SHOW work_mem", "a setting that is not shown, after a result"),
    ("statement_stacking", S, None, "SELECT 1; RESET work_mem", "a setting that is not changed, after a result"),
    ("statement_stacking", S, None, "SELECT 1; SET statement_timeout = 0", "above the operator's, after a result"),
    ("statement_stacking", S, None, "SELECT 1; SET default_transaction_read_only = off", "back to READ WRITE, after a result"),
    ("statement_stacking", S, None, "SELECT 1; SET standard_conforming_strings = off", "after a result"),
    ("statement_stacking", S, None, "SELECT 1; SELECT set_config('role', 'postgres', false)", "a role, after a result"),
    ("statement_stacking", A, None, "SELECT 1; BEGIN READ WRITE; SELECT 2", "READ WRITE for who only reads, after a result"),
    ("transaction_escape", W, ["BEGIN", "UPDATE orders SET note = 'ok' WHERE id = 5 AND tenant_id = 7", "ROLLBACK AND CHAIN"], "UPDATE orders SET note = 'x' WHERE id = 46", "in a chained block"),
    ("transaction_escape", A, ["BEGIN READ ONLY", "COMMIT AND CHAIN"], "SET TRANSACTION READ WRITE", "the chained block is READ ONLY too"),
    ("transaction_escape", W, None, "BEGIN; UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7; COMMIT AND CHAIN; UPDATE orders SET note = 'x' WHERE id = 46; COMMIT", "the block after it"),
    ("transaction_escape", W, None, "BEGIN; SAVEPOINT a; UPDATE orders SET note = 'x' WHERE id = 5 AND tenant_id = 7; ROLLBACK TO a; DELETE FROM order_items WHERE order_id = 46; COMMIT", "after ROLLBACK TO"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT o, c FROM UNNEST('{6,26,46,66,86,106,126,146}'::bigint[]) WITH ORDINALITY AS u (c, o)", "the number of the row as a tenant"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT t, c FROM ROWS FROM (UNNEST('{7}'::int[]), generate_series(6, 8)) AS u (t, c)", "filled up with NULL"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT max(v), 6 FROM (VALUES (7), (8)) x (v)", "an aggregate as a tenant"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT 8, max(customer_id) FROM orders WHERE id = 5 AND tenant_id = 7", "another tenant beside an aggregate"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT 8, customer_id FROM orders WHERE id = 5 AND tenant_id = 7 GROUP BY customer_id", "another tenant beside a group"),
    ("write_scope", W, None, "INSERT INTO orders (tenant_id, customer_id) SELECT t, 6 FROM (SELECT 7 AS t, count(*) FROM orders WHERE id = 5 AND tenant_id = 7 GROUP BY ROLLUP (1)) x", "NULL in the row of all groups"),
    ("write_scope", W, None, "UPDATE orders SET (note, total_cents) = (SELECT note, total_cents FROM orders x WHERE x.id = 49) WHERE id = 5 AND tenant_id = 7", "copies another tenant's note"),
    ("write_scope", W, None, "UPDATE orders SET (note, tenant_id) = (SELECT 'x', 8) WHERE id = 5 AND tenant_id = 7", "tenant_id from a list"),
    ("write_scope", W, None, "UPDATE orders SET (note, status) = (SELECT secret, 'paid'::order_status FROM api_keys WHERE id = 1) WHERE id = 5 AND tenant_id = 7", "a table never granted, in a list"),
    ("error_leak", W, None, "SELECT x FROM (SELECT (SELECT sum(1 / (i.quantity - 2)) FROM order_items i WHERE i.order_id = o.id AND i.tenant_id = o.tenant_id) AS x FROM orders o WHERE o.id IN (5, 46) AND o.tenant_id = 7) s WHERE x > 0", "a list that is pulled up into a condition"),
    ("error_leak", W, None, "UPDATE orders SET note = 'x' WHERE id IN (5, 46) AND tenant_id = 7 AND (SELECT sum(1 / (i.quantity - 2)) FROM order_items i WHERE i.order_id = orders.id AND i.tenant_id = orders.tenant_id) > 0", "a subquery in a condition"),
    ("copy_escape", W, None, "COPY orders TO STDOUT", "every tenant"),
    ("copy_escape", A, None, "COPY tenants (id, billing_key) TO STDOUT", "a hidden column"),
    ("copy_escape", A, None, "COPY order_items (order_id, line_no) TO STDOUT", "unbounded"),
    ("copy_escape", A, None, "COPY product_catalogue TO STDOUT", "a view is not copied by its name (Postgres says so too)"),
    ("copy_escape", A, None, "COPY events TO STDOUT", "a partitioned table is not copied by its name"),
    ("copy_escape", A, None, "COPY products (id) TO STDOUT; COPY api_keys TO STDOUT", "the second of two"),
    ("prepare_escape", S, ["PREPARE q (bigint[], int) AS SELECT id, email FROM customers WHERE id = ANY ($1) AND tenant_id = $2"], "EXECUTE q(ARRAY[6, 7], 8)", "an array and another tenant"),
    ("prepare_escape", S, ["PREPARE q (int[]) AS SELECT id, email FROM customers WHERE tenant_id = ANY ($1) AND id = 7"], "EXECUTE q(ARRAY[7, 8])", "an array with another tenant"),
    ("prepare_escape", S, None, "PREPARE q (public.tickets) AS SELECT lower($1)", "a row type, for the overloaded name"),
]:
    a(cls, persona, sql, why, setup=setup)
for sql, params, why in [
    ("INSERT INTO orders (tenant_id, customer_id) SELECT t, c FROM UNNEST($1::int[], $2::bigint[]) AS u (t, c)", [[7], [6, 26]], "the shorter array is filled up with NULL"),
    ("INSERT INTO orders (tenant_id, customer_id) SELECT t, c FROM UNNEST($1::int[], $2::bigint[]) AS u (t, c)", [None, [6, 26]], "no array at all"),
    ("INSERT INTO orders (tenant_id, customer_id) SELECT t, c FROM UNNEST($1::int[], $2::bigint[]) AS u (t, c)", ["{{7,8}}", [6, 26]], "an array of arrays"),
    ("UPDATE orders SET note = u.n FROM UNNEST($1::bigint[], $2::text[], $3::int[]) AS u (id, n, t) WHERE orders.id = u.id AND orders.tenant_id = u.t", [[46], ["x"], [8]], "the tenant from an array"),
    ("UPDATE orders SET note = u.n FROM UNNEST($1::bigint[], $2::text[]) AS u (id, n) WHERE orders.id = u.id AND orders.tenant_id = 7", [list(range(150)), ["x"] * 150], "150 keys; the rules allow 100"),
]:
    a("parameter_escape", W, sql, why, params)

a("prepare_escape", S, "FETCH LAST FROM c", "a cursor that scrolls, over another tenant", setup=["BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT id, email FROM customers WHERE id = 7"], setup_may_fail=True)
a("prepare_escape", S, "FETCH BACKWARD ALL FROM c", "250 rows backward; the grant allows 100", setup=["BEGIN", "DECLARE c SCROLL CURSOR FOR SELECT id, name FROM customers WHERE tenant_id = 7", "MOVE ALL IN c"], setup_may_fail=True)

a("statement_stacking", S, "SELECT 1; PREPARE t (int) AS SELECT id, email FROM customers WHERE tenant_id = $1 AND id = 7; EXECUTE t(8)", "prepared and executed behind a result")
a("statement_stacking", W, "SELECT 1; PREPARE u (bigint, int) AS UPDATE orders SET note = 'x' WHERE id = $1 AND tenant_id = $2; EXECUTE u(46, 8)", "a write, prepared and executed behind a result")

a.write("attacks.jsonl")
