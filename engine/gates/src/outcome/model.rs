//! The report of one rehearsal, as `rehearse --format json` prints it.
//!
//! A part that did not run is `None` and prints as `null`. Durations are seconds.

use super::step::StepId;
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::Verdict;
use serde::{Deserialize, Serialize};

/// The schema name of [`RehearsalReport`].
pub const SCHEMA: &str = flowcontrol_evidence::schema::REHEARSAL;

/// What a rehearsal is to prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// That the scenario can be moved: all eight steps.
    #[default]
    Scenario,
    /// That the migrations of a schema without scenario tables work and isolate tenants: nothing
    /// is frozen, replayed, read back or rolled back.
    Migrations,
}

impl Scope {
    /// The steps that belong to it, in their order.
    pub fn steps(self) -> Vec<StepId> {
        let without: &[StepId] = match self {
            Self::Scenario => &[],
            Self::Migrations => &[StepId::Freeze, StepId::Replay, StepId::Verify, StepId::Rollback],
        };
        StepId::ALL.into_iter().filter(|id| !without.contains(id)).collect()
    }
}

/// The report of one rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RehearsalReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What it was to prove.
    #[serde(default)]
    pub scope: Scope,
    /// The version of FlowControl that ran.
    pub tool_version: String,
    /// The active profile.
    pub profile: String,
    /// The scenario's session.
    pub session: Option<String>,
    /// When it began, UTC.
    pub started_at: Timestamp,
    /// How long it took, wall clock.
    pub seconds: f64,
    /// GO or NO-GO for the rehearsal itself; see [`super::verdict`].
    pub decision: RehearsalDecision,
    /// The snapshot that was rehearsed.
    pub snapshot: Option<SnapshotPart>,
    /// The target it ran on.
    pub target: Option<TargetPart>,
    /// The eight steps in order, those that did not run included.
    pub steps: Vec<StepReport>,
    /// Migrations that were applied or attempted.
    pub migrations: Option<Vec<MigrationPart>>,
    /// Lint findings; `None` when lint did not run.
    pub findings: Option<Vec<Finding>>,
    /// What replay wrote.
    pub replay: Option<ReplayPart>,
    /// The result of reading back.
    pub verify: Option<VerifyPart>,
    /// The result of the isolation probes.
    pub isolation: Option<IsolationPart>,
    /// The result of the rollback.
    pub rollback: Option<RollbackPart>,
    /// What was not proved, by name; none of it counts as a success.
    pub unproved: Vec<Unproved>,
    /// Checks of the gates that this rehearsal's evidence feeds.
    pub checks: Vec<CheckLine>,
    /// The evidence packets that were sealed.
    pub packets: Vec<PacketRef>,
}

/// The decision on a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RehearsalDecision {
    /// Every step completed and proved what it is for.
    #[serde(rename = "GO")]
    Go,
    /// A step failed, was interrupted or did not run.
    #[serde(rename = "NO-GO")]
    NoGo,
}

impl RehearsalDecision {
    /// `GO` or `NO-GO`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
        }
    }
}

/// The frozen snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPart {
    /// Its digest.
    pub sha256: Digest,
    /// The digest's short form.
    pub short: String,
    /// Records in it.
    pub records: u64,
}

impl SnapshotPart {
    /// The part for a snapshot with this digest.
    pub fn new(sha256: Digest, records: u64) -> Self {
        Self { short: sha256.short(), sha256, records }
    }
}

/// The Postgres that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPart {
    /// `local`, `container` or `external`.
    pub kind: String,
    /// The server's version, such as `17.6`.
    pub server_version: String,
    /// Image with its digest, for a container.
    pub image: Option<String>,
    /// System identifier, database and certificate fingerprint, for an external server.
    pub identity: Option<String>,
    /// Which server it is, for an external one; see [`crate::connection::ConnectionFacts::server`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Digest>,
    /// Why this target was chosen, in one sentence.
    pub chosen_because: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// It completed and proved what it is for.
    Passed,
    /// It completed without proving it, or failed with an error.
    Failed,
    /// It was not started.
    Skipped,
    /// It was stopped from outside.
    Interrupted,
}

impl StepStatus {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One of the eight steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step's id.
    pub id: StepId,
    /// The title for people.
    pub title: String,
    /// How it ended.
    pub status: StepStatus,
    /// How long it took; `None` when it was not started.
    pub seconds: Option<f64>,
    /// One sentence: what it did, or why it failed.
    pub detail: Option<String>,
    /// A hint: what to do about it.
    pub hint: Option<String>,
}

impl StepReport {
    /// All eight steps, not started.
    pub fn all() -> Vec<Self> {
        let step = |id: StepId| Self {
            id,
            title: id.title().to_owned(),
            status: StepStatus::Skipped,
            seconds: None,
            detail: None,
            hint: None,
        };
        StepId::ALL.into_iter().map(step).collect()
    }
}

