//! What every call carries besides its arguments.

use crate::id::{ActorId, TenantId};
use std::time::Instant;

/// The caller's context: whose data, on whose behalf, until when.
#[derive(Clone, Debug)]
pub struct CallCx {
    /// Every row the call reads or writes belongs to this tenant.
    pub tenant: TenantId,
    /// Who asks; `None` for the engine itself.
    pub actor: Option<ActorId>,
    /// The request that the call belongs to, for the audit trail; `None` outside of one.
    pub request: Option<String>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// The caller's key for calls that must happen once.
    pub idempotency_key: Option<String>,
    /// The freeze window that the caller itself raised, by its id: the call's writes pass that
    /// one and no other; see [`crate::fence::Fence`].
    pub window: Option<String>,
}

impl CallCx {
    /// The engine's own call on behalf of `tenant`.
    pub fn tenant(tenant: TenantId) -> Self {
        Self {
            tenant,
            actor: None,
            request: None,
            deadline: None,
            idempotency_key: None,
            window: None,
        }
    }
}
