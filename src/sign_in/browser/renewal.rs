//! One renewal of a session at a time: a provider may take a refresh token once only.

use super::store::Session;
use super::{Sessions, nobody};
use flowcontrol_base::clock;
use flowcontrol_contract::{Digest, Error, ErrorKind, Result, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// After a failure the provider is left alone for this many microseconds.
const PAUSE: i64 = 10_000_000;
/// Above this many, those that nobody waits for are forgotten.
const MANY: usize = 1_000;

/// A session's turn to be renewed, and when that last failed.
type Turn = Arc<tokio::sync::Mutex<Option<Timestamp>>>;

/// The turns of all sessions.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<Digest, Turn>>);

impl Flights {
    fn of(&self, key: Digest) -> Turn {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MANY {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(key).or_default().clone()
    }
}

impl Sessions {
    /// The session with new tokens. It is work of its own: a refresh token that was spent must not
    /// be lost with a caller who goes away.
    pub(super) async fn renewed(
        self: &Arc<Self>,
        key: Digest,
        session: Session,
    ) -> Result<Session> {
        let own = Arc::clone(self);
        let work = tokio::spawn(async move { own.renew(key).await });
        let failed = |why: String| Error::new(ErrorKind::Unavailable, why);
        match work.await.map_err(|e| failed(e.to_string()))? {
            // The old token still counts, and is as good as it was.
            Err(e) if e.kind() == ErrorKind::Unavailable && session.counts(clock::now()) => {
                Ok(session)
            }
            outcome => outcome,
        }
    }

    async fn renew(&self, key: Digest) -> Result<Session> {
        let turn = self.flights.of(key);
        let mut failed = turn.lock().await;
        let now = clock::now();
        let session = self.store.get(&key).await.ok_or_else(|| nobody("the session was ended"))?;
        if !session.due(now) {
            // Somebody else's turn before ours did it.
            return Ok(session);
        }
        if failed.is_some_and(|at| now.micros() - at.micros() < PAUSE) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the provider could not be asked just now",
            ));
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
                    false => Err(nobody("the session was ended meanwhile")),
                }
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                *failed = Some(clock::now());
                Err(error)
            }
            refused => {
                self.store.remove(&key).await;
                Err(refused.err().unwrap_or_else(|| nobody("the tokens are somebody else's")))
            }
        }
    }
}
