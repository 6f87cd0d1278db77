//! Guarded wiring: the preconditions of live traffic.

use super::adapters;
use super::inputs::{Inputs, Role, Stage};
use super::spec::{Check, Condition, Gate};
use flowcontrol_contract::Port;
use flowcontrol_evidence::schema;

/// The name on the command line.
pub const ID: &str = "wiring";
/// The packet that belongs to it.
pub const PACKET: &str = schema::WIRING;
/// The decision code while a check is missing.
pub const PENDING: &str = "BLOCKED_PENDING_INFRASTRUCTURE_OR_CREDENTIALS";

/// The gate. Nothing is wired before the infrastructure is decided, so every check requires that
/// first and is blocked until then.
pub fn gate(inputs: &Inputs, infrastructure: &Gate, connection: &Gate, dry_run: &Gate) -> Gate {
    let row = |gate: &Gate, id: &str| {
        let missing = || Condition::missing(format!("{} has no check {id}", gate.id));
        gate.check(id).map_or_else(missing, Check::condition)
    };
    let command = |gate: &Gate| gate.checks.iter().find_map(|c| c.command.clone());
    let decide = command(infrastructure);
    let after = |id, title, conditions: Vec<Condition>, supply: Option<String>| {
        let all: Vec<Condition> =
            std::iter::once(infrastructure.condition()).chain(conditions).collect();
        Check::given(id, title, &all)
            .blocking()
            .owned_by(inputs.owner(Role::Director))
            .supplied_by(decide.clone().or(supply))
    };
    // The isolation probes of a rehearsal attack the policies that its migrations created.
    let isolation = || row(dry_run, "rbac-claims");
    let (connect, rehearse) = (command(connection), command(dry_run));
    let probe = |ports: &[Port], more: &[&str]| {
        let names: Vec<&str> = ports.iter().map(|p| p.name()).chain(more.iter().copied()).collect();
        inputs.adapters_command(&names)
    };
    let checks = vec![
        after("infrastructure-acceptance", "Infrastructure acceptance", Vec::new(), None),
        after(
            "endpoint-contract",
            "Endpoint contract",
            vec![row(connection, "endpoint-reachability"), row(connection, "tls-fingerprint")],
            connect.clone(),
        ),
        after(
            "tenant-context",
            "Tenant context",
            vec![row(connection, "rbac-session"), isolation()],
            connect.or_else(|| rehearse.clone()),
        ),
        after(
            "oidc-claims",
            "OIDC and RBAC claims",
            vec![adapters::live(inputs, Port::Auth)],
            buildable(inputs, &[Port::Auth]).then(|| probe(&[Port::Auth], &[])),
        ),
        after("rls-policy", "RLS policy", vec![row(dry_run, "schema-map"), isolation()], rehearse),
        after(
            "secrets-backup-boundary",
            "Secrets and backup boundary",
            vec![row(infrastructure, "secrets-and-backup"), adapters::secrets(inputs)],
            Some(probe(&[], &[adapters::SECRETS])),
        ),
        after(
            "live-credentials",
            "Live credentials",
            credentials(inputs),
            buildable(inputs, &wanted(inputs))
                .then(|| probe(&wanted(inputs), &[adapters::SECRETS])),
        ),
    ];
    Gate::new(ID, "Guarded wiring", checks).with_packet(PACKET).deciding(PENDING)
}

/// The ports whose credentials must have been used: store and sign-in always, every port in
/// production.
fn wanted(inputs: &Inputs) -> Vec<Port> {
    match inputs.profile.stage() {
        Stage::Production => Port::ALL.to_vec(),
        Stage::Demo | Stage::Staging => vec![Port::Store, Port::Auth],
    }
}

/// Each of these ports' adapters answered with the credentials that the configuration refers to.
fn credentials(inputs: &Inputs) -> Vec<Condition> {
    let ports = wanted(inputs).into_iter().map(|port| adapters::live(inputs, port));
    ports.chain([adapters::secrets(inputs)]).collect()
}

/// Whether a command can supply the probes: not for an adapter that is not built, not configured, or
/// local.
fn buildable(inputs: &Inputs, ports: &[Port]) -> bool {
    let states: Vec<_> = ports.iter().filter_map(|port| inputs.profile.port(*port)).collect();
    states.len() == ports.len()
        && states.iter().all(|s| s.is_live() && s.has(&s.kind) && s.configured)
}
