//! What goes wrong is named, and says no secret and no row.

use crate::database::{Database, run};
use crate::store_postgres::scene::{cx, enroll, record};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, Error, ErrorKind, NewRecord, Retry, ScenarioStore};
use flowcontrol_store_postgres::{Config, Tls, TlsMode};

/// A change to a configuration.
type Change = fn(&mut Config);

const CANARY: &str = "canary-5b1f";

fn clean(error: &Error) {
    let all = format!("{} {error:?} {:?}", error.chain(), error.hint_text());
    assert!(!all.contains(CANARY), "{all}");
}

fn secretive() -> NewRecord {
    let text = format!(
        r#"{{"id":"{CANARY}","kind":"order","actor":"anna","occurred_at":"2026-03-01T06:30:00Z",
            "payload":{{"order_no":"{CANARY}","client":"{CANARY}","origin":"o","destination":"d",
            "status":"s","price":{{"amount":"1.00","currency":"EUR"}}}}}}"#
    );
    NewRecord::from_json(&text).unwrap()
}

/// Case 22: the server's DETAIL and CONTEXT repeat the row; our errors do not.
#[tokio::test]
async fn no_row_content_reaches_an_error() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.application).await;
    enroll(&store, &["a"]).await;
    let mut conn = database.superuser().await;
    for (change, back, kind) in [
        (
            "alter table bfg_flowcontrol.records add constraint odd check (record_id not like 'canary%') not valid",
            "alter table bfg_flowcontrol.records drop constraint odd",
            ErrorKind::InvalidInput,
        ),
        (
            "alter table bfg_flowcontrol.orders alter column client type numeric using null, alter column client drop not null",
            "alter table bfg_flowcontrol.orders alter column client type text",
            ErrorKind::Unexpected,
        ),
        (
            "create unique index odd on bfg_flowcontrol.orders (client);
             insert into bfg_flowcontrol.records values ('a', 1, 'other', 'order', 'anna', now(), '{}');
             insert into bfg_flowcontrol.orders values ('a', 1, 'x', 'canary-5b1f', 'o', 'd', 's', 1, 'EUR')",
            "drop index bfg_flowcontrol.odd",
            ErrorKind::Conflict,
        ),
    ] {
        run(&mut conn, change).await;
        let error = store.append(&cx("a"), Expected::Any, &[secretive()]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        clean(&error);
        run(&mut conn, back).await;
    }
    store.append(&cx("a"), Expected::Any, &[secretive()]).await.unwrap();
}

