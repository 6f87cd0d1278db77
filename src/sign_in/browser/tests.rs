//! Cases that a real provider cannot be made to produce at the right moment.

use super::{Lifetimes, Memory, Session, SessionStore, Sessions};
use async_trait::async_trait;
use flowcontrol_base::clock;
use flowcontrol_contract::auth::Authenticated;
use flowcontrol_contract::sign_in::{
    Attempt, AuthorizationResponse, DevicePrompt, Grant, SessionsEnded, SignIn, Site, Tokens,
};
use flowcontrol_contract::{
    ActorId, AdapterInfo, AuthProvider, Digest, Error, ErrorKind, Mode, Port, Presented, Principal,
    Probe, Result, Secret, TenantId, Timestamp,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const LIFE: Lifetimes =
    Lifetimes { absolute: Duration::from_secs(720 * 60), idle: Duration::from_secs(3600) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn grant(actor: &str, ends: Timestamp) -> Grant {
    let tokens = Tokens {
        issuer: "https://idp.example.org".into(),
        client: "operations".into(),
        access: Secret::new("a"),
        refresh: Some(Secret::new("r")),
        id: None,
        subject: actor.into(),
        session: Some(format!("{actor}-1")),
    };
    let principal = Principal {
        tenant: TenantId::new("bfg-control").unwrap(),
        actor: ActorId::new(actor).unwrap(),
        roles: vec!["dispatcher".into()],
        permissions: ["plan_route".to_owned()].into(),
        how: Authenticated {
            kind: "test",
            issuer: Some("https://idp.example.org".into()),
            subject: Some(actor.into()),
            expires_at: Some(ends),
        },
    };
    Grant { tokens, principal }
}

fn session(began: Timestamp, ends: Timestamp) -> Session {
    let csrf = Secret::new("c");
    Session { grant: grant("marek", ends), csrf, began, renewed: began, seen: began }
}

#[test]
fn a_session_ends_with_its_time_or_without_use_and_is_renewed_before_its_token_ends() {
    let mut used = session(at(0), at(300));
    assert!(!used.is_expired(LIFE, at(3599)) && used.is_expired(LIFE, at(3600)));
    used.seen = at(43_199);
    assert!(!used.is_expired(LIFE, at(43_199)) && used.is_expired(LIFE, at(43_200)));
    let long = session(at(0), at(300));
    assert!(!long.needs_renewal(at(239)) && long.needs_renewal(at(240)), "a minute before");
    let short = session(at(0), at(4));
    assert!(!short.needs_renewal(at(2)) && short.needs_renewal(at(3)), "a quarter before");
    let mut single = session(at(0), at(300));
    single.grant.tokens.refresh = None;
    assert!(
        !single.needs_renewal(at(299))
            && single.token_is_valid(at(299))
            && !single.token_is_valid(at(300))
    );
}

#[test]
fn a_provider_ends_the_session_that_it_names_or_all_of_somebody() {
    let ours = session(at(0), at(300));
    let ended = |issuer: &str, named: Option<&str>, subject: Option<&str>| {
        let text = |t: &str| t.to_owned();
        ours.ended_by(&SessionsEnded {
            issuer: format!("https://{issuer}.example.org"),
            session: named.map(text),
            subject: subject.map(text),
            message: "1".into(),
        })
    };
    assert!(ended("idp", Some("marek-1"), None) && ended("idp", None, Some("marek")));
    assert!(ended("idp", Some("marek-1"), Some("marek")));
    assert!(!ended("idp", Some("marek-2"), Some("marek")) && !ended("idp", None, Some("anna")));
    assert!(!ended("idp", Some("marek-1"), Some("anna")));
    assert!(!ended("other", Some("marek-1"), Some("marek")));
}

/// Renews tokens when the test permits it, for the actor the test names.
#[derive(Debug)]
struct Scripted {
    leave: Semaphore,
    renewals: AtomicUsize,
    outcome: fn() -> Result<Grant>,
}

#[async_trait]
impl SignIn for Scripted {
    fn site(&self) -> Result<Option<Site>> {
        Ok(None)
    }
    async fn begin(&self) -> Result<Attempt> {
        Err(Error::invalid("not scripted"))
    }
    async fn complete(&self, _: &Attempt, _: &AuthorizationResponse<'_>) -> Result<Grant> {
        Err(Error::invalid("not scripted"))
    }
    async fn by_device(&self, _: &(dyn Fn(DevicePrompt) + Send + Sync)) -> Result<Grant> {
        Err(Error::invalid("not scripted"))
    }
    async fn renew(&self, _: &Tokens) -> Result<Grant> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        let _leave = self.leave.acquire().await.unwrap();
        (self.outcome)()
    }
    async fn revoke(&self, _: &Tokens) -> Result<bool> {
        Ok(true)
    }
    async fn logout_url(&self, _: &Tokens) -> Option<String> {
        None
    }
    async fn verify_logout_token(&self, _: &str) -> Result<SessionsEnded> {
        Err(Error::invalid("not scripted"))
    }
}

/// Accepts every token, as Marek's.
#[derive(Debug)]
struct Anybody;

#[async_trait]
impl AuthProvider for Anybody {
    fn info(&self) -> AdapterInfo {
        AdapterInfo { port: Port::Auth, kind: "test", mode: Mode::Live, endpoint: String::new() }
    }
    fn challenge(&self) -> &'static str {
        "Bearer"
    }
    async fn authenticate(&self, _: &Presented<'_>) -> Result<Principal> {
        Ok(grant("marek", at(0)).principal)
    }
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
    async fn probe(&self) -> Result<Probe> {
        Ok(Probe::default())
    }
    fn loopback_only(&self) -> bool {
        false
    }
}

