//! Finds PostgreSQL's own programs on this machine, and picks a version.

use super::TargetSettings;
use flowcontrol_base::{Failure, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The supported major versions of PostgreSQL.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 15..=18;

/// A folder with `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// `(17, 6)` for 17.6.
    pub version: (u32, u32),
}

/// The result of a search.
#[derive(Debug, Default)]
pub struct Found {
    /// Usable, newest first; of equal versions, the one found first.
    pub usable: Vec<Binaries>,
    /// Found, but of a version outside [`SUPPORTED`].
    pub unsupported: Vec<Binaries>,
}

/// Searches the folders in `settings`, and those where packages install.
///
/// # Errors
/// When `pg_bin` is set and holds no usable binaries: an explicit setting is never ignored.
pub fn find(settings: &TargetSettings) -> Result<Found> {
    if let Some(folder) = &settings.pg_bin {
        let binaries = inspect(folder)
            .ok_or_else(|| {
                Failure::usage(format!(
                    "FLOWCONTROL_PG_BIN is {}, but it contains no working `initdb` and `postgres`",
                    folder.display()
                ))
            })
            .and_then(|binaries| {
                if SUPPORTED.contains(&binaries.version.0) {
                    return Ok(binaries);
                }
                Err(Failure::usage(format!(
                    "FLOWCONTROL_PG_BIN is {}, which is PostgreSQL {}; {} to {} are supported",
                    folder.display(),
                    binaries.version.0,
                    SUPPORTED.start(),
                    SUPPORTED.end()
                )))
            })
            .map_err(|f| {
                f.hint("set it to the folder of `initdb`, such as /usr/lib/postgresql/17/bin, or unset it")
            })?;
        return Ok(Found { usable: vec![binaries], unsupported: Vec::new() });
    }
    let mut found = Found::default();
    let mut seen = Vec::new();
    for folder in candidates(settings) {
        // The same programs through a symbolic link count once.
        let Ok(real) = folder.join("initdb").canonicalize() else { continue };
        if seen.contains(&real) {
            continue;
        }
        // Evidence names the real folder, not a symbolic link.
        let folder =
            real.parent().filter(|p| p.join("postgres").is_file()).unwrap_or(&folder).to_owned();
        seen.push(real);
        if let Some(binaries) = inspect(&folder) {
            if SUPPORTED.contains(&binaries.version.0) {
                found.usable.push(binaries);
            } else {
                found.unsupported.push(binaries);
            }
        }
    }
    found.usable.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
    Ok(found)
}

fn candidates(settings: &TargetSettings) -> Vec<PathBuf> {
    let mut folders = settings.search.clone();
    for (parent, prefix, tail) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/local", "pgsql", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        folders.extend(children(Path::new(parent), prefix, tail));
    }
    folders.extend(children(&settings.cache, "", "bin"));
    folders
}

fn children(parent: &Path, prefix: &str, tail: &str) -> Vec<PathBuf> {
    // A missing or unreadable folder contains nothing that could be started.
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(tail))
        .collect()
}

fn inspect(folder: &Path) -> Option<Binaries> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let version = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    output.status.success().then(|| Binaries { folder: folder.to_owned(), version })
}

/// `postgres (PostgreSQL) 15.18 (Debian ...)` is 15.18; a beta counts as minor 0.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let word = text.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?;
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let (major, minor) = word.split_once('.').unwrap_or((word, "0"));
    Some((digits(major)?, digits(minor).unwrap_or(0)))
}

/// The newest binaries on the machine, downloaded if there are none and that is allowed.
///
/// # Errors
/// An environment failure with hints, when there are none.
pub(super) fn obtain(settings: &TargetSettings, progress: super::Progress<'_>) -> Result<Binaries> {
    let found = find(settings)?;
    if let Some(newest) = found.usable.into_iter().next() {
        return Ok(newest);
    }
    let mut reason = "there are no PostgreSQL server binaries on this machine".to_owned();
    if let Some(old) = found.unsupported.first() {
        reason = format!(
            "the PostgreSQL on this machine ({}) is version {}; {} to {} are supported",
            old.folder.display(),
            old.version.0,
            SUPPORTED.start(),
            SUPPORTED.end()
        );
    }
    let tried = if settings.download {
        progress("downloading PostgreSQL, once");
        match super::download::download(settings) {
            Ok(binaries) => return Ok(binaries),
            Err(e) => format!("downloading them failed: {e}; is this machine offline?"),
        }
    } else {
        "downloading them is disabled".to_owned()
    };
    Err(Failure::environment(format!("{reason}, and {tried}")).hint(
        "install PostgreSQL 15 or newer (Debian: `apt-get install postgresql`), or set \
         FLOWCONTROL_PG_BIN to the folder of `initdb`, or use --target container or external",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let parsed = |text| parse_version(text);
        assert_eq!(
            parsed("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18))
        );
        assert_eq!(parsed("postgres (PostgreSQL) 18beta1\n"), Some((18, 0)));
        assert_eq!(parsed("postgres (PostgreSQL) 17.6"), Some((17, 6)));
        assert_eq!(parsed("mariadb 11"), None);
    }

    #[test]
    fn a_wrong_setting_is_an_error_not_a_search() {
        let settings = TargetSettings {
            pg_bin: Some(PathBuf::from("/nonexistent/bin")),
            ..TargetSettings::default()
        };
        let failure = find(&settings).unwrap_err();
        assert_eq!(failure.exit, flowcontrol_base::Exit::Usage);
        assert!(failure.message.contains("/nonexistent/bin"), "{failure}");
        assert!(failure.hint.is_some());
    }
}
