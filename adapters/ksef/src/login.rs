//! Signs in, and keeps one access token for every call: a call that finds it stale renews it, once
//! for all who wait.

use super::http::{Body, Http};
use super::keys::{Keys, WITHDRAWN};
use super::route::{Group, Route};
use flowcontrol_contract::error::{Error, ErrorKind, Reported, Result, Retry};
use flowcontrol_contract::{Secret, Timestamp};
use flowcontrol_ksef_wire::messages::{
    AuthenticationChallenge, AuthenticationInit, AuthenticationStatus, AuthenticationTokens,
    ContextIdentifier, ContextIdentifierType, InitTokenAuthentication, PublicKeyUsage,
    RefreshedToken, Sealed, TokenInfo,
};
use flowcontrol_ksef_wire::xades::{AuthTokenRequest, Context, Credential, Subject, sign};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A token that ends within this time is not used any more.
const MARGIN: i64 = 30_000_000;
/// How far this machine's clock may be from KSeF's, in microseconds.
const SKEW: i64 = 10 * 60 * 1_000_000;
/// How long KSeF may take to decide on a login.
const DECISION: Duration = Duration::from_secs(120);

/// How a client signs in.
#[derive(Debug)]
pub enum SignIn {
    /// A KSeF token.
    Token(Secret),
    /// A KSeF certificate of the kind Authentication.
    Certificate(Box<Credential>),
}

#[derive(Debug)]
struct Tokens {
    access: TokenInfo,
    refresh: TokenInfo,
}

/// One login to one context.
#[derive(Debug)]
pub struct Login {
    http: Arc<Http>,
    keys: Arc<Keys>,
    nip: String,
    method: SignIn,
    held: Mutex<Option<Tokens>>,
}

impl Login {
    /// Not signed in yet; the first call signs in.
    pub fn new(http: Arc<Http>, keys: Arc<Keys>, nip: String, method: SignIn) -> Self {
        Self { http, keys, nip, method, held: Mutex::new(None) }
    }

    /// How it signs in.
    pub fn method(&self) -> &SignIn {
        &self.method
    }

    /// An access token that is valid for a while.
    ///
    /// # Errors
    /// `Unauthenticated` or `Denied` with KSeF's code when it rejects the login.
    pub async fn access(&self) -> Result<Sealed> {
        let mut held = self.held.lock().await;
        self.valid(&mut held).await
    }

    /// Another access token than `stale`, which KSeF did not take.
    ///
    /// # Errors
    /// As [`Login::access`].
    pub async fn renewed(&self, stale: &Sealed) -> Result<Sealed> {
        let mut held = self.held.lock().await;
        if let Some(tokens) = &mut *held
            && tokens.access.token == *stale
        {
            // Nobody renewed it meanwhile.
            tokens.access.valid_until = time::OffsetDateTime::UNIX_EPOCH;
        }
        self.valid(&mut held).await
    }

    async fn valid(&self, held: &mut Option<Tokens>) -> Result<Sealed> {
        if let Some(tokens) = held {
            if self.lasts(&tokens.access) {
                return Ok(tokens.access.token.clone());
            }
            if self.lasts(&tokens.refresh) {
                match self.refresh(&tokens.refresh).await {
                    Ok(access) => {
                        tokens.access = access;
                        return Ok(tokens.access.token.clone());
                    }
                    // The login itself has ended; another begins.
                    Err(e) if e.kind() == ErrorKind::Unauthenticated => {}
                    Err(e) => return Err(e),
                }
            }
        }
        *held = None;
        let tokens = self.sign_in().await?;
        Ok(held.insert(tokens).access.token.clone())
    }

    fn lasts(&self, token: &TokenInfo) -> bool {
        let until = token.valid_until.unix_timestamp().saturating_mul(1_000_000);
        until > self.http.clock().now().micros() + MARGIN
    }

    async fn refresh(&self, refresh: &TokenInfo) -> Result<TokenInfo> {
        let route =
            Route::post("refresh the access token", Group::Anonymous, "/auth/token/refresh")
                .repeatable();
        let answer = self.http.call(&route, Some(&refresh.token), &[], &Body::Empty).await?;
        Ok(answer.json::<RefreshedToken>()?.access_token)
    }

    async fn sign_in(&self) -> Result<Tokens> {
        let init = match self.request_login().await {
            // The key that encrypted our token was withdrawn: once more with the one that replaced it.
            Err(e) if e.reported().is_some_and(|r| r.code == WITHDRAWN) => {
                self.keys.forget().await;
                self.request_login().await?
            }
            other => other?,
        };
        self.await_decision(&init).await?;
        // Given once: when its answer is lost, another login begins, and this one is left alone.
        let route = Route::post("redeem the tokens", Group::Anonymous, "/auth/token/redeem");
        let token = &init.authentication_token.token;
        let answer = self.http.call(&route, Some(token), &[], &Body::Empty).await?;
        let tokens: AuthenticationTokens = answer.json()?;
        Ok(Tokens { access: tokens.access_token, refresh: tokens.refresh_token })
    }

