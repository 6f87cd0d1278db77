//! The kinds of Postgres that a rehearsal runs on, and the requested one.

use flowcontrol_base::Failure;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A kind of Postgres that a rehearsal can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A temporary cluster from PostgreSQL binaries on this machine.
    Local,
    /// A temporary container.
    Container,
    /// A server from the configuration.
    External,
}

impl TargetKind {
    /// The name used in configuration, evidence and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Container => "container",
            Self::External => "external",
        }
    }

    /// Whether the target is created for one run and removed after it.
    pub const fn is_temporary(self) -> bool {
        !matches!(self, Self::External)
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The values of `--target`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetChoice {
    /// `container` when an engine answers and has the image or can pull it, else `local`;
    /// never `external`.
    #[default]
    Auto,
    /// See [`TargetKind::Local`].
    Local,
    /// See [`TargetKind::Container`].
    Container,
    /// See [`TargetKind::External`].
    External,
}

impl TargetChoice {
    /// All choices, in the order in which help texts list them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Local, Self::Container, Self::External];

    /// The value on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Local => "local",
            Self::Container => "container",
            Self::External => "external",
        }
    }
}

impl fmt::Display for TargetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TargetChoice {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Failure::usage(format!("unknown target `{text}`; known ones are {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowcontrol_base::Exit;

    #[test]
    fn every_choice_reads_back() {
        for choice in TargetChoice::ALL {
            assert_eq!(choice.to_string().parse::<TargetChoice>().unwrap(), choice);
        }
    }

    #[test]
    fn an_unknown_target_lists_the_known_ones() {
        let failure = "docker".parse::<TargetChoice>().unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(
            failure.message,
            "unknown target `docker`; known ones are auto, local, container, external"
        );
    }
}
