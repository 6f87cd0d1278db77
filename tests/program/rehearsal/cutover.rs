//! The data cutover into a real database: batch by batch, cut off and gone on with, and back.

use crate::rehearsal::site::{Site, last_packet};
use crate::support;
use sqlx::Connection;

#[tokio::test(flavor = "multi_thread")]
async fn a_cutover_moves_the_scenario_batch_by_batch_and_keeps_the_source_closed() {
    let test = "a_cutover_moves_the_scenario_batch_by_batch_and_keeps_the_source_closed";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("cutover").await;
    site.place().seed(240, 2);
    let early = site.run("cutover run --for staging");
    assert_eq!(early.code(), Some(1), "{early}");
    assert!(early.err.contains("NO-GO for a cutover"), "{early}");
    assert!(!site.migrated().await, "nothing was written");

    site.made_ready();
    let plan = site.run("--format json cutover plan --for staging").expect(0).json();
    assert_eq!(plan["decision"], "READY");
    assert_eq!(plan["records"], 240);
    assert!(plan["database"].as_str().unwrap().ends_with(&site.database), "{plan}");
    assert!(plan["records_per_second"].as_f64().unwrap() > 0.0, "{plan}");
    let rows: u64 =
        plan["batches"].as_array().unwrap().iter().map(|b| b["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 250, "240 records and two rosters of five");
    let block = last_packet(&site, "ProductionDataCutoverPlan.v1")["body"]["block"].clone();
    let line = |name: &str| -> String {
        let pairs = block.as_array().unwrap();
        pairs.iter().find(|p| p[0] == name).unwrap()[1].as_str().unwrap().to_owned()
    };
    assert_eq!((line("batches"), line("steps")), ("4/4".into(), "5/5".into()));
    assert_eq!((line("batch_rows"), line("cutover_decision")), ("250".into(), "READY".into()));

    let first = site.run("cutover run --for staging --until operations").expect(0);
    assert!(first.out.contains("stopped as requested"), "{first}");
    let half = site.records().await;
    assert!(half > 0 && half < 240, "{half}");
    assert_eq!(
        site.count("select count(*) from bfg_flowcontrol.invoices").await,
        0,
        "finance is a batch of its own"
    );
    let refused = site.append("late");
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.err.contains("data cutover"), "{refused}");

    let packets = site.place().packets().len();
    let done = site.run("--format json cutover run --for staging").expect(0).json();
    assert_eq!(done["complete"], true);
    assert_eq!(site.records().await, 240);
    let summary = last_packet(&site, "FlowControlCutover.v1");
    assert_eq!(summary["outcome"], "passed");
    assert_eq!(summary["body"]["restored_sha256"], summary["snapshot_sha256"]);
    let carried = site.count("select count(*) from bfg_flowcontrol.audit_events").await;
    assert!(carried >= i64::try_from(packets).unwrap(), "{carried} of {packets}");
    site.place().evidence_verifies();

    // A packet in the audit trail is the packet: its digest can be recomputed from there.
    let sealed = site.count(
        "select count(*) from bfg_flowcontrol.audit_events
         where payload ->> 'schema' = 'ProductionAdapterDryRun.v1'",
    );
    assert_eq!(sealed.await, 1);

    let again = site.run("cutover run --for staging");
    assert_eq!(again.code(), Some(1), "{again}");
    assert!(again.err.contains("was already cut over to"), "{again}");
    let abort = site.run("cutover abort");
    assert_eq!(abort.code(), Some(1), "{abort}");
    assert!(abort.err.contains("cannot be emptied any more"), "{abort}");
    assert_eq!(site.append("later").code(), Some(1), "the source stays closed");

    // The profile that is swapped to finds the whole scenario, and goes on writing.
    let adapter = site.adapter();
    site.amend(|text| format!("{text}{adapter}"));
    site.run("--profile staging snapshot freeze --out after.jsonl.zst").expect(0);
    site.run("snapshot diff frozen.jsonl.zst after.jsonl.zst").expect(0);
    site.run("--profile staging scenario append new.jsonl --tenant bfg-control").expect(0);
    assert_eq!(site.records().await, 241);
    // The drill of a scenario that lives in Postgres restores it from there.
    let drill = site.run("--profile staging --format json rollback drill --watch 1");
    let checks = drill.json()["checks"].clone();
    assert_eq!(checks[0]["verdict"], "ready", "{drill}");
    assert_eq!(checks[1]["verdict"], "ready", "{drill}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_at_any_batch_puts_the_database_back_to_how_it_was_found() {
    let test = "an_abort_at_any_batch_puts_the_database_back_to_how_it_was_found";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("abort").await;
    site.place().seed(120, 2);
    let none = site.run("cutover abort");
    assert_eq!(none.code(), Some(2), "{none}");
    site.made_ready();
    for batch in ["tenant-and-rbac", "operations", "finance", "audit"] {
        site.run(&format!("cutover run --for staging --until {batch}")).expect(0);
        assert!(site.migrated().await);
        let done = site.run("cutover abort").expect(0);
        assert!(done.out.contains("is undone"), "{done}");
        assert!(
            !site.migrated().await,
            "{batch}: the schema came with the cutover and goes with it"
        );
    }
    // The same where the schema was there already: it stays, and it is empty.
    site.run("migrate up").expect(0);
    site.run("cutover run --for staging --until finance").expect(0);
    assert!(site.records().await > 0);
    site.run("cutover abort").expect(0);
    assert!(site.migrated().await);
    assert_eq!(site.records().await, 0);
    assert_eq!(last_packet(&site, "FlowControlCutover.v1")["body"]["rolled_back"], true);
    assert_eq!(site.append("after").code(), Some(0), "the source takes writes again");
    site.place().evidence_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_rows_of_somebody_is_never_mixed_with() {
    let test = "a_database_with_rows_of_somebody_is_never_mixed_with";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("mixed").await;
    site.place().seed(60, 1);
    site.made_ready();
    site.run("migrate up").expect(0);
    let mut conn = site.external.superuser(&site.database).await;
    let sql = "insert into bfg_flowcontrol.tenants (tenant_id, name) values ('other', 'Other')";
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let refused = site.run("cutover run --for staging");
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.err.contains("already holds rows in tenants"), "{refused}");
    assert_eq!(site.append("still-open").code(), Some(0), "nothing was frozen");
    assert_eq!(site.count("select count(*) from bfg_flowcontrol.tenants").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cutover_that_is_killed_goes_on_and_loses_and_repeats_nothing() {
    let test = "a_cutover_that_is_killed_goes_on_and_loses_and_repeats_nothing";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("killed").await;
    site.place().seed(20_000, 2);
    site.made_ready();
    let mut kills = 0;
    for word in ["operations", "finance", "audit"] {
        let mut running = site.place().start(&["-v", "cutover", "run", "--for", "staging"]);
        if !running.says(word) {
            running.end().expect(0);
            break;
        }
        // Right when the step begins, and a moment into it.
        std::thread::sleep(std::time::Duration::from_millis(30));
        running.kill();
        kills += 1;
    }
    assert!(kills > 0, "it was never killed");
    let ended = site.run("--format json cutover run --for staging");
    if ended.code() == Some(0) {
        assert_eq!(ended.json()["complete"], true);
    } else {
        assert!(ended.err.contains("was cut over to"), "{ended}");
    }
    assert_eq!(site.records().await, 20_000);
    assert_eq!(last_packet(&site, "FlowControlCutover.v1")["outcome"], "passed");
    site.place().evidence_verifies();
}
