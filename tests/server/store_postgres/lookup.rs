//! One record in one statement: whatever the planner makes of it, and whoever asked before.

use crate::database::{Database, run};
use crate::store_postgres::scene::{cx, enroll, fill, record, tenant};
use flowcontrol_contract::{ErrorKind, RecordId, ScenarioStore};

#[tokio::test]
async fn a_record_is_its_tenants_whatever_the_planner_does() {
    let database = Database::migrated().await;
    let application = database.logins.application.clone();
    let store = database.store(&application).await;
    enroll(&store, &["a", "b"]).await;
    fill(&store, "a", 1, 400).await;
    fill(&store, "b", 1, 3).await;
    let mut superuser = database.superuser().await;
    for settings in [
        &[][..],
        &["enable_nestloop"],
        &["enable_indexscan", "enable_indexonlyscan"],
        &["enable_nestloop", "enable_indexscan", "enable_mergejoin"],
        &["enable_hashjoin", "enable_seqscan"],
        &["enable_material", "enable_memoize", "enable_sort"],
    ] {
        for plans in ["force_custom_plan", "force_generic_plan"] {
            let role = &application.user;
            run(&mut superuser, format!("alter role {role} reset all")).await;
            run(&mut superuser, format!("alter role {role} set plan_cache_mode = {plans}")).await;
            for setting in settings {
                run(&mut superuser, format!("alter role {role} set {setting} = off")).await;
            }
            // One connection for everybody, with these settings from its start.
            let store = database.store_with(&application, |c| c.pool_size = 1).await.unwrap();
            for round in 0..7 {
                for (who, n) in [("a", 300), ("b", 2), ("a", 1), ("b", 3)] {
                    let id = RecordId::new(format!("r{n}")).unwrap();
                    let found = store.get(&cx(who), &id).await.unwrap();
                    let expected = record(who, n).placed(tenant(who), n);
                    assert_eq!(found, Some(expected), "{settings:?} {plans} {round}");
                }
                // It is there, and another's.
                let theirs = RecordId::new("r300").unwrap();
                assert_eq!(store.get(&cx("b"), &theirs).await.unwrap(), None);
                assert_eq!(store.get(&cx("nobody"), &theirs).await.unwrap(), None);
                // A session that kept a tenant would be refused here.
                assert_eq!(store.head(&cx("b")).await.unwrap(), 3);
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_had_a_tenant_before_is_refused() {
    let database = Database::migrated().await;
    let application = database.logins.application.clone();
    let store = database.store(&application).await;
    enroll(&store, &["a", "b"]).await;
    fill(&store, "b", 1, 3).await;
    let mut superuser = database.superuser().await;
    let role = &application.user;
    run(&mut superuser, format!("alter role {role} set bfg.tenant_id = 'b'")).await;
    let store = database.store_with(&application, |c| c.pool_size = 1).await.unwrap();
    for id in ["r1", "nothing"] {
        let error = store.get(&cx("b"), &RecordId::new(id).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
}

#[tokio::test]
async fn a_lookup_waits_for_a_lock_no_longer_than_other_calls() {
    let database = Database::migrated().await;
    let application = database.logins.application.clone();
    let store = database.store_with(&application, |c| c.lock_timeout = 200).await.unwrap();
    enroll(&store, &["a"]).await;
    fill(&store, "a", 1, 1).await;
    let mut superuser = database.superuser().await;
    run(&mut superuser, "begin; lock table bfg_flowcontrol.records in access exclusive mode").await;
    let began = std::time::Instant::now();
    let error = store.get(&cx("a"), &RecordId::new("r1").unwrap()).await.unwrap_err();
    assert!(began.elapsed().as_secs() < 5, "{error}");
    assert_ne!(error.kind(), ErrorKind::Unexpected, "{error}");
    run(&mut superuser, "rollback").await;
    assert!(store.get(&cx("a"), &RecordId::new("r1").unwrap()).await.unwrap().is_some());
}