/// One migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationPart {
    /// Its number, as in its file name.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Seconds that the up file took.
    pub seconds: f64,
    /// The strongest lock it held on a table that others could use, such as
    /// `AccessExclusiveLock`; `None` when it held none.
    pub max_lock: Option<String>,
    /// Why it failed; `None` when it is applied and verified.
    pub error: Option<String>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information.
    Info,
    /// A warning.
    Warning,
    /// An error; a rehearsal with one is NO-GO unless it is waived.
    Error,
}

impl Severity {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A lint finding in a migration file or in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's stable id.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// The file, relative to the working directory, with `/`.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// The table, policy or other object.
    pub object: Option<String>,
    /// What is wrong.
    pub message: String,
    /// A hint: what to do about it.
    pub hint: Option<String>,
    /// The reason it was waived for; `None` when it is not waived.
    pub waived: Option<String>,
}

/// What replay wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayPart {
    /// Records written, including those of an earlier run that was resumed.
    pub records: u64,
    /// Chunks in the ledger.
    pub chunks: u64,
    /// Seconds that writing took.
    pub seconds: f64,
    /// The tables after it.
    pub tables: Vec<ReplayedTable>,
}

/// One table after replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The digest over its rows in order.
    pub sha256: Digest,
}

/// The result of reading back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPart {
    /// Whether every table and tenant is as it was sent.
    pub matched: bool,
    /// How it was read: by one reader that sees all rows, or tenant by tenant.
    pub method: String,
    /// Tables compared.
    pub tables: u64,
    /// Rows read back.
    pub rows: u64,
    /// The differences.
    pub mismatches: Vec<Mismatch>,
}

/// One difference between what was sent and what was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The table.
    pub table: String,
    /// The tenant, when the row has one.
    pub tenant: Option<String>,
    /// The row's key.
    pub row: Option<String>,
    /// What differs, in one sentence.
    pub message: String,
    /// What was sent: a digest or a count, never the row itself.
    pub expected: Option<String>,
    /// What was read.
    pub found: Option<String>,
}

/// The result of the isolation probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationPart {
    /// Probes that ran.
    pub probes: u64,
    /// The same, grouped by case.
    pub cases: Vec<IsolationCase>,
    /// Leaks: ways from one tenant to another's data.
    pub leaks: Vec<Leak>,
}

/// One group of probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationCase {
    /// Its stable id.
    pub id: String,
    /// The title for people.
    pub title: String,
    /// Probes that ran; zero means that there was nothing to probe, or nothing was proved.
    pub probes: u64,
    /// Leaks among them.
    pub leaks: u64,
}

/// A leak: a way from one tenant to another's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// See [`IsolationCase::id`].
    pub case: String,
    /// The table, view, function or role.
    pub object: String,
    /// What was possible.
    pub message: String,
    /// A hint: what to do about it.
    pub hint: Option<String>,
    /// The migration that created the object, when known: relative, with `/`.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

/// The result of the rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPart {
    /// The digest of the restored store's snapshot.
    pub sha256: Digest,
    /// Whether it equals the snapshot's digest.
    pub equal: bool,
}

/// A statement that was not proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproved {
    /// Its name.
    pub what: String,
    /// Why it was not proved, and what would prove it.
    pub why: String,
}

/// One check of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// The gate, such as `connection`.
    pub gate: String,
    /// The check's stable id.
    pub id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason.
    pub reason: String,
}

/// A sealed packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketRef {
    /// Its schema name.
    pub schema: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its file.
    pub path: String,
}

impl RehearsalReport {
    /// A report before the first step: NO-GO, every part absent.
    pub fn begin(tool_version: &str, profile: &str, started_at: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            scope: Scope::Scenario,
            tool_version: tool_version.to_owned(),
            profile: profile.to_owned(),
            session: None,
            started_at,
            seconds: 0.0,
            decision: RehearsalDecision::NoGo,
            snapshot: None,
            target: None,
            steps: StepReport::all(),
            migrations: None,
            findings: None,
            replay: None,
            verify: None,
            isolation: None,
            rollback: None,
            unproved: Vec::new(),
            checks: Vec::new(),
            packets: Vec::new(),
        }
    }

    /// The report with only the steps of `scope`.
    #[must_use]
    pub fn scoped(mut self, scope: Scope) -> Self {
        let belongs = scope.steps();
        self.steps.retain(|step| belongs.contains(&step.id));
        self.scope = scope;
        self
    }

    /// The step with this id.
    pub fn step(&self, id: StepId) -> Option<&StepReport> {
        self.steps.iter().find(|s| s.id == id)
    }

    /// The step with this id, mutable.
    pub fn step_mut(&mut self, id: StepId) -> Option<&mut StepReport> {
        self.steps.iter_mut().find(|s| s.id == id)
    }
}
