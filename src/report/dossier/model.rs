//! The data of a dossier, in the order of a reviewer's questions: what blocks production,
//! readiness, what each gate rests on, what was recorded, who decided, what would run.

use super::acceptances::{AcceptanceRow, Asked, asked, recorded};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::text::text;
use flowcontrol_evidence::{ChainVerification, Outcome, Packet, ProfileRef, Verdict};
use flowcontrol_gates::inputs::{Evidence, Stage};
use flowcontrol_gates::readiness::Readiness;
use flowcontrol_gates::{Check, Gate, Inputs, Judgement};
use serde::Serialize;
use serde_json::Value;

/// The name and version of this schema.
pub const SCHEMA: &str = "FlowControlDossier.v1";

/// What a dossier is built from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The version of this program.
    pub tool_version: &'static str,
    /// The gates' inputs.
    pub inputs: &'a Inputs,
    /// The gates' judgement.
    pub judgement: &'a Judgement,
    /// The result of verifying the evidence chain.
    pub verification: &'a ChainVerification,
    /// The digest over the migration files.
    pub migrations: Digest,
    /// The runbook as `migrate runbook` prints it.
    pub runbook: &'a str,
}

/// The whole dossier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dossier {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of FlowControl that wrote it.
    pub tool_version: &'static str,
    /// The time of the judgement.
    pub as_of: Timestamp,
    /// The profile and the scenario that were judged.
    pub subject: Subject,
    /// The decision on production, and why.
    pub production: Production,
    /// Readiness, and what to do next.
    pub readiness: Readiness,
    /// Every gate.
    pub gates: Vec<GatePart>,
    /// The result of verifying the evidence chain.
    pub chain: Chain,
    /// Every packet of the chain, oldest first.
    pub packets: Vec<PacketPart>,
    /// The decisions that owners are asked for.
    pub asked: Vec<Asked>,
    /// Every acceptance and revocation, oldest first.
    pub acceptances: Vec<AcceptanceRow>,
    /// The SQL that would run.
    pub runbook: Runbook,
}

/// The profile and the scenario that were judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// The profile with its configuration's digest.
    pub profile: ProfileRef,
    /// How strong its evidence must be: `demo`, `staging` or `production`.
    pub stage: &'static str,
    /// The bundle of adapters that it leads to, if its kinds make up one.
    pub bundle: Option<&'static str>,
    /// The scenario's session.
    pub session: String,
    /// The snapshot in force.
    pub snapshot: Option<Digest>,
    /// How many records it holds.
    pub records: u64,
    /// The command that judges the same gates again.
    pub judged_by: String,
}

/// The decision on production.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Production {
    /// `GO` or `NO-GO`.
    pub decision: &'static str,
    /// Whether live traffic may pass.
    pub traffic: &'static str,
    /// Why no profile of this kind can be a GO, whatever its evidence; `None` for a production
    /// profile.
    pub stage: Option<String>,
    /// Every gate that is not complete.
    pub blockers: Vec<Blocker>,
}

/// A gate that blocks production.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocker {
    /// The gate.
    pub gate: &'static str,
    /// For people.
    pub title: &'static str,
    /// Ready checks.
    pub passed: usize,
    /// All checks.
    pub total: usize,
    /// The gate's decision, if it has one.
    pub decision: Option<&'static str>,
    /// Why its open checks are open; checks with the same reason stand together.
    pub reasons: Vec<Reason>,
}

/// One reason, and the checks that are open because of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The verdict of these checks.
    pub verdict: Verdict,
    /// The checks' ids.
    pub checks: Vec<&'static str>,
    /// One sentence.
    pub reason: String,
}

/// The result of a gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GatePart {
    /// The name on the command line.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// The schema of its packet.
    pub packet: Option<&'static str>,
    /// Ready checks.
    pub passed: usize,
    /// All checks.
    pub total: usize,
    /// The gate's decision, if it has one.
    pub decision: Option<&'static str>,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// The result of verifying the chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// Whether nothing is wrong, as far as could be verified.
    pub sound: bool,
    /// The answers.
    #[serde(flatten)]
    pub verification: ChainVerification,
}

