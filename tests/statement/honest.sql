SELECT 1
SELECT
SELECT FROM products
SELECT 1;
TABLE products
TABLE public.products
VALUES (1, 'a'), (2, 'b')
VALUES (1), (2) ORDER BY 1 LIMIT 1
(SELECT 1)
(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1
SELECT id FROM a UNION SELECT id FROM b INTERSECT SELECT id FROM c EXCEPT ALL SELECT id FROM d
SELECT (SELECT 1) UNION (SELECT 2 UNION ALL SELECT 3)
SELECT * FROM ((SELECT 1 AS a) UNION (SELECT 2)) x
SELECT ALL id FROM products
SELECT DISTINCT category FROM products
SELECT DISTINCT ON (customer_id) customer_id, id FROM orders WHERE id IN (1, 2) ORDER BY customer_id, id DESC
SELECT DISTINCT ON (a, b) a, b FROM t
SELECT p.* FROM products p
SELECT public.products.id FROM public.products
SELECT "Id" AS "Total" FROM "public"."products" AS "P"
SELECT id AS identifier, name label FROM products
SELECT id value, name type FROM products
SELECT (t).id FROM t
SELECT (t.c).x, (c.arr)[1].y FROM t
SELECT (row_to_json(p)).* FROM products p
SELECT arr[1], arr[1:2], arr[:2], arr[1:], (arr)[1], m[1][2] FROM t
SELECT ARRAY[1, 2, 3], ARRAY[[1, 2], [3, 4]], ARRAY[]::int[], ARRAY(SELECT id FROM products)
SELECT '{1,2}'::int[], '{1,2}'::integer[], CAST('{a}' AS text[]), '{}'::int4[][]
SELECT id FROM products WHERE id = ANY(ARRAY[1, 2])
SELECT id FROM products WHERE id = ANY ('{1,2}'::int[])
SELECT id FROM products WHERE id = ANY($1)
SELECT id FROM products WHERE id <> ALL (ARRAY[1, 2]::int[])
SELECT id FROM products WHERE id = SOME (SELECT 1)
SELECT id FROM products WHERE id = ANY (SELECT id FROM products)
SELECT id FROM products WHERE name LIKE ANY (ARRAY['a%', 'b%'])
SELECT id FROM products WHERE name ILIKE ALL (ARRAY['a%', 'b%'])
SELECT id FROM products WHERE NOT name ~~ ANY (ARRAY['a%'])
SELECT id FROM products WHERE name LIKE 'a%' ESCAPE '\'
SELECT id FROM products WHERE name NOT LIKE 'a%' AND name NOT ILIKE '%b'
SELECT id FROM products WHERE name SIMILAR TO '(a|b)%' ESCAPE '!'
SELECT id FROM products WHERE name NOT SIMILAR TO 'x'
SELECT id FROM products WHERE name ~ '^a' AND name !~ 'b' AND name ~* 'c' AND name !~* 'd'
SELECT id FROM products WHERE name ^@ 'SKU'
SELECT id FROM products WHERE id BETWEEN 1 AND 10 AND id NOT BETWEEN 3 AND 4
SELECT id FROM products WHERE id BETWEEN SYMMETRIC 10 AND 1
SELECT id FROM products WHERE id IN (1, 2, 3) AND id NOT IN (4)
SELECT id FROM products WHERE (id, name) IN ((1, 'a'), (2, 'b'))
SELECT id FROM products WHERE (id, name) = (1, 'a')
SELECT id FROM products WHERE (id, name) > (1, 'a')
SELECT id FROM products WHERE ROW(id, name) = ROW(1, 'a')
SELECT id FROM products WHERE (id, name) IN (SELECT id, name FROM products)
SELECT id FROM products WHERE (id, name) = (SELECT id, name FROM products LIMIT 1)
SELECT id FROM products WHERE ROW(id) IS NOT DISTINCT FROM ROW(1)
SELECT id FROM products WHERE name IS NULL OR name IS NOT NULL
SELECT id FROM products WHERE name ISNULL
SELECT id FROM products WHERE name NOTNULL
SELECT id FROM products WHERE active IS TRUE OR active IS NOT FALSE OR active IS UNKNOWN OR active IS NOT UNKNOWN
SELECT id FROM products WHERE name IS DISTINCT FROM 'a' AND name IS NOT DISTINCT FROM 'b'
SELECT id FROM products WHERE EXISTS (SELECT 1 FROM orders WHERE id = 1) AND NOT EXISTS (SELECT FROM orders)
SELECT id FROM products WHERE (SELECT count(*) FROM orders) > 1
SELECT id FROM products WHERE (id = 1) IS TRUE
SELECT id FROM products WHERE NOT (NOT active)
SELECT -1, +1, - id, 2 ^ 3, 5 % 2, 7 / 2, |/ 25, ||/ 27, @ -5, ~5, 1 # 2, 1 & 3, 1 | 2, 1 << 2, 8 >> 1 FROM products
SELECT 'a' || 'b' || id::text FROM products
SELECT profile -> 'a' ->> 'b', profile #> '{a,b}', profile #>> '{a,b}' FROM customers
SELECT id FROM customers WHERE profile @> '{"lang": "en"}' AND profile ? 'lang' AND profile ?| ARRAY['a'] AND profile ?& ARRAY['a']
SELECT id FROM customers WHERE profile @? '$.a' OR profile @@ '$.a == 1'
SELECT profile - 'a', profile #- '{a}', profile || '{}' FROM customers
SELECT profile['lang'] FROM customers
SELECT id FROM customers WHERE tags @> ARRAY['a'] AND tags && ARRAY['b'] AND tags <@ ARRAY['c']
SELECT id FROM t WHERE r @> 5 AND r -|- s AND r << s AND r &< s AND r &> s
SELECT id FROM t ORDER BY point '(1,2)' <-> location LIMIT 5
SELECT to_tsvector('english', body) @@ plainto_tsquery('english', 'x') FROM t
SELECT id FROM products WHERE name OPERATOR(pg_catalog.~) '^a' COLLATE pg_catalog.default
SELECT id FROM products WHERE name OPERATOR(pg_catalog.=) ANY (ARRAY['a'])
SELECT name COLLATE "C" FROM products ORDER BY name COLLATE "de-x-icu"
SELECT id::text, CAST(id AS bigint), id::numeric(10, 2), name::varchar(20), name::char(3), id::double precision FROM products
SELECT now()::date, now()::timestamp(0) without time zone, now()::timestamp with time zone, now()::time
SELECT '1 day'::interval, interval '1 day', interval '1' day, interval '1-2' year to month, INTERVAL '3' HOUR, interval(3) '1 second'
SELECT date '2026-01-01', timestamp '2026-01-01 00:00', timestamptz '2026-01-01Z', time '12:00', timestamp with time zone '2026-01-01Z'
SELECT bool 'true', int4 '5', float8 '1.5', numeric '1.5', uuid '00000000-0000-0000-0000-000000000000', jsonb '{}', text 'a', inet '::1'
SELECT 'products'::regclass, 'products'::pg_catalog.regclass, 5::oid
SELECT 'new'::order_status, 'new'::public.order_status, NULL::public.order_status[]
SELECT now() AT TIME ZONE 'UTC', created_at AT TIME ZONE 'Europe/Berlin' FROM orders
SELECT extract(year FROM created_at), extract(epoch from created_at), date_part('year', created_at), date_trunc('month', created_at) FROM orders
SELECT extract('dow' from created_at) FROM orders
SELECT substring(name FROM 1 FOR 3), substring(name, 1, 3), substring(name from 'a.c'), substring(name similar 'x' escape '#') FROM products
SELECT position('a' IN name), overlay(name placing 'x' from 1 for 2), trim(both ' ' from name), trim(name), trim(leading from name), ltrim(name, 'x') FROM products
SELECT coalesce(name, 'x'), nullif(name, ''), greatest(1, 2), least(1, 2) FROM products
SELECT CASE WHEN id > 1 THEN 'a' WHEN id > 2 THEN 'b' ELSE 'c' END, CASE id WHEN 1 THEN 'x' END FROM products
SELECT current_date, current_timestamp, current_time, localtime, localtimestamp, current_timestamp(3), current_user, session_user, user, current_role, current_catalog, current_schema
SELECT current_schema(), current_database(), version()
SELECT count(*), count(DISTINCT category), sum(id) FILTER (WHERE active), string_agg(name, ', ' ORDER BY name), array_agg(DISTINCT name ORDER BY name) FROM products
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price_cents) FROM products
SELECT mode() WITHIN GROUP (ORDER BY category DESC NULLS LAST) FROM products
SELECT category, count(*) FROM products GROUP BY category HAVING count(*) > 1 ORDER BY count(*) DESC NULLS LAST, category ASC NULLS FIRST
SELECT category, active, count(*) FROM products GROUP BY GROUPING SETS ((category, active), (category), ())
SELECT category, active, count(*), grouping(category) FROM products GROUP BY ROLLUP (category, active)
SELECT category, active, count(*) FROM products GROUP BY CUBE (category, active)
SELECT category, active FROM products GROUP BY category, ROLLUP (active)
SELECT category, active FROM products GROUP BY ROLLUP ((category, active), id)
SELECT count(*) FROM products GROUP BY ()
SELECT 1 FROM products GROUP BY DISTINCT category
SELECT row_number() OVER (PARTITION BY category ORDER BY id DESC) FROM products
SELECT sum(id) OVER w, rank() OVER (w ORDER BY id) FROM products WINDOW w AS (PARTITION BY category)
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM products
SELECT sum(id) OVER (ORDER BY id ROWS 3 PRECEDING), avg(id) OVER (ORDER BY id RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING) FROM products
SELECT sum(id) OVER (ORDER BY created_at RANGE BETWEEN '1 day'::interval PRECEDING AND INTERVAL '1 day' FOLLOWING) FROM orders
SELECT sum(id) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM products
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM products
SELECT lag(id, 1, 0) OVER (ORDER BY id), first_value(id) OVER (ORDER BY id) FROM products
SELECT count(*) FILTER (WHERE active) OVER (PARTITION BY category) FROM products
SELECT a.id FROM a JOIN b ON a.id = b.id INNER JOIN c USING (id) LEFT JOIN d ON true RIGHT OUTER JOIN e ON e.id = a.id FULL JOIN f ON f.id = a.id CROSS JOIN g NATURAL JOIN h
SELECT a.id FROM a NATURAL LEFT JOIN b
SELECT a.id FROM a LEFT JOIN (b JOIN c ON b.id = c.id) ON a.id = b.id
SELECT a.id FROM (a JOIN b ON a.id = b.id) AS j
SELECT x.id FROM a JOIN b USING (id) AS x
SELECT a.id FROM a JOIN b JOIN c ON b.id = c.id ON a.id = b.id
SELECT a.id FROM a, b, c WHERE a.id = b.id
SELECT a.id FROM a, LATERAL (SELECT * FROM b WHERE b.id = a.id) l
SELECT a.id FROM a LEFT JOIN LATERAL (SELECT * FROM b WHERE b.id = a.id LIMIT 1) l ON true
SELECT a.id, g FROM a CROSS JOIN LATERAL generate_series(1, a.n) AS g
SELECT g FROM generate_series(1, 10) g
SELECT * FROM generate_series(1, 10) AS g(n)
SELECT * FROM unnest(ARRAY[1, 2]) WITH ORDINALITY AS u(v, i)
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS u(a, b)
SELECT * FROM jsonb_each('{"a": 1}') AS e(key, value)
SELECT * FROM jsonb_to_recordset('[{"a": 1}]') AS r(a int, b text)
SELECT * FROM json_to_record('{"a": 1}') r(a int)
SELECT * FROM jsonb_array_elements_text('["a"]') WITH ORDINALITY AS t(v, n)
SELECT p.id FROM products AS p (id, sku)
SELECT p.id FROM ONLY products p
SELECT p.id FROM products * p
SELECT x.a FROM (VALUES (1, 'a'), (2, 'b')) AS x(a, b)
SELECT x.a FROM (VALUES (1), (2)) x(a) JOIN products p ON p.id = x.a
SELECT s.id FROM (SELECT id FROM products) s
SELECT s.id FROM (SELECT id FROM products ORDER BY id LIMIT 5 OFFSET 2) AS s
WITH x AS (SELECT 1 AS a) SELECT a FROM x
WITH x(a) AS (VALUES (1)), y AS (SELECT a FROM x) SELECT * FROM x JOIN y USING (a)
WITH x AS MATERIALIZED (SELECT 1 AS a), y AS NOT MATERIALIZED (SELECT 2 AS b) SELECT * FROM x, y
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t
SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT a FROM x) s
SELECT id FROM products ORDER BY id LIMIT 10 OFFSET 5
SELECT id FROM products ORDER BY id OFFSET 5 LIMIT 10
SELECT id FROM products ORDER BY id OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY
SELECT id FROM products ORDER BY id FETCH FIRST ROW ONLY
SELECT id FROM products ORDER BY id FETCH FIRST 3 ROWS WITH TIES
SELECT id FROM products LIMIT ALL
SELECT id FROM products LIMIT (SELECT 5)
SELECT id FROM products ORDER BY id USING >
SELECT id FROM products ORDER BY 1, lower(name), id + 1 DESC
SELECT id FROM orders WHERE id = 1 FOR UPDATE
SELECT id FROM orders WHERE id = 1 FOR NO KEY UPDATE OF orders NOWAIT
SELECT id FROM orders WHERE id = 1 FOR SHARE SKIP LOCKED
SELECT id FROM orders WHERE id = 1 FOR KEY SHARE
SELECT id FROM orders o WHERE id = 1 FOR UPDATE OF o SKIP LOCKED
SELECT E'a\'b', 'it''s', $$dollar$$, $q$a;b$q$, B'101', X'1F', N'x'
SELECT 'a'
SELECT 1.5, .5, 5., 1e3, 1.5e-3, 12345678901234567890
SELECT $1::int, $2
SELECT id /* a comment */ FROM products -- and another
SELECT /* nested /* comment */ */ 1
SELECT make_interval(days => 3), make_date(year := 2026, month := 1, day := 1)
SELECT concat_ws(',', VARIADIC ARRAY['a', 'b'])
SELECT json_build_object('a', 1), jsonb_agg(p), row_to_json(p) FROM products p
SELECT xmlelement(name a), xmlforest(1 AS a)
SELECT json_object('a': 1, 'b': 2), json_array(1, 2)
SELECT left(name, 1), right(name, 1), replace(name, 'a', 'b'), format('%s', name), char_length(name) FROM products
SELECT (now(), now() + interval '1 day') OVERLAPS (now(), now())
SELECT '{"a":1}' IS JSON, '{"a":1}' IS JSON OBJECT WITH UNIQUE KEYS, 'a' IS NORMALIZED, 'a' IS NFC NORMALIZED, normalize('a', NFC)
SELECT true AND false OR NOT true, TRUE, FALSE, NULL
SELECT name AS "order", id AS "select" FROM products
SELECT t.order_id, t.date, t.time, t.name, t.value, t.type, t.key, t.user_id, t.path, t.line, t.level, t.action, t.comment FROM t
SELECT date, time, name, value, type, key, path, line, level, action, comment, status, text, year, month, day, hour, version, state, location, source, result, role, count, position FROM t
SELECT year, sum(total) FROM t GROUP BY year ORDER BY year
SELECT o.id "Order ID", o.total_cents / 100.0 AS "Total" FROM orders o
SELECT count(*) AS count, max(id) AS max, min(id) AS min FROM orders
SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT substring(pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) for 128) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef) FROM pg_catalog.pg_attribute a
SELECT c.oid, n.nspname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(products)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3
SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
SELECT t.typname, t.oid FROM pg_type t WHERE t.typtype = 'b' AND t.oid NOT IN (SELECT typelem FROM pg_type) AND (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_class c WHERE c.oid = t.typrelid))
SELECT count(*) AS "count(*)" FROM "orders" AS "o0" WHERE (("o0"."id" = $1) AND ("o0"."tenant_id" = $2))
SELECT t0."id" AS c0, t0."name" AS c1 FROM "public"."products" AS t0 WHERE 1=1 AND (t0."id") IN ($1,$2,$3) LIMIT $4 OFFSET $5
SELECT COALESCE(SUM("orders"."total_cents"), 0) AS "sum", (DATE_TRUNC('month', "orders"."created_at" AT TIME ZONE 'UTC')) AS "m" FROM "orders" WHERE "orders"."id" IN (1, 2) GROUP BY 2 ORDER BY "m" ASC
SELECT "p"."id", "p"."name" FROM "products" "p" WHERE "p"."category" = 'toys' AND ("p"."price_cents" >= 100 OR "p"."price_cents" IS NULL) ORDER BY "p"."id" ASC LIMIT 21
SELECT CAST(count(*) AS INTEGER) FROM products
SELECT anon_1.id FROM (SELECT products.id AS id FROM products WHERE products.id = 5) AS anon_1
SELECT ROUND(AVG(total_cents)::numeric / 100, 2) AS avg_total, TO_CHAR(created_at, 'YYYY-MM') AS month FROM orders WHERE customer_id = 5 GROUP BY TO_CHAR(created_at, 'YYYY-MM')
SELECT id FROM orders WHERE created_at >= CURRENT_DATE - INTERVAL '30 days' AND created_at < now()
SELECT id FROM orders WHERE created_at >= date_trunc('month', current_date) - '1 month'::interval
SELECT (SELECT array_agg(x) FROM unnest(tags) AS x WHERE x LIKE 't%') FROM customers
SELECT json_agg(json_build_object('id', id, 'n', name) ORDER BY id) FILTER (WHERE id > 1) FROM products
SELECT DISTINCT count(*) OVER () FROM products
SELECT a FROM t WHERE a = 'x' AND b = 'y' OR c = 'z' AND NOT d
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r(a, b)
SELECT id FROM products TABLESAMPLE SYSTEM (10) REPEATABLE (5)
SELECT * FROM json_table('[1]', '$[*]' COLUMNS (a int PATH '$'))
SELECT json_value('{"a":1}', '$.a'), json_exists('{}', '$.a'), json_query('{}', '$')
SELECT CAST(ROW(1, 2) AS t), ROW(1, 2)::t
SELECT 1 AS a, 2 AS b UNION ALL VALUES (3, 4)
SELECT 1 WHERE false
SELECT 1 HAVING true
SELECT id FROM "weird name"."a""b"
WITH RECURSIVE tree AS (SELECT id, 1 AS depth FROM a WHERE id = 1 UNION ALL SELECT a.id, tree.depth + 1 FROM a JOIN tree ON a.parent = tree.id WHERE tree.depth < 5) SEARCH DEPTH FIRST BY id SET path SELECT * FROM tree
WITH RECURSIVE t(a, b) AS (SELECT 1, 2 UNION SELECT b, a FROM t) CYCLE a, b SET looped USING walk SELECT * FROM t
