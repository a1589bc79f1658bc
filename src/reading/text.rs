//! The text as `elog_node_display` wraps it, before any token is read.
//!
//! `format_node_dump` (`src/backend/nodes/print.c`) fills lines of 78 bytes and ends each by replacing a space with a newline.
//! When a line has no space at offsets 1 to 77 it inserts the newline inside a token instead, even between a backslash and the
//! byte that it escapes: `AS "a}}}}…"` then shows a brace that looks live. That cannot be undone without guessing, so such a text is
//! refused. What remains is exact: each newline stands for a space, or is itself an escaped newline of a name.

use super::unreadable::Unreadable;

/// The largest tree text that is read; about 25,000 elements of an `IN` list.
pub const MAX_BYTES: usize = 8 << 20;

/// A cut line has 78 bytes and no space at offsets 1 to 77.
const UNBROKEN: usize = 77;

/// Refuses a text that may hold a cut token.
///
/// A newline of the statement itself (in a quoted name) is always escaped and *does not* end the wrapper's line: a name with newlines
/// can be cut though every piece between newlines is short. So a newline behind a backslash counts as part of the run.
pub(super) fn check(text: &[u8]) -> Result<(), Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    // From the far end of each window backwards: a break is near, so few bytes are looked at.
    let mut start = 0;
    while let Some(window) = text.get(start..start + UNBROKEN) {
        match (start..start + window.len()).rev().find(|&at| is_break(text, at)) {
            Some(at) => start = at + 1,
            None => return Err(Unreadable::CutToken),
        }
    }
    Ok(())
}

fn is_break(text: &[u8], at: usize) -> bool {
    match text[at] {
        b' ' => true,
        b'\n' => at == 0 || text[at - 1] != b'\\',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_space_is_accepted() {
        let text = format!("{{A :b {}\n:c 1}}\n", "x".repeat(70));
        assert_eq!(check(text.as_bytes()), Ok(()));
    }

    #[test]
    fn a_line_without_a_space_is_refused() {
        for text in [format!("{{A :b {}\n", "x".repeat(78)), format!("{{A :b\n{}", "x".repeat(78)), "x".repeat(77)] {
            assert_eq!(check(text.as_bytes()), Err(Unreadable::CutToken), "{text}");
        }
    }

    #[test]
    fn an_escaped_newline_does_not_hide_a_cut() {
        let text = format!("{{A :b\n{}\\\n{}\\\n}} :c 1}}\n", "x".repeat(40), "x".repeat(35));
        assert_eq!(check(text.as_bytes()), Err(Unreadable::CutToken));
    }

    #[test]
    fn a_text_above_the_cap_is_refused_unread() {
        assert_eq!(check(&vec![b' '; MAX_BYTES + 1]), Err(Unreadable::TooLong));
    }
}
