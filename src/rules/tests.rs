use super::ruleset::{MaxRange, Mode, Ruleset};
use super::{Case, Expect, RuleErrors, parse};
use crate::token::grant::QualifiedName;

fn read(files: &[(&str, &str)]) -> Result<(Ruleset, Vec<Case>), RuleErrors> {
    parse(&files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect::<Vec<_>>())
}

fn name(schema: &str, name: &str) -> QualifiedName {
    QualifiedName { schema: schema.into(), name: name.into() }
}

const ORDERS: &str = r#"
mode = "observe"
[table."public.Orders"]
bounded_by    = ["id", ["tenant_id", "created_at"]]
hidden        = ["note", '"Secret"']
max_rows      = 1000
max_in_list   = 50
max_range     = { created_at = "31 days", id = 1000 }
tenant_column = "tenant_id"

[view."public.product_catalogue"]
max_rows = 10

[functions]
allow = ["public.order_total(int)"]

[[case]]
name = "one order"
grants = ["SELECT (*) ON public.orders"]
sql = "SELECT id FROM orders WHERE id = $1"
params = [7, "x", true, { null = true }]
expect = "deny unbounded_scan"
"#;

#[test]
fn every_form_is_read() {
    let (rules, cases) = read(&[("orders.toml", ORDERS)]).expect("the file is right");
    assert_eq!(rules.mode, Mode::Observe);
    let orders = rules.relation(&name("public", "orders")).expect("names fold");
    assert_eq!(orders.bounded_by, [vec!["id".to_owned()], vec!["tenant_id".to_owned(), "created_at".to_owned()]]);
    assert_eq!(orders.hidden.iter().collect::<Vec<_>>(), ["Secret", "note"]);
    assert_eq!((orders.max_rows, orders.max_in_list(), orders.unbounded), (Some(1000), 50, false));
    assert_eq!(orders.max_range["created_at"], MaxRange::Microseconds(31 * 86_400_000_000));
    assert_eq!(orders.max_range["id"], MaxRange::Integer(1000));
    assert_eq!((orders.tenant_column.as_deref(), orders.source.line, orders.source.column), (Some("tenant_id"), 3, 8));
    assert!(rules.relation(&name("public", "product_catalogue")).is_some_and(|v| v.is_view && v.max_in_list() == 100));
    assert_eq!(rules.functions[0].arguments, ["integer"]);
    let [case] = cases.as_slice() else { panic!("one case") };
    assert_eq!((case.expect.clone(), case.source.line), (Expect::Deny("unbounded_scan".into()), 17));
    assert_eq!(case.params, [Some("7".into()), Some("x".into()), Some("true".into()), None]);
}

