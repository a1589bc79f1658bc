use proptest::prelude::*;

use super::*;
use crate::statement::lexer::LexError;

fn taken(text: &str) -> Option<(String, Vec<String>)> {
    let template = template(text, 1)?;
    Some((template.text, template.literals.into_iter().map(|literal| literal.value).collect()))
}

#[test]
fn plain_literals_are_taken_out_and_the_rest_stays() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("SELECT 1", "SELECT $1", &["1"]),
        ("SELECT a FROM t WHERE b = $1 LIMIT 5", "SELECT a FROM t WHERE b = $1 LIMIT 5", &[]),
        ("SELECT id FROM t WHERE id = 5 AND name = 'O''x'", "SELECT id FROM t WHERE id = $1 AND name = $2", &["5", "O'x"]),
        ("SELECT '', '''', '''''', 'a''' = b", "SELECT $1, $2, $3, $4 = b", &["", "'", "''", "a'"]),
        ("SELECT 'a' = 'b', 1.50, 2;", "SELECT $1 = $2, $3, $4;", &["a", "b", "1.50", "2"]),
        ("SELECT 1 FROM t WHERE id IN (1,2, 3)", "SELECT $1 FROM t WHERE id IN ($2,$3, $4)", &["1", "1", "2", "3"]),
        ("SELECT a FROM t WHERE b = $1 AND c = 5", "SELECT a FROM t WHERE b = $1 AND c = $1", &["5"]),
        ("SELECT x FROM t WHERE d = '2026-01-01'::date", "SELECT x FROM t WHERE d = $1::date", &["2026-01-01"]),
        (
            "SELECT x FROM t WHERE d > date '2026-01-01' AND e = 5",
            "SELECT x FROM t WHERE d > date '2026-01-01' AND e = $1",
            &["5"],
        ),
        (
            "SELECT 5::numeric(10,2), interval '1 day', interval(3) '1'",
            "SELECT $1::numeric(10,2), interval '1 day', interval(3) '1'",
            &["5"],
        ),
        (
            "SELECT -5, 3 - 2, - 4, (a) - 6, a - 7, 2-1",
            "SELECT $1, $2 - $3, - 4, (a) - $4, a - $5, $6-$7",
            &["-5", "3", "2", "6", "7", "2", "1"],
        ),
        (
            "UPDATE t SET a = a + -5, b = a*-6 WHERE c IN (-7, -1.5) AND d BETWEEN -1 AND -2",
            "UPDATE t SET a = a + $1, b = a*$2 WHERE c IN ($3, $4) AND d BETWEEN $5 AND $6",
            &["-5", "-6", "-7", "-1.5", "-1", "-2"],
        ),
        // The minus is not the number's alone, or is taken from something.
        (
            "SELECT -5::text, - 6, a -7, (-8)[1], x(-9).y, -5 IS NULL",
            "SELECT -5::text, - 6, a -$1, ($2)[$3], x($4).y, $5 IS NULL",
            &["7", "-8", "1", "-9", "-5"],
        ),
        ("SELECT x-1, \"x\" -2, - -3 LIMIT -4", "SELECT x-$1, \"x\" -$2, - $3 LIMIT -4", &["1", "2", "-3"]),
        ("SELECT x+1, x + 2, + 3, 4 + 5 FROM t", "SELECT x+$1, x + $2, + $3, $4 + $5 FROM t", &["1", "2", "3", "4", "5"]),
        ("SELECT f(-5), -5 FROM t GROUP BY f(-5)", "SELECT f(-5), -5 FROM t GROUP BY f(-5)", &[]),
        ("SELECT x FROM t WHERE a = 5 LIMIT 10 OFFSET 20", "SELECT x FROM t WHERE a = $1 LIMIT 10 OFFSET $2", &["5", "20"]),
        ("SELECT x FROM t WHERE a = 5 FETCH FIRST 3 ROWS ONLY", "SELECT x FROM t WHERE a = $1 FETCH FIRST 3 ROWS ONLY", &["5"]),
        ("SELECT x FROM t WHERE a = 1 GROUP BY 1 ORDER BY 1, 2", "SELECT x FROM t WHERE a = $1 GROUP BY 1 ORDER BY 1, 2", &["1"]),
        (
            "SELECT date_trunc('month', a), 'month' FROM t WHERE b = 'x' GROUP BY date_trunc('month', a) LIMIT 5",
            "SELECT date_trunc('month', a), 'month' FROM t WHERE b = $1 GROUP BY date_trunc('month', a) LIMIT 5",
            &["x"],
        ),
        ("SELECT DISTINCT ON (1) a FROM t WHERE b = 1", "SELECT DISTINCT ON (1) a FROM t WHERE b = $1", &["1"]),
        (
            "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING), 7 FROM t",
            "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING), $1 FROM t",
            &["7"],
        ),
        ("SELECT a ->> 'k' FROM t WHERE a ->> 'k' = 'v'", "SELECT a ->> 'k' FROM t WHERE a ->> 'k' = $1", &["v"]),
        ("SELECT extract('dow' FROM a), 5 FROM t", "SELECT extract('dow' FROM a), $1 FROM t", &["5"]),
        ("SELECT 1e3, .5, 5., 7", "SELECT 1e3, .5, 5., $1", &["7"]),
        ("SELECT'x', 'y'AS a, 'z' AS b", "SELECT'x', 'y'AS a, $1 AS b", &["z"]),
        ("SELECT \"a\" 'x', 5", "SELECT \"a\" 'x', $1", &["5"]),
        ("SELECT a[1], b[2:3], ARRAY[4]", "SELECT a[$1], b[$2:$3], ARRAY[$4]", &["1", "2", "3", "4"]),
        ("SELECT 'ü'", "SELECT $1", &["ü"]),
        ("SELECT '\\', 5", "SELECT '\\', $1", &["5"]),
    ];
    for (text, expected, values) in cases {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        assert_eq!(taken(text), Some(((*expected).to_owned(), values)), "{text}");
    }
}

