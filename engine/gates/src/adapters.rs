//! The results of the adapters' own probes, as conditions for other gates.

use super::inputs::{Evidence, Inputs};
use super::spec::Condition;
use flowcontrol_contract::Port;
use flowcontrol_evidence::{CheckResult, Verdict, schema};
use serde_json::Value;

/// The id of the check of references to secrets.
pub const SECRETS: &str = "secrets";

/// The adapter that the profile names for `port` is live and passed its probe.
pub fn live(inputs: &Inputs, port: Port) -> Condition {
    let Some(state) = inputs.profile.port(port) else {
        return Condition::missing(format!("the profile does not name a kind for {port}"));
    };
    if !state.is_live() {
        return Condition::missing(format!(
            "{port} is {}, which is not a live adapter",
            state.kind
        ));
    }
    if !state.has(&state.kind) {
        return Condition::missing(format!("this version has no adapter {}", state.kind));
    }
    if !state.configured {
        return Condition::missing(format!(
            "[adapters.{}] is missing in the configuration",
            state.kind
        ));
    }
    let (found, check) = match newest(inputs, port.name()) {
        Ok(found) => found,
        Err(why) => return Condition::missing(why),
    };
    let says = |name: &str| check.figures.get(name).and_then(Value::as_str);
    let outcome = if check.verdict != Verdict::Ready {
        Err(format!("the probe of {} failed: {}", state.kind, check.reason))
    } else if says("kind") != Some(&state.kind) || says("mode") != Some("live") {
        Err(format!("{} probed an adapter other than {}", found.sha256.short(), state.kind))
    } else {
        Ok(format!("{}: {}", state.kind, check.reason))
    };
    Condition { outcome, evidence: vec![found.sha256] }
}

/// Every secret that the profile needs is a reference in the configuration, and the reference was
/// resolved.
pub fn secrets(inputs: &Inputs) -> Condition {
    match newest(inputs, SECRETS) {
        Err(why) => Condition::missing(why),
        Ok((found, check)) => {
            let reason = check.reason.clone();
            let ready = check.verdict == Verdict::Ready;
            let outcome = if ready { Ok(reason) } else { Err(reason) };
            Condition { outcome, evidence: vec![found.sha256] }
        }
    }
}

/// The newest adapter check of the judged profile that contains the check `id`.
fn newest<'a>(inputs: &'a Inputs, id: &str) -> Result<(&'a Evidence, &'a CheckResult), String> {
    let profile = &inputs.profile;
    let tells = |e: &'a Evidence| {
        let mine = e.packet.schema == schema::ADAPTERS
            && e.packet.profile.name == profile.name
            && e.packet.created_at <= inputs.as_of;
        let check = e.packet.checks.iter().find(|c| c.id == id);
        check.filter(|_| mine).map(|check| (e, check))
    };
    let found = inputs.packets.iter().rev().find_map(tells).ok_or_else(|| {
        format!("no {} of profile {} contains check {id}", schema::ADAPTERS, profile.name)
    })?;
    let made_for = found.0.packet.profile.sha256;
    if made_for == profile.sha256 {
        return Ok(found);
    }
    Err(format!(
        "{} {} was made for configuration {}, but the current one is {}",
        schema::ADAPTERS,
        found.0.sha256.short(),
        made_for.short(),
        profile.sha256.short()
    ))
}
