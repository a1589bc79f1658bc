//! Constants that make a function total: which values of one argument rule out every error of its own.

/// What the constant argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstantCheck {
    /// A LIKE pattern that does not end in an escape: that error comes only when a row's text reaches the end.
    LikePattern,
    /// A regular expression of a small grammar that always compiles and never backtracks over nested quantifiers.
    Regex,
    /// A length that is not negative.
    NotNegative,
    /// A field that `date_trunc` knows, up to the year: the start of a longer one lies before the first timestamp for
    /// centuries of instants.
    TruncField,
    /// A field that `extract` and `date_part` know of a timestamp.
    TimestampField,
    /// A field that `extract` knows of a date.
    DateField,
}

const TRUNC_FIELDS: [&str; 10] =
    ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];
const DATE_FIELDS: [&str; 14] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "isodow",
    "isoyear",
    "julian",
    "millennium",
    "month",
    "quarter",
    "week",
    "year",
];
const TIME_FIELDS: [&str; 5] = ["hour", "minute", "second", "milliseconds", "microseconds"];

impl ConstantCheck {
    /// The word in the table of functions.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "like_pattern" => ConstantCheck::LikePattern,
            "regex" => ConstantCheck::Regex,
            "not_negative" => ConstantCheck::NotNegative,
            "trunc_field" => ConstantCheck::TruncField,
            "timestamp_field" => ConstantCheck::TimestampField,
            "date_field" => ConstantCheck::DateField,
            _ => return None,
        })
    }

    /// `value` in the text form of its type. A null argument makes a strict function null and is the caller's to admit.
    pub fn admits(self, value: &str) -> bool {
        match self {
            ConstantCheck::LikePattern => value.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0,
            ConstantCheck::Regex => is_plain_regex(value),
            ConstantCheck::NotNegative => value.parse::<i32>().is_ok_and(|n| n >= 0),
            ConstantCheck::TruncField => TRUNC_FIELDS.contains(&value.to_ascii_lowercase().as_str()),
            ConstantCheck::TimestampField => {
                let field = value.to_ascii_lowercase();
                DATE_FIELDS.contains(&field.as_str()) || TIME_FIELDS.contains(&field.as_str())
            }
            ConstantCheck::DateField => DATE_FIELDS.contains(&value.to_ascii_lowercase().as_str()),
        }
    }
}

/// Longest pattern that is judged; Postgres compiles each one to an automaton.
const MAX_REGEX: usize = 256;

/// Literals, `.`, anchors, one level of groups and alternation, simple classes, and `*`, `+`, `?` on single atoms.
/// Everything else (`{…}`, back references, look-around, quantified groups, escapes but of punctuation and `\d \s \w`)
/// may well be fine, but is not judged.
fn is_plain_regex(pattern: &str) -> bool {
    // A leading `***` or `(?` changes the dialect: both fail below, as a quantifier without an atom.
    if pattern.len() > MAX_REGEX || !pattern.is_ascii() {
        return false;
    }
    let mut rest = pattern.bytes().peekable();
    let (mut can_repeat, mut depth) = (false, 0);
    while let Some(byte) = rest.next() {
        can_repeat = match byte {
            b'*' | b'+' | b'?' if can_repeat => false,
            b'*' | b'+' | b'?' | b'{' | b'}' | b']' => return false,
            b'^' | b'$' | b'|' => false,
            b'(' if depth == 0 => {
                depth = 1;
                false
            }
            b')' if depth == 1 => {
                depth = 0;
                false
            }
            b'(' | b')' => return false,
            b'[' if skip_class(&mut rest) => true,
            b'[' => return false,
            b'\\' => match rest.next() {
                Some(b'd' | b's' | b'w') => true,
                Some(punctuation) if punctuation.is_ascii_punctuation() => true,
                Some(_) | None => return false,
            },
            b' '..=b'~' => true,
            _ => return false,
        };
    }
    depth == 0
}

/// After `[`: letters, digits, blanks, `_` and ascending ranges of letters or digits, up to `]`.
fn skip_class(rest: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> bool {
    rest.next_if_eq(&b'^');
    let mut members = 0;
    while let Some(byte) = rest.next() {
        match byte {
            b']' => return members > 0,
            _ if !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b' ' => return false,
            _ => members += 1,
        }
        if rest.next_if_eq(&b'-').is_some() {
            match rest.next() {
                Some(end) if same_kind(byte, end) && byte <= end => {}
                Some(_) | None => return false,
            }
        }
    }
    false
}

fn same_kind(a: u8, b: u8) -> bool {
    (a.is_ascii_digit() && b.is_ascii_digit())
        || (a.is_ascii_lowercase() && b.is_ascii_lowercase())
        || (a.is_ascii_uppercase() && b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::ConstantCheck;

    #[test]
    fn a_like_pattern_may_not_end_in_an_escape() {
        for (pattern, admitted) in [("a%", true), ("", true), (r"a\%", true), (r"a\\", true), (r"a\", false), (r"a\\\", false)] {
            assert_eq!(ConstantCheck::LikePattern.admits(pattern), admitted, "{pattern}");
        }
    }

    #[test]
    fn only_regular_expressions_of_the_small_grammar_are_judged() {
        for pattern in ["^Customer 2", "a.*b", "[a-z0-9_]+@", "^(open|closed)$", r"\d+\.\d", "", "^pg_toast"] {
            assert!(ConstantCheck::Regex.admits(pattern), "{pattern}");
        }
        for pattern in
            ["(a+)+", "(a", "a)", "a**", "*a", "***=a", "(?i)a", "a{1000}", "[z-a]", "[a", r"(a)\1", r"a\", r"\x", "[[.a.]]", "ä"]
        {
            assert!(!ConstantCheck::Regex.admits(pattern), "{pattern}");
        }
    }

    #[test]
    fn fields_are_those_that_the_type_has() {
        assert!(ConstantCheck::TruncField.admits("Day"));
        for wrong in ["dow", "decade", "millennium", "days", ""] {
            assert!(!ConstantCheck::TruncField.admits(wrong), "{wrong}");
        }
        assert!(ConstantCheck::TimestampField.admits("hour") && !ConstantCheck::TimestampField.admits("timezone"));
        assert!(ConstantCheck::DateField.admits("dow") && !ConstantCheck::DateField.admits("hour"));
        assert!(ConstantCheck::NotNegative.admits("0") && !ConstantCheck::NotNegative.admits("-1"));
    }
}