#[test]
fn anything_unusual_takes_the_slow_path() {
    let cases = [
        "SELECT 1 -- x",
        "SELECT /* x */ 1",
        "SELECT 1 --",
        "SELECT E'a', 1",
        "SELECT U&'a', 1",
        "SELECT B'1', 1",
        "SELECT N'x', 1",
        "SELECT $$a$$, 1",
        "SELECT 'a'\n'b', 1",
        "SELECT ü, 1",
        "SELECT \"ü\", 1",
        "SELECT a\u{85}b, 1",
        "SELECT 1; SELECT 2",
        "SELECT 1;;",
        "SELECT 'x",
        "SELECT 1)",
        "SELECT 1_000",
        "SELECT 'orders'::regclass, 1",
        "SELECT * FROM t TABLESAMPLE system (5)",
    ];
    for text in cases {
        assert_eq!(taken(text), None, "{text}");
    }
}

#[test]
fn the_key_tells_int4_from_int8_and_numeric() {
    let key = |text| template(text, 1).expect("it has a literal").key();
    let texts = ["SELECT 2147483647", "SELECT 2147483648", "SELECT 9223372036854775808", "SELECT '1'"];
    let keys: std::collections::HashSet<String> = texts.into_iter().map(key).collect();
    assert_eq!(keys.len(), 4);
    // One further with a minus.
    assert_eq!(key("SELECT -2147483648"), key("SELECT 5"));
    assert_eq!(key("SELECT -2147483649"), key("SELECT 2147483648"));
    assert_eq!(key("SELECT -9223372036854775808"), key("SELECT 2147483648"));
    assert_eq!(key("SELECT -9223372036854775809"), key("SELECT 1.5"));
    assert_eq!(key("SELECT 9223372036854775808"), key("SELECT 1.5"));
}

