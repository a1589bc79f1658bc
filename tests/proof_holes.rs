//! One test a hole that the attacks of `tests/proof` found, named after its symptom; and one a proof that was missing.

mod support;

use std::sync::LazyLock;
use support::lab::Lab;
use support::{Cluster, postgres::block_on};

/// One server for all tests of this file; its guardian ends it with the process.
static SHOP: LazyLock<Cluster> = LazyLock::new(|| Cluster::shop().expect("a cluster"));

/// Each statement's verdict is the reason's code, or `permit`.
fn verdicts(persona: &str, cases: &[(&str, &str)]) {
    block_on(async {
        let mut lab = Lab::shop(&SHOP).await;
        for (sql, wanted) in cases {
            let verdict = lab.verdict(persona, sql).await;
            assert_eq!(verdict, *wanted, "{sql}");
        }
    });
}

#[test]
fn a_condition_outside_is_not_carried_past_the_limit_of_an_in_subquery() {
    let own = "SELECT id FROM customers c WHERE c.tenant_id = 7 AND c.id = 26 AND";
    let inner = "SELECT x.tenant_id FROM tickets x WHERE x.id BETWEEN 1 AND 100";
    verdicts(
        "support",
        &[
            (&format!("{own} c.tenant_id IN ({inner} ORDER BY x.subject LIMIT 1)"), "predicate_not_implied"),
            (&format!("{own} c.tenant_id IN ({inner} OFFSET 1)"), "predicate_not_implied"),
            (&format!("{own} c.tenant_id IN ({inner})"), "permit"),
        ],
    );
}

#[test]
fn a_condition_outside_is_not_carried_into_a_scalar_subquery_whose_second_row_would_be_an_error() {
    verdicts(
        "support",
        &[(
            "SELECT id FROM customers c WHERE c.tenant_id = 7 AND c.id = 26
             AND c.tenant_id = (SELECT x.tenant_id FROM tickets x WHERE x.id IN (5, 6) AND x.subject LIKE 'Subject 6%')",
            "predicate_not_implied",
        )],
    );
}

#[test]
fn a_volatile_cte_is_read_whole_whatever_its_reader_filters() {
    verdicts(
        "analyst",
        &[
            ("WITH o AS (SELECT id, random() AS r FROM orders) SELECT r FROM o WHERE id = 5", "unbounded_scan"),
            ("WITH o AS (SELECT id, total_cents FROM orders) SELECT total_cents FROM o WHERE id = 5", "permit"),
        ],
    );
}

#[test]
fn a_cast_of_an_array_in_where_is_seen_through_to_its_elements() {
    verdicts("support", &[("SELECT id FROM customers WHERE tenant_id = 7 AND tags::int[] IS NOT NULL", "error_leak")]);
}

#[test]
fn an_error_in_a_subquery_of_where_tells_of_the_row_that_asked() {
    let own = "SELECT c.id FROM customers c WHERE c.tenant_id = 7 AND c.id = 26";
    verdicts(
        "support",
        &[
            (
                &format!("{own} AND (SELECT 1 / (p.id - p.id) FROM products p WHERE p.id = 1 AND c.email LIKE 'c7%') IS NULL"),
                "error_leak",
            ),
            (&format!("{own} AND (SELECT p.id FROM products p WHERE p.id < 3 AND c.email LIKE 'c7%') IS NULL"), "error_leak"),
            (&format!("{own} AND c.id > (SELECT 1 / (p.id - 1) FROM products p WHERE p.id = 1)"), "error_leak"),
            (&format!("{own} AND c.id = (SELECT t.customer_id FROM tickets t WHERE t.id = 25 AND t.tenant_id = 7)"), "permit"),
            (
                &format!(
                    "{own} AND c.id = (SELECT t.customer_id FROM tickets t WHERE t.status = 'open' AND t.tenant_id = 7 ORDER BY t.id LIMIT 1)"
                ),
                "permit",
            ),
        ],
    );
}

#[test]
fn a_lateral_expression_runs_before_the_join_that_names_the_tenant() {
    verdicts(
        "support",
        &[
            (
                "SELECT l.y FROM tickets t JOIN LATERAL (SELECT 1 / (t.priority - 2) AS y OFFSET 0) l ON true
                 JOIN (VALUES (7), (7)) v(x) ON v.x = t.tenant_id WHERE t.id IN (5, 6)",
                "error_leak",
            ),
            ("SELECT e.key FROM customers c, jsonb_each_text(c.profile) e WHERE c.tenant_id = 7 AND c.id = 26", "permit"),
            (
                "SELECT o.id, s.total FROM orders o CROSS JOIN LATERAL (SELECT sum(quantity * price_cents) AS total
                 FROM order_items i WHERE i.order_id = o.id AND i.tenant_id = 7) s WHERE o.tenant_id = 7 AND o.id = 25",
                "permit",
            ),
        ],
    );
}

#[test]
fn recursion_that_ends_is_read_and_its_rows_begin_with_the_first_arm() {
    verdicts(
        "analyst",
        &[
            ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT i FROM n", "permit"),
            (
                "WITH RECURSIVE w(n, id) AS (SELECT 1, p.id::bigint FROM products p UNION ALL
                 SELECT n + 1, o.id FROM w JOIN orders o ON o.customer_id = w.id WHERE n < 3) SELECT count(*) FROM w",
                "unbounded_scan",
            ),
        ],
    );
}

