//! Secrets and the references that configuration holds instead of them.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A secret's text. `Debug` hides it and there is no `Display`, so it cannot reach a log or a
/// packet by being formatted.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Where a secret is kept; configuration never holds the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable's name.
    Env(String),
    /// A file's path; one line break at its end is ignored.
    File(String),
    /// A secret that this process made for a throw-away target, by its role.
    Held(String),
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

/// Resolves references; adapters get one when they are built and read no environment themselves.
pub trait Secrets: Send + Sync {
    /// The secret behind `reference`.
    ///
    /// # Errors
    /// `Configuration` that names the reference when it is absent, empty or unreadable.
    fn resolve(&self, reference: &SecretRef) -> Result<Secret>;
}
