//! Texts of statements: a template with its literals put back is the original, and the local reading never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgwarrant::statement::limits::Limits;
use pgwarrant::statement::local;
use pgwarrant::statement::scan::{self, LiteralKind, Template};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(template) = scan::template(text, 3) {
        assert_eq!(put_back(&template), text);
        check_sites(text, &template);
    }
    if let Ok(statements) = local::read(text, &Limits::default()) {
        for statement in &statements {
            assert!(text.get(statement.range.clone()).is_some(), "a statement lies in the text");
        }
    }
});

fn put_back(template: &Template) -> String {
    let (mut text, mut taken) = (String::new(), 0);
    for literal in &template.literals {
        let start = literal.site.template_position as usize;
        text.push_str(&template.text[taken..start]);
        match literal.kind {
            LiteralKind::String => text.extend(["'", &literal.value, "'"]),
            LiteralKind::Integer | LiteralKind::BigInteger | LiteralKind::Decimal => text.push_str(&literal.value),
        }
        taken = start + literal.site.template_length as usize;
    }
    text.push_str(&template.text[taken..]);
    text
}

fn check_sites(text: &str, template: &Template) {
    for (index, literal) in template.literals.iter().enumerate() {
        let site = &literal.site;
        let (at, length) = (site.position as usize, site.length as usize);
        assert!(text[at..at + length].contains(&literal.value));
        let (at, length) = (site.template_position as usize, site.template_length as usize);
        assert_eq!(template.text[at..at + length], format!("${}", index + 3));
    }
}
