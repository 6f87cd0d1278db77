//! The packet schemas this version knows, and what each requires of a packet.

use super::acceptance::RecordedAcceptance;
use super::chain_set;
use super::packet::{Outcome, Packet, Verdict};
use std::collections::BTreeSet;

/// Sealed after `connect` and after the connection probes of a rehearsal.
pub const CONNECTION: &str = "ProductionAdapterConnection.v1";
/// Sealed after a rehearsal's replay, verification and rollback.
pub const DRY_RUN: &str = "ProductionAdapterDryRun.v1";
/// Sealed when the release handoff is recorded.
pub const RELEASE: &str = "ProductionReleaseHandoff.v1";
/// Sealed after a rollback drill.
pub const DRILL: &str = "ProductionRollbackDrill.v1";
/// Sealed when the migration preflight is recorded.
pub const PREFLIGHT: &str = "ProductionAdapterMigrationPreflight.v1";
/// Sealed when the migration runbook is recorded.
pub const RUNBOOK: &str = "ProductionAdapterMigrationRunbook.v1";
/// Sealed when a data cutover is planned.
pub const CUTOVER: &str = "ProductionDataCutoverPlan.v1";
/// Sealed after each step of a data cutover; its body describes that step.
pub const CUTOVER_STEP: &str = "FlowControlCutoverStep.v1";
/// Sealed when a data cutover is complete, or was aborted.
pub const CUTOVER_RUN: &str = "FlowControlCutover.v1";
/// Sealed when the infrastructure decisions are recorded.
pub const INFRASTRUCTURE: &str = "ProductionInfrastructureDecision.v1";
/// Sealed when the guarded wiring is recorded.
pub const WIRING: &str = "ProductionDbAuthAdapterWiring.v1";
/// Sealed after the configured adapters were probed; its checks are named after their ports.
pub const ADAPTERS: &str = "FlowControlAdapterCheck.v1";
/// Sealed for a whole rehearsal; its body is the report.
pub const REHEARSAL: &str = "FlowControlRehearsal.v1";
/// Sealed for a rehearsal of migrations alone; its body is the report.
pub const MIGRATIONS: &str = "FlowControlMigrationRehearsal.v1";
/// Sealed after a single step of a rehearsal.
pub const STEP: &str = "FlowControlRehearsalStep.v1";
/// Sealed when the chain of another machine is linked; its body names that chain.
pub const IMPORTED: &str = "FlowControlImportedChain.v1";

/// Sealed when an owner accepts a check, or revokes that; its body is the acceptance.
pub const ACCEPTANCE: &str = "FlowControlAcceptance.v1";

/// The requirements of one schema.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Name without the version.
    pub name: &'static str,
    /// The highest version this build knows.
    pub version: u32,
    /// Checks that each packet must carry, whatever their verdict.
    pub checks: &'static [&'static str],
    /// A packet that passed must name its target.
    pub target: bool,
    /// A packet that passed must name its snapshot.
    pub snapshot: bool,
}

/// Every schema this version knows.
pub const KNOWN: &[Schema] = &[
    Schema {
        name: "ProductionAdapterConnection",
        version: 1,
        checks: &["endpoint-reachability", "tls-fingerprint", "rbac-session", "write-probe"],
        target: true,
        snapshot: false,
    },
    Schema {
        name: "ProductionAdapterDryRun",
        version: 1,
        checks: &[
            "snapshot-export",
            "schema-map",
            "rbac-claims",
            "adapter-replay-transcript",
            "rollback-checkpoint",
        ],
        target: true,
        snapshot: true,
    },
    Schema {
        name: "ProductionReleaseHandoff",
        version: 1,
        checks: &[
            "env-values",
            "adapter-target",
            "dry-run-transcript",
            "rollback-adapter",
            "owner-evidence",
        ],
        target: false,
        snapshot: true,
    },
    Schema {
        name: "ProductionRollbackDrill",
        version: 1,
        checks: &["freeze-window", "storage-fallback", "audit-packet"],
        target: true,
        snapshot: true,
    },
    Schema {
        name: "ProductionAdapterMigrationPreflight",
        version: 1,
        checks: &[
            "snapshot-payload",
            "schema-map",
            "rbac-claims",
            "adapter-replay",
            "rollback-evidence",
        ],
        target: false,
        snapshot: true,
    },
    Schema {
        name: "ProductionAdapterMigrationRunbook",
        version: 1,
        checks: &[
            "freeze-snapshot",
            "schema-and-rls",
            "actor-claims",
            "adapter-replay",
            "checksum-verification",
            "rollback-seal",
        ],
        target: false,
        snapshot: true,
    },
    Schema {
        name: "ProductionDataCutoverPlan",
        version: 1,
        checks: &["freeze", "seed-tenant-rls", "replay-batches", "audit-parity", "rollback-seal"],
        target: false,
        snapshot: true,
    },
    Schema {
        name: "ProductionInfrastructureDecision",
        version: 1,
        checks: &["hosting", "region", "runtime-owner", "secrets-and-backup"],
        target: false,
        snapshot: false,
    },
    Schema {
        name: "ProductionDbAuthAdapterWiring",
        version: 1,
        checks: &[
            "infrastructure-acceptance",
            "endpoint-contract",
            "tenant-context",
            "oidc-claims",
            "rls-policy",
            "secrets-backup-boundary",
            "live-credentials",
        ],
        target: false,
        snapshot: false,
    },
    Schema {
        name: "FlowControlAdapterCheck",
        version: 1,
        checks: &[],
        target: false,
        snapshot: false,
    },
    Schema {
        name: "FlowControlCutoverStep",
        version: 1,
        checks: &[],
        target: true,
        snapshot: true,
    },
    Schema {
        name: "FlowControlCutover",
        version: 1,
        checks: &["tenant-and-rbac", "operations", "finance", "audit", "parity", "rollback-seal"],
        target: true,
        snapshot: true,
    },
    Schema { name: "FlowControlRehearsal", version: 1, checks: &[], target: true, snapshot: true },
    Schema {
        name: "FlowControlMigrationRehearsal",
        version: 1,
        checks: &[],
        target: true,
        snapshot: false,
    },
    Schema {
        name: "FlowControlRehearsalStep",
        version: 1,
        checks: &[],
        target: false,
        snapshot: false,
    },
    Schema {
        name: "FlowControlImportedChain",
        version: 1,
        checks: &["chain-verified"],
        target: false,
        snapshot: false,
    },
    Schema {
        name: "FlowControlAcceptance",
        version: 1,
        checks: &[],
        target: false,
        snapshot: true,
    },
];

