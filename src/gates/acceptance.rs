//! Provider acceptance: the director's word on the live provider and its boundaries.

use super::admit::Binding;
use super::decision::Decision;
use super::inputs::{Inputs, Role};
use super::spec::Gate;
use crate::evidence::schema;

/// The name on the command line.
pub const ID: &str = "provider-acceptance";
/// What is decided while a word is missing.
pub const NO_GO: &str = "NO-GO";

/// The four checks.
pub static DECISIONS: [Decision; 4] = [
    on_provider("provider-acceptance/live-provider", "Live DB and auth provider"),
    on_provider("provider-acceptance/auth-owner", "Auth and RBAC owner"),
    on_provider("provider-acceptance/tenant-secrets", "Tenant and secrets boundary"),
    on_provider("provider-acceptance/live-wiring", "Live wiring go/no-go"),
];

/// The provider is known by its connection, its boundaries by the rehearsal's probes.
const fn on_provider(path: &'static str, title: &'static str) -> Decision {
    Decision {
        path,
        title,
        role: Role::Director,
        values: &[],
        rests_on: &[(schema::CONNECTION, Binding::Profile), (schema::DRY_RUN, Binding::Snapshot)],
    }
}

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = DECISIONS.iter().map(|decision| decision.check(inputs).blocking());
    Gate::new(ID, "Provider acceptance", checks.collect()).deciding(NO_GO)
}
