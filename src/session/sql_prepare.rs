//! PREPARE and EXECUTE of SQL: the same statements as those of the protocol, and values of the same Bind.

use std::sync::Arc;

use bytes::Bytes;

use super::core::Session;
use super::failure::Failure;
use super::prepared::{Decided, Kind, Prepared, Values};
use super::wrap::{Delivery, shifted};
use crate::decision::deny::Deny;
use crate::decision::reason::Reason;
use crate::statement::kind::{Argument, ArgumentValue};
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
    pub async fn prepare_sql(&mut self, name: &str, types: &[Oid], text: &str, offset: usize) -> Result<(), Failure> {
        let kind = self.judge(text, types).await.map_err(|failure| shifted(failure, offset))?;
        if !matches!(kind, Kind::Query(_)) {
            return Err(Deny::new(Reason::FeatureNotSupported, "only SELECT, INSERT, UPDATE, DELETE and MERGE can be prepared")
                .at(u32::try_from(offset).ok())
                .into());
        }
        self.statements.check_free(name)?;
        let prepared = Prepared { text: text.into(), declared: types.into(), kind, delivery: Delivery::Rows };
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
        let decided = prepared_query(&prepared)?;
        let types = &decided.certified.reading.parameter_types[..decided.certified.client_parameters];
        if types.len() != arguments.len() {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {} parameters but got {}.", types.len(), arguments.len());
            return Err(Failure { detail: Some(detail), ..Failure::new("42601", message) });
        }
        let values = arguments.iter().zip(types).map(|(argument, &oid)| value(argument, oid));
        let parameters = values.collect::<Result<Vec<_>, _>>()?;
        Ok((prepared, Arc::new(Values { formats: Formats::All(Format::Text), parameters, result_formats })))
    }
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
        (ArgumentValue::Boolean(_) | ArgumentValue::Integer(_) | ArgumentValue::Decimal(_) | ArgumentValue::Text(_), _) => {
            return Err(Deny::new(Reason::FeatureNotSupported, "an argument of EXECUTE has another type than its parameter")
                .hint("Write the value as a plain string, '…', which every type reads.")
                .into());
        }
    };
    Ok(Some(text.into()))
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
