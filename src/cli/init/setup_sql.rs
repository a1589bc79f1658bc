//! The second wall: SQL that lets the upstream role do no more than the rules ever allow.
//!
//! The text may be run again at any time: it takes every earlier grant of the role back before it grants anew.

use super::inspect::Table;
use crate::rules::ruleset::Ruleset;
use crate::token::grant::QualifiedName;
use std::fmt::Write as _;

/// What the reader's role gets.
#[derive(Debug, Clone)]
pub struct SetupPlan {
    pub database: String,
    pub reader_role: String,
    /// `SCRAM-SHA-256$…`, so that the file holds no secret; `None` leaves the password as it is.
    pub reader_verifier: Option<String>,
    pub relations: Vec<RelationAccess>,
}

#[derive(Debug, Clone)]
pub struct RelationAccess {
    pub schema: String,
    pub name: String,
    /// All but the hidden ones.
    pub columns: Vec<String>,
    pub tenant_column: Option<String>,
}

const ATTRIBUTES: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";

impl SetupPlan {
    /// The script for `psql`.
    pub fn to_sql(&self) -> String {
        let mut sql = format!(
            "-- The role that pgwarrant reads with, and no more than it needs. Written by pgwarrant; may be run again at any time.\n\
             -- Run it as a superuser, or as the database's owner with CREATEROLE (see step 5 then):\n\
             --   psql -d {} -f setup.sql\n\
             \\set ON_ERROR_STOP on\n\n",
            self.database
        );
        sql.push_str("BEGIN;\nSET LOCAL client_min_messages = warning;\n\n");
        self.role(&mut sql);
        self.database_rights(&mut sql);
        self.schema_rights(&mut sql);
        self.relation_rights(&mut sql);
        self.role_settings(&mut sql);
        sql.push_str("COMMIT;\n");
        self.row_security(&mut sql);
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
        let role = identifier(&self.reader_role);
        sql.push_str("-- 3. Schemas: look into those with readable relations, create in none.\n");
        sql.push_str("REVOKE CREATE ON SCHEMA public FROM PUBLIC;\n");
        let _ = write!(
            sql,
            "DO $pgwarrant$ DECLARE old text; BEGIN\n\
             \x20 FOR old IN SELECT pg_catalog.format('REVOKE ALL ON SCHEMA %1$I FROM %2$I; REVOKE ALL ON ALL TABLES IN SCHEMA %1$I FROM %2$I', nspname, {name})\n\
             \x20            FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP\n\
             \x20   EXECUTE old;\n\
             \x20 END LOOP;\n\
             END $pgwarrant$;\n",
            name = literal(&self.reader_role),
        );
        let mut schemas: Vec<&str> = self.relations.iter().map(|relation| relation.schema.as_str()).collect();
        schemas.sort_unstable();
        schemas.dedup();
        for schema in schemas {
            let _ = writeln!(sql, "GRANT USAGE ON SCHEMA {} TO {role};", identifier(schema));
        }
        sql.push('\n');
    }

    fn relation_rights(&self, sql: &mut String) {
        let role = identifier(&self.reader_role);
        sql.push_str("-- 4. Columns: every one but the hidden.\n");
        for relation in self.relations.iter().filter(|relation| !relation.columns.is_empty()) {
            let columns: Vec<String> = relation.columns.iter().map(|column| identifier(column)).collect();
            let _ = writeln!(sql, "GRANT SELECT ({}) ON {} TO {role};", columns.join(", "), relation.qualified());
        }
        sql.push('\n');
    }

    fn role_settings(&self, sql: &mut String) {
        let role = identifier(&self.reader_role);
        let _ = write!(
            sql,
            "-- 5. Settings. pgwarrant reads Postgres's own query trees from LOG messages; without log_min_messages = fatal\n\
             --    every one of them stands in the server's log too. It also keeps this role's own errors out of that log.\n\
             ALTER ROLE {role} SET default_transaction_read_only = on;\n\
             DO $pgwarrant$ BEGIN\n\
             \x20 ALTER ROLE {role} SET log_min_messages = fatal;\n\
             EXCEPTION WHEN insufficient_privilege THEN\n\
             \x20 RAISE WARNING 'log_min_messages of {role} needs a superuser (or GRANT SET ON PARAMETER log_min_messages): ask for it';\n\
             END $pgwarrant$;\n\n"
        );
    }

    /// Opt-in, since `ENABLE ROW LEVEL SECURITY` concerns every role of the database that is not the owner.
    fn row_security(&self, sql: &mut String) {
        let tables: Vec<(&RelationAccess, &String)> = self
            .relations
            .iter()
            .filter_map(|relation| relation.tenant_column.as_ref().map(|column| (relation, column)))
            .collect();
        if tables.is_empty() {
            return;
        }
        sql.push_str(
            "\n-- 6. Row security for tables with a tenant column, by:  psql -v row_security=on -f setup.sql\n\
             --    Roles other than pgwarrant's keep seeing every row, through a policy that lets everything pass; a table that\n\
             --    has row security already keeps its policies and gets the restriction only.\n\
             \\if :{?row_security}\nBEGIN;\n",
        );
        for (relation, column) in tables {
            relation.policies(column, &self.reader_role, sql);
        }
        sql.push_str("COMMIT;\n\\endif\n");
    }
}

impl RelationAccess {
    fn qualified(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    fn policies(&self, column: &str, role: &str, sql: &mut String) {
        let (table, role) = (self.qualified(), identifier(role));
        let _ = write!(
            sql,
            "DO $pgwarrant$ BEGIN\n\
             \x20 IF NOT (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = {regclass}::pg_catalog.regclass) THEN\n\
             \x20   DROP POLICY IF EXISTS pgwarrant_others ON {table};\n\
             \x20   CREATE POLICY pgwarrant_others ON {table} AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true);\n\
             \x20   ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n\
             \x20 END IF;\n\
             END $pgwarrant$;\n\
             DROP POLICY IF EXISTS pgwarrant_tenant ON {table};\n\
             CREATE POLICY pgwarrant_tenant ON {table} AS RESTRICTIVE FOR ALL TO {role}\n\
             \x20 USING (coalesce(pg_catalog.current_setting('pgwarrant.tenant', true), '') IN ('', '*')\n\
             \x20        OR {column}::pg_catalog.text = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('pgwarrant.tenant', true), ',')));\n",
            regclass = literal(&table),
            column = identifier(column),
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

/// What the rules make readable, with the columns that they do not hide.
pub fn from_rules(rules: &Ruleset, tables: &[Table]) -> Vec<RelationAccess> {
    let access = |table: &Table| {
        let name = QualifiedName { schema: table.schema.clone(), name: table.name.clone() };
        let rule = rules.relation(&name)?;
        let columns = table.columns.iter().map(|column| column.name.clone()).filter(|column| !rule.hidden.contains(column));
        Some(RelationAccess {
            schema: name.schema,
            name: name.name,
            columns: columns.collect(),
            tenant_column: rule.tenant_column.clone(),
        })
    };
    tables.iter().filter_map(access).collect()
}
