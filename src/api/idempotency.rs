//! Idempotency keys: a request with a key is carried out once, and a repetition gets the stored
//! response, also when both arrive at the same time.
//!
//! Keys live in this process, for a day and up to a number for each tenant; beyond that, the tenant's
//! oldest key is forgotten. That a batch of records is written once does not depend on them: the
//! store knows it by its records' ids.

use super::problem::{Problem, ProblemKind};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flowcontrol_base::clock;
use flowcontrol_contract::{ActorId, Digest, ExpiringMap, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The header's name.
pub const HEADER: &str = "idempotency-key";
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys kept for each tenant: one tenant's script must not evict the keys of another.
const MAX_KEYS_PER_TENANT: usize = 2_000;
const MAX_LENGTH: usize = 200;

/// An idempotency key with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The caller's tenant.
    pub tenant: TenantId,
    /// The caller's actor.
    pub actor: ActorId,
    /// The operation that was asked for.
    pub operation: &'static str,
    /// The value of the header.
    pub key: String,
}

/// A response that is stored and can be returned again.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers besides the content type.
    pub headers: Vec<(HeaderName, String)>,
    /// The body, JSON.
    pub body: String,
}

impl IntoResponse for StoredResponse {
    fn into_response(self) -> Response {
        let mut response = super::json(self.status, self.body);
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The state of the request behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestState {
    /// It is being carried out; so many requests wait for its response.
    InFlight(u32),
    /// It succeeded; repetitions get the stored response.
    Answered,
    /// It failed; the key is free again.
    Failed,
}

#[derive(Debug)]
struct KeyEntry {
    request: Digest,
    state: Mutex<RequestState>,
    answer: OnceCell<StoredResponse>,
}

impl KeyEntry {
    fn state(&self) -> MutexGuard<'_, RequestState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for the response of a key; dropping it gives the wait up.
struct Waiting(Arc<KeyEntry>);

impl Waiting {
    fn for_answer(entry: Arc<KeyEntry>) -> Self {
        {
            let mut state = entry.state();
            *state = match *state {
                RequestState::InFlight(n) => RequestState::InFlight(n + 1),
                RequestState::Failed => RequestState::InFlight(1),
                RequestState::Answered => RequestState::Answered,
            };
        }
        Self(entry)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.state();
        *state = match *state {
            _ if self.0.answer.initialized() => RequestState::Answered,
            RequestState::InFlight(n) if n > 1 => RequestState::InFlight(n - 1),
            RequestState::InFlight(_) | RequestState::Failed | RequestState::Answered => {
                RequestState::Failed
            }
        };
    }
}

type TenantKeys = ExpiringMap<IdempotencyKey, Arc<KeyEntry>, Instant>;

/// The keys of this process.
#[derive(Debug, Default)]
pub struct IdempotencyKeys {
    /// A map for each tenant, so that none takes another's room.
    entries: Mutex<HashMap<TenantId, TenantKeys>>,
}

impl IdempotencyKeys {
    /// Carries out `work`, or returns the stored response if `key` was used before with the same
    /// `request`.
    pub async fn answer(
        &self,
        key: Option<IdempotencyKey>,
        request: Digest,
        work: impl Future<Output = Result<StoredResponse, Problem>>,
    ) -> Result<StoredResponse, Problem> {
        let Some(key) = key else { return work.await };
        let entry = self.entry(key, request)?;
        // A failure is not stored: whoever waits for it, or comes later, tries again.
        entry.0.answer.get_or_try_init(|| work).await.cloned()
    }

    fn entry(&self, key: IdempotencyKey, request: Digest) -> Result<Waiting, Problem> {
        let now = clock::instant();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let own = entries
            .entry(key.tenant.clone())
            .or_insert_with(|| ExpiringMap::new(MAX_KEYS_PER_TENANT));
        if let Some(known) = own.get(&key, now) {
            if known.request == request {
                return Ok(Waiting::for_answer(Arc::clone(known)));
            }
            // A key whose request failed is free again.
            if *known.state() != RequestState::Failed {
                return Err(Problem::new(
                    ProblemKind::KeyReused,
                    "this Idempotency-Key was already used with a different request",
                ));
            }
        }
        let entry = Arc::new(KeyEntry {
            request,
            state: Mutex::new(RequestState::Failed),
            answer: OnceCell::new(),
        });
        own.insert(key, Arc::clone(&entry), now + KEPT_FOR, now);
        Ok(Waiting::for_answer(entry))
    }
}

/// The value of the request's `Idempotency-Key`, if it has one.
pub fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refuse = |why: String| Err(Problem::new(ProblemKind::BadRequest, why));
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), rest) = (values.next(), values.next()) else { return Ok(None) };
    if rest.is_some() {
        return refuse("the header Idempotency-Key was sent more than once".to_owned());
    }
    match value.to_str() {
        Ok(text) if (1..=MAX_LENGTH).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => refuse(format!("Idempotency-Key must be 1 to {MAX_LENGTH} visible characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn key(tenant: &str, key: &str) -> Option<IdempotencyKey> {
        Some(IdempotencyKey {
            tenant: TenantId::new(tenant).unwrap(),
            actor: ActorId::new("anna").unwrap(),
            operation: "test",
            key: key.to_owned(),
        })
    }

    fn answer() -> StoredResponse {
        StoredResponse { status: StatusCode::OK, headers: Vec::new(), body: "{}".to_owned() }
    }

    #[tokio::test]
    async fn one_tenants_keys_do_not_push_out_anothers() {
        let (keys, done) = (IdempotencyKeys::default(), AtomicU32::new(0));
        let request = Digest::of("body");
        let ask = async |tenant: &str, name: &str| {
            let work = async {
                done.fetch_add(1, Ordering::Relaxed);
                Ok(answer())
            };
            keys.answer(key(tenant, name), request, work).await.unwrap();
            done.load(Ordering::Relaxed)
        };
        assert_eq!(ask("acme", "theirs").await, 1);
        assert_eq!(ask("bfg", "first").await, 2);
        for n in 0..MAX_KEYS_PER_TENANT {
            ask("bfg", &n.to_string()).await;
        }
        let before = done.load(Ordering::Relaxed);
        assert_eq!(ask("acme", "theirs").await, before, "it is still known");
        assert_eq!(ask("bfg", "first").await, before + 1, "its own tenant's oldest is forgotten");
    }

    #[tokio::test]
    async fn a_key_in_flight_is_refused_to_another_request_until_its_own_fails() {
        let keys = IdempotencyKeys::default();
        let (one, other) = (Digest::of("one"), Digest::of("other"));
        let mut first = Box::pin(keys.answer(key("acme", "k"), one, async {
            tokio::task::yield_now().await;
            Err(Problem::new(ProblemKind::Unavailable, "the store is away"))
        }));
        assert!(first.as_mut().now_or_never().is_none(), "it is in flight");
        let reused = keys.answer(key("acme", "k"), other, async { Ok(answer()) }).await;
        assert_eq!(reused.unwrap_err().status(), ProblemKind::KeyReused.status());
        assert!(first.await.is_err());
        keys.answer(key("acme", "k"), other, async { Ok(answer()) }).await.unwrap();
        // Now it stands for that request.
        let late = keys.answer(key("acme", "k"), one, async { Ok(answer()) }).await;
        assert_eq!(late.unwrap_err().status(), ProblemKind::KeyReused.status());
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_frees_its_key() {
        let keys = IdempotencyKeys::default();
        let mut first =
            Box::pin(keys.answer(key("acme", "k"), Digest::of("one"), std::future::pending()));
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        let other = keys.answer(key("acme", "k"), Digest::of("other"), async { Ok(answer()) });
        other.await.unwrap();
    }
}
