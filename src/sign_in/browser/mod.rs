//! Sessions of signed-in browsers: sign-in attempt, session, renewal, sign-out.
//!
//! The tokens never leave the server. A browser holds a random session name, and each of its
//! requests is authenticated by the auth adapter with the session's access token.

mod attempt;
pub mod cookie;
pub mod guard;
mod renewal;
mod store;

pub use attempt::ATTEMPT_SECONDS;
pub use store::{Lifetimes, Memory, Session, SessionStore};

use attempt::{Attempts, SeenTokenIds};
use flowcontrol_base::clock;
use flowcontrol_contract::sign_in::{Attempt, AuthorizationResponse, Grant, SignIn, Site};
use flowcontrol_contract::{
    AuthProvider, Digest, Error, ErrorKind, Presented, Principal, Result, Secret,
};
use renewal::Renewals;
use std::sync::Arc;

/// Random bytes of a session's name, and of its CSRF token.
const NAME: usize = 32;
/// Replay window for logout tokens (`jti`), in seconds; longer than such a token is valid.
const SEEN_TOKEN_SECONDS: u32 = 900;
/// A session's last use is written at most once in this many microseconds.
const TOUCH_EVERY: i64 = 30_000_000;

/// The browser sessions of one service.
#[derive(Debug)]
pub struct Sessions {
    /// The address at which browsers reach the service.
    pub site: Site,
    sign_in: Arc<dyn SignIn>,
    store: Box<dyn SessionStore>,
    life: Lifetimes,
    attempts: Attempts,
    seen: SeenTokenIds,
    renewals: Renewals,
}

/// A sign-in attempt that was started.
#[derive(Debug)]
pub struct Begun {
    /// The provider's address to redirect the browser to.
    pub url: Secret,
    /// The attempt's name, for the browser's cookie only.
    pub name: Secret,
}

/// A completed sign-in.
#[derive(Debug)]
pub struct CompletedSignIn {
    /// The session's name, for the browser's cookie only.
    pub name: Secret,
    /// The path to redirect the browser to.
    pub return_to: String,
    /// The signed-in principal.
    pub principal: Principal,
}

/// A valid session, as a request uses it.
#[derive(Clone, Debug)]
pub struct ActiveSession {
    /// The signed-in principal.
    pub principal: Principal,
    /// The CSRF token that writes must repeat.
    pub csrf: Secret,
}

fn nobody(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, why)
}

impl Sessions {
    /// Sessions kept in `store`.
    pub fn new(
        site: Site,
        sign_in: Arc<dyn SignIn>,
        store: Box<dyn SessionStore>,
        life: Lifetimes,
    ) -> Self {
        Self {
            site,
            sign_in,
            store,
            life,
            attempts: Attempts::new(ATTEMPT_SECONDS),
            seen: SeenTokenIds::new(SEEN_TOKEN_SECONDS),
            renewals: Renewals::default(),
        }
    }

    /// Starts a sign-in attempt for a browser that asked for the path `return_to`.
    ///
    /// # Errors
    /// `Unavailable` when the provider cannot be reached.
    pub async fn begin(&self, return_to: Option<&str>) -> Result<Begun> {
        let attempt = self.sign_in.begin().await?;
        let (url, name) = (attempt.url.clone(), clock::random_hex(NAME));
        let wanted = guard::return_to(return_to).to_owned();
        self.attempts.keep(Digest::of(&name), (attempt, wanted), clock::now());
        Ok(Begun { url, name: Secret::new(name) })
    }

