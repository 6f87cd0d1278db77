//! One issuer's keys: fetched when they are needed, never more than once at a time, never twice
//! within the cooldown, and never in the way of a call whose key is known.

use super::config::Keys;
use super::error::unauthenticated;
use super::jwks::KeySet;
use super::signature::Key;
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
    /// The keys that are published now, or why they cannot be fetched.
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
    /// Closed when the running fetch ends.
    running: Option<watch::Receiver<()>>,
}

enum Found {
    /// The key, and whether it is time to fetch again.
    Key(Arc<Key>, bool),
    /// There are keys, and none has that name.
    Unknown,
    /// There are no keys, or they are too old.
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
    /// `Unauthenticated` when the issuer does not publish it, `Unavailable` when its keys cannot be
    /// fetched now.
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
            Found::Unknown => {
                Err(unauthenticated("the issuer publishes no key with the token's `kid`"))
            }
        }
    }

    /// Whether there are usable keys; fetches them where there are none.
    ///
    /// # Errors
    /// `Unavailable` that names the issuer and says why.
    pub async fn ready(self: &Arc<Self>) -> Result<()> {
        if self.usable().is_none() {
            self.renew().await;
        }
        self.usable().map(drop).ok_or_else(|| self.unavailable())
    }

    /// The newest keys, if they are not too old.
    pub fn newest(&self) -> Option<Arc<KeySet>> {
        self.usable().map(|(keys, _)| keys)
    }

    /// Fetches the keys now, cooldown or not.
    ///
    /// # Errors
    /// `Unavailable` that names the issuer and says why.
    pub async fn fetch(&self) -> Result<Arc<KeySet>> {
        let began = Instant::now();
        let outcome = self.source.fetch().await;
        let mut state = self.state();
        record(&mut state, outcome, began);
        match (&state.failure, &state.keys) {
            (None, Some((keys, _))) => Ok(keys.clone()),
            _ => {
                drop(state);
                Err(self.unavailable())
            }
        }
    }

    /// Waits for a fetch, if one is running or may start.
    async fn renew(self: &Arc<Self>) {
        if let Some(mut end) = self.start() {
            // Nothing is ever sent: it ends by being closed.
            drop(end.changed().await);
        }
    }

    /// The running fetch, or a new one where the cooldown allows it. It is a task of its own: a caller
    /// that goes away does not cancel it.
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
            record(&mut cache.state(), outcome, now);
            drop(open);
        });
        Some(end)
    }

    fn find(&self, kid: &str) -> Found {
        match self.usable() {
            None => Found::Nothing,
            Some((keys, age)) => match keys.get(kid) {
                Some(key) => Found::Key(key, age >= self.limits.refresh),
                None => Found::Unknown,
            },
        }
    }

    /// The keys and their age, if they are not too old.
    fn usable(&self) -> Option<(Arc<KeySet>, Duration)> {
        let state = self.state();
        let (keys, began) = state.keys.as_ref()?;
        let age = began.elapsed();
        (age < self.limits.max_stale).then(|| (keys.clone(), age))
    }

    fn unavailable(&self) -> Error {
        let why = self.state().failure.clone();
        let why = why.unwrap_or_else(|| "its keys are too old and are being fetched again".into());
        Error::new(ErrorKind::Unavailable, format!("{}: {why}", self.issuer))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records a fetch: keys replace the earlier ones, a failure leaves those to grow stale.
fn record(state: &mut State, outcome: Result<KeySet, String>, began: Instant) {
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
