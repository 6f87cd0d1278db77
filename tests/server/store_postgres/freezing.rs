//! Freeze windows across logins, and what the table itself allows.

use crate::database::{Database, run};
use crate::store_postgres::scene::{
    chunk, cx, enroll, fill, placed, read, records, roster, tenant,
};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, ErrorKind, Fence, ScenarioStore, Timestamp, Window};
use flowcontrol_store_postgres::PgStore;
use std::time::Duration;

fn window(id: &str, millis: i64) -> Window {
    let now = Timestamp::now().micros();
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    Window::new(id, "Próba", at(now - 1), at(now + millis * 1000)).unwrap()
}

fn holding(id: &str, window: &str) -> CallCx {
    CallCx { window: Some(window.to_owned()), ..cx(id) }
}

async fn frozen(store: &PgStore, id: &str) -> bool {
    let outcome = store.append(&cx(id), Expected::Any, &records(id, 900, 900)).await;
    outcome.is_err_and(|e| e.kind() == ErrorKind::Frozen)
}

#[tokio::test]
async fn a_window_of_one_login_holds_back_the_others_and_counts_for_all() {
    let database = Database::cloned().await;
    let replayer = database.store(&database.logins.replayer).await;
    let application = database.store(&database.logins.application).await;
    enroll(&replayer, &["a", "b"]).await;
    fill(&application, "a", 1, 4).await;
    let both = [tenant("b"), tenant("a")];
    replayer.raise(&both, &window("cutover-1", 60_000)).await.unwrap();
    assert!(frozen(&application, "a").await && frozen(&application, "b").await);
    assert!(frozen(&replayer, "a").await);
    let enrolled = application.enroll(&cx("a"), &roster("a")).await.unwrap_err();
    assert_eq!(enrolled.kind(), ErrorKind::Frozen);
    assert!(enrolled.to_string().contains("postgres-rls enroll: tenant a is frozen until"));

    // Whoever raised it goes on, after the application was refused and before it is let in again.
    let own = holding("a", "cutover-1");
    assert_eq!(replayer.import(&own, chunk(&placed("a", 1, 9))).await.unwrap().last, 9);
    let read_only = database.store_with(&database.logins.auditor, |c| c.read_only = true);
    let auditor = read_only.await.unwrap();
    let seen = auditor.window(&both).await.unwrap().unwrap();
    assert_eq!((seen.window.id.as_str(), seen.refused), ("cutover-1", 4));
    assert_eq!(auditor.window(&both[1..]).await.unwrap().unwrap().refused, 3);
    for outcome in
        [auditor.raise(&both, &window("x", 1)).await, auditor.lift(&both, "cutover-1").await]
    {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Denied);
    }
    application.lift(&both, "cutover-1").await.unwrap();
    application.append(&cx("a"), Expected::Head(9), &records("a", 10, 11)).await.unwrap();
    assert_eq!(read(&application, "a").await, placed("a", 1, 11));
}

/// A writer in the middle of its transaction holds the tenant's lock: raising waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn raising_waits_for_a_writer_in_the_middle_of_its_transaction() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a"]).await;
    // Held up in the middle: the append waits for this lock on the table it writes.
    let mut blocker = database.superuser().await;
    run(&mut blocker, "begin; lock table bfg_flowcontrol.orders in exclusive mode").await;
    let (a, batch) = (cx("a"), records("a", 1, 10));
    let append = store.append(&a, Expected::Any, &batch);
    let tenants = [tenant("a")];
    let soon = window("drill-1", 60_000);
    let raise = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = std::time::Instant::now();
        store.raise(&tenants, &soon).await.unwrap();
        assert!(began.elapsed() > Duration::from_millis(300), "it did not wait");
        store.head(&a).await.unwrap()
    };
    let release = async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        run(&mut blocker, "commit").await;
    };
    let (appended, head, ()) = tokio::join!(append, raise, release);
    assert_eq!((appended.unwrap().last, head), (10, 10));
    assert!(frozen(&store, "a").await);
}

/// The server's clock decides, not the caller's: a window that the server says is over is none,
/// however it was written.
#[tokio::test]
async fn the_servers_clock_ends_a_window() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a"]).await;
    store.raise(&[tenant("a")], &window("drill-1", 3_600_000)).await.unwrap();
    assert!(frozen(&store, "a").await);
    let mut conn = database.superuser().await;
    let over = "update bfg_flowcontrol.freeze_windows \
                set raised_at = now() - interval '2 hours', expires_at = now() - interval '1 ms'";
    run(&mut conn, over).await;
    assert_eq!(store.window(&[tenant("a")]).await.unwrap(), None);
    fill(&store, "a", 1, 1).await;
    let error = store.lift(&[tenant("a")], "drill-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_a_window_is_cannot_be_changed_or_removed() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    store.raise(&[tenant("a")], &window("drill-1", 60_000)).await.unwrap();
    for login in [&database.logins.application, &database.logins.replayer] {
        let mut conn = database.connect(login).await;
        for sql in [
            "update bfg_flowcontrol.freeze_windows set reason = 'another'",
            "update bfg_flowcontrol.freeze_windows set raised_at = now()",
            "update bfg_flowcontrol.freeze_windows set window_id = 'x'",
            "update bfg_flowcontrol.freeze_windows set tenant_id = 'b'",
            "delete from bfg_flowcontrol.freeze_windows",
        ] {
            let set = "select set_config('bfg.tenant_id', 'a', false)";
            sqlx::raw_sql(set).execute(&mut conn).await.unwrap();
            let error = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap_err();
            let code = error.as_database_error().and_then(|e| e.code()).unwrap().into_owned();
            assert_eq!(code, "42501", "{sql}");
        }
    }
}
