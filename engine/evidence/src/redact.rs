//! Keeps secrets out of evidence: every draft is searched for them before it is sealed.
//!
//! The error names where the secret was found, never the secret or any part of the text.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use serde_json::Value;
use std::fmt::Write as _;

/// The secrets that this process has resolved or generated.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    secrets: Vec<Secret>,
}

impl KnownSecrets {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers one more. An empty secret is ignored.
    pub fn add(&mut self, secret: Secret) {
        if !secret.expose().is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    /// Registers several more.
    pub fn extend(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        for secret in secrets {
            self.add(secret);
        }
    }

    /// Registers what `other` knows.
    pub fn join(&mut self, other: &Self) {
        self.extend(other.secrets.iter().cloned());
    }

    /// Refuses `value` when any of its strings or keys holds a registered secret, plain or
    /// percent-encoded, or a recognizable credential: a URL with a password, a `password=`
    /// setting, or a private key in PEM.
    ///
    /// # Errors
    /// A check failure that names the JSON pointer, never the value.
    pub fn check(&self, value: &Value) -> Result<()> {
        self.walk(value, &mut String::new())
    }

    /// Searches one text; `place` names it in the error.
    ///
    /// # Errors
    /// As [`KnownSecrets::check`].
    pub fn check_text(&self, place: &str, text: &str) -> Result<()> {
        match self.finding(text) {
            Some(what) => Err(refusal(what, place)),
            None => Ok(()),
        }
    }

    fn walk(&self, value: &Value, pointer: &mut String) -> Result<()> {
        let length = pointer.len();
        match value {
            Value::String(text) => self.check_text(place(pointer), text)?,
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let _ = write!(pointer, "/{i}");
                    self.walk(item, pointer)?;
                    pointer.truncate(length);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    // A secret used as a key must not appear in the pointer that is printed.
                    self.check_text(&format!("a key of {}", place(pointer)), key)?;
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    // `{"password": "..."}` is recognized by its key.
                    if let Value::String(text) = member
                        && is_password_key(key)
                        && !is_hidden(text)
                    {
                        return Err(refusal("a password", pointer));
                    }
                    self.walk(member, pointer)?;
                    pointer.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    fn finding(&self, text: &str) -> Option<&'static str> {
        if self.secrets.iter().any(|secret| holds(text, secret.expose())) {
            Some("a secret of this run")
        } else if url_with_password(text) {
            Some("a URL with a password")
        } else if password_setting(text) {
            Some("a password setting")
        } else if text.contains("PRIVATE KEY-----") {
            Some("a private key")
        } else {
            None
        }
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the document" } else { pointer }
}

fn refusal(what: &str, place: &str) -> Failure {
    Failure::check(format!("refusing to record evidence: {place} contains {what}")).hint(
        "this is a defect in FlowControl; nothing was written; please report where it was found",
    )
}

/// A secret of one to three characters would be found in almost any text, so it matches only
/// as a whole word.
fn holds(text: &str, secret: &str) -> bool {
    if secret.chars().count() < 4 {
        return text.split(|c: char| !c.is_alphanumeric()).any(|word| word == secret)
            || text == secret;
    }
    if text.contains(secret) {
        return true;
    }
    // As encoded in a URL's path or query, with hex digits of either case.
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    text.contains(&form) || (text.contains('%') && percent_decoded(text).contains(secret))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match (first, tail) {
            (b'%', [high, low, ..]) => {
                let digit = |b: &u8| char::from(*b).to_digit(16);
                digit(high).zip(digit(low)).and_then(|(h, l)| u8::try_from(h * 16 + l).ok())
            }
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `scheme://user:password@`, anywhere in `text`. For Postgres URLs the password may hold a
/// slash that was not encoded, so for them the whole word is searched.
fn url_with_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let word = text[at + 3..]
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
            .next()
            .unwrap_or_default();
        let scheme = text[..at].to_ascii_lowercase();
        let searched = if scheme.ends_with("postgres") || scheme.ends_with("postgresql") {
            word
        } else {
            word.split(['/', '?', '#']).next().unwrap_or_default()
        };
        searched.rfind('@').is_some_and(|end| {
            searched[..end].split_once(':').is_some_and(|(_, password)| !is_hidden(password))
        })
    })
}

/// `password=...` as in a libpq setting or a query string, or `PASSWORD '...'` as in SQL.
fn password_setting(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["password", "passwd", "pwd"].iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            let rest = lower[at + name.len()..].trim_start();
            let value = match rest.strip_prefix('=') {
                Some(value) => Some(value.trim_start()),
                None => rest.starts_with('\'').then_some(rest),
            };
            value.is_some_and(|v| {
                let end = v.find(|c: char| c.is_whitespace() || c == '&').unwrap_or(v.len());
                !is_hidden(&v[..end])
            })
        })
    })
}

