-- pgwarrant's audit schema: the mirror of the ledger, for auditors.
-- Postgres 15 or later, without extensions. May be run again at any time: it brings functions and views back to what
-- stands here and leaves the record alone. Run it as the owner of the audit database.

BEGIN;

-- Two runs at once would fail on each other's half-made objects.
SELECT pg_advisory_xact_lock(hashtext('pgwarrant audit schema'));

DO $$
BEGIN
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'the audit database must have the encoding UTF8, not %', current_setting('server_encoding');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgwarrant_audit_writer') THEN
    CREATE ROLE pgwarrant_audit_writer NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'auditor') THEN
    CREATE ROLE auditor NOLOGIN;
  END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO auditor, pgwarrant_audit_writer;
COMMENT ON SCHEMA audit IS 'The record of pgwarrant: every statement of every agent, tamper-evident. See audit.statements first.';

----------------------------------------------------------------------------------------------------------------------
-- The record

CREATE TABLE IF NOT EXISTS audit.entry (
  log         text        NOT NULL,
  seq         bigint      NOT NULL CHECK (seq >= 0),
  bytes       bytea       NOT NULL,
  leaf_hash   bytea       NOT NULL CHECK (length(leaf_hash) = 32),
  mirrored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (log, seq)
);
COMMENT ON TABLE  audit.entry IS 'The entries of the ledger, byte for byte. Append-only. Read them through the views.';
COMMENT ON COLUMN audit.entry.log IS 'Origin of the log: which proxy wrote it.';
COMMENT ON COLUMN audit.entry.seq IS 'Number of the entry in its log, from 0, without gaps.';
COMMENT ON COLUMN audit.entry.bytes IS 'The entry: JSON, exactly as it was hashed and signed.';
COMMENT ON COLUMN audit.entry.leaf_hash IS 'SHA-256(0x00 || bytes), as the proxy computed it. audit.check_leaves computes it again.';
COMMENT ON COLUMN audit.entry.mirrored_at IS 'When the mirror wrote the row, by this server''s clock. Not part of the signed record.';

CREATE TABLE IF NOT EXISTS audit.checkpoint (
  log         text        NOT NULL,
  size        bigint      NOT NULL CHECK (size > 0),
  root        bytea       NOT NULL CHECK (length(root) = 32),
  note        text        NOT NULL,
  mirrored_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (log, size)
);
COMMENT ON TABLE  audit.checkpoint IS 'Signed heads of the logs. Append-only. Read them through audit.checkpoints.';
COMMENT ON COLUMN audit.checkpoint.log IS 'Origin of the log.';
COMMENT ON COLUMN audit.checkpoint.size IS 'The checkpoint covers the entries with seq < size.';
COMMENT ON COLUMN audit.checkpoint.root IS 'Root of the Merkle tree (RFC 6962) over those entries. audit.root computes it again.';
COMMENT ON COLUMN audit.checkpoint.note IS 'The signed note (C2SP tlog-checkpoint), as the proxy signed it.';
COMMENT ON COLUMN audit.checkpoint.mirrored_at IS 'When the mirror wrote the row, by this server''s clock. Not part of the signed record.';

-- Against mistakes of the owner. Against malice of a superuser nothing in a database helps: that is what the hashes,
-- the signatures and a checkpoint held elsewhere are for.
CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'audit.% is append-only: % is not possible', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION audit.refuse_change() IS 'Trigger: makes a table append-only for everybody, its owner included.';

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

----------------------------------------------------------------------------------------------------------------------
-- Checking, in plain SQL

-- SQL-standard bodies are bound to pg_catalog here and now, whatever the caller's search_path.
CREATE OR REPLACE FUNCTION audit.leaf_hash(bytes bytea) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN pg_catalog.sha256('\x00'::bytea OPERATOR(pg_catalog.||) bytes);
COMMENT ON FUNCTION audit.leaf_hash(bytea) IS 'Leaf hash of an entry''s bytes: SHA-256(0x00 || bytes), RFC 6962 section 2.1.';

CREATE OR REPLACE FUNCTION audit.node_hash(left_hash bytea, right_hash bytea) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN pg_catalog.sha256('\x01'::bytea OPERATOR(pg_catalog.||) left_hash OPERATOR(pg_catalog.||) right_hash);
COMMENT ON FUNCTION audit.node_hash(bytea, bytea) IS 'Inner node of the tree: SHA-256(0x01 || left || right), RFC 6962 section 2.1.';

