//! Reading a history.

use super::expect::{Outcome, done, equal, placed, same};
use super::scene::{Scene, drain};
use super::{StoreFixture, sample};
use futures::StreamExt;

super::suite!("read":
    finds_each_record_by_id,
    knows_no_absent_record,
    gives_an_empty_history,
    gives_everything_in_order,
    starts_after_a_record,
    gives_nothing_past_the_end,
    is_a_view_of_the_moment,
    serves_two_readers,
    survives_readers_that_stop_early,
);

/// Enough records for several batches of most stores.
const MANY: u64 = 2_500;

async fn finds_each_record_by_id(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 20).await?;
    scene.fill(21, 25).await?;
    for expected in sample::history(scene.tenant(), 1, 25)? {
        let what = format!("get of {}", expected.id);
        equal(&what, &scene.get(&expected.id).await?, &Some(expected))?;
    }
    Ok(())
}

async fn knows_no_absent_record(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 20).await?;
    for id in ["rec-21", "rec-", "rec", "REC-1", "rec-%", "rec_1", "%", "rec-01", "rec-1.", "1"] {
        let came = scene.get(&sample::record_id(id)?).await?;
        equal(&format!("get of the absent {id:?}"), &came, &None)?;
    }
    Ok(())
}

async fn gives_an_empty_history(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    for after in [0, 1, u64::MAX] {
        same("read of an empty history", &scene.read(after).await?, &[])?;
    }
    equal("head of an empty history", &scene.head().await?, &0)
}

async fn gives_everything_in_order(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, MANY).await?;
    scene.has_exactly(&written).await
}

async fn starts_after_a_record(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 30).await?;
    for after in [1, 9, 10, 29] {
        let expected = sample::history(scene.tenant(), after + 1, 30)?;
        same(&format!("read after {after}"), &scene.read(after).await?, &expected)?;
    }
    Ok(())
}

async fn gives_nothing_past_the_end(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 10).await?;
    for after in [10, 11, 1_000, i64::MAX as u64, u64::MAX] {
        same(&format!("read after {after}"), &scene.read(after).await?, &[])?;
    }
    Ok(())
}

async fn is_a_view_of_the_moment(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let before = scene.fill(1, MANY).await?;
    let started = scene.reading(0).await?;
    let tail = scene.reading(MANY - 1).await?;
    let at_end = scene.reading(MANY).await?;
    scene.fill(MANY + 1, MANY + 5).await?;
    let expected = placed(scene.tenant(), 1, &before);
    same("read begun before an append", &drain(started).await?, &expected)?;
    let last = sample::history(scene.tenant(), MANY, MANY)?;
    same("read of the tail begun before an append", &drain(tail).await?, &last)?;
    same("read at the end begun before an append", &drain(at_end).await?, &[])?;
    equal("head", &scene.head().await?, &(MANY + 5))
}

async fn serves_two_readers(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, MANY).await?;
    let mut one = scene.reading(0).await?.fuse();
    let mut other = scene.reading(100).await?.fuse();
    let (mut from_one, mut from_other) = (Vec::new(), Vec::new());
    // In turn, until both have ended.
    while !(one.is_done() && other.is_done()) {
        if let Some(batch) = one.next().await {
            from_one.extend(done("next batch of one reader", batch)?);
        }
        if let Some(batch) = other.next().await {
            from_other.extend(done("next batch of the other reader", batch)?);
        }
    }
    let expected = sample::history(scene.tenant(), 1, MANY)?;
    same("one of two readers", &from_one, &expected)?;
    same("the other of two readers", &from_other, &expected[100..])
}

/// A reader that stops early must release what it held: a connection, a lock, a file.
async fn survives_readers_that_stop_early(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = scene.fill(1, MANY).await?;
    for place in 0..40 {
        let mut reading = scene.reading(0).await?;
        if place % 2 == 0 {
            reading.next().await;
        }
    }
    written.extend(scene.fill(MANY + 1, MANY + 2).await?);
    scene.has_exactly(&written).await
}
