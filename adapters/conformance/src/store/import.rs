//! Importing a snapshot chunk by chunk.

use super::expect::{Outcome, done, equal, placed, refused, same};
use super::scene::{Scene, drain};
use super::{StoreFixture, awkward, sample};
use flowcontrol_contract::store::{Appended, Imported};
use flowcontrol_contract::{Digest, ErrorKind, Record};

super::suite!("import":
    writes_a_chunk,
    reports_where_things_stand,
    goes_on_where_it_ended,
    skips_equal_records,
    skips_equal_records_that_were_appended,
    refuses_a_record_that_differs,
    refuses_a_gap_before_the_chunk,
    refuses_a_gap_inside_the_chunk,
    refuses_another_snapshot,
    refuses_another_tenants_record,
    refuses_an_id_at_a_second_place,
    refuses_a_tenant_never_enrolled,
    appending_goes_on_after_it,
    equals_the_export,
    keeps_content,
    keeps_snapshots_of_tenants_apart,
    takes_a_large_chunk,
);

const SNAPSHOT: &str = "the snapshot of the import cases";

fn imported(last: u64) -> Imported {
    Imported { last, snapshot: Some(Digest::of(SNAPSHOT)) }
}

/// Imports a chunk of the usual snapshot and requires that it ends at `last`.
async fn takes(scene: &Scene, chunk: &[Record], last: u64) -> Outcome {
    let what = format!("import up to {last}");
    equal(&what, &done(&what, scene.import(SNAPSHOT, chunk).await)?, &imported(last))
}

/// Requires that the history consists of the first `last` sample records.
async fn ends_at(scene: &Scene, last: u64) -> Outcome {
    let expected = sample::history(scene.tenant(), 1, last)?;
    same("read after imports", &scene.read(0).await?, &expected)?;
    equal("head after imports", &scene.head().await?, &last)
}

async fn writes_a_chunk(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let chunk = sample::history(scene.tenant(), 1, 20)?;
    takes(&scene, &chunk, 20).await?;
    for record in chunk {
        equal("get after an import", &scene.get(&record.id).await?, &Some(record))?;
    }
    ends_at(&scene, 20).await
}

async fn reports_where_things_stand(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let nothing = done("import of nothing", scene.import(SNAPSHOT, &[]).await)?;
    equal("last before any chunk", &nothing.last, &0)?;
    takes(&scene, &sample::history(scene.tenant(), 1, 7)?, 7).await?;
    takes(&scene, &[], 7).await?;
    ends_at(&scene, 7).await
}

async fn goes_on_where_it_ended(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    for (first, last) in [(1, 5), (6, 6), (7, 30)] {
        takes(&scene, &sample::history(scene.tenant(), first, last)?, last).await?;
    }
    ends_at(&scene, 30).await
}

async fn skips_equal_records(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 10)?, 10).await?;
    for (first, last, ends) in [(1, 10, 10), (3, 5, 10), (8, 14, 14), (1, 16, 16)] {
        takes(&scene, &sample::history(scene.tenant(), first, last)?, ends).await?;
        ends_at(&scene, ends).await?;
    }
    Ok(())
}

async fn skips_equal_records_that_were_appended(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 5).await?;
    let chunk = sample::history(scene.tenant(), 1, 8)?;
    equal("last", &done("import", scene.import(SNAPSHOT, &chunk).await)?.last, &8)?;
    ends_at(&scene, 8).await
}

async fn refuses_a_record_that_differs(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 10)?, 10).await?;
    let same_id = sample::note("rec-9", r#"{"changed":true}"#)?;
    let other_id = sample::note("other", "{}")?;
    for changed in [same_id, other_id] {
        let mut chunk = sample::history(scene.tenant(), 8, 12)?;
        chunk[1] = changed.placed(scene.tenant().clone(), 9);
        let outcome = scene.import(SNAPSHOT, &chunk).await;
        refused("import of a record that differs", outcome, &[ErrorKind::Conflict])?;
        ends_at(&scene, 10).await?;
    }
    Ok(())
}

async fn refuses_a_gap_before_the_chunk(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut ends = 0;
    for first in [2, 7, 700] {
        let chunk = sample::history(scene.tenant(), first, first + 2)?;
        let outcome = scene.import(SNAPSHOT, &chunk).await;
        refused("import that leaves a gap", outcome, &[ErrorKind::Conflict])?;
        ends_at(&scene, ends).await?;
        ends = 5;
        takes(&scene, &sample::history(scene.tenant(), 1, ends)?, ends).await?;
    }
    Ok(())
}

async fn refuses_a_gap_inside_the_chunk(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut chunk = sample::history(scene.tenant(), 1, 5)?;
    chunk.remove(2);
    let kinds = [ErrorKind::Conflict, ErrorKind::InvalidInput];
    refused("import of a chunk with a gap", scene.import(SNAPSHOT, &chunk).await, &kinds)?;
    ends_at(&scene, 0).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 5)?, 5).await
}

