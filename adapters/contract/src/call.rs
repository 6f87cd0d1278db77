//! The context that every call carries besides its arguments.

use crate::id::{ActorId, TenantId};
use std::time::Instant;

/// A call's context: tenant, actor, request, deadline.
#[derive(Clone, Debug)]
pub struct CallCx {
    /// Every row the call reads or writes belongs to this tenant.
    pub tenant: TenantId,
    /// The actor who asks; `None` for the engine itself.
    pub actor: Option<ActorId>,
    /// The id of the request that the call belongs to, for the audit trail; `None` outside of one.
    pub request: Option<String>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// The idempotency key, for calls that must happen once.
    pub idempotency_key: Option<String>,
    /// The id of the freeze window that the caller itself raised: the call's writes pass this
    /// window and no other; see [`crate::fence::Fence`].
    pub window: Option<String>,
}

impl CallCx {
    /// The context of the engine's own call for `tenant`.
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
