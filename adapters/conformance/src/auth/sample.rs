//! Who calls.

use super::{AuthFixture, Headers};
use crate::store::expect::Outcome;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{Actor, ActorId, AuthProvider, Presented, Principal, Roster, TenantId};

/// What a caller presents of themselves, each part of which may be absent or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant they name.
    pub tenant: Option<String>,
    /// Who they are.
    pub actor: Option<String>,
    /// Their roles.
    pub roles: Option<Vec<String>>,
    /// What they may do.
    pub permissions: Option<Vec<String>>,
}

impl Caller {
    fn of(tenant: &TenantId, actor: &Actor) -> Self {
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

/// The tenants and actors that a fixture's adapter admits.
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

/// Every caller who is admitted.
pub(crate) fn callers() -> Vec<Caller> {
    let rosters = rosters();
    let of = |r: &Roster| r.actors.iter().map(|a| Caller::of(&r.tenant, a)).collect::<Vec<_>>();
    rosters.iter().flat_map(of).collect()
}

/// What a caller presents and what the adapter makes of it.
pub(super) async fn ask(fixture: &dyn AuthFixture, caller: &Caller) -> Result<Principal> {
    let provider = fixture.provider().await;
    show(&*provider, &fixture.present(caller).await).await
}

/// What the adapter makes of headers.
pub(super) async fn show(provider: &dyn AuthProvider, headers: &Headers) -> Result<Principal> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    provider.authenticate(&Presented { headers: &headers }).await
}

/// Demands that a principal is exactly the caller.
pub(super) fn is(principal: &Principal, caller: &Caller) -> Outcome {
    let found = Caller {
        tenant: Some(principal.tenant.to_string()),
        actor: Some(principal.actor.to_string()),
        roles: Some(principal.roles.clone()),
        permissions: Some(principal.permissions.iter().cloned().collect()),
    };
    crate::store::expect::equal("the principal", &found, caller)
}
