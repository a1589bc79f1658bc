//! The statement module from outside: what it reads, what it refuses, and that hostile texts cost nothing.

use pgwarrant::statement::kind::StatementKind;
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::local;

#[test]
fn probe() {
    let forms = include_str!("statement/honest.sql");
    let mut refused = 0;
    for form in forms.lines() {
        match local::read(form, &Limits::default()) {
            Ok(s) if s.len() == 1 && s[0].kind == StatementKind::Select => {}
            other => {
                refused += 1;
                println!("{form}\n   {other:?}");
            }
        }
    }
    println!("{refused} of {}", forms.lines().count());
}
