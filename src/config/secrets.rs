//! Where secrets come from: the environment, files, and what this process made itself.

use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Error, ErrorKind, Result, Secret, SecretRef};
use std::collections::BTreeMap;
use std::io::ErrorKind as IoError;

fn absent(reference: &SecretRef, why: &str) -> Error {
    let hint = match reference {
        SecretRef::Env(name) => format!("set {name} in the environment of this command"),
        SecretRef::File(_) => {
            "write the secret into that file; a relative path starts from the current folder".into()
        }
        SecretRef::Held(_) => "name { env = \"VARIABLE\" } or { file = \"/path\" }".into(),
    };
    Error::new(ErrorKind::Configuration, format!("the secret in {reference} {why}")).hint(hint)
}

/// Secrets of the environment and of files.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSecrets;

impl Secrets for ProcessSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let text = match reference {
            SecretRef::Env(name) => std::env::var(name).map_err(|e| match e {
                std::env::VarError::NotPresent => absent(reference, "is not set"),
                std::env::VarError::NotUnicode(_) => absent(reference, "is not UTF-8 text"),
            })?,
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
                    IoError::NotFound => absent(reference, "is not there"),
                    IoError::IsADirectory => absent(reference, "is a folder, not a file"),
                    IoError::InvalidData => absent(reference, "is not UTF-8 text"),
                    _ => absent(reference, &format!("cannot be read: {e}")),
                })?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                line.strip_suffix('\r').unwrap_or(line).to_owned()
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
