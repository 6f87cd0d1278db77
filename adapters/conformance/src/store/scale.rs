//! Many records.

use super::expect::{Outcome, done, equal};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::store::{Appended, Expected};
use futures::StreamExt;

super::suite!("scale": many_records);

/// Records in one append.
const BATCH: u64 = 1_000;

/// The large history is created and compared batch by batch, so that the suite itself uses little
/// memory.
async fn many_records(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let scale = fixture.scale();
    let mut head = 0;
    while head < scale {
        let last = (head + BATCH).min(scale);
        let batch = sample::records(head + 1, last)?;
        let appended = done("append", scene.attempt(Expected::Head(head), &batch).await)?;
        let expected = Appended { first: head + 1, last, replayed: false };
        equal("append", &appended, &expected)?;
        head = last;
    }
    equal("head", &scene.head().await?, &scale)?;
    let mut reading = scene.reading(0).await?;
    let mut seq = 0;
    while let Some(batch) = reading.next().await {
        for record in done("next batch", batch)? {
            seq += 1;
            let expected = sample::record(seq)?.placed(scene.tenant().clone(), seq);
            equal(&format!("record {seq}"), &record, &expected)?;
        }
    }
    equal("records read", &seq, &scale)?;
    let last = sample::history(scene.tenant(), scale, scale)?.pop();
    let id = sample::record_id(&format!("rec-{scale}"))?;
    equal("get of the last record", &scene.get(&id).await?, &last)
}
