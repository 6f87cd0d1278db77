//! What is changed between replay and verification is found, by table, tenant and row.

use crate::database::run;
use crate::rehearsal::scene::{COLLIDING, EACH, Reads, Scene};
use crate::support;
use flowcontrol_contract::ErrorKind;
use flowcontrol_snapshot::freeze;
use sqlx::AssertSqlSafe;

/// Tables that the replay fills, parents first.
const TABLES: [&str; 9] = [
    "tenants",
    "organisations",
    "users",
    "permissions",
    "records",
    "orders",
    "documents",
    "invoices",
    "payments",
];

/// What is done, and where it must be found: `table tenant row: what`.
struct Case {
    name: &'static str,
    sql: String,
    found: Vec<String>,
}

/// The first row of a table of the first tenant: its sequence and its record's id.
async fn first(scene: &Scene, table: &str, tenant: &str) -> (i64, String) {
    let mut conn = scene.database.superuser().await;
    sqlx::query_as(AssertSqlSafe(format!(
        "select seq, record_id from bfg_flowcontrol.{table} join bfg_flowcontrol.records r
         using (tenant_id, seq) where r.tenant_id = $1 order by seq limit 1"
    )))
    .bind(tenant)
    .fetch_one(&mut conn)
    .await
    .unwrap()
}

