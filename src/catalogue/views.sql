-- The filtered catalogue: what drivers and tools read of pg_catalog and information_schema, cut down to what one token
-- may see. pgwarrant writes `pgwarrant_catalog` in the place of `pg_catalog` in statements that read catalogues only, and
-- `pgwarrant_information_schema` in the place of `information_schema`. docs/introspection.md says what is shown.
--
-- Run it as a superuser or as a role with CREATE on the database, with psql or any client; it may be run again at any
-- time. "@READER@" is the role that pgwarrant reads with. The views belong to whoever runs this. They depend on the
-- server's own catalogues: before pg_upgrade, DROP SCHEMA pgwarrant_catalog, pgwarrant_information_schema CASCADE.
--
-- The scope of a token is the setting `pgwarrant.visible`, which pgwarrant sets in each transaction and no agent can:
--     relation:column,column;relation:column|function,function
-- in OIDs and column numbers. Without it nothing of a user is visible.

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog, pg_temp;
DROP SCHEMA IF EXISTS pgwarrant_information_schema CASCADE;
DROP SCHEMA IF EXISTS pgwarrant_catalog CASCADE;
CREATE SCHEMA pgwarrant_catalog;
CREATE SCHEMA pgwarrant_information_schema;

-- 1. What the token may see. OIDs below 16384 came with the server (FirstNormalObjectId).