    /// Ends the attempt named `name` with the provider's answer, and the session `before` with it:
    /// whoever signs in gets a session of a new name.
    ///
    /// # Errors
    /// `InvalidInput` when there is no such attempt or the answer does not belong to it, else as
    /// [`SignIn::complete`]. An answer ends the attempt, whatever its result.
    pub async fn finish(
        &self,
        name: Option<&str>,
        answer: &AuthorizationResponse<'_>,
        before: Option<&str>,
    ) -> Result<CompletedSignIn> {
        let now = clock::now();
        // An answer to another attempt must not end this one.
        let meant = |(attempt, _): &(Attempt, String)| answer.state == Some(attempt.state.expose());
        let attempt = name.and_then(|name| self.attempts.take(&Digest::of(name), now, meant));
        let (attempt, return_to) = attempt
            .ok_or_else(|| Error::invalid("this browser has no such sign-in in progress"))?;
        let grant = self.sign_in.complete(&attempt, answer).await?;
        if let Some(before) = before {
            self.end(before).await;
        }
        let principal = grant.principal.clone();
        Ok(CompletedSignIn { name: self.opened(grant).await, return_to, principal })
    }

    async fn opened(&self, grant: Grant) -> Secret {
        let (name, now) = (clock::random_hex(NAME), clock::now());
        let csrf = Secret::new(clock::random_hex(NAME));
        let session = Session { grant, csrf, began: now, renewed: now, seen: now };
        self.store.put(Digest::of(&name), session).await;
        Secret::new(name)
    }

    /// The principal of the session named `name`, authenticated by its access token, which is
    /// renewed before it expires.
    ///
    /// # Errors
    /// `Unauthenticated` when there is no such session or it has expired, else as
    /// [`AuthProvider::authenticate`] says.
    pub async fn present(
        self: &Arc<Self>,
        name: &str,
        auth: &dyn AuthProvider,
    ) -> Result<ActiveSession> {
        let (key, now) = (Digest::of(name), clock::now());
        let session = self.store.get(&key).await;
        let mut session = session.ok_or_else(|| nobody("there is no such session"))?;
        if session.is_expired(self.life, now) {
            self.store.remove(&key).await;
            return Err(nobody("the session has expired"));
        }
        if session.needs_renewal(now) {
            session = self.renewed(key, session).await?;
        }
        let bearer = format!("Bearer {}", session.grant.tokens.access.expose());
        let headers = [("authorization", bearer.as_bytes())];
        let principal = match auth.authenticate(&Presented { headers: &headers }).await {
            Ok(principal) => principal,
            Err(error) => {
                if error.kind() == ErrorKind::Unauthenticated {
                    self.store.remove(&key).await;
                }
                return Err(error);
            }
        };
        if now.micros() - session.seen.micros() > TOUCH_EVERY {
            self.store.touch(&key, now).await;
        }
        Ok(ActiveSession { principal, csrf: session.csrf })
    }

    /// The CSRF token of the session named `name`, whatever the state of its tokens.
    pub async fn csrf(&self, name: &str) -> Option<Secret> {
        self.store.get(&Digest::of(name)).await.map(|session| session.csrf)
    }

    /// Ends a session, and says where its browser goes to sign out at the provider too; its tokens
    /// are given up beside it.
    pub async fn end(&self, name: &str) -> Option<String> {
        let session = self.store.remove(&Digest::of(name)).await?;
        let tokens = session.grant.tokens;
        let logout_url = self.sign_in.logout_url(&tokens).await;
        let sign_in = Arc::clone(&self.sign_in);
        tokio::spawn(async move {
            if let Err(error) = sign_in.revoke(&tokens).await {
                tracing::info!("tokens were not revoked: {}", error.chain());
            }
        });
        logout_url
    }

    /// Ends the sessions that a logout token of the provider names, and says how many they were.
    ///
    /// # Errors
    /// `InvalidInput` when it is not a valid logout token or was processed before; else as
    /// [`SignIn::verify_logout_token`].
    pub async fn signed_out(&self, logout_token: &str) -> Result<usize> {
        let message = self.sign_in.verify_logout_token(logout_token).await?;
        let name = format!("{} {}", message.issuer, message.message);
        if !self.seen.keep(name, (), clock::now()) {
            return Err(Error::invalid("the logout token was processed before"));
        }
        Ok(self.store.remove_ended(&message).await)
    }
}

#[cfg(test)]
mod tests;
