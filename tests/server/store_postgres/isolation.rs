//! One tenant never meets another's rows: through the store, and beside it as the same login.

use crate::database::{Database, run};
use crate::store_postgres::scene::{
    chunk, cx, drain, enroll, fill, placed, read, record, roster, tenant,
};
use flowcontrol_contract::store::{Completeness, Expected};
use flowcontrol_contract::{CallCx, ErrorKind, RecordId, ScenarioStore, TenantId};
use sqlx::postgres::PgConnection;

async fn count(conn: &mut PgConnection) -> i64 {
    let sql = "select count(*) from bfg_flowcontrol.records";
    sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
}

async fn two() -> (Database, flowcontrol_store_postgres::PgStore) {
    let database = Database::migrated().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a", "b"]).await;
    fill(&store, "a", 1, 10).await;
    fill(&store, "b", 1, 7).await;
    (database, store)
}

/// Case 3.
#[tokio::test]
async fn a_session_without_tenant_sees_nothing_before_and_after() {
    let (database, _store) = two().await;
    let mut conn = database.connect(&database.logins.application).await;
    assert_eq!(count(&mut conn).await, 0);
    run(&mut conn, "begin; select set_config('bfg.tenant_id', 'a', true)").await;
    assert_eq!(count(&mut conn).await, 10);
    run(&mut conn, "commit").await;
    assert_eq!(count(&mut conn).await, 0);
}

/// Case 4.
#[tokio::test]
async fn the_empty_tenant_holds_nothing_and_is_no_tenant() {
    let (database, store) = two().await;
    assert!(TenantId::new("").is_err());
    let mut conn = database.superuser().await;
    let sql = "insert into bfg_flowcontrol.tenants (tenant_id, name) values ('', 'x')";
    let error = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "23514");
    // A row that got in regardless stays invisible to a session without a tenant.
    run(&mut conn, "alter table bfg_flowcontrol.tenants drop constraint tenants_tenant_id_given")
        .await;
    run(&mut conn, sql).await;
    let mut app = database.connect(&database.logins.application).await;
    run(&mut app, "begin; select set_config('bfg.tenant_id', 'a', true); commit").await;
    let seen: i64 = sqlx::query_scalar("select count(*) from bfg_flowcontrol.tenants")
        .fetch_one(&mut app)
        .await
        .unwrap();
    assert_eq!(seen, 0);
    assert_eq!(read(&store, "a").await.len(), 10);
}

