-- A small shop, so that all of it can be compared after every statement.
DELETE FROM messages WHERE ticket_id > 180;
DELETE FROM tickets WHERE id > 180;
DELETE FROM order_items WHERE order_id > 180;
DELETE FROM orders WHERE id > 180;
DELETE FROM archive.customers WHERE id > 20;
DELETE FROM customers WHERE id > 200;
DELETE FROM events WHERE at > '2026-09-01 12:00Z';
DELETE FROM products p WHERE id > 20 AND NOT EXISTS (SELECT FROM order_items i WHERE i.product_id = p.id);
DELETE FROM customers WHERE id > 181;
UPDATE orders SET note = 'n' || id WHERE id % 3 = 0;
-- As everything was before: key, the row without its key's help, and the tenant.
CREATE SCHEMA before;
CREATE TABLE before.orders AS TABLE orders;
CREATE TABLE before.order_items AS TABLE order_items;
CREATE TABLE before.tickets AS TABLE tickets;
CREATE TABLE before.messages AS TABLE messages;
ALTER TABLE before.orders ADD PRIMARY KEY (id);
ALTER TABLE before.order_items ADD PRIMARY KEY (order_id, line_no);
ALTER TABLE before.tickets ADD PRIMARY KEY (id);
ALTER TABLE before.messages ADD PRIMARY KEY (id);
CREATE FUNCTION before.outside() RETURNS text LANGUAGE sql AS $$
  SELECT md5((SELECT string_agg(t::text, '|' ORDER BY t::text) FROM tenants t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM customers t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM products t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM events t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM employees t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM api_keys t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM archive.customers t)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM orders t WHERE tenant_id <> 7)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM order_items t WHERE tenant_id <> 7)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM tickets t WHERE tenant_id <> 7)
      || (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM messages t WHERE tenant_id <> 7))
$$;
