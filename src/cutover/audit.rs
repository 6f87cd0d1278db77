//! The evidence chain so far, carried into the target's audit trail.

use super::batch::Cargo;
use crate::error::{Failure, Result};
use crate::evidence::{EvidenceStore, Sealed};
use crate::gates::inputs::Role;
use flowcontrol_contract::{AuditEvent, BatchImport, EventId, Payload, Roster};

/// Names where the events come from.
const SOURCE: &str = "flowcontrol-evidence";

/// Writes each packet of the chain as an audit event of the first tenant, in the director's name;
/// those that are there already stay. The answer is how many there are then.
///
/// # Errors
/// A check failure when the chain does not verify, or not every event is there afterwards.
pub async fn carry(
    cargo: &Cargo<'_>,
    store: &dyn BatchImport,
    evidence: &EvidenceStore,
) -> Result<u64> {
    let Some(roster) = cargo.summary.header.tenants.first() else { return Ok(0) };
    let verification = evidence.verify(None)?;
    if let Some(problem) = verification.problems.first() {
        return Err(Failure::check(format!(
            "the evidence chain does not verify, so it is not carried along: {}: {}",
            problem.file, problem.message
        )));
    }
    let mut events = Vec::new();
    for listed in evidence.list()?.packets {
        let sealed = listed.read.map_err(|flaw| {
            Failure::check(format!("evidence packet {} is damaged: {flaw}", listed.file))
        })?;
        events.push(event(&sealed, roster)?);
    }
    let cx = cargo.cx(&roster.tenant);
    for some in events.chunks(500) {
        store.carry_chain(&cx, some).await?;
    }
    let there = store.carried(&cx).await?;
    if there < events.len() as u64 {
        return Err(Failure::check(format!(
            "{there} of {} evidence packets are in the audit trail",
            events.len()
        )));
    }
    Ok(there)
}

fn event(sealed: &Sealed, roster: &Roster) -> Result<AuditEvent> {
    let director = roster.actors.iter().find(|a| a.role == Role::Director.key());
    let actor = director.or_else(|| roster.actors.first()).ok_or_else(|| {
        Failure::check(format!("tenant {} has no actor to carry evidence for", roster.tenant))
    })?;
    let packet = sealed.packet();
    let id = EventId::new(format!("evidence-{:05}-{}", packet.sequence, sealed.sha256()))?;
    Ok(AuditEvent::new(id, actor.id.clone(), SOURCE, Payload::parse(sealed.text())?)?)
}
