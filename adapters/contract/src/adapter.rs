//! Ports, modes, and an adapter's description of itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A contract that an adapter fulfils.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Port {
    /// Scenario records: `ScenarioStore.v1`.
    Store,
    /// Authentication: `AuthProvider.v1`.
    Auth,
    /// Reading fields from documents.
    Ocr,
    /// Polish e-invoices: `KsefProvider.v1`.
    Ksef,
    /// Routes and times of arrival.
    Eta,
    /// Synchronising a driver's offline work.
    Sync,
}

impl Port {
    /// Every port, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Store, Self::Auth, Self::Ocr, Self::Ksef, Self::Eta, Self::Sync];

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Auth => "auth",
            Self::Ocr => "ocr",
            Self::Ksef => "ksef",
            Self::Eta => "eta",
            Self::Sync => "sync",
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether an adapter needs an outside service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Runs on this machine only.
    Local,
    /// Uses an outside service.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Live => "live",
        })
    }
}

/// An adapter's name, mode and redacted endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterInfo {
    /// Which contract it fulfils.
    pub port: Port,
    /// Its `kind` in the configuration.
    pub kind: &'static str,
    /// Local or live.
    pub mode: Mode,
    /// Where it works, without credentials: a folder, or `host:port/database`.
    pub endpoint: String,
}
