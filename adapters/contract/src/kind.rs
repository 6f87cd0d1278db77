//! The nine kinds of record.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A client's transport order.
    Order,
    /// A dispatcher's decision.
    DispatchEvent,
    /// What a driver reported.
    DriverEvent,
    /// What a client did in the portal.
    ClientEvent,
    /// A document: CMR, delivery note, customs papers.
    Document,
    /// An invoice.
    Invoice,
    /// A payment.
    Payment,
    /// A risk that was noticed.
    Risk,
    /// A business proof such as a delivery photo; not one of our evidence packets.
    Evidence,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Order,
        Self::DispatchEvent,
        Self::DriverEvent,
        Self::ClientEvent,
        Self::Document,
        Self::Invoice,
        Self::Payment,
        Self::Risk,
        Self::Evidence,
    ];

    /// The name in records and snapshots.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::DispatchEvent => "dispatch_event",
            Self::DriverEvent => "driver_event",
            Self::ClientEvent => "client_event",
            Self::Document => "document",
            Self::Invoice => "invoice",
            Self::Payment => "payment",
            Self::Risk => "risk",
            Self::Evidence => "evidence",
        }
    }

    /// Parses a name.
    ///
    /// # Errors
    /// `InvalidInput` that lists the known kinds.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("unknown record kind {text:?}; known kinds: {known}"))
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