CREATE OR REPLACE FUNCTION audit.doc(bytes bytea) RETURNS jsonb
  LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN convert_from(bytes, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
  -- Not what the proxy wrote. The other rows stay readable; audit.check_leaves names this one.
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION audit.doc(bytea) IS 'An entry''s bytes as jsonb; NULL if they are not JSON, which only tampering explains.';

CREATE OR REPLACE FUNCTION audit.texts(list jsonb) RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN ARRAY(SELECT item FROM pg_catalog.jsonb_array_elements_text(list) WITH ORDINALITY AS t(item, n) ORDER BY n);
COMMENT ON FUNCTION audit.texts(jsonb) IS 'A JSON array of strings as text[]; empty for NULL.';

-- The right edge of the growing tree: one perfect subtree for each one bit of the size, largest first.
CREATE OR REPLACE FUNCTION audit.roots(of_log text, sizes bigint[], OUT size bigint, OUT root bytea) RETURNS SETOF record
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  edge  bytea[] := '{}';
  depth integer := 0;
  n     bigint := 0;
  bits  bigint;
  node  bytea;
  item  record;
  want  integer := 1;
BEGIN
  sizes := ARRAY(SELECT DISTINCT s FROM unnest(sizes) AS s WHERE s >= 0 ORDER BY s);
  WHILE sizes[want] = 0 LOOP
    size := 0; root := sha256(''); want := want + 1;
    RETURN NEXT;
  END LOOP;
  FOR item IN SELECT e.seq, e.bytes FROM audit.entry e
              WHERE e.log = of_log AND e.seq < sizes[cardinality(sizes)] ORDER BY e.seq LOOP
    IF item.seq <> n THEN
      RAISE EXCEPTION 'entry % of log % is missing', n, of_log USING ERRCODE = 'data_corrupted';
    END IF;
    node := audit.leaf_hash(item.bytes);
    bits := n;
    WHILE bits & 1 = 1 LOOP
      node := audit.node_hash(edge[depth], node);
      depth := depth - 1;
      bits := bits >> 1;
    END LOOP;
    depth := depth + 1;
    edge[depth] := node;
    n := n + 1;
    IF n = sizes[want] THEN
      FOR i IN REVERSE depth - 1 .. 1 LOOP
        node := CASE WHEN i = depth - 1 THEN audit.node_hash(edge[i], edge[depth]) ELSE audit.node_hash(edge[i], node) END;
      END LOOP;
      size := n; root := CASE WHEN depth = 1 THEN edge[1] ELSE node END; want := want + 1;
      RETURN NEXT;
    END IF;
  END LOOP;
  IF want <= cardinality(sizes) THEN
    RAISE EXCEPTION 'entry % of log % is missing', n, of_log USING ERRCODE = 'data_corrupted';
  END IF;
END
$$;
COMMENT ON FUNCTION audit.roots(text, bigint[]) IS 'Roots of a log''s Merkle tree at several sizes, computed anew from the bytes in one pass.';

CREATE OR REPLACE FUNCTION audit.root(log text, size bigint) RETURNS bytea
  LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.root FROM audit.roots($1, ARRAY[$2]) AS r);
END
$$;
COMMENT ON FUNCTION audit.root(text, bigint) IS
  'Root of the Merkle tree over a log''s entries with seq < size, computed anew from their bytes. Compare it with a checkpoint that somebody else holds.';

CREATE OR REPLACE FUNCTION audit.check_leaves(of_log text) RETURNS TABLE (seq bigint, problem text)
  LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.seq, c.problem FROM (
    SELECT e.seq, CASE
        WHEN e.leaf_hash <> audit.leaf_hash(e.bytes) THEN 'its bytes are not those that its leaf hash was made of'
        WHEN audit.doc(e.bytes) ->> 'seq' IS DISTINCT FROM e.seq::text THEN 'its bytes say that it is another entry'
        WHEN audit.doc(e.bytes) ->> 'log' IS DISTINCT FROM e.log THEN 'its bytes say that it belongs to another log'
        WHEN e.seq <> lag(e.seq, 1, -1::bigint) OVER (ORDER BY e.seq) + 1 THEN 'the entry before it is missing'
      END AS problem
    FROM audit.entry e WHERE e.log = of_log
  ) AS c WHERE c.problem IS NOT NULL ORDER BY c.seq;
