//! Freeze windows: the contract's type decides by them, and the journal stores them.

use crate::KIND;
use crate::store::{JournalState, JournalStore};
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::fence::{Fence, Raised, Window};
use flowcontrol_contract::{CallCx, TenantId, Timestamp};

/// Permits a write, or refuses and counts it. The caller holds the lock on the state.
pub(crate) fn admit(state: &mut JournalState, cx: &CallCx) -> Result<()> {
    let outcome = state.windows.admit(cx, Timestamp::now());
    if outcome.is_err() {
        // The write is refused even if the count cannot be written; a broken journal is reported by
        // the next write that is permitted.
        drop(state.journal.fence(&state.windows));
    }
    outcome
}

#[async_trait]
impl Fence for JournalStore {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        let (tenants, window) = (tenants.to_vec(), window.clone());
        let raised = self.change(move |state| {
            let mut windows = state.windows.clone();
            windows.raise(&tenants, &window, Timestamp::now())?;
            state.journal.fence(&windows)?;
            state.windows = windows;
            Ok(())
        });
        raised.await.map_err(|e| e.in_operation(KIND, "raise"))
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        self.look(|state| state.windows.in_force(tenants, Timestamp::now()))
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        let (tenants, id) = (tenants.to_vec(), id.to_owned());
        let lifted = self.change(move |state| {
            let mut windows = state.windows.clone();
            windows.lift(&tenants, &id, Timestamp::now())?;
            state.journal.fence(&windows)?;
            state.windows = windows;
            Ok(())
        });
        lifted.await.map_err(|e| e.in_operation(KIND, "lift"))
    }
}
