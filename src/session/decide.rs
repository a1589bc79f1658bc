//! From a text to what it may run as: known, or read by Postgres and proven.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::cache::{Certified, Context, KeyRef, Known, Reading};
use super::failure::Failure;
use super::identity::{Identity, hex};
use super::prepared::{Decided, Values};
use super::prover::{self, BoundValue, Permit, Proof};
use super::proxy::Proxy;
use super::settings::Meaning;
use super::world::World;
use crate::catalogue::snapshot::FIRST_NORMAL_OBJECT_ID;
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::reading;
use crate::statement::scan::{self, LiteralKind, Template, TemplateLiteral};
use crate::upstream::{Connection, ParseFailure, Parsed, ServerError};
use crate::wire::Oid;
use crate::wire::frontend::{Format, Formats};

/// Who asks, and under what.
pub struct Asker<'a> {
    pub proxy: &'a Proxy,
    pub identity: &'a Identity,
    pub meaning: &'a Arc<Meaning>,
    pub world: Arc<World>,
}

/// What a look-up gave.
pub enum Found {
    Decided(Decided),
    /// To be read, perhaps by this template.
    Unknown(Option<Template>),
}

impl Asker<'_> {
    fn context(&self) -> Context {
        Context { generation: self.world.generation, chain: self.identity.chain_hash, meaning: self.meaning.clone() }
    }

    /// Readings do not depend on who asks.
    fn reading_context(&self) -> Context {
        Context { chain: [0; 32], ..self.context() }
    }

    fn decided(&self, certified: Arc<Certified<Proof>>, literals: Vec<TemplateLiteral>) -> Decided {
        Decided { certified, literals: literals.into(), world: self.world.clone() }
    }

    /// Without a database and without waiting.
    pub fn look_up(&self, text: &str, declared: &[Oid]) -> Found {
        let context = self.context();
        let template = scan::template(text, first_parameter(text, declared));
        if let Some(template) = template {
            let classes = classes(&template);
            let key = KeyRef { text: &template.text, classes: &classes, types: declared, context: &context };
            match self.proxy.proofs.get(key) {
                Some(Known::Certified(certified)) => return Found::Decided(self.decided(certified, template.literals)),
                None => return Found::Unknown(Some(template)),
                Some(Known::WholeText) => {}
            }
        }
        let key = KeyRef { text, classes: &[], types: declared, context: &context };
        match self.proxy.proofs.get(key) {
            Some(Known::Certified(certified)) => Found::Decided(self.decided(certified, Vec::new())),
            Some(Known::WholeText) | None => Found::Unknown(None),
        }
    }

    /// Lets Postgres read the text on this connection, whose settings are the session's, and proves what it read.
    pub async fn decide(
        &self,
        connection: &mut Connection,
        text: &str,
        declared: &[Oid],
        template: Option<Template>,
        named: &[String],
    ) -> Result<Decided, Failure> {
        let original = self.read(connection, text, &[], declared, declared).await?;
        let proof = self.prove(&original, named)?;
        let context = self.context();
        if let Some(template) = template {
            let classes = classes(&template);
            let key = KeyRef { text: &template.text, classes: &classes, types: declared, context: &context };
            if let Some(certified) = self.decide_template(connection, &original, &template, &classes, declared, named).await? {
                connection.certified().remove(original.id);
                self.proxy.proofs.insert(key, Known::Certified(certified.clone()));
                return Ok(self.decided(certified, template.literals));
            }
            self.proxy.proofs.insert(key, Known::WholeText);
        }
        let client_parameters = original.parameter_types.len();
        let certified = Arc::new(Certified { reading: original, proof, client_parameters });
        let key = KeyRef { text, classes: &[], types: declared, context: &context };
        self.proxy.proofs.insert(key, Known::Certified(certified.clone()));
        Ok(self.decided(certified, Vec::new()))
    }

    /// The template, if Postgres reads it as it reads the original but for the literals, and the proof holds for it.
    async fn decide_template(
        &self,
        connection: &mut Connection,
        original: &Arc<Reading>,
        template: &Template,
        classes: &[u8],
        declared: &[Oid],
        named: &[String],
    ) -> Result<Option<Arc<Certified<Proof>>>, Failure> {
        let client_parameters = original.parameter_types.len();
        let Some(literal_types) = prover::literal_types(&original.trees, template) else { return Ok(None) };
        let types: Vec<Oid> = original.parameter_types.iter().copied().chain(literal_types.iter().copied()).collect();
        let own = (0..client_parameters).map(|index| declared.get(index).copied().unwrap_or(0));
        let told: Vec<Oid> = own.chain(literal_types).collect();
        let reading = match self.read(connection, &template.text, classes, declared, &told).await {
            Ok(reading) => reading,
            // The original was read: what is wrong with the template is the template's affair, unless the connection broke.
            Err(_) if connection.is_idle() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let same = prover::same_but_parameters(&original.trees, &reading.trees, client_parameters, template)
            && *reading.parameter_types == *types
            && reading.row_description == original.row_description;
        let proof = if same { self.prove(&reading, named).ok() } else { None };
        let Some(proof) = proof else {
            connection.certified().remove(reading.id);
            return Ok(None);
        };
        Ok(Some(Arc::new(Certified { reading, proof, client_parameters })))
    }

    fn prove(&self, reading: &Reading, named: &[String]) -> Result<Proof, Failure> {
        prover::prove(&reading.trees, &self.world, self.identity, named).map_err(Failure::from)
    }

    /// `declared` and `classes` are the key; `types` is what Parse is told.
    async fn read(
        &self,
        connection: &mut Connection,
        text: &str,
        classes: &[u8],
        declared: &[Oid],
        types: &[Oid],
    ) -> Result<Arc<Reading>, Failure> {
        let context = self.reading_context();
        let key = KeyRef { text, classes, types: declared, context: &context };
        if let Some(reading) = self.proxy.readings.get(key) {
            return Ok(reading);
        }
        let name = connection.certified().new_name();
        let parsed = match connection.parse_and_read(name.as_str(), text, types).await {
            Ok(parsed) => parsed,
            Err(failure) => return Err(unread(failure, text)),
        };
        if parsed.other_notices > 0 {
            // Code that speaks at Parse may have done more.
            connection.discard();
            return Err(Deny::new(Reason::ImpliedCode, "reading the statement runs code of a user").into());
        }
        let reading = Arc::new(self.reading(text, types, &parsed)?);
        let certified = crate::upstream::Certified { name, tree_digest: parsed.tree_digest };
        connection.certified().insert(reading.id, certified);
        self.proxy.readings.insert(key, reading.clone());
        Ok(reading)
    }

    fn reading(&self, text: &str, told: &[Oid], parsed: &Parsed) -> Result<Reading, Failure> {
        let trees = reading::read(self.proxy.version, &parsed.analysed, &parsed.rewritten).map_err(|error| {
            tracing::info!(%error, "a tree could not be read");
            Failure::from(
                Deny::new(Reason::Unreadable, "Postgres reads this statement in a way that pgwarrant cannot follow")
                    .detail(error.to_string()),
            )
        })?;
        Ok(Reading {
            id: self.proxy.new_reading_id(),
            weight: 2 * text.len() + parsed.analysed.len() + parsed.rewritten.len(),
            text: text.into(),
            trees,
            digest: parsed.tree_digest,
            user_functions: user_functions(&[&parsed.analysed, &parsed.rewritten]).into(),
            fingerprint: hex(&Sha256::digest(text)).into(),
            parameter_types: parsed.parameter_types.as_slice().into(),
            told_types: told.into(),
            row_description: parsed.row_description.as_ref().map(|message| message.slice(5..)),
        })
    }
}

