//! A strict cursor over the text of one tree: fields in the order that the version prints them, one value a field.
//!
//! It follows `pg_strtok` and `readfuncs.c`, but never looks for the next `:`. An alias may be called `:relid` and is not escaped,
//! so a reader that searches can be led. Every token ends at one space or newline, or at a parenthesis or brace.

use super::tree::Oid;
use super::unreadable::Unreadable;
use super::version::Version;

/// Nodes within nodes. Postgres's own stack allows some 10,000; honest statements stay below 60.
pub const MAX_DEPTH: u32 = 400;

/// Boxed, for small results: in an unoptimized build each `?` keeps a copy of the error on the stack.
pub(super) type Read<T> = Result<T, Box<Unreadable>>;

/// What `begin` gives back and `end` takes: the node around the one being read.
#[must_use]
pub(super) struct Outer(&'static str);

pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    node: &'static str,
    field: &'static str,
    pub(super) version: Version,
}

impl<'a> Reader<'a> {
    pub(super) fn new(version: Version, text: &'a [u8]) -> Reader<'a> {
        Reader { text, at: 0, depth: 0, node: "(text)", field: "", version }
    }

    /// The text ends here, but for the newline that the wrapper adds.
    pub(super) fn finish(self) -> Read<()> {
        match &self.text[self.at..] {
            b"" | b"\n" => Ok(()),
            _ => Err(Box::new(Unreadable::TrailingText)),
        }
    }

    #[cold]
    pub(super) fn bad_value<T>(&self, expected: &'static str) -> Read<T> {
        Err(Box::new(Unreadable::BadValue { node: self.node, field: self.field, expected }))
    }

    #[cold]
    pub(super) fn not_empty<T>(&self) -> Read<T> {
        Err(Box::new(Unreadable::NotEmpty { node: self.node, field: self.field }))
    }

    #[cold]
    fn unexpected<T>(&self, expected: &'static str) -> Read<T> {
        Err(Box::new(Unreadable::Unexpected { node: self.node, expected }))
    }

    // --- bytes ---

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(bytes);
        if found {
            self.at += bytes.len();
        }
        found
    }

    fn take_gap(&mut self) -> bool {
        let found = matches!(self.peek(), Some(b' ' | b'\n'));
        if found {
            self.at += 1;
        }
        found
    }

    /// Where a token may stop.
    fn at_boundary(&self) -> bool {
        matches!(self.peek(), None | Some(b' ' | b'\n' | b'(' | b')' | b'{' | b'}'))
    }

