//! Proves that the suite for `AuthProvider.v1` can fail.
//!
//! The reference adapter, which accepts headers that agree with the rosters, passes every case.
//! Each [`Defect`] breaks it in one way and names the case that must notice.

use crate::auth::{AuthFixture, Caller, Case, Headers, assert_all, cases, rosters, run};
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{
    ActorId, AdapterInfo, AuthProvider, Authenticated, Mode, Port, Presented, Principal, Probe,
    ProbedIssuer, TenantId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    SaysItIsAStore,
    NamesNoScheme,
    IsNeverReady,
    ShowsItsTokens,
    SwapsActors,
    LetsOneInOnce,
    AnswersTheLastCaller,
    LetsAnybodyIn,
    TakesTheLastHeader,
    GuessesTheTenant,
    BelievesAnyTenant,
    GivesADefaultRole,
    BelievesAnyRole,
    GivesDefaultPermissions,
    BelievesPermissions,
    PanicsAtGarbage,
    RepeatsCredentials,
}

impl Defect {
    const ALL: [(Self, &str); 17] = [
        (Self::SaysItIsAStore, "says/what_it_is"),
        (Self::NamesNoScheme, "says/a_scheme_to_answer_401_with"),
        (Self::IsNeverReady, "says/that_it_is_ready"),
        (Self::ShowsItsTokens, "says/no_credential_in_its_probe"),
        (Self::SwapsActors, "admits/each_actor_as_themselves"),
        (Self::LetsOneInOnce, "admits/the_same_caller_again"),
        (Self::AnswersTheLastCaller, "admits/each_of_many_at_once"),
        (Self::LetsAnybodyIn, "refuses/nothing"),
        (Self::TakesTheLastHeader, "refuses/a_header_twice"),
        (Self::GuessesTheTenant, "refuses/a_missing_tenant"),
        (Self::BelievesAnyTenant, "refuses/another_tenant"),
        (Self::GivesADefaultRole, "refuses/a_missing_role"),
        (Self::BelievesAnyRole, "refuses/an_unknown_role"),
        (Self::GivesDefaultPermissions, "refuses/missing_permissions"),
        (Self::BelievesPermissions, "refuses/more_permissions_than_the_role_has"),
        (Self::PanicsAtGarbage, "refuses/garbage"),
        (Self::RepeatsCredentials, "refuses/to_repeat_a_credential"),
    ];
}

/// Its only credential is `tenant|actor|role,role|permission,permission|` and this long end.
const END: &str = "an end that makes the credential long enough to be one that must be hidden";

#[derive(Debug)]
struct Reference {
    defect: Option<Defect>,
    last: Mutex<Option<Principal>>,
}

fn denied(why: &str) -> Error {
    Error::new(ErrorKind::Denied, why)
}

impl Reference {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn read(&self, presented: &Presented<'_>) -> Result<Principal> {
        let mut values = presented.headers.iter().filter(|(name, _)| *name == "x-caller");
        let value = match self.has(Defect::TakesTheLastHeader) {
            true => values.next_back().map(|(_, value)| *value),
            false => presented.single("x-caller")?,
        };
        let nobody = || Error::new(ErrorKind::Unauthenticated, "nobody");
        let default = b"bfg-control|user_anna|director|order.read|";
        let text = match value {
            None if self.has(Defect::LetsAnybodyIn) => [&default[..], END.as_bytes()].concat(),
            value => value.ok_or_else(nobody)?.to_vec(),
        };
        let text = match String::from_utf8(text) {
            Err(_) if self.has(Defect::PanicsAtGarbage) => panic!("deliberately, at garbage"),
            text => text.map_err(|_| nobody())?,
        };
        let parts: Vec<&str> = text.split('|').collect();
        let [tenant, actor, roles, permissions, end] = parts[..] else { return Err(nobody()) };
        if end != END {
            let why = if self.has(Defect::RepeatsCredentials) { &text } else { "another end" };
            return Err(Error::new(ErrorKind::Unauthenticated, why));
        }
        let given = |text: &str, defect, default: &str| match text {
            "-" if self.has(defect) => default.to_owned(),
            text => text.to_owned(),
        };
        let tenant = given(tenant, Defect::GuessesTheTenant, "bfg-control");
        let roles = given(roles, Defect::GivesADefaultRole, "dispatcher");
        let permissions = given(permissions, Defect::GivesDefaultPermissions, "order.read");
        let list = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
        let mut principal = Principal {
            tenant: TenantId::new(&tenant)?,
            actor: ActorId::new(actor)?,
            roles: list(&roles),
            permissions: list(&permissions).into_iter().collect(),
            how: Authenticated { kind: "reference", issuer: None, subject: None, expires_at: None },
        };
        let rosters = rosters();
        let roster = rosters.iter().find(|r| r.tenant == principal.tenant);
        match roster {
            None if self.has(Defect::BelievesAnyTenant) => {}
            None => return Err(denied("no such tenant")),
            Some(roster) => {
                let mut judged = principal.clone();
                let known = roster.actors.iter().find(|a| a.id == judged.actor);
                let known = known.ok_or_else(|| denied("no such actor"))?;
                if self.has(Defect::BelievesAnyRole) && roles != "-" {
                    judged.roles = vec![known.role.clone()];
                }
                if self.has(Defect::BelievesPermissions) {
                    judged.permissions.remove("gate.accept");
                }
                judged.check_against(roster)?;
            }
        }
        if self.has(Defect::SwapsActors) && principal.actor.as_str() == "user_marek" {
            principal.actor = ActorId::new("user_anna")?;
        }
        Ok(principal)
    }
}

