//! The report of the probes. It contains objects, tenants and codes, but no row of a tenant.

use serde::Serialize;
use std::collections::BTreeMap;

/// The verdict of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "verdict", content = "why")]
pub enum ProbeVerdict {
    /// The attack failed for the expected reason.
    Held,
    /// The attack succeeded, or only chance prevents it.
    Leak(String),
    /// The probe proved neither.
    Unproved(String),
}

/// One attack and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeResult {
    /// The case, 1 to 11; 0 is the probes' check that they left nothing behind.
    pub case: u8,
    /// Stable name, for example `records.update.other-tenant`; unique for each `login`.
    pub id: String,
    /// The attacking role: `application`, `replayer`, `auditor`, `owner`, or `catalog` for what was
    /// read from the catalog.
    pub login: &'static str,
    /// The attacked object: a table, view, function, sequence, role or the schema.
    pub object: String,
    /// The attempted command, for example `UPDATE`.
    pub verb: &'static str,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: ProbeVerdict,
    /// How the verdict was reached.
    pub detail: String,
}

/// All probes of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IsolationReport {
    /// In the order they ran.
    pub probes: Vec<ProbeResult>,
    /// Remarks for reviewers, such as privileges that Postgres cannot separate.
    pub notes: Vec<String>,
}

impl IsolationReport {
    /// Probes whose attack succeeded.
    pub fn leaks(&self) -> impl Iterator<Item = &ProbeResult> {
        self.probes.iter().filter(|p| matches!(p.verdict, ProbeVerdict::Leak(_)))
    }

    /// Probes that proved nothing.
    pub fn unproved(&self) -> impl Iterator<Item = &ProbeResult> {
        self.probes.iter().filter(|p| matches!(p.verdict, ProbeVerdict::Unproved(_)))
    }

    /// True when every probe held and there was at least one.
    pub fn held(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|p| p.verdict == ProbeVerdict::Held)
    }

    /// How many probes ran for each case.
    pub fn by_case(&self) -> BTreeMap<u8, usize> {
        let mut counts = BTreeMap::new();
        for probe in &self.probes {
            *counts.entry(probe.case).or_default() += 1;
        }
        counts
    }
}