/// Case 22: neither errors nor `Debug` show the password.
#[tokio::test]
async fn no_password_reaches_an_error() {
    let database = Database::migrated().await;
    let mut login = database.logins.application.clone();
    login.password = Some(flowcontrol_contract::Secret::new(CANARY));
    let mut conn = database.superuser().await;
    run(&mut conn, format!("alter role {} password '{CANARY}'", login.user)).await;
    struct One;
    impl flowcontrol_contract::secret::Secrets for One {
        fn resolve(
            &self,
            _: &flowcontrol_contract::SecretRef,
        ) -> flowcontrol_contract::Result<flowcontrol_contract::Secret> {
            Ok(flowcontrol_contract::Secret::new(CANARY))
        }
    }
    let connect = |change: Change| {
        let mut config = database.config(&login);
        change(&mut config);
        assert!(!format!("{config:?}").contains(CANARY));
        flowcontrol_store_postgres::PgStore::connect(config, &One)
    };
    let cases: [(Change, ErrorKind, &str); 5] = [
        (|c| c.user = "pgst_nobody".into(), ErrorKind::Unavailable, "pgst_nobody"),
        (|c| c.database = "pgst_none".into(), ErrorKind::Configuration, "pgst_none"),
        (
            |c| {
                c.host = "pgst.invalid".into();
                c.tls = Tls { mode: TlsMode::Off, ca: None };
            },
            ErrorKind::Configuration,
            "another machine",
        ),
        (|c| c.port = 1, ErrorKind::Unavailable, "127.0.0.1:1/"),
        (|c| c.tls = Tls { mode: TlsMode::VerifyFull, ca: None }, ErrorKind::Unavailable, "TLS"),
    ];
    for (change, kind, why) in cases {
        let error = connect(change).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        assert!(error.message().contains(why), "{error}");
        clean(&error);
    }
    let unknown = |c: &mut Config| {
        c.host = "pgst.invalid".into();
        c.tls = Tls::default();
    };
    let error = connect(unknown).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let store = connect(|_| ()).await.unwrap();
    assert!(!format!("{store:?}").contains(CANARY));
    run(&mut conn, format!("alter role {} password 'another'", login.user)).await;
    let error = connect(|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    clean(&error);
    run(&mut conn, format!("alter role {} nologin", login.user)).await;
    let error = connect(|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    clean(&error);
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let database = Database::cloned().await;
    let change = |c: &mut Config| {
        c.password = Some(flowcontrol_contract::SecretRef::Held("nowhere".into()));
    };
    let error = database.store_with(&database.logins.application, change).await.unwrap_err();
    assert!(error.message().contains("nowhere"), "{error}");
}

/// A COMMIT that fails for a reason of its own did not happen; one that nobody answered may have.
#[tokio::test]
async fn a_commit_that_the_server_refuses_is_no_success() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.application).await;
    enroll(&store, &["a"]).await;
    let mut conn = database.superuser().await;
    run(
        &mut conn,
        "create function public.odd() returns trigger language plpgsql as
           'begin raise exception ''not today'' using errcode = ''23514''; end';
         create constraint trigger odd after insert on bfg_flowcontrol.records
           initially deferred for each row execute function public.odd()",
    )
    .await;
    let error = store.append(&cx("a"), Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::InvalidInput, Retry::Permanent));
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
    run(
        &mut conn,
        "create or replace function public.odd() returns trigger language plpgsql as
           'begin perform pg_terminate_backend(pg_backend_pid()); return null; end'",
    )
    .await;
    run(&mut conn, "alter function public.odd() security definer").await;
    let error = store.append(&cx("a"), Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!(error.retryable(), Retry::Ambiguous, "{error}");
    // A COMMIT that waits longer than the caller: the server goes on and finishes it.
    run(
        &mut conn,
        "create or replace function public.odd() returns trigger language plpgsql as
           'begin perform pg_advisory_xact_lock(42); return null; end';
         select pg_advisory_lock(42)",
    )
    .await;
    let soon = std::time::Instant::now() + std::time::Duration::from_secs(2);
    let late = CallCx { deadline: Some(soon), ..cx("a") };
    let error = store.append(&late, Expected::Any, &[record("a", 1)]).await.unwrap_err();
    assert_eq!(error.retryable(), Retry::Ambiguous, "{error}");
    run(&mut conn, "select pg_advisory_unlock(42)").await;
    assert!(store.append(&cx("a"), Expected::Any, &[record("a", 1)]).await.unwrap().replayed);
}

/// Rows that a rule or trigger swallows are a failure, not a success of fewer rows.
#[tokio::test]
async fn swallowed_rows_are_noticed() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a"]).await;
    let mut conn = database.superuser().await;
    run(
        &mut conn,
        "create function public.drop_odd() returns trigger language plpgsql as
           'begin if new.seq % 2 = 0 then return null; end if; return new; end';
         create trigger odd before insert on bfg_flowcontrol.records
           for each row execute function public.drop_odd()",
    )
    .await;
    let batch = crate::store_postgres::scene::records("a", 1, 4);
    let error = store.append(&cx("a"), Expected::Any, &batch).await.unwrap_err();
    assert!(error.message().contains("4 rows were sent but 2 were written"), "{error}");
    let placed = crate::store_postgres::scene::placed("a", 1, 4);
    let error =
        store.import(&cx("a"), crate::store_postgres::scene::chunk(&placed)).await.unwrap_err();
    assert!(error.message().contains("4 rows were sent but 2 were written"), "{error}");
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
}

/// As a server that fails over does, or one that a provider froze.
#[tokio::test]
async fn a_server_that_became_read_only_is_named() {
    let database = Database::migrated().await;
    let mut conn = database.superuser().await;
    let name = &database.endpoint.database;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a"]).await;
    drop(store);
    run(&mut conn, format!("alter database {name} set default_transaction_read_only = on")).await;
    let store = database.store(&database.logins.replayer).await;
    let placed = crate::store_postgres::scene::placed("a", 1, 4);
    for error in [
        store.append(&cx("a"), Expected::Any, &[record("a", 1)]).await.err(),
        store.import(&cx("a"), crate::store_postgres::scene::chunk(&placed)).await.err(),
    ] {
        let error = error.unwrap();
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unavailable, Retry::Permanent));
        assert!(error.message().contains("25006"), "{error}");
        assert!(error.hint_text().unwrap().contains("primary"), "{error:?}");
    }
    assert_eq!(store.head(&cx("a")).await.unwrap(), 0);
}
