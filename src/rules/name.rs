//! Names in rule files: written, folded and compared as in a grant (`token::grant`), which is as in SQL.

use crate::token::grant::{FunctionSignature, QualifiedName};

/// Always with its schema: what a bare name means depends on a search path.
pub fn qualified(text: &str) -> Result<QualifiedName, String> {
    text.parse::<QualifiedName>().map_err(|e| e.to_string())
}

/// `schema.name(type, type)`.
pub fn signature(text: &str) -> Result<FunctionSignature, String> {
    text.parse::<FunctionSignature>().map_err(|e| e.to_string())
}

/// A column: what may stand after the point of a qualified name.
pub fn identifier(text: &str) -> Result<String, String> {
    match format!("x.{text}").parse::<QualifiedName>() {
        Ok(name) => Ok(name.name),
        Err(error) => Err(format!("expected one name, quoted as in SQL where it is not lower case; found {}", error.found)),
    }
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn a_column_is_one_name_and_folds_as_in_sql() {
        assert_eq!(identifier("Tenant_ID"), Ok("tenant_id".into()));
        assert_eq!(identifier("\"Odd \"\"C\"\"\""), Ok("Odd \"C\"".into()));
        for wrong in ["", "a.b", "a b", "a,", "*", "\"a", "ö"] {
            assert!(identifier(wrong).is_err(), "{wrong}");
        }
    }
}
