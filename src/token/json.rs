//! Strict JSON: integers only, no key twice, nothing deeper than the schema, nothing left over.
//!
//! `serde_json` reads the text (UTF-8, escapes, surrogates, trailing bytes), but derived structs on top of it are not
//! strict: they take an array for an object and a key of `serde_json`'s own choosing, and its `Value` keeps the last of
//! two equal keys. So the tree is built here, by a visitor that knows only what a token may hold, and the schema is
//! read from the tree field by field.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

/// A block is an object with a list or an object in it.
const MAX_DEPTH: usize = 3;

/// 2^53 - 1: the largest integer that every JSON reader of every language keeps exactly (RFC 8259 section 6).
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Boolean(bool),
    Integer(i64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("{0}")]
    Syntax(String),
    #[error("not an object")]
    NotAnObject,
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{field}` is not {expected}")]
    Field { field: &'static str, expected: &'static str },
    #[error("a key that the schema does not have")]
    UnknownKey,
}

impl Json {
    pub fn parse(bytes: &[u8]) -> Result<Json, JsonError> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let json = Node { depth: 0 }.deserialize(&mut reader).map_err(|error| JsonError::Syntax(error.to_string()))?;
        reader.end().map_err(|error| JsonError::Syntax(error.to_string()))?;
        Ok(json)
    }
}

/// The fields of an object, each taken once; what is left at the end was not in the schema.
pub struct Fields(BTreeMap<String, Json>);

impl Fields {
    pub fn of(json: Json) -> Result<Fields, JsonError> {
        match json {
            Json::Object(fields) => Ok(Fields(fields)),
            Json::Null | Json::Boolean(_) | Json::Integer(_) | Json::Text(_) | Json::List(_) => Err(JsonError::NotAnObject),
        }
    }

    pub fn take(&mut self, field: &'static str) -> Result<Json, JsonError> {
        self.take_optional(field).ok_or(JsonError::Missing(field))
    }

    pub fn take_optional(&mut self, field: &'static str) -> Option<Json> {
        self.0.remove(field)
    }

    pub fn text(&mut self, field: &'static str) -> Result<String, JsonError> {
        match self.take(field)? {
            Json::Text(text) => Ok(text),
            _ => Err(JsonError::Field { field, expected: "a string" }),
        }
    }

    /// base64url of exactly so many bytes.
    pub fn bytes<const LENGTH: usize>(&mut self, field: &'static str) -> Result<[u8; LENGTH], JsonError> {
        super::encoding::decode_exactly(&self.text(field)?)
            .ok_or(JsonError::Field { field, expected: "base64url of the right length" })
    }

    /// An integer from 0 to `highest`.
    pub fn integer(&mut self, field: &'static str, highest: i64) -> Result<i64, JsonError> {
        match self.take(field)? {
            Json::Integer(value) if (0..=highest).contains(&value) => Ok(value),
            _ => Err(JsonError::Field { field, expected: "an integer in range" }),
        }
    }

    pub fn version(&mut self) -> Result<(), JsonError> {
        match self.take("v")? {
            Json::Integer(1) => Ok(()),
            _ => Err(JsonError::Field { field: "v", expected: "1" }),
        }
    }

    pub fn finish(self) -> Result<(), JsonError> {
        if self.0.is_empty() { Ok(()) } else { Err(JsonError::UnknownKey) }
    }
}

#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn below<E: Error>(self) -> Result<Node, E> {
        if self.depth < MAX_DEPTH { Ok(Node { depth: self.depth + 1 }) } else { Err(E::custom("nested too deeply")) }
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Json;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without floats")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        if value.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
            return Err(E::custom("an integer beyond 2^53"));
        }
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(E::custom("an integer beyond 2^53")),
        }
    }

    /// `serde_json` calls it for fractions, exponents, `-0` and integers beyond 64 bits.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Err(E::custom("a number that is not a plain integer"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let node = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(node)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let node = self.below()?;
        let mut fields = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            // Keys are compared unescaped: "\u0061" is "a".
            if fields.insert(key, entries.next_value_seed(node)?).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_read() {
        let json = Json::parse(br#" {"a": [1, -2, "x\u00e4", true, null], "b": 9007199254740991} "#).unwrap();
        let list = vec![Json::Integer(1), Json::Integer(-2), Json::Text("xä".into()), Json::Boolean(true), Json::Null];
        let fields = [("a".to_owned(), Json::List(list)), ("b".to_owned(), Json::Integer(MAX_INTEGER))];
        assert_eq!(json, Json::Object(BTreeMap::from(fields)));
    }

    #[test]
    fn everything_that_readers_disagree_about_is_refused() {
        let cases: [&[u8]; 26] = [
            b"",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"{\"a\":{\"b\":1,\"b\":1}}",
            b"1.0",
            b"1e3",
            b"-0",
            b"01",
            b"+1",
            b"NaN",
            b"9007199254740992",
            b"-9007199254740992",
            b"18446744073709551616",
            b"{\"a\":1} x",
            b"{\"a\":1}{\"a\":1}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"{'a':1}",
            b"/* */ {\"a\":1}",
            b"\xef\xbb\xbf{\"a\":1}",
            b"\"\\ud800\"",
            b"\"\\udc00\"",
            b"\"\xff\"",
            b"\"\n\"",
            b"[[[[1]]]]",
            b"{\"a\":1}\0",
        ];
        for bytes in cases {
            assert!(Json::parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_read() {
        let deep = "[".repeat(100_000);
        assert!(Json::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_unknown_key_and_a_missing_one_are_both_refused() {
        let mut fields = Fields::of(Json::parse(b"{\"v\":1,\"extra\":2}").unwrap()).unwrap();
        fields.version().unwrap();
        assert_eq!(fields.text("sub"), Err(JsonError::Missing("sub")));
        assert_eq!(fields.finish(), Err(JsonError::UnknownKey));
    }

    #[test]
    fn an_array_is_no_object() {
        assert!(Fields::of(Json::parse(b"[1]").unwrap()).is_err());
    }
}
