//! Several writers at the same time.

use super::expect::{Outcome, done, equal, holds, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{ErrorKind, NewRecord, Record};
use futures::future::{join_all, select};
use std::future::Future;

super::suite!("concurrent":
    appends_leave_no_gap_and_no_duplicate,
    appends_at_one_head_have_one_winner,
    appends_of_one_batch_write_it_once,
    tenants_do_not_disturb_each_other,
    imports_of_one_chunk_write_it_once,
    enrolling_at_once_succeeds,
    readers_see_whole_batches,
    a_call_given_up_leaves_whole_batches,
);

/// Number of concurrent tasks.
const WRITERS: u64 = 8;

/// Runs tasks concurrently and returns their results, in order.
async fn run_concurrently<T, F>(tasks: impl IntoIterator<Item = F>) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    join_all(running).await.into_iter().map(|ended| ended.map_err(|e| e.to_string())).collect()
}

/// The batches of one writer: 15 of one to three records.
fn batches_of(writer: u64) -> Outcome<Vec<Vec<NewRecord>>> {
    (0..15)
        .map(|batch| {
            let size = 1 + (writer + batch) % 3;
            (0..size)
                .map(|n| sample::note(&format!("w{writer}-b{batch}-r{n}"), r#"{"a":"ż"}"#))
                .collect()
        })
        .collect()
}

async fn append_all(scene: Scene, batches: Vec<Vec<NewRecord>>) -> Outcome<Vec<Appended>> {
    let mut appended = Vec::new();
    for batch in &batches {
        appended.push(scene.append(batch).await?);
    }
    Ok(appended)
}

/// Requires that a history numbers its records from 1 without a gap.
fn numbered(history: &[Record]) -> Outcome {
    let came: Vec<u64> = history.iter().map(|r| r.seq).collect();
    let expected: Vec<u64> = (1..).take(history.len()).collect();
    same("sequence numbers", &came, &expected)
}

/// Requires that each batch is stored where its append said.
fn each_stands(history: &[Record], batches: &[Vec<NewRecord>], came: &[Appended]) -> Outcome {
    for (batch, appended) in batches.iter().zip(came) {
        for (seq, record) in (appended.first..=appended.last).zip(batch) {
            let stored = history.iter().find(|r| r.seq == seq);
            let what = format!("record {seq} of {appended:?}");
            equal(&what, &stored.map(|r| &r.id), &Some(&record.id))?;
        }
    }
    for pair in came.windows(2) {
        holds("a writer's batches stand in the order it sent them", pair[0].last < pair[1].first)?;
    }
    Ok(())
}

async fn appends_leave_no_gap_and_no_duplicate(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let work: Vec<_> = (0..WRITERS).map(batches_of).collect::<Outcome<_>>()?;
    let tasks = work.iter().map(|batches| append_all(scene.clone(), batches.clone()));
    let came = run_concurrently(tasks).await?;
    let history = scene.read(0).await?;
    numbered(&history)?;
    let written: usize = work.iter().flatten().map(Vec::len).sum();
    equal("records of all writers", &history.len(), &written)?;
    equal("head", &scene.head().await?, &(written as u64))?;
    for (batches, appended) in work.iter().zip(came) {
        each_stands(&history, batches, &appended?)?;
    }
    Ok(())
}

async fn appends_at_one_head_have_one_winner(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = Vec::new();
    for round in 0..10 {
        let head = written.len() as u64;
        let batches: Vec<Vec<NewRecord>> = (0..WRITERS)
            .map(|writer| {
                (0..2).map(|n| sample::note(&format!("r{round}-w{writer}-{n}"), "{}")).collect()
            })
            .collect::<Outcome<_>>()?;
        let tasks = batches.iter().cloned().map(|batch| {
            let scene = scene.clone();
            async move { scene.attempt(Expected::Head(head), &batch).await }
        });
        let outcomes = run_concurrently(tasks).await?;
        let mut winners = Vec::new();
        for (outcome, batch) in outcomes.into_iter().zip(&batches) {
            match outcome {
                Ok(_) => winners.push(batch.clone()),
                Err(e) if e.kind() == ErrorKind::Conflict => {}
                Err(e) => return Err(format!("expected conflict, got {}", e.chain())),
            }
        }
        equal("winners of a round", &winners.len(), &1)?;
        written.extend(winners.into_iter().flatten());
        scene.has_exactly(&written).await?;
    }
    Ok(())
}

async fn appends_of_one_batch_write_it_once(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let batch = sample::records(1, 5)?;
    let tasks = (0..WRITERS).map(|_| {
        let (scene, batch) = (scene.clone(), batch.clone());
        async move { scene.append(&batch).await }
    });
    let came = run_concurrently(tasks).await?.into_iter().collect::<Outcome<Vec<_>>>()?;
    for appended in &came {
        equal("place of the batch", &(appended.first, appended.last), &(1, 5))?;
    }
    equal("appends that wrote", &came.iter().filter(|a| !a.replayed).count(), &1)?;
    scene.has_exactly(&batch).await
}

async fn tenants_do_not_disturb_each_other(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let batches = batches_of(0)?;
    let tasks = [&first, &second].map(|scene| append_all(scene.clone(), batches.clone()));
    for came in run_concurrently(tasks).await? {
        came?;
    }
    let written: Vec<_> = batches.into_iter().flatten().collect();
    first.has_exactly(&written).await?;
    second.has_exactly(&written).await
}

/// Two imports of one chunk: one may get a conflict, but nothing is written twice.
async fn imports_of_one_chunk_write_it_once(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let records = sample::history(scene.tenant(), 1, 30)?;
    let tasks = (0..WRITERS).map(|_| {
        let (scene, records) = (scene.clone(), records.clone());
        async move { scene.import("snapshot", &records).await }
    });
    let mut successes = 0;
    for outcome in run_concurrently(tasks).await? {
        match outcome {
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            outcome => {
                equal("last after an import", &done("import", outcome)?.last, &30)?;
                successes += 1;
            }
        }
    }
    holds("at least one import succeeds", successes > 0)?;
    same("read after imports", &scene.read(0).await?, &records)
}

async fn enrolling_at_once_succeeds(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    let tasks = (0..WRITERS).map(|_| {
        let scene = scene.clone();
        async move { scene.enroll().await }
    });
    for outcome in run_concurrently(tasks).await? {
        outcome?;
    }
    equal("roster", &scene.roster().await?, &Some(sample::roster(scene.tenant())?))
}

/// Records in each batch of the two cases below.
const BATCH: u64 = 4;

/// The `n`th batch, counted from 0.
fn batch(n: u64) -> Outcome<Vec<NewRecord>> {
    sample::records(n * BATCH + 1, (n + 1) * BATCH)
}

async fn readers_see_whole_batches(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let writer = tokio::spawn({
        let scene = scene.clone();
        async move {
            for n in 0..30 {
                scene.append(&batch(n)?).await?;
            }
            Outcome::Ok(())
        }
    });
    let mut seen = 0;
    let mut last_round = false;
    while !last_round {
        last_round = writer.is_finished();
        let history = scene.read(0).await?;
        let count = history.len() as u64;
        same("read while another writes", &history, &sample::history(scene.tenant(), 1, count)?)?;
        equal("records of a batch seen in part", &(count % BATCH), &0)?;
        holds("a later read gives no less", count >= seen)?;
        seen = count;
        tokio::task::yield_now().await;
    }
    writer.await.map_err(|e| e.to_string())??;
    scene.has_exactly(&sample::records(1, 30 * BATCH)?).await
}

/// A caller may stop waiting at any moment. The batch is stored completely or not at all, and
/// sending it again shows which.
async fn a_call_given_up_leaves_whole_batches(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    for n in 0..30 {
        let batch = batch(n)?;
        let call = Box::pin(scene.attempt(Expected::Any, &batch));
        let patience = async {
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
        };
        // Whichever ends second is dropped here.
        drop(select(call, Box::pin(patience)).await);
        let appended = scene.append(&batch).await?;
        let expected = (n * BATCH + 1, (n + 1) * BATCH);
        equal("append after giving up", &(appended.first, appended.last), &expected)?;
    }
    scene.has_exactly(&sample::records(1, 30 * BATCH)?).await
}
