//! `adapters list`.

use super::args::Adapters;
use super::{Cx, out};
use crate::config::PORT_KINDS;
use crate::error::{Exit, Result};
use crate::registry::registry;
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    port: &'static str,
    kind: String,
    mode: Option<flowcontrol_contract::Mode>,
    built: bool,
    known: Vec<&'static str>,
}

/// Lists each port's kind in the active profile, and whether this build has it.
pub fn run(cx: &Cx, args: &Adapters) -> Result<Exit> {
    let Adapters::List = args;
    let profile = cx.settings.profile()?;
    let registry = registry();
    let rows: Vec<Row> = PORT_KINDS
        .iter()
        .map(|(port, known)| {
            let kind = profile.kind(*port).to_owned();
            let built = registry.kinds(*port).into_iter().find(|(k, _)| *k == kind);
            Row {
                port: port.name(),
                kind,
                mode: built.map(|(_, mode)| mode),
                built: built.is_some(),
                known: known.to_vec(),
            }
        })
        .collect();
    let value = serde_json::json!({"profile": cx.settings.config.profile, "ports": rows});
    out::either(cx.format, &value, || {
        let mut text = format!("profile {}\n", cx.settings.config.profile);
        for row in &rows {
            let state = match row.mode {
                Some(flowcontrol_contract::Mode::Local) => "local",
                Some(flowcontrol_contract::Mode::Live) => "live",
                None => "not in this build",
            };
            text.push_str(&format!("  {:<6} {:<18} {}\n", row.port, row.kind, state));
        }
        text
    })?;
    Ok(Exit::Done)
}
