//! Importing by batches of kinds: the same store as by chunks, whatever happens in between.

use crate::database::{Database, run};
use crate::store_postgres::scene::{
    chunk, cx, drain, enroll, fill, placed, record, snapshot, tenant,
};
use flowcontrol_contract::store::{Chunk, Expected, Imported};
use flowcontrol_contract::{
    BatchImport, CallCx, Digest, ErrorKind, Fence, Kind, Part, Record, ScenarioStore, Timestamp,
    Window,
};
use flowcontrol_store_postgres::PgStore;
use std::time::Duration;

const BATCHES: [(&str, &[Kind]); 3] = [
    ("operations", &[Kind::Order, Kind::Document]),
    ("finance", &[Kind::Invoice, Kind::Payment]),
    ("audit", &[Kind::Risk]),
];

/// The records of a batch.
fn of(batch: &str, all: &[Record]) -> Vec<Record> {
    let kinds = BATCHES.iter().find(|(name, _)| *name == batch).unwrap().1;
    all.iter().filter(|r| kinds.contains(&r.kind)).cloned().collect()
}

fn part<'a>(batch: &'a str, records: &'a [Record]) -> Part<'a> {
    Part { snapshot: snapshot(), batch, records }
}

fn at(last: u64) -> Imported {
    Imported { last, snapshot: Some(snapshot()) }
}

async fn one() -> (Database, PgStore) {
    let database = Database::migrated().await;
    let store = database.store(&database.logins.replayer).await;
    enroll(&store, &["a", "b"]).await;
    (database, store)
}

/// Everything that a reader of the whole database can see of the tenants' records: the export,
/// every row read back with its table's count, the manifests, and where an import stands.
async fn everything(database: &Database) -> Vec<String> {
    let verifier = database.verifier().await;
    let tenants = [tenant("a"), tenant("b")];
    let exported = verifier.export(&tenants).await.unwrap();
    let mut seen = vec![format!("{:?}", exported.rosters)];
    let records = drain(exported.batches).await.unwrap();
    seen.extend(records.iter().map(Record::to_line));
    let mut view = verifier.read_back(&tenants).await.unwrap();
    seen.extend(view.counts().await.unwrap().iter().map(|c| format!("{c:?}")));
    for table in view.tables() {
        for tenant in &tenants {
            let mut after = 0;
            loop {
                let rows = view.rows(table, tenant, after).await.unwrap();
                let Some(last) = rows.last() else { break };
                after = last.seq;
                seen.extend(rows.iter().map(|r| format!("{table} {tenant} {r:?}")));
            }
        }
    }
    let mut conn = database.superuser().await;
    let manifests = "select tenant_id || snapshot_id || checksum || payload::text \
                     from bfg_flowcontrol.scenario_snapshots order by 1";
    let manifests: Vec<String> = sqlx::query_scalar(manifests).fetch_all(&mut conn).await.unwrap();
    assert_eq!(manifests.len(), 2);
    seen.extend(manifests);
    let store = database.store(&database.logins.replayer).await;
    for tenant in ["a", "b"] {
        seen.push(format!("{:?}", store.import(&cx(tenant), chunk(&[])).await.unwrap()));
    }
    seen
}

/// Imports what is left of a batch in parts of `size`; ends early with an error.
async fn go_on(
    store: &PgStore,
    cx: &CallCx,
    batch: &str,
    all: &[Record],
    size: usize,
) -> flowcontrol_contract::Result<()> {
    let records = of(batch, all);
    let stands = store.progress(cx, snapshot(), batch).await?;
    let from = records.partition_point(|r| r.seq <= stands);
    for some in records[from..].chunks(size) {
        store.import_batch(cx, part(batch, some)).await?;
    }
    Ok(())
}

/// The database that chunk-wise import makes of the same snapshot.
async fn by_chunks(all: &[(&str, Vec<Record>)]) -> Vec<String> {
    let (database, store) = one().await;
    for (tenant, records) in all {
        for some in records.chunks(170) {
            store.import(&cx(tenant), chunk(some)).await.unwrap();
        }
    }
    everything(&database).await
}

fn scenario() -> Vec<(&'static str, Vec<Record>)> {
    vec![("a", placed("a", 1, 1_200)), ("b", placed("b", 1, 7))]
}

type Line = (String, String, i64, i64, i64);

async fn ledger(database: &Database) -> Vec<Line> {
    let sql = "select tenant_id, batch, first_seq, last_seq, records \
               from bfg_flowcontrol.cutover_parts order by tenant_id, batch, first_seq";
    let mut conn = database.superuser().await;
    sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
}