END
$$;
COMMENT ON FUNCTION audit.check_leaves(text) IS 'Computes every leaf hash of a log anew. Returns what is wrong: no rows if nothing is.';

CREATE OR REPLACE FUNCTION audit.check_checkpoints(of_log text) RETURNS TABLE (size bigint, problem text)
  LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.size, CASE
      WHEN c.root <> r.root THEN 'it was signed over other entries'
      ELSE 'its note says something else'
    END
  FROM audit.checkpoint c
  JOIN audit.roots(of_log, ARRAY(SELECT k.size FROM audit.checkpoint k WHERE k.log = of_log)) AS r ON r.size = c.size
  WHERE c.log = of_log AND (
    c.root <> r.root
    OR NOT starts_with(c.note, concat(c.log, E'\n', c.size, E'\n', encode(c.root, 'base64'), E'\n'))
  ) ORDER BY c.size;
END
$$;
COMMENT ON FUNCTION audit.check_checkpoints(text) IS
  'Computes the root at every checkpoint of a log anew. Returns those that differ: no rows if none does. Signatures are checked by `pgwarrant verify`, since Postgres has no Ed25519.';

----------------------------------------------------------------------------------------------------------------------
-- For the mirror, which may only append

CREATE OR REPLACE FUNCTION audit.mirrored(of_log text, OUT next_seq bigint, OUT last_leaf_hash bytea, OUT last_size bigint)
  LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce((SELECT max(e.seq) FROM audit.entry e WHERE e.log = of_log), -1) + 1,
         (SELECT e.leaf_hash FROM audit.entry e WHERE e.log = of_log ORDER BY e.seq DESC LIMIT 1),
         coalesce((SELECT max(c.size) FROM audit.checkpoint c WHERE c.log = of_log), 0)
$$;
COMMENT ON FUNCTION audit.mirrored(text) IS 'How far a log is mirrored: where the mirror resumes.';

----------------------------------------------------------------------------------------------------------------------
-- Views

CREATE OR REPLACE VIEW audit.statements WITH (security_invoker = true) AS
SELECT e.log, e.seq,
       (d.doc ->> 'time')::timestamptz AS "time",
       d.doc ->> 'kind' AS kind,
       d.doc ->> 'session' AS session,
       d.doc ->> 'agent' AS agent,
       d.doc ->> 'peer' AS peer,
       d.doc ->> 'decision' AS decision,
       d.doc ->> 'reason' AS reason,
       d.doc ->> 'template' AS template,
       audit.texts(d.doc -> 'values') AS parameters,
       audit.texts(d.doc -> 'relations') AS relations,
       d.doc ->> 'command_tag' AS command_tag,
       (d.doc ->> 'rows')::bigint AS "rows",
       (d.doc ->> 'bytes')::bigint AS result_bytes,
       d.doc ->> 'result_digest' AS result_digest,
       d.doc ->> 'sqlstate' AS sqlstate,
       d.doc ->> 'message' AS message,
       d.doc ->> 'transaction' AS transaction,
       d.doc ->> 'transaction_state' AS transaction_state,
       (d.doc ->> 'duration_us')::bigint * interval '1 microsecond' AS duration,
       (d.doc ->> 'ref')::bigint AS ref,
       audit.texts(d.doc -> 'chain') AS chain,
       d.doc ->> 'fingerprint' AS fingerprint,
       d.doc ->> 'rules' AS rules,
       d.doc ->> 'epoch' AS epoch,
       d.doc -> 'abridged' AS abridged,
       (d.doc -> 'chunk' ->> 'number')::bigint AS chunk,
       (d.doc -> 'chunk' ->> 'rows')::bigint AS chunk_rows,
       (d.doc -> 'chunk' ->> 'bytes')::bigint AS chunk_bytes,
       d.doc -> 'changes' AS changes
