//! Records must come back exactly as they were written.

use super::expect::{Outcome, equal, placed};
use super::scene::Scene;
use super::{StoreFixture, awkward, sample};
use flowcontrol_contract::NewRecord;
use flowcontrol_contract::record::MAX_PAYLOAD_BYTES;

super::suite!("content":
    keeps_unicode_ids_apart,
    keeps_awkward_ids_apart,
    keeps_unicode_text,
    keeps_numbers,
    keeps_escapes,
    keeps_structure,
    keeps_times_to_the_microsecond,
    keeps_a_payload_of_one_megabyte,
    keeps_the_largest_payload,
);

/// Writes the records in one batch and requires each of them back, by id and in the history.
async fn round_trip(fixture: &dyn StoreFixture, written: &[NewRecord]) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.append(written).await?;
    for expected in placed(scene.tenant(), 1, written) {
        let came = scene.get(&expected.id).await?;
        equal(&format!("get of {:?}", expected.id), &came, &Some(expected))?;
    }
    scene.has_exactly(written).await
}

async fn keeps_unicode_ids_apart(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::unicode_ids()?).await
}

async fn keeps_awkward_ids_apart(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::awkward_ids()?).await
}

async fn keeps_unicode_text(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::unicode_text()?).await
}

async fn keeps_numbers(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::numbers()?).await
}

async fn keeps_escapes(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::escapes()?).await
}

async fn keeps_structure(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::structure()?).await
}

async fn keeps_times_to_the_microsecond(fixture: &dyn StoreFixture) -> Outcome {
    round_trip(fixture, &awkward::times()?).await
}

/// Text of about this many bytes in which no part repeats, with letters of one to four bytes.
fn long_text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 32);
    let mut n = 0u64;
    while text.len() < bytes {
        text.push_str(&n.to_string());
        text.push_str("ż🚚є'%");
        n += 1;
    }
    text
}

async fn keeps_a_payload_of_one_megabyte(fixture: &dyn StoreFixture) -> Outcome {
    let payload = format!("{{\"scan\":\"{}\"}}", long_text(1 << 20));
    let mut written = vec![sample::note("scan", &payload)?];
    written.extend(sample::records(1, 2)?);
    round_trip(fixture, &written).await
}

async fn keeps_the_largest_payload(fixture: &dyn StoreFixture) -> Outcome {
    let frame = "{\"scan\":\"\"}".len();
    let payload = format!("{{\"scan\":\"{}\"}}", "x".repeat(MAX_PAYLOAD_BYTES - frame));
    round_trip(fixture, &[sample::note("scan", &payload)?]).await
}