    /// A token as it stands, escapes included; never empty.
    fn raw_token(&mut self) -> Read<&'a [u8]> {
        let start = self.at;
        loop {
            match self.peek() {
                None | Some(b' ' | b'\n' | b'\t' | b'(' | b')' | b'{' | b'}') => break,
                // As pg_strtok: a backslash takes the next byte whatever it is.
                Some(b'\\') if self.at + 1 < self.text.len() => self.at += 2,
                Some(b'\\') => return self.bad_value("a byte behind the backslash"),
                Some(_) => self.at += 1,
            }
        }
        if self.at == start || !self.at_boundary() { self.bad_value("a token") } else { Ok(&self.text[start..self.at]) }
    }

    // --- nodes ---

    /// `{NAME` of a node that only one type can be.
    pub(super) fn open(&mut self, name: &'static str) -> Read<Outer> {
        let found = self.node_name()?;
        if found != name.as_bytes() {
            return unknown_node(found);
        }
        self.begin(name)
    }

    /// `{NAME`, for a choice by name; `begin` must follow.
    pub(super) fn node_name(&mut self) -> Read<&'a [u8]> {
        if !self.take(b"{") {
            return self.bad_value("a node");
        }
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            self.at += 1;
        }
        if self.at == start || !self.at_boundary() {
            return self.bad_value("the name of a node");
        }
        Ok(&self.text[start..self.at])
    }

    /// The name of the node that comes next, without taking it; empty where no node comes.
    pub(super) fn peek_node_name(&self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let Some(rest) = rest.strip_prefix(b"{") else { return b"" };
        let length = rest.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_').count();
        &rest[..length]
    }

    pub(super) fn begin(&mut self, name: &'static str) -> Read<Outer> {
        if self.depth >= MAX_DEPTH {
            return Err(Box::new(Unreadable::TooDeep));
        }
        self.depth += 1;
        Ok(Outer(std::mem::replace(&mut self.node, name)))
    }

    /// `}`.
    pub(super) fn end(&mut self, outer: Outer) -> Read<()> {
        if !self.take(b"}") {
            return self.unexpected("the end of the node");
        }
        self.depth -= 1;
        self.node = outer.0;
        Ok(())
    }

    /// ` :name `, the next field of the open node.
    pub(super) fn field(&mut self, name: &'static str) -> Read<()> {
        self.field = name;
        if self.take_gap() && self.take(b":") && self.take(name.as_bytes()) && self.take_gap() {
            return Ok(());
        }
        self.unexpected(name)
    }

    /// `<>`, which stands for a null pointer and an empty list.
    pub(super) fn null(&mut self) -> bool {
        let found = self.text[self.at..].starts_with(b"<>");
        if found {
            self.at += 2;
            if self.at_boundary() {
                return true;
            }
            self.at -= 2;
        }
        false
    }

    // --- scalars ---

    fn number(&mut self) -> Read<i64> {
        let negative = self.take(b"-");
        let start = self.at;
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // 18 digits fit into i64, and nothing here has more than 10.
            if self.at - start == 18 {
                return self.bad_value("a smaller number");
            }
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        if self.at == start || !self.at_boundary() {
            return self.bad_value("a number");
        }
        Ok(if negative { -value } else { value })
    }

    pub(super) fn int(&mut self) -> Read<i32> {
        match i32::try_from(self.number()?) {
            Ok(value) => Ok(value),
            Err(_) => self.bad_value("a 32-bit number"),
        }
    }

    pub(super) fn unsigned(&mut self) -> Read<u32> {
        match u32::try_from(self.number()?) {
            Ok(value) => Ok(value),
            Err(_) => self.bad_value("an unsigned 32-bit number"),
        }
    }

    pub(super) fn short(&mut self) -> Read<i16> {
        match i16::try_from(self.number()?) {
            Ok(value) => Ok(value),
            Err(_) => self.bad_value("a 16-bit number"),
        }
    }

    pub(super) fn boolean(&mut self) -> Read<bool> {
        let value = if self.take(b"true") {
            true
        } else if self.take(b"false") {
            false
        } else {
            return self.bad_value("true or false");
        };
        if self.at_boundary() { Ok(value) } else { self.bad_value("true or false") }
    }

    /// One of a few words of Postgres's own.
    pub(super) fn word(&mut self) -> Read<&'a [u8]> {
        self.raw_token()
    }

    /// One unescaped byte (`%c`); `<>` (16 and later, for a zero byte) is 0.
    pub(super) fn character(&mut self) -> Read<u8> {
        if self.version.has_empty_strings() && self.null() {
            return Ok(0);
        }
        match self.raw_token()? {
            [byte] => Ok(*byte),
            _ => self.bad_value("one character"),
        }
    }

    /// A string, or `None` where Postgres had a null pointer (15: or an empty string).
    pub(super) fn string(&mut self) -> Read<Option<String>> {
        if self.null() {
            return Ok(None);
        }
        match self.raw_token()? {
            b"\"\"" if self.version.has_empty_strings() => Ok(Some(String::new())),
            token => Ok(Some(unescape(token))),
        }
    }

    /// A string that only 15 prints as `<>` when it is empty.
    pub(super) fn name(&mut self) -> Read<String> {
        match self.string()? {
            Some(name) => Ok(name),
            None if self.version.has_empty_strings() => self.bad_value("a name"),
            None => Ok(String::new()),
        }
    }

    // --- lists ---

    /// `(` … `)` of single values, each read by `element`; `<>` is the empty list.
    pub(super) fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut values = Vec::new();
        if self.null() {
            return Ok(values);
        }
        if !self.take(b"(") {
            return self.bad_value("a list");
        }
        loop {
            values.push(element(self)?);
            if self.take(b")") {
                return Ok(values);
            }
            if !self.take_gap() {
                return self.bad_value("the next element or the end of the list");
            }
        }
    }

    /// `(i 1 2)`, `(o 25)`: a list of numbers under a letter.
    fn numbers<T>(&mut self, letter: &'static [u8], mut element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut values = Vec::new();
        if !self.take(b"(") || !self.take(letter) {
            return self.bad_value("a list of numbers");
        }
        while !self.take(b")") {
            if !self.take_gap() {
                return self.bad_value("the next number or the end of the list");
            }
            values.push(element(self)?);
        }
        Ok(values)
    }

    pub(super) fn int_list(&mut self) -> Read<Vec<i32>> {
        if self.null() { Ok(Vec::new()) } else { self.numbers(b"i", Self::int) }
    }

    pub(super) fn unsigned_list(&mut self) -> Read<Vec<u32>> {
        if self.null() { Ok(Vec::new()) } else { self.numbers(b"i", Self::unsigned) }
    }

    pub(super) fn oid_list(&mut self) -> Read<Vec<Oid>> {
        if self.null() { Ok(Vec::new()) } else { self.numbers(b"o", Self::unsigned) }
    }

    pub(super) fn bitmapset(&mut self) -> Read<Vec<u32>> {
        self.numbers(b"b", Self::unsigned)
    }

    /// A list of `String` nodes, each in quotes.
    pub(super) fn string_list(&mut self) -> Read<Vec<String>> {
        self.list(|r| {
            let token = r.raw_token()?;
            match token {
                [b'"', name @ .., b'"'] => Ok(unescape(name)),
                _ => r.bad_value("a quoted name"),
            }
        })
    }

    /// `4 [ 5 0 0 0 0 0 0 0 ]`: the length as `outDatum` prints it, then bytes as C `char`s.
    pub(super) fn datum(&mut self) -> Read<(u32, Vec<u8>)> {
        let length = self.unsigned()?;
        if !(self.take_gap() && self.take(b"[")) {
            return self.bad_value("the bytes of a datum");
        }
        // Each byte takes two characters at least: no claim of length is believed before its text is seen.
        let mut bytes = Vec::with_capacity((length as usize).min((self.text.len() - self.at) / 2));
        loop {
            if !self.take_gap() {
                return self.bad_value("the bytes of a datum");
            }
            if self.take(b"]") {
                break;
            }
            match self.number()? {
                value @ -128..=255 => bytes.push((value & 0xff) as u8),
                _ => return self.bad_value("a byte"),
            }
        }
        if self.at_boundary() { Ok((length, bytes)) } else { self.bad_value("the end of a datum") }
    }
}

