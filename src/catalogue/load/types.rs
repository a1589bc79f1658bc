//! `pg_type`, with what a type's own code and a domain's checks call.

use super::{Fields, LoadError, query};
use crate::catalogue::snapshot::{FIRST_NORMAL_OBJECT_ID, Oid, Type, TypeKind};
use std::collections::{HashMap, HashSet};
use tokio_postgres::Client;

/// An array is what subscripts like one: `name` and `point` have a `typelem` too, but are no arrays (`pg_type.h`).
const TYPES: &str = "
    SELECT t.oid, n.nspname::text, t.typname::text, t.typtype, t.typcategory,
           CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE 0 END,
           t.typarray, t.typbasetype, coalesce(r.rngsubtype, m.rngsubtype, 0), t.typrelid, t.typlen, t.typbyval, t.typcollation,
           t.typnotnull, x.extname::text,
           ARRAY(SELECT a.atttypid FROM pg_attribute a
                 WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
           greatest(t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid,
                    coalesce(r.rngcanonical::oid, m.rngcanonical::oid, 0), coalesce(r.rngsubdiff::oid, m.rngsubdiff::oid, 0),
                    coalesce(r.rngsubopc, m.rngsubopc, 0), coalesce(r.rngcollation, m.rngcollation, 0))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_range r ON r.rngtypid = t.oid
    LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
    LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    LEFT JOIN pg_extension x ON x.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass";

/// Types that compare, hash or turn into JSON by code that a user gave them: a default operator class of their own,
/// support functions added to a family, or a cast to json or jsonb (114, 3802: `to_json` calls such a cast).
const USER_CODE: &str = "
    SELECT opcintype FROM pg_opclass WHERE oid >= 16384 AND opcdefault AND opcmethod IN (403, 405)
    UNION SELECT unnest(ARRAY[amproclefttype, amprocrighttype]) FROM pg_amproc WHERE oid >= 16384
    UNION SELECT castsource FROM pg_cast WHERE oid >= 16384 AND casttarget IN (114, 3802)";

/// Everything that a check calls. Pinned built-ins are not in `pg_depend`, so the stored expression itself is read.
const CHECKS: &str = "SELECT contypid, conbin::text FROM pg_constraint WHERE contypid <> 0 AND contype = 'c'";

pub(super) async fn load(client: &Client) -> Result<HashMap<Oid, Type>, LoadError> {
    let mut user_code = HashSet::new();
    for row in query(client, "operator classes", USER_CODE).await? {
        user_code.insert(row.oid(0)?);
    }
    let mut types = HashMap::new();
    for row in query(client, "types", TYPES).await? {
        let mut of = read(&row)?;
        of.built_in = of.built_in && !user_code.contains(&of.oid);
        types.insert(of.oid, of);
    }
    let operators = operator_functions(client).await?;
    for row in query(client, "domain checks", CHECKS).await? {
        if let Some(domain) = types.get_mut(&row.oid(0)?) {
            domain.has_checks = true;
            domain.check_functions.extend(called(&row.get_field::<String>(1)?, &operators));
        }
    }
    Ok(types)
}

fn read(row: &Fields) -> Result<Type, LoadError> {
    let (oid, kind, newest_code) = (row.oid(0)?, kind(row)?, row.oid(16)?);
    let code_is_built_in = newest_code < FIRST_NORMAL_OBJECT_ID;
    let built_in = match kind {
        // A user's base type brings its own comparison, even where it borrows input and output.
        TypeKind::Base | TypeKind::Pseudo => oid < FIRST_NORMAL_OBJECT_ID || row.oid(5)? != 0,
        TypeKind::Composite | TypeKind::Domain | TypeKind::Enum | TypeKind::Range | TypeKind::MultiRange => true,
    };
    Ok(Type {
        oid,
        name: row.name(1)?,
        kind,
        category: row.byte(4)?,
        element: row.oid(5)?,
        array: row.oid(6)?,
        base: row.oid(7)?,
        subtype: row.oid(8)?,
        relation: row.oid(9)?,
        attributes: row.get_field(15)?,
        check_functions: Vec::new(),
        has_checks: row.get_field(13)?,
        len: row.get_field(10)?,
        by_value: row.get_field(11)?,
        collation: row.oid(12)?,
        built_in: built_in && code_is_built_in,
        extension: row.get_field(14)?,
    })
}

fn kind(row: &Fields) -> Result<TypeKind, LoadError> {
    Ok(match row.byte(3)? {
        b'b' => TypeKind::Base,
        b'c' => TypeKind::Composite,
        b'd' => TypeKind::Domain,
        b'e' => TypeKind::Enum,
        b'p' => TypeKind::Pseudo,
        b'r' => TypeKind::Range,
        b'm' => TypeKind::MultiRange,
        other => return Err(row.malformed(format!("typtype {}", char::from(other)))),
    })
}

pub(super) async fn operator_functions(client: &Client) -> Result<HashMap<Oid, Oid>, LoadError> {
    let rows = query(client, "operators", "SELECT oid, oprcode::oid FROM pg_operator").await?;
    rows.iter().map(|row| Ok((row.oid(0)?, row.oid(1)?))).collect()
}

/// Stands among `check_functions` for what cannot be judged; no function has it.
const UNJUDGED: Oid = 0;

/// Nodes whose whole code is named by the fields read below, or that call nothing.
const JUDGED_NODES: [&str; 22] = [
    "OPEXPR",
    "FUNCEXPR",
    "SCALARARRAYOPEXPR",
    "DISTINCTEXPR",
    "NULLIFEXPR",
    "BOOLEXPR",
    "NULLTEST",
    "BOOLEANTEST",
    "CONST",
    "COERCETODOMAINVALUE",
    "RELABELTYPE",
    "ARRAYEXPR",
    "ARRAY",
    "COALESCE",
    "COALESCEEXPR",
    "VAR",
    // `outfuncs.c` of 15, and of 16 and later.
    "CASE",
    "CASEEXPR",
    "WHEN",
    "CASEWHEN",
    "CASETESTEXPR",
    "SQLVALUEFUNCTION",
];

/// The functions that the stored form of an expression (`pg_node_tree`) calls. A check or a generated column holds no names
/// of a user's choice: constants are printed as numbers, and a node that could hold a name is not among those judged.
pub(super) fn called(expression: &str, operators: &HashMap<Oid, Oid>) -> Vec<Oid> {
    let mut functions = Vec::new();
    let mut words = expression.split([' ', '\n']).filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        let node = word.trim_start_matches('(').strip_prefix('{');
        if node.is_some_and(|node| !JUDGED_NODES.contains(&node)) {
            functions.push(UNJUDGED);
        }
        let mut number = || words.next().and_then(|n| n.trim_end_matches(['}', ')']).parse::<Oid>().ok());
        match word {
            ":funcid" => functions.push(number().unwrap_or(UNJUDGED)),
            ":opno" => functions.push(number().and_then(|o| operators.get(&o).copied()).unwrap_or(UNJUDGED)),
            _ => {}
        }
    }
    functions.sort_unstable();
    functions.dedup();
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_calls_its_functions_and_the_functions_of_its_operators() {
        let text = "{BOOLEXPR :boolop and :args ({OPEXPR :opno 521 :opfuncid 0 :args ({COERCETODOMAINVALUE :typeId 23})} \
                    {FUNCEXPR :funcid 870 :args ({CONST :constvalue 4 [ 1 0 0 0 ]})})}";
        assert_eq!(called(text, &HashMap::from([(521, 147)])), [147, 870]);
    }

    #[test]
    fn a_node_that_is_not_judged_leaves_a_mark_that_no_function_has() {
        assert_eq!(called("{COERCEVIAIO :arg {COERCETODOMAINVALUE :typeId 23}}", &HashMap::new()), [UNJUDGED]);
        assert_eq!(called("{OPEXPR :opno 521}", &HashMap::new()), [UNJUDGED]);
    }
}
