CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (x integer, y text);
CREATE DOMAIN pos AS integer CHECK (VALUE > 0);
CREATE TABLE a (
    id integer PRIMARY KEY, b integer, t text, v varchar(20), n numeric(10, 2), f double precision, s smallint, l bigint,
    d date, ts timestamp, tz timestamptz, iv interval, tm time, ok boolean
);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a, t text, arr integer[], tags text[], j json, jb jsonb, u uuid, by bytea);
CREATE TABLE c (
    id integer, a_id integer, b_id integer, m mood, p pair, q pos, r int4range, dr daterange, mr nummultirange, tsv tsvector,
    ip inet, ch char(5), pt point, ps pair[], PRIMARY KEY (id, a_id)
);
CREATE TABLE par (k integer, w text);
CREATE TABLE kid (extra integer) INHERITS (par);
CREATE TABLE parted (k integer, d date, val integer) PARTITION BY RANGE (d);
CREATE TABLE parted_2026 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE gen (k integer, twice integer GENERATED ALWAYS AS (k * 2) STORED);
CREATE TABLE "Odd Name" ("Sel:ect" integer, "a b" text);
CREATE VIEW va AS SELECT id, t FROM a WHERE b > 0;
CREATE VIEW vj AS SELECT a.id, b.t AS bt FROM a JOIN b ON b.a_id = a.id;
CREATE FUNCTION add1(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION pairs(integer) RETURNS SETOF pair LANGUAGE sql STABLE AS $$SELECT $1, 'y'::text$$;
CREATE FUNCTION joined(VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT array_to_string($1, '-')$$;
CREATE FUNCTION named(first integer, second integer DEFAULT 2) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * $2';
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE OPERATOR <~> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4pl);
