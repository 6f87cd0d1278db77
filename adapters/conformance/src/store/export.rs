//! Exporting several histories as of one moment.

use super::expect::{Outcome, done, equal, holds, placed, refused, same};
use super::scene::{Scene, drain};
use super::{StoreFixture, awkward, sample};
use flowcontrol_contract::{ErrorKind, Record, TenantId};

super::suite!("export":
    equals_what_was_written,
    orders_tenants_however_they_are_asked,
    leaves_out_tenants_not_asked_for,
    gives_a_tenant_without_records,
    refuses_an_unknown_tenant,
    is_a_copy_of_the_moment,
    cuts_all_tenants_at_one_moment,
    keeps_content,
);

/// Exports, and requires the rosters and records of `tenants`, which are in ascending order and
/// have this many sample records each.
async fn exports(scene: &Scene, asked: &[TenantId], tenants: &[(TenantId, u64)]) -> Outcome {
    let export = done("export", scene.store.export(asked).await)?;
    let (mut rosters, mut records) = (Vec::new(), Vec::new());
    for (tenant, last) in tenants {
        rosters.push(sample::roster(tenant)?);
        records.extend(sample::history(tenant, 1, *last)?);
    }
    same("rosters of an export", &export.rosters, &rosters)?;
    same("records of an export", &drain(export.batches).await?, &records)
}

async fn equals_what_was_written(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    let mut tenants: Vec<_> = sample::tenants().into_iter().zip(10..).collect();
    for (tenant, last) in &tenants {
        let scene = scene.as_tenant(tenant.clone());
        scene.enroll().await?;
        scene.fill(1, *last).await?;
    }
    tenants.sort();
    let asked: Vec<_> = tenants.iter().map(|(tenant, _)| tenant.clone()).collect();
    exports(&scene, &asked, &tenants).await
}

async fn orders_tenants_however_they_are_asked(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 4).await?;
    second.fill(1, 1_200).await?;
    let mut tenants = [(first.tenant().clone(), 4), (second.tenant().clone(), 1_200)];
    tenants.sort();
    let mut asked = tenants.clone().map(|(tenant, _)| tenant);
    for _ in 0..2 {
        exports(&first, &asked, &tenants).await?;
        asked.reverse();
    }
    Ok(())
}

async fn leaves_out_tenants_not_asked_for(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    first.fill(1, 4).await?;
    second.fill(1, 7).await?;
    for (scene, last) in [(&first, 4), (&second, 7)] {
        let tenant = scene.tenant().clone();
        exports(scene, std::slice::from_ref(&tenant), &[(tenant.clone(), last)]).await?;
    }
    Ok(())
}

async fn gives_a_tenant_without_records(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let tenant = scene.tenant().clone();
    exports(&scene, std::slice::from_ref(&tenant), &[(tenant.clone(), 0)]).await
}

async fn refuses_an_unknown_tenant(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.fill(1, 3).await?;
    let unknown = sample::tenant(1)?;
    for asked in [vec![unknown.clone()], vec![scene.tenant().clone(), unknown]] {
        let outcome = scene.store.export(&asked).await;
        refused("export of a tenant never enrolled", outcome, &[ErrorKind::NotFound])?;
    }
    Ok(())
}

async fn is_a_copy_of_the_moment(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let mut expected = Vec::new();
    for scene in [&first, &second] {
        scene.fill(1, 1_500).await?;
        expected.extend(sample::history(scene.tenant(), 1, 1_500)?);
    }
    expected.sort_by(|a, b| (&a.tenant, a.seq).cmp(&(&b.tenant, b.seq)));
    let asked = [first.tenant().clone(), second.tenant().clone()];
    let export = done("export", first.store.export(&asked).await)?;
    first.fill(1_501, 1_505).await?;
    second.fill(1_501, 1_505).await?;
    same("export begun before an append", &drain(export.batches).await?, &expected)
}

fn records_of<'a>(records: &'a [Record], scene: &Scene) -> Vec<&'a Record> {
    records.iter().filter(|r| r.tenant == *scene.tenant()).collect()
}

/// A writer appends one record to either tenant in turn, starting with the first. At any moment the
/// first tenant has as many as the second or one more.
async fn cuts_all_tenants_at_one_moment(fixture: &dyn StoreFixture) -> Outcome {
    let (first, second) = Scene::two(fixture).await?;
    let asked = [first.tenant().clone(), second.tenant().clone()];
    let writer = tokio::spawn({
        let (first, second) = (first.clone(), second.clone());
        async move {
            for n in 1..=40 {
                first.fill(n, n).await?;
                second.fill(n, n).await?;
            }
            Outcome::Ok(())
        }
    });
    let mut last_round = false;
    while !last_round {
        last_round = writer.is_finished();
        let export = done("export", first.store.export(&asked).await)?;
        let records = drain(export.batches).await?;
        let (ahead, behind) =
            (records_of(&records, &first).len(), records_of(&records, &second).len());
        holds(
            &format!("one moment of a writer that gives to both in turn: {ahead} and {behind}"),
            ahead == behind || ahead == behind + 1,
        )?;
        tokio::task::yield_now().await;
    }
    writer.await.map_err(|e| e.to_string())??;
    let export = done("export", first.store.export(&asked).await)?;
    equal("records at the end", &drain(export.batches).await?.len(), &80)
}

async fn keeps_content(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = awkward::everything()?;
    scene.append(&written).await?;
    let asked = [scene.tenant().clone()];
    let export = done("export", scene.store.export(&asked).await)?;
    let expected = placed(scene.tenant(), 1, &written);
    same("export of awkward content", &drain(export.batches).await?, &expected)
}
