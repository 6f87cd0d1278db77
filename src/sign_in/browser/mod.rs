//! Browsers that signed in: from the attempt to the session, its renewal and its end.
//!
//! The tokens stay here. A browser holds a random name, and each of its requests is judged by the
//! auth adapter as if the access token had come with it.

mod attempt;
pub mod cookie;
pub mod guard;
mod renewal;
mod store;

pub use attempt::PATIENCE;
pub use store::{Lifetimes, Memory, Session, SessionStore};

use attempt::{Attempts, SeenTokenIds};
use flowcontrol_base::clock;
use flowcontrol_contract::sign_in::{Answer, Attempt, Grant, SignIn, Site};
use flowcontrol_contract::{
    AuthProvider, Digest, Error, ErrorKind, Presented, Principal, Result, Secret,
};
use renewal::Flights;
use std::sync::Arc;

/// Bytes of a session's name, and of what a write must repeat.
const NAME: usize = 32;
/// Seconds for which a message that came is known again: longer than it counts.
const HEARD: u32 = 900;
/// A session's last use is noted once in this many microseconds.
const NOTED: i64 = 30_000_000;

/// The sessions of one service.
#[derive(Debug)]
pub struct Sessions {
    /// Where browsers reach it.
    pub site: Site,
    sign_in: Arc<dyn SignIn>,
    store: Box<dyn SessionStore>,
    life: Lifetimes,
    attempts: Attempts,
    seen: SeenTokenIds,
    flights: Flights,
}

/// An attempt that began.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub url: Secret,
    /// The attempt's name, for the browser alone.
    pub name: Secret,
}

/// Somebody who has signed in.
#[derive(Debug)]
pub struct Arrived {
    /// The session's name, for the browser alone.
    pub name: Secret,
    /// The path that the browser wanted to see.
    pub return_to: String,
    /// Who it is.
    pub principal: Principal,
}

/// A session as a request finds it.
#[derive(Clone, Debug)]
pub struct Present {
    /// Who it is.
    pub principal: Principal,
    /// What a write must repeat.
    pub csrf: Secret,
}

fn nobody(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, why)
}

impl Sessions {
    /// Sessions that `store` keeps.
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
            attempts: Attempts::new(PATIENCE),
            seen: SeenTokenIds::new(HEARD),
            flights: Flights::default(),
        }
    }

    /// Begins an attempt for a browser that wants to see `return_to`.
    ///
    /// # Errors
    /// `Unavailable` when the provider cannot be asked.
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
    /// `InvalidInput` when there is no such attempt or the answer is not one to it, else as
    /// [`SignIn::complete`] says. One answer ends an attempt, whatever comes of it.
    pub async fn finish(
        &self,
        name: Option<&str>,
        answer: &Answer<'_>,
        before: Option<&str>,
    ) -> Result<Arrived> {
        let now = clock::now();
        // An answer to another attempt takes nothing from this one.
        let meant = |(attempt, _): &(Attempt, String)| answer.state == Some(attempt.state.expose());
        let attempt = name.and_then(|name| self.attempts.take(&Digest::of(name), now, meant));
        let (attempt, return_to) =
            attempt.ok_or_else(|| Error::invalid("this browser has no such attempt under way"))?;
        let grant = self.sign_in.complete(&attempt, answer).await?;
        if let Some(before) = before {
            self.end(before).await;
        }
        let principal = grant.principal.clone();
        Ok(Arrived { name: self.opened(grant).await, return_to, principal })
    }

    async fn opened(&self, grant: Grant) -> Secret {
        let (name, now) = (clock::random_hex(NAME), clock::now());
        let csrf = Secret::new(clock::random_hex(NAME));
        let session = Session { grant, csrf, began: now, renewed: now, seen: now };
        self.store.put(Digest::of(&name), session).await;
        Secret::new(name)
    }

    /// Who the session named `name` is of, by its access token, which is renewed in time.
    ///
    /// # Errors
    /// `Unauthenticated` when there is no such session or it is over, else as
    /// [`AuthProvider::authenticate`] says.
    pub async fn present(self: &Arc<Self>, name: &str, auth: &dyn AuthProvider) -> Result<Present> {
        let (key, now) = (Digest::of(name), clock::now());
        let session = self.store.get(&key).await;
        let mut session = session.ok_or_else(|| nobody("there is no such session"))?;
        if session.over(self.life, now) {
            self.store.remove(&key).await;
            return Err(nobody("the session is over"));
        }
        if session.due(now) {
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
        if now.micros() - session.seen.micros() > NOTED {
            self.store.touch(&key, now).await;
        }
        Ok(Present { principal, csrf: session.csrf })
    }

    /// What a write of the session named `name` must repeat; whatever became of its tokens.
    pub async fn csrf(&self, name: &str) -> Option<Secret> {
        self.store.get(&Digest::of(name)).await.map(|session| session.csrf)
    }

    /// Endpoints a session, and says where its browser goes to sign out at the provider too; its tokens
    /// are given up beside it.
    pub async fn end(&self, name: &str) -> Option<String> {
        let session = self.store.remove(&Digest::of(name)).await?;
        let tokens = session.grant.tokens;
        let way_out = self.sign_in.way_out(&tokens).await;
        let sign_in = Arc::clone(&self.sign_in);
        tokio::spawn(async move {
            if let Err(error) = sign_in.revoke(&tokens).await {
                tracing::info!("tokens were not revoked: {}", error.chain());
            }
        });
        way_out
    }

    /// Ends the sessions that a logout token of the provider names, and says how many they were.
    ///
    /// # Errors
    /// `InvalidInput` when it is none, or came before; else as [`SignIn::signed_out`] says.
    pub async fn signed_out(&self, logout_token: &str) -> Result<usize> {
        let message = self.sign_in.signed_out(logout_token).await?;
        let name = format!("{} {}", message.issuer, message.message);
        if !self.seen.keep(name, (), clock::now()) {
            return Err(Error::invalid("the logout token came before"));
        }
        Ok(self.store.remove_ended(&message).await)
    }
}

#[cfg(test)]
mod tests;