/// The functions whose OIDs are such as users' objects have. Looks at the raw text, where every function stands behind
/// `funcid`, `opfuncid`, `aggfnoid` or `winfnoid`: a name that imitates one only makes the answer more careful.
fn user_functions(trees: &[&[u8]]) -> Vec<Oid> {
    let mut found = Vec::new();
    for (tree, label) in trees.iter().flat_map(|tree| [(tree, &b"funcid"[..]), (tree, b"fnoid")]) {
        for at in memchr::memmem::find_iter(tree, label) {
            let rest = tree[at + label.len()..].iter().skip_while(|b| b.is_ascii_whitespace());
            let digits = rest.take_while(|b| b.is_ascii_digit());
            let oid = digits.fold(0u64, |oid, digit| oid.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            // What no OID can be is a function that nobody knows.
            let oid = Oid::try_from(oid).unwrap_or(Oid::MAX);
            if oid >= FIRST_NORMAL_OBJECT_ID && !found.contains(&oid) {
                found.push(oid);
            }
        }
    }
    found
}

/// `$n` for the first literal: behind every parameter that the text names or declares.
/// A `$5` inside of a string only leaves a gap, and a template with a gap is not read.
fn first_parameter(text: &str, declared: &[Oid]) -> u32 {
    let mut highest = declared.len() as u32;
    for (at, _) in text.match_indices('$') {
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).take(6);
        let number = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        highest = highest.max(number);
    }
    highest + 1
}

