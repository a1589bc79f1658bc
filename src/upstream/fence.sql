-- What binds a commit to its record. A transaction that writes inserts one row here before it commits, so that neither
-- can exist without the other; recovery inserts an aborted row on the same key, which waits for a transaction that is
-- still under way and then either wins, so that it can never commit, or finds it committed.
CREATE SCHEMA IF NOT EXISTS pgwarrant;
REVOKE ALL ON SCHEMA pgwarrant FROM PUBLIC;

CREATE TABLE IF NOT EXISTS pgwarrant.txn (
  log     text        NOT NULL,  -- the ledger's origin
  seq     bigint      NOT NULL,  -- the entry that announced the transaction
  state   text        NOT NULL CHECK (state IN ('committed', 'aborted')),
  leaf    bytea,                 -- that entry's leaf hash; null in a row of recovery
  changes bigint[],              -- four numbers a relation: its oid, rows inserted, updated and deleted
  at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  xid     xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  PRIMARY KEY (log, seq)
);
REVOKE ALL ON pgwarrant.txn FROM PUBLIC;

-- Append-only for everybody, its owner included.
CREATE OR REPLACE FUNCTION pgwarrant.append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'pgwarrant.% is append-only', tg_table_name USING ERRCODE = '42501';
END $$;
REVOKE ALL ON FUNCTION pgwarrant.append_only() FROM PUBLIC;
DROP TRIGGER IF EXISTS append_only ON pgwarrant.txn;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pgwarrant.txn
  FOR EACH STATEMENT EXECUTE FUNCTION pgwarrant.append_only();
ALTER TABLE pgwarrant.txn ENABLE ALWAYS TRIGGER append_only;

-- One row for each transaction that changed the schema: who sees as many rows as before knows that nothing changed,
-- and need not read the catalogue for it.
CREATE TABLE IF NOT EXISTS pgwarrant.ddl (
  at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  xid xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);
REVOKE ALL ON pgwarrant.ddl FROM PUBLIC;
-- A count that could go back could come to where it was.
DROP TRIGGER IF EXISTS append_only ON pgwarrant.ddl;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pgwarrant.ddl
  FOR EACH STATEMENT EXECUTE FUNCTION pgwarrant.append_only();
ALTER TABLE pgwarrant.ddl ENABLE ALWAYS TRIGGER append_only;

CREATE OR REPLACE FUNCTION pgwarrant.note_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What a session does with its own temporary objects concerns nobody else. A DROP lists nothing here.
  IF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands())
     OR EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp') THEN
    INSERT INTO pgwarrant.ddl DEFAULT VALUES;
  END IF;
END $$;

DO $$ BEGIN
  DROP EVENT TRIGGER IF EXISTS pgwarrant_ddl;
  CREATE EVENT TRIGGER pgwarrant_ddl ON ddl_command_end EXECUTE FUNCTION pgwarrant.note_ddl();
  ALTER EVENT TRIGGER pgwarrant_ddl ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'the event trigger pgwarrant_ddl needs a superuser; without it every commit waits until the catalogue was read';
END $$;

-- How many changes of the schema there were, as the event trigger counts them.
CREATE OR REPLACE FUNCTION pgwarrant.ddl_mark() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  RETURN (SELECT pg_catalog.count(*) FROM pgwarrant.ddl);
END $$;

-- The record of a transaction, inside it. Here and above every name is spelt out instead of SET search_path, which costs
-- as much as the rest.
CREATE OR REPLACE FUNCTION pgwarrant.record(log text, seq bigint, leaf bytea, changes bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF leaf IS NULL OR pg_catalog.length(leaf) OPERATOR(pg_catalog.<>) 32 THEN
    RAISE EXCEPTION 'a leaf hash has 32 bytes' USING ERRCODE = '22023';
  END IF;
  -- The agent is told that it committed: a crash of the server must not take that back.
  IF pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' THEN
    PERFORM pg_catalog.set_config('synchronous_commit', 'on', true);
  END IF;
  INSERT INTO pgwarrant.txn (log, seq, state, leaf, changes)
    VALUES (record.log, record.seq, 'committed', record.leaf, record.changes);
END $$;

-- The changes of a transaction as its readers have them.
CREATE OR REPLACE FUNCTION pgwarrant.as_json(changes bigint[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_agg(jsonb_build_object('relation', changes[at], 'inserted', changes[at + 1],
                                      'updated', changes[at + 2], 'deleted', changes[at + 3]) ORDER BY at)
  FROM generate_series(1, cardinality(changes), 4) at
$$;

-- What became of a transaction, for good: it waits for one that is under way.
CREATE OR REPLACE FUNCTION pgwarrant.settle(log text, seq bigint)
RETURNS TABLE (state text, leaf bytea, changes text, xid text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO pgwarrant.txn (log, seq, state) VALUES (settle.log, settle.seq, 'aborted') ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT t.state, t.leaf, pgwarrant.as_json(t.changes)::text, t.xid::text FROM pgwarrant.txn t WHERE t.log = settle.log AND t.seq = settle.seq;
END $$;

-- Which of these transactions are not there, as after a failover that lost commits.
CREATE OR REPLACE FUNCTION pgwarrant.missing(log text, seqs bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s FROM unnest(seqs) s
  WHERE NOT EXISTS (SELECT FROM pgwarrant.txn t WHERE t.log = missing.log AND t.seq = s AND t.state = 'committed')
$$;

-- Every transaction that is on record here, for the comparison with the ledger.
CREATE OR REPLACE FUNCTION pgwarrant.recorded(log text, after bigint, most integer)
RETURNS TABLE (seq bigint, state text, leaf bytea, changes text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.seq, t.state, t.leaf, pgwarrant.as_json(t.changes)::text FROM pgwarrant.txn t
  WHERE t.log = recorded.log AND t.seq > after ORDER BY t.seq LIMIT most
$$;

-- Which server this is: a promoted standby has another timeline, another cluster another identifier.
CREATE OR REPLACE FUNCTION pgwarrant.server() RETURNS TABLE (system_identifier text, timeline integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT (pg_control_system()).system_identifier::text,
         -- After a promotion the control file has the old timeline until the first checkpoint is complete.
         CASE WHEN pg_is_in_recovery() THEN (pg_control_checkpoint()).timeline_id
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer END
$$;
