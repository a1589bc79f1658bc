//! What the table calls total raises nothing on the corners of its argument types: each such function is called with
//! every combination of them, on every server at hand.

use super::servers::{connect, servers};
use pgwarrant::catalogue::constant::ConstantCheck;
use pgwarrant::catalogue::functions::vetting;
use pgwarrant::catalogue::snapshot::Vetting;
use tokio_postgres::Client;

/// A type as `format_type` prints it, and literals for its corners. Polymorphic types stand for one of their kind.
const CORNERS: &[(&str, &[&str])] = &[
    ("smallint", &["-32768", "-1", "0", "1", "32767"]),
    ("integer", &["-2147483648", "-1", "0", "1", "2147483647"]),
    ("bigint", &["-9223372036854775808", "-1", "0", "1", "9223372036854775807"]),
    ("oid", &["0", "1", "4294967295"]),
    ("real", &["NaN", "Infinity", "-Infinity", "0", "-0", "3.4e38", "1e-45"]),
    ("double precision", &["NaN", "Infinity", "-Infinity", "0", "-0", "1.7e308", "5e-324"]),
    ("numeric", &["NaN", "Infinity", "-Infinity", "0", "-1.50", "1e1000", "1e-1000", "-9e16383"]),
    ("money", &["-92233720368547758.08", "0", "92233720368547758.07"]),
    ("boolean", &["t", "f"]),
    ("\"char\"", &["", "a", "\\377"]),
    ("text", &["", "a", "abc", "äÖ€😀", "a\\", "%_%", "{\"a\":1}", "İß\u{0301}"]),
    ("name", &["", "abc", "äÖ€😀"]),
    ("character", &["", "abc  ", "ä"]),
    ("character varying", &["", "abc", "äÖ€😀"]),
    ("bytea", &["", "\\x00", "\\xff00fe"]),
    ("date", &["-infinity", "infinity", "4714-11-24 BC", "5874897-12-31", "2000-02-29"]),
    (
        "timestamp without time zone",
        &["-infinity", "infinity", "4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "2000-02-29"],
    ),
    (
        "timestamp with time zone",
        &["-infinity", "infinity", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "2000-02-29 12:00+00"],
    ),
    ("time without time zone", &["00:00", "24:00", "12:34:56.789"]),
    ("time with time zone", &["00:00+15:59", "24:00-15:59"]),
    ("interval", &["178000000 years", "-178000000 years", "0", "2147483647 days", "-2147483648 days", "1 mon -1 day 1.5 s"]),
    (
        "uuid",
        &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "019a0000-0000-7000-8000-000000000000"],
    ),
    ("json", &["{}", "[]", "null", "\"a\"", "{\"a\":\"\\u0000\"}", "[[[]]]"]),
    ("jsonb", &["{}", "[]", "null", "\"a\"", "1e1000", "{\"a\":{\"b\":[1,null]}}", "[[[]],-1]"]),
    ("text[]", &["{}", "{{a,b},{c,NULL}}", "[-5:-4]={x,NULL}", "{a}"]),
    ("inet", &["0.0.0.0/0", "255.255.255.255", "::/0", "ffff::1/64"]),
    ("cidr", &["0.0.0.0/0", "::/0", "10.0.0.0/8"]),
    ("macaddr", &["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]),
    ("macaddr8", &["00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"]),
    ("bit", &["0", "1"]),
    ("bit varying", &["", "10", "111111111"]),
    ("tsvector", &["", "'a':1A 'b':2,16383"]),
    ("tsquery", &["", "a", "a & !b | c <-> d", "!a:*"]),
    ("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"]),
    ("xid", &["0", "4294967295"]),
    ("xid8", &["0", "18446744073709551615"]),
    ("cid", &["0", "4294967295"]),
    ("tid", &["(0,0)", "(4294967295,65535)"]),
    ("oidvector", &["", "1 4294967295"]),
    ("anyarray", &["{}", "{1,NULL}", "{{1,2},{3,4}}", "[-5:-4]={1,2}"]),
    ("anyrange", &["empty", "(,)", "[-2147483648,2147483647)", "[5,5]"]),
    ("anymultirange", &["{}", "{(,)}", "{[1,2),[5,2147483647)}"]),
    ("anyelement", &["-2147483648", "2147483647"]),
    ("anynonarray", &["-2147483648", "2147483647"]),
    ("\"any\"", &["1", "2147483647"]),
];

const STANDS_FOR: [(&str, &str); 6] = [
    ("anyarray", "integer[]"),
    ("anyrange", "int4range"),
    ("anymultirange", "int4multirange"),
    ("anyelement", "integer"),
    ("anynonarray", "integer"),
    ("\"any\"", "integer"),
];

/// Types that no statement can hold a value of, and enums, which a server without users has none of.
const SKIPPED: [&str; 2] = ["anyenum", "aclitem"];

/// 2276 is "any": its arguments are passed one by one.
const FUNCTIONS: &str = "
    SELECT p.oid, n.nspname || '.' || quote_ident(p.proname),
           ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i) ORDER BY i),
           p.proname || '(' || array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i)
                                                     ORDER BY i), ', ') || ')',
           p.provariadic NOT IN (0, 2276)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid < 16384 AND n.nspname = 'pg_catalog' AND p.prokind = 'f' ORDER BY p.oid";

