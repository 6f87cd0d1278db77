//! The report of one rehearsal, as `rehearse --format json` prints it.
//!
//! A part that did not run is `None` and prints as `null`. Durations are seconds.

use super::step::StepId;
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::Verdict;
use serde::{Deserialize, Serialize};

/// The schema name of [`RehearsalReport`].
pub const SCHEMA: &str = flowcontrol_evidence::schema::REHEARSAL;

/// What a rehearsal sets out to prove.
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

/// Everything one rehearsal found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RehearsalReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What it set out to prove.
    #[serde(default)]
    pub scope: Scope,
    /// The version of FlowControl that ran.
    pub tool_version: String,
    /// The profile in force.
    pub profile: String,
    /// The scenario's session.
    pub session: Option<String>,
    /// When it began, UTC.
    pub started_at: Timestamp,
    /// How long it took, wall clock.
    pub seconds: f64,
    /// GO or NO-GO for the rehearsal itself; see [`super::verdict`].
    pub decision: Decision,
    /// What was rehearsed.
    pub snapshot: Option<SnapshotPart>,
    /// On what.
    pub target: Option<TargetPart>,
    /// The eight steps in order, those that did not run included.
    pub steps: Vec<Step>,
    /// Migrations that were applied, or tried.
    pub migrations: Option<Vec<MigrationPart>>,
    /// What lint found; `None` when lint did not run.
    pub findings: Option<Vec<Finding>>,
    /// What replay wrote.
    pub replay: Option<ReplayPart>,
    /// What reading back gave.
    pub verify: Option<VerifyPart>,
    /// What the probes gave.
    pub isolation: Option<IsolationPart>,
    /// What the way back gave.
    pub rollback: Option<RollbackPart>,
    /// Things that were not proved, by name; none of them is a success.
    pub unproved: Vec<Unproved>,
    /// Checks of the gates that this rehearsal's evidence feeds.
    pub checks: Vec<CheckLine>,
    /// The evidence packets that were sealed.
    pub packets: Vec<PacketRef>,
}

/// The decision on a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Every step ran to its end and proved what it is for.
    #[serde(rename = "GO")]
    Go,
    /// Anything else.
    #[serde(rename = "NO-GO")]
    NoGo,
}

impl Decision {
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
    /// What the server says it is, such as `17.6`.
    pub server_version: String,
    /// Image with its digest, for a container.
    pub image: Option<String>,
    /// System identifier, database and certificate fingerprint, for an external server.
    pub identity: Option<String>,
    /// Which server it is, for an external one; see [`crate::connection::Facts::server`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Digest>,
    /// Why this one, in one sentence.
    pub chosen_because: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// It ran and proved what it is for.
    Passed,
    /// It ran and did not, or could not run.
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
pub struct Step {
    /// Which.
    pub id: StepId,
    /// The step in words.
    pub title: String,
    /// How it ended.
    pub status: StepStatus,
    /// How long it took; `None` when it was not started.
    pub seconds: Option<f64>,
    /// What it did, or why it failed, in one sentence.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
}

impl Step {
    /// All eight, not started.
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
    /// Its number as its file spells it.
    pub version: String,
    /// Its name.
    pub name: String,
    /// How long up took.
    pub seconds: f64,
    /// The strongest lock it held on a table that others could use, such as
    /// `AccessExclusiveLock`; `None` when it held none.
    pub max_lock: Option<String>,
    /// Why it failed; `None` when it is in force and verified.
    pub error: Option<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Likely wrong.
    Warning,
    /// Wrong; a rehearsal with one is NO-GO unless it is waived.
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

/// Something that lint found in a migration or in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's stable id.
    pub rule: String,
    /// How grave.
    pub severity: Severity,
    /// The file, relative to where the command ran, with `/`.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// The table, policy or other object.
    pub object: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// The reason it was waived for; `None` when it stands.
    pub waived: Option<String>,
}

/// What replay wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayPart {
    /// Records written, those of an earlier run that was resumed included.
    pub records: u64,
    /// Ledgered chunks.
    pub chunks: u64,
    /// How long writing took.
    pub seconds: f64,
    /// What each table holds after it.
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

/// What reading back gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPart {
    /// Every table and tenant is as it was sent.
    pub matched: bool,
    /// Who read: one reader that sees all rows, or tenant by tenant.
    pub method: String,
    /// Tables compared.
    pub tables: u64,
    /// Rows read back.
    pub rows: u64,
    /// Where it differs.
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

/// What the isolation probes gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationPart {
    /// Probes that ran.
    pub probes: u64,
    /// The same, by case.
    pub cases: Vec<IsolationCase>,
    /// Ways from one tenant to another's data.
    pub leaks: Vec<Leak>,
}

/// One group of probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationCase {
    /// Its stable id.
    pub id: String,
    /// The case in words.
    pub title: String,
    /// Probes that ran; zero means that nothing of the kind was there, or nothing was proved.
    pub probes: u64,
    /// Leaks among them.
    pub leaks: u64,
}

/// One way from one tenant to another's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// See [`IsolationCase::id`].
    pub case: String,
    /// The table, view, function or role.
    pub object: String,
    /// What could be done.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// The migration that made the object, when known: relative, with `/`.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

/// What the way back gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPart {
    /// The digest of what came back.
    pub sha256: Digest,
    /// It is the snapshot's digest.
    pub equal: bool,
}

/// Something that was not proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproved {
    /// What, by name.
    pub what: String,
    /// Why not, and what would prove it.
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
    /// Why.
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
    /// A report of which nothing has run yet: NO-GO, every part absent.
    pub fn begin(tool_version: &str, profile: &str, started_at: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            scope: Scope::Scenario,
            tool_version: tool_version.to_owned(),
            profile: profile.to_owned(),
            session: None,
            started_at,
            seconds: 0.0,
            decision: Decision::NoGo,
            snapshot: None,
            target: None,
            steps: Step::all(),
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

    /// The same report for another scope: only the steps that belong to it.
    #[must_use]
    pub fn scoped(mut self, scope: Scope) -> Self {
        let belongs = scope.steps();
        self.steps.retain(|step| belongs.contains(&step.id));
        self.scope = scope;
        self
    }

    /// The step with this id.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.iter().find(|s| s.id == id)
    }

    /// The same, to fill it in.
    pub fn step_mut(&mut self, id: StepId) -> Option<&mut Step> {
        self.steps.iter_mut().find(|s| s.id == id)
    }
}
