//! The content of an evidence packet.

use flowcontrol_contract::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The verdict on one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Proved.
    Ready,
    /// Not proved yet; its owner has a next step.
    Next,
    /// Refused, or waiting for something outside this check.
    Blocked,
}

impl Verdict {
    /// The name used in packets and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Next => "next",
            Self::Blocked => "blocked",
        }
    }
}

/// How what the packet is about ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It completed and every check is ready.
    Passed,
    /// It completed or failed with an error, and did not pass.
    Failed,
    /// It was stopped from outside before it completed.
    Interrupted,
}

impl Outcome {
    /// The name used in packets and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One check's verdict with the figures it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Stable id, such as `tls-fingerprint`.
    pub id: String,
    /// The title for people.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence: why this verdict.
    pub reason: String,
    /// Named numbers and texts behind the verdict.
    pub figures: Map<String, Value>,
}

/// The profile a packet was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRef {
    /// Its name, such as `staging`.
    pub name: String,
    /// The digest of its canonical configuration.
    pub sha256: Digest,
}

/// A packet before it has a place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Versioned schema name, such as `ProductionAdapterConnection.v1`.
    pub schema: String,
    /// Wall clock, UTC.
    pub created_at: Timestamp,
    /// The version of FlowControl that ran.
    pub tool_version: String,
    /// The command that ran, such as `rehearse --target local`; without values that could be secret.
    pub ran: String,
    /// The active profile.
    pub profile: ProfileRef,
    /// The digest of the snapshot that was used, if any.
    pub snapshot_sha256: Option<Digest>,
    /// The target it ran on, if any: kind, version, image or identity.
    pub target: Option<Value>,
    /// The checks with their verdicts.
    pub checks: Vec<CheckResult>,
    /// How it ended.
    pub outcome: Outcome,
    /// The members that the schema adds; a JSON object.
    pub body: Value,
}

/// A packet with its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packet {
    /// See [`Draft::schema`].
    pub schema: String,
    /// Place in the chain, from 1 without gaps.
    pub sequence: u64,
    /// The digest of the packet before; `None` for the first alone.
    pub previous: Option<Digest>,
    /// See [`Draft::created_at`].
    pub created_at: Timestamp,
    /// See [`Draft::tool_version`].
    pub tool_version: String,
    /// See [`Draft::ran`].
    pub ran: String,
    /// See [`Draft::profile`].
    pub profile: ProfileRef,
    /// See [`Draft::snapshot_sha256`].
    pub snapshot_sha256: Option<Digest>,
    /// See [`Draft::target`].
    pub target: Option<Value>,
    /// See [`Draft::checks`].
    pub checks: Vec<CheckResult>,
    /// See [`Draft::outcome`].
    pub outcome: Outcome,
    /// See [`Draft::body`].
    pub body: Value,
}

impl Draft {
    /// Gives the draft its place in the chain: number `sequence`, after the packet with digest `previous`.
    #[must_use]
    pub fn link(self, sequence: u64, previous: Option<Digest>) -> Packet {
        Packet {
            schema: self.schema,
            sequence,
            previous,
            created_at: self.created_at,
            tool_version: self.tool_version,
            ran: self.ran,
            profile: self.profile,
            snapshot_sha256: self.snapshot_sha256,
            target: self.target,
            checks: self.checks,
            outcome: self.outcome,
            body: self.body,
        }
    }
}

impl Packet {
    /// The number of ready checks, and of all checks.
    pub fn score(&self) -> (usize, usize) {
        let ready = self.checks.iter().filter(|c| c.verdict == Verdict::Ready).count();
        (ready, self.checks.len())
    }

    /// Its file's name, given its digest `sha256`: `00007-ProductionAdapterConnection.v1-1a2b3c4d.json`.
    pub fn file_name(&self, sha256: &Digest) -> String {
        let hex = sha256.to_string();
        format!("{:05}-{}-{}.json", self.sequence, self.schema, &hex[..8])
    }
}
