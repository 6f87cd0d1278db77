//! Authorisation: what a caller may do, from the permissions that were authenticated with them.
//! Pure. Whatever neither the defaults nor the configuration allow is refused.
//!
//! The defaults are the permissions of the demo's actors, which arrive as headers or as claims.

use flowcontrol_contract::auth::Principal;
use flowcontrol_contract::{Actor, ActorId, Error, ErrorKind, Kind, Result, Roster, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Actions besides reading and writing records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Freezing the caller's own tenant and downloading the snapshot.
    Snapshot,
    /// Reading the gates.
    Gates,
    /// Reading the evidence chain.
    Evidence,
    /// Accepting a check; whether the acceptance counts is decided by the gates.
    Accept,
    /// Starting, watching and cancelling rehearsals.
    Rehearse,
}

impl Action {
    /// Whether it concerns the deployment as a whole, and not one tenant.
    pub const fn is_deployment_wide(self) -> bool {
        !matches!(self, Self::Snapshot)
    }
}

/// `[access]`: which permissions allow what. What the configuration leaves out keeps the demo's
/// default; an empty list allows nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Any of these permissions allows taking a snapshot of the caller's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Vec<String>>,
    /// Allows reading the gates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Vec<String>>,
    /// Allows reading the evidence chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<String>>,
    /// Allows starting, watching and cancelling rehearsals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearse: Option<Vec<String>>,
    /// Allows reading records of a kind, whoever wrote them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub see: BTreeMap<Kind, Vec<String>>,
    /// Allows writing records of a kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub write: BTreeMap<Kind, Vec<String>>,
}

/// The default permissions for an action.
const fn for_action(action: Action) -> &'static [&'static str] {
    match action {
        Action::Snapshot | Action::Evidence => &["view_audit"],
        Action::Gates => &["view_audit", "view_operations", "view_finance"],
        Action::Accept => &[],
        Action::Rehearse => &["manage_adapters"],
    }
}

/// The default permissions for reading records of a kind, whoever wrote them.
const fn seen_with(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Order | Kind::Document => &["view_audit", "view_operations", "view_finance"],
        Kind::Invoice | Kind::Payment => &["view_audit", "view_finance"],
        Kind::DispatchEvent
        | Kind::DriverEvent
        | Kind::ClientEvent
        | Kind::Risk
        | Kind::Evidence => &["view_audit", "view_operations"],
    }
}

/// The default permissions for writing records of a kind.
const fn written_with(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Order => &["create_order", "request_order"],
        Kind::DispatchEvent => &["assign_driver", "plan_route"],
        Kind::DriverEvent => &["report_event"],
        Kind::ClientEvent => &["request_order", "approve_document"],
        Kind::Document => &["upload_document", "create_order"],
        Kind::Invoice => &["issue_invoice"],
        Kind::Payment => &["record_payment"],
        Kind::Risk => &["plan_route", "report_event", "approve_release"],
        Kind::Evidence => &["upload_document", "report_event"],
    }
}

fn configured<'a>(own: Option<&'a Vec<String>>, default: &'static [&'static str]) -> Vec<&'a str> {
    own.map_or_else(|| default.to_vec(), |own| own.iter().map(String::as_str).collect())
}

fn holds(caller: &Principal, any_of: &[&str]) -> bool {
    any_of.iter().any(|permission| caller.permissions.contains(*permission))
}

fn takes(any_of: &[&str]) -> String {
    if any_of.is_empty() { "a permission that no actor has".into() } else { any_of.join(" or ") }
}

impl Access {
    /// Whether nothing is configured.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn action(&self, action: Action) -> Vec<&str> {
        let own = match action {
            Action::Snapshot => &self.snapshot,
            Action::Gates => &self.gates,
            Action::Evidence => &self.evidence,
            Action::Rehearse => &self.rehearse,
            Action::Accept => &None,
        };
        configured(own.as_ref(), for_action(action))
    }

    /// Whether the caller may perform `action`, in a deployment of `tenant`. Whether an acceptance
    /// counts is decided by the gates.
    ///
    /// # Errors
    /// `Denied` that names the permissions that would allow it.
    pub fn permits(
        &self,
        caller: &Principal,
        action: Action,
        tenant: Option<&TenantId>,
    ) -> Result<()> {
        if action.is_deployment_wide() && tenant != Some(&caller.tenant) {
            return Err(Error::new(
                ErrorKind::Denied,
                "gates, evidence, acceptances and rehearsals are open to the deployment's tenant only",
            ));
        }
        let any = self.action(action);
        if action == Action::Accept || holds(caller, &any) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Denied, format!("requires the permission {}", takes(&any))))
    }

    /// Whether the caller may write a record of this kind in their own name.
    ///
    /// # Errors
    /// `Denied` that names the kind and the permissions that would allow it.
    pub fn writes(&self, caller: &Principal, kind: Kind) -> Result<()> {
        let any = configured(self.write.get(&kind), written_with(kind));
        if holds(caller, &any) {
            return Ok(());
        }
        let takes = takes(&any);
        Err(Error::new(
            ErrorKind::Denied,
            format!("writing a record of kind {kind} requires {takes}"),
        ))
    }

    /// Whether the caller may read a record of this kind that `author` wrote in the caller's
    /// tenant. Their own records they may always read.
    pub fn sees(&self, caller: &Principal, kind: Kind, author: &ActorId) -> bool {
        let any = configured(self.see.get(&kind), seen_with(kind));
        caller.actor == *author || holds(caller, &any)
    }

    /// Whether the caller may see this actor of their own tenant: all actors, or only themselves.
    pub fn knows(&self, caller: &Principal, actor: &Actor) -> bool {
        caller.actor == actor.id || holds(caller, &self.action(Action::Gates))
    }
}

