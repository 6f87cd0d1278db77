//! Defects of enrolling, and of what is left after opening again.

use super::defect::Defect;
use super::store::{Broken, composed, pause};
use flowcontrol_contract::error::{Error, Result};
use flowcontrol_contract::store::{Expected, ScenarioStore};
use flowcontrol_contract::{CallCx, Payload, Roster};

pub(super) async fn enroll(store: &Broken, cx: &CallCx, mut roster: Roster) -> Result<()> {
    let Some(defect) = store.defect else { return store.inner.enroll(cx, &roster).await };
    match defect {
        Defect::LosesAPermission => {
            for actor in &mut roster.actors {
                actor.permissions.pop();
            }
        }
        Defect::EnrollingForgetsRecords if roster.tenant == cx.tenant => {
            store.inner.with(|all| all.remove(&cx.tenant));
        }
        Defect::KeepsTheFirstRoster if store.history(cx, |_| ()).is_some() => return Ok(()),
        Defect::ReplacesRosters => {
            store.history(cx, |history| history.roster = Some(roster.clone()));
        }
        Defect::RefusesRostersWithoutActors if roster.actors.is_empty() => {
            return Err(Error::invalid("no actors"));
        }
        Defect::EnrollsTooEarly if store.history(cx, |_| ()).is_none() => {
            pause().await;
            if store.history(cx, |_| ()).is_some() {
                return Err(Error::conflict("the tenant is there already"));
            }
        }
        Defect::EnrollsAnyTenant => {
            return store.inner.enroll(&CallCx::tenant(roster.tenant.clone()), &roster).await;
        }
        _ => {}
    }
    store.inner.enroll(cx, &roster).await
}

pub(super) async fn roster(store: &Broken, cx: &CallCx) -> Result<Option<Roster>> {
    let found = store.inner.roster(cx).await?;
    Ok(match store.defect {
        Some(Defect::InventsRosters) => {
            let invented =
                Roster { tenant: cx.tenant.clone(), name: "?".into(), actors: Vec::new() };
            Some(found.unwrap_or(invented))
        }
        Some(Defect::MixesRosters) => found.map(|mut roster| {
            for other in store.others(cx) {
                roster.actors.extend(other.roster.unwrap().actors);
            }
            roster
        }),
        _ => found,
    })
}

/// What the defect does to a store that is closed and opened again.
pub(super) async fn reopened(store: &Broken) {
    let Some(defect) = store.defect else { return };
    store.inner.with(|all| match defect {
        Defect::ForgetsWindows => drop(store.inner.windows(std::mem::take)),
        Defect::ForgetsEverything => all.clear(),
        Defect::ForgetsEvents => all.values_mut().for_each(|history| history.events.clear()),
        Defect::ForgetsActors => all.values_mut().for_each(|history| {
            history.roster.as_mut().unwrap().actors.pop();
        }),
        Defect::ForgetsTheLastRecord => all.values_mut().for_each(|history| {
            let last = history.records.pop();
            last.and_then(|record| history.places.remove(&record.id));
        }),
        Defect::ForgetsIds => all.values_mut().for_each(|history| history.places.clear()),
        Defect::ForgetsSnapshots => {
            all.values_mut().for_each(|history| history.snapshot = None);
        }
        Defect::NormalisesWhenOpened => {
            for record in all.values_mut().flat_map(|history| &mut history.records) {
                let text = composed(record.payload.as_str());
                // Two keys may become one, which is no payload; that one stays as it was.
                record.payload = Payload::parse(&text).unwrap_or_else(|_| record.payload.clone());
            }
        }
        _ => {}
    });
    if defect == Defect::ReplaysRefusedBatches {
        let journal = std::mem::take(&mut *store.memory.journal.lock().unwrap());
        for (cx, batch) in journal {
            for record in batch {
                // Whatever is refused again stays out.
                drop(store.inner.append(&cx, Expected::Any, &[record]).await);
            }
        }
    }
}
