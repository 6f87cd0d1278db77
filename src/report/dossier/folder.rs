//! Writes a dossier into a folder: each file completely or not at all, and never over a file that
//! is not a dossier.

use super::html;
use super::model::{Dossier, SCHEMA};
use crate::report::{format, json};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::KnownSecrets;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const JSON: &str = "dossier.json";
const HTML: &str = "dossier.html";

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// Its digest.
    pub html_sha256: Digest,
    /// The document that the page is rendered from.
    pub json: PathBuf,
    /// Its digest, which the page shows as well.
    pub json_sha256: Digest,
}

/// Writes both files into `dir`, which is created if it does not exist; an earlier dossier is
/// replaced. The document is written first: if a crash prevents the page, the older page shows
/// another digest.
///
/// # Errors
/// A check failure when a secret would be written; a usage failure when a file of the same name is
/// not a dossier; an environment failure when the folder cannot be written.
pub fn write(dir: &Path, dossier: &Dossier, secrets: &KnownSecrets) -> Result<Written> {
    check(dossier, secrets)?;
    let document = json::pretty(dossier)?;
    let json_sha256 = Digest::of(&document);
    let page = html::page(dossier, json_sha256);
    let html_sha256 = Digest::of(&page);
    fs::create_dir_all(dir).map_err(|e| failed(dir, &e))?;
    let mut ready = Vec::new();
    for (name, text) in [(JSON, document), (HTML, page)] {
        let path = dir.join(name);
        let replaces = earlier(&path)?;
        let file = beside(dir, &text).map_err(|e| failed(&path, &e))?;
        ready.push((path, file, replaces));
    }
    for (path, file, replaces) in ready {
        if replaces { file.persist(&path) } else { file.persist_noclobber(&path) }
            .map_err(|e| failed(&path, &e.error))?;
    }
    Ok(Written { html: dir.join(HTML), html_sha256, json: dir.join(JSON), json_sha256 })
}

fn check(dossier: &Dossier, secrets: &KnownSecrets) -> Result<()> {
    secrets.check_text("the runbook", &dossier.runbook.sql).map_err(|refused| Failure {
        hint: Some(
            "remove it from the migration files, which have more readers than this dossier; set a \
                             role's password where the role is created"
                .to_owned(),
        ),
        ..refused
    })?;
    let value = serde_json::to_value(dossier)
        .map_err(|e| Failure::check(format!("this dossier cannot be serialized: {e}")))?;
    secrets.check(&value)
}

/// Whether `path` is an earlier dossier; another file there is refused.
fn earlier(path: &Path) -> Result<bool> {
    let foreign = || {
        Failure::usage(format!("{} exists and is not a dossier", path.display()))
            .hint("move it aside, or give another folder with --out")
    };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(failed(path, &e)),
        Ok(found) if !found.is_file() => return Err(foreign()),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(|e| failed(path, &e))?;
    if is_ours(&bytes) { Ok(true) } else { Err(foreign()) }
}

/// A document that names the schema in any version, or a page rendered from one.
fn is_ours(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let family = SCHEMA.trim_end_matches(|c: char| c.is_ascii_digit());
    if let Ok(Named { schema }) = serde_json::from_slice(bytes) {
        return schema.starts_with(family);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]);
    head.starts_with("<!DOCTYPE html>")
        && head.contains(&format!("<meta name=\"generator\" content=\"{family}"))
}

fn beside(dir: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".dossier-").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    format::set_usual_permissions(file.as_file())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("cannot write {}: {error}", path.display()))
        .hint("check the free space and the permissions, or give another folder with --out")
}
