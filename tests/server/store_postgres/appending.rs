//! Appending: order, conflict, idempotency, deadlines, enrolment.

use crate::database::{Database, run};
use crate::store_postgres::scene::{
    actor, cx, enroll, fill, placed, read, record, records, roster, tenant,
};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, ErrorKind, Retry, Roster, ScenarioStore};
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn one() -> (Database, flowcontrol_store_postgres::PgStore) {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.application).await;
    enroll(&store, &["a"]).await;
    (database, store)
}

#[tokio::test]
async fn batches_are_numbered_projected_and_idempotent() {
    let (database, store) = one().await;
    let done = store.append(&cx("a"), Expected::Head(0), &records("a", 1, 6)).await.unwrap();
    assert_eq!((done.first, done.last, done.replayed), (1, 6, false));
    let again = store.append(&cx("a"), Expected::Head(0), &records("a", 1, 6)).await.unwrap();
    assert_eq!((again.first, again.last, again.replayed), (1, 6, true));
    let part = store.append(&cx("a"), Expected::Any, &records("a", 6, 7)).await.unwrap_err();
    assert_eq!(part.kind(), ErrorKind::Conflict);
    let mut changed = record("a", 3);
    changed.payload = record("a", 8).payload;
    let other = store.append(&cx("a"), Expected::Any, &[changed]).await.unwrap_err();
    assert!(other.message().contains("r3 is already stored with another content"), "{other}");
    let stale = store.append(&cx("a"), Expected::Head(5), &records("a", 7, 7)).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    assert_eq!(read(&store, "a").await, placed("a", 1, 6));
    let mut conn = database.superuser().await;
    let orders: Vec<(i64, String, String)> = sqlx::query_as(
        "select seq, client, price_amount::text from bfg_flowcontrol.orders order by seq",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(orders, [(5, "Львів".to_owned(), "5.50".to_owned())]);
}

#[tokio::test]
async fn concurrent_writers_lose_nothing_and_one_expectation_wins() {
    let (_database, store) = one().await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..8u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..10 {
                    fill(&*store, "a", writer * 100 + n + 1, writer * 100 + n + 1).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = read(&*store, "a").await;
    assert_eq!(found.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
    let race = futures::future::join_all((0..4).map(|n| {
        let store = Arc::clone(&store);
        async move { store.append(&cx("a"), Expected::Head(80), &[record("a", 5000 + n)]).await }
    }))
    .await;
    assert_eq!(race.iter().filter(|r| r.is_ok()).count(), 1);
    let losers = race.iter().filter_map(|r| r.as_ref().err());
    assert!(losers.into_iter().all(|e| e.kind() == ErrorKind::Conflict));
}

#[tokio::test]
async fn a_failed_batch_leaves_nothing_and_the_connection_serves_on() {
    let (_database, store) = one().await;
    let mut batch = records("a", 1, 3);
    batch[2].actor = flowcontrol_contract::ActorId::new("nobody").unwrap();
    let error = store.append(&cx("a"), Expected::Any, &batch).await.unwrap_err();
    assert!(error.message().contains("actor nobody"), "{error}");
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
    let error = store.append(&cx("b"), Expected::Any, &batch).await.unwrap_err();
    assert!(error.message().contains("tenant b is not enrolled"), "{error}");
    fill(&store, "a", 1, 3).await;
}

#[tokio::test]
async fn the_deadline_ends_the_wait_for_a_lock_and_nothing_was_written() {
    let (database, store) = one().await;
    let mut conn = database.superuser().await;
    run(&mut conn, "begin; lock table bfg_flowcontrol.records in access exclusive mode").await;
    let late = CallCx { deadline: Some(Instant::now() + Duration::from_millis(200)), ..cx("a") };
    let error = store.append(&late, Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Timeout, Retry::Temporary));
    let error = store.append(&late, Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "a deadline in the past");
    run(&mut conn, "rollback").await;
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lock_timeout_is_named_and_temporary() {
    let (database, _store) = one().await;
    let app = &database.logins.application;
    let store = database.store_with(app, |c| c.lock_timeout = 50).await.unwrap();
    let mut conn = database.superuser().await;
    run(&mut conn, "begin; lock table bfg_flowcontrol.records in access exclusive mode").await;
    let error = store.append(&cx("a"), Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unavailable, Retry::Temporary));
    assert!(error.message().contains("55P03"), "{error}");
}

#[tokio::test]
async fn a_roster_grows_changes_and_loses_only_permissions() {
    let (database, store) = one().await;
    assert_eq!(store.roster(&cx("a")).await.unwrap(), Some(roster("a")));
    let actors = vec![actor("anna", &["read", "żółw"]), actor("petro", &["drive"])];
    let next = Roster::new(tenant("a"), "Renamed", actors.clone()).unwrap();
    store.enroll(&cx("a"), &next).await.unwrap();
    store.enroll(&cx("a"), &next).await.unwrap();
    let mut all = actors;
    all.push(actor("marek", &[]));
    let expected = Roster::new(tenant("a"), "Renamed", all).unwrap();
    assert_eq!(store.roster(&cx("a")).await.unwrap(), Some(expected));
    let mut conn = database.superuser().await;
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select user_id, permission from bfg_flowcontrol.permissions order by user_id, permission collate \"C\"",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let rows: Vec<_> = rows.iter().map(|(u, p)| (u.as_str(), p.as_str())).collect();
    assert_eq!(rows, [("anna", "read"), ("anna", "żółw"), ("petro", "drive")]);
    let error = store.enroll(&cx("b"), &next).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(store.tenants().await.unwrap(), [tenant("a"), tenant("b")]);
}

#[tokio::test]
async fn a_read_stands_still_while_writing_goes_on_with_one_connection() {
    let (database, _store) = one().await;
    let app = &database.logins.application;
    let store = database.store_with(app, |c| c.pool_size = 1).await.unwrap();
    fill(&store, "a", 1, 1000).await;
    let mut batches = store.read(&cx("a"), 0).await.unwrap();
    let mut seen = Vec::new();
    let mut n = 1000;
    while let Some(batch) = futures::StreamExt::next(&mut batches).await {
        seen.extend(batch.unwrap());
        n += 1;
        fill(&store, "a", n, n).await;
    }
    assert_eq!(seen, placed("a", 1, 1000));
    assert_eq!(store.head(&cx("a")).await.unwrap(), n);
}
