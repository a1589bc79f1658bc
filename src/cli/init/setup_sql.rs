//! The second wall: SQL that lets the upstream role do no more than the rules ever allow.
//!
//! The text may be run again at any time: it takes every earlier grant of the role back before it grants anew.

use crate::catalogue::views;
use crate::upstream::{FENCE_SCHEMA, FENCE_SQL};
use std::fmt::Write as _;

/// What the proxy's roles get.
#[derive(Debug, Clone)]
pub struct SetupPlan {
    pub database: String,
    pub reader: Role,
    /// Runs transactions that may write; `None` for a proxy that only reads.
    pub writer: Option<Role>,
    /// What the rules let the roles do: `rules::sql`.
    pub rights: String,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub name: String,
    /// `SCRAM-SHA-256$…`, so that the file holds no secret; `None` leaves the password as it is.
    pub verifier: Option<String>,
}

const ATTRIBUTES: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";

impl SetupPlan {
    /// The script for `psql`.
    pub fn to_sql(&self) -> String {
        let mut sql = format!(
            "-- The roles that pgwarrant works with, and no more than they need. Written by pgwarrant; may be run again at any time.\n\
             -- Run it as a superuser, or as the database's owner with CREATEROLE (see step 4 then):\n\
             --   psql -d {} -f setup.sql\n\
             \\set ON_ERROR_STOP on\n\n",
            self.database
        );
        sql.push_str("BEGIN;\nSET LOCAL client_min_messages = warning;\n\n");
        for (role, read_only) in self.roles() {
            setup_role(role, &mut sql);
            self.database_rights(&role.name, &mut sql);
            schema_rights(&role.name, &mut sql);
            role_settings(&role.name, read_only, &mut sql);
        }
        sql.push_str("COMMIT;\n\n");
        sql.push_str(
            "-- 5. Tables, columns, functions: what `pgwarrant rules sql` prints; run that again whenever the rules change.\n",
        );
        sql.push_str(&self.rights);
        sql.push_str("\n-- 6. The catalogue as drivers and tools read it, cut down to what a token may see.\n");
        sql.push_str(&views::sql(&self.roles().map(|(role, _)| &*role.name).collect::<Vec<_>>()));
        if let Some(writer) = &self.writer {
            sql.push_str("\n-- 7. What binds a commit to its record in the ledger. Nobody but the writing role calls it.\n");
            sql.push_str(FENCE_SQL);
            let role = identifier(&writer.name);
            let _ = write!(
                sql,
                "REVOKE ALL ON ALL TABLES IN SCHEMA {FENCE_SCHEMA} FROM {role};\n\
                 REVOKE ALL ON ALL ROUTINES IN SCHEMA {FENCE_SCHEMA} FROM PUBLIC;\n\
                 GRANT USAGE ON SCHEMA {FENCE_SCHEMA} TO {role};\n\
                 GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {FENCE_SCHEMA} TO {role};\n"
            );
        }
        sql
    }

    /// Each with whether it only reads.
    fn roles(&self) -> impl Iterator<Item = (&Role, bool)> {
        std::iter::once((&self.reader, true)).chain(self.writer.iter().map(|writer| (writer, false)))
    }

    fn database_rights(&self, name: &str, sql: &mut String) {
        let (role, database) = (identifier(name), identifier(&self.database));
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
            reader = literal(name),
        );
    }
}

fn setup_role(role: &Role, sql: &mut String) {
    let verifier = &role.verifier;
    let (role, name) = (identifier(&role.name), literal(&role.name));
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
    let _ = match verifier {
        Some(verifier) => writeln!(sql, "ALTER ROLE {role} LOGIN NOINHERIT PASSWORD {};\n", literal(verifier)),
        None => writeln!(sql, "ALTER ROLE {role} LOGIN NOINHERIT;\n"),
    };
}

fn schema_rights(role: &str, sql: &mut String) {
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
        name = literal(role),
    );
}

fn role_settings(role: &str, read_only: bool, sql: &mut String) {
    let role = identifier(role);
    let read_only = if read_only { "on" } else { "off" };
    let _ = write!(
        sql,
        "-- 4. Settings. pgwarrant reads Postgres's own query trees from LOG messages; without log_min_messages = fatal\n\
         --    every one of them stands in the server's log too. It also keeps this role's own errors out of that log.\n\
         ALTER ROLE {role} SET default_transaction_read_only = {read_only};\n\
         DO $pgwarrant$ BEGIN\n\
         \x20 ALTER ROLE {role} SET log_min_messages = fatal;\n\
         EXCEPTION WHEN insufficient_privilege THEN\n\
         \x20 RAISE WARNING 'log_min_messages of {role} needs a superuser (or GRANT SET ON PARAMETER log_min_messages): ask for it';\n\
         END $pgwarrant$;\n\n"
    );
}

/// Always quoted: a name may be a keyword.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal; names and verifiers hold no backslash under `standard_conforming_strings`, and would be right if they did.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
