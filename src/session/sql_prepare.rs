//! PREPARE and EXECUTE of SQL: the same statements as those of the protocol, and values of the same Bind.

use std::sync::Arc;

use bytes::Bytes;

use super::core::Session;
use super::failure::Failure;
use super::prepared::{Decided, Kind, Prepared, Values};
use super::wrap::{Delivery, shifted};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{Argument, ArgumentValue, ParameterType};
use crate::wire::Oid;
use crate::wire::frontend::{Format, Formats};

const BOOL: Oid = 16;
const INTEGERS: [(Oid, i64, i64); 3] =
    [(21, i16::MIN as i64, i16::MAX as i64), (23, i32::MIN as i64, i32::MAX as i64), (20, i64::MIN, i64::MAX)];
/// float4, float8, numeric.
const FRACTIONS: [Oid; 3] = [700, 701, 1700];
/// text and varchar without a length: the same values.
const TEXTS: [Oid; 2] = [25, 1043];

impl Session {
    pub async fn prepare_sql(&mut self, name: &str, named: &[ParameterType], text: &str, offset: usize) -> Result<(), Failure> {
        let types: Vec<Oid> = named.iter().map(ParameterType::oid).collect();
        let kind = self.judge(text, &types).await.map_err(|failure| shifted(failure, offset))?;
        let Kind::Query(decided) = &kind else {
            return Err(Deny::new(Reason::FeatureNotSupported, "only SELECT, INSERT, UPDATE, DELETE and MERGE can be prepared")
                .at(u32::try_from(offset).ok())
                .into());
        };
        check_named(named, decided)?;
        self.statements.check_free(name)?;
        let prepared = Prepared { text: text.into(), declared: types.as_slice().into(), kind, delivery: Delivery::Rows };
        self.statements.insert(name, Arc::new(prepared));
        self.complete("PREPARE")
    }

    pub fn deallocate(&mut self, name: Option<&str>) -> Result<(), Failure> {
        let Some(name) = name else {
            self.statements.clear();
            return self.complete("DEALLOCATE ALL");
        };
        self.statements.get(name)?;
        self.statements.remove(name);
        self.complete("DEALLOCATE")
    }

    /// The statement that EXECUTE names, with its arguments as the values of a Bind.
    pub fn executed(
        &self,
        name: &str,
        arguments: &[Argument],
        result_formats: Bytes,
    ) -> Result<(Arc<Prepared>, Arc<Values>), Failure> {
        let prepared = self.statements.get(name)?.clone();
        let values = bound(name, &prepared, arguments, result_formats)?;
        Ok((prepared, values))
    }
}

/// The arguments of EXECUTE as the values of a Bind.
pub fn bound(name: &str, prepared: &Prepared, arguments: &[Argument], result_formats: Bytes) -> Result<Arc<Values>, Failure> {
    let decided = prepared_query(prepared)?;
    let types = &decided.certified.reading.parameter_types[..decided.certified.client_parameters];
    if types.len() != arguments.len() {
        let message = format!("wrong number of parameters for prepared statement \"{name}\"");
        let detail = format!("Expected {} parameters but got {}.", types.len(), arguments.len());
        return Err(Failure { detail: Some(detail), ..Failure::new("42601", message) });
    }
    let values = arguments.iter().zip(types).map(|(argument, &oid)| value(argument, oid));
    let parameters = values.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Values { formats: Formats::All(Format::Text), parameters, result_formats }))
}

/// The server chose the types that PREPARE names.
fn check_named(named: &[ParameterType], decided: &Decided) -> Result<(), Failure> {
    for (index, told) in named.iter().enumerate() {
        let ParameterType::Named(name) = told else { continue };
        let chosen = decided.certified.reading.parameter_types.get(index);
        let chosen = chosen.and_then(|oid| decided.world.catalogue.types.get(oid)).map(|found| &found.name);
        let same = chosen.is_some_and(|chosen| match name.as_slice() {
            [name] => chosen.name == *name,
            [schema, name] => chosen.schema == *schema && chosen.name == *name,
            _ => false,
        });
        if !same {
            let message = format!("the type of ${} cannot be named here", index + 1);
            return Err(Deny::new(Reason::FeatureNotSupported, message).hint("Leave the types out.").into());
        }
    }
    Ok(())
}

