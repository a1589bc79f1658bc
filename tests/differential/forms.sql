-- SELECT in many forms, one a line, in the manner of Postgres's regression tests.
-- Select lists and names
SELECT 1
SELECT 1 + 2 AS three, 'x' || 'y', NULL, true AND false
SELECT
SELECT * FROM a
SELECT a.* FROM a
SELECT id, t, t AS again FROM a
SELECT a.id, x.id FROM a, a AS x
SELECT x.one FROM a AS x (one, two)
SELECT x.* FROM a AS x (one, two)
SELECT a FROM a
SELECT row(a.*) FROM a
SELECT (a).t FROM a
SELECT (a).* FROM a
SELECT public.a.id FROM public.a
SELECT ctid, xmin, tableoid::regclass FROM a
SELECT "Sel:ect", "a b" FROM "Odd Name"
SELECT o."Sel:ect" AS ":relid 7" FROM "Odd Name" AS o
SELECT id AS "from", t AS "sel""ect" FROM a
SELECT ALL id FROM a
TABLE a
TABLE ONLY par
VALUES (1, 'x'), (2, 'y')
VALUES (1), (2) ORDER BY 1 DESC LIMIT 1
SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS v (n, s)
SELECT a.id, v.n FROM a JOIN (VALUES (1), (2)) AS v (n) ON v.n = a.b
SELECT count(*) FROM a
SELECT * FROM a WHERE false
SELECT FROM a WHERE id = 1
SELECT twice FROM gen
SELECT gen FROM gen
SELECT id, t FROM va
SELECT v FROM va v
SELECT vj.bt FROM vj JOIN va USING (id)
-- WHERE
SELECT id FROM a WHERE b = 1
SELECT id FROM a WHERE b <> 1 AND t IS NOT NULL
SELECT id FROM a WHERE NOT (b = 1 OR t = 'x')
SELECT id FROM a WHERE b IN (1, 2, 3)
SELECT id FROM a WHERE b NOT IN (1, 2, 3)
SELECT id FROM a WHERE b IN (1, l)
SELECT id FROM a WHERE b = ANY (ARRAY[1, 2])
SELECT id FROM a WHERE b = ANY ('{1,2}')
SELECT id FROM a WHERE b <> ALL (ARRAY[1, 2])
SELECT id FROM a WHERE b > SOME (ARRAY[1, s])
SELECT id FROM a WHERE b BETWEEN 1 AND 9
SELECT id FROM a WHERE b NOT BETWEEN 1 AND 9
SELECT id FROM a WHERE b BETWEEN SYMMETRIC 9 AND s
SELECT id FROM a WHERE t LIKE 'x%' OR t NOT LIKE '_y'
SELECT id FROM a WHERE t ILIKE 'x%' ESCAPE '!'
SELECT id FROM a WHERE t SIMILAR TO '(x|y)%'
SELECT id FROM a WHERE t ~ '^x' AND t !~* 'y$'
SELECT id FROM a WHERE t = 'x' COLLATE "C"
SELECT id FROM a WHERE t < v
SELECT id FROM a WHERE b IS DISTINCT FROM 1
SELECT id FROM a WHERE b IS NOT DISTINCT FROM l
SELECT id FROM a WHERE ok
SELECT id FROM a WHERE ok IS TRUE AND ok IS NOT FALSE
SELECT id FROM a WHERE (b = 1) IS UNKNOWN
SELECT id FROM a WHERE (b = 1) IS NOT UNKNOWN
SELECT id FROM a WHERE a IS NULL
SELECT id FROM a WHERE a.* IS NOT NULL
SELECT id FROM a WHERE (id, b) = (1, 2)
SELECT id FROM a WHERE (id, b) < (1, 2)
SELECT id FROM a WHERE (id, b) <> (1, s)
SELECT id FROM a WHERE (id, t) IN ((1, 'x'), (2, 'y'))
SELECT id FROM a WHERE (id, t) IS NULL
SELECT id FROM a WHERE row(id, b) IS DISTINCT FROM row(1, 2)
SELECT id FROM a WHERE CASE WHEN b > 0 THEN true ELSE ok END
SELECT id FROM a WHERE coalesce(ok, false)
SELECT id FROM a WHERE nullif(b, 0) IS NULL
SELECT id FROM a WHERE d > current_date - 7
SELECT id FROM a WHERE tz >= now() - interval '1 day'
SELECT id FROM a WHERE (d, d + 7) OVERLAPS (date '2026-01-01', date '2026-02-01')
-- Expressions
SELECT b + s, b - l, b * f, b / n, b % 3, -b, +b, @ b FROM a
SELECT b ^ 2, |/ f, ||/ f FROM a
SELECT b & 1, b | 2, b # 3, ~ b, b << 1, b >> 1 FROM a
SELECT t || v, t || b, v || 'x' FROM a
SELECT id::text, b::bigint, n::int, f::numeric, t::varchar(3), d::timestamp FROM a
SELECT CAST(t AS integer), CAST(b AS boolean), CAST(tz AS date) FROM a
SELECT integer '1', date '2026-01-01', interval '1' hour, timestamptz '2026-01-01 00:00Z'
SELECT t::char(3), t::"char", n::numeric(4, 1), tz::timestamptz(0) FROM a
SELECT CASE b WHEN 1 THEN 'one' WHEN s THEN 'small' ELSE t END FROM a
SELECT CASE WHEN b = 1 THEN 1 WHEN ok THEN 2 END FROM a
SELECT CASE WHEN false THEN 1 / 0 ELSE b END FROM a
SELECT coalesce(t, v, 'none'), nullif(t, v), greatest(b, s, 3), least(d, ts) FROM a
SELECT t IS NULL, t IS NOT NULL, ok IS FALSE, ok IS NOT TRUE FROM a
SELECT b = 1, b <> s, b < l, t >= v, n <= f FROM a
SELECT (b = 1) = ok, ok <> (t = v) FROM a
SELECT upper(t), lower(v), length(t), substr(t, 1, 2), left(t, 3), trim(v) FROM a
SELECT substring(t FROM 1 FOR 2), substring(t FROM 'x.y'), position('x' IN t), overlay(t PLACING 'z' FROM 1) FROM a
SELECT trim(BOTH 'x' FROM t), trim(LEADING FROM t), btrim(t, 'xy') FROM a
SELECT extract(year FROM d), extract(epoch FROM iv), date_part('dow', ts), date_trunc('month', tz) FROM a
SELECT tz AT TIME ZONE 'UTC', ts AT TIME ZONE 'Europe/Zurich', tm + iv FROM a
SELECT d + 1, d - d, ts - ts, tz + iv, iv * 2, age(tz) FROM a
SELECT now(), current_date, current_time, current_timestamp(0), localtime, localtimestamp
SELECT current_user, session_user, current_catalog, current_schema, user, current_role
SELECT to_char(tz, 'YYYY'), to_char(n, '999'), to_date(t, 'YYYY'), to_number(t, '99') FROM a
SELECT abs(b), round(n, 1), floor(f), ceil(f), sqrt(f), power(f, 2), mod(b, 3), sign(n) FROM a
SELECT md5(t), encode(sha256(t::bytea), 'hex'), reverse(t), repeat(t, 2), lpad(t, 5), replace(t, 'x', 'y') FROM a
SELECT split_part(t, ',', 1), string_to_array(t, ','), regexp_replace(t, 'x', 'y', 'g'), regexp_match(t, 'x') FROM a
SELECT concat(t, b, d), concat_ws(',', t, v), format('%s %L', t, b) FROM a
SELECT random(), gen_random_uuid(), pg_typeof(b) FROM a
SELECT t COLLATE "C" < v COLLATE "C" FROM a
SELECT b::text::integer::numeric FROM a
SELECT (SELECT 1) + b FROM a
SELECT E'a\nb', U&'\0061', B'101', X'1F', $$dollar$$, 'it''s'
SELECT 1e3, .5, 10000000000, 99999999999999999999999, 0x1F
SELECT -1, - 1, -(-1), -32768::smallint, 5 - -5
SELECT add1(b), add1(1), total(b) OVER () FROM a
SELECT joined('x', t), joined(VARIADIC ARRAY[t, v]) FROM a
SELECT named(1), named(b, 3), named(second => 1, first => b), named(1, second := 4) FROM a
SELECT b <~> s, b OPERATOR(public.<~>) 1, b OPERATOR(pg_catalog.+) 1 FROM a
SELECT pg_catalog.lower(t), pg_catalog.count(*) OVER () FROM a
SELECT lower(t) FROM a WHERE lower(t) = lower(v)
SELECT text(v), int4(f), float8(b) FROM a
SELECT n::money, money(5)::numeric FROM a
SELECT U&'\+000061', 'a'::text IS NULL FROM a LIMIT 1
SELECT quote_ident(t), quote_literal(b), quote_nullable(v) FROM a
SELECT num_nulls(b, t, v), num_nonnulls(VARIADIC ARRAY[b, s]) FROM a
SELECT width_bucket(f, 0, 10, 5), trunc(n), gcd(b, 4), lcm(b, 4) FROM a
SELECT make_date(b, 1, 1), make_interval(days => b), justify_days(iv), isfinite(d) FROM a
SELECT char_length(t), octet_length(t), bit_length(t), ascii(t), chr(65), initcap(t), translate(t, 'a', 'b') FROM a
SELECT txid_current_if_assigned(), version()
SELECT starts_with(t, 'x'), t ^@ 'x', strpos(t, 'x'), to_hex(b) FROM a
SELECT cbrt(f), exp(f), ln(f), log(n), pi(), degrees(f), sin(f), atan2(f, 1) FROM a
SELECT b::boolean::int, ok::int, ok::text, b::bit(8) FROM a
-- Joins
SELECT a.id, b.id FROM a, b
SELECT a.id, b.id FROM a CROSS JOIN b
SELECT a.id, b.t FROM a JOIN b ON b.a_id = a.id
SELECT a.id, b.t FROM a INNER JOIN b ON b.a_id = a.id AND b.t <> a.t
SELECT a.id, b.t FROM a LEFT JOIN b ON b.a_id = a.id
SELECT a.id, b.t FROM a RIGHT OUTER JOIN b ON b.a_id = a.id
SELECT a.id, b.t FROM a FULL JOIN b ON b.a_id = a.id
SELECT a.id FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.id IS NULL
SELECT id FROM a JOIN b USING (id)
SELECT id, a.t, b.t FROM a LEFT JOIN b USING (id)
SELECT id FROM a FULL JOIN b USING (id)
SELECT id, t FROM a FULL JOIN b USING (id, t)
SELECT * FROM a JOIN b USING (id)
SELECT x.id FROM a JOIN b USING (id) AS x
SELECT * FROM a NATURAL JOIN b
SELECT t FROM a NATURAL LEFT JOIN b
SELECT id FROM a NATURAL FULL JOIN b
SELECT * FROM par NATURAL JOIN gen
SELECT j.* FROM (a JOIN b ON a.id = b.a_id) AS j
SELECT j.id1 FROM (a CROSS JOIN b) AS j (id1)
SELECT a.id FROM a JOIN b ON a.id = b.a_id JOIN c ON c.b_id = b.id AND c.a_id = a.id
SELECT a.id FROM (a JOIN b ON a.id = b.a_id) LEFT JOIN c ON c.b_id = b.id
SELECT a.id FROM a LEFT JOIN (b JOIN c ON c.b_id = b.id) ON b.a_id = a.id
SELECT a.id FROM a LEFT JOIN b ON true LEFT JOIN c ON c.b_id = b.id AND b.t IS NULL
SELECT 1 FROM a x JOIN a y ON x.id = y.b JOIN a z ON z.id = y.id
SELECT id FROM a JOIN b USING (id) JOIN c USING (id)
SELECT id FROM a FULL JOIN b USING (id) FULL JOIN c USING (id)
SELECT id FROM a JOIN b USING (id) WHERE id > 3 ORDER BY id
SELECT id, count(*) FROM a FULL JOIN b USING (id) GROUP BY id
SELECT a FROM a JOIN b ON a.id = b.a_id
SELECT b.*, a.id FROM b, a WHERE a.id = b.a_id
SELECT j FROM (a JOIN b USING (id)) AS j
SELECT count(j) FROM (a JOIN b USING (id)) AS j (x)
SELECT a.id FROM a JOIN b ON a.t = b.t AND a.v = b.t
SELECT a.id FROM a JOIN b ON a.l = b.a_id
SELECT a.id FROM a JOIN b ON a.f = b.a_id
SELECT a.id FROM a JOIN b ON (a.id = b.a_id) IS TRUE
SELECT a.id FROM a JOIN va ON va.id = a.b
SELECT p.k, k.extra FROM par p JOIN kid k USING (k)
-- Subselects
SELECT id FROM (SELECT id FROM a) s
SELECT s.x FROM (SELECT id AS x, t FROM a WHERE b = 1) s WHERE s.t = 'x'
SELECT * FROM (SELECT * FROM a) s
SELECT s FROM (SELECT id, t FROM a) s
SELECT (s).id FROM (SELECT id, t FROM a) s
SELECT * FROM (SELECT * FROM (SELECT id FROM a) x) y
SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.a_id = a.id)
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.t = a.t)
SELECT id FROM a WHERE id IN (SELECT a_id FROM b)
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL)
SELECT id FROM a WHERE (id, t) IN (SELECT a_id, t FROM b)
SELECT id FROM a WHERE (id, t) NOT IN (SELECT a_id, t FROM b)
SELECT id FROM a WHERE id = (SELECT max(a_id) FROM b)
SELECT id FROM a WHERE (id, t) = (SELECT a_id, t FROM b LIMIT 1)
SELECT id FROM a WHERE (id, t) < (SELECT a_id, t FROM b LIMIT 1)
SELECT id FROM a WHERE id > ALL (SELECT a_id FROM b)
SELECT id FROM a WHERE id = ANY (SELECT a_id FROM b)
SELECT id FROM a WHERE id <> SOME (SELECT a_id FROM b)
SELECT id FROM a WHERE id = ANY ((SELECT arr FROM b LIMIT 1)::int[])
SELECT (SELECT t FROM b WHERE b.id = a.id) FROM a
SELECT (SELECT count(*) FROM b WHERE b.a_id = a.id) AS n FROM a ORDER BY n
SELECT ARRAY(SELECT b.t FROM b WHERE b.a_id = a.id ORDER BY b.id) FROM a
SELECT (SELECT (SELECT c.id FROM c WHERE c.a_id = a.id LIMIT 1) FROM b LIMIT 1) FROM a
SELECT (SELECT b FROM b LIMIT 1) FROM a
SELECT (SELECT x FROM (SELECT a.t AS x) s) FROM a
SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE a_id = a.id) THEN 'y' ELSE 'n' END FROM a
SELECT coalesce((SELECT max(id) FROM b), 0)
SELECT id FROM a WHERE b > (SELECT avg(x.b) FROM a x WHERE x.t = a.t)
SELECT id FROM a LIMIT (SELECT count(*) FROM b)
SELECT id FROM a ORDER BY (SELECT max(t) FROM b WHERE b.a_id = a.id)
SELECT count(*) FROM a GROUP BY (SELECT 1)
SELECT t, count(*) FROM a GROUP BY t HAVING count(*) > (SELECT count(*) FROM b)
SELECT max((SELECT max(b.id) FROM b WHERE b.a_id = a.id)) FROM a
SELECT (SELECT max(a.id)) FROM a
SELECT (SELECT sum(a.b) FROM b) FROM a
SELECT id FROM a WHERE id IN (SELECT a_id FROM b UNION SELECT a_id FROM c)
SELECT id FROM a WHERE id IN (VALUES (1), (2))
SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE b.id IN (SELECT b_id FROM c WHERE c.a_id = a.id))
SELECT (SELECT 1 WHERE a.ok), (SELECT a.t LIMIT 1) FROM a
-- LATERAL
SELECT a.id, s.t FROM a, LATERAL (SELECT b.t FROM b WHERE b.a_id = a.id LIMIT 1) s
SELECT a.id, s.n FROM a LEFT JOIN LATERAL (SELECT count(*) AS n FROM b WHERE b.a_id = a.id) s ON true
SELECT a.id, x FROM a CROSS JOIN LATERAL unnest(ARRAY[a.b, a.s]) AS x
SELECT a.id, g FROM a, generate_series(1, a.b) AS g
SELECT a.id, s.x, u.y FROM a, LATERAL (SELECT a.b + 1 AS x) s, LATERAL (SELECT s.x + 1 AS y) u
SELECT a.id, v.k, v.val FROM a CROSS JOIN LATERAL (VALUES ('b', a.b), ('s', a.s)) AS v (k, val)
SELECT a.id, j.key FROM a JOIN b ON b.a_id = a.id, jsonb_each(b.jb) AS j
SELECT s.id FROM a x, LATERAL (SELECT b.id FROM b JOIN LATERAL (SELECT c.id FROM c WHERE c.b_id = b.id AND c.a_id = x.id) i ON true) s
-- Functions in FROM
SELECT * FROM generate_series(1, 3)
SELECT g FROM generate_series(1, 10, 2) AS g
SELECT g.n, g.ord FROM generate_series(1, 3) WITH ORDINALITY AS g (n, ord)
SELECT * FROM generate_series(timestamp '2026-01-01', '2026-01-03', '1 day') AS d
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['x', 'y']) AS u (n, s)
SELECT * FROM unnest(ARRAY[[1, 2], [3, 4]]) AS u
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['x'])) AS r (n, s)
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) WITH ORDINALITY
SELECT * FROM pairs(3)
SELECT p.x FROM pairs(3) AS p
SELECT p FROM pairs(3) AS p
SELECT * FROM add1(3) AS r
SELECT * FROM jsonb_to_recordset('[{"x": 1}]') AS r (x int, y text)
SELECT * FROM json_to_record('{"x": 1}') AS r (x int)
SELECT * FROM json_populate_record(NULL::pair, '{"x": 1}')
SELECT * FROM jsonb_array_elements('[1]') AS e, jsonb_object_keys('{"x": 1}') AS k
SELECT * FROM regexp_matches('ab', '.', 'g') AS m
SELECT * FROM string_to_table('a,b', ',') AS s
SELECT * FROM regexp_split_to_table('a b', ' ') AS s
SELECT * FROM current_date AS d
SELECT * FROM upper('x') AS u, coalesce(1, 2) AS c
SELECT generate_series(1, 3), t FROM a
SELECT unnest(arr), id FROM b
SELECT id, generate_series(1, id) + 1 AS g FROM b ORDER BY g
SELECT (pairs(id)).* FROM b
SELECT (pairs(id)).y FROM b
SELECT unnest(arr) AS e, count(*) FROM b GROUP BY e
-- CTEs
WITH x AS (SELECT id FROM a) SELECT id FROM x
WITH x AS (SELECT id, t FROM a), y AS (SELECT * FROM x WHERE id > 1) SELECT x.id FROM x JOIN y USING (id)
WITH x AS MATERIALIZED (SELECT id FROM a) SELECT * FROM x, x AS again
WITH x AS NOT MATERIALIZED (SELECT id FROM a WHERE b = 1) SELECT count(*) FROM x
WITH x (one, two) AS (SELECT id, t FROM a) SELECT two FROM x WHERE one = 1
WITH x AS (SELECT 1 AS n), unused AS (SELECT t FROM b) SELECT n FROM x
WITH x AS (WITH y AS (SELECT id FROM a) SELECT id FROM y) SELECT id FROM x
WITH x AS (SELECT id FROM a) SELECT (SELECT max(id) FROM x), b.id FROM b WHERE b.a_id IN (SELECT id FROM x)
WITH x AS (SELECT id FROM a) SELECT id FROM b WHERE EXISTS (SELECT 1 FROM x WHERE x.id = b.a_id)
WITH a AS (SELECT id FROM b) SELECT id FROM a
WITH x AS (VALUES (1), (2)) SELECT column1 FROM x
WITH x AS (SELECT x FROM a x) SELECT (x).id FROM x
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r
WITH RECURSIVE r (id, depth) AS (SELECT id, 1 FROM a WHERE b IS NULL UNION ALL SELECT a.id, r.depth + 1 FROM a JOIN r ON a.b = r.id WHERE r.depth < 5) SELECT * FROM r
WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r
WITH RECURSIVE r AS (SELECT id, b FROM a WHERE id = 1 UNION ALL SELECT a.id, a.b FROM a, r WHERE a.b = r.id) SEARCH DEPTH FIRST BY id SET o SELECT * FROM r ORDER BY o
WITH RECURSIVE r AS (SELECT id, b FROM a WHERE id = 1 UNION ALL SELECT a.id, a.b FROM a, r WHERE a.b = r.id) CYCLE id SET c USING path SELECT id FROM r
WITH RECURSIVE x AS (SELECT id FROM a) SELECT * FROM x
WITH x AS (SELECT id FROM a), y AS (SELECT id FROM b) SELECT * FROM x UNION ALL SELECT * FROM y
SELECT * FROM (WITH x AS (SELECT id FROM a) SELECT id FROM x) s
SELECT (WITH x AS (SELECT max(id) AS m FROM a) SELECT m FROM x)
-- Set operations
SELECT id FROM a UNION SELECT id FROM b
SELECT id, t FROM a UNION ALL SELECT id, t FROM b
SELECT id FROM a INTERSECT SELECT a_id FROM b
SELECT id FROM a INTERSECT ALL SELECT a_id FROM b
SELECT id FROM a EXCEPT SELECT a_id FROM b
SELECT id FROM a EXCEPT ALL SELECT a_id FROM b
SELECT id FROM a UNION SELECT id FROM b UNION SELECT id FROM c
(SELECT id FROM a UNION SELECT id FROM b) EXCEPT SELECT id FROM c
SELECT id FROM a UNION (SELECT id FROM b INTERSECT SELECT id FROM c)
SELECT id FROM a UNION SELECT id FROM b ORDER BY id LIMIT 5
(SELECT id FROM a ORDER BY t LIMIT 1) UNION ALL (SELECT id FROM b ORDER BY t LIMIT 1)
SELECT id FROM a UNION ALL SELECT NULL
SELECT b FROM a UNION SELECT l FROM a
SELECT t FROM a UNION SELECT v FROM a
SELECT * FROM (SELECT id FROM a UNION ALL SELECT id FROM b) u WHERE u.id = 1
SELECT count(*) FROM (SELECT id FROM a EXCEPT SELECT id FROM b) e
SELECT id, 'a' AS src FROM a UNION ALL SELECT id, 'b' FROM b ORDER BY src, id
VALUES (1) UNION ALL SELECT id FROM a
SELECT a.id FROM a WHERE a.id IN (SELECT id FROM b INTERSECT SELECT b_id FROM c WHERE c.a_id = a.id)
SELECT d FROM a UNION SELECT ts FROM a
-- Aggregates
SELECT count(*), count(b), count(DISTINCT t) FROM a
SELECT sum(b), sum(l), sum(n), sum(f), sum(iv) FROM a
SELECT avg(b), avg(n), min(t), max(d), min(tz), max(n) FROM a
SELECT bool_and(ok), bool_or(ok), every(ok), bit_and(b), bit_or(s) FROM a
SELECT string_agg(t, ','), string_agg(DISTINCT t, ',' ORDER BY t), string_agg(t, v ORDER BY b DESC NULLS LAST) FROM a
SELECT array_agg(a.b), array_agg(a.t ORDER BY id), array_agg(DISTINCT v), array_agg(arr) FROM a JOIN b USING (id)
SELECT json_agg(t), jsonb_agg(a), json_object_agg(t, b), jsonb_object_agg(id, t) FROM a
SELECT stddev(b), variance(n), stddev_pop(f), var_samp(b), corr(f, b), regr_slope(f, b) FROM a
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b), percentile_disc(0.5) WITHIN GROUP (ORDER BY t), mode() WITHIN GROUP (ORDER BY t) FROM a
SELECT percentile_cont(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY f) FROM a
SELECT rank(5) WITHIN GROUP (ORDER BY b), dense_rank('x') WITHIN GROUP (ORDER BY t) FROM a
SELECT count(*) FILTER (WHERE b > 1), sum(b) FILTER (WHERE ok AND t LIKE 'x%') FROM a
SELECT total(b), total(DISTINCT b) FROM a
SELECT max(t COLLATE "C") FROM a
SELECT sum(b) + count(*) * 2 FROM a
SELECT round(avg(n), 2) FROM a
SELECT max(a.id + x.id) FROM a, b x
SELECT count(a), count(a.*) FROM a
SELECT any_value(t) FROM a
SELECT range_agg(r), range_intersect_agg(r) FROM c
SELECT xmlagg(xmlelement(name x, t)) FROM a
-- GROUP BY
SELECT t, count(*) FROM a GROUP BY t
SELECT t, b, count(*) FROM a GROUP BY 1, 2
SELECT lower(t) AS k, count(*) FROM a GROUP BY k
SELECT b + 1, sum(s) FROM a GROUP BY b + 1
SELECT id, t, count(*) FROM a GROUP BY id
SELECT a.id, a.t, count(b.id) FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id
SELECT t FROM a GROUP BY t HAVING count(*) > 1
SELECT t FROM a GROUP BY t HAVING t > 'x' AND max(b) < 3
SELECT 1 FROM a HAVING count(*) > 1
SELECT t, count(*) FROM a GROUP BY t ORDER BY count(*) DESC, t LIMIT 3
SELECT t, b, sum(s) FROM a GROUP BY ROLLUP (t, b)
SELECT t, b, sum(s) FROM a GROUP BY CUBE (t, b)
SELECT t, b, sum(s) FROM a GROUP BY GROUPING SETS ((t), (b), ())
SELECT t, b, grouping(t, b), sum(s) FROM a GROUP BY GROUPING SETS ((t, b), (t), ()) HAVING grouping(t) = 0
SELECT t, b, d, count(*) FROM a GROUP BY t, ROLLUP (b), CUBE (d)
SELECT t, count(*) FROM a GROUP BY DISTINCT ROLLUP (t), ROLLUP (t)
SELECT GROUPING(lower(t)), lower(t) FROM a GROUP BY GROUPING SETS ((lower(t)), ())
SELECT date_trunc('month', d) AS m, sum(n) FROM a GROUP BY m ORDER BY m
SELECT CASE WHEN b > 1 THEN 'x' ELSE 'y' END AS k, count(*) FROM a GROUP BY k
SELECT a.t, b.t FROM a JOIN b USING (id) GROUP BY a.t, b.t
SELECT id FROM a JOIN b USING (id) GROUP BY id
SELECT count(*) FROM a GROUP BY ()
SELECT t, b FROM a GROUP BY a.t, a.b
SELECT p, count(*) FROM c GROUP BY p
SELECT x.t FROM a x GROUP BY x.t, x.b HAVING max(x.id) IN (SELECT id FROM b WHERE b.t = x.t)
SELECT upper(t) || b FROM a GROUP BY upper(t), b
SELECT m, array_agg(id) FROM c GROUP BY m
-- DISTINCT, ORDER BY, LIMIT
SELECT DISTINCT t FROM a
SELECT DISTINCT t, b FROM a ORDER BY b, t
SELECT DISTINCT ON (t) t, id FROM a ORDER BY t, id DESC
SELECT DISTINCT ON (lower(t), b) id FROM a ORDER BY lower(t), b, id
SELECT DISTINCT a FROM a
SELECT id FROM a ORDER BY t
SELECT id FROM a ORDER BY t COLLATE "C" DESC NULLS FIRST, b ASC NULLS LAST
SELECT id FROM a ORDER BY 1
SELECT id AS x FROM a ORDER BY x
SELECT id FROM a ORDER BY lower(v), n * 2
SELECT id FROM a ORDER BY b USING >
SELECT id FROM a ORDER BY CASE WHEN ok THEN d END
SELECT id FROM a ORDER BY a
SELECT id FROM a LIMIT 5
SELECT id FROM a LIMIT 5 OFFSET 2
SELECT id FROM a LIMIT ALL OFFSET 1 + 1
SELECT id FROM a FETCH FIRST ROW ONLY
SELECT id FROM a OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY
SELECT id FROM a ORDER BY b FETCH FIRST 3 ROWS WITH TIES
SELECT id FROM a LIMIT NULL
SELECT id FROM a LIMIT abs(-3)
SELECT jb FROM b ORDER BY jb
SELECT id FROM c ORDER BY m, p, r
-- Windows
SELECT id, row_number() OVER () FROM a
SELECT id, row_number() OVER (ORDER BY t, id) FROM a
SELECT id, rank() OVER (PARTITION BY t ORDER BY b DESC), dense_rank() OVER (ORDER BY b) FROM a
SELECT id, lag(t) OVER w, lead(b, 2, 0) OVER w, first_value(d) OVER w FROM a WINDOW w AS (PARTITION BY t ORDER BY id)
SELECT sum(b) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM a
SELECT sum(b) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING) FROM a
SELECT sum(b) OVER (ORDER BY d RANGE BETWEEN interval '7 days' PRECEDING AND CURRENT ROW) FROM a
SELECT sum(b) OVER (ORDER BY b RANGE BETWEEN 2 PRECEDING AND 3 FOLLOWING) FROM a
SELECT count(*) OVER (ORDER BY n RANGE BETWEEN 1.5 PRECEDING AND CURRENT ROW) FROM a
SELECT sum(b) OVER (ORDER BY t GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM a
SELECT avg(b) OVER (PARTITION BY lower(t)), max(sum(b)) OVER () FROM a GROUP BY t, b
SELECT t, sum(count(*)) OVER (ORDER BY t) FROM a GROUP BY t
SELECT ntile(4) OVER (ORDER BY id), percent_rank() OVER (ORDER BY b), cume_dist() OVER (ORDER BY b), nth_value(t, 2) OVER (ORDER BY id) FROM a
SELECT count(*) FILTER (WHERE ok) OVER (PARTITION BY t) FROM a
SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY t ORDER BY id) AS r FROM a) s WHERE r = 1
SELECT id FROM a ORDER BY row_number() OVER (ORDER BY t)
SELECT sum(b) OVER w1, sum(b) OVER w2 FROM a WINDOW w1 AS (PARTITION BY t), w2 AS (w1 ORDER BY id)
SELECT array_agg(t) OVER (ORDER BY id), string_agg(t, ',') OVER (ORDER BY id) FROM a
SELECT total(b) OVER (ORDER BY id) FROM a
SELECT rank() OVER (ORDER BY (SELECT max(id) FROM b WHERE b.a_id = a.id)) FROM a
SELECT DISTINCT count(*) OVER (PARTITION BY t) FROM a
SELECT lag(a) OVER (ORDER BY id) FROM a
-- Arrays
SELECT ARRAY[1, 2, 3], ARRAY[b, s] FROM a
SELECT ARRAY[[1, 2], [3, 4]], ARRAY[]::int[], '{1,2}'::int[]
SELECT arr[1], arr[1:2], arr[:2], arr[id:], tags[array_length(tags, 1)] FROM b
SELECT arr || 4, 4 || arr, arr || arr, array_append(arr, 1), array_cat(arr, arr) FROM b
SELECT id FROM b WHERE 1 = ANY (arr) AND arr @> ARRAY[1] AND arr && ARRAY[2] AND arr <@ '{1,2,3}'
SELECT id FROM b WHERE tags @> ARRAY['x'] OR 'y' = ALL (tags)
SELECT array_length(arr, 1), cardinality(arr), array_position(arr, 2), array_remove(tags, 'x'), array_to_string(arr, ',') FROM b
SELECT arr::text[], tags::varchar[], arr::bigint[] FROM b
SELECT arr = ARRAY[1], arr < ARRAY[2], arr IS NULL FROM b
SELECT (ARRAY['x', 'y'])[id] FROM b
SELECT ARRAY(SELECT unnest(arr) ORDER BY 1) FROM b
SELECT ARRAY[a, a] FROM a
SELECT array_agg(ARRAY[id, b]) FROM a
SELECT array_fill(0, ARRAY[2]), array_dims(arr), array_upper(arr, 1) FROM b
SELECT id FROM b WHERE arr[1] = 1 AND tags[1] LIKE 'x%'
SELECT ps[1].x, (ps[1]).y FROM c
-- JSON
SELECT jb -> 'x', jb ->> 'x', j -> 'x' -> 0, j ->> 1 FROM b
SELECT jb #> '{x,y}', jb #>> ARRAY['x', 'y'], j #>> '{x}' FROM b
SELECT id FROM b WHERE jb @> '{"x": 1}' AND jb ? 'x' AND jb ?| ARRAY['x', 'y'] AND jb ?& ARRAY['z']
SELECT jb || '{"y": 2}', jb - 'x', jb - 1, jb #- '{x,y}' FROM b
SELECT jb['x'], jb['x']['y'], jb['x'][0] FROM b
SELECT (jb ->> 'x')::int, (jb -> 'x')::int FROM b
SELECT jsonb_build_object('x', id, 'y', t), json_build_array(id, t), to_jsonb(t), to_json(b) FROM b
SELECT row_to_json(a), to_jsonb(a) FROM a
SELECT row_to_json(s) FROM (SELECT id, t FROM a) s
SELECT jsonb_path_query(jb, '$.x'), jb @? '$.x', jb @@ '$.x == 1', jsonb_path_exists(jb, '$.y') FROM b
SELECT jsonb_set(jb, '{x}', '1'), jsonb_strip_nulls(jb), jsonb_typeof(jb), jsonb_pretty(jb) FROM b
SELECT json_array_length(j), jsonb_object_keys(jb), json_typeof(j) FROM b
SELECT e.key, e.value FROM b, jsonb_each_text(b.jb) AS e (key, value)
SELECT elem ->> 'x' FROM b, jsonb_array_elements(b.jb -> 'list') AS elem WHERE elem ->> 'y' = 'z'
SELECT json_object('{x,1}'), json_object(ARRAY['x'], ARRAY['1'])
SELECT JSON_OBJECT('x': id, 'y': t) FROM b
SELECT JSON_ARRAY(id, t NULL ON NULL) FROM b
SELECT JSON_OBJECTAGG(t: id), JSON_ARRAYAGG(t ORDER BY id) FROM b
SELECT t IS JSON, t IS JSON OBJECT FROM b
SELECT JSON_VALUE(jb, '$.x'), JSON_QUERY(jb, '$.y'), JSON_EXISTS(jb, '$.z') FROM b
SELECT * FROM JSON_TABLE('[{"x": 1}]', '$[*]' COLUMNS (x int PATH '$.x')) AS jt
-- Ranges, row types, enums, domains, text search, others
SELECT r, lower(r), upper(r), isempty(r), lower_inc(r) FROM c
SELECT id FROM c WHERE r @> 3 AND r && int4range(1, 5) AND dr @> date '2026-01-01'
SELECT int4range(1, 5) * r, r + int4range(1, 2), r - int4range(1, 2), r -|- int4range(1, 2), r << int4range(7, 9) FROM c
SELECT mr @> 1.5, nummultirange(numrange(1, 2)), unnest(mr) FROM c
SELECT (p).x, (p).y, (p).* FROM c
SELECT p FROM c WHERE p = row(1, 'x')::pair
SELECT row(1, 'x')::pair, (row(1, 'x')::pair).y, row(id, m) FROM c
SELECT (c).p.x, (c.p).y FROM c
SELECT p IS NULL, (p).x IS NULL, p IS NOT NULL FROM c
SELECT m, m::text, m = 'ok', m > 'sad' FROM c
SELECT id FROM c WHERE m IN ('ok', 'happy') ORDER BY m
SELECT enum_range(NULL::mood), enum_first(m) FROM c
SELECT q, q + 1, q::int, 5::pos FROM c
SELECT id FROM c WHERE q = 5 AND q IN (1, id)
SELECT tsv @@ to_tsquery('x & y'), ts_rank(tsv, plainto_tsquery('x')) FROM c
SELECT to_tsvector(t) @@ 'x', to_tsvector('english', t) @@ websearch_to_tsquery('x'), ts_headline(t, 'x') FROM a
SELECT ip, host(ip), ip << '10.0.0.0/8', ip = inet '10.0.0.1', masklen(ip) FROM c
SELECT ch = 'x', ch || 'y', length(ch), ch::text FROM c
SELECT pt[0], pt <-> point(0, 0), pt <@ box '((0,0),(1,1))' FROM c
SELECT u = 'c81e728d-9d4c-2f63-6f06-7f89cc14862c', u::text FROM b
SELECT by, length(by), encode(by, 'base64'), substring(by FROM 1 FOR 2), by || '\x00' FROM b
SELECT 'a'::regclass, 'lower(text)'::regprocedure, 'int4'::regtype
SELECT xmlelement(name x, xmlattributes(t AS y), t), xmlforest(t, b) FROM a
SELECT xpath('/x', '<x/>'::xml), '<x/>'::xml IS DOCUMENT
SELECT x.* FROM XMLTABLE('/x' PASSING CAST('<x/>' AS xml) COLUMNS a text PATH '@a') AS x
-- Inheritance, partitions, sampling, locking
SELECT k, w FROM par
SELECT k FROM ONLY par
SELECT k, extra FROM kid
SELECT par FROM par
SELECT tableoid, k FROM par
SELECT val FROM parted WHERE d = '2026-05-05'
SELECT p.val FROM parted p JOIN parted q USING (k, d)
SELECT val FROM parted_2026
SELECT * FROM parted*
SELECT k FROM par TABLESAMPLE SYSTEM (10)
SELECT k FROM par TABLESAMPLE BERNOULLI (10) REPEATABLE (1)
SELECT id FROM a FOR UPDATE
SELECT a.id FROM a JOIN b USING (id) FOR SHARE OF a SKIP LOCKED
SELECT id FROM a FOR KEY SHARE NOWAIT
-- Mixed
SELECT a.id, (SELECT count(*) FROM b WHERE b.a_id = a.id) AS n, row_number() OVER (ORDER BY a.t) AS r FROM a LEFT JOIN c ON c.a_id = a.id WHERE a.ok AND EXISTS (SELECT 1 FROM va WHERE va.id = a.id) ORDER BY n DESC, r LIMIT 10
WITH x AS (SELECT a.id, count(b.id) AS n FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id), y AS (SELECT *, rank() OVER (ORDER BY n DESC) AS r FROM x) SELECT y.id, y.r, c.m FROM y JOIN c ON c.a_id = y.id WHERE y.r <= 3
SELECT t, sum(n) FROM (SELECT t, n FROM a UNION ALL SELECT b.t, c.id FROM b JOIN c ON c.b_id = b.id) u GROUP BY ROLLUP (t) HAVING sum(n) > 0 ORDER BY 2 DESC
SELECT s.id, s.tags, u.e FROM (SELECT b.id, b.tags FROM b WHERE b.jb ->> 'k' = 'v') s CROSS JOIN LATERAL unnest(s.tags) WITH ORDINALITY AS u (e, o) WHERE u.o < 3
SELECT DISTINCT ON (a.id) a.id, b.t, c.r FROM a JOIN b ON b.a_id = a.id LEFT JOIN c ON (c.a_id, c.b_id) = (a.id, b.id) WHERE a.d BETWEEN '2026-01-01' AND '2026-02-01' ORDER BY a.id, b.t
SELECT x.id FROM a x WHERE x.b = (SELECT max(y.b) FROM a y WHERE y.t = x.t AND y.id NOT IN (SELECT b.a_id FROM b WHERE b.t = x.t))
SELECT (SELECT json_agg(s.id) FROM (SELECT b.id, (SELECT json_agg(c.id) FROM c WHERE c.b_id = b.id) AS cs FROM b WHERE b.a_id = a.id ORDER BY b.id) s) FROM a
SELECT coalesce(x.id, y.id), x.t, y.t FROM (SELECT id, t FROM a WHERE b = 1) x FULL JOIN (SELECT id, t FROM b WHERE a_id = 1) y USING (id)
SELECT sum(CASE WHEN a.ok THEN b.id ELSE 0 END) FILTER (WHERE b.t IS NOT NULL), max(array_length(b.tags, 1)) FROM a JOIN b ON b.a_id = a.id
SELECT id FROM a WHERE t = $1
SELECT id FROM a WHERE b = ANY ($1) AND d > $2::date LIMIT $3
SELECT $1::int + b, $2::text || t FROM a
SELECT * FROM generate_series(1, $1::int) g JOIN a ON a.id = g