/// File, then the place and the words that the message must hold.
const WRONG: &[(&str, &str, &str)] = &[
    ("[table.\"public.a\"]\nmax_row = 5", "a.toml:2:1", "did you mean `max_rows`?"),
    ("[table.\"public.a\"]\ncolour = 5", "a.toml:2:1", "expected one of: bounded_by"),
    ("[view.\"public.a\"]\ntenant_column = 'x'", "a.toml:2:1", "unknown key `tenant_column`"),
    ("[tables.\"public.a\"]", "a.toml:1:2", "did you mean `table`?"),
    ("[table.\"a\"]", "a.toml:1:8", "at byte 1: expected"),
    ("[table.public.a]", "a.toml:1:8", "expected"),
    ("[table.\"public.a\"]\nbounded_by = []", "a.toml:2:14", "is empty"),
    ("[table.\"public.a\"]\nbounded_by = [[]]", "a.toml:2:15", "a set of no columns"),
    ("[table.\"public.a\"]\nbounded_by = ['id', 5]", "a.toml:2:21", "holds integer"),
    ("[table.\"public.a\"]\nbounded_by = [['id', 5]]", "a.toml:2:22", "must be a string"),
    ("[table.\"public.a\"]\nbounded_by = ['a b']", "a.toml:2:15", "expected one name"),
    ("[table.\"public.a\"]\nbounded_by = 'id'", "a.toml:2:14", "must be columns"),
    ("[table.\"public.a\"]\nhidden = 'id'", "a.toml:2:10", "must be column names"),
    ("[table.\"public.a\"]\nmax_rows = 0", "a.toml:2:12", "at least 1, not 0"),
    ("[table.\"public.a\"]\nmax_rows = '5'", "a.toml:2:12", "not string"),
    ("[table.\"public.a\"]\nmax_in_list = -1", "a.toml:2:15", "at least 1"),
    ("[table.\"public.a\"]\nmax_range = { at = '1 month' }", "a.toml:2:20", "such as \"31 days\""),
    ("[table.\"public.a\"]\nmax_range = { at = -5 }", "a.toml:2:20", "an integer"),
    ("[table.\"public.a\"]\nunbounded = 1", "a.toml:2:13", "true or false"),
    ("[table.\"public.a\"]\nunbounded = true\nbounded_by = ['id']", "a.toml:2:1", "unbounded and bounded"),
    ("[table.\"public.a\"]\n[view.\"public.A\"]", "a.toml:2:7", "two rules"),
    ("mode = 'off'", "a.toml:1:8", "\"enforce\" or \"observe\""),
    ("[functions]\nallow = ['public.f']", "a.toml:2:10", "is not a signature"),
    ("[functions]\ndeny = []", "a.toml:2:1", "unknown key `deny`"),
    ("[[case]]\nname = 'x'", "a.toml:1:1", "a case needs `grants`"),
    ("[[case]]\nname = 'x'\ngrants = ['DELETE ON a.b']\nsql = ''\nexpect = 'deny'", "a.toml:5:10", "\"permit\" or"),
    (
        "[[case]]\nname = 'x'\ngrants = ['DELETE ON a.b']\nsql = ''\nexpect = 'permit'\nparams = [1.5]",
        "a.toml:6:11",
        "holds float",
    ),
    ("[[case]]\nname = 'x'\ngrants = ['SELECT ON a.b']\nsql = ''\nexpect = 'permit'", "a.toml:3:11", "is not a grant"),
    ("[case]\nname = 'x'", "a.toml:1:2", "[[case]]"),
    ("max_rows = ", "a.toml:1:", "not TOML"),
    ("[table.\"public.a\"]\nmax_rows = 1\nmax_rows = 2", "a.toml:3:1", "not TOML"),
];

#[test]
fn errors_show_file_line_column_the_offence_and_what_was_expected() {
    for (text, place, words) in WRONG {
        let errors = read(&[("a.toml", text)]).expect_err(text);
        let shown = errors.to_string();
        assert!(shown.starts_with(place), "{text}\n{shown}");
        assert!(shown.contains(words), "{text}\n{shown}");
    }
}

#[test]
fn an_error_shows_the_line_and_points_at_the_offence() {
    let errors = read(&[("a.toml", "[table.\"public.a\"]\n  max_row = 5")]).expect_err("a wrong key");
    let expected =
        "a.toml:2:3: unknown key `max_row` in [table.\"public.a\"]\n  2 |   max_row = 5\n    |   ^ did you mean `max_rows`?";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn every_error_of_every_file_is_shown() {
    let errors = read(&[("b.toml", "x = 1\ny = 2"), ("a.toml", "[table.\"a\"]")]).expect_err("three errors");
    let files: Vec<_> = errors.0.iter().map(|e| e.source.file.as_str()).collect();
    assert_eq!(files, ["a.toml", "b.toml", "b.toml"]);
}

#[test]
fn one_table_in_two_files_is_an_error() {
    let errors = read(&[("a.toml", "[table.\"public.a\"]"), ("b.toml", "[table.\"public.a\"]")]).expect_err("a duplicate");
    assert!(errors.to_string().contains("it stands at a.toml:1 already"), "{errors}");
    let errors = read(&[("a.toml", "mode = 'observe'"), ("b.toml", "mode = 'enforce'")]).expect_err("two modes");
    assert!(errors.to_string().starts_with("b.toml:1:1: the mode is said twice"), "{errors}");
}

#[test]
fn the_hash_is_over_names_and_bytes_in_name_order() {
    let hash = |files: &[(&str, &str)]| read(files).expect("right files").0.hash;
    let one = hash(&[("a.toml", ""), ("b.toml", "mode = 'observe'")]);
    assert_eq!(one, hash(&[("b.toml", "mode = 'observe'"), ("a.toml", "")]));
    assert_ne!(one, hash(&[("a.toml", "mode = 'observe'"), ("b.toml", "")]));
    assert_ne!(one, hash(&[("a.toml", " "), ("b.toml", "mode = 'observe'")]));
}
