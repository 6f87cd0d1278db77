//! Appending: sequence numbers, heads and refusals.

use super::expect::{Outcome, done, equal, placed, refused, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{ErrorKind, Kind};

super::suite!("append":
    starts_at_one,
    continues_without_a_gap,
    keeps_every_kind,
    accepts_an_empty_batch,
    accepts_the_right_head,
    refuses_a_head_that_is_too_low,
    refuses_a_head_that_is_too_high,
    refuses_an_unknown_tenant,
    refuses_an_unknown_actor,
    refuses_one_id_twice_in_a_batch,
    ignores_times_when_ordering,
    takes_a_large_batch,
);

async fn starts_at_one(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    equal("head of an empty history", &scene.head().await?, &0)?;
    let batch = sample::records(1, 4)?;
    let expected = Appended { first: 1, last: 4, replayed: false };
    equal("first append", &scene.append(&batch).await?, &expected)?;
    scene.has_exactly(&batch).await
}

async fn continues_without_a_gap(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = Vec::new();
    for (first, last) in [(1, 3), (4, 4), (5, 30)] {
        let batch = sample::records(first, last)?;
        let expected = Appended { first, last, replayed: false };
        equal("append", &scene.append(&batch).await?, &expected)?;
        written.extend(batch);
    }
    scene.has_exactly(&written).await
}

async fn keeps_every_kind(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    // Two rounds, since an optional field is present in every other record.
    let written = scene.fill(1, 2 * Kind::ALL.len() as u64).await?;
    for expected in placed(scene.tenant(), 1, &written) {
        let what = format!("get of a record of kind {}", expected.kind);
        equal(&what, &scene.get(&expected.id).await?, &Some(expected))?;
    }
    Ok(())
}

async fn accepts_an_empty_batch(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    for head in [0, 3] {
        for expected in [Expected::Any, Expected::Head(head)] {
            let appended = done("append of nothing", scene.attempt(expected, &[]).await)?;
            equal("append of nothing", &(appended.first, appended.last), &(0, 0))?;
        }
        equal("head", &scene.head().await?, &head)?;
        scene.fill(1, 3).await?;
    }
    Ok(())
}

async fn accepts_the_right_head(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    for (head, last) in [(0, 2), (2, 3), (3, 9)] {
        let batch = sample::records(head + 1, last)?;
        let appended =
            done("append at the head", scene.attempt(Expected::Head(head), &batch).await)?;
        let expected = Appended { first: head + 1, last, replayed: false };
        equal("append at the head", &appended, &expected)?;
    }
    scene.has_exactly(&sample::records(1, 9)?).await
}

async fn refuses_a_head_that_is_too_low(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 3).await?;
    for head in [0, 1, 2] {
        let outcome = scene.attempt(Expected::Head(head), &sample::records(4, 5)?).await;
        refused(&format!("append at head {head} of 3"), outcome, &[ErrorKind::Conflict])?;
    }
    scene.has_exactly(&written).await
}

async fn refuses_a_head_that_is_too_high(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = Vec::new();
    for length in [0, 3] {
        for head in [length + 1, u64::MAX] {
            let outcome = scene.attempt(Expected::Head(head), &sample::records(4, 5)?).await;
            refused(&format!("append at head {head}"), outcome, &[ErrorKind::Conflict])?;
        }
        scene.has_exactly(&written).await?;
        written = scene.fill(1, 3).await?;
    }
    Ok(())
}

async fn refuses_an_unknown_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    let outcome = scene.attempt(Expected::Any, &sample::records(1, 2)?).await;
    refused("append without enrolling", outcome, &[ErrorKind::InvalidInput])?;
    scene.enroll().await?;
    scene.has_exactly(&[]).await
}

async fn refuses_an_unknown_actor(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut record = sample::note("by-nobody", "{}")?;
    record.actor = sample::actor_id("nobody")?;
    let outcome = scene.attempt(Expected::Any, &[record]).await;
    refused("append by an unknown actor", outcome, &[ErrorKind::InvalidInput])?;
    scene.has_exactly(&[]).await
}

async fn refuses_one_id_twice_in_a_batch(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let kinds = [ErrorKind::InvalidInput, ErrorKind::Conflict];
    let batch = [sample::note("once", "{}")?, sample::note("once", "{}")?];
    refused("append of one record twice", scene.attempt(Expected::Any, &batch).await, &kinds)?;
    let batch = [sample::note("twice", "{}")?, sample::note("twice", r#"{"other":1}"#)?];
    refused("append of one id twice", scene.attempt(Expected::Any, &batch).await, &kinds)?;
    scene.has_exactly(&[]).await
}

/// Later records may be earlier in time, and two may happen in one microsecond.
async fn ignores_times_when_ordering(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut batch = Vec::new();
    for (id, time) in [
        ("c", "2026-03-01T06:30:00.000002Z"),
        ("b", "2026-03-01T06:30:00.000001Z"),
        ("a", "2026-03-01T06:30:00.000001Z"),
        ("z", "1999-01-01T00:00:00Z"),
        ("d", "2026-03-01T06:30:00.000003Z"),
    ] {
        let mut record = sample::note(id, "{}")?;
        record.occurred_at = sample::valid(flowcontrol_contract::Timestamp::parse(time))?;
        batch.push(record);
    }
    scene.append(&batch).await?;
    same("read", &scene.read(0).await?, &placed(scene.tenant(), 1, &batch))
}

/// More values than one statement of Postgres takes as parameters.
async fn takes_a_large_batch(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 10_000).await?;
    scene.has_exactly(&written).await
}
