//! What a caller may do, from the permissions that came with them. Pure, and no by default: what is
//! not named here is refused.
//!
//! The permissions are those of the demo's actors, which travel as headers or as claims.

use flowcontrol_contract::auth::Principal;
use flowcontrol_contract::{Actor, ActorId, Error, ErrorKind, Kind, Result, Roster, TenantId};

/// What is asked for besides records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Freezing the caller's own tenant and taking the snapshot away.
    Snapshot,
    /// Looking at gates.
    Gates,
    /// Looking at evidence.
    Evidence,
    /// Giving a word; whose word counts is for the gates.
    Accept,
    /// Starting, watching and stopping rehearsals.
    Rehearse,
}

impl Action {
    /// Any of these permissions; an empty list asks for none.
    const fn any_of(self) -> &'static [&'static str] {
        match self {
            Self::Snapshot | Self::Evidence => &["view_audit"],
            Self::Gates => &["view_audit", "view_operations", "view_finance"],
            Self::Accept => &[],
            Self::Rehearse => &["manage_adapters"],
        }
    }

    /// Whether it is about the deployment as a whole, and not about one tenant.
    const fn deployment(self) -> bool {
        !matches!(self, Self::Snapshot)
    }
}

/// Permissions that let their holder see records of a kind, whoever wrote them.
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

/// Permissions that let their holder write records of a kind.
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

fn holds(caller: &Principal, any_of: &[&str]) -> bool {
    any_of.iter().any(|permission| caller.permissions.contains(*permission))
}

fn denied(any_of: &[&str]) -> Error {
    Error::new(ErrorKind::Denied, format!("it takes the permission {}", any_of.join(" or ")))
}

/// Whether the caller may do this, where the deployment's first tenant is `first`: its actors own
/// the checks of the gates.
///
/// # Errors
/// `Denied` that says what it takes.
pub fn permits(caller: &Principal, action: Action, first: Option<&TenantId>) -> Result<()> {
    if action.deployment() && first != Some(&caller.tenant) {
        return Err(Error::new(
            ErrorKind::Denied,
            "gates, evidence, acceptances and rehearsals belong to the deployment's first tenant",
        ));
    }
    match action.any_of() {
        [] => Ok(()),
        any if holds(caller, any) => Ok(()),
        any => Err(denied(any)),
    }
}

/// Whether the store knows a caller for whom nobody vouches: their tenant, them, and everything that
/// they say they may do.
///
/// # Errors
/// `NotFound` without the tenant; `Denied` for more than its `roster` gives.
pub fn enrolled(caller: &Principal, roster: Option<&Roster>) -> Result<()> {
    match (&caller.how.issuer, roster) {
        (Some(_), _) => Ok(()),
        (None, Some(roster)) => caller.within(roster),
        (None, None) => Err(Error::new(ErrorKind::NotFound, "the tenant was never enrolled")),
    }
}

/// Whether the caller may write a record of this kind, as themselves.
///
/// # Errors
/// `Denied` that names the kind and what it takes.
pub fn writes(caller: &Principal, kind: Kind) -> Result<()> {
    let any = written_with(kind);
    if holds(caller, any) {
        return Ok(());
    }
    let takes = any.join(" or ");
    Err(Error::new(ErrorKind::Denied, format!("a record of kind {kind} takes {takes}")))
}

/// Whether the caller may see a record of this kind that `author` wrote in the caller's own tenant.
/// What they wrote themselves they always see.
pub fn sees(caller: &Principal, kind: Kind, author: &ActorId) -> bool {
    caller.actor == *author || holds(caller, seen_with(kind))
}

/// Whether the caller may see this actor of their own tenant: themselves, or everybody.
pub fn knows(caller: &Principal, actor: &Actor) -> bool {
    caller.actor == actor.id || holds(caller, Action::Gates.any_of())
}

#[cfg(test)]
mod tests {
    use super::{Action, knows, permits, sees, writes};
    use crate::demo;
    use flowcontrol_contract::auth::{Authenticated, Principal};
    use flowcontrol_contract::{ActorId, Kind, TenantId};

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
                let kinds = Kind::ALL.into_iter().filter(|kind| writes(who, *kind).is_ok());
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
            assert!(!sees(driver, kind, &anna), "{kind}");
            assert!(sees(driver, kind, &driver.actor), "{kind}");
            assert!(sees(&five[4], kind, &driver.actor), "{kind}");
        }
        assert!(!sees(&five[3], Kind::Invoice, &anna), "a dispatcher sees no invoice");
        let roster = demo::rosters(demo::Size::default()).unwrap().remove(0);
        assert_eq!(roster.actors.iter().filter(|a| knows(driver, a)).count(), 1);
    }

    #[test]
    fn what_is_the_deployments_is_for_its_first_tenant_alone() {
        let five = five();
        let (anna, marek, driver) = (&five[4], &five[3], &five[1]);
        let first = Some(&anna.tenant);
        for action in [Action::Gates, Action::Evidence, Action::Accept, Action::Rehearse] {
            assert!(permits(anna, action, first).is_ok(), "{action:?}");
            let other = TenantId::new("carrier-00001").unwrap();
            assert!(permits(anna, action, Some(&other)).is_err(), "{action:?}");
            assert!(permits(anna, action, None).is_err(), "{action:?}");
        }
        assert!(permits(anna, Action::Snapshot, None).is_ok());
        assert!(permits(marek, Action::Rehearse, first).is_err());
        assert!(permits(marek, Action::Snapshot, first).is_err());
        assert!(permits(driver, Action::Gates, first).is_err());
    }
}