/// Checks a caller whom no identity provider vouches for against the store's roster: tenant, actor
/// and every claimed permission.
///
/// # Errors
/// `NotFound` without the tenant; `Denied` for more than its `roster` grants.
pub fn check_roster(caller: &Principal, roster: Option<&Roster>) -> Result<()> {
    match (&caller.how.issuer, roster) {
        (Some(_), _) => Ok(()),
        (None, Some(roster)) => caller.check_against(roster),
        (None, None) => Err(Error::new(ErrorKind::NotFound, "the tenant is not enrolled")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Action};
    use flowcontrol_contract::auth::{Authenticated, Principal};
    use flowcontrol_contract::{ActorId, Kind, TenantId};
    use flowcontrol_demo as demo;

    /// The five actors of the demo, in the order of their ids.
    fn five() -> Vec<Principal> {
        let roster = demo::rosters(demo::Size::default()).unwrap().remove(0);
        let of = |actor: flowcontrol_contract::Actor| Principal {
            tenant: roster.tenant.clone(),
            actor: actor.id,
            roles: vec![actor.role],
            permissions: actor.permissions.into_iter().collect(),
            how: Authenticated { kind: "test", issuer: None, subject: None, expires_at: None },
        };
        roster.actors.clone().into_iter().map(of).collect()
    }

    #[test]
    fn the_five_actors_write_what_their_work_is() {
        let written: Vec<_> = five()
            .iter()
            .map(|who| {
                let kinds = Kind::ALL
                    .into_iter()
                    .filter(|kind| Access::default().writes(who, *kind).is_ok());
                (who.actor.to_string(), kinds.map(Kind::name).collect::<Vec<_>>().join(" "))
            })
            .collect();
        let expected = [
            ("cp_client_lviv_farma", "order client_event"),
            ("driver_tarasenko", "driver_event document risk evidence"),
            ("user_accountant_olena", "invoice payment"),
            ("user_dispatcher_marek", "order dispatch_event document risk"),
            ("user_md_anna", "risk"),
        ];
        assert_eq!(written, expected.map(|(who, kinds)| (who.to_owned(), kinds.to_owned())));
    }

    #[test]
    fn a_driver_sees_their_own_records_and_nobody_elses() {
        let (five, anna) = (five(), ActorId::new("user_md_anna").unwrap());
        let driver = &five[1];
        for kind in Kind::ALL {
            assert!(!Access::default().sees(driver, kind, &anna), "{kind}");
            assert!(Access::default().sees(driver, kind, &driver.actor), "{kind}");
            assert!(Access::default().sees(&five[4], kind, &driver.actor), "{kind}");
        }
        assert!(
            !Access::default().sees(&five[3], Kind::Invoice, &anna),
            "a dispatcher sees no invoice"
        );
        let roster = demo::rosters(demo::Size::default()).unwrap().remove(0);
        assert_eq!(roster.actors.iter().filter(|a| Access::default().knows(driver, a)).count(), 1);
    }

    #[test]
    fn what_is_the_deployments_is_for_its_own_tenant_alone() {
        let five = five();
        let (anna, marek, driver) = (&five[4], &five[3], &five[1]);
        let first = Some(&anna.tenant);
        for action in [Action::Gates, Action::Evidence, Action::Accept, Action::Rehearse] {
            assert!(Access::default().permits(anna, action, first).is_ok(), "{action:?}");
            let other = TenantId::new("carrier-00001").unwrap();
            assert!(Access::default().permits(anna, action, Some(&other)).is_err(), "{action:?}");
            assert!(Access::default().permits(anna, action, None).is_err(), "{action:?}");
        }
        assert!(Access::default().permits(anna, Action::Snapshot, None).is_ok());
        assert!(Access::default().permits(marek, Action::Rehearse, first).is_err());
        assert!(Access::default().permits(marek, Action::Snapshot, first).is_err());
        assert!(Access::default().permits(driver, Action::Gates, first).is_err());
    }

    #[test]
    fn the_configuration_says_otherwise_and_an_empty_list_allows_nobody() {
        let five = five();
        let (anna, driver) = (&five[4], &five[1]);
        let access = Access {
            rehearse: Some(vec!["report_event".into()]),
            gates: Some(Vec::new()),
            write: [(Kind::Invoice, vec!["report_event".into()])].into(),
            ..Access::default()
        };
        let own = Some(&anna.tenant);
        assert!(access.permits(driver, Action::Rehearse, own).is_ok());
        assert!(access.permits(anna, Action::Rehearse, own).is_err());
        assert!(access.permits(anna, Action::Gates, own).is_err());
        assert!(access.permits(anna, Action::Evidence, own).is_ok());
        assert!(access.writes(driver, Kind::Invoice).is_ok());
        assert!(access.writes(&five[2], Kind::Invoice).is_err());
        assert!(access.writes(&five[2], Kind::Payment).is_ok());
    }
}