/// Cut off anywhere, by the caller and by the server, and resumed by another process.
#[tokio::test(flavor = "multi_thread")]
async fn batches_cut_anywhere_make_the_store_that_chunks_make() {
    let (database, _) = one().await;
    let (all, mut cut, mut killed) = (scenario(), 0, 0);
    for (tenant, records) in &all {
        for (batch, _) in BATCHES {
            let mut micros = 1_000;
            loop {
                // A new connection each time, as a new process has.
                let store = database.store(&database.logins.replayer).await;
                let cx = cx(tenant);
                let work = go_on(&store, &cx, batch, records, 60);
                match tokio::time::timeout(Duration::from_micros(micros), work).await {
                    Ok(done) => {
                        done.unwrap();
                        break;
                    }
                    Err(_) => cut += 1,
                }
                micros += micros / 2;
            }
        }
    }
    assert!(cut >= 8, "cut {cut} times");
    assert_eq!(everything(&database).await, by_chunks(&all).await);
    // No record stands in two parts, and none in no part.
    let lines = ledger(&database).await;
    for (tenant, records) in &all {
        for (batch, _) in BATCHES {
            let of_it = lines.iter().filter(|l| l.0 == *tenant && l.1 == batch);
            let counted: i64 = of_it.clone().map(|l| l.4).sum();
            assert_eq!(counted, of(batch, records).len() as i64, "{tenant} {batch}");
            let ends: Vec<_> = of_it.flat_map(|l| [l.2, l.3]).collect();
            assert!(ends.is_sorted(), "{tenant} {batch}: {ends:?}");
        }
    }

    // And once more with the server's own process killed under the work.
    let (database, store) = one().await;
    let mut admin = database.superuser().await;
    for (tenant, records) in &all {
        for (batch, _) in BATCHES {
            let kill = async {
                tokio::time::sleep(Duration::from_millis(15)).await;
                let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                            where usename = $1";
                let kill = sqlx::query_scalar::<_, i64>(kill).bind(&database.roles.replayer);
                kill.fetch_one(&mut admin).await.unwrap()
            };
            let context = cx(tenant);
            let (done, _) = tokio::join!(go_on(&store, &context, batch, records, 20), kill);
            killed += u32::from(done.is_err());
            while let Err(error) = go_on(&store, &context, batch, records, 20).await {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
        }
    }
    assert!(killed > 0, "no call was killed");
    assert_eq!(everything(&database).await, by_chunks(&all).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_write_every_part_once() {
    let (database, _) = one().await;
    let all = scenario();
    for (tenant, records) in &all {
        for (batch, _) in BATCHES {
            let work = (0..3).map(|_| async {
                let store = database.store(&database.logins.replayer).await;
                // From the very beginning, whatever the other has done.
                for some in of(batch, records).chunks(50) {
                    let done = store.import_batch(&cx(tenant), part(batch, some)).await.unwrap();
                    assert!(done.last >= some.last().unwrap().seq);
                }
            });
            futures::future::join_all(work).await;
        }
    }
    assert_eq!(everything(&database).await, by_chunks(&all).await);
    let parts = of("finance", &all[0].1).chunks(50).len();
    let lines = ledger(&database).await;
    assert_eq!(lines.iter().filter(|l| l.0 == "a" && l.1 == "finance").count(), parts);
}

#[tokio::test]
async fn parts_come_twice_without_harm_and_each_batch_has_its_own_end() {
    let (database, store) = one().await;
    let all = placed("a", 1, 20);
    let (operations, finance) = (of("operations", &all), of("finance", &all));
    let a = cx("a");
    let progress = async |batch| store.progress(&a, snapshot(), batch).await.unwrap();
    assert_eq!(progress("operations").await, 0);
    let nothing = store.import_batch(&a, part("operations", &[])).await.unwrap();
    assert_eq!(nothing, Imported { last: 0, snapshot: None });
    for _ in 0..2 {
        let done = store.import_batch(&a, part("operations", &operations[..4])).await.unwrap();
        assert_eq!(done, at(operations[3].seq));
    }
    // Half of it is there.
    let done = store.import_batch(&a, part("operations", &operations[2..])).await.unwrap();
    assert_eq!(done, at(20));
    assert_eq!((progress("operations").await, progress("finance").await), (20, 0));
    assert_eq!(store.import_batch(&a, part("finance", &finance)).await.unwrap(), at(18));
    let line = |batch: &str, records: &[Record]| {
        let (first, last) = (records.first().unwrap().seq, records.last().unwrap().seq);
        let numbers = (first.cast_signed(), last.cast_signed(), records.len().cast_signed() as i64);
        ("a".to_owned(), batch.to_owned(), numbers.0, numbers.1, numbers.2)
    };
    let expected = [
        line("finance", &finance),
        line("operations", &operations[..4]),
        line("operations", &operations[4..]),
    ];
    assert_eq!(ledger(&database).await, expected);
}

/// What chunks or appends brought counts as there, and the batch knows it from then on.
#[tokio::test]
async fn what_is_there_already_is_compared_and_counted_in() {
    let (database, store) = one().await;
    let all = placed("a", 1, 30);
    store.import(&cx("a"), chunk(&all[..12])).await.unwrap();
    fill(&store, "b", 1, 12).await;
    for id in ["a", "b"] {
        let all = placed(id, 1, 30);
        for (batch, _) in BATCHES {
            let records = of(batch, &all);
            let done = store.import_batch(&cx(id), part(batch, &records)).await.unwrap();
            assert_eq!(done.last, records.last().unwrap().seq);
            let stands = store.progress(&cx(id), snapshot(), batch).await.unwrap();
            assert_eq!(stands, done.last);
        }
    }
    let chunks = by_chunks(&[("a", all.clone()), ("b", placed("b", 1, 30))]).await;
    assert_eq!(everything(&database).await, chunks);
    // And the other way: chunks meet what the batches brought.
    assert_eq!(store.import(&cx("a"), chunk(&all)).await.unwrap(), at(30));
}

#[tokio::test]
async fn another_snapshot_an_edited_record_and_a_hole_are_conflicts() {
    let (database, store) = one().await;
    let (a, all) = (cx("a"), placed("a", 1, 20));
    let operations = of("operations", &all);
    store.import_batch(&a, part("operations", &operations[..4])).await.unwrap();
    let mut edited = operations.clone();
    edited[1].payload = record("a", 15).payload;
    let mut renamed = operations[4..6].to_vec();
    renamed[1].id = all[0].id.clone();
    let mut forged = operations.clone();
    // Its place is free, but the batch is there beyond it.
    forged.insert(1, all[1].clone());
    let other = Part { snapshot: Digest::of("other"), ..part("finance", &all[1..2]) };
    let before = ledger(&database).await;
    for (refused, why) in [
        (part("operations", &edited), "is already stored with another content"),
        (part("finance", &edited[..3]), "is already stored with another content"),
        (part("operations", &renamed), "records_record_id_key"),
        (part("operations", &forged), "but record 2 (r2) is missing"),
        (other, "was imported from snapshot"),
    ] {
        let error = store.import_batch(&a, refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.message().contains(why), "{error}");
    }
    let wrong = store.progress(&a, Digest::of("other"), "operations").await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Conflict);
    let error = store.import(&a, Chunk { snapshot: Digest::of("other"), ..chunk(&all[..1]) }).await;
    assert!(error.unwrap_err().message().contains("was imported from snapshot"));
    for (tenant, refused, why) in [
        ("b", part("operations", &operations[..1]), "belongs to tenant a"),
        ("a", part("Operations", &operations[..1]), "the name of a batch"),
        ("c", part("operations", &placed("c", 5, 5)), "tenant c is not enrolled"),
    ] {
        let error = store.import_batch(&cx(tenant), refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(why), "{error}");
    }
    let mut stranger = operations[4..5].to_vec();
    stranger[0].actor = flowcontrol_contract::ActorId::new("nobody").unwrap();
    let error = store.import_batch(&a, part("operations", &stranger)).await.unwrap_err();
    assert!(error.message().contains("actor nobody"), "{error}");
    assert_eq!(ledger(&database).await, before);
    let application = database.store(&database.logins.application).await;
    let denied = application.import_batch(&a, part("finance", &all[1..2])).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
}

fn window(millis: i64) -> Window {
    let now = Timestamp::now().micros();
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    Window::new("cutover-1", "data cutover", at(now - 1), at(now + millis * 1000)).unwrap()
}

/// The target stays closed to everybody but the cutover, until that is over.
#[tokio::test]
async fn a_cutover_writes_under_its_own_window_alone() {
    let (database, store) = one().await;
    let all = placed("a", 1, 20);
    let own = CallCx { window: Some("cutover-1".into()), ..cx("a") };
    store.raise(&[tenant("a")], &window(60_000)).await.unwrap();
    let application = database.store(&database.logins.application).await;
    for (batch, _) in BATCHES {
        let refused = store.import_batch(&cx("a"), part(batch, &of(batch, &all))).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Frozen);
        store.import_batch(&own, part(batch, &of(batch, &all))).await.unwrap();
        let next = [record("a", 21)];
        let refused = application.append(&cx("a"), Expected::Any, &next).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Frozen);
    }
    application.lift(&[tenant("a")], "cutover-1").await.unwrap();
    let done = application.append(&cx("a"), Expected::Head(20), &[record("a", 21)]).await;
    assert_eq!(done.unwrap().first, 21);
    // The window has ended: somebody may have been let in, so the cutover does not go on.
    let error = store.import_batch(&own, part("audit", &of("audit", &all))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.message().contains("cutover-1 of tenant a ended while"), "{error}");
}

/// An application that was let in too early took a number: nothing is written over, and the record
/// in the way is named.
#[tokio::test]
async fn a_record_in_the_way_is_named_and_not_written_over() {
    let (database, store) = one().await;
    let all = placed("a", 1, 20);
    let operations = of("operations", &all);
    store.import_batch(&cx("a"), part("operations", &operations[..4])).await.unwrap();
    let application = database.store(&database.logins.application).await;
    // The batch stands at 10, so the append takes 11, a document of the snapshot.
    assert_eq!(operations[3].seq, 10);
    application.append(&cx("a"), Expected::Any, &[record("a", 99)]).await.unwrap();
    let error = store.import_batch(&cx("a"), part("operations", &operations[4..])).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("record 11 (r99) is already stored"), "{error}");
    let mut conn = database.superuser().await;
    run(&mut conn, "select 1 / (count(*) = 5)::int from bfg_flowcontrol.records").await;
}
