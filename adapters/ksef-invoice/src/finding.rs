//! What a check found.

use serde::Serialize;
use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not wrong: a consequence to know about.
    Note,
    /// KSeF accepts it and it may be right; a person should check.
    Warning,
    /// KSeF refuses it, or it contradicts itself. It is not sent.
    Error,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: element names from the root, such as `/Faktura/Fa/FaWiersz[2]/P_11`; empty for the
    /// file as a whole.
    pub path: String,
    /// The line of the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Which rule, such as `structure.missing` or `sum.net`; stable, for programs.
    pub rule: &'static str,
    /// One sentence for people.
    pub message: String,
    /// How much it weighs.
    pub severity: Severity,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let place = if self.path.is_empty() { "the file" } else { &self.path };
        write!(f, "{} {}: {place}{line}: {}", self.severity.name(), self.rule, self.message)
    }
}

/// Whether an invoice with these findings may be sent.
pub fn accepted(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity < Severity::Error)
}
