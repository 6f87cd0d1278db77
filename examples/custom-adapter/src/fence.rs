//! Freeze windows. The contract decides by them; the journal keeps them.

use crate::KIND;
use crate::store::{ChainSet, JournalStore};
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::fence::{Fence, Raised, Window};
use flowcontrol_contract::{CallCx, TenantId, Timestamp};

/// Lets a write pass, or refuses it and writes down that it did. The caller holds the book.
pub(crate) fn admit(book: &mut ChainSet, cx: &CallCx) -> Result<()> {
    let outcome = book.windows.admit(cx, Timestamp::now());
    if outcome.is_err() {
        // The refusal stands, counted on the disk or not; a broken journal is said by the next
        // write that is let through.
        drop(book.journal.fence(&book.windows));
    }
    outcome
}

#[async_trait]
impl Fence for JournalStore {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        let (tenants, window) = (tenants.to_vec(), window.clone());
        let raised = self.change(move |book| {
            let mut windows = book.windows.clone();
            windows.raise(&tenants, &window, Timestamp::now())?;
            book.journal.fence(&windows)?;
            book.windows = windows;
            Ok(())
        });
        raised.await.map_err(|e| e.at(KIND, "raise"))
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        self.look(|book| book.windows.in_force(tenants, Timestamp::now()))
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        let (tenants, id) = (tenants.to_vec(), id.to_owned());
        let lifted = self.change(move |book| {
            let mut windows = book.windows.clone();
            windows.lift(&tenants, &id, Timestamp::now())?;
            book.journal.fence(&windows)?;
            book.windows = windows;
            Ok(())
        });
        lifted.await.map_err(|e| e.at(KIND, "lift"))
    }
}
