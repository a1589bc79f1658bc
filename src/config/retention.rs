//! How long the ledger stays on the proxy's disk.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::Span;

/// `"200 days"`, or `"forever"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    For(Span),
    Forever,
}

impl Default for Retention {
    /// Longer than the six months for which the EU's AI Act wants logs kept (article 26, paragraph 6).
    fn default() -> Self {
        Retention::For(Span(Duration::from_secs(200 * 86_400)))
    }
}

impl Retention {
    pub fn parse(text: &str) -> Option<Retention> {
        if text == "forever" { Some(Retention::Forever) } else { Span::parse(text).map(Retention::For) }
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Retention;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"200 days\", or \"forever\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Retention, E> {
                Retention::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