FROM audit.entry e CROSS JOIN LATERAL (SELECT audit.doc(e.bytes) AS doc OFFSET 0) AS d
WHERE d.doc ->> 'kind' IN ('intent', 'outcome', 'chunk', 'final');
COMMENT ON VIEW audit.statements IS 'What was run: one row for each statement that was let through, with its result''s size and digest.';
COMMENT ON COLUMN audit.statements.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.statements.seq IS 'Number of the entry in its log.';
COMMENT ON COLUMN audit.statements."time" IS 'When it was recorded, by the proxy''s clock.';
COMMENT ON COLUMN audit.statements.kind IS 'intent: a write is about to run; outcome: it ran; chunk: a part of a large result was about to be released; final: its transaction is settled.';
COMMENT ON COLUMN audit.statements.session IS 'The client''s connection; join with audit.sessions and audit.delegations.';
COMMENT ON COLUMN audit.statements.agent IS 'Subject name of the token''s last block: who held it.';
COMMENT ON COLUMN audit.statements.peer IS 'Network address of the client.';
COMMENT ON COLUMN audit.statements.decision IS 'permit; or observe: it would have been denied, but the rules say to let it through and record.';
COMMENT ON COLUMN audit.statements.reason IS 'Reason code of a failure, or of the denial that was only observed.';
COMMENT ON COLUMN audit.statements.template IS 'The statement with its literals taken out, or the whole statement.';
COMMENT ON COLUMN audit.statements.parameters IS 'The values of the template''s parameters, in order.';
COMMENT ON COLUMN audit.statements.relations IS 'Relations that the statement was proven to read or write.';
COMMENT ON COLUMN audit.statements.command_tag IS 'Postgres''s command tag, e.g. SELECT 3.';
COMMENT ON COLUMN audit.statements."rows" IS 'Rows that were released to the agent; in a chunk, up to its end. Sum coalesce(chunk_rows, rows).';
COMMENT ON COLUMN audit.statements.result_bytes IS 'Bytes that were released to the agent; in a chunk, up to its end.';
COMMENT ON COLUMN audit.statements.result_digest IS 'SHA-256 of those bytes, hex.';
COMMENT ON COLUMN audit.statements.sqlstate IS 'SQLSTATE, if the statement failed.';
COMMENT ON COLUMN audit.statements.message IS 'Message of the failure, or why a large result broke off.';
COMMENT ON COLUMN audit.statements.transaction IS 'The server''s transaction id, for writes.';
COMMENT ON COLUMN audit.statements.transaction_state IS 'implicit, open, committed, aborted or lost_by_failover.';
COMMENT ON COLUMN audit.statements.duration IS 'From forwarding to the end of the result.';
COMMENT ON COLUMN audit.statements.ref IS 'seq of the entry that this one follows up; of a chunk and of the outcome behind chunks, the first chunk, which has the statement.';
COMMENT ON COLUMN audit.statements.chain IS 'Block ids of the token, root first; join with audit.delegations.block_id.';
COMMENT ON COLUMN audit.statements.fingerprint IS 'SHA-256 of the template, hex.';
COMMENT ON COLUMN audit.statements.rules IS 'Hash of the rules that decided.';
COMMENT ON COLUMN audit.statements.epoch IS 'State of the catalogue that was decided on.';
COMMENT ON COLUMN audit.statements.abridged IS 'Fields that stand here cut or cleaned, with the hash of their exact bytes.';
COMMENT ON COLUMN audit.statements.chunk IS 'Number of the part, from 1, where a result was released in chunks; the outcome has the last. Without an outcome the session broke off: no more was released.';
COMMENT ON COLUMN audit.statements.chunk_rows IS 'Rows of this part alone.';
COMMENT ON COLUMN audit.statements.chunk_bytes IS 'Bytes of this part alone.';
COMMENT ON COLUMN audit.statements.changes IS 'Rows that it changed, by relation, as the server counted them: [{relation, inserted, updated, deleted}, …]; of what commits a block, all that the block changed.';

