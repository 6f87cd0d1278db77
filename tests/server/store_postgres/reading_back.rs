//! Export and read-back: one moment, complete, in words that no setting changes.

use crate::database::{Database, run};
use crate::store_postgres::scene::{
    chunk, cx, drain, enroll, fill, placed, record, roster, tenant,
};
use flowcontrol_contract::projection::PROJECTIONS;
use flowcontrol_contract::store::{Completeness, Expected, ReadBack, Row};
use flowcontrol_contract::{ErrorKind, RecordId, ScenarioStore};
use flowcontrol_store_postgres::PgStore;

async fn two() -> (Database, PgStore) {
    let database = Database::migrated().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a", "b"]).await;
    store.import(&cx("a"), chunk(&placed("a", 1, 30))).await.unwrap();
    fill(&store, "b", 1, 7).await;
    (database, store)
}

async fn all(view: &mut dyn ReadBack, table: &str, id: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map_or(0, |r: &Row| r.seq);
        let next = view.rows(table, &tenant(id), after).await.unwrap();
        if next.is_empty() {
            return rows;
        }
        rows.extend(next);
    }
}

async fn lines(view: &mut dyn ReadBack, table: &str, id: &str) -> Vec<String> {
    all(view, table, id).await.into_iter().map(|r| r.line).collect()
}

async fn matches(view: &mut dyn ReadBack) {
    let expected = placed("a", 1, 30);
    let written: Vec<_> = expected.iter().map(|r| r.to_line()).collect();
    assert_eq!(lines(view, "records", "a").await, written);
    let users: Vec<_> = roster("a").actors.iter().map(|a| a.line()).collect();
    assert_eq!(lines(view, "users", "a").await, users);
    for p in &PROJECTIONS {
        let rows: Vec<_> = expected
            .iter()
            .filter(|r| r.kind == p.kind)
            .map(|r| Row { seq: r.seq, name: r.id.to_string(), line: p.line(r).unwrap() })
            .collect();
        assert_eq!(all(view, p.table, "a").await, rows, "{}", p.table);
    }
}

#[tokio::test]
async fn the_verifier_reads_back_what_was_written_and_proves_completeness() {
    let (database, store) = two().await;
    enroll(&store, &["unlisted"]).await;
    fill(&store, "unlisted", 1, 5).await;
    let verifier = database.verifier().await;
    let mut view = verifier.read_back(&[tenant("a"), tenant("b")]).await.unwrap();
    assert_eq!(view.completeness(), Completeness::Proved);
    assert_eq!(
        view.tables(),
        ["tenants", "users", "records", "orders", "documents", "invoices", "payments"]
    );
    matches(&mut *view).await;
    let counts = view.counts().await.unwrap();
    let of = |table: &str| {
        let of = counts.iter().filter(|c| c.table == table);
        of.map(|c| (c.tenant.as_str(), c.rows)).collect::<Vec<_>>()
    };
    assert_eq!(of("records"), [("a", 30), ("b", 7), ("unlisted", 5)]);
    assert_eq!(of("tenants"), [("a", 1), ("b", 1), ("unlisted", 1)]);
    assert_eq!(of("users"), [("a", 2), ("b", 2), ("unlisted", 2)]);
    assert_eq!(of("payments"), [("a", 6), ("b", 1), ("unlisted", 1)]);
    // Later writes are not in the view.
    fill(&store, "a", 31, 40).await;
    assert_eq!(lines(&mut *view, "records", "a").await.len(), 30);
    let error = view.rows("nothing", &tenant("a"), 0).await.unwrap_err();
    assert!(error.message().contains("tables: tenants, users, records, orders"), "{error}");
}