fn is_password_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "pwd"].iter().any(|name| key == *name)
}

/// Whether it is empty, or a placeholder for a redacted password.
fn is_hidden(text: &str) -> bool {
    matches!(text, "" | "[hidden]" | "hidden" | "redacted" | "[redacted]")
        || text.chars().all(|c| matches!(c, '*' | '.' | '\u{2026}'))
}

#[cfg(test)]
mod tests {
    use super::KnownSecrets;
    use flowcontrol_contract::Secret;
    use serde_json::json;

    fn known(secret: &str) -> KnownSecrets {
        let mut known = KnownSecrets::new();
        known.add(Secret::new(secret));
        known
    }

    #[test]
    fn a_registered_secret_is_refused_by_its_place_and_not_shown() {
        let secret = "kanarek/7f3a@ż";
        for (value, place) in [
            (json!({"a": [{"b~/c": format!("x{secret}y")}]}), "/a/0/b~0~1c"),
            (json!({"a": "postgres%3A//kanarek%2F7f3a%40%C5%BC"}), "/a"),
            (json!({"a": "kanarek%2f7f3a%40%c5%bc"}), "/a"),
            (json!({"a": {(secret): 1}}), "a key of /a"),
            (json!(secret), "the document"),
        ] {
            let refused = known(secret).check(&value).unwrap_err();
            assert!(refused.message.contains(place), "{refused}");
            assert!(!refused.message.contains("kanarek"), "{refused}");
        }
        assert!(known(secret).check(&json!({"a": "kanarek, 7f3a"})).is_ok());
    }

    #[test]
    fn a_short_secret_counts_as_a_word_only() {
        assert!(known("ab").check(&json!("about the table")).is_ok());
        assert!(known("ab").check(&json!("password ab given")).is_err());
        assert!(known("").check(&json!("")).is_ok());
    }

    #[test]
    fn recognizable_credentials_are_refused() {
        let none = KnownSecrets::new();
        for text in [
            "postgres://anna:tajne@db.example:5432/bfg",
            "cannot connect to postgresql://anna:ta/jne@db.example/bfg: timed out",
            "see https://u:p@example.org/x",
            "host=db password=tajne dbname=bfg",
            "host=db PASSWORD = 'tajne'",
            "ALTER ROLE anna PASSWORD 'tajne'",
            "postgres://db.example/bfg?password=tajne&sslmode=require",
            "-----BEGIN PRIVATE KEY-----\nMC4C",
        ] {
            assert!(none.check(&json!({ "k": text })).is_err(), "{text}");
        }
        for text in [
            "postgres://anna@db.example:5432/bfg",
            "postgres://anna:***@db.example/bfg",
            "http://localhost:8080/users/anna@example.org",
            "db.example:5432/bfg",
            "the password was wrong",
            "password=[hidden] host=db",
            "anna@example.org: mailto://",
        ] {
            assert!(none.check(&json!({ "k": text })).is_ok(), "{text}");
        }
        assert!(none.check(&json!({"login": {"password": "tajne"}})).is_err());
        assert!(none.check(&json!({"login": {"password": "[hidden]"}})).is_ok());
    }
}
