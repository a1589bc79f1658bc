-- One of each thing that the snapshot must tell apart.
CREATE EXTENSION citext;
CREATE TYPE status AS ENUM ('new', 'paid');
CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0);
CREATE FUNCTION even(n bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n % 2 = 0';
CREATE DOMAIN even_cents AS cents CHECK (even(VALUE));
CREATE DOMAIN coded AS text CHECK (VALUE::text::date > '2000-01-01');
CREATE DOMAIN slug AS text CHECK (length(VALUE) < 20 AND VALUE ~ '^[a-z]+$');
CREATE TYPE pair AS (a integer, b even_cents);
CREATE TYPE plain_pair AS (a integer, b status);
CREATE TYPE int_pair_range AS RANGE (subtype = even_cents);
CREATE TYPE price_range AS RANGE (subtype = bigint);

CREATE TABLE customers (
    id bigint PRIMARY KEY, tenant_id integer NOT NULL, gone text, name text NOT NULL, email text NOT NULL, nick citext UNIQUE,
    search text GENERATED ALWAYS AS (lower(name) || ' ' || lower(email)) STORED,
    UNIQUE (tenant_id, email));
ALTER TABLE customers DROP COLUMN gone;

CREATE TABLE keys (a integer, b text, c text COLLATE "C", d integer, e integer, f text, g integer, h integer);
CREATE UNIQUE INDEX keys_plain ON keys (a, b) INCLUDE (d);
CREATE UNIQUE INDEX keys_nulls ON keys (g) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX keys_partial ON keys (d) WHERE e > 0;
CREATE UNIQUE INDEX keys_expression ON keys (lower(b));
CREATE UNIQUE INDEX keys_opclass ON keys (f text_pattern_ops);
CREATE UNIQUE INDEX keys_collation ON keys (c COLLATE "POSIX");
CREATE INDEX keys_not_unique ON keys (e);
ALTER TABLE keys ADD CONSTRAINT keys_deferrable UNIQUE (h) DEFERRABLE;

CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE events (tenant_id integer NOT NULL, at timestamptz NOT NULL, UNIQUE (tenant_id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01Z') TO ('2027-01-01Z');
INSERT INTO events SELECT i, timestamptz '2026-01-01Z' + i * interval '1 hour' FROM generate_series(1, 100) i;
ANALYZE events_2026;

CREATE VIEW names AS SELECT id, name FROM customers;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM customers;
CREATE SEQUENCE numbers;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customers FOR SELECT USING (tenant_id = 7);
CREATE POLICY writes ON customers FOR INSERT WITH CHECK (true);
CREATE RULE quiet AS ON DELETE TO parent DO INSTEAD NOTHING;
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER watch BEFORE INSERT ON keys FOR EACH ROW EXECUTE FUNCTION noop();

CREATE FUNCTION evil_cmp(a plain_pair, b plain_pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE FUNCTION evil_eq(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = evil_eq);
CREATE TYPE odd_pair AS (a integer);
CREATE FUNCTION odd_cmp(a odd_pair, b odd_pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd_pair USING btree AS FUNCTION 1 odd_cmp(odd_pair, odd_pair);
CREATE TYPE json_pair AS (a integer);
CREATE FUNCTION json_pair_json(a json_pair) RETURNS json LANGUAGE sql AS $$ SELECT '{}'::json $$;
CREATE CAST (json_pair AS json) WITH FUNCTION json_pair_json(json_pair);
CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
