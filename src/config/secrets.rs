//! Where secrets come from: the environment, files, and what this process made itself.

use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Error, ErrorKind, Result, Secret, SecretRef};
use std::collections::BTreeMap;

fn absent(reference: &SecretRef, why: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the secret in {reference} {why}"))
        .hint("set it in this process's environment, or write the file")
}

/// Secrets of the environment and of files.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSecrets;

impl Secrets for ProcessSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let text = match reference {
            SecretRef::Env(name) => {
                std::env::var(name).map_err(|_| absent(reference, "is not set"))?
            }
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| absent(reference, &format!("cannot be read: {e}")))?;
                text.strip_suffix('\n').unwrap_or(&text).to_owned()
            }
            SecretRef::Held(_) => {
                return Err(absent(reference, "is known only while a rehearsal runs"));
            }
        };
        if text.is_empty() {
            return Err(absent(reference, "is empty"));
        }
        Ok(Secret::new(text))
    }
}

/// Secrets that a rehearsal made for its throw-away target; falls back to the process's.
#[derive(Clone, Debug, Default)]
pub struct HeldSecrets(pub BTreeMap<String, Secret>);

impl Secrets for HeldSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        match reference {
            SecretRef::Held(name) => {
                self.0.get(name).cloned().ok_or_else(|| absent(reference, "was never made"))
            }
            other => ProcessSecrets.resolve(other),
        }
    }
}
