//! Importing: chunks, resumption, conflicts, the ledger.

use crate::database::Database;
use crate::store_postgres::scene::{
    chunk, cx, enroll, fill, placed, read, record, snapshot, tenant,
};
use flowcontrol_contract::store::{Chunk, Imported};
use flowcontrol_contract::{Digest, ErrorKind, Record, ScenarioStore};
use flowcontrol_store_postgres::PgStore;
use std::time::Duration;

async fn one() -> (Database, PgStore) {
    let database = Database::migrated().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a", "b"]).await;
    (database, store)
}

fn at(last: u64) -> Imported {
    Imported { last, snapshot: Some(snapshot()) }
}

type LedgerLine = (i64, i64, String, String);

async fn ledger(database: &Database) -> Vec<LedgerLine> {
    let mut conn = database.superuser().await;
    let sql = "select first_seq, last_seq, snapshot_sha256, sha256 \
               from bfg_flowcontrol.replay_chunks order by tenant_id, first_seq";
    sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
}

fn digest(records: &[Record]) -> String {
    let lines: String = records.iter().map(|r| r.to_line() + "\n").collect();
    Digest::of(lines).to_string()
}

#[tokio::test]
async fn chunks_follow_each_other_and_come_twice_without_harm() {
    let (database, store) = one().await;
    let all = placed("a", 1, 25);
    let empty = store.import(&cx("a"), chunk(&[])).await.unwrap();
    assert_eq!(empty, Imported { last: 0, snapshot: None });
    assert_eq!(store.import(&cx("a"), chunk(&all[..10])).await.unwrap(), at(10));
    assert_eq!(store.import(&cx("a"), chunk(&all[..10])).await.unwrap(), at(10));
    assert_eq!(store.import(&cx("a"), chunk(&all[5..20])).await.unwrap(), at(20));
    assert_eq!(store.import(&cx("a"), chunk(&all[20..])).await.unwrap(), at(25));
    assert_eq!(store.import(&cx("a"), chunk(&[])).await.unwrap(), at(25));
    assert_eq!(read(&store, "a").await, all);
    let hash = |range: std::ops::Range<usize>| digest(&all[range]);
    let name = snapshot().to_string();
    assert_eq!(
        ledger(&database).await,
        [
            (1, 10, name.clone(), hash(0..10)),
            (11, 20, name.clone(), hash(10..20)),
            (21, 25, name, hash(20..25))
        ]
    );
    assert_eq!(read(&store, "b").await, []);
}

#[tokio::test]
async fn gaps_differences_and_other_snapshots_are_conflicts() {
    let (_database, store) = one().await;
    let all = placed("a", 1, 20);
    store.import(&cx("a"), chunk(&all[..10])).await.unwrap();
    let mut changed = all.clone();
    changed[4].payload = record("a", 9).payload;
    let mut twice = all[10..12].to_vec();
    twice[1].id = all[3].id.clone();
    let other = Chunk { snapshot: Digest::of("other"), records: &all[10..12] };
    for (refused, why) in [
        (chunk(&all[11..]), "the chunk starts at 12, but the last record is 10"),
        (chunk(&changed[..12]), "record 5 (r5) is already stored with another content"),
        (chunk(&twice), "records_record_id_key"),
        (other, "was imported from snapshot"),
    ] {
        let error = store.import(&cx("a"), refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.message().contains(why), "{error}");
    }
    let error = store.import(&cx("b"), chunk(&all[..2])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = store.import(&cx("c"), chunk(&placed("c", 1, 2))).await.unwrap_err();
    assert!(error.message().contains("tenant c is not enrolled"), "{error}");
    assert_eq!(read(&store, "a").await, all[..10]);
    assert_eq!(store.import(&cx("a"), chunk(&all)).await.unwrap(), at(20));
}

#[tokio::test]
async fn records_that_were_appended_count_as_there() {
    let (_database, store) = one().await;
    fill(&store, "a", 1, 5).await;
    let all = placed("a", 1, 8);
    let known = store.import(&cx("a"), chunk(&all[..3])).await.unwrap();
    assert_eq!(known, Imported { last: 5, snapshot: None });
    assert_eq!(store.import(&cx("a"), chunk(&all)).await.unwrap(), at(8));
    assert_eq!(read(&store, "a").await, all);
}

#[tokio::test]
async fn an_import_by_a_login_without_the_right_is_denied() {
    let (database, _store) = one().await;
    let store = database.store(&database.logins.application).await;
    let error = store.import(&cx("a"), chunk(&placed("a", 1, 2))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
}

/// Case 16, by cutting the call anywhere: whatever was cut, resuming gives the same history.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_cut_anywhere_resumes_without_loss_or_duplicate() {
    let (database, _store) = one().await;
    for pool_size in [1, 4] {
        let name = format!("t{pool_size}");
        let login = &database.logins.replayer;
        let store = database.store_with(login, |c| c.pool_size = pool_size).await.unwrap();
        enroll(&store, &[&name]).await;
        let all = placed(&name, 1, 3000);
        let mut cut = 0;
        // Later and later, until a chunk gets through; then the next one.
        let mut micros = 0;
        loop {
            let stands = store.import(&cx(&name), chunk(&[])).await.unwrap().last;
            let from = usize::try_from(stands).unwrap();
            assert!(stands.is_multiple_of(500), "a chunk is there whole or not: {stands}");
            if from == all.len() {
                break;
            }
            let context = cx(&name);
            let import = store.import(&context, chunk(&all[from..from + 500]));
            match tokio::time::timeout(Duration::from_micros(micros), import).await {
                Ok(done) => {
                    assert_eq!(done.unwrap().last, stands + 500);
                    micros = 0;
                }
                Err(_) => {
                    cut += 1;
                    micros += 500 + micros / 4;
                }
            }
        }
        assert!(cut >= 6, "cut {cut} times");
        assert_eq!(read(&store, &name).await, all);
        let lines = ledger(&database).await;
        assert_eq!(lines.iter().filter(|l| l.3 == digest(&all[..500])).count(), 1);
        assert_eq!(lines.len(), 6 * usize::from(pool_size == 1) + 12 * usize::from(pool_size == 4));
    }
}

#[tokio::test]
async fn an_import_whose_server_process_is_killed_can_be_resumed() {
    let (database, store) = one().await;
    let all = placed("a", 1, 100);
    store.import(&cx("a"), chunk(&all[..10])).await.unwrap();
    let mut conn = database.superuser().await;
    let kill = sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and pid <> pg_backend_pid()",
    );
    kill.bind(&database.roles.replayer).execute(&mut conn).await.unwrap();
    // The first call may still meet the dead connection.
    let mut outcome = store.import(&cx("a"), chunk(&all[10..])).await;
    if let Err(error) = &outcome {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        outcome = store.import(&cx("a"), chunk(&all[10..])).await;
    }
    assert_eq!(outcome.unwrap(), at(100));
    assert_eq!(read(&store, "a").await, all);
    assert_eq!(store.roster(&cx("a")).await.unwrap().unwrap().tenant, tenant("a"));
}
