//! Defects of freezing.

use super::defect::Defect;
use super::store::{Broken, pause};
use async_trait::async_trait;
use flowcontrol_contract::error::{ErrorKind, Result};
use flowcontrol_contract::fence::{Fence, Raised, Window};
use flowcontrol_contract::store::ScenarioStore;
use flowcontrol_contract::{CallCx, NewRecord, TenantId, Timestamp};

/// A call that writes.
#[derive(Clone, Copy)]
pub(super) enum Write<'a> {
    Enroll,
    Append(&'a [NewRecord]),
    Import,
}

/// The context with which the store goes on: one that names the window in force passes it.
pub(super) async fn writing(store: &Broken, cx: CallCx, write: Write<'_>) -> Result<CallCx> {
    let Some(defect) = store.defect else { return Ok(cx) };
    let found = store.inner.window(std::slice::from_ref(&cx.tenant)).await?;
    match (defect, write) {
        (Defect::AppendsWhileFrozen, Write::Append(_))
        | (Defect::EnrollsWhileFrozen, Write::Enroll)
        | (Defect::ImportsWhileFrozen, Write::Import) => passing(store, cx).await,
        (Defect::ReplaysWhileFrozen, Write::Append(batch)) => {
            let there = match batch.first() {
                Some(record) => store.inner.get(&cx, &record.id).await?.is_some(),
                None => false,
            };
            if there { passing(store, cx).await } else { Ok(cx) }
        }
        (Defect::TrustsAnyWindow, _) if cx.window.is_some() => passing(store, cx).await,
        (Defect::FreezesItsRaiser, _) => Ok(CallCx { window: None, ..cx }),
        (Defect::RefusesEmptyCalls, Write::Append(_) | Write::Import) => match found {
            Some(raised) => Err(raised.window.refusal(&cx.tenant)),
            None => Ok(cx),
        },
        (Defect::FreezesEveryTenant, _) => {
            match store.inner.window(&store.inner.tenants().await?).await? {
                Some(raised) => Err(raised.window.refusal(&cx.tenant)),
                None => Ok(cx),
            }
        }
        (Defect::IgnoresTheEnd, _) => {
            let raised = store.memory.windows.lock().unwrap();
            match raised.iter().find(|(tenant, _)| *tenant == cx.tenant) {
                Some((tenant, window)) => Err(window.refusal(tenant)),
                None => Ok(cx),
            }
        }
        (Defect::LooksForWindowsTooEarly, Write::Append(_)) if found.is_none() => {
            pause().await;
            passing(store, cx).await
        }
        _ => Ok(cx),
    }
}

/// The context that passes the window in force.
async fn passing(store: &Broken, cx: CallCx) -> Result<CallCx> {
    let found = store.inner.window(std::slice::from_ref(&cx.tenant)).await?;
    let window = found.map(|raised| raised.window.id).or_else(|| cx.window.clone());
    Ok(CallCx { window, ..cx })
}

/// Whether the tenant can be read.
pub(super) async fn reading(store: &Broken, cx: &CallCx) -> Result<()> {
    if !store.is(Defect::FreezesReads) {
        return Ok(());
    }
    match store.inner.window(std::slice::from_ref(&cx.tenant)).await? {
        Some(raised) => Err(raised.window.refusal(&cx.tenant)),
        None => Ok(()),
    }
}

#[async_trait]
impl Fence for Broken {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        let inner = &self.inner;
        let found = inner.window(tenants).await?.map(|raised| raised.window);
        match self.defect {
            Some(Defect::ReplacesWindows) => {
                if let Some(found) = found.filter(|found| found.id != window.id) {
                    inner.lift(tenants, &found.id).await?;
                }
            }
            Some(Defect::RaisesTenantByTenant) => {
                for tenant in tenants {
                    inner.raise(std::slice::from_ref(tenant), window).await?;
                }
            }
            Some(Defect::KeepsTheFirstEnd) if found.is_some_and(|w| w.id == window.id) => {
                return Ok(());
            }
            Some(Defect::RaisesWhatIsOver) if window.expires_at <= Timestamp::now() => {
                return Ok(());
            }
            Some(Defect::ReusesIds) => {
                let outcome = inner.raise(tenants, window).await;
                let lifted = |e: &flowcontrol_contract::Error| e.kind() == ErrorKind::Conflict;
                return if outcome.as_ref().is_err_and(lifted) { Ok(()) } else { outcome };
            }
            Some(Defect::IgnoresTheEnd) => {
                let each = tenants.iter().map(|tenant| (tenant.clone(), window.clone()));
                self.memory.windows.lock().unwrap().extend(each);
            }
            _ => {}
        }
        inner.raise(tenants, window).await
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        let found = self.inner.window(tenants).await?;
        Ok(match self.defect {
            Some(Defect::CountsNoRefusals) => found.map(|raised| Raised { refused: 0, ..raised }),
            _ => found,
        })
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        match self.defect {
            Some(Defect::LiftsNothing) => return Ok(()),
            Some(Defect::LiftsAnyWindow) => {
                if let Some(found) = self.inner.window(tenants).await? {
                    return self.inner.lift(tenants, &found.window.id).await;
                }
            }
            _ => {}
        }
        self.inner.lift(tenants, id).await
    }
}
