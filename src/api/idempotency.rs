//! Idempotency keys: the same request with the same key is done once and answered alike, also when
//! it is sent twice at once.
//!
//! Keys live in this process, for a day and up to a number for each tenant. That a batch of records is written once
//! does not hang on them: the store knows it by its records' ids.

use super::problem::{Problem, ProblemKind};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flowcontrol_base::clock;
use flowcontrol_contract::{ActorId, Digest, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The header.
pub const HEADER: &str = "idempotency-key";
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys of one tenant: a script of one must not push out the keys of another.
const KEPT: usize = 2_000;
const LONGEST: usize = 200;

/// Whose key, for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The caller's tenant.
    pub tenant: TenantId,
    /// The caller.
    pub actor: ActorId,
    /// What is asked for.
    pub operation: &'static str,
    /// The key.
    pub key: String,
}

/// An answer that can be given again.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Headers besides the content type.
    pub headers: Vec<(HeaderName, String)>,
    /// JSON.
    pub body: String,
}

impl IntoResponse for Answer {
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

/// What became of a key's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestState {
    /// So many ask for it and wait for its answer.
    InFlight(u32),
    /// It is answered, and anybody who asks again gets the same.
    Answered,
    /// It failed, so the key stands for nothing.
    Failed,
}

#[derive(Debug)]
struct KeyEntry {
    request: Digest,
    since: Instant,
    state: Mutex<RequestState>,
    answer: OnceCell<Answer>,
}

impl KeyEntry {
    fn state(&self) -> MutexGuard<'_, RequestState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that waits for a key's answer; also when it is given up.
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

/// The keys of this process.
#[derive(Debug, Default)]
pub struct IdempotencyKeys {
    entries: Mutex<HashMap<TenantId, HashMap<Key, Arc<KeyEntry>>>>,
}

impl IdempotencyKeys {
    /// Does `work` unless it was done with this `key`; the key must stand for the same `request`.
    pub async fn answer(
        &self,
        key: Option<Key>,
        request: Digest,
        work: impl Future<Output = Result<Answer, Problem>>,
    ) -> Result<Answer, Problem> {
        let Some(key) = key else { return work.await };
        let entry = self.entry(key, request)?;
        // A failure is not kept: who waits for it, or comes after, tries anew.
        entry.0.answer.get_or_try_init(|| work).await.cloned()
    }

    fn entry(&self, key: Key, request: Digest) -> Result<Waiting, Problem> {
        let now = clock::instant();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = entries.get(&key.tenant).and_then(|own| own.get(&key))
            && now.duration_since(known.since) < KEPT_FOR
        {
            if known.request == request {
                return Ok(Waiting::for_answer(Arc::clone(known)));
            }
            // A key whose request failed stands for nothing yet.
            if *known.state() != RequestState::Failed {
                return Err(Problem::new(
                    ProblemKind::KeyReused,
                    "this Idempotency-Key came with another request",
                ));
            }
        }
        let entries = entries.entry(key.tenant.clone()).or_default();
        if entries.len() >= KEPT {
            entries.retain(|_, entry| now.duration_since(entry.since) < KEPT_FOR);
        }
        if entries.len() >= KEPT
            && let Some(oldest) =
                entries.iter().min_by_key(|(_, e)| e.since).map(|(k, _)| k.clone())
        {
            entries.remove(&oldest);
        }
        let entry = Arc::new(KeyEntry {
            request,
            since: now,
            state: Mutex::new(RequestState::Failed),
            answer: OnceCell::new(),
        });
        entries.insert(key, Arc::clone(&entry));
        Ok(Waiting::for_answer(entry))
    }
}

/// The request's key, where it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refuse = |why: String| Err(Problem::new(ProblemKind::BadRequest, why));
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), rest) = (values.next(), values.next()) else { return Ok(None) };
    if rest.is_some() {
        return refuse("Idempotency-Key came more than once".to_owned());
    }
    match value.to_str() {
        Ok(text) if (1..=LONGEST).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => refuse(format!("Idempotency-Key is not 1 to {LONGEST} visible characters")),
    }
}