/// What decides a literal's type besides its place.
fn classes(template: &Template) -> Vec<u8> {
    let class = |literal: &TemplateLiteral| match literal.kind {
        LiteralKind::Integer => b'i',
        LiteralKind::BigInteger => b'I',
        LiteralKind::Decimal => b'd',
        LiteralKind::String => b's',
    };
    template.literals.iter().map(class).collect()
}

/// An error of Parse in words of our own: the server's can name what the agent may not see.
pub fn unread(failure: ParseFailure, text: &str) -> Failure {
    let error = match failure {
        ParseFailure::Server(error) => error,
        ParseFailure::TreesMissing => {
            return Deny::new(Reason::Unreadable, "Postgres did not show how it reads this statement").into();
        }
        ParseFailure::TooLarge => {
            return Deny::new(Reason::TooComplex, "Postgres's reading of this statement is too large")
                .hint("Use fewer joins, columns or list elements.")
                .into();
        }
        ParseFailure::Upstream(error) => return upstream_failed(&error),
    };
    let position = error.field(b'P').and_then(|p| p.parse().ok()).and_then(|p| byte_position(text, p));
    let told = |reason, message: &str, hint: Option<&str>| {
        let deny = Deny { hint: hint.map(str::to_owned), ..Deny::new(reason, message).at(position) };
        Failure { sqlstate: sqlstate(&error).into(), ..Failure::from(deny) }
    };
    const UNDEFINED: Reason = Reason::UndefinedObject;
    match error.sqlstate() {
        "57014" => Failure::new("57014", "canceling statement due to user request"),
        "42601" => told(Reason::Syntax, "syntax error", None),
        "42703" => told(
            UNDEFINED,
            "a column named here does not exist or is not granted",
            Some("SHOW pgwarrant.scope lists what is granted."),
        ),
        "42P01" => told(
            UNDEFINED,
            "a relation named here does not exist or is not granted",
            Some("SHOW pgwarrant.scope lists what is granted."),
        ),
        "42883" => {
            told(UNDEFINED, "no function or operator of this name takes these types", Some("Cast the arguments explicitly."))
        }
        "42704" => told(UNDEFINED, "a type or another object named here does not exist", None),
        "42702" => told(UNDEFINED, "a column named here is ambiguous", Some("Write the table's name in front of it.")),
        "42725" => told(UNDEFINED, "a function or operator named here is ambiguous", Some("Cast the arguments explicitly.")),
        "42803" => told(UNDEFINED, "a column must appear in GROUP BY or be used in an aggregate function", None),
        "42804" => told(UNDEFINED, "the types of an expression do not fit", Some("Cast explicitly.")),
        "42P18" => told(UNDEFINED, "the type of a parameter cannot be determined", Some("Cast it, such as $1::int.")),
        "42846" => told(UNDEFINED, "no cast between these types exists", None),
        code if code.starts_with("42") => told(UNDEFINED, "the statement does not fit the database's objects", None),
        code if code.starts_with("22") => told(UNDEFINED, "a value in the statement does not fit its type", None),
        code if code.starts_with("0A") => told(Reason::FeatureNotSupported, "the database does not support this statement", None),
        code if code.starts_with("54") => told(Reason::TooComplex, "the statement is too complex for the database", None),
        "55P03" => told(Reason::UpstreamUnavailable, "a table of the statement is locked for too long", Some("Try again.")),
        _ => told(Reason::UpstreamUnavailable, "the database cannot read the statement now", Some("Try again.")),
    }
}

