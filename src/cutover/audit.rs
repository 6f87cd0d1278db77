//! Copies the evidence chain so far into the target's audit trail.

use super::slice::SnapshotSlice;
use crate::config::Config;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{AuditEvent, BatchImport, EventId, Payload, Roster};
use flowcontrol_evidence::{EvidenceStore, Sealed};
use flowcontrol_gates::inputs::Role;

/// The source of the audit events.
const SOURCE: &str = "flowcontrol-evidence";

/// Writes each packet of the chain as an audit event of the deployment's tenant, with the director as actor;
/// existing events are kept. Returns the number of events afterwards.
///
/// # Errors
/// A check failure when the chain does not verify, or an event is missing afterwards.
pub async fn carry(
    config: &Config,
    slice: &SnapshotSlice<'_>,
    store: &dyn BatchImport,
    evidence: &EvidenceStore,
) -> Result<u64> {
    let header = &slice.summary.header;
    let own = config.deployment.among(&header.tenant_ids())?;
    let Some(roster) = header.tenants.iter().find(|r| Some(&r.tenant) == own.as_ref()) else {
        return Ok(0);
    };
    let director = config.owners.key(Role::Director);
    let verification = evidence.verify(None)?;
    if let Some(problem) = verification.problems.first() {
        return Err(Failure::check(format!(
            "the evidence chain does not verify, so it is not copied: {}: {}",
            problem.file, problem.message
        )));
    }
    let mut events = Vec::new();
    for listed in evidence.list()?.packets {
        let sealed = listed.read.map_err(|flaw| {
            Failure::check(format!("evidence packet {} is damaged: {flaw}", listed.file))
        })?;
        events.push(event(&sealed, roster, director)?);
    }
    let cx = slice.cx(&roster.tenant);
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

fn event(sealed: &Sealed, roster: &Roster, director: &str) -> Result<AuditEvent> {
    let director = roster.actors.iter().find(|a| a.role == director);
    let actor = director.or_else(|| roster.actors.first()).ok_or_else(|| {
        Failure::check(format!("tenant {} has no actor for the evidence events", roster.tenant))
    })?;
    let packet = sealed.packet();
    let id = EventId::new(format!("evidence-{:05}-{}", packet.sequence, sealed.sha256()))?;
    Ok(AuditEvent::new(id, actor.id.clone(), SOURCE, Payload::parse(sealed.text())?)?)
}
