//! Tenants over HTTP down to the row: the same service over Postgres, with one connection for
//! everybody.

use super::site::{OURS, THEIRS, headers_of, risks, seeded, settled};
use crate::database::Database;
use crate::support;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use flowcontrol::api::{Service, router};
use flowcontrol_contract::TenantId;
use serde_json::{Value, json};
use sqlx::Connection;
use std::sync::Arc;
use tower::ServiceExt;

const PATH: &str = "/api/v1/records";

async fn ask(router: &Router, actor: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers_of(actor) {
        request = request.header(name, value);
    }
    request = request.header("content-type", "application/json");
    request = request.header("x-request-id", "written-1");
    let body = Body::from(body.map_or_else(String::new, |b| b.to_string()));
    let answer = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_two_tenants_and_neither_sees_the_other() {
    let test = "one_connection_serves_two_tenants_and_neither_sees_the_other";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let (_folder, settings) = settled("").await;
    let database = Database::migrated().await;
    let application = database.logins.application.clone();
    let store = database.store_with(&application, |config| {
        config.tenants = [OURS, THEIRS].map(|t| TenantId::new(t).unwrap()).to_vec();
        config.pool_size = 1;
    });
    let store = Arc::new(store.await.unwrap());
    seeded(&*store).await;
    let auth = flowcontrol::registry::open_auth(&settings).await.unwrap();
    let (_, stop) = tokio::sync::watch::channel(false);
    let router = router(Arc::new(Service::new(settings, store, auth, stop)));
    let (marek, theirs) = ("user_dispatcher_marek", "dispatcher_00001");

    let (status, _) = ask(&router, marek, PATH, Some(risks(&["row-1"]))).await;
    assert_eq!(status, 201);
    let path = format!("{PATH}/row-1");
    assert_eq!(ask(&router, marek, &path, None).await.0, 200);
    let (missing, told) = ask(&router, theirs, &path, None).await;
    assert_eq!((missing, &told["detail"]), (404, &json!("there is no such record")));

    // Who wrote it, in which request, stands beside it; another tenant has its own.
    let mut superuser = database.superuser().await;
    let trail = "select tenant_id, actor_id, source, payload ->> 'request' \
                 from bfg_flowcontrol.audit_events where source = 'flowcontrol-call'";
    let trail: Vec<(String, String, String, String)> =
        sqlx::query_as(trail).fetch_all(&mut superuser).await.unwrap();
    let [(tenant, actor, source, request)] = trail.as_slice() else { panic!("{trail:?}") };
    assert_eq!((tenant.as_str(), actor.as_str()), (OURS, marek));
    assert_eq!((source.as_str(), request.as_str()), ("flowcontrol-call", "written-1"));

    // A batch that the database refuses half way leaves nothing, and nothing of it to the next.
    let mut clash = risks(&["row-2", "row-1"]);
    clash["records"][1]["payload"] = json!({"level": "another"});
    assert_eq!(ask(&router, marek, PATH, Some(clash)).await.0, 409);
    assert_eq!(ask(&router, marek, &format!("{PATH}/row-2"), None).await.0, 404);
    let asked = (0..24).map(|n| {
        let (router, (actor, tenant)) =
            (router.clone(), if n % 2 == 0 { (marek, OURS) } else { (theirs, THEIRS) });
        async move {
            let (status, page) = ask(&router, actor, &format!("{PATH}?limit=500"), None).await;
            assert_eq!(status, 200, "{page}");
            let records = page["records"].as_array().unwrap();
            assert!(!records.is_empty());
            assert!(records.iter().all(|record| record["tenant"] == tenant), "{page}");
        }
    });
    futures::future::join_all(asked).await;

    // The database itself refuses, whatever is asked of it: the service's own login, the other
    // tenant's setting, the record's very id.
    let mut conn = database.connect(&application).await;
    for (tenant, rows) in [(OURS, 1i64), (THEIRS, 0), ("", 0)] {
        let mut transaction = conn.begin().await.unwrap();
        let set = sqlx::query("select set_config('bfg.tenant_id', $1, true)").bind(tenant);
        set.execute(&mut *transaction).await.unwrap();
        let count = sqlx::query_scalar::<_, i64>(
            "select count(*) from bfg_flowcontrol.records where record_id = 'row-1'",
        );
        assert_eq!(count.fetch_one(&mut *transaction).await.unwrap(), rows, "{tenant:?}");
        transaction.rollback().await.unwrap();
    }
    conn.close().await.unwrap();
}
