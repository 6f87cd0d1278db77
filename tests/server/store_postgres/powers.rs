//! Logins, servers and schemas that the store refuses to work with, each by name.

use crate::database::{Database, run};
use flowcontrol_contract::ErrorKind;
use flowcontrol_store_postgres::PgStore;

/// The refusal's text when `application` connects after `sql` was run by a superuser.
async fn after(database: &Database, sql: &str) -> String {
    let mut conn = database.superuser().await;
    run(&mut conn, sql.replace("APP", &database.roles.application)).await;
    match database.store_with(&database.logins.application, |_| ()).await {
        Ok(_) => "accepted".into(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{}", error.chain());
            assert!(error.hint_text().is_some(), "{error}");
            error.chain()
        }
    }
}

#[tokio::test]
async fn a_login_that_can_get_around_is_refused_by_name() {
    let database = Database::migrated().await;
    let d = &database;
    assert_eq!(after(d, "select").await, "accepted");
    let owner = &d.roles.owner;
    let verifier = &d.roles.verifier;
    for (grant, revoke, name) in [
        (
            "alter role APP superuser".to_owned(),
            "alter role APP nosuperuser".to_owned(),
            "superuser: ",
        ),
        ("alter role APP bypassrls".into(), "alter role APP nobypassrls".into(), "bypassrls: "),
        (
            "alter table bfg_flowcontrol.orders owner to APP".into(),
            format!("alter table bfg_flowcontrol.orders owner to {owner}"),
            "owner: it owns orders",
        ),
        (
            format!("alter role APP inherit; grant {owner} to APP"),
            format!("revoke {owner} from APP; alter role APP noinherit"),
            "member-of-owner: ",
        ),
        (
            format!("grant {verifier} to APP"),
            format!("revoke {verifier} from APP"),
            "a role with BYPASSRLS",
        ),
        (format!("grant {owner} to APP"), format!("revoke {owner} from APP"), "can-set-role: "),
        ("grant postgres to APP".into(), "revoke postgres from APP".into(), "a superuser"),
        ("alter role APP createrole".into(), "alter role APP nocreaterole".into(), "createrole: "),
        (
            "alter role APP replication".into(),
            "alter role APP noreplication".into(),
            "replication: ",
        ),
        (
            "grant pg_execute_server_program to APP".into(),
            "revoke pg_execute_server_program from APP".into(),
            "server-access: ",
        ),
    ] {
        let refusal = after(d, &grant).await;
        assert!(refusal.contains(name), "{grant}: {refusal}");
        assert_eq!(after(d, &revoke).await, "accepted", "{revoke}");
    }
}

#[tokio::test]
async fn half_protected_tables_are_refused_by_name() {
    let database = Database::migrated().await;
    for (change, back, why) in [
        ("no force", "force", "table records has row-level security without FORCE"),
        ("disable", "enable", "table records has FORCE without ENABLE"),
    ] {
        let alter = |what| format!("alter table bfg_flowcontrol.records {what} row level security");
        let refusal = after(&database, &alter(change)).await;
        assert!(refusal.contains(why), "{refusal}");
        assert_eq!(after(&database, &alter(back)).await, "accepted");
    }
    let refusal = after(&database, "create table bfg_flowcontrol.extra (tenant_id text)").await;
    assert!(refusal.contains("table extra has no row-level security"), "{refusal}");
}

#[tokio::test]
async fn a_database_without_the_schema_says_what_to_run() {
    let database = Database::empty().await;
    let error = database.store_with(&database.logins.application, |_| ()).await.unwrap_err();
    assert!(error.message().contains("no-schema: "), "{error}");
    assert!(error.hint_text().unwrap().contains("flowcontrol migrate up"), "{error}");

    let database = Database::migrated().await;
    let refusal = after(&database, "drop table bfg_flowcontrol.replay_chunks").await;
    assert!(refusal.contains("no-table: table bfg_flowcontrol.replay_chunks"), "{refusal}");
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let database = Database::migrated().await;
    let mut conn = database.superuser().await;
    let ascii = format!("{}_ascii", database.endpoint.database);
    run(
        &mut conn,
        format!("create database {ascii} template template0 encoding 'SQL_ASCII' locale 'C'"),
    )
    .await;
    let config = |c: &mut flowcontrol_store_postgres::Config| c.database.clone_from(&ascii);
    let outcome = database.store_with(&database.logins.application, config).await;
    run(&mut conn, format!("drop database {ascii} with (force)")).await;
    let error = outcome.unwrap_err();
    assert!(error.message().contains("encoding: the database is encoded in SQL_ASCII"), "{error}");
}

async fn as_verifier(
    database: &Database,
    login: &flowcontrol_database::Login,
) -> flowcontrol_contract::Result<PgStore> {
    database.store_with(login, |c| c.verifier = true).await
}

#[tokio::test]
async fn a_verifier_must_see_all_and_write_nothing() {
    let database = Database::migrated().await;
    let error = as_verifier(&database, &database.logins.application).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(error.message().contains("verifier-filtered: "), "{error}");

    let verifier = database.logins.verifier.clone().unwrap();
    as_verifier(&database, &verifier).await.unwrap();
    // The same login without the word is one that bypasses.
    let error = database.store_with(&verifier, |_| ()).await.unwrap_err();
    assert!(error.message().contains("bypassrls: "), "{error}");

    let mut conn = database.superuser().await;
    run(&mut conn, format!("grant update (status) on bfg_flowcontrol.orders to {}", verifier.user))
        .await;
    let error = as_verifier(&database, &verifier).await.unwrap_err();
    assert!(error.message().contains("verifier-writes: "), "{error}");
}
