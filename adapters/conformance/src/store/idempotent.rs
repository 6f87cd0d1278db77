//! Repeating what is already stored.

use super::expect::{Outcome, done, equal, refused};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{ErrorKind, Kind, NewRecord, Payload, Timestamp};

super::suite!("idempotent":
    replays_the_same_batch,
    replays_an_older_batch,
    replays_whatever_head_is_expected,
    replays_records_that_were_batched_otherwise,
    refuses_a_batch_that_is_there_in_part,
    refuses_an_id_with_another_payload,
    refuses_an_id_with_another_kind,
    refuses_an_id_with_another_actor,
    refuses_an_id_with_another_time,
);

fn replayed(first: u64, last: u64) -> Appended {
    Appended { first, last, replayed: true }
}

async fn replays_the_same_batch(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let batch = scene.fill(1, 5).await?;
    for _ in 0..3 {
        equal("append again", &scene.append(&batch).await?, &replayed(1, 5))?;
        scene.has_exactly(&batch).await?;
    }
    Ok(())
}

async fn replays_an_older_batch(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = scene.fill(1, 3).await?;
    written.extend(scene.fill(4, 6).await?);
    written.extend(scene.fill(7, 7).await?);
    for (first, last) in [(1, 3), (4, 6), (7, 7)] {
        let again = scene.append(&sample::records(first, last)?).await?;
        equal("append of an older batch", &again, &replayed(first, last))?;
    }
    scene.has_exactly(&written).await
}

async fn replays_whatever_head_is_expected(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = scene.fill(1, 3).await?;
    written.extend(scene.fill(4, 6).await?);
    for head in [0, 3, 6, 99, u64::MAX] {
        let again = scene.attempt(Expected::Head(head), &sample::records(1, 3)?).await;
        let what = format!("append again with expected head {head}");
        equal(&what, &done(&what, again)?, &replayed(1, 3))?;
    }
    scene.has_exactly(&written).await
}

/// A client that lost the response may split its records into other batches.
async fn replays_records_that_were_batched_otherwise(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = scene.fill(1, 4).await?;
    written.extend(scene.fill(5, 8).await?);
    for (first, last) in [(2, 2), (2, 4), (3, 6), (1, 8)] {
        let again = scene.append(&sample::records(first, last)?).await?;
        equal("append in other batches", &again, &replayed(first, last))?;
    }
    scene.has_exactly(&written).await
}

async fn refuses_a_batch_that_is_there_in_part(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 3).await?;
    let overlapping = sample::records(2, 5)?;
    let mut new_first = sample::records(4, 5)?;
    new_first.extend(sample::records(1, 3)?);
    for batch in [overlapping, new_first] {
        let outcome = scene.attempt(Expected::Any, &batch).await;
        refused("append of a batch there in part", outcome, &[ErrorKind::Conflict])?;
        scene.has_exactly(&written).await?;
    }
    Ok(())
}

/// Appends a note, changes it, and requires that the change is refused alone and in a batch.
async fn refuses_changed(
    fixture: &dyn StoreFixture,
    change: impl FnOnce(&mut NewRecord) -> Outcome + Send,
) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let original = sample::note("taken", r#"{"n":1}"#)?;
    scene.append(std::slice::from_ref(&original)).await?;
    let mut changed = original.clone();
    change(&mut changed)?;
    for expected in [Expected::Any, Expected::Head(1), Expected::Head(0)] {
        let outcome = scene.attempt(expected, std::slice::from_ref(&changed)).await;
        refused("append of another record by a taken id", outcome, &[ErrorKind::Conflict])?;
    }
    scene.has_exactly(&[original]).await
}

async fn refuses_an_id_with_another_payload(fixture: &dyn StoreFixture) -> Outcome {
    refuses_changed(fixture, |record| {
        record.payload = sample::valid(Payload::parse(r#"{"n":2}"#))?;
        Ok(())
    })
    .await
}

async fn refuses_an_id_with_another_kind(fixture: &dyn StoreFixture) -> Outcome {
    refuses_changed(fixture, |record| {
        record.kind = Kind::Evidence;
        Ok(())
    })
    .await
}

async fn refuses_an_id_with_another_actor(fixture: &dyn StoreFixture) -> Outcome {
    refuses_changed(fixture, |record| {
        record.actor = sample::actor_id("marek")?;
        Ok(())
    })
    .await
}

async fn refuses_an_id_with_another_time(fixture: &dyn StoreFixture) -> Outcome {
    refuses_changed(fixture, |record| {
        let later = Timestamp::from_micros(record.occurred_at.micros() + 1);
        record.occurred_at = sample::valid(later)?;
        Ok(())
    })
    .await
}