/// Case 12: a login that lost BYPASSRLS fails, it does not agree on 0 = 0.
#[tokio::test]
async fn a_verifier_that_lost_bypassrls_fails_instead_of_seeing_nothing() {
    let (database, _store) = two().await;
    let verifier = database.verifier().await;
    let mut conn = database.superuser().await;
    run(&mut conn, format!("alter role {} nobypassrls", database.roles.verifier)).await;
    let mut view = verifier.read_back(&[tenant("a")]).await.unwrap();
    let error = view.counts().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().contains("42501"), "{error}");
    let error = verifier.export(&[tenant("a")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn the_verifier_does_nothing_else() {
    let (database, _store) = two().await;
    let verifier = database.verifier().await;
    let id = RecordId::new("r1").unwrap();
    let denied = [
        verifier.append(&cx("a"), Expected::Any, &[record("a", 31)]).await.err(),
        verifier.enroll(&cx("a"), &roster("a")).await.err(),
        verifier.import(&cx("a"), chunk(&[])).await.err(),
        verifier.get(&cx("a"), &id).await.err(),
        verifier.head(&cx("a")).await.err(),
        verifier.roster(&cx("a")).await.err(),
        verifier.read(&cx("a"), 0).await.err(),
    ];
    for error in denied {
        assert_eq!(error.expect("denied").kind(), ErrorKind::Denied);
    }
}

/// Case 14.
#[tokio::test]
async fn settings_of_the_login_change_no_line() {
    let (database, _store) = two().await;
    let mut conn = database.superuser().await;
    let mut sql = String::new();
    for role in [&database.roles.verifier, &database.roles.replayer] {
        for set in [
            "timezone = 'Asia/Kathmandu'",
            "datestyle = 'SQL, DMY'",
            "intervalstyle = 'sql_standard'",
            "extra_float_digits = -15",
            "bytea_output = 'escape'",
            "standard_conforming_strings = off",
            "lc_numeric = 'C'",
            "search_path = pg_temp",
            "default_transaction_isolation = 'serializable'",
            "synchronous_commit = off",
        ] {
            sql += &format!("alter role {role} set {set};");
        }
    }
    run(&mut conn, sql).await;
    let verifier = database.verifier().await;
    matches(&mut *verifier.read_back(&[tenant("a")]).await.unwrap()).await;
    let replayer = database.store(&database.logins.replayer).await;
    matches(&mut *replayer.read_back(&[tenant("a")]).await.unwrap()).await;
    fill(&replayer, "b", 8, 12).await;
    assert_eq!(crate::store_postgres::scene::read(&replayer, "b").await, placed("b", 1, 12));
}

/// Case 13 and what nobody foresaw: odd rows are shown as they are, by name.
#[tokio::test]
async fn tampered_rows_come_back_as_they_stand() {
    let (database, _store) = two().await;
    let mut conn = database.superuser().await;
    run(
        &mut conn,
        "alter table bfg_flowcontrol.records drop constraint records_kind_known;
         alter table bfg_flowcontrol.records drop constraint records_payload_object;
         update bfg_flowcontrol.records set payload = payload || '{\"x\": 1}' where tenant_id = 'a' and seq = 4;
         update bfg_flowcontrol.records set kind = 'odd' where tenant_id = 'a' and seq = 9;
         update bfg_flowcontrol.records set occurred_at = 'infinity' where tenant_id = 'a' and seq = 14;
         update bfg_flowcontrol.records set payload = '[]' where tenant_id = 'a' and seq = 19;
         update bfg_flowcontrol.orders set price_amount = 5.5 where tenant_id = 'a' and seq = 5;
         delete from bfg_flowcontrol.payments where tenant_id = 'a' and seq = 3;
         delete from bfg_flowcontrol.permissions where tenant_id = 'a' and permission = 'read'",
    )
    .await;
    let verifier = database.verifier().await;
    let mut view = verifier.read_back(&[tenant("a")]).await.unwrap();
    let expected = placed("a", 1, 30);
    let found = all(&mut *view, "records", "a").await;
    let differing: Vec<_> = found
        .iter()
        .zip(&expected)
        .filter(|(row, record)| row.line != record.to_line())
        .map(|(row, _)| (row.seq, row.name.as_str()))
        .collect();
    assert_eq!(differing, [(4, "r4"), (9, "r9"), (14, "r14"), (19, "r19")]);
    assert!(found[8].line.contains("kind=\"odd\""), "{}", found[8].line);
    let orders = lines(&mut *view, "orders", "a").await;
    assert!(orders[0].contains("\"price_amount\":\"5.5\""), "{}", orders[0]);
    assert_eq!(lines(&mut *view, "payments", "a").await.len(), 5);
    let users = lines(&mut *view, "users", "a").await;
    assert!(users[0].ends_with("but the table permissions has [\"write\"]"), "{}", users[0]);
    assert_eq!(users[1], roster("a").actors[1].line());

    // Reading for use is stricter: it says what is wrong.
    let store = database.store(&database.logins.application).await;
    let error = store.get(&cx("a"), &RecordId::new("r9").unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("record 9 of tenant a"), "{error}");
    run(
        &mut conn,
        "delete from bfg_flowcontrol.orders where tenant_id = 'b'; \
                    delete from bfg_flowcontrol.records where tenant_id = 'b' and seq = 5",
    )
    .await;
    let error = drain(store.read(&cx("b"), 0).await.unwrap()).await.unwrap_err();
    assert!(error.message().contains("record 5 is missing before 6"), "{error}");
    let export = store.export(&[tenant("b")]).await.unwrap();
    let error = drain(export.batches).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_export_is_of_one_moment_and_in_order() {
    let (database, store) = two().await;
    for exporter in [database.store(&database.logins.auditor).await, database.verifier().await] {
        let before = store.head(&cx("b")).await.unwrap();
        let export = exporter.export(&[tenant("b"), tenant("a"), tenant("b")]).await.unwrap();
        assert_eq!(export.rosters, [roster("a"), roster("b")]);
        fill(&store, "b", before + 1, before + 3).await;
        let mut expected = placed("a", 1, 30);
        expected.extend(placed("b", 1, before));
        assert_eq!(drain(export.batches).await.unwrap(), expected);
        let error = exporter.export(&[tenant("a"), tenant("c")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn large_payloads_stream_in_bounded_batches() {
    let (database, store) = two().await;
    let big: Vec<_> = (8..=19)
        .map(|n| {
            let mut new = record("b", n);
            let text = format!("{{\"of\":\"b\",\"fill\":\"{}\"}}", "ż".repeat(700_000));
            new.kind = flowcontrol_contract::Kind::Risk;
            new.payload = flowcontrol_contract::Payload::parse(&text).unwrap();
            new
        })
        .collect();
    store.append(&cx("b"), Expected::Head(7), &big).await.unwrap();
    let verifier = database.verifier().await;
    for exporter in [&store, &verifier] {
        let mut export = exporter.export(&[tenant("b")]).await.unwrap();
        let mut seen = 0;
        while let Some(batch) = futures::StreamExt::next(&mut export.batches).await {
            let batch = batch.unwrap();
            let bytes: usize = batch.iter().map(|r| r.payload.as_str().len()).sum();
            assert!(bytes < 6_000_000, "{bytes} bytes in a batch");
            seen += batch.len();
        }
        assert_eq!(seen, 19);
    }
    let mut view = verifier.read_back(&[tenant("b")]).await.unwrap();
    assert_eq!(lines(&mut *view, "records", "b").await.len(), 19);
}
