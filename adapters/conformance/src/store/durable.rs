//! Acknowledged data must still be there when the store is opened again.

use super::expect::{Outcome, done, equal, refused, same};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::ErrorKind;
use flowcontrol_contract::store::{Appended, Expected};

super::suite!("durable":
    rosters,
    records,
    each_append,
    content,
    replays,
    imports,
    refusals,
);

async fn rosters(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    for tenant in sample::tenants() {
        scene.as_tenant(tenant).enroll().await?;
    }
    let scene = scene.reopened(fixture).await;
    for tenant in sample::tenants() {
        let expected = Some(sample::roster(&tenant)?);
        let came = scene.as_tenant(tenant.clone()).roster().await?;
        equal(&format!("roster of {tenant} after opening again"), &came, &expected)?;
    }
    Ok(())
}

async fn records(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::bare(fixture).await?;
    for (tenant, last) in sample::tenants().into_iter().zip(3..) {
        let scene = scene.as_tenant(tenant);
        scene.enroll().await?;
        scene.fill(1, last).await?;
    }
    let scene = scene.reopened(fixture).await;
    for (tenant, last) in sample::tenants().into_iter().zip(3..) {
        let scene = scene.as_tenant(tenant);
        scene.has_exactly(&sample::records(1, last)?).await?;
        for expected in sample::history(scene.tenant(), 1, last)? {
            let came = scene.get(&expected.id).await?;
            equal("get after opening again", &came, &Some(expected))?;
        }
    }
    Ok(())
}

async fn each_append(fixture: &dyn StoreFixture) -> Outcome {
    let mut scene = Scene::one(fixture).await?;
    for n in 1..=5 {
        let appended = scene.append(&sample::records(n, n)?).await?;
        equal("append after opening again", &appended.first, &n)?;
        scene = scene.reopened(fixture).await;
        scene.has_exactly(&sample::records(1, n)?).await?;
    }
    Ok(())
}

async fn content(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let mut written = vec![
        sample::note(
            "Ło\u{301}dź",
            r#"{"text":"Щ🚚 o\u0301 \u0001\u2028\"\\","n":[5e-324,1e21,-0.1]}"#,
        )?,
        sample::note("Łódź", "{\"o\u{301}\":1,\"\u{f3}\":2}")?,
    ];
    written[1].occurred_at =
        sample::valid(flowcontrol_contract::Timestamp::parse("0001-01-01T00:00:00.000001Z"))?;
    scene.append(&written).await?;
    scene.reopened(fixture).await.has_exactly(&written).await
}

async fn replays(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let batch = scene.fill(1, 4).await?;
    let scene = scene.reopened(fixture).await;
    let expected = Appended { first: 1, last: 4, replayed: true };
    equal("append again after opening again", &scene.append(&batch).await?, &expected)?;
    let other = [sample::note("rec-2", r#"{"other":1}"#)?];
    let outcome = scene.attempt(Expected::Any, &other).await;
    refused("append of a taken id after opening again", outcome, &[ErrorKind::Conflict])?;
    let outcome = scene.attempt(Expected::Head(3), &sample::records(5, 5)?).await;
    refused("append at a wrong head after opening again", outcome, &[ErrorKind::Conflict])?;
    scene.has_exactly(&batch).await
}

async fn imports(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let all = sample::history(scene.tenant(), 1, 9)?;
    done("import", scene.import("snapshot", &all[..5]).await)?;
    let scene = scene.reopened(fixture).await;
    let stands = done("import of nothing", scene.import("snapshot", &[]).await)?;
    equal("where an import stands after opening again", &stands.last, &5)?;
    let outcome = scene.import("another", &all[5..]).await;
    refused("import from another snapshot", outcome, &[ErrorKind::Conflict])?;
    done("import of the rest", scene.import("snapshot", &all[5..]).await)?;
    let scene = scene.reopened(fixture).await;
    same("read after opening again", &scene.read(0).await?, &all)
}

/// A batch that was refused is not found later either.
async fn refusals(fixture: &dyn StoreFixture) -> Outcome {
    let scene = Scene::one(fixture).await?;
    let written = scene.fill(1, 2).await?;
    let mut batch = sample::records(3, 6)?;
    batch.push(sample::note("rec-1", r#"{"other":1}"#)?);
    let outcome = scene.attempt(Expected::Any, &batch).await;
    refused("append with a taken id", outcome, &[ErrorKind::Conflict])?;
    let scene = scene.reopened(fixture).await;
    scene.has_exactly(&written).await?;
    for record in &batch[..4] {
        let came = scene.get(&record.id).await?;
        equal("get of a refused record after opening again", &came, &None)?;
    }
    Ok(())
}