#[test]
fn recursion_that_multiplies_or_doubles_is_a_bomb_wherever_it_stands() {
    verdicts(
        "analyst",
        &[
            (
                "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n, (VALUES (1), (2)) v(x) WHERE i < 50) SELECT count(*) FROM n",
                "cost_bomb",
            ),
            (
                "WITH RECURSIVE n AS (SELECT 1 AS i, 'x' AS s UNION ALL SELECT i + 1, s || s FROM n WHERE i < 60) SELECT length(s) FROM n",
                "cost_bomb",
            ),
            (
                "SELECT 1 LIMIT (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)",
                "cost_bomb",
            ),
        ],
    );
}

#[test]
fn products_and_sizes_multiply_through_derived_tables() {
    verdicts(
        "analyst",
        &[
            (
                "SELECT count(*) FROM (SELECT 1 FROM generate_series(1, 400) a, generate_series(1, 400) b) x,
                 (SELECT 1 FROM generate_series(1, 400) a, generate_series(1, 400) b) y",
                "cost_bomb",
            ),
            ("SELECT count(*) FROM (SELECT generate_series(1, 10000) FROM products) s", "cost_bomb"),
            ("SELECT length(repeat(x, 10000)) FROM (SELECT repeat('x', 10000) AS x) s", "cost_bomb"),
            ("SELECT replace(repeat('a', 10000), 'a', repeat('b', 10000))", "cost_bomb"),
            ("SELECT length(string_agg(repeat('x', 10000), '')) FROM generate_series(1, 10000)", "cost_bomb"),
            ("SELECT repeat('*', 5) FROM products", "permit"),
        ],
    );
}

#[test]
fn the_digits_of_several_series_are_no_bound() {
    verdicts(
        "analyst",
        &[(
            "SELECT o.id FROM orders o JOIN (SELECT a.d + 100 * b.d AS i FROM generate_series(0, 99) a(d),
             generate_series(0, 499) b(d)) x ON x.i = o.id",
            "unbounded_scan",
        )],
    );
}

#[test]
fn an_array_of_a_subquery_is_judged_by_its_elements() {
    verdicts(
        "support",
        &[(
            "SELECT ARRAY(SELECT assignee FROM tickets WHERE tenant_id = 7 AND id = 25) = ARRAY(SELECT assignee FROM tickets WHERE tenant_id = 7 AND id = 5)",
            "type_not_allowed",
        )],
    );
}

#[test]
fn a_row_without_a_name_is_as_good_as_its_fields() {
    verdicts(
        "support",
        &[
            ("SELECT row_to_json(x) FROM (SELECT id, subject FROM tickets WHERE tenant_id = 7 AND id = 25) x", "permit"),
            ("SELECT x = x FROM (SELECT assignee FROM tickets WHERE tenant_id = 7 AND id = 25) x", "type_not_allowed"),
        ],
    );
}

#[test]
fn having_with_an_aggregate_sees_only_groups_that_were_chosen() {
    let groups =
        "SELECT order_id FROM order_items WHERE tenant_id = 7 AND order_id IN (5, 25) GROUP BY order_id, quantity HAVING";
    verdicts(
        "support",
        &[
            (&format!("{groups} sum(quantity * price_cents) > 100"), "permit"),
            (&format!("{groups} 1 / (quantity - 1) > 0"), "error_leak"),
        ],
    );
}

#[test]
fn having_that_is_not_moved_to_where_chooses_no_rows_for_an_aggregate() {
    // Postgres aggregates every tenant's rows first, and the division by zero tells of one.
    let groups = "SELECT tenant_id, sum(1 / (id - 5)) FROM customers GROUP BY tenant_id HAVING";
    let (seven, also) = ("tenant_id = 7", "7 = tenant_id");
    verdicts(
        "support",
        &[
            (&format!("{groups} ({seven} AND count(*) > 1) OR ({also} AND count(*) <= 1)"), "predicate_not_implied"),
            (&format!("{groups} ({seven} AND random() < 2) OR ({also} AND random() < 3)"), "predicate_not_implied"),
            (
                &format!("{groups} ({seven} AND tenant_id IN (SELECT 7)) OR ({also} AND tenant_id IN (SELECT 7))"),
                "predicate_not_implied",
            ),
            (&format!("{groups} {seven} AND count(*) > 1"), "permit"),
            (&format!("{groups} ({seven} OR {also}) AND (count(*) > 1 OR {also})"), "permit"),
        ],
    );
}

#[test]
fn arithmetic_that_cannot_overflow_may_stand_in_where() {
    let own = "SELECT id FROM orders WHERE tenant_id = 7 AND customer_id = 26 AND";
    verdicts(
        "support",
        &[
            (&format!("{own} total_cents * 1.19 > 1500"), "permit"),
            (&format!("{own} total_cents / 100.0 > 10"), "permit"),
            (&format!("{own} round(total_cents / 100.0, 2) > 10"), "permit"),
            (&format!("{own} total_cents / 0.0 > 10"), "error_leak"),
            (&format!("{own} total_cents * 2 > 10"), "error_leak"),
            (&format!("{own} 1 / (total_cents - 1.0) > 10"), "error_leak"),
        ],
    );
}

#[test]
fn a_pattern_that_ends_plainly_may_be_put_together() {
    let own = "SELECT id FROM customers WHERE tenant_id = 7 AND";
    verdicts(
        "support",
        &[
            (&format!("{own} name ILIKE '%' || plan || '%'"), "permit"),
            (&format!("{own} upper(name) LIKE upper('%x%')"), "permit"),
            (&format!("{own} name LIKE plan || '\\'"), "error_leak"),
            (&format!("{own} name LIKE plan"), "error_leak"),
        ],
    );
}