/// What a schema name means to this version.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// Known, with these requirements.
    Yes(&'static Schema),
    /// The name is known, but the version is newer than this build.
    Newer(&'static Schema),
    /// Unknown, or of a later version of FlowControl.
    No,
    /// Not of the form `Name.v1`.
    Malformed,
}

/// Splits `Name.v1` into its name and version.
pub fn split(schema: &str) -> Option<(&str, u32)> {
    let (name, version) = schema.rsplit_once(".v")?;
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    let plain = !version.starts_with('0') && version.bytes().all(|b| b.is_ascii_digit());
    if named && plain { Some((name, version.parse().ok()?)) } else { None }
}

/// Looks a schema name up.
pub fn look_up(schema: &str) -> Known {
    let Some((name, version)) = split(schema) else {
        return Known::Malformed;
    };
    match KNOWN.iter().find(|known| known.name == name) {
        None => Known::No,
        Some(known) if version > known.version => Known::Newer(known),
        Some(known) => Known::Yes(known),
    }
}

/// Every schema rule that `packet` breaks, as sentences; empty when it is valid. A success must be
/// supported by its verdicts; a failure needs only its reasons.
pub fn judge(packet: &Packet) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for check in &packet.checks {
        if !seen.insert(check.id.as_str()) {
            broken.push(format!("check {} occurs twice", check.id));
        }
        if check.id.is_empty() || check.title.is_empty() || check.reason.is_empty() {
            broken.push(format!("check {:?} lacks its id, title or reason", check.id));
        }
        if packet.outcome == Outcome::Passed && check.verdict != Verdict::Ready {
            broken.push(format!(
                "its outcome is passed although check {} is {}",
                check.id,
                check.verdict.name()
            ));
        }
    }
    if !packet.body.is_object() {
        broken.push("its body is not an object".to_owned());
    }
    if packet.schema == IMPORTED && chain_set::linked(packet).is_none() {
        broken.push("its body does not name the linked chain".to_owned());
    }
    if let Err(why) = RecordedAcceptance::read(packet) {
        broken.push(why);
    }
    let Known::Yes(schema) = look_up(&packet.schema) else {
        return broken;
    };
    for &required in schema.checks {
        if !seen.contains(required) {
            broken.push(format!("check {required} is missing, which {} requires", packet.schema));
        }
    }
    if packet.outcome == Outcome::Passed {
        if schema.target && packet.target.is_none() {
            broken.push("its outcome is passed but it names no target".to_owned());
        }
        if schema.snapshot && packet.snapshot_sha256.is_none() {
            broken.push("its outcome is passed but it names no snapshot".to_owned());
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::{Known, look_up, split};

    #[test]
    fn names_are_read_strictly() {
        assert_eq!(split("ProductionAdapterDryRun.v1"), Some(("ProductionAdapterDryRun", 1)));
        for wrong in
            ["", "Name", "Name.v", "Name.v0", "Name.v01", ".v1", "a/b.v1", "1a.v1", "Name.v+1"]
        {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_an_unknown_name() {
        assert!(matches!(look_up("ProductionAdapterDryRun.v1"), Known::Yes(_)));
        assert!(matches!(look_up("ProductionAdapterDryRun.v2"), Known::Newer(_)));
        assert!(matches!(look_up("SomethingElse.v1"), Known::No));
        assert!(matches!(look_up("../../etc.v1"), Known::Malformed));
    }
}
