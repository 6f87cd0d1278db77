//! Secrets, and the references to them in the configuration.

use crate::error::Result;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A secret. `Debug` hides it and there is no `Display`, so that formatting cannot put it into a
/// log or a packet.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; call it only where it is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A reference to a secret; configuration never holds the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file; one line break at its end is ignored.
    File(String),
    /// A secret that this process generated for a throw-away target, by its role.
    Held(String),
}

/// Deserialized by hand: the error of a derived implementation would repeat a password that was
/// written instead of a reference.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reference)
    }
}

const WANTED: &str = "the configuration must not contain secrets: refer to where it is kept, as \
    { env = \"VARIABLE\" } or { file = \"/path\" }";

struct Reference;

fn inline<T, E: de::Error>() -> Result<T, E> {
    Err(E::custom(WANTED))
}

impl<'de> Visitor<'de> for Reference {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"VARIABLE\" } or { file = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        inline()
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretRef, E> {
        inline()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        inline()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretRef, E> {
        inline()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        inline()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let Some((key, TextOrNone(value))) = map.next_entry::<String, TextOrNone>()? else {
            return inline();
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("a secret reference takes exactly one of env and file"));
        }
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match (key.as_str(), value) {
            ("env", Some(v)) if !v.is_empty() && v.chars().all(name) => Ok(SecretRef::Env(v)),
            // A text that is not a valid variable name may be the secret itself.
            ("env", _) => Err(de::Error::custom(
                "env takes the name of an environment variable: letters, digits and underscores",
            )),
            ("file", Some(v)) if !v.is_empty() => Ok(SecretRef::File(v)),
            ("file", _) => Err(de::Error::custom("file takes the path of a file")),
            ("held", Some(v)) => Ok(SecretRef::Held(v)),
            _ => inline(),
        }
    }
}

/// A text, or `None` for any other value, which is not repeated in errors.
struct TextOrNone(Option<String>);

impl<'de> Deserialize<'de> for TextOrNone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Text(String),
            Other(de::IgnoredAny),
        }
        Ok(Self(match Any::deserialize(deserializer)? {
            Any::Text(text) => Some(text),
            Any::Other(_) => None,
        }))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Held(name) => write!(f, "generated secret {name}"),
        }
    }
}

/// Resolves references. Adapters get one when they are built and do not read the environment
/// themselves.
pub trait Secrets: Send + Sync {
    /// The secret behind `reference`.
    ///
    /// # Errors
    /// `Configuration` that names the reference when it is absent, empty or unreadable.
    fn resolve(&self, reference: &SecretRef) -> Result<Secret>;
}

#[cfg(test)]
mod tests {
    use super::SecretRef;
    use serde_json::json;

    #[test]
    fn references_read_back_as_they_are_spelled() {
        for (value, wanted) in [
            (json!({"env": "BFG_PASSWORD"}), SecretRef::Env("BFG_PASSWORD".into())),
            (json!({"file": "/run/secrets/db"}), SecretRef::File("/run/secrets/db".into())),
            (json!({"held": "replayer"}), SecretRef::Held("replayer".into())),
        ] {
            assert_eq!(serde_json::from_value::<SecretRef>(value.clone()).unwrap(), wanted);
            assert_eq!(serde_json::to_value(&wanted).unwrap(), value);
        }
    }

    #[test]
    fn a_secret_in_the_place_of_its_reference_is_refused_and_not_repeated() {
        for value in [
            json!("hunter2!"),
            json!({"value": "hunter2!"}),
            json!({"env": "hunter2!"}),
            json!({"env": ["hunter2!"]}),
            json!({"env": "A", "file": "hunter2!"}),
            json!(["hunter2!"]),
            json!({}),
        ] {
            let refused = serde_json::from_value::<SecretRef>(value.clone()).unwrap_err();
            assert!(!refused.to_string().contains("hunter2"), "{value}: {refused}");
        }
        for value in [json!(20_241_123), json!(-5), json!(1.5), json!(true)] {
            let refused = serde_json::from_value::<SecretRef>(value.clone()).unwrap_err();
            assert!(refused.to_string().contains("env = "), "{value}: {refused}");
            assert!(!refused.to_string().contains(&value.to_string()), "{value}: {refused}");
        }
    }
}
