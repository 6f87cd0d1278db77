//! Reads a folder of migrations strictly: an unexpected file is refused, never skipped.

use super::checksum;
use super::statement::{Statement, statements};
use super::waiver::{self, Waiver};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Digest, Hasher};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A migration's number, from 1; printed with at least four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The purpose of a migration's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptRole {
    /// Applies the migration.
    Up,
    /// Reverts the migration.
    Down,
    /// Fails unless the migration is applied.
    Verify,
}

/// One file of a migration, already normalised and split.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its path inside the folder, with `/`.
    pub path: String,
    /// Its purpose.
    pub role: ScriptRole,
    /// Its text with normalised line endings: what is hashed and what runs.
    pub text: String,
    /// SHA-256 of `text`.
    pub sha256: Digest,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// Whether it must run outside a transaction.
    pub outside_transaction: bool,
}

/// One step of the schema: up, down and verify.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Its number.
    pub version: Version,
    /// Its name, without the number.
    pub name: String,
    /// Applies the migration.
    pub up: Script,
    /// Reverts the migration.
    pub down: Script,
    /// Fails unless the migration is applied.
    pub verify: Script,
}

impl Migration {
    /// Its three files.
    pub fn scripts(&self) -> [&Script; 3] {
        [&self.up, &self.down, &self.verify]
    }
}

/// Every migration of a folder, by version without gaps from 1, and the folder's waivers.
#[derive(Clone, Debug)]
pub struct Source {
    /// The origin of the files, for messages.
    pub origin: String,
    /// In order of version.
    pub migrations: Vec<Migration>,
    /// From `waivers.toml`.
    pub waivers: Vec<Waiver>,
}

impl Source {
    /// The migration with this number.
    pub fn get(&self, version: Version) -> Option<&Migration> {
        self.migrations.iter().find(|m| m.version == version)
    }

    /// The highest number.
    pub fn last(&self) -> Option<Version> {
        self.migrations.last().map(|m| m.version)
    }

    /// One digest over the paths and contents of all files, to which evidence is bound.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for script in self.migrations.iter().flat_map(Migration::scripts) {
            hasher.update(format!("{}  {}\n", script.sha256, script.path));
        }
        hasher.current()
    }
}

/// The first line of a file that must run outside a transaction.
pub const NO_TRANSACTION: &str = "-- flowcontrol: no-transaction";

const HINT: &str = "a migration is <version>_<name>.up.sql and <version>_<name>.down.sql in the \
                       folder and verify/<version>_<name>.sql; the version has four digits or \
                       more and counts up from 0001, the name is lower-case letters, digits and \
                       underscores; only README.md and waivers.toml may stand beside them";

/// The content of one path in the folder.
#[derive(Clone, Debug)]
pub enum FolderEntry {
    /// A regular file's bytes.
    File(Vec<u8>),
    /// Anything else, named: a folder, a symbolic link, a socket.
    Other(&'static str),
}

const TABLE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded_migrations.rs"));

/// The migrations that are part of this binary.
///
/// # Errors
/// As [`scan`]; a test checks that the migrations of this repository are valid.
pub fn embedded() -> Result<Source> {
    let entries = TABLE
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), FolderEntry::File((*bytes).to_vec())));
    read("the embedded migrations", entries.collect())
}

/// Reads a folder of migrations.
///
/// # Errors
/// A usage failure that names every file that does not belong, is incomplete, or cannot run; an
/// environment failure when the folder cannot be read.
pub fn scan(folder: &Path) -> Result<Source> {
    let mut entries = BTreeMap::new();
    list(folder, "", &mut entries)?;
    read(&folder.display().to_string(), entries)
}

/// The largest migration file, in bytes; far more than people can review.
const LARGEST: u64 = 16 * 1024 * 1024;

fn list(folder: &Path, prefix: &str, entries: &mut BTreeMap<String, FolderEntry>) -> Result<()> {
    let unreadable = |path: &Path, e: std::io::Error| {
        Failure::environment(format!("cannot read {}: {e}", path.display()))
            .hint("check [migrations] dir in the configuration and the folder's permissions")
    };
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Links are not followed: after the review a link may point elsewhere, or to itself.
        let meta = path.symlink_metadata().map_err(|e| unreadable(&path, e))?;
        let kind = meta.file_type();
        if kind.is_dir() && prefix.is_empty() && name == "verify" {
            list(&path, "verify/", entries)?;
            continue;
        }
        let found = if kind.is_symlink() {
            FolderEntry::Other("a symbolic link; replace it by the file itself")
        } else if kind.is_dir() {
            FolderEntry::Other("a folder; only `verify` is read")
        } else if !kind.is_file() {
            FolderEntry::Other("neither a file nor a folder")
        } else if meta.len() > LARGEST {
            FolderEntry::Other("larger than 16 MiB; data does not belong in a migration")
        } else {
            FolderEntry::File(std::fs::read(&path).map_err(|e| unreadable(&path, e))?)
        };
        entries.insert(name, found);
    }
    Ok(())
}