async fn refuses_another_snapshot(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 5)?, 5).await?;
    let chunk = sample::history(scene.tenant(), 6, 8)?;
    let outcome = scene.import("another snapshot", &chunk).await;
    refused("import from another snapshot", outcome, &[ErrorKind::Conflict])?;
    ends_at(&scene, 5).await?;
    takes(&scene, &chunk, 8).await
}

async fn refuses_another_tenants_record(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let theirs = sample::history(second.tenant(), 1, 5)?;
    let mut mixed = sample::history(first.tenant(), 1, 5)?;
    mixed[4].tenant = second.tenant().clone();
    for chunk in [theirs, mixed] {
        let outcome = first.import(SNAPSHOT, &chunk).await;
        refused("import of another tenant's record", outcome, &[ErrorKind::InvalidInput])?;
        ends_at(&first, 0).await?;
        ends_at(&second, 0).await?;
    }
    Ok(())
}

async fn refuses_an_id_at_a_second_place(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 5)?, 5).await?;
    let again = sample::record(2)?.placed(scene.tenant().clone(), 6);
    let kinds = [ErrorKind::Conflict, ErrorKind::InvalidInput];
    let outcome = scene.import(SNAPSHOT, &[again]).await;
    refused("import of a taken id", outcome, &kinds)?;
    let chunk = [6, 7].map(|seq| sample::record(6).map(|r| r.placed(scene.tenant().clone(), seq)));
    let chunk = chunk.into_iter().collect::<Outcome<Vec<_>>>()?;
    refused("import of one id twice", scene.import(SNAPSHOT, &chunk).await, &kinds)?;
    ends_at(&scene, 5).await
}

async fn refuses_a_tenant_never_enrolled(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    let chunk = sample::history(scene.tenant(), 1, 3)?;
    let kinds = [ErrorKind::InvalidInput, ErrorKind::NotFound];
    refused("import without enrolling", scene.import(SNAPSHOT, &chunk).await, &kinds)?;
    ends_at(&scene, 0).await
}

async fn appending_goes_on_after_it(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 5)?, 5).await?;
    let again = scene.append(&sample::records(2, 4)?).await?;
    let replayed = Appended { first: 2, last: 4, replayed: true };
    equal("append of imported records", &again, &replayed)?;
    let next = scene.append(&sample::records(6, 9)?).await?;
    let appended = Appended { first: 6, last: 9, replayed: false };
    equal("append after an import", &next, &appended)?;
    ends_at(&scene, 9).await
}

/// An export that is imported into another store in chunks gives the same export again.
async fn equals_the_export(fixture: &dyn StoreFixture) -> Outcome {
    let tenants = sample::tenants();
    let (source, copy) = (Scene::bare(fixture).await?, Scene::bare(fixture).await?);
    for (tenant, last) in tenants.iter().zip(20..) {
        let scene = source.as_tenant(tenant.clone());
        scene.enroll().await?;
        scene.fill(1, last).await?;
    }
    let export = done("export", source.store.export(&tenants).await)?;
    let records = drain(export.batches).await?;
    for roster in &export.rosters {
        let scene = copy.as_tenant(roster.tenant.clone());
        done("enroll", scene.store.enroll(&scene.cx, roster).await)?;
        let own: Vec<_> = records.iter().filter(|r| r.tenant == roster.tenant).cloned().collect();
        let mut last = 0;
        for chunk in own.chunks(7) {
            last += chunk.len() as u64;
            takes(&scene, chunk, last).await?;
        }
    }
    let again = done("export of the copy", copy.store.export(&tenants).await)?;
    same("rosters of the copy", &again.rosters, &export.rosters)?;
    same("records of the copy", &drain(again.batches).await?, &records)?;
    holds_all(&records, tenants.len())
}

/// Ensures that the comparison above is not between two empty exports.
fn holds_all(records: &[Record], tenants: usize) -> Outcome {
    let expected: usize = (20..).take(tenants).sum();
    equal("records of the source", &records.len(), &expected)
}

async fn keeps_content(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let chunk = placed(scene.tenant(), 1, &awkward::everything()?);
    takes(&scene, &chunk, chunk.len() as u64).await?;
    same("read of awkward content", &scene.read(0).await?, &chunk)?;
    // The copy has to recognise what it holds.
    takes(&scene, &chunk, chunk.len() as u64).await
}

async fn keeps_snapshots_of_tenants_apart(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    takes(&first, &sample::history(first.tenant(), 1, 5)?, 5).await?;
    let theirs = sample::history(second.tenant(), 1, 3)?;
    let came = done("import of another tenant", second.import("another", &theirs).await)?;
    let expected = Imported { last: 3, snapshot: Some(Digest::of("another")) };
    equal("import of another tenant from another snapshot", &came, &expected)?;
    takes(&first, &sample::history(first.tenant(), 6, 7)?, 7).await?;
    ends_at(&second, 3).await
}

async fn takes_a_large_chunk(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    takes(&scene, &sample::history(scene.tenant(), 1, 10_000)?, 10_000).await?;
    ends_at(&scene, 10_000).await
}