#[async_trait]
impl AuthProvider for Reference {
    fn info(&self) -> AdapterInfo {
        let port = if self.has(Defect::SaysItIsAStore) { Port::Store } else { Port::Auth };
        AdapterInfo { port, kind: "reference", mode: Mode::Local, endpoint: "x-caller".into() }
    }

    fn challenge(&self) -> &'static str {
        if self.has(Defect::NamesNoScheme) { "" } else { "Reference" }
    }

    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal> {
        let found = self.read(presented)?;
        let mut last = self.last.lock().unwrap();
        match last.replace(found.clone()) {
            Some(again) if self.has(Defect::LetsOneInOnce) && again == found => {
                Err(denied("once is enough"))
            }
            Some(other) if self.has(Defect::AnswersTheLastCaller) => Ok(other),
            _ => Ok(found),
        }
    }

    async fn ready(&self) -> Result<()> {
        if self.has(Defect::IsNeverReady) {
            return Err(Error::new(ErrorKind::Unavailable, "never"));
        }
        Ok(())
    }

    async fn probe(&self) -> Result<Probe> {
        if !self.has(Defect::ShowsItsTokens) {
            return Ok(Probe::default());
        }
        let caller = &crate::auth::callers()[0];
        let issuer = ProbedIssuer {
            issuer: String::from_utf8(present(caller).swap_remove(0).1).unwrap(),
            algorithms: Vec::new(),
            keys: 0,
            mapped: None,
            unmapped: None,
        };
        Ok(Probe { issuers: vec![issuer] })
    }

    fn loopback_only(&self) -> bool {
        true
    }
}

fn present(caller: &Caller) -> Headers {
    let one = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let list = |list: &Option<Vec<String>>| match list.as_deref() {
        None | Some([]) => "-".to_owned(),
        Some(words) => words.join(","),
    };
    let value = [
        one(&caller.tenant),
        one(&caller.actor),
        list(&caller.roles),
        list(&caller.permissions),
        END.to_owned(),
    ];
    vec![("x-caller".to_owned(), value.join("|").into_bytes())]
}

struct Fixture(Option<Defect>);

#[async_trait]
impl AuthFixture for Fixture {
    async fn provider(&self) -> Arc<dyn AuthProvider> {
        let defect = self.0;
        Arc::new(Reference { defect, last: Mutex::default() })
    }

    async fn present(&self, caller: &Caller) -> Headers {
        present(caller)
    }
}

#[tokio::test]
async fn the_reference_adapter_passes() {
    assert_all(&Fixture(None)).await;
    assert_eq!(run(&Fixture(None)).await.passed.len(), cases().len());
}

#[tokio::test]
async fn every_case_notices_its_defect_and_no_case_goes_without_one() {
    let by_name: BTreeMap<_, Case> = cases().into_iter().map(|c| (c.name(), c)).collect();
    let mut unnoticed = Vec::new();
    for (defect, case) in Defect::ALL {
        if by_name[case].run(&Fixture(Some(defect))).await.is_ok() {
            unnoticed.push(format!("{case} passes although the adapter {defect:?}"));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    let shown: BTreeSet<_> = Defect::ALL.iter().map(|(_, case)| *case).collect();
    assert_eq!(shown, by_name.into_keys().collect());
}
