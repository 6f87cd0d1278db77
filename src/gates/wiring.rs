//! Guarded wiring: what must hold before live traffic could be let through.

use super::inputs::{Inputs, Role};
use super::spec::{Check, Condition, Gate};

/// The name on the command line.
pub const ID: &str = "wiring";
/// The packet that belongs to it; nothing of this version seals one yet.
pub const PACKET: &str = "ProductionDbAuthAdapterWiring.v1";
/// Why it is held back.
pub const PENDING: &str = "BLOCKED_PENDING_INFRASTRUCTURE_OR_CREDENTIALS";

/// The gate. Nothing is wired before the infrastructure was decided, so every check asks for that
/// first and is blocked until then.
pub fn gate(inputs: &Inputs, infrastructure: &Gate, connection: &Gate, dry_run: &Gate) -> Gate {
    let row = |gate: &Gate, id: &str| {
        let missing = || Condition::missing(format!("{} has no {id}", gate.id));
        gate.check(id).map_or_else(missing, Check::condition)
    };
    let after = |id, title, conditions: Vec<Condition>| {
        let all: Vec<Condition> =
            std::iter::once(infrastructure.condition()).chain(conditions).collect();
        Check::given(id, title, &all).blocking().owned_by(inputs.owner(Role::Director))
    };
    // The isolation probes of a rehearsal attack the policies that its migrations made.
    let isolation = || row(dry_run, "rbac-claims");
    let checks = vec![
        after("infrastructure-acceptance", "Infrastructure acceptance", Vec::new()),
        after(
            "endpoint-contract",
            "Endpoint contract",
            vec![row(connection, "endpoint-reachability"), row(connection, "tls-fingerprint")],
        ),
        after(
            "tenant-context",
            "Tenant context",
            vec![row(connection, "rbac-session"), isolation()],
        ),
        after(
            "oidc-claims",
            "OIDC and RBAC claims",
            vec![Condition::missing("this version cannot probe an OpenID provider yet")],
        ),
        after("rls-policy", "RLS policy", vec![row(dry_run, "schema-map"), isolation()]),
        after(
            "secrets-backup-boundary",
            "Secrets and backup boundary",
            vec![row(infrastructure, "secrets-and-backup")],
        ),
        after(
            "live-credentials",
            "Live credentials",
            vec![Condition::missing("this version cannot check live credentials yet")],
        ),
    ];
    Gate::new(ID, "Guarded wiring", checks).with_packet(PACKET).deciding(PENDING)
}
