//! Idempotency keys: the same request with the same key is done once and answered alike, also when
//! it is sent twice at once.
//!
//! Keys live in this process, for a day and up to a number. That a batch of records is written once
//! does not hang on them: the store knows it by its records' ids.

use super::problem::Problem;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flowcontrol_base::clock;
use flowcontrol_contract::{ActorId, Digest, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The header.
pub const HEADER: &str = "idempotency-key";
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const KEPT: usize = 10_000;
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

#[derive(Debug)]
struct Entry {
    request: Digest,
    since: Instant,
    answer: OnceCell<Answer>,
}

/// The keys of this process.
#[derive(Debug, Default)]
pub struct IdempotencyKeys {
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
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
        entry.answer.get_or_try_init(|| work).await.cloned()
    }

    fn entry(&self, key: Key, request: Digest) -> Result<Arc<Entry>, Problem> {
        let now = clock::instant();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = entries.get(&key)
            && now.duration_since(known.since) < KEPT_FOR
        {
            if known.request == request {
                return Ok(Arc::clone(known));
            }
            // A key whose request failed stands for nothing yet.
            if known.answer.initialized() || Arc::strong_count(known) > 1 {
                return Err(Problem::new(
                    "key-reused",
                    "this Idempotency-Key came with another request",
                ));
            }
        }
        if entries.len() >= KEPT {
            entries.retain(|_, entry| now.duration_since(entry.since) < KEPT_FOR);
        }
        if entries.len() >= KEPT
            && let Some(oldest) =
                entries.iter().min_by_key(|(_, e)| e.since).map(|(k, _)| k.clone())
        {
            entries.remove(&oldest);
        }
        let entry = Arc::new(Entry { request, since: now, answer: OnceCell::new() });
        entries.insert(key, Arc::clone(&entry));
        Ok(entry)
    }
}

/// The request's key, where it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refuse = |why: String| Err(Problem::new("bad-request", why));
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
