//! The session of a signed-in browser, and the store of sessions.

use async_trait::async_trait;
use flowcontrol_contract::sign_in::{Grant, SessionsEnded};
use flowcontrol_contract::{Digest, Secret, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most sessions kept; beyond that, the one that was used longest ago is ended.
const KEPT: usize = 10_000;

/// A browser's session. The browser holds its name and nothing of this.
#[derive(Clone, Debug)]
pub struct Session {
    /// The signed-in principal and its tokens.
    pub grant: Grant,
    /// The CSRF token that writes must repeat.
    pub csrf: Secret,
    /// When the session began.
    pub began: Timestamp,
    /// When its tokens were obtained.
    pub renewed: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
}

/// Lifetimes of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From sign-in to the end, at most.
    pub absolute: Duration,
    /// From the last use to the end.
    pub idle: Duration,
}

/// A token is renewed when a quarter of its lifetime is left, and at the earliest this many
/// microseconds before it expires.
const RENEW_BEFORE: i64 = 60_000_000;

impl Session {
    /// Whether the session has expired at `now`.
    pub fn is_expired(&self, life: Lifetimes, now: Timestamp) -> bool {
        let since = |then: Timestamp| now.micros().saturating_sub(then.micros());
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        since(self.began) >= micros(life.absolute) || since(self.seen) >= micros(life.idle)
    }

    /// Whether its access token can and should be renewed at `now`.
    pub fn needs_renewal(&self, now: Timestamp) -> bool {
        let Some(ends) = self.grant.principal.how.expires_at else { return false };
        let early = (ends.micros() - self.renewed.micros()).max(0) / 4;
        self.grant.tokens.refresh.is_some()
            && now.micros() >= ends.micros() - early.min(RENEW_BEFORE)
    }

    /// Whether its access token is still valid at `now`.
    pub fn token_is_valid(&self, now: Timestamp) -> bool {
        self.grant.principal.how.expires_at.is_none_or(|ends| now < ends)
    }

    /// Whether the provider's logout message ends it.
    pub fn ended_by(&self, message: &SessionsEnded) -> bool {
        let tokens = &self.grant.tokens;
        let whose = message.subject.as_ref().is_none_or(|subject| *subject == tokens.subject);
        let which = match (&message.session, &tokens.session) {
            (Some(named), Some(ours)) => named == ours,
            // A session without an id of the provider may be the one that is meant.
            (Some(_), None) => message.subject.is_some(),
            (None, _) => true,
        };
        tokens.issuer == message.issuer && whose && which
    }
}

/// Stores sessions by the digests of their names, so that a copy of the store opens no session.
///
/// A store drops expired sessions by itself. It is read for every request, so it must be fast.
#[async_trait]
pub trait SessionStore: Send + Sync + std::fmt::Debug {
    /// Adds a session.
    async fn put(&self, key: Digest, session: Session);

    /// The session of that name.
    async fn get(&self, key: &Digest) -> Option<Session>;

    /// Replaces a session if it still exists, and returns whether it did: one that ended meanwhile
    /// stays ended.
    async fn replace(&self, key: &Digest, session: Session) -> bool;

    /// Records that it was used at `now`, and changes nothing else.
    async fn touch(&self, key: &Digest, now: Timestamp);

    /// Ends it.
    async fn remove(&self, key: &Digest) -> Option<Session>;

    /// Ends those that the provider ended, and says how many they were.
    async fn remove_ended(&self, message: &SessionsEnded) -> usize;
}

/// Sessions in the memory of this process: they end with it, and no other process sees them.
#[derive(Debug)]
pub struct Memory {
    life: Lifetimes,
    sessions: Mutex<HashMap<Digest, Session>>,
}

impl Memory {
    /// An empty store.
    pub fn new(life: Lifetimes) -> Self {
        Self { life, sessions: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for Memory {
    async fn put(&self, key: Digest, session: Session) {
        let mut all = self.all();
        if all.len() >= KEPT {
            let now = session.seen;
            all.retain(|_, kept| !kept.is_expired(self.life, now));
        }
        if all.len() >= KEPT
            && let Some(longest) = all.iter().min_by_key(|(_, s)| s.seen).map(|(key, _)| *key)
        {
            all.remove(&longest);
        }
        all.insert(key, session);
    }

    async fn get(&self, key: &Digest) -> Option<Session> {
        self.all().get(key).cloned()
    }

    async fn replace(&self, key: &Digest, session: Session) -> bool {
        match self.all().get_mut(key) {
            Some(kept) => {
                *kept = session;
                true
            }
            None => false,
        }
    }

    async fn touch(&self, key: &Digest, now: Timestamp) {
        if let Some(kept) = self.all().get_mut(key) {
            kept.seen = now;
        }
    }

    async fn remove(&self, key: &Digest) -> Option<Session> {
        self.all().remove(key)
    }

    async fn remove_ended(&self, message: &SessionsEnded) -> usize {
        let mut all = self.all();
        let before = all.len();
        all.retain(|_, session| !session.ended_by(message));
        before - all.len()
    }
}