/// Constants that a check admits.
fn admitted(check: ConstantCheck) -> Vec<&'static str> {
    let tried = [
        "",
        "%a_",
        r"a\\",
        r"\%",
        "^a.*$",
        r"[a-z0-9_]+\.(x|y)",
        "0",
        "1",
        "2147483647",
        "microseconds",
        "milliseconds",
        "second",
        "minute",
        "hour",
        "day",
        "dow",
        "doy",
        "isodow",
        "isoyear",
        "julian",
        "epoch",
        "week",
        "month",
        "quarter",
        "year",
        "decade",
        "century",
        "millennium",
        "timezone",
        "bogus",
        "-1",
        r"a\",
    ];
    tried.into_iter().filter(|text| check.admits(text)).collect()
}

#[tokio::test]
async fn what_is_called_total_raises_nothing_on_the_corners_of_its_types() {
    let (mut called, mut raised) = (0, Vec::new());
    for server in servers() {
        let client = connect(&server).await;
        client.batch_execute("SET search_path = ''").await.expect("a setting");
        let rows = client.query(FUNCTIONS, &[]).await.expect("pg_proc");
        for zone in ["America/Los_Angeles", "Pacific/Kiritimati"] {
            client.batch_execute(&format!("SET timezone = '{zone}'")).await.expect("a setting");
            for row in &rows {
                let (oid, name, types, signature): (u32, String, Vec<String>, String) =
                    (row.get(0), row.get(1), row.get(2), row.get(3));
                let constant = match vetting(oid, &signature) {
                    Vetting::Vetted { total: true } => None,
                    Vetting::TotalIfConstant { index, constant } => Some((usize::from(index), admitted(constant))),
                    _ => continue,
                };
                if types.iter().any(|t| SKIPPED.contains(&t.as_str())) {
                    continue;
                }
                let variadic = if row.get(4) { "VARIADIC " } else { "" };
                raised.extend(call(&client, (&name, variadic), &types, constant).await);
                called += 1;
            }
        }
    }
    assert_eq!(raised, Vec::<String>::new());
    assert!(called > 900, "only {called} functions were called");
}

async fn call(
    client: &Client,
    (name, variadic): (&str, &str),
    types: &[String],
    constant: Option<(usize, Vec<&str>)>,
) -> Option<String> {
    let mut from = Vec::new();
    for (index, of) in types.iter().enumerate() {
        let known = CORNERS.iter().find(|(t, _)| t == of);
        let (_, corners) = known.unwrap_or_else(|| panic!("{name} takes {of}, which has no corners here"));
        // The one exception that docs/functions.md names: the start of a field in the first weeks of all timestamps.
        let is_too_early = |value: &&str| name == "pg_catalog.date_trunc" && value.starts_with("4714-");
        let values = match &constant {
            Some((at, admitted)) if *at == index => admitted.clone(),
            _ => corners.iter().copied().filter(|value| !is_too_early(value)).collect(),
        };
        let real = STANDS_FOR.iter().find(|(t, _)| t == of).map_or(of.as_str(), |(_, real)| real);
        let values: Vec<String> = values.iter().map(|v| format!("({}::{real})", quoted(v))).collect();
        from.push(format!("(VALUES {}, (NULL)) AS v{index}(x)", values.join(", ")));
    }
    let mut arguments: Vec<String> = (0..types.len()).map(|i| format!("v{i}.x")).collect();
    if let Some(last) = arguments.last_mut() {
        last.insert_str(0, variadic);
    }
    let from = if from.is_empty() { String::new() } else { format!(" FROM {}", from.join(", ")) };
    // As text too: a value that cannot be shown is no better than an error.
    let sql = format!("SELECT ({name}({}))::text{from}", arguments.join(", "));
    let error = client.simple_query(&sql).await.err()?;
    Some(format!("{name}({}): {}", types.join(", "), error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
