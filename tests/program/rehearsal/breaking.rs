//! Cutovers that somebody or something works against: nothing of anybody's is lost, and every
//! hint works as it is printed.

use crate::rehearsal::site::Site;
use crate::support;
use flowcontrol_testkit::running::eventually;
use sqlx::Connection;
use std::time::{Duration, Instant};

async fn sql(site: &Site, text: &'static str) {
    let mut conn = site.external.superuser(&site.database).await;
    sqlx::raw_sql(text).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_never_empties_what_the_cutover_did_not_write() {
    let test = "an_abort_never_empties_what_the_cutover_did_not_write";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("others").await;
    site.place().seed(60, 2);
    site.made_ready();

    // Another tenant's row; a row of a tenant that is moved; a table that is nobody's here.
    for (add, named, undo) in [
        (
            "insert into bfg_flowcontrol.tenants (tenant_id, name) values ('other', 'Other')",
            "tenant other",
            "delete from bfg_flowcontrol.tenants where tenant_id = 'other'",
        ),
        (
            "insert into bfg_flowcontrol.records
             select tenant_id, 9000, 'late', 'risk', actor_id, occurred_at, '{}'
               from bfg_flowcontrol.records limit 1",
            "records 9000 late",
            "delete from bfg_flowcontrol.records where record_id = 'late'",
        ),
        (
            "create table bfg_flowcontrol.notes as select 'kept' as note",
            "cannot empty",
            "drop table bfg_flowcontrol.notes",
        ),
    ] {
        site.run("cutover run --for staging --until operations").expect(0);
        let there = site.records().await;
        sql(&site, add).await;
        let refused = site.run("cutover abort");
        assert_ne!(refused.code(), Some(0), "{add}: {refused}");
        assert!(refused.err.contains(named), "{add}: {refused}");
        assert!(site.records().await >= there, "{add}: nothing was emptied");
        assert_eq!(site.append("closed").code(), Some(1), "the source stays frozen");
        sql(&site, undo).await;
        site.run("cutover abort").expect(0);
        assert!(!site.migrated().await);
    }

    // Who asks for it by name gets an empty database all the same.
    site.run("cutover run --for staging --until finance").expect(0);
    sql(&site, "insert into bfg_flowcontrol.tenants (tenant_id, name) values ('other', 'Other')")
        .await;
    let refused = site.run("cutover abort").expect(1);
    assert!(refused.err.contains("cutover abort --discard"), "{refused}");
    site.run("cutover abort --discard").expect(0);
    assert!(!site.migrated().await);
    site.place().evidence_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_with_tables_of_somebody_is_never_cut_over_into() {
    let test = "a_schema_with_tables_of_somebody_is_never_cut_over_into";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("foreign").await;
    site.place().seed(60, 1);
    site.made_ready();
    sql(
        &site,
        "create schema bfg_flowcontrol; create table bfg_flowcontrol.notes as select 'kept' as note",
    )
    .await;
    let refused = site.run("cutover run --for staging").expect(1);
    assert!(refused.err.contains("contains table notes"), "{refused}");
    assert_eq!(site.append("open").code(), Some(0), "nothing was frozen");
    assert_eq!(site.count("select count(*) from bfg_flowcontrol.notes").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_is_told_how() {
    let test = "whoever_goes_on_is_told_how";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("told").await;
    site.place().seed(60, 1);
    site.made_ready();
    let first = site.run("cutover run --for staging --until operations").expect(0);
    assert!(first.out.contains("`flowcontrol cutover run --for staging` resumes it"), "{first}");
    let other = site.run("cutover run").expect(1);
    assert!(
        other.err.contains("a cutover for profile staging is in progress, not for local-demo"),
        "{other}"
    );
    assert!(other.err.contains("`flowcontrol cutover run --for staging`"), "{other}");

    let check = "checklist/migration-rollback --as user_md_anna --for staging";
    site.run(&format!("accept {check} --revoke")).expect(0);
    let open = site.run("cutover run --for staging").expect(1);
    assert!(open.err.contains("NO-GO"), "{open}");
    assert!(!open.err.contains("nothing was frozen"), "the source is frozen: {open}");
    assert!(open.err.contains("`flowcontrol cutover abort` undoes it"), "{open}");
    assert!(open.err.contains("`flowcontrol gates cutover --for staging`"), "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_a_cutover_stood_still_beyond_its_window_is_found() {
    let test = "what_came_while_a_cutover_stood_still_beyond_its_window_is_found";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("stood").await;
    site.place().seed(8_000, 1);
    site.made_ready();
    let arguments = ["-v", "cutover", "run", "--for", "staging", "--minutes", "1"];
    let began = Instant::now();
    let mut running = site.place().start(&arguments);
    assert!(running.says("rollback seal"), "it ended before it was sealed");
    // A moment into it: the last batch was compared, and the way back is being walked.
    std::thread::sleep(Duration::from_millis(300));
    running.halt();
    // Both windows end by themselves, and the source takes a record.
    std::thread::sleep(Duration::from_secs(61).saturating_sub(began.elapsed()));
    eventually("the window's end", || (site.append("late").code() == Some(0)).then_some(()));
    running.go_on();
    let ended = running.end();
    // The server may have given up a connection that stood still: that is no success either.
    assert!(matches!(ended.code(), Some(1 | 3)), "{ended}");
    if ended.code() == Some(1) {
        assert!(ended.err.contains("but the gates were judged on"), "{ended}");
    }
    site.run("cutover run --for staging").expect(1);
    site.run("cutover abort").expect(0);
    assert_eq!(site.append("open").code(), Some(0), "the source takes writes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_verifier_a_cutover_says_what_it_could_not_see() {
    let test = "without_a_verifier_a_cutover_says_what_it_could_not_see";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("unseen").await;
    site.place().seed(60, 1);
    let file = site.place().work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let without: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("verifier = {")).collect();
    std::fs::write(&file, without.join("\n")).unwrap();
    site.made_ready();
    let done = site.run("--format json cutover run --for staging").expect(0).json();
    let audit = done["steps"].as_array().unwrap().iter().find(|s| s["step"] == "audit").unwrap();
    let detail = audit["detail"].as_str().unwrap();
    assert!(detail.contains("visible rows equal the snapshot"), "{detail}");
    let packets = site.place().packets();
    let packet = packets.iter().rev().find(|p| p["schema"] == "FlowControlCutover.v1").unwrap();
    let checks = packet["checks"].as_array().unwrap();
    let parity = checks.iter().find(|c| c["id"] == "parity").unwrap();
    assert!(parity["reason"].as_str().unwrap().contains("unproved"), "{parity}");
}
