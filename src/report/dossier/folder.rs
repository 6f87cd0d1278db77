//! Writes a dossier into a folder: each file completely or not at all, and never over a file that
//! is not a dossier.

use super::html;
use super::model::{Dossier, SCHEMA};
use crate::report::format::cannot_write;
use crate::report::json;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::KnownSecrets;
use flowcontrol_files::{self as files, Access, AtPath as _, FileError, Staged};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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
    files::create_folder(dir, Access::Shared).map_err(cannot_write)?;
    let mut ready = Vec::new();
    for (name, text) in [(JSON, document), (HTML, page)] {
        let path = dir.join(name);
        let replaces = earlier(&path)?;
        ready.push((staged(&path, &text).map_err(cannot_write)?, replaces));
    }
    for (file, replaces) in ready {
        if replaces { file.replace() } else { file.create() }.map_err(cannot_write)?;
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
        Err(e) => return Err(cannot_write(FileError::new("read", path, e))),
        Ok(found) if !found.is_file() => return Err(foreign()),
        Ok(_) => {}
    }
    let bytes = fs::read(path).at_path("read", path).map_err(cannot_write)?;
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

/// The file beside its place, synced: both are written before the first is put there.
fn staged(path: &Path, text: &str) -> files::Result<Staged> {
    let mut file = Staged::new(path, Access::Shared)?;
    file.write_all(text.as_bytes()).at_path("write", path)?;
    file.sync()?;
    Ok(file)
}
