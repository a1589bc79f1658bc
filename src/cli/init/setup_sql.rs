//! The second wall: SQL that lets the upstream role do no more than the rules ever allow.
//!
//! The text may be run again at any time: it takes every earlier grant of the role back before it grants anew.

use crate::catalogue::views;
use std::fmt::Write as _;

/// What the reader's role gets.
#[derive(Debug, Clone)]
pub struct SetupPlan {
    pub database: String,
    pub reader_role: String,
    /// `SCRAM-SHA-256$…`, so that the file holds no secret; `None` leaves the password as it is.
    pub reader_verifier: Option<String>,
    /// What the rules let the role do: `rules::sql`.
    pub rights: String,
}

const ATTRIBUTES: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";

impl SetupPlan {
    /// The script for `psql`.
    pub fn to_sql(&self) -> String {
        let mut sql = format!(
            "-- The role that pgwarrant reads with, and no more than it needs. Written by pgwarrant; may be run again at any time.\n\
             -- Run it as a superuser, or as the database's owner with CREATEROLE (see step 4 then):\n\
             --   psql -d {} -f setup.sql\n\
             \\set ON_ERROR_STOP on\n\n",
            self.database
        );
        sql.push_str("BEGIN;\nSET LOCAL client_min_messages = warning;\n\n");
        self.role(&mut sql);
        self.database_rights(&mut sql);
        self.schema_rights(&mut sql);
        self.role_settings(&mut sql);
        sql.push_str("COMMIT;\n\n");
        sql.push_str(
            "-- 5. Tables, columns, functions: what `pgwarrant rules sql` prints; run that again whenever the rules change.\n",
        );
        sql.push_str(&self.rights);
        sql.push_str("\n-- 6. The catalogue as drivers and tools read it, cut down to what a token may see.\n");
        sql.push_str(&views::sql(&self.reader_role));
        sql
    }

    fn role(&self, sql: &mut String) {
        let (role, name) = (identifier(&self.reader_role), literal(&self.reader_role));
        let _ = write!(
            sql,
            "-- 1. The role: logs in, and has no other attribute.\n\
             DO $pgwarrant$ BEGIN\n\
             \x20 IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN\n\
             \x20   CREATE ROLE {role};\n\
             \x20 END IF;\n\
             \x20 IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}\n\
             \x20            AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)) THEN\n\
             \x20   ALTER ROLE {role} {ATTRIBUTES};\n\
             \x20 END IF;\n\
             END $pgwarrant$;\n"
        );
        let _ = match &self.reader_verifier {
            Some(verifier) => writeln!(sql, "ALTER ROLE {role} LOGIN NOINHERIT PASSWORD {};\n", literal(verifier)),
            None => writeln!(sql, "ALTER ROLE {role} LOGIN NOINHERIT;\n"),
        };
    }

    fn database_rights(&self, sql: &mut String) {
        let (role, database) = (identifier(&self.reader_role), identifier(&self.database));
        let _ = write!(
            sql,
            "-- 2. The database: connect, and no temporary tables. PUBLIC has TEMPORARY unless somebody took it away;\n\
             --    every other role that logs in keeps it.\n\
             DO $pgwarrant$ DECLARE other name; BEGIN\n\
             \x20 IF EXISTS (SELECT FROM pg_catalog.pg_database d, pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a\n\
             \x20            WHERE d.datname = {name} AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY') THEN\n\
             \x20   REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;\n\
             \x20   FOR other IN SELECT rolname FROM pg_catalog.pg_roles\n\
             \x20                WHERE rolcanlogin AND NOT rolsuper AND rolname !~ '^pgwarrant_' AND rolname <> {reader} LOOP\n\
             \x20     EXECUTE pg_catalog.format('GRANT TEMPORARY ON DATABASE %I TO %I', {name}, other);\n\
             \x20   END LOOP;\n\
             \x20 END IF;\n\
             END $pgwarrant$;\n\
             REVOKE ALL ON DATABASE {database} FROM {role};\n\
             GRANT CONNECT ON DATABASE {database} TO {role};\n\n",
            name = literal(&self.database),
            reader = literal(&self.reader_role),
        );
    }

    fn schema_rights(&self, sql: &mut String) {
        let _ = write!(
            sql,
            "-- 3. Schemas: create in none. PUBLIC could in databases that were made before Postgres 15.\n\
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;\n\
             DO $pgwarrant$ DECLARE old text; BEGIN\n\
             \x20 FOR old IN SELECT pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %I', nspname, {name})\n\
             \x20            FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP\n\
             \x20   EXECUTE old;\n\
             \x20 END LOOP;\n\
             END $pgwarrant$;\n\n",
            name = literal(&self.reader_role),
        );
    }

    fn role_settings(&self, sql: &mut String) {
        let role = identifier(&self.reader_role);
        let _ = write!(
            sql,
            "-- 4. Settings. pgwarrant reads Postgres's own query trees from LOG messages; without log_min_messages = fatal\n\
             --    every one of them stands in the server's log too. It also keeps this role's own errors out of that log.\n\
             ALTER ROLE {role} SET default_transaction_read_only = on;\n\
             DO $pgwarrant$ BEGIN\n\
             \x20 ALTER ROLE {role} SET log_min_messages = fatal;\n\
             EXCEPTION WHEN insufficient_privilege THEN\n\
             \x20 RAISE WARNING 'log_min_messages of {role} needs a superuser (or GRANT SET ON PARAMETER log_min_messages): ask for it';\n\
             END $pgwarrant$;\n\n"
        );
    }
}

/// Always quoted: a name may be a keyword.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal; names and verifiers hold no backslash under `standard_conforming_strings`, and would be right if they did.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
