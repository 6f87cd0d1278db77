//! The environment values of a release and of its rollback, in the console's order.

use super::inputs::{Inputs, PortState, Role, Stage};
use super::judgement::Judgement;
use super::{board, release, rollback};
use flowcontrol_contract::{Port, store};
use flowcontrol_evidence::schema;

/// Names and texts of the values, in the console's order.
pub type Values = Vec<(&'static str, String)>;

/// The nine values of a release.
///
/// # Errors
/// One sentence: which of them is not known.
pub fn release(inputs: &Inputs, judgement: &Judgement) -> Result<Values, String> {
    release_with(inputs, decision(judgement, release::ID))
}

/// Checks that all nine values of [`release()`] are known, independent of the decision.
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
        known.map(str::to_owned).ok_or_else(|| format!("there is no local adapter kind for {port}"))
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

/// The tenant mode of the profile's stage.
const fn tenant_mode(stage: Stage) -> &'static str {
    match stage {
        Stage::Demo => "single-tenant-local",
        Stage::Staging => "single-tenant",
        Stage::Production => "multi-tenant",
    }
}

fn state(inputs: &Inputs, port: Port) -> Result<&PortState, String> {
    inputs.profile.port(port).ok_or_else(|| format!("the profile does not name a kind for {port}"))
}

fn owner(inputs: &Inputs) -> Result<String, String> {
    inputs.owner(Role::Director).map(|o| o.id.to_string()).ok_or_else(|| {
        let key = inputs.role_key(Role::Director);
        format!("no actor of the deployment's tenant has the role {key}, which owns the rollback")
    })
}

/// A gate's decision; a gate that was not judged has none, which is not a GO.
pub(super) fn decision(judgement: &Judgement, id: &str) -> String {
    judgement.gate(id).and_then(|g| g.decision).unwrap_or("none").to_owned()
}