async fn cases(scene: &Scene) -> Vec<Case> {
    let tenants = scene.tenants();
    let (a, b) = (tenants[0].as_str(), tenants[1].as_str());
    let mut conn = scene.database.superuser().await;
    let ids: Vec<String> = sqlx::query_scalar(
        "select record_id from bfg_flowcontrol.records where tenant_id = $1 order by seq",
    )
    .bind(a)
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let id = |seq: usize| &ids[seq - 1];
    let at = |seq: u64| format!("tenant_id = '{a}' and seq = {seq}");
    let (last, after) = (EACH + 1, EACH + 2);
    let (order, order_id) = first(scene, "orders", a).await;
    let (invoice, invoice_id) = first(scene, "invoices", a).await;
    let actors = &scene.summary.header.tenants[0].actors;
    let nth = actors.iter().position(|actor| !actor.permissions.is_empty()).unwrap();
    let (actor, permission) = (&actors[nth].id, &actors[nth].permissions[0]);
    let case = |name, sql: String, found: &[String]| Case { name, sql, found: found.to_vec() };
    let line = |table: &str, tenant: &str, row: &str, what: &str| {
        format!("{table} {tenant} {row}: {what}")
    };
    let changed = |seq: usize| line("records", a, &format!("{seq} {}", id(seq)), "changed");
    let unlisted = "extra: the snapshot does not have this tenant";
    vec![
        case(
            "one byte in a payload",
            format!("update records set payload = jsonb_set(payload, '{{note}}', '\"row-231268\"') where {}", at(last)),
            &[line("records", a, &format!("{last} colliding"), "changed")],
        ),
        case(
            "a value swapped for one with the same hashtext",
            format!("update records set payload = jsonb_set(payload, '{{note}}', '\"{}\"') where {}", COLLIDING[1], at(last)),
            &[line("records", a, &format!("{last} colliding"), "changed")],
        ),
        case(
            "a missing row",
            format!("delete from records where {}", at(5)),
            &[line("records", a, &format!("5 {}", id(5)), "missing")],
        ),
        case(
            "the last row missing",
            format!("delete from records where {}", at(last)),
            &[line("records", a, &format!("{last} colliding"), "missing")],
        ),
        case(
            "an extra row of a listed tenant",
            format!("insert into records select tenant_id, {after}, 'stowaway', kind, actor_id, occurred_at, payload from records where {}", at(last)),
            &[line("records", a, &format!("{after} stowaway"), "extra")],
        ),
        case(
            "a duplicate under another sequence",
            format!("insert into records select tenant_id, {after}, 'again-' || record_id, kind, actor_id, occurred_at, payload from records where {}", at(3)),
            &[line("records", a, &format!("{after} again-{}", id(3)), "extra")],
        ),
        case(
            "a row of a tenant nobody listed",
            "insert into tenants (tenant_id, name) values ('ghost', 'Ghost');
             insert into records select 'ghost', 1, 'boo', 'risk', actor_id, occurred_at, payload from records limit 1".to_owned(),
            &[
                line("tenants", "ghost", "1 ghost", unlisted),
                line("records", "ghost", "1 boo", unlisted),
            ],
        ),
        case(
            "two rows' payloads swapped",
            format!(
                "update records r set payload = (select payload from records o where o.tenant_id = '{a}' and o.seq = 11 - r.seq)
                 where tenant_id = '{a}' and seq in (5, 6)"
            ),
            &[changed(5), changed(6)],
        ),
        case(
            "a row moved to the other tenant",
            format!("update records set tenant_id = '{b}', seq = {after}, record_id = 'moved' where {}", at(last)),
            &[
                line("records", a, &format!("{last} colliding"), "missing"),
                line("records", b, &format!("{after} moved"), "extra"),
            ],
        ),
        case(
            "one microsecond",
            format!("update records set occurred_at = occurred_at + interval '1 microsecond' where {}", at(7)),
            &[changed(7)],
        ),
        case(
            "a projection's row changed",
            format!("update orders set price_amount = price_amount + 0.01 where tenant_id = '{a}' and seq = {order}"),
            &[line("orders", a, &format!("{order} {order_id}"), "changed")],
        ),
        case(
            "a projection's value spelled otherwise",
            format!("update orders set price_amount = price_amount::numeric(40, 9) where tenant_id = '{a}' and seq = {order}"),
            &[line("orders", a, &format!("{order} {order_id}"), "changed")],
        ),
        case(
            "a projection's row missing",
            format!("delete from invoices where tenant_id = '{a}' and seq = {invoice}"),
            &[line("invoices", a, &format!("{invoice} {invoice_id}"), "missing")],
        ),
        case(
            "a tenant's name changed",
            format!("update tenants set name = name || ' Ltd' where tenant_id = '{a}'"),
            &[line("tenants", a, &format!("1 {a}"), "changed")],
        ),
        case(
            "a tenant's name spelled in other letters that look alike",
            format!("update tenants set name = replace(name, 'o', chr(1086)) where tenant_id = '{a}'"),
            &[line("tenants", a, &format!("1 {a}"), "changed")],
        ),
        case(
            "a tenant that nobody listed and that has no record",
            "insert into tenants (tenant_id, name) values ('ghost', 'Ghost')".to_owned(),
            &[line("tenants", "ghost", "1 ghost", unlisted)],
        ),
        case(
            "a tenant's row missing",
            format!("delete from tenants where tenant_id = '{b}'"),
            &[line("tenants", b, &format!("1 {b}"), "missing")],
        ),
        case(
            "an actor's permission removed",
            format!("delete from permissions where tenant_id = '{a}' and user_id = '{actor}' and permission = '{permission}'"),
            &[line("users", a, &format!("{} {actor}", nth + 1), "changed")],
        ),
        case(
            "an actor's permission removed from the list that travels in claims",
            format!("update users set permissions = array_remove(permissions, '{permission}') where tenant_id = '{a}' and user_id = '{actor}'"),
            &[line("users", a, &format!("{} {actor}", nth + 1), "changed")],
        ),
        case(
            "a permission given",
            format!("insert into permissions values ('{a}', '{actor}', 'zz_everything'); update users set permissions = permissions || 'zz_everything'::text where tenant_id = '{a}' and user_id = '{actor}'"),
            &[line("users", a, &format!("{} {actor}", nth + 1), "changed")],
        ),
    ]
}

#[tokio::test]
async fn every_change_is_named_by_table_tenant_and_row() {
    if support::server_or_skip("every_change_is_named_by_table_tenant_and_row").is_none() {
        return;
    }
    let scene = Scene::replayed().await;
    let untouched = scene.verify().await;
    assert!(untouched.matched(), "{untouched:?}");
    assert_eq!(untouched.unproved, None);
    let same: bool = sqlx::query_scalar("select hashtext($1) = hashtext($2)")
        .bind(COLLIDING[0])
        .bind(COLLIDING[1])
        .fetch_one(&mut scene.database.superuser().await)
        .await
        .unwrap();
    assert!(same, "the two values are a collision, else the case shows nothing");

    let mut keep = "create schema kept;".to_owned();
    let mut restore = String::new();
    for table in TABLES {
        keep += &format!("create table kept.{table} as table {table};");
        restore += &format!("delete from {table}; insert into {table} table kept.{table};");
    }
    scene.tamper(&keep).await;
    for case in cases(&scene).await {
        scene.tamper(&case.sql).await;
        let found = scene.verify().await;
        let named: Vec<String> = found
            .mismatches
            .iter()
            .map(|m| format!("{} {} {}: {}", m.table, m.tenant, m.row, m.what))
            .collect();
        assert_eq!(named, case.found, "{}", case.name);
        assert_eq!(found.mismatch_count, named.len() as u64, "{}", case.name);
        assert!(!found.matched());
        scene.tamper(&restore).await;
    }
    let restored = scene.verify().await;
    assert_eq!(restored, untouched);
}

