//! Case 6: two tenants take turns on a pool of one, with cancelled futures and panics.

use crate::database::Database;
use crate::store_postgres::scene::{chunk, cx, drain, enroll, fill, placed, read, record};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{ErrorKind, RecordId, Result, ScenarioStore};
use flowcontrol_store_postgres::PgStore;
use std::sync::Arc;
use std::time::Duration;

/// A debug build is ten times slower and covers the same paths.
const ROUNDS: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// A generator of its own, so that a failing run can be repeated (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// One call as `id`; everything it sees must be the tenant's own.
async fn turn(store: &PgStore, id: &str, what: u64, n: u64) -> Result<()> {
    let own = |text: &str| assert!(text.contains(&format!("\"of\":\"{id}\"")), "{id} saw {text}");
    match what {
        0 => {
            let found = store.get(&cx(id), &RecordId::new("r1").unwrap()).await?.unwrap();
            own(found.payload.as_str());
        }
        1 => {
            for found in drain(store.read(&cx(id), 0).await?).await? {
                own(found.payload.as_str());
            }
        }
        2 => {
            let found = store.roster(&cx(id)).await?.unwrap();
            assert_eq!(found.name, format!("Tenant {id}"));
        }
        3 => {
            let same = placed(id, 1, 20);
            assert!(store.import(&cx(id), chunk(&same)).await?.last >= 20);
        }
        _ => {
            // Its own tenant's record n, once, whatever was cut before.
            store.append(&cx(id), Expected::Any, &[record(id, n)]).await?;
        }
    }
    Ok(())
}

async fn interleave(store: Arc<PgStore>, seed: u64) {
    let mut dice = Dice(seed);
    let (mut cut, mut panicked, mut done) = (0, 0, 0);
    for round in 0..ROUNDS {
        let id = if dice.roll(2) == 0 { "a" } else { "b" };
        let (what, end, pause) = (dice.roll(5), dice.roll(4), dice.roll(4_000));
        let n = 1_000 + round / 2;
        let store = Arc::clone(&store);
        let task = tokio::spawn(async move {
            let call = turn(&store, id, what, n);
            match end {
                0 => tokio::time::timeout(Duration::from_micros(pause), call).await.ok(),
                1 => {
                    // Panics while the call is under way, so that it is dropped by unwinding.
                    let _call = tokio::time::timeout(Duration::from_micros(pause), call);
                    let mut call = std::pin::pin!(_call);
                    std::future::poll_fn(|cx| {
                        let _ = call.as_mut().poll(cx);
                        std::task::Poll::Ready(())
                    })
                    .await;
                    tokio::time::sleep(Duration::from_micros(pause)).await;
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                _ => Some(call.await),
            }
        });
        match task.await {
            Ok(Some(outcome)) => {
                done += 1;
                outcome.unwrap_or_else(|e| panic!("round {round}: {}", e.chain()));
            }
            Ok(None) => cut += 1,
            Err(error) => {
                let text = error.into_panic();
                // A failed assertion is a String or another text.
                assert_eq!(text.downcast_ref::<&str>().copied(), Some("on purpose"), "{text:?}");
                panicked += 1;
            }
        }
    }
    assert!(done > ROUNDS / 3 && panicked > ROUNDS / 8 && cut > 0, "{done} {panicked} {cut}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_never_meet() {
    let database = Database::cloned().await;
    let login = &database.logins.replayer;
    let store = Arc::new(database.store_with(login, |c| c.pool_size = 1).await.unwrap());
    enroll(&*store, &["a", "b"]).await;
    fill(&*store, "a", 1, 20).await;
    fill(&*store, "b", 1, 20).await;
    tokio::join!(interleave(Arc::clone(&store), 1), interleave(Arc::clone(&store), 2));
    for id in ["a", "b"] {
        let all = read(&*store, id).await;
        assert!(all.iter().all(|r| r.payload.as_str().contains(&format!("\"of\":\"{id}\""))));
        assert!(all.iter().map(|r| r.seq).eq(1..=all.len() as u64), "numbered without a gap");
    }
}

#[tokio::test]
async fn a_pool_in_use_answers_unavailable_not_for_ever() {
    let database = Database::cloned().await;
    let login = &database.logins.replayer;
    let tight = |c: &mut flowcontrol_store_postgres::Config| {
        c.pool_size = 1;
        c.connect_timeout = 300;
    };
    let store = Arc::new(database.store_with(login, tight).await.unwrap());
    enroll(&*store, &["a"]).await;
    let mut conn = database.superuser().await;
    crate::database::run(
        &mut conn,
        "begin; lock table bfg_flowcontrol.records in access exclusive mode",
    )
    .await;
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.head(&cx("a")).await })
    };
    let error = loop {
        match store.roster(&cx("a")).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("became free"), "{error}");
    crate::database::run(&mut conn, "rollback").await;
    assert_eq!(waiting.await.unwrap().unwrap(), 0);
}
