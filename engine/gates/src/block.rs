//! A packet's block of lines, as the integrations console prints it.

use super::inputs::Inputs;
use super::judgement::Judgement;
use super::owners::{self, INFRASTRUCTURE, NO_GO};
use super::{connection, cutover, dry_run, handoff, preflight, release};
use super::{rollback, runbook, wiring};
use flowcontrol_contract::store;

/// `name=value` pairs in order.
pub type Block = Vec<(String, String)>;

/// The block of a gate's packet; `None` for a gate without one, and for those whose packet the
/// probes and the rehearsal write.
///
/// # Errors
/// One sentence: which value is not known.
pub fn block(inputs: &Inputs, judgement: &Judgement, id: &str) -> Option<Result<Block, String>> {
    let block = match id {
        release::ID => handoff::release(inputs, judgement).map(owned),
        rollback::ID => handoff::rollback(inputs, judgement).map(owned),
        preflight::ID => Ok(preflight(inputs, judgement)),
        runbook::ID => Ok(runbook(inputs, judgement)),
        cutover::ID => Ok(cutover(inputs, judgement)),
        INFRASTRUCTURE => Ok(infrastructure(inputs, judgement)),
        wiring::ID => Ok(wiring(inputs, judgement)),
        _ => return None,
    };
    Some(block)
}

fn owned(values: handoff::Values) -> Block {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn lines<const N: usize>(lines: [(&str, String); N]) -> Block {
    lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn score(judgement: &Judgement, id: &str) -> String {
    judgement.gate(id).map_or_else(|| "0/0".into(), |g| format!("{}/{}", g.passed(), g.total()))
}

fn target(inputs: &Inputs) -> String {
    inputs.profile.target().unwrap_or("none").to_owned()
}

fn checksum(inputs: &Inputs) -> String {
    super::admit::digest_text(inputs.scenario.snapshot)
}

fn preflight(inputs: &Inputs, judgement: &Judgement) -> Block {
    lines([
        ("schema", store::SNAPSHOT_SCHEMA.to_owned()),
        ("target", target(inputs)),
        ("session", inputs.scenario.session.to_string()),
        ("checksum", checksum(inputs)),
        ("rows", inputs.scenario.total().to_string()),
        ("adapter_contract", store::CONTRACT.to_owned()),
        ("dry_run", score(judgement, dry_run::ID)),
        ("connection", score(judgement, connection::ID)),
        ("rollback_decision", handoff::decision(judgement, rollback::ID)),
    ])
}

/// The header lines of the printed runbook, whose SQL `migrate runbook` prints; the digest names
/// that SQL.
fn runbook(inputs: &Inputs, judgement: &Judgement) -> Block {
    lines([
        ("source", store::SNAPSHOT_SCHEMA.to_owned()),
        ("target", target(inputs)),
        ("session", inputs.scenario.session.to_string()),
        ("checksum", checksum(inputs)),
        ("rows", inputs.scenario.total().to_string()),
        ("runbook_decision", handoff::decision(judgement, runbook::ID)),
        ("migrations_sha256", inputs.migrations.to_string()),
    ])
}

fn cutover(inputs: &Inputs, judgement: &Judgement) -> Block {
    let batches = cutover::batches(inputs);
    let rows: u64 = batches.iter().map(|b| b.rows).sum();
    let filled = batches.iter().filter(|b| b.rows > 0).count();
    lines([
        ("target", target(inputs)),
        ("session", inputs.scenario.session.to_string()),
        ("snapshot_schema", store::SNAPSHOT_SCHEMA.to_owned()),
        ("snapshot_checksum", checksum(inputs)),
        ("snapshot_rows", inputs.scenario.total().to_string()),
        ("batch_rows", rows.to_string()),
        ("batches", format!("{filled}/{}", batches.len())),
        ("steps", score(judgement, cutover::ID)),
        ("connection", score(judgement, connection::ID)),
        ("dry_run", score(judgement, dry_run::ID)),
        ("runbook_decision", handoff::decision(judgement, runbook::ID)),
        ("release_decision", handoff::decision(judgement, release::ID)),
        ("rollback_decision", handoff::decision(judgement, rollback::ID)),
        ("cutover_decision", handoff::decision(judgement, cutover::ID)),
    ])
}

/// The decided values, as far as the decisions count.
fn infrastructure(inputs: &Inputs, judgement: &Judgement) -> Block {
    let mut block = lines([
        ("target", target(inputs)),
        ("session", inputs.scenario.session.to_string()),
        ("accepted", score(judgement, INFRASTRUCTURE)),
    ]);
    for decision in owners::of_gate(INFRASTRUCTURE) {
        let word = decision.accepted(inputs).ok();
        for value in decision.values {
            let text = word.and_then(|w| w.values.get(value.name()).cloned());
            block.push((value.name().to_owned(), text.unwrap_or_else(|| "pending".to_owned())));
        }
    }
    let complete = judgement.gate(INFRASTRUCTURE).is_some_and(super::Gate::is_complete);
    let decision = if complete { super::spec::READY } else { NO_GO };
    block.push(("infrastructure_decision".to_owned(), decision.to_owned()));
    block
}

fn wiring(inputs: &Inputs, judgement: &Judgement) -> Block {
    lines([
        ("target", target(inputs)),
        ("session", inputs.scenario.session.to_string()),
        ("infrastructure", score(judgement, INFRASTRUCTURE)),
        ("connection", score(judgement, connection::ID)),
        ("checks", score(judgement, wiring::ID)),
        ("decision", handoff::decision(judgement, wiring::ID)),
        ("traffic", judgement.production.traffic.to_owned()),
    ])
}
