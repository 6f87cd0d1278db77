//! Quoting of names and values in SQL text, for statements that cannot take them as parameters.

/// `name` as a quoted SQL identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name`, both quoted as identifiers.
#[must_use]
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// `text` as a quoted SQL string. The `E` form does not depend on `standard_conforming_strings`.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal, qualified};

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(qualified("S", "t x"), "\"S\".\"t x\"");
        assert_eq!(literal("' or '1'='1"), "E''' or ''1''=''1'");
        assert_eq!(literal("it's \\"), "E'it''s \\\\'");
    }
}
