-- What the sample shop lacks for this test: rows of one tenant that point at another's, texts that casts take, NULLs.
-- Tenant 7's keys are 6 (customers) and 5 (orders, tickets) modulo 20; tenant 8's are one more.
SET session_replication_role = replica;
UPDATE public.customers SET name = id::text WHERE id % 60 IN (6, 7);
UPDATE public.customers SET phone = NULL WHERE id % 9 = 0;
UPDATE public.customers SET profile = '[1, 2]' WHERE id % 80 IN (26, 27);
UPDATE public.orders SET note = id::text WHERE id % 21 = 0;
UPDATE public.orders SET customer_id = customer_id + 1 WHERE id % 40 = 5;
UPDATE public.orders SET customer_id = customer_id - 1 WHERE id % 40 = 6;
UPDATE public.order_items SET tenant_id = 8 WHERE order_id % 40 = 5 AND line_no = 2;
UPDATE public.order_items SET tenant_id = 7 WHERE order_id % 40 = 6 AND line_no = 2;
UPDATE public.tickets SET customer_id = customer_id + 1 WHERE id % 40 = 5;
UPDATE public.tickets SET customer_id = customer_id - 1 WHERE id % 40 = 6;
UPDATE public.tickets SET closed_at = created_at + interval '1 day', assignee = NULL WHERE id % 3 = 2;
UPDATE public.messages SET tenant_id = 8 WHERE ticket_id % 40 = 5 AND author = 'author2';
UPDATE public.messages SET tenant_id = 7 WHERE ticket_id % 40 = 6 AND author = 'author2';
RESET session_replication_role;
ANALYZE;
