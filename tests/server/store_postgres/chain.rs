//! Carrying the evidence chain into `audit_events`.

use crate::database::{Database, run};
use crate::store_postgres::scene::{cx, enroll, tenant};
use flowcontrol_contract::{
    ActorId, AuditEvent, BatchImport, CallCx, ErrorKind, EventId, Fence, Payload, Timestamp, Window,
};

fn event(n: u64, payload: &str) -> AuditEvent {
    let id = EventId::new(format!("{n:05}-ProductionAdapterDryRun.v1")).unwrap();
    let actor = ActorId::new("anna").unwrap();
    AuditEvent::new(id, actor, "evidence-chain", Payload::parse(payload).unwrap()).unwrap()
}

fn chain(length: u64) -> Vec<AuditEvent> {
    (1..=length)
        .map(|n| {
            event(n, &format!(r#"{{"z":1e2,"seq":{n},"text":"Żółć \"{n}\"","a":[null,0.1]}}"#))
        })
        .collect()
}

#[tokio::test]
async fn a_chain_is_carried_once_and_carrying_it_again_verifies_it() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a", "b"]).await;
    let a = cx("a");
    assert_eq!(store.carry_chain(&a, &[]).await.unwrap(), 0);
    assert_eq!(store.carried(&a).await.unwrap(), 0);
    assert_eq!(store.carry_chain(&a, &chain(5)).await.unwrap(), 5);
    assert_eq!(store.carry_chain(&a, &chain(5)).await.unwrap(), 0);
    assert_eq!(store.carry_chain(&a, &chain(8)).await.unwrap(), 3);
    assert_eq!(store.carried(&a).await.unwrap(), 8);
    // Another tenant has its own, under the same ids.
    assert_eq!(store.carried(&cx("b")).await.unwrap(), 0);
    assert_eq!(store.carry_chain(&cx("b"), &chain(2)).await.unwrap(), 2);
    assert_eq!(store.carried(&a).await.unwrap(), 8);

    let mut conn = database.superuser().await;
    for (change, back) in [
        (
            "payload = jsonb_set(payload, '{z}', '101')",
            "payload = jsonb_set(payload, '{z}', '100')",
        ),
        ("actor_id = 'marek'", "actor_id = 'anna'"),
        ("source = 'console'", "source = 'evidence-chain'"),
    ] {
        let fourth = "where tenant_id = 'a' and event_id like '00004%'";
        let set = |what| format!("update bfg_flowcontrol.audit_events set {what} {fourth}");
        run(&mut conn, set(change)).await;
        let error = store.carry_chain(&a, &chain(9)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{change}");
        assert!(error.message().contains("event 00004-"), "{error}");
        assert_eq!(store.carried(&a).await.unwrap(), 8, "all or none");
        run(&mut conn, set(back)).await;
        assert_eq!(store.carry_chain(&a, &chain(8)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_carried_is_refused_by_name_and_as_a_whole() {
    let database = Database::cloned().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a"]).await;
    let mut stranger = chain(3);
    stranger[2].actor = ActorId::new("nobody").unwrap();
    let mut twice = chain(3);
    twice[2].id = twice[0].id.clone();
    for (tenant, events, why) in [
        ("a", stranger, "actor nobody is not enrolled in tenant a"),
        ("a", twice, "occurs twice in the chain"),
        ("c", chain(1), "tenant c is not enrolled"),
    ] {
        let error = store.carry_chain(&cx(tenant), &events).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(why), "{error}");
    }
    let now = Timestamp::now();
    let end = Timestamp::from_micros(now.micros() + 60_000_000).unwrap();
    let window = Window::new("cutover-1", "data cutover", now, end).unwrap();
    store.raise(&[tenant("a")], &window).await.unwrap();
    let error = store.carry_chain(&cx("a"), &chain(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Frozen);
    assert_eq!(store.carried(&cx("a")).await.unwrap(), 0);
    let own = CallCx { window: Some(window.id), ..cx("a") };
    assert_eq!(store.carry_chain(&own, &chain(3)).await.unwrap(), 3);
}