/// A packet of the chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PacketPart {
    /// Its sequence number.
    pub sequence: u64,
    /// Its schema.
    pub schema: String,
    /// When it was sealed.
    pub created_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Ready checks.
    pub ready: usize,
    /// All checks.
    pub checks: usize,
    /// Its digest.
    pub sha256: Digest,
    /// The digest of the packet before.
    pub previous: Option<Digest>,
    /// The profile it was recorded for.
    pub profile: ProfileRef,
    /// The snapshot it is about.
    pub snapshot_sha256: Option<Digest>,
    /// The target it was recorded on.
    pub target: Option<Value>,
    /// Its file in the chain's folder.
    pub file: String,
    /// Its text form, as `evidence show` prints it.
    pub text: String,
}

/// The SQL that would run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Runbook {
    /// One digest over the paths and contents of all migration files.
    pub migrations_sha256: Digest,
    /// The digest of the text below.
    pub sha256: Digest,
    /// As `migrate runbook` prints it.
    pub sql: String,
}

/// Builds the dossier.
pub fn build(sources: &Sources<'_>) -> Dossier {
    let Sources { inputs, judgement, verification, .. } = *sources;
    let profile = &inputs.profile;
    let other = profile.switch.strip_prefix("--profile ");
    let over = other.map(|name| format!(" --for {name}")).unwrap_or_default();
    Dossier {
        schema: SCHEMA,
        tool_version: sources.tool_version,
        as_of: judgement.as_of,
        subject: Subject {
            profile: ProfileRef { name: profile.name.clone(), sha256: profile.sha256 },
            stage: stage(profile.stage()),
            bundle: profile.target(),
            session: inputs.scenario.session.to_string(),
            snapshot: judgement.snapshot,
            records: inputs.scenario.total(),
            judged_by: profile.command(&format!("gates{over}")),
        },
        production: production(inputs, judgement),
        readiness: judgement.readiness.clone(),
        gates: judgement.gates.iter().map(gate).collect(),
        chain: Chain { sound: verification.passed(), verification: verification.clone() },
        packets: inputs.packets.iter().map(packet).collect(),
        asked: asked(inputs),
        acceptances: recorded(inputs),
        runbook: Runbook {
            migrations_sha256: sources.migrations,
            sha256: Digest::of(sources.runbook),
            sql: sources.runbook.to_owned(),
        },
    }
}

const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Demo => "demo",
        Stage::Staging => "staging",
        Stage::Production => "production",
    }
}

fn production(inputs: &Inputs, judgement: &Judgement) -> Production {
    let of = inputs.profile.stage();
    let wrong_stage = (of != Stage::Production).then(|| {
        format!(
            "profile {} is judged as {}, and production is decided on a profile whose kinds are \
             all live",
            inputs.profile.name,
            stage(of)
        )
    });
    let open = judgement.gates.iter().filter(|gate| !gate.is_complete());
    Production {
        decision: judgement.production.decision,
        traffic: judgement.production.traffic,
        stage: wrong_stage,
        blockers: open.map(blocker).collect(),
    }
}

fn blocker(gate: &Gate) -> Blocker {
    let mut reasons: Vec<Reason> = Vec::new();
    for check in gate.checks.iter().filter(|check| !check.is_ready()) {
        let same = |r: &&mut Reason| r.verdict == check.verdict() && r.reason == check.reason;
        match reasons.iter_mut().find(same) {
            Some(reason) => reason.checks.push(check.id),
            None => reasons.push(Reason {
                verdict: check.verdict(),
                checks: vec![check.id],
                reason: check.reason.clone(),
            }),
        }
    }
    Blocker {
        gate: gate.id,
        title: gate.title,
        passed: gate.passed(),
        total: gate.total(),
        decision: gate.decision,
        reasons,
    }
}

fn gate(gate: &Gate) -> GatePart {
    GatePart {
        id: gate.id,
        title: gate.title,
        packet: gate.packet,
        passed: gate.passed(),
        total: gate.total(),
        decision: gate.decision,
        checks: gate.checks.clone(),
    }
}

fn packet(evidence: &Evidence) -> PacketPart {
    let Evidence { sha256, packet } = evidence;
    let (ready, checks) = packet.score();
    let Packet { sequence, schema, .. } = packet;
    PacketPart {
        sequence: *sequence,
        schema: schema.clone(),
        created_at: packet.created_at,
        outcome: packet.outcome,
        ready,
        checks,
        sha256: *sha256,
        previous: packet.previous,
        profile: packet.profile.clone(),
        snapshot_sha256: packet.snapshot_sha256,
        target: packet.target.clone(),
        file: packet.file_name(sha256),
        text: format!("{}sha256={sha256}\n", text(packet)),
    }
}
