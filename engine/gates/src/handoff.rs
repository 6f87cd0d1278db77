//! The values that a release and its rollback hand to an environment, in the console's order.

use super::inputs::{Inputs, PortState, Role, Stage};
use super::judgement::Judgement;
use super::{board, release, rollback};
use flowcontrol_contract::{Port, store};
use flowcontrol_evidence::schema;

/// A value's name and text, in the order of the console.
pub type Values = Vec<(&'static str, String)>;

/// The nine values of a release.
///
/// # Errors
/// One sentence: which of them cannot be named.
pub fn release(inputs: &Inputs, judgement: &Judgement) -> Result<Values, String> {
    release_with(inputs, decision(judgement, release::ID))
}

/// Whether [`release()`] can name its nine values, whatever is decided.
///
/// # Errors
/// As [`release()`].
pub(super) fn nameable(inputs: &Inputs) -> Result<(), String> {
    release_with(inputs, String::new()).map(drop)
}

fn release_with(inputs: &Inputs, decision: String) -> Result<Values, String> {
    let profile = &inputs.profile;
    Ok(vec![
        ("BFG_RELEASE_ENVIRONMENT", profile.name.clone()),
        ("BFG_RELEASE_TARGET", board::selected(inputs)?.to_owned()),
        ("BFG_SCENARIO_ADAPTER", store::CONTRACT.to_owned()),
        ("BFG_STORAGE_ADAPTER", state(inputs, Port::Store)?.kind.clone()),
        ("BFG_AUTH_MODE", state(inputs, Port::Auth)?.kind.clone()),
        ("BFG_TENANT_MODE", tenant_mode(profile.stage()).to_owned()),
        ("BFG_ROLLBACK_OWNER", owner(inputs)?),
        ("BFG_RELEASE_EVIDENCE", schema::DRY_RUN.to_owned()),
        ("BFG_RELEASE_DECISION", decision),
    ])
}

/// The six values of a rollback.
///
/// # Errors
/// As [`release()`].
pub fn rollback(inputs: &Inputs, judgement: &Judgement) -> Result<Values, String> {
    let local = |port| {
        let known = state(inputs, port)?.local();
        known.map(str::to_owned).ok_or_else(|| format!("no local kind of {port} is known"))
    };
    Ok(vec![
        ("BFG_ROLLBACK_DECISION", decision(judgement, rollback::ID)),
        ("BFG_ROLLBACK_OWNER", owner(inputs)?),
        ("BFG_ROLLBACK_STORAGE", local(Port::Store)?),
        ("BFG_ROLLBACK_AUTH", local(Port::Auth)?),
        ("BFG_ROLLBACK_EVIDENCE", schema::RELEASE.to_owned()),
        ("BFG_ROLLBACK_PACKET", schema::DRILL.to_owned()),
    ])
}

/// How the profile's stage keeps tenants apart.
const fn tenant_mode(stage: Stage) -> &'static str {
    match stage {
        Stage::Demo => "single-tenant-local",
        Stage::Staging => "single-tenant",
        Stage::Production => "multi-tenant",
    }
}

fn state(inputs: &Inputs, port: Port) -> Result<&PortState, String> {
    inputs.profile.port(port).ok_or_else(|| format!("the profile names no {port}"))
}

fn owner(inputs: &Inputs) -> Result<String, String> {
    inputs.owner(Role::Director).map(|o| o.id.to_string()).ok_or_else(|| {
        let key = inputs.role_key(Role::Director);
        format!("no actor of the deployment's tenant is {key}, the rollback owner")
    })
}

/// A gate's decision; a gate that was not judged has none, which is no GO either.
pub(super) fn decision(judgement: &Judgement, id: &str) -> String {
    judgement.gate(id).and_then(|g| g.decision).unwrap_or("none").to_owned()
}