pub fn prepared_query(prepared: &Prepared) -> Result<&Decided, Failure> {
    match &prepared.kind {
        Kind::Query(decided) if prepared.delivery.is_rows() => Ok(decided),
        Kind::Query(_) | Kind::Empty | Kind::Local(_) => {
            Err(Deny::new(Reason::FeatureNotSupported, "EXECUTE runs SELECT, INSERT, UPDATE, DELETE and MERGE only").into())
        }
    }
}

/// The argument as the text that its parameter's type reads to the very value that Postgres's own coercion would give.
fn value(argument: &Argument, oid: Oid) -> Result<Option<Bytes>, Failure> {
    let is_integer = |oid: Oid| INTEGERS.iter().any(|(found, _, _)| *found == oid);
    let text = match (&argument.value, argument.cast) {
        (ArgumentValue::Null, _) => return Ok(None),
        (ArgumentValue::Boolean(value), None | Some(BOOL)) if oid == BOOL => if *value { "t" } else { "f" }.to_owned(),
        (ArgumentValue::Text(value), None) => value.clone(),
        (ArgumentValue::Text(value), Some(cast)) if cast == oid || (TEXTS.contains(&cast) && TEXTS.contains(&oid)) => {
            value.clone()
        }
        (ArgumentValue::Integer(digits) | ArgumentValue::Text(digits), Some(cast)) if is_integer(cast) && is_integer(oid) => {
            ranged(digits, cast)?
        }
        (ArgumentValue::Integer(digits), None) if is_integer(oid) || FRACTIONS.contains(&oid) => digits.clone(),
        (ArgumentValue::Integer(digits), Some(cast)) if cast == oid && FRACTIONS.contains(&oid) => digits.clone(),
        (ArgumentValue::Decimal(digits), None) if FRACTIONS.contains(&oid) => digits.clone(),
        (ArgumentValue::Decimal(digits), Some(cast)) if cast == oid && FRACTIONS.contains(&oid) => digits.clone(),
        (ArgumentValue::Array(items), cast) if cast.is_none_or(|cast| cast == oid) => array(items, cast.is_some(), oid)?,
        (ArgumentValue::Array(_), _) => return Err(another_type()),
        (ArgumentValue::Boolean(_) | ArgumentValue::Integer(_) | ArgumentValue::Decimal(_) | ArgumentValue::Text(_), _) => {
            return Err(another_type());
        }
    };
    Ok(Some(text.into()))
}

fn another_type() -> Failure {
    Deny::new(Reason::FeatureNotSupported, "an argument of EXECUTE has another type than its parameter")
        .hint("Write the value as a plain string, '…', which every type reads.")
        .into()
}

/// `ARRAY[…]` as the array's text. Strings in it are of type text unless the whole is cast.
fn array(items: &[ArgumentValue], is_cast: bool, oid: Oid) -> Result<String, Failure> {
    /// Array types and their elements.
    const ARRAYS: [(Oid, Oid); 11] = [
        (1000, BOOL),
        (1005, 21),
        (1007, 23),
        (1016, 20),
        (1021, 700),
        (1022, 701),
        (1231, 1700),
        (1009, 25),
        (1015, 1043),
        (1182, 1082),
        (2951, 2950),
    ];
    let element = ARRAYS.iter().find(|(array, _)| *array == oid).map(|(_, element)| *element).ok_or_else(another_type)?;
    // `ARRAY[]` needs a cast, and what is mixed takes a type that all of it fits.
    let kind = |item: &ArgumentValue| std::mem::discriminant(item);
    let mut given = items.iter().filter(|item| !matches!(item, ArgumentValue::Null));
    let first = given.next().map(kind);
    if (items.is_empty() && !is_cast) || given.any(|item| Some(kind(item)) != first) {
        return Err(another_type());
    }
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if matches!(item, ArgumentValue::Text(_)) && !is_cast && !TEXTS.contains(&element) {
            return Err(another_type());
        }
        let item = value(&Argument { value: item.clone(), cast: None }, element)?;
        text.push_str(if index == 0 { "" } else { "," });
        match item {
            None => text.push_str("NULL"),
            Some(bytes) => {
                let bytes = String::from_utf8_lossy(&bytes).replace('\\', "\\\\").replace('"', "\\\"");
                text.push('"');
                text.push_str(&bytes);
                text.push('"');
            }
        }
    }
    text.push('}');
    Ok(text)
}

