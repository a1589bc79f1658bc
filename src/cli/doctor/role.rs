//! What the role is: the second wall must stand even where the first has a hole.

use super::report::Report;
use tokio_postgres::Client;

const SELF: &str = "
SELECT array_remove(ARRAY[
    CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolreplication THEN 'REPLICATION' END], NULL),
  ARRAY(SELECT g.rolname::text FROM pg_roles g WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER') ORDER BY 1),
  (SELECT count(*) FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o')
FROM pg_roles r WHERE r.rolname = current_user";

pub async fn check(client: &Client, role: &str, report: &mut Report) -> anyhow::Result<()> {
    let row = client.query_one(SELF, &[]).await?;
    let (attributes, memberships, owned): (Vec<String>, Vec<String>, i64) = (row.get(0), row.get(1), row.get(2));
    report.must(
        attributes.is_empty(),
        format!("{role}: no SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB, REPLICATION"),
        format!("{role}: it has {}", attributes.join(", ")),
        attributes.iter().map(|name| format!("ALTER ROLE … NO{name};")).collect::<Vec<_>>().join(" "),
    );
    let (system, other): (Vec<&String>, Vec<&String>) = memberships.iter().partition(|name| name.starts_with("pg_"));
    let list = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let revoke = |names: &[&String]| names.iter().map(|name| format!("REVOKE {name} FROM …;")).collect::<Vec<_>>().join(" ");
    report.must(
        system.is_empty(),
        format!("{role}: member of no pg_* role"),
        format!("{role}: member of {}", list(&system)),
        revoke(&system),
    );
    if !other.is_empty() {
        report.warn(format!("{role}: member of {}; what they may, it may", list(&other)), revoke(&other));
    }
    let owner = format!("{role}: it owns {owned} objects, and an owner may do everything with them");
    report.must(owned == 0, format!("{role}: owns nothing"), owner, "REASSIGN OWNED BY … TO another role");
    Ok(())
}
