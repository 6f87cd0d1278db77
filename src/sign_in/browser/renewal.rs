//! Token renewal: one at a time for each session, since a provider may accept a refresh token only
//! once.

use super::store::Session;
use super::{Sessions, nobody};
use flowcontrol_base::clock;
use flowcontrol_contract::{Digest, Error, ErrorKind, Result, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// After a failed renewal no other is tried for this many microseconds.
const PAUSE: i64 = 10_000_000;
/// Above this many entries, those that nobody waits for are dropped.
const MAX_ENTRIES: usize = 1_000;

/// The renewal lock of a session, with the time of the last failure.
type RenewalLock = Arc<tokio::sync::Mutex<Option<Timestamp>>>;

/// The renewal locks of all sessions.
#[derive(Debug, Default)]
pub struct Renewals(Mutex<HashMap<Digest, RenewalLock>>);

impl Renewals {
    fn lock_for(&self, key: Digest) -> RenewalLock {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() >= MAX_ENTRIES {
            locks.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        locks.entry(key).or_default().clone()
    }
}

impl Sessions {
    /// The session with new tokens. The renewal runs as its own task: a refresh token that was used
    /// must not be lost because the caller disconnects.
    pub(super) async fn renewed(
        self: &Arc<Self>,
        key: Digest,
        session: Session,
    ) -> Result<Session> {
        let own = Arc::clone(self);
        let work = tokio::spawn(async move { own.renew(key).await });
        let failed = |why: String| Error::new(ErrorKind::Unavailable, why);
        match work.await.map_err(|e| failed(e.to_string()))? {
            // The old token is still valid.
            Err(e)
                if e.kind() == ErrorKind::Unavailable && session.token_is_valid(clock::now()) =>
            {
                Ok(session)
            }
            outcome => outcome,
        }
    }

    async fn renew(&self, key: Digest) -> Result<Session> {
        let lock = self.renewals.lock_for(key);
        let mut failed = lock.lock().await;
        let now = clock::now();
        let session = self.store.get(&key).await.ok_or_else(|| nobody("the session was ended"))?;
        if !session.needs_renewal(now) {
            // Another request has renewed it while this one waited.
            return Ok(session);
        }
        if failed.is_some_and(|at| now.micros() - at.micros() < PAUSE) {
            return Err(Error::new(ErrorKind::Unavailable, "the last renewal failed a moment ago"));
        }
        let who = &session.grant.principal;
        match self.sign_in.renew(&session.grant.tokens).await {
            Ok(grant)
                if (&grant.principal.tenant, &grant.principal.actor)
                    == (&who.tenant, &who.actor) =>
            {
                *failed = None;
                let next = Session { grant, renewed: clock::now(), ..session };
                match self.store.replace(&key, next.clone()).await {
                    true => Ok(next),
                    false => Err(nobody("the session ended during the renewal")),
                }
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                *failed = Some(clock::now());
                Err(error)
            }
            refused => {
                self.store.remove(&key).await;
                Err(refused
                    .err()
                    .unwrap_or_else(|| nobody("the new tokens belong to another subject")))
            }
        }
    }
}
