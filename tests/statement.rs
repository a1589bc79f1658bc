//! The statement module from outside: what it reads, what it refuses, and that hostile texts cost nothing.

use std::time::{Duration, Instant};

use pgwarrant::decision::deny::Deny;
use pgwarrant::decision::reason::Reason;
use pgwarrant::statement::kind::{LocalStatement, StatementKind};
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::{local, scan};

/// Tokio's worker threads have 2 MiB; a build without optimisation uses several times the stack of a release.
const WORKER_STACK: usize = 256 * 1024;

fn read(text: &str) -> Result<Vec<LocalStatement>, Deny> {
    local::read(text, &Limits::default())
}

/// Reads on a worker's stack, within a second, and takes the template too.
fn read_on_worker(text: String) -> Result<Vec<LocalStatement>, Deny> {
    let worker = std::thread::Builder::new().stack_size(WORKER_STACK).spawn(move || {
        let start = Instant::now();
        let _ = scan::template(&text, 1);
        let result = read(&text);
        assert!(start.elapsed() < Duration::from_secs(2), "{} bytes took {:?}", text.len(), start.elapsed());
        result
    });
    worker.expect("the thread starts").join().expect("reading neither panics nor overflows")
}

/// Honest forms that this version refuses, as the law wants; a form that becomes readable is taken off the list.
const REFUSED_FORMS: [&str; 7] =
    ["substring(name similar", "xmlelement(", "ROWS FROM", "TABLESAMPLE", "json_table(", "SEARCH DEPTH FIRST", "CYCLE a, b"];

#[test]
fn every_honest_select_is_read_as_one_select() {
    for form in include_str!("statement/honest.sql").lines() {
        let refused = REFUSED_FORMS.iter().any(|part| form.contains(part));
        match read(form) {
            Ok(statements) => {
                assert_eq!(statements.len(), 1, "{form}");
                assert_eq!(statements[0].kind, StatementKind::Select, "{form}");
                assert!(!refused, "no longer refused: {form}");
            }
            Err(deny) => assert!(refused, "{form}: {deny:?}"),
        }
    }
}

#[test]
fn a_huge_statement_is_refused_before_it_is_parsed() {
    let n = 100_000;
    let cases = [
        ("nested parentheses", format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n))),
        ("OR terms", format!("SELECT 1 WHERE a = 1{}", " OR a = 1".repeat(n / 4))),
        ("OR terms over the byte cap", format!("SELECT 1 WHERE a = 1{}", " OR a = 1".repeat(n))),
        ("nested comments", format!("SELECT {}1{}", "/*".repeat(n), "*/".repeat(n))),
        ("NOT", format!("SELECT {} true", "NOT ".repeat(6_000))),
        ("minus signs", format!("SELECT {} 1", "- ".repeat(n))),
        ("plus signs", format!("SELECT {} 1", "+ ".repeat(6_000))),
        ("tildes", format!("SELECT {} 1", "~ ".repeat(6_000))),
        ("casts", format!("SELECT 1{}", "::a".repeat(n / 2))),
        ("subscripts", format!("SELECT a{}", "[1]".repeat(n / 2))),
        ("fields", format!("SELECT a{}", ".b".repeat(n))),
        ("unions", format!("SELECT 1{}", " UNION SELECT 1".repeat(10_000))),
        ("IN list", format!("SELECT 1 WHERE a IN (1{})", ",1".repeat(50_000))),
        ("plus terms", format!("SELECT 1{}", "+1".repeat(4_000))),
        ("collations", format!("SELECT a{}", " COLLATE b".repeat(10_000))),
        ("AT TIME ZONE", format!("SELECT a{}", " AT TIME ZONE b".repeat(9_000))),
        ("IS NULL", format!("SELECT a{}", " IS NULL".repeat(20_000))),
        ("LIKE", format!("SELECT a{}", " LIKE a".repeat(20_000))),
        ("joins", format!("SELECT * FROM a{}", " JOIN a USING (i)".repeat(120))),
        ("relations", format!("SELECT * FROM a{}", ", a".repeat(1_500))),
        ("WITH queries", format!("WITH a AS (SELECT 1){} SELECT 1", ", b AS (SELECT 1)".repeat(1_500))),
        ("statements", "SELECT 1;".repeat(10_000)),
        ("CASE", format!("SELECT {} 1 {}", "CASE WHEN ".repeat(5_000), "THEN 1 END".repeat(5_000))),
        ("CASE without END", format!("SELECT {}", "CASE WHEN ".repeat(5_000))),
        ("subqueries", format!("SELECT {}1{}", "(SELECT ".repeat(10_000), ")".repeat(10_000))),
        ("functions", format!("SELECT {}1{}", "f(".repeat(50_000), ")".repeat(50_000))),
        ("arrays", format!("SELECT {}1{}", "ARRAY[".repeat(20_000), "]".repeat(20_000))),
        ("derived tables", format!("SELECT * FROM {}1{}", "(SELECT * FROM ".repeat(9_000), ") x".repeat(9_000))),
        ("spread over levels", format!("SELECT {}1{}", format!("{}(", "1+".repeat(100)).repeat(60), ")".repeat(60))),
        ("closed levels", format!("SELECT {}{}", "(".repeat(60), format!("1{})", "+1".repeat(100)).repeat(60))),
    ];
    for (name, text) in cases {
        let deny = read_on_worker(text).expect_err(name);
        assert_eq!(deny.reason, Reason::TooComplex, "{name}: {deny:?}");
    }
}