CREATE OR REPLACE VIEW audit.transactions WITH (security_invoker = true) AS
WITH said AS MATERIALIZED (
  SELECT e.log, e.seq, d.doc, (d.doc ->> 'ref')::bigint AS ref, d.doc ->> 'kind' AS kind,
         d.doc ->> 'transaction_state' AS state
  FROM audit.entry e CROSS JOIN LATERAL (SELECT audit.doc(e.bytes) AS doc OFFSET 0) AS d
  WHERE d.doc ->> 'kind' IN ('intent', 'outcome', 'denial', 'final')
), announced AS (
  SELECT log, seq, doc FROM said
  WHERE kind = 'intent' OR kind = 'outcome' AND ref IS NULL AND state = 'open' AND doc ? 'changes'
), settled AS (
  -- What a failover took back has a second end.
  SELECT DISTINCT ON (log, ref) log, ref, seq, doc, state FROM said
  WHERE kind = 'final' OR kind IN ('outcome', 'denial') AND state = 'aborted'
  ORDER BY log, ref, seq DESC
), committing AS (
  SELECT log, ref, jsonb_agg(jsonb_build_object('relation', relation, 'inserted', inserted, 'updated', updated, 'deleted', deleted)
                             ORDER BY relation COLLATE "C") AS changes
  FROM (SELECT s.log, s.ref, c.value ->> 'relation' AS relation, sum((c.value ->> 'inserted')::bigint) AS inserted,
               sum((c.value ->> 'updated')::bigint) AS updated, sum((c.value ->> 'deleted')::bigint) AS deleted
        FROM said s CROSS JOIN LATERAL jsonb_array_elements(s.doc -> 'changes') AS c
        WHERE s.kind = 'outcome' AND s.state = 'committing'
        GROUP BY s.log, s.ref, c.value ->> 'relation') AS sums
  GROUP BY log, ref
)
SELECT a.log, a.seq,
       (a.doc ->> 'time')::timestamptz AS "time",
       a.doc ->> 'session' AS session,
       a.doc ->> 'agent' AS agent,
       coalesce(s.state, 'unknown') AS state,
       s.seq AS settled_seq,
       (s.doc ->> 'time')::timestamptz AS settled_at,
       coalesce(s.doc ->> 'message' = 'settled by recovery', false) AS by_recovery,
       CASE WHEN s.state = 'aborted' THEN NULL ELSE coalesce(c.changes, s.doc -> 'changes') END AS changes
FROM announced a
LEFT JOIN settled s ON s.log = a.log AND s.ref = a.seq
LEFT JOIN committing c ON c.log = a.log AND c.ref = a.seq;
COMMENT ON VIEW audit.transactions IS 'What was changed: one row for each transaction that was about to write, with what became of it.';
COMMENT ON COLUMN audit.transactions.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.transactions.seq IS 'seq of the entry that announced it; pgwarrant.txn of the database names it too. Its statements have it as ref, or are it.';
COMMENT ON COLUMN audit.transactions."time" IS 'When it was announced, by the proxy''s clock.';
COMMENT ON COLUMN audit.transactions.session IS 'The client''s connection.';
COMMENT ON COLUMN audit.transactions.agent IS 'Subject name of the token''s last block.';
COMMENT ON COLUMN audit.transactions.state IS 'committed, aborted, or lost_by_failover; unknown while it is open, or until recovery has asked the database.';
COMMENT ON COLUMN audit.transactions.settled_seq IS 'seq of the entry that says so.';
COMMENT ON COLUMN audit.transactions.settled_at IS 'When that was recorded.';
COMMENT ON COLUMN audit.transactions.by_recovery IS 'Nobody was there to hear of COMMIT: the database was asked afterwards.';
COMMENT ON COLUMN audit.transactions.changes IS 'Rows that it changed, by relation: [{relation, inserted, updated, deleted}, …]; NULL if it was aborted. By recovery: relations by OID.';

CREATE OR REPLACE VIEW audit.denials WITH (security_invoker = true) AS
SELECT e.log, e.seq,
       (d.doc ->> 'time')::timestamptz AS "time",
       d.doc ->> 'kind' AS kind,
       d.doc ->> 'session' AS session,
       d.doc ->> 'agent' AS agent,
       d.doc ->> 'peer' AS peer,
       d.doc ->> 'reason' AS reason,
       d.doc ->> 'sqlstate' AS sqlstate,
       d.doc ->> 'message' AS message,
       d.doc ->> 'template' AS template,
       audit.texts(d.doc -> 'values') AS parameters,
       audit.texts(d.doc -> 'relations') AS relations,
       coalesce((d.doc ->> 'count')::bigint, 1) AS count,
       audit.texts(d.doc -> 'chain') AS chain,
       d.doc ->> 'fingerprint' AS fingerprint,
       d.doc ->> 'rules' AS rules,
       d.doc ->> 'epoch' AS epoch,
       d.doc -> 'abridged' AS abridged