#[test]
fn parameters_are_numbered_after_those_of_the_statement() {
    let template = template("SELECT $1, $2, 5, 6", 3).expect("it has literals");
    assert_eq!(template.text, "SELECT $1, $2, $3, $4");
}

fn put_back(template: &Template) -> String {
    let mut text = String::new();
    let mut copied = 0;
    for literal in &template.literals {
        let at = literal.site.template_position as usize;
        text.push_str(&template.text[copied..at]);
        assert_eq!(text.len(), literal.site.position as usize);
        match literal.kind {
            LiteralKind::String => text.push_str(&format!("'{}'", literal.value.replace('\'', "''"))),
            LiteralKind::Integer | LiteralKind::BigInteger | LiteralKind::Decimal => text.push_str(&literal.value),
        }
        assert_eq!(text.len(), (literal.site.position + literal.site.length) as usize);
        copied = at + literal.site.template_length as usize;
    }
    text.push_str(&template.text[copied..]);
    text
}

fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    Lexer::new(text, 0).collect()
}

/// The literals put back give the original bytes, and the template's tokens are the original's with parameters for
/// the literals: nothing beside a literal became another token.
fn check(text: &str) {
    let Some(template) = template(text, 3) else { return };
    assert_eq!(put_back(&template), text);
    let mut original = tokens(text).expect("a text with a template has tokens");
    // A minus that went with its number is not a token of the template's.
    original.retain(|token| {
        let signed = |literal: &TemplateLiteral| literal.site.position == token.start && literal.value.starts_with('-');
        !(token.text(text) == "-" && template.literals.iter().any(signed))
    });
    let templated = tokens(&template.text).expect("a template has tokens");
    assert_eq!(original.len(), templated.len(), "{text:?} {:?}", template.text);
    for (before, after) in original.iter().zip(&templated) {
        let signed = |literal: &TemplateLiteral| u32::from(literal.kind != LiteralKind::String && literal.value.starts_with('-'));
        let literal = template.literals.iter().find(|literal| literal.site.position + signed(literal) == before.start);
        match literal {
            Some(literal) => {
                assert_eq!(after.kind, TokenKind::Param);
                assert_eq!(after.start, literal.site.template_position);
                assert_eq!(after.end - after.start, literal.site.template_length);
                assert_eq!(before.end - before.start + signed(literal), literal.site.length);
            }
            None => assert_eq!((before.kind, before.text(text)), (after.kind, after.text(&template.text))),
        }
    }
}

#[test]
fn every_honest_select_s_template_is_exact() {
    include_str!("../../../tests/statement/honest.sql").lines().for_each(check);
}

proptest! {
    #[test]
    fn a_template_with_its_literals_is_the_original(pieces in proptest::collection::vec(piece(), 0..24)) {
        check(&pieces.concat());
    }
}

fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "SELECT",
        "select ",
        " WHERE ",
        " AND ",
        "(",
        ")",
        "[",
        "]",
        ",",
        " ",
        "\n",
        "=",
        "-",
        "+",
        "- ",
        "::int",
        "::numeric(",
        "a",
        " a ",
        "\"q\"",
        "'x'",
        "'it''s'",
        "'\\'",
        "''",
        "5",
        "12345678901",
        "1.5",
        ".5",
        "1.",
        "$1",
        "$9",
        ".",
        ":",
        "date ",
        "interval ",
        " ORDER BY ",
        " GROUP BY ",
        " LIMIT ",
        " PRECEDING",
        "'ü'",
        "é",
        ";",
        "E'a'",
        "--",
        "/*",
        "$$",
        "x'",
        "->>",
        "=>",
    ];
    prop_oneof![
        8 => proptest::sample::select(fixed.map(str::to_owned).to_vec()),
        1 => "[0-9]{1,20}",
        1 => "'[a-z0-9 ]{0,6}'",
        1 => "\\PC{0,3}",
    ]
}
