//! Serializes values to canonical JSON, the byte form that is hashed and signed.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::json::canonicalize;
use serde::Serialize;

/// The canonical form (RFC 8785) of `value`.
///
/// # Errors
/// A usage failure when the value cannot be represented exactly, such as an integer beyond 2^53.
pub fn canonical(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|e| Failure::usage(format!("this value cannot be serialized as JSON: {e}")))?;
    canonicalize(&text).map_err(|e| {
        Failure::usage(format!("this value cannot be written to evidence: {e}"))
            .hint("write large numbers, such as a system identifier, as strings")
    })
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use serde_json::json;

    #[test]
    fn members_are_ordered_and_numbers_have_one_form() {
        let value = json!({"b": 1.50, "a": {"d": [1, 2], "c": null}});
        assert_eq!(canonical(&value).unwrap(), r#"{"a":{"c":null,"d":[1,2]},"b":1.5}"#);
    }

    #[test]
    fn an_integer_that_no_double_holds_is_refused_with_a_hint() {
        let refused = canonical(&json!({"system_identifier": 7_412_345_678_901_234_567_u64}));
        let failure = refused.unwrap_err();
        assert!(failure.message.contains("7412345678901234567"), "{failure}");
        assert!(failure.hint.unwrap().contains("as strings"));
    }
}
