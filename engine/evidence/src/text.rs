//! A packet as lines of `name=value` under its schema, as the integrations console prints them.

use super::packet::Packet;
use flowcontrol_base::text::one_line;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write as _;

/// The text form: the schema, the lines of the console's block where the packet has one, then one
/// `name=value` per line. Values are escaped, so that none can start a new line or forge another pair.
pub fn text(packet: &Packet) -> String {
    let mut out = format!("{}\n", packet.schema);
    let mut pair = |name: &str, value: &str| {
        let _ = writeln!(out, "{}={}", one_line(name), one_line(value));
    };
    let block = block(packet);
    for (name, value) in block.iter().flatten() {
        pair(name, value);
    }
    pair("sequence", &packet.sequence.to_string());
    pair("created_at", &packet.created_at.to_string());
    pair("tool_version", &packet.tool_version);
    pair("ran", &packet.ran);
    pair("profile", &packet.profile.name);
    pair("profile_checksum", &packet.profile.sha256.short());
    match &packet.snapshot_sha256 {
        Some(digest) => pair("snapshot_checksum", &digest.short()),
        None => pair("snapshot_checksum", "none"),
    }
    match &packet.target {
        Some(target) => flatten("target", target, &mut pair),
        // The block names the adapter bundle instead.
        None if block.is_some() => {}
        None => pair("target", "none"),
    }
    if let Value::Object(members) = &packet.body {
        for (key, value) in members {
            if block.is_none() || key != BLOCK {
                flatten(key, value, &mut pair);
            }
        }
    }
    let (ready, total) = packet.score();
    pair("checks", &format!("{ready}/{total}"));
    for check in &packet.checks {
        pair(&format!("check.{}", check.id), check.verdict.name());
        pair(&format!("check.{}.reason", check.id), &check.reason);
        for (name, figure) in &check.figures {
            flatten(&format!("check.{}.{name}", check.id), figure, &mut pair);
        }
    }
    pair("outcome", packet.outcome.name());
    match &packet.previous {
        Some(digest) => pair("previous", &digest.to_string()),
        None => pair("previous", "none"),
    }
    out
}

/// The body's member that holds a block: `[name, value]` pairs in order.
const BLOCK: &str = "block";

fn block(packet: &Packet) -> Option<Vec<(String, String)>> {
    Deserialize::deserialize(packet.body.get(BLOCK)?).ok()
}

fn flatten(name: &str, value: &Value, pair: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Null => pair(name, "none"),
        Value::String(text) => pair(name, text),
        Value::Bool(_) | Value::Number(_) => pair(name, &value.to_string()),
        Value::Array(items) => {
            pair(&format!("{name}.count"), &items.len().to_string());
            for (i, item) in items.iter().enumerate() {
                flatten(&format!("{name}.{}", i + 1), item, pair);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                flatten(&format!("{name}.{key}"), member, pair);
            }
        }
    }
}