#[tokio::test]
async fn the_application_is_no_verifier_and_without_one_completeness_is_unproved() {
    let test = "the_application_is_no_verifier_and_without_one_completeness_is_unproved";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let scene = Scene::replayed().await;
    let logins = &scene.database.logins;
    for login in [&logins.application, &logins.auditor, &logins.replayer] {
        let error = match scene.open(login, Reads::Everything).await {
            Err(error) => error,
            // Were it let in, row_security = off would fail it at its first row.
            Ok(store) => store.read_back(&scene.tenants()).await.err().unwrap(),
        };
        assert!(
            matches!(error.kind(), ErrorKind::Configuration | ErrorKind::Denied),
            "{}: {error}",
            login.user
        );
        assert!(error.chain().contains("BYPASSRLS"), "{error}");
    }
    let verifier = logins.verifier.as_ref().unwrap();
    assert!(scene.open(verifier, Reads::TenantByTenant).await.is_err(), "it bypasses");

    scene
        .tamper(
            "insert into tenants (tenant_id, name) values ('ghost', 'Ghost');
             insert into records select 'ghost', 1, 'boo', 'risk', actor_id, occurred_at, payload
             from records limit 1",
        )
        .await;
    let seen = scene.verify_as(&logins.auditor, Reads::TenantByTenant).await;
    assert!(seen.matched(), "{seen:?}");
    assert!(seen.unproved.as_ref().is_some_and(|why| why.contains("BYPASSRLS")), "{seen:?}");
    assert!(!scene.verify().await.matched(), "the verifier sees the ghost");
}

#[tokio::test]
async fn settings_of_roles_and_database_change_no_digest() {
    if support::server_or_skip("settings_of_roles_and_database_change_no_digest").is_none() {
        return;
    }
    // Set before the replay: what is written and what is read back passes through them.
    let scene = Scene::frozen().await;
    let plain = Scene::replayed().await;
    let roles = &scene.database.roles;
    let mut sql = String::new();
    let all = [&roles.owner, &roles.application, &roles.replayer, &roles.auditor, &roles.verifier];
    for (setting, value) in [
        ("timezone", "Asia/Kathmandu"),
        ("datestyle", "SQL, DMY"),
        ("intervalstyle", "sql_standard"),
        ("extra_float_digits", "-15"),
        ("bytea_output", "escape"),
        ("lc_numeric", "C"),
        ("enable_indexscan", "off"),
    ] {
        for role in all {
            sql += &format!("alter role {role} set {setting} = '{value}';");
        }
        let database = &scene.database.endpoint.database;
        sql += &format!("alter database {database} set {setting} = '{value}';");
    }
    run(&mut scene.database.superuser().await, sql).await;
    let login = scene.database.logins.verifier.as_ref().unwrap();
    // The driver asks for a time zone and a date style of its own; this one it leaves alone.
    let output: String = sqlx::query_scalar("show bytea_output")
        .fetch_one(&mut scene.database.connect(login).await)
        .await
        .unwrap();
    assert_eq!(output, "escape", "the settings are in force");

    let replayer = scene.open(&scene.database.logins.replayer, Reads::AndWrites).await.unwrap();
    flowcontrol_snapshot::import(&scene.snapshot, scene.summary.sha256, &*replayer, |_| {})
        .await
        .unwrap();
    let (found, expected) = (scene.verify().await, plain.verify().await);
    assert!(found.matched(), "{found:?}");
    assert_eq!(found, expected);
    let auditor = scene.open(&scene.database.logins.auditor, Reads::TenantByTenant).await.unwrap();
    let back = scene.snapshot.with_file_name("back.jsonl");
    let session = scene.summary.header.session.clone();
    let frozen = freeze(&*auditor, session, &scene.tenants(), &back, |_| {}).await.unwrap();
    assert_eq!(frozen.sha256, scene.summary.sha256);
}
