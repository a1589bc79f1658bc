//! The second wall, for tables that are there: the SQL by which the database itself keeps to the rules.
//!
//! Column GRANTs without the hidden columns, and row security for tables with a tenant column. The text may be run again
//! at any time: it takes back what it gave before it gives anew.

use super::ruleset::{Ruleset, TableRule};
use crate::catalogue::snapshot::{Catalogue, Column, Relation};
use crate::catalogue::views::is_filtered_schema;
use crate::token::grant::QualifiedName;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The session setting that the proxy pins: tenants, separated by commas; `*` is every tenant; unset is none.
pub const TENANT_SETTING: &str = "pgwarrant.tenant";

/// The schema of what binds commits to their records, which grants itself.
const OURS: &str = "pgwarrant";

/// Ours alone: they are dropped and made anew.
const TENANT_POLICY: &str = "pgwarrant_tenant";
const OTHERS_POLICY: &str = "pgwarrant_others";

/// SQL for the role with which the proxy reads, and for the one with which it writes if there is one. What rules name and
/// the database does not have is left out as a comment.
pub fn grants_and_row_security(rules: &Ruleset, catalogue: &Catalogue, role: &str, writer: Option<&str>) -> String {
    let reader = identifier(role);
    let roles = writer.map_or_else(|| reader.clone(), |writer| format!("{reader}, {}", identifier(writer)));
    let mut script = Script { roles, writer: writer.map(identifier), sql: String::from(HEAD) };
    // What earlier rules gave and these do not is taken back too.
    let held: BTreeSet<&str> = catalogue.relations.values().map(|r| r.name.schema.as_str()).filter(|s| is_of_users(s)).collect();
    for schema in held {
        script.line(&format!("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {};", identifier(schema), script.roles));
        script.line(&format!("REVOKE ALL ON ALL ROUTINES IN SCHEMA {} FROM {};", identifier(schema), script.roles));
    }
    let schemas: BTreeSet<&str> = rules.relations.keys().map(|name| name.schema.as_str()).collect();
    for schema in schemas {
        script.line(&format!("GRANT USAGE ON SCHEMA {} TO {};", identifier(schema), script.roles));
        if let Some(writer) = script.writer.clone() {
            // For the defaults of serial columns; an agent can call no function of a sequence.
            script.line(&format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {writer};", identifier(schema)));
        }
    }
    for (name, rule) in &rules.relations {
        match catalogue.relation_named(name) {
            Some(relation) => script.relation(relation, rule, catalogue),
            None => script.line(&format!("\n-- {} does not exist.", comment(&format!("{}.{}", name.schema, name.name)))),
        }
    }
    script.functions(rules, catalogue);
    script.line("\nCOMMIT;");
    script.sql
}

const HEAD: &str = "\
-- What the rules let the proxy's role do, and no more. Written by `pgwarrant rules sql`; may be run again at any time.
BEGIN;
SET LOCAL client_min_messages = warning;
";

struct Script {
    /// Quoted, in a list.
    roles: String,
    writer: Option<String>,
    sql: String,
}

impl Script {
    fn line(&mut self, text: &str) {
        self.sql.push_str(text);
        self.sql.push('\n');
    }

    fn relation(&mut self, relation: &Relation, rule: &TableRule, catalogue: &Catalogue) {
        let (table, roles) = (qualified(&relation.name), self.roles.clone());
        let columns: Vec<String> = shown_columns(relation, rule).map(|c| identifier(&c.name)).collect();
        if !columns.is_empty() {
            let columns = columns.join(", ");
            self.line(&format!("\nGRANT SELECT ({columns}) ON {table} TO {roles};"));
            if let (Some(writer), b'r' | b'p') = (&self.writer, relation.kind) {
                let rights = format!("INSERT ({columns}), UPDATE ({columns}), DELETE");
                self.line(&format!("GRANT {rights} ON {table} TO {writer};"));
            }
        }
        let tenant = rule.tenant_column.as_ref().and_then(|name| relation.column_named(name));
        let ours = format!("{TENANT_POLICY}: ");
        match (tenant, relation.kind) {
            (Some(column), b'r' | b'p') => self.row_security(relation, column, catalogue),
            _ if relation.policies.iter().any(|p| p.starts_with(&ours)) => {
                self.line(&format!("DROP POLICY {TENANT_POLICY} ON {table};"))
            }
            _ => {}
        }
    }

    /// Row security concerns every role but the owner. So where it was off, one policy lets everybody go on as before,
    /// and a restrictive one (PostgreSQL combines those by AND) holds the proxy's role to its tenants.
    fn row_security(&mut self, relation: &Relation, column: &Column, catalogue: &Catalogue) {
        let (table, role, name) = (qualified(&relation.name), self.roles.clone(), identifier(&column.name));
        let ours = format!("{OTHERS_POLICY}: ");
        if !relation.row_security || relation.policies.iter().any(|p| p.starts_with(&ours)) {
            self.line(&format!("DROP POLICY IF EXISTS {OTHERS_POLICY} ON {table};"));
            let all = "AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)";
            self.line(&format!("CREATE POLICY {OTHERS_POLICY} ON {table} {all};"));
        } else {
            self.line(&format!("-- {table} has row security of its own: one of its permissive policies must apply to {role}."));
        }
        let setting = format!("nullif(pg_catalog.current_setting('{TENANT_SETTING}', true), '')");
        let array = format!("pg_catalog.string_to_array(nullif({setting}, '*'), ',')::{}[]", type_name(column, catalogue));
        self.line(&format!("DROP POLICY IF EXISTS {TENANT_POLICY} ON {table};"));
        let _ = writeln!(
            self.sql,
            "CREATE POLICY {TENANT_POLICY} ON {table} AS RESTRICTIVE FOR ALL TO {role}\n  \
             USING ({setting} = '*' OR {name} = ANY ({array}));"
        );
        self.line(&format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"));
    }

    fn functions(&mut self, rules: &Ruleset, catalogue: &Catalogue) {
        for signature in &rules.functions {
            let role = &self.roles;
            let exists = catalogue.functions.values().any(|f| f.name == signature.function && f.arguments == signature.arguments);
            let text = match exists {
                // The arguments are as `format_type` printed them, quoted where they must be.
                true => format!(
                    "\nGRANT EXECUTE ON FUNCTION {}({}) TO {role};",
                    qualified(&signature.function),
                    signature.arguments.join(", ")
                ),
                false => format!("\n-- {} does not exist.", comment(&signature.to_string())),
            };
            self.line(&text);
        }
    }
}

/// Neither hidden nor generated from what is hidden.
pub fn shown_columns<'a>(relation: &'a Relation, rule: &'a TableRule) -> impl Iterator<Item = &'a Column> {
    let is_hidden = |column: &Column| rule.hidden.contains(&*column.name);
    relation.columns.iter().flatten().filter(move |column| {
        let reveals = column.generated_from.iter().filter_map(|n| relation.column(*n)).any(is_hidden);
        !is_hidden(column) && !reveals
    })
}

/// Not the server's own, nor another session's temporary one, nor the filtered catalogue, whose script grants it.
fn is_of_users(schema: &str) -> bool {
    !schema.starts_with("pg_") && schema != "information_schema" && schema != OURS && !is_filtered_schema(schema)
}

fn type_name(column: &Column, catalogue: &Catalogue) -> String {
    catalogue.types.get(&column.type_oid).map_or_else(|| "pg_catalog.text".to_owned(), |t| qualified(&t.name))
}

fn qualified(name: &QualifiedName) -> String {
    format!("{}.{}", identifier(&name.schema), identifier(&name.name))
}

/// Always quoted: a name may be a keyword.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name may hold a line break, after which a comment would be SQL.
fn comment(text: &str) -> String {
    text.replace(char::is_control, " ")
}
