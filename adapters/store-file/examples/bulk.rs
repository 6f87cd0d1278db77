//! Measures import, read, export and look-up: `bulk RECORDS [DIR]`. Prints seconds and records a
//! second in wall-clock time and in processor time, and the process's peak memory after each step
//! (Linux).

use flowcontrol_contract::store::{Chunk, Expected};
use flowcontrol_contract::{
    Actor, ActorId, CallCx, Digest, Kind, NewRecord, Payload, Record, RecordId, Result, Roster,
    ScenarioStore, TenantId, Timestamp,
};
use flowcontrol_store_file::FileStore;
use futures::StreamExt as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

const CHUNK: u64 = 5_000;

fn record(tenant: &TenantId, actor: &ActorId, seq: u64) -> Result<Record> {
    let payload = format!(
        r#"{{"order_no":"BFG/{seq}","client":"Lviv Farma","origin":"Rzeszów","destination":"Львів","status":"new","price":{{"amount":"1250.00","currency":"EUR"}}}}"#
    );
    let new = NewRecord::new(
        RecordId::new(format!("order-{seq:09}"))?,
        Kind::Order,
        actor.clone(),
        Timestamp::from_micros(1_770_000_000_000_000 + i64::try_from(seq).unwrap_or(0))?,
        Payload::parse(&payload)?,
    )?;
    Ok(new.placed(tenant.clone(), seq))
}

fn peak_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}

/// Seconds of processor time used by this process, which other load does not change.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(13) + ticks(14)) / 100.0
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
struct Moment(Instant, f64);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), processor())
    }
}

fn report(step: &str, count: u64, Moment(since, used): Moment) {
    let (seconds, used) = (since.elapsed().as_secs_f64(), processor() - used);
    let (rate, busy) = (count as f64 / seconds, count as f64 / used);
    // A closed pipe is no reason to stop measuring.
    let _ = writeln!(
        std::io::stdout(),
        "{step:<8} {count:>8} {seconds:>7.2} s {rate:>8.0}/s  processor {used:>6.2} s {busy:>8.0}/s  \
         peak {}",
        peak_kib()
    );
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(200_000), |n| n.parse())?;
    let temporary = tempfile::tempdir()?;
    let dir = arguments.next().map_or(temporary.path().join("store"), Into::into);
    let (tenant, actor) = (TenantId::new("bfg")?, ActorId::new("user_dispatcher_marek")?);
    let cx = CallCx::tenant(tenant.clone());
    let store = FileStore::open(&dir)?;
    let actors = vec![Actor {
        id: actor.clone(),
        display_name: "Marek Zielinski".into(),
        organisation: "Dispatch desk".into(),
        role: "dispatcher".into(),
        permissions: vec![],
    }];
    store.enroll(&cx, &Roster::new(tenant.clone(), "BFG", actors)?).await?;

    let mut making = (Duration::ZERO, 0.0);
    let start = Moment::now();
    for first in (1..=count).step_by(CHUNK as usize) {
        let since = Moment::now();
        let last = count.min(first + CHUNK - 1);
        let records: Vec<_> =
            (first..=last).map(|seq| record(&tenant, &actor, seq)).collect::<Result<_>>()?;
        making = (making.0 + since.0.elapsed(), making.1 + processor() - since.1);
        store.import(&cx, Chunk { snapshot: Digest::of("bulk"), records: &records }).await?;
    }
    report("import", count, Moment(start.0 + making.0, start.1 + making.1));

    let since = Moment::now();
    let mut batches = store.read(&cx, 0).await?;
    let mut read = 0;
    while let Some(batch) = batches.next().await {
        read += batch?.len() as u64;
    }
    report("read", read, since);

    let since = Moment::now();
    let fresh = FileStore::open(&dir)?;
    let mut batches = fresh.export(std::slice::from_ref(&tenant)).await?.batches;
    let mut exported = 0;
    while let Some(batch) = batches.next().await {
        exported += batch?.len() as u64;
    }
    report("export", exported, since);

    let since = Moment::now();
    let fresh = FileStore::open(&dir)?;
    let mut found = 0;
    for seq in (1..=count).step_by((count / 200).max(1) as usize) {
        found += u64::from(fresh.get(&cx, &record(&tenant, &actor, seq)?.id).await?.is_some());
    }
    report("get", found, since);

    let since = Moment::now();
    for i in 0..200 {
        let new = record(&tenant, &actor, count + 1 + i)?;
        let new = NewRecord::new(new.id, new.kind, new.actor, new.occurred_at, new.payload)?;
        store.append(&cx, Expected::Head(count + i), &[new]).await?;
    }
    report("append", 200, since);

    let index = dir.join("tenants").join(Digest::of("bfg").to_string()).join("index");
    // Few records have no index on disk.
    if index.exists() {
        std::fs::remove_dir_all(index)?;
    }
    let since = Moment::now();
    let fresh = FileStore::open(&dir)?;
    fresh.head(&cx).await?;
    report("rebuild", count, since);
    Ok(())
}
