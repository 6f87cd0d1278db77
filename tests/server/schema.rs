//! The migrated schema, judged by linters that are not ours.

use crate::support;
use flowcontrol_database::{Login, RoleNames};
use flowcontrol_runbook::{self, Layout, MigrationLimits, Site};
use flowcontrol_testkit::{judges, root};
use sqlx::{AssertSqlSafe, Connection};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_judges_find_nothing_and_can_find_something() {
    let Some(folder) = judges::folder("schema") else { return };
    // The judges look at every role of the server, and this test's have the names of the defaults.
    let Some(local) = support::own_or_skip("schema judges") else { return };
    let (endpoint, admin) = support::way_in(&local);
    let password = admin.password.clone().unwrap();
    let roles = RoleNames::default();
    let mut connection = endpoint.connect(&admin).await.unwrap();
    let owner = Login { user: roles.owner.clone(), password: Some(password.clone()) };
    for role in [&roles.owner, &roles.application, &roles.replayer, &roles.auditor, &roles.verifier]
    {
        let bypass = if *role == roles.verifier { "bypassrls" } else { "nobypassrls" };
        let sql = format!("create role {role} login {bypass} password '{}'", password.expose());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    let sql = "create database judged template template0 encoding 'UTF8' owner bfg_owner";
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let endpoint = endpoint.database("judged");
    let (layout, limits) = (Layout::default(), MigrationLimits::default());
    let site = Site { endpoint: &endpoint, login: &owner, layout: &layout, limits: &limits };
    flowcontrol_runbook::up(site, &flowcontrol_runbook::embedded().unwrap(), None).await.unwrap();
    let url = format!("postgres://{}@{}:{}/judged", admin.user, endpoint.host, endpoint.port);
    let out = Command::new(root().join("ci/judge-schema"))
        .arg("--self-test")
        .arg(&url)
        .arg(&folder)
        .env("PGPASSWORD", password.expose())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", judges::said(&out));
}
