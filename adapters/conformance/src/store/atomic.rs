//! A batch that fails must leave nothing behind.

use super::expect::{Outcome, equal, refused};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{ErrorKind, NewRecord};

super::suite!("atomic":
    undoes_a_batch_with_a_bad_actor_at_its_end,
    undoes_a_batch_with_a_taken_id_at_its_end,
    undoes_a_batch_with_a_wrong_head,
    leaves_no_gap_after_a_failure,
);

/// Requires that a failed batch has no effect.
async fn nothing_of(scene: &Scene, batch: &[NewRecord], written: &[NewRecord]) -> Outcome {
    for record in batch.iter().filter(|r| !written.iter().any(|w| w.id == r.id)) {
        let what = format!("get of {} from a failed batch", record.id);
        equal(&what, &scene.get(&record.id).await?, &None)?;
    }
    scene.has_exactly(written).await
}

fn by_nobody() -> Outcome<NewRecord> {
    let mut record = sample::note("by-nobody", "{}")?;
    record.actor = sample::actor_id("nobody")?;
    Ok(record)
}

async fn undoes_a_batch_with_a_bad_actor_at_its_end(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 2).await?;
    let mut batch = sample::records(3, 20)?;
    batch.push(by_nobody()?);
    let outcome = scene.attempt(Expected::Any, &batch).await;
    refused("append with a bad actor", outcome, &[ErrorKind::InvalidInput])?;
    nothing_of(&scene, &batch, &written).await
}

async fn undoes_a_batch_with_a_taken_id_at_its_end(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 2).await?;
    let mut batch = sample::records(3, 20)?;
    batch.push(sample::note("rec-1", r#"{"other":"content"}"#)?);
    let outcome = scene.attempt(Expected::Any, &batch).await;
    refused("append with a taken id", outcome, &[ErrorKind::Conflict])?;
    nothing_of(&scene, &batch, &written).await
}

async fn undoes_a_batch_with_a_wrong_head(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 2).await?;
    let batch = sample::records(3, 20)?;
    let outcome = scene.attempt(Expected::Head(1), &batch).await;
    refused("append at a wrong head", outcome, &[ErrorKind::Conflict])?;
    nothing_of(&scene, &batch, &written).await
}

async fn leaves_no_gap_after_a_failure(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = scene.fill(1, 2).await?;
    let mut batch = sample::records(3, 6)?;
    batch.push(by_nobody()?);
    let outcome = scene.attempt(Expected::Any, &batch).await;
    refused("append with a bad actor", outcome, &[ErrorKind::InvalidInput])?;
    batch.pop();
    let appended = scene.append(&batch).await?;
    equal("append after a failure", &(appended.first, appended.last), &(3, 6))?;
    written.extend(batch);
    scene.has_exactly(&written).await
}
