//! `pg_proc`, with what the vetted table says.

use super::{Fields, LoadError, query};
use crate::catalogue::functions::vetting;
use crate::catalogue::snapshot::{FIRST_NORMAL_OBJECT_ID, Function, FunctionKind, Oid, Vetting, Volatility};
use std::collections::HashMap;
use tokio_postgres::Client;

const FUNCTIONS: &str = "
    SELECT p.oid, n.nspname::text, p.proname::text,
           ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i) ORDER BY i),
           p.proargtypes::oid[], p.prorettype, p.prokind, p.proretset, p.proisstrict, p.provolatile, l.lanname::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang";

pub(super) async fn load(client: &Client) -> Result<HashMap<Oid, Function>, LoadError> {
    query(client, "functions", FUNCTIONS).await?.iter().map(|row| read(row).map(|f| (f.oid, f))).collect()
}

fn read(row: &Fields) -> Result<Function, LoadError> {
    let (oid, name, language) = (row.oid(0)?, row.name(1)?, row.get_field::<String>(10)?);
    let arguments: Vec<String> = row.get_field(3)?;
    let in_system_schema = matches!(name.schema.as_str(), "pg_catalog" | "information_schema");
    let built_in = oid < FIRST_NORMAL_OBJECT_ID && in_system_schema;
    let vetting = match vetting(oid, &signature(&name.schema, &name.name, &arguments)) {
        _ if !built_in => Vetting::Unknown,
        refused @ Vetting::Refused { .. } => refused,
        // A built-in that somebody replaced by code in another language keeps its OID, but is no longer what was vetted.
        _ if !matches!(language.as_str(), "internal" | "sql") => Vetting::Unknown,
        vetted => vetted,
    };
    Ok(Function {
        oid,
        name,
        arguments,
        argument_types: row.get_field(4)?,
        result_type: row.oid(5)?,
        kind: kind(row)?,
        returns_set: row.get_field(7)?,
        strict: row.get_field(8)?,
        volatility: volatility(row)?,
        built_in,
        native: matches!(language.as_str(), "internal" | "c"),
        vetting,
    })
}

fn signature(schema: &str, name: &str, arguments: &[String]) -> String {
    let arguments = arguments.join(", ");
    if schema == "pg_catalog" { format!("{name}({arguments})") } else { format!("{schema}.{name}({arguments})") }
}

fn kind(row: &Fields) -> Result<FunctionKind, LoadError> {
    Ok(match row.byte(6)? {
        b'f' => FunctionKind::Function,
        b'p' => FunctionKind::Procedure,
        b'a' => FunctionKind::Aggregate,
        b'w' => FunctionKind::Window,
        other => return Err(row.malformed(format!("prokind {}", char::from(other)))),
    })
}

fn volatility(row: &Fields) -> Result<Volatility, LoadError> {
    Ok(match row.byte(9)? {
        b'i' => Volatility::Immutable,
        b's' => Volatility::Stable,
        b'v' => Volatility::Volatile,
        other => return Err(row.malformed(format!("provolatile {}", char::from(other)))),
    })
}