#[cold]
pub(super) fn unknown_node<T>(name: &[u8]) -> Read<T> {
    let shown = &name[..name.len().min(64)];
    Err(Box::new(Unreadable::UnknownNode { name: String::from_utf8_lossy(shown).into_owned() }))
}

/// A wrapped escaped space and an escaped newline look alike: both become a space, so that a name does not depend on where its line
/// was broken.
fn unescape(token: &[u8]) -> String {
    if !token.iter().any(|byte| matches!(byte, b'\\')) {
        return String::from_utf8_lossy(token).into_owned();
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'\\' => bytes.extend(rest.next().map(|&escaped| if escaped == b'\n' { b' ' } else { escaped })),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> Reader<'_> {
        Reader::new(Version::V18, text.as_bytes())
    }

    #[test]
    fn an_escaped_token_loses_its_backslashes_and_a_wrapped_space_is_a_space() {
        assert_eq!(unescape(br"a\ b\}c\\d\<>"), r"a b}c\d<>");
        assert_eq!(unescape(b"a\\\nb"), "a b");
    }

    #[test]
    fn a_quoted_pair_is_the_empty_string_since_16_and_an_escaped_one_is_a_name() {
        assert_eq!(reader(r#""""#).string(), Ok(Some(String::new())));
        assert_eq!(reader(r#"\"""#).string(), Ok(Some(r#""""#.into())));
        assert_eq!(reader(r"\<>").string(), Ok(Some("<>".into())));
        assert_eq!(reader("<>").string(), Ok(None));
    }

    #[test]
    fn numbers_end_where_their_token_ends_and_fit() {
        assert_eq!(reader("-2147483648 ").int(), Ok(i32::MIN));
        assert_eq!(reader("4294967295)").unsigned(), Ok(u32::MAX));
        for text in ["2147483648", "99999999999999999999999", "1x", "-", "", "0x10", "1.5"] {
            assert!(reader(text).int().is_err(), "{text}");
        }
        assert!(reader("-1").unsigned().is_err());
    }

    #[test]
    fn a_datum_has_as_many_bytes_as_stand_in_its_brackets() {
        assert_eq!(reader("4 [ 5 0 -1 127 ]").datum(), Ok((4, vec![5, 0, 255, 127])));
        for text in ["4 [ 5 0 ", "4 [ 256 ]", "4 [ 5 0]", "4 [5 ]", "4"] {
            assert!(reader(text).datum().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_are_parted_by_one_gap_and_never_empty() {
        assert_eq!(reader("(i 1 -2)").int_list(), Ok(vec![1, -2]));
        assert_eq!(reader("<>").int_list(), Ok(vec![]));
        assert_eq!(reader("(b)").bitmapset(), Ok(vec![]));
        assert_eq!(reader(r#"("a" "b\ c")"#).string_list(), Ok(vec!["a".into(), "b c".into()]));
        for text in ["(i 1  2)", "(i 1 2", "(o 1)", "(i1)", "()"] {
            assert!(reader(text).int_list().is_err(), "{text}");
        }
    }
}