/// Checks a listing and reads its migrations; `origin` names it in messages.
///
/// # Errors
/// As [`scan`].
pub fn read(origin: &str, entries: BTreeMap<String, FolderEntry>) -> Result<Source> {
    let mut problems = Vec::new();
    let mut found: BTreeMap<Version, BTreeMap<ScriptRole, (String, Script)>> = BTreeMap::new();
    let mut waivers = Vec::new();
    for (path, entry) in entries {
        if path == "README.md" && matches!(entry, FolderEntry::File(_)) {
            continue;
        }
        let read = match entry {
            FolderEntry::Other(what) => Err(format!("is {what}")),
            FolderEntry::File(bytes) => text(bytes).and_then(|text| {
                if path == "waivers.toml" {
                    return waiver::parse(&text).map(|all| waivers = all);
                }
                let (version, name, role) = parse_path(&path)?;
                let script = script(&path, role, &text)?;
                match found.entry(version).or_default().insert(role, (name, script)) {
                    Some((_, other)) => {
                        Err(format!("has the same version as {}; give it the next one", other.path))
                    }
                    None => Ok(()),
                }
            }),
        };
        if let Err(problem) = read {
            problems.push(format!("{path}: {problem}"));
        }
    }
    let migrations = assemble(found, &mut problems);
    if problems.is_empty() && migrations.is_empty() {
        problems.push("there is no migration in it".to_owned());
    }
    if problems.is_empty() {
        return Ok(Source { origin: origin.to_owned(), migrations, waivers });
    }
    let message = format!("{origin} cannot be used as migrations:\n  {}", problems.join("\n  "));
    Err(Failure::usage(message).hint(HINT))
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err("begins with a byte order mark; save it as UTF-8 without one".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        format!("is not UTF-8 at byte {}; save it as UTF-8", e.utf8_error().valid_up_to())
    })?;
    if text.trim().is_empty() {
        return Err("is empty; write it or delete it".to_owned());
    }
    Ok(text)
}

fn parse_path(path: &str) -> Result<(Version, String, ScriptRole), String> {
    let stray = || "is not a migration file; rename it or move it out of the folder".to_owned();
    let (stem, role) = if let Some(inside) = path.strip_prefix("verify/") {
        (inside.strip_suffix(".sql"), ScriptRole::Verify)
    } else if let Some(stem) = path.strip_suffix(".up.sql") {
        (Some(stem), ScriptRole::Up)
    } else {
        (path.strip_suffix(".down.sql"), ScriptRole::Down)
    };
    let (digits, name) = stem.and_then(|s| s.split_once('_')).ok_or_else(stray)?;
    let named = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if digits.len() < 4 || !digits.bytes().all(|b| b.is_ascii_digit()) || !named {
        return Err(stray());
    }
    match digits.parse() {
        Ok(number) if number > 0 => Ok((Version(number), name.to_owned(), role)),
        _ => Err("has a version that is not between 1 and 4294967295".to_owned()),
    }
}

fn script(path: &str, role: ScriptRole, text: &str) -> Result<Script, String> {
    let text = checksum::normalise(text);
    let outside_transaction = text.lines().next().map(str::trim) == Some(NO_TRANSACTION);
    if outside_transaction && role == ScriptRole::Verify {
        return Err("asks to run outside a transaction, which a verify file must not".to_owned());
    }
    let split = statements(&text).map_err(|e| format!("line {}: {}", e.line, e.message))?;
    if split.is_empty() {
        return Err("contains no statement, only comments; write it or delete it".to_owned());
    }
    for statement in &split {
        if let Some(refusal) = statement.refusal() {
            return Err(format!("line {}: {refusal}", statement.line));
        }
    }
    let sha256 = checksum::sha256(&text);
    Ok(Script { path: path.to_owned(), role, text, sha256, statements: split, outside_transaction })
}

fn assemble(
    found: BTreeMap<Version, BTreeMap<ScriptRole, (String, Script)>>,
    problems: &mut Vec<String>,
) -> Vec<Migration> {
    let mut migrations = Vec::new();
    let mut expected = 1;
    for (version, mut parts) in found {
        let first = parts.values().next().map(|(_, s)| s.path.clone()).unwrap_or_default();
        if version.0 != expected {
            problems.push(format!("{first}: version {} is missing before it", Version(expected)));
        }
        expected = version.0.saturating_add(1);
        let names: Vec<String> = parts.values().map(|(name, _)| name.clone()).collect();
        if names.windows(2).any(|pair| pair[0] != pair[1]) {
            problems.push(format!("{first}: version {version} has files of different names"));
            continue;
        }
        let name = names.into_iter().next().unwrap_or_default();
        let mut part = |role| parts.remove(&role).map(|(_, script)| script);
        match (part(ScriptRole::Up), part(ScriptRole::Down), part(ScriptRole::Verify)) {
            (Some(up), Some(down), Some(verify)) => {
                migrations.push(Migration { version, name, up, down, verify });
            }
            (up, down, verify) => {
                for (missing, path) in [
                    (up.is_none(), format!("{version}_{name}.up.sql")),
                    (down.is_none(), format!("{version}_{name}.down.sql")),
                    (verify.is_none(), format!("verify/{version}_{name}.sql")),
                ] {
                    if missing {
                        problems.push(format!("{path}: is missing; write it"));
                    }
                }
            }
        }
    }
    migrations
}
