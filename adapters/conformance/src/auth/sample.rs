//! Sample callers.

use super::{AuthFixture, Headers};
use crate::store::expect::Outcome;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{Actor, ActorId, AuthProvider, Presented, Principal, Roster, TenantId};

/// What a caller claims; each part may be absent or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub tenant: Option<String>,
    /// The actor.
    pub actor: Option<String>,
    /// The roles.
    pub roles: Option<Vec<String>>,
    /// The permissions.
    pub permissions: Option<Vec<String>>,
}

impl Caller {
    fn from_actor(tenant: &TenantId, actor: &Actor) -> Self {
        Self {
            tenant: Some(tenant.to_string()),
            actor: Some(actor.id.to_string()),
            roles: Some(vec![actor.role.clone()]),
            permissions: Some(actor.permissions.clone()),
        }
    }
}

const ACTORS: [(&str, &str, &str, &[&str]); 3] = [
    ("bfg-control", "user_anna", "director", &["gate.accept", "order.read"]),
    ("bfg-control", "user_marek", "dispatcher", &["order.read", "order.write"]),
    ("north-depot", "user_ines", "dispatcher", &["order.read", "order.write"]),
];

/// The tenants and actors that the fixture's adapter must accept.
///
/// # Panics
/// Never: the names are ours.
#[expect(clippy::unwrap_used, reason = "the names are ours, and every case reads them")]
pub fn rosters() -> Vec<Roster> {
    let actor = |(_, id, role, permissions): (_, &str, &str, &[&str])| Actor {
        id: ActorId::new(id).unwrap(),
        display_name: id.to_owned(),
        organisation: "BFG".into(),
        role: role.to_owned(),
        permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
    };
    ["bfg-control", "north-depot"]
        .map(|tenant| {
            let actors = ACTORS.into_iter().filter(|(t, ..)| *t == tenant).map(actor);
            Roster::new(TenantId::new(tenant).unwrap(), tenant, actors.collect()).unwrap()
        })
        .into()
}

/// Every caller who must be accepted.
pub(crate) fn callers() -> Vec<Caller> {
    let rosters = rosters();
    let of =
        |r: &Roster| r.actors.iter().map(|a| Caller::from_actor(&r.tenant, a)).collect::<Vec<_>>();
    rosters.iter().flat_map(of).collect()
}

/// The adapter's result for a caller's credentials.
pub(super) async fn ask(fixture: &dyn AuthFixture, caller: &Caller) -> Result<Principal> {
    let provider = fixture.provider().await;
    authenticate(&*provider, &fixture.present(caller).await).await
}

/// The adapter's result for headers.
pub(super) async fn authenticate(
    provider: &dyn AuthProvider,
    headers: &Headers,
) -> Result<Principal> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    provider.authenticate(&Presented { headers: &headers }).await
}

/// Requires that a principal is exactly the caller.
pub(super) fn is(principal: &Principal, caller: &Caller) -> Outcome {
    let found = Caller {
        tenant: Some(principal.tenant.to_string()),
        actor: Some(principal.actor.to_string()),
        roles: Some(principal.roles.clone()),
        permissions: Some(principal.permissions.iter().cloned().collect()),
    };
    crate::store::expect::equal("the principal", &found, caller)
}