FROM audit.entry e CROSS JOIN LATERAL (SELECT audit.doc(e.bytes) AS doc OFFSET 0) AS d
WHERE d.doc ->> 'kind' IN ('denial', 'denial_summary');
COMMENT ON VIEW audit.denials IS 'What was refused, and why. Refusals before a token was proven are counted in rows of kind denial_summary.';
COMMENT ON COLUMN audit.denials.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.denials.seq IS 'Number of the entry in its log.';
COMMENT ON COLUMN audit.denials."time" IS 'When it was recorded, by the proxy''s clock.';
COMMENT ON COLUMN audit.denials.kind IS 'denial: one statement or connection; denial_summary: count of them.';
COMMENT ON COLUMN audit.denials.session IS 'The client''s connection.';
COMMENT ON COLUMN audit.denials.agent IS 'Subject name of the token''s last block.';
COMMENT ON COLUMN audit.denials.peer IS 'Network address of the client.';
COMMENT ON COLUMN audit.denials.reason IS 'Stable reason code, e.g. unbounded_scan.';
COMMENT ON COLUMN audit.denials.sqlstate IS 'SQLSTATE that the agent was given.';
COMMENT ON COLUMN audit.denials.message IS 'Message that the agent was given.';
COMMENT ON COLUMN audit.denials.template IS 'The statement with its literals taken out, or the whole statement.';
COMMENT ON COLUMN audit.denials.parameters IS 'The values of the template''s parameters, in order.';
COMMENT ON COLUMN audit.denials.relations IS 'Relations that the statement names, as far as it was read.';
COMMENT ON COLUMN audit.denials.count IS 'How many refusals the row stands for.';
COMMENT ON COLUMN audit.denials.chain IS 'Block ids of the token, root first.';
COMMENT ON COLUMN audit.denials.fingerprint IS 'SHA-256 of the template, hex.';
COMMENT ON COLUMN audit.denials.rules IS 'Hash of the rules that decided.';
COMMENT ON COLUMN audit.denials.epoch IS 'State of the catalogue that was decided on.';
COMMENT ON COLUMN audit.denials.abridged IS 'Fields that stand here cut or cleaned, with the hash of their exact bytes.';

CREATE OR REPLACE VIEW audit.sessions WITH (security_invoker = true) AS
SELECT e.log,
       d.doc ->> 'session' AS session,
       max(d.doc ->> 'agent') AS agent,
       max(d.doc ->> 'peer') AS peer,
       min(e.seq) FILTER (WHERE d.doc ->> 'kind' = 'session_open') AS opened_seq,
       min((d.doc ->> 'time')::timestamptz) FILTER (WHERE d.doc ->> 'kind' = 'session_open') AS opened_at,
       max(e.seq) FILTER (WHERE d.doc ->> 'kind' = 'session_close') AS closed_seq,
       max((d.doc ->> 'time')::timestamptz) FILTER (WHERE d.doc ->> 'kind' = 'session_close') AS closed_at,
       -- A large result counts once, by its first chunk.
       count(*) FILTER (WHERE coalesce(d.doc -> 'chunk' ->> 'number', '1') = '1' AND d.doc ->> 'kind' IN ('outcome', 'chunk'))
         AS statements,
       count(*) FILTER (WHERE d.doc ->> 'kind' = 'denial') AS denials,
       coalesce(sum(coalesce(d.doc -> 'chunk' ->> 'rows', d.doc ->> 'rows')::bigint)
         FILTER (WHERE d.doc ->> 'kind' IN ('outcome', 'chunk')), 0)::bigint AS "rows"
FROM audit.entry e CROSS JOIN LATERAL (SELECT audit.doc(e.bytes) AS doc OFFSET 0) AS d
WHERE d.doc ->> 'session' IS NOT NULL
GROUP BY e.log, d.doc ->> 'session';
COMMENT ON VIEW audit.sessions IS 'One row for each connection of an agent.';
COMMENT ON COLUMN audit.sessions.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.sessions.session IS 'Id of the connection.';
COMMENT ON COLUMN audit.sessions.agent IS 'Subject name of the token''s last block.';
COMMENT ON COLUMN audit.sessions.peer IS 'Network address of the client.';
COMMENT ON COLUMN audit.sessions.opened_seq IS 'seq of the entry session_open.';
COMMENT ON COLUMN audit.sessions.opened_at IS 'When the token was proven.';
COMMENT ON COLUMN audit.sessions.closed_seq IS 'seq of the entry session_close; NULL while it is open, or if the proxy crashed.';
COMMENT ON COLUMN audit.sessions.closed_at IS 'When it ended.';
COMMENT ON COLUMN audit.sessions.statements IS 'Statements that ran.';
COMMENT ON COLUMN audit.sessions.denials IS 'Statements that were refused.';
COMMENT ON COLUMN audit.sessions."rows" IS 'Rows that were released to the agent.';

