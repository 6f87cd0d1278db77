//! A rehearsal on a kept server that is killed, again and again, and resumed.

use crate::external::External;
use crate::rehearsal::scene;
use crate::support;
use flowcontrol_testkit::running::{DEADLINE, Running};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::path::PathBuf;
use std::time::Instant;

const RECORDS: u64 = 40_000;
const REHEARSE: [&str; 6] = ["-v", "--format", "json", "rehearse", "--target", "external"];

/// When the program is killed.
enum Moment {
    /// Once its progress says so.
    Says(&'static str),
    /// Once the ledger shows so many chunks.
    Chunks(i64),
    /// While a chunk is being committed, or once the ledger shows so many chunks.
    Committing(i64),
}

/// Chunks in the ledger; none while the table is not there.
async fn chunks(conn: &mut PgConnection) -> i64 {
    let counted = sqlx::query_scalar("select count(*) from bfg_flowcontrol.replay_chunks");
    match counted.fetch_one(conn).await {
        Ok(count) => count,
        // No such table or schema: the migrations have not come that far.
        Err(error) => {
            let code = error.as_database_error().and_then(|e| e.code()).map(|c| c.into_owned());
            assert!(matches!(code.as_deref(), Some("42P01" | "3F000")), "{error}");
            0
        }
    }
}

async fn committing(conn: &mut PgConnection, replayer: &str) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_stat_activity
                        where usename = $1 and state = 'active' and query ilike 'commit%')",
    )
    .bind(replayer)
    .fetch_one(conn)
    .await
    .unwrap()
}

impl Moment {
    /// Waits for the moment; panics when the program ends before it.
    async fn wait(&self, external: &External, running: &mut Running) {
        if let Self::Says(text) = self {
            assert!(running.says(text), "it ended before {text:?}");
            return;
        }
        let began = Instant::now();
        // The database is there once the first run was killed.
        let [database] = <[String; 1]>::try_from(external.databases().await).unwrap();
        let mut conn = external.superuser(&database).await;
        loop {
            let there = chunks(&mut conn).await;
            let here = match *self {
                Self::Says(_) => true,
                Self::Chunks(wanted) => there >= wanted,
                Self::Committing(most) => {
                    there >= most || committing(&mut conn, &external.names.replayer).await
                }
            };
            if here {
                break;
            }
            assert!(!running.over(), "it ended after {there} chunks");
            assert!(began.elapsed() < DEADLINE, "only {there} chunks");
        }
        // The rehearsal drops its database in the end, and this must not be in its way.
        conn.close().await.unwrap();
    }
}

/// The one unfinished run's journal.
fn journals(external: &External) -> Vec<PathBuf> {
    std::fs::read_dir(external.place.state().join("rehearsals"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("unfinished.json"))
        .filter(|path| path.exists())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_goes_on_to_the_same_digest() {
    if support::server_or_skip("killed_at_any_moment_it_goes_on_to_the_same_digest").is_none() {
        return;
    }
    let external = External::new("kill").await;
    let place = &external.place;
    place.seed(RECORDS, 2);
    let resume = [&REHEARSE[..], &["--resume"]].concat();
    let nothing = place.run(&resume).expect(2);
    assert!(nothing.err.contains("no interrupted rehearsal found"), "{nothing}");

    let mut running = place.start(&REHEARSE);
    assert!(running.says("migrate: begun"));
    running.kill();
    let [journal] = <[PathBuf; 1]>::try_from(journals(&external)).unwrap();
    let journal: Value = serde_json::from_str(&std::fs::read_to_string(journal).unwrap()).unwrap();
    let (snapshot, sha256) = (journal["snapshot"].as_str().unwrap(), journal["sha256"].clone());
    let aside = external.place.secrets().join("aside");
    let mut left = -1;
    for moment in [
        Moment::Chunks(1),
        Moment::Committing(3),
        Moment::Committing(6),
        Moment::Chunks(7),
        Moment::Says("verify: begun"),
        Moment::Says("isolation: begun"),
        Moment::Says("rollback: begun"),
    ] {
        let mut running = place.start(&resume);
        moment.wait(&external, &mut running).await;
        running.kill();
        let [database] = <[String; 1]>::try_from(external.databases().await).unwrap();
        let mut conn = external.superuser(&database).await;
        let now = chunks(&mut conn).await;
        assert!(now >= left, "{now} chunks after {left}: an acknowledged chunk is gone");
        left = now;
        conn.close().await.unwrap();
        place.evidence_verifies();
        if left == 1 {
            // Another valid snapshot under the same name is not what the rehearsal began with.
            std::fs::rename(snapshot, &aside).unwrap();
            let other = scene::freeze(snapshot.as_ref(), 9).sha256;
            let refused = place.run(&resume).expect(1).json().to_string();
            assert!(refused.contains(&other.short()), "{refused}");
            std::fs::rename(&aside, snapshot).unwrap();
        }
    }
    let [database] = <[String; 1]>::try_from(external.databases().await).unwrap();
    let mut conn = external.superuser(&database).await;
    let (rows, ids): (i64, i64) = sqlx::query_as(AssertSqlSafe(
        "select count(*), count(distinct (tenant_id, record_id)) from bfg_flowcontrol.records",
    ))
    .fetch_one(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    assert_eq!((rows, ids), (RECORDS as i64, RECORDS as i64));

    let report = place.run(&resume).expect(0).json();
    assert_eq!(report["snapshot"]["sha256"], sha256, "{report:#}");
    assert_eq!(report["replay"]["records"], RECORDS);
    // It was killed after its probes had planted rows of their own: so it began anew, elsewhere.
    assert!(report["replay"]["chunks"].as_u64().unwrap() >= 8, "{report:#}");
    assert_eq!(report["verify"]["matched"], true);
    assert_eq!(report["rollback"]["sha256"], sha256);
    assert_eq!(report["rollback"]["equal"], true);
    assert_eq!(external.databases().await, Vec::<String>::new());
    assert_eq!(journals(&external), Vec::<PathBuf>::new());
    place.evidence_verifies();
    place.run(&resume).expect(2);
    for packet in place.packets() {
        // The refused run froze nothing, and says of nothing else that it did.
        let named = &packet["snapshot_sha256"];
        assert!(named.is_null() || *named == sha256, "{packet:#}");
    }
}
