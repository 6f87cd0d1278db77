//! Where secrets come from: the environment, files, and what this process made itself.

use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Error, ErrorKind, Result, Secret, SecretRef};
use std::collections::BTreeMap;
use std::io::ErrorKind as IoError;
use std::path::Path;

fn absent(reference: &SecretRef, why: &str) -> Error {
    let hint = match reference {
        SecretRef::Env(name) => format!("set {name} in the environment of this command"),
        SecretRef::File(_) => {
            "write the secret into that file; a relative path starts from the configuration's folder"
                .into()
        }
        SecretRef::Held(_) => "name { env = \"VARIABLE\" } or { file = \"/path\" }".into(),
    };
    Error::new(ErrorKind::Configuration, format!("the secret in {reference} {why}")).hint(hint)
}

/// Secrets of the environment and of files.
#[derive(Clone, Copy, Debug)]
pub struct ProcessSecrets<'a> {
    /// The folder that relative paths start from.
    pub base: &'a Path,
}

impl Secrets for ProcessSecrets<'_> {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let text = match reference {
            SecretRef::Env(name) => std::env::var(name).map_err(|e| match e {
                std::env::VarError::NotPresent => absent(reference, "is not set"),
                std::env::VarError::NotUnicode(_) => absent(reference, "is not UTF-8 text"),
            })?,
            SecretRef::File(path) => {
                let text =
                    std::fs::read_to_string(self.base.join(path)).map_err(|e| match e.kind() {
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

/// Secrets that a rehearsal holds for its target, and no others.
#[derive(Clone, Debug, Default)]
pub struct HeldSecrets(pub BTreeMap<String, Secret>);

impl Secrets for HeldSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        match reference {
            SecretRef::Held(name) => {
                self.0.get(name).cloned().ok_or_else(|| absent(reference, "was never made"))
            }
            other => Err(absent(other, "is not one that the rehearsal holds")),
        }
    }
}