fn later() -> Timestamp {
    Timestamp::from_micros(clock::now().micros() + 300_000_000).unwrap()
}

/// Sessions with one session, named `marek`, whose token has expired.
async fn due(outcome: fn() -> Result<Grant>) -> (Arc<Scripted>, Arc<Sessions>) {
    let renewals = AtomicUsize::new(0);
    let sign_in = Arc::new(Scripted { leave: Semaphore::new(0), renewals, outcome });
    let store = Memory::new(LIFE);
    let now = clock::now();
    store.put(Digest::of("marek"), session(now, now)).await;
    let site = Site { origin: "https://ops.example.org".into(), after_logout: "/".into() };
    let provider: Arc<dyn SignIn> = sign_in.clone();
    (sign_in, Arc::new(Sessions::new(site, provider, Box::new(store), LIFE)))
}

async fn asked(sign_in: &Scripted) {
    while sign_in.renewals.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_that_ended_while_it_was_renewed_stays_ended() {
    let (sign_in, sessions) = due(|| Ok(grant("marek", later()))).await;
    let own = sessions.clone();
    let request = tokio::spawn(async move { own.present("marek", &Anybody).await });
    asked(&sign_in).await;
    sessions.end("marek").await;
    sign_in.leave.add_permits(1);
    let refused = request.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(sessions.present("marek", &Anybody).await.is_err());
}

#[tokio::test]
async fn a_renewal_goes_on_without_its_caller_and_happens_once() {
    let (sign_in, sessions) = due(|| Ok(grant("marek", later()))).await;
    let own = sessions.clone();
    let request = tokio::spawn(async move { own.present("marek", &Anybody).await });
    asked(&sign_in).await;
    request.abort();
    sign_in.leave.add_permits(1);
    let present = futures::future::join_all((0..20).map(|_| sessions.present("marek", &Anybody)));
    assert!(present.await.iter().all(Result::is_ok));
    assert_eq!(sign_in.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn tokens_of_somebody_else_end_the_session() {
    let (sign_in, sessions) = due(|| Ok(grant("anna", later()))).await;
    sign_in.leave.add_permits(1);
    let refused = sessions.present("marek", &Anybody).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(sessions.csrf("marek").await.is_none());
}

#[tokio::test]
async fn a_provider_out_of_reach_is_left_alone_and_ends_no_session() {
    let (sign_in, sessions) = due(|| Err(Error::new(ErrorKind::Unavailable, "gone"))).await;
    sign_in.leave.add_permits(1);
    for _ in 0..5 {
        let refused = sessions.present("marek", &Anybody).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(sign_in.renewals.load(Ordering::SeqCst), 1);
    assert!(sessions.csrf("marek").await.is_some());
}
