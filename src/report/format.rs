//! The formats of `--report`, and writing them into a folder.

use super::{json, junit, markdown, sarif};
use flowcontrol_base::{Failure, Result};
use flowcontrol_evidence::KnownSecrets;
use flowcontrol_files::{self as files, Access, FileError};
use flowcontrol_gates::outcome::RehearsalReport;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A format that `--report` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportFormat {
    /// `rehearsal.json`.
    Json,
    /// `rehearsal.junit.xml`.
    Junit,
    /// `rehearsal.md`.
    Markdown,
    /// `rehearsal.sarif`.
    Sarif,
    /// Workflow commands on standard output; no file.
    Github,
}

impl ReportFormat {
    /// Every format, in the order of messages.
    pub const ALL: [Self; 5] = [Self::Json, Self::Junit, Self::Markdown, Self::Sarif, Self::Github];

    /// The name that `--report` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Sarif => "sarif",
            Self::Github => "github",
        }
    }

    /// The file's name in the report folder; `None` for what goes to standard output.
    pub const fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("rehearsal.json"),
            Self::Junit => Some("rehearsal.junit.xml"),
            Self::Markdown => Some("rehearsal.md"),
            Self::Sarif => Some("rehearsal.sarif"),
            Self::Github => None,
        }
    }

    /// Parses `json,junit`; each format once, in the order given.
    ///
    /// # Errors
    /// A usage failure that lists the known formats.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let mut formats = Vec::new();
        for name in text.split(',').map(str::trim) {
            let format: Self = name.parse()?;
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        Ok(formats)
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ReportFormat {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|f| f.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Failure::usage(format!("unknown report format {text:?}; choose from {known}"))
        })
    }
}

/// Refuses a report that holds a secret, before it is shown or written in any format.
///
/// # Errors
/// A check failure that names the place in the report, and never the secret.
pub fn check_secrets(report: &RehearsalReport, secrets: &KnownSecrets) -> Result<()> {
    let value = serde_json::to_value(report)
        .map_err(|e| Failure::check(format!("this report cannot be serialized: {e}")))?;
    secrets.check(&value)
}

/// Writes the formats that have a file into `dir`, which is created if it does not exist, each
/// completely or not at all; an older report is replaced. [`ReportFormat::Github`] is printed by
/// the caller.
///
/// # Errors
/// An environment failure that names the file.
pub fn write_reports(
    dir: &Path,
    formats: &[ReportFormat],
    report: &RehearsalReport,
) -> Result<Vec<PathBuf>> {
    // All are rendered before the first is written.
    let mut rendered = Vec::new();
    for format in formats {
        let text = match format {
            ReportFormat::Json => json::render(report)?,
            ReportFormat::Junit => junit::render(report)?,
            ReportFormat::Markdown => markdown::render(report),
            ReportFormat::Sarif => sarif::render(report)?,
            ReportFormat::Github => continue,
        };
        if let Some(name) = format.file_name() {
            rendered.push((dir.join(name), text));
        }
    }
    if rendered.is_empty() {
        return Ok(Vec::new());
    }
    files::create_folder(dir, Access::Shared).map_err(cannot_write)?;
    let mut written = Vec::new();
    for (path, text) in rendered {
        files::replace(&path, text.as_bytes(), Access::Shared).map_err(cannot_write)?;
        written.push(path);
    }
    Ok(written)
}

/// A report for whoever may read the folder that `--out` names cannot be written.
pub(super) fn cannot_write(error: FileError) -> Failure {
    Failure::from(error)
        .hint("check the free space and the permissions, or give another folder with --out")
}

#[cfg(test)]
mod tests {
    use super::ReportFormat;

    #[test]
    fn names_are_read_and_an_unknown_one_lists_the_known() {
        for format in ReportFormat::ALL {
            assert_eq!(format.name().parse::<ReportFormat>().unwrap(), format);
        }
        let list = ReportFormat::list("junit, json,junit").unwrap();
        assert_eq!(list, [ReportFormat::Junit, ReportFormat::Json]);
        for wrong in ["html", "", "json,", "JSON"] {
            let refused = ReportFormat::list(wrong).unwrap_err();
            assert!(refused.message.contains("json, junit, markdown, sarif, github"), "{refused}");
        }
    }
}
