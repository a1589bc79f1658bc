//! Statements as large and as deep as the protocol lets them be.

use super::frames::honest;
use super::ground::{Case, Ground, extended, query};

const DEEP: usize = 100_000;

pub const CASES: [Case; 33] = [
    ("a hundred thousand nested parentheses", |g, a| refused(g, a, &format!("SELECT {}1{}", "(".repeat(DEEP), ")".repeat(DEEP)))),
    ("a hundred thousand open parentheses", |g, a| refused(g, a, &format!("SELECT {}", "(".repeat(DEEP)))),
    ("a hundred thousand closing parentheses", |g, a| refused(g, a, &format!("SELECT {}", ")".repeat(DEEP)))),
    ("a hundred thousand OR terms", |g, a| refused(g, a, &where_(&vec!["id = 1"; DEEP].join(" OR ")))),
    ("thirty thousand OR terms", |g, a| refused(g, a, &where_(&vec!["id=1"; 30_000].join(" OR ")))),
    ("a hundred thousand AND terms", |g, a| refused(g, a, &where_(&vec!["true"; DEEP].join(" AND ")))),
    ("a hundred thousand NOTs", |g, a| refused(g, a, &where_(&format!("{} true", "NOT ".repeat(DEEP))))),
    ("six thousand NOTs", |g, a| refused(g, a, &where_(&format!("{} true", "NOT ".repeat(6_000))))),
    ("a hundred thousand minuses", |g, a| refused(g, a, &format!("SELECT {}1", "- ".repeat(DEEP)))),
    ("four thousand additions", |g, a| refused(g, a, &format!("SELECT 1{}", "+1".repeat(4_000)))),
    ("a hundred thousand additions", |g, a| refused(g, a, &format!("SELECT 1{}", "+1".repeat(DEEP)))),
    ("a hundred thousand casts", |g, a| refused(g, a, &format!("SELECT 1{}", "::int".repeat(DEEP)))),
    ("a hundred thousand subscripts", |g, a| refused(g, a, &format!("SELECT a{} FROM products", "[1]".repeat(DEEP)))),
    ("a hundred thousand brackets", |g, a| refused(g, a, &format!("SELECT ARRAY{}", "[".repeat(DEEP)))),
    ("fifty thousand CASEs", |g, a| refused(g, a, &format!("SELECT {}", "CASE WHEN ".repeat(50_000)))),
    ("four hundred kilobytes of nested comments", |g, a| {
        refused(g, a, &format!("SELECT {}{} 1", "/*".repeat(DEEP), "*/".repeat(DEEP)));
    }),
    ("four hundred kilobytes of open comments", |g, a| refused(g, a, &format!("SELECT 1 {}", "/*".repeat(2 * DEEP)))),
    ("a megabyte of one statement", |g, a| refused(g, a, &padded("SELECT 1", ' ', (1 << 20) - 8))),
    ("a megabyte of one string", |g, a| refused(g, a, &format!("SELECT '{}'", "x".repeat((1 << 20) - 32)))),
    ("a megabyte of one name", |g, a| refused(g, a, &format!("SELECT {}", "x".repeat((1 << 20) - 32)))),
    ("a name of two hundred kilobytes", |g, a| refused(g, a, &format!("SELECT \"{}\"", "x".repeat(200_000)))),
    ("an operator of two hundred kilobytes", |g, a| refused(g, a, &format!("SELECT 1 {} 1", "+".repeat(200_000)))),
    ("a string that does not end", |g, a| refused(g, a, &format!("SELECT '{}", "x".repeat(200_000)))),
    ("a dollar string that does not end", |g, a| refused(g, a, &format!("SELECT $x${}", "$y$".repeat(60_000)))),
    ("a list of a hundred thousand", |g, a| refused(g, a, &where_(&format!("id IN ({})", numbers(DEEP))))),
    ("a list of thirty thousand", |g, a| refused(g, a, &where_(&format!("id IN ({})", numbers(30_000))))),
    ("an array literal of a hundred thousand", |g, a| refused(g, a, &where_(&format!("id = ANY ('{{{}}}')", numbers(DEEP))))),
    ("a thousand statements", |g, a| refused(g, a, &"SELECT 1;".repeat(1_000))),
    ("ten thousand selects in a row", |g, a| refused(g, a, &vec!["SELECT 1"; 10_000].join(" UNION ALL "))),
    ("ten thousand selects in each other", |g, a| {
        refused(g, a, &format!("{}SELECT 1{}", "SELECT * FROM (".repeat(10_000), ") t".repeat(10_000)));
    }),
    ("a hundred and twenty joins by USING", |g, a| {
        let joins: String = (0..120).map(|n| format!(" JOIN products p{n} USING (id)")).collect();
        refused(g, a, &format!("SELECT 1 FROM products p{joins}"));
    }),
    ("a thousand queries by WITH", |g, a| {
        let queries: Vec<String> = (0..1_000).map(|n| format!("q{n} AS (SELECT * FROM products)")).collect();
        let joined: Vec<String> = (0..1_000).map(|n| format!("q{n}")).collect();
        refused(g, a, &format!("WITH {} SELECT 1 FROM {}", queries.join(","), joined.join(",")));
    }),
    ("a product of forty tables", |g, a| {
        let tables: Vec<String> = (0..40).map(|n| format!("products p{n}")).collect();
        refused(g, a, &format!("SELECT count(*) FROM {}", tables.join(",")));
    }),
];

const REASONS: [&str; 5] = ["too_complex", "syntax", "in_list_too_long", "cost_bomb", "undefined_object"];

/// By either protocol: an error with a reason, in the ledger, and the session goes on.
fn refused(ground: &Ground, agent: &str, text: &str) {
    let mut session = ground.log_in(agent, "analyst");
    let answers = [query(&mut session, text), extended(&mut session, text)];
    for answer in &answers {
        let told = answer.error.as_ref().unwrap_or_else(|| panic!("{answer:?}"));
        assert!(REASONS.contains(&told.reason.as_str()), "{told:?}");
        assert!(["53400", "42601", "42501"].contains(&told.sqlstate.as_str()), "{told:?}");
        assert!(!told.message.is_empty() && told.message.len() < 1000 && !answer.closed, "{told:?}");
    }
    honest(&mut session);
    let reasons = || ground.audit("SELECT reason FROM audit.denials WHERE agent = $1 ORDER BY seq", agent);
    let expected: Vec<&str> = answers.iter().map(|answer| answer.reason()).collect();
    ground.wait("both denials in the ledger", || reasons() == expected);
}

fn where_(condition: &str) -> String {
    format!("SELECT sku FROM products WHERE {condition}")
}

fn numbers(count: usize) -> String {
    (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

fn padded(text: &str, with: char, length: usize) -> String {
    let mut text = text.to_owned();
    text.extend(std::iter::repeat_n(with, length - text.len()));
    text
}
