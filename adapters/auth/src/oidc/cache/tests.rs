//! The cache on a clock that the tests move, over a source that they break.

use super::*;
use crate::oidc::jwks;
use jsonwebtoken::Algorithm;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::timeout;

const KEYS: Keys = Keys { refresh: 60, cooldown: 10, max_stale: 600, timeout: 5_000 };

#[derive(Clone, Debug)]
enum Answer {
    Keys(&'static [&'static str]),
    Down,
    Hung,
}

#[derive(Clone, Debug)]
struct Fake {
    answer: Arc<Mutex<Answer>>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait]
impl KeySource for Fake {
    async fn fetch(&self) -> Result<KeySet, String> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        // A fetch takes a while, so that others come meanwhile.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Answer::Keys(kids) => {
                let keys: Vec<_> = kids
                    .iter()
                    .map(|kid| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "A".repeat(43)}))
                    .collect();
                jwks::read(json!({"keys": keys}).to_string().as_bytes(), &[Algorithm::EdDSA])
            }
            Answer::Down => Err("it is down".into()),
            Answer::Hung => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Err("it did not answer in time".into())
            }
        }
    }
}

fn cache(answer: Answer) -> (Arc<Cache>, Fake) {
    let fake = Fake { answer: Arc::new(Mutex::new(answer)), fetches: Arc::default() };
    (Cache::new("https://idp.example", Box::new(fake.clone()), &KEYS), fake)
}

impl Fake {
    fn now(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetched(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

async fn kind(cache: &Arc<Cache>, kid: &str) -> Option<ErrorKind> {
    cache.key(kid).await.err().map(|e| e.kind())
}

const UNKNOWN: Option<ErrorKind> = Some(ErrorKind::Unauthenticated);
const UNAVAILABLE: Option<ErrorKind> = Some(ErrorKind::Unavailable);

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_unknown_keys_at_once_are_one_fetch_a_cooldown() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    assert_eq!(kind(&cache, "a").await, None);
    pass(11).await;
    for round in 0..3 {
        let names: Vec<String> = (0..100).map(|n| format!("unknown-{round}-{n}")).collect();
        let asked = names.iter().map(|name| kind(&cache, name));
        assert!(futures::future::join_all(asked).await.iter().all(|k| *k == UNKNOWN));
        assert_eq!(kind(&cache, "a").await, None, "a known key is not affected");
        assert_eq!(fake.fetched(), 2, "the first, and one for all of these");
    }
    pass(10).await;
    assert_eq!(kind(&cache, "unknown").await, UNKNOWN);
    assert_eq!(fake.fetched(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_at_a_cold_start_share_one_fetch() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    let asked = (0..100).map(|_| kind(&cache, "a"));
    assert!(futures::future::join_all(asked).await.iter().all(Option::is_none));
    assert_eq!(fake.fetched(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_within_one_call_and_a_retired_one_ends() {
    let (cache, fake) = cache(Answer::Keys(&["old"]));
    assert_eq!(kind(&cache, "old").await, None);
    pass(11).await;
    fake.now(Answer::Keys(&["new", "old"]));
    assert_eq!(kind(&cache, "new").await, None);
    fake.now(Answer::Keys(&["new"]));
    assert_eq!(kind(&cache, "old").await, None, "nobody asked for keys since");
    pass(61).await;
    // This call is answered at once and begins the fetch that ends it.
    assert_eq!(kind(&cache, "old").await, None);
    pass(1).await;
    assert_eq!(kind(&cache, "old").await, UNKNOWN);
    assert_eq!(kind(&cache, "new").await, None);
}

#[tokio::test(start_paused = true)]
async fn known_keys_count_while_the_provider_is_down_until_they_are_too_old() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    assert_eq!(kind(&cache, "a").await, None);
    fake.now(Answer::Down);
    for _ in 0..9 {
        pass(65).await;
        assert_eq!(kind(&cache, "a").await, None);
    }
    pass(20).await;
    assert_eq!(kind(&cache, "a").await, UNAVAILABLE);
    assert_eq!(cache.ready().await.unwrap_err().kind(), ErrorKind::Unavailable);
    fake.now(Answer::Keys(&["a"]));
    pass(10).await;
    assert_eq!(kind(&cache, "a").await, None);
    assert!(cache.ready().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_of_a_provider_that_is_down_may_be_a_new_one() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    assert_eq!(kind(&cache, "a").await, None);
    fake.now(Answer::Down);
    pass(11).await;
    assert_eq!(kind(&cache, "b").await, UNAVAILABLE);
    fake.now(Answer::Keys(&["a", "b"]));
    pass(10).await;
    assert_eq!(kind(&cache, "b").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_without_the_provider_is_unavailable_and_recovers() {
    let (cache, fake) = cache(Answer::Down);
    for _ in 0..50 {
        let error = cache.key("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("https://idp.example: it is down"), "{error}");
    }
    assert_eq!(fake.fetched(), 1);
    fake.now(Answer::Keys(&["a"]));
    pass(10).await;
    assert_eq!(kind(&cache, "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_hung_provider_does_not_hold_up_known_keys() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    assert_eq!(kind(&cache, "a").await, None);
    fake.now(Answer::Hung);
    pass(61).await;
    let unknown = tokio::spawn({
        let cache = cache.clone();
        async move { kind(&cache, "b").await }
    });
    tokio::task::yield_now().await;
    for _ in 0..100 {
        let began = Instant::now();
        assert_eq!(kind(&cache, "a").await, None);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
    assert_eq!(unknown.await.unwrap(), UNAVAILABLE);
    assert_eq!(fake.fetched(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_does_not_break_off_the_fetch_for_the_others() {
    let (cache, fake) = cache(Answer::Keys(&["a"]));
    let impatient = timeout(Duration::from_millis(1), cache.key("a")).await;
    assert!(impatient.is_err());
    assert_eq!(kind(&cache, "a").await, None);
    assert_eq!(fake.fetched(), 1);
}
