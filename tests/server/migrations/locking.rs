//! Locks: two migrators, failures, cancellation, and other sessions' locks.

use crate::migrations::scratch::{Folder, Scratch, count, depot, execute};
use flowcontrol_base::Exit;
use flowcontrol_base::clock;
use flowcontrol_runbook::{Goal, MigrationState, lock, status, up};
use sqlx::Connection;
use std::time::Duration;

const LOCKS: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                      where d.datname = current_database() and l.locktype = 'advisory'";

/// Waits until a query counts what is expected: the other side works at its own pace.
async fn until(scratch: &Scratch, sql: &str, expected: i64) {
    let mut connection = scratch.connect_as_superuser().await;
    let started = clock::instant();
    loop {
        let found = count(&mut connection, sql).await;
        if found == expected {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{sql} stays {found}, not {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn two_migrators_at_once_apply_each_file_once() {
    let scratch = Scratch::depot().await;
    let source = depot();
    let (one, two) =
        tokio::join!(up(scratch.site(), &source, None), up(scratch.site(), &source, None));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len() + two.len(), 3);
    assert!(one.is_empty() || two.is_empty(), "one does all, the other finds nothing to do");
    assert_eq!(count(&mut scratch.connect().await, LOCKS).await, 0);
}

/// The migrator with the lock builds an index concurrently, which waits for a reader's snapshot,
/// while the other waits for the lock. A waiting migrator that held a snapshot would never end.
#[tokio::test]
async fn an_index_built_concurrently_does_not_wait_for_the_migrator_that_waits() {
    let scratch = Scratch::depot().await;
    let source = depot();
    up(scratch.site(), &source, Some(flowcontrol_runbook::Version(2))).await.unwrap();
    let mut reader = scratch.connect().await;
    execute(&mut reader, "begin isolation level repeatable read; select count(*) from depot.firms; select 1 from depot.parcels").await;
    let building = "select count(*) from pg_stat_activity where datname = current_database()
                     and application_name = 'flowcontrol 0003_parcels_by_state.up.sql'
                     and wait_event_type = 'Lock'";
    let polling = "select count(*) from pg_stat_activity where datname = current_database()
                    and application_name = 'flowcontrol migration lock'";
    let conduct = async {
        until(&scratch, building, 1).await;
        until(&scratch, polling, 2).await;
        execute(&mut reader, "commit").await;
    };
    let (one, two, ()) =
        tokio::join!(up(scratch.site(), &source, None), up(scratch.site(), &source, None), conduct);
    assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
    assert_eq!(count(&mut scratch.connect().await, LOCKS).await, 0);
}

#[tokio::test]
async fn a_held_lock_ends_the_wait_and_its_holder_is_named() {
    let mut scratch = Scratch::depot().await;
    scratch.limits.lock_budget = Duration::from_millis(200);
    let mut other = scratch.connect().await;
    let key = lock::key("depot_meta");
    execute(
        &mut other,
        &format!("set application_name = 'deploy robot'; select pg_advisory_lock({key})"),
    )
    .await;
    let pid = count(&mut other, "select pg_backend_pid()::bigint").await;
    let failure = up(scratch.site(), &depot(), None).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    let said = &failure.message;
    assert!(said.contains(&format!("pid {pid}, application deploy robot")), "{said}");
    other.close().await.unwrap();
    until(&scratch, LOCKS, 0).await;
    assert_eq!(up(scratch.site(), &depot(), None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_failed_migration_leaves_no_lock() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with("0004_wrong", "select 1 / 0;", "select 1;", "select true;");
    up(scratch.site(), &folder.scan(), None).await.unwrap_err();
    // Released before the failure is returned: no waiting here.
    assert_eq!(count(&mut scratch.connect().await, LOCKS).await, 0);
    let ours = "select count(*) from pg_stat_activity where datname = current_database()
                 and application_name like 'flowcontrol %'";
    until(&scratch, ours, 0).await;
}

#[tokio::test]
async fn a_cancelled_migration_leaves_no_lock_and_nothing_half_done() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_slow",
        "create table depot.slow (); select pg_sleep(600);",
        "drop table if exists depot.slow;",
        "select true;",
    );
    let source = folder.scan();
    let sleeping = "select count(*) from pg_stat_activity where datname = current_database()
                     and wait_event = 'PgSleep'";
    tokio::select! {
        outcome = up(scratch.site(), &source, None) => panic!("it ended: {outcome:?}"),
        () = until(&scratch, sleeping, 1) => {}
    }
    until(&scratch, LOCKS, 0).await;
    until(&scratch, sleeping, 0).await;
    let slow = "select count(*) from pg_class where relname = 'slow'";
    until(&scratch, slow, 0).await;
    let (rows, plan) = status(scratch.site(), &source, Goal::Latest).await.unwrap();
    assert_eq!((rows.len(), plan.steps.len(), plan.is_go()), (3, 1, true));
}

#[tokio::test]
async fn behind_an_idle_transaction_it_gives_up_within_its_budget_and_others_recover() {
    let mut scratch = Scratch::depot().await;
    scratch.limits.lock_budget = Duration::from_secs(2);
    up(scratch.site(), &depot(), None).await.unwrap();
    let mut idle = scratch.connect().await;
    execute(
        &mut idle,
        "set application_name = 'forgotten psql'; begin; select 1 from depot.parcels",
    )
    .await;
    let folder = Folder::depot().with(
        "0004_size",
        "alter table depot.parcels add column if not exists size int;",
        "alter table depot.parcels drop column if exists size;",
        "select true;",
    );
    let source = folder.scan();
    let failure = up(scratch.site(), &source, None).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    let said = &failure.message;
    assert!(said.contains("0004_size.up.sql line 1: 55P03"), "{said}");
    assert!(said.contains("forgotten psql"), "{said}");
    assert!(!said.contains("tried 1 time"), "the budget allows for more than one attempt: {said}");
    let (rows, _) = status(scratch.site(), &source, Goal::Latest).await.unwrap();
    assert_eq!(rows[3].state, MigrationState::Failed);
    // Nothing of ours is queued before a reader now.
    let mut reader = scratch.connect().await;
    execute(&mut reader, "set lock_timeout = '1ms'; select 1 from depot.parcels").await;
    assert_eq!(count(&mut reader, LOCKS).await, 0);
    drop(idle);
    let gone = "select count(*) from pg_stat_activity where application_name = 'forgotten psql'
                 and datname = current_database()";
    until(&scratch, gone, 0).await;
    assert_eq!(up(scratch.site(), &source, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_is_freed_in_time_is_waited_for() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    let folder = Folder::depot().with(
        "0004_size",
        "alter table depot.parcels add column if not exists size int;",
        "alter table depot.parcels drop column if exists size;",
        "select true;",
    );
    let source = folder.scan();
    let mut busy = scratch.connect().await;
    execute(&mut busy, "begin; select 1 from depot.parcels").await;
    // The second attempt has begun when the file's connection is a second one.
    let mut seen = std::collections::BTreeSet::new();
    let conduct = async {
        let mut watcher = scratch.connect_as_superuser().await;
        while seen.len() < 2 {
            let pids: Vec<i32> = sqlx::query_scalar(
                "select pid from pg_stat_activity where datname = current_database()
                    and application_name = 'flowcontrol 0004_size.up.sql' and wait_event_type = 'Lock'",
            )
            .fetch_all(&mut watcher)
            .await
            .unwrap();
            seen.extend(pids);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        execute(&mut busy, "commit").await;
    };
    let (applied, ()) = tokio::join!(up(scratch.site(), &source, None), conduct);
    assert!(applied.unwrap()[0].attempts >= 2);
}

#[tokio::test]
async fn a_lock_lost_to_somebody_else_stops_the_next_file() {
    let scratch = Scratch::depot().await;
    let mut held = lock::take(scratch.site()).await.unwrap();
    held.confirm(scratch.site()).await.unwrap();
    let mut admin = scratch.connect_as_superuser().await;
    execute(
        &mut admin,
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
          where datname = current_database() and application_name = 'flowcontrol migration lock'",
    )
    .await;
    let failure = held.confirm(scratch.site()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains("migration lock"), "{failure}");
}
