//! What a signed-in browser's session is, and where sessions are kept.

use async_trait::async_trait;
use flowcontrol_contract::sign_in::{Grant, SignedOut};
use flowcontrol_contract::{Digest, Secret, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Sessions that are kept at once; beyond that, whoever was longest away is signed out.
const KEPT: usize = 10_000;

/// A browser's session. The browser holds its name and nothing of this.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who signed in, with what the provider gave.
    pub grant: Grant,
    /// What a write must repeat.
    pub csrf: Secret,
    /// When it began.
    pub began: Timestamp,
    /// When its tokens were got.
    pub renewed: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From sign-in to the end, whatever happens.
    pub absolute: Duration,
    /// From the last use to the end.
    pub idle: Duration,
}

/// A quarter of its life before its end, and at most this long, a token is renewed.
const EARLY: i64 = 60_000_000;

impl Session {
    /// Whether it is over at `now`.
    pub fn over(&self, life: Lifetimes, now: Timestamp) -> bool {
        let since = |then: Timestamp| now.micros().saturating_sub(then.micros());
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        since(self.began) >= micros(life.absolute) || since(self.seen) >= micros(life.idle)
    }

    /// Whether its access token can and should be renewed at `now`.
    pub fn due(&self, now: Timestamp) -> bool {
        let Some(ends) = self.grant.principal.how.expires_at else { return false };
        let early = (ends.micros() - self.renewed.micros()).max(0) / 4;
        self.grant.tokens.refresh.is_some() && now.micros() >= ends.micros() - early.min(EARLY)
    }

    /// Whether its access token can still be used at `now`.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.grant.principal.how.expires_at.is_none_or(|ends| now < ends)
    }

    /// Whether it is one of those that the provider ended.
    pub fn ended_by(&self, message: &SignedOut) -> bool {
        let tokens = &self.grant.tokens;
        let whose = message.subject.as_ref().is_none_or(|subject| *subject == tokens.subject);
        let which = match (&message.session, &tokens.session) {
            (Some(named), Some(ours)) => named == ours,
            // Without a name of its own it may be the one that is meant.
            (Some(_), None) => message.subject.is_some(),
            (None, _) => true,
        };
        tokens.issuer == message.issuer && whose && which
    }
}

/// Keeps sessions by the digests of their names: what is stolen from a store opens no session.
///
/// A store forgets what is over by itself. It is asked for each request, so it answers fast.
#[async_trait]
pub trait SessionStore: Send + Sync + std::fmt::Debug {
    /// Keeps a new one.
    async fn put(&self, key: Digest, session: Session);

    /// The one of that name.
    async fn get(&self, key: &Digest) -> Option<Session>;

    /// Puts another state in its place if it is still there, and says whether it was: what ended
    /// meanwhile stays ended.
    async fn replace(&self, key: &Digest, session: Session) -> bool;

    /// Notes that it was used at `now`, and changes nothing else of it.
    async fn touch(&self, key: &Digest, now: Timestamp);

    /// Ends it.
    async fn remove(&self, key: &Digest) -> Option<Session>;

    /// Ends those that the provider ended, and says how many they were.
    async fn remove_ended(&self, message: &SignedOut) -> usize;
}

/// Sessions in this process: they end with it, and no other process knows them.
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
            all.retain(|_, kept| !kept.over(self.life, now));
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

    async fn remove_ended(&self, message: &SignedOut) -> usize {
        let mut all = self.all();
        let before = all.len();
        all.retain(|_, session| !session.ended_by(message));
        before - all.len()
    }
}