    async fn request_login(&self) -> Result<AuthenticationInit> {
        let route =
            Route::post("ask for a challenge", Group::Anonymous, "/auth/challenge").repeatable();
        let answer = self.http.call(&route, None, &[], &Body::Empty).await?;
        let challenge: AuthenticationChallenge = answer.json()?;
        let now = self.http.clock().now();
        self.check_clock_skew(challenge.timestamp_ms, now)?;
        // A login that was begun and is not gone on with ends by itself.
        let (route, body) = match &self.method {
            SignIn::Token(token) => {
                let key = self.keys.get(PublicKeyUsage::KsefTokenEncryption).await?;
                let message =
                    format!("{}|{}", token.expose().trim(), challenge.timestamp_ms).into_bytes();
                let encrypted = key.wrap(&message).map_err(|e| {
                    Error::new(ErrorKind::Configuration, format!("the KSeF token: {e}"))
                })?;
                let message = InitTokenAuthentication {
                    challenge: challenge.challenge,
                    context_identifier: ContextIdentifier {
                        kind: ContextIdentifierType::Nip,
                        value: self.nip.clone(),
                    },
                    encrypted_token: Sealed::new(encrypted),
                    public_key_id: Some(key.id().to_owned()),
                    authorization_policy: None,
                };
                let route =
                    Route::post("sign in with a token", Group::Anonymous, "/auth/ksef-token");
                (route, Body::json(&message)?)
            }
            SignIn::Certificate(credential) => {
                let request = AuthTokenRequest {
                    challenge: challenge.challenge,
                    context: Context::Nip(self.nip.clone()),
                    subject: Subject::CertificateSubject,
                };
                let route = Route::post(
                    "sign in with a certificate",
                    Group::Anonymous,
                    "/auth/xades-signature",
                );
                (route, Body::Xml(sign(&request, credential, now)?))
            }
        };
        self.http.call(&route.repeatable(), None, &[], &body).await?.json()
    }

    /// With clocks that differ, tokens end at other times than they seem to, and an invoice of today
    /// may be one of tomorrow.
    fn check_clock_skew(&self, ksef_millis: i64, now: Timestamp) -> Result<()> {
        let ahead = now.micros().saturating_sub(ksef_millis.saturating_mul(1000));
        if ahead.abs() <= SKEW {
            return Ok(());
        }
        let minutes = ahead.abs() / 60_000_000;
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        Err(Error::new(
            ErrorKind::Configuration,
            format!("this machine's clock is {minutes} minutes {side} KSeF's"),
        )
        .hint("set the clock, for example with NTP; nothing was sent"))
    }

    async fn await_decision(&self, init: &AuthenticationInit) -> Result<()> {
        let route = Route::get(
            "ask for the login's status",
            Group::Anonymous,
            format!("/auth/{}", init.reference_number),
        );
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(250));
        loop {
            let token = &init.authentication_token.token;
            let answer = self.http.call(&route, Some(token), &[], &Body::Empty).await?;
            let status = answer.json::<AuthenticationStatus>()?.status;
            match status.code {
                200 => return Ok(()),
                100 if waited < DECISION => {}
                100 => {
                    return Err(Error::new(
                        ErrorKind::Timeout,
                        "KSeF did not decide on the login in time",
                    ));
                }
                code => return Err(rejected(code, status.description, status.details)),
            }
            self.http.clock().sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// A login that KSeF ended with a status.
fn rejected(code: i32, description: String, details: Option<Vec<String>>) -> Error {
    let kind = match code {
        415 | 480 => ErrorKind::Denied,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Unauthenticated,
    };
    let hint = match code {
        415 => "give the token or certificate the permission for this NIP in KSeF",
        425 => "it was revoked in KSeF; use another",
        450 => "the token is wrong, revoked or of another NIP or environment: generate a new one",
        460 | 470 => "the certificate is revoked, expired or not trusted: request a new one",
        480 => "KSeF blocked this context; ask the ministry's support",
        _ => "try again later",
    };
    let details = details.unwrap_or_default();
    let reported = Reported { code: code.into(), description, details, ..Reported::default() };
    Error::new(kind, format!("KSeF rejected the login: {reported}"))
        .retry(Retry::Permanent)
        .because(reported)
        .hint(hint)
}