#[test]
fn runs_without_a_cap_of_their_own_still_end() {
    let cases = [
        format!("SELECT {} 1", "INTERVAL ".repeat(20_000)),
        format!("SELECT {} 1", "ARRAY ".repeat(20_000)),
        format!("SELECT {} 1", "EXISTS ".repeat(20_000)),
        format!("SELECT {} 1", "CAST ".repeat(20_000)),
        format!("SELECT {} 1", "date ".repeat(20_000)),
        format!("SELECT {} 1", "OPERATOR ".repeat(20_000)),
        format!("SELECT {} 1", "SELECT ".repeat(20_000)),
        format!("{} 1", "WITH ".repeat(20_000)),
        format!("{} SELECT 1", "EXPLAIN ".repeat(20_000)),
        format!("SELECT * FROM {} a", "LATERAL ".repeat(20_000)),
        format!("SELECT * FROM {} a", "ONLY ".repeat(20_000)),
        format!("SELECT a {} 1", "BETWEEN ".repeat(1_900)),
        format!("SELECT {} 1", "a BETWEEN b AND ".repeat(900)),
        format!("SELECT {} 1", "a IS DISTINCT FROM ".repeat(1_900)),
        format!("SELECT {} 1", "case-".repeat(1_900)),
        format!("SELECT {} 1", "current_time-".repeat(1_900)),
        format!("SELECT {}", "'a' ".repeat(50_000)),
        format!("SELECT {}", "'a'\n".repeat(50_000)),
        format!("SELECT {}", "$a$ ".repeat(50_000)),
        format!("SELECT {}", "$a".repeat(50_000)),
        format!("SELECT '{}", "''".repeat(100_000)),
        format!("SELECT {}", "\"\"".repeat(100_000)),
        format!("SELECT 1 {}", "-- \n".repeat(50_000)),
        format!("SELECT {}", "x ".repeat(59_000)),
        "(".repeat(60_000),
        ")".repeat(60_000),
        "[".repeat(60_000),
        "]".repeat(60_000),
        ";".repeat(60_000),
        "'".repeat(100_001),
    ];
    for text in cases {
        let _ = read_on_worker(text);
    }
}

/// Whatever the caps let through must fit the stack, and backtracking must stay within its budget.
#[test]
fn nesting_up_to_the_cap_fits_a_worker_s_stack() {
    let shapes = [
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "((SELECT ", "1", "))"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("SELECT ", "ARRAY[", "1", "]"),
        ("SELECT ", "ARRAY(SELECT ", "1", ")"),
        ("SELECT ", "a[", "1", "]"),
        ("SELECT ", "CAST(", "1", " AS int)"),
        ("SELECT ", "CASE WHEN ", "1", " THEN 2 END"),
        ("SELECT ", "CASE (CASE ", "1", " WHEN 1 THEN 2 END) WHEN 2 THEN 1 END"),
        ("SELECT ", "substring(", "1", " from 2)"),
        ("SELECT ", "position(", "1", " in 2)"),
        ("SELECT ", "extract(year from ", "1", ")"),
        ("SELECT ", "1 IN (", "1", ")"),
        ("SELECT ", "1 = ANY(", "1", ")"),
        ("SELECT ", "EXISTS (SELECT ", "1", ")"),
        ("SELECT ", "sum(1) OVER (PARTITION BY ", "1", ")"),
        ("SELECT ", "NOT NOT NOT NOT NOT (", "1", ")"),
        ("SELECT ", "- - - - - - (", "1", ")"),
        ("SELECT * FROM ", "(SELECT * FROM ", "a", ") x"),
        ("SELECT * FROM ", "((SELECT * FROM ", "a", ") x NATURAL JOIN b)"),
        ("SELECT * FROM ", "((SELECT * FROM ", "a", ") x)"),
        ("SELECT * FROM ", "(a JOIN ", "b", " ON true)"),
        ("SELECT 1 WHERE ", "a IN (SELECT a FROM b WHERE ", "true", ")"),
        ("", "WITH x AS (", "SELECT 1", ") SELECT 1"),
        ("", "(", "SELECT 1", ")"),
        ("", "(", "SELECT 1", " UNION SELECT 1)"),
    ];
    for (start, open, middle, close) in shapes {
        let mut parsed = 0;
        for depth in 1..=66 {
            let text = format!("{start}{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let cut = text[..text.len() - 1].to_owned();
            let _ = read_on_worker(format!("{text} junk junk junk"));
            let _ = read_on_worker(cut);
            if read_on_worker(text).is_ok() {
                parsed = depth;
            }
        }
        if parsed < 30 {
            println!("{open:30} {parsed}");
        }
    }
}
