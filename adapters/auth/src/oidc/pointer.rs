//! JSON pointers (RFC 6901) to claims, parsed once.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The path of a claim, such as `/realm_access/roles` or `/https:~1~1bfg.example~1tenant`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer {
    first: String,
    rest: String,
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("the claim path {text:?} {why}"));
        let Some(path) = text.strip_prefix('/') else {
            return wrong("is not a JSON pointer: write /roles or /realm_access/roles");
        };
        if path.is_empty() {
            return wrong("names no claim");
        }
        let mut escapes = path.split('~').skip(1);
        if escapes.any(|after| !after.starts_with(['0', '1'])) {
            return wrong("has a ~ that is neither ~0 nor ~1");
        }
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        Ok(Self { first: first.replace("~1", "/").replace("~0", "~"), rest: rest.to_owned() })
    }
}

impl Pointer {
    /// The claim, if it is there.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        claims.get(&self.first)?.pointer(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Pointer;
    use serde_json::json;

    #[test]
    fn a_place_is_found_or_is_not_and_a_wrong_one_is_refused() {
        let claims = json!({"roles": ["a"], "realm": {"roles": ["b"]}, "https://x/t~n": "c"});
        let claims = claims.as_object().unwrap();
        let find = |text: &str| {
            Pointer::try_from(text.to_owned()).unwrap().find(claims).cloned().unwrap_or_default()
        };
        assert_eq!(find("/roles"), json!(["a"]));
        assert_eq!(find("/roles/0"), json!("a"));
        assert_eq!(find("/realm/roles"), json!(["b"]));
        assert_eq!(find("/https:~1~1x~1t~0n"), json!("c"));
        assert_eq!(find("/realm/none"), json!(null));
        for wrong in ["", "roles", "/", "/a~2", "/a~"] {
            assert!(Pointer::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
