//! One issuer's keys: fetched when they are needed, never more than once at a time, never twice
//! within the cooldown, and never in the way of a call whose key is known.

use super::config::Keys;
use super::jwks::KeySet;
use super::signature::Key;
use super::unauthenticated;
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Where keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The keys that are published now, or in words why they cannot be had.
    async fn fetch(&self) -> Result<KeySet, String>;
}

/// An issuer's keys.
#[derive(Debug)]
pub struct Cache {
    issuer: String,
    source: Box<dyn KeySource>,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    refresh: Duration,
    cooldown: Duration,
    max_stale: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// The newest keys and when their fetch began.
    keys: Option<(Arc<KeySet>, Instant)>,
    /// When the newest fetch began.
    began: Option<Instant>,
    /// Why it failed.
    failure: Option<String>,
    /// Closed when the fetch that is under way ends.
    running: Option<watch::Receiver<()>>,
}

enum Found {
    /// It can be used; it may be time to fetch anew.
    Key(Arc<Key>, bool),
    /// The keys count, and this is none of them.
    Unknown,
    /// There are no keys that still count.
    Nothing,
}

impl Cache {
    /// An empty cache.
    pub fn new(issuer: &str, source: Box<dyn KeySource>, keys: &Keys) -> Arc<Self> {
        let seconds = |n: u32| Duration::from_secs(n.into());
        Arc::new(Self {
            issuer: issuer.to_owned(),
            source,
            limits: Limits {
                refresh: seconds(keys.refresh),
                cooldown: seconds(keys.cooldown),
                max_stale: seconds(keys.max_stale),
            },
            state: Mutex::default(),
        })
    }

    /// The key named `kid`. A known key is given at once, whatever the provider does.
    ///
    /// # Errors
    /// `Unauthenticated` when the provider does not publish it, `Unavailable` when that cannot be
    /// known now.
    pub async fn key(self: &Arc<Self>, kid: &str) -> Result<Arc<Key>> {
        if let Found::Key(key, due) = self.find(kid) {
            if due {
                drop(self.start());
            }
            return Ok(key);
        }
        self.renew().await;
        match self.find(kid) {
            Found::Key(key, _) => Ok(key),
            Found::Nothing => Err(self.unavailable()),
            // It may be a new key that cannot be seen while the provider does not answer.
            Found::Unknown if self.state().failure.is_some() => Err(self.unavailable()),
            Found::Unknown => Err(unauthenticated("the token's key is none that is published")),
        }
    }

    /// Whether there are keys that count; fetches them where there are none.
    ///
    /// # Errors
    /// `Unavailable` that names the issuer and says why.
    pub async fn ready(self: &Arc<Self>) -> Result<()> {
        if self.counting().is_none() {
            self.renew().await;
        }
        self.counting().map(drop).ok_or_else(|| self.unavailable())
    }

    /// The newest keys, if they still count.
    pub fn newest(&self) -> Option<Arc<KeySet>> {
        self.counting().map(|(keys, _)| keys)
    }

    /// Fetches the keys now, whatever is known of them.
    ///
    /// # Errors
    /// `Unavailable` that names the issuer and says why.
    pub async fn fetch(&self) -> Result<Arc<KeySet>> {
        let began = Instant::now();
        let outcome = self.source.fetch().await;
        let mut state = self.state();
        settle(&mut state, outcome, began);
        match (&state.failure, &state.keys) {
            (None, Some((keys, _))) => Ok(keys.clone()),
            _ => {
                drop(state);
                Err(self.unavailable())
            }
        }
    }

    /// Waits for a fetch, if one is under way or may begin.
    async fn renew(self: &Arc<Self>) {
        if let Some(mut end) = self.start() {
            // Nothing is ever sent: it ends by being closed.
            drop(end.changed().await);
        }
    }

    /// The fetch that is under way, or a new one where the cooldown allows it. It is work of its
    /// own: a caller who goes away does not break it off.
    fn start(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.state();
        if let Some(running) = state.running.as_ref().filter(|r| r.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let now = Instant::now();
        if state.began.is_some_and(|began| now < began + self.limits.cooldown) {
            return None;
        }
        let (open, end) = watch::channel(());
        state.began = Some(now);
        state.running = Some(end.clone());
        drop(state);
        let cache = self.clone();
        tokio::spawn(async move {
            let outcome = cache.source.fetch().await;
            settle(&mut cache.state(), outcome, now);
            drop(open);
        });
        Some(end)
    }

    fn find(&self, kid: &str) -> Found {
        match self.counting() {
            None => Found::Nothing,
            Some((keys, age)) => match keys.get(kid) {
                Some(key) => Found::Key(key, age >= self.limits.refresh),
                None => Found::Unknown,
            },
        }
    }

    /// The keys that still count, and their age.
    fn counting(&self) -> Option<(Arc<KeySet>, Duration)> {
        let state = self.state();
        let (keys, began) = state.keys.as_ref()?;
        let age = began.elapsed();
        (age < self.limits.max_stale).then(|| (keys.clone(), age))
    }

    fn unavailable(&self) -> Error {
        let why = self.state().failure.clone();
        let why = why.unwrap_or_else(|| "its keys are too old and are being fetched".into());
        Error::new(ErrorKind::Unavailable, format!("{}: {why}", self.issuer))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys that were fetched replace the earlier ones; a failure leaves them to grow stale.
fn settle(state: &mut State, outcome: Result<KeySet, String>, began: Instant) {
    match outcome {
        Ok(keys) => {
            state.keys = Some((Arc::new(keys), began));
            state.failure = None;
        }
        Err(why) => state.failure = Some(why),
    }
}

#[cfg(test)]
mod tests;