CREATE OR REPLACE VIEW audit.delegations WITH (security_invoker = true) AS
SELECT e.log, e.seq,
       (d.doc ->> 'time')::timestamptz AS "time",
       d.doc ->> 'session' AS session,
       (b.n - 1)::integer AS depth,
       b.block ->> 'id' AS block_id,
       -- An index of -1 would be the last.
       CASE WHEN b.n > 1 THEN d.doc -> 'delegation' -> (b.n - 2)::integer ->> 'id' END AS parent_id,
       b.block ->> 'subject' AS subject,
       audit.texts(b.block -> 'grants') AS grants,
       to_timestamp((b.block ->> 'expires')::bigint) AS expires
FROM audit.entry e
CROSS JOIN LATERAL (SELECT audit.doc(e.bytes) AS doc OFFSET 0) AS d
CROSS JOIN LATERAL jsonb_array_elements(d.doc -> 'delegation') WITH ORDINALITY AS b(block, n)
WHERE d.doc ->> 'kind' = 'session_open';
COMMENT ON VIEW audit.delegations IS 'Who delegated what to whom: one row for each block of the token that opened a session.';
COMMENT ON COLUMN audit.delegations.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.delegations.seq IS 'seq of the entry session_open.';
COMMENT ON COLUMN audit.delegations."time" IS 'When the token was proven.';
COMMENT ON COLUMN audit.delegations.session IS 'Id of the connection.';
COMMENT ON COLUMN audit.delegations.depth IS '0 for the block that a root key signed, one more for each delegation.';
COMMENT ON COLUMN audit.delegations.block_id IS 'Id of the block: a hash that nobody chooses.';
COMMENT ON COLUMN audit.delegations.parent_id IS 'Id of the block that delegated it; NULL for the first.';
COMMENT ON COLUMN audit.delegations.subject IS 'Name that the delegator gave to the holder.';
COMMENT ON COLUMN audit.delegations.grants IS 'The block''s grants as text.';
COMMENT ON COLUMN audit.delegations.expires IS 'When the block expires.';

CREATE OR REPLACE VIEW audit.checkpoints WITH (security_invoker = true) AS
SELECT c.log, c.size, c.root, c.note, c.mirrored_at FROM audit.checkpoint c;
COMMENT ON VIEW audit.checkpoints IS 'Signed heads of the logs. Keep one elsewhere: it fixes everything before it.';
COMMENT ON COLUMN audit.checkpoints.log IS 'Origin of the log: which proxy.';
COMMENT ON COLUMN audit.checkpoints.size IS 'It covers the entries with seq < size.';
COMMENT ON COLUMN audit.checkpoints.root IS 'Root of the Merkle tree over them.';
COMMENT ON COLUMN audit.checkpoints.note IS 'The signed note: what to keep elsewhere, and what `pgwarrant verify --checkpoint` takes.';
COMMENT ON COLUMN audit.checkpoints.mirrored_at IS 'When the mirror wrote it, by this server''s clock.';

----------------------------------------------------------------------------------------------------------------------
-- Who may do what

REVOKE ALL ON ALL TABLES IN SCHEMA audit FROM PUBLIC, auditor, pgwarrant_audit_writer;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC, auditor, pgwarrant_audit_writer;

GRANT INSERT ON audit.entry TO pgwarrant_audit_writer;
GRANT INSERT ON audit.checkpoint TO pgwarrant_audit_writer;
GRANT EXECUTE ON FUNCTION audit.mirrored(text) TO pgwarrant_audit_writer;

GRANT SELECT ON audit.entry, audit.checkpoint, audit.statements, audit.transactions, audit.denials, audit.sessions,
  audit.delegations, audit.checkpoints TO auditor;
GRANT EXECUTE ON FUNCTION audit.leaf_hash(bytea), audit.node_hash(bytea, bytea), audit.doc(bytea), audit.texts(jsonb),
  audit.roots(text, bigint[]), audit.root(text, bigint), audit.check_leaves(text), audit.check_checkpoints(text)
  TO auditor;

COMMIT;
