//! What a child may not have.

use super::super::maker::*;
use super::{Case, case};

pub fn widening() -> Vec<Case> {
    let case = |name: &str, token: String| case("widening", name, token, "widened");
    let grant = |name: &str, grant: &str| case(name, with_child(child("worker").grants(&[CHILD_GRANT, grant])));
    let field = |name: &str, field: &str, raw: &str| case(name, with_child(child("worker").with(field, raw)));
    let budget = |name: &str, parent: &str, child_budget: &str| {
        let chain = Maker::root(block("planner").with("rows", parent), "root");
        case(name, chain.block(child("worker").with("rows", child_budget), "planner").proof(proof(), "worker"))
    };
    vec![
        grant("a grant added", "SELECT (*) ON public.products"),
        grant("another action", "UPDATE (name) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("a function added", "EXECUTE ON FUNCTION public.purge()"),
        grant("a function of other arguments", "EXECUTE ON FUNCTION public.order_total(bigint)"),
        grant("a column added", "SELECT (id, name, phone) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("every column", "SELECT (*) ON public.customers WHERE tenant_id = 7 LIMIT 10"),
        grant("the predicate dropped", "SELECT (id) ON public.customers LIMIT 10"),
        grant("one condition of two dropped", "SELECT (*) ON public.orders WHERE tenant_id = 7"),
        grant("another value", "SELECT (id) ON public.customers WHERE tenant_id = 9 LIMIT 10"),
        grant("the value as a string", "SELECT (id) ON public.customers WHERE tenant_id = '7' LIMIT 10"),
        grant("an IN list enlarged", "SELECT (id) ON public.customers WHERE tenant_id IN (7, 8, 9) LIMIT 10"),
        grant("a range for an IN list", "SELECT (id) ON public.customers WHERE tenant_id BETWEEN 7 AND 8 LIMIT 10"),
        grant(
            "a range enlarged",
            "SELECT (*) ON public.orders WHERE tenant_id = 7 AND placed_on BETWEEN '2025-12-31' AND '2026-12-31'",
        ),
        grant("a range opened", "SELECT (*) ON public.orders WHERE tenant_id = 7 AND placed_on >= '2026-01-01'"),
        grant("a condition on another column", "SELECT (id) ON public.customers WHERE id = 7 LIMIT 10"),
        grant("the row limit raised", "SELECT (id) ON public.customers WHERE tenant_id = 7 LIMIT 101"),
        grant("the row limit dropped", "SELECT (id) ON public.customers WHERE tenant_id = 7"),
        field("the statement budget raised", "statements", "1001"),
        field("the statement budget dropped", "statements", "\"unlimited\""),
        budget("the row budget raised", "10", "11"),
        budget("the row budget dropped", "10", "\"unlimited\""),
        budget("a row budget where the parent has none left", "0", "1"),
        field("the expiry raised", "exp", &(NOW + 3601).to_string()),
        field("the beginning moved back", "nbf", &(NOW - 61).to_string()),
        field("the depth kept", "depth", "3"),
        field("the depth raised", "depth", "7"),
        field("the audience changed", "aud", "\"other@pgwarrant\""),
        case("in the grandchild only", {
            let last = child("helper")
                .with("depth", "1")
                .grants(&["SELECT (id, name, email) ON public.customers WHERE tenant_id = 7 LIMIT 10"]);
            two().block(last, "worker").proof(proof(), "helper")
        }),
    ]
}

pub fn depth() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("depth", name, token, expect);
    let chain = |first: &str, second: &str, third: &str| {
        let chain =
            Maker::root(block("planner").with("depth", first), "root").block(child("worker").with("depth", second), "planner");
        chain.block(child("helper").with("depth", third), "worker").proof(proof(), "helper")
    };
    vec![
        case("exactly as deep as allowed", chain("2", "1", "0"), "ok"),
        case("one block more than the root block allows", chain("1", "0", "0"), "depth_exceeded"),
        case(
            "no delegation allowed at all",
            {
                Maker::root(block("planner").with("depth", "0"), "root")
                    .block(child("worker").with("depth", "0"), "planner")
                    .proof(proof(), "worker")
            },
            "depth_exceeded",
        ),
        case("one block more than a child allows", chain("3", "0", "0"), "depth_exceeded"),
        case("a child that gives itself more depth than its parent", chain("2", "3", "2"), "widened"),
        case("a depth that no chain has", with_root(block("planner").with("depth", "8")), "bad_json"),
    ]
}

pub fn names() -> Vec<Case> {
    let child_of = |relation: &str| {
        with_child(child("worker").grants(&[&format!("SELECT (id) ON {relation} WHERE tenant_id = 7 LIMIT 10")]))
    };
    let case = |name: &str, relation: &str, expect| case("names", name, child_of(relation), expect);
    let of_64 = format!("public.{}", "c".repeat(64));
    let column = |name: &str, column: &str, expect| {
        let grant = format!("SELECT ({column}) ON public.customers WHERE tenant_id = 7 LIMIT 10");
        super::case("names", name, with_child(child("worker").grants(&[&grant])), expect)
    };
    let accented = |parent: &str, of_child: &str| {
        let grant = |name: &str| format!("SELECT (*) ON public.\"{name}\"");
        let chain = Maker::root(block("planner").grants(&[&grant(parent)]), "root");
        chain.block(child("worker").grants(&[&grant(of_child)]), "planner").proof(proof(), "worker")
    };
    let of_63 = "c".repeat(63);
    vec![
        case("the same in upper case, which folds", "PUBLIC.Customers", "ok"),
        case("the same in quotes", "\"public\".\"customers\"", "ok"),
        case("a longer name", "public.customers_evil", "widened"),
        case("a shorter name", "public.customer", "widened"),
        case("a glob", "public.customers*", "bad_grant"),
        case("every table", "public.*", "bad_grant"),
        case("a glob in quotes is a name", "public.\"customers*\"", "widened"),
        case("a path", "public.a/../customers", "bad_grant"),
        case("a path in quotes is a name", "public.\"a/../customers\"", "widened"),
        case("quoted upper case is another name", "public.\"Customers\"", "widened"),
        case("quoted upper case is another schema", "\"Public\".customers", "widened"),
        case("a space after the name", "public.\"customers \"", "widened"),
        case("a NUL in the name", "public.\"customers\0\"", "bad_grant"),
        case("a NUL after the name", "public.customers\0", "bad_grant"),
        case("a Cyrillic letter", "public.custom\u{435}rs", "bad_grant"),
        case("a Cyrillic letter in quotes is another name", "public.\"custom\u{435}rs\"", "widened"),
        case("the Kelvin sign does not fold", "public.\u{212a}ey", "bad_grant"),
        case("a zero-width space", "public.\"customers\u{200b}\"", "widened"),
        case("another schema", "archive.customers", "widened"),
        case("without a schema", "customers", "bad_grant"),
        case("with a database", "shop.public.customers", "bad_grant"),
        case("an empty name", "public.\"\"", "bad_grant"),
        case("a name of 64 bytes, which Postgres would cut", &of_64, "bad_grant"),
        column("a name of 63 bytes is whole", &of_63, "widened"),
        column("a column in quoted upper case is another column", "\"ID\"", "widened"),
        column("a column of another table", "customers.id", "bad_grant"),
        super::case("names", "the same bytes beyond ASCII", accented("caf\u{e9}", "caf\u{e9}"), "ok"),
        super::case("names", "NFD for NFC", accented("caf\u{e9}", "cafe\u{301}"), "widened"),
        super::case("names", "upper case beyond ASCII", accented("caf\u{e9}", "caf\u{c9}"), "widened"),
    ]
}

pub fn grants() -> Vec<Case> {
    let case = |name: &str, token: String, expect| case("grants", name, token, expect);
    let root_grants = |raw: &str| with_root(block("planner").with("grants", raw));
    let grant = |grant: &str| with_root(block("planner").grants(&[grant]));
    let together = child("worker").grants(&["SELECT (a, b) ON public.t WHERE x = 1"]);
    let halves = block("planner").grants(&["SELECT (a) ON public.t WHERE x = 1", "SELECT (b) ON public.t WHERE x = 1"]);
    let ranges =
        block("planner").grants(&["SELECT (a) ON public.t WHERE x IN (1, 2)", "SELECT (a) ON public.t WHERE x IN (3, 4)"]);
    let both = child("worker").grants(&["SELECT (a) ON public.t WHERE x IN (2, 3)"]);
    let under = |parent: Draft, child: Draft| Maker::root(parent, "root").block(child, "planner").proof(proof(), "worker");
    vec![
        case("\"parent\" in block 0", root_grants("\"parent\""), "bad_json"),
        case("an empty list", root_grants("[]"), "bad_json"),
        case("an empty list in a child", with_child(child("worker").with("grants", "[]")), "bad_json"),
        case("\"parent\" inside a list", with_child(child("worker").with("grants", "[\"parent\"]")), "bad_grant"),
        case("\"PARENT\"", with_child(child("worker").with("grants", "\"PARENT\"")), "bad_json"),
        case("\"all\"", root_grants("\"all\""), "bad_json"),
        case("\"*\"", root_grants("[\"*\"]"), "bad_grant"),
        case("null", root_grants("null"), "bad_json"),
        case("an object", root_grants("{}"), "bad_json"),
        case("a number in the list", root_grants("[1]"), "bad_json"),
        case("a list in the list", root_grants("[[\"SELECT (*) ON s.t\"]]"), "bad_json"),
        case("an empty grant", grant(""), "bad_grant"),
        case("an empty column list", grant("SELECT () ON public.t"), "bad_grant"),
        case("`*` beside names", grant("SELECT (*, a) ON public.t"), "bad_grant"),
        case("names beside `*`", grant("SELECT (a, *) ON public.t"), "bad_grant"),
        case("a column twice", grant("SELECT (a, a) ON public.t"), "bad_grant"),
        case("no column list", grant("SELECT ON public.t"), "bad_grant"),
        case("ALL", grant("ALL ON public.t"), "bad_grant"),
        case("OR", grant("SELECT (a) ON public.t WHERE x = 1 OR TRUE"), "bad_grant"),
        case("a pattern", grant("SELECT (a) ON public.t WHERE x LIKE '%'"), "bad_grant"),
        case("a float", grant("SELECT (a) ON public.t WHERE x = 1.0"), "bad_grant"),
        case("an exponent", grant("SELECT (a) ON public.t WHERE x = 1e3"), "bad_grant"),
        case("-0", grant("SELECT (a) ON public.t WHERE x = -0"), "bad_grant"),
        case("a leading zero", grant("SELECT (a) ON public.t WHERE x = 007"), "bad_grant"),
        case("2^63", grant("SELECT (a) ON public.t WHERE x = 9223372036854775808"), "bad_grant"),
        case("-2^63", grant("SELECT (a) ON public.t WHERE x = -9223372036854775808"), "ok"),
        case("an empty IN list", grant("SELECT (a) ON public.t WHERE x IN ()"), "bad_grant"),
        case("LIMIT 0", grant("SELECT (a) ON public.t LIMIT 0"), "bad_grant"),
        case("LIMIT NULL", grant("SELECT (a) ON public.t LIMIT NULL"), "bad_grant"),
        case("LIMIT -1", grant("SELECT (a) ON public.t LIMIT -1"), "bad_grant"),
        case("two statements", grant("SELECT (a) ON public.t; SELECT (*) ON public.u"), "bad_grant"),
        case("a comment", grant("SELECT (a) ON public.t -- WHERE x = 1"), "bad_grant"),
        case("a function call", grant("SELECT (a) ON public.t WHERE x = now()"), "bad_grant"),
        case("two grants that cover the columns only together", under(halves, together), "widened"),
        case("two grants that cover the values only together", under(ranges, both), "widened"),
        case(
            "a grant beyond its parent's under a grandparent that has it",
            {
                let last = child("helper").with("depth", "1").grants(&["EXECUTE ON FUNCTION public.order_total(integer)"]);
                two().block(last, "worker").proof(proof(), "helper")
            },
            "widened",
        ),
    ]
}