/// What a cast to an integer type gives.
fn ranged(digits: &str, cast: Oid) -> Result<String, Failure> {
    let found = digits.trim_matches(' ').parse::<i64>().ok();
    let fits = |value: &i64| INTEGERS.iter().any(|(oid, least, most)| *oid == cast && (least..=most).contains(&value));
    let value = found.filter(fits);
    value
        .map(|value| value.to_string())
        .ok_or_else(|| Failure::new("22003", "an argument of EXECUTE is out of range of its type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: ArgumentValue, cast: Option<Oid>, oid: Oid) -> Result<Option<Bytes>, ()> {
        super::value(&Argument { value, cast }, oid).map_err(|_| ())
    }

    #[test]
    fn a_literal_is_bound_as_the_value_that_postgres_would_make_of_it() {
        use ArgumentValue::{Boolean, Decimal, Integer, Null, Text};
        let text = |value: &str| Ok(Some(Bytes::copy_from_slice(value.as_bytes())));
        assert_eq!(given(Null, Some(23), 25), Ok(None));
        assert_eq!(given(Boolean(true), None, BOOL), text("t"));
        assert_eq!(given(Integer("-5".into()), None, 20), text("-5"));
        assert_eq!(given(Integer("5".into()), Some(23), 20), text("5"));
        assert_eq!(given(Integer("40000".into()), Some(21), 20), Err(()));
        assert_eq!(given(Text(" 7".into()), Some(23), 20), text("7"));
        assert_eq!(given(Text("open".into()), None, 25), text("open"));
        assert_eq!(given(Decimal("1.5".into()), None, 1700), text("1.5"));
    }

    #[test]
    fn an_array_is_bound_as_its_text() {
        use ArgumentValue::{Array, Decimal, Integer, Null, Text};
        let text = |value: &str| Ok(Some(Bytes::copy_from_slice(value.as_bytes())));
        assert_eq!(given(Array(vec![Integer("1".into()), Null, Integer("-2".into())]), None, 1016), text("{\"1\",NULL,\"-2\"}"));
        assert_eq!(given(Array(vec![Text("a\"b\\c".into())]), None, 1009), text("{\"a\\\"b\\\\c\"}"));
        assert_eq!(given(Array(vec![Text("2026-01-01".into())]), Some(1182), 1182), text("{\"2026-01-01\"}"));
        assert_eq!(given(Array(vec![]), Some(1007), 1007), text("{}"));
        for (items, cast, oid) in [
            (vec![Text("1".into())], None, 1007),
            (vec![Text("2026-01-01".into())], None, 1182),
            (vec![], None, 1007),
            (vec![Integer("1".into()), Decimal("1.5".into())], None, 1231),
            (vec![Integer("1".into())], Some(1007), 1016),
            (vec![Integer("1".into())], None, 25),
            (vec![Integer("1".into())], None, 3802),
        ] {
            assert_eq!(given(Array(items), cast, oid), Err(()));
        }
    }

    #[test]
    fn what_postgres_would_coerce_to_another_value_is_refused() {
        use ArgumentValue::{Boolean, Decimal, Integer, Text};
        for (value, cast, oid) in [
            // Rounded, refused, formatted; read by another type.
            (Decimal("1.5".into()), None, 23),
            (Integer("1".into()), None, BOOL),
            (Boolean(true), None, 25),
            (Integer("007".into()), None, 25),
            (Text("2026-01-01 10:00".into()), Some(1082), 1114),
        ] {
            assert_eq!(given(value, cast, oid), Err(()));
        }
    }
}