CREATE FUNCTION pgwarrant_catalog.granted_relations() RETURNS TABLE (relid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT pg_catalog.split_part(r.entry, ':', 1)::pg_catalog.oid AS relid
    FROM pg_catalog.string_to_table(pg_catalog.split_part(pg_catalog.current_setting('pgwarrant.visible', true), '|', 1), ';') r(entry)
    WHERE r.entry <> '';
END;

CREATE FUNCTION pgwarrant_catalog.granted_columns() RETURNS TABLE (relid pg_catalog.oid, attnum pg_catalog.int2) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT pg_catalog.split_part(r.entry, ':', 1)::pg_catalog.oid AS relid, c.attnum::pg_catalog.int2 AS attnum
    FROM pg_catalog.string_to_table(pg_catalog.split_part(pg_catalog.current_setting('pgwarrant.visible', true), '|', 1), ';') r(entry),
         pg_catalog.string_to_table(pg_catalog.split_part(r.entry, ':', 2), ',') c(attnum)
    WHERE r.entry <> '' AND c.attnum <> '';
END;

CREATE FUNCTION pgwarrant_catalog.granted_functions() RETURNS TABLE (funcid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT f.funcid::pg_catalog.oid AS funcid
    FROM pg_catalog.string_to_table(pg_catalog.split_part(pg_catalog.current_setting('pgwarrant.visible', true), '|', 2), ',') f(funcid)
    WHERE f.funcid <> '';
END;

-- Types of visible columns and functions, and what these are made of.
CREATE FUNCTION pgwarrant_catalog.visible_types() RETURNS TABLE (typid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    WITH RECURSIVE used(typid) AS (
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
            JOIN pgwarrant_catalog.granted_columns() g ON g.relid = a.attrelid AND g.attnum = a.attnum
            WHERE a.atttypid >= 16384
        UNION SELECT c.reltype FROM pg_catalog.pg_class c JOIN pgwarrant_catalog.granted_relations() g ON g.relid = c.oid WHERE c.reltype <> 0
        UNION SELECT u.typid FROM pg_catalog.pg_proc p JOIN pgwarrant_catalog.granted_functions() f ON f.funcid = p.oid,
            pg_catalog.unnest(p.proargtypes || p.prorettype) u(typid) WHERE u.typid >= 16384
        UNION SELECT part.typid FROM used
            JOIN pg_catalog.pg_type t ON t.oid = used.typid
            LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
            LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid,
            LATERAL (SELECT t.typelem UNION ALL SELECT t.typarray UNION ALL SELECT t.typbasetype
                     UNION ALL SELECT r.rngsubtype UNION ALL SELECT r.rngmultitypid
                     UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) part(typid)
            WHERE part.typid >= 16384)
    SELECT typid FROM used;
END;

-- Composite types proper: their relation has no rows, and all their attributes are part of the type.
CREATE FUNCTION pgwarrant_catalog.visible_composites() RETURNS TABLE (relid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT c.oid AS relid FROM pg_catalog.pg_class c
    WHERE c.relkind = 'c' AND c.reltype IN (SELECT typid FROM pgwarrant_catalog.visible_types());
END;

CREATE FUNCTION pgwarrant_catalog.visible_functions() RETURNS TABLE (funcid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT funcid FROM pgwarrant_catalog.granted_functions()
    -- Drivers join a type with its input and output functions.
    UNION SELECT io.funcid FROM pg_catalog.pg_type t JOIN pgwarrant_catalog.visible_types() v ON v.typid = t.oid,
        LATERAL (VALUES (t.typinput::pg_catalog.oid), (t.typoutput::pg_catalog.oid), (t.typreceive::pg_catalog.oid), (t.typsend::pg_catalog.oid)) io(funcid)
        WHERE io.funcid >= 16384;
END;

-- Sequences of visible serial and identity columns.
CREATE FUNCTION pgwarrant_catalog.visible_sequences() RETURNS TABLE (relid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT d.objid AS relid FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pgwarrant_catalog.granted_columns() g ON g.relid = d.refobjid AND g.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype IN ('a', 'i');
END;

-- Indexes, constraints and defaults whose definition speaks of something that the token may not see.
CREATE FUNCTION pgwarrant_catalog.tainted() RETURNS TABLE (classid pg_catalog.oid, objid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    LEFT JOIN pgwarrant_catalog.granted_relations() gr ON gr.relid = d.refobjid AND d.refobjsubid = 0
    LEFT JOIN pgwarrant_catalog.granted_columns() gc ON gc.relid = d.refobjid AND gc.attnum = d.refobjsubid
    WHERE d.objid >= 16384 AND d.refobjid >= 16384
      AND d.classid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass)
      AND CASE d.refclassid
          WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN
              gr.relid IS NULL AND gc.relid IS NULL
              AND d.refobjid NOT IN (SELECT relid FROM pgwarrant_catalog.visible_sequences())
              -- A foreign key depends on the index that it checks, a type's attributes on the type's relation.
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_class i WHERE i.oid = d.refobjid AND i.relkind IN ('i', 'I', 'c'))
          WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid NOT IN (SELECT funcid FROM pgwarrant_catalog.visible_functions())
          WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN d.refobjid NOT IN (SELECT typid FROM pgwarrant_catalog.visible_types())
          WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN true
          ELSE false
          END;
END;

CREATE FUNCTION pgwarrant_catalog.visible_indexes() RETURNS TABLE (relid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT i.indexrelid AS relid FROM pg_catalog.pg_index i
    WHERE i.indrelid = ANY (ARRAY(SELECT relid FROM pgwarrant_catalog.granted_relations()))
      AND NOT EXISTS (SELECT FROM pg_catalog.unnest(i.indkey) k(attnum) WHERE k.attnum <> 0
                      AND (i.indrelid, k.attnum) NOT IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns()))
      AND i.indexrelid NOT IN (SELECT objid FROM pgwarrant_catalog.tainted() WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass);
END;

CREATE FUNCTION pgwarrant_catalog.visible_relations() RETURNS TABLE (relid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT relid FROM pgwarrant_catalog.granted_relations()
    UNION ALL SELECT relid FROM pgwarrant_catalog.visible_indexes()
    UNION ALL SELECT relid FROM pgwarrant_catalog.visible_sequences()
    UNION ALL SELECT relid FROM pgwarrant_catalog.visible_composites();
END;

CREATE FUNCTION pgwarrant_catalog.visible_constraints() RETURNS TABLE (conid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT c.oid AS conid FROM pg_catalog.pg_constraint c
    WHERE c.oid NOT IN (SELECT objid FROM pgwarrant_catalog.tainted() WHERE classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass)
      AND CASE WHEN c.conrelid <> 0 THEN
            c.conrelid IN (SELECT relid FROM pgwarrant_catalog.granted_relations())
            AND NOT EXISTS (SELECT FROM pg_catalog.unnest(c.conkey) k(attnum) WHERE k.attnum <> 0
                            AND (c.conrelid, k.attnum) NOT IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns()))
            AND (c.conindid = 0 OR c.contype = 'f' OR c.conindid IN (SELECT relid FROM pgwarrant_catalog.visible_indexes()))
            AND (c.confrelid = 0 OR (
                c.confrelid IN (SELECT relid FROM pgwarrant_catalog.granted_relations())
                AND NOT EXISTS (SELECT FROM pg_catalog.unnest(c.confkey) k(attnum)
                                WHERE (c.confrelid, k.attnum) NOT IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns()))))
          ELSE c.contypid IN (SELECT typid FROM pgwarrant_catalog.visible_types()) END;
END;

CREATE FUNCTION pgwarrant_catalog.visible_namespaces() RETURNS TABLE (nspid pg_catalog.oid) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT n.oid AS nspid FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('pg_catalog', 'information_schema', 'public')
    UNION SELECT c.relnamespace FROM pg_catalog.pg_class c
        WHERE c.oid = ANY (ARRAY(SELECT relid FROM pgwarrant_catalog.granted_relations()))
    UNION SELECT t.typnamespace FROM pg_catalog.pg_type t
        WHERE t.oid = ANY (ARRAY(SELECT typid FROM pgwarrant_catalog.visible_types()))
    UNION SELECT p.pronamespace FROM pg_catalog.pg_proc p
        WHERE p.oid = ANY (ARRAY(SELECT funcid FROM pgwarrant_catalog.granted_functions()));
END;

CREATE FUNCTION pgwarrant_catalog.visible_objects() RETURNS TABLE (classid pg_catalog.oid, objid pg_catalog.oid, objsubid pg_catalog.int4) LANGUAGE sql STABLE ROWS 300
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off BEGIN ATOMIC
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, relid AS objid, 0 AS objsubid FROM pgwarrant_catalog.visible_relations()
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, relid, attnum::pg_catalog.int4 FROM pgwarrant_catalog.granted_columns()
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, conid, 0 FROM pgwarrant_catalog.visible_constraints()
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, typid, 0 FROM pgwarrant_catalog.visible_types()
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, funcid, 0 FROM pgwarrant_catalog.granted_functions()
    UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid, nspid, 0 FROM pgwarrant_catalog.visible_namespaces()
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, d.oid, 0 FROM pg_catalog.pg_attrdef d
        WHERE (d.adrelid, d.adnum) IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns())
          AND d.oid NOT IN (SELECT objid FROM pgwarrant_catalog.tainted() WHERE classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass);
END;

-- 2. The views. Each has the columns of the catalogue on this very server version. Owners are the reader itself and
--    privileges are not shown: what other roles there are is nobody's business. Estimates tell of other tenants' rows.

DO $views$
DECLARE
    -- name, condition on alias `o`, and the columns that are not passed on as they are.
    shown CONSTANT text[][] := ARRAY[
        ['pg_class', 'o.oid = ANY (ARRAY(SELECT relid FROM pgwarrant_catalog.visible_relations()))',
            'relnatts=CASE WHEN o.relkind IN (''r'', ''p'', ''v'') THEN (SELECT count(*) FROM pgwarrant_catalog.granted_columns() g WHERE g.relid = o.oid)::int2 ELSE o.relnatts END'
            ';relpages=NULL::int4;reltuples=NULL::float4;relallvisible=NULL::int4;relallfrozen=NULL::int4;relfilenode=0::oid;reltoastrelid=0::oid'
            ';relfrozenxid=NULL::xid;relminmxid=NULL::xid;relpartbound=NULL::pg_node_tree;relrewrite=0::oid;relhastriggers=false;relhasrules=false'
            ';relhassubclass=false'],
        ['pg_attribute', '(o.attrelid, o.attnum) IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns())'
            ' OR o.attrelid IN (SELECT relid FROM pgwarrant_catalog.visible_indexes())'
            ' OR o.attrelid IN (SELECT relid FROM pgwarrant_catalog.visible_composites())',
            'attmissingval=NULL::text[]'],
        ['pg_attrdef', '(o.adrelid, o.adnum) IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns())'
            ' AND o.oid NOT IN (SELECT objid FROM pgwarrant_catalog.tainted() WHERE classid = ''pg_catalog.pg_attrdef''::pg_catalog.regclass)', ''],
        ['pg_type', 'o.oid < 16384 OR o.oid = ANY (ARRAY(SELECT typid FROM pgwarrant_catalog.visible_types()))',
            'typdefault=NULL::text;typdefaultbin=NULL::pg_node_tree'],
        ['pg_index', 'o.indexrelid IN (SELECT relid FROM pgwarrant_catalog.visible_indexes())', ''],
        ['pg_constraint', 'o.oid IN (SELECT conid FROM pgwarrant_catalog.visible_constraints())',
            'conindid=CASE WHEN o.conindid IN (SELECT relid FROM pgwarrant_catalog.visible_indexes()) THEN o.conindid ELSE 0 END'],
        ['pg_namespace', 'o.oid IN (SELECT nspid FROM pgwarrant_catalog.visible_namespaces())', ''],
        ['pg_proc', 'o.oid < 16384 OR o.oid = ANY (ARRAY(SELECT funcid FROM pgwarrant_catalog.visible_functions()))',
            'prosrc=NULL::text;probin=NULL::text;prosqlbody=NULL::pg_node_tree;proconfig=NULL::text[];proargdefaults=NULL::pg_node_tree'],
        ['pg_sequence', 'o.seqrelid IN (SELECT relid FROM pgwarrant_catalog.visible_sequences())', ''],
        ['pg_enum', 'o.enumtypid IN (SELECT typid FROM pgwarrant_catalog.visible_types())', ''],
        ['pg_range', 'o.rngtypid < 16384 OR o.rngtypid IN (SELECT typid FROM pgwarrant_catalog.visible_types())', ''],
        ['pg_inherits', 'o.inhrelid IN (SELECT relid FROM pgwarrant_catalog.visible_relations())'
            ' AND o.inhparent IN (SELECT relid FROM pgwarrant_catalog.visible_relations())', ''],
        ['pg_partitioned_table', 'o.partrelid IN (SELECT relid FROM pgwarrant_catalog.granted_relations())'
            ' AND o.partexprs IS NULL AND NOT EXISTS (SELECT FROM unnest(o.partattrs) k(attnum)'
            ' WHERE (o.partrelid, k.attnum) NOT IN (SELECT relid, attnum FROM pgwarrant_catalog.granted_columns()))', 'partdefid=0::oid'],
        ['pg_depend', '(o.classid, o.objid) IN (SELECT classid, objid FROM pgwarrant_catalog.visible_objects() WHERE objsubid = 0)'
            ' AND o.objsubid = 0'
            ' AND (o.refclassid, o.refobjid, o.refobjsubid) IN (SELECT classid, objid, objsubid FROM pgwarrant_catalog.visible_objects())', ''],
        ['pg_description', 'o.objoid < 16384'
            ' OR (o.classoid, o.objoid, o.objsubid) IN (SELECT classid, objid, objsubid FROM pgwarrant_catalog.visible_objects())', ''],
        ['pg_database', 'o.datname = current_database()', ''],
        ['pg_opclass', 'o.oid < 16384 OR o.oid IN (SELECT unnest(i.indclass) FROM pg_catalog.pg_index i'
            ' WHERE i.indexrelid IN (SELECT relid FROM pgwarrant_catalog.visible_indexes()))', ''],
        ['pg_aggregate', 'o.aggfnoid::oid < 16384', ''],
        ['pg_am', 'o.oid < 16384', ''], ['pg_amop', 'o.oid < 16384', ''], ['pg_amproc', 'o.oid < 16384', ''],
        ['pg_cast', 'o.oid < 16384', ''], ['pg_collation', 'o.oid < 16384', ''], ['pg_conversion', 'o.oid < 16384', ''],
        ['pg_language', 'o.oid < 16384', ''], ['pg_operator', 'o.oid < 16384', ''], ['pg_opfamily', 'o.oid < 16384', ''],
        ['pg_tablespace', 'o.oid < 16384', ''], ['pg_ts_config', 'o.oid < 16384', ''], ['pg_ts_config_map', 'o.mapcfg < 16384', ''],
        ['pg_ts_dict', 'o.oid < 16384', ''], ['pg_ts_parser', 'o.oid < 16384', ''], ['pg_ts_template', 'o.oid < 16384', '']];
    -- Answered with no rows: what they hold is not for agents, but tools that ask must not break.
    empty CONSTANT text[] := ARRAY[
        'pg_roles', 'pg_user', 'pg_group', 'pg_auth_members', 'pg_settings', 'pg_trigger', 'pg_rewrite', 'pg_rules', 'pg_policy', 'pg_policies',
        'pg_publication', 'pg_publication_rel', 'pg_publication_namespace', 'pg_publication_tables', 'pg_subscription_rel',
        'pg_foreign_table', 'pg_foreign_server', 'pg_foreign_data_wrapper', 'pg_user_mappings', 'pg_event_trigger',
        'pg_statistic_ext', 'pg_extension', 'pg_available_extensions', 'pg_available_extension_versions', 'pg_shdescription', 'pg_seclabel',
        'pg_seclabels', 'pg_shseclabel', 'pg_default_acl', 'pg_init_privs', 'pg_transform', 'pg_db_role_setting', 'pg_shdepend',
        'pg_prepared_statements', 'pg_prepared_xacts', 'pg_cursors', 'pg_largeobject_metadata'];
    with_tableoid CONSTANT text[] := ARRAY['pg_language', 'pg_constraint', 'pg_opclass', 'pg_opfamily', 'pg_rewrite', 'pg_trigger'];
    entry text[];
    name text;
    columns text;
    overrides jsonb;
BEGIN
    FOREACH entry SLICE 1 IN ARRAY shown LOOP
        SELECT jsonb_object_agg(split_part(pair, '=', 1), substr(pair, strpos(pair, '=') + 1)) INTO overrides
            FROM unnest(string_to_array(entry[3], ';')) pair WHERE pair <> '';
        SELECT string_agg(coalesce(
                overrides ->> a.attname::text,
                CASE WHEN a.atttypid = 'aclitem[]'::regtype THEN 'NULL::aclitem[]'
                     WHEN a.attname ~ '(owner|datdba)$' THEN '(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)'
                     ELSE 'o.' || quote_ident(a.attname) END) || ' AS ' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
                -- psql asks for it; a view has none of its own.
                || CASE WHEN entry[1] = ANY (with_tableoid) THEN ', o.tableoid' ELSE '' END
            INTO columns FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = ('pg_catalog.' || entry[1])::regclass AND a.attnum > 0 AND NOT a.attisdropped;
        EXECUTE format('CREATE VIEW pgwarrant_catalog.%I WITH (security_barrier) AS SELECT %s FROM pg_catalog.%I o WHERE %s',
                       entry[1], columns, entry[1], entry[2]);
    END LOOP;

    FOREACH name IN ARRAY empty LOOP
        IF to_regclass('pg_catalog.' || name) IS NOT NULL THEN
            SELECT string_agg('NULL::' || CASE WHEN a.atttypid = 'anyarray'::regtype THEN 'text[]' ELSE format_type(a.atttypid, NULL) END
                              || ' AS ' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
                    || CASE WHEN name = ANY (with_tableoid) THEN ', NULL::oid AS tableoid' ELSE '' END
                INTO columns FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = ('pg_catalog.' || name)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
            EXECUTE format('CREATE VIEW pgwarrant_catalog.%I WITH (security_barrier) AS SELECT %s WHERE false', name, columns);
        END IF;
    END LOOP;

    -- Names of roles for information_schema: the reader's own.
    CREATE VIEW pgwarrant_catalog.pg_authid WITH (security_barrier) AS
        SELECT r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
               r.rolconnlimit, NULL::text AS rolpassword, r.rolvaliduntil
        FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;
    CREATE VIEW pgwarrant_catalog.pg_user_mapping WITH (security_barrier) AS
        SELECT NULL::oid AS oid, NULL::oid AS umuser, NULL::oid AS umserver, NULL::text[] AS umoptions WHERE false;
END $views$;

-- 3. Functions that look at the catalogue by themselves: pgwarrant writes them in the place of pg_catalog's. The settings
--    keep their own queries out of what pgwarrant reads of Postgres's reading; definitions, sizes and privileges of
--    others are not shown at all.

CREATE FUNCTION pgwarrant_catalog.visible_relation(relid pg_catalog.oid) RETURNS pg_catalog.bool LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_catalog.strpos(';' || pg_catalog.split_part(pg_catalog.current_setting('pgwarrant.visible', true), '|', 1), ';' || $1 || ':') > 0;

CREATE FUNCTION pgwarrant_catalog.visible_column(relid pg_catalog.oid, attnum pg_catalog.int4) RETURNS pg_catalog.bool LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_catalog.strpos(',' || pg_catalog.split_part(pg_catalog.split_part(
        ';' || pg_catalog.split_part(pg_catalog.current_setting('pgwarrant.visible', true), '|', 1), ';' || $1 || ':', 2), ';', 1) || ',', ',' || $2 || ',') > 0;

CREATE FUNCTION pgwarrant_catalog.col_description(pg_catalog.oid, pg_catalog.int4) RETURNS pg_catalog.text LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN (SELECT pg_catalog.col_description($1, $2) WHERE pgwarrant_catalog.visible_column($1, $2));

-- Not by the server's own look-up, which tells by an error that a schema is there.
CREATE FUNCTION pgwarrant_catalog.to_regclass(pg_catalog.text) RETURNS pg_catalog.regclass LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN (SELECT c.oid::pg_catalog.regclass
            FROM pgwarrant_catalog.pg_class c JOIN pgwarrant_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.parse_ident($1) p(parts)
            WHERE CASE pg_catalog.cardinality(p.parts)
                  WHEN 1 THEN c.relname = p.parts[1] AND n.nspname = ANY (pg_catalog.current_schemas(true))
                  WHEN 2 THEN n.nspname = p.parts[1] AND c.relname = p.parts[2] ELSE false END
            ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(true), n.nspname) LIMIT 1);
CREATE FUNCTION pgwarrant_catalog.to_regtype(pg_catalog.text) RETURNS pg_catalog.regtype LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN CASE WHEN pg_catalog.strpos($1, '.') > 0
        THEN (SELECT t.oid::pg_catalog.regtype
              FROM pgwarrant_catalog.pg_type t JOIN pgwarrant_catalog.pg_namespace n ON n.oid = t.typnamespace, pg_catalog.parse_ident($1) p(parts)
              WHERE pg_catalog.cardinality(p.parts) = 2 AND n.nspname = p.parts[1] AND t.typname = p.parts[2])
        ELSE (SELECT t.oid::pg_catalog.regtype FROM pgwarrant_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype($1)::pg_catalog.oid) END;

DO $functions$
DECLARE
    signature text;
    nothing CONSTANT text[] := ARRAY[
        'pg_get_viewdef(oid) text', 'pg_get_viewdef(oid, boolean) text', 'pg_get_viewdef(oid, integer) text',
        'pg_get_ruledef(oid) text', 'pg_get_ruledef(oid, boolean) text', 'pg_get_triggerdef(oid) text', 'pg_get_triggerdef(oid, boolean) text',
        'pg_get_functiondef(oid) text', 'pg_get_function_sqlbody(oid) text', 'pg_get_function_arg_default(oid, integer) text',
        'pg_get_statisticsobjdef(oid) text', 'pg_get_statisticsobjdef_columns(oid) text', 'pg_get_statisticsobjdef_expressions(oid) text[]',
        'pg_describe_object(oid, oid, integer) text', 'shobj_description(oid, name) text',
        'pg_relation_size(oid) bigint', 'pg_relation_size(oid, text) bigint', 'pg_table_size(oid) bigint', 'pg_total_relation_size(oid) bigint',
        'pg_indexes_size(oid) bigint', 'pg_database_size(oid) bigint', 'pg_database_size(name) bigint',
        'pg_tablespace_size(oid) bigint', 'pg_tablespace_size(name) bigint', 'pg_tablespace_location(oid) text',
        'pg_stat_get_numscans(oid) bigint', 'pg_my_temp_schema() oid'];
    always CONSTANT text[] := ARRAY['pg_is_other_temp_schema(oid) false', 'row_security_active(oid) false', 'pg_relation_is_publishable(oid) false'];
    -- The privilege is what the token may see; the database itself decides nothing here.
    may CONSTANT text[] := ARRAY[
        'has_table_privilege(oid, text)|$1', 'has_table_privilege(name, oid, text)|$2',
        'has_table_privilege(text, text)|pgwarrant_catalog.to_regclass($1)', 'has_table_privilege(name, text, text)|pgwarrant_catalog.to_regclass($2)',
        'has_any_column_privilege(oid, text)|$1', 'has_any_column_privilege(name, oid, text)|$2'];
BEGIN
    FOREACH signature IN ARRAY nothing LOOP
        EXECUTE format('CREATE FUNCTION pgwarrant_catalog.%s RETURNS %s LANGUAGE sql STABLE RETURN NULL::%s',
            regexp_replace(signature, '\) .*$', ')'), regexp_replace(signature, '^.*\) ', ''), regexp_replace(signature, '^.*\) ', ''));
    END LOOP;
    FOREACH signature IN ARRAY always LOOP
        EXECUTE format('CREATE FUNCTION pgwarrant_catalog.%s RETURNS bool LANGUAGE sql STABLE RETURN %s',
            regexp_replace(signature, '\) .*$', ')'), regexp_replace(signature, '^.*\) ', ''));
    END LOOP;
    FOREACH signature IN ARRAY may LOOP
        EXECUTE format('CREATE FUNCTION pgwarrant_catalog.%s RETURNS bool LANGUAGE sql STABLE RETURN pgwarrant_catalog.visible_relation(%s)',
            split_part(signature, '|', 1), split_part(signature, '|', 2));
    END LOOP;
END $functions$;

CREATE FUNCTION pgwarrant_catalog.has_schema_privilege(pg_catalog.oid, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN pg_catalog.lower($2) = 'usage' AND EXISTS (SELECT FROM pgwarrant_catalog.visible_namespaces() n WHERE n.nspid = $1);
CREATE FUNCTION pgwarrant_catalog.has_schema_privilege(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN pg_catalog.lower($2) = 'usage' AND EXISTS (SELECT FROM pgwarrant_catalog.pg_namespace n WHERE n.nspname = $1);
CREATE FUNCTION pgwarrant_catalog.has_database_privilege(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE sql STABLE
    RETURN pg_catalog.lower($2) = 'connect' AND $1 = pg_catalog.current_database()::pg_catalog.text;
CREATE FUNCTION pgwarrant_catalog.current_setting(pg_catalog.text, pg_catalog.bool DEFAULT false) RETURNS pg_catalog.text LANGUAGE sql STABLE
    RETURN CASE WHEN $1 IN ('block_size', 'default_table_access_method', 'max_identifier_length', 'max_index_keys', 'server_encoding',
        'server_version', 'server_version_num', 'standard_conforming_strings') THEN pg_catalog.current_setting($1, true) END;
CREATE FUNCTION pgwarrant_catalog.pg_get_partkeydef(pg_catalog.oid) RETURNS pg_catalog.text LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN (SELECT pg_catalog.pg_get_partkeydef(p.partrelid) FROM pgwarrant_catalog.pg_partitioned_table p WHERE p.partrelid = $1);
CREATE FUNCTION pgwarrant_catalog.pg_get_serial_sequence(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN (SELECT pg_catalog.pg_get_serial_sequence($1, $2) FROM pgwarrant_catalog.pg_attribute a
            WHERE a.attrelid = pgwarrant_catalog.to_regclass($1)::pg_catalog.oid AND a.attname = $2);
CREATE FUNCTION pgwarrant_catalog.to_regnamespace(pg_catalog.text) RETURNS pg_catalog.regnamespace LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    RETURN (SELECT n.oid::pg_catalog.regnamespace FROM pgwarrant_catalog.pg_namespace n WHERE n.oid = pg_catalog.to_regnamespace($1)::pg_catalog.oid);
CREATE FUNCTION pgwarrant_catalog.pg_partition_ancestors(pg_catalog.regclass) RETURNS TABLE (relid pg_catalog.regclass) LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    BEGIN ATOMIC SELECT a.relid FROM pg_catalog.pg_partition_ancestors($1) a WHERE pgwarrant_catalog.visible_relation(a.relid::pg_catalog.oid); END;
CREATE FUNCTION pgwarrant_catalog.pg_get_keywords(OUT word pg_catalog.text, OUT catcode pg_catalog."char", OUT barelabel pg_catalog.bool,
                                                  OUT catdesc pg_catalog.text, OUT baredesc pg_catalog.text)
    RETURNS SETOF pg_catalog.record LANGUAGE sql STABLE
    SET jit = off SET debug_print_parse = off SET debug_print_rewritten = off
    BEGIN ATOMIC SELECT * FROM pg_catalog.pg_get_keywords(); END;

-- 4. Views of the server over catalogues, made again from their own text over the filtered ones: names without a schema
--    in it resolve to pgwarrant_catalog first.

DO $system_views$
DECLARE
    object record;
    definition text;
BEGIN
    FOR object IN SELECT c.oid, c.relname, n.nspname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'information_schema' AND c.relkind IN ('v', 'r')
                     OR n.nspname = 'pg_catalog' AND c.relname IN ('pg_tables', 'pg_views', 'pg_indexes', 'pg_matviews')
                  ORDER BY c.oid
    LOOP
        IF object.relkind = 'r' THEN
            definition := format('SELECT * FROM information_schema.%I', object.relname);
        ELSE
            SET LOCAL search_path = pg_catalog;
            definition := pg_get_viewdef(object.oid);
            definition := regexp_replace(definition, 'information_schema\._pg_truetypid\((\w+)\.\*, (\w+)\.\*\)',
                'CASE WHEN \2.typtype = ''d'' THEN \2.typbasetype ELSE \1.atttypid END', 'g');
            definition := regexp_replace(definition, 'information_schema\._pg_truetypmod\((\w+)\.\*, (\w+)\.\*\)',
                'CASE WHEN \2.typtype = ''d'' THEN \2.typtypmod ELSE \1.atttypmod END', 'g');
            -- Relations only: types stand after "::", functions before "(".
            definition := regexp_replace(definition, '(?<!::)\minformation_schema\.(\w+)\M(?!\()', 'pgwarrant_information_schema.\1', 'g');
        END IF;
        SET LOCAL search_path = pgwarrant_catalog, pg_catalog;
        EXECUTE format('CREATE VIEW %s.%I WITH (security_barrier) AS %s',
            CASE object.nspname WHEN 'pg_catalog' THEN 'pgwarrant_catalog' ELSE 'pgwarrant_information_schema' END, object.relname, definition);
    END LOOP;
    SET LOCAL search_path = pg_catalog, pg_temp;
END $system_views$;

CREATE VIEW pgwarrant_catalog.pg_sequences WITH (security_barrier) AS
    SELECT n.nspname AS schemaname, c.relname AS sequencename, pg_catalog.pg_get_userbyid(c.relowner) AS sequenceowner,
           s.seqtypid::pg_catalog.regtype AS data_type, s.seqstart AS start_value, s.seqmin AS min_value, s.seqmax AS max_value,
           s.seqincrement AS increment_by, s.seqcycle AS cycle, s.seqcache AS cache_size, NULL::pg_catalog.int8 AS last_value
    FROM pgwarrant_catalog.pg_sequence s JOIN pgwarrant_catalog.pg_class c ON c.oid = s.seqrelid
    LEFT JOIN pgwarrant_catalog.pg_namespace n ON n.oid = c.relnamespace;

-- 5. Nobody but the reader needs them.

REVOKE ALL ON ALL TABLES IN SCHEMA pgwarrant_catalog, pgwarrant_information_schema FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgwarrant_catalog FROM PUBLIC;
GRANT USAGE ON SCHEMA pgwarrant_catalog, pgwarrant_information_schema TO @READER@;
GRANT SELECT ON ALL TABLES IN SCHEMA pgwarrant_catalog, pgwarrant_information_schema TO @READER@;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgwarrant_catalog TO @READER@;
COMMIT;
