//! Freeze windows of the reference store.

use super::{KIND, MemoryStore};
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::fence::{Fence, Raised, Window, Windows};
use flowcontrol_contract::{CallCx, TenantId, Timestamp};
use std::sync::PoisonError;

impl MemoryStore {
    /// Runs `work` on the windows. Whoever decides on a write holds the histories' lock meanwhile,
    /// so that no window is raised between the decision and the write.
    pub(crate) fn windows<T>(&self, work: impl FnOnce(&mut Windows) -> T) -> T {
        work(&mut self.windows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses a write of the context's tenant while a window is in force.
    pub(super) fn admit(&self, cx: &CallCx, operation: &'static str) -> Result<()> {
        self.windows(|w| w.admit(cx, Timestamp::now())).map_err(|e| e.in_operation(KIND, operation))
    }
}

#[async_trait]
impl Fence for MemoryStore {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        self.with(|_| self.windows(|w| w.raise(tenants, window, Timestamp::now())))
            .map_err(|e| e.in_operation(KIND, "raise"))
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        Ok(self.windows(|w| w.in_force(tenants, Timestamp::now())))
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        self.windows(|w| w.lift(tenants, id, Timestamp::now()))
            .map_err(|e| e.in_operation(KIND, "lift"))
    }
}