/// Case 5.
#[tokio::test]
async fn a_session_that_already_has_a_tenant_is_refused() {
    let (database, store) = two().await;
    drop(store);
    let mut conn = database.superuser().await;
    let replayer = &database.roles.replayer;
    run(&mut conn, format!("alter role {replayer} set bfg.tenant_id = 'b'")).await;
    let store = database.store_with(&database.logins.replayer, |c| c.pool_size = 1).await.unwrap();
    for _ in 0..2 {
        let error = store.head(&cx("a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.message().contains("already had a value of bfg.tenant_id"), "{error}");
    }
    let error = store.append(&cx("b"), Expected::Any, &[record("b", 8)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(store.export(&[tenant("b")]).await.is_err());
    assert!(store.read_back(&[tenant("b")]).await.is_err());
    run(&mut conn, format!("alter role {replayer} reset bfg.tenant_id")).await;
    assert_eq!(store.head(&cx("a")).await.unwrap(), 10, "a new connection serves again");
    assert_eq!(store.head(&cx("b")).await.unwrap(), 7);
}

/// Case 7, beside the store.
#[tokio::test]
async fn rows_of_another_tenant_cannot_be_written_or_changed() {
    let (database, _store) = two().await;
    let mut conn = database.connect(&database.logins.application).await;
    for sql in [
        "insert into bfg_flowcontrol.organisations values ('b', 'x')",
        "update bfg_flowcontrol.users set display_name = 'x', organisation = organisation where tenant_id = 'a';
         insert into bfg_flowcontrol.users (tenant_id, user_id, role_key, display_name, organisation)
         values ('b', 'x', 'r', 'n', 'Dispatch desk')",
    ] {
        run(&mut conn, "begin; select set_config('bfg.tenant_id', 'a', true)").await;
        let error = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{sql}");
        run(&mut conn, "rollback").await;
    }
    run(&mut conn, "begin; select set_config('bfg.tenant_id', 'a', true)").await;
    let sql = "update bfg_flowcontrol.users set display_name = 'x' where tenant_id = 'b'";
    let done = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    assert_eq!(done.rows_affected(), 0);
    let sql = "delete from bfg_flowcontrol.permissions where tenant_id = 'b'";
    let done = sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    assert_eq!(done.rows_affected(), 0);
}

/// Case 8.
#[tokio::test]
async fn the_same_ids_live_in_two_tenants_and_stay_apart() {
    let (_database, store) = two().await;
    let id = RecordId::new("r7").unwrap();
    for name in ["a", "b"] {
        let found = store.get(&cx(name), &id).await.unwrap().unwrap();
        assert_eq!(found, record(name, 7).placed(tenant(name), 7));
    }
    // Nine and ten exist in a alone.
    assert_eq!(store.get(&cx("b"), &RecordId::new("r9").unwrap()).await.unwrap(), None);
    assert_eq!(read(&store, "b").await, placed("b", 1, 7));
    let done = store.append(&cx("b"), Expected::Head(7), &[record("b", 9)]).await.unwrap();
    assert_eq!((done.first, done.replayed), (8, false));
}

/// Case 8: an actor of another tenant is no actor here.
#[tokio::test]
async fn another_tenants_actor_is_refused_by_name() {
    let (_database, store) = two().await;
    let mut own = roster("b");
    own.actors.push(crate::store_postgres::scene::actor("olena", &[]));
    store.enroll(&cx("b"), &own).await.unwrap();
    let mut foreign = record("a", 11);
    foreign.actor = flowcontrol_contract::ActorId::new("olena").unwrap();
    let error = store.append(&cx("a"), Expected::Any, &[foreign.clone()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("actor olena is not enrolled in tenant a"), "{error}");
    let placed = [foreign.placed(tenant("a"), 11)];
    let error = store.import(&cx("a"), chunk(&placed)).await.unwrap_err();
    assert!(error.message().contains("actor olena is not enrolled in tenant a"), "{error}");
    assert_eq!(store.head(&cx("a")).await.unwrap(), 10);
}

/// Case 10 in part: with the policies opened by mistake, the store's own condition still holds,
/// and the other way round.
#[tokio::test]
async fn either_fence_alone_holds() {
    let (database, store) = two().await;
    let mut conn = database.superuser().await;
    run(&mut conn, "create policy oops on bfg_flowcontrol.records using (true)").await;
    assert_eq!(read(&store, "b").await, placed("b", 1, 7));
    assert_eq!(store.head(&cx("b")).await.unwrap(), 7);
    let exported = store.export(&[tenant("b")]).await.unwrap();
    assert_eq!(drain(exported.batches).await.unwrap().len(), 7);
    let mut app = database.connect(&database.logins.application).await;
    assert_eq!(count(&mut app).await, 17, "the policy really was open");
}

/// Case 11.
#[tokio::test]
async fn strange_tenant_ids_are_bound_or_refused() {
    let (_database, store) = two().await;
    for odd in
        ["a' or '1'='1", "a\"; drop schema bfg_flowcontrol", "\u{0430}", "A", "a%", "$1", "\\"]
    {
        assert_eq!(store.head(&cx(odd)).await.unwrap(), 0, "{odd}");
        assert_eq!(store.roster(&cx(odd)).await.unwrap(), None);
        let error = store.append(&cx(odd), Expected::Any, &[record("a", 1)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{odd}");
        enroll(&store, &[odd]).await;
        fill(&store, odd, 1, 2).await;
        assert_eq!(read(&store, odd).await, placed(odd, 1, 2));
    }
    for refused in ["a\0", &"a".repeat(1_000_000), " a", "a\n"] {
        assert!(TenantId::new(refused).is_err());
    }
    assert_eq!(read(&store, "a").await.len(), 10);
}

#[tokio::test]
async fn a_reader_that_policies_bind_says_that_it_may_miss_rows() {
    let (_database, store) = two().await;
    let mut view = store.read_back(&[tenant("a")]).await.unwrap();
    assert!(matches!(view.completeness(), Completeness::Unproved(_)));
    let counts = view.counts().await.unwrap();
    assert!(counts.iter().all(|c| c.tenant == "a"), "{counts:?}");
    assert!(counts.iter().any(|c| c.table == "records" && c.rows == 10));
    assert!(view.rows("records", &tenant("b"), 0).await.is_ok_and(|rows| rows.len() == 7));
}

#[tokio::test]
async fn an_auditor_reads_one_tenant_and_writes_nothing() {
    let (database, _store) = two().await;
    let auditor = database.store(&database.logins.auditor).await;
    assert_eq!(read(&auditor, "a").await.len(), 10);
    let error = auditor.append(&cx("a"), Expected::Any, &[record("a", 11)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let error = auditor.enroll(&cx("c"), &roster("c")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let none = CallCx::tenant(tenant("c"));
    assert_eq!(auditor.roster(&none).await.unwrap(), None);
}
