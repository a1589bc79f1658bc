//! The SQL that installs the filtered catalogue, and the names in it.

/// The schema that stands in the place of `pg_catalog` in statements that read catalogues only.
pub const CATALOGUE_SCHEMA: &str = "pgwarrant_catalog";
/// The schema that stands in the place of `information_schema`.
pub const INFORMATION_SCHEMA: &str = "pgwarrant_information_schema";
/// The setting that says what one token may see; its value is made by [`super::visible::Visible::setting`].
pub const VISIBLE_SETTING: &str = "pgwarrant.visible";

const TEMPLATE: &str = include_str!("views.sql");

/// The script for the roles that pgwarrant works with, given by their names; it may be run with psql or as one simple query.
pub fn sql(roles: &[&str]) -> String {
    let quoted: Vec<String> = roles.iter().map(|role| format!("\"{}\"", role.replace('"', "\"\""))).collect();
    TEMPLATE.replace("@READER@", &quoted.join(", "))
}

/// Whether everything in the schema is filtered by the token's scope.
pub fn is_filtered_schema(schema: &str) -> bool {
    matches!(schema, CATALOGUE_SCHEMA | INFORMATION_SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_s_name_is_quoted() {
        assert!(sql(&["odd \"name\""]).contains("TO \"odd \"\"name\"\"\";"));
        assert!(sql(&["a", "b"]).contains("TO \"a\", \"b\";"));
        assert!(!sql(&["reader"]).contains("@READER@\n") && !sql(&["reader"]).contains("TO @READER@"));
    }
}
