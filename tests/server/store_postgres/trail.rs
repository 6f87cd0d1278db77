//! The audit trail of appends in `audit_events`.

use crate::database::{Database, run};
use crate::store_postgres::scene::{cx, enroll, fill, read, records};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{ActorId, CallCx, ErrorKind, ScenarioStore, audit};
use sqlx::{AssertSqlSafe, Connection, Row};

fn asked(tenant: &str, request: &str) -> CallCx {
    CallCx {
        actor: Some(ActorId::new("marek").unwrap()),
        request: Some(request.to_owned()),
        ..cx(tenant)
    }
}

/// Every event as the table has it.
async fn rows(database: &Database) -> Vec<[String; 5]> {
    let mut conn = database.superuser().await;
    let all = "select tenant_id, event_id, actor_id, source, payload::text \
               from bfg_flowcontrol.audit_events order by tenant_id, event_id";
    let rows = sqlx::query(all).fetch_all(&mut conn).await.unwrap();
    rows.iter().map(|row| [0, 1, 2, 3, 4].map(|column| row.get(column))).collect()
}

#[tokio::test]
async fn an_append_is_a_row_with_its_actor_and_request() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.application).await;
    enroll(&store, &["a", "b"]).await;
    assert!(rows(&database).await.is_empty());
    let cx = asked("a", "req-1");
    store.append(&cx, Expected::Any, &records("a", 1, 7)).await.unwrap();
    fill(&store, "b", 1, 2).await;
    let expected = [
        [
            "a",
            "append-00000000000000000001",
            "marek",
            "flowcontrol-call",
            r#"{"last": 7, "first": 1, "action": "append", "records": 7, "request": "req-1"}"#,
        ],
        [
            "b",
            "append-00000000000000000001",
            "anna",
            "flowcontrol-engine",
            r#"{"last": 2, "first": 1, "action": "append", "records": 2}"#,
        ],
    ];
    assert_eq!(rows(&database).await, expected.map(|row| row.map(str::to_owned)));
    let events = audit::append_events(&cx, 1, &records("a", 1, 7)).unwrap();
    assert_eq!(store.trail(&cx, 0).await.unwrap(), events);
}

#[tokio::test]
async fn the_application_can_add_to_the_trail_and_alter_nothing() {
    let database = Database::cloned().await;
    let application = &database.logins.application;
    let store = database.store(application).await;
    enroll(&store, &["a", "b"]).await;
    for tenant in ["a", "b"] {
        store.append(&asked(tenant, "req"), Expected::Any, &records(tenant, 1, 3)).await.unwrap();
    }
    let before = rows(&database).await;
    let mut conn = database.connect(application).await;
    let event = "'append-00000000000000000001'";
    for (statement, why) in [
        ("update bfg_flowcontrol.audit_events set actor_id = 'anna'".to_owned(), "42501"),
        ("update bfg_flowcontrol.audit_events set payload = '{}'".into(), "42501"),
        ("update bfg_flowcontrol.audit_events set created_at = now()".into(), "42501"),
        (format!("delete from bfg_flowcontrol.audit_events where event_id = {event}"), "42501"),
        ("truncate bfg_flowcontrol.audit_events".into(), "42501"),
        ("alter table bfg_flowcontrol.audit_events disable row level security".into(), "42501"),
        ("drop table bfg_flowcontrol.audit_events".into(), "42501"),
        // Another tenant's trail.
        (
            "insert into bfg_flowcontrol.audit_events (tenant_id, event_id, actor_id, source, payload) \
             values ('b', 'forged', 'anna', 'x', '{}')"
                .into(),
            "42501",
        ),
        // Over what is there.
        (
            format!(
                "insert into bfg_flowcontrol.audit_events (tenant_id, event_id, actor_id, source, payload) \
                 values ('a', {event}, 'anna', 'x', '{{}}') \
                 on conflict (tenant_id, event_id) do update set payload = '{{}}'"
            ),
            "42501",
        ),
        (
            format!(
                "insert into bfg_flowcontrol.audit_events (tenant_id, event_id, actor_id, source, payload) \
                 values ('a', {event}, 'anna', 'x', '{{}}')"
            ),
            "23505",
        ),
    ] {
        let mut transaction = conn.begin().await.unwrap();
        let set = "select set_config('bfg.tenant_id', 'a', true)";
        sqlx::query(set).execute(&mut *transaction).await.unwrap();
        let refused = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *transaction);
        let error = refused.await.expect_err(&statement);
        let code = error.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
        assert_eq!(code.as_deref(), Some(why), "{statement}: {error}");
        transaction.rollback().await.unwrap();
    }
    conn.close().await.unwrap();
    assert_eq!(rows(&database).await, before);
}

#[tokio::test]
async fn there_are_no_records_without_their_event() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.application).await;
    enroll(&store, &["a"]).await;
    let mut conn = database.superuser().await;
    run(
        &mut conn,
        "insert into bfg_flowcontrol.audit_events (tenant_id, event_id, actor_id, source, payload) \
         values ('a', 'append-00000000000000000001', 'anna', 'forged', '{}')",
    )
    .await;
    let error = store.append(&asked("a", "r"), Expected::Any, &records("a", 1, 9)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(read(&store, "a").await.is_empty());

    let table = "bfg_flowcontrol.audit_events";
    run(&mut conn, format!("delete from {table}")).await;
    let application = &database.roles.application;
    run(&mut conn, format!("revoke insert on {table} from {application}")).await;
    let error = store.append(&asked("a", "r"), Expected::Any, &records("a", 1, 9)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Denied);
    assert!(read(&store, "a").await.is_empty());
    run(&mut conn, format!("grant insert on {table} to {application}")).await;
    store.append(&asked("a", "r"), Expected::Any, &records("a", 1, 9)).await.unwrap();
    assert_eq!(store.trail(&cx("a"), 0).await.unwrap().len(), 1);
}