fn sqlstate(error: &ServerError) -> String {
    error.sqlstate().to_owned()
}

pub fn upstream_failed(error: &crate::upstream::UpstreamError) -> Failure {
    tracing::warn!(%error, "the database failed");
    Deny::new(Reason::UpstreamUnavailable, "the connection to the database failed").hint("Try again.").into()
}

/// As Postgres counts time.
fn micros_since_2000() -> i64 {
    const POSTGRES_EPOCH: Duration = Duration::from_secs(946_684_800);
    let since = SystemTime::now().duration_since(UNIX_EPOCH + POSTGRES_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A 1-based character as a 0-based byte.
fn byte_position(text: &str, character: usize) -> Option<u32> {
    let (byte, _) = text.char_indices().nth(character.checked_sub(1)?)?;
    u32::try_from(byte).ok()
}

impl Decided {
    /// The proof with these values.
    pub fn check(&self, values: &Values) -> Result<Permit, Deny> {
        let own = values.parameters.iter().enumerate().map(|(index, value)| match (value, values.formats.get(index)) {
            (None, _) => BoundValue::Null,
            (Some(bytes), Some(Format::Binary)) => BoundValue::Binary(bytes),
            (Some(bytes), Some(Format::Text) | None) => BoundValue::Text(bytes),
        });
        let literals = self.literals.iter().map(|literal| BoundValue::Text(literal.value.as_bytes()));
        let bound: Vec<BoundValue<'_>> = own.chain(literals).collect();
        self.certified.proof.check(&bound, micros_since_2000())
    }

    /// Format codes for [`Decided::parameters`].
    pub fn formats(&self, values: &Values) -> Formats {
        let own = values.parameters.len();
        if self.literals.is_empty() || values.formats == Formats::All(Format::Text) {
            return values.formats.clone();
        }
        let own = (0..own).map(|index| values.formats.get(index).unwrap_or(Format::Text));
        let all: Vec<Format> = own.chain(self.literals.iter().map(|_| Format::Text)).collect();
        match all[..] {
            [one] => Formats::All(one),
            _ => Formats::Each(all),
        }
    }

    /// What is bound upstream: the agent's own values as they came, then the literals as text.
    pub fn parameters(&self, values: &Values) -> Vec<Option<Bytes>> {
        let literals = self.literals.iter().map(|literal| Some(Bytes::copy_from_slice(literal.value.as_bytes())));
        values.parameters.iter().cloned().chain(literals).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_numbered_behind_every_parameter() {
        for (text, declared, first) in [
            ("SELECT 1", &[][..], 1),
            ("SELECT $1, $12 + 1", &[], 13),
            ("SELECT 1", &[23, 23], 3),
            ("SELECT '$7'", &[], 8),
            ("SELECT $", &[], 1),
            ("SELECT $99999999999999", &[], 1_000_000),
        ] {
            assert_eq!(first_parameter(text, declared), first, "{text}");
        }
    }

    #[test]
    fn functions_of_users_are_seen_however_the_text_is_wrapped() {
        for (tree, calls) in [
            (&b"{OPEXPR :opno 96 :opfuncid 65 :args}"[..], false),
            (b"{FUNCEXPR :funcid 16400 :args}", true),
            (b"{FUNCEXPR :funcid\n16384 :args}", true),
            (b"{AGGREF :aggfnoid 2803 x} {AGGREF :aggfnoid 20000}", true),
            (b"{AGGREF :aggfnoid 16383}", false),
            (b"{QUERY :relid 99999}", false),
            (b":funcid", false),
        ] {
            assert_eq!(!user_functions(&[tree]).is_empty(), calls, "{}", String::from_utf8_lossy(tree));
        }
    }

    #[test]
    fn a_character_position_becomes_a_byte() {
        assert_eq!(byte_position("éa", 2), Some(2));
        assert_eq!(byte_position("éa", 0), None);
        assert_eq!(byte_position("éa", 9), None);
    }
}
