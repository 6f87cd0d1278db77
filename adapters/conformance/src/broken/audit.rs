//! Defects of the audit trail.

use super::defect::Defect;
use super::store::Broken;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::store::{Appended, ScenarioStore};
use flowcontrol_contract::{AuditEvent, CallCx, NewRecord, audit};

/// The call that the append is made with.
pub(super) async fn before(store: &Broken, cx: CallCx, batch: &[NewRecord]) -> Result<CallCx> {
    match store.defect {
        Some(Defect::ForgetsTheRequest) => Ok(CallCx { request: None, ..cx }),
        Some(Defect::TakesAnyCaller) => Ok(CallCx { actor: None, ..cx }),
        Some(Defect::WritesEventsFirst) => {
            let events = audit::append_events(&cx, store.inner.head(&cx).await? + 1, batch)?;
            store.history(&cx, |history| history.events.extend(events));
            Ok(cx)
        }
        _ => Ok(cx),
    }
}

/// What the append leaves behind.
pub(super) fn after(
    store: &Broken,
    cx: &CallCx,
    done: Result<Appended>,
    batch: &[NewRecord],
) -> Result<Appended> {
    let Ok(appended) = &done else { return done };
    match store.defect {
        Some(Defect::TrustsTheEngine) if cx.actor.is_none() => {
            store.history(cx, |history| history.events.clear());
        }
        Some(Defect::KeepsTheLastEvent) => {
            store.history(cx, |h| h.events.retain(|e| e.first() == Some(appended.first)));
        }
        Some(Defect::TellsOfReplays) if appended.replayed => {
            let events = audit::append_events(cx, appended.first, batch)?;
            store.history(cx, |history| history.events.extend(events));
        }
        _ => {}
    }
    done
}

pub(super) async fn trail(store: &Broken, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
    let mut trail = match store.defect {
        Some(Defect::TurnsNoPage) => store.inner.trail(cx, 0).await?,
        _ => store.inner.trail(cx, after).await?,
    };
    if store.is(Defect::MixesTrails) {
        trail.extend(store.others(cx).iter().flat_map(|h| h.trail(after)).cloned());
    }
    Ok(trail)
}
